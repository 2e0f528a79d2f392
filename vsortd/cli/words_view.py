"""What is said in videos and visible in them, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vsortd.analysis.spoken_words import lines_of
from vsortd.core.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsortd.core.word_match import TimedText

    Document = dict[str, Any]

_MOST_LINES: Final = 20  # shown; --json has all


def words_lines(words: Document) -> Iterator[tuple[str, str]]:
    """Yield what is told of the words of a video, a line and its style each."""
    if not words["sources"]:
        yield "words: there are no subtitles, neither in it nor beside it", "dim"
    for source in words["sources"]:
        if "error" in source:
            yield f"words of {source['source']}: {source['error']}", "yellow"
            continue
        skipped = f", {source['skipped']} that can't be read" if source["skipped"] else ""
        yield f"words of {source['source']}: {counted(source['lines'], 'line')}{skipped}", ""
    yield from _spans(lines_of(words))


def text_lines(text: Document) -> Iterator[tuple[str, str]]:
    """Yield what is told of the text in a video's pictures, a line and its style each."""
    lines, pictures = counted(len(text["lines"]), "line"), counted(text["pictures"], "picture")
    yield f"text in the picture: {lines} in {pictures}", ""
    yield from _spans(lines_of(text))


def _spans(lines: Sequence[TimedText]) -> Iterator[tuple[str, str]]:
    for line in lines[:_MOST_LINES]:
        yield f"  {line.begin_s:8.2f} to {line.end_s:.2f} s  {line.text}", "dim"
    if len(lines) > _MOST_LINES:
        yield f"  and {len(lines) - _MOST_LINES} more: --json", "dim"
