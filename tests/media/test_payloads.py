"""Packets that are wrapped differently are known to be the same, and others are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsortd.media.payloads import StreamPayloads, kind_of

SPS, PPS = b"\x67\x64\0\x0c\xac", b"\x68\xee\x3c"
VPS_HEVC, SPS_HEVC, PPS_HEVC = b"\x40\1\x0c", b"\x42\1\1", b"\x44\1\xc1"


def annex_b(*units: bytes) -> bytes:
    return b"".join(b"\0\0\0\1" + unit for unit in units)


def with_lengths(*units: bytes, length: int = 4) -> bytes:
    return b"".join(len(unit).to_bytes(length, "big") + unit for unit in units)


def avcc(*, length: int = 4, sps: bytes = SPS, pps: bytes = PPS) -> bytes:
    sets = b"\xe1" + with_lengths(sps, length=2) + b"\1" + with_lengths(pps, length=2)
    return b"\1\x64\0\x0c" + bytes([0xFC | length - 1]) + sets


def hvcc(*, complete: bool = True) -> bytes:
    head = b"\1" + bytes(20) + b"\xff"
    arrays = [(32, VPS_HEVC), (33, SPS_HEVC), (34, PPS_HEVC), (39, b"\x4e\1\5")]
    parts = [bytes([complete << 7 | kind]) + b"\0\1" + with_lengths(unit, length=2) for kind, unit in arrays]
    return head + bytes([len(parts)]) + b"".join(parts)


# No unit holds a start code or ends in a zero: the standards forbid both.
UNITS = st.lists(
    st.binary(min_size=1, max_size=40).map(lambda raw: raw.replace(b"\0", b"\7") + b"\x80"), min_size=1, max_size=5
)


@given(UNITS, st.sampled_from([1, 2, 4]))
def test_units_with_start_codes_and_with_lengths_are_the_same(units: list[bytes], length: int) -> None:
    wrapped = StreamPayloads("h264", annex_b(SPS, PPS), avcc(length=length))
    assert "" == wrapped.difference
    assert wrapped.same(annex_b(*units), with_lengths(*units, length=length))
    assert wrapped.same(annex_b(SPS, PPS, *units) + b"\0\0", with_lengths(*units, length=length))
    assert not wrapped.same(annex_b(*units), with_lengths(*units[:-1], length=length))
    assert not wrapped.same(annex_b(*units), with_lengths(*units, b"\x65\x88", length=length))
    other = bytes([units[-1][0] ^ 1]) + units[-1][1:]
    assert not wrapped.same(annex_b(*units), with_lengths(*units[:-1], other, length=length))


def test_a_cut_length_is_no_unit() -> None:
    wrapped = StreamPayloads("h264", annex_b(SPS, PPS), avcc())
    assert not wrapped.same(annex_b(b"\x65\x88"), b"\0\0\0\x09\x65\x88")


def test_parameter_sets_have_to_be_those_of_the_source() -> None:
    assert "" == StreamPayloads("h264", annex_b(SPS, PPS), avcc()).difference
    assert "" != StreamPayloads("h264", annex_b(SPS, PPS), avcc(pps=b"\x68\xee\x3d")).difference
    assert "" != StreamPayloads("h264", annex_b(SPS, PPS), b"").difference
    assert "" == StreamPayloads("hevc", annex_b(VPS_HEVC, SPS_HEVC, PPS_HEVC), hvcc()).difference
    assert "" != StreamPayloads("hevc", annex_b(VPS_HEVC, SPS_HEVC), hvcc()).difference
    assert "" == StreamPayloads("hevc", hvcc(complete=False), hvcc()).difference
    assert "" != StreamPayloads("h264", avcc(), avcc(pps=b"\x68\xee\x3d")).difference


def test_a_set_that_comes_on_the_way_changes_the_stream() -> None:
    wrapped = StreamPayloads("h264", annex_b(SPS, PPS), avcc())
    assert not wrapped.changes(annex_b(SPS, PPS, b"\x65\x88"))
    assert wrapped.changes(annex_b(b"\x67\x64\0\x0d", b"\x65\x88"))
    assert not StreamPayloads("h264", avcc(), avcc()).changes(b"\x67\x64\0\x0d")


def adts(frame: bytes, *, profile: int = 1, rate: int = 3, channels: int = 2, crc: bool = False) -> bytes:
    length = len(frame) + (9 if crc else 7)
    head = bytes([0xFF, 0xF0 | (not crc), profile << 6 | rate << 2 | channels >> 2])
    head += bytes([(channels & 3) << 6 | length >> 11, length >> 3 & 255, (length & 7) << 5 | 0x1F, 0xFC])
    return head + b"\0\0" * crc + frame


@pytest.mark.parametrize("crc", [False, True])
def test_aac_in_adts_is_the_frame_without_its_head(*, crc: bool) -> None:
    wrapped = StreamPayloads("aac", b"", b"\x11\x90")
    assert "" == wrapped.difference
    assert wrapped.same(adts(b"frame", crc=crc), b"frame")
    assert not wrapped.same(adts(b"frame", crc=crc), b"other")
    assert not wrapped.same(adts(b"frame", channels=1, crc=crc), b"frame"), "of another layout than the setup says"
    assert not wrapped.same(b"frame", b"ram")


def test_heads_tell_what_stays_the_same() -> None:
    sequence = b"\0\0\1\xb3\x14\0\xb4\x32"
    assert b"\x14\0\xb4\x32" == kind_of("mpeg2video", sequence + b"rest")
    assert b"" == kind_of("mpeg2video", b"\0\0\1\0rest")
    stereo, surround = bytes.fromhex("0b7700000c4040"), bytes.fromhex("0b7700000c40e0")
    assert kind_of("ac3", stereo) != kind_of("ac3", surround)
    assert kind_of("ac3", stereo) == kind_of("ac3", bytes.fromhex("0b77ffff0c405f")), "the checksum differs"
    assert kind_of("mp3", b"\xff\xfb\x90\x00aaa") == kind_of("mp3", b"\xff\xfb\xb2\x40aaa"), "so does the bit rate"
    assert b"" == kind_of("aac", b"whatever it is")


@given(st.sampled_from(["h264", "hevc", "aac", "mp3"]), st.binary(max_size=60), st.binary(max_size=60), st.binary())
def test_no_bytes_break_it(codec: str, before: bytes, after: bytes, payload: bytes) -> None:
    wrapped = StreamPayloads(codec, before, after)
    assert isinstance(wrapped.difference, str)
    assert wrapped.same(payload, payload)
    assert isinstance(wrapped.same(payload, after), bool)
    assert isinstance(wrapped.changes(payload), bool)
