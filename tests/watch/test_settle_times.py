"""When the settler looks again and when it tells: to the moment, by the clock that it is given."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from vsortd.core.identity import Identity
from vsortd.watch import readiness_check
from vsortd.watch.readiness_check import Readiness, ReadinessCheck
from vsortd.watch.settle import SettleOutcome, Settler, SettleTimes, SettleVerdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

ONE = SettleTimes(settle_s=1.0, settle_max_s=100.0, incomplete_s=10.0)
TWO = SettleTimes(settle_s=2.0, settle_max_s=100.0, incomplete_s=10.0)
AT_ONCE = SettleTimes(settle_s=0.0, settle_max_s=100.0, incomplete_s=10.0)

leases = pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")


@dataclass
class Waiting:
    """One whole video that waits, dropped at 0 s."""

    settler: Settler
    path: Path
    identity: Identity

    def due(self, now_s: float) -> list[SettleOutcome]:
        """Attend to what is due, and return what came of it."""
        return [verdict.outcome for verdict in self.settler.due(now_s)]

    def next_s(self) -> float | None:
        """Return when the settler wants to look again."""
        return self.settler.next_due_s()


@pytest.fixture
def drop(tmp_path: Path, video: Callable[[int], bytes]) -> Callable[..., Waiting]:
    def make(times: SettleTimes = TWO, data: bytes | None = None, name: str = "film.mp4") -> Waiting:
        folder = tmp_path / "in"
        folder.mkdir(exist_ok=True)
        path = folder / name
        path.write_bytes(video(100) if data is None else data)
        settler = Settler(times, sidecars_of=lambda one: sorted(one.parent.glob(f"{one.stem}.*srt")))
        identity = identity_of(path)
        settler.add(path, identity, 0.0)
        return Waiting(settler, path, identity)

    return make


def identity_of(path: Path) -> Identity:
    identity = Identity.of(path)
    assert identity is not None
    return identity


def loop_in_place_of(folder: Path) -> None:
    """Make a folder's files such that the system refuses to tell of them, for root, too."""
    folder.rename(folder.with_name("away"))
    folder.symlink_to(folder)


def whole_again(folder: Path) -> None:
    folder.unlink()
    folder.with_name("away").rename(folder)


class Settings:
    """An inbox's own times."""

    settle_s, settle_max_s, incomplete_s = 3.0, 30.0, 13.0


def test_the_times_are_those_of_the_inbox() -> None:
    assert SettleTimes(3.0, 30.0, 13.0, drain=False) == SettleTimes.of(Settings())  # type: ignore[arg-type]
    assert SettleTimes(3.0, 30.0, 13.0, drain=True) == SettleTimes.of(Settings(), drain=True)  # type: ignore[arg-type]
    assert SettleTimes(2.0, 3600.0, 10.0, drain=False) == SettleTimes()


@pytest.mark.parametrize("short_s", [1e-7, 0.0])
def test_a_clock_that_is_off_by_a_rounding_has_reached_its_time(drop: Callable[..., Waiting], short_s: float) -> None:
    assert [SettleOutcome.READY] == drop().due(2.0 - short_s)
    cut = drop(data=b"")
    cut.due(2.0)
    assert 10.0 == cut.next_s()
    assert [SettleOutcome.INCOMPLETE] == cut.due(10.0 - short_s)


def test_nothing_is_looked_at_a_thousandth_of_a_second_before_its_time(drop: Callable[..., Waiting]) -> None:
    one = drop()
    assert [] == one.due(1.999)
    assert 2.0 == one.next_s()
    os.utime(one.path, ns=(0, 5))
    assert [] == one.due(2.0)  # it has changed: quiet since now
    assert [] == one.due(3.999)
    assert [SettleOutcome.READY] == one.due(4.0)


