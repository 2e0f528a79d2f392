"""Judges of completeness beyond MP4: whole files pass, partial copies and unfinished recordings never do undoubted."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Final

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.containers import KINDS, write_video
from vsortd.core.identity import Identity
from vsortd.watch.completeness import promised_container, scan_container
from vsortd.watch.container_scan import ContainerScan, ScanState
from vsortd.watch.settle import SettleOutcome, Settler, SettleTimes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Those that say how long they are, so that no cut passes; and those that don't, with what stands where one may pass.
_TELLING: Final = ("3gp", "avi", "flv", "mkv", "webm", "wmv")
_SILENT: Final = {"ts": 188, "m2ts": 192, "mpg": 0}
_WHOLE: Final = ContainerScan(ScanState.COMPLETE)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a video of every container, by its ending."""
    folder = tmp_path_factory.mktemp("videos")
    return {kind: write_video(folder / f"video.{kind}", frames=60) for kind in KINDS}


def scan_path(path: Path, promised: str = "") -> ContainerScan:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return scan_container(descriptor, path.stat().st_size, promised_container(promised or path.name))
    finally:
        os.close(descriptor)


def scan_bytes(folder: Path, data: bytes, kind: str) -> ContainerScan:
    path = folder / f"scanned.{kind}"
    path.write_bytes(data)
    return scan_path(path)


def cut_and_scanned(folder: Path, data: bytes, kind: str) -> Iterator[tuple[int, ContainerScan]]:
    """Yield what is said of a file that is cut at each of many places: all in its first and last kilobytes."""
    length = len(data)
    cuts = {*range(1, 3000), *range(3000, length, 11), *range(length - 3000, length)} & set(range(1, length))
    path = folder / f"cut.{kind}"
    path.write_bytes(data)
    for cut in sorted(cuts, reverse=True):
        os.truncate(path, cut)
        yield cut, scan_path(path)


@pytest.mark.parametrize("kind", _TELLING)
def test_a_whole_file_is_complete_without_doubt(videos: dict[str, Path], kind: str) -> None:
    assert _WHOLE == scan_path(videos[kind])


@pytest.mark.parametrize("kind", _TELLING)
def test_no_cut_of_a_file_that_tells_its_length_passes(videos: dict[str, Path], kind: str, tmp_path: Path) -> None:
    for cut, found in cut_and_scanned(tmp_path, videos[kind].read_bytes(), kind):
        assert ScanState.INCOMPLETE is found.state, cut
        assert found.reason, cut


@pytest.mark.parametrize("kind", _SILENT)
def test_a_stream_passes_only_between_packets_and_with_doubt(
    videos: dict[str, Path], kind: str, tmp_path: Path
) -> None:
    """Where a stream is cut between two packets nothing but time can tell, so it has to stay quiet for longer."""
    data, step, passed = videos[kind].read_bytes(), _SILENT[kind], 0
    assert scan_path(videos[kind]).doubt
    for cut, found in cut_and_scanned(tmp_path, data, kind):
        if found.state is ScanState.COMPLETE:
            passed += 1
            assert found.doubt, cut
            assert cut % step == 0 if step else data[cut : cut + 3] == b"\0\0\1", cut
    assert passed


@pytest.mark.parametrize("kind", sorted({*_TELLING, *_SILENT} - {"3gp"}))
def test_room_that_was_set_aside_is_no_video_yet(videos: dict[str, Path], kind: str, tmp_path: Path) -> None:
    """Zeros stand where a download has not come yet; written ones, so that no filesystem tells of a hole."""
    data = videos[kind].read_bytes()
    for share in (0.0, 0.02, 0.3, 0.7, 0.95):
        there = data[: int(len(data) * share)]
        found = scan_bytes(tmp_path, there + bytes(len(data) - len(there)), kind)
        assert ScanState.INCOMPLETE is found.state, (share, found)


