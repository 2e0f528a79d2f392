"""The sky of a time of day, and how a painted scene is lit by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.sample_model.canvas import Canvas, Light, blend, step

if TYPE_CHECKING:
    from tests.sample_model.noise import FloatArray


def sky(c: Canvas, *, cloudiness: float | None = None) -> FloatArray:
    """Return a sky [h, w, 3] for the canvas' light: gradient, clouds, sun, moon or stars."""
    return {Light.DAY: _day_sky, Light.SUNSET: _sunset_sky, Light.NIGHT: _night_sky}[c.light](c, cloudiness)


def _clouds(c: Canvas, amount: float) -> FloatArray:
    flat = c.uniform(1.2, 4)
    field = c.noise(c.uniform(1.2, 2.0), flat * c.uniform(0.5, 1.4), c.uniform(0.5, 1.6), drift=(0, 6))
    return step(field, 1.0 - amount, c.uniform(1.2, 6))


def _day_sky(c: Canvas, cloudiness: float | None) -> FloatArray:
    amount = c.uniform(0, 1) if cloudiness is None else cloudiness
    top = c.colour((0.25, 0.48, 0.85), (0.4, 0.6, 0.92), (0.15, 0.35, 0.75), spread=0.05)
    low = c.colour((0.75, 0.86, 0.97), (0.6, 0.78, 0.95), (0.9, 0.92, 0.95), spread=0.04)
    if c.chance(0.28):  # overcast
        grey = c.uniform(0.6, 0.95)
        top, low = np.array([grey] * 3, np.float32) * c.uniform(0.8, 1), np.array([grey] * 3, np.float32)
    img = blend(top, low, np.clip(c.y * c.uniform(0.8, 2.2) + 0 * c.x, 0, 1))
    veil = _clouds(c, 0.15 + 0.6 * amount)
    white = c.uniform(0.8, 1.0)
    shade = 1 - c.uniform(0, 0.45) * c.noise(1.6, 2)
    img = blend(img, np.array([white, white, white], np.float32) * shade[..., None], veil * c.uniform(0.4, 1))
    if c.chance(0.15):
        sun = c.spot(c.uniform(0, c.aspect), c.uniform(0, 0.4), c.uniform(0.02, 0.06))
        img = img + sun[..., None] + 0.5 * c.spot(c.uniform(0, c.aspect), 0.1, 0.3)[..., None]
    return img


def _sunset_sky(c: Canvas, cloudiness: float | None) -> FloatArray:
    amount = c.uniform(0, 1) if cloudiness is None else cloudiness
    top = c.colour(
        (0.25, 0.3, 0.5), (0.45, 0.35, 0.45), (0.55, 0.4, 0.3), (0.15, 0.2, 0.4), (0.7, 0.45, 0.3), spread=0.06
    )
    mid = c.colour((0.9, 0.5, 0.25), (0.95, 0.6, 0.4), (0.85, 0.4, 0.35), (0.9, 0.65, 0.45), spread=0.06)
    low = c.colour((1.0, 0.75, 0.35), (1.0, 0.6, 0.25), (0.95, 0.5, 0.3), spread=0.05)
    line = c.uniform(0.3, 0.75)
    rise = np.clip(c.y / line + 0 * c.x, 0, 1)
    img = blend(blend(top, mid, np.clip(rise * 1.6 - 0.2, 0, 1)), low, np.clip(rise * 2.5 - 1.5, 0, 1))
    veil = _clouds(c, 0.1 + 0.65 * amount)
    cloud = c.colour((0.35, 0.25, 0.35), (0.95, 0.55, 0.4), (0.5, 0.3, 0.3), (1.0, 0.7, 0.45), (0.25, 0.22, 0.3))
    img = blend(img, cloud * (0.7 + 0.6 * c.noise(1.5))[..., None], veil * c.uniform(0.5, 1))
    if c.chance(0.55):
        x, y, radius = c.uniform(0, c.aspect), c.uniform(0.05, 0.6), c.uniform(0.02, 0.07)
        img = img + np.array([1, 0.9, 0.6], np.float32) * c.spot(x, y, radius, 4)[..., None]
        img = img + np.array([0.7, 0.4, 0.15], np.float32) * c.spot(x, y, radius * c.uniform(3, 9), 1.2)[..., None]
    return img