@leases
def test_a_file_that_is_held_open_is_looked_at_again_after_a_second_or_what_is_quiet(
    drop: Callable[..., Waiting],
) -> None:
    for times, again_s in ((TWO, 4.0), (SettleTimes(0.5, 100.0, 10.0), 1.5)):
        one = drop(times)
        with one.path.open("r+b"):
            assert [] == one.due(times.settle_s)
            assert again_s == one.next_s()
            assert [] == one.due(again_s)
            assert again_s + max(times.settle_s, 1.0) == one.next_s()


@leases
def test_a_file_that_was_held_open_is_quiet_since_it_was_seen_so_for_the_last_time(
    drop: Callable[..., Waiting],
) -> None:
    one = drop()
    with one.path.open("r+b"):
        one.due(2.0)
        one.due(4.0)
    assert [SettleVerdict(one.path, SettleOutcome.READY, one.identity, 4.0)] == one.settler.due(6.0)


@leases
def test_the_closing_of_a_file_hastens_the_next_look_but_not_before_it_is_quiet(drop: Callable[..., Waiting]) -> None:
    one = drop(SettleTimes(0.5, 100.0, 10.0))
    with one.path.open("r+b"):
        one.due(0.5)
    one.settler.add(one.path, one.identity, 0.7)
    assert 1.0 == one.next_s()
    one.settler.add(one.path, one.identity, 0.8)
    assert 1.0 == one.next_s()
    assert [SettleOutcome.READY] == one.due(1.0)


@leases
def test_once_it_is_closed_being_seen_again_hastens_nothing(drop: Callable[..., Waiting]) -> None:
    cut = drop(data=b"")
    with cut.path.open("r+b"):
        assert [] == cut.due(2.0)
    assert [] == cut.due(4.0)
    assert 12.0 == cut.next_s(), "quiet since 2.0"
    cut.settler.add(cut.path, cut.identity, 5.0)
    assert 12.0 == cut.next_s()


def test_being_seen_again_hastens_nothing_while_nobody_writes(drop: Callable[..., Waiting]) -> None:
    cut = drop(data=b"")
    assert [] == cut.due(2.0)
    cut.settler.add(cut.path, cut.identity, 3.0)
    assert 10.0 == cut.next_s()


def test_a_change_that_is_seen_hastens_the_look_at_what_left_doubt(drop: Callable[..., Waiting]) -> None:
    cut = drop(data=b"")
    assert [] == cut.due(2.0)
    cut.path.write_bytes(b"x")
    cut.settler.add(cut.path, identity_of(cut.path), 3.0)
    assert 5.0 == cut.next_s()


@pytest.mark.parametrize(("times", "again_s"), [(AT_ONCE, 0.05), (TWO, 4.0)])
def test_a_file_that_changes_under_the_look_is_left_alone_for_a_while(
    drop: Callable[..., Waiting], monkeypatch: pytest.MonkeyPatch, times: SettleTimes, again_s: float
) -> None:
    one = drop(times)
    monkeypatch.setattr("vsortd.watch.settle.look_at", lambda *_: ReadinessCheck(Readiness.CHANGED))
    assert [] == one.due(times.settle_s)
    assert again_s == one.next_s()
    (verdict,) = one.settler.due(100.0)
    assert SettleOutcome.STILL_CHANGING is verdict.outcome
    assert "not ready after 100 s: it is still changing; it is filed when it comes to rest" == verdict.reason


@leases
@pytest.mark.parametrize(("times", "again_s"), [(AT_ONCE, 0.05), (TWO, 4.0)])
def test_a_sidecar_that_is_written_is_looked_at_again_after_a_pause(
    drop: Callable[..., Waiting], tmp_path: Path, times: SettleTimes, again_s: float
) -> None:
    (tmp_path / "in").mkdir()
    with (tmp_path / "in" / "film.srt").open("w"):
        one = drop(times)
        assert [] == one.due(times.settle_s)
        assert again_s == one.next_s()
        (verdict,) = one.settler.due(100.0)
    assert "its sidecar film.srt is still changing" in verdict.reason


