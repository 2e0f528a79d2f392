"""Few videos are laid out without torch, and lie the same beside one that is imported already."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import sys
import numpy as np
from vsortd.library.clusters.dense_groups import gathered
from vsortd.library.clusters.projection import GroupingPlan, space_of

rng = np.random.default_rng(3)
kinds = np.repeat(rng.standard_normal((4, 48)), 12, axis=0)
rows = (kinds + 0.3 * rng.standard_normal(kinds.shape)).astype(np.float32)
rows /= np.linalg.norm(rows, axis=1, keepdims=True)
rows[5] = rows[4]  # a copy

def all_of_it():
    few, many = space_of(rows, GroupingPlan(2, 0), 1), space_of(rows, GroupingPlan(3, 8), 1)
    return few.map(), *many.knn[:2], gathered(many.laid_out(), 3)[0]

first = all_of_it()
assert "torch" not in sys.modules
import torch
second = all_of_it()
np.testing.assert_allclose(first[0], second[0], atol=1e-4)
np.testing.assert_array_equal(np.sort(first[1]), np.sort(second[1]))
np.testing.assert_allclose(first[2], second[2], atol=1e-5)
np.testing.assert_array_equal(first[3], second[3])
assert len(set(first[3])) >= 4
print("the same")
"""


@pytest.mark.long
def test_numpy_lays_out_as_torch_does() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False, timeout=120)
    assert ("the same\n", 0) == (done.stdout, done.returncode), done.stderr[-2000:]
