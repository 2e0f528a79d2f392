"""Things that stand about in many scenes: trees, trunks, cars, people, lamps, houses; drawn onto a canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.sample_model.canvas import Canvas, Colour, Light, step

if TYPE_CHECKING:
    from PIL import ImageDraw

    from tests.sample_model.noise import FloatArray

Box = tuple[float, float, float, float]


def conifer(c: Canvas, x: float, foot: float, height: float, colour: Colour, *, snow: float = 0.0) -> None:
    """Draw a spruce: a jagged cone, textured, with `snow` (0 to 1) on its boughs."""
    tiers = c.count(5, 11)
    width = height * c.uniform(0.16, 0.3)
    wobble = c.rng.normal(0, 0.12, (2, tiers + 1))

    def pencil(d: ImageDraw.ImageDraw, s: float) -> None:
        left, right = [], []
        for i in range(tiers):
            y0, y1 = foot - height * (1 - i / tiers), foot - height * (1 - (i + 1.25) / tiers)
            half0, half1 = width * i / tiers * 0.55, width * (i + 1) / tiers
            left += [(x - half0) * s, y0 * s, (x - half1 * (1 + wobble[0, i])) * s, y1 * s]
            right += [(x + half1 * (1 + wobble[1, i])) * s, y1 * s, (x + half0) * s, y0 * s][::1]
        points = list(zip(left[::2], left[1::2], strict=True))
        other = list(zip(right[::2], right[1::2], strict=True))
        d.polygon(points + [p for i in range(tiers - 1, -1, -1) for p in other[2 * i : 2 * i + 2]], fill=255)

    mask = c.draw(pencil)
    value, shade = c.tree_texture()
    base: FloatArray = np.asarray(colour, np.float32) * (0.35 + 0.5 * value + 0.5 * shade)[..., None]
    if snow > 0:
        laden = step(shade + 0.5 * value, 1.15 - snow * 0.6, 4)
        base = base + (np.array([0.9, 0.93, 0.98], np.float32) - base) * laden[..., None]
    c.paint(base, mask)


def round_tree(c: Canvas, x: float, foot: float, height: float, colour: Colour, *, lace: float = 0.3) -> None:
    """Draw a broadleaf tree: trunk and a ragged crown with light and shadow."""
    crown_y, radius = foot - height * 0.62, height * c.uniform(0.28, 0.42)
    trunk = c.draw(
        lambda d, s: d.polygon(
            [((x - 0.03 * height) * s, foot * s), ((x + 0.03 * height) * s, foot * s), (x * s, crown_y * s)], fill=255
        )
    )
    c.paint(c.colour((0.28, 0.2, 0.13), (0.3, 0.27, 0.24)), trunk)
    puffs = [(0.0, 0.0, 1.0), *((c.rng.normal(0, 0.6), c.rng.normal(0, 0.45), c.uniform(0.4, 0.75)) for _ in range(5))]

    def pencil(d: ImageDraw.ImageDraw, s: float) -> None:
        for dx, dy, r in puffs:
            cx, cy, rr = x + dx * radius, crown_y + dy * radius, radius * r
            d.ellipse([(cx - rr) * s, (cy - rr) * s, (cx + rr) * s, (cy + rr) * s], fill=255)

    crown = c.draw(pencil)
    value, shade = c.tree_texture()
    ragged = crown * step(value, lace * 0.5, 6)
    side = np.clip(1.0 - 0.9 * (c.y - crown_y + radius * 0.3) / max(radius, 1e-3) * 0.5, 0.45, 1.3)
    c.paint(np.asarray(colour, np.float32) * ((0.4 + 0.6 * shade + 0.4 * value) * side)[..., None], ragged)


def bare_tree(c: Canvas, x: float, foot: float, height: float, colour: Colour) -> None:
    """Draw a leafless tree: limbs that fork."""
    limbs: list[tuple[float, float, float, float, float]] = []

    def grow(px: float, py: float, angle: float, length: float, thick: float, depth: int) -> None:  # noqa: PLR0917
        qx, qy = px + np.sin(angle) * length, py - np.cos(angle) * length
        limbs.append((px, py, qx, qy, thick))
        if depth == 0:
            return
        for _ in range(c.count(2, 3)):
            grow(qx, qy, angle + c.rng.normal(0, 0.45), length * c.uniform(0.55, 0.85), thick * 0.6, depth - 1)

    grow(x, foot, c.rng.normal(0, 0.08), height * 0.33, height * 0.05, 4)

    def pencil(d: ImageDraw.ImageDraw, s: float) -> None:
        for px, py, qx, qy, thick in limbs:
            d.line([px * s, py * s, qx * s, qy * s], fill=255, width=max(1, int(thick * s)))

    c.paint(colour, c.draw(pencil) * c.uniform(0.7, 1))


def trunk(c: Canvas, x: float, width: float, top: float, foot: float, colour: Colour) -> None:  # noqa: PLR0917 - a place, a size, a colour
    """Draw a standing trunk with bark, round shading and a slight lean."""
    lean, bend = c.rng.normal(0, 0.06), c.rng.normal(0, 0.015)
    centre = x + lean * (foot - c.y) + bend * np.sin(c.y * 7)
    across = (c.x - centre) / (width * (0.75 + 0.25 * c.y))
    mask = np.asarray(np.clip((1 - np.abs(across)) * width * c.height, 0, 1) * ((c.y > top) & (c.y < foot)), np.float32)
    if not mask.any():
        return
    bark = c.noise(0.8, 0.5, 2.2)
    lit = np.clip(0.85 + c.rng.choice([-0.45, 0.45]) * across - 0.3 * across**2, 0.15, 1.4)
    img = np.asarray(colour, np.float32) * ((0.45 + 0.95 * bark) * lit)[..., None]
    c.paint(img, mask)


def grass_tufts(c: Canvas, foot: float, height: float, number: int, colour: Colour) -> None:
    """Blades of grass or reeds before everything else."""
    roots = c.rng.uniform(-0.05, c.aspect + 0.05, number)
    tips = roots + c.rng.normal(0, 0.35, number) * height
    tall = height * c.rng.uniform(0.4, 1.1, number)
    sway = 0.03 * height * np.sin(c.time_s * 3 + roots * 9)

    def pencil(d: ImageDraw.ImageDraw, s: float) -> None:
        for root, tip, up, dx in zip(roots, tips, tall, sway, strict=True):
            d.line([root * s, foot * s, (tip + dx) * s, (foot - up) * s], fill=255, width=max(1, int(0.006 * s)))

    c.paint(np.asarray(colour, np.float32) * (0.5 + c.noise(0.8))[..., None], c.draw(pencil))


def car(c: Canvas, x: float, foot: float, size: float, *, rear: bool | None = None, oncoming: bool = False) -> None:
    """Draw a car, from the side or from behind or before, with windows, wheels, lamps and a shadow."""
    paint = c.colour(
        (0.8, 0.8, 0.82), (0.12, 0.12, 0.13), (0.6, 0.1, 0.1), (0.2, 0.3, 0.55), (0.5, 0.5, 0.5), (0.9, 0.9, 0.9)
    )
    ends_on = c.chance(0.6) if rear is None else rear
    tall = size * c.uniform(0.75, 1.2) if ends_on else size * 0.42
    half = size / 2
    shadow = c.draw(
        lambda d, s: d.ellipse(
            [(x - half * 1.1) * s, (foot - 0.05 * size) * s, (x + half * 1.1) * s, (foot + 0.08 * size) * s], fill=150
        )
    )
    c.paint((0.03, 0.03, 0.03), shadow)
    _fill(c, [(x - half, foot - tall * 0.6, x + half, foot - tall * 0.08)], paint)
    inset = half * (0.8 if ends_on else 0.6)
    _fill(c, [(x - inset, foot - tall, x + inset, foot - tall * 0.5)], paint * 0.9)
    _fill(
        c,
        [(x - inset * 0.88, foot - tall * 0.93, x + inset * 0.88, foot - tall * 0.6)],
        c.colour((0.1, 0.13, 0.16), (0.35, 0.42, 0.48)),
    )
    wheel = size * (0.08 if ends_on else 0.1)
    _fill(
        c,
        [
            (x + k * half - wheel, foot - wheel * 1.6, x + k * half + wheel, foot)
            for k in ((-0.8, 0.8) if ends_on else (-0.6, 0.6))
        ],
        (0.04, 0.04, 0.04),
    )
    if ends_on:
        lamps = [(x - half * 0.78, foot - tall * 0.4), (x + half * 0.78, foot - tall * 0.4)]
        lamp_colour = (1.0, 0.95, 0.8) if oncoming else (0.9, 0.08, 0.05)
        level = {Light.DAY: 0.25, Light.SUNSET: 0.7, Light.NIGHT: 1.0}[c.light] * c.uniform(0.3, 1.2)
        glow = sum((c.spot(lx, ly, size * (0.16 if oncoming else 0.1)) for lx, ly in lamps), np.zeros_like(c.cover))
        c.shine(lamp_colour, glow * level * (1.4 if oncoming else 0.9))


def person(c: Canvas, x: float, foot: float, height: float) -> None:
    """Draw a standing or walking figure: legs, coat, head."""
    coat = c.colour(
        (0.2, 0.2, 0.25), (0.6, 0.2, 0.2), (0.25, 0.35, 0.6), (0.75, 0.72, 0.68), (0.85, 0.7, 0.2), spread=0.1
    )
    legs, skin = c.colour((0.15, 0.16, 0.2), (0.3, 0.28, 0.25)), c.colour((0.78, 0.58, 0.46), (0.45, 0.3, 0.22))
    stride = height * 0.08 * (np.sin(c.time_s * 7 + x * 20) if c.chance(0.7) else 0.5)
    w = height * 0.11

    def draw_legs(d: ImageDraw.ImageDraw, s: float) -> None:
        for k in (-1, 1):
            d.line(
                [x * s, (foot - 0.5 * height) * s, (x + k * stride) * s, foot * s],
                fill=255,
                width=max(1, int(0.08 * height * s)),
            )

    c.paint(legs, c.draw(draw_legs))
    c.paint(
        coat,
        c.draw(
            lambda d, s: d.ellipse(
                [(x - w) * s, (foot - 0.88 * height) * s, (x + w) * s, (foot - 0.4 * height) * s], fill=255
            )
        ),
    )
    r = height * 0.07
    c.paint(
        skin,
        c.draw(
            lambda d, s: d.ellipse(
                [(x - r) * s, (foot - height) * s, (x + r) * s, (foot - height + 2.2 * r) * s], fill=255
            )
        ),
    )


def street_lamp(c: Canvas, x: float, foot: float, height: float) -> None:
    """Draw a lamp post that is lit after sunset."""
    reach = height * c.uniform(-0.25, 0.25)

    def pencil(d: ImageDraw.ImageDraw, s: float) -> None:
        w = max(1, int(0.02 * height * s))
        d.line(
            [x * s, foot * s, x * s, (foot - height) * s, (x + reach) * s, (foot - height * 1.03) * s],
            fill=255,
            width=w,
        )

    c.paint((0.2, 0.2, 0.21), c.draw(pencil))
    if c.light is not Light.DAY:
        warm = c.colour((1.0, 0.75, 0.4), (1.0, 0.9, 0.75), (0.9, 0.95, 1.0), spread=0.04)
        c.shine(
            warm,
            c.spot(x + reach, foot - height, height * 0.07) * 1.2
            + c.spot(x + reach, foot - height, height * 0.35) * 0.25,
        )


def house(c: Canvas, x: float, foot: float, size: float) -> None:
    """Draw a small gabled house with a few windows."""
    wall = c.colour((0.85, 0.8, 0.72), (0.6, 0.35, 0.28), (0.9, 0.9, 0.88), (0.5, 0.42, 0.35))
    roof = c.colour((0.5, 0.25, 0.18), (0.25, 0.25, 0.28), (0.35, 0.28, 0.22))
    half, tall = size / 2, size * c.uniform(0.45, 0.8)
    _fill(c, [(x - half, foot - tall, x + half, foot)], wall)
    c.paint(
        roof,
        c.draw(
            lambda d, s: d.polygon(
                [
                    ((x - half * 1.15) * s, (foot - tall) * s),
                    ((x + half * 1.15) * s, (foot - tall) * s),
                    (x * s, (foot - tall - size * 0.4) * s),
                ],
                fill=255,
            )
        ),
    )
    boxes = [
        (x + k * half - 0.1 * size, foot - tall * 0.7, x + k * half + 0.1 * size, foot - tall * 0.35)
        for k in (-0.5, 0.5)
    ]
    windows(c, boxes, lit=0.5)


def windows(c: Canvas, boxes: list[Box], *, lit: float) -> None:
    """Window panes; at night a share `lit` of them glows."""
    _fill(c, boxes, c.colour((0.2, 0.25, 0.32), (0.12, 0.14, 0.17), (0.55, 0.65, 0.75)))
    if c.light is Light.DAY:
        return
    share = lit * (1.0 if c.light is Light.NIGHT else 0.35)
    burning = [box for box in boxes if c.chance(share)]
    warm = c.colour((1.0, 0.8, 0.45), (1.0, 0.9, 0.7), (0.8, 0.9, 1.0), spread=0.04)
    c.shine(warm * c.uniform(0.35, 1), boxes_mask(c, burning))


def boxes_mask(c: Canvas, boxes: list[Box]) -> FloatArray:
    """Return a mask of upright boxes (left, top, right, bottom)."""

    def pencil(d: ImageDraw.ImageDraw, s: float) -> None:
        for left, top, right, bottom in boxes:
            if right > left and bottom > top:
                d.rectangle([left * s, top * s, right * s, bottom * s], fill=255)

    return c.draw(pencil)


def _fill(c: Canvas, boxes: list[Box], colour: Colour) -> None:
    c.paint(colour, boxes_mask(c, boxes))


def bystanders(c: Canvas, horizon: float, *, most: int = 3) -> None:
    """Now and then a few people, cars, posts or blobs that have nothing to do with the subject."""
    if not c.chance(0.35):
        return
    for _ in range(c.count(1, most)):
        depth = c.uniform(0.1, 1)
        foot = horizon + (1.02 - horizon) * depth
        size = 0.05 + 0.5 * depth * c.uniform(0.3, 1)
        x = c.uniform(0, c.aspect)
        way = c.rng.random()
        if way < 0.55:
            person(c, x, foot, size)
        elif way < 0.7:
            car(c, x, foot, size * 0.7)
        else:
            value, shade = c.leaves("disc", 1.5)
            blob = step(c.spot(x, foot - size / 3, size * 0.35) + 0.25 * (value - 0.5), 0.5, 10)
            c.paint(
                c.colour((0.4, 0.28, 0.18), (0.7, 0.7, 0.68), (0.15, 0.14, 0.13), spread=0.12)
                * (0.5 + shade)[..., None],
                blob,
            )
