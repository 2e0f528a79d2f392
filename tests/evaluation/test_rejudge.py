"""Judging again what was seen: in rounds as the daemon does, and without what a video itself taught."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vsortd.evaluation.rejudge import judge_all, without_own_examples
from vsortd.vision.prompts import Example

if TYPE_CHECKING:
    from tests.evaluation.conftest import World


def test_a_clear_video_is_decided_by_the_first_round(world: World) -> None:
    clear = [world.frame(town=0.9, nature=0.05)] * 4
    (one,) = judge_all([world.seen("town", clear, clear)], world.tree, world.vectors)
    assert (("town",), 4) == (one.placed, len(one.times_ms))


def test_a_close_race_is_looked_at_until_the_end(world: World) -> None:
    first = [world.frame(town=0.8, nature=0.15), world.frame(town=0.15, nature=0.8)] * 2
    later = [world.frame(town=0.1, nature=0.85, nature__sea=0.9)] * 4
    seen = [world.seen("nature/sea", first, later)]
    (adaptive,) = judge_all(seen, world.tree, world.vectors)
    (full,) = judge_all(seen, world.tree, world.vectors, adaptive=False)
    assert 8 == len(adaptive.times_ms) == len(full.times_ms)
    assert adaptive.placed == full.placed


def test_sparing_frames_may_decide_otherwise_than_all_of_them(world: World) -> None:
    first = [world.frame(town=0.9, nature=0.05)] * 4
    later = [world.frame(town=0.01, nature=0.98)] * 12
    seen = [world.seen("nature", first, later)]
    (adaptive,) = judge_all(seen, world.tree, world.vectors)
    (full,) = judge_all(seen, world.tree, world.vectors, adaptive=False)
    assert (("town",), 4) == (adaptive.placed, len(adaptive.times_ms))
    assert (("nature",), 16) == (full.placed, len(full.times_ms))


def test_a_video_is_not_judged_with_its_own_example(world: World) -> None:
    rows = np.eye(world.vectors.dim, dtype=np.float32)
    taught = world.vectors.with_examples([Example("town", rows[:2]), Example("nature/sea", rows[3:4])])
    own = without_own_examples(taught, rows[:2])
    # nature/sea counts for nature at the top; what taught town was the video itself
    assert [0] == list(own.levels[""].examples)
    assert [1] == list(own.levels["nature"].examples)


def test_its_own_example_is_known_though_fp16_changed_its_length(world: World) -> None:
    dice = np.random.default_rng(5)
    rows = dice.standard_normal((200, world.vectors.dim)).astype(np.float32)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)
    assert (rows * rows).sum(axis=1).min() < 1 - 1e-5, "or this shows nothing"
    taught = world.vectors.with_examples([Example("town", rows)])
    assert {} == without_own_examples(taught, rows).levels[""].examples


def test_vectors_without_own_examples_stay_the_same_object(world: World) -> None:
    rows = np.eye(world.vectors.dim, dtype=np.float32)
    taught = world.vectors.with_examples([Example("town", rows[:2])])
    assert taught is without_own_examples(taught, rows[4:])
