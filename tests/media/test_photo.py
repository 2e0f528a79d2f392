"""Photos come as the model wants them, turned as shown, from a worker process; what is none is refused there."""

from __future__ import annotations

import random
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.support.heif import write_heif
from vsortd.errors import BrokenError, LimitError
from vsortd.media.preprocess import Preprocess, ResizeMode

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.media.pool import MediaPool


def wanted(mode: ResizeMode) -> Preprocess:
    return Preprocess(64, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), mode)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Return a photo whose left half is red and whose right half is blue, stored lying on its side."""
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[:, :100, 0] = pixels[:, 100:, 2] = 255
    image = Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it clockwise
    image.save(tmp_path / "photo.jpg", quality=95, exif=exif)
    return tmp_path / "photo.jpg"


@pytest.mark.parametrize("mode", list(ResizeMode))
def test_a_photo_is_turned_resized_and_cropped(photo: Path, mode: ResizeMode, pool: MediaPool) -> None:
    pixels = pool.picture(photo, wanted(mode))
    assert ((64, 64, 3), np.uint8) == (pixels.shape, pixels.dtype)
    middle = pixels[32]
    assert [255, 0, 0] == pytest.approx(middle[8].tolist(), abs=60)
    assert [0, 0, 255] == pytest.approx(middle[55].tolist(), abs=60)
    padded = pixels[2].max() < 10
    assert (mode is ResizeMode.LONGEST) == padded


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "HEIF"])
def test_the_usual_kinds_are_read(kind: str, tmp_path: Path, pool: MediaPool) -> None:
    if kind == "HEIF":
        pytest.importorskip("pi_heif", reason="no pi_heif here")
        path = write_heif(tmp_path / "photo.heic", (0, 200, 0))
    else:
        path = tmp_path / f"photo.{kind.lower()}"
        Image.new("RGB", (60, 40), (0, 200, 0)).save(path, kind)
    pixels = pool.picture(path, wanted(ResizeMode.SHORTEST))
    assert (64, 64, 3) == pixels.shape
    assert [0, 200, 0] == pytest.approx(pixels[32, 32].tolist(), abs=12)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes, pool: MediaPool) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    with pytest.raises(BrokenError, match="picture can't be read"):
        pool.picture(path, wanted(ResizeMode.SQUASH))


@pytest.mark.parametrize("kind", ["EPS", "ICO", "PCX", "PPM", "TGA", "SGI"])
def test_kinds_that_are_rare_are_not_looked_into(kind: str, tmp_path: Path, pool: MediaPool) -> None:
    """Each decoder is one more door; EPS would even start another program."""
    path = tmp_path / "photo.png"
    Image.new("RGB", (16, 16), "red").save(path, kind)
    with pytest.raises(BrokenError, match="none of JPEG, PNG, WEBP, BMP, GIF, TIFF"):
        pool.picture(path, wanted(ResizeMode.SQUASH))


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that claims a size and ends."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    head = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    data = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + head + struct.pack(">I", len(data)) + b"IDAT" + data + b"\0\0\0\0"


def test_more_pixels_than_are_decoded_are_refused_before_memory_is_taken(tmp_path: Path, pool: MediaPool) -> None:
    path = tmp_path / "photo.png"
    for size in ((60_000, 60_000), (8192, 8193), (2**31 - 1, 2**31 - 1)):
        path.write_bytes(png_header(*size))
        with pytest.raises((LimitError, BrokenError)) as caught:
            pool.picture(path, wanted(ResizeMode.SQUASH))
        assert LimitError is type(caught.value) or size[0] == 2**31 - 1, caught.value.reason


@pytest.mark.parametrize("mode", list(ResizeMode))
@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1)])
def test_a_thin_line_takes_no_memory(tmp_path: Path, size: tuple[int, int], mode: ResizeMode, pool: MediaPool) -> None:
    Image.new("L", size, 255).save(tmp_path / "line.png")
    assert (64, 64, 3) == pool.picture(tmp_path / "line.png", wanted(mode)).shape


def test_a_picture_that_breaks_its_decoder_costs_one_worker_only(tmp_path: Path, pool: MediaPool) -> None:
    """Flips and cuts in a picture of each kind: each is a picture or a reason."""
    rng = random.Random(15)  # noqa: S311 - the same mutants each time
    outcomes = set()
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"):
        Image.effect_noise((90, 60), 80).convert("RGB").save(tmp_path / "sound", kind)
        sound = (tmp_path / "sound").read_bytes()
        for _ in range(25):
            spoilt = bytearray(sound[: rng.randrange(1, len(sound))] if rng.random() < 0.3 else sound)
            for _ in range(rng.randrange(1, 9)):
                spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
            (tmp_path / "spoilt").write_bytes(spoilt)
            try:
                pool.picture(tmp_path / "spoilt", wanted(ResizeMode.LONGEST))
                outcomes.add("a picture")
            except (BrokenError, LimitError) as error:
                outcomes.add("a reason" if error.reason.isprintable() else "an odd reason")
    assert {"a picture", "a reason"} == outcomes
