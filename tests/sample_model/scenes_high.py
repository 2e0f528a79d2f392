"""Mountains, sea and sky."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.sample_model import props
from tests.sample_model.canvas import Canvas, Light, blend, relief, step
from tests.sample_model.scenes_land import BARKS, GRASS, GREENS, SAND, foliage

if TYPE_CHECKING:
    from tests.sample_model.noise import FloatArray

ROCKS = ((0.42, 0.42, 0.45), (0.5, 0.44, 0.38), (0.35, 0.36, 0.4), (0.55, 0.42, 0.35), (0.3, 0.33, 0.3))
WATERS = (
    (0.05, 0.22, 0.36),
    (0.1, 0.35, 0.45),
    (0.15, 0.3, 0.32),
    (0.02, 0.12, 0.25),
    (0.2, 0.5, 0.55),
    (0.3, 0.38, 0.42),
)


def rocky_range(c: Canvas, base: float, height: float, *, snow: float, haze: float, green: bool = False) -> None:
    """One mountain range: jagged edge, faceted light, snow on what is high and flat, haze when far."""
    edge = c.ridge(c.uniform(1.2, 2.0), base, height) + 0.35 * c.ridge(0.8, 0.0, height * 0.35)
    edge = np.asarray(
        edge - c.uniform(0, 0.25) * np.exp(-(((c.x / c.aspect - c.uniform(0.2, 0.8)) / c.uniform(0.1, 0.35)) ** 2)),
        np.float32,
    )
    rock = c.colour(*(GREENS if green else ROCKS))
    shape = c.noise(1.7, c.uniform(1, 2), c.uniform(0.7, 1.5))
    faces = relief(shape, c.uniform(5, 14)) * 0.75 + 0.25 * relief(c.noise(1.1, 1.2), c.uniform(2, 6))
    img: FloatArray = rock * (0.25 + 1.2 * faces)[..., None]
    depth = np.clip(c.y - edge, 0, 1)
    if c.chance(0.4):  # woods up to the tree line
        line = step(depth + 0.2 * (c.noise(1.1) - 0.5), c.uniform(0.1, 0.35), 9)
        img = blend(img, foliage(c, 3.5, kind="crown") * 0.7, line)
    if snow > 0:
        cap = step(snow - depth + 0.5 * (shape - 0.5) + 0.25 * (faces - 0.5), 0.0, 9)
        img = blend(img, np.array([0.88, 0.92, 1.0], np.float32) * (0.45 + 0.7 * faces)[..., None], cap)
    air = c.colour((0.65, 0.75, 0.88), (0.75, 0.78, 0.82), (0.55, 0.65, 0.8), spread=0.04)
    c.paint(blend(img, air, np.full_like(depth, haze) + 0.3 * haze * np.clip(depth * 3, 0, 1)), c.below(edge, 0.008))


def winter_backdrop(c: Canvas, horizon: float) -> None:
    """Paint what stands behind a snow field: nothing, woods or white mountains."""
    way = c.rng.random()
    if way < 0.3:
        rocky_range(c, horizon - 0.05, c.uniform(0.05, 0.12), snow=c.uniform(0.3, 1), haze=c.uniform(0, 0.5))
    elif way < 0.65:
        edge = c.ridge(1.1, horizon - c.uniform(0.02, 0.12), 0.04)
        trees = foliage(c, 2.5, kind="leaf") * np.array([0.6, 0.65, 0.7], np.float32)
        laden = step(c.leaves("leaf", 1.5)[1], c.uniform(0.4, 0.8), 4) * c.uniform(0, 0.9)
        c.paint(blend(trees, (0.9, 0.92, 0.96), laden), c.below(edge, 0.03))


def mountains(c: Canvas) -> str:
    """Ranges behind ranges, with haze, snow caps, a valley, a lake or woods in front."""
    base, layers = c.uniform(0.2, 0.5), c.count(1, 4)
    snowy = c.chance(0.5)
    green = c.chance(0.25)
    haze = c.uniform(0.1, 0.75)
    for i in range(layers):
        far = 1 - (i + 1) / layers
        rocky_range(
            c,
            base + 0.14 * i,
            c.uniform(0.05, 0.13),
            snow=c.uniform(0.05, 0.4) * (0.3 + far) if snowy else 0,
            haze=haze * (far + 0.1),
            green=green and i > 0,
        )
    bottom = c.uniform(0.7, 1.1)
    way = c.rng.random()
    if way < 0.25:
        _mirror_lake(c, c.uniform(0.6, 0.85))
    elif way < 0.5:
        c.paint(c.colour(*GRASS) * (0.5 + 0.9 * c.noise(0.8))[..., None], c.below(c.ridge(2.0, bottom, 0.05)))
    elif way < 0.7:
        for x in np.arange(-0.05, c.aspect + 0.05, c.uniform(0.06, 0.14)):
            props.conifer(
                c, float(x) + c.rng.normal(0, 0.03), bottom + 0.12, c.uniform(0.12, 0.35), c.colour(*GREENS) * 0.7
            )
    if c.chance(0.3):
        cloud = step(c.noise(1.8, 3), c.uniform(0.5, 0.7), 3) * c.spot(c.aspect / 2, base + 0.2, 0.7)
        c.paint((0.85, 0.87, 0.9), cloud * c.uniform(0.4, 0.9))
    props.bystanders(c, 0.75, most=2)
    return "snowy peaks" if snowy else "peaks"


def _mirror_lake(c: Canvas, shore: float) -> None:
    row = min(max(int(shore * c.height), 2), c.height - 2)
    rows = np.clip(2 * row - np.arange(row, c.height), 0, row)
    mirrored = np.zeros_like(c.img)
    mirrored[row:] = c.img[rows]
    ripple = 0.7 + 0.4 * c.noise(1.1, 4, 0.7, drift=(8, 3))
    c.paint(
        blend(mirrored, c.colour(*WATERS, (0.5, 0.65, 0.75)), np.full_like(c.cover, c.uniform(0.2, 0.7)))
        * ripple[..., None],
        c.below(shore),
    )


def sea(c: Canvas) -> str:
    """Open sea, surf, beach, rocky coast, coast from the air, ships."""
    way = c.rng.random()
    if way < 0.22:
        _coast_from_above(c)
        return "beach"
    # A few pictures are filled with water.
    horizon = c.uniform(-0.4, -0.1) if way < 0.3 else c.uniform(0.02, 0.55)
    if horizon > 0 and c.chance(0.3):
        rocky_range(c, horizon - 0.03, c.uniform(0.02, 0.07), snow=0, haze=c.uniform(0.2, 0.7), green=c.chance(0.4))
    c.paint(water(c, horizon), c.below(horizon, 0.006))
    if horizon > 0 and c.chance(0.25):
        _boat(c, horizon)
    if c.light is not Light.DAY or c.chance(0.3):
        _glitter(c, horizon)
    waves = c.chance(0.6)
    if waves:
        _breakers(c, max(horizon, 0.0))
    beach = c.chance(0.5)
    if beach:
        _beach(c, max(horizon, 0.1))
        props.bystanders(c, max(horizon, 0.4), most=4)
    elif c.chance(0.3):
        _rocks(c, max(horizon, 0.1))
    return "beach" if beach else "waves" if waves else "open sea"


def water(c: Canvas, horizon: float) -> FloatArray:
    """Return a water surface in perspective: chop, swell, sky light near the horizon."""
    deep, bright = c.colour(*WATERS), c.colour((0.35, 0.5, 0.6), (0.5, 0.6, 0.65), (0.25, 0.45, 0.5), (0.6, 0.65, 0.7))
    near = np.clip((c.y - horizon) / (1.001 - horizon), 0, 1) + 0 * c.x
    # With the horizon far above the picture the plane is seen from close by: smaller waves, or it looks like cloth.
    size = c.uniform(0.15, 0.5) if horizon > 0 else c.uniform(0.5, 1.8)
    chop = c.ground_noise(c.uniform(0.9, 1.4), horizon, size, speed=(-40, 12))
    swell = relief(
        c.noise(c.uniform(1.4, 1.9), c.uniform(2.5, 6), c.uniform(0.6, 1.3), drift=(-20, 7)), c.uniform(4, 14)
    )
    tone = 0.55 * chop + 0.45 * swell + c.uniform(-0.1, 0.25) * (1 - near)
    img = blend(deep, bright, step(np.asarray(tone, np.float32), c.uniform(0.5, 0.65), c.uniform(2, 5)))
    caps = step(chop * 0.6 + swell * 0.5, c.uniform(0.68, 0.95), 12) * c.uniform(0, 1)
    return blend(img, (0.92, 0.95, 0.97), np.asarray(caps, np.float32))


def _glitter(c: Canvas, horizon: float) -> None:
    sparkle = step(c.noise(0.8, 3.5, 1.0, drift=(30, 5)), c.uniform(0.55, 0.75), 8)
    path = np.exp(-(((c.x - c.aspect * c.uniform(0.1, 0.9)) / (0.04 + 0.25 * np.clip(c.y - horizon, 0, 1))) ** 2))
    colour = {Light.DAY: (1, 1, 0.95), Light.SUNSET: (1, 0.65, 0.3), Light.NIGHT: (0.6, 0.63, 0.7)}[c.light]
    c.shine(colour, np.asarray(sparkle * path * c.below(horizon) * c.uniform(0.2, 1.0), np.float32))


def _breakers(c: Canvas, horizon: float) -> None:
    for _ in range(c.count(1, 4)):
        near = c.uniform(0.12, 0.95)
        travel = (near + 0.06 * c.time_s * near) % 1.0
        y = horizon + (1 - horizon) * travel
        tall = c.uniform(0.01, 0.16) * (0.2 + near)
        crest = y + 0.08 * near * (c.ridge(1.7, 0.0, 0.6) + 0.3 * c.ridge(0.8, 0, 0.6))
        body = np.clip((c.y - crest) / tall, 0, 1) * (c.y < crest + tall)
        c.paint(c.colour(*WATERS) * (0.6 + 0.7 * body)[..., None], np.asarray((body > 0) * 0.8, np.float32))
        froth = step(
            c.noise(1.1, 1.4, 0.8, drift=(25, 10)) - 0.8 * np.abs(body - c.uniform(0.1, 0.6)), c.uniform(-0.05, 0.25), 6
        )
        c.paint(
            np.array([0.93, 0.95, 0.97], np.float32) * (0.75 + 0.3 * c.noise(0.8))[..., None],
            froth * np.asarray(body > 0, np.float32),
        )


def _beach(c: Canvas, horizon: float) -> None:
    surf = 0.02 * np.sin(c.time_s * 1.4)
    lean = (c.x / c.aspect - 0.5) * c.rng.normal(0, 0.45)
    edge = np.asarray(c.uniform(horizon + 0.1, 0.95) + surf + lean + 0.5 * (c.ridge(2.0, 0, 0.06)), np.float32)
    sand = c.colour(*SAND)
    c.glow *= 1 - c.below(edge)[..., None]  # the glitter stays on the water
    wet = np.clip((c.y - edge) / c.uniform(0.05, 0.2), 0, 1)
    c.paint(sand * ((0.55 + 0.45 * wet) * (0.85 + 0.35 * (c.noise(0.8) - 0.3)))[..., None], c.below(edge))
    lace = step(
        c.noise(1.1, 1.5, 0.6, drift=(8, 3)) - np.abs(c.y - edge) / c.uniform(0.02, 0.12), c.uniform(-0.2, 0.1), 5
    )
    c.paint((0.94, 0.95, 0.96), lace * c.uniform(0.6, 1))


def _rocks(c: Canvas, horizon: float) -> None:
    field = c.noise(1.7, 1.2)
    mass = step(field + (c.y - horizon) * c.uniform(0.1, 0.6), c.uniform(0.75, 0.95), 14) * c.below(horizon + 0.05)
    c.paint(c.colour(*ROCKS) * (0.2 + 1.0 * relief(c.noise(1.4), 9))[..., None], mass)
    foam = step(field + (c.y - horizon) * 0.4, 0.7, 6) * step(c.noise(1.1, drift=(20, 4)), 0.5, 6) * (1 - mass)
    c.paint((0.93, 0.95, 0.97), foam * c.below(horizon + 0.05))


def _boat(c: Canvas, horizon: float) -> None:
    x, size = c.uniform(0.1, 0.9) * c.aspect + 0.02 * c.time_s, c.uniform(0.04, 0.22)
    y = horizon + size * 0.15
    hull = c.draw(
        lambda d, s: d.polygon(
            [
                ((x - size) * s, (y - size * 0.25) * s),
                ((x + size) * s, (y - size * 0.25) * s),
                ((x + size * 0.7) * s, y * s),
                ((x - size * 0.7) * s, y * s),
            ],
            fill=255,
        )
    )
    c.paint(c.colour((0.9, 0.9, 0.9), (0.2, 0.2, 0.25), (0.6, 0.2, 0.15)), hull)
    if c.chance(0.5):
        c.paint(
            (0.92, 0.9, 0.86),
            c.draw(
                lambda d, s: d.polygon(
                    [
                        (x * s, (y - size * 1.8) * s),
                        ((x + size * 0.8) * s, (y - size * 0.35) * s),
                        (x * s, (y - size * 0.35) * s),
                    ],
                    fill=255,
                )
            ),
        )
    else:
        c.paint(
            (0.8, 0.8, 0.8), props.boxes_mask(c, [(x - size * 0.4, y - size * 0.6, x + size * 0.3, y - size * 0.25)])
        )


def _coast_from_above(c: Canvas) -> None:
    angle = c.uniform(0, 2 * np.pi)
    along = np.asarray((c.x - c.aspect / 2) * np.cos(angle) + (c.y - 0.5) * np.sin(angle), np.float32)
    line = (
        along
        + c.uniform(0.1, 0.5) * (c.noise(2.0, 1.5) - 0.5)
        + 0.08 * (c.noise(1.4) - 0.5)
        + c.uniform(-0.2, 0.2)
        + 0.01 * np.sin(c.time_s)
    )
    shallow = c.colour((0.25, 0.6, 0.62), (0.35, 0.55, 0.5), (0.2, 0.45, 0.55))
    c.paint(blend(water(c, c.uniform(-1.5, -0.5)), shallow, np.clip(1 + line * c.uniform(2, 6), 0, 0.8)))
    land = (
        foliage(c, 2.5, kind="crown")
        if c.chance(0.5)
        else c.colour(*ROCKS, *GRASS) * (0.3 + relief(c.noise(1.4), 8))[..., None]
    )
    width = c.uniform(0.05, 0.45)
    c.paint(c.colour(*SAND) * (0.75 + 0.4 * c.noise(0.8))[..., None], step(line, 0, 60))
    c.paint(land, step(line + 0.12 * (c.noise(1.1) - 0.5), width, 25))
    for k in range(c.count(1, 4)):
        surf = step(0.05 - np.abs(line + 0.07 * k) + 0.12 * (c.noise(1.1, drift=(9, 9)) - 0.55), 0, 25)
        c.paint((0.95, 0.96, 0.97), surf * (line < 0.02))
    for _ in range(c.count(0, 14) if c.chance(0.4) else 0):
        x, y, half = c.uniform(0, c.aspect), c.uniform(0, 1), c.uniform(0.01, 0.035)
        if line[min(int(y * c.height), c.height - 1), min(int(x * c.height), c.width - 1)] > width:
            c.paint(
                c.colour((0.85, 0.8, 0.75), (0.55, 0.3, 0.22), (0.45, 0.45, 0.45)),
                props.boxes_mask(c, [(x - half, y - half, x + half, y + half)]),
            )


def sky_only(c: Canvas) -> str:
    """Clouds, blue or starred sky, from below or from above the clouds, at most a thin line of land."""
    way = c.rng.random()
    if way < 0.1 and c.light is Light.DAY:  # a sea of clouds seen from above; with a low sun it looks like dunes
        horizon = c.uniform(0.2, 0.6)
        puffs = relief(c.noise(1.6, 3, 1.2, drift=(5, 10)), c.uniform(4, 11))
        c.paint(
            np.array([0.93, 0.94, 0.97], np.float32) * (0.5 + 0.55 * puffs)[..., None],
            c.below(c.ridge(1.7, horizon, 0.03), 0.05) * 0.97,
        )
    elif way < 0.55:  # heaped clouds with lit edges and dark bellies
        field = c.noise(c.uniform(1.4, 2.0), c.uniform(1, 2.4), c.uniform(0.8, 1.4), drift=(0, 7))
        mask = step(field, c.uniform(0.3, 0.65), c.uniform(2, 9))
        body = relief(field, c.uniform(3, 10), 2) * 0.6 + 0.4 * c.noise(1.4)
        c.paint(
            c.colour((0.97, 0.97, 0.98), (0.6, 0.62, 0.66), (0.4, 0.42, 0.47), spread=0.04)
            * (0.35 + 0.9 * body)[..., None],
            mask * c.uniform(0.7, 1),
        )
    if c.light is Light.NIGHT:
        _stars_or_moon(c)
    if c.chance(0.3):
        land = c.below(c.ridge(c.uniform(0.8, 2.2), c.uniform(0.92, 0.99), 0.015), 0.01)
        c.paint(c.colour(*GREENS, *BARKS) * 0.5, land)
    if c.chance(0.2):
        for _ in range(c.count(1, 12)):
            x, y, size = (
                (c.uniform(0, c.aspect) + 0.05 * c.time_s) % c.aspect,
                c.uniform(0.05, 0.8),
                c.uniform(0.008, 0.03),
            )
            c.paint((0.06, 0.06, 0.07), _bird(c, x, y, size))
    return "clouds"


def _stars_or_moon(c: Canvas) -> None:
    """Something to tell a night sky by: stars where no cloud is, a moon with its halo, or both."""
    clear = 1 - 0.9 * c.cover
    moon = c.chance(0.55)
    if moon:
        x, y, radius = c.uniform(0.1, 0.9) * c.aspect, c.uniform(0.1, 0.8), c.uniform(0.015, 0.06)
        halo = c.spot(x, y, radius * c.uniform(3, 9), 1.2) * (0.4 + 0.6 * c.noise(1.7))
        c.shine((0.28, 0.3, 0.36), np.asarray(halo * c.uniform(0.5, 1.3), np.float32))
        c.shine((0.95, 0.93, 0.85), c.spot(x, y, radius, 6) * np.clip(clear + 0.5, 0, 1))
    if not moon or c.chance(0.5):
        stars = np.clip(c.noise(0.0) * c.noise(0.0) - c.uniform(0.7, 0.8), 0, 1) * 5
        c.shine((0.9, 0.92, 1.0), np.asarray(stars * clear * c.uniform(0.4, 1), np.float32))


def _bird(c: Canvas, x: float, y: float, size: float) -> FloatArray:
    wings = [(x - size, y - size / 2), (x, y), (x + size, y - size / 2)]
    return c.draw(lambda d, s: d.line([(px * s, py * s) for px, py in wings], fill=255))
