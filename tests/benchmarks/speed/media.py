"""The clips, rendered by ffmpeg once and kept in the cache: a short scene each, repeated to length without encoding."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from itertools import count, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.benchmarks.speed.plan import Scale

_FPS = 25
_SHORT_GOP, _LONG_GOP = 25, 250  # a camera's, and x264's default
# Grain, as every real camera has it: without it most blocks are skipped, and decoding costs a fraction.
_SOURCE = "testsrc2=size={width}x{height}:rate={fps},noise=alls=6:allf=t,format=yuv420p"
_ENCODERS = {
    "h264": ("libx264", "-preset", "veryfast", "-crf", "30", "-sc_threshold", "0"),
    "hevc": (
        *("libx265", "-preset", "ultrafast", "-crf", "34", "-tag:v", "hvc1"),
        *("-x265-params", "log-level=error:scenecut=0"),
    ),
}
_serial = count(1)


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """One clip: codec, height in pixels (16:9), frames from one keyframe to the next at most, seconds."""

    codec: str
    height_px: int
    gop: int
    seconds: int

    @property
    def scene(self) -> str:
        """The name of the scene that it repeats."""
        return f"{self.codec}-{self.height_px}-g{self.gop}"

    @property
    def name(self) -> str:
        """Its file name in the cache."""
        return f"{self.scene}-{self.seconds}s.mp4"


def main_clip(scale: Scale) -> ClipSpec:
    """Return the clip that the recipe and vsortd both decide on."""
    return ClipSpec("h264", scale.clip_height_px, _LONG_GOP, scale.clip_s)


def long_clip(scale: Scale) -> ClipSpec:
    """Return the long clip: the same scene."""
    return ClipSpec("h264", scale.clip_height_px, _LONG_GOP, scale.long_s)


def drop_clip() -> ClipSpec:
    """Return the small clip that is dropped on an idle daemon."""
    return ClipSpec("h264", 180, _SHORT_GOP, 4)


def backlog_clips(scale: Scale) -> list[ClipSpec]:
    """Return a backlog of every codec, size, keyframe distance and length in turn."""
    kinds = list(product(_ENCODERS, scale.backlog_heights_px, (_SHORT_GOP, _LONG_GOP)))
    lengths = scale.backlog_lengths_s
    picked = ((kinds[n % len(kinds)], lengths[(n + n // len(kinds)) % len(lengths)]) for n in range(scale.backlog))
    return [ClipSpec(codec, height, gop, seconds) for (codec, height, gop), seconds in picked]


def obtain(spec: ClipSpec, cache: Path) -> Path:
    """Return a clip's file, rendered first where the cache has none."""
    target = cache / "clips" / spec.name
    if target.exists():
        return target
    scene = _scene(spec, cache)
    temp = target.with_suffix(".part.mp4")
    repeat = ("-stream_loop", "-1", "-i", f"file:{scene}", "-t", str(spec.seconds), "-c", "copy")
    _ffmpeg(*repeat, "-movflags", "+faststart", f"file:{temp}")
    return temp.rename(target)


def tiny_clip(cache: Path) -> bytes:
    """Return an MP4 of about 3 kB: eight frames in a second."""
    target = cache / "clips" / "tiny.mp4"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        temp = target.with_suffix(".part.mp4")
        picture = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=8:duration=1,format=yuv420p")
        _ffmpeg(*picture, "-c:v", "libx264", "-preset", "veryfast", "-crf", "36", f"file:{temp}")
        temp.rename(target)
    return target.read_bytes()


def tiny_clips(folder: Path, number: int, cache: Path) -> list[Path]:
    """Write tiny clips that all differ: each ends in a free box (ISO 14496-12, 8.1.2) with its number."""
    folder.mkdir(parents=True)
    clip, paths = tiny_clip(cache), []
    for serial in range(number):
        text = f"{serial:08}".encode()
        path = folder / f"tiny {serial:05}.mp4"
        path.write_bytes(clip + (8 + len(text)).to_bytes(4, "big") + b"free" + text)
        paths.append(path)
    return paths


def copies(folder: Path, specs: Sequence[ClipSpec], cache: Path) -> Iterator[Path]:
    """Copy clips into a new folder, one after the other, each under a name of its own."""
    folder.mkdir(parents=True)
    for number, spec in enumerate(specs):
        path = folder / f"{number:03}-{spec.name}"
        shutil.copyfile(obtain(spec, cache), path)
        yield path


def fresh(master: Path, folder: Path) -> Path:
    """Return another file with a clip's bytes, new to vsortd by name and time; a link, so that 3 GB cost nothing."""
    number = next(_serial)
    path = folder / f"{number:04}-{master.name}"
    try:
        os.link(master, path)
    except OSError:
        shutil.copyfile(master, path)
    now_ns = time.time_ns() + number
    os.utime(path, ns=(now_ns, now_ns))
    return path


def _scene(spec: ClipSpec, cache: Path) -> Path:
    """Return a scene of one keyframe distance, 4 s at least, encoded first where the cache has none."""
    target = cache / "clips" / f"scene-{spec.scene}.mp4"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    temp = target.with_suffix(".part.mp4")
    source = _SOURCE.format(width=spec.height_px * 16 // 9 // 2 * 2, height=spec.height_px, fps=_FPS)
    seconds = max(4, spec.gop // _FPS)
    encoder = ("-c:v", *_ENCODERS[spec.codec], "-g", str(spec.gop), "-keyint_min", str(min(spec.gop, _FPS)))
    _ffmpeg("-f", "lavfi", "-i", source, "-t", str(seconds), *encoder, f"file:{temp}")
    return temp.rename(target)


def _ffmpeg(*words: str) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *words], check=True)
