"""Rooms, screens of text, balls and moving shapes."""

from __future__ import annotations

import numpy as np
from PIL import ImageFont

from tests.sample_model import props, room_things
from tests.sample_model.canvas import Canvas, Colour, Light, step
from tests.sample_model.props import boxes_mask
from tests.sample_model.scenes_land import GRASS

PAINTS = ((0.8, 0.76, 0.7), (0.9, 0.9, 0.88), (0.6, 0.65, 0.68), (0.75, 0.6, 0.5), (0.5, 0.48, 0.46), (0.85, 0.8, 0.6))
WOODS = ((0.5, 0.34, 0.2), (0.65, 0.48, 0.3), (0.3, 0.2, 0.13), (0.75, 0.7, 0.62), (0.2, 0.2, 0.2))
CLOTHS = (
    (0.5, 0.2, 0.2),
    (0.25, 0.35, 0.5),
    (0.6, 0.58, 0.55),
    (0.2, 0.22, 0.24),
    (0.8, 0.75, 0.65),
    (0.35, 0.45, 0.35),
)


def indoor(c: Canvas) -> str:
    """Paint a furnished room, a desk or table close up, a person before a wall, shelves."""
    way = c.rng.random()
    if way < 0.66:
        _room(c)
        return "room"
    if way < 0.84:
        _table_top(c)
        return "table"
    if way < 0.9:
        c.paint(c.colour(*WOODS) * (0.6 + 0.5 * c.noise(1.1))[..., None])
        _cache(c, 0, 0, c.aspect, 1)
        return "room"
    _wall(c)
    for _ in range(c.count(0, 3)):
        _hung_thing(c, 0.6)
    if c.chance(0.4):
        room_things.screen(c, c.uniform(0, 0.7) * c.aspect, c.uniform(0.4, 0.9), c.uniform(0.2, 0.5))
    if c.chance(0.5):
        room_things.somebody(c, c.uniform(0.2, 0.8) * c.aspect, c.uniform(1.0, 1.6), c.uniform(0.8, 1.4))
    else:
        _portrait(c)
    return "room"


def _wall(c: Canvas) -> None:
    falloff = 0.5 + 0.7 * c.spot(c.uniform(0, c.aspect), c.uniform(0, 0.6), c.uniform(0.5, 1.2))
    c.paint(c.colour(*PAINTS) * (falloff * (0.92 + 0.16 * c.noise(1.7)))[..., None])


def _room(c: Canvas) -> None:
    _wall(c)
    left, right = c.aspect * c.uniform(-0.1, 0.35), c.aspect * c.uniform(0.65, 1.1)
    top, foot = c.uniform(-0.1, 0.25), c.uniform(0.5, 0.85)
    pull_x, pull_y = c.aspect * c.uniform(0.3, 0.7), c.uniform(0.3, 0.6)
    # each side wall meets floor and ceiling along lines to the vanishing point
    for edge, sign in ((left, -1), (right, 1)):
        side = np.asarray(sign * (c.x - edge) > 0, np.float32) + 0 * c.y
        c.paint(c.img * c.uniform(0.6, 0.95), side)
    outside = np.maximum(np.maximum(left - c.x, c.x - right), 0)
    floor_edge = foot + outside * c.uniform(0.3, 0.9)
    planks = 0.9 + 0.1 * np.sign(np.sin((c.x - pull_x) / (c.y - pull_y + 0.05) * c.uniform(10, 30)))
    c.paint(
        c.colour(*WOODS, *CLOTHS) * (planks * (0.75 + 0.5 * c.noise(0.8, 2, 0.5)))[..., None],
        c.below(np.asarray(floor_edge, np.float32)),
    )
    ceiling = np.asarray(c.y < top - outside * 0.5, np.float32)
    c.paint(c.colour((0.92, 0.91, 0.88), (0.8, 0.8, 0.8)), ceiling)
    for _ in range(c.count(0, 2)):
        _window(
            c,
            c.uniform(0, 0.8) * c.aspect,
            max(top, 0) + c.uniform(0, 0.15),
            c.uniform(0.15, 0.4),
            c.uniform(0.15, 0.4),
        )
    for _ in range(c.count(0, 4)):
        _hung_thing(c, foot - 0.1)
    if c.chance(0.3):
        x = c.uniform(-0.1, 0.8) * c.aspect
        _cache(c, x, foot - c.uniform(0.3, 0.7), x + c.uniform(0.15, 0.5), foot)
    _office_light(c, top)
    for _ in range(c.count(2, 8)):
        _furniture(c, foot)
    _in_use(c, foot)


