"""What other containers hold beside their streams is told, or known to be worth nothing to a viewer."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.other_films import AAC, COPY, H264, again, film
from vsortd.core.byte_reader import ByteReader
from vsortd.media import other_parts
from vsortd.media.matroska_parts import matroska_parts
from vsortd.media.other_parts import unread_parts

if TYPE_CHECKING:
    from pathlib import Path

SEGMENT, INFO, TRACKS, TRACK, VIDEO, CHAPTERS, EDITION, ATOM, DISPLAY, TAGS, TAG, SIMPLE, CLUSTER, COLOUR = (
    0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0, 0x1043A770, 0x45B9, 0xB6, 0x80, 0x1254C367, 0x7373, 0x67C8,
    0x1F43B675, 0x55B0,
)  # fmt: skip


def element(kind: int, *parts: bytes) -> bytes:
    payload = b"".join(parts)
    return kind.to_bytes((kind.bit_length() + 7) // 8, "big") + (len(payload) | 1 << 56).to_bytes(8, "big") + payload


def matroska(*parts: bytes) -> bytes:
    return element(0x1A45DFA3, element(0x4282, b"matroska")) + element(SEGMENT, *parts)


def track(*parts: bytes) -> bytes:
    usual = (element(0xD7, b"\1"), element(0x73C5, b"\1"), element(0x83, b"\1"), element(0x86, b"V_MPEG4/ISO/AVC"))
    return element(TRACKS, element(TRACK, *usual, *parts))


def chapters(*parts: bytes) -> bytes:
    return element(CHAPTERS, element(EDITION, *parts))


NAME = element(DISPLAY, element(0x85, b"One"), element(0x437C, b"eng"))
PLAIN = (
    element(INFO, element(0x2AD7B1, b"\x0f\x42\x40"), element(0x7BA9, b"A day"), element(0x4D80, b"Lavf")),
    track(element(0xB9, b"\1"), element(0x23314F, b"\x3f\x80\0\0"), element(VIDEO, element(0xB0, b"\1"))),
    chapters(element(ATOM, element(0x91, b"\0"), element(0x98, b"\0"), NAME), element(0x45DD, b"\0")),
    element(CLUSTER, element(0xE7, b"\0"), element(0xA3, b"\x81\0\0\x80")),
    element(TAGS, element(TAG, element(0x63C0), element(SIMPLE, element(0x45A3, b"A"), element(0x4487, b"b")))),
    element(0xEC, bytes(50)),
)


def test_what_libav_reads_and_mp4_keeps_is_not_told() -> None:
    assert [] == matroska_parts(reader_of(matroska(*PLAIN)))


def reader_of(data: bytes) -> ByteReader:
    return ByteReader(data, len(data))


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (track(element(VIDEO, element(0x53B8, b"\1"))), "a stereoscopic picture"),
        (track(element(VIDEO, element(0x53C0, b"\1"))), "transparency"),
        (track(element(VIDEO, element(0x54AA, b"\x08"))), "cropping"),
        (track(element(VIDEO, element(0x7670))), "a projection"),
        (track(element(VIDEO, element(COLOUR, element(0x55D0)))), "HDR mastering data"),
        (track(element(VIDEO, element(COLOUR, element(0x55BC, b"\3\xe8")))), "HDR mastering data"),
        (track(element(0xB9, b"\0")), "a track that is switched off"),
        (track(element(0x23314F, b"\x40\0\0\0")), "a track with a speed of its own"),
        (track(element(0x41E4)), "additions to its frames"),
        (track(element(0x86, b"V_MS/VFW/FOURCC")), "a codec described as in AVI ('V_MS/VFW/FOURCC')"),
        (track(element(0x8F)), "Matroska element 0x8F"),
        (element(INFO, element(0x3EB923, bytes(16))), "linked segments"),
        (chapters(element(0x45DD, b"\1")), "chapters in an order of their own"),
        (chapters(element(ATOM, element(0x98, b"\1"))), "hidden chapters"),
        (chapters(element(ATOM, element(ATOM))), "chapters within chapters"),
        (chapters(element(ATOM, element(0x6944))), "menus"),
        (chapters(element(ATOM, NAME, NAME)), "chapter names in several languages"),
        (element(CHAPTERS, element(EDITION), element(EDITION)), "several editions of its chapters"),
        (element(TAGS, element(TAG, element(SIMPLE, element(0x4485, b"\0")))), "tags that are no text"),
        (b"\0", "parts that can't be read"),
        (track(b"\x8f\xa0longer"), "parts that can't be read"),
        (track(b"\xe0\xff"), "parts that can't be read"),
        (b"\x1a", "parts that can't be read"),
    ],
)
def test_what_an_mp4_would_lose_of_matroska_is_told(part: bytes, told: str) -> None:
    assert [told] == matroska_parts(reader_of(matroska(*PLAIN, part)))


def test_what_lies_behind_a_segment_is_told() -> None:
    assert ["what lies behind its end"] == matroska_parts(reader_of(matroska(*PLAIN) + element(0x8F)))
    assert ["parts that can't be read"] == matroska_parts(reader_of(matroska(*PLAIN) + b"a trailer"))
    assert ["several segments"] == matroska_parts(reader_of(matroska(*PLAIN) + element(SEGMENT, *PLAIN)))


def test_a_number_that_claims_to_be_long_is_not_read() -> None:
    class Counted(io.BytesIO):
        most = 0

        def read(self, length: int | None = -1, /) -> bytes:
            self.most = max(self.most, -1 if length is None else length)
            return super().read(length)

    data = matroska(*PLAIN, track(element(0x23314F, bytes(1 << 20))))
    file = Counted(data)
    assert ["a track with a speed of its own"] == matroska_parts(ByteReader(file, len(data)))
    assert file.most < 1 << 16


def test_clusters_without_a_size_are_walked_into() -> None:
    """As browsers write them; what comes behind is told all the same."""
    endless = CLUSTER.to_bytes(4, "big") + b"\xff" + element(0xE7, b"\0") + element(0xA3, b"\x81\0\0\x80")
    assert [] == matroska_parts(reader_of(matroska(*PLAIN, endless, endless)))
    assert ["menus"] == matroska_parts(reader_of(matroska(endless, chapters(element(ATOM, element(0x6944))))))


@given(st.binary(max_size=300), st.integers(0, 300))
def test_no_bytes_break_the_walk_through_matroska(data: bytes, place: int) -> None:
    whole = bytearray(matroska(*PLAIN))
    whole[place : place + len(data)] = data
    assert all(isinstance(told, str) for told in matroska_parts(reader_of(bytes(whole))))


def parts_of(data: bytes, demuxer: str, *ids: int) -> list[str]:
    return unread_parts(io.BytesIO(data), len(data), demuxer, ids)


def chunk(kind: bytes, payload: bytes = b"", form: bytes = b"") -> bytes:
    return kind + len(form + payload).to_bytes(4, "little") + form + payload + b"\0" * (len(payload) % 2)


STREAM = chunk(b"LIST", chunk(b"strh", bytes(56)) + chunk(b"strf", bytes(40)), b"strl")
HEADER = chunk(b"LIST", chunk(b"avih", bytes(56)) + STREAM, b"hdrl")
MOVI = chunk(b"LIST", chunk(b"00dc", b"x"), b"movi")
INFOS = chunk(b"LIST", chunk(b"INAM", b"A day"), b"INFO")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (chunk(b"RIFF", HEADER + INFOS + MOVI + chunk(b"idx1", bytes(16)), b"AVI "), []),
        (chunk(b"RIFF", HEADER + MOVI, b"AVI ") + chunk(b"RIFF", MOVI, b"AVIX"), []),
        (chunk(b"RIFF", HEADER + MOVI + chunk(b"DXDT", b"x"), b"AVI "), ["AVI chunk 'DXDT'"]),
        (chunk(b"RIFF", HEADER + MOVI, b"AVI ") + chunk(b"RIFF", b"x", b"DIVX"), ["what lies behind its end"]),
        (chunk(b"RIFF", HEADER + MOVI, b"AVI ") + b"a trailer of something", ["what lies behind its end"]),
        (
            chunk(b"RIFF", chunk(b"LIST", chunk(b"LIST", chunk(b"strd", b"Nikon"), b"strl"), b"hdrl"), b"AVI "),
            ["AVI chunk 'strd'"],
        ),
    ],
)
def test_what_an_mp4_would_lose_of_an_avi_is_told(data: bytes, told: list[str]) -> None:
    assert told == parts_of(data, "avi")


def flash(*tags: tuple[int, bytes]) -> bytes:
    found = b"FLV\1\5\0\0\0\x09\0\0\0\0"
    for kind, payload in tags:
        tag = bytes([kind]) + len(payload).to_bytes(3, "big") + bytes(7) + payload
        found += tag + len(tag).to_bytes(4, "big")
    return found


def script(name: bytes, rest: bytes = b"") -> tuple[int, bytes]:
    return 18, b"\2" + len(name).to_bytes(2, "big") + name + rest


def test_what_an_mp4_would_lose_of_flash_is_told() -> None:
    assert [] == parts_of(flash(script(b"onMetaData"), (9, b"x"), (8, b"y")), "flv", 0, 0)
    assert ["script data ('onCuePoint')"] == parts_of(flash((9, b"x"), script(b"onCuePoint"), (8, b"y")), "flv", 0, 0)
    assert ["cue points"] == parts_of(flash(script(b"onMetaData", b"\0\x09cuePoints"), (9, b"x")), "flv", 0)


def ts_packet(pid: int, payload: bytes = b"", *, begins: bool = False) -> bytes:
    head = b"\x47" + (pid | begins << 14).to_bytes(2, "big") + b"\x10"
    return head + payload.ljust(184, b"\xff")


@pytest.fixture(scope="module")
def plain_ts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("ts") / "plain.ts", *H264, *AAC)


def test_a_plain_transport_stream_holds_nothing_else(plain_ts: Path) -> None:
    assert [] == parts_of(plain_ts.read_bytes(), "mpegts", 0x100, 0x101)


def test_streams_and_tables_that_nobody_reads_are_told(plain_ts: Path) -> None:
    data = plain_ts.read_bytes()
    assert ["an unknown stream (0x101)"] == parts_of(data, "mpegts", 0x100), "libav left out its sound"
    guide = data + ts_packet(0x12, b"\0\x4e", begins=True)
    assert ["programme information (EIT)"] == parts_of(guide, "mpegts", 0x100, 0x101)
    assert [] == parts_of(data + ts_packet(0x1FFF), "mpegts", 0x100, 0x101), "a null packet"
    assert ["parts that can't be read"] == parts_of(data + bytes(188), "mpegts", 0x100, 0x101)


def test_a_stream_that_begins_late_is_told(plain_ts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only those are known to libav that begin where it looks for them."""
    monkeypatch.setattr(other_parts, "_TS_BLOCK_PACKETS", 8)  # several blocks, though the file is small
    data = plain_ts.read_bytes()
    assert [] == parts_of(data, "mpegts", 0x100, 0x101)
    assert ["an unknown stream (0x102)"] == parts_of(data + ts_packet(0x102), "mpegts", 0x100, 0x101)
    late = flash((9, b"x"), (9, b"x"), (8, b"y"))
    assert ([], ["a track that begins late"]) == (parts_of(late, "flv", 0, 0), parts_of(late, "flv", 0))


