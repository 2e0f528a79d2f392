"""What one pass over a video measures of its pictures and its sound: plain numbers, which `vsortd.analysis` reads.

Import-light: neither av nor torch, so that both sides of the workers' pipe have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

SMALL_PX: Final = 4  # side of the smallest picture of a frame, by which two frames are told to look alike
CURVE_HZ: Final = 10  # loudness is told so many times a second
BLOCK_S: Final = 0.4  # length of the blocks of which the level is told
SPEECH_HZ: Final = 16_000  # sample rate of the sound that speech is looked for in
MAX_SPEECH_S: Final = 4 * 3600  # of a longer sound speech is looked for in its beginning
MAX_SOUND_S: Final = 48 * 3600  # of a sound that is measured
MAX_CHANNELS: Final = 64
SOUND_RATES_HZ: Final = range(1000, 10_000_001)  # that are measured
MAX_FRAMES: Final = 5_000_000  # of a film that is measured: 23 hours at 60 a second


@dataclass(frozen=True, slots=True, eq=False)
class PictureMeasures:
    """One row for each of n decoded frames, in the order in which they are shown; float32 [n] where not said otherwise.

    Measured on pictures whose longer side is at most 320 px, turned as they are shown. Levels are full range, 0 to 255,
    and those of HDR as they are coded.
    """

    times_s: npt.NDArray[np.float64]  # from the video's start
    keys: npt.NDArray[np.bool_]  # keyframes
    difference: (
        Floats  # to the frame before: mean of the mean absolute differences of hue (0 to 179), saturation, value
    )
    change: Floats  # to the frame before: mean absolute difference of luma; 0 of the first
    luma: Floats  # mean
    dark: Floats  # share of pixels whose luma is at most a tenth of the range
    clipped: Floats  # share of pixels whose luma is at most 16 or at least 235
    sharpness: Floats  # variance of the Laplacian of luma
    shift: Floats  # [n, 2] how far the whole picture went since the frame before: right, down, as shares of its width
    small: npt.NDArray[np.uint8]  # [n, SMALL_PX, SMALL_PX, 3] RGB, each pixel the mean of its part
    interlaced: float  # share of frames whose lines come from two moments among all that could be told, 0 to 1
    # Of about one frame a second, at most 640 px wide, or (blocks) the middle of one in its own size: [k]
    quality_times_s: npt.NDArray[np.float64]
    blur: Floats  # mean width of edges, px (Marziliano 2002): higher is blurrier; 0 where there are none
    blocks: Floats  # steps on the codec's 8 px grid against those beside it; 1 is none, 2 is plain to see
    noise: Floats  # standard deviation of noise, levels (Immerkær 1996)


@dataclass(frozen=True, slots=True, eq=False)
class SoundMeasures:
    """One sound stream from its beginning to its end. Levels of silence are -inf where a level can be that.

    Moments are counted in samples: a gap in the stream, or what is damaged, takes no time.
    """

    stream: int  # its index in the container
    rate_hz: int
    channels: int
    layout: str  # libav's name: mono, stereo, 5.1
    duration_s: float
    integrated_lufs: float  # EBU R 128; -inf where no block passes the gate
    lra_lu: float
    true_peak_dbtp: float  # in steps of a thousandth of full scale, but at least `max_db`
    max_momentary_lufs: float
    max_short_lufs: float
    mean_db: float  # RMS of all samples of all channels, dBFS as volumedetect has it
    max_db: float  # largest sample, dBFS
    momentary_lufs: Floats  # [m] CURVE_HZ times a second, over the last 400 ms; -inf where less has been heard
    short_lufs: Floats  # [m] over the last 3 s; -inf where less has been heard
    blocks_db: Floats  # [k, channels] RMS of each BLOCK_S, dBFS
    dc: Floats  # [channels] mean sample, full scale is 1
    side_db: float  # RMS of half the difference of left and right, dBFS; -inf for mono
    spectrum_db: Floats  # [bins] long-term mean power of the mono mix in each of bins from 0 to half the rate, dB: a
    # sine at full scale has -3.01
    start_s: float = 0.0  # when it begins, from the video's start: to be added to the times of curves and blocks


@dataclass(frozen=True, slots=True)
class Measures:
    """Both, from one pass; a part that the file doesn't have is None, and one that failed is its reason."""

    pictures: PictureMeasures | str | None
    sound: SoundMeasures | str | None