def _office_light(c: Canvas, top: float) -> None:
    if c.chance(0.2):
        room_things.ceiling_lights(c, top)
    if c.chance(0.25):
        room_things.blinds(c, c.uniform(-0.1, 0.7) * c.aspect, max(top, 0), c.uniform(0.2, 0.6), c.uniform(0.2, 0.5))


def _in_use(c: Canvas, foot: float) -> None:
    """Paint the screens, lamps and people of a room."""
    if c.chance(0.35):
        for _ in range(c.count(1, 4)):
            room_things.screen(c, c.uniform(-0.05, 0.9) * c.aspect, foot + c.uniform(-0.25, 0.15), c.uniform(0.12, 0.5))
    for _ in range(c.count(0, 3)):
        _lamp(c)
    if c.chance(0.5):
        for _ in range(c.count(1, 4)):
            room_things.somebody(c, c.uniform(0, c.aspect), c.uniform(0.75, 1.4), c.uniform(0.35, 1.0))


def _window(c: Canvas, x: float, y: float, w: float, h: float) -> None:
    c.paint((0.92, 0.92, 0.9), boxes_mask(c, [(x - 0.015, y - 0.015, x + w + 0.015, y + h + 0.015)]))
    pane = boxes_mask(c, [(x, y, x + w / 2 - 0.008, y + h), (x + w / 2 + 0.008, y, x + w, y + h)])
    outside = {Light.DAY: (0.9, 0.95, 1.0), Light.SUNSET: (1.0, 0.6, 0.3), Light.NIGHT: (0.02, 0.03, 0.06)}[c.light]
    c.paint(np.array(outside, np.float32) * (0.7 + 0.4 * c.noise(1.4))[..., None], pane)
    if c.light is not Light.NIGHT:
        c.shine(
            outside,
            pane * c.uniform(0.1, 0.7) + c.spot(x + w / 2, y + h / 2, c.uniform(0.3, 0.7)) * c.uniform(0.05, 0.35),
        )
    if c.chance(0.5):
        fold = 0.75 + 0.25 * np.sin(c.x * c.uniform(80, 200))
        c.paint(
            c.colour(*CLOTHS) * fold[..., None],
            boxes_mask(
                c, [(x - 0.07, y - 0.04, x + 0.02, y + h + 0.1), (x + w - 0.02, y - 0.04, x + w + 0.07, y + h + 0.1)]
            ),
        )


def _hung_thing(c: Canvas, foot: float) -> None:
    x, y, w, h = (
        c.uniform(0, c.aspect),
        c.uniform(0.02, max(foot - 0.2, 0.1)),
        c.uniform(0.05, 0.3),
        c.uniform(0.05, 0.25),
    )
    c.paint(c.colour(*WOODS, (0.05, 0.05, 0.05)), boxes_mask(c, [(x, y, x + w, y + h)]))
    inner = boxes_mask(c, [(x + 0.012, y + 0.012, x + w - 0.012, y + h - 0.012)])
    c.paint(c.colour(*CLOTHS, *PAINTS, spread=0.15) * (0.4 + c.noise(1.1))[..., None], inner)
    if c.chance(0.25):
        c.shine(c.colour((0.4, 0.6, 0.9), (0.8, 0.8, 0.8), spread=0.15) * c.uniform(0.2, 0.8), inner * c.noise(0.8))


