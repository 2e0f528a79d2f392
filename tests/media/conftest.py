"""Clips made at test time, real clips, and a pool of real worker processes."""

from __future__ import annotations

import fractions
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from vsortd.media.ffmpeg import find_ffmpeg
from vsortd.media.pool import MediaPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GPS = "+48.1371+011.5754/"
BARS = 8  # a frame shows its number as this many vertical bars, the highest bit on the left


@dataclass(frozen=True)
class Recipe:
    """What a clip is made of; `times` are presentation times in units of 1/rate (default 0, 1, 2 …)."""

    frames: int = 24
    width: int = 128
    height: int = 64
    rate: int = 24
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    gop: int = 12
    format: str = "mp4"
    rotation: int = 0
    flip: tuple[bool, bool] = (False, False)
    aspect: fractions.Fraction | None = None
    times: tuple[int, ...] | None = None
    audio: str = ""
    options: dict[str, str] = field(default_factory=dict)
    codec_options: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)


def bars(number: int, width: int, height: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a picture whose bars spell `number` in white and black."""
    bits = [(number >> (BARS - 1 - place)) & 1 for place in range(BARS)]
    columns = np.array([bits[min(BARS - 1, x * BARS // width)] for x in range(width)], np.uint8) * 200 + 20
    return np.repeat(np.repeat(columns[None, :, None], height, 0), 3, 2)


def number_of(picture: np.ndarray[Any, np.dtype[np.uint8]]) -> int:
    """Read the number back out of a (squashed) picture."""
    width = picture.shape[1]
    middles = [picture[:, (2 * place + 1) * width // (2 * BARS)].mean() for place in range(BARS)]
    return sum(1 << (BARS - 1 - place) for place, value in enumerate(middles) if value > 120)


def make(path: Path, recipe: Recipe) -> Path:
    """Encode a recipe into `path`."""
    with av.open(str(path), "w", format=recipe.format, options=recipe.options) as out:
        out.metadata.update(recipe.metadata)
        video = out.add_stream(recipe.codec, rate=recipe.rate)
        video.width, video.height, video.pix_fmt = recipe.width, recipe.height, recipe.pixel_format
        video.codec_context.gop_size = recipe.gop
        video.codec_context.options = {"threads": "1", **recipe.codec_options}
        if recipe.aspect is not None:
            video.codec_context.sample_aspect_ratio = recipe.aspect
        if recipe.rotation or any(recipe.flip):
            video.set_display_rotation(recipe.rotation, *recipe.flip)
        sound = out.add_stream(recipe.audio, rate=48000, layout="stereo") if recipe.audio else None
        for number in range(recipe.frames):
            frame = av.VideoFrame.from_ndarray(bars(number, recipe.width, recipe.height), format="rgb24")
            frame.pts = recipe.times[number] if recipe.times else number
            frame.time_base = fractions.Fraction(1, recipe.rate)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if sound is not None:
            _sing(out, sound, recipe.frames / recipe.rate)
    return path


def _sing(out: Any, stream: Any, seconds: float) -> None:
    rng = np.random.default_rng(7)
    for begin in range(0, int(seconds * 48000), 1024):
        samples = rng.integers(-9000, 9000, (1, 2048), np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        frame.sample_rate, frame.pts = 48000, begin
        frame.time_base = fractions.Fraction(1, 48000)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


@pytest.fixture
def clip_file(tmp_path: Path) -> Callable[..., Path]:
    """Make a clip in the test's folder: a name, then the fields of Recipe as keywords."""

    def build(name: str = "clip.mp4", **keywords: Any) -> Path:
        return make(tmp_path / name, Recipe(**keywords))

    return build


@pytest.fixture
def rich_file(tmp_path: Path, clip_file: Callable[..., Path]) -> Callable[[str], Path]:
    """Make a file with two chapters, subtitles and sound in two languages, and tags."""

    def make(name: str) -> Path:
        (tmp_path / "words.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n", encoding="utf-8")
        marks = ";FFMETADATA1\n" + "".join(
            f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={begin}\nEND={begin + 500}\ntitle=Part {begin}\n" for begin in (0, 500)
        )
        (tmp_path / "marks.txt").write_text(marks, encoding="utf-8")
        inputs = [clip_file("plain.mp4", audio="aac"), tmp_path / "words.srt", tmp_path / "marks.txt"]
        words = "srt" if name.endswith("mkv") else "mov_text"
        command = [
            *(find_ffmpeg(), "-nostdin", "-v", "error", "-y"),
            *[argument for path in inputs for argument in ("-i", str(path))],
            *("-map", "0", "-map", "0:a", "-map", "1", "-map_chapters", "2", "-c", "copy", "-c:s", words),
            *("-metadata:s:a:0", "language=deu", "-metadata:s:a:1", "language=fra", "-metadata:s:s:0", "language=eng"),
            *("-metadata", "title=A day", "-metadata", f"location={GPS}"),
            str(tmp_path / name),
        ]
        subprocess.run(command, check=True)
        return tmp_path / name

    return make


@pytest.fixture
def hdr_file(tmp_path: Path) -> Path:
    """Make a .mov in 10 bit, PQ and BT.2020: black on the left, white of 203 cd/m² on the right."""
    path = tmp_path / "hdr.mov"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx265", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p10le"
        context = stream.codec_context
        context.options = {"x265-params": "log-level=none"}
        context.color_trc, context.color_primaries, context.colorspace, context.color_range = 16, 9, 9, 1
        luma = np.full((64, 64), 64 + round(0.581 * 876), np.uint16)
        luma[:, :32] = 64
        planes = np.concatenate([luma.ravel(), np.full(2048, 512, np.uint16)])
        frame = av.VideoFrame.from_ndarray(planes.reshape(96, 64), format="yuv420p10le")
        for number in range(4):
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def pool() -> Iterator[MediaPool]:
    """Share two workers between a module's tests: fewer requests than a worker is replaced after.

    Tests that harm workers make their own pool.
    """
    with MediaPool(2, timeout_s=30, memory_bytes=1_000_000_000) as shared:
        shared.warm(2)  # so that no test seems to leave their threads behind
        yield shared


@pytest.fixture
def hostile_ops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers that start now take the requests that make them misbehave."""
    monkeypatch.setenv("VSORTD_MEDIA_TEST_OPS", "tests.support.worker_troubles")


@pytest.fixture
def number_in() -> Callable[[Any], int]:
    """Read the number that a picture's bars spell."""
    return number_of


@pytest.fixture
def is_running() -> Callable[[int], bool]:
    """Tell whether a process lives (a zombie does not), or a thread of it."""

    def lives(stat: Path) -> bool:
        try:
            state = stat.read_text(encoding="ascii", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return False
        return state.rpartition(")")[2].split()[0] not in "ZX"

    def check(pid: int) -> bool:
        return any(lives(stat) for stat in Path("/proc").glob(f"{pid}/task/*/stat"))

    return check


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], bool]:
    """Wait until something holds, at most ten seconds."""

    def wait(holds: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + 10
        while not holds():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    return wait
