"""Pictures at chosen moments: the very frame, from any container, turned as it is shown."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from vsortd.errors import BrokenError, Cancelled
from vsortd.media.protocol import ProtocolError
from vsortd.media.replies import stills_from_reply
from vsortd.media.thumbnails import stills_at

if TYPE_CHECKING:
    from vsortd.media.frames import Stills
    from vsortd.media.pool import MediaPool

Build = Callable[..., Path]
NumberIn = Callable[[Any], int]


def stills(pool: MediaPool, path: Path, times_s: list[float], side_px: int = 128) -> Stills:
    return pool.stills(path, times_s, side_px=side_px, timeout_s=30)


@pytest.mark.parametrize(
    "made",
    [
        {"name": "a.mp4"},
        {"name": "a.mkv", "format": "matroska"},
        {"name": "a.avi", "format": "avi", "codec": "mpeg4"},
        {"name": "a.ts", "format": "mpegts"},
        {"name": "a.mp4", "codec_options": {"bf": "3"}},
    ],
)
def test_a_moment_leads_to_its_frame(clip_file: Build, pool: MediaPool, number_in: NumberIn, made: Any) -> None:
    path = clip_file(**made, frames=48)
    found = stills(pool, path, [0.0, 0.5, 0.5, 10 / 24 + 0.3 / 24 + 0.3, 1.5])
    assert [0, 12, 12, 18, 36] == [number_in(picture) for picture in found.pixels]
    assert (5, 64, 128, 3) == found.pixels.shape
    assert pytest.approx([0, 0.5, 0.5, 0.75, 1.5], abs=0.002) == found.times_s.tolist()


def test_beyond_the_end_is_the_last_frame(clip_file: Build, pool: MediaPool, number_in: NumberIn) -> None:
    found = stills(pool, clip_file(frames=10), [5.0])
    assert 9 == number_in(found.pixels[0])


@pytest.mark.parametrize("made", [{"name": "a.mp4", "gop": 20}, {"name": "a.mkv", "format": "matroska", "gop": 400}])
def test_far_moments_are_the_same_whether_they_are_sought_or_read_to(
    clip_file: Build, pool: MediaPool, number_in: NumberIn, made: Any
) -> None:
    """Forty seconds at five frames a second; with one keyframe for all of it there is nothing to seek."""
    path = clip_file(**made, frames=200, rate=5)
    assert [3, 125, 199] == [number_in(picture) for picture in stills(pool, path, [0.6, 25.0, 39.8]).pixels]


@pytest.mark.parametrize("kind", ["flv", "avi"])
def test_a_film_is_read_from_its_beginning_where_seeking_leads_to_damage(
    clip_file: Build, pool: MediaPool, number_in: NumberIn, kind: str
) -> None:
    """Nothing can be decoded from the keyframe before up to behind the moment; neither kind seeks before its first."""
    options = {"bf": "0", "sc_threshold": "0"}
    path = clip_file(f"a.{kind}", format=kind, frames=200, rate=5, gop=10, codec_options=options)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as film:
        packets = [bytes(packet) for packet in film.demux(video=0) if packet.size]
    at = 0
    for number, packet in enumerate(packets):
        at = data.index(packet, at)
        if 100 <= number < 180:
            data[at : at + len(packet)] = bytes(len(packet))
        at += len(packet)
    path.write_bytes(data)
    found = stills(pool, path, [0.6, 35.0])
    late = kind == "avi"  # written with a tick left out behind its first frame
    assert [3 - late, 180] == [number_in(picture) for picture in found.pixels]
    assert pytest.approx([0.6, 36.0 + late / 5]) == found.times_s.tolist()


def test_pictures_are_turned_and_their_pixels_square(clip_file: Build, pool: MediaPool) -> None:
    assert (1, 128, 64, 3) == stills(pool, clip_file("turned.mp4", rotation=90), [0.0]).pixels.shape
    from fractions import Fraction

    wide = clip_file("wide.mp4", width=64, height=64, aspect=Fraction(2))
    assert (1, 64, 128, 3) == stills(pool, wide, [0.0]).pixels.shape


def test_many_pictures_come_in_several_answers(
    clip_file: Build, pool: MediaPool, number_in: NumberIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsortd.media.thumbnails._STILLS_BYTES", 3 * 128 * 128 * 3)
    moments = [number / 24 for number in range(24)]
    found = list(stills_at(pool, clip_file(), moments, side_px=128, duration_s=1.0))
    assert list(range(24)) == [number_in(picture) for picture in found]


def test_what_has_no_film_says_so(clip_file: Build, pool: MediaPool, tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_bytes(b"no film")
    with pytest.raises(BrokenError):
        stills(pool, text, [0.0])
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        pool.stills(clip_file(), [0.0], side_px=64, timeout_s=30, cancel=cancel)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"times_s": [0.0]}, "other moments"),
        ({"times_s": [0.0, float("inf")]}, "other moments"),
        ({"times_s": [0.0, -1.0]}, "other moments"),
        ({"times_s": [0, 1]}, "other moments"),
        ({"width_px": 8}, "wrong size"),
        ({"height_px": 0}, "wrong size"),
        ({"width_px": 200}, "wrong size"),
        ({"more": 1}, "an answer of"),
    ],
)
def test_an_answer_that_can_not_be_is_refused(change: dict[str, Any], told: str) -> None:
    header = {"times_s": [0.0, 0.5], "width_px": 16, "height_px": 9, **change}
    with pytest.raises(ProtocolError, match=re.escape(told)):
        stills_from_reply(header, bytes(2 * 16 * 9 * 3), count=2, side_px=16)


def test_a_whole_answer_is_taken() -> None:
    blob = np.arange(2 * 16 * 9 * 3, dtype=np.uint8).tobytes()
    found = stills_from_reply({"times_s": [0.0, 0.5], "width_px": 16, "height_px": 9}, blob, count=2, side_px=16)
    assert blob == found.pixels.tobytes()