@pytest.mark.parametrize("kind", [*_TELLING, *_SILENT])
def test_a_hole_leaves_doubt(videos: dict[str, Path], kind: str, tmp_path: Path) -> None:
    data = videos[kind].read_bytes()
    path = tmp_path / f"sparse.{kind}"
    path.write_bytes(data[: len(data) // 2])
    os.truncate(path, len(data))
    found = scan_path(path)
    assert ScanState.INCOMPLETE is found.state or "nothing was ever written" in found.doubt


@pytest.mark.parametrize("kind", [*_TELLING, *_SILENT])
def test_a_file_that_shrinks_meanwhile_is_incomplete(videos: dict[str, Path], kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"shrinking.{kind}"
    path.write_bytes(videos[kind].read_bytes())
    size = path.stat().st_size
    os.truncate(path, size // 3)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        found = scan_container(descriptor, size, promised_container(path.name))
    finally:
        os.close(descriptor)
    assert ScanState.INCOMPLETE is found.state


@pytest.mark.parametrize("kind", [*_TELLING, *_SILENT])
def test_another_container_than_the_name_promises_is_told(videos: dict[str, Path], kind: str) -> None:
    other = "avi" if kind in {"mkv", "webm"} else "mkv"
    found = scan_path(videos[kind], promised=f"video.{other}")
    assert ScanState.OTHER is found.state
    assert f"is not {'Matroska or WebM' if other == 'mkv' else 'AVI'}" in found.reason


def test_an_empty_file_a_few_bytes_and_zeros_are_incomplete(tmp_path: Path) -> None:
    for kind in KINDS:
        assert ContainerScan(ScanState.INCOMPLETE, "the file is empty") == scan_bytes(tmp_path, b"", kind)
        assert ScanState.INCOMPLETE is scan_bytes(tmp_path, b"\0" * 3000, kind).state
        assert "has only 3 bytes" in scan_bytes(tmp_path, b"abc", kind).reason


class _Pipe(io.RawIOBase):
    """Something to write to that can't go back, as pipes and streams of a network."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.data += data
        return len(data)


def piped(video: Path, kind: str) -> bytes:
    """Return a video as a program writes it that never goes back: without sizes, indexes and lengths."""
    pipe = _Pipe()
    with av.open(str(video)) as source, av.open(pipe, "w", format=KINDS[kind][0]) as target:
        streams = {one.index: target.add_stream_from_template(one) for one in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                target.mux(packet)
    return bytes(pipe.data)


@pytest.mark.parametrize("kind", ["flv", "mkv", "webm", "wmv"])
def test_a_recording_without_a_size_passes_with_doubt(videos: dict[str, Path], kind: str, tmp_path: Path) -> None:
    data = piped(videos[kind], kind)
    found = scan_bytes(tmp_path, data, kind)
    assert ScanState.COMPLETE is found.state
    assert "may go on" in found.doubt
    for cut, partial in cut_and_scanned(tmp_path, data, kind):
        assert partial.doubt or ScanState.INCOMPLETE is partial.state, cut


def test_an_avi_whose_size_was_never_written_is_unfinished(videos: dict[str, Path], tmp_path: Path) -> None:
    data = videos["avi"].read_bytes()
    for unwritten in (bytes(4), b"\xff" * 4):
        found = scan_bytes(tmp_path, data[:4] + unwritten + data[8:], "avi")
        assert "its size is not yet written" in found.reason
        movi = data.index(b"movi")
        found = scan_bytes(tmp_path, data[: movi - 4] + unwritten + data[movi:], "avi")
        assert ScanState.INCOMPLETE is found.state


def test_an_avi_that_lost_its_promised_index_is_incomplete(videos: dict[str, Path], tmp_path: Path) -> None:
    data = videos["avi"].read_bytes()
    place = data.index(b"idx1")
    shorter = b"RIFF" + (place - 8).to_bytes(4, "little") + data[8:place]
    assert "its index (idx1) is missing" in scan_bytes(tmp_path, shorter, "avi").reason


def chunk(kind: bytes, data: bytes) -> bytes:
    return kind + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2)


def long_avi(parts: int) -> bytes:
    """Return an AVI of several parts, as OpenDML has them, of which an index in the header names each."""

    def header(places: list[int]) -> bytes:
        entries = b"".join(place.to_bytes(8, "little") + (40).to_bytes(4, "little") + bytes(4) for place in places)
        index = chunk(b"indx", b"\4\0\0\0" + len(places).to_bytes(4, "little") + b"00dc" + bytes(12) + entries)
        return chunk(b"LIST", b"hdrl" + chunk(b"avih", bytes(56)) + chunk(b"LIST", b"strl" + index))

    def part(form: bytes, head: bytes) -> bytes:
        return chunk(
            b"RIFF", form + head + chunk(b"LIST", b"movi" + chunk(b"00dc", b"x" * 100) + chunk(b"ix00", b"i" * 32))
        )

    places, at = [], 0
    for number in range(parts):
        at += len(part(b"AVI ", header([0] * parts))) if number == 0 else len(part(b"AVIX", b""))
        places.append(at - 40)
    return part(b"AVI ", header(places)) + part(b"AVIX", b"") * (parts - 1)


def test_an_avi_of_several_parts_is_complete_with_its_last(tmp_path: Path) -> None:
    data = long_avi(3)
    assert _WHOLE == scan_bytes(tmp_path, data, "avi")
    for cut in range(1, len(data)):  # between two parts, too
        assert ScanState.INCOMPLETE is scan_bytes(tmp_path, data[:cut], "avi").state, cut


def test_a_windows_media_file_without_its_size_is_unfinished(videos: dict[str, Path], tmp_path: Path) -> None:
    data = videos["wmv"].read_bytes()
    place = data.index(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")) + 40
    found = scan_bytes(tmp_path, data[:place] + bytes(8) + data[place + 8 :], "wmv")
    assert "its size is not yet written" in found.reason


def test_a_flash_video_with_wrong_numbers_behind_its_tags_is_walked(videos: dict[str, Path], tmp_path: Path) -> None:
    data = bytearray(videos["flv"].read_bytes())
    data[-4:] = bytes(4)
    assert _WHOLE == scan_bytes(tmp_path, bytes(data), "flv")
    assert ScanState.INCOMPLETE is scan_bytes(tmp_path, bytes(data[:-20]), "flv").state


def test_a_transport_stream_may_begin_within_a_packet_and_lose_its_step(
    videos: dict[str, Path], tmp_path: Path
) -> None:
    data = videos["ts"].read_bytes()
    middle = len(data) // 188 // 2 * 188
    for odd in (data[50:], data[:middle] + data[middle + 70 :]):
        assert ScanState.COMPLETE is scan_bytes(tmp_path, odd, "ts").state
        assert "of a packet" in scan_bytes(tmp_path, odd[:-30], "ts").reason


def test_a_programme_stream_with_its_end_code_is_whole_without_doubt(videos: dict[str, Path], tmp_path: Path) -> None:
    data = videos["mpg"].read_bytes()
    assert _WHOLE == scan_bytes(tmp_path, data + b"\0\0\1\xb9", "mpg")
    assert _WHOLE == scan_bytes(tmp_path, data + b"\0\0\1\xb9" + bytes(2048), "mpg")


@pytest.mark.parametrize("kind", ["avi", "mkv", "wmv"])
def test_bytes_behind_the_end_leave_doubt(videos: dict[str, Path], kind: str, tmp_path: Path) -> None:
    found = scan_bytes(tmp_path, videos[kind].read_bytes() + b"appended by somebody, and no part of it", kind)
    assert ContainerScan(ScanState.COMPLETE, doubt="39 bytes lie behind its end") == found


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_whatever_a_file_claims_there_is_one_verdict_with_its_reason(
    videos: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from([*_TELLING, *_SILENT]))
    whole = bytearray(videos[kind].read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(whole) - 8, 4000)) | st.integers(0, len(whole) - 8))
        whole[place : place + 8] = data.draw(st.binary(min_size=8, max_size=8))
    found = scan_bytes(tmp_path_factory.getbasetemp(), bytes(whole), kind)
    assert (found.state is ScanState.COMPLETE) != bool(found.reason)
    assert found.state is ScanState.COMPLETE or not found.doubt


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_structure_can_not_tell_has_to_stay_quiet_for_longer(videos: dict[str, Path], kind: str) -> None:
    path = videos[kind]
    identity = Identity.of(path)
    assert identity is not None
    settler = Settler(SettleTimes(settle_s=2.0, incomplete_s=10.0), sidecars_of=lambda _: ())
    settler.add(path, identity, now_s=0.0)
    soon = [verdict.outcome for verdict in settler.due(2.0)]
    assert ([] if kind in _SILENT else [SettleOutcome.READY]) == soon
    late = [verdict.outcome for verdict in settler.due(10.0)]
    assert ([SettleOutcome.READY] if kind in _SILENT else []) == late
