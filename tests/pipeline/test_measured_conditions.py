"""Conditions on what has to be measured, through the real command: what is filed by them, and what is read for them."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from tests.support import harness
from tests.support.clips import encode
from tests.support.ears import PitchEncoder
from tests.support.films import put_out
from tests.support.sounds import levels, write_sound
from vsortd.config.load import load_settings
from vsortd.core.identity import Identity
from vsortd.errors import LimitError
from vsortd.media.worker_pool import WorkerPool
from vsortd.pipeline.flow import build_stages, carry
from vsortd.pipeline.job import Job
from vsortd.pipeline.services import Services

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

pytestmark = pytest.mark.timeout(180)

FPS = 10
SECONDS = 6
STAY = "convert: {mov: never}\n"
RULES = """\
rules:
  - {name: silent, when: {silent: true}}
  - {name: loud, when: {min_loudness: -15}}
  - {name: night, when: {recorded_hour: {from: 22, to: 5}}}
  - {name: fast, when: {pacing: [fast, very_fast], min_shots_per_minute: 30}}
  - {name: rest, when: {file_name: "*"}}
"""


def pictures(shot_s: float) -> list[npt.NDArray[np.uint8]]:
    """Return shots of so many seconds each, of noise that nothing has in common."""
    found = []
    for number in range(SECONDS * FPS):
        shot = int(number / FPS / shot_s)
        rng = np.random.default_rng(shot)
        low = 20 + 60 * (shot % 3)
        small = rng.integers(low, low + 60, (9, 16, 3), dtype=np.uint8)
        found.append(np.kron(small, np.ones((20, 20, 1), np.uint8)))
    return found


def film(path: Path, *, lufs: float = -23.0, shot_s: float = SECONDS) -> Path:
    """Write a film under a tone."""
    return write_sound(path, levels((lufs, SECONDS)), pictures=pictures(shot_s), fps=FPS)


def dated(path: Path, recorded: str, **tags: str) -> Path:
    """Let a film say when it was recorded, by the clock where it was; `tags` go along."""
    whole = path.rename(path.with_suffix(".tmp"))
    options = {"movflags": "use_metadata_tags"}
    with av.open(os.fspath(whole)) as source, av.open(os.fspath(path), "w", format="mov", options=options) as target:
        target.metadata.update({"com.apple.quicktime.creationdate": recorded, **tags})
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    whole.unlink()
    return path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what the worker processes are asked to do, in order; they do it."""
    ops: list[str] = []
    checked = WorkerPool.checked

    def noting(self: WorkerPool, request: Any, *words: Any, **options: Any) -> Any:
        ops.append(request["op"])
        return checked(self, request, *words, **options)

    monkeypatch.setattr(WorkerPool, "checked", noting)
    return ops


def rules_of(document: dict[str, Any]) -> dict[str, str]:
    """Return under which rule each video comes, by its name."""
    return {Path(item["source"]).stem: item["rule"] for item in document["items"]}


def home_with(tmp_path: Path, rules: str | Sequence[str], *, more: str = STAY) -> harness.Home:
    """Return a home whose config has these rules: the text, or what stands between the braces of each."""
    text = rules if isinstance(rules, str) else "rules:\n" + "".join(f"  - {{{one}}}\n" for one in rules)
    return harness.Here.make(tmp_path / "home", rules=text, more=more)


@pytest.mark.long
def test_videos_are_filed_by_what_is_measured_of_them(tmp_path: Path) -> None:
    home = home_with(tmp_path, RULES)
    encode(home.inbox / "mute.mp4", pictures(SECONDS), fps=FPS)
    film(home.inbox / "hushed.mov", lufs=-90.0)
    film(home.inbox / "loud.mov", lufs=-10.0)
    film(home.inbox / "cuts.mov", shot_s=1.0)
    film(home.inbox / "calm.mov")
    dated(film(home.inbox / "late.mov"), "2024-05-01T23:30:00+0900")
    dated(film(home.inbox / "small hours.mov"), "2024-05-01T04:59:00+0900")
    dated(film(home.inbox / "morning.mov"), "2024-05-01T05:00:00+0900")
    expected = {
        "mute": "silent",
        "hushed": "silent",
        "loud": "loud",
        "cuts": "fast",
        "calm": "rest",
        "late": "night",
        "small hours": "night",
        "morning": "rest",
    }
    assert expected == rules_of(home.json("plan", home.inbox))
    assert expected == rules_of(home.json("sort", home.inbox))
    assert (home.library / "fast" / "cuts.mov").is_file()