def test_a_sidecar_is_quiet_to_the_moment(drop: Callable[..., Waiting]) -> None:
    for short_s, outcomes in ((0.001, []), (1e-7, [SettleOutcome.READY])):
        one = drop()
        subtitle = one.path.with_suffix(".srt")
        subtitle.write_text("1")
        assert [] == one.due(2.0)  # seen for the first time
        assert outcomes == one.due(4.0 - short_s)
        subtitle.unlink()


def test_a_sidecar_that_comes_and_goes_is_not_waited_for(drop: Callable[..., Waiting]) -> None:
    one = drop()
    subtitle = one.path.with_suffix(".srt")
    subtitle.write_text("1")
    assert [] == one.due(2.0)
    subtitle.unlink()
    assert [SettleOutcome.READY] == one.due(4.0)


def test_a_sidecar_that_cannot_be_looked_at_is_not_waited_for(tmp_path: Path, video: Callable[[int], bytes]) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    (tmp_path / "film.srt").write_text("1")
    path = tmp_path / "film.mp4"
    path.write_bytes(video(10))
    settler = Settler(TWO, sidecars_of=lambda _: [loop / "film.srt"])
    settler.add(path, identity_of(path), 0.0)
    assert [SettleOutcome.READY] == [verdict.outcome for verdict in settler.due(2.0)]


def test_a_folder_that_cannot_be_listed_leaves_the_video_without_sidecars(
    drop: Callable[..., Waiting],
) -> None:
    def refuse(_: Path) -> Sequence[Path]:
        raise PermissionError(13, "Permission denied")

    one = drop()
    one.path.with_suffix(".srt").write_text("1")
    settler = Settler(TWO, sidecars_of=refuse)
    settler.add(one.path, one.identity, 0.0)
    assert [SettleOutcome.READY] == [verdict.outcome for verdict in settler.due(2.0)]


def test_an_unreadable_file_is_told_when_it_has_been_quiet_for_long_and_tried_every_ten_seconds(
    drop: Callable[..., Waiting],
) -> None:
    one = drop()
    loop_in_place_of(one.path.parent)
    assert [] == one.due(2.0)
    assert 12.0 == one.next_s()
    assert [] == one.due(11.999)
    (verdict,) = one.settler.due(12.0)
    assert (SettleOutcome.UNREADABLE, 0.0) == (verdict.outcome, verdict.since_s)
    assert "the file can't be read: Too many levels of symbolic links" == verdict.reason
    assert 22.0 == one.next_s()
    assert [] == one.due(22.0)
    assert 1 == len(one.settler)
    whole_again(one.path.parent)
    assert [SettleOutcome.READY] == one.due(32.0)


@pytest.mark.parametrize("short_s", [1e-7, 0.0])
def test_an_unreadable_file_is_told_at_the_moment_when_its_time_is_over(
    drop: Callable[..., Waiting], short_s: float
) -> None:
    one = drop(SettleTimes(settle_s=10.0, settle_max_s=100.0, incomplete_s=10.0))
    loop_in_place_of(one.path.parent)
    told = one.due(10.0 - short_s)
    whole_again(one.path.parent)
    assert [SettleOutcome.UNREADABLE] == told


def test_an_unreadable_file_is_not_told_before_its_time(drop: Callable[..., Waiting]) -> None:
    one = drop(SettleTimes(settle_s=2.0, settle_max_s=100.0, incomplete_s=12.001))
    loop_in_place_of(one.path.parent)
    assert [] == one.due(2.0)
    assert [] == one.due(12.0)
    assert [SettleOutcome.UNREADABLE] == one.due(22.0)


def test_an_unreadable_file_that_came_late_has_its_time_too(drop: Callable[..., Waiting]) -> None:
    one = drop()
    one.settler.forget(one.path)
    one.settler.add(one.path, one.identity, 100.0)
    loop_in_place_of(one.path.parent)
    assert [] == one.due(102.0)
    assert [SettleOutcome.UNREADABLE] == one.due(112.0)


def test_draining_tells_an_unreadable_file_at_once(drop: Callable[..., Waiting]) -> None:
    one = drop(SettleTimes(2.0, 100.0, 10.0, drain=True))
    loop_in_place_of(one.path.parent)
    assert [SettleOutcome.UNREADABLE] == one.due(2.0)


