"""What a decoder gets of a packet, however the container wraps it: start codes in MPEG-TS are lengths in MP4.

Pure. Annex B of H.264 and HEVC (ITU-T H.264 and H.265) becomes the same list of units as ISO 14496-15, AAC in ADTS
(ISO 13818-7, 6.2) the same frame as without.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_START_CODE: Final = b"\0\0\1"
_SEQUENCE: Final = b"\0\0\1\xb3"
_ADTS_SYNC: Final = 0xFFF
# The bits of a frame's first bytes that stay the same from frame to frame.
_HEADS: Final = {
    "ac3": bytes([0xFF, 0xFF, 0, 0, 0xC0, 0xF8, 0xE0]),  # sync, rate, bsid, acmod
    "eac3": bytes([0xFF, 0xFF, 0xF8, 0, 0xCF, 0xF8]),  # sync, type and number, rate, acmod and LFE, bsid
    "mp2": bytes([0xFF, 0xFE, 0x0C]),  # sync with version and layer, rate
    "mp3": bytes([0xFF, 0xFE, 0x0C]),
}
# Sound whose frames say all themselves; what stands beside it in a container is the container's own.
_SELF_TOLD: Final = frozenset({"mp2", "mp3", "ac3", "eac3", "dts", "pcm_s16le"})
_AVCC_LENGTH_AT, _AVCC_SETS_AT = 4, 5
_HVCC_LENGTH_AT, _HVCC_ARRAYS_AT = 21, 22
# Units of HEVC that are parameter sets, and those of H.264 (its extension of them among these).
_HEVC_SETS, _AVC_SETS = frozenset({32, 33, 34}), frozenset({7, 8, 13})


@dataclass(frozen=True, slots=True)
class StreamPayloads:
    """How one stream of a source and its copy in an MP4 are wrapped; setups are what a decoder is given beforehand."""

    codec: str
    before: bytes
    after: bytes

    @property
    def difference(self) -> str:
        """Say how a decoder would be set up otherwise, "" for not at all."""
        same = self.before == self.after or self.codec in _SELF_TOLD
        if not same and self._in_annex_b:
            wanted = {unit for unit in _split(self.before) if self._is_set(unit)}
            same = bool(self.after) and wanted == self._sets
        elif not same and self.codec == "aac" and not self.before:
            same = True  # each frame's head says it, which is compared with the setup
        elif not same and self.codec == "hevc":
            same = without_completeness(self.before) == without_completeness(self.after)
        return "" if same else "its decoder would be set up otherwise"

    def same(self, before: bytes, after: bytes) -> bool:
        """Tell whether a decoder gets the same of a packet of the source and of the result."""
        if before == after:
            return True
        if self._in_annex_b:
            return self._units(_split(before)) == self._units(_unpacked(after, self._length_bytes))
        if self.codec == "aac" and not self.before:
            frame, setup = _adts(before)
            return frame == after and self.after[:2] == setup
        return False

    def changes(self, payload: bytes) -> bool:
        """Tell whether a packet of the source sets the decoder up otherwise than `before` does (Annex B alone)."""
        if not self._in_annex_b:
            return False
        known = {unit for unit in _split(self.before) if self._is_set(unit)}
        return any(self._is_set(unit) and unit not in known for unit in _split(payload))

    @property
    def _in_annex_b(self) -> bool:
        return self.codec in {"h264", "hevc"} and self.before[:1] != b"\x01"

    @property
    def _length_bytes(self) -> int:
        place = _AVCC_LENGTH_AT if self.codec == "h264" else _HVCC_LENGTH_AT
        return (self.after[place] & 3) + 1 if len(self.after) > place else 4

    @property
    def _sets(self) -> set[bytes]:
        return set(_avcc_sets(self.after) if self.codec == "h264" else _hvcc_sets(self.after))

    def _is_set(self, unit: bytes) -> bool:
        if self.codec == "h264":
            return unit[0] & 0x1F in _AVC_SETS
        return unit[0] >> 1 & 0x3F in _HEVC_SETS

    def _units(self, units: list[bytes]) -> list[bytes]:
        """Leave out parameter sets that the setup has: an `hvc1` may have them there alone."""
        sets = self._sets
        return [unit for unit in units if unit not in sets]


def kind_of(codec: str, payload: bytes) -> bytes:
    """Return what a packet's own head says of its stream that an MP4 says once for all, b"" where it says nothing.

    Of MPEG-2 pictures size, shape and rate (ISO 13818-2, 6.2.2.1), of sound the rate and the channels: AC-3 and E-AC-3
    (ETSI TS 102 366), MP2 and MP3 (ISO 11172-3, 2.4.1.3), AAC in ADTS.
    """
    if codec == "mpeg2video":
        return payload.partition(_SEQUENCE)[2][:4]
    if len(payload) < 7 or codec not in _HEADS:  # noqa: PLR2004 - the longest head
        return b""
    return bytes(byte & mask for byte, mask in zip(payload, _HEADS[codec], strict=False))


def _split(data: bytes) -> list[bytes]:
    """Return the units between start codes, without the zeros that may follow each."""
    parts = (part.rstrip(b"\0") for part in data.split(_START_CODE)[1:])
    return [part for part in parts if part]


def _unpacked(data: bytes, length_bytes: int) -> list[bytes]:
    """Return the units that stand behind their lengths; what is cut off counts as one that nothing is like."""
    found: list[bytes] = []
    place = 0
    while place < len(data):
        length = int.from_bytes(data[place : place + length_bytes], "big")
        place += length_bytes
        if place + length > len(data):
            return [*found, b""]
        unit = data[place : place + length].rstrip(b"\0")
        found += [unit] if unit else []
        place += length
    return found


def _adts(data: bytes) -> tuple[bytes, bytes]:
    """Return a frame without its head, and the setup that the head stands for; ("", "") for none of one frame."""
    if len(data) < 7 or int.from_bytes(data[:2], "big") >> 4 != _ADTS_SYNC:  # noqa: PLR2004 - the head's length
        return b"", b""
    profile, rate = (data[2] >> 6) + 1, data[2] >> 2 & 15
    channels = (data[2] & 1) << 2 | data[3] >> 6
    setup = (profile << 11 | rate << 7 | channels << 3).to_bytes(2, "big")
    return data[7 if data[1] & 1 else 9 :], setup


def _avcc_sets(raw: bytes) -> list[bytes]:
    """Return the parameter sets of an avcC (ISO 14496-15, 5.3.3.1.2)."""
    found: list[bytes] = []
    place = _AVCC_SETS_AT
    for mask in (0x1F, 0xFF):
        if place >= len(raw):
            break
        count, place = raw[place] & mask, place + 1
        place = _take(raw, place, count, found)
    return found


def _hvcc_sets(raw: bytes) -> list[bytes]:
    """Return the parameter sets of an hvcC (ISO 14496-15, 8.3.3.1.2)."""
    found: list[bytes] = []
    place = _HVCC_ARRAYS_AT + 1
    for _ in range(raw[_HVCC_ARRAYS_AT] if len(raw) > _HVCC_ARRAYS_AT else 0):
        if place + 3 > len(raw):
            break
        wanted = raw[place] & 0x3F in _HEVC_SETS
        units: list[bytes] = []
        place = _take(raw, place + 3, int.from_bytes(raw[place + 1 : place + 3], "big"), units)
        found += units if wanted else []
    return found


def _take(raw: bytes, place: int, count: int, found: list[bytes]) -> int:
    for _ in range(count):
        length = int.from_bytes(raw[place : place + 2], "big")
        found.append(raw[place + 2 : place + 2 + length])
        place += 2 + length
    return place


def without_completeness(raw: bytes) -> bytes:
    """Clear the bits by which an hvcC box says that no more parameter sets come (ISO 14496-15, 8.3.3.1.2)."""
    data, place = bytearray(raw), _HVCC_ARRAYS_AT + 1
    for _ in range(data[_HVCC_ARRAYS_AT] if len(data) > _HVCC_ARRAYS_AT else 0):
        if place + 3 > len(data):
            break
        data[place] &= 0x7F
        place = _take(bytes(data), place + 3, int.from_bytes(data[place + 1 : place + 3], "big"), [])
    return bytes(data)
