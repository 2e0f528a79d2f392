"""Banks of precomputed textures that every scene cuts its pieces from, so that no render pays for a transform.

The fields are periodic and made from one constant seed: a scene's own seed decides only which piece it takes.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]

FIELD_PX = 512  # side of a 1/f field; wavelengths up to this exist
LEAVES_PX = 256  # side of a dead-leaves field
FIELDS_PER_SLOPE = 3
SLOPES = (0.0, 0.4, 0.8, 1.1, 1.4, 1.7, 2.0, 2.4)  # amplitude falls as frequency to the minus this
BANK_SEED = 20_240_117


@cache
def fractal_field(slope_index: int, variant: int) -> FloatArray:
    """Return a periodic field [512, 512] in 0 to 1 (mean 0.5), its amplitudes falling as 1/f**SLOPES[slope_index]."""
    rng = np.random.default_rng((BANK_SEED, slope_index, variant))
    fy = np.fft.fftfreq(FIELD_PX)[:, None]
    fx = np.fft.rfftfreq(FIELD_PX)[None, :]
    radius = np.maximum(np.hypot(fy, fx), 1 / FIELD_PX)
    spectrum = np.exp(2j * np.pi * rng.random((FIELD_PX, FIELD_PX // 2 + 1))) / radius ** (SLOPES[slope_index] + 0.5)
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, s=(FIELD_PX, FIELD_PX))
    field = 0.5 + 0.2 * field / field.std()
    return np.asarray(np.clip(field, 0, 1), np.float32)


@cache
def leaves_field(kind: str, variant: int) -> tuple[FloatArray, FloatArray]:
    """Two periodic fields [256, 256] of overlapping opaque shapes: each shape's own value, and its shading.

    `kind` is "disc", "leaf" (thin ellipses at any angle), "box" or "crown" (round, lit from above left). The mix of
    sizes follows a power law, as in the dead-leaves model of natural pictures (Lee, Mumford & Huang 2001).
    """
    rng = np.random.default_rng((BANK_SEED, 7, sum(map(ord, kind)), variant))
    side = LEAVES_PX
    value = np.full((side, side), 0.5, np.float32)
    shade = np.full((side, side), 0.5, np.float32)
    smallest, largest = {"disc": (2, 14), "leaf": (2, 9), "box": (3, 26), "crown": (4, 11)}[kind]
    count = {"disc": 2600, "leaf": 4200, "box": 900, "crown": 2200}[kind]
    for _ in range(count):
        radius = smallest * (largest / smallest) ** (rng.random() ** 1.6)
        _stamp(value, shade, kind, radius, rng)
    return value, shade


def _stamp(value: FloatArray, shade: FloatArray, kind: str, radius: float, rng: np.random.Generator) -> None:
    side = value.shape[0]
    reach = int(np.ceil(radius)) + 1
    grid = np.arange(-reach, reach + 1, dtype=np.float32)
    dy, dx = grid[:, None], grid[None, :]
    cy, cx = rng.integers(0, side, 2)
    level, tilt, angle, narrow = rng.random(), rng.normal(0, 0.35), rng.random() * np.pi, rng.uniform(0.25, 0.6)
    if kind == "box":
        inside = (np.abs(dy) < radius * narrow * 1.5) & (np.abs(dx) < radius)
        relief = 0.5 + tilt * dy / radius * 0.5 + 0 * dx
    elif kind == "leaf":
        u = dx * np.cos(angle) + dy * np.sin(angle)
        v = -dx * np.sin(angle) + dy * np.cos(angle)
        inside = (u / radius) ** 2 + (v / (radius * narrow)) ** 2 < 1
        relief = 0.5 + tilt * v / (radius * narrow) + 0.15 * np.sign(v)
    else:
        away = np.hypot(dy, dx) / radius
        inside = away < 1
        light = (-dy - 0.7 * dx) / radius
        relief = 0.5 + (0.38 * light - 0.15 * away if kind == "crown" else tilt * light)
    rows, cols = np.nonzero(inside)
    at = ((cy + rows - reach) % side, (cx + cols - reach) % side)
    value[at] = level
    shade[at] = np.clip(relief[rows, cols], 0, 1)


def cut(
    field: FloatArray, height: int, width: int, offset: tuple[float, float], zoom: tuple[float, float]
) -> FloatArray:
    """Return a piece [height, width] of a periodic field; a zoom above 1 shows more, below 1 enlarges (bilinear)."""
    side = field.shape[0]
    rows = offset[0] + np.arange(height, dtype=np.float32) * zoom[0]
    cols = offset[1] + np.arange(width, dtype=np.float32) * zoom[1]
    if min(abs(zoom[0]), abs(zoom[1])) >= 0.75:
        return np.asarray(
            field[np.floor(rows).astype(np.int64)[:, None] % side, np.floor(cols).astype(np.int64) % side]
        )
    top, left = np.floor(rows).astype(np.int64), np.floor(cols).astype(np.int64)
    down, right = (rows - top)[:, None], cols - left
    band = field[top % side] * (1 - down) + field[(top + 1) % side] * down
    return np.asarray(band[:, left % side] * (1 - right) + band[:, (left + 1) % side] * right, np.float32)


def warp(field: FloatArray, rows: FloatArray, cols: FloatArray) -> FloatArray:
    """Return the field at arbitrary places (nearest, periodic); `rows` and `cols` broadcast to the wanted shape."""
    side = field.shape[0]
    return np.asarray(field[np.floor(rows).astype(np.int64) % side, np.floor(cols).astype(np.int64) % side])


def nearest_slope(slope: float) -> int:
    """Return the index in SLOPES nearest to `slope`."""
    return min(range(len(SLOPES)), key=lambda index: abs(SLOPES[index] - slope))
