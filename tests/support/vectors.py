"""Vectors as a model would give them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def unit(*values: float) -> npt.NDArray[np.float32]:
    """Return these values scaled to a row of length 1, float32 [n]."""
    row = np.asarray(values, np.float32)
    return np.asarray(row / np.linalg.norm(row), np.float32)
