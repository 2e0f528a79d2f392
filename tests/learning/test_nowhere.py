"""What belongs nowhere: taught by a command, in review, and by the control API; undone with its example."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vsortd.doctor
from tests.filing.test_kill import fork
from tests.support import harness
from vsortd.config.load import load_settings
from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.core.system.fault_points import Point
from vsortd.errors import UsageError
from vsortd.filing.journal import Journal
from vsortd.filing.placement import FilingRequest
from vsortd.filing.queries import in_review, withdrawn
from vsortd.filing.recover import recover
from vsortd.filing.stay import stay
from vsortd.filing.undo import Selection
from vsortd.judging.example_store import ExampleStore, Link, NewExample, Origin
from vsortd.learning.review_queue import Session, decide, waiting_in
from vsortd.learning.teaching import Teacher
from vsortd.pipeline.services import Services
from vsortd.service.controller import Controller
from vsortd.service.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.filing.records import Item
    from vsortd.judging.corrections import Selected

OWLS = Path(vsortd.doctor.__file__).parent / "clips" / "owls.mp4"
# the model is sure of the clip: only a high bar lets one example make the difference
SURE = "defaults: {min_score: 0.9}\n"
RULES = harness.RULES.replace("  - name: nature\n", "  - name: nature\n    on_unsure: review\n")
NOWHERE = "you said that it belongs nowhere"

pytestmark = pytest.mark.timeout(240)


def dropped(home: harness.Home, name: str) -> Path:
    return Path(shutil.copy2(OWLS, home.inbox / name))


# By commands


@pytest.fixture
def here(tmp_path: Path) -> harness.Here:
    made = harness.Here.make(tmp_path / "home", more=SURE)
    assert isinstance(made, harness.Here)
    return made


@pytest.mark.long
def test_a_filed_video_goes_to_review_decided_and_the_like_of_it_follows_until_it_is_undone(here: harness.Here) -> None:
    here.run("sort", dropped(here, "owls.mp4"))
    (filed,) = here.items()
    lay = Path(filed["destination"])
    assert ("filed", "nature") == (filed["state"], filed["rule"].partition("/")[0])

    lesson = here.json("teach", lay, "--none")
    assert ("", True, here.library / "_Review" / "owls.mp4") == (
        lesson["rule"],
        lesson["none"],
        Path(lesson["destination"]),
    )
    item = here.items()[0]
    assert (lesson["item"], "filed", "", NOWHERE) == (item["id"], item["state"], item["rule"], item["reason"])
    assert ([], {"filed": 1, "review": 0}) == (here.json("review")["items"], counted(here))
    (entry,) = here.json("corrections")["corrections"]
    assert ("", True, True) == (entry["rule"], entry["none"], entry["used"])
    assert "(none of the rules)" in here.run("corrections").stdout

    like = dropped(here, "like.mp4")
    (planned,) = here.json("plan", like)["items"]
    assert "review" == planned["state"]
    assert "like a video that you said belongs nowhere" in planned["reason"]
    assert "have changed since" not in here.run("explain", lesson["destination"]).stdout

    here.json("undo", item["id"])
    assert lay.exists()
    assert [f"its filing #{item['id']} was undone"] == [
        one["why_not"] for one in here.json("corrections")["corrections"]
    ]
    (planned,) = here.json("plan", like)["items"]
    assert ("filed", filed["rule"]) == (planned["state"], planned["rule"])


def counted(home: harness.Home) -> dict[str, int]:
    counts = home.json("status")["counts"]
    return {name: counts[name] for name in ("filed", "review")}


def test_the_words_must_say_one_thing(here: harness.Here) -> None:
    video = dropped(here, "owls.mp4")
    for words in (("sea", "--none"), (), ("sea", "--under", "nature"), ("--under", "nature")):
        assert "in one way" in here.run("teach", video, *words, code=2).stderr
    assert "There is no rule below sea" in here.run("teach", video, "--none", "--under", "sea", code=2).stderr
    assert "There is no rule 'natur'" in here.run("teach", video, "--none", "--under", "natur", code=2).stderr


# In a process that has the model


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[harness.Home, Services]]:
    home = harness.Home.make(tmp_path_factory.mktemp("nowhere") / "home", rules=RULES)
    with Services.open(load_settings(home.config), home.folder / "state", keep_trying=False) as services:
        services.model.get(threading.Event())
        services.media.probe(OWLS)
        yield home, services


def wait(home: harness.Home, services: Services, name: str, *, rule: str = "") -> Item:
    """Send a video to review, unsure below a rule, as the daemon would."""
    source = dropped(home, name)
    identity = Identity.of(source)
    assert identity is not None
    request = FilingRequest(
        source, identity, ("_Review",), outcome=ItemState.REVIEW, clip=services.media.probe(source), rule=rule
    )
    return services.filer.place(request)


def last(services: Services) -> Selected:
    return services.corrections.selected(services.model.get(threading.Event()).key, {"nature", "sea"})[0]


def test_in_review_it_is_kept_at_the_level_that_was_unsure_and_undone(world: tuple[harness.Home, Services]) -> None:
    home, services = world
    items = [wait(home, services, "top.mp4"), wait(home, services, "below.mp4", rule="nature")]
    session = Session(services, home.config, waiting_in(services.journal, services.tree))
    assert ["", "nature"] == [one.level for one in session.queue]
    for waiting, item in zip(list(session.queue), items, strict=True):
        lesson = session.nowhere()
        assert (item.destination, item.destination) == (lesson.source, lesson.destination)
        kept = last(services)
        assert (waiting.level, True, Origin.REVIEW, "") == (
            kept.taught.rule,
            kept.taught.none,
            kept.taught.origin,
            kept.why_not,
        )
        assert item.id not in {one.id for one in in_review(services.journal.db)}
    assert (None, {"nowhere": 2}) == (session.current, dict(session.tally))
    for item in reversed(items):
        taken = session.undo()
        assert taken is not None
        assert (item.id, item.destination) == (taken.item, taken.path)
        assert last(services).why_not.endswith("was undone") or item is items[0]
    assert [one.id for one in items] == [one.id for one in in_review(services.journal.db)]
    assert (session.queue[0], 0) == (session.current, session.tally["nowhere"])
    assert 0 == services.journal.counts()["held"]


def test_each_way_of_lying_leads_where_the_rules_leave_such_a_video(world: tuple[harness.Home, Services]) -> None:
    home, services = world
    teacher = Teacher(services)
    review = home.library / "_Review"
    elsewhere = Path(shutil.copy2(OWLS, home.folder / "elsewhere.mp4"))
    lesson = teacher.teach(elsewhere, "", Origin.TEACH, none=True)
    assert (elsewhere, None) == (lesson.destination, lesson.item)  # not vsortd's: only learned
    lesson = teacher.teach(dropped(home, "inbox.mp4"), "", Origin.TEACH, none=True)
    assert (review / "inbox.mp4", ItemState.FILED) == (lesson.destination, state(services, lesson.item))
    below = teacher.teach(lesson.destination, "nature", Origin.TEACH, none=True)
    assert (lesson.destination, None) == (below.destination, below.item)  # it is decided already, and lies there
    assert [f"replaced by #{below.example}", ""] == [
        one.why_not
        for one in sorted(
            services.corrections.selected(services.corrections.present_model(), {"nature"}),
            key=lambda one: one.taught.id,
        )
        if one.taught.id in {lesson.example, below.example}
    ]
    unsure = load_settings(home.config)
    home.config.write_text(home.config.read_text().replace("on_unsure: review", "on_unsure: stop"))
    stopping = services.changed(load_settings(home.config))
    try:
        lesson = Teacher(stopping).teach(lesson.destination, "nature", Origin.TEACH, none=True)
        assert (home.library / "nature" / "inbox.mp4") == lesson.destination
    finally:
        services.changed(unsure)


def state(services: Services, number: int | None) -> ItemState | None:
    item = services.journal.item(number or 0)
    return item and item.item_state


def test_the_control_api_answers_like_review(world: tuple[harness.Home, Services]) -> None:
    home, services = world
    item = wait(home, services, "asked.mp4", rule="nature")
    nothing: dict[str, Any] = {"on_done": lambda: None, "on_fatal": lambda _: None, "wake": lambda: None}
    workflow = Workflow(services, once=False, stopping=threading.Event(), **nothing)
    controller = Controller(
        workflow, reload=lambda: {"changed": [], "retried": []}, stop=lambda: None, wake=lambda: None
    )
    said = controller.nowhere(item.id)
    assert ("nature", True, str(item.destination)) == (said["rule"], said["none"], said["destination"])
    assert said["item"] in {one.id for one in controller.undo(Selection(last=1), dry_run=False).undone}
    assert item.id in {one.id for one in in_review(services.journal.db)}
    for number in (0, item.id + 1):
        with pytest.raises(UsageError, match="does not wait for review"):
            decide(services, number, None)


@pytest.mark.skipif(sys.platform == "win32", reason="forks and SIGKILL")
def test_killed_anywhere_it_is_decided_with_its_example_or_waits_without(tmp_path: Path) -> None:
    library, rows = tmp_path / "lib", np.eye(1, 4, dtype=np.float32)
    ends = []
    for number, point in enumerate((Point.PLACE_AFTER_INTENT, Point.PLACE_BEFORE_DONE, Point.PLACE_AFTER_DONE)):
        state_folder = tmp_path / str(number)
        (tmp_path / f"{number}.mp4").write_bytes(b"film")
        before = placed(state_folder, library, tmp_path / f"{number}.mp4")

        def act(folder: Path = state_folder, item: Item = before) -> None:
            assert item.destination is not None
            identity = Identity.of(item.destination)
            assert identity is not None
            new = NewExample("", item.destination, identity, Origin.TEACH, "m", rows, none=True)
            with Journal.open(folder / "j") as journal, ExampleStore(folder / "e") as store:
                note = lambda item: store.add(new, link=Link(item.id, item.transaction_id))  # noqa: E731
                stay(journal, item, identity, rule="", reason="", batch="", by_hand=note)

        assert -signal.SIGKILL == fork(act, lambda at, point=point: os.kill(os.getpid(), 9) if at is point else None)
        with Journal.open(state_folder / "j") as journal, ExampleStore(state_folder / "e") as store:
            recover(journal)
            links = [(one.link.item, one.link.transaction_id) for one in store.all() if one.link]
            counts = [number for number, _ in links if number not in withdrawn(journal.db, links)]
            waits = [one.id for one in in_review(journal.db)]
            assert bool(counts) is not bool(waits)
            ends.append(bool(counts))
    assert [False, False, True] == ends


def placed(state_folder: Path, library: Path, source: Path) -> Item:
    """Send a file to review."""
    from vsortd.config.place_options import Place
    from vsortd.filing.place import Filer

    identity = Identity.of(source)
    assert identity is not None
    with Journal.open(state_folder / "j") as journal:
        filer = Filer(journal, library, Place())
        item = filer.place(FilingRequest(source, identity, ("_Review",), outcome=ItemState.REVIEW))
        filer.close()
    return item
