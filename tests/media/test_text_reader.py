"""Known words are read in pictures, in the confined worker; nothing is fetched, and no lie passes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.media.test_lying_worker import LEFT_OUT, LIES, at, leaves, with_lie
from tests.support.clips import encode
from vsortd.core.text_weights import text_weights
from vsortd.media.pool import MediaPool
from vsortd.media.protocol import MAX_HEADER_BYTES, ProtocolError
from vsortd.media.text_reply import (
    LONGEST_TEXT,
    MAX_PICTURES,
    MAX_TEXT_LINES,
    PictureText,
    TextBox,
    TextLine,
    text_from_reply,
    text_to_reply,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

pytestmark = pytest.mark.timeout(300)
needs_networks = pytest.mark.skipif(isinstance(text_weights(), str), reason="no rapidocr here")
WORDS = ("Invoice 2041", "Happy birthday", "Platform 9", "Total 1,284.50", "kitchen recipe", "MEETING NOTES")
WIDTH, HEIGHT = 1280, 720


def textured(rng: np.random.Generator) -> Image.Image:
    small = rng.integers(0, 256, (HEIGHT // 40, WIDTH // 40, 3), np.uint8)
    return Image.fromarray(small).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


def written(size_px: int, *, texture: bool, shift_px: int = 0) -> Pixels:
    """Draw the words in two columns, dark on light, or white with a dark edge on a texture."""
    image = textured(np.random.default_rng(5)) if texture else Image.new("RGB", (WIDTH, HEIGHT), (232, 233, 228))
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size_px)
    edge = {"fill": "white", "stroke_width": 2, "stroke_fill": "black"} if texture else {"fill": (25, 25, 30)}
    for number, text in enumerate(WORDS):
        pen.text((80 + number % 2 * 640 + shift_px, 90 + number // 2 * 210), text, font=font, **edge)
    return np.asarray(image)


@pytest.fixture(scope="module")
def reading() -> Iterator[MediaPool]:
    with MediaPool(1, timeout_s=120, memory_bytes=2_000_000_000, must_confine=sys.platform == "linux") as pool:
        pool.warm()
        yield pool


def plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def recall(picture: PictureText) -> float:
    read = {plain(line.text) for line in picture.lines}
    return sum(plain(word) in read for word in WORDS) / len(WORDS)


@pytest.mark.long
@needs_networks
def test_known_words_are_read_in_every_size_on_texture_and_moving(reading: MediaPool, tmp_path: Path) -> None:
    """One shot each: 16 to 40 of 720 px high, plain and on a texture, and one that moves."""
    takes = [written(16, texture=False), written(24, texture=True), written(40, texture=True)]
    pictures = [take for take in takes for _ in range(4)]
    pictures += [written(24, texture=False, shift_px=12 * number) for number in range(8)]
    path = encode(tmp_path / "words.mp4", pictures, fps=2, crf="23")
    found = reading.read_text(path, [1.0, 3.0, 5.0, 6.5, 9.0])
    assert [1.0, 3.0, 5.0, 6.5, 9.0] == [one.at_s for one in found]
    assert [1.0] * 5 == [recall(one) for one in found]
    invoice = next(line for line in found[0].lines if line.text == WORDS[0])
    assert (invoice.box.left, invoice.box.top) == pytest.approx((80 / WIDTH, 90 / HEIGHT), abs=0.02)
    assert invoice.confidence > 0.9


@pytest.mark.long
@needs_networks
def test_nothing_is_read_where_nothing_is_written(reading: MediaPool, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    pictures = [np.asarray(textured(rng))] * 2 + [np.full((HEIGHT, WIDTH, 3), 90, np.uint8)] * 2
    path = encode(tmp_path / "nothing.mp4", pictures, fps=1)
    assert [(), ()] == [one.lines for one in reading.read_text(path, [0.0, 3.0])]


@needs_networks
@pytest.mark.long
def test_a_screen_recording_is_read(reading: MediaPool, clips: Path) -> None:
    (picture,) = reading.read_text(clips / "rails__video.mp4", [4.0])
    read = [line.text for line in picture.lines]
    assert {"public/dispatch.rb", "script/server", "log/production.log"} <= set(read)


@needs_networks
def test_the_networks_lie_in_the_package_and_nothing_is_fetched(tmp_path: Path) -> None:
    """Any socket is an error, as is any file that is written into the package."""
    program = """
import socket
def refuse(*_, **__): raise AssertionError("a connection")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import numpy as np
from vsortd.core.text_weights import text_weights
from vsortd.media import text_reader
folder = text_weights().detector.parent
before = sorted((path.name, path.stat().st_size) for path in folder.iterdir())
text_reader._read(text_reader._reader(), np.zeros((240, 320, 3), np.uint8))
assert before == sorted((path.name, path.stat().st_size) for path in folder.iterdir())
print("read")
"""
    environment = {**os.environ, "HOME": str(tmp_path), "ORT_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment, timeout=200
    )
    assert "read\n" == done.stdout, done.stderr


PICTURES = (
    PictureText(0.5, (TextLine("one", 0.75, TextBox(0.0, 0.1, 0.5, 1.0)), TextLine("two", 1.0, TextBox(0, 0, 0, 0)))),
    PictureText(2.0, ()),
)


def test_text_travels_whole() -> None:
    header, _ = text_to_reply(PICTURES)
    assert PICTURES == text_from_reply(json.loads(json.dumps(header)), most=2)


def test_the_longest_answer_fits_into_a_header() -> None:
    line = TextLine("\U00020000" * LONGEST_TEXT, 1 / 3, TextBox(1 / 3, 1 / 7, 1 / 9, 1 / 11))
    many = [PictureText(number / 3, (line,) * (MAX_TEXT_LINES + 9)) for number in range(MAX_PICTURES)]
    header, _ = text_to_reply(many)
    assert len(json.dumps(header).encode()) < MAX_HEADER_BYTES


def test_no_lie_about_text_passes() -> None:
    """Whatever one part of an answer is replaced by, it is refused, or it is a value like any true one."""
    header, _ = text_to_reply(PICTURES)
    refused = passed = 0
    for way in leaves(header):
        for lie in LIES:
            if lie is not LEFT_OUT and lie == at(header, way) and type(lie) is type(at(header, way)):
                continue
            try:
                found = text_from_reply(with_lie(header, way, lie), most=2)
            except ProtocolError:
                refused += 1
                continue
            passed += 1
            for picture in found:
                assert picture.at_s >= 0
                for line in picture.lines:
                    sides = (line.box.left, line.box.top, line.box.width, line.box.height)
                    assert all(0 <= one <= 1 for one in (line.confidence, *sides))
                    assert len(line.text) <= LONGEST_TEXT
                    assert line.text.isprintable()
    assert refused > passed > 0


def test_more_pictures_than_were_asked_for_are_refused() -> None:
    header, _ = text_to_reply(PICTURES)
    for most in (0, 1):
        with pytest.raises(ProtocolError):
            text_from_reply(header, most=most)
    with pytest.raises(ProtocolError):
        text_from_reply({"pictures": []}, most=2)
