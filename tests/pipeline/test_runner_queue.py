"""What waits in the runner: counted, forgotten, claimed, tried again in its turn; the workers are real threads."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from loguru import logger

from tests.pipeline.test_runner import Bench, filed, files
from vsortd.core.identity import Identity
from vsortd.errors import BrokenError, Cancelled, FilingError, IncompleteError, StoreError, ToolError, UsageError
from vsortd.pipeline.flow import Stage
from vsortd.pipeline.job import ItemState, Job
from vsortd.pipeline.runner import RETRY_AFTER_S, fatal_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LONG_S = 300.0
"""A wait that no test waits for."""


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(stage: Callable[[Job], Job], *, start: bool = True, **options: Any) -> Bench:
        made.append(Bench(stage, **options))
        if start:
            made[-1].runner.start()
        return made[-1]

    yield make
    for one in made:
        if one.runner._threads[0].ident is not None:
            assert one.runner.stop()


class Gate:
    """A stage that keeps every video until it is opened."""

    def __init__(self) -> None:
        self.inside: list[Path] = []
        self.open = threading.Event()

    def __call__(self, job: Job) -> Job:
        """Wait, then file."""
        self.inside.append(job.path)
        assert self.open.wait(20)
        return filed(job)


def refuse(_job: Job) -> Job:
    raise FilingError("The disk is full.")


def named(*names: str) -> Callable[[Path], bool]:
    return lambda path: path.stem in names


def test_every_file_that_waits_is_counted_once_wherever_it_waits(bench: Callable[..., Bench], tmp_path: Path) -> None:
    gate = Gate()
    refused, busy, paused, queued = paths = files(tmp_path, 4)
    one = bench(lambda job: refuse(job) if job.path == refused else gate(job), workers=1, retry_after_s=(LONG_S,))
    assert (0, 0, True, False) == (one.runner.queued, one.runner.working, one.runner.idle(), one.runner.stuck())
    one.submit(refused)
    one.wait(lambda: bool(one.runner.trouble))
    one.wait(lambda: one.runner.working == 0)
    assert (1, {refused: "The disk is full."}) == (one.runner.queued, one.runner.trouble)
    assert not one.runner.idle()
    one.runner._paused = {paused}.__contains__
    one.submit(*paths[1:])
    one.wait(lambda: gate.inside == [busy])
    assert (3, 1) == (one.runner.queued, one.runner.working)
    gate.open.set()
    one.wait(lambda: len(one.done) == 2)
    one.wait(lambda: one.runner.working == 0)
    assert [busy, queued] == [job.path for job in one.done]
    assert 2 == one.runner.queued
    assert not one.runner.stuck(), "one waits for another try"


def test_only_what_is_paused_is_stuck(bench: Callable[..., Bench], tmp_path: Path) -> None:
    gate = Gate()
    busy, paused = paths = files(tmp_path, 2)
    one = bench(gate, workers=1)
    one.runner._paused = {paused}.__contains__
    one.submit(*paths)
    one.wait(lambda: gate.inside == [busy])
    assert not one.runner.stuck()
    gate.open.set()
    one.wait(one.runner.stuck)
    assert 1 == one.runner.queued


@pytest.mark.parametrize("wanted", [True, False])
def test_after_a_reload_only_what_is_still_wanted_waits(
    bench: Callable[..., Bench], tmp_path: Path, *, wanted: bool
) -> None:
    gate = Gate()
    refused, busy, paused, queued = paths = files(tmp_path, 4)
    one = bench(lambda job: refuse(job) if job.path == refused else gate(job), workers=1, retry_after_s=(LONG_S,))
    one.submit(refused)
    one.wait(lambda: bool(one.runner.trouble))
    one.submit(busy)
    one.wait(lambda: gate.inside == [busy])
    one.runner._paused = {paused}.__contains__
    one.submit(paused, queued)
    one.runner._put_aside()
    keep = set(paths) if wanted else {busy}
    one.runner.change_stages([Stage("other", filed)], one.books, wanted=keep.__contains__)
    assert (3 if wanted else 0) == one.runner.queued
    assert ([refused] if wanted else []) == list(one.runner.trouble)
    gate.open.set()
    one.wait(lambda: len(one.done) == (2 if wanted else 1))
    assert ([busy, queued] if wanted else [busy]) == [job.path for job in one.done]


def test_after_a_reload_the_next_try_is_the_one_that_is_due_first(bench: Callable[..., Bench], tmp_path: Path) -> None:
    """The first of all goes away; behind it waits one for long, and one for a second."""
    first, _, soon, *_ = paths = files(tmp_path, 6)
    one = bench(refuse, workers=1)
    for path, wait_s in zip(paths, (1.0, LONG_S, 1.2, LONG_S, LONG_S, 1.3), strict=True):
        one.runner._retry_after_s = (wait_s,)
        one.submit(path)
        one.wait(lambda path=path: path in one.runner.trouble and not one.runner.working)
    one.runner.change_stages([Stage("other", filed)], one.books, wanted=lambda path: path != first)
    assert (5, paths[1:]) == (one.runner.queued, list(one.runner.trouble))
    one.wait(lambda: len(one.done) == 2)
    assert [soon, paths[5]] == [job.path for job in one.done]


def test_a_video_under_way_keeps_its_stages_over_a_reload_and_the_next_has_the_new_ones(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    gate = Gate()
    first, second = files(tmp_path, 2)
    one = bench(gate, workers=1)
    one.submit(first)
    one.wait(lambda: gate.inside == [first])

    def review(job: Job) -> Job:
        return replace(job, state=ItemState.REVIEW, item_id=1)

    one.runner.change_stages([Stage("other", review)], one.books, wanted=lambda _: True)
    one.submit(second)
    gate.open.set()
    one.wait(lambda: len(one.done) == 2)
    assert [ItemState.FILED, ItemState.REVIEW] == [job.state for job in one.done]


def test_a_claimed_file_is_kept_from_the_workers_until_it_is_given_back(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    claimed, other = files(tmp_path, 2)
    one = bench(filed, workers=1)
    assert one.runner.claim(claimed)
    assert not one.runner.claim(claimed)
    assert 1 == one.runner.working
    one.submit(claimed, other)
    one.wait(lambda: bool(one.done))
    assert [other] == [job.path for job in one.done]
    assert 1 == one.runner.queued
    one.runner.give_back(claimed)
    one.wait(one.runner.idle)
    assert [other, claimed] == [job.path for job in one.done]


def test_a_file_in_a_lane_cannot_be_claimed_nor_given_back(bench: Callable[..., Bench], tmp_path: Path) -> None:
    gate = Gate()
    (path,) = files(tmp_path, 1)
    one = bench(gate, workers=2)
    one.submit(path)
    one.wait(lambda: gate.inside == [path])
    assert not one.runner.claim(path)
    one.runner.give_back(path)
    assert 1 == one.runner.working
    gate.open.set()
    one.wait(one.runner.idle)
    assert one.runner.claim(path)
    one.runner.give_back(path)
    assert one.runner.claim(path), "given back it is free"
    one.runner.give_back(path)


def test_what_was_given_back_once_is_not_given_back_again_from_a_worker(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    gate = Gate()
    (path,) = files(tmp_path, 1)
    one = bench(gate, workers=1)
    assert one.runner.claim(path)
    one.runner.give_back(path)
    one.submit(path)
    one.wait(lambda: gate.inside == [path])
    one.runner.give_back(path)
    assert 1 == one.runner.working
    gate.open.set()
    one.wait(one.runner.idle)


def test_waiting_costs_nothing(bench: Callable[..., Bench], tmp_path: Path) -> None:
    """One waits for another try, one to be given back; meanwhile nobody asks again and again who is paused."""
    refused, claimed = files(tmp_path, 2)
    asked: list[Path] = []
    one = bench(refuse, workers=2, retry_after_s=(LONG_S,))
    one.submit(refused)
    one.wait(lambda: bool(one.runner.trouble) and not one.runner.working)
    one.runner._paused = lambda path: bool(asked.append(path))  # type: ignore[func-returns-value]
    assert one.runner.claim(claimed)
    one.submit(claimed)
    time.sleep(0.2)
    assert len(asked) < 20
    one.runner.give_back(claimed)


def test_work_is_done_while_idle_only(bench: Callable[..., Bench], tmp_path: Path) -> None:
    calls: list[str] = []
    gate = Gate()
    refused, busy = files(tmp_path, 2)
    one = bench(lambda job: refuse(job) if job.path == refused else gate(job), workers=1, retry_after_s=(LONG_S,))
    assert one.runner.if_idle(lambda: calls.append("idle"))
    one.submit(busy)
    one.wait(lambda: gate.inside == [busy])
    assert not one.runner.if_idle(lambda: calls.append("busy"))
    gate.open.set()
    one.wait(one.runner.idle)
    one.submit(refused)
    one.wait(lambda: one.runner.queued == 1 and one.runner.working == 0)
    assert not one.runner.if_idle(lambda: calls.append("later"))
    assert ["idle"] == calls


def test_nothing_is_idle_while_something_is_queued(bench: Callable[..., Bench], tmp_path: Path) -> None:
    one = bench(filed, start=False)
    one.submit(*files(tmp_path, 2))
    assert (2, False) == (one.runner.queued, one.runner.idle())
    assert not one.runner.if_idle(lambda: None)
    assert not one.runner.stuck()


def test_a_refused_filing_waits_longer_each_time_and_the_last_wait_is_for_good(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    (path,) = files(tmp_path, 1)
    began_s: list[float] = []

    def stage(job: Job) -> Job:
        began_s.append(time.monotonic())
        return refuse(job) if len(began_s) < 5 else filed(job)

    one = bench(stage, workers=1, retry_after_s=(0.02, 0.06, 0.2))
    one.submit(path)
    one.wait(lambda: bool(one.done))
    waits = [after - before for before, after in pairwise(began_s)]
    assert 4 == len(waits)
    for least_s, wait_s in zip((0.02, 0.06, 0.2, 0.2), waits, strict=True):
        assert wait_s >= least_s - 1e-3
    assert (5.0, 30.0, 120.0, 600.0) == RETRY_AFTER_S


def test_the_first_wait_is_the_shortest(bench: Callable[..., Bench], tmp_path: Path) -> None:
    (path,) = files(tmp_path, 1)
    tries: list[Path] = []

    def stage(job: Job) -> Job:
        tries.append(job.path)
        return refuse(job)

    one = bench(stage, workers=1, retry_after_s=(0.01, LONG_S, 0.01))
    one.submit(path)
    one.wait(lambda: len(tries) == 2)
    one.wait(lambda: one.runner.queued == 1 and one.runner.working == 0)
    assert time.monotonic() + LONG_S - 20 < one.runner._later[0][0] <= time.monotonic() + LONG_S


def test_a_refused_filing_is_told_once_with_its_wait(bench: Callable[..., Bench], tmp_path: Path) -> None:
    (path,) = files(tmp_path, 1)
    tries: list[Path] = []
    told: list[str] = []

    def stage(job: Job) -> Job:
        tries.append(job.path)
        if len(tries) < 4:
            raise ToolError("ffmpeg is gone.")
        return filed(job)

    handler = logger.add(lambda message: told.append(message.record["message"]), level="ERROR")
    try:
        one = bench(stage, workers=1, retry_after_s=(0.6, 0.02))
        one.submit(path)
        one.wait(lambda: bool(one.done))
    finally:
        logger.remove(handler)
    assert [f"{path}: ffmpeg is gone. Trying again in 1 s, and then less often."] == told


def test_what_is_tried_again_comes_before_what_has_not_been_tried(bench: Callable[..., Bench], tmp_path: Path) -> None:
    gate = Gate()
    refused, busy, last = files(tmp_path, 3)
    tries: list[Path] = []

    def stage(job: Job) -> Job:
        tries.append(job.path)
        if job.path == refused:
            return refuse(job) if len(tries) == 1 else filed(job)
        return gate(job)

    one = bench(stage, workers=1, retry_after_s=(0.01,))
    one.submit(refused, busy, last)
    one.wait(lambda: gate.inside == [busy])
    time.sleep(0.05)  # its wait is over then
    gate.open.set()
    one.wait(one.runner.idle)
    assert [refused, busy, refused, last] == tries


def test_a_video_that_is_tried_again_is_still_carried_alone(bench: Callable[..., Bench], tmp_path: Path) -> None:
    alone, *others = files(tmp_path, 4)
    inside: list[Path] = []
    company: list[int] = []
    tries: list[Path] = []

    def stage(job: Job) -> Job:
        inside.append(job.path)
        time.sleep(0.01)
        if job.path == alone:
            company.append(len(inside))
            tries.append(job.path)
        inside.remove(job.path)
        return refuse(job) if job.path == alone and len(tries) < 3 else filed(job)

    one = bench(stage, workers=3, retry_after_s=(0.005,))
    one.books.suspects = {alone}
    one.submit(alone, *others)
    one.wait(one.runner.idle)
    assert [1, 1, 1] == company
    assert 4 == len(one.done)


def test_after_one_that_is_carried_alone_the_others_go_on_side_by_side(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    alone, *others = files(tmp_path, 3)
    first, then = Gate(), Gate()
    one = bench(lambda job: first(job) if job.path == alone else then(job), workers=2)
    one.books.suspects = {alone}
    one.submit(alone)
    one.wait(lambda: first.inside == [alone])
    one.submit(*others)
    assert [] == then.inside
    first.open.set()
    one.wait(lambda: sorted(then.inside) == sorted(others))
    then.open.set()
    one.wait(one.runner.idle)


def test_paused_and_tried_again_a_file_keeps_its_place(bench: Callable[..., Bench], tmp_path: Path) -> None:
    paths = files(tmp_path, 5)
    one = bench(filed, workers=1)
    held = set(paths)
    one.runner._paused = held.__contains__
    one.submit(*paths[:3])
    one.wait(one.runner.stuck)
    one.submit(*paths[3:])
    one.wait(lambda: not one.runner._queue)
    assert 5 == one.runner.queued
    held.clear()
    one.runner.look_again()
    one.wait(one.runner.idle)
    assert paths == [job.path for job in one.done]


def test_stopping_tells_of_a_worker_that_does_not_end(bench: Callable[..., Bench], tmp_path: Path) -> None:
    gate = Gate()
    (path,) = files(tmp_path, 1)
    one = bench(gate, workers=3)
    one.submit(path)
    one.wait(lambda: gate.inside == [path])
    began_s = time.monotonic()
    assert not one.runner.stop(patience_s=0.1)
    assert 0.1 <= time.monotonic() - began_s < 3.0
    assert one.runner.cancel.is_set()
    assert not one.runner.stop(patience_s=0.0)
    gate.open.set()
    assert one.runner.stop()


def test_nothing_begins_once_it_is_stopped(bench: Callable[..., Bench], tmp_path: Path) -> None:
    one = bench(filed)
    assert one.runner.stop()
    one.submit(*files(tmp_path, 1))
    assert (1, []) == (one.runner.queued, one.done)


def test_called_off_a_video_is_neither_told_nor_recorded(bench: Callable[..., Bench], tmp_path: Path) -> None:
    (path,) = files(tmp_path, 1)

    def stage(_job: Job) -> Job:
        raise Cancelled

    one = bench(stage)
    one.submit(path)
    one.wait(lambda: one.books.finished == [path])
    one.wait(one.runner.idle)
    assert ([], [], [], []) == (one.done, one.books.recorded, one.books.sent_back, one.fatal)


@pytest.mark.parametrize(
    ("state", "item_id", "recorded"),
    [
        (ItemState.REJECTED, None, True),
        (ItemState.FAILED, None, True),
        (ItemState.REJECTED, 7, False),
        (ItemState.FAILED, 7, False),
        (ItemState.FILED, None, False),
        (ItemState.HELD, None, False),
    ],
)
def test_only_what_stays_and_is_not_in_the_books_is_recorded(
    bench: Callable[..., Bench], tmp_path: Path, state: ItemState, item_id: int | None, recorded: bool  # noqa: FBT001
) -> None:  # fmt: skip
    (path,) = files(tmp_path, 1)
    one = bench(lambda job: replace(job, state=state, item_id=item_id))
    one.submit(path)
    one.wait(one.runner.idle)
    assert ([(path, state, "")] if recorded else []) == one.books.recorded
    (job,) = one.done
    assert (1 if recorded else item_id) == job.item_id
    assert one.books.lasting


def test_a_file_that_is_no_trouble_any_more_is_not_told_as_one(bench: Callable[..., Bench], tmp_path: Path) -> None:
    good, bad = files(tmp_path, 2)
    healed = threading.Event()

    def stage(job: Job) -> Job:
        if job.path == bad or not healed.is_set():
            return refuse(job)
        return filed(job)

    one = bench(stage, retry_after_s=(0.005,))
    one.submit(good, bad)
    one.wait(lambda: set(one.runner.trouble) == {good, bad})
    healed.set()
    one.wait(lambda: bool(one.done))
    assert [bad] == list(one.runner.trouble)


def test_an_unfinished_file_is_sent_back_with_the_reason_and_a_changed_one_without(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    unfinished, changed = files(tmp_path, 2)
    said: dict[Path, str] = {}

    def stage(job: Job) -> Job:
        if job.path == changed:
            changed.write_bytes(b"another one")
            raise BrokenError("no video stream")
        raise IncompleteError("nothing decodable near the end")

    one = bench(stage)
    one.books.again = lambda path, _identity, reason: said.update({path: reason})  # type: ignore[method-assign]
    one.submit(unfinished, changed)
    one.wait(one.runner.idle)
    assert {unfinished: "nothing decodable near the end", changed: ""} == said
    assert [] == one.done


def test_the_clock_of_a_job_says_how_long_it_settled_and_waited_in_ms(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    (path,) = files(tmp_path, 1)
    one = bench(filed, start=False)
    identity = Identity.of(path)
    assert identity is not None
    one.runner.submit(path, identity, "batch", settled_s=2.5)
    one.submit(path)
    submitted_s = time.monotonic()
    time.sleep(0.1)
    began_s = time.monotonic()
    one.runner.start()
    one.wait(one.runner.idle)
    first, second = (job.clock.spent_ms() for job in sorted(one.done, key=lambda job: -job.clock.spent_ms()["settle"]))
    assert (2500.0, 0.0) == (first["settle"], second["settle"])
    assert 1000 * (began_s - submitted_s) - 1 <= first["waiting"] <= 1000 * (time.monotonic() - submitted_s) + 1000


def test_a_beginning_is_told_before_the_stages(bench: Callable[..., Bench], tmp_path: Path) -> None:
    order: list[str] = []

    def stage(job: Job) -> Job:
        order.append("stage")
        return filed(job)

    one = bench(stage, start=False)
    one.runner._on_begin = lambda: order.append("begin")
    one.runner.start()
    one.submit(*files(tmp_path, 1))
    one.wait(one.runner.idle)
    assert ["begin", "stage"] == order


def test_what_breaks_one_lane_ends_the_others_too(bench: Callable[..., Bench], tmp_path: Path) -> None:
    paths = files(tmp_path, 3)

    def stage(_job: Job) -> Job:
        raise StoreError("The journal is gone.")

    one = bench(stage, workers=3)
    one.submit(paths[0])
    one.wait(lambda: bool(one.fatal))
    one.wait(lambda: not any(thread.is_alive() for thread in one.runner._threads))
    one.submit(*paths[1:])
    assert (2, 0) == (one.runner.queued, one.runner.working)


def test_workers_do_not_keep_the_process_alive(bench: Callable[..., Bench]) -> None:
    one = bench(filed, workers=2)
    assert [True, True] == [thread.daemon for thread in one.runner._threads]


def test_what_stopped_the_work_is_told_as_people_say_it() -> None:
    assert "The key is unknown. Look it up." == fatal_message(UsageError("The key is unknown.", remedy="Look it up."))
    assert "internal error: KeyError('x')" == fatal_message(KeyError("x"))
