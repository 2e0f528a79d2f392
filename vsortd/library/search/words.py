"""Where in the library something is said, or is visible in the picture: by the words that the index keeps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.picture_text import TEXT_VERSION
from vsortd.analysis.spoken_words import WORDS_VERSION, lines_of
from vsortd.core.text import storable
from vsortd.core.word_match import WITHIN_S, SoughtWords, find_words, fold
from vsortd.index.kept_parts import kept_parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vsortd.core.word_match import TimedText
    from vsortd.index.extent import Extent
    from vsortd.index.store import Index
    from vsortd.index.video import IndexRow


class WordsKind(StrEnum):
    """What is looked through."""

    SAID = "said"
    TEXT = "text"


_PARTS: Final = {
    WordsKind.SAID: (AnalysisPart.WORDS, WORDS_VERSION),
    WordsKind.TEXT: (AnalysisPart.TEXT, TEXT_VERSION),
}


@dataclass(frozen=True, slots=True)
class WordHit:
    """Words in a video, from when to when (s), the text around them and where it is from; `copies` are its names."""

    file: Path
    begin_s: float
    end_s: float
    text: str
    source: str
    copies: tuple[Path, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as a document has it."""
        return {
            "file": storable(self.file),
            "begin_s": round(self.begin_s, 3),
            "end_s": round(self.end_s, 3),
            "text": self.text,
            "source": self.source,
            "copies": [storable(path) for path in self.copies],
        }


@dataclass(frozen=True, slots=True)
class WordSearch:
    """What was found: the first hits, how many there are beyond them, and what was looked through.

    `videos` have words of this kind, `silent` were looked at and have none, `unread` were not looked at for them,
    `gone` would have hits, but lie there no longer.
    """

    hits: tuple[WordHit, ...]
    more: int
    videos: int
    silent: int
    unread: int
    gone: int


def search_words(
    index: Index,
    sought: SoughtWords,
    kind: WordsKind,
    *,
    under: Extent,
    top: int,
    within_s: float = WITHIN_S,
    since_s: float | None = None,
) -> WordSearch:
    """Return where the words are, by the videos' paths and then in the order of time; at most `top` hits.

    `since_s` (Unix seconds) leaves out what was recorded before. Raises StoreError.
    """
    part, version = _PARTS[kind]
    hits: list[WordHit] = []
    more = videos = silent = unread = gone = 0
    for row, document in kept_parts(index, part.value, version, under=under):
        if since_s is not None and row.recorded_s < since_s:
            continue
        if document is None:
            unread += 1
            continue
        if not document.get("lines"):
            silent += 1
            continue
        videos += 1
        found = _hits_of(row, document, sought, within_s)
        if found and not row.identity.lies_at(row.path):
            gone += 1
            continue
        shown = found[: top - len(hits)]
        more += len(found) - len(shown)
        hits += shown
    return WordSearch(tuple(hits), more, videos, silent, unread, gone)


def _hits_of(row: IndexRow, document: Mapping[str, Any], sought: SoughtWords, within_s: float) -> list[WordHit]:
    lines = lines_of(document)
    if not _may_hold(sought, lines):
        return []
    hits: list[WordHit] = []
    for found in find_words(sought, lines, within_s=within_s):
        if hits and hits[-1].source != found.source and found.begin_s < hits[-1].end_s:
            continue  # the same moment, from another of the video's sources
        hits.append(WordHit(row.path, found.begin_s, found.end_s, found.text, found.source, row.others))
    return hits


def _may_hold(sought: SoughtWords, lines: Sequence[TimedText]) -> bool:
    """Tell quickly of most videos that they don't hold the words, before their texts are taken apart."""
    text = fold("\n".join(line.text for line in lines))
    return all(token in text for term in sought.terms for token in term.tokens)
