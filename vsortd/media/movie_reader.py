"""Reading what a viewer gets of a movie from its header, see `movie_facts`. Worker processes only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.core.byte_reader import ShrunkError
from vsortd.core.isobmff import VISUAL_ENTRY_BYTES, BoxReader, IsoBox, is_kind
from vsortd.errors import BrokenError, ChangedError
from vsortd.media.boxes import track_id
from vsortd.media.kept_tags import KIND_TAGS
from vsortd.media.movie_facts import MovieFacts, TrackFacts
from vsortd.media.track_headers import header_of
from vsortd.media.track_timing import scale_and_length, timing_of
from vsortd.media.user_data import keyed_tags, unread_user_data

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.stream import Stream

    from vsortd.media.container import OpenVideo

# What says how pictures are to be shown: Dolby Vision, the second view of spatial video and its geometry, the light
# that they were graded in, cropping, HDR's mastering.
_SHOWING = {
    b"dvcC": "dvcC",
    b"dvvC": "dvvC",
    b"dvwC": "dvwC",
    b"lhvC": "lhvC",
    b"vexu": "vexu",
    b"hfov": "hfov",
    b"amve": "amve",
    b"clap": "clap",
    b"mdcv": "mdcv",
    b"clli": "clli",
}
# Boxes that make up a movie, are filler, or a preview of QuickTime's of old.
_OF_A_MOVIE = frozenset(
    {
        b"ftyp",
        b"styp",
        b"moov",
        b"mdat",
        b"moof",
        b"mfra",
        b"sidx",
        b"free",
        b"skip",
        b"wide",
        b"junk",
        b"pnot",
        b"PICT",
    }
)
_MAX_REST_BYTES = 65_536
_MAX_BOX_BYTES = 65_536
_MAX_BOX_DEPTH = 6
_UNSPECIFIED = (0, 2)  # colours of ITU-T H.273 that say nothing
_PIXEL = 1.5  # sizes in whole pixels and in 1/65536 of one
_MAX_TAG_LENGTH = 4096
# Tags of the file's kind, and of the program that wrote the file: not of what is in it.
_CONTAINER_TAGS = {*KIND_TAGS, "encoder"}


def read_movie(video: OpenVideo) -> MovieFacts:
    """Return what the header of an open video says. Raises BrokenError, or ChangedError if the file got shorter."""
    before = video.file.tell()
    try:
        return _read(video, BoxReader(video.file, video.size_bytes))
    except ShrunkError as error:
        raise ChangedError("the file became shorter while it was looked at") from error
    finally:
        video.file.seek(before)


def _read(video: OpenVideo, reader: BoxReader) -> MovieFacts:
    top = list(reader.boxes())
    moov = next((box for box in top if box.kind == b"moov"), None)
    mvhd = None if moov is None else next(reader.find(moov, b"mvhd"), None)
    if moov is None or mvhd is None:
        raise BrokenError("the header (moov) can't be read")
    scale, _ = scale_and_length(reader, mvhd)
    streams = {stream.id: stream for stream in video.container.streams}
    tracks, chapters = [], []
    for trak in reader.find(moov, b"trak"):
        tracks.append(_track(reader, trak, streams.get(track_id(reader, trak)), scale))
        chapters += _references(reader, trak, b"chap")
    tags = {key: value for key, value in video.container.metadata.items() if key not in _CONTAINER_TAGS}
    return MovieFacts(
        tracks=tuple(tracks),
        tags={key[:_MAX_TAG_LENGTH]: value[:_MAX_TAG_LENGTH] for key, value in tags.items()},
        chapters=tuple(chapters_of(video)),
        chapter_tracks=tuple(streams[number].index for number in chapters if number in streams),
        unread=(*unread_user_data(reader, moov, tags), *_beside(reader, top)),
        rate=_rate(reader, mvhd),
        fragmented=video.layout.fragmented,
    )


def _beside(reader: BoxReader, top: list[IsoBox]) -> Iterator[str]:
    """Yield what lies beside a movie in its file and isn't part of it: XMP, a camera's trailer."""
    end = 0
    for box in top:
        if not is_kind(box.kind) or (box.missing and box.kind not in _OF_A_MOVIE):
            break  # no box, but bytes that look like the head of one
        end = box.end
        if box.kind not in _OF_A_MOVIE:
            yield box.kind.decode("latin-1")
    rest = reader.read(end, min(reader.size_bytes - end, _MAX_REST_BYTES))
    if rest.strip(b"\0\r\n\t "):
        yield f"{reader.size_bytes - end} bytes behind its end"


def _track(reader: BoxReader, trak: IsoBox, stream: Stream | None, movie_scale: int) -> TrackFacts:
    handler = _handler(reader, trak)
    header = header_of(reader, trak)
    entries = [entry for stsd in _stsd(reader, trak) for entry in reader.children(stsd)]
    pictures = handler == "vide"
    timing = timing_of(reader, trak, movie_scale, pictures=pictures)
    width, height, enabled, matrix = _track_header(reader, trak)
    boxes = _showing(reader, entries[0]) if pictures and entries else {}
    boxes |= _aperture(reader, trak, width, height)
    return TrackFacts(
        index=-1 if stream is None else stream.index,
        handler=handler,
        codec_tag=header.codec_tag,
        entries=len(entries),
        boxes=boxes,
        samples=timing.samples,
        ticks=timing.ticks,
        edits=timing.edits,
        paced=timing.paced,
        hidden=timing.hidden,
        hidden_s=timing.hidden_s,
        start_s=timing.start_s,
        shown_s=timing.shown_s,
        last_s=timing.last_s,
        enabled=enabled,
        matrix=matrix,
        aspect=width / height if height else 0.0,
        keys=header.metadata_keys,
        timecode=_timecode(reader, entries, stream),
        own_tags=keyed_tags(reader, trak),
        unread=tuple(unread_user_data(reader, trak, {} if stream is None else stream.metadata)) if pictures else (),
    )


def _stsd(reader: BoxReader, trak: IsoBox) -> list[IsoBox]:
    return list(reader.find(trak, b"mdia", b"minf", b"stbl", b"stsd"))


def _handler(reader: BoxReader, trak: IsoBox) -> str:
    for hdlr in reader.find(trak, b"mdia", b"hdlr"):
        return reader.payload(hdlr, 4, 8).decode("latin-1")
    return ""


def _references(reader: BoxReader, trak: IsoBox, kind: bytes) -> list[int]:
    """Return the ids of the tracks that a track refers to in one way."""
    found = []
    for box in reader.find(trak, b"tref", kind):
        raw = reader.payload(box, min(box.end - box.payload, 4096))
        found += [int.from_bytes(raw[place : place + 4], "big") for place in range(0, len(raw) - 3, 4)]
    return found


def chapters_of(video: OpenVideo) -> list[str]:
    """Return begin and end, milliseconds, and the title of each chapter, as comparable text."""
    found = []
    for chapter in video.container.chapters():
        base = float(chapter["time_base"] or 0)
        title = chapter["metadata"].get("title", "")
        found.append(f"{chapter['start'] * base * 1000:.0f} {chapter['end'] * base * 1000:.0f} {title}")
    return found


def _rate(reader: BoxReader, mvhd: IsoBox) -> float:
    at = 28 if reader.payload(mvhd, 1) == b"\x01" else 20
    return int.from_bytes(reader.payload(mvhd, 4, at), "big", signed=True) / 65536 or 1.0


def _track_header(reader: BoxReader, trak: IsoBox) -> tuple[float, float, bool, str]:
    """Return width and height in pixels, whether the track is on, and how it is turned."""
    for tkhd in reader.find(trak, b"tkhd"):
        raw = reader.payload(tkhd, 96)
        matrix_at = 52 if raw[:1] == b"\x01" else 40
        if len(raw) < matrix_at + 44:
            break
        whole = [int.from_bytes(raw[at : at + 4], "big", signed=True) for at in range(matrix_at, matrix_at + 44, 4)]
        turn = [whole[place] / 65536 for place in (0, 1, 3, 4)]
        turned = "" if turn == [1.0, 0.0, 0.0, 1.0] else " ".join(f"{value:.3f}" for value in turn)
        return whole[9] / 65536, whole[10] / 65536, bool(raw[3] & 1), turned
    return 0.0, 0.0, True, ""


def _showing(reader: BoxReader, entry: IsoBox) -> dict[str, str]:
    """Return what a sample entry says about showing its pictures; where the texts are equal, so is what is seen."""
    found = {}
    for box in reader.children(entry, VISUAL_ENTRY_BYTES):
        raw = reader.payload(box, min(box.end - box.payload, _MAX_BOX_BYTES))
        numbers = [int.from_bytes(raw[at : at + 2], "big") for at in range(4, len(raw) - 1, 2)]
        if box.kind in _SHOWING:
            found[_SHOWING[box.kind]] = _canonical(raw) if box.kind == b"vexu" else raw.hex()
        elif box.kind == b"pasp" and len(raw) == 8 and raw[:4] != raw[4:]:  # noqa: PLR2004 - two numbers
            across, down = int.from_bytes(raw[:4], "big"), int.from_bytes(raw[4:], "big")
            found["pasp"] = f"{across / down:.4f}" if down else ""
        elif box.kind == b"colr" and raw[:4] in {b"nclc", b"nclx"}:
            if any(number not in _UNSPECIFIED for number in numbers[:3]):
                found["colr"] = " ".join(str(number) for number in numbers[:3])
        elif box.kind == b"colr":
            found["colr"] = raw.hex()
    return found


def _canonical(raw: bytes, depth: int = 0) -> str:
    """Return boxes in boxes as text that doesn't depend on their order."""
    reader = BoxReader(raw, len(raw))
    inside = list(reader.boxes())
    whole = bool(inside) and inside[-1].end == len(raw) and not any(box.missing for box in inside)
    if depth > _MAX_BOX_DEPTH or not whole or not all(is_kind(box.kind) for box in inside):
        return raw.hex()
    texts = [f"{box.kind.decode('latin-1')}({_canonical(raw[box.payload : box.end], depth + 1)})" for box in inside]
    return " ".join(sorted(texts))


def _aperture(reader: BoxReader, trak: IsoBox, width: float, height: float) -> dict[str, str]:
    """Return the clean aperture that QuickTime shows a track in, where it is another size than the track's own."""
    for clef in reader.find(trak, b"tapt", b"clef"):
        raw = reader.payload(clef, 8, 4)
        sides = [int.from_bytes(raw[at : at + 4], "big") / 65536 for at in (0, 4)]
        if abs(sides[0] - width) > _PIXEL or abs(sides[1] - height) > _PIXEL:
            return {"tapt": f"{sides[0]:.0f}x{sides[1]:.0f}"}
    return {}


def _timecode(reader: BoxReader, entries: list[IsoBox], stream: Stream | None) -> str:
    """Return where a timecode track begins and how it counts, "" for any other track."""
    if not entries or entries[0].kind != b"tmcd" or stream is None:
        return ""
    raw = reader.payload(entries[0], 17, 12)
    flags, scale, length = (int.from_bytes(raw[at : at + 4], "big") for at in (0, 4, 8))
    rate = scale / length if length else 0.0
    return f"{stream.metadata.get('timecode', '')} {rate:.3f} {raw[12:13].hex()} {flags & 0xF:x}"
