"""Side data of a kind that PyAV has no name for hides nothing: neither the frame nor how it is turned."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import pytest
from PIL import Image

from tests.media.conftest import bars
from vsortd.media.preprocess import Preprocess, ResizeMode

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.media.pool import MediaPool

Read = Callable[[Any], int]
SQUARE = Preprocess(64, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ResizeMode.SQUASH)
QUARTER_TURN = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)


def photo(number: int) -> bytes:
    """Return a JPEG with Exif in it, as cameras of before 2010 write each frame of a film."""
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    file = io.BytesIO()
    Image.fromarray(bars(number, 128, 64)).save(file, "JPEG", exif=exif)
    return file.getvalue()


def film_of_photos(path: Path, *, rotation: int = 0) -> Path:
    with av.open(str(path), "w", format="mov") as out:
        stream = out.add_stream("mjpeg", rate=24)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuvj420p"
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(5):
            packet = av.Packet(photo(number))
            packet.stream, packet.pts, packet.dts = stream, number, number
            packet.time_base, packet.is_keyframe = Fraction(1, 24), True
            out.mux(packet)
    return path


def test_exif_in_every_frame_does_not_hide_the_frames(tmp_path: Path, pool: MediaPool, number_in: Read) -> None:
    path = film_of_photos(tmp_path / "old.mov")
    clip = pool.probe(path)
    frames = pool.sample(path, clip, range(8), 8, SQUARE)
    assert (5, 0, "landscape") == (clip.frames, clip.rotation_deg, clip.orientation)
    assert [0, 1, 2, 3, 4] == [number_in(picture) for picture in frames.pixels]


def test_the_matrix_is_found_beside_exif(tmp_path: Path, pool: MediaPool, number_in: Read) -> None:
    """PyAV turns against the clock, the clip's facts are with the clock."""
    path = film_of_photos(tmp_path / "old.mov", rotation=90)
    clip = pool.probe(path)
    assert (270, "portrait") == (clip.rotation_deg, clip.orientation)
    turned = pool.sample(path, clip, range(8), 8, SQUARE).pixels
    # undone by a turn with the clock
    assert [0, 1, 2, 3, 4] == [number_in(picture.swapaxes(0, 1)[:, ::-1]) for picture in turned]


def test_spatial_video_is_read(clips: Path, pool: MediaPool) -> None:
    path = clips / "media__water_180_mvhevc_5frames.mov"
    clip = pool.probe(path)
    assert (5, 1934, 2160, 0) == (clip.frames, clip.shown_width_px, clip.shown_height_px, clip.rotation_deg)
    assert 5 / 90 == pytest.approx(clip.duration_s, abs=1e-4)
    frames = pool.sample(path, clip, range(8), 8, SQUARE)
    assert 5 == len(frames.times_ms)
    assert frames.pixels.std() > 20


def test_spatial_video_that_is_turned_is_shown_turned(clips: Path, tmp_path: Path, pool: MediaPool) -> None:
    data = bytearray((clips / "media__water_180_mvhevc_5frames.mov").read_bytes())
    tkhd = data.index(b"tkhd") + 4
    assert 0 == data[tkhd]  # version 0: the matrix follows after 40 bytes
    data[tkhd + 40 : tkhd + 76] = QUARTER_TURN
    path = tmp_path / "turned.mov"
    path.write_bytes(data)
    clip = pool.probe(path)
    assert (90, 2160, 1934) == (clip.rotation_deg, clip.shown_width_px, clip.shown_height_px)
