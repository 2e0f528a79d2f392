"""Windows of a video's sound, as models of sound take them. Import-light: both sides of the workers' pipe have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

WINDOW_HZ: Final = 48_000  # one channel, the mean of all
WINDOW_S: Final = 10
WINDOW_SAMPLES: Final = WINDOW_S * WINDOW_HZ
MOST_WINDOWS: Final = 32  # of one request: 31 MB
LATEST_MS: Final = 48 * 3_600_000  # that a window can begin


@dataclass(frozen=True, slots=True, eq=False)
class SoundWindows:
    """Parts of a video's sound, of WINDOW_S each or less where it ends before.

    `begins_ms` int64 [n] ascending, from the video's start; `lengths` int64 [n], samples, 0 of what lies after the
    sound's end; `samples` int16, one window after the other. Where the stream has a gap there is silence.
    """

    begins_ms: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    samples: npt.NDArray[np.int16]

    def whole(self) -> npt.NDArray[np.int16]:
        """Return those windows that have any sound, filled up by repeating it: int16 [m, WINDOW_SAMPLES]."""
        ends = np.cumsum(self.lengths)
        parts = [
            np.resize(self.samples[end - length : end], WINDOW_SAMPLES)
            for end, length in zip(ends, self.lengths, strict=True)
            if length
        ]
        return np.stack(parts) if parts else np.empty((0, WINDOW_SAMPLES), np.int16)
