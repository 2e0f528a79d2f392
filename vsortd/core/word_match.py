"""Finding words in texts that have times: what is said, or what text is visible in the picture. Pure.

Case and accents don't count: texts are compared after Unicode's compatibility decomposition (UAX #15), full case
folding, and without the marks above and below Latin, Greek and Cyrillic letters. Scripts that write no spaces are taken
letter by letter, so that a word is found inside a line.
"""

from __future__ import annotations

import bisect
import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Self

from vsortd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WITHIN_S: Final = 10.0
"""So far apart several words may lie that are looked for together: a sentence or two."""

# Combining marks of Latin, Greek and Cyrillic; the points of Hebrew and Arabic, which most texts leave out. Those of
# other scripts tell words apart (Japanese ga from ka).
_MARKS: Final = re.compile("[\u0300-\u036f\u0591-\u05bd\u064b-\u0652]")
# Letters that Unicode doesn't take apart, but people do when they type.
_PLAIN: Final = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "\u0131": "i"})
# Thai, Lao, Khmer, kana, CJK ideographs: written without spaces.
_SPACELESS: Final = (
    "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_TOKEN: Final = re.compile(rf"[{_SPACELESS}]|[^\W_{_SPACELESS}]+")
_TERM: Final = re.compile(r'"([^"]*)"|(\S+)')
_MOST_TERMS: Final = 20


@dataclass(frozen=True, slots=True)
class TimedText:
    """A text and when it is said or shown, seconds from the video's beginning, and where it comes from."""

    begin_s: float
    end_s: float
    text: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class WordLines:
    """All that is said in a video, or visible in its pictures."""

    lines: tuple[TimedText, ...]

    def hold(self, words: str) -> bool:
        """Tell whether words are there as `find_words` finds them. Raises UsageError for a text without a word."""
        return bool(find_words(SoughtWords.parse(words, option="when"), self.lines))


@dataclass(frozen=True, slots=True)
class WordTerm:
    """Words that follow one another, folded; of the last one only the beginning where `begins`."""

    tokens: tuple[str, ...]
    begins: bool = False

    def __post_init__(self) -> None:
        assert self.tokens

    def places(self, tokens: Sequence[str]) -> Iterator[int]:
        """Yield where it begins among the tokens of a text."""
        *first, last = self.tokens
        length = len(self.tokens)
        for place in range(len(tokens) - length + 1):
            end = tokens[place + length - 1]
            if (end.startswith(last) if self.begins else end == last) and tokens[place : place + length - 1] == first:
                yield place


@dataclass(frozen=True, slots=True)
class SoughtWords:
    """What a person looks for: terms that must all be there, near one another."""

    text: str
    terms: tuple[WordTerm, ...]

    @classmethod
    def parse(cls, text: str, *, option: str) -> Self:
        """Read words; those between double quotes follow one another, `birth*` is the beginning of a word.

        Raises UsageError, which names the option, where there is no word, or more than twenty.
        """
        terms: dict[WordTerm, None] = {}
        for quoted, plain in _TERM.findall(text):
            raw = quoted or plain
            tokens = tuple(tokens_of(raw))
            if tokens:
                terms[WordTerm(tokens, begins=raw.endswith("*"))] = None
        if not terms:
            raise UsageError(f"{option} {text!r} holds no word.", remedy=f"Write what to look for: {option} birthday")
        if len(terms) > _MOST_TERMS:
            raise UsageError(f"{option} looks for {len(terms)} words at once.", remedy=f"Write at most {_MOST_TERMS}.")
        return cls(text, tuple(terms))


def fold(text: str) -> str:
    """Return a text as it is compared: no case, no accents, compatible forms alike."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFKC", _MARKS.sub("", apart)).translate(_PLAIN)


def tokens_of(text: str) -> list[str]:
    """Return a text's words, folded; of scripts without spaces each letter by itself."""
    return _TOKEN.findall(fold(text))


def find_words(sought: SoughtWords, lines: Sequence[TimedText], *, within_s: float = WITHIN_S) -> list[TimedText]:
    """Return where all terms are said or shown, at most `within_s` apart, in the order of time.

    Lines of each source are searched by themselves, one after the other, so that a phrase may go from one to the next.
    What comes back are the lines of each finding as one text; no line is in two of one source.
    """
    by_source: dict[str, list[TimedText]] = {}
    for line in lines:
        by_source.setdefault(line.source, []).append(line)
    found = [hit for of_source in by_source.values() for hit in _findings(sought, of_source, within_s)]
    return sorted(found, key=lambda hit: (hit.begin_s, hit.end_s, hit.source))


@dataclass(frozen=True, slots=True)
class _Occurrence:
    """The lines [first, last] that a term was found in, and their time."""

    first: int
    last: int
    begin_s: float
    end_s: float


def _findings(sought: SoughtWords, unordered: Sequence[TimedText], within_s: float) -> Iterator[TimedText]:
    lines = sorted(unordered, key=lambda line: line.begin_s)
    tokens: list[str] = []
    owners: list[int] = []
    for number, line in enumerate(lines):
        own = tokens_of(line.text)
        tokens += own
        owners += [number] * len(own)
    every = [_occurrences(term, tokens, owners, lines, within_s) for term in sought.terms]
    every.sort(key=len)
    others = [(of, max((one.end_s - one.begin_s for one in of), default=0.0)) for of in every[1:]]
    free = 0  # lines before this one are in a finding already
    for start in every[0]:
        together = _around(start, others, within_s)
        if together is None:
            continue
        first, last = min(one.first for one in together), max(one.last for one in together)
        if first < free:
            continue
        free = last + 1
        part = {one for occurrence in together for one in range(occurrence.first, occurrence.last + 1)}
        shown = [lines[number] for number in sorted(part)]
        text = " ".join(dict.fromkeys(line.text for line in shown))
        yield TimedText(shown[0].begin_s, max(line.end_s for line in shown), text, shown[0].source)


def _occurrences(
    term: WordTerm, tokens: Sequence[str], owners: Sequence[int], lines: Sequence[TimedText], within_s: float
) -> list[_Occurrence]:
    """Return where a term is, in the order of time; a phrase may not go over a pause longer than `within_s`."""
    found = []
    for place in term.places(tokens):
        first, last = owners[place], owners[place + len(term.tokens) - 1]
        span = lines[first : last + 1]
        if all(later.begin_s - before.end_s <= within_s for before, later in pairwise(span)):
            found.append(_Occurrence(first, last, span[0].begin_s, max(line.end_s for line in span)))
    return found


def _around(
    start: _Occurrence, others: Sequence[tuple[Sequence[_Occurrence], float]], within_s: float
) -> tuple[_Occurrence, ...] | None:
    """Return an occurrence with the nearest one of each other term, None where one is too far away.

    The others come in the order of their begins, each term's with the time that the longest of them takes.
    """
    together = [start]
    for occurrences, longest_s in others:
        begin = bisect.bisect_left(occurrences, start.begin_s - within_s - longest_s, key=lambda one: one.begin_s)
        end = bisect.bisect_right(occurrences, start.end_s + within_s, key=lambda one: one.begin_s)
        near = [one for one in occurrences[begin:end] if start.begin_s - one.end_s <= within_s]
        if not near:
            return None
        together.append(min(near, key=lambda one: (_gap_s(start, one), abs(one.first - start.first), one.first)))
    spread_s = max(one.begin_s for one in together) - min(one.end_s for one in together)
    return tuple(together) if spread_s <= within_s else None


def _gap_s(one: _Occurrence, other: _Occurrence) -> float:
    return max(0.0, one.begin_s - other.end_s, other.begin_s - one.end_s)
