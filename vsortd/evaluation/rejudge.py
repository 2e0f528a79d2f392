"""What was seen of each video, judged again by any rules and vectors: arithmetic alone, as the daemon would do it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.judging.closer_look import NOTHING_SEEN
from vsortd.judging.decide import Decision, DecisionOutcome
from vsortd.pipeline.stages import decide_in_rounds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from vsortd.config.rules import RuleTree
    from vsortd.evaluation.truth import Case
    from vsortd.index.stored_looks import Embedded
    from vsortd.judging.closer_look import CloserLook
    from vsortd.judging.conditions import ConditionFacts
    from vsortd.judging.sound_evidence import HeardRules
    from vsortd.vision.prompts import RuleVectors

# An example this close to a frame was taken from that very video: the same frame, through the same fp16.
_SAME_COSINE: Final = 1 - 1e-5


@dataclass(frozen=True, slots=True)
class SampledCase:
    """A video with its facts, every frame that may be looked at, in the daemon's rounds, and what rules hear then."""

    case: Case
    facts: ConditionFacts
    rounds: tuple[Embedded, ...]
    heard: HeardRules | None = None
    closer: CloserLook = NOTHING_SEEN

    def heard_at(self, _: npt.NDArray[np.int64]) -> HeardRules | None:
        """Return what rules hear at any of its moments, see `decide_in_rounds`."""
        return self.heard

    @property
    def frames(self) -> npt.NDArray[np.float32]:
        """All frames as unit rows [n, dim], round after round."""
        return np.concatenate([part.vectors for part in self.rounds])

    @property
    def in_time(self) -> npt.NDArray[np.float32]:
        """All frames as unit rows [n, dim], in the order of their times."""
        times_ms = np.concatenate([part.times_ms for part in self.rounds])
        return self.frames[np.argsort(times_ms, kind="stable")]

    @property
    def together(self) -> tuple[Embedded, ...]:
        """All rounds as one look, for the decision that spares nothing."""
        times_ms = np.concatenate([part.times_ms for part in self.rounds])
        return (replace(self.rounds[0], times_ms=times_ms, vectors=self.frames),)


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision on a video, and the times of the frames that it rests on, in ms."""

    case: Case
    decision: Decision
    times_ms: tuple[int, ...]

    @property
    def truth(self) -> tuple[str, ...]:
        """Where the video belongs, () for none of these."""
        return self.case.truth

    @property
    def placed(self) -> tuple[str, ...]:
        """Where it would be filed, () for review."""
        filed = self.decision.outcome is DecisionOutcome.FILED
        return tuple(self.decision.rule.split("/")) if filed else ()

    @property
    def is_right(self) -> bool:
        """Whether that is exactly where it belongs."""
        return self.placed == self.truth

    @property
    def is_undecided(self) -> bool:
        """Whether it stays above where it belongs: in review, or in a rule that the right one is below."""
        return len(self.placed) < len(self.truth) and self.placed == self.truth[: len(self.placed)]

    @property
    def is_wrong(self) -> bool:
        """Whether it would be filed where it doesn't belong."""
        return not self.is_right and not self.is_undecided


def judge_all(
    seen: Sequence[SampledCase],
    tree: RuleTree,
    vectors: RuleVectors | Callable[[int], RuleVectors],
    *,
    adaptive: bool = True,
) -> list[Judged]:
    """Judge every video by rules and their vectors, or by those that `vectors` returns for a video's number.

    `adaptive` looks at more frames only while they might change the decision, as the daemon does.
    """
    judged = []
    for number, one in enumerate(seen):
        own = vectors(number) if callable(vectors) else vectors
        looks = one.rounds if adaptive else one.together
        decision, times_ms = decide_in_rounds(tree, own, looks, one.facts, one.heard_at, closer=one.closer)
        judged.append(Judged(one.case, decision, times_ms))
    return judged


def without_own_examples(vectors: RuleVectors, frames: npt.NDArray[np.float32]) -> RuleVectors:
    """Return vectors that were not taught by this very video; the same object where they were not anyway."""
    mine = _unit(frames)

    def keeps(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        return np.asarray((_unit(rows) @ mine.T).max(axis=1) < _SAME_COSINE)

    levels = {key: level.with_examples_where(keeps) for key, level in vectors.levels.items()}
    changed = any(levels[key] is not level for key, level in vectors.levels.items())
    return replace(vectors, levels=levels, memo={}) if changed else vectors


def _unit(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return rows of length 1: through fp16 they are up to 1e-4 longer or shorter."""
    length: npt.NDArray[np.float32] = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / length
