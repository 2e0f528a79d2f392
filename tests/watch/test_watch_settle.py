"""When a file may be touched: real files, a clock that is turned by hand."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest

from vsortd.core.identity import Identity
from vsortd.watch import readiness_check
from vsortd.watch.settle import SettleOutcome, Settler, SettleTimes, SettleVerdict

if TYPE_CHECKING:
    from pathlib import Path

TIMES = SettleTimes(settle_s=2.0, settle_max_s=100.0, incomplete_s=10.0)
VideoMaker = Callable[[int], bytes]


def no_sidecars(_: Path) -> Sequence[Path]:
    return ()


def subtitles_of(video: Path) -> Sequence[Path]:
    return sorted(video.parent.glob(f"{video.stem}.*srt"))


class Bench:
    """A settler, a folder, and a clock."""

    def __init__(self, folder: Path, video: VideoMaker, times: SettleTimes = TIMES) -> None:
        self.folder = folder
        self.video = video
        self.now_s = 0.0
        self.settler = Settler(times, sidecars_of=subtitles_of)

    def drop(self, name: str = "film.mp4", data: bytes | None = None) -> Path:
        """Write a file, and let the settler see it."""
        path = self.folder / name
        path.write_bytes(self.video(100) if data is None else data)
        self.see(path)
        return path

    def see(self, path: Path) -> None:
        """Let the settler see a file as it is now."""
        identity = Identity.of(path)
        assert identity is not None
        self.settler.add(path, identity, self.now_s)

    def until(self, now_s: float) -> list[SettleVerdict]:
        """Let time pass, attending to whatever is due on the way."""
        verdicts = []
        while (due_s := self.settler.next_due_s()) is not None and due_s <= now_s:
            self.now_s = max(self.now_s, due_s)
            verdicts += self.settler.due(self.now_s)
        self.now_s = now_s
        return verdicts

    def outcomes(self, now_s: float) -> list[SettleOutcome]:
        """Let time pass, and return only what came of the files."""
        return [verdict.outcome for verdict in self.until(now_s)]


@pytest.fixture
def bench(tmp_path: Path, video: VideoMaker) -> Bench:
    return Bench(tmp_path, video)


@pytest.fixture
def draining(tmp_path: Path, video: VideoMaker) -> Bench:
    return Bench(tmp_path, video, SettleTimes(2.0, 100.0, 10.0, drain=True))


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_a_quiet_whole_file_is_ready_after_settle_and_not_before(bench: Bench) -> None:
    path = bench.drop()
    assert [] == bench.until(1.99)
    assert [SettleVerdict(path, SettleOutcome.READY, Identity.of(path), 0.0)] == bench.until(2.0)  # type: ignore[arg-type]
    assert 0 == len(bench.settler)
    assert bench.settler.next_due_s() is None


def test_a_file_that_grows_waits_until_it_rests(bench: Bench) -> None:
    whole = bench.video(5000)
    path = bench.drop(data=whole[:100])
    for second in range(1, 51):
        append(path, whole[second * 100 : second * 100 + 100])
        assert [] == bench.until(float(second))
    append(path, whole[5100:])
    assert whole == path.read_bytes()
    bench.see(path)  # closing it is an event
    assert [] == bench.until(51.9)
    assert [SettleOutcome.READY] == bench.outcomes(52.0)


def test_without_events_a_change_is_noticed_when_its_time_has_come(bench: Bench) -> None:
    path = bench.drop()
    bench.until(1.5)
    os.utime(path, ns=(0, 12345))
    assert [] == bench.until(3.9)
    assert [SettleOutcome.READY] == bench.outcomes(4.0)


def test_one_growing_file_holds_back_no_other(bench: Bench) -> None:
    growing = bench.drop("growing.mp4", b"")
    bench.drop("quiet.mp4")
    append(growing, b"x")
    (verdict,) = bench.until(2.0)
    assert ("quiet.mp4", SettleOutcome.READY) == (verdict.path.name, verdict.outcome)
    assert growing in bench.settler


def test_a_replaced_file_settles_anew_although_its_size_is_the_same(bench: Bench) -> None:
    path = bench.drop()
    bench.until(1.0)
    other = bench.folder / "other"
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    assert [] == bench.until(3.9)
    assert [SettleOutcome.READY] == bench.outcomes(4.0)


@pytest.mark.parametrize("how", ["deleted", "folder", "link"])
def test_what_is_no_file_any_more_is_gone(bench: Bench, how: str) -> None:
    path = bench.drop()
    path.unlink()
    if how == "folder":
        path.mkdir()
    elif how == "link":
        path.symlink_to(bench.folder)
    assert [SettleOutcome.GONE] == bench.outcomes(2.0)
    assert 0 == len(bench.settler)


def test_a_quiet_but_unfinished_file_is_told_once_with_the_reason(bench: Bench) -> None:
    bench.drop(data=bench.video(500)[:300])
    assert [] == bench.until(9.9)
    (verdict,) = bench.until(10.0)
    assert SettleOutcome.INCOMPLETE is verdict.outcome
    assert "bytes are missing" in verdict.reason
    assert [] == bench.until(1000.0)


def test_an_empty_file_waits_and_is_told(bench: Bench) -> None:
    bench.drop(data=b"")
    (verdict,) = bench.until(10.0)
    assert (SettleOutcome.INCOMPLETE, "the file is empty") == (verdict.outcome, verdict.reason)


def test_an_unfinished_file_that_goes_on_growing_in_time_is_not_told(bench: Bench) -> None:
    whole = bench.video(500)
    path = bench.drop(data=whole[:300])
    bench.until(9.0)
    append(path, whole[300:])
    bench.see(path)
    assert [SettleOutcome.READY] == bench.outcomes(11.0)


def test_a_file_that_leaves_doubt_has_to_be_quiet_for_longer(bench: Bench, make_box: Callable[..., bytes]) -> None:
    open_ended = make_box(b"ftyp", b"isom0000") + make_box(b"moov", b"m" * 20) + b"\0\0\0\0mdat" + b"d" * 50
    bench.drop(data=open_ended)
    assert [] == bench.until(9.9)
    assert [SettleOutcome.READY] == bench.outcomes(10.0)


def test_draining_waits_for_nothing_that_is_quiet(draining: Bench) -> None:
    draining.drop("cut.mp4", draining.video(500)[:300])
    draining.drop("whole.mp4")
    found = {verdict.path.name: verdict.outcome for verdict in draining.until(2.0)}
    assert {"cut.mp4": SettleOutcome.INCOMPLETE, "whole.mp4": SettleOutcome.READY} == found


def test_a_file_that_somebody_holds_open_waits_however_quiet_it_is(bench: Bench) -> None:
    if sys.platform != "linux":
        pytest.skip("leases are Linux's")
    path = bench.drop()
    code = "import sys; f = open(sys.argv[1], 'r+b'); print('open', flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert b"open\n" == process.stdout.readline()
    assert [] == bench.until(50.0)
    process.communicate(timeout=20)
    bench.see(path)
    assert [SettleOutcome.READY] == bench.outcomes(52.0)


def test_an_unfinished_file_that_somebody_holds_open_is_not_told(bench: Bench) -> None:
    path = bench.drop(data=bench.video(500)[:300])
    with path.open("r+b"):
        assert [] == bench.until(90.0)
    assert [] == bench.until(99.0)  # seen to be held open for the last time at 90
    assert [SettleOutcome.INCOMPLETE] == bench.outcomes(101.0)


def test_a_file_that_never_rests_is_told_once_and_goes_on_waiting(bench: Bench) -> None:
    path = bench.drop()
    told = []
    for second in range(1, 301):
        os.utime(path, ns=(0, second))
        told += bench.until(float(second))
    assert [SettleOutcome.STILL_CHANGING] == [verdict.outcome for verdict in told]
    assert "still changing" in told[0].reason
    assert told[0].identity.mtime_ns in (99, 100, 101, 102)
    assert 0 == bench.settler.unsettled()
    bench.see(path)
    assert [SettleOutcome.READY] == bench.outcomes(303.0)


def test_a_file_that_is_held_open_for_too_long_is_told_with_that_reason(bench: Bench) -> None:
    path = bench.drop()
    with path.open("r+b"):
        (verdict,) = bench.until(150.0)
    assert SettleOutcome.STILL_CHANGING is verdict.outcome
    assert "open for writing" in verdict.reason


def test_a_video_waits_for_its_sidecars_to_rest(bench: Bench) -> None:
    path = bench.drop()
    bench.until(1.0)
    subtitle = bench.folder / "film.en.srt"
    subtitle.write_text("1")
    assert [] == bench.until(2.5)  # seen at 2.0 for the first time
    append(subtitle, b"2")
    assert [] == bench.until(5.9)  # seen to have changed at 4.0
    assert [SettleVerdict(path, SettleOutcome.READY, Identity.of(path), 0.0)] == bench.until(6.0)  # type: ignore[arg-type]


def test_sidecars_that_were_there_from_the_beginning_cost_no_time(bench: Bench) -> None:
    (bench.folder / "film.srt").write_text("1")
    bench.drop()
    assert [SettleOutcome.READY] == bench.outcomes(2.0)


def test_a_sidecar_that_is_held_open_keeps_its_video_waiting(bench: Bench) -> None:
    if sys.platform != "linux":
        pytest.skip("leases are Linux's")
    subtitle = bench.folder / "film.srt"
    with subtitle.open("w"):
        bench.drop()
        assert [] == bench.until(20.0)
    assert [SettleOutcome.READY] == bench.outcomes(22.0)


def test_sidecars_of_others_do_not_matter(bench: Bench) -> None:
    bench.drop()
    bench.until(1.9)
    (bench.folder / "film2.srt").write_text("1")
    (bench.folder / "film").write_text("1")
    assert [SettleOutcome.READY] == bench.outcomes(2.0)


def test_what_decoding_calls_unfinished_gets_another_chance_and_is_then_told(bench: Bench) -> None:
    path = bench.drop()
    (first,) = bench.until(2.0)
    bench.settler.again(path, first.identity, first.since_s, "nothing decodes near the end", 3.0)
    (second,) = bench.until(10.0)
    assert (SettleOutcome.READY, 0.0) == (second.outcome, second.since_s)
    bench.settler.again(path, second.identity, second.since_s, "nothing decodes near the end", 11.0)
    (third,) = bench.until(11.0)
    assert (SettleOutcome.INCOMPLETE, "nothing decodes near the end") == (third.outcome, third.reason)
    assert [] == bench.until(1000.0)


def test_what_decoding_calls_unfinished_is_ready_when_it_has_changed(bench: Bench) -> None:
    path = bench.drop()
    (first,) = bench.until(2.0)
    os.utime(path, ns=(0, 5))
    bench.settler.again(path, first.identity, first.since_s, "nothing decodes near the end", 20.0)
    assert [SettleOutcome.READY] == bench.outcomes(22.0)


def test_draining_tells_at_once_what_decoding_calls_unfinished(draining: Bench) -> None:
    path = draining.drop()
    (first,) = draining.until(2.0)
    draining.settler.again(path, first.identity, first.since_s, "undecodable", 2.5)
    assert [SettleOutcome.INCOMPLETE] == draining.outcomes(2.5)


def test_a_file_that_cannot_be_read_is_told_once_and_tried_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root everything can be opened: the system's refusal is put in its place."""
    path = bench.drop()

    def refuse(_: Path) -> int:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(readiness_check, "open_to_look", refuse)
        (verdict,) = bench.until(60.0)
    assert (SettleOutcome.UNREADABLE, "the file can't be read: Permission denied") == (verdict.outcome, verdict.reason)
    assert [SettleOutcome.READY] == bench.outcomes(80.0)
    assert path.exists()