def test_a_video_without_a_sound_track_is_silent(tmp_path: Path) -> None:
    """Where sound is all that a rule asks for, too: there is nothing to decode then, which is no failure."""
    home = home_with(tmp_path, ["name: quiet, when: {silent: true}", 'name: rest, when: {file_name: "*"}'])
    encode(home.inbox / "mute.mp4", pictures(2.0), fps=FPS)
    film(home.inbox / "tone.mov")
    assert {"mute": "quiet", "tone": "rest"} == rules_of(home.json("plan", home.inbox))


def test_what_was_measured_is_not_read_again(tmp_path: Path, asked: list[str]) -> None:
    home = home_with(tmp_path, RULES)
    path = film(home.inbox / "cuts.mov", shot_s=1.0)
    assert {"cuts": "fast"} == rules_of(home.json("plan", path))
    assert 1 == asked.count("measure")
    asked.clear()
    assert {"cuts": "fast"} == rules_of(home.json("plan", path))
    assert ["probe"] == asked


@pytest.mark.long
def test_analyze_and_conditions_share_what_was_measured(tmp_path: Path) -> None:
    home = home_with(tmp_path, RULES)
    path = film(home.inbox / "cuts.mov", shot_s=1.0)
    assert {"cuts": "fast"} == rules_of(home.json("plan", path))
    put_out(path)
    (told,) = home.json("analyze", path, "--only", "shots,sound")["videos"]
    assert told["shots"]["shots_per_minute"] == pytest.approx(60, abs=1)
    assert told["sound"]["integrated_lufs"] == pytest.approx(-23.0, abs=0.1)


def test_explain_shows_what_was_measured_beside_each_condition(tmp_path: Path) -> None:
    tag = "tags: [{name: hushed, when: {max_loudness: -30}}]\n"
    rule = "name: lively, when: {pacing: [slow, fast, very_fast], min_loudness: -20}"
    home = home_with(tmp_path, [rule, 'name: all, when: {file_name: "*"}'], more=STAY + tag)
    path = film(home.inbox / "cuts.mov", shot_s=1.0)
    found = home.json("explain", path)
    assert ["lively"] == list(found["levels"][0]["conditions"])
    pacing, loudness = found["levels"][0]["conditions"]["lively"]
    assert ("pacing", "very_fast", True) == (pacing["option"], pacing["value"], pacing["holds"])
    assert ("min_loudness", "-20", False) == (loudness["option"], loudness["wanted"], loudness["holds"])
    assert loudness["value"] == pytest.approx(-23.0, abs=0.1)
    assert [False] == [one["holds"] for one in found["decision"]["tag_conditions"]["hushed"]]
    told = " ".join(home.run("explain", path).stdout.split())
    assert "pacing slow or fast or very_fast: its pacing is very_fast" in told
    assert "min_loudness -20: its loudness is -23 LUFS, so it does not hold" in told
    assert "tag hushed: max_loudness -30: its loudness is -23 LUFS, so it does not hold" in told


@pytest.mark.parametrize(
    "rule",
    [
        "name: rest, when: {recorded_hour: {from: 0, to: 24}, resolution_class: 4K}",
        "name: tall, when: {orientation: portrait, silent: true}",
        "name: tall, when: {orientation: portrait}, rules: [{name: a, when: {min_blur: 9}}]",
    ],
    ids=["no such condition", "out by what the file says", "below a rule that is out"],
)
def test_nothing_is_measured_that_no_condition_needs(tmp_path: Path, asked: list[str], rule: str) -> None:
    home = home_with(tmp_path, [rule, 'name: all, when: {file_name: "*"}'])
    path = film(home.inbox / "calm.mov")
    assert {"calm": "all"} == rules_of(home.json("plan", path))
    assert {"probe", "sample", "look"} >= set(asked)


