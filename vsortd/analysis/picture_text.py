"""Text in the picture over time: which moments are read, and how what they show becomes spans.

One picture is read every five seconds, and the sharpest one of each shot that has none of them. A text counts as shown
from half-way to the picture before it to half-way to the one after, as every frame stands for its share of the time.
"""

from __future__ import annotations

import bisect
import difflib
import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.word_match import tokens_of
from vsortd.media.text_reply import MAX_PICTURES

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.analysis.shots import ShotReport
    from vsortd.media.pool import MediaPool
    from vsortd.media.text_reply import PictureText, TextLine

    Document = dict[str, Any]

TEXT_VERSION: Final = "1"
EVERY_S: Final = 5.0
MOST_PICTURES: Final = 2000  # of one video: 2.7 hours at this pace, beyond which they lie further apart
# What the networks are less sure of is mostly none: see docs/analyze.md.
LEAST_CONFIDENCE: Final = 0.7
_LEAST_LETTERS: Final = 2
# Two readings are of one text from here on: a few letters are read otherwise from picture to picture.
_ALIKE: Final = 0.8
_MISSES: Final = 1  # so many pictures in between may lack it: the networks miss one now and then


def text_moments(duration_s: float, shots: ShotReport | None) -> list[float]:
    """Return the moments to be read (s), ascending: at most `EVERY_S` apart, and the key frame of a shot without one.

    At most `MOST_PICTURES`, then evenly thinned.
    """
    if duration_s <= 0:
        return [0.0]
    step_s = max(EVERY_S, duration_s / MOST_PICTURES)
    count = min(MOST_PICTURES, math.ceil(duration_s / step_s))
    regular = [duration_s * (number + 0.5) / count for number in range(count)]
    moments = list(regular)
    for shot in shots.shots if shots is not None else ():
        first = bisect.bisect_left(regular, shot.begin_s)
        if first == len(regular) or regular[first] >= shot.end_s:
            moments.append(shot.key_frame_s)
    moments.sort()
    if len(moments) <= MOST_PICTURES:
        return moments
    return [moments[number * len(moments) // MOST_PICTURES] for number in range(MOST_PICTURES)]


def read_text(
    media: MediaPool, path: Path, moments_s: Sequence[float], duration_s: float, *, cancel: threading.Event | None
) -> Document:
    """Return what text is visible in a video: `lines` with their spans, and how many `pictures` were read.

    Raises VideoError, also where the extra `ocr` is missing, and Cancelled.
    """
    found: list[PictureText] = []
    left = list(moments_s)
    while left:
        part = media.read_text(path, left[:MAX_PICTURES], cancel=cancel)
        found += part
        left = left[len(part) :]
    return text_document(found, duration_s)


def text_document(pictures: Sequence[PictureText], duration_s: float) -> Document:
    """Return the document of what some pictures show, which are in the order of time."""
    distinct = [one for number, one in enumerate(pictures) if not number or one.at_s > pictures[number - 1].at_s]
    spans = merged(distinct, duration_s)
    return {"lines": [span.to_json() for span in spans], "pictures": len(distinct)}


@dataclass(slots=True)
class SeenText:
    """A text and when it is shown (s); `line` is its surest reading, `pictures` how many show it."""

    begin_s: float
    end_s: float
    line: TextLine
    pictures: int = 1
    _missed: int = field(default=0, repr=False)

    def to_json(self) -> Document:
        """Return it as a document has it."""
        return {
            "begin_s": round(self.begin_s, 3),
            "end_s": round(self.end_s, 3),
            "text": self.line.text,
            "confidence": round(self.line.confidence, 3),
            "box": self.line.box.to_json(),
            "pictures": self.pictures,
        }

    def seen(self, line: TextLine, end_s: float) -> None:
        """Note that a later picture shows it, too."""
        self.end_s, self.pictures, self._missed = end_s, self.pictures + 1, 0
        if line.confidence > self.line.confidence:
            self.line = line

    def missed(self) -> bool:
        """Note that a picture doesn't show it; tell whether it is over."""
        self._missed += 1
        return self._missed > _MISSES


def merged(pictures: Sequence[PictureText], duration_s: float) -> list[SeenText]:
    """Return the texts of pictures in the order of time as spans, by their begin and then from the top down.

    What is read alike in pictures that follow one another is one text, wherever it stands: it may move.
    """
    if not pictures:
        return []
    times = [picture.at_s for picture in pictures]
    edges = [0.0, *((one + other) / 2 for one, other in pairwise(times))]
    edges.append(max(duration_s, times[-1]))
    found: list[SeenText] = []
    running: list[SeenText] = []
    for picture, (begin_s, end_s) in zip(pictures, pairwise(edges), strict=True):
        waiting = list(running)
        for line in picture.lines:
            if line.confidence < LEAST_CONFIDENCE or sum(map(len, tokens_of(line.text))) < _LEAST_LETTERS:
                continue
            span = _same(line, waiting)
            if span is None:
                span = SeenText(begin_s, end_s, line)
                found.append(span)
                running.append(span)
            else:
                waiting.remove(span)
                span.seen(line, end_s)
        over = [span for span in waiting if span.missed()]
        running = [span for span in running if span not in over]
    return sorted(found, key=lambda span: (span.begin_s, span.line.box.top, span.line.box.left))


def _same(line: TextLine, spans: Sequence[SeenText]) -> SeenText | None:
    """Return the span that is read most alike, None where none is alike."""
    letters = "".join(tokens_of(line.text))
    matcher = difflib.SequenceMatcher(b=letters, autojunk=False)
    best: tuple[float, float, SeenText] | None = None
    for span in spans:
        matcher.set_seq1("".join(tokens_of(span.line.text)))
        if matcher.real_quick_ratio() < _ALIKE or matcher.quick_ratio() < _ALIKE:
            continue
        alike, box, other = matcher.ratio(), line.box, span.line.box
        away = abs(box.left - other.left) + abs(box.top - other.top)
        if alike >= _ALIKE and (best is None or (alike, -away) > (best[0], -best[1])):
            best = alike, away, span
    return None if best is None else best[2]