def test_an_error_of_a_callback_delays_its_own_file_only(tmp_path: Path, video: VideoMaker) -> None:
    calls = []

    def broken(path: Path) -> Sequence[Path]:
        calls.append(path)
        if len(calls) <= 2:
            raise RuntimeError("bug")
        return ()

    bench = Bench(tmp_path, video)
    bench.settler = Settler(TIMES, sidecars_of=broken)
    (tmp_path / "film.srt").write_text("1")
    bench.drop("film.mp4")
    bench.drop("other.mp4")
    assert ["other.mp4"] == [verdict.path.name for verdict in bench.until(5.0)]
    assert ["film.mp4"] == [verdict.path.name for verdict in bench.until(20.0)]


def test_many_events_about_one_file_do_not_pile_up(bench: Bench) -> None:
    path = bench.drop()
    for number in range(10_000):
        identity = Identity(1, 1, number, 0)
        bench.settler.add(path, identity, number / 10_000)
    assert len(bench.settler._heap) < 100


@pytest.mark.long
def test_twenty_thousand_waiting_files_are_left_alone_until_their_time(
    tmp_path: Path, video: VideoMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is looked at once when due, its folder is listed a few times, and nothing happens in between."""
    data = video(10)
    folder = tmp_path / "many"
    folder.mkdir()
    first = folder / "0.mp4"
    first.write_bytes(data)
    paths = [first]
    for number in range(1, 20_000):
        path = folder / f"{number}.mp4"
        os.link(first, path)  # much quicker to make than files
        paths.append(path)
    looks: list[Path] = []
    listings: list[str] = []
    real_look, real_list = readiness_check.look_at, os.listdir

    def counted_look(path: Path, identity: Identity) -> readiness_check.ReadinessCheck:
        looks.append(path)
        return real_look(path, identity)

    def counted_list(listed: str) -> list[str]:
        listings.append(listed)
        return real_list(listed)

    monkeypatch.setattr("vsortd.watch.settle.look_at", counted_look)
    monkeypatch.setattr(os, "listdir", counted_list)
    bench = Bench(folder, video)
    for path in paths:
        bench.see(path)
    assert [] == bench.settler.due(1.9)
    assert [] == looks
    ready = 0
    while verdicts := bench.settler.due(2.0):
        assert len(verdicts) <= 256
        ready += len(verdicts)
    assert 20_000 == ready == len(looks) == len(set(looks))
    assert len(listings) <= 3


def test_settling_goes_by_the_clock_it_is_given_and_not_by_file_times(bench: Bench) -> None:
    path = bench.drop()
    future_ns = time.time_ns() + 10**15
    os.utime(path, ns=(future_ns, future_ns))
    bench.see(path)
    assert [SettleOutcome.READY] == bench.outcomes(2.0)
