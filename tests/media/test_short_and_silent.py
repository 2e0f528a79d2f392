"""Clips of a few frames, sound of old cameras, and sound tracks that hold nothing: facts and pictures are right."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.core.video_facts import Orientation
from vsortd.media.preprocess import Preprocess, ResizeMode

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.media.pool import MediaPool

Build = Callable[..., Any]
Read = Callable[[Any], int]
SQUARE = Preprocess(64, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ResizeMode.SQUASH)
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}


def rendered(path: Path, sound: str, *options: str) -> Path:
    """Make a second of pictures, with sound from a lavfi source and options for it."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        pytest.skip("no ffmpeg on this machine")
    pictures = ("-f", "lavfi", "-i", "testsrc=s=128x96:d=1:r=24")
    command = [ffmpeg, "-v", "error", *pictures, "-f", "lavfi", "-i", sound, "-c:v", "mjpeg", *options, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def without_samples(path: Path) -> Path:
    """Let the tables of the sound track list nothing."""
    data = bytearray(path.read_bytes())
    sound = data.index(b"soun")
    for name, skip in ((b"stts", 8), (b"stsc", 8), (b"stsz", 12), (b"stco", 8)):
        struct.pack_into(">I", data, data.index(name, sound) + skip, 0)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("options", [{}, FRAGMENTS], ids=["plain", "fragmented"])
@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_clip_of_a_few_frames_is_read_in_full(  # noqa: PLR0917 - two kinds of file, and how many frames
    count: int, name: str, options: dict[str, str], clip_file: Build, pool: MediaPool, number_in: Read
) -> None:
    path = clip_file(name, format=name[2:], frames=count, options=options)
    clip = pool.probe(path)
    assert (count, pytest.approx(count / 24, abs=1e-3)) == (clip.frames, clip.duration_s)
    assert [count] == [stream.frames for stream in clip.streams]
    frames = pool.sample(path, clip, range(8), 32, SQUARE)
    again = pool.sample(path, clip, range(8, 32), 32, SQUARE)
    numbers = [number_in(picture) for part in (frames, again) for picture in part.pixels]
    assert list(range(count)) == sorted(numbers)


@pytest.mark.parametrize("rate", [8_000, 11_025])
@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_s16be", "pcm_mulaw", "adpcm_ima_qt"])
def test_sound_of_old_cameras_is_told(rate: int, codec: str, tmp_path: Path, pool: MediaPool) -> None:
    path = rendered(tmp_path / "a.mov", f"sine=d=1:r={rate}", "-c:a", codec, "-ar", str(rate))
    clip = pool.probe(path)
    (sound,) = [stream for stream in clip.streams if stream.kind == "audio"]
    assert (True, codec, codec) == (clip.has_audio, clip.audio_codec, sound.codec)
    assert pytest.approx(1.0, abs=1e-3) == clip.duration_s
    assert pytest.approx(1.0, abs=64 / rate) == sound.duration_s
    assert 8 == len(pool.sample(path, clip, range(8), 32, SQUARE).times_ms)


def test_a_sound_track_without_samples_is_no_sound(tmp_path: Path, pool: MediaPool) -> None:
    path = without_samples(rendered(tmp_path / "a.mov", "sine=d=1", "-c:a", "aac"))
    clip = pool.probe(path)
    (sound,) = [stream for stream in clip.streams if stream.kind == "audio"]
    assert (0, 0.0, False, "") == (sound.frames, sound.duration_s, clip.has_audio, clip.audio_codec)
    assert (24, pytest.approx(1.0)) == (clip.frames, clip.duration_s)
    assert 8 == len(pool.sample(path, clip, range(8), 32, SQUARE).times_ms)


@pytest.mark.parametrize("flags", ["frag_keyframe+empty_moov", "frag_keyframe"])
def test_a_sound_track_without_samples_is_no_sound_in_fragments(flags: str, tmp_path: Path, pool: MediaPool) -> None:
    options = ("-c:a", "aac", "-af", "atrim=end_sample=0", "-movflags", flags)
    clip = pool.probe(rendered(tmp_path / "a.mov", "sine=d=1", *options))
    assert (False, "", 24) == (clip.has_audio, clip.audio_codec, clip.frames)
    assert 0 == sum(stream.frames for stream in clip.streams if stream.kind == "audio")
    assert pytest.approx(1.0, abs=1e-3) == clip.duration_s


@pytest.mark.parametrize("flags", ["frag_keyframe+empty_moov", "frag_keyframe"])
def test_sound_in_fragments_is_sound(flags: str, tmp_path: Path, pool: MediaPool) -> None:
    clip = pool.probe(rendered(tmp_path / "a.mov", "sine=d=1", "-c:a", "aac", "-movflags", flags))
    assert (True, "aac") == (clip.has_audio, clip.audio_codec)


def test_the_second_sound_track_speaks_where_the_first_is_empty(tmp_path: Path, pool: MediaPool) -> None:
    options = ("-map", "0:v", "-map", "1:a", "-map", "1:a", "-c:a:0", "aac", "-c:a:1", "pcm_s16le")
    clip = pool.probe(without_samples(rendered(tmp_path / "a.mov", "sine=d=1", *options)))
    assert (True, "pcm_s16le") == (clip.has_audio, clip.audio_codec)


@pytest.mark.parametrize(
    ("name", "frames", "shape", "times_ms"),
    [
        ("media__dolbyVision-hdr.MOV", 4, "portrait", [0, 33, 67, 100]),
        ("nom-exif__auth.mov", 1, "portrait", [0]),
        ("media__h265_with_metadata_track.mp4", 3, "portrait", [0, 33, 67]),
        ("media__water_180_mvhevc_5frames.mov", 5, "portrait", [0, 11, 22, 33, 44]),
        ("file-type__fixture.mov", 5, "landscape", [0, 17, 33, 50, 67]),
    ],
)
def test_real_clips_of_a_few_frames_show_each_once(  # noqa: PLR0917 - what is expected
    name: str, frames: int, shape: str, times_ms: list[int], clips: Path, pool: MediaPool
) -> None:
    """Of the first and the last, edit lists hide the other frames."""
    clip = pool.probe(clips / name)
    assert (frames, Orientation(shape)) == (clip.frames, clip.orientation)
    assert times_ms == pool.sample(clips / name, clip, range(8), 8, SQUARE).times_ms.tolist()
