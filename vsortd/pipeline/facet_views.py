"""How the values of each facet did in a decision, for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vsortd.judging.decide import NONE, Decision, LevelResult

if TYPE_CHECKING:
    from vsortd.config.rules import RuleTree


@dataclass(frozen=True, slots=True)
class FacetView:
    """How the values of one facet did, and the thresholds that they had to reach."""

    level: LevelResult
    min_score: float
    min_margin: float

    @property
    def ranked(self) -> list[tuple[str, float]]:
        """The values by score, none of these last."""
        scores = dict(self.level.scores)
        none = scores.pop(NONE)
        return [*sorted(scores.items(), key=lambda pair: -pair[1]), (NONE, none)]

    def to_json(self) -> dict[str, Any]:
        """Return the facet as `explain --json` prints it."""
        level = self.level
        return {
            "facet": level.parent,
            "scores": dict(level.scores),
            "winner": level.winner,
            "best": level.best,
            "score": level.score,
            "margin": level.margin,
            "runner_up": level.runner_up,
            "min_score": self.min_score,
            "min_margin": self.min_margin,
            "reason": level.reason,
        }


def facet_views(tree: RuleTree, decision: Decision) -> tuple[FacetView, ...]:
    """Set what a decision says of each facet beside what was needed."""
    needed = {facet.name: facet.values[0] for facet in tree.facets}
    return tuple(
        FacetView(level, needed[level.parent].min_score, needed[level.parent].min_margin)
        for level in decision.facets
        if level.parent in needed
    )
