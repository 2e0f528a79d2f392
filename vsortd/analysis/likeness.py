"""Whether two frames look alike, told from their smallest pictures alone. Pure.

What the bounds rest on: correlation and difference of means of smallest pictures, 5th to 95th percentile, of nine real
clips cropped anew as named, and of seven rendered subjects.

    a pan by 2 % of the width              0.98 to 1.00     0 to  2 levels
    a pan by 4 %                           0.91 to 0.99     0 to  4
    a pan by 8 %                           0.71 to 0.94     0 to  7
    a jump cut to a tenth closer           0.95 to 0.99     0 to  4
    a jump cut to a third closer           0.78 to 0.96     2 to  9
    another place of the same kind        -0.25 to 0.80     0 to 73   (0.86 at most)
    something else                        -0.47 to 0.47     3 to 109

So what came before and after a flash is alike from 0.9 on: a camera that moves by 4 % meanwhile still reaches it, and
another shot doesn't. A jump cut may, but there the picture doesn't come back from something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    SmallPicture = npt.NDArray[np.uint8]  # [SMALL_PX, SMALL_PX, 3] RGB, or [n] of them
    Figures = npt.NDArray[np.float64]
    Answers = npt.NDArray[np.bool_]

_ALIKE_CORRELATION, _ALIKE_MEAN = 0.9, 20.0  # the mean allows for a flash that fades and an exposure that settles
_SAME_CORRELATION, _SAME_MEAN = 0.98, 3.0  # as a jerk by 2 % leaves it
_PICTURE: Final = (-3, -2, -1)  # the axes of one picture
_FLAT: Final = 4.0  # levels squared: rounding of what is evenly grey is no pattern


def are_alike(one: SmallPicture, other: SmallPicture) -> Answers:
    """Tell whether two frames, or one and each of [n], may be of one shot: the same parts are bright and dark."""
    return (correlation(one, other) >= _ALIKE_CORRELATION) & (mean_difference(one, other) <= _ALIKE_MEAN)


def are_nearly_same(one: SmallPicture, other: SmallPicture) -> Answers:
    """Tell whether two frames, or one and each of [n], differ by no more than a jerk of the camera would make them."""
    return (correlation(one, other) >= _SAME_CORRELATION) & (mean_difference(one, other) <= _SAME_MEAN)


def correlation(one: SmallPicture, other: SmallPicture) -> Figures:
    """Return the correlation of two pictures' pixels and colours, -1 to 1; 1.0 of two that are flat."""
    first, second = (levels - levels.mean(axis=_PICTURE, keepdims=True) for levels in _levels(one, other))
    spread = ((first**2).mean(axis=_PICTURE) + _FLAT) * ((second**2).mean(axis=_PICTURE) + _FLAT)
    found: Figures = ((first * second).mean(axis=_PICTURE) + _FLAT) / np.sqrt(spread)
    return found


def mean_difference(one: SmallPicture, other: SmallPicture) -> Figures:
    """Return how much brighter one picture is than the other, 0 to 255."""
    first, second = (levels.mean(axis=_PICTURE) for levels in _levels(one, other))
    found: Figures = np.abs(first - second)
    return found


def distance(one: SmallPicture, other: SmallPicture) -> Figures:
    """Return how far two pictures, or each of [n] and [n], are apart: root of the mean square, levels."""
    first, second = _levels(one, other)
    found: Figures = np.sqrt(((first - second) ** 2).mean(axis=_PICTURE))
    return found


def _levels(one: SmallPicture, other: SmallPicture) -> tuple[Figures, Figures]:
    return one.astype(np.float64), other.astype(np.float64)