def pes(code: int, payload: bytes = b"x") -> bytes:
    return b"\0\0\1" + bytes([code]) + len(payload).to_bytes(2, "big") + payload


PACK, OF_MPEG_1 = b"\0\0\1\xba\x44" + bytes(8) + b"\xf9\xff", b"\0\0\1\xba\x21" + bytes(7)
INNER = b"\x80\0\0"  # the head of a packet, behind which a DVD says which track it is


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (PACK + pes(0xBB) + pes(0xE0) + pes(0xC0) + pes(0xBE) + b"\0\0\1\xb9", []),
        (OF_MPEG_1 + pes(0xE0) + pes(0xC0), []),
        (PACK + pes(0xE0) + pes(0xC0) + pes(0xC1), ["an unknown stream (0x1C1)"]),
        (PACK + pes(0xE0) + pes(0xBD, INNER + b"\x81sound"), ["an unknown stream (0x81)"]),
        (PACK + pes(0xE0) + pes(0xBD, INNER + b"\x80sound"), []),
        (PACK + pes(0xE0) + pes(0xBD, INNER + b"\x0b\x77sound"), ["an unknown stream (0x1BD)"]),
        (PACK + pes(0xBF), ["menus"]),
        (PACK + pes(0xE0) + b"nothing of its kind", ["parts that can't be read"]),
    ],
)
def test_what_an_mp4_would_lose_of_a_program_stream_is_told(data: bytes, told: list[str]) -> None:
    assert told == parts_of(data, "mpeg", 0x1E0, 0x1C0, 0x80)


