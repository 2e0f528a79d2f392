"""Text in drawn pictures, in whatever script a file or a rule is named: finds the machine's fonts and joins them.

No font covers every script, and Pillow draws with one font at a time. So each text is cut into runs, each in the first
font that has its letters. A letter that no font has is drawn as a box, so that it is missed, not silently left out.
"""

from __future__ import annotations

import os
import unicodedata
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PIL import ImageFont

from vsortd.core.drawing.font_folders import font_folders
from vsortd.core.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from PIL import ImageDraw

    from vsortd.core.drawing.colours import Colour

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# The looks first, then coverage: what the common systems bring, by file name without its extension.
_REGULAR: Final = ("NotoSans-Regular", "DejaVuSans", "segoeui", "SFNS", "LiberationSans-Regular", "arial", "Helvetica")
_BOLD: Final = ("NotoSans-Bold", "DejaVuSans-Bold", "segoeuib", "LiberationSans-Bold", "arialbd", *_REGULAR)
_WIDE: Final = (
    "DejaVuSans",
    "NotoSansCJK-Regular",
    "msyh",
    "YuGothM",
    "malgun",
    "PingFang",
    "Hiragino Sans GB",
    "AppleSDGothicNeo",
    "wqy-microhei",
    "DroidSansFallbackFull",
    "NotoSansArabic-Regular",
    "NotoSansHebrew-Regular",
    "NotoSansDevanagari-Regular",
    "NotoSansThai-Regular",
    "Nirmala",
    "LeelawUI",
    "Arial Unicode",
    "NotoSansSymbols2-Regular",
)
_ENDINGS: Final = (".ttf", ".ttc", ".otf")
# Fonts that are no help to read a name, though they may hold its letters.
_UNWANTED: Final = ("bold", "italic", "oblique", "black", "thin", "light", "emoji", "lastresort", "mono", "serif")
_MOST_FONTS: Final = 400  # of the others, so that a letter nobody has doesn't open thousands of files
_PROBE_PX: Final = 24
_NOWHERE: Final = "\U0010fffe"  # a noncharacter: every font shows its own "missing" sign for it
_BOX: Final = "\u25a1"
_ELLIPSIS: Final = "…"


@lru_cache(maxsize=64)
def lettering(size_px: int, *, bold: bool = False) -> Lettering:
    """Return the letters of one size; made once."""
    return Lettering(size_px, bold=bold)


class Lettering:
    """Draws and measures one-line texts of `size_px`, whatever script they are in."""

    def __init__(self, size_px: int, *, bold: bool = False) -> None:
        self._size_px = size_px
        self._choice = _BOLD if bold else _REGULAR
        self._runs = lru_cache(maxsize=2048)(self._cut)

    @property
    def height_px(self) -> int:
        """How high a line is, from the highest ascender to the lowest descender of the usual letters."""
        return round(self._size_px * 1.3)

    def width_px(self, text: str) -> int:
        """Return how wide a text is drawn."""
        return round(sum(font.getlength(part) for font, part in self._runs(printable(text))))

    def fitted(self, text: str, width_px: int) -> str:
        """Return a text that fits into a width: itself, or its beginning and end around "…"."""
        return self._longest(printable(text), width_px, _shortened)

    def _longest(self, text: str, width_px: int, shorten: Callable[[str, int], str]) -> str:
        """Return the longest form of a text that fits."""
        if self.width_px(text) <= width_px:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.width_px(shorten(text, middle)) <= width_px else (low, middle - 1)
        return shorten(text, low)

    def wrapped(self, text: str, width_px: int, *, most: int = 2) -> list[str]:
        """Return a text in at most so many lines, broken between words where it can be."""
        lines, words = [""], printable(text).split(" ")
        while words:
            wider = f"{lines[-1]} {words[0]}".strip()
            if self.width_px(wider) > width_px and lines[-1]:
                if len(lines) == most:
                    lines[-1] = self._longest(f"{lines[-1]} {' '.join(words)}", width_px, _begun)
                    break
                lines.append("")
                continue
            lines[-1] = self.fitted(wider, width_px)
            del words[0]
        return lines

    def draw(
        self,
        canvas: ImageDraw.ImageDraw,
        at: tuple[float, float],
        text: str,
        fill: Colour,
        *,
        border: tuple[int, Colour] | None = None,
    ) -> int:
        """Draw a text whose line begins at `at` (left, top of the line); return its width.

        A `border` of so many pixels around each letter keeps it readable on any picture.
        """
        edge: dict[str, Any] = {} if border is None else {"stroke_width": border[0], "stroke_fill": border[1]}
        x, y = at
        base = y + self._size_px * 1.02  # the runs stand on one baseline, whatever their fonts' own heights
        for font, part in self._runs(printable(text)):
            if isinstance(font, ImageFont.FreeTypeFont):
                canvas.text((x, base), part, font=font, fill=fill, anchor="ls", **edge)
            else:
                canvas.text((x, y), part, font=font, fill=fill, **edge)
            x += font.getlength(part)
        return round(x - at[0])

    def _cut(self, text: str) -> tuple[tuple[Font, str], ...]:
        """Cut a text into runs of one font each; one font for all of it if there is one."""
        needed = {char for char in text if not _is_blank(char)}
        whole = next((path for path in _preferred(self._choice) if needed <= _had(path, frozenset(needed))), None)
        if whole is not None:
            return ((_font(whole, self._size_px), text),) if text else ()
        runs: list[tuple[Path | None, str]] = []
        for char in text:
            path, shown = self._where(char, runs[-1][0] if runs else None)
            if runs and runs[-1][0] == path:
                runs[-1] = (path, runs[-1][1] + shown)
            else:
                runs.append((path, shown))
        return tuple((_font(path, self._size_px), part) for path, part in runs)

    def _where(self, char: str, before: Path | None) -> tuple[Path | None, str]:
        """Return the font for a letter, and the letter or what stands for it."""
        if _is_blank(char) or (unicodedata.category(char).startswith("M") and _has(before, char)):
            return before, char
        for path in _candidates(self._choice):
            if _has(path, char):
                return path, char
        fallback = next(iter(_preferred(self._choice)), None)
        return fallback, _BOX if _has(fallback, _BOX) else "?"


