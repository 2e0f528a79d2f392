"""Whole videos with something odd at their end are taken after the longer wait; half-copied ones never are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.media.conftest import Recipe, make
from tests.support.odd_endings import CLAIMS, STRAY
from tests.watch.test_completeness import scan_file
from tests.watch.test_watch_settle import TIMES, Bench, append
from vsortd.watch.container_scan import ScanState
from vsortd.watch.settle import SettleOutcome, SettleTimes

if TYPE_CHECKING:
    from pathlib import Path

SETTLE_S, INCOMPLETE_S = TIMES.settle_s, TIMES.incomplete_s
# Taken after the short wait, as before: what follows a whole file and can't begin a box was appended to it.
AT_ONCE = {"a boundary", "an unprintable header"}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "in").mkdir()
    return Bench(tmp_path / "in", lambda _: b"")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a .mov whose header stands at its end."""
    return make(tmp_path_factory.mktemp("plain") / "a.mov", Recipe(format="mov", audio="pcm_s16le")).read_bytes()


@pytest.fixture(scope="module")
def header_first(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return an .mp4 whose media stands at its end."""
    recipe = Recipe(audio="aac", options={"movflags": "faststart"})
    return make(tmp_path_factory.mktemp("first") / "a.mp4", recipe).read_bytes()


@pytest.fixture(scope="module")
def fragmented(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    recipe = Recipe(options={"movflags": "frag_keyframe+empty_moov"})
    return make(tmp_path_factory.mktemp("fragmented") / "a.mp4", recipe).read_bytes()


@pytest.mark.parametrize("ending", STRAY)
def test_stray_bytes_make_a_file_wait_longer_but_not_for_ever(
    ending: str, bench: Bench, plain: bytes, header_first: bytes
) -> None:
    for data in (plain, header_first):
        path = bench.drop(data=STRAY[ending](data))
        began_s = bench.now_s
        early = bench.outcomes(began_s + INCOMPLETE_S - 0.1)
        if early:
            assert ending in AT_ONCE
        else:
            assert [SettleOutcome.READY] == bench.outcomes(began_s + INCOMPLETE_S)
            assert scan_file(path).doubt


@pytest.mark.parametrize("claim", CLAIMS)
def test_media_that_claims_too_much_is_taken_when_no_sample_is_missing(
    claim: str, bench: Bench, header_first: bytes
) -> None:
    bench.drop(data=CLAIMS[claim](header_first))
    assert [] == bench.outcomes(INCOMPLETE_S - 0.1)
    assert [SettleOutcome.READY] == bench.outcomes(INCOMPLETE_S)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_half_copied_file_is_never_taken(share: float, bench: Bench, plain: bytes, header_first: bytes) -> None:
    for data in (plain, header_first):
        bench.drop(data=data[: int(share * len(data))])
        assert [SettleOutcome.INCOMPLETE] == bench.outcomes(bench.now_s + INCOMPLETE_S)


def test_a_half_copied_file_is_not_taken_for_the_bytes_behind_it(bench: Bench, header_first: bytes) -> None:
    """An upload that broke off, closed with the form's line break."""
    bench.drop(data=header_first[: len(header_first) // 2] + b"\r\n")
    assert [SettleOutcome.INCOMPLETE] == bench.outcomes(INCOMPLETE_S)


@pytest.mark.parametrize("ending", ["CRLF", "one byte", "a header that fits nothing", "a large header"])
def test_of_fragments_more_may_come(ending: str, bench: Bench, fragmented: bytes) -> None:
    bench.drop(data=STRAY[ending](fragmented))
    assert [SettleOutcome.INCOMPLETE] == bench.outcomes(INCOMPLETE_S)


def test_a_file_that_grows_is_not_taken_before_it_rests(bench: Bench, header_first: bytes) -> None:
    """It claims more than there is, as every copy does, until its last byte has come."""
    path = bench.drop(data=header_first[:-100])
    for number in range(100, 0, -10):
        append(path, header_first[len(header_first) - number : len(header_first) - number + 10 or None])
        bench.see(path)
        assert [] == bench.outcomes(bench.now_s + SETTLE_S / 2)
    assert path.read_bytes() == header_first
    assert [SettleOutcome.READY] == bench.outcomes(bench.now_s + SETTLE_S)


def test_room_set_aside_leaves_doubt(tmp_path: Path, header_first: bytes) -> None:
    """Its boxes add up from the start; decoding tells that its end is empty."""
    path = tmp_path / "preallocated.mp4"
    path.write_bytes(CLAIMS["claims 3 more"](header_first)[: len(header_first) // 2])
    os.truncate(path, len(header_first))
    found = scan_file(path)
    assert found.state is ScanState.COMPLETE
    assert found.doubt


def test_a_one_shot_command_takes_it_without_the_longer_wait(tmp_path: Path, plain: bytes) -> None:
    bench = Bench(tmp_path, lambda _: b"", SettleTimes(SETTLE_S, 100.0, INCOMPLETE_S, drain=True))
    bench.drop(data=STRAY["CRLF"](plain))
    assert [SettleOutcome.READY] == bench.outcomes(SETTLE_S)
    bench.drop("half.mov", data=plain[: len(plain) // 2])
    assert [SettleOutcome.INCOMPLETE] == bench.outcomes(bench.now_s + SETTLE_S)
