"""What a pass over a file would measure of given samples, told by scipy: a second way to the same numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter, resample_poly, welch  # type: ignore[attr-defined]

from vsortd.media.measures import BLOCK_S, CURVE_HZ, SPEECH_HZ, SoundMeasures

if TYPE_CHECKING:
    from pathlib import Path

Samples = npt.NDArray[np.float64]
_OFFSET_DB: Final = -0.691  # BS.1770-4, formula 2
_WEIGHTS: Final = {
    "5.1": (1, 1, 1, 0, 1.41, 1.41),
    "5.1(side)": (1, 1, 1, 0, 1.41, 1.41),
}  # table 3; LFE counts nothing
_LAYOUTS: Final = {1: "mono", 2: "stereo", 6: "5.1"}


def heard(samples: Samples, rate_hz: int, *, layout: str = "") -> SoundMeasures:
    """Return the measures of samples [n] or [n, channels], full scale 1."""
    sound = samples[:, None] if samples.ndim == 1 else samples
    channels = sound.shape[1]
    layout = layout or _LAYOUTS[channels]
    weights = np.array(_WEIGHTS.get(layout, (1,) * channels), float)
    energy = (_mean_squares(k_weighted(sound, rate_hz), rate_hz, 1 / CURVE_HZ) * weights).sum(axis=1)
    momentary, short = _over(energy, round(0.4 * CURVE_HZ)), _over(energy, 3 * CURVE_HZ)
    side = (sound[:, 0] - sound[:, 1]) / 2 if channels == 2 else np.zeros(1)
    return SoundMeasures(
        stream=1,
        rate_hz=rate_hz,
        channels=channels,
        layout=layout,
        duration_s=len(sound) / rate_hz,
        integrated_lufs=_integrated(momentary),
        lra_lu=_loudness_range(short),
        true_peak_dbtp=_db(np.abs(resample_poly(sound, 4, 1, axis=0)).max(initial=0) ** 2),
        max_momentary_lufs=_lufs(momentary.max(initial=0)),
        max_short_lufs=_lufs(short.max(initial=0)),
        mean_db=_db(float(np.mean(sound**2))),
        max_db=_db(np.abs(sound).max(initial=0) ** 2),
        momentary_lufs=_curve(momentary),
        short_lufs=_curve(short),
        blocks_db=_levels(_mean_squares(sound, rate_hz, BLOCK_S)),
        dc=sound.mean(axis=0).astype(np.float32),
        side_db=_db(float(np.mean(side**2))),
        spectrum_db=_spectrum(sound.mean(axis=1), rate_hz),
    )


def k_weighted(sound: Samples, rate_hz: int) -> Samples:
    """Return samples [n, channels] filtered as the ear hears (BS.1770-4, annex 1), at any rate.

    The standard has coefficients for 48 kHz only; these are the analogue filters behind them, made digital again by
    the bilinear transform, as in K. Mansbridge et al., AES 132 (2012).
    """
    k, q, gain = math.tan(math.pi * 1681.974450955533 / rate_hz), 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    mid = gain**0.4996667741545416
    a0 = 1 + k / q + k * k
    shelf = [(gain + mid * k / q + k * k) / a0, 2 * (k * k - gain) / a0, (gain - mid * k / q + k * k) / a0]
    louder = lfilter(shelf, [1, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0], sound, axis=0)
    k, q = math.tan(math.pi * 38.13547087602444 / rate_hz), 0.5003270373238773
    a0 = 1 + k / q + k * k
    return np.asarray(lfilter([1, -2, 1], [1, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0], louder, axis=0))


def decoded(path: Path) -> tuple[Samples, int, str]:
    """Return the samples of a file's first sound [n, channels], their rate, and the layout."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        rate, layout = stream.rate, stream.layout.name
        resampler = av.AudioResampler("fltp", layout, rate)
        frames = [done for frame in container.decode(stream) for done in resampler.resample(frame)]
        pieces = [frame.to_ndarray() for frame in frames]
    return np.concatenate(pieces, axis=1).T.astype(float), rate, layout


def speech_pcm(path: Path) -> npt.NDArray[np.int16]:
    """Return a file's first sound as speech is looked for in: mono, int16 [n], SPEECH_HZ.

    Mixed down as numbers with a point: whole numbers would be made quieter first, so that six channels can't add up
    to more than full scale.
    """
    import av

    with av.open(str(path)) as container:
        resampler = av.AudioResampler("fltp", "mono", SPEECH_HZ)
        frames = [done for frame in container.decode(audio=0) for done in resampler.resample(frame)]
        pieces = [frame.to_ndarray()[0] for frame in (*frames, *resampler.resample(None))]
    pcm: npt.NDArray[np.int16] = np.clip(np.rint(np.concatenate(pieces) * 2**15), -(2**15), 2**15 - 1).astype(np.int16)
    return pcm


def _mean_squares(sound: Samples, rate_hz: int, length_s: float) -> Samples:
    """Return the mean power [k, channels] of each whole stretch of that length."""
    edges = np.round(np.arange(int(len(sound) / rate_hz / length_s + 1e-6) + 1) * length_s * rate_hz).astype(int)
    sums = np.concatenate([np.zeros((1, sound.shape[1])), np.cumsum(sound**2, axis=0)])
    return np.asarray(np.diff(sums[edges], axis=0) / np.diff(edges)[:, None])


def _over(energy: Samples, length: int) -> Samples:
    """Return the mean over as many steps up to each; 0 where there aren't as many yet."""
    sums = np.concatenate([np.zeros(1), np.cumsum(energy)])
    means = np.zeros(len(energy))
    means[length - 1 :] = (sums[length:] - sums[:-length]) / length
    return np.maximum(means, 0)


def _integrated(momentary: Samples) -> float:
    """Return the gated loudness of BS.1770-4: blocks of 400 ms each 100 ms, gates -70 LUFS and -10 LU."""
    above = momentary[_levels(momentary) + _OFFSET_DB > -70]
    if not len(above):
        return -math.inf
    return _lufs(float(above[above > above.mean() / 10].mean()))


def _loudness_range(short: Samples) -> float:
    """Return the range of EBU Tech 3342: 10th to 95th percentile of 3 s blocks, gates -70 LUFS and -20 LU."""
    above = short[_levels(short) + _OFFSET_DB > -70]
    if not len(above):
        return 0.0
    low, high = np.percentile(_levels(above[above > above.mean() / 100]), [10, 95])
    return float(high - low)


def _spectrum(mono: Samples, rate_hz: int) -> npt.NDArray[np.float32]:
    """Return the mean power of bins that are at most 3 Hz wide, from 0 to half the rate."""
    length = min(len(mono), 1 << math.ceil(math.log2(rate_hz / 3)))
    _, power = welch(mono, rate_hz, nperseg=length, scaling="spectrum", detrend=False)
    return _levels(power)


def _curve(energy: Samples) -> npt.NDArray[np.float32]:
    return _levels(energy) + np.float32(_OFFSET_DB)


def _levels(power: Samples) -> npt.NDArray[np.float32]:
    with np.errstate(divide="ignore"):
        return (10 * np.log10(power)).astype(np.float32)


def _db(power: float) -> float:
    return 10 * math.log10(power) if power > 0 else -math.inf


def _lufs(energy: float) -> float:
    return _OFFSET_DB + _db(energy)