def _furniture(c: Canvas, foot: float) -> None:
    """Paint a box with top and side faces, cushions or legs: sofas, tables, chairs, cupboards, beds."""
    x, y = c.uniform(-0.1, c.aspect), foot + c.uniform(-0.05, 0.5)
    w, h, lid = c.uniform(0.08, 0.5), c.uniform(0.06, 0.4), c.uniform(0.01, 0.12)
    body = c.colour(*WOODS, *CLOTHS)
    grain = (0.8 + 0.4 * (c.noise(1.1, 2, 0.5) - 0.3))[..., None]
    if c.chance(0.4):  # on legs
        legs = [(x + k * w, y - h, x + k * w + 0.02, y) for k in (0.02, 0.3, 0.65, 0.93)]
        c.paint(body * 0.6, boxes_mask(c, legs))
        c.paint(body * grain, boxes_mask(c, [(x, y - h - lid / 2, x + w, y - h + 0.02)]))
        return
    c.paint((0.05, 0.05, 0.05), boxes_mask(c, [(x - 0.01, y - 0.01, x + w + 0.01, y + 0.02)]) * 0.5)
    c.paint(body * grain * 0.8, boxes_mask(c, [(x, y - h, x + w, y)]))
    c.paint(
        body * 1.25,
        c.draw(
            lambda d, s: d.polygon(
                [
                    (x * s, (y - h) * s),
                    ((x + w) * s, (y - h) * s),
                    ((x + w * 0.9) * s, (y - h - lid) * s),
                    ((x + w * 0.1) * s, (y - h - lid) * s),
                ],
                fill=255,
            )
        ),
    )
    n = c.count(1, 4)
    gaps = [(x + w * (i + 0.06) / n, y - h * 0.9, x + w * (i + 0.94) / n, y - h * 0.3) for i in range(n)]
    c.paint(c.colour(body, spread=0.04) * c.uniform(0.8, 1.3), boxes_mask(c, gaps))


def _lamp(c: Canvas) -> None:
    x, y, r = c.uniform(0, c.aspect), c.uniform(0, 0.6), c.uniform(0.02, 0.09)
    shade = c.draw(
        lambda d, s: d.polygon(
            [
                ((x - r) * s, (y + r) * s),
                ((x + r) * s, (y + r) * s),
                ((x + r / 2) * s, (y - r) * s),
                ((x - r / 2) * s, (y - r) * s),
            ],
            fill=255,
        )
    )
    c.paint((0.9, 0.85, 0.7), shade)
    if c.light is not Light.DAY or c.chance(0.3):
        c.shine((1, 0.8, 0.5), shade * 0.6 + c.spot(x, y + r, r * 5) * c.uniform(0.1, 0.5))


def _cache(c: Canvas, left: float, top: float, right: float, foot: float) -> None:
    c.paint(c.colour(*WOODS), boxes_mask(c, [(left, top, right, foot)]))
    y = top
    while y < foot - 0.03:
        row = min(c.uniform(0.08, 0.25), foot - y)
        x = left + 0.01
        while x < right - 0.015:
            w, h = c.uniform(0.01, 0.06), row * c.uniform(0.5, 0.9)
            c.paint(
                c.colour(*CLOTHS, *PAINTS, spread=0.12),
                boxes_mask(c, [(x, y + row - h, min(x + w, right), y + row - 0.012)]),
            )
            x += w + c.uniform(0.001, 0.02)
        y += row


