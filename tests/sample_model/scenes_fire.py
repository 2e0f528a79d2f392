"""Fire, fireworks, and pictures of nothing the model knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.sample_model import props
from tests.sample_model.canvas import Canvas, blend, relief, step
from tests.sample_model.scenes_land import BARKS, GRASS, foliage

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import ImageDraw

    from tests.sample_model.noise import FloatArray


def flames(c: Canvas, x: float, foot: float, width: float, height: float) -> FloatArray:
    """Return the heat [h, w], 0 to above 1, of tongues of flame rising from a place."""
    speed = 260.0 * c.uniform(0.6, 1.2)
    warp = c.noise(1.7, 1.0, 1.5, drift=(speed * 0.6, 0)) - 0.5
    tongues = 0.65 * c.noise(1.4, c.uniform(0.5, 0.9), c.uniform(1.2, 2.4), drift=(speed, 0)) + 0.35 * c.noise(
        1.1, 0.8, 2, drift=(speed * 1.4, 0)
    )
    up = (foot - c.y) / height
    across = (c.x - x + 0.35 * width * warp * np.clip(up * 2, 0, 1.5)) / (width * np.clip(1.15 - 0.8 * up, 0.15, 1.2))
    heat = (1.15 - up) * np.exp(-(across**2) * 1.6) + 1.5 * (tongues - 0.55) * np.clip(up * 2 + 0.4, 0, 1.2)
    return np.asarray(np.clip(heat * 1.25 - 0.3, 0, 1.6) * step(foot - c.y + 0.1 * (tongues - 0.5), 0, 30), np.float32)


def fire(c: Canvas) -> str:
    """Paint a camp fire, a fireplace, flames that fill the picture, a burning wood or house, candles."""
    way = c.rng.random()
    x, foot = c.aspect * c.uniform(0.3, 0.7), c.uniform(0.7, 0.98)
    if way < 0.4:
        c.paint(
            foliage(c, 2)
            if c.chance(0.4)
            else c.colour(*BARKS, *GRASS, (0.35, 0.33, 0.3)) * (0.3 + c.noise(1.1))[..., None]
        )
        heat = flames(c, x, foot, c.uniform(0.1, 0.35), c.uniform(0.25, 0.8))
        for _ in range(c.count(0, 9)):
            _log(c, x, foot)
        if c.chance(0.5):
            props.bystanders(c, 0.6)
    elif way < 0.65:
        c.hour_shows = False
        c.paint(c.colour((0.06, 0.04, 0.04), (0.15, 0.08, 0.05), (0.02, 0.02, 0.02), spread=0.03))
        heat = flames(c, c.aspect / 2, c.uniform(0.95, 1.4), c.uniform(0.6, 1.8), c.uniform(0.8, 1.7))
    elif way < 0.85:
        horizon = c.uniform(0.5, 0.8)
        c.paint(foliage(c, 2.5), c.below(c.ridge(1.4, horizon, 0.05)))
        for _ in range(c.count(0, 3)):
            props.house(c, c.uniform(0, c.aspect), horizon + 0.1, c.uniform(0.2, 0.5))
        heat = np.zeros_like(c.cover)
        for _ in range(c.count(1, 5)):
            heat = np.maximum(
                heat,
                flames(
                    c, c.uniform(0, c.aspect), horizon + c.uniform(0, 0.2), c.uniform(0.05, 0.3), c.uniform(0.15, 0.5)
                ),
            )
    else:
        c.hour_shows = False
        c.paint(c.colour((0.1, 0.06, 0.04), (0.3, 0.2, 0.15)) * (0.4 + c.noise(1.7))[..., None])
        heat = np.zeros_like(c.cover)
        for _ in range(c.count(1, 5)):
            px, py, size = c.uniform(0.1, 0.9) * c.aspect, c.uniform(0.4, 0.8), c.uniform(0.03, 0.09)
            c.paint((0.85, 0.8, 0.7), props.boxes_mask(c, [(px - size * 0.7, py, px + size * 0.7, 1.1)]))
            heat = np.maximum(
                heat, 1.3 * step(1 - np.hypot((c.x - px) / (size * 0.5), (c.y - py + size) / (size * 1.5)), 0, 3)
            )
    if c.chance(0.5):
        smoke = (
            step(c.noise(1.7, 1, 1, drift=(60, 0)), 0.5, 3)
            * c.below(0.0)
            * np.clip(1 - c.y * 1.2, 0, 1)
            * c.uniform(0.3, 1)
        )
        c.paint(c.colour((0.2, 0.19, 0.18), (0.5, 0.48, 0.46), (0.3, 0.18, 0.1)), smoke)
    _burn(c, heat)
    return "fire"


def _log(c: Canvas, x: float, foot: float) -> None:
    a, length, thick = c.uniform(-0.6, 0.6), c.uniform(0.1, 0.3), c.uniform(0.02, 0.06)
    px, py = x + c.rng.normal(0, 0.08), foot + c.rng.normal(0, 0.03)
    mask = c.draw(
        lambda d, s: d.line(
            [
                (px - length * np.cos(a)) * s,
                (py - length * np.sin(a)) * s,
                (px + length * np.cos(a)) * s,
                (py + length * np.sin(a)) * s,
            ],
            fill=255,
            width=max(2, int(thick * s)),
        )
    )
    c.paint(c.colour((0.15, 0.1, 0.07), (0.3, 0.2, 0.13)) * (0.4 + c.noise(0.8))[..., None], mask)


def _burn(c: Canvas, heat: FloatArray) -> None:
    gain = c.uniform(1.6, 3.2)
    colour = np.stack(
        [
            np.clip(heat * gain, 0, 1.3),
            np.clip(heat * gain * 0.62 - 0.18, 0, 1.2),
            np.clip(heat * gain * 0.5 - 0.75, 0, 1),
        ],
        -1,
    )
    c.img *= 1 - np.clip(heat, 0, 0.8)[..., None]
    c.cover[:] = np.maximum(c.cover, np.clip(heat, 0, 0.8))
    c.glow += colour.astype(np.float32)
    bloom = c.spot(c.aspect / 2, 0.75, 0.6) * c.uniform(0.02, 0.25)
    c.shine((1, 0.45, 0.12), bloom)
    if c.chance(0.5):
        sparks = step(c.noise(0.0, 1, 1, drift=(90, 10)) * c.noise(0.0, 1, 1, drift=(90, 10)), 0.74, 12) * step(
            heat + c.spot(c.aspect / 2, 0.4, 0.4), 0.3, 4
        )
        c.shine((1, 0.6, 0.2), sparks)


def fireworks(c: Canvas) -> str:
    """Bursts of sparks with trails and smoke, over a skyline, water or a crowd."""
    number = c.count(1, 5)
    layer = np.zeros_like(c.glow)
    for _ in range(number):
        hue = c.colour(
            (1, 0.85, 0.5), (1, 0.25, 0.25), (0.3, 1, 0.4), (0.4, 0.5, 1), (1, 0.95, 0.9), (0.9, 0.4, 1), spread=0.1
        )
        layer += c.draw(_burst(c))[..., None] * np.clip(hue * 1.2, 0, 1) * c.uniform(0.7, 1.5)
    if c.chance(0.6):
        smoke = step(c.noise(1.7, 1.5, 1.5), 0.5, 2) * c.uniform(0.05, 0.35)
        tone = layer.mean(axis=(0, 1)) * 6 + 0.05
        c.glow += smoke[..., None] * np.clip(tone, 0, 0.5)
    soft = (
        layer
        + 0.5 * (np.roll(layer, 1, 0) + np.roll(layer, -1, 1))
        + 0.35 * (np.roll(layer, 2, 1) + np.roll(layer, -2, 0))
    )
    c.glow += soft.astype(np.float32)
    way = c.rng.random()
    foot = c.uniform(0.75, 0.97)
    if way < 0.35:
        steps = np.round(c.ridge(0.8, 0.5, 0.2) * 14) / 14
        c.paint((0.05, 0.05, 0.06), c.below(np.asarray(foot + 0.25 * (steps - 0.5), np.float32)))
        c.shine((1, 0.75, 0.4), c.below(foot) * step(c.noise(0.0), 0.8, 9) * c.uniform(0, 0.9))
    elif way < 0.55:
        row = min(int(foot * c.height), c.height - 2)
        rows = np.clip(2 * row - np.arange(row, c.height), 0, row)
        c.glow[row:] = c.glow[rows] * (c.noise(1.1, 4, 0.6))[row:, :, None]
        c.paint((0.02, 0.03, 0.05), c.below(foot))
    elif way < 0.75:
        for _ in range(c.count(4, 18)):
            c.paint((0.02, 0.02, 0.02), c.spot(c.uniform(0, c.aspect), 1.0, c.uniform(0.04, 0.1), 6))
    return "fireworks"


def _burst(c: Canvas) -> Callable[[ImageDraw.ImageDraw, float], None]:
    x, y, size = c.aspect * c.uniform(0.1, 0.9), c.uniform(0.1, 0.65), c.uniform(0.08, 0.5)
    number, age0 = c.count(14, 90), c.uniform(0.25, 1)
    age = (age0 + c.time_s * 0.7) % 1.0 if c.time_s else age0
    angles, speeds = c.rng.uniform(0, 2 * np.pi, number), size * c.rng.uniform(0.55, 1.0, number) ** c.uniform(0.2, 1)
    tail, willow = c.uniform(0.05, 0.9), c.uniform(0, 0.5)
    wide = c.count(1, 2)

    def place(when: float, a: float, v: float) -> tuple[float, float]:
        go = 1 - (1 - when) ** 2
        return x + np.cos(a) * v * go, y + np.sin(a) * v * go + willow * size * when * when

    def pencil(d: ImageDraw.ImageDraw, s: float) -> None:
        for a, v in zip(angles, speeds, strict=True):
            path = [place(age * (1 - tail * k / 4), a, v) for k in range(5)]
            for k in range(4):
                (ax, ay), (bx, by) = path[k], path[k + 1]
                d.line([ax * s, ay * s, bx * s, by * s], fill=255 - 50 * k, width=wide)

    return pencil


UNKNOWN_KINDS = ("nothing", "nothing", "texture", "texture", "texture", "face", "object", "drawing", "nothing", "space")


def unknown(c: Canvas) -> str:  # noqa: C901, PLR0912 - ten variants, a few lines each
    """Something that is no scene: noise, plain colours, patterns, blobs, faces, cartoons, food, fur, a planet."""
    way = c.count(0, 9)
    any_colour = (c.rng.random(3).astype(np.float32), c.rng.random(3).astype(np.float32))
    if way == 0:
        c.paint(any_colour[0] * (1 if c.chance(0.5) else 0))
    elif way == 1:
        c.paint(c.rng.random((c.height, c.width, 3)).astype(np.float32))
    elif way == 2:
        c.paint(blend(any_colour[0], any_colour[1], c.noise(2.4, 1.5, 1.5)))
    elif way == 3:
        wave = 0.5 + 0.5 * np.sin((c.x * c.uniform(-1, 1) + c.y * c.uniform(-1, 1)) * c.uniform(5, 120))
        c.paint(blend(any_colour[0], any_colour[1], np.asarray(np.round(wave) if c.chance(0.5) else wave, np.float32)))
    elif way == 4:
        c.paint(blend(any_colour[0], any_colour[1], c.leaves("disc", c.uniform(0.1, 0.3))[0]))
    elif way == 5:  # a face or a figure before a blur
        c.paint(blend(any_colour[0], any_colour[1], c.noise(2.4)))
        x, y, r = c.aspect * c.uniform(0.3, 0.7), c.uniform(0.35, 0.6), c.uniform(0.2, 0.45)
        c.paint(
            c.colour((0.8, 0.6, 0.48), (0.45, 0.3, 0.22)) * (0.6 + 0.5 * c.noise(1.7))[..., None], c.spot(x, y, r, 8)
        )
        for dx in (-0.35, 0.35):
            c.paint((0.1, 0.07, 0.06), c.spot(x + dx * r, y - 0.1 * r, 0.12 * r, 4))
    elif way == 6:  # fur, cloth, food: an object with a fine texture
        c.paint(any_colour[0] * (0.6 + 0.4 * c.noise(2.0))[..., None])
        for _ in range(c.count(1, 4)):
            lump = step(
                c.spot(c.uniform(0, c.aspect), c.uniform(0.2, 0.9), c.uniform(0.15, 0.45), 4)
                + 0.3 * (c.noise(1.7) - 0.5),
                0.5,
                12,
            )
            c.paint(
                c.rng.random(3).astype(np.float32)
                * (0.3 + relief(c.noise(c.uniform(0.8, 1.7)), c.uniform(2, 9)))[..., None],
                lump,
            )
    elif way == 7:  # flat cartoon shapes
        c.paint(any_colour[0])
        for _ in range(c.count(3, 12)):
            c.paint(
                c.rng.random(3).astype(np.float32),
                step(c.spot(c.uniform(0, c.aspect), c.uniform(0, 1), c.uniform(0.05, 0.4), 6), 0.5, 50),
            )
    elif way == 8:
        bars = np.floor(c.x / c.aspect * 8).astype(np.int64)
        c.paint(np.broadcast_to(c.rng.random((8, 3)).astype(np.float32)[bars % 8], c.img.shape))
    else:
        _planet(c)
    return UNKNOWN_KINDS[way]


def _planet(c: Canvas) -> None:
    """Paint a globe, lit from one side, before the stars; or a nebula among them."""
    c.paint(np.array([0.01, 0.01, 0.02], np.float32) * c.uniform(0, 2))
    c.paint((0.9, 0.9, 0.9), step(c.noise(0.0, 2, 2), c.uniform(0.8, 0.95), 20) * c.uniform(0.1, 1))
    if c.chance(0.2):
        c.shine(c.rng.random(3).astype(np.float32), c.noise(2.0) * c.spot(c.aspect / 2, 0.5, 0.5) * 0.8)
        return
    x, y, r = c.aspect * c.uniform(0.2, 0.8), c.uniform(0.2, 1.1), c.uniform(0.2, 0.9)
    dx, dy = (c.x - x) / r, (c.y - y) / r
    away = np.asarray(np.hypot(dx, dy), np.float32)
    turn = c.uniform(0, 2 * np.pi)
    lit = np.clip(c.uniform(0.1, 0.8) + dx * np.cos(turn) + dy * np.sin(turn), 0.02, 1.2) * np.sqrt(
        np.clip(1.05 - away**2, 0, 1)
    )
    land = c.colour((0.35, 0.4, 0.25), (0.55, 0.5, 0.45), (0.7, 0.35, 0.2), (0.6, 0.6, 0.6), (0.8, 0.7, 0.5))
    water = c.colour((0.1, 0.2, 0.45), (0.4, 0.4, 0.4), (0.75, 0.6, 0.4), (0.2, 0.25, 0.3))
    ground = blend(water, land, step(c.noise(1.7, 1.3, 1.3), 0.5, 8))
    clouds = step(c.noise(1.4, 1.5, 0.8), c.uniform(0.45, 0.75), 5) * c.uniform(0, 1)
    img = blend(ground, (0.95, 0.95, 0.97), clouds) * lit[..., None]
    c.paint(np.asarray(img, np.float32), step(1 - away, 0, r * c.height * 0.5))
