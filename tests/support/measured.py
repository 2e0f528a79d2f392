"""Picture measures of frames made in a test, or of a real clip: the same numbers that the pass over a file gives."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import av.filter
import numpy as np
from PIL import Image

from vsortd.media.measures import SMALL_PX, PictureMeasures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]  # [h, w, 3] RGB
    Array = npt.NDArray[np.float32]

_TICK = Fraction(1, 1000)
_QUALITY_PX = 640
_LUMA = (0.299, 0.587, 0.114)  # BT.601
_NOISE_MASK = ((1, -2, 1), (-2, 4, -2), (1, -2, 1))  # Immerkær 1996


@dataclass(frozen=True, slots=True)
class QualitySeen:
    """What was measured of one frame a second."""

    times_s: list[float] = field(default_factory=list)
    blur: list[float] = field(default_factory=list)
    blocks: list[float] = field(default_factory=list)
    noise: list[float] = field(default_factory=list)


def measured(
    pictures: Iterable[Picture],
    times_s: Sequence[float] | npt.NDArray[np.float64],
    *,
    keys: Sequence[bool] | None = None,
    quality: QualitySeen | None = None,
) -> PictureMeasures:
    """Measure RGB pictures, all of one size, shown at `times_s`; without `quality` nothing is told of that."""
    rows: list[list[float]] = []
    small: list[Picture] = []
    before: tuple[Array, Array] | None = None
    for picture in pictures:
        now = _hsv(picture), _luma(picture)
        rows.append(_against(before or now, now) + _alone(now[1]))
        small.append(_small(picture))
        before = now
    table = np.asarray(rows, np.float32).reshape(len(rows), 8)
    quality = quality or QualitySeen()
    return PictureMeasures(
        times_s=np.asarray(times_s, np.float64),
        keys=np.asarray(keys if keys is not None else np.arange(len(rows)) == 0, np.bool_),
        difference=table[:, 0],
        change=table[:, 1],
        shift=table[:, 2:4],
        luma=table[:, 4],
        dark=table[:, 5],
        clipped=table[:, 6],
        sharpness=table[:, 7],
        small=np.asarray(small, np.uint8).reshape(len(small), SMALL_PX, SMALL_PX, 3),
        interlaced=0.0,
        quality_times_s=np.asarray(quality.times_s, np.float64),
        blur=np.asarray(quality.blur, np.float32),
        blocks=np.asarray(quality.blocks, np.float32),
        noise=np.asarray(quality.noise, np.float32),
    )


def measured_clip(path: Path, *, width_px: int = 256, quality: bool = False) -> PictureMeasures:
    """Decode a clip and measure it at a width of at most `width_px`, with `quality` that of a frame a second, too."""
    pictures: list[Picture] = []
    times: list[float] = []
    keys: list[bool] = []
    seen = QualitySeen()
    with av.open(os.fspath(path)) as container:
        for frame in container.decode(video=0):
            times.append(float(frame.time or 0.0))
            keys.append(bool(frame.key_frame))
            pictures.append(np.asarray(_fitted(frame, width_px, "rgb24").to_ndarray(), np.uint8))
            if quality and (not seen.times_s or times[-1] >= seen.times_s[-1] + 1):
                _see_quality(seen, times[-1], _fitted(frame, _QUALITY_PX, "gray"))
    return measured(pictures, np.asarray(times) - min(times, default=0.0), keys=keys, quality=seen)


def _fitted(frame: av.VideoFrame, width_px: int, pixel_format: str) -> av.VideoFrame:
    width = min(frame.width, width_px)
    height = max(8, round(frame.height * width / frame.width))
    return frame.reformat(width=width, height=height, format=pixel_format)


def _see_quality(seen: QualitySeen, at_s: float, gray: av.VideoFrame) -> None:
    """Let libav's blurdetect (Marziliano 2002) look at one frame, and measure its blocks and noise."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=gray.width, height=gray.height, format=gray.format, time_base=_TICK)
    graph.link_nodes(source, graph.add("blurdetect"), graph.add("buffersink")).configure()
    gray.pts, gray.time_base = 0, _TICK
    graph.push(gray)
    luma = gray.to_ndarray().astype(np.float32)
    seen.times_s.append(at_s)
    seen.blur.append(float(graph.vpull().metadata["lavfi.blur"]))
    seen.blocks.append(_blocks(luma))
    seen.noise.append(_noise(luma))


