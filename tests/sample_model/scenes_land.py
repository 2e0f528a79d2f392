"""Forest, meadow, desert and snow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.sample_model import props
from tests.sample_model.canvas import Canvas, blend, relief, step

if TYPE_CHECKING:
    from PIL import ImageDraw

    from tests.sample_model.noise import FloatArray

GREENS = ((0.16, 0.3, 0.1), (0.25, 0.4, 0.12), (0.12, 0.22, 0.1), (0.35, 0.45, 0.18), (0.2, 0.3, 0.2))
AUTUMN = ((0.6, 0.35, 0.1), (0.7, 0.5, 0.12), (0.5, 0.2, 0.1), (0.45, 0.38, 0.15))
BARKS = ((0.3, 0.22, 0.15), (0.22, 0.18, 0.15), (0.42, 0.36, 0.3), (0.75, 0.73, 0.7), (0.38, 0.25, 0.17))
GRASS = ((0.3, 0.45, 0.13), (0.4, 0.52, 0.2), (0.22, 0.38, 0.1), (0.6, 0.55, 0.28), (0.5, 0.55, 0.2))
SAND = ((0.82, 0.62, 0.38), (0.88, 0.74, 0.52), (0.75, 0.5, 0.3), (0.9, 0.8, 0.65), (0.7, 0.42, 0.25))


def foliage(c: Canvas, zoom: float, *, autumn: bool = False, kind: str = "") -> FloatArray:
    """Return a wall of leaves [h, w, 3]: shape by shape its own green, lit and shadowed at several scales."""
    value, shade = c.leaves(kind or ("leaf", "disc", "crown")[int(c.rng.integers(3))], zoom)
    large = c.noise(c.uniform(1.1, 1.8), c.uniform(1, 2.5), c.uniform(1, 2.5))
    palette = AUTUMN if autumn else GREENS
    one, two = c.colour(*palette), c.colour(*palette)
    depth = np.clip(0.15 + 1.3 * step(large, 0.5, c.uniform(1.5, 4)), 0.1, 1.6)
    lit = (0.25 + 0.55 * value + 0.75 * shade) * depth
    return np.asarray(blend(one, two, value) * lit[..., None])


def forest(c: Canvas) -> str:
    """Paint a forest seen from inside, from its edge, from the air, or close up."""
    way = c.rng.random()
    autumn = c.chance(0.2)
    if way < 0.5:
        _inside_forest(c, autumn=autumn)
        return "trees"
    if way < 0.66:
        _forest_wall(c, autumn=autumn)
        return "trees"
    if way < 0.8:
        _canopy(c, autumn=autumn)
        return "canopy"
    if way < 0.9:
        _looking_up(c, autumn=autumn)
        return "trees"
    c.paint(foliage(c, c.uniform(0.2, 0.6), autumn=autumn, kind="leaf"))
    for _ in range(c.count(0, 4)):
        props.bare_tree(c, c.uniform(0, c.aspect), c.uniform(0.8, 1.4), c.uniform(0.8, 1.8), c.colour(*BARKS) * 0.6)
    return "leaves"


def _inside_forest(c: Canvas, *, autumn: bool) -> None:
    c.paint(foliage(c, c.uniform(0.9, 2.2), autumn=autumn))
    gaps = step(c.noise(c.uniform(0.8, 1.4), 1.5), c.uniform(0.55, 0.9), 7) * np.clip(1.1 - c.y * c.uniform(1, 2), 0, 1)
    c.cover[:] = np.minimum(c.cover, 1 - gaps)
    mist = c.uniform(0, 0.6) if c.chance(0.4) else 0.0
    haze = c.colour((0.75, 0.8, 0.78), (0.85, 0.85, 0.75), spread=0.04)
    floor = c.uniform(0.55, 0.95)
    soil = c.colour((0.25, 0.28, 0.12), (0.35, 0.25, 0.15), (0.2, 0.3, 0.12), *(AUTUMN if autumn else ()))
    value, shade = c.leaves("leaf", c.uniform(0.5, 1.5), 2)
    edge = c.ridge(2.0, floor, 0.04)
    c.paint(
        soil
        * (0.3 + 0.6 * value + 0.6 * shade)[..., None]
        * (0.4 + 1.2 * c.ground_noise(1.4, floor - 0.1, 0.5))[..., None],
        c.below(edge, 0.03),
    )
    if c.chance(0.35):
        _path(c, floor)
    depth = c.count(2, 4)
    bark = c.colour(*BARKS)
    for layer in range(depth):
        near = (layer + 1) / depth
        if mist:
            c.paint(haze, np.float32(mist / depth) * (c.noise(2, 2) + 0.3) * c.cover)
        for _ in range(c.count(2, 9 - 2 * layer)):
            thick = near * near * c.uniform(0.008, 0.07)
            shade_of_it = c.colour(bark, spread=0.04) * (0.35 + 0.65 * near)
            props.trunk(
                c,
                c.uniform(-0.05, c.aspect + 0.05),
                thick,
                -1,
                floor + 0.4 * near * near + c.rng.normal(0, 0.03),
                shade_of_it,
            )
    if c.chance(0.5):
        hanging = step(c.noise(1.4, 1.3), c.uniform(0.5, 0.7), 6) * step(c.leaves("leaf", 0.6)[0], 0.25, 5)
        c.paint(
            foliage(c, c.uniform(0.4, 1), autumn=autumn, kind="leaf"),
            hanging * np.clip(c.uniform(0.3, 1.1) - c.y, 0, 1) ** 0.3,
        )
    if c.chance(0.4):
        low = c.below(c.ridge(1.1, c.uniform(0.7, 0.95), 0.07), 0.02) * step(c.leaves("leaf", 0.7)[0], 0.2, 5)
        c.paint(foliage(c, c.uniform(0.4, 1.2)), low)
    props.bystanders(c, floor, most=2)


def _path(c: Canvas, horizon: float) -> None:
    way = np.clip((c.y - horizon + 0.05) / (1 - horizon + 0.05), 0, 1)
    middle = c.aspect * c.uniform(0.3, 0.7) + way * c.rng.normal(0, 0.2) + 0.05 * np.sin(way * 5)
    mask = step(way * c.uniform(0.15, 0.45) - np.abs(c.x - middle) + 0.08 * (c.noise(1.1) - 0.5), 0, 25)
    c.paint(
        c.colour((0.5, 0.4, 0.3), (0.6, 0.55, 0.45), (0.4, 0.3, 0.2)) * (0.6 + 0.7 * c.noise(0.8))[..., None],
        mask * (c.y > horizon - 0.05),
    )


def _forest_wall(c: Canvas, *, autumn: bool) -> None:
    palette = AUTUMN + GREENS if autumn else GREENS
    conifers = c.chance(0.55)
    top, rows = c.uniform(0.0, 0.45), c.count(3, 4)
    far = c.colour((0.5, 0.58, 0.65), (0.35, 0.45, 0.4))
    hill = c.below(c.ridge(2.0, top + 0.08, 0.08), 0.02)
    c.paint(foliage(c, 3, autumn=autumn, kind="crown") * 0.6 + far * 0.35, hill)
    for row in range(rows):
        near = (row + 1) / rows
        foot = top + (1.1 - top) * near
        size = c.uniform(0.22, 0.36) * (0.6 + near)
        for x in np.arange(-0.05, c.aspect + 0.1, size * c.uniform(0.35, 0.5)):
            colour = c.colour(*palette, spread=0.04) * (0.55 + 0.45 * near) + far * (0.35 * (1 - near))
            spot = float(x) + c.rng.normal(0, 0.04)
            if conifers:
                props.conifer(c, spot, foot + c.rng.normal(0, 0.03), size * c.uniform(0.9, 1.6), colour * 0.8)
            else:
                props.round_tree(c, spot, foot + c.rng.normal(0, 0.03), size * c.uniform(0.9, 1.3), colour, lace=0.2)
    if c.chance(0.3):
        c.paint(
            c.colour((0.8, 0.83, 0.85), spread=0.03), step(c.noise(2.0, 3), 0.55, 3) * c.uniform(0.3, 0.8) * c.cover
        )
    if c.chance(0.3):
        c.paint(
            c.colour(*GRASS) * (0.5 + 0.8 * c.noise(0.8))[..., None], c.below(c.ridge(2.0, c.uniform(0.8, 0.95), 0.03))
        )


def _canopy(c: Canvas, *, autumn: bool) -> None:
    c.paint(foliage(c, c.uniform(0.8, 2.6), autumn=autumn, kind="crown"))
    if c.chance(0.4):  # the view is slanted: crowns shrink towards a far edge
        edge = c.ridge(2.0, c.uniform(0.05, 0.3), 0.06)
        far = c.below(c.uniform(0.3, 0.6), 0.3)
        c.paint(foliage(c, 4, autumn=autumn, kind="crown") * 0.7 + 0.12, 1 - far)
        c.cover[:] = c.below(edge, 0.02)
    if c.chance(0.25):  # a river or a road cuts through
        line = (
            c.aspect * c.uniform(0.2, 0.8)
            + 0.25 * np.sin(c.y * c.uniform(2, 7) + c.uniform(0, 6))
            + 0.3 * (c.noise(2.0) - 0.5)
        )
        c.paint(c.colour((0.5, 0.48, 0.42), (0.25, 0.35, 0.4)), step(c.uniform(0.01, 0.05) - np.abs(c.x - line), 0, 80))


def _looking_up(c: Canvas, *, autumn: bool) -> None:
    crown = step(c.noise(1.1, 1.5), c.uniform(0.35, 0.55), 7) * step(c.leaves("leaf", c.uniform(0.5, 1.2))[0], 0.2, 5)
    c.paint(foliage(c, c.uniform(0.6, 1.4), autumn=autumn, kind="leaf"), crown)
    cx, cy = c.aspect * c.uniform(0.3, 0.7), c.uniform(0.1, 0.6)
    angles, starts = c.rng.uniform(0, 2 * np.pi, 12), c.rng.uniform(0.1, 0.35, 12)
    wide = c.rng.uniform(0.02, 0.09, 12)

    def pencil(d: ImageDraw.ImageDraw, s: float) -> None:
        for a, r, w in zip(angles, starts, wide, strict=True):
            ux, uy = np.cos(a), np.sin(a)
            near, left = (cx + ux * r, cy + uy * r), (cx + ux * 2 - uy * w * 2, cy + uy * 2 + ux * w * 2)
            right = (cx + ux * 2 + uy * w * 2, cy + uy * 2 - ux * w * 2)
            d.polygon([(px * s, py * s) for px, py in (near, left, right)], fill=255)

    c.paint(c.colour(*BARKS) * (0.3 + 0.8 * c.noise(0.8))[..., None], c.draw(pencil))


def meadow(c: Canvas) -> str:
    """Grass with or without flowers, fields from the air, or one flower close up."""
    way = c.rng.random()
    if way < 0.25:
        _flower_close_up(c)
        return "flowers"
    if way < 0.35:
        _fields_from_above(c)
        return "grass"
    horizon = c.uniform(-0.2, 0.6)
    grass = c.colour(*GRASS)
    if c.chance(0.7):
        _far_hills(c, horizon)
    c.paint(_grass(c, horizon, grass), c.below(c.ridge(2.2, horizon, c.uniform(0, 0.05)), 0.01))
    flowers = c.chance(0.5)
    if flowers:
        _scatter_flowers(c, horizon)
    if c.chance(0.4):
        props.grass_tufts(c, 1.02, c.uniform(0.1, 0.5), c.count(30, 140), c.colour(*GRASS))
    if c.chance(0.25):
        props.round_tree(c, c.uniform(0, c.aspect), max(horizon, 0.1) + 0.05, c.uniform(0.12, 0.4), c.colour(*GREENS))
    if c.chance(0.12):
        _fence(c, horizon)
    props.bystanders(c, max(horizon, 0.1))
    return "flowers" if flowers else "grass"


def _grass(c: Canvas, horizon: float, grass: FloatArray) -> FloatArray:
    blades = c.noise(0.4, c.uniform(0.4, 0.8), c.uniform(1, 2))
    patches = c.ground_noise(c.uniform(1.1, 1.7), horizon, c.uniform(0.1, 0.5))
    other = c.colour(*GRASS)
    fine = np.clip((c.y - horizon) * 2 + 0.3, 0.2, 1)
    img = blend(grass, other, step(patches, 0.5, 3))
    return np.asarray(img * (0.65 + 0.7 * (blades - 0.5) * fine + 0.6 * (patches - 0.3))[..., None])


def _far_hills(c: Canvas, horizon: float) -> None:
    for i in range(c.count(1, 2)):
        far = c.colour((0.35, 0.45, 0.4), (0.45, 0.55, 0.6), (0.25, 0.38, 0.2), (0.18, 0.28, 0.14))
        texture = (
            foliage(c, 3, kind="crown") * 0.6 + far * 0.4
            if c.chance(0.5)
            else far * (0.7 + 0.5 * c.noise(1.1))[..., None]
        )
        c.paint(texture, c.below(c.ridge(c.uniform(1.4, 2.4), horizon - 0.1 + 0.06 * i, c.uniform(0.02, 0.08)), 0.01))


def _scatter_flowers(c: Canvas, horizon: float) -> None:
    petals = [
        c.colour(
            (0.95, 0.85, 0.2),
            (0.9, 0.25, 0.3),
            (0.95, 0.95, 0.92),
            (0.6, 0.35, 0.8),
            (0.95, 0.55, 0.7),
            (0.3, 0.35, 0.85),
        )
        for _ in range(c.count(1, 3))
    ]
    dense = c.ground_noise(1.4, horizon, 0.3)
    for petal in petals:
        number = c.count(40, 220)
        v = c.rng.random(number) ** 1.6
        ys = max(horizon, -0.05) + 0.01 + v * (1.05 - max(horizon, -0.05))
        xs = c.rng.uniform(0, c.aspect, number)
        radii = (0.004 + 0.03 * v) * c.uniform(0.5, 1.2)

        def pencil(
            d: ImageDraw.ImageDraw, s: float, xs: FloatArray = xs, ys: FloatArray = ys, radii: FloatArray = radii
        ) -> None:
            for x, y, r in zip(xs, ys, radii, strict=True):
                d.ellipse([(x - r) * s, (y - r * 0.8) * s, (x + r) * s, (y + r * 0.8) * s], fill=255)

        c.paint(petal * (0.7 + 0.5 * c.noise(0.0))[..., None], c.draw(pencil) * step(dense, c.uniform(0.2, 0.5), 4))


def _flower_close_up(c: Canvas) -> None:
    green, dark = c.colour(*GREENS), c.colour((0.05, 0.1, 0.04), (0.3, 0.35, 0.15), (0.45, 0.5, 0.4))
    c.paint(blend(green, dark, step(c.noise(2.0, 1.5), 0.5, c.uniform(1, 4))))
    if c.chance(0.5):
        c.paint(foliage(c, c.uniform(0.15, 0.5), kind="leaf"), step(c.noise(2.0, 1.5), 0.5, 5))
    for _ in range(c.count(1, 6)):
        x, y, radius = c.aspect * c.uniform(0.1, 0.9), c.uniform(0.15, 0.9), c.uniform(0.1, 0.42)
        petal = c.colour(
            (0.95, 0.8, 0.15),
            (0.9, 0.3, 0.15),
            (0.95, 0.93, 0.9),
            (0.6, 0.3, 0.75),
            (0.95, 0.5, 0.65),
            (0.85, 0.1, 0.15),
        )
        number, squeeze, turn = c.count(4, 16), c.uniform(0.5, 1), c.uniform(0, 6)
        dx, dy = c.x - x, (c.y - y) / squeeze
        angle, away = np.arctan2(dy, dx) + turn + 0.1 * np.sin(c.time_s), np.hypot(dx, dy) / radius
        lobe = 0.68 + 0.32 * np.abs(np.cos(angle * number / 2)) ** c.uniform(0.3, 1)
        mask = step(lobe - away + 0.1 * (c.noise(1.4) - 0.5), 0, 12)
        stem = np.abs(c.x - x - 0.1 * (c.y - y)) < 0.012
        c.paint(green * 0.8, np.asarray(stem & (c.y > y), np.float32))
        veins = 0.6 + 0.3 * np.abs(np.cos(angle * number / 2)) + 0.3 * np.clip(away, 0, 1) + 0.2 * (c.noise(1.1) - 0.5)
        c.paint(petal * veins[..., None], mask)
        c.paint(
            c.colour((0.8, 0.6, 0.1), (0.3, 0.15, 0.05), (0.5, 0.55, 0.1)) * (0.5 + c.noise(0.4))[..., None],
            step(c.uniform(0.12, 0.35) - away, 0, 15),
        )


def _fields_from_above(c: Canvas) -> None:
    value, _ = c.leaves("box", c.uniform(0.3, 0.8))
    one, two = c.colour(*GRASS), c.colour(*GRASS, (0.55, 0.42, 0.25), (0.75, 0.68, 0.35))
    rows = 0.5 + 0.5 * np.sin((c.x * c.uniform(-1, 1) + c.y * c.uniform(-1, 1)) * c.uniform(60, 200))
    c.paint(blend(one, two, value) * (0.6 + 0.4 * c.noise(1.1) + 0.15 * rows)[..., None])
    for _ in range(c.count(0, 25)):
        x, y, r = c.uniform(0, c.aspect), c.uniform(0, 1), c.uniform(0.008, 0.03)
        c.paint(c.colour(*GREENS) * 0.6, c.spot(x, y, r, 6))


def _fence(c: Canvas, horizon: float) -> None:
    foot, tall = max(horizon, 0.1) + c.uniform(0.1, 0.4), c.uniform(0.05, 0.2)
    boxes = [(float(x), foot - tall, float(x) + 0.015, foot) for x in np.arange(0, c.aspect, c.uniform(0.08, 0.25))]
    boxes += [(0, foot - tall * k, c.aspect, foot - tall * k + 0.01) for k in (0.4, 0.8)]
    c.paint(c.colour((0.45, 0.38, 0.3), (0.85, 0.85, 0.83)), props.boxes_mask(c, boxes))


def desert(c: Canvas) -> str:
    """Dunes, gravel plains with scrub, mesas, ripples close up, dunes from the air."""
    way = c.rng.random()
    sand = c.colour(*SAND)
    if way < 0.15:
        _dune_field(c, sand)
        return "dunes"
    horizon = c.uniform(-0.1, 0.6) if way > 0.3 else c.uniform(0.3, 0.6)
    flat = c.chance(0.45)
    if flat or c.chance(0.3):
        _mesas(c, horizon, sand)
    base = sand * (0.75 + 0.5 * c.ground_noise(1.4, horizon, c.uniform(0.1, 0.5)))[..., None]
    ripples = relief(c.noise(1.7, c.uniform(2, 5), c.uniform(0.5, 1.5)), c.uniform(1, 5))
    c.paint(base * (0.75 + 0.5 * ripples)[..., None], c.below(c.ridge(2.4, horizon, 0.02)))
    if not flat:
        for i in range(c.count(1, 4)):
            _dune(c, horizon + 0.12 * i + c.uniform(-0.08, 0.12), c.colour(sand, spread=0.03))
    else:
        _scrub(c, horizon)
    props.bystanders(c, max(horizon, 0.1), most=2)
    return "dunes" if not flat else "dry land"


def _dune(c: Canvas, base: float, sand: FloatArray) -> None:
    crest = c.ridge(2.4, base, c.uniform(0.05, 0.14))
    mask = c.below(crest, 0.008)
    split = c.ridge(2.0, c.uniform(0.2, 0.8), 0.3) + (c.y - crest) * c.rng.normal(0, 2)
    lit = step(np.asarray(c.x / c.aspect - split, np.float32), 0, c.uniform(4, 40))
    ripples = 0.5 + 0.5 * np.sin((c.y - crest) * c.uniform(60, 220) + 6 * c.noise(2.0))
    tone = (
        (c.uniform(0.45, 0.85) + (1.05 - 0.45) * 0.7 * lit)
        * (0.92 + c.uniform(0, 0.16) * ripples)
        * (0.9 + 0.2 * c.noise(1.4))
    )
    c.paint(sand * tone[..., None], mask)


def _dune_field(c: Canvas, sand: FloatArray) -> None:
    field = c.noise(2.4, c.uniform(2, 4), c.uniform(1, 3)) + 0.04 * np.sin(
        (c.y + 0.3 * c.x) * c.uniform(30, 120) + 9 * c.noise(2.0)
    )
    c.paint(sand * (0.35 + 1.1 * relief(field, c.uniform(6, 16)))[..., None])


def _mesas(c: Canvas, horizon: float, sand: FloatArray) -> None:
    steps = np.round(c.ridge(1.7, 0.5, 0.25) * c.uniform(4, 9)) / 8
    edge = horizon - c.uniform(0.1, 0.4) * np.clip(steps - 0.3, 0, 1) + 0.01 * c.ridge(0.8, 0, 1)
    strata = c.noise(1.1, 3, 0.2)
    c.paint(
        c.colour(sand, (0.6, 0.35, 0.22), (0.5, 0.4, 0.35))
        * (0.5 + 0.6 * strata + 0.3 * c.noise(0.8, 0.6, 2))[..., None],
        c.below(np.asarray(edge, np.float32)),
    )


def _scrub(c: Canvas, horizon: float) -> None:
    top = max(horizon, -0.05)
    for _ in range(c.count(5, 40)):
        v = c.rng.random() ** 1.5
        y, size = top + 0.02 + v * (1 - top), 0.01 + 0.09 * v * c.uniform(0.3, 1)
        bush = step(c.spot(c.uniform(0, c.aspect), y, size, 3), 0.5, 3)
        c.paint(c.colour((0.35, 0.36, 0.22), (0.42, 0.36, 0.24), (0.25, 0.22, 0.15)), bush * c.uniform(0.6, 1))
    if c.chance(0.3):
        x, foot, tall = c.uniform(0.1, 0.9) * c.aspect, c.uniform(0.6, 0.95), c.uniform(0.15, 0.5)
        w = tall * 0.08
        boxes = [
            (x - w, foot - tall, x + w, foot),
            (x - 4 * w, foot - tall * 0.7, x - 3 * w, foot - tall * 0.4),
            (x - 4 * w, foot - tall * 0.5, x, foot - tall * 0.4),
        ]
        c.paint(c.colour((0.2, 0.35, 0.15)) * (0.6 + 0.6 * c.noise(0.4, 0.2, 2))[..., None], props.boxes_mask(c, boxes))
