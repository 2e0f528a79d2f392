r"""The spans of a timeline as chapters, for players: ffmetadata and WebVTT. Pure.

Chapters of one file must not overlap (MP4 keeps only where each begins), so the video is cut at every edge of every
span: each piece is named by all that it shows. In ffmetadata what shows nothing of it is a chapter as well, else
players would let the one before go on; WebVTT simply has no cue there.

Sources: ffmpeg's documentation, "Metadata" (`=`, `;`, `#`, `\` and newline are escaped with a backslash); WebVTT
(W3C), 4.1: cue text has `&`, `<` and `>` escaped and no empty line, and so never holds `-->`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from vsortd.core.text import printable
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.library.timeline.spans import Found

ENDINGS: Final = (".ffmeta", ".txt", ".vtt")
NOTHING: Final = "(other)"
"""The name of a chapter that shows none of the prompts."""

# Both begin with what their format wants and our own comment: such a file may be written anew, any other is somebody's.
_FFMETA_HEAD: Final = ";FFMETADATA1\n; made by vsortd timeline\n"
_VTT_HEAD: Final = "WEBVTT - made by vsortd timeline\n"
# A piece shorter than this belongs to the one before it: edges of two prompts at one cut may differ by a frame or two.
_LEAST_MS: Final = 500


@dataclass(frozen=True, slots=True)
class Chapter:
    """A piece of the video, whole milliseconds, with the prompts that it shows."""

    begin_ms: int
    end_ms: int
    prompts: tuple[str, ...]

    @property
    def title(self) -> str:
        """Its name."""
        return ", ".join(printable(" ".join(prompt.split())) for prompt in self.prompts) or NOTHING


def chapters_of(found: Sequence[Found], duration_s: float) -> list[Chapter]:
    """Cut the video, from 0 to its end, into pieces by what they show; neighbours show different things."""
    end_ms = round(duration_s * 1000)
    cuts = {0, end_ms}
    for one in found:
        cuts.update(min(end_ms, round(edge)) for span in one.spans for edge in (span.begin_ms, span.end_ms))
    chapters: list[Chapter] = []
    for begin, end in pairwise(sorted(cuts)):
        middle = (begin + end) / 2
        shown = tuple(one.prompt for one in found if any(span.begin_ms < middle < span.end_ms for span in one.spans))
        if chapters and (chapters[-1].prompts == shown or end - begin < _LEAST_MS):
            chapters[-1] = replace(chapters[-1], end_ms=end)
        else:
            chapters.append(Chapter(begin, end, shown))
    if len(chapters) > 1 and chapters[0].end_ms < _LEAST_MS:
        chapters[:2] = [replace(chapters[1], begin_ms=0)]
    return chapters


def ffmetadata(chapters: Sequence[Chapter]) -> str:
    """Return the chapters as ffmpeg reads them with `-i chapters.ffmeta -map_chapters 1`."""
    parts = [
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={one.begin_ms}\nEND={one.end_ms}\ntitle={_escaped_for_ffmpeg(one.title)}\n"
        for one in chapters
    ]
    return _FFMETA_HEAD + "".join(parts)


def webvtt(chapters: Sequence[Chapter]) -> str:
    """Return the chapters that show something as a WebVTT file of kind `chapters`."""
    cues = [
        f"\n{number}\n{_vtt_time(one.begin_ms)} --> {_vtt_time(one.end_ms)}\n{_escaped_for_vtt(one.title)}\n"
        for number, one in enumerate((one for one in chapters if one.prompts), 1)
    ]
    return _VTT_HEAD + "".join(cues)


def write_chapters(path: Path, chapters: Sequence[Chapter]) -> None:
    """Write ffmetadata or, to a .vtt file, WebVTT. Raises UsageError where that can't be done; see `insist_on_ours`."""
    insist_on_ours(path)
    text = webvtt(chapters) if path.suffix.lower() == ".vtt" else ffmetadata(chapters)
    try:
        path.write_bytes(text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UsageError(f"Can't write {path}: {error.strerror or error}.", paths=[path]) from error


def insist_on_ours(path: Path) -> None:
    """Refuse to replace a file that this command has not made: a text, or somebody's subtitles. Raises UsageError."""
    heads = (_FFMETA_HEAD.encode(), _VTT_HEAD.encode())
    try:
        with path.open("rb") as file:
            begin = file.read(max(map(len, heads)))
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"Can't write {path}: {error.strerror or error}.", paths=[path]) from error
    if begin and not begin.startswith(heads):
        raise UsageError(
            f"{path} is there already, and vsortd did not make it.",
            remedy="Name another file: this one is not overwritten.",
            paths=[path],
        )


def _escaped_for_ffmpeg(text: str) -> str:
    escaped = "".join(f"\\{char}" if char in "=;#\\\n" else char for char in text)
    # ffmpeg's reader (8.1 still) takes a backslash at the end for the escape of the newline, even an escaped one
    return f"{escaped} " if escaped.endswith("\\") else escaped


def _escaped_for_vtt(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _vtt_time(time_ms: int) -> str:
    seconds, millis = divmod(time_ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{millis:03d}"