def _table_top(c: Canvas) -> None:
    _wall(c)
    edge = c.uniform(-0.1, 0.6)
    if edge > 0 and c.chance(0.5):
        _cache(c, 0, edge - 0.4, c.aspect, edge)
        soft = c.uniform(0.2, 0.7)
        c.img += (c.img.mean(axis=(0, 1)) - c.img) * soft
    c.paint(c.colour(*WOODS, *PAINTS) * (0.7 + 0.5 * c.noise(1.1, 3, 0.5))[..., None], c.below(edge))
    if c.chance(0.2):
        room_things.keyboard(c)
    if c.chance(0.25):
        room_things.screen(c, c.uniform(0, 0.6) * c.aspect, max(edge, 0.2) + c.uniform(0.0, 0.3), c.uniform(0.2, 0.6))
    for _ in range(c.count(2, 7)):
        x, y, r, h = c.uniform(0, c.aspect), c.uniform(max(edge, 0.1), 1), c.uniform(0.04, 0.14), c.uniform(0.08, 0.5)
        c.paint((0.03, 0.03, 0.03), c.spot(x + r / 2, y, r * 1.3) * 0.4)
        body = boxes_mask(c, [(x - r, y - h, x + r, y), (x - r * 0.4, y - h * 1.25, x + r * 0.4, y - h)])
        round_light = 0.5 + 0.7 * np.exp(-(((c.x - x + r * 0.3) / (0.5 * r)) ** 2))
        c.paint(
            c.colour(*CLOTHS, *PAINTS, (0.7, 0.8, 0.85), spread=0.12)
            * np.broadcast_to(round_light, c.cover.shape)[..., None],
            body * c.uniform(0.5, 1),
        )
    if c.chance(0.25):
        hand = step(
            c.spot(c.uniform(0, c.aspect), c.uniform(0.5, 1), c.uniform(0.1, 0.3), 3) + 0.3 * (c.noise(1.7) - 0.5),
            0.5,
            12,
        )
        c.paint(c.colour((0.78, 0.58, 0.46), (0.45, 0.3, 0.22)) * (0.7 + 0.4 * c.noise(1.7))[..., None], hand)


def _portrait(c: Canvas) -> None:
    x, y, r = c.aspect * c.uniform(0.25, 0.75), c.uniform(0.25, 0.5), c.uniform(0.1, 0.24)
    skin, hair = (
        c.colour((0.8, 0.6, 0.48), (0.5, 0.33, 0.24)),
        c.colour((0.1, 0.07, 0.05), (0.35, 0.22, 0.12), (0.7, 0.6, 0.4)),
    )
    lit = (0.55 + 0.6 * step(np.asarray(c.x - x, np.float32) + 0 * c.y, c.uniform(-0.1, 0.1), 4))[..., None]
    c.paint(c.colour(*CLOTHS) * (0.6 + 0.6 * c.noise(1.4))[..., None], c.spot(x, y + 3.2 * r, 2.0 * r, 8))
    c.paint(hair, c.spot(x, y - 0.15 * r, 1.15 * r, 8))
    c.paint(skin * lit, c.spot(x, y + 0.1 * r, 0.9 * r, 8))
    for dx, dy, size in ((-0.35, 0, 0.1), (0.35, 0, 0.1), (0, 0.55, 0.16)):
        c.paint((0.12, 0.07, 0.06), c.spot(x + dx * r, y + dy * r, size * r, 4) * 0.8)


