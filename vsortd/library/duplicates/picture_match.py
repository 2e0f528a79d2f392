"""Whether two pictures are the same picture: small, grey, without black bars, whatever encoder and size. Pure.

What a model sees of two takes of one place is nearly the same; the pictures are not. Two numbers say how far they
agree, both correlations: of the pictures, and of their detail (what is left without the soft light and dark, which
many landscapes share). A third, over time, is of what changes in them: a room seen twice by a camera that stands still
is the same but for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

Grey = npt.NDArray[np.uint8]  # [n, side, side]
Small = npt.NDArray[np.float32]  # [n, SMALL_PX, SMALL_PX], grey levels

LOOK_PX: Final = 96  # the side that pictures are decoded to; the aspect ratio is lost
SMALL_PX: Final = 32
_BAR_LEVEL: Final = 28  # grey levels; black after a lossy encoder stays below
_LEAST_LEFT: Final = 0.15  # of a side, when bars are cut off; a picture that is dark all over has none
FLAT_LEVEL: Final = 4.0  # standard deviation in grey levels below which a picture shows too little to be compared
STILL_LEVEL: Final = 1.2  # what changes by less is noise: measured ≤ 0.4; a small thing that moves makes ≥ 2
_SOFT_PX: Final = 7  # detail is what differs from the mean of such a square


@dataclass(frozen=True, slots=True)
class PictureBox:
    """A part of a picture, in shares of its sides from the left upper corner."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0

    def to_aspect(self, own: float, wished: float, place: float = 0.5) -> PictureBox:
        """Return a part of this box with another aspect ratio, where its own (width over height) is `own`.

        `place` says which, where something is cut off: 0 the left or the top one, 1 the right or the bottom one.
        """
        width = (self.right - self.left) * min(1.0, wished / own)
        height = (self.bottom - self.top) * min(1.0, own / wished)
        left = self.left + place * (self.right - self.left - width)
        top = self.top + place * (self.bottom - self.top - height)
        return PictureBox(left, top, left + width, top + height)

    def part(self, left: float, top: float, right: float, bottom: float) -> PictureBox:
        """Return a part of this box, in shares of its own sides."""
        width, height = self.right - self.left, self.bottom - self.top
        across = (self.left + left * width, self.left + right * width)
        down = (self.top + top * height, self.top + bottom * height)
        return PictureBox(across[0], down[0], across[1], down[1])

    @property
    def share(self) -> float:
        """Its share of the whole picture."""
        return (self.right - self.left) * (self.bottom - self.top)


def grey_of(pixels: npt.NDArray[np.uint8]) -> Grey:
    """Return the brightness of RGB pictures, uint8 [n, h, w, 3]."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(np.rint(pixels.astype(np.float32) @ weights), np.uint8)


def content_box(pictures: Grey) -> PictureBox:
    """Return where a video's pictures are within black bars; the whole where there are none.

    Several pictures are needed to tell a bar from a dark wall: a bar is black in all of them.
    """
    brightest = pictures.max(axis=0)
    top, bottom = _bounds(brightest.max(axis=1) > _BAR_LEVEL)
    left, right = _bounds(brightest.max(axis=0) > _BAR_LEVEL)
    if min(bottom - top, right - left) < _LEAST_LEFT:
        return PictureBox()
    return PictureBox(left, top, right, bottom)


def _bounds(lit: npt.NDArray[np.bool_]) -> tuple[float, float]:
    places = np.flatnonzero(lit)
    if not len(places):
        return 0.0, 0.0
    first, last = int(places[0]), int(places[-1]) + 1
    # a bar's edge falls within a line of pixels, which is half black then
    first, last = first + (first > 0), last - (last < len(lit))
    return first / len(lit), last / len(lit)


def small(pictures: Grey, box: PictureBox) -> Small:
    """Return a part of pictures as small ones of one shape."""
    side = pictures.shape[1]
    edges = (box.left * side, box.top * side, box.right * side, box.bottom * side)
    size = (SMALL_PX, SMALL_PX)
    made = [Image.fromarray(one).resize(size, Image.Resampling.BOX, box=edges) for one in pictures]
    return np.asarray(made, np.float32).reshape(-1, SMALL_PX, SMALL_PX)


def shows(pictures: Small) -> npt.NDArray[np.bool_]:
    """Tell of each small picture whether there is enough on it to be compared, bool [n]."""
    return np.asarray(pictures.std(axis=(1, 2)) >= FLAT_LEVEL)


def agreement(first: Small, second: Small) -> npt.NDArray[np.float32]:
    """Return the correlation of each picture with its partner, [n], -1 to 1."""
    return _correlation(_centred(first), _centred(second))


def detail_agreement(first: Small, second: Small) -> npt.NDArray[np.float32]:
    """Return the correlation of the details of each picture with its partner's, [n], -1 to 1."""
    return _correlation(_detail(first), _detail(second))


def change_agreement(first: Small, second: Small) -> float | None:
    """Return how far what changes over time agrees, -1 to 1; None where hardly anything does, or there are only few.

    The pictures ([n, …]) are of the same moments of both.
    """
    if len(first) < 3:  # noqa: PLR2004 - of two pictures the changes are each other's mirror: they say too little
        return None
    changes = [one - one.mean(axis=0) for one in (_levelled(first), _levelled(second))]
    if max(float(change.std()) for change in changes) < STILL_LEVEL:
        return None
    return float(_correlation(changes[0].reshape(1, -1), changes[1].reshape(1, -1))[0])


def _levelled(pictures: Small) -> Small:
    """Take out what another encoder or player may have done to brightness and contrast as a whole."""
    return np.asarray((pictures - pictures.mean()) / max(1e-6, float(pictures.std())) * 50, np.float32)


def _detail(pictures: Small) -> Small:
    # a picture's mean over a square by running sums, its edge repeated
    reach = _SOFT_PX // 2
    padded = np.pad(pictures, ((0, 0), (reach + 1, reach), (reach + 1, reach)), mode="edge")
    sums = padded.cumsum(axis=1, dtype=np.float64).cumsum(axis=2)
    size = _SOFT_PX
    soft = sums[:, size:, size:] - sums[:, :-size, size:] - sums[:, size:, :-size] + sums[:, :-size, :-size]
    return np.asarray(pictures - soft / size**2, np.float32).reshape(len(pictures), -1)


def _centred(pictures: Small) -> Small:
    flat = pictures.reshape(len(pictures), -1)
    return np.asarray(flat - flat.mean(axis=1, keepdims=True), np.float32)


def _correlation(first: Small, second: Small) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.asarray((first * second).sum(axis=1) / np.maximum(lengths, 1e-6), np.float32)
