"""Text in pictures on its way from the worker: what each picture shows, line by line. See `protocol`; import-light."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from vsortd.media.protocol import ProtocolError, cleaned, finite, only_keys, typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.media.protocol import Blob, Message

MAX_PICTURES: Final = 8
"""Of one request: their lines have to fit into a header."""
MAX_TEXT_LINES: Final = 80
"""Of one picture: a page of print has about fifty."""
LONGEST_TEXT: Final = 120
SLOWEST_PICTURE_S: Final = 10.0
"""A page of print takes a core a few seconds; what a request may take grows by this with each picture."""
_LAST_S: Final = 1e9


@dataclass(frozen=True, slots=True)
class TextBox:
    """Where a text stands in the picture as it is shown: its upper left corner and its size, in parts of the sides."""

    left: float
    top: float
    width: float
    height: float

    def to_json(self) -> list[float]:
        """Return it as documents have it: left, top, width, height."""
        return [round(side, 4) for side in (self.left, self.top, self.width, self.height)]


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of text, how sure the network is of its letters (0 to 1), and where it stands."""

    text: str
    confidence: float
    box: TextBox


@dataclass(frozen=True, slots=True)
class PictureText:
    """What is visible in the picture that is shown at a moment (s from the video's start), from the top down."""

    at_s: float
    lines: tuple[TextLine, ...]


def text_to_reply(pictures: Sequence[PictureText]) -> tuple[Message, Blob]:
    """Return pictures as a reply."""
    told = []
    for picture in pictures[:MAX_PICTURES]:
        lines = [
            [line.text[:LONGEST_TEXT], line.confidence, line.box.left, line.box.top, line.box.width, line.box.height]
            for line in picture.lines[:MAX_TEXT_LINES]
        ]
        told.append({"at_s": picture.at_s, "lines": lines})
    return {"pictures": told}, b""


def text_from_reply(header: Message, *, most: int) -> tuple[PictureText, ...]:
    """Check the answer to a request for the text of at most so many pictures, at least one. Raises ProtocolError."""
    only_keys(header, {"pictures"})
    raw = typed(header, "pictures", list)
    if not 1 <= len(raw) <= most:
        raise ProtocolError("the text of another number of pictures")
    pictures = tuple(_picture(one) for one in raw)
    if any(later.at_s < earlier.at_s for earlier, later in pairwise(pictures)):
        raise ProtocolError("the text of pictures out of order")
    return pictures


def _picture(raw: object) -> PictureText:
    if not isinstance(raw, dict):
        raise ProtocolError("no picture's text")
    only_keys(raw, {"at_s", "lines"})
    at_s, lines = finite(raw, "at_s"), typed(raw, "lines", list)
    if not 0 <= at_s <= _LAST_S or len(lines) > MAX_TEXT_LINES:
        raise ProtocolError("an odd picture's text")
    return PictureText(at_s, tuple(_line(line) for line in lines))


def _line(raw: object) -> TextLine:
    if not isinstance(raw, list) or len(raw) != len(("text", "confidence", "left", "top", "width", "height")):
        raise ProtocolError("no line of text")
    text, *numbers = raw
    if type(text) is not str or not all(type(one) in {int, float} and 0 <= one <= 1 for one in numbers):
        raise ProtocolError("an odd line of text")
    confidence, *box = map(float, numbers)
    return TextLine(cleaned(text, LONGEST_TEXT), confidence, TextBox(*box))