def slides(c: Canvas) -> str:
    """Slides, documents, terminals, editors, tables and charts, also filmed at a distance."""
    c.hour_shows = False
    terminal = c.chance(0.35)
    paper = (
        c.colour((0.05, 0.05, 0.07), (0.12, 0.14, 0.18), (0.0, 0.1, 0.15))
        if terminal
        else c.colour(
            (0.97, 0.97, 0.97), (0.95, 0.93, 0.88), (0.1, 0.2, 0.45), (0.9, 0.93, 0.97), (0.2, 0.2, 0.25), spread=0.04
        )
    )
    c.paint(paper * c.uniform(0.85, 1))
    dark = float(paper.mean()) < 0.45
    ink = c.colour((0.9, 0.9, 0.88), (0.5, 0.9, 0.5)) if dark else c.colour((0.08, 0.08, 0.1), (0.15, 0.15, 0.3))
    accent = c.colour((0.9, 0.4, 0.2), (0.2, 0.5, 0.9), (0.2, 0.7, 0.4), (0.9, 0.8, 0.3), spread=0.12)
    if c.chance(0.4):  # a bar of title, menu or window
        edge = c.uniform(0.04, 0.2)
        c.paint(accent if c.chance(0.5) else paper * 0.8 + 0.1, boxes_mask(c, [(0, 0, c.aspect, edge)]))
    if c.chance(0.2):
        c.paint(paper * 0.85 + 0.05, boxes_mask(c, [(0, 0, c.aspect * c.uniform(0.1, 0.3), 1)]))
    size = c.uniform(0.025, 0.09)
    y = c.uniform(0.0, 0.2)
    if not terminal and c.chance(0.6):
        _line(c, c.uniform(0.03, 0.3), y, c.uniform(0.05, 0.13), 0.9 * c.aspect, ink if c.chance(0.6) else accent)
        y += 0.18
    left, right = c.uniform(0.01, 0.15), c.aspect * c.uniform(0.6, 1.0)
    bullets = c.chance(0.4)
    while y < c.uniform(0.8, 1.0):
        indent = left + (0.05 * c.count(0, 3) if terminal or bullets else 0)
        if bullets:
            c.paint(accent, c.spot(indent - 0.02, y + size / 2, size * 0.22, 6))
        _line(
            c,
            indent,
            y,
            size,
            right if c.chance(0.7) else c.uniform(indent, max(indent, right)),
            accent if c.chance(0.15) else ink,
        )
        y += size * c.uniform(1.15, 1.7) + (size if c.chance(0.15) else 0)
    if c.chance(0.3):
        _chart(c, accent, ink)
    return "terminal" if terminal else "slide"


def _line(c: Canvas, x: float, y: float, size: float, right: float, colour: Colour) -> None:  # noqa: PLR0917 - a place, a size, a colour
    letters = np.array(list("abcdefghijklmnopqrstuvwxyzaeiouetnrs      ABCDEFT0123456789.,-:/$"))
    px = max(5, int(size * c.height))
    length = int(max(right - x, 0) / (size * 0.5)) + 1
    text = "".join(letters[c.rng.integers(0, len(letters), length)])
    if c.chance(0.6):
        font = ImageFont.load_default(px)
        c.paint(colour, c.draw(lambda d, s: d.text((x * s, y * s), text, fill=255, font=font)))
        return
    boxes = []
    while x < right:
        wide = size * c.uniform(0.4, 3)
        boxes.append((x, y, min(x + wide, right), y + size * 0.6))
        x += wide + size * 0.4
    c.paint(colour, boxes_mask(c, boxes) * step(c.noise(0.0), 0.4, 4))


def _chart(c: Canvas, accent: Colour, ink: Colour) -> None:
    x, y, w, h = c.aspect * c.uniform(0.3, 0.6), c.uniform(0.3, 0.6), c.uniform(0.2, 0.5), c.uniform(0.2, 0.4)
    bars = [(x + w * i / 6, y + h * c.uniform(0, 0.9), x + w * (i + 0.7) / 6, y + h) for i in range(6)]
    c.paint(accent, boxes_mask(c, bars))
    c.paint(ink, boxes_mask(c, [(x - 0.01, y, x - 0.005, y + h), (x - 0.01, y + h, x + w, y + h + 0.005)]))


