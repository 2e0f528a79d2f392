"""The order in which moments are visited: spread at every length, and only ever added to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsortd.media.sampling_order import visiting_order


def test_the_first_eight_of_thirty_two_are_the_bins_4k_plus_2() -> None:
    order = visiting_order(32)
    assert {4 * k + 2 for k in range(8)} == set(order[:8])
    assert {4 * k for k in range(8)} == set(order[8:16])
    assert {2 * k + 1 for k in range(16)} == set(order[16:])


@given(st.integers(1, 300))
def test_every_bin_is_visited_once(total: int) -> None:
    assert list(range(total)) == sorted(visiting_order(total))


@given(st.integers(8, 300))
def test_the_first_eight_reach_into_every_part_of_the_video(total: int) -> None:
    first = sorted(visiting_order(total)[:8])
    gaps = [b - a for a, b in zip([0, *first], [*first, total - 1], strict=True)]
    assert max(gaps) <= total / 4 + 1


@given(st.integers(4, 300), st.integers(2, 300))
def test_any_prefix_has_a_bin_in_both_halves(total: int, length: int) -> None:
    prefix = visiting_order(total)[:length]
    assert any(bin_ < total / 2 for bin_ in prefix)
    assert any(bin_ >= total / 2 - 1 for bin_ in prefix)


def test_nothing_to_visit_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        visiting_order(0)
