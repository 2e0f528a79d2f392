"""City and road."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.sample_model import props
from tests.sample_model.canvas import Canvas, Light, blend, step
from tests.sample_model.scenes_high import rocky_range
from tests.sample_model.scenes_land import GRASS, GREENS, SAND, foliage

if TYPE_CHECKING:
    from PIL import ImageDraw

    from tests.sample_model.noise import FloatArray
    from tests.sample_model.props import Box

WALLS = (
    (0.55, 0.5, 0.46),
    (0.7, 0.65, 0.58),
    (0.42, 0.42, 0.45),
    (0.6, 0.4, 0.33),
    (0.35, 0.42, 0.5),
    (0.8, 0.78, 0.74),
)
ASPHALT = ((0.28, 0.28, 0.3), (0.38, 0.38, 0.39), (0.45, 0.44, 0.42), (0.2, 0.2, 0.22))


def city(c: Canvas) -> str:
    """Paint a skyline, a street between houses, one facade, roofs from the air."""
    way = c.rng.random()
    if way < 0.3:
        _skyline(c)
        return "skyline"
    if way < 0.72:
        _street(c)
        return "street"
    if way < 0.87:
        _facade(c)
        return "buildings"
    _roofs(c)
    return "buildings"


def _block(c: Canvas, left: float, right: float, top: float, foot: float) -> None:
    wall = c.colour(*WALLS)
    side = left + (right - left) * c.uniform(0.6, 1.0)
    texture = 0.75 + 0.4 * (c.noise(1.1, 1, 0.5) - 0.2)
    c.paint(wall * texture[..., None], props.boxes_mask(c, [(left, top, right, foot)]))
    c.paint(wall * 0.6, props.boxes_mask(c, [(side, top, right, foot)]))
    pitch_x, pitch_y = c.uniform(0.018, 0.06), c.uniform(0.02, 0.07)
    full_x, full_y = c.uniform(0.4, 0.85), c.uniform(0.4, 0.8)
    boxes: list[Box] = [
        (float(x), float(y), float(x) + pitch_x * full_x, float(y) + pitch_y * full_y)
        for y in np.arange(top + 0.3 * pitch_y, min(foot, 1.0), pitch_y)
        for x in np.arange(left + 0.3 * pitch_x, side - pitch_x * 0.6, pitch_x)
    ]
    props.windows(c, boxes[:260], lit=c.uniform(0.15, 0.7))
    if c.chance(0.2):
        mast = (left + right) / 2
        c.paint((0.3, 0.3, 0.32), props.boxes_mask(c, [(mast - 0.004, top - 0.15, mast + 0.004, top)]))


def _skyline(c: Canvas) -> None:
    foot = c.uniform(0.6, 1.1)
    far = c.colour((0.55, 0.62, 0.7), (0.5, 0.5, 0.55))
    steps = np.round(c.ridge(0.8, 0.5, 0.25) * 12) / 12
    c.paint(far, c.below(np.asarray(foot - 0.35 + 0.4 * (steps - 0.5), np.float32)))
    for _ in range(c.count(5, 16)):
        left, wide = c.uniform(-0.1, c.aspect), c.uniform(0.05, 0.25)
        _block(c, left, left + wide, foot - c.uniform(0.1, 0.75), foot)
    if foot < 0.95:  # a river or a park before the houses
        if c.chance(0.5):
            row = int(foot * c.height)
            rows = np.clip(2 * row - np.arange(row, c.height), 0, row - 1)
            for layer, fade in ((c.img, 0.5), (c.glow, 0.5)):
                layer[row:] = layer[rows] * fade * (0.6 + 0.6 * c.noise(1.1, 4, 0.5, drift=(9, 2)))[row:, :, None]
            c.cover[row:] = 1
        else:
            c.paint(foliage(c, 2, kind="crown"), c.below(c.ridge(1.4, foot, 0.04)))


def _street(c: Canvas) -> None:
    vx, horizon = c.aspect * c.uniform(0.25, 0.75), c.uniform(0.4, 0.65)
    for side in (-1, 1):
        reach = 0.08
        for _ in range(c.count(3, 6)):  # from far to near
            nxt = reach * c.uniform(1.35, 2.0)
            _wall_in_perspective(c, vx, horizon, side * reach, side * nxt, c.uniform(0.8, 2.6))
            reach = nxt
    ground = step(np.asarray(c.y - horizon, np.float32) + 0 * c.x, 0.02, 60)
    surface = c.colour(*ASPHALT, (0.55, 0.52, 0.48))
    c.paint(
        surface * (0.7 + 0.6 * c.ground_noise(0.8, horizon, 0.6))[..., None],
        ground * (np.abs(c.x - vx) < 0.02 + 1.3 * (c.y - horizon)),
    )
    c.paint(
        c.colour((0.6, 0.58, 0.55), (0.5, 0.48, 0.46)),
        ground * (np.abs(np.abs(c.x - vx) - 1.1 * (c.y - horizon)) < 0.18 * (c.y - horizon)) * 0.8,
    )
    for _ in range(c.count(0, 6)):
        near = c.uniform(0.1, 0.9)
        props.car(
            c,
            vx + c.rng.choice([-1, 1]) * near * c.uniform(0.1, 0.9) * (1 - horizon),
            horizon + near * (1 - horizon),
            0.04 + near * 0.4,
            oncoming=c.chance(0.5),
        )
    for _ in range(c.count(0, 7)):
        near = c.uniform(0.1, 1.1)
        props.person(
            c, c.uniform(0, c.aspect) + 0.03 * c.time_s, horizon + near * (1 - horizon) * 0.9, 0.05 + near * 0.4
        )
    for _ in range(c.count(0, 4)):
        near = c.uniform(0.2, 1.0)
        props.street_lamp(c, vx + c.rng.choice([-1, 1]) * near * 0.6, horizon + near * 0.4, 0.15 + near * 0.7)
    _signs(c)
    if c.chance(0.2):
        props.round_tree(c, c.uniform(0, c.aspect), horizon + 0.2, c.uniform(0.2, 0.7), c.colour(*GREENS))


def _wall_in_perspective(c: Canvas, vx: float, horizon: float, near_x: float, far_x: float, slope: float) -> None:  # noqa: PLR0917 - where it is
    """Paint a house front that recedes towards the vanishing point, with a grid of windows in perspective."""
    x = c.x - vx
    inside = (x > min(near_x, far_x)) & (x < max(near_x, far_x))
    if not inside.any():
        return
    away = np.maximum(np.abs(x), 0.02)
    up, down = horizon - slope * away, horizon + c.uniform(0.5, 0.7) * away
    mask = np.asarray(inside & (c.y > up) & (c.y < down), np.float32)
    u = 1 / away * c.uniform(0.5, 2)  # even steps of depth
    v = (c.y - horizon) / away
    panes = np.asarray(
        mask * ((u * 2 % 1) < c.uniform(0.4, 0.7)) * ((v * c.uniform(3, 8) % 1) < c.uniform(0.4, 0.75)), np.float32
    )
    c.paint(c.colour(*WALLS) * (0.7 + 0.5 * (c.noise(1.1) - 0.2))[..., None], mask)
    c.paint(c.colour((0.18, 0.2, 0.25), (0.4, 0.48, 0.55)), panes * c.uniform(0.5, 1))
    if c.light is not Light.DAY:
        lit = step(c.noise(0.4, 0.3, 0.3), 0.55, 10) * panes
        shops = mask * np.asarray(v > c.uniform(0.1, 0.35), np.float32)
        warm = c.colour(
            (1.0, 0.8, 0.45), (1.0, 0.9, 0.7), (0.8, 0.9, 1.0), (0.9, 0.3, 0.5), (0.3, 0.6, 1.0), spread=0.04
        )
        c.shine(warm * c.uniform(0.3, 1), lit)
        c.shine(warm * c.uniform(0, 0.8), shops * c.noise(0.8))


def _signs(c: Canvas) -> None:
    for _ in range(c.count(0, 5)):
        x, y, w, h = c.uniform(0, c.aspect), c.uniform(0.1, 0.6), c.uniform(0.02, 0.15), c.uniform(0.02, 0.12)
        hue = c.colour((0.9, 0.2, 0.2), (0.2, 0.5, 0.9), (0.95, 0.8, 0.2), (0.9, 0.9, 0.9), (0.2, 0.7, 0.4), spread=0.1)
        mask = props.boxes_mask(c, [(x, y, x + w, y + h)])
        c.paint(hue, mask)
        if c.light is Light.NIGHT:
            c.shine(hue, mask * 0.7 + 0.3 * c.spot(x, y, 0.15))


def _facade(c: Canvas) -> None:
    wall = c.colour(*WALLS)
    bricks = 0.85 + 0.15 * np.sign(np.sin(c.y * c.uniform(150, 400))) * c.chance(0.4)
    c.paint(wall * (bricks * (0.75 + 0.4 * c.noise(1.1)))[..., None])
    columns, rows = c.count(2, 9), c.count(2, 8)
    w, h = c.aspect / columns, 1 / rows
    dx, dy = c.uniform(0, w), c.uniform(0, h)
    fx, fy = c.uniform(0.3, 0.85), c.uniform(0.4, 0.85)
    boxes = [
        (dx + (i - 1) * w, dy + (j - 1) * h, dx + (i - 1) * w + w * fx, dy + (j - 1) * h + h * fy)
        for i in range(columns + 1)
        for j in range(rows + 1)
    ]
    c.paint(
        wall * c.uniform(1.1, 1.4),
        props.boxes_mask(c, [(a - 0.01, b - 0.01, e + 0.01, f + 0.015) for a, b, e, f in boxes]),
    )
    props.windows(c, boxes, lit=0.5)
    c.paint(wall * 0.8, props.boxes_mask(c, [((a + e) / 2 - 0.004, b, (a + e) / 2 + 0.004, f) for a, b, e, f in boxes]))
    if c.chance(0.5):
        c.paint(c.colour(*ASPHALT), c.below(c.uniform(0.8, 0.95)))
        props.bystanders(c, 0.85, most=4)
        if c.chance(0.5):
            props.car(c, c.uniform(0, c.aspect), 0.97, c.uniform(0.3, 0.6), rear=False)


def _roofs(c: Canvas) -> None:
    value, shade = c.leaves("box", c.uniform(0.35, 1.2), c.uniform(0.7, 1.3))
    one, two = c.colour((0.6, 0.35, 0.27), (0.5, 0.5, 0.5), (0.7, 0.66, 0.6)), c.colour(*WALLS)
    c.paint(blend(one, two, value) * (0.35 + 0.5 * value + 0.6 * shade)[..., None])
    pitch, turn = c.uniform(0.15, 0.45), c.uniform(-0.5, 0.5)
    u, v = c.x + turn * c.y, c.y - turn * c.x
    streets = np.asarray(((u / pitch) % 1 < 0.14) | ((v / pitch / 0.8) % 1 < 0.12), np.float32)
    c.paint(c.colour(*ASPHALT), streets * 0.9)
    if c.light is not Light.DAY:
        dots = step(c.noise(0.0, 0.8, 0.8), 0.72, 6)
        c.shine((1, 0.75, 0.4), streets * (0.15 + 0.7 * dots) + 0.6 * dots * step(value, 0.6, 9))
    horizon = c.uniform(-0.4, 0.25)
    if horizon > 0:
        c.cover[:] = c.below(horizon, 0.02)


def road(c: Canvas) -> str:
    """Paint a road ahead of the driver, by land, in woods, in hills, in town; with traffic, wet, from the air."""
    if c.chance(0.12):
        _road_from_above(c)
        return "highway"
    horizon = c.uniform(0.35, 0.6)
    _roadside(c, horizon)
    vx = c.aspect * c.uniform(0.35, 0.65)
    near = np.clip((c.y - horizon) / (1 - horizon), 0, 1)
    bend = c.rng.normal(0, 0.12) * (1 - near) ** 2 * near * 4
    middle = vx + near * c.rng.normal(0, 0.12) + bend
    half = 0.012 + near * c.uniform(0.35, 1.0)
    on_road = np.asarray((np.abs(c.x - middle) < half) & (c.y > horizon), np.float32)
    grain = c.ground_noise(0.8, horizon, 0.7, speed=(160 * c.driving, 0))
    c.paint(c.colour(*ASPHALT) * (0.75 + 0.5 * grain + c.uniform(0, 0.3) * (1 - near))[..., None], on_road)
    _lane_marks(c, horizon, middle, half, near)
    if c.chance(0.35):
        wet = step(c.noise(1.4, 0.5, 1.5), 0.5, 3) * on_road * c.uniform(0.2, 0.7)
        c.paint(c.colour((0.6, 0.68, 0.76), (0.5, 0.52, 0.55)), wet * near)
    _roadside_things(c, horizon, vx)
    _traffic(c, horizon, vx)
    if c.chance(0.2):
        hood = c.below(np.asarray(c.uniform(0.86, 0.95) + 0.06 * ((c.x / c.aspect - 0.5) * 2) ** 2, np.float32))
        c.paint(c.colour((0.1, 0.1, 0.12), (0.5, 0.5, 0.52)) * (0.6 + 0.6 * c.noise(2.0))[..., None], hood)
    return "highway"


def _roadside(c: Canvas, horizon: float) -> None:
    way = c.rng.random()
    if way < 0.3:
        rocky_range(c, horizon - 0.06, c.uniform(0.03, 0.1), snow=0, haze=c.uniform(0.2, 0.6), green=c.chance(0.5))
    elif way < 0.65:
        c.paint(foliage(c, c.uniform(1.5, 3)), c.below(c.ridge(1.4, horizon - c.uniform(0.02, 0.2), 0.06), 0.02))
    elif way < 0.8:
        for _ in range(c.count(2, 7)):
            left = c.uniform(-0.1, c.aspect)
            _block(c, left, left + c.uniform(0.05, 0.2), horizon - c.uniform(0.05, 0.35), horizon + 0.02)
    verge = c.colour(*GRASS, *SAND, (0.45, 0.43, 0.4))
    c.paint(
        verge * (0.5 + 0.9 * c.ground_noise(0.8, horizon, 0.5, speed=(160 * c.driving, 0)))[..., None], c.below(horizon)
    )


def _lane_marks(c: Canvas, horizon: float, middle: FloatArray, half: FloatArray, near: FloatArray) -> None:
    paint = c.colour((0.92, 0.92, 0.9), (0.9, 0.75, 0.25), spread=0.03)
    phase = c.uniform(0, 1) + c.time_s * 2.5 * c.driving
    dashes = ((0.35 / np.maximum(near, 0.03) + phase) % 1 < c.uniform(0.35, 0.6)) | c.chance(0.3)
    lanes = [(0.0, True), *([(-0.5, True), (0.5, True)] if c.chance(0.3) else []), (-0.92, False), (0.92, False)]
    for place, broken in lanes:
        if c.chance(0.15):
            continue
        line = (np.abs(c.x - middle - place * half) < 0.002 + half * 0.022) & (c.y > horizon)
        c.paint(paint, np.asarray(line & (dashes if broken else True), np.float32) * c.uniform(0.5, 1))


def _roadside_things(c: Canvas, horizon: float, vx: float) -> None:
    kind = c.rng.random()
    if kind < 0.3:  # a row of posts or lamps on one side
        side, lamps = float(c.rng.choice([-1, 1])), c.chance(0.6)
        for k in range(7):
            near = 1 / (1 + ((k + (c.time_s * 2 * c.driving) % 1) * 0.8))
            x, foot, tall = vx + side * near * 1.0, horizon + near * 0.42, near * (0.9 if lamps else 0.16)
            if lamps:
                props.street_lamp(c, x, foot, tall)
            else:
                c.paint((0.85, 0.85, 0.85), props.boxes_mask(c, [(x, foot - tall, x + near * 0.03, foot)]))
    elif kind < 0.55:
        for _ in range(c.count(2, 7)):
            near, side = c.uniform(0.1, 0.9), float(c.rng.choice([-1, 1]))
            x, foot = vx + side * (0.15 + near * c.uniform(0.9, 1.3)), horizon + near * 0.3
            tree = props.conifer if c.chance(0.4) else props.round_tree
            tree(c, x, foot, 0.1 + near * 0.7, c.colour(*GREENS))
    elif kind < 0.7:  # a guard rail
        side, slope = float(c.rng.choice([-1, 1])), c.uniform(0.25, 0.5)
        rail = np.abs((c.y - horizon) - slope * side * (c.x - vx)) < 0.012 + 0.03 * np.abs(c.x - vx)
        c.paint((0.65, 0.66, 0.68), np.asarray(rail & (side * (c.x - vx) > 0), np.float32))
    if c.chance(0.25):
        x, y, w = c.aspect * c.uniform(0.1, 0.9), horizon - c.uniform(0.08, 0.3), c.uniform(0.05, 0.25)
        c.paint((0.4, 0.4, 0.4), props.boxes_mask(c, [(x + w / 2 - 0.006, y, x + w / 2 + 0.006, horizon + 0.1)]))
        c.paint(
            c.colour((0.1, 0.35, 0.6), (0.1, 0.45, 0.25), (0.9, 0.9, 0.9), (0.9, 0.75, 0.1)),
            props.boxes_mask(c, [(x, y, x + w, y + w * 0.5)]),
        )


def _traffic(c: Canvas, horizon: float, vx: float) -> None:
    for _ in range(c.count(0, 6) if c.chance(0.75) else 0):
        near, lane = 0.06 + 0.8 * c.rng.random() ** 1.6, c.uniform(0.1, 0.75)
        oncoming = c.chance(0.45)
        pace = 0.08 if c.driving else 0.15
        drift = pace * c.time_s * near * (1 if oncoming else -0.2)
        here = min(near + drift, 1.2)
        props.car(
            c,
            vx + (-lane if oncoming else lane) * here * 0.7,
            horizon + here * (1 - horizon) * 0.95,
            0.015 + here * 0.32,
            rear=True,
            oncoming=oncoming,
        )


def _road_from_above(c: Canvas) -> None:
    c.paint(
        foliage(c, 2.5, kind="crown")
        if c.chance(0.5)
        else c.colour(*GRASS, *SAND) * (0.5 + 0.8 * c.noise(1.1))[..., None]
    )
    tilt, wave, wide = c.uniform(-1.2, 1.2), c.uniform(0, 0.25), c.uniform(0.04, 0.22)
    off = np.asarray(c.x - c.aspect / 2 - tilt * (c.y - 0.5) - wave * np.sin(c.y * 5 + c.uniform(0, 6)), np.float32)
    c.paint(c.colour(*ASPHALT) * (0.85 + 0.3 * c.noise(0.8))[..., None], step(wide - np.abs(off), 0, 80))
    for place in (-0.9, 0.0, 0.9):
        dash = (c.y * 12 % 1 < 0.5) | (place != 0)
        c.paint((0.9, 0.9, 0.88), np.asarray((np.abs(off - place * wide) < 0.006) & dash, np.float32))

    def pencil(d: ImageDraw.ImageDraw, s: float) -> None:
        for k in range(5):
            y = (k * 0.23 + 0.1 * c.time_s) % 1
            x = c.aspect / 2 + tilt * (y - 0.5) + wide * (0.45 if k % 2 else -0.45)
            d.rectangle(
                [(x - wide * 0.18) * s, (y - wide * 0.35) * s, (x + wide * 0.18) * s, (y + wide * 0.35) * s], fill=255
            )

    c.paint(c.colour((0.9, 0.9, 0.9), (0.15, 0.15, 0.15), (0.6, 0.1, 0.1)), c.draw(pencil))
    c.cover[:] = 1