def _shortened(text: str, keep: int) -> str:
    """Return the beginning and a little of the end: names differ at either."""
    if keep >= len(text):
        return text
    end = min(keep // 3, 8)
    return f"{text[: keep - end].rstrip()}{_ELLIPSIS}{text[len(text) - end :] if end else ''}"


def _begun(text: str, keep: int) -> str:
    """Return the beginning: of a sentence, that is the part that makes sense alone."""
    return f"{text[:keep].rstrip()}{_ELLIPSIS}"


def _is_blank(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) in {"Cf", "Zs"}


def _candidates(choice: tuple[str, ...]) -> Iterator[Path | None]:
    """Yield every font that may help, None for Pillow's own: Latin only, but always there."""
    yield from _preferred(choice)
    yield from _others()
    yield None


@cache
def _preferred(choice: tuple[str, ...]) -> tuple[Path, ...]:
    files = font_files()
    return tuple(files[name.lower()] for name in dict.fromkeys((*choice, *_WIDE)) if name.lower() in files)


@cache
def _others() -> tuple[Path, ...]:
    plain = [path for name, path in font_files().items() if not any(word in name for word in _UNWANTED)]
    return tuple(sorted(plain)[:_MOST_FONTS])


@cache
def font_files() -> dict[str, Path]:
    """Return the machine's fonts by file name (lower case, without its extension), the user's own first."""
    found: dict[str, Path] = {}
    for folder in font_folders():
        for root, _, names in os.walk(folder):
            for name in names:
                path = Path(root, name)
                if path.suffix.lower() in _ENDINGS:
                    found.setdefault(path.stem.lower(), path)
    return found


@lru_cache(maxsize=256)
def _font(path: Path | None, size_px: int) -> Font:
    """Return a font, or Pillow's own (Latin only) where there is none."""
    if path is not None:
        try:
            return ImageFont.truetype(str(path), size_px)
        except OSError:  # a damaged file, or a format that FreeType was built without
            pass
    return ImageFont.load_default(size_px)


def _had(path: Path, chars: frozenset[str]) -> set[str]:
    return {char for char in chars if _has(path, char)}


@lru_cache(maxsize=8192)
def _has(path: Path | None, char: str) -> bool:
    """Tell whether a font has a letter: Pillow can't be asked, but a font draws all that it lacks alike."""
    missing = _missing_sign(path)
    return missing is not None and _drawn(path, char) != missing


@lru_cache(maxsize=512)
def _missing_sign(path: Path | None) -> tuple[tuple[int, int], bytes] | None:
    return _drawn(path, _NOWHERE)


def _drawn(path: Path | None, char: str) -> tuple[tuple[int, int], bytes] | None:
    try:
        mask = _probe(path).getmask(char)
    except (OSError, ValueError):
        return None
    return mask.size, bytes(mask)


@lru_cache(maxsize=64)
def _probe(path: Path | None) -> Font:
    if path is None:
        return ImageFont.load_default(_PROBE_PX)
    return ImageFont.truetype(str(path), _PROBE_PX, layout_engine=ImageFont.Layout.BASIC)
