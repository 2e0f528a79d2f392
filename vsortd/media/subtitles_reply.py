"""A video's subtitles on their way from the worker: counts in the header, times and texts in the blob.

Nothing is believed unchecked, see `protocol`. The blob holds for each line its begin and its end (int64, ms), for all
lines of all tracks, then all texts in UTF-8 with a line feed between them. Import-light.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.core.word_match import TimedText
from vsortd.media.protocol import MAX_STREAMS, ProtocolError, cleaned, counted, only_keys, typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.media.protocol import Blob, Message

MAX_LINES: Final = 20_000
"""Of one track: three hours of speech have about 3,000."""
LONGEST_LINE: Final = 1000
MAX_TRACKS: Final = 32
MAX_REPLY_BYTES: Final = 16 << 20
_LAST_MS: Final = 10_000 * 3_600_000
_TIME_BYTES: Final = 8
_MAX_LANGUAGE: Final = 16
_MAX_TITLE: Final = 80


@dataclass(frozen=True, slots=True)
class SubtitleTrack:
    """One track's lines in the order of time; `index` is its stream, -1 for a file of its own.

    `skipped` entries could not be read. `language` is as the file says, "" where it doesn't.
    """

    index: int
    language: str
    title: str
    lines: tuple[TimedText, ...]
    skipped: int


def subtitles_to_reply(tracks: Sequence[SubtitleTrack]) -> tuple[Message, Blob]:
    """Return the tracks as a reply; those that don't fit into `MAX_REPLY_BYTES` are left out."""
    headers: list[Message] = []
    times: list[int] = []
    texts: list[bytes] = []
    size = 0
    for track in tracks[:MAX_TRACKS]:
        own = [line.text.encode("utf-8", "replace") for line in track.lines]
        size += sum(map(len, own)) + len(own) * (2 * _TIME_BYTES + 1)
        if size > MAX_REPLY_BYTES:
            break
        headers.append(
            {
                "index": track.index,
                "language": track.language,
                "title": track.title,
                "lines": len(own),
                "skipped": track.skipped,
            }
        )
        times += [_milliseconds(moment) for line in track.lines for moment in (line.begin_s, line.end_s)]
        texts += own
    return {"tracks": headers}, np.array(times, "<i8").tobytes() + b"\n".join(texts)


def subtitles_from_reply(header: Message, blob: Blob) -> tuple[SubtitleTrack, ...]:
    """Check the answer to a request for subtitles. Raises ProtocolError."""
    only_keys(header, {"tracks"})
    raw = typed(header, "tracks", list)
    if len(raw) > MAX_TRACKS:
        raise ProtocolError("too many tracks of subtitles")
    heads = [_checked_head(one) for one in raw]
    lines = _lines(blob, sum(head["lines"] for head in heads))
    tracks, begin = [], 0
    for head in heads:
        own = lines[begin : begin + head["lines"]]
        begin += head["lines"]
        if any(later.begin_s < earlier.begin_s for earlier, later in pairwise(own)):
            raise ProtocolError("subtitles out of order")
        tracks.append(SubtitleTrack(head["index"], head["language"], head["title"], tuple(own), head["skipped"]))
    return tuple(tracks)


def _checked_head(raw: object) -> Message:
    if not isinstance(raw, dict):
        raise ProtocolError("no track of subtitles")
    only_keys(raw, {"index", "language", "title", "lines", "skipped"})
    if not -1 <= typed(raw, "index", int) < MAX_STREAMS or counted(raw, "lines") > MAX_LINES:
        raise ProtocolError("an odd track of subtitles")
    counted(raw, "skipped")
    told = {"language": cleaned(typed(raw, "language", str), _MAX_LANGUAGE)}
    return {**raw, **told, "title": cleaned(typed(raw, "title", str), _MAX_TITLE)}


def _lines(blob: Blob, count: int) -> list[TimedText]:
    size = 2 * count * _TIME_BYTES
    if len(blob) < size:
        raise ProtocolError("subtitles of the wrong size")
    times = np.frombuffer(memoryview(blob)[:size], "<i8").reshape(-1, 2)
    if count and (int(times.min()) < 0 or int(times.max()) > _LAST_MS or bool((times[:, 1] < times[:, 0]).any())):
        raise ProtocolError("subtitles at impossible times")
    try:
        texts = bytes(memoryview(blob)[size:]).decode("utf-8").split("\n") if count else []
    except UnicodeDecodeError as error:
        raise ProtocolError("subtitles that are no text") from error
    if len(texts) != count or (not count and len(blob)):
        raise ProtocolError("subtitles of another number")
    return [
        TimedText(int(begin) / 1000, int(end) / 1000, cleaned(text, LONGEST_LINE))
        for (begin, end), text in zip(times.tolist(), texts, strict=True)
    ]


def _milliseconds(seconds: float) -> int:
    return min(max(0, round(seconds * 1000)), _LAST_MS)
