"""Small videos of every container that is sorted, each with pictures that tell their number, and sound."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import TYPE_CHECKING, Final, cast

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy.typing as npt

FPS: Final = 25
SAMPLE_RATE: Final = 44_100
# By the ending: the muxer, the codecs of pictures and sound, and the muxer's options.
KINDS: Final[dict[str, tuple[str, str, str, dict[str, str]]]] = {
    "mp4": ("mp4", "libx264", "aac", {}),
    "3gp": ("3gp", "libx264", "aac", {}),
    "mkv": ("matroska", "libx264", "aac", {}),
    "webm": ("webm", "libvpx", "libopus", {}),
    "avi": ("avi", "mpeg4", "libmp3lame", {}),
    "ts": ("mpegts", "libx264", "aac", {}),
    "m2ts": ("mpegts", "libx264", "ac3", {"mpegts_m2ts_mode": "1"}),
    "mpg": ("vob", "mpeg2video", "mp2", {}),
    "wmv": ("asf", "wmv2", "wmav2", {}),
    "flv": ("flv", "flv", "libmp3lame", {}),
}


def numbered(number: int, width: int = 160, height: int = 96) -> npt.NDArray[np.uint8]:
    """Return a picture uint8 [height, width, 3] of which `number_in` finds the number, 0 to 255, of 8 broad bars."""
    bits = [number >> bit & 1 for bit in range(8)]
    columns = np.repeat(np.array(bits, np.uint8) * 200 + 28, width // 8)
    return np.ascontiguousarray(np.broadcast_to(columns[None, :, None], (height, width, 3)))


def number_in(picture: npt.NDArray[np.uint8]) -> int:
    """Return the number that `numbered` drew into a picture uint8 [height, width, 3], of any size."""
    bars = np.array_split(picture[:, :, 1].mean(axis=0), 8)
    return sum(int(np.median(bar) > 128) << bit for bit, bar in enumerate(bars))


def write_video(
    path: Path,
    pictures: Iterable[npt.NDArray[np.uint8]] | None = None,
    *,
    frames: int = 100,
    gop: int = 25,
    kind: str = "",
    **options: str,
) -> Path:
    """Write a video of the container that `kind`, or the path's ending, names, at `FPS`; `options` are the muxer's.

    `pictures` are RGB, uint8 [h, w, 3] of even sizes; without them it has so many numbered `frames`.
    """
    shown = [numbered(number) for number in range(frames)] if pictures is None else list(pictures)
    muxer, codec, sound, usual = KINDS[kind or path.suffix[1:]]
    with av.open(os.fspath(path), "w", format=muxer, options={**usual, **options}) as container:
        film = cast("av.VideoStream", container.add_stream(codec, rate=FPS, options={"g": str(gop)}))
        film.height, film.width, film.pix_fmt = *shown[0].shape[:2], "yuv420p"
        film.bit_rate = 400_000
        rate = 48_000 if sound in {"libopus", "ac3"} else SAMPLE_RATE
        track = cast("av.AudioStream", container.add_stream(sound, rate=rate, layout="mono"))
        track.bit_rate = 64_000
        _mux(container, film, track, shown, rate)
    return path


def _mux(
    container: av.container.OutputContainer,
    film: av.VideoStream,
    track: av.AudioStream,
    pictures: Iterable[npt.NDArray[np.uint8]],
    rate: int,
) -> None:
    """Write pictures and sound in turn, as cameras do."""
    length = rate // FPS
    for number, shown in enumerate(pictures):
        picture = av.VideoFrame.from_ndarray(shown, format="rgb24")
        picture.pts, picture.time_base = number, Fraction(1, FPS)
        container.mux(film.encode(picture))
        times = (np.arange(length) + number * length) / rate
        tone = (np.sin(times * 2 * np.pi * 440) * 8000).astype(np.int16)
        sound = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
        sound.sample_rate, sound.pts, sound.time_base = rate, number * length, Fraction(1, rate)
        container.mux(track.encode(sound))
    container.mux(film.encode())
    container.mux(track.encode())
