"""The runner routes whatever comes of a video; stages here are small functions, the runner is the real one."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.errors import BrokenError, FilingError, IncompleteError, StoreError
from vsortd.pipeline.flow import Stage
from vsortd.pipeline.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from vsortd.pipeline.job import Job


class Books:
    """Remembers what the runner asked for."""

    def __init__(self) -> None:
        self.begun: list[Path] = []
        self.finished: list[Path] = []
        self.recorded: list[tuple[Path, ItemState, str]] = []
        self.sent_back: list[Path] = []
        self.poison: dict[Path, str] = {}
        self.suspects: set[Path] = set()
        self.lasting = True
        self.acquitted: list[Path] = []

    def suspect(self, path: Path, _identity: Identity) -> bool:
        return path in self.suspects

    def begin(self, path: Path, _identity: Identity) -> str:
        self.begun.append(path)
        return self.poison.get(path, "")

    def finish(self, path: Path, _identity: Identity) -> None:
        self.finished.append(path)

    def record(self, job: Job, *, lasting: bool = True) -> Job:
        self.recorded.append((job.path, job.state, job.reason))
        self.lasting = lasting
        return replace(job, item_id=len(self.recorded))

    def acquit(self, paths: Sequence[Path]) -> None:
        self.acquitted += paths

    def again(self, path: Path, _identity: Identity, _reason: str) -> None:
        self.sent_back.append(path)


class Bench:
    """A runner over one stage, with everything that came out of it."""

    def __init__(
        self, stage: Callable[[Job], Job], *, workers: int = 2, retry_after_s: tuple[float, ...] = (0.01,)
    ) -> None:
        self.books = Books()
        self.done: list[Job] = []
        self.fatal: list[BaseException] = []
        self.runner = Runner(
            [Stage("only", stage)],
            self.books,
            workers=workers,
            on_done=self.done.append,
            on_fatal=self.fatal.append,
            retry_after_s=retry_after_s,
        )

    def submit(self, *paths: Path) -> None:
        for path in paths:
            identity = Identity.of(path)
            assert identity is not None
            self.runner.submit(path, identity, "batch")

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, "the runner did not come to it"
            time.sleep(0.002)


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(stage: Callable[[Job], Job], **options: object) -> Bench:
        made.append(Bench(stage, **options))  # type: ignore[arg-type]
        made[-1].runner.start()
        return made[-1]

    yield make
    for one in made:
        assert one.runner.stop()


def files(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"{number}.mp4" for number in range(count)]
    for path in paths:
        path.write_bytes(path.name.encode())
    return paths


def filed(job: Job) -> Job:
    return replace(job, state=ItemState.FILED, item_id=1)


def test_every_file_ends_once(bench: Callable[..., Bench], tmp_path: Path) -> None:
    paths = files(tmp_path, 50)
    one = bench(filed)
    one.submit(*paths)
    one.wait(one.runner.idle)
    assert sorted(paths) == sorted(job.path for job in one.done)
    assert sorted(paths) == sorted(one.books.finished)


def test_a_broken_video_is_recorded_and_the_next_goes_on(bench: Callable[..., Bench], tmp_path: Path) -> None:
    bad, good = files(tmp_path, 2)

    def stage(job: Job) -> Job:
        if job.path == bad:
            raise BrokenError("no video stream")
        return filed(job)

    one = bench(stage)
    one.submit(bad, good)
    one.wait(one.runner.idle)
    assert [(bad, ItemState.FAILED, "no video stream")] == one.books.recorded
    assert {ItemState.FAILED, ItemState.FILED} == {job.state for job in one.done}


def test_an_unfinished_video_goes_back_to_settle(bench: Callable[..., Bench], tmp_path: Path) -> None:
    (path,) = files(tmp_path, 1)

    def stage(_job: Job) -> Job:
        raise IncompleteError("nothing decodable near the end")

    one = bench(stage)
    one.submit(path)
    one.wait(one.runner.idle)
    assert [path] == one.books.sent_back
    assert [] == one.done


def test_a_file_that_changed_while_it_waited_goes_back_to_settle(bench: Callable[..., Bench], tmp_path: Path) -> None:
    (path,) = files(tmp_path, 1)
    stale = Identity.of(path)
    assert stale is not None
    path.write_bytes(b"longer than before")
    one = bench(filed)
    one.runner.submit(path, stale, "batch")
    one.wait(one.runner.idle)
    assert [path] == one.books.sent_back


def test_what_the_filesystem_refuses_is_tried_again(bench: Callable[..., Bench], tmp_path: Path) -> None:
    (path,) = files(tmp_path, 1)
    tries: list[int] = []

    def stage(job: Job) -> Job:
        tries.append(1)
        if len(tries) < 4:
            raise FilingError("The disk is full.")
        return filed(job)

    one = bench(stage)
    one.submit(path)
    one.wait(lambda: bool(one.done))
    assert [ItemState.FILED] == [job.state for job in one.done]
    assert 4 == len(tries)
    assert {} == one.runner.trouble


def test_what_no_waiting_mends_fails_and_is_not_tried_again(bench: Callable[..., Bench], tmp_path: Path) -> None:
    (path,) = files(tmp_path, 1)
    tries: list[int] = []

    def stage(_job: Job) -> Job:
        tries.append(1)
        if len(tries) == 1:
            raise FilingError("The disk is full.")
        raise FilingError("The disk refuses the name.", lasting=True)

    one = bench(stage)
    one.submit(path)
    one.wait(lambda: bool(one.done))
    one.wait(one.runner.idle)
    assert [(path, ItemState.FAILED, "The disk refuses the name.")] == one.books.recorded
    assert one.books.lasting, "it is tried again when it changes, or by `retry`"
    assert ({}, 2) == (one.runner.trouble, len(tries))


def test_without_retries_a_refused_filing_is_a_failure(bench: Callable[..., Bench], tmp_path: Path) -> None:
    (path,) = files(tmp_path, 1)

    def stage(_job: Job) -> Job:
        raise FilingError("The disk is full.")

    one = bench(stage, retry_after_s=())
    one.submit(path)
    one.wait(one.runner.idle)
    assert [(path, ItemState.FAILED, "The disk is full.")] == one.books.recorded
    assert not one.books.lasting, "the disk may have room the next time"


def test_a_broken_store_stops_everything(bench: Callable[..., Bench], tmp_path: Path) -> None:
    paths = files(tmp_path, 5)

    def stage(_job: Job) -> Job:
        raise StoreError("The journal is gone.")

    one = bench(stage, workers=1)
    one.submit(*paths)
    one.wait(lambda: bool(one.fatal))
    assert one.runner.stop()
    assert 1 == len(one.fatal)
    assert [] == one.books.recorded


def test_a_poisonous_file_is_set_aside_without_being_touched(bench: Callable[..., Bench], tmp_path: Path) -> None:
    (path,) = files(tmp_path, 1)
    one = bench(filed)
    one.books.poison[path] = "vsortd died twice while working on it"
    one.submit(path)
    one.wait(one.runner.idle)
    assert [(path, ItemState.FAILED, "vsortd died twice while working on it")] == one.books.recorded


def test_a_file_that_a_process_died_over_is_carried_alone_and_in_its_turn(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    paths = files(tmp_path, 8)
    inside: set[Path] = set()
    company: dict[Path, set[Path]] = {}
    lock = threading.Lock()

    def stage(job: Job) -> Job:
        with lock:
            inside.add(job.path)
            for one in inside:
                company.setdefault(one, set()).update(inside)
        time.sleep(0.01)
        with lock:
            inside.discard(job.path)
        return filed(job)

    one = bench(stage, workers=4)
    one.books.suspects = {paths[3], paths[4]}
    one.submit(*paths)
    one.wait(one.runner.idle)
    assert {paths[3]} == company[paths[3]]
    assert {paths[4]} == company[paths[4]]
    assert any(len(company[path]) > 1 for path in paths)
    assert set(paths[:3]) == set(one.books.begun[:3])
    assert paths[3:5] == one.books.begun[3:5]
    assert len(paths) == len(one.done)


def test_stopping_puts_back_what_is_in_hand(bench: Callable[..., Bench], tmp_path: Path) -> None:
    (path,) = files(tmp_path, 1)
    inside = threading.Event()

    def first(job: Job) -> Job:
        inside.set()
        job.cancel.wait(5)
        return job

    one = bench(first)
    one.runner.change_stages([Stage("first", first), Stage("second", filed)], one.books, wanted=lambda _path: True)
    one.submit(path)
    assert inside.wait(5)
    assert one.runner.stop()
    assert [] == one.done
    assert [] == one.books.recorded
    assert [path] == one.books.finished


def test_nothing_begins_while_paused_and_then_all_in_their_order(bench: Callable[..., Bench], tmp_path: Path) -> None:
    paths = files(tmp_path, 6)
    one = bench(filed, workers=1)
    held = set(paths)
    one.runner._paused = held.__contains__
    one.submit(*paths)
    time.sleep(0.05)
    assert (6, 0) == (one.runner.queued, len(one.done))
    assert one.runner.stuck()
    assert not one.runner.idle()
    held.difference_update(paths[1::2])  # one inbox goes on, the other doesn't
    one.runner.look_again()
    one.wait(one.runner.stuck)
    assert paths[1::2] == [job.path for job in one.done]
    held.clear()
    one.runner.look_again()
    one.wait(one.runner.idle)
    assert paths[1::2] + paths[::2] == [job.path for job in one.done]


def test_a_path_is_never_in_two_lanes(bench: Callable[..., Bench], tmp_path: Path) -> None:
    (path,) = files(tmp_path, 1)
    inside: list[int] = []
    most: list[int] = []
    gate = threading.Event()

    def stage(job: Job) -> Job:
        inside.append(1)
        most.append(len(inside))
        gate.wait(5)
        inside.pop()
        return filed(job)

    one = bench(stage, workers=2)
    one.submit(path, path)
    one.wait(lambda: bool(most))
    time.sleep(0.05)  # time for the second worker to make the mistake
    gate.set()
    one.wait(one.runner.idle)
    assert [1, 1] == most


def test_an_unexpected_error_costs_its_video_and_no_other(bench: Callable[..., Bench], tmp_path: Path) -> None:
    bad, *good = files(tmp_path, 4)

    def stage(job: Job) -> Job:
        if job.path == bad:
            raise ZeroDivisionError("division by zero")
        return filed(job)

    one = bench(stage)
    one.submit(bad, *good)
    one.wait(lambda: len(one.done) == 4)
    assert [] == one.fatal
    ((path, state, reason),) = one.books.recorded
    assert (bad, ItemState.FAILED) == (path, state)
    assert "ZeroDivisionError: division by zero" in reason
    assert bad in one.books.finished


@pytest.mark.parametrize("question", ["begin", "finish", "record"])
def test_an_error_of_the_books_over_one_video_costs_no_other(
    bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    bad, *good = files(tmp_path, 4)

    def stage(job: Job) -> Job:
        if job.path == bad:
            raise BrokenError("no video")
        return filed(job)

    one = bench(stage, workers=1)
    asked = getattr(one.books, question)

    def odd(what: Any, *more: Any, **options: Any) -> object:
        if getattr(what, "path", what) == bad:
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        return asked(what, *more, **options)

    monkeypatch.setattr(one.books, question, odd)
    one.submit(bad, *good)
    one.wait(lambda: len(one.done) == 4)
    assert [] == one.fatal
    ended = {job.path: job.state for job in one.done}
    assert {bad: ItemState.FAILED, **dict.fromkeys(good, ItemState.FILED)} == ended


def test_the_same_unexpected_error_on_three_videos_in_a_row_stops_and_blames_none(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    paths = files(tmp_path, 5)

    def stage(_job: Job) -> Job:
        raise KeyError("what")

    one = bench(stage, workers=1)
    one.submit(*paths)
    one.wait(lambda: bool(one.fatal))
    (error,) = one.fatal
    assert "met 3 videos in a row: KeyError: 'what'" in str(error)
    assert all(str(path) in str(error) for path in paths[:3])
    assert paths[:2] == [path for path, _, _ in one.books.recorded]
    assert paths[:2] == one.books.acquitted
    assert paths[:3] == one.books.begun


def test_unexpected_errors_with_videos_between_them_that_go_well_stop_nothing(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    paths = files(tmp_path, 9)

    def stage(job: Job) -> Job:
        if int(job.path.stem) % 3 < 2:
            raise KeyError("what")
        return filed(job)

    one = bench(stage, workers=1)
    one.submit(*paths)
    one.wait(lambda: len(one.done) == 9)
    assert [] == one.fatal
    assert 6 == len(one.books.recorded)


def test_different_unexpected_errors_in_a_row_stop_nothing(bench: Callable[..., Bench], tmp_path: Path) -> None:
    paths = files(tmp_path, 6)

    def stage(job: Job) -> Job:
        if int(job.path.stem) % 2:
            raise KeyError("what")
        raise ValueError("how")

    one = bench(stage, workers=1)
    one.submit(*paths)
    one.wait(lambda: len(one.done) == 6)
    assert [] == one.fatal
    assert [] == one.books.acquitted
