"""What a camera and a codec do to a scene: exposure, colour, weather, lens, noise, bars, H.264."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import av
import numpy as np
from numpy.typing import NDArray

from tests.sample_model import noise
from tests.sample_model.canvas import Light

if TYPE_CHECKING:
    from tests.sample_model.noise import FloatArray

Picture = NDArray[np.uint8]
# The least mean brightness (of the brightest channel, 0 to 1) that a camera gives a scene in this light.
METERED = {Light.DAY: (0.3, 0.5), Light.SUNSET: (0.18, 0.4), Light.NIGHT: (0.13, 0.28)}


def photograph(img: FloatArray, rng: np.random.Generator, light: Light) -> tuple[Picture, bool]:
    """Return a scene [h, w, 3] as an eight-bit photograph, and whether its colours are true (not grey, not swapped).

    A camera meters by the light there is: night stays dim and is noisier.
    """
    dark = light is Light.NIGHT
    img = np.clip(img, 0, 1.6)
    img = img * np.float32(exposure_gain(img, light, float(rng.uniform(*METERED[light]))))
    img, true = _develop(img, rng, dark=dark)
    img = _weather(img, rng)
    img = _lens(img, rng)
    grain = rng.uniform(0, 0.045 if dark else 0.03) * (rng.random() < (0.8 if dark else 0.6))
    if grain:
        img = img + _grain(rng, img.shape, float(grain))
    out = np.clip(img * 255, 0, 255).astype(np.uint8)
    return _frame(out, rng), true


def exposure_gain(img: FloatArray, light: Light, wished: float | None = None) -> float:
    """Return by how much a camera lifts a scene darker than `wished`, 12 times at most; at night it also dims one.

    `wished` is the mean of the brightest channel, 0 to 1 (default: the middle of what is usual for the light).
    """
    level = float(np.minimum(img[::3, ::3].max(-1), 1).mean())
    gain = (sum(METERED[light]) / 2 if wished is None else wished) / (level + 0.005)
    return min(max(gain, 0.5 if light is Light.NIGHT else 1.0), 12.0)


def contrast(pixels: Picture) -> float:
    """Return how much there is to see in a picture [h, w, 3]: the spread of its middle, in steps of 0 to 255.

    Taken over blocks of 6 x 6 pixels, which evens the grain out, and without the tenth at each edge, where bars lie.
    """
    height, width = pixels.shape[:2]
    middle = pixels[height // 10 : height - height // 10, width // 10 : width - width // 10].mean(-1)
    rows, cols = middle.shape[0] // 6, middle.shape[1] // 6
    blocks = middle[: rows * 6, : cols * 6].reshape(rows, 6, cols, 6).mean((1, 3))
    return float(blocks.std())


def roll_off(img: FloatArray) -> FloatArray:
    """Return the scene in 0 to 1, its highlights rolled off instead of clipped."""
    over = np.maximum(img - 0.8, 0)
    return np.asarray(np.clip(np.minimum(img, 0.8) + over / (1 + 3.5 * over), 0, 1), np.float32)


def _develop(img: FloatArray, rng: np.random.Generator, *, dark: bool) -> tuple[FloatArray, bool]:
    img = img * np.float32(np.exp(rng.normal(0.05, 0.2)))
    img = roll_off(img)
    img = img ** np.float32(rng.uniform(0.9 if dark else 0.7, 1.35))
    if rng.random() < 0.5:
        img = img + np.float32(rng.uniform(-0.5, 0.8)) * img * (1 - img) * (img - 0.5) * 2
    grey = img @ np.array([0.3, 0.59, 0.11], np.float32)
    true = bool(rng.random() > 0.07)
    way = rng.random()  # of what is wrong with the colours, where they are
    saturation = 0.0 if not true and way < 0.5 else rng.uniform(0.45, 1.4)
    img = grey[..., None] + (img - grey[..., None]) * np.float32(saturation)
    img = img * rng.normal(1, 0.06, 3).astype(np.float32)
    if not true and way >= 0.5:  # a colour cast or a swapped palette: structure must be enough
        img = img[..., rng.permutation(3)]
    black = np.float32(rng.uniform(0, 0.1) * (rng.random() < 0.3))
    return np.asarray(black + img * (1 - black), np.float32), true


def _weather(img: FloatArray, rng: np.random.Generator) -> FloatArray:
    height, width = img.shape[:2]
    way = rng.random()
    if way < 0.06:  # fog
        field = noise.cut(noise.fractal_field(6, 0), height, width, tuple(rng.random(2) * 512), (1.5, 1.5))
        tone = img.mean() * rng.uniform(0.8, 1.3) + 0.05
        return np.asarray(img + (tone - img) * (rng.uniform(0.2, 0.7) * (0.5 + field))[..., None], np.float32)
    if way < 0.1:  # rain streaks
        drops = noise.cut(noise.fractal_field(0, 0), height, width, tuple(rng.random(2) * 512), (0.12, 1.0))
        return np.asarray(img + np.clip(drops - 0.78, 0, 1)[..., None] * rng.uniform(0.3, 1.2), np.float32)
    if way < 0.14:  # glare
        y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
        away = (x - rng.random()) ** 2 + (y - rng.random()) ** 2
        return np.asarray(img + (np.exp(-away / rng.uniform(0.05, 0.4)) * rng.uniform(0.1, 0.5))[..., None], np.float32)
    return img


def _lens(img: FloatArray, rng: np.random.Generator) -> FloatArray:
    if rng.random() < 0.3:
        height, width = img.shape[:2]
        y, x = np.linspace(-1, 1, height, dtype=np.float32)[:, None], np.linspace(-1, 1, width, dtype=np.float32)
        img = img * (1 - np.float32(rng.uniform(0.1, 0.5)) * (y * y + x * x) / 2)[..., None]
    way = rng.random()
    if way < 0.35:  # soft focus
        for _ in range(int(rng.integers(1, 4))):
            img[1:-1] = (img[:-2] + 2 * img[1:-1] + img[2:]) / 4
            img[:, 1:-1] = (img[:, :-2] + 2 * img[:, 1:-1] + img[:, 2:]) / 4
    elif way < 0.45:  # the camera moved
        dy, dx = (int(v) for v in rng.integers(-2, 3, 2))
        img = np.asarray(
            sum((np.roll(img, (k * dy, k * dx), (0, 1)) for k in range(4)), np.zeros_like(img)) / 4, np.float32
        )
    return img


def _grain(rng: np.random.Generator, shape: tuple[int, ...], level: float) -> FloatArray:
    field = noise.fractal_field(0, int(rng.integers(noise.FIELDS_PER_SLOPE)))
    pieces = [noise.cut(field, shape[0], shape[1], tuple(rng.random(2) * 512), (1.0, 1.0)) for _ in range(3)]
    mixed = np.stack(pieces, -1) - 0.5
    if rng.random() < 0.5:
        mixed = mixed.mean(-1, keepdims=True) * 1.6
    return np.asarray(mixed * level * 5, np.float32)


def _frame(img: Picture, rng: np.random.Generator) -> Picture:
    height, width = img.shape[:2]
    way = rng.random()
    if way < 0.05:  # letterbox or pillarbox
        bar = int(height * rng.uniform(0.05, 0.2))
        if rng.random() < 0.7:
            img[:bar], img[-bar:] = 0, 0
        else:
            img[:, :bar], img[:, -bar:] = 0, 0
    elif way < 0.1:  # something close to the lens hides a corner
        y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
        edge = rng.choice([-0.05, 1.05], 2) + rng.normal(0, 0.1, 2)
        hidden = (y - edge[0]) ** 2 + (x - edge[1]) ** 2 < rng.uniform(0.03, 0.15)
        img[hidden] = rng.integers(0, 120, 3)
    elif way < 0.13:  # a logo, a subtitle, a clock
        top, left = int(rng.uniform(0.02, 0.93) * height), int(rng.uniform(0.02, 0.6) * width)
        img[top : top + max(3, height // 24), left : left + width // 3 : 2] = 240
    return img


def through_h264(pictures: Picture, *, crf: int, single: bool = True) -> Picture:
    """Pictures [n, h, w, 3] (even sides) encoded as H.264 with this CRF and decoded again, all in memory.

    `single` encodes each picture by itself; otherwise they are the frames of one clip.
    """
    count, height, width = pictures.shape[:3]
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as box:
        stream = box.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.options = {
            "crf": str(crf),
            "preset": "ultrafast" if single else "veryfast",
            "g": "1" if single else "50",
        }
        stream.thread_count = 1
        for picture in pictures:
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                box.mux(packet)
        for packet in stream.encode(None):
            box.mux(packet)
    file.seek(0)
    with av.open(file, "r") as coded:
        decoded = [frame.to_ndarray(format="rgb24") for frame in coded.decode(video=0)]
    return np.stack(decoded[:count])