def test_a_video_that_can_not_be_measured_meets_no_such_condition_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = WorkerPool.checked

    def failing(self: WorkerPool, request: Any, *words: Any, **options: Any) -> Any:
        if request["op"] == "measure":
            raise LimitError("it took longer than 60 s")
        return checked(self, request, *words, **options)

    monkeypatch.setattr(WorkerPool, "checked", failing)
    home = home_with(tmp_path, ["name: loud, when: {min_loudness: -15}", "name: forest"])
    path = film(home.inbox / "calm.mov")
    assert {"calm": ""} == rules_of(home.json("sort", path))
    (level,) = home.json("explain", home.library / "_Review" / "calm.mov")["levels"]
    why = "how loud it is is not known: it took longer than 60 s (when.min_loudness is -15)"
    assert {"loud": why} == level["excluded"]


# One tag for each condition, on a film of six shots of a second under a tone of -23 LUFS
HOLDS = (
    "min_shots_per_minute: 59",
    "max_shots_per_minute: 61",
    "pacing: very_fast",
    "min_loudness: -24",
    "max_loudness: -22",
    "min_true_peak: -24",
    "max_true_peak: -22",
    "silent: false",
    "quality: [poor, fair, good, high]",
    "max_blur: 640",
    "hdr: false",
    "interlaced: false",
    "device: [Nikon*, acme phone*]",
    "resolution_class: SD",
    "recorded_hour: {from: 23, to: 24}",
)
FAILS = (
    "min_shots_per_minute: 61",
    "max_shots_per_minute: 59",
    "pacing: [slow, moderate, fast]",
    "min_loudness: -22",
    "max_loudness: -24",
    "min_true_peak: -22",
    "max_true_peak: -24",
    "silent: true",
    "min_blur: 640",
    "hdr: true",
    "interlaced: true",
    "device: phone",
    "resolution_class: [HD, Full HD, QHD, 4K]",
    "recorded_hour: {from: 0, to: 23}",
)


def test_each_condition_holds_for_what_meets_it_and_for_nothing_else(tmp_path: Path) -> None:
    tags = [f"{{name: t{number}, when: {{{one}}}}}" for number, one in enumerate((*HOLDS, *FAILS))]
    home = home_with(tmp_path, ['name: all, when: {file_name: "*"}'], more=f"{STAY}tags: [{', '.join(tags)}]\n")
    tags_of_file = {"com.apple.quicktime.make": "ACME", "com.apple.quicktime.model": "Phone 3"}
    path = dated(film(home.inbox / "cuts.mov", shot_s=1.0), "2024-05-01T23:30:00-0800", **tags_of_file)
    found = home.json("explain", path)["decision"]
    named = [(*HOLDS, *FAILS)[int(tag.removeprefix("t"))] for tag in found["tags"]]
    assert list(HOLDS) == named, found["tag_conditions"]


@pytest.mark.parametrize(
    ("name", "tag", "holds"),
    [
        ("media__dolbyVision-hdr.MOV", "hdr: true", True),
        ("media__dolbyVision-hdr.MOV", 'device: "Apple iPhone*"', True),
        ("rails__video.mp4", "hdr: true", False),
    ],
)
def test_what_cameras_write_is_understood(tmp_path: Path, clips: Path, name: str, tag: str, holds: bool) -> None:  # noqa: FBT001
    tags = f"tags: [{{name: it, when: {{{tag}}}}}]\n"
    home = home_with(tmp_path, ['name: all, when: {file_name: "*"}'], more=STAY + tags)
    found = home.json("explain", clips / name)["decision"]
    assert (["it"] if holds else []) == found["tags"], found["tag_conditions"]


@pytest.mark.long
def test_lines_of_two_moments_are_told(tmp_path: Path) -> None:
    """Two moments of a pan in each picture, as interlaced cameras record them; another film with one."""
    rng = np.random.default_rng(1)
    wide = np.kron(rng.integers(20, 235, (18, 120, 3), dtype=np.uint8), np.ones((10, 10, 1), np.uint8))

    def moment(step: int) -> npt.NDArray[np.uint8]:
        return wide[:, 6 * step : 6 * step + 320]

    whole = [moment(2 * number) for number in range(40)]
    woven = [picture.copy() for picture in whole]
    for number, picture in enumerate(woven):
        picture[1::2] = moment(2 * number + 1)[1::2]
    tags = "tags: [{name: woven, when: {interlaced: true}}]\n"
    home = home_with(tmp_path, ['name: all, when: {file_name: "*"}'], more=tags)
    encode(home.inbox / "woven.mp4", woven, fps=25, crf="12")
    encode(home.inbox / "whole.mp4", whole, fps=25, crf="12")
    home.run("sort", home.inbox)
    assert {"woven": ["woven"], "whole": []} == {Path(one["source"]).stem: one["tags"] for one in home.items()}


