"""A picture in the making: albedo, what covers the sky, what glows, and the tools that scenes paint with.

Heights and widths are fractions of the picture's height: y runs from 0 (top) to 1, x from 0 to `aspect`. Every random
choice comes from `rng` and never depends on `time_s`, so a moving picture is the same scene at other times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

import numpy as np
from PIL import Image, ImageDraw

from tests.sample_model import noise
from tests.sample_model.noise import FloatArray

Colour = Sequence[float] | FloatArray
REFERENCE_PX = 144  # texture zooms are meant for a picture of this height


class Light(StrEnum):
    """The time of day of a scene."""

    DAY = "day"
    SUNSET = "sunset"
    NIGHT = "night"


class Canvas:
    """The layers of one picture, `height` x `width` pixels, lit later according to `light`."""

    def __init__(self, height: int, width: int, rng: np.random.Generator, light: Light, time_s: float = 0.0) -> None:
        self.height, self.width, self.rng, self.light, self.time_s = height, width, rng, light, time_s
        self.aspect = width / height
        self.y: FloatArray = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None]
        self.x: FloatArray = ((np.arange(width, dtype=np.float32) + 0.5) / height)[None, :]
        self.img: FloatArray = np.zeros((height, width, 3), np.float32)
        self.cover: FloatArray = np.zeros((height, width), np.float32)
        self.glow: FloatArray = np.zeros((height, width, 3), np.float32)
        self._textures: list[tuple[FloatArray, FloatArray]] = []
        self.driving = False  # the camera travels into the picture
        self.hour_shows = True  # a person could tell day from night by what is painted

    # --- chance -------------------------------------------------------------------------------------------------
    def chance(self, probability: float) -> bool:
        """Return true with this probability."""
        return bool(self.rng.random() < probability)

    def uniform(self, low: float, high: float) -> float:
        """Return a number in this range."""
        return float(self.rng.uniform(low, high))

    def count(self, low: int, high: int) -> int:
        """Return a whole number from low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def colour(self, *choices: Colour, spread: float = 0.07) -> FloatArray:
        """One of these colours, jittered in brightness, in tint and in saturation."""
        base = np.asarray(choices[int(self.rng.integers(len(choices)))], np.float32)
        base = base * np.exp(self.rng.normal(0, spread * 2.2)) + self.rng.normal(0, spread, 3) * 0.7
        grey = base.mean()
        return np.asarray(np.clip(grey + (base - grey) * self.rng.uniform(0.6, 1.25), 0, 1), np.float32)

    # --- textures -----------------------------------------------------------------------------------------------
    def noise(
        self, slope: float, zoom_y: float = 1.0, zoom_x: float = 1.0, *, drift: tuple[float, float] = (0.0, 0.0)
    ) -> FloatArray:
        """Return a piece of a 1/f**slope field in 0 to 1; `drift` moves it by so many pixels of the field a second."""
        field = noise.fractal_field(noise.nearest_slope(slope), int(self.rng.integers(noise.FIELDS_PER_SLOPE)))
        offset = self.rng.random(2) * noise.FIELD_PX + np.asarray(drift) * self.time_s
        scale = REFERENCE_PX / self.height
        flip = 1.0 if self.rng.random() < 0.5 else -1.0
        return noise.cut(
            field,
            self.height,
            self.width,
            (float(offset[0]), float(offset[1])),
            (zoom_y * scale, flip * zoom_x * scale),
        )

    def leaves(self, kind: str, zoom: float = 1.0, squeeze: float = 1.0) -> tuple[FloatArray, FloatArray]:
        """Overlapping shapes: value and shading fields, both 0 to 1; `squeeze` above 1 flattens them."""
        pair = noise.leaves_field(kind, int(self.rng.integers(2)))
        offset = self.rng.random(2) * noise.LEAVES_PX
        scale = zoom * REFERENCE_PX / self.height
        spot = (float(offset[0]), float(offset[1]))
        value, shade = (noise.cut(f, self.height, self.width, spot, (scale * squeeze, scale)) for f in pair)
        return value, shade

    def tree_texture(self) -> tuple[FloatArray, FloatArray]:
        """One of two foliage textures (value, shading) that all trees of the picture share, for speed."""
        if not self._textures:
            self._textures = [
                self.leaves("leaf", self.uniform(0.8, 1.8), 1.5),
                self.leaves("disc", self.uniform(0.7, 2)),
            ]
        return self._textures[int(self.rng.integers(2))]

    def ground_noise(
        self, slope: float, horizon: float, scale: float, *, speed: tuple[float, float] = (0, 0)
    ) -> FloatArray:
        """Return a texture lying on a plane seen in perspective below `horizon`; its contrast fades far away."""
        field = noise.fractal_field(noise.nearest_slope(slope), int(self.rng.integers(noise.FIELDS_PER_SLOPE)))
        offset = self.rng.random(2) * noise.FIELD_PX
        depth = 1 / np.maximum(self.y - horizon, 0.012)
        rows = offset[0] + scale * depth * 14 + speed[0] * self.time_s
        cols = offset[1] + scale * depth * (self.x - self.aspect / 2) * 40 + speed[1] * self.time_s
        fade = np.clip(1.3 - depth * scale * 0.05, 0.25, 1)
        return np.asarray(0.5 + (noise.warp(field, rows, cols) - 0.5) * fade, np.float32)

    def ridge(self, roughness: float, base: float, height: float) -> FloatArray:
        """Return a skyline: for each column the y of its edge [1, width]; roughness 2.4 is smooth, 0.8 jagged."""
        field = noise.fractal_field(noise.nearest_slope(roughness), int(self.rng.integers(noise.FIELDS_PER_SLOPE)))
        row = int(self.rng.integers(noise.FIELD_PX))
        zoom = self.rng.uniform(0.8, 3) * REFERENCE_PX / self.height
        line = noise.cut(field, 1, self.width, (float(row), float(self.rng.random() * noise.FIELD_PX)), (1.0, zoom))
        return np.asarray(base - height * (line - 0.5) * 4, np.float32)

    # --- painting -----------------------------------------------------------------------------------------------
    def paint(self, colour: Colour, mask: FloatArray | None = None) -> None:
        """Lay a colour [3] or picture [h, w, 3] over the picture where `mask` (0 to 1) says."""
        layer = np.asarray(colour, np.float32)
        if mask is None:
            self.img[:] = layer
            self.cover[:] = 1
            return
        rows, cols = _extent(mask)
        if rows.stop == 0:
            return
        part = mask[rows, cols]
        if layer.ndim > 1:
            layer = np.broadcast_to(layer, self.img.shape)[rows, cols]
        area = self.img[rows, cols]
        area += (layer - area) * part[..., None]
        np.maximum(self.cover[rows, cols], part, out=self.cover[rows, cols])

    def shine(self, colour: Colour, mask: FloatArray) -> None:
        """Add light of this colour where `mask` says; it does not dim at night."""
        self.glow += mask[..., None] * np.asarray(colour, np.float32)

    def draw(self, pencil: Callable[[ImageDraw.ImageDraw, float], None]) -> FloatArray:
        """Return a mask drawn with Pillow; `pencil` gets the drawing and the pixels in one unit of height."""
        sheet = Image.new("L", (self.width, self.height), 0)
        pencil(ImageDraw.Draw(sheet), float(self.height))
        return np.asarray(sheet, np.float32) / 255

    def below(self, edge: FloatArray | float, softness: float = 0.004) -> FloatArray:
        """Return a mask [h, w] of what lies under the edge (a y, or one y a column)."""
        return np.asarray(np.clip((self.y - edge) / softness + 0.5, 0, 1) + 0 * self.x, np.float32)

    def spot(self, x: float, y: float, radius: float, power: float = 2.0) -> FloatArray:
        """Return a soft round spot [h, w], 1 in its middle."""
        away = ((self.x - x) ** 2 + (self.y - y) ** 2) / (radius * radius)
        return np.asarray(np.exp(-(away ** (power / 2))), np.float32)


def _extent(mask: FloatArray) -> tuple[slice, slice]:
    """Return the rows and columns outside of which a mask is zero."""
    rows = np.flatnonzero(mask.any(axis=1))
    if rows.size == 0:
        return slice(0, 0), slice(0, 0)
    cols = np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(cols[0]), int(cols[-1]) + 1)


def blend(first: Colour, second: Colour, amount: FloatArray) -> FloatArray:
    """First where `amount` [h, w] is 0, second where it is 1."""
    one, two = np.asarray(first, np.float32), np.asarray(second, np.float32)
    return np.asarray(one + (two - one) * np.clip(amount, 0, 1)[..., None], np.float32)


def step(values: FloatArray, threshold: float, sharpness: float) -> FloatArray:
    """Return a soft threshold: 0 below, 1 above."""
    return np.asarray(np.clip((values - threshold) * sharpness + 0.5, 0, 1), np.float32)


def relief(field: FloatArray, gain: float, reach: int = 1) -> FloatArray:
    """Return the field seen as a landscape lit from one side: about 0.5 where flat, in 0 to 1."""
    return np.asarray(np.clip(0.5 + gain * (field - np.roll(field, (reach, reach), axis=(0, 1))), 0, 1), np.float32)
