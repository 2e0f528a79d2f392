"""Copies of one video are told from others, few of each are laid out, and all come to one group."""

from __future__ import annotations

import numpy as np

from vsortd.library.clusters.identical_vectors import few_of_each, first_equals, renumbered, with_all_copies
from vsortd.library.clusters.kept_layouts import KeptLayout

FIRST = np.array([0, 1, 0, 0, 4, 1, 0])


def test_rows_are_equal_to_the_last_bit_or_not() -> None:
    vectors = np.eye(5, dtype=np.float32)[[0, 1, 0, 0, 4, 1, 0]]
    np.testing.assert_array_equal(FIRST, first_equals(vectors))
    np.testing.assert_array_equal(FIRST, first_equals(vectors.astype(np.float16)))
    vectors[3, 0] = np.nextafter(np.float32(1), np.float32(0))
    assert [0, 1, 0, 3, 4, 1, 0] == first_equals(vectors).tolist()
    assert [] == first_equals(vectors[:0]).tolist()


def test_the_first_of_each_are_left() -> None:
    assert [0, 1, 4] == few_of_each(FIRST, 1).tolist()
    assert [0, 1, 2, 4, 5] == few_of_each(FIRST, 2).tolist()
    assert list(range(7)) == few_of_each(FIRST, 4).tolist()


def test_all_copies_are_where_most_of_those_left_came_to() -> None:
    rows = few_of_each(FIRST, 3)
    assert [0, 1, 2, 3, 4, 5] == rows.tolist()
    map_xy = np.arange(12, dtype=np.float32).reshape(6, 2)
    of_few = KeptLayout(np.array([1, 0, 2, 2, 1, -1]), np.arange(6) / 10, map_xy)
    all_of_them = with_all_copies(of_few, rows, FIRST, 1)
    assert [2, 0, 2, 2, 1, 0, 2] == all_of_them.labels.tolist()
    assert [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0] == all_of_them.strengths.tolist()
    np.testing.assert_array_equal(map_xy[[0, 1, 2, 3, 4, 5, 0]], all_of_them.map_xy)
    assert [1, 0, 1, 1, -1, 0, 1] == with_all_copies(of_few, rows, FIRST, 2).labels.tolist()


def test_where_nothing_is_in_a_group_no_copy_is() -> None:
    nowhere = KeptLayout(np.full(7, -1), np.zeros(7), np.zeros((7, 2), np.float32))
    assert [-1] * 7 == with_all_copies(nowhere, np.arange(7), FIRST, 2).labels.tolist()


def test_labels_have_no_gaps_once_the_small_ones_are_gone() -> None:
    assert [0, 0, -1, 1, 1, -1] == renumbered(np.array([0, 0, 1, 2, 2, -1]), 2).tolist()
