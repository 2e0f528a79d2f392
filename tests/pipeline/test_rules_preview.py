"""A preview of rules says of each filed video what `plan` says of it, without decoding anything."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from loguru import logger

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject, render_clip
from tests.support import harness
from tests.support.clips import encode, render_scene
from tests.support.takes import render_takes
from tests.support.tiny_models import make_tiny
from vsortd.config.load import load_settings
from vsortd.core.paths import index_path
from vsortd.errors import Cancelled
from vsortd.filing.own_decisions import DecidedBy
from vsortd.judging.resident_model import ResidentModel
from vsortd.pipeline import rules_preview
from vsortd.pipeline.batch import sort_paths
from vsortd.pipeline.rules_preview import (
    CHANGED,
    NO_FACTS,
    NOT_INDEXED,
    OTHER_MODEL,
    PreviewOutcome,
    look_again,
    preview,
)
from vsortd.pipeline.services import Services

if TYPE_CHECKING:
    from vsortd.config.settings import Settings
    from vsortd.pipeline.batch import SortOutcome
    from vsortd.pipeline.rules_preview import RulesPreview
    from vsortd.vision.encoder import Encoder

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]

RULES = harness.RULES
# What rules may become, each by its name; every one is asked of the same library.
CHANGES = {
    "the same": RULES,
    "higher thresholds": f"defaults: {{min_score: 0.8, min_margin: 0.5}}\n{RULES}",
    "lower thresholds": f"defaults: {{min_score: 0.05, min_margin: 0.0}}\n{RULES}",
    "other prompts": RULES.replace("[sea, ocean waves]", "[fire, flames]").replace("[fire, flames]}", "[sea]}", 1),
    "a new rule": RULES + "  - {name: sky, prompts: [sky, clouds]}\n  - {name: road, prompts: [road]}\n",
    "a rule that is gone": RULES.replace("  - {name: city, prompts: [city, city street]}\n", ""),
    "a new name": RULES.replace("{name: sea,", "{name: ocean,"),
    "other nesting": RULES.replace(
        "  - {name: sea, prompts: [sea, ocean waves]}\n",
        "  - {name: water, prompts: [sea], rules: [{name: calm, prompts: [sea]}, {name: day, prompts: [day]}]}\n",
    ),
    "conditions on the file": RULES
    + "  - {name: tall, when: {orientation: portrait}}\n"
    + "  - {name: brief, when: {max_duration: 1s}}\n"
    + "  - {name: dropped, when: {file_name: 'mixed*'}, prompts: [sea, forest]}\n",
    "conditions of the container": RULES.replace(
        "rules:\n", "rules:\n  - {name: slow, when: {max_fps: 5, codec: h264, has_audio: false}}\n", 1
    ),
    "when it was recorded": RULES.replace(
        "rules:\n", "rules:\n  - {name: new, when: {recorded_since: 2020-01-01}}\n", 1
    ),
    "tags and facets": "tags: [{name: burning, contains: {prompts: [fire], min_score: 0.5}}]\n"
    "facets: {hour: {day: [day], night: [night]}}\n"
    + RULES.replace("rules:\n", "rules:\n  - {name: hot, when: {tags: burning}}\n", 1),
    "unsure goes to review": f"defaults: {{on_unsure: review, min_score: 0.6}}\n{RULES}",
    "upright ones alone": f"accept: {{orientation: portrait}}\n{RULES}",
    "something in it": RULES.replace(
        "rules:\n", "rules:\n  - {name: flames, contains: {prompts: [fire], min_duration: 1s}}\n", 1
    ),
    "votes": f"defaults: {{aggregate: vote}}\nhierarchy: leaves\n{RULES}",
    "other folders": "place: {folder: '{orientation}/{rule}/{year}'}\n" + RULES,
    "by folders of the inbox": "place: {folder: '{rule}/{sub}'}\n" + RULES,
    "duplicates": "place: {on_duplicate: skip}\n" + RULES.replace("{name: sea,", "{name: ocean,"),
    "more frames": f"sampling: {{max_frames: 64}}\n{RULES}",
}


# ... of which more frames are needed than were looked at when all was sorted.
MORE_FRAMES = ("more frames", "something in it", "tags and facets")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> harness.Here:
    """Return a home with sorted clips: filed, unsure, upright, brief, mixed and dark ones, two twins, two taught."""
    made = harness.Here(harness.Home.make(tmp_path_factory.mktemp("preview") / "home").folder)
    for number, subject in enumerate((Subject.FOREST, Subject.SEA, Subject.CITY, Subject.FIRE, Subject.SNOW)):
        render_scene(made.inbox / f"{subject.value}.mp4", subject, Light.DAY, seed=number + 1, frames=40, fps=10)
    render_scene(made.inbox / "night.mp4", Subject.CITY, Light.NIGHT, seed=20, frames=30, fps=5)
    render_scene(made.inbox / "odd.mp4", Subject.UNKNOWN, Light.DAY, seed=21, frames=40, fps=10)
    render_scene(made.inbox / "brief.mp4", Subject.MEADOW, Light.DAY, seed=22, frames=4, fps=10)
    render_takes(made.inbox / "mixed.mp4", [("sea", 3.0), ("fire", 3.0), ("forest", 4.0)], seed=3)
    render_takes(made.inbox / "mixed 2.mp4", [("city", 5.0), ("snow", 4.0)], seed=4)
    tall = render_clip(Subject.SEA, Light.DAY, seed=31, width_px=90, height_px=160, frames=40, fps=10)
    encode(made.inbox / "tall.mp4", tall, fps=10, crf="24")
    (made.inbox / "trip" / "day one").mkdir(parents=True)
    render_scene(made.inbox / "trip" / "day one" / "wave.mp4", Subject.SEA, Light.DAY, seed=32, frames=30, fps=10)
    shutil.copy2(made.inbox / "sea.mp4", made.inbox / "sea again.mp4")
    made.run("sort", made.inbox)
    assert {"filed", "review"} == {item["state"] for item in made.items()}
    made.run("teach", made.library / "city" / "night.mp4", "indoor")
    made.run("teach", "odd.mp4", "--none")
    return made


def settings_of(home: harness.Here, rules: str) -> Settings:
    path = home.folder / "other.yaml"
    head = home.config.read_text().removesuffix(RULES)
    path.write_text(head + rules)
    return load_settings(path)


def previewed(home: harness.Here, settings: Settings, state: Path | None = None, *, look: bool = False) -> RulesPreview:
    with Services.open(
        load_settings(home.config), state or home.folder / "state", keep_trying=False, recover_first=False
    ) as own:
        return asked(own, settings, look=look)


def asked(own: Services, settings: Settings, *, look: bool = False) -> RulesPreview:
    cancel = threading.Event()
    with own.tried(settings, cancel=cancel) as services:
        found = preview(services, cancel=cancel)
        return look_again(services, found, cancel=cancel) if look else found


def planned(home: harness.Here, settings: Settings, found: RulesPreview, state: Path) -> dict[str, SortOutcome]:
    """Return what `plan` says of each video, as if nothing were known of it but what `sort` keeps."""
    shutil.copytree(home.folder / "state", state)
    outcomes = sort_paths(settings, state, [item.path for item in found.items], dry_run=True)
    return {one.source: one for one in outcomes}


def insist_on_the_same(found: RulesPreview, plan: dict[str, SortOutcome], settings: Settings) -> None:
    """See that each video of which something is said goes where `plan` would have it."""
    assert len(found.items) == len(plan)
    for item in found.items:
        other = plan[str(item.path)]
        if not item.is_certain:
            continue
        assert (other.state, other.rule) == (item.state, item.rule), item
        assert pytest.approx((other.score, other.margin), abs=1e-9) == (item.score, item.margin), item
        stays = item.outcome in {PreviewOutcome.STAYS, PreviewOutcome.REJECTED}
        assert stays is (not other.destination), (item, other)
        if other.destination:
            assert Path(other.destination).parent == settings.library.joinpath(*item.folder), item
        assert other.reason.startswith(item.reason.partition(";")[0]), (item, other)


@pytest.mark.few(1)
@pytest.mark.parametrize("change", list(CHANGES))
def test_a_preview_says_what_plan_says_of_each_video(home: harness.Here, tmp_path: Path, change: str) -> None:
    settings = settings_of(home, CHANGES[change])
    found = previewed(home, settings)
    plan = planned(home, settings, found, tmp_path / "state")
    insist_on_the_same(found, plan, settings)
    certain = sum(item.is_certain for item in found.items)
    assert (certain > len(found.items) / 2) is (change not in MORE_FRAMES)
    assert {True} == {bool(item.reason) for item in found.items}


@pytest.mark.long
@pytest.mark.parametrize("change", MORE_FRAMES)
def test_what_too_little_is_kept_of_is_looked_at_when_asked_for(
    home: harness.Here, tmp_path: Path, change: str
) -> None:
    settings = settings_of(home, CHANGES[change])
    shutil.copytree(home.folder / "state", tmp_path / "looked")
    found = previewed(home, settings, tmp_path / "looked", look=True)
    assert all(item.is_certain for item in found.items)
    insist_on_the_same(found, planned(home, settings, found, tmp_path / "state"), settings)
    again = previewed(home, settings, tmp_path / "looked")  # what was seen is kept
    assert found.items == again.items


def test_what_you_said_stays_though_the_rules_say_otherwise(home: harness.Here) -> None:
    settings = settings_of(home, RULES)
    found = {item.path.name: item for item in previewed(home, settings).items}
    night = found["night.mp4"]
    assert (PreviewOutcome.KEPT, DecidedBy.YOU, "indoor", "city") == (
        night.outcome, night.decided_by, night.rule_before, night.rule
    )  # fmt: skip
    assert PreviewOutcome.STAYS is found["sea.mp4"].outcome


def test_it_says_why_a_video_has_to_be_looked_at_again(home: harness.Here, tmp_path: Path) -> None:
    """One that changed, one that is gone, one whose frames went, and one of which the file's own facts aren't kept."""
    settings = settings_of(home, CHANGES["conditions of the container"])
    shutil.copytree(home.folder / "state", tmp_path / "state")
    names = [item.path for item in previewed(home, settings).items]
    changed, gone, unknown, no_facts = names[:4]
    content, status, aside = changed.read_bytes(), changed.stat(), tmp_path / "aside"
    try:
        changed.write_bytes(content + b"more")
        gone.rename(aside)
        with closing(sqlite3.connect(index_path(tmp_path / "state"))) as db, db:
            db.execute("DELETE FROM video WHERE path = ?", (os.fsencode(unknown),))
            db.execute(
                "DELETE FROM part WHERE name = 'clip' AND video IN (SELECT id FROM video WHERE path = ?)",
                (os.fsencode(no_facts),),
            )
        found = {item.path: item for item in previewed(home, settings, tmp_path / "state").items}
    finally:
        aside.rename(gone)
        changed.write_bytes(content)
        os.utime(changed, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (PreviewOutcome.UNKNOWN, CHANGED) == (found[changed].outcome, found[changed].reason)
    assert (PreviewOutcome.GONE, "it is not where it was put") == (found[gone].outcome, found[gone].reason)
    assert (PreviewOutcome.UNKNOWN, NOT_INDEXED) == (found[unknown].outcome, found[unknown].reason)
    assert (PreviewOutcome.UNKNOWN, NO_FACTS) == (found[no_facts].outcome, found[no_facts].reason)
    assert all(item.is_certain for path, item in found.items() if path not in names[:4])


def test_another_model_has_looked_at_nothing_yet(home: harness.Here, tmp_path: Path) -> None:
    settings = settings_of(home, RULES)
    shutil.copytree(home.folder / "state", tmp_path / "state")
    assert all(item.is_certain for item in previewed(home, settings, tmp_path / "state").items)
    with closing(sqlite3.connect(index_path(tmp_path / "state"))) as db, db:
        db.execute("UPDATE model SET key = 'another'")
    found = previewed(home, settings, tmp_path / "state")
    assert {(PreviewOutcome.UNKNOWN, OTHER_MODEL)} == {(item.outcome, item.reason) for item in found.items}


def test_the_services_go_on_by_their_own_rules(home: harness.Here) -> None:
    settings = settings_of(home, CHANGES["a new name"])
    with Services.open(
        load_settings(home.config), home.folder / "state", keep_trying=False, recover_first=False
    ) as services:
        before = services.model.get(threading.Event())
        found = asked(services, settings)
        assert "ocean" in {item.rule for item in found.items}
        after = services.model.get(threading.Event())
        assert (before.tree, before.vectors) == (after.tree, after.vectors)
        own = preview(services, cancel=threading.Event())
        assert "ocean" not in {item.rule for item in own.items}
        cancel = threading.Event()
        cancel.set()
        with pytest.raises(Cancelled):
            preview(services, cancel=cancel)


@pytest.mark.long
def test_the_command_loads_the_model_once_though_it_looks_at_videos_again(home: harness.Here, tmp_path: Path) -> None:
    settings_of(home, CHANGES["more frames"])
    own = harness.Here(home.folder, more_environment={"VSORTD_STATE_DIR": str(tmp_path / "state")})
    shutil.copytree(home.folder / "state", tmp_path / "state")
    asked = ("--verbose", "--config", home.folder / "other.yaml", "rules", "preview")
    assert "have to be looked at again" in own.run(*asked).stdout
    done = own.run(*asked, "--look")
    assert "looked at again" not in done.stdout
    assert 1 == done.stderr.count("loading the model")


@pytest.mark.long
def test_another_model_is_loaded_once_to_decide_and_to_look_again(home: harness.Here, tmp_path: Path) -> None:
    """Also where none of the videos was looked at with it, and the former one stays loaded beside it."""
    make_tiny(tmp_path / "tiny.safetensors")
    shutil.copytree(home.folder / "state", tmp_path / "state")
    own = load_settings(home.config)
    path = home.folder / "tiny.yaml"
    tiny = f"model: {{name: RN50, weights: {tmp_path}/tiny.safetensors}}"
    path.write_text(home.config.read_text().replace("model: sample", tiny))
    loads: list[str] = []
    with Services.open(own, tmp_path / "state", keep_trying=False, recover_first=False) as services:
        services.model.get(threading.Event())
        handler = logger.add(lambda told: loads.append(str(told)), filter=lambda one: "loading" in one["message"])
        try:
            found = asked(services, load_settings(path), look=True)
        finally:
            logger.remove(handler)
        assert all(item.is_certain for item in found.items)
        assert services.model.classifier is not None
    (load,) = loads
    assert "tiny.safetensors" in load


def test_garbage_is_collected_while_it_waits_for_the_model_and_between_its_steps(
    home: harness.Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon does other things meanwhile, and a model may be long in coming."""
    seen: list[bool] = []
    load = ResidentModel._load

    def watched(model: ResidentModel) -> Encoder:
        seen.append(gc.isenabled())
        return load(model)

    monkeypatch.setattr(ResidentModel, "_load", watched)
    monkeypatch.setattr(rules_preview, "_AT_ONCE", 3)
    with Services.open(
        load_settings(home.config), home.folder / "state", keep_trying=False, recover_first=False, load_model=False
    ) as services:  # it is loaded because the preview asks for it
        preview(services, cancel=threading.Event(), on_progress=lambda *_: seen.append(gc.isenabled()))
    assert len(seen) > 2
    assert {True} == set(seen)