def _blocks(luma: Array) -> float:
    """Return the mean step from one block of 8 px to the next against the mean of those one pixel off."""
    steps = np.abs(np.diff(luma, axis=1)).mean(axis=0)
    beside = (steps[6::8].mean() + steps[8::8].mean()) / 2
    return float(steps[7::8].mean() / beside)


def _luma(picture: Picture) -> Array:
    return picture.astype(np.float32) @ np.asarray(_LUMA, np.float32)


def _hsv(picture: Picture) -> Array:
    """Return hue (0 to 179), saturation and value (0 to 255) [h, w, 3]."""
    rgb = picture.astype(np.float32)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    value = rgb.max(axis=2)
    chroma = value - rgb.min(axis=2)
    safe = np.where(chroma > 0, chroma, 1)
    sixth = np.select(
        [chroma == 0, value == red, value == green],
        [np.float32(0), (green - blue) / safe % 6, (blue - red) / safe + 2],
        (red - green) / safe + 4,
    )
    saturation = np.where(value > 0, chroma / np.where(value > 0, value, 1) * 255, 0)
    return np.stack((np.floor(sixth * 30), saturation, value), axis=2)


def _against(before: tuple[Array, Array], now: tuple[Array, Array]) -> list[float]:
    difference = np.abs(now[0] - before[0]).mean()
    change = np.abs(now[1] - before[1]).mean()
    return [float(difference), float(change), *_shift(before[1], now[1])]


def _alone(luma: Array) -> list[float]:
    laplacian = 4 * luma[1:-1, 1:-1] - luma[:-2, 1:-1] - luma[2:, 1:-1] - luma[1:-1, :-2] - luma[1:-1, 2:]
    clipped = (luma <= 16) | (luma >= 235)
    return [float(luma.mean()), float((luma <= 25.5).mean()), float(clipped.mean()), float(laplacian.var())]


def _shift(before: Array, now: Array) -> tuple[float, float]:
    """Return by phase correlation how far the picture went, right and down, as shares of its width."""
    height, width = now.shape
    window = (np.hanning(height)[:, None] * np.hanning(width)[None, :]).astype(np.float32)
    spectra = [np.fft.rfft2((luma - luma.mean()) * window) for luma in (before, now)]
    cross = spectra[1] * np.conj(spectra[0])
    surface = np.fft.irfft2(cross / (np.abs(cross) + 1e-6), s=(height, width))
    down, right = np.unravel_index(int(surface.argmax()), surface.shape)
    signed = [int(at) - size if at > size // 2 else int(at) for at, size in ((right, width), (down, height))]
    return signed[0] / width, signed[1] / width


def _small(picture: Picture) -> Picture:
    height, width = (size // SMALL_PX * SMALL_PX for size in picture.shape[:2])
    parts = picture[:height, :width].reshape(SMALL_PX, height // SMALL_PX, SMALL_PX, width // SMALL_PX, 3)
    return np.asarray(np.round(parts.mean(axis=(1, 3), dtype=np.float32)), np.uint8)


def _noise(luma: Array) -> float:
    height, width = luma.shape
    total = np.zeros((height - 2, width - 2), np.float32)
    for down, row in enumerate(_NOISE_MASK):
        for right, weight in enumerate(row):
            total += weight * luma[down : down + height - 2, right : right + width - 2]
    return float(np.sqrt(np.pi / 2) * np.abs(total).sum() / (6 * (width - 2) * (height - 2)))


def scene(seed: int, *, width: int = 360, height: int = 54, bright: float | None = None) -> Array:
    """Return something to look at, float32 [height, width, 3]: coarse and fine patterns, of other colours each seed."""
    rng = np.random.default_rng(seed)
    levels = np.full((height, width, 3), rng.uniform(80, 170, 3) if bright is None else bright, np.float32)
    for cells, strength in ((5, 30.0), (12, 20.0), (30, 14.0), (90, 8.0)):
        rows = max(2, cells * height // width)
        pattern = rng.standard_normal((rows, cells, 1)) + 0.4 * rng.standard_normal((rows, cells, 3))
        for channel in range(3):
            coarse = Image.fromarray(pattern[..., channel].astype(np.float32))
            levels[..., channel] += strength * np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    return np.clip(levels, 0, 255)


def view(levels: Array, at_px: float, *, width: int = 96) -> Picture:
    """Return the part of a scene from `at_px` on, between two pixels a mix of both."""
    first = int(at_px)
    share = at_px - first
    part = levels[:, first : first + width] * (1 - share) + levels[:, first + 1 : first + 1 + width] * share
    return np.clip(part, 0, 255).astype(np.uint8)
