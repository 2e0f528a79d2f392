"""A library as people have them: clips of many codecs, containers, sizes, orientations and lengths, rendered by ffmpeg.

A scene of each kind is encoded once and kept in the cache; its clips repeat it without encoding, so that a library of
hundreds is made in a minute.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import av

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_FPS: Final = 25
# Grain, as every real camera has it: without it most blocks are skipped, and decoding costs a fraction.
_SOURCE: Final = "testsrc2=size={width}x{height}:rate={fps},noise=alls=6:allf=t,format={pixels}"
_ENCODERS: Final[dict[str, tuple[str, ...]]] = {
    "h264": ("libx264", "-preset", "veryfast", "-crf", "30", "-sc_threshold", "0"),
    "hevc": ("libx265", "-preset", "ultrafast", "-crf", "34", "-x265-params", "log-level=error:scenecut=0"),
    "vp9": ("libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M"),
    "av1": ("libsvtav1", "-preset", "12", "-crf", "45"),
    "mpeg4": ("mpeg4", "-q:v", "8"),
    "mpeg2": ("mpeg2video", "-q:v", "8", "-bf", "2"),
    "mjpeg": ("mjpeg", "-q:v", "8"),
}
_TAGS: Final = {("hevc", "mp4"): ("-tag:v", "hvc1"), ("hevc", "mov"): ("-tag:v", "hvc1")}


@dataclass(frozen=True, slots=True)
class Kind:
    """How a clip is coded: size in pixels, frames from one keyframe to the next, ending, degrees it is turned by."""

    codec: str
    width_px: int
    height_px: int
    gop: int
    ending: str
    rotation_deg: int = 0

    @property
    def name(self) -> str:
        """What tells it from the others."""
        return f"{self.codec}-{self.width_px}x{self.height_px}-g{self.gop}-r{self.rotation_deg}.{self.ending}"


KINDS: Final = (
    Kind("h264", 1280, 720, 250, "mp4"),
    Kind("h264", 1920, 1080, 25, "mov", rotation_deg=90),
    Kind("hevc", 1920, 1080, 250, "mp4"),
    Kind("h264", 640, 360, 250, "mkv"),
    Kind("hevc", 1280, 720, 25, "mov", rotation_deg=270),
    Kind("vp9", 854, 480, 125, "webm"),
    Kind("h264", 480, 854, 60, "mp4"),
    Kind("mpeg4", 640, 480, 250, "avi"),
    Kind("h264", 1280, 720, 50, "ts"),
    Kind("av1", 854, 480, 125, "mp4"),
    Kind("mpeg2", 720, 576, 15, "mpg"),
    Kind("mjpeg", 640, 480, 1, "mov"),
    Kind("h264", 3840, 2160, 50, "mp4"),
)
LENGTHS_S: Final = (3, 8, 15, 40)


def fill_library(
    folder: Path, count: int, cache: Path, *, kinds: Sequence[Kind] = KINDS, lengths_s: Sequence[int] = LENGTHS_S
) -> list[Path]:
    """Write `count` clips of every kind and length in turn into a new folder; returns them."""
    folder.mkdir(parents=True)
    made = []
    for number in range(count):
        kind = kinds[number % len(kinds)]
        seconds = lengths_s[(number + number // len(kinds)) % len(lengths_s)]
        path = folder / f"{number:03}-{seconds}s-{kind.name}"
        shutil.copyfile(_clip(kind, seconds, cache), path)
        made.append(path)
    return made


def _clip(kind: Kind, seconds: int, cache: Path) -> Path:
    target = cache / "mixed" / f"{seconds}s-{kind.name}"
    if not target.exists():
        scene = _scene(kind, cache)
        part = target.with_name(f"part-{target.name}")
        _ffmpeg("-stream_loop", "-1", "-i", f"file:{scene}", "-t", str(seconds), "-c", "copy", *_tags(kind), part)
        if kind.rotation_deg:
            part = _turned(part, kind.rotation_deg)
        part.rename(target)
    return target


def _scene(kind: Kind, cache: Path) -> Path:
    target = cache / "mixed" / f"scene-{kind.name}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        pixels = "yuvj420p" if kind.codec == "mjpeg" else "yuv420p"
        source = _SOURCE.format(width=kind.width_px, height=kind.height_px, fps=_FPS, pixels=pixels)
        part = target.with_name(f"part-{target.name}")
        seconds = max(4, kind.gop // _FPS)
        encoder = ("-c:v", *_ENCODERS[kind.codec], "-g", str(kind.gop))
        _ffmpeg("-f", "lavfi", "-i", source, "-t", str(seconds), *encoder, *_tags(kind), part)
        part.rename(target)
    return target


def _tags(kind: Kind) -> tuple[str, ...]:
    return _TAGS.get((kind.codec, kind.ending), ())


def _turned(path: Path, degrees: int) -> Path:
    """Write a file again whose film is shown turned; returns it in place of the other."""
    target = path.with_name(f"turned-{path.name}")
    with av.open(str(path)) as source, av.open(str(target), "w") as result:
        film = source.streams.video[0]
        copy = result.add_stream_from_template(film)
        copy.set_display_rotation(degrees)
        for packet in source.demux(film):
            if packet.dts is not None:
                packet.stream = copy
                result.mux(packet)
    path.unlink()
    return target


def _ffmpeg(*words: str | Path) -> None:
    # some of its encoders and muxers print whatever they are told
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, words)], capture_output=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"ffmpeg {' '.join(map(str, words))}: {done.stderr.decode(errors='replace')[-2000:]}")
