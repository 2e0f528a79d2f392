"""Why a level of the rules ended as it did, in a sentence. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vsortd.core.text import counted
from vsortd.judging.aggregation import DECIMALS, EPSILON

if TYPE_CHECKING:
    from vsortd.judging.aggregation import Race, Standing

_SHOWN_WORDS: Final = 3


def reason_of(race: Race, standing: Standing, *, wins: bool, like_none: bool) -> str:
    """Say in one sentence why a level ended as it did for one video: with a winner, or why without.

    `like_none`: most of its frames are like an example of none.
    """
    rule = race.rules[standing.column]
    key = f"{race.parent}/{rule.name}" if race.parent else rule.name
    rival = _rival_name(race, standing)
    other = standing.score - standing.margin
    if wins:
        frames = counted(race.frames, "frame")
        return f"{key}: {standing.score:.2f}, {standing.margin:.2f} ahead of {rival} ({frames})"
    if standing.margin < -EPSILON:
        low, high = _apart(standing.score, other)
        why = f"{rival} {high} is ahead of {key} {low}"
    elif standing.score < rule.min_score - EPSILON:
        score, limit = _apart(standing.score, rule.min_score)
        why = f"{key} {score} is under min_score {limit}; next is {rival} {other:.2f}"
    else:
        margin, limit = _apart(standing.margin, rule.min_margin)
        lead = f"{key} {standing.score:.2f} is only {margin} ahead of {rival} {other:.2f}"
        why = f"{lead}, under min_margin {limit}"
    taught = ""
    if like_none and standing.rival == len(race.rules):
        taught = f"like a video that you said belongs nowhere{f' below {race.parent}' if race.parent else ''}"
    return "; ".join(filter(None, (f"unsure: {why}", taught, unknown_words(race))))


def _rival_name(race: Race, standing: Standing) -> str:
    if standing.rival == len(race.rules):
        return "none of these"
    name = race.rules[standing.rival].name
    return f"{race.parent}/{name}" if race.parent else name


def _apart(small: float, large: float) -> tuple[str, str]:
    """Format two numbers with as many decimals as it takes to tell them apart, two at least."""
    for decimals in range(2, DECIMALS):
        texts = f"{small:.{decimals}f}", f"{large:.{decimals}f}"
        if texts[0] != texts[1]:
            break
    return texts


def unknown_words(race: Race) -> str:
    """Name the words that kept rules out, or return ""."""
    words = [
        word
        for competes, own in zip(race.vectors.competes, race.vectors.unknown, strict=True)
        if not competes
        for word in own
    ]
    words = list(dict.fromkeys(words))
    if not words:
        return ""
    shown = ", ".join(f"'{word}'" for word in words[:_SHOWN_WORDS])
    more = f" and {len(words) - _SHOWN_WORDS} more words" if len(words) > _SHOWN_WORDS else ""
    return f"the model doesn't know {shown}{more}"
