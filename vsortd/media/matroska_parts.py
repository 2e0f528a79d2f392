"""What a Matroska or WebM file holds that libav passes over, or that an MP4 has no place for. Worker processes only.

What is known to be kept, or to be of no worth to a viewer, is listed; all else is told (RFC 9559).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vsortd.core.ebml import CutElementError, element_at, elements_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.core.byte_reader import ByteReader
    from vsortd.core.ebml import EbmlElement

_MAX_ELEMENTS: Final = 1_000_000
_MAX_VALUE_BYTES: Final = 8

_EBML, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
_FILLERS: Final = frozenset({0xEC, 0xBF})
_INFO, _TRACKS, _CHAPTERS, _TAGS = 0x1549A966, 0x1654AE6B, 0x1043A770, 0x1254C367
_TRACK, _VIDEO, _COLOUR = 0xAE, 0xE0, 0x55B0
_EDITION, _ATOM, _DISPLAY = 0x45B9, 0xB6, 0x80
_TAG, _SIMPLE_TAG = 0x7373, 0x67C8
# By the element that holds them: those that libav reads and an MP4 keeps, or that are worth nothing to a viewer, such
# as sizes, identifiers and the program that wrote the file.
_KEPT: Final[dict[int, frozenset[int]]] = {
    # SeekHead, Info, Tracks, Cluster and what it consists of, Cues, Attachments (told by their names), Tags, Chapters
    _SEGMENT: frozenset(
        {0x114D9B74, _INFO, _TRACKS, _CLUSTER, 0xE7, 0xA3, 0xA0, 0xAB, 0xA7, 0x1C53BB6B, 0x1941A469, _TAGS, _CHAPTERS}
    ),
    # TimestampScale, Duration, DateUTC, Title, MuxingApp, WritingApp, SegmentUUID
    _INFO: frozenset({0x2AD7B1, 0x4489, 0x4461, 0x7BA9, 0x4D80, 0x5741, 0x73A4}),
    _TRACKS: frozenset({_TRACK}),
    # number, UID and type; default, forced and the other flags; lacing and caches; durations; name and languages;
    # codec, its setup and name; delay and preroll; video, audio; compression
    _TRACK: frozenset(
        {
            *(0xD7, 0x73C5, 0x83, 0x88, 0x55AA, 0x55AB, 0x55AC, 0x55AD, 0x55AE, 0x55AF, 0x9C, 0x6DE7, 0x6DF8, 0x55EE),
            *(0x23E383, 0x234E7A, 0x536E, 0x22B59C, 0x22B59D, 0x86, 0x63A2, 0x258688, 0x56AA, 0x56BB),
            *(_VIDEO, 0xE1, 0x6D80, 0x7446),
        }
    ),
    # interlacing, sizes, colours
    _VIDEO: frozenset({0x9A, 0x9D, 0xB0, 0xBA, 0x54B0, 0x54BA, 0x54B2, _COLOUR}),
    # matrix, bits, subsampling and siting, range, transfer, primaries
    _COLOUR: frozenset({0x55B1, 0x55B2, 0x55B3, 0x55B4, 0x55B5, 0x55B6, 0x55B7, 0x55B8, 0x55B9, 0x55BA, 0x55BB}),
    _CHAPTERS: frozenset({_EDITION}),
    _EDITION: frozenset({0x45BC, 0x45DB, _ATOM}),
    _ATOM: frozenset({0x73C4, 0x5654, 0x91, 0x92, _DISPLAY}),
    _DISPLAY: frozenset({0x85, 0x437C, 0x437D, 0x437E}),
    _TAGS: frozenset({_TAG}),
    _TAG: frozenset({0x63C0, _SIMPLE_TAG}),
    _SIMPLE_TAG: frozenset({0x45A3, 0x447A, 0x447B, 0x4484, 0x4487, _SIMPLE_TAG}),
}
# Elements that are worth nothing while they have this value.
_NEUTRAL: Final = {0xB9: 1, 0x45BD: 0, 0x45DD: 0, 0x98: 0, 0x4598: 1, 0x53B8: 0, 0x53C0: 0, 0x55BC: 0, 0x55BD: 0}
_FACTOR: Final = 0x23314F
_FLOAT_BYTES: Final = 8  # at most
_CODEC_ID: Final = 0x86
# Codecs described as in AVI and Windows Media, whose times are those of decoding.
_AS_IN_AVI: Final = (b"V_MS/VFW", b"A_MS/ACM")
_ONCE: Final = {_EDITION: "several editions of its chapters", _DISPLAY: "chapter names in several languages"}
_CROPPING, _HDR = "cropping", "HDR mastering data"
_WORDS: Final = {
    **dict.fromkeys((0x3CB923, 0x3EB923, 0x3C83AB, 0x3E83BB, 0x4444, 0x6924, 0x6E67, 0x6EBC), "linked segments"),
    **dict.fromkeys((0x54AA, 0x54BB, 0x54CC, 0x54DD), _CROPPING),
    **dict.fromkeys((0x55D0, 0x55BC, 0x55BD), _HDR),
    0xB9: "a track that is switched off",
    _FACTOR: "a track with a speed of its own",
    0x53B8: "a stereoscopic picture",
    0x53C0: "transparency",
    0x7670: "a projection",
    0x41E4: "additions to its frames",
    0xE2: "joined tracks",
    0x45BD: "hidden chapters",
    0x98: "hidden chapters",
    0x4598: "chapters that are switched off",
    0x45DD: "chapters in an order of their own",
    0x6944: "menus",
    _ATOM: "chapters within chapters",
    0x4485: "tags that are no text",
}


class _Walk:
    """One walk through a file's elements, and what it has told."""

    def __init__(self, reader: ByteReader) -> None:
        self._reader = reader
        self._left = _MAX_ELEMENTS

    def file(self) -> Iterator[str]:
        segments = 0
        for element in elements_in(self._reader, 0, self._reader.size_bytes):
            if element.kind == _SEGMENT:
                segments += 1
                yield from self._segment(element)
            elif element.kind != _EBML and element.kind not in _FILLERS:
                yield "what lies behind its end"
        if segments > 1:
            yield "several segments"

    def _segment(self, segment: EbmlElement) -> Iterator[str]:
        """Walk a segment; clusters without a size, as programs write them while they record, are entered."""
        end = self._reader.size_bytes if segment.end is None else segment.end
        position = segment.payload
        while position < end:
            element = element_at(self._reader, position)
            if element is None or not self._left:
                raise CutElementError
            self._left -= 1
            yield from self._one(element, _SEGMENT)
            position = element.payload if element.end is None else element.end

    def _one(self, element: EbmlElement, parent: int) -> Iterator[str]:
        kind = element.kind
        if kind in _FILLERS or element.end is None:
            return
        if kind in _NEUTRAL:
            if self._number(element) != _NEUTRAL[kind]:
                yield _WORDS[kind]
        elif kind == _FACTOR:
            if self._reader.upto(element.payload, min(element.end - element.payload, _FLOAT_BYTES + 1)) not in _ONES:
                yield _WORDS[kind]
        elif kind == _CODEC_ID:
            name = self._reader.upto(element.payload, min(element.end - element.payload, 32))
            if name.startswith(_AS_IN_AVI):
                yield f"a codec described as in AVI ({name.decode('latin-1')!a})"
        elif kind not in _KEPT[parent] or (kind == parent == _ATOM):
            yield _WORDS.get(kind, f"Matroska element 0x{kind:X}")
        elif kind in _KEPT and kind != _CLUSTER:
            yield from self._inside(element)

    def _inside(self, parent: EbmlElement) -> Iterator[str]:
        assert parent.end is not None
        seen: set[int] = set()
        for element in elements_in(self._reader, parent.payload, parent.end):
            self._left -= 1
            if self._left < 0 or element.end is None:
                raise CutElementError
            if element.kind in _ONCE and element.kind in seen:
                yield _ONCE[element.kind]
            seen.add(element.kind)
            yield from self._one(element, parent.kind)

    def _number(self, element: EbmlElement) -> int:
        assert element.end is not None
        length = min(element.end - element.payload, _MAX_VALUE_BYTES)
        return int.from_bytes(self._reader.upto(element.payload, length), "big")


_ONES: Final = (bytes.fromhex("3f800000"), bytes.fromhex("3ff0000000000000"), b"")
"""The number 1 as a float of four or eight bytes; nothing stands for the default, 1."""


def matroska_parts(reader: ByteReader) -> list[str]:
    """Name what would be lost, in words, each once. Raises ShrunkError and OSError as its reader does."""
    found: dict[str, None] = {}
    try:
        for told in _Walk(reader).file():
            found[told] = None
    except CutElementError:
        found["parts that can't be read"] = None
    return list(found)