def test_an_unreadable_file_that_is_seen_again_is_tried_at_once(
    drop: Callable[..., Waiting], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = drop()

    def refuse(_: Path) -> int:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(readiness_check, "open_to_look", refuse)
        one.due(2.0)
        assert [SettleOutcome.UNREADABLE] == one.due(12.0)
    one.settler.add(one.path, one.identity, 13.0)
    assert 13.0 == one.next_s()
    assert [SettleOutcome.READY] == one.due(13.0)


@leases
def test_a_file_that_does_not_rest_is_told_at_its_time_and_not_before(drop: Callable[..., Waiting]) -> None:
    one = drop(ONE)
    told = []
    with one.path.open("r+b"):
        for second in range(1, 102):
            told += [(second, verdict) for verdict in one.settler.due(float(second))]
    ((second, verdict),) = told
    assert 100 == second
    assert 100.0 == verdict.since_s
    why = "a program has it open for writing"
    assert f"not ready after 100 s: {why}; it is filed when it comes to rest" == verdict.reason


@leases
def test_the_time_that_a_file_may_take_begins_when_it_is_first_seen(drop: Callable[..., Waiting]) -> None:
    one = drop(ONE)
    one.settler.forget(one.path)
    one.settler.add(one.path, one.identity, 50.0)
    with one.path.open("r+b"):
        assert [] == one.due(149.0)
        (verdict,) = one.settler.due(150.0)
    assert SettleOutcome.STILL_CHANGING is verdict.outcome
    assert verdict.reason.startswith("not ready after 100 s: ")


def test_an_error_that_nobody_expected_delays_a_file_by_ten_seconds(drop: Callable[..., Waiting]) -> None:
    calls = []

    def broken(path: Path) -> Sequence[Path]:
        calls.append(path)
        if len(calls) <= 2:
            raise RuntimeError("bug")
        return ()

    one = drop()
    one.path.with_suffix(".srt").write_text("1")
    settler = Settler(TWO, sidecars_of=broken)
    settler.add(one.path, one.identity, 0.0)
    assert [] == settler.due(2.0)
    assert 12.0 == settler.next_due_s()
    assert [SettleOutcome.READY] == [verdict.outcome for verdict in settler.due(12.0)]


def test_taken_back_a_file_waits_until_it_has_been_quiet_for_long(drop: Callable[..., Waiting]) -> None:
    one = drop()
    one.due(2.0)
    one.settler.again(one.path, one.identity, 0.0, "nothing decodes", 3.0)
    assert 10.0 == one.next_s()
    one.settler.add(one.path, one.identity, 4.0)  # being seen again says nothing new
    assert 10.0 == one.next_s()
    assert [SettleOutcome.READY] == one.due(10.0)


@pytest.mark.parametrize("now_s", [10.0 - 1e-7, 10.0, 11.0])
def test_taken_back_when_it_has_been_quiet_for_long_a_file_is_incomplete(
    drop: Callable[..., Waiting], now_s: float
) -> None:
    one = drop()
    one.due(2.0)
    one.settler.again(one.path, one.identity, 0.0, "", now_s)
    assert now_s == one.next_s()
    (verdict,) = one.settler.due(now_s)
    assert (SettleOutcome.INCOMPLETE, "it looks unfinished", 0.0) == (verdict.outcome, verdict.reason, verdict.since_s)
    assert one.path not in one.settler


def test_taken_back_a_file_that_changes_then_is_judged_as_a_new_one(drop: Callable[..., Waiting]) -> None:
    one = drop()
    one.due(2.0)
    one.settler.again(one.path, one.identity, 0.0, "nothing decodes", 20.0)
    os.utime(one.path, ns=(0, 5))
    changed = identity_of(one.path)
    one.settler.add(one.path, changed, 20.5)
    assert [] == one.due(22.0)
    assert [SettleVerdict(one.path, SettleOutcome.READY, changed, 20.5)] == one.settler.due(22.5)


@leases
def test_what_somebody_writes_into_is_not_unfinished_any_more(drop: Callable[..., Waiting]) -> None:
    one = drop()
    one.due(2.0)
    one.settler.again(one.path, one.identity, 0.0, "nothing decodes", 20.0)
    with one.path.open("r+b"):
        assert [] == one.due(20.0)
    assert [SettleOutcome.READY] == one.due(22.0)


def test_taken_back_a_file_that_waits_already_waits_once(drop: Callable[..., Waiting]) -> None:
    one = drop()
    one.settler.again(one.path, one.identity, 0.0, "nothing decodes", 1.0)
    assert 1 == len(one.settler)
    assert [] == one.due(9.9)
    assert [SettleOutcome.READY] == one.due(10.0)


def test_a_forgotten_path_is_not_looked_at(drop: Callable[..., Waiting]) -> None:
    one = drop()
    one.settler.forget(one.path)
    one.settler.forget(one.path)
    assert (0, None, []) == (len(one.settler), one.next_s(), one.due(2.0))


def test_a_path_that_is_forgotten_and_comes_again_waits_by_its_second_coming(drop: Callable[..., Waiting]) -> None:
    one = drop()
    for second in range(1, 1001):
        one.settler.forget(one.path)
        one.settler.add(one.path, one.identity, float(second))
        assert second + 2.0 == one.next_s()
    assert len(one.settler._heap) < 80
    assert [] == one.due(1001.9)
    assert [SettleOutcome.READY] == one.due(1002.0)


def test_many_paths_are_due_in_the_order_of_their_times_and_none_is_lost(tmp_path: Path) -> None:
    settler = Settler(TWO, sidecars_of=lambda _: ())
    paths = [tmp_path / f"{number}.mp4" for number in range(40)]
    for number, path in enumerate(paths):
        path.write_bytes(b"")
        for late_s in (0.0, 100.0 - number):  # comes, goes, and comes again: the last one first
            settler.forget(path)
            settler.add(path, identity_of(path), late_s)
    found = []
    while (due_s := settler.next_due_s()) is not None:
        found += settler.due(due_s)
    assert paths[::-1] == [verdict.path for verdict in found]


@leases
def test_paths_are_told_in_the_order_they_came_and_those_that_were_reported_apart(
    drop: Callable[..., Waiting],
) -> None:
    one = drop(ONE)
    other = one.path.with_name("other.mp4")
    other.write_bytes(b"")
    with one.path.open("r+b"):
        one.due(100.0)
    one.settler.add(other, identity_of(other), 100.0)
    assert [one.path, other] == list(one.settler.paths())
    assert (2, 1) == (len(one.settler), one.settler.unsettled())


def test_a_call_attends_to_256_paths_at_most(tmp_path: Path) -> None:
    settler = Settler(TWO, sidecars_of=lambda _: ())
    first = tmp_path / "0.mp4"
    first.write_bytes(b"")
    for number in range(300):
        path = tmp_path / f"{number}.mp4"
        if number:
            os.link(first, path)
        settler.add(path, identity_of(path), -100.0)
    assert [3, 256, 41, 0] == [len(settler.due(0.0, limit=3)), *(len(settler.due(0.0)) for _ in range(3))]


def test_a_path_that_comes_and_goes_unasked_keeps_no_memory_and_loses_no_other(drop: Callable[..., Waiting]) -> None:
    one = drop()
    others = [one.path.with_name(f"other {number}.mp4") for number in range(3)]
    for number, other in enumerate(others):
        other.write_bytes(one.path.read_bytes())
        one.settler.add(other, identity_of(other), 3.0 - number)
    for second in range(1000):
        one.settler.forget(one.path)
        one.settler.add(one.path, one.identity, second / 100)
    assert len(one.settler._heap) < 100
    found = []
    while (due_s := one.next_s()) is not None:
        found += [(due_s, verdict.path) for verdict in one.settler.due(due_s)]
    assert [(3.0, others[2]), (4.0, others[1]), (5.0, others[0]), (11.99, one.path)] == found
