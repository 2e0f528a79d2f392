"""Subtitles as text with times: SubRip, WebVTT and SubStation, as people's tools write them. Worker processes only.

Nothing of a file is believed: it is bounded, an entry that can't be read is left out and counted, and what tells of
colours, places and styles is dropped. Formats: Matroska's description of SubRip, W3C's WebVTT, SubStation Alpha v4+.
"""

from __future__ import annotations

import codecs
import html
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from vsortd.core.word_match import TimedText
from vsortd.errors import LimitError
from vsortd.media.given_files import GIVEN_FILES
from vsortd.media.subtitles_reply import LONGEST_LINE, MAX_LINES, SubtitleTrack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# A film of three hours has about 150 kB; those with a style for each syllable ten times as much.
MAX_FILE_BYTES: Final = 16 << 20
SUBSTATION: Final = frozenset({"ass", "ssa"})

_CLOCK: Final = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?"
_TIMING: Final = re.compile(rf"\s*{_CLOCK}\s*-->\s*{_CLOCK}(?:\s.*)?", re.DOTALL)
_MOMENT: Final = re.compile(rf"\s*{_CLOCK}\s*")
_EVENT: Final = re.compile(r"Dialogue:", re.IGNORECASE)
_EVENT_FIELDS: Final = 9  # before the text, which may hold commas
_TAG: Final = re.compile(r"<[^<>]{0,200}>")
_OVERRIDE: Final = re.compile(r"\{\\[^{}]{0,1000}\}")  # SubStation's; players let them stand in SubRip, too
_BREAK: Final = re.compile(r"\\[Nnh]")
_SPACES: Final = re.compile(r"\s+")
_AT_ONCE_S: Final = 0.1  # rolling captions say each line again, that much later at most
_UTF16: Final = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True, slots=True)
class ReadLines:
    """What was read of subtitles: their lines in the order of time, and how many entries could not be read."""

    lines: tuple[TimedText, ...]
    skipped: int


def read_subtitle_file(path: str, form: str) -> SubtitleTrack:
    """Return the lines of a subtitle file that came with the request; `form` is its ending, without a dot.

    Raises ChangedError if it is gone, LimitError if it has more than `MAX_FILE_BYTES`.
    """
    with GIVEN_FILES.open(path) as file:
        pieces, size = [], 0
        while piece := file.read(MAX_FILE_BYTES + 1 - size):
            pieces.append(piece)
            size += len(piece)
            if size > MAX_FILE_BYTES:
                raise LimitError(f"the subtitles have more than {MAX_FILE_BYTES >> 20} MiB")
    read = read_subtitles(b"".join(pieces), form)
    return SubtitleTrack(-1, "", "", read.lines, read.skipped)


def read_subtitles(data: bytes, form: str) -> ReadLines:
    """Return the lines of subtitles; of more than `MAX_LINES` the first ones. Of what is none, nothing."""
    text = decoded(data).replace("\0", "")
    entries = _events(text) if form in SUBSTATION else _cues(text)
    return without_repeats(entries)


def decoded(data: bytes) -> str:
    """Return a text of unknown encoding: by its mark, as UTF-16 without one, as UTF-8, else as Windows-1252."""
    for mark, encoding in _UTF16:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    head = data[:1024]
    for place, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(head) > 3 and head[place::2].count(0) > len(head) * 2 // 5:  # noqa: PLR2004 - two letters of Latin script
            return data.decode(encoding, "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def plain_text(raw: str) -> str:
    """Return what is read aloud of an entry, its lines one below the other: no tags, no styles, no empty line."""
    text = _BREAK.sub("\n", _OVERRIDE.sub("", raw))
    lines = (_plain_line(line) for line in html.unescape(_TAG.sub("", text)).splitlines())
    return "\n".join(filter(None, lines))


def _plain_line(line: str) -> str:
    letters = "".join(letter if letter.isprintable() else " " for letter in line)
    return _SPACES.sub(" ", letters).strip()


def without_repeats(entries: Iterator[TimedText | None]) -> ReadLines:
    """Return entries in the order of time without those that say nothing; None counts as one that can't be read.

    Rolling captions (YouTube's) show each line once more above the next one: it is said once.
    """
    found: list[TimedText] = []
    skipped = 0
    for entry in entries:
        if entry is None:
            skipped += 1
        elif entry.text and len(found) < MAX_LINES:
            found.append(entry)
    found.sort(key=lambda line: (line.begin_s, line.end_s))
    kept: list[TimedText] = []
    shown = ""
    for entry in found:
        lines = entry.text.split("\n")
        again = kept and lines[0] == shown and entry.begin_s - kept[-1].end_s <= _AT_ONCE_S
        shown = lines[-1]
        text = " ".join(lines[1:] if again else lines)[:LONGEST_LINE].rstrip()
        if text:
            kept.append(TimedText(entry.begin_s, entry.end_s, text))
        else:
            kept[-1] = replace(kept[-1], end_s=max(kept[-1].end_s, entry.end_s))
    return ReadLines(tuple(kept), skipped)


def _cues(text: str) -> Iterator[TimedText | None]:
    """Yield the entries of SubRip and WebVTT: a line of times, then text up to an empty line.

    What else there is (numbers, NOTE, STYLE, the header) has no times. A file that lacks the empty lines is read, too.
    """
    times: tuple[float, float] | None = None
    said: list[str] = []
    for line in (*text.splitlines(), ""):
        timing = _TIMING.fullmatch(line) if "-->" in line else None
        ends = not line.strip()
        if timing is None and "-->" in line:
            yield None
        if times is not None and (ends or "-->" in line):
            if not ends and said and said[-1].strip().isdigit():
                said.pop()  # the number of the entry that begins here
            yield _entry(times, "\n".join(said))
            times = None
        if timing is not None:
            begin, end = _seconds(timing.groups()[:4]), _seconds(timing.groups()[4:])
            times, said = (begin, end), []
        elif times is not None:
            said.append(line)


def _events(text: str) -> Iterator[TimedText | None]:
    """Yield the entries of SubStation's scripts, one a line."""
    for line in text.splitlines():
        if _EVENT.match(line) is not None:
            yield _event(line.partition(":")[2].split(",", _EVENT_FIELDS))


def _event(fields: Sequence[str]) -> TimedText | None:
    if len(fields) <= _EVENT_FIELDS:
        return None
    begin, end = (_MOMENT.fullmatch(field) for field in fields[1:3])
    if begin is None or end is None:
        return None
    return _entry((_seconds(begin.groups()), _seconds(end.groups())), fields[-1])


def _entry(times: tuple[float, float], raw: str) -> TimedText | None:
    begin_s, end_s = times
    return TimedText(begin_s, end_s, plain_text(raw)) if begin_s <= end_s else None


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = parts
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return whole + (int(fraction) / 10 ** len(fraction) if fraction else 0.0)
