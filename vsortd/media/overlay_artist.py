"""Draws over a frame what a plan says of its moment. Worker processes only; pure but for the fonts."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageDraw

from vsortd.core.drawing.lettering import lettering
from vsortd.core.units import about_clock

if TYPE_CHECKING:
    import numpy.typing as npt

    from vsortd.media.overlay_plan import OverlayPlan

    Pixels = npt.NDArray[np.uint8]

# Shares of the height of letters.
_BORDER: Final = 0.1  # around letters and bars
_LINE: Final = 0.13  # of a box
_BAR_HIGH: Final = 0.6
_MARGIN: Final = 0.6
_BAR_WIDE: Final = 0.3  # of the picture's width
_QUIETEST_LUFS: Final = -60.0  # where the bar is empty; it is full at 0
_SPEECH: Final = "speech"


class OverlayArtist:
    """Draws over the frames of one video, of which each has the same size."""

    def __init__(self, plan: OverlayPlan) -> None:
        self._plan = plan
        self._style = plan.style
        self._letters = lettering(plan.style.font_px)
        self._edge = max(1, round(plan.style.font_px * _BORDER))
        self._margin = max(2, round(plan.style.font_px * _MARGIN))
        self._shot_begins = [one.begin_s for one in plan.shots]
        self._box_begins = [one.begin_s for one in plan.boxes]
        self._speech_begins = [begin_s for begin_s, _ in plan.speech or ()]
        self._written = lru_cache(maxsize=256)(self._write)

    def draw(self, pixels: Pixels, at_s: float) -> Pixels:
        """Return uint8 [h, w, 3] RGB with what there is to say of a moment."""
        image = Image.fromarray(pixels)
        self._draw_boxes(image, at_s)
        self._draw_lines(image, at_s)
        self._draw_sound(image, at_s)
        return np.asarray(image)

    def _draw_boxes(self, image: Image.Image, at_s: float) -> None:
        place = bisect_right(self._box_begins, at_s) - 1
        if place < 0 or at_s >= self._plan.boxes[place].end_s:
            return
        wide, high = image.size
        line = max(2, round(self._style.font_px * _LINE))
        canvas = ImageDraw.Draw(image)
        for text, (left, top, right, bottom) in self._plan.boxes[place].boxes:
            box = (round(left * wide), round(top * high), round(right * wide) - 1, round(bottom * high) - 1)
            if box[2] <= box[0] or box[3] <= box[1]:
                continue
            canvas.rectangle(box, outline=self._style.box, width=line)
            above = box[1] - self._letters.height_px
            self._text(image, (box[0], above if above >= 0 else box[1] + line), text)

    def _draw_lines(self, image: Image.Image, at_s: float) -> None:
        """Write the time, and below it what is said of the shot, into the left upper corner."""
        place = bisect_right(self._shot_begins, at_s + 1e-6) - 1
        lines = self._plan.shots[place].lines if place >= 0 else ()
        y = self._margin
        for text in (about_clock(at_s), *lines):
            self._text(image, (self._margin, y), self._letters.fitted(text, image.width - 2 * self._margin))
            y += self._letters.height_px

    def _draw_sound(self, image: Image.Image, at_s: float) -> None:
        """Draw the bar of loudness in the left lower corner, and beside it its number and whether somebody speaks."""
        x, y = self._margin, image.height - self._margin - self._letters.height_px
        level = self._loudness_at(at_s)
        if self._plan.loudness is not None:
            x += self._draw_bar(image, (x, y), level) + self._margin
            text = "" if level is None else f"{level:.0f} LUFS"
            self._text(image, (x, y), text)
            x += self._letters.width_px("-60 LUFS") + self._margin
        if self._speaks(at_s):
            self._text(image, (x, y), _SPEECH)

    def _draw_bar(self, image: Image.Image, at: tuple[int, int], level: float | None) -> int:
        """Draw the bar in the middle of a line of text; return its width."""
        wide, high = round(image.width * _BAR_WIDE), max(4, round(self._style.font_px * _BAR_HIGH))
        left, top = at[0], at[1] + (self._letters.height_px - high) // 2
        canvas = ImageDraw.Draw(image)
        canvas.rectangle((left, top, left + wide - 1, top + high - 1), fill=self._style.border)
        share = 0.0 if level is None else min(1.0, max(0.0, 1 - level / _QUIETEST_LUFS))
        room = wide - 2 * self._edge
        if (filled := round(share * room)) > 0:
            inner = (left + self._edge, top + self._edge, left + self._edge + filled - 1, top + high - 1 - self._edge)
            canvas.rectangle(inner, fill=self._style.text)
        return wide

    def _loudness_at(self, at_s: float) -> float | None:
        loud = self._plan.loudness
        if loud is None:
            return None
        place = int((at_s - loud.begin_s) // loud.step_s)
        return loud.lufs[place] if 0 <= place < len(loud.lufs) else None

    def _speaks(self, at_s: float) -> bool:
        place = bisect_right(self._speech_begins, at_s) - 1
        return place >= 0 and self._plan.speech is not None and at_s < self._plan.speech[place][1]

    def _text(self, image: Image.Image, at: tuple[int, int], text: str) -> None:
        """Write a text whose line begins at a place (left, top); what is beyond the picture is cut off."""
        if text:
            written = self._written(text)
            image.paste(written, (at[0] - self._edge, at[1] - self._edge), written)

    def _write(self, text: str) -> Image.Image:
        """Return a text with its border on nothing."""
        size = self._letters.width_px(text) + 2 * self._edge + 2, self._letters.height_px + 2 * self._edge
        image = Image.new("RGBA", size, (*self._style.border, 0))
        style = self._style
        self._letters.draw(
            ImageDraw.Draw(image), (self._edge, self._edge), text, style.text, border=(self._edge, style.border)
        )
        return image
