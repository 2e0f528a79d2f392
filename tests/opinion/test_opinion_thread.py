"""What becomes of undecided videos: real files, a real journal, decoded frames, and a server of the test's own."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.clips import encode
from tests.support.harness import Home
from tests.support.opinion_server import Behaviour, OpinionServer
from tests.support.waiting import until
from vsortd.config.load import load_settings
from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.filing.history_query import HistoryQuery
from vsortd.filing.placement import FilingRequest
from vsortd.filing.undo import Selection, undo
from vsortd.learning.review_queue import waiting_in
from vsortd.media.pool import MediaPool
from vsortd.opinion.opinion_thread import OpinionThread
from vsortd.pipeline.services import Services

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.filing.records import Item
    from vsortd.pipeline.job import Job

FACETS = {"mood": {"calm": 0.6, "tense": 0.1, "(none of these)": 0.3}}
LEVELS = [{"parent": "", "scores": {"nature": 0.4, "sea": 0.35, "(none of these)": 0.25}}]


@dataclass
class Desk:
    """A home whose review folder videos come into, and who asks about them."""

    home: Home
    services: Services
    server: OpinionServer
    paused: bool = False
    busy: bool = False
    looks: int = 0  # how often it was seen whether something is paused, or at work
    filed: list[Job] = field(default_factory=list)
    fatal: list[BaseException] = field(default_factory=list)
    threads: list[OpinionThread] = field(default_factory=list)

    def leave(self, name: str) -> Item:
        """Put a video into the review folder, as filing does."""
        path = self.home.inbox / name
        grey = np.full((90, 160, 3), 40 + 10 * len(name), np.uint8)
        encode(path, [grey] * 10, fps=10)
        path.with_suffix(".srt").write_text("1\n")
        identity = Identity.of(path)
        assert identity is not None
        return self.services.filer.place(
            FilingRequest(
                path,
                identity,
                ("_Review",),
                ItemState.REVIEW,
                (path.with_suffix(".srt"),),
                reason="unsure: nature 0.40",
                detail={"levels": LEVELS, "frame_times_ms": [0, 500], "tags": ["grey"], "facets": FACETS},
                batch="b",
            )
        )

    def ask(self) -> OpinionThread:
        """Begin to ask."""
        self.threads.append(
            OpinionThread(
                lambda: self.services,
                paused=lambda _: self.look() and self.paused,
                busy=lambda: self.look() and self.busy,
                on_filed=self.filed.append,
                on_fatal=self.fatal.append,
                pauses_s=(0.05,),
            )
        )
        self.threads[-1].start()
        return self.threads[-1]

    def look(self) -> bool:
        """Count a look; true."""
        self.looks += 1
        return True

    def wait_for_looks(self, count: int) -> None:
        """Wait until it was looked so often from now on."""
        seen = self.looks
        until(lambda: self.looks >= seen + count, what="it was looked whether all is quiet")

    def change(self, **options: Any) -> None:
        """Change `unsure` of the config, as a reload does."""
        unsure = self.services.settings.unsure.model_copy(update=options)
        self.services.settings = self.services.settings.model_copy(update={"unsure": unsure})

    def item(self, number: int) -> Item:
        """Return an item as it is now."""
        found = self.services.journal.item(number)
        assert found is not None
        return found

    def said_of(self, item: Item) -> str | None:
        """Return the rule that was named for a video, None if nothing was said."""
        opinion = self.item(item.id).second_opinion
        return None if opinion is None else opinion.rule

    def lying(self) -> dict[str, str]:
        """Return in which folder of the library each file lies."""
        return {
            path.name: path.parent.name for path in self.home.library.rglob("*.*") if path.suffix in {".mp4", ".srt"}
        }


@pytest.fixture(scope="module")
def media() -> Iterator[MediaPool]:
    with MediaPool(1, timeout_s=60, memory_bytes=2 * 10**9) as pool:
        pool.warm()  # its threads are there before the first test, and stay
        yield pool


@pytest.fixture
def desk(tmp_path: Path, own_state: Path, media: MediaPool) -> Iterator[Desk]:
    with OpinionServer() as server:
        server.choose("nature/forest")
        home = Home.make(tmp_path / "home", more=server.yaml())
        with Services.open(load_settings(home.config), own_state, keep_trying=False, load_model=False) as services:
            own, services.media = services.media, media
            made = Desk(home, services, server)
            yield made
            for thread in made.threads:
                assert thread.stop(patience_s=5)
            services.media = own
        assert [] == made.fatal


def test_an_opinion_is_offered_in_review_and_told_in_the_history(desk: Desk) -> None:
    item = desk.leave("a private name.mp4")
    desk.ask()
    until(lambda: desk.said_of(item) is not None, what="there is an opinion")
    opinion = desk.item(item.id).second_opinion
    assert opinion is not None
    assert ("nature/forest", "tall trees in fog", "eyes") == (opinion.rule, opinion.why, opinion.model)
    assert f"eyes at {desk.server.place} says: nature/forest \N{EN DASH} 'tall trees in fog'" == opinion.sentence
    (waiting,) = waiting_in(desk.services.journal, desk.services.tree)
    assert opinion == waiting.opinion
    assert opinion.to_json() == waiting.to_json()["second_opinion"] == desk.item(item.id).to_json()["second_opinion"]
    assert ["nature", "sea"] == [guess.rule for guess in waiting.guesses]
    (asked,) = desk.server.asked
    assert "private" not in str(asked.body)
    assert (2 * 384 + 6, 3 * 216 + 12) == asked.picture.size
    assert {"a private name.mp4": "_Review", "a private name.srt": "_Review"} == desk.lying()
    assert [] == desk.filed


def test_where_the_config_says_so_it_is_filed_as_it_was_said_and_undone_like_any_other(desk: Desk) -> None:
    desk.change(file=True)
    item = desk.leave("a.mp4")
    thread = desk.ask()
    until(lambda: desk.filed, what="it is filed")
    newest = desk.services.journal.history(HistoryQuery(last=1))[0]
    assert ("filed", "nature/forest", desk.filed[0].item_id) == (newest.state, newest.rule, newest.id)
    assert f"by the second opinion of eyes at {desk.server.place}: tall trees in fog" == newest.reason
    assert ("nature/forest", ("grey",)) == (newest.to_json()["second_opinion"]["rule"], newest.tags)
    assert (LEVELS, FACETS) == (newest.detail["levels"], newest.detail["facets"])
    assert {"a.mp4": "forest", "a.srt": "forest"} == desk.lying()
    assert {"filed": 1, "review": 0} == {key: desk.services.journal.counts()[key] for key in ("filed", "review")}
    assert thread.stop(patience_s=5)

    assert [newest.id] == [one.id for one in undo(desk.services.journal, Selection(ids=(newest.id,))).undone]
    assert {"a.mp4": "_Review", "a.srt": "_Review"} == desk.lying()
    other = desk.leave("other.mp4")
    desk.ask()
    until(lambda: len(desk.filed) > 1, what="the other is filed, and the undone one is past")
    assert "other.mp4" == desk.filed[1].path.name
    assert "_Review" == desk.lying()["a.mp4"]
    assert ItemState.REVIEW is desk.item(item.id).state
    assert 0 == desk.services.journal.counts()["review"] - 1
    assert other.id < (desk.filed[1].item_id or 0)


def test_what_names_no_rule_is_none_and_files_nothing(desk: Desk) -> None:
    desk.change(file=True)
    thread = desk.ask()
    answers = ("none", "atlantis", "", "I would say it is nature, or the sea", '{"rule": "nature/forest/../sea"}')
    for number, said in enumerate(answers):
        desk.server.says = said
        item = desk.leave(f"{number}.mp4")
        thread.undecided(item.id)
        until(lambda: desk.said_of(item) == "", what="it is said that none fits")  # noqa: B023 - within the round
        assert "_Review" == desk.lying()[f"{number}.mp4"]
    assert ([], len(answers)) == (desk.filed, len(desk.server.asked))


def test_a_server_that_fails_is_left_alone_and_asked_again(desk: Desk) -> None:
    desk.server.behaviour = Behaviour.UNAUTHORIZED
    items = [desk.leave(f"{name}.mp4") for name in "abc"]
    desk.ask()
    until(lambda: len(desk.server.asked) > 5, what="it was asked again and again")
    assert [None] * 3 == [desk.said_of(item) for item in items]
    desk.server.behaviour = Behaviour.GOOD
    until(lambda: all(desk.said_of(item) for item in items), what="all are answered")


def test_a_question_that_gets_no_answer_itself_is_given_up(desk: Desk) -> None:
    desk.server.behaviour = Behaviour.HUGE
    items = [desk.leave(f"{name}.mp4") for name in "ab"]
    thread = desk.ask()
    until(lambda: len(desk.server.asked) == 6, what="each was asked three times")
    desk.server.behaviour = Behaviour.GOOD
    last = desk.leave("c.mp4")
    thread.undecided(last.id)
    until(lambda: desk.said_of(last), what="the next one is answered")
    assert [None, None] == [desk.said_of(item) for item in items]


def test_what_was_not_answered_is_asked_again_after_a_restart(desk: Desk) -> None:
    desk.server.behaviour = Behaviour.NEVER
    item = desk.leave("a.mp4")
    thread = desk.ask()
    until(lambda: desk.server.asked, what="it was asked")
    began_s = time.monotonic()
    assert thread.stop(patience_s=5)
    assert time.monotonic() - began_s < 1
    assert desk.said_of(item) is None
    desk.server.behaviour = Behaviour.GOOD
    desk.ask()
    until(lambda: desk.said_of(item), what="it is answered")


def test_nothing_is_asked_while_paused_or_at_work_and_nothing_filed_after_a_pause_began(desk: Desk) -> None:
    desk.change(file=True)
    desk.paused = True
    desk.leave("a.mp4")
    thread = desk.ask()
    until(lambda: desk.looks, what="it is looked whether all is quiet")  # which it may have been by now
    desk.paused, desk.busy = False, True
    thread.wake()
    desk.wait_for_looks(4)
    assert [] == desk.server.asked
    desk.server.behaviour = Behaviour.SLOW
    desk.busy = False
    until(lambda: desk.server.asked, what="it is asked")
    desk.paused = True
    seen = desk.looks
    desk.server.over.set()
    until(lambda: desk.looks > seen, what="it is looked whether all is quiet")
    assert "_Review" == desk.lying()["a.mp4"]
    desk.paused = False
    thread.wake()
    until(lambda: desk.filed, what="it is filed")


def test_a_video_that_is_taken_back_while_it_is_asked_about_stays_so(desk: Desk) -> None:
    desk.change(file=True)
    desk.server.behaviour = Behaviour.SLOW
    item = desk.leave("a.mp4")
    thread = desk.ask()
    until(lambda: desk.server.asked, what="it is asked")
    undo(desk.services.journal, Selection(ids=(item.id,)))
    desk.server.over.set()
    thread.undecided(desk.leave("b.mp4").id)
    until(lambda: desk.filed, what="the next one is filed")
    assert ItemState.UNDONE is desk.item(item.id).state
    assert ["b.mp4"] == [job.path.name for job in desk.filed]
    assert (None, {"b.mp4", "b.srt"}) == (desk.said_of(item), set(desk.lying()))


def test_another_model_is_asked_anew_and_nobody_when_it_is_switched_off(desk: Desk) -> None:
    item = desk.leave("a.mp4")
    thread = desk.ask()
    until(lambda: desk.said_of(item), what="it is answered")
    desk.server.choose("sea")
    desk.change(model="better-eyes")
    thread.wake()
    until(lambda: desk.said_of(item) == "sea", what="the other one is asked")
    desk.change(ask=None, model=None)
    thread.undecided(desk.leave("b.mp4").id)
    until(lambda: thread._server is None, what="nobody is asked any more")
    assert thread.stop(patience_s=5)
    assert 2 == len(desk.server.asked)
