"""Whether examples help: leave-one-out arithmetic over the taught videos themselves. Pure: no I/O, no clock, no model.

Each taught video is judged twice by the rules: by their texts alone, and with the examples of all the *other* taught
videos. The person said which rule is right, so both can be counted. The examples are used when at least as many videos
are judged right with them as without: some that texts got right may be lost, if at least as many are won. Whether that
tells that they help, or is chance, the sign test over the won and the lost says (`verdict`). It is a little too sure of
itself: the videos are judged by one another's examples.

A video is judged by what was kept of it, without its facts: a rule with `when:` takes no part either way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vsortd.core.chance import Verdict, verdict
from vsortd.core.text import counted
from vsortd.judging.decide import DecisionOutcome, decide

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vsortd.config.rules import RuleTree
    from vsortd.vision.prompts import Example, RuleVectors

# The newest videos that are judged; each costs some milliseconds whenever something is taught.
JUDGED: Final = 100


@dataclass(frozen=True, slots=True)
class LeaveOneOutResult:
    """How the taught videos are judged; `won` and `lost` are the numbers of those that the examples change."""

    videos: int = 0
    right_with: int = 0
    right_without: int = 0
    won: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()

    @property
    def helps(self) -> bool:
        """Whether the examples are used: they don't make it worse as far as these videos show."""
        return self.right_with >= self.right_without

    @property
    def verdict(self) -> Verdict:
        """Whether they make it better or worse by more than chance."""
        return verdict(len(self.won), len(self.lost))

    def sentence(self) -> str:
        """Say it for people."""
        if not self.videos:
            return "nothing was taught yet"
        videos = f"of {counted(self.videos, 'taught video')}"
        counts = f"{self.right_with} would be judged right with the help of the others, {self.right_without} without it"
        return f"{videos}, {counts}: {self._told()}; they are {'used' if self.helps else 'not used'}"

    def _told(self) -> str:
        if self.verdict is Verdict.UNTOLD:
            few = self.videos < JUDGED  # that many are judged at most: more of them won't tell
            return "too few yet to tell whether they help" if few else "no difference that is more than chance"
        return "corrections help" if self.verdict is Verdict.BETTER else "corrections do harm"


def weigh(
    tree: RuleTree, vectors: RuleVectors, taught: Mapping[int, Example], *, judged: int = JUDGED
) -> LeaveOneOutResult:
    """Judge the newest `judged` videos (by number) each without its own example, with the others' and with none.

    `vectors` are those of `tree` without examples. Raises ModelError like `decide`.
    """
    plain = vectors.with_examples(())
    numbers = sorted(taught)[-judged:]
    right_with = right_without = 0
    won, lost = [], []
    for number in numbers:
        others = vectors.with_examples(one for other, one in taught.items() if other != number)
        before = _is_right(tree, plain, taught[number])
        after = _is_right(tree, others, taught[number])
        right_without += before
        right_with += after
        if after and not before:
            won.append(number)
        elif before and not after:
            lost.append(number)
    return LeaveOneOutResult(len(numbers), right_with, right_without, tuple(won), tuple(lost))


def _is_right(tree: RuleTree, vectors: RuleVectors, example: Example) -> bool:
    decision = decide(tree, vectors, example.vectors)
    # what is none of a level's rules stays in the rule above them or goes to review, as the config wants it
    stays = example.none or decision.outcome is DecisionOutcome.FILED
    return stays and decision.rule == example.rule
