"""Made frame vectors that cluster as a model's do: topics, videos, scenes, shots, and neighbours that are alike.

What CLIP models show is imitated: all pictures share a direction; few directions hold most of what differs (a power
law); frames of a shot drift slowly, with some noise, so that neighbours have a cosine of about 0.95, and pictures of
different videos one of about 0.5. Texts lie apart from all pictures: one that says what a picture shows has a cosine of
about 0.3 to it, others 0.15 to 0.25.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from tests.support.encoders import DictionaryEncoder

if TYPE_CHECKING:
    from collections.abc import Iterator

Rows = npt.NDArray[np.float32]

TOPICS: Final = 3000
_POOL: Final = 20_000
# What share of the squared length the levels have: what all share, topic, video, scene, shot, drift, noise of a frame.
_COMMON, _TOPIC, _VIDEO, _SCENE, _SHOT, _DRIFT, _NOISE = 0.45, 0.2, 0.09, 0.07, 0.12, 0.04, 0.03
_TEXT_COMMON, _TEXT_TOPIC, _TEXT_OWN = 0.55, 0.2, 0.25
_LONG_PART: Final = 0.75  # of the hours are films; the rest is short videos
_AGAINST_COMMON: Final = 0.12  # of a text's direction: pictures and texts lie on two sides


@dataclass(frozen=True, slots=True, eq=False)
class MadeVideo:
    """One video at a frame a second: unit rows float16 [n, dim], the topic of each frame [n], and its form."""

    vectors: npt.NDArray[np.float16]
    topics: npt.NDArray[np.intp]
    is_portrait: bool


class MadeLibrary:
    """Videos, and texts about them, that follow from a seed. `dim` is the vectors' length."""

    def __init__(self, dim: int = 512, seed: int = 1) -> None:
        self._rng = np.random.default_rng(seed)
        spectrum = (np.arange(dim) + 8.0) ** -1.1
        spread = np.sqrt(spectrum / spectrum.sum()).astype(np.float32)
        turn, _ = np.linalg.qr(self._rng.standard_normal((dim, dim)))
        drawn = self._rng.standard_normal((_POOL, dim), dtype=np.float32)
        self._pool: Rows = (drawn * spread) @ turn.astype(np.float32)
        self.dim = dim
        common = self._rng.standard_normal(dim).astype(np.float32)
        self._common: Rows = common / np.linalg.norm(common)
        self._topics = self._some(TOPICS)
        weights = (np.arange(TOPICS) + 20.0) ** -0.7
        self._topic_weights = weights / weights.sum()
        text_common = self._rng.standard_normal(dim).astype(np.float32)
        self._text_common: Rows = text_common / np.linalg.norm(text_common)

    def videos(self, hours: float) -> Iterator[MadeVideo]:
        """Yield videos of so many hours together, at least one."""
        left = round(hours * 3600)
        while left > 0:
            is_long = self._rng.random() < _LONG_PART / 60 / (_LONG_PART / 60 + (1 - _LONG_PART) / 1.5)
            minutes = self._rng.uniform(30, 110) if is_long else self._rng.uniform(0.3, 3)
            count = max(3, min(left, round(minutes * 60)))
            yield self._video(count, is_long=is_long)
            left -= count

    def text(self, topic: int, rng: np.random.Generator) -> Rows:
        """Return a sentence about a topic, a unit row [dim]."""
        own = rng.standard_normal(self.dim).astype(np.float32) / np.sqrt(self.dim)
        row = (
            np.sqrt(_TEXT_COMMON) * (self._text_common + _AGAINST_COMMON * self._common)
            + np.sqrt(_TEXT_TOPIC) * self._topics[topic]
            + np.sqrt(_TEXT_OWN) * own
        )
        return np.asarray(row / np.linalg.norm(row), np.float32)

    def _some(self, count: int) -> Rows:
        """Return so many directions, of length about 1, in which pictures differ."""
        one, other = self._rng.integers(0, _POOL, (2, count))  # the sum of two is as good as a new one, and quicker
        return np.asarray((self._pool[one] - self._pool[other]) * np.float32(0.5**0.5), np.float32)

    def _video(self, count: int, *, is_long: bool) -> MadeVideo:
        rng = self._rng
        own_topics = rng.choice(TOPICS, 12 if is_long else 2, p=self._topic_weights)
        shots = _lengths(rng, count, 5.0 if is_long else 15.0)
        scenes = _lengths(rng, len(shots), 12.0 if is_long else 4.0)
        shot_of = np.repeat(np.arange(len(shots)), shots)
        scene_of = np.repeat(np.arange(len(scenes)), scenes)
        topic_of_scene = rng.choice(own_topics, len(scenes))
        shot_rows = (
            np.sqrt(_TOPIC) * self._topics[topic_of_scene[scene_of]]
            + np.sqrt(_SCENE) * self._some(len(scenes))[scene_of]
            + np.sqrt(_SHOT) * self._some(len(shots))
        )
        base = np.sqrt(_COMMON) * self._common + np.sqrt(_VIDEO) * self._some(1)[0]
        steps = self._some(count)
        drift = np.cumsum(steps, axis=0)  # of a shot: less what was there at its middle
        middles = np.cumsum(shots) - (shots + 1) // 2
        drift = (drift - drift[middles][shot_of]) / np.sqrt(20.0)
        rows = base + shot_rows[shot_of] + np.sqrt(_DRIFT) * drift + np.sqrt(_NOISE) * self._some(count)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        is_portrait = bool(rng.random() < (0.02 if is_long else 0.3))
        return MadeVideo(rows.astype(np.float16), topic_of_scene[scene_of][shot_of], is_portrait)


def _lengths(rng: np.random.Generator, count: int, usual: float) -> npt.NDArray[np.intp]:
    """Return lengths of parts, about log-normal, that are `count` together."""
    drawn = np.maximum(1, rng.lognormal(np.log(usual), 0.7, count).round()).astype(np.intp)
    ends = np.cumsum(drawn)
    last = int(np.searchsorted(ends, count))
    kept = drawn[: last + 1].copy()
    kept[-1] -= ends[last] - count
    return kept


class ClusteredEncoder(DictionaryEncoder):
    """Knows the texts of a made library: `topic 12` is what frames of topic 12 show, any other text is some other."""

    def __init__(self, library: MadeLibrary) -> None:
        super().__init__(dim=library.dim)
        self.info = replace(self.info, logit_scale=100.0)
        self._library = library

    def vector(self, text: str) -> Rows:
        """Return the unit vector of a text."""
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        number = re.search(r"topic (\d+)", text)
        topic = TOPICS // 3 + seed % (TOPICS // 2) if number is None else int(number[1])
        return self._library.text(topic, np.random.default_rng(seed))
