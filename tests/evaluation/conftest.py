"""A world of numbers: a tree of rules whose frames say exactly which probability each rule gets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.facts import clip_facts
from tests.support.rules import rule
from tests.support.rules import tree as tree_of
from vsortd.evaluation.rejudge import Judged, SampledCase, judge_all
from vsortd.evaluation.truth import Case
from vsortd.index.stored_looks import Embedded
from vsortd.judging.conditions import ConditionFacts
from vsortd.judging.resident_model import Classifier
from vsortd.media.preprocess import Preprocess
from vsortd.vision.encoder import Family, ModelInfo
from vsortd.vision.prompts import LevelVectors, RuleVectors, level_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.config.rules import Rule, RuleTree


CLIP = clip_facts(duration_s=4.0)
SCALE = 20.0


@dataclass(frozen=True)
class World:
    """A tree and its vectors: each rule has an axis of its own, and each level one more for none of these."""

    tree: RuleTree
    vectors: RuleVectors
    axis: dict[str, int]

    @classmethod
    def of(cls, *rules: Rule) -> World:
        """Make it of rules (recursive: for shallow trees)."""
        tree = tree_of(*rules)
        levels: dict[str, Sequence[Rule]] = {"": tree.rules} | {one.key: one.rules for one in tree.walk() if one.rules}
        keys = [key for parent, siblings in levels.items() for key in (*(one.key for one in siblings), f"!{parent}")]
        axis = {key: place for place, key in enumerate(keys)}
        rows = np.eye(len(axis), dtype=np.float32)
        found = {
            parent: LevelVectors(
                parent=parent,
                names=tuple(one.name for one in siblings),
                vectors=rows[[axis[one.key] for one in siblings]],
                known=(True,) * len(siblings),
                unknown=((),) * len(siblings),
                negatives=("nothing",),
                negative_vectors=rows[[axis[f"!{parent}"]]],
            )
            for parent, siblings in levels.items()
        }
        return cls(tree, RuleVectors(found, len(axis), 1.0, None), axis)

    def frame(self, **probs: float) -> list[float]:
        """Return a frame in which rules (`a__b` for a/b) have these probabilities, none of these the rest.

        A level that is not named shares evenly.
        """
        named = {key.replace("__", "/"): prob for key, prob in probs.items()}
        row = np.zeros(len(self.axis))
        for parent, level in self.vectors.levels.items():
            keys = [f"{parent}/{name}" if parent else name for name in level.names]
            if not any(key in named for key in keys):
                continue
            own = [named.get(key, 0.0) for key in keys]
            for key, prob in zip((*keys, f"!{parent}"), (*own, 1 - sum(own)), strict=True):
                row[self.axis[key]] = math.log(max(prob, 1e-9))
        return list(row)

    def pure(self, *keys: str) -> list[float]:
        """Return a frame of length 1 that shows these rules alike; its shares hang on the model's scale."""
        row = np.zeros(len(self.axis))
        row[[self.axis[key] for key in keys]] = 1 / math.sqrt(len(keys))
        return list(row)

    def seen(self, truth: str, *rounds: Sequence[Sequence[float]]) -> SampledCase:
        """Return a video that belongs to `truth` ("" for none) and is looked at in these rounds of frames."""
        looks, start = [], 0
        for frames in rounds:
            times_ms = np.arange(start, start + len(frames), dtype=np.int64) * 100
            looks.append(Embedded(times_ms, np.array(frames, np.float32)))
            start += len(frames)
        path = tuple(truth.split("/")) if truth else ()
        return SampledCase(Case(Path(f"/films/{truth}.mp4"), path), ConditionFacts(CLIP, "film.mp4"), tuple(looks))

    def judged(self, *seen: SampledCase) -> list[Judged]:
        """Judge videos as the daemon would."""
        return judge_all(seen, self.tree, self.vectors)


class Words:
    """An encoder whose texts point where their last word says; every other word counts for nothing."""

    def __init__(self, axis: dict[str, int]) -> None:
        preprocess = Preprocess(32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        self.axis = {key.rpartition("/")[2]: place for key, place in axis.items() if not key.startswith("!")}
        self.info = ModelInfo("words", "x", "f", "cpu", "float32", len(axis), SCALE, None, preprocess, Family.CLIP)
        self.nothing = axis["!"]

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.eye(self.info.dim, dtype=np.float32)[
            [self.axis.get(text.rpartition(" ")[2], self.nothing) for text in texts]
        ]

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:  # noqa: ARG002 - the encoder's own signature
        raise AssertionError("comparing looks at no picture")

    def unknown_words(self, text: str) -> tuple[str, ...]:
        return ("zzz",) if "zzz" in text else ()

    def close(self) -> None:
        """Nothing to free."""


@pytest.fixture
def world() -> World:
    """Return nature with two finer rules, and town without any."""
    return World.of(rule("nature", rule("forest"), rule("sea")), rule("town"))


@pytest.fixture
def judge(world: World) -> Classifier:
    """Return a classifier whose words are the world's axes."""
    encoder = Words(world.axis)
    return Classifier(encoder, world.tree, level_vectors(world.tree, encoder))


@pytest.fixture
def make_world() -> type[World]:
    """Return what makes a world of rules."""
    return World


@pytest.fixture
def make_rule() -> object:
    """Return what makes a rule."""
    return rule
