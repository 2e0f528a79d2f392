"""Snow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.sample_model import props
from tests.sample_model.canvas import Canvas, Light, blend, relief, step
from tests.sample_model.scenes_high import winter_backdrop

if TYPE_CHECKING:
    from PIL import ImageDraw


def snow(c: Canvas) -> str:
    """Snowy plains, slopes, woods and streets, with or without flakes in the air."""
    horizon = c.uniform(-0.1, 0.6)
    winter_backdrop(c, horizon)
    white = c.colour((0.9, 0.93, 0.98), (0.95, 0.95, 0.96), (0.82, 0.87, 0.95), spread=0.025)
    blue = c.colour((0.6, 0.7, 0.85), (0.7, 0.75, 0.82), spread=0.04)
    drifts = relief(c.noise(c.uniform(1.4, 2.2), c.uniform(1, 4), c.uniform(1, 2)), c.uniform(4, 16))
    soft = c.ground_noise(1.4, horizon, c.uniform(0.1, 0.4))
    edge = c.ridge(2.2, horizon, c.uniform(0, 0.08)) + (c.x / c.aspect - 0.5) * c.rng.normal(0, 0.12)
    c.paint(
        blend(blue, white, np.clip(0.1 + drifts * 0.95 + 0.7 * (soft - 0.5), 0, 1)),
        c.below(np.asarray(edge, np.float32)),
    )
    # A bare white plane could be anything: two of these at least are there.
    seen = set(c.rng.permutation(("tracks", "shadows", "trees", "flakes"))[: c.count(2, 4)])
    if "tracks" in seen:
        tracks = np.abs(
            np.sin((c.x - c.aspect / 2) / (c.y - horizon + 0.1) * c.uniform(1, 4) + c.uniform(0, 6) + c.y)
        ) < c.uniform(0.04, 0.2)
        c.paint(
            blue * c.uniform(0.6, 0.95), tracks * c.below(horizon + 0.05) * c.uniform(0.3, 0.9) * (0.4 + c.noise(0.8))
        )
    if "shadows" in seen:
        shadows = step(c.noise(1.4, 2.5, 0.7), 0.55, 6) * c.below(horizon + 0.1, 0.1)
        c.paint(c.colour((0.4, 0.5, 0.7), (0.55, 0.6, 0.75)), shadows * c.uniform(0.3, 0.8))
    for _ in range(c.count(2, 9) if "trees" in seen else 0):
        v = c.rng.random() ** 1.3
        props_kind = c.rng.random()
        x, foot, tall = c.uniform(0, c.aspect), max(horizon, 0.0) + v * 0.45, 0.08 + 0.6 * v * c.uniform(0.4, 1.2)
        if props_kind < 0.7:
            props.conifer(c, x, foot, tall, c.colour((0.12, 0.2, 0.15), (0.2, 0.2, 0.18)), snow=c.uniform(0, 1))
        else:
            props.bare_tree(c, x, foot, tall, c.colour((0.2, 0.17, 0.15), (0.6, 0.62, 0.65)))
    if c.chance(0.12):
        props.house(c, c.uniform(0, c.aspect), max(horizon, 0.1) + 0.15, c.uniform(0.1, 0.35))
    props.bystanders(c, max(horizon, 0.1), most=4)
    if "flakes" in seen:
        _flakes(c)
    return "snow"


def _flakes(c: Canvas) -> None:
    number, largest = c.count(30, 250), c.uniform(0.004, 0.02)
    xs, ys, radii = (
        c.rng.uniform(0, c.aspect, number),
        c.rng.random(number),
        largest * c.rng.random(number) ** 2 + 0.003,
    )
    ys = (ys + c.time_s * (0.2 + 12 * radii)) % 1.0
    xs = (xs + 0.03 * np.sin(c.time_s * 2 + ys * 9)) % c.aspect

    def pencil(d: ImageDraw.ImageDraw, s: float) -> None:
        for x, y, r in zip(xs, ys, radii, strict=True):
            d.ellipse([(x - r) * s, (y - r) * s, (x + r) * s, (y + r) * s], fill=255)

    mask = c.draw(pencil) * c.uniform(0.5, 0.95)
    c.paint((1, 1, 1), mask)
    if c.light is Light.NIGHT:
        c.shine((0.5, 0.5, 0.5), mask * c.uniform(0.1, 0.8))