def test_programmes_and_a_channels_name_are_told(plain_ts: Path, tmp_path: Path) -> None:
    named = again(tmp_path / "named.ts", plain_ts, *COPY, "-metadata", "service_name=Kanal 4")
    assert ["a channel's name (Kanal 4)"] == parts_of(named.read_bytes(), "mpegts", 0x100, 0x101)
    words = ["-map", "0", "-map", "0", "-c", "copy", "-program", "title=Service01:st=0:st=1"]
    two = again(tmp_path / "two.ts", plain_ts, *words, "-program", "title=Other:st=2:st=3")
    told = parts_of(two.read_bytes(), "mpegts", *range(0x100, 0x104))
    assert ["2 programmes", "a channel's name (Other)"] == told


@given(st.binary(max_size=1000))
def test_no_bytes_break_the_tables_of_a_transport_stream(data: bytes) -> None:
    whole = ts_packet(0, data[:184], begins=True) * 3 + ts_packet(0x11, data[-184:], begins=True) * 3 + data
    assert all(isinstance(told, str) for told in parts_of(whole, "mpegts"))


@pytest.mark.parametrize("demuxer", ["avi", "flv", "matroska", "asf", "mpeg"])
@given(data=st.binary(max_size=400))
def test_no_bytes_break_any_walk(demuxer: str, data: bytes) -> None:
    assert all(isinstance(told, str) for told in parts_of(data, demuxer))
