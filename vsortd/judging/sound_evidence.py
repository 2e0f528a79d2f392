"""What is heard in a video, as evidence for its rules: the formulas. Pure: arithmetic on unit vectors, but for texts.

With unit vectors v (a window of sound) and t (a rule's `sound` prompts, as `ensemble` has it), and the sound model's
own scale s, the rule's sound competes alone with what else may be heard, the built-in sounds n_k not related to it:

    e = s·v·t - ln Σ_k exp(s·v·n_k)

which are the log-odds that it is heard. In a frame, the window nearest to it adds w·e to the rule's logit, w being the
`sound_weight`: the rule's probability there is multiplied by exp(w·e) before all are shared out anew. At w = 1 that is
Bayes' rule for a sound and a picture that are independent given the rule. They are not quite (one window is heard in
ten frames of a second each), and what is heard is often not what is shown, so the default is half of it. Rules without
`sound`, and none of these, get nothing added. Nor does anything in a frame of a time in which nothing is heard:
silence, or a video without sound, is judged by the pictures alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vsortd.hearing.listening import nearest_windows
from vsortd.media.sound_windows import WINDOW_S
from vsortd.vision.prompt_plan import Competition, Query
from vsortd.vision.prompts import competition_vectors
from vsortd.vision.templates import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vsortd.config.rules import Rule, RuleTree
    from vsortd.hearing.listening import HeardVideo
    from vsortd.vision.encoder import TextEncoder
    from vsortd.vision.prompts import LevelVectors

    Floats = npt.NDArray[np.float64]

_REACH_MS: Final = WINDOW_S * 500  # from a window's middle to what it still tells of


@dataclass(frozen=True, slots=True, eq=False)
class SoundRules:
    """The rules that listen, by their keys, each as a level of one, and the sound model's scale."""

    levels: Mapping[str, LevelVectors]
    logit_scale: float
    key: str  # of the model

    def heard_in(self, video: HeardVideo) -> HeardRules:
        """Return what a video's windows say of each rule that listens."""
        rows = video.vectors.astype(np.float64)
        audible = np.asarray(rows.any(axis=1), np.bool_)
        odds = {name: _log_odds(level, rows, self.logit_scale) for name, level in self.levels.items()}
        return HeardRules(video.times_ms, audible, odds)


@dataclass(frozen=True, slots=True, eq=False)
class HeardRules:
    """The log-odds [n] of each rule that listens in n windows of a video, whose middles are at `times_ms`, ascending.

    `audible` [n] tells in which windows anything is heard.
    """

    times_ms: npt.NDArray[np.int64]
    audible: npt.NDArray[np.bool_]
    log_odds: Mapping[str, Floats]

    def at(self, times_ms: npt.NDArray[np.int64], siblings: Sequence[Rule]) -> LevelSound | None:
        """Return what is heard at some moments [frames] of a level's rules; None where that is nothing of any."""
        listening = [rule.key in self.log_odds for rule in siblings]
        if not any(listening) or not len(self.times_ms):
            return None
        windows = nearest_windows(self.times_ms, times_ms)
        hears = self.audible[windows] & (np.abs(self.times_ms[windows] - times_ms) <= _REACH_MS)
        if not hears.any():
            return None
        odds = np.zeros((len(times_ms), len(siblings)))
        for column, rule in enumerate(siblings):
            if listening[column]:
                odds[:, column] = np.where(hears, self.log_odds[rule.key][windows], 0.0)
        weights = np.array([rule.sound_weight for rule in siblings])
        return LevelSound(odds, weights, np.array(listening), hears)


@dataclass(frozen=True, slots=True, eq=False)
class LevelSound:
    """What the frames of a video hear of a level's rules: log-odds [frames, siblings], 0 where that is nothing."""

    odds: Floats
    weights: Floats
    listening: npt.NDArray[np.bool_]  # [siblings]
    hears: npt.NDArray[np.bool_]  # [frames]

    @property
    def added(self) -> Floats:
        """What is added to the rules' logits, [frames, siblings]."""
        return self.odds * self.weights

    def probability(self, column: int) -> float | None:
        """Return how probably a rule's sound is heard, the mean over frames that hear; None if it doesn't listen."""
        if not self.listening[column]:
            return None
        return float((0.5 * (1.0 + np.tanh(0.5 * self.odds[self.hears, column]))).mean())


def sound_rules(tree: RuleTree, encoder: TextEncoder) -> SoundRules | None:
    """Embed what the rules of a tree listen to; None where none does. Raises ModelError when the model fails."""
    rules = [rule for rule in tree.walk() if rule.sound and rule.prompts]
    if not rules:
        return None
    templates = TEMPLATES[encoder.info.family]
    asked = [
        Competition(rule.key, [Query(rule.key, rule.sound, ensemble=rule.ensemble)], (), templates, open_world=True)
        for rule in rules
    ]
    levels = {level.parent: level for level in competition_vectors(asked, encoder)}
    return SoundRules(levels, encoder.info.logit_scale, encoder.info.key)


def _log_odds(level: LevelVectors, windows: Floats, scale: float) -> Floats:
    """Return the log-odds of a level of one in windows, unit rows [n, dim]: [n]."""
    own = level.alternatives.get(0, level.vectors)
    logits = scale * (windows @ own.astype(np.float64).T).max(axis=1)
    against = scale * (windows @ level.negative_vectors.astype(np.float64).T)
    return np.asarray(logits - np.logaddexp.reduce(against, axis=1))