@pytest.mark.long
def test_eval_judges_by_what_is_measured_as_sort_does(tmp_path: Path) -> None:
    home = home_with(tmp_path, ["name: loud, when: {min_loudness: -15}", "name: forest", "name: sea"])
    (tmp_path / "truth" / "loud").mkdir(parents=True)
    film(tmp_path / "truth" / "loud" / "noisy.mov", lufs=-10.0)
    film(tmp_path / "truth" / "loud" / "quiet.mov")
    found = home.json("eval", tmp_path / "truth")
    assert (2, 0.5) == (found["n"], found["accuracy"])
    assert {"review": 1, "stopped_above": 0} == found["undecided"]
    assert [] == found["failed"]


@pytest.mark.long
def test_models_are_compared_by_what_is_measured(tmp_path: Path) -> None:
    home = home_with(tmp_path, ["name: loud, when: {min_loudness: -15}", "name: forest"])
    (tmp_path / "truth" / "loud").mkdir(parents=True)
    film(tmp_path / "truth" / "loud" / "noisy.mov", lufs=-10.0)
    (result,) = home.json("model", "compare", "sample", "--in", tmp_path / "truth")["models"]
    assert 1.0 == result["accuracy"]


@pytest.mark.long
def test_models_are_compared_by_music(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = PitchEncoder({1000.0: "music"})  # the tone of these films
    monkeypatch.setattr("vsortd.hearing.sound_factory.load_sound_encoder", lambda *_, **__: encoder)
    rules = ["name: concerts, when: {min_music_share: 0.9}", "name: forest"]
    home = home_with(tmp_path, rules, more=f"{STAY}sound_model: some/clap\n")
    (tmp_path / "truth" / "concerts").mkdir(parents=True)
    film(tmp_path / "truth" / "concerts" / "one.mov")
    (result,) = home.json("model", "compare", "sample", "--in", tmp_path / "truth")["models"]
    assert (1.0, 1) == (result["accuracy"], encoder.windows)


@pytest.mark.long
def test_what_was_measured_of_a_mov_is_not_told_of_the_mp4_that_was_made_of_it(tmp_path: Path) -> None:
    home = home_with(tmp_path, RULES, more="")
    encode(home.inbox / "mute.mov", pictures(SECONDS), fps=FPS)
    (item,) = home.json("sort", home.inbox)["items"]
    assert ("silent", "remux") == (item["rule"], item["converted"])
    put_out(Path(item["destination"]))
    home.run("analyze", item["destination"], "--only", "sound", code=3)


@pytest.mark.long
def test_rules_that_come_with_a_reload_are_measured_for_a_video_that_is_under_way(tmp_path: Path) -> None:
    """Services that were replaced go on with the model that they share with those that came after, and its rules."""
    home = home_with(tmp_path, ["name: forest", 'name: all, when: {file_name: "*"}'])
    path = film(home.inbox / "calm.mov", lufs=-10.0)
    before = load_settings(home.config)
    home.config.write_text(home.config.read_text().replace("name: forest", "name: loud, when: {min_loudness: -15}"))
    with Services.open(before, tmp_path / "state", keep_trying=False) as services:
        identity = Identity.of(path)
        assert identity is not None
        job = Job(path, identity, "batch", threading.Event())
        stages = build_stages(services, dry_run=True)
        names = [stage.name for stage in stages]
        job = carry(job, stages[: names.index("judge")])
        services.model.get(job.cancel)
        successor = services.changed(load_settings(home.config))
        job = carry(job, stages[names.index("judge") :])
        services.retire(successor)
    assert job.decision is not None
    assert "loud" == job.decision.rule
