"""Where names go on a map, so that they cover neither one another nor, as far as can be, the dots. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, pixels."""

_STEPS, _STEP_PX, _DIRECTIONS = 10, 14, 24  # where names may go: around their group, further and further away
_GRID_PX: Final = 6  # how finely it is known where dots are
_MOST_ASKED: Final = 400  # dots of a group that the most central one is looked for among
_DOT_COST: Final = 200.0  # of a name that covers dots alone; a step further away costs 1.4


class Room:
    """What is free on a map of `size` pixels.

    The upper `top_px` belong to the title; `spots` are the dots, [n, 2] (x, y), and `dot_px` is their radius.
    """

    def __init__(
        self, size: tuple[int, int], spots: npt.NDArray[np.float64], *, top_px: int, dot_px: float = 1.0
    ) -> None:
        self._size = size
        self._dot_px = dot_px
        self._taken: list[Box] = [(0.0, 0.0, float(size[0]), float(top_px))]
        cells = [np.arange(0, side + _GRID_PX, _GRID_PX) for side in size]
        dots, _, _ = np.histogram2d(spots[:, 0], spots[:, 1], bins=(cells[0], cells[1]))
        # whether a cell has dots, summed up from the corner: any box is four look-ups
        self._filled = np.pad((dots > 0).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))

    def take(self, own: npt.NDArray[np.float64], size: tuple[float, float]) -> Box:
        """Return the best place for a name of a size, and hold it; `own` are the dots that it names, [n, 2]."""
        best = min(self._places(own, size), key=lambda place: self._cost(*place))[1]
        self._taken.append(best)
        return best

    def _places(self, own: npt.NDArray[np.float64], size: tuple[float, float]) -> Iterator[tuple[float, Box]]:
        """Yield places around a group, further and further away, and on it, each after how far out it is, pixels."""
        low, high = np.quantile(own, (0.05, 0.95), axis=0)
        middle = np.median(own, axis=0)
        for step in range(_STEPS):
            away = self._dot_px + _GRID_PX + step * _STEP_PX
            for turn in range(_DIRECTIONS):
                angle = 2 * math.pi * turn / _DIRECTIONS - math.pi / 2
                half = (high - low + size) / 2 + away
                x = (low[0] + high[0]) / 2 + math.cos(angle) * half[0] - size[0] / 2
                y = (low[1] + high[1]) / 2 + math.sin(angle) * half[1] - size[1] / 2
                yield step * _STEP_PX, self._inside(x, y, size)
        yield 0.0, self._inside(middle[0] - size[0] / 2, middle[1] - size[1] / 2, size)

    def _inside(self, x: float, y: float, size: tuple[float, float]) -> Box:
        x = min(max(float(x), 4.0), self._size[0] - size[0] - 4)
        y = min(max(float(y), 4.0), self._size[1] - size[1] - 4)
        return x, y, x + size[0], y + size[1]

    def _cost(self, away_px: float, box: Box) -> float:
        """Return how bad a place is: names must not cover names, should not cover dots, and should be near."""
        area = (box[2] - box[0]) * (box[3] - box[1])
        names = sum(_overlap(box, other) for other in self._taken) / area
        filled, near = self._filled, self._dot_px
        left, right = (self._cell(x, 0) for x in (box[0] - near, box[2] + near + _GRID_PX))
        top, bottom = (self._cell(y, 1) for y in (box[1] - near, box[3] + near + _GRID_PX))
        dots = filled[right, bottom] - filled[left, bottom] - filled[right, top] + filled[left, top]
        return float((100 + 1000 * names if names else 0) + _DOT_COST * dots * _GRID_PX**2 / area + away_px / 10)

    def _cell(self, at_px: float, axis: int) -> int:
        return min(max(int(at_px // _GRID_PX), 0), int(self._filled.shape[axis]) - 1)


def core_of(own: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the third of a group's dots, [n, 2], around the most central one: a group may have several islands."""
    asked = own[np.linspace(0, len(own) - 1, min(len(own), _MOST_ASKED)).round().astype(int)]
    way = np.median(np.linalg.norm(asked[:, None] - asked[None], axis=2), axis=1)
    nearest = np.argsort(np.linalg.norm(own - asked[way.argmin()], axis=1), kind="stable")
    return own[nearest[: max(1, round(len(own) / 3))]]


def _overlap(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return wide * high if wide > 0 and high > 0 else 0.0