def _night_sky(c: Canvas, cloudiness: float | None) -> FloatArray:
    amount = c.uniform(0, 0.8) if cloudiness is None else cloudiness
    deep = c.colour((0.01, 0.01, 0.02), (0.02, 0.03, 0.08), (0.03, 0.05, 0.14), (0.0, 0.0, 0.0), spread=0.015)
    low = c.colour((0.03, 0.04, 0.08), (0.1, 0.08, 0.06), (0.06, 0.08, 0.16), (0.01, 0.01, 0.01), spread=0.02)
    img = blend(deep, low, np.clip(c.y * c.uniform(0.6, 1.8) + 0 * c.x, 0, 1))
    if c.chance(0.45):
        stars = np.clip(c.noise(0.0) * c.noise(0.0) - c.uniform(0.74, 0.85), 0, 1) * 5
        img = img + stars[..., None] * c.uniform(0.2, 1)
    if c.chance(0.4):
        glow = c.colour((0.12, 0.12, 0.15), (0.15, 0.1, 0.06), (0.06, 0.08, 0.14), spread=0.02)
        img = blend(img, glow, _clouds(c, 0.2 + 0.5 * amount) * c.uniform(0.2, 0.9))
    if c.chance(0.25):
        x, y, radius = c.uniform(0, c.aspect), c.uniform(0.03, 0.45), c.uniform(0.012, 0.05)
        img = img + np.array([0.95, 0.93, 0.85], np.float32) * c.spot(x, y, radius, 6)[..., None]
        img = img + np.array([0.25, 0.27, 0.33], np.float32) * c.spot(x, y, radius * c.uniform(2, 7), 1.2)[..., None]
    return img


def expose(c: Canvas, backdrop: FloatArray, *, own_light: float | FloatArray = 0.0, lamps: bool = True) -> FloatArray:
    """Light the painted layers in front of `backdrop` and add what glows; `lamps` may also light them at night.

    `own_light` (0 to 1, or that [h, w]) is how far the place has lamps of its own (rooms, screens), which keeps the
    night from darkening it. Comes back as linear-looking RGB that may exceed 1.
    """
    lit = {Light.DAY: _by_day, Light.SUNSET: _at_sunset, Light.NIGHT: _at_night if lamps else _by_moonlight}[c.light](c)
    lit = lit + (c.img - lit) * np.asarray(own_light, np.float32)[..., None]
    out = backdrop + (lit - backdrop) * c.cover[..., None]
    return out + c.glow


def _by_day(c: Canvas) -> FloatArray:
    img = c.img
    if c.chance(0.35):  # cloud or tree shadows lying over the scene
        img = img * (1 - c.uniform(0.1, 0.6) * step(c.noise(c.uniform(1.2, 2), 1.5), 0.5, 4))[..., None]
    warm = c.uniform(-0.06, 0.08)
    return img * np.array([1 + warm, 1, 1 - warm], np.float32) * c.uniform(0.75, 1.2)


def _at_sunset(c: Canvas) -> FloatArray:
    tint = np.array([1.1, c.uniform(0.65, 0.9), c.uniform(0.4, 0.8)], np.float32)
    level = c.uniform(0.1, 0.5) if c.chance(0.5) else c.uniform(0.45, 0.9)  # half are near silhouettes
    img = c.img * tint * level
    if c.chance(0.5):
        rim = c.colour((0.9, 0.5, 0.2), (0.8, 0.4, 0.3))
        img = (
            img
            + rim
            * (c.spot(c.uniform(0, c.aspect), c.uniform(0.2, 0.7), c.uniform(0.3, 0.9)) * c.uniform(0.05, 0.35))[
                ..., None
            ]
        )
    return np.asarray(img, np.float32)


def _by_moonlight(c: Canvas) -> FloatArray:
    tint = c.colour((0.55, 0.62, 0.85), (0.6, 0.65, 0.8), (0.7, 0.62, 0.55), spread=0.04)
    return np.asarray(c.img * tint * c.uniform(0.1, 0.4), np.float32)


def _at_night(c: Canvas) -> FloatArray:
    tint = c.colour((0.5, 0.6, 0.9), (0.6, 0.65, 0.8), (0.9, 0.7, 0.45), (0.7, 0.7, 0.7), spread=0.05)
    img = c.img * tint * (c.uniform(0.05, 0.12) if c.chance(0.35) else c.uniform(0.12, 0.42))
    way = c.rng.random()
    if way < 0.3:  # pools of lamp light
        lamp = c.colour((1, 0.75, 0.4), (1, 0.85, 0.65), (0.85, 0.9, 1))
        pool = np.zeros_like(c.cover)
        for _ in range(c.count(1, 4)):
            pool += c.spot(c.uniform(0, c.aspect), c.uniform(0.4, 1), c.uniform(0.1, 0.4))
        img = img + c.img * lamp * (pool * c.uniform(0.2, 0.8))[..., None]
    elif way < 0.5:  # a torch, a flash or headlights from the camera
        beam = c.spot(c.aspect * c.uniform(0.3, 0.7), c.uniform(0.5, 0.9), c.uniform(0.25, 0.7))
        img = img + c.img * (beam * c.uniform(0.3, 1.0))[..., None]
    return np.asarray(img, np.float32)
