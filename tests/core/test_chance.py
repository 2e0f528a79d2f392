"""What chance alone would do, against numbers of the literature and by hand."""

from __future__ import annotations

import pytest

from vsortd.core.chance import Verdict, brief_share, digits_worth, fewer_right, share_text, sign_test, verdict, wilson


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        # Newcombe (1998), table I, method 3: 81/263, 15/148, 0/20, 1/29
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson_intervals_are_those_of_the_literature(hits: int, n: int, low: float, high: float) -> None:
    assert (low, high) == pytest.approx(wilson(hits, n), abs=5e-5)


def test_the_ends_of_none_and_of_all_are_exact() -> None:
    for n in range(1, 300):
        assert (0.0, 1.0) == (wilson(0, n)[0], wilson(n, n)[1])


@pytest.mark.parametrize(
    ("won", "lost", "chance"),
    [
        (0, 0, 1.0),
        (5, 0, 2 / 32),
        (0, 6, 2 / 64),
        (3, 1, 2 * (1 + 4) / 16),
        (4, 4, 1.0),
        (9, 1, 2 * (1 + 10) / 1024),
    ],
)
def test_the_sign_test_counts_the_ways_of_a_coin(won: int, lost: int, chance: float) -> None:
    assert chance == pytest.approx(sign_test(won, lost))


def test_five_of_five_may_be_chance_and_six_of_six_may_not() -> None:
    assert [Verdict.UNTOLD, Verdict.BETTER, Verdict.WORSE] == [verdict(5, 0), verdict(6, 0), verdict(0, 6)]
    assert Verdict.UNTOLD is verdict(6, 0, tried=2)


def test_the_lady_who_tastes_tea_may_guess_once_in_seventy() -> None:
    """Fisher (1935): all of four cups by chance in 1 of 70 cases, three or more in 17 of 70."""
    assert pytest.approx(1 / 70) == fewer_right((0, 4), (4, 4))
    assert pytest.approx(17 / 70) == fewer_right((1, 4), (3, 4))
    assert 1.0 == fewer_right((0, 0), (4, 4))


@pytest.mark.parametrize(
    ("hits", "n", "text", "brief"),
    [
        (7, 10, "7 of 10 (40 to 89 %)", "7 of 10"),
        (6.5, 10, "6.5 of 10 (35 to 86 %)", "6.5 of 10"),
        (0, 1, "0 of 1 (0 to 79 %)", "0 of 1"),
        (3, 3, "3 of 3 (44 to 100 %)", "3 of 3"),
        (174, 199, "174 of 199, 87 % (82 to 91 %)", "87 %"),
        (1990, 2000, "1,990 of 2,000, 99.5 % (99.1 to 99.7 %)", "99.5 %"),
    ],
)
def test_a_share_has_as_many_digits_as_its_interval_allows(hits: float, n: int, text: str, brief: str) -> None:
    assert (text, brief) == (share_text(hits, n), brief_share(hits, n))


def test_a_digit_finer_than_the_interval_is_noise() -> None:
    assert [0, 1, 1, 2, 2, 3, 3] == [digits_worth(half) for half in (2, 0.5, 0.1, 0.09, 0.02, 0.002, 0)]
