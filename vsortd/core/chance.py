"""What chance alone would do to counts: intervals, tests, and how many digits a figure is worth. Pure arithmetic.

Everything here takes the videos for independent of one another, as drawn from all that might come. Videos of one shoot
are alike; then intervals are wider than is said here.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final

Z_95: Final = 1.959964  # of the normal distribution: 95 % lie within as many standard errors
# From so many on a percent is no finer than one thing counted; below, "7 of 10" says all that is known.
_PERCENT_FROM: Final = 100
_MOST_DIGITS: Final = 3
_CHANCE: Final = 0.05


class Verdict(StrEnum):
    """What a comparison of two ways says, beyond chance."""

    BETTER = "better"
    WORSE = "worse"
    UNTOLD = "untold"


def wilson(hits: float, n: int) -> tuple[float, float]:
    """Return the ends of Wilson's 95 % score interval (1927) of the share `hits` of `n`; (0, 1) where n is 0.

    It holds for few, and for none and all. `hits` may be an average.
    """
    if not n:
        return 0.0, 1.0
    share, square = hits / n, Z_95**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    spread = share * (1 - share) / n + square / (4 * n**2)
    half = Z_95 * math.sqrt(spread) / (1 + square / n)
    # at 0 and n the ends are 0 and 1 by the formula, but for rounding
    return (0.0 if hits <= 0 else max(0.0, centre - half)), (1.0 if hits >= n else min(1.0, centre + half))


def sign_test(won: float, lost: float) -> float:
    """Return how likely chance alone parts `won` from `lost` so far or farther, 0 to 1 (exact, two-sided; McNemar).

    It is the paired test: of things judged in two ways only those count that the ways judge differently. Averages are
    rounded to whole things.
    """
    few, many = sorted((round(won), round(lost)))
    n = few + many
    ways = ways_so_far = 1
    for chosen in range(few):
        ways = ways * (n - chosen) // (chosen + 1)
        ways_so_far += ways
    return min(1.0, 2 * ways_so_far / (1 << n))


def verdict(won: float, lost: float, *, tried: int = 1) -> Verdict:
    """Tell by the sign test whether a way that won some things and lost others is better or worse than the other.

    Where `tried` ways are compared, one of 20 would seem different by chance alone: each is held against 5 % / `tried`
    (Bonferroni).
    """
    if sign_test(won, lost) > _CHANCE / max(1, tried):
        return Verdict.UNTOLD
    return Verdict.BETTER if won > lost else Verdict.WORSE


def fewer_right(dropped: tuple[int, int], kept: tuple[int, int]) -> float:
    """Return how likely chance alone leaves as few right among the dropped, 0 to 1 (Fisher's exact test, one-sided).

    Both are (right, all of them).
    """
    (right, n), (kept_right, kept_n) = dropped, kept
    all_right, together = right + kept_right, n + kept_n
    least = max(0, n - (together - all_right))
    ways = sum(math.comb(all_right, few) * math.comb(together - all_right, n - few) for few in range(least, right + 1))
    return ways / math.comb(together, n)


def digits_worth(half: float) -> int:
    """Return how many decimals a figure is worth whose 95 % interval reaches `half` to either side, 0 to 3.

    The last one is where the first digit of `half` stands: what is finer is noise.
    """
    return min(_MOST_DIGITS, max(0, math.ceil(-math.log10(half)))) if half > 0 else _MOST_DIGITS


def percent(share: float, n: int) -> str:
    """Return a share of `n` as `87 %`, with as many decimals as n allows."""
    return f"{100 * share:.{_decimals(share * n, n)}f} %"


def share_text(hits: float, n: int) -> str:
    """Return `7 of 10 (40 to 89 %)`, or from 100 on `174 of 199, 87 % (82 to 91 %)`: with Wilson's 95 % interval."""
    low, high = wilson(hits, n)
    decimals = _decimals(hits, n)
    said = f"{brief_share(hits, n)} ({100 * low:.{decimals}f} to {100 * high:.{decimals}f} %)"
    return said if n < _PERCENT_FROM else f"{hits:,.10g} of {n:,}, {said}"


def brief_share(hits: float, n: int) -> str:
    """Return `7 of 10`, or from 100 on `87 %`: where the interval stands elsewhere."""
    return percent(hits / n, n) if n >= _PERCENT_FROM else f"{hits:.10g} of {n}"


def _decimals(hits: float, n: int) -> int:
    low, high = wilson(hits, n)
    return digits_worth(100 * (high - low) / 2)
