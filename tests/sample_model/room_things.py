"""What stands in rooms where people live and work: screens, keys, blinds, strips of light, people who sit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.sample_model.canvas import Canvas, Light, step
from tests.sample_model.props import boxes_mask

if TYPE_CHECKING:
    from PIL import ImageDraw

SKINS = ((0.78, 0.58, 0.46), (0.45, 0.3, 0.22), (0.88, 0.7, 0.6), (0.6, 0.42, 0.3))
HAIRS = ((0.1, 0.07, 0.05), (0.35, 0.22, 0.12), (0.7, 0.6, 0.4), (0.5, 0.5, 0.5))
COATS = (
    (0.2, 0.2, 0.25), (0.6, 0.2, 0.2), (0.25, 0.35, 0.6), (0.8, 0.78, 0.74), (0.85, 0.7, 0.2), (0.3, 0.45, 0.3),
    (0.1, 0.1, 0.1),
)  # fmt: skip


def screen(c: Canvas, x: float, foot: float, width: float) -> None:
    """Draw a monitor, a television or a laptop with something on it; it glows in the dark."""
    height = width * c.uniform(0.5, 0.7)
    top = foot - height - width * 0.12
    dark = c.colour((0.05, 0.05, 0.05), (0.2, 0.2, 0.21), (0.75, 0.75, 0.77))
    c.paint(dark, boxes_mask(c, [(x, top, x + width, top + height)]))
    stand = [
        (x + width * 0.44, top + height, x + width * 0.56, foot),
        (x + width * 0.3, foot - 0.01, x + width * 0.7, foot),
    ]
    c.paint(dark * 0.8, boxes_mask(c, stand))
    edge = width * c.uniform(0.02, 0.06)
    inner = (x + edge, top + edge, x + width - edge, top + height - edge)
    face = boxes_mask(c, [inner])
    ground = c.colour((0.95, 0.95, 0.95), (0.1, 0.12, 0.15), (0.2, 0.4, 0.7), (0.05, 0.05, 0.05), spread=0.1)
    shown = ground * (0.8 + 0.3 * c.noise(1.4))[..., None] if c.chance(0.4) else ground
    c.paint(shown, face)
    ink = c.colour((0.1, 0.1, 0.1), (0.8, 0.85, 0.9), (0.3, 0.6, 0.9), spread=0.1)
    rows = [
        (inner[0] + edge, y, inner[0] + (inner[2] - inner[0]) * c.uniform(0.2, 0.95), y + height * 0.035)
        for y in np.arange(inner[1] + edge, inner[3] - edge, height * 0.09)
    ]
    if rows and c.chance(0.7):
        c.paint(ink, boxes_mask(c, rows) * c.uniform(0.4, 1))
    if c.light is not Light.DAY or c.chance(0.4):
        c.shine(np.asarray(ground), face * c.uniform(0.2, 0.8))
        c.shine((0.5, 0.6, 0.8), c.spot(x + width / 2, top + height / 2, width) * c.uniform(0, 0.15))


def blinds(c: Canvas, x: float, y: float, width: float, height: float) -> None:
    """Draw a window behind slats, or a large one with mullions and something green or grey outside."""
    outside = {Light.DAY: (0.85, 0.92, 1.0), Light.SUNSET: (1.0, 0.65, 0.35), Light.NIGHT: (0.03, 0.04, 0.08)}[c.light]
    pane = boxes_mask(c, [(x, y, x + width, y + height)])
    view = np.asarray(outside, np.float32) * (0.6 + 0.6 * c.noise(1.4))[..., None]
    if c.light is Light.DAY and c.chance(0.5):
        view = view * c.colour((0.5, 0.7, 0.4), (0.7, 0.7, 0.7), (0.8, 0.75, 0.7))
    c.paint(view, pane)
    if c.light is not Light.NIGHT:
        c.shine(outside, pane * c.uniform(0.2, 0.6) + c.spot(x + width / 2, y + height, width) * c.uniform(0.05, 0.3))
    if c.chance(0.5):
        slats = np.asarray((c.y * c.uniform(25, 60)) % 1 < c.uniform(0.3, 0.7), np.float32) * pane
        c.paint(c.colour((0.9, 0.9, 0.88), (0.6, 0.55, 0.5)), slats)
        return
    bars = [(x + width * k / 3 - 0.006, y, x + width * k / 3 + 0.006, y + height) for k in range(4)]
    bars += [(x, y + height * k - 0.006, x + width, y + height * k + 0.006) for k in (0.0, c.uniform(0.3, 0.7), 1.0)]
    c.paint(c.colour((0.92, 0.92, 0.9), (0.15, 0.15, 0.15)), boxes_mask(c, bars))


def ceiling_lights(c: Canvas, top: float) -> None:
    """Draw panels or strips of light that run away under the ceiling, as offices have them."""
    middle = c.aspect * c.uniform(0.3, 0.7)
    for depth in np.geomspace(1, c.uniform(3, 6), c.count(2, 5)):
        for side in (-1, 1):
            x, y, half = middle + side * 0.45 / depth, top * (1 - 1 / depth) - 0.02, 0.15 / depth
            c.shine((1, 1, 0.95), boxes_mask(c, [(x - half, y, x + half, y + 0.06 / depth)]) * c.uniform(0.5, 1))


def somebody(c: Canvas, x: float, foot: float, height: float) -> None:
    """Draw the upper half of somebody: head with hair and face, shoulders, arms; sitting or close to the camera."""
    head, skin = height * c.uniform(0.1, 0.14), c.colour(*SKINS)
    top = foot - height
    coat = c.colour(*COATS, spread=0.1)
    folds = (0.65 + 0.6 * (c.noise(1.4) - 0.2))[..., None]
    shoulder = head * c.uniform(2.0, 2.8)

    def body(d: ImageDraw.ImageDraw, s: float) -> None:
        neck = top + 2.1 * head
        d.polygon(
            [
                ((x - head * 0.5) * s, neck * s),
                ((x + head * 0.5) * s, neck * s),
                ((x + shoulder) * s, (neck + head * 1.2) * s),
                ((x + shoulder * 1.05) * s, foot * s),
                ((x - shoulder * 1.05) * s, foot * s),
                ((x - shoulder) * s, (neck + head * 1.2) * s),
            ],
            fill=255,
        )

    c.paint(coat * folds, c.draw(body))
    if c.chance(0.5):  # an arm before the body
        way = c.uniform(-1, 1)
        arm = c.draw(
            lambda d, s: d.line(
                [(x - shoulder * 0.9) * s, (top + 4 * head) * s, (x + way * shoulder) * s, (top + 6 * head) * s],
                fill=255,
                width=max(1, int(head * 0.7 * s)),
            )
        )
        c.paint(coat * 0.8 if c.chance(0.6) else skin, arm)
    lean = c.uniform(-0.3, 0.3) * head
    middle = top + 1.15 * head
    c.paint(skin * 0.85, boxes_mask(c, [(x - head * 0.4, middle, x + head * 0.4, middle + 1.4 * head)]))
    hair = c.spot(x + lean, middle - 0.2 * head, 1.12 * head, 8)
    c.paint(c.colour(*HAIRS) * (0.7 + 0.5 * c.noise(0.8))[..., None], hair)
    if c.chance(0.3):  # seen from behind
        return
    turn = c.uniform(-0.35, 0.35) * head
    lit = (0.6 + 0.55 * np.clip((c.x - x) / head * c.rng.choice([-1, 1]) + 0.5, 0, 1) + 0 * c.y)[..., None]
    c.paint(skin * lit, c.spot(x + lean + turn * 0.4, middle + 0.15 * head, 0.88 * head, 8))
    for dx, dy, size in ((-0.34, -0.05, 0.11), (0.34, -0.05, 0.11), (0, 0.6, 0.16)):
        c.paint((0.15, 0.08, 0.07), c.spot(x + lean + turn + dx * head, middle + dy * head, size * head, 4) * 0.75)


def keyboard(c: Canvas) -> None:
    """Draw keys from near, slanting, a few of them lit."""
    pitch, tilt = c.uniform(0.05, 0.16), c.uniform(-0.6, 0.6)
    u, v = c.x + tilt * c.y, c.y * c.uniform(1, 1.5) - tilt * c.x
    keys = np.asarray(((u / pitch) % 1 < 0.84) & ((v / pitch) % 1 < 0.82), np.float32)
    area = step(np.asarray(c.uniform(0.2, 0.7) - np.abs(v - c.uniform(0.3, 0.7)), np.float32), 0, 40)
    c.paint(c.colour((0.55, 0.55, 0.56), (0.15, 0.15, 0.15), (0.8, 0.8, 0.8)), area)
    c.paint(c.colour((0.08, 0.08, 0.08), (0.85, 0.85, 0.85), (0.3, 0.3, 0.3)), area * keys)
    c.paint((0.8, 0.8, 0.8), area * keys * step(c.noise(0.4, 1.2, 1.2), 0.75, 9) * 0.6)
