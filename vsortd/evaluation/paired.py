"""Two ways to judge the same videos: whether one is better than chance would explain. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from vsortd.core.chance import sign_test

if TYPE_CHECKING:
    from collections.abc import Sequence

# What is called better would come of chance alone once in twenty times, all comparisons of a table together.
SIGNIFICANT: Final = 0.05


@dataclass(frozen=True, slots=True)
class PairedOutcome:
    """Videos that one of two ways alone judges right: `won` by this one, `lost` to the other.

    `p` is the probability of a difference at least as large if neither were better: McNemar's test in its exact form,
    a two-sided sign test. `p_of_all` is what is left of it where several are held against one (`among_others`).
    """

    won: int
    lost: int
    p: float
    p_of_all: float

    @classmethod
    def of(cls, right: Sequence[bool], other: Sequence[bool]) -> PairedOutcome:
        """Compare two ways, by whether each judges each video right."""
        won = sum(one and not two for one, two in zip(right, other, strict=True))
        lost = sum(two and not one for one, two in zip(right, other, strict=True))
        p = sign_test(won, lost)
        return cls(won, lost, p, p)

    def sentence(self) -> str:
        """Say it for people."""
        if not self.won and not self.lost:
            return "right and wrong on the same videos"
        said = f"won {self.won}, lost {self.lost}: "
        if self.p_of_all >= SIGNIFICANT:
            return f"{said}too few to tell" if self.won != self.lost else f"{said}even"
        return f"{said}{'better' if self.won > self.lost else 'worse'} (p = {_about(self.p_of_all)})"


def among_others(outcomes: Sequence[PairedOutcome]) -> list[PairedOutcome]:
    """Return outcomes with `p_of_all` for all of them together, by Holm's method (1979), in the same order.

    Of twenty models that are no better one would look better by chance.
    """
    found = list(outcomes)
    least = 0.0
    for rank, number in enumerate(sorted(range(len(found)), key=lambda number: found[number].p)):
        least = max(least, min(1.0, found[number].p * (len(found) - rank)))
        found[number] = replace(found[number], p_of_all=least)
    return found


def _about(p: float) -> str:
    return f"{p:.2f}" if p >= 0.01 else "under 0.01" if p >= 0.001 else "under 0.001"  # noqa: PLR2004
