"""Whether one way to judge is better than another on the same videos: the exact test, by hand-worked numbers."""

from __future__ import annotations

import pytest

from vsortd.evaluation.paired import PairedOutcome, among_others


def test_what_is_said() -> None:
    def said(won: int, lost: int, both: int = 3) -> str:
        right = [True] * (won + both) + [False] * lost
        other = [False] * won + [True] * (both + lost)
        return PairedOutcome.of(right, other).sentence()

    assert "won 5, lost 2: too few to tell" == said(5, 2)
    assert "won 6, lost 0: better (p = 0.03)" == said(6, 0)
    assert "won 0, lost 12: worse (p = under 0.001)" == said(0, 12)
    assert "won 2, lost 2: even" == said(2, 2)
    assert "right and wrong on the same videos" == said(0, 0)


def test_several_comparisons_together_ask_for_more() -> None:
    """Holm: the smallest times three, the next times two, never less than one before."""
    alone = [PairedOutcome(6, 0, p, p) for p in (0.03, 0.004, 0.02)]
    assert [0.04, 0.012, 0.04] == pytest.approx([one.p_of_all for one in among_others(alone)])
    assert [] == among_others([])