def ball(c: Canvas) -> str:
    """Paint a ball on grass, court or in a hall, with players and lines; or plain shapes on the move."""
    game = c.chance(0.6)
    if game:
        horizon = c.uniform(-0.2, 0.5)
        c.paint(c.colour((0.5, 0.55, 0.6), (0.3, 0.35, 0.3), (0.7, 0.7, 0.7)) * (0.5 + c.noise(0.8))[..., None])
        court = c.colour(*GRASS[:3], (0.75, 0.5, 0.28), (0.2, 0.4, 0.6), (0.7, 0.35, 0.25), (0.8, 0.72, 0.55))
        stripes = 1 + c.uniform(0, 0.12) * np.sign(np.sin(c.x * 20 / (c.y - horizon + 0.2)))
        c.paint(court * (stripes * (0.8 + 0.4 * (c.noise(0.8) - 0.3)))[..., None], c.below(horizon))
        for _ in range(c.count(1, 4)):
            a, b = c.uniform(-1, 1), c.uniform(max(horizon, 0), 1)
            line = np.abs(c.y - b - a * 0.4 * (c.x - c.aspect / 2)) < 0.004 + 0.01 * np.clip(c.y - horizon, 0, 1)
            c.paint((0.93, 0.93, 0.9), np.asarray(line & (c.y > horizon), np.float32))
        for _ in range(c.count(0, 5)):
            near = c.uniform(0.1, 0.9)
            props.person(
                c,
                (c.uniform(0, c.aspect) + 0.1 * c.time_s) % c.aspect,
                max(horizon, 0) + 0.1 + near * 0.7,
                0.1 + near * 0.5,
            )
    else:
        c.hour_shows = False
        c.paint(
            c.colour((0.9, 0.9, 0.9), (0.1, 0.1, 0.12), (0.3, 0.5, 0.7), (0.8, 0.6, 0.4), spread=0.2)
            * (0.8 + 0.3 * c.noise(2.0) * c.chance(0.6))[..., None]
        )
    for _ in range(1 if game and c.chance(0.8) else c.count(1, 7)):
        _bouncing(c, game=game)
    return "ball game" if game else "shapes"


def _bouncing(c: Canvas, *, game: bool) -> None:
    radius = c.uniform(0.035, 0.2) if game else c.uniform(0.04, 0.25)
    px, py, vx = c.uniform(0, 2), c.uniform(0, 1), c.uniform(0.2, 0.7)
    x = (1 - abs((px + vx * c.time_s) % 2 - 1)) * c.aspect
    y = (
        0.15 + 0.75 * (1 - abs(np.sin(np.pi * (py + c.time_s * 0.9))))
        if game
        else 1 - abs((py * 2 + 0.6 * c.time_s) % 2 - 1)
    )
    dx, dy = (c.x - x) / radius, (c.y - y) / radius
    away = np.asarray(np.hypot(dx, dy), np.float32)
    hue = c.colour(
        (0.95, 0.95, 0.95),
        (0.85, 0.45, 0.15),
        (0.8, 0.9, 0.2),
        (0.85, 0.15, 0.15),
        (0.2, 0.4, 0.85),
        (0.95, 0.8, 0.2),
        spread=0.08,
    )
    if not game and c.chance(0.5):
        kind = c.count(0, 1)
        mask = np.asarray(
            np.maximum(np.abs(dx), np.abs(dy)) < 0.85 if kind else (np.abs(dx) < (dy + 1) / 2) & (dy < 1), np.float32
        )
        c.paint(hue * c.uniform(0.6, 1), mask)
        return
    lit = np.clip(0.75 - 0.35 * (dx + dy) * 0.7 - 0.15 * away**2, 0.15, 1.2)
    c.paint(
        (0.02, 0.02, 0.02), np.asarray(np.exp(-(dx**2) - ((c.y - y - radius) / radius * 5) ** 2), np.float32) * 0.45
    )
    turn = c.uniform(0, 6) + 3 * c.time_s
    marks = np.sin(4 * (dx * np.cos(turn) + dy * np.sin(turn))) * np.sin(4 * (dy * np.cos(turn) - dx * np.sin(turn)))
    pattern = (
        step(np.asarray(np.abs(marks), np.float32), c.uniform(0.4, 0.9), 12) if c.chance(0.6) else np.zeros_like(away)
    )
    img = hue * lit[..., None] * (1 - pattern[..., None] * 0.85)
    c.paint(img, step(1 - away, 0, radius * c.height))
