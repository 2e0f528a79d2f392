"""A sound's loudness over time as a document keeps it: few enough points to be kept for every video, and drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.media.measures import CURVE_HZ

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from vsortd.media.measures import SoundMeasures

MAX_POINTS: Final = 2000  # 200 s at the rate of the measure; of a film of two hours each stands for 3.6 s
SHORT_S: Final = 3.0  # the short-term window of EBU R 128
MOMENTARY_S: Final = 0.4
LEAST_LUFS: Final = -70.0  # the absolute gate: what is below is told, and drawn, as nothing


@dataclass(frozen=True, slots=True, eq=False)
class LoudnessCurve:
    """Loudness from `begin_s` on, each value for `step_s`: the loudest window whose middle lies there."""

    window_s: float  # SHORT_S; MOMENTARY_S of a sound that is shorter than that
    begin_s: float
    step_s: float
    lufs: npt.NDArray[np.float64]  # [n] at most MAX_POINTS, -inf for silence

    @property
    def times_s(self) -> npt.NDArray[np.float64]:
        """The middles of the steps, s from the video's start: float64 [n]."""
        return self.begin_s + (np.arange(len(self.lufs), dtype=np.float64) + 0.5) * self.step_s

    def to_json(self) -> dict[str, Any]:
        """Return it as a document has it: levels to a tenth, null for silence."""
        return {
            "window_s": self.window_s,
            "begin_s": round(self.begin_s, 3),
            "step_s": round(self.step_s, 3),
            "lufs": [None if level == -math.inf else round(float(level), 1) for level in self.lufs],
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> LoudnessCurve:
        """Return what a document tells of."""
        levels = np.array([-math.inf if level is None else level for level in raw["lufs"]], np.float64)
        return cls(float(raw["window_s"]), float(raw["begin_s"]), float(raw["step_s"]), levels)


def loudness_curve(sound: SoundMeasures, *, start_s: float = 0.0) -> LoudnessCurve:
    """Return the curve of a sound that begins `start_s` after the video: short-term, or momentary of a short one.

    Where there are more measures than points, neighbours become one: the loudest of them, so that no peak is lost.
    """
    short = len(sound.short_lufs) >= SHORT_S * CURVE_HZ
    window_s, measured = (SHORT_S, sound.short_lufs) if short else (MOMENTARY_S, sound.momentary_lufs)
    full = measured[round(window_s * CURVE_HZ) - 1 :].astype(np.float64)  # the windows before begin before the sound
    full[~(np.isfinite(full) & (full >= LEAST_LUFS))] = -math.inf  # no number is no sound
    together = max(1, math.ceil(len(full) / MAX_POINTS))
    filled = np.append(full, np.full(-len(full) % together, -math.inf))
    step_s = together / CURVE_HZ
    # the first window's middle is the middle of the first measure's tenth of a second
    return LoudnessCurve(
        window_s, start_s + window_s / 2 - 0.5 / CURVE_HZ, step_s, filled.reshape(-1, together).max(axis=1)
    )
