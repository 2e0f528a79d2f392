"""What the sampler hands over: pictures with their true times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames of one video, in the order of their times.

    `times_ms` is int64 [n], the true times from the start of the video; `pixels` is uint8 [n, side, side, 3]
    RGB, turned as shown, resized and cropped for the model; `exact` tells how many took decoding from a
    keyframe on.
    """

    times_ms: npt.NDArray[np.int64]
    pixels: npt.NDArray[np.uint8]
    exact: int


@dataclass(frozen=True, slots=True)
class Stills:
    """Pictures of one video for people, in the order of the moments that were asked for.

    `times_s` is float64 [n], when each is first shown, from the start of the video; `pixels` is uint8
    [n, height, width, 3] RGB, turned as shown, with square pixels.
    """

    times_s: npt.NDArray[np.float64]
    pixels: npt.NDArray[np.uint8]
