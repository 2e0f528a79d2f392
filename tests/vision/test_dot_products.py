"""Products of frames and texts, in pieces that no BLAS library shares out among threads."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest

from vsortd.vision.dot_products import dot_products


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 16, 37])
@pytest.mark.parametrize(("texts", "dim"), [(1, 4), (44, 512), (150, 512), (3, 70_000)])
def test_they_are_those_of_one_large_product(count: int, texts: int, dim: int) -> None:
    """Whatever is left over of the pieces, and with more texts than one piece takes."""
    rng = np.random.default_rng(count)
    rows = rng.standard_normal((count, dim))
    others = rng.standard_normal((texts, dim)).astype(np.float32)

    found = dot_products(rows, others)

    assert found.shape == (count, texts)
    npt.assert_allclose(found, rows @ others.astype(np.float64).T, rtol=1e-9, atol=1e-9)


def test_a_row_has_the_same_products_in_any_company() -> None:
    """So that a video is decided with others exactly as it is alone."""
    rng = np.random.default_rng(3)
    rows, texts = rng.standard_normal((40, 512)), rng.standard_normal((26, 512))

    together = dot_products(rows, texts)

    for row in range(len(rows)):
        npt.assert_allclose(dot_products(rows[row : row + 1], texts)[0], together[row], rtol=0, atol=1e-12)
