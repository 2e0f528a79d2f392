"""What a header says of what is shown: read from real clips, and of nonsense something harmless or a reason."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import av
import pytest

from vsortd.errors import VideoError
from vsortd.media import protocol
from vsortd.media.container import open_video
from vsortd.media.movie_reader import read_movie
from vsortd.media.protocol import ProtocolError

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.media.movie_facts import MovieFacts


def movie_of(path: Path) -> MovieFacts:
    with open_video(str(path)) as video:
        return read_movie(video)


def travelled(movie: MovieFacts) -> MovieFacts:
    return protocol.movie_from_message(json.loads(json.dumps(protocol.movie_to_message(movie))))


def test_an_iphones_clip(clips: Path) -> None:
    movie = movie_of(clips / "media__dolbyVision-hdr.MOV")
    film, sound = movie.tracks[:2]
    assert ("vide", "hvc1", 5, 1, 1) == (film.handler, film.codec_tag, film.samples, film.edits, film.hidden)
    assert {"dvvC", "colr", "amve"} == set(film.boxes)
    assert (pytest.approx(64 / 600), pytest.approx(63 / 600)) == (film.shown_s, sound.shown_s)
    assert pytest.approx((7168 - 0.105 * 44100) / 44100) == sound.hidden_s
    assert ("com.apple.quicktime.live-photo-info",) == movie.tracks[4].keys
    assert "iPhone 14 Pro" == movie.tags["com.apple.quicktime.model"]


def test_a_delayed_sound_track_and_a_camera_that_notes_things_of_its_own(clips: Path) -> None:
    sound, film = movie_of(clips / "streamio-ffmpeg__awesome_movie.mov").tracks
    assert (pytest.approx(52 / 600), 0.0) == (sound.start_s, film.start_s)
    gopro = movie_of(clips / "gpmf-parser__karma.mp4")
    assert {"LENS", "SETT"} < set(gopro.unread)
    assert "FIRM" not in gopro.unread, "the firmware is a tag"
    assert {"19:26:48:04 29.970 1d 2"} == {track.timecode for track in gopro.tracks} - {""}


def test_what_travels_arrives(clips: Path) -> None:
    movie = movie_of(clips / "rails__rotated_hdr_video.mov")
    assert movie == travelled(movie)


@pytest.mark.parametrize(
    ("name", "value"),
    [("tags", {"a": 1}), ("tracks", {}), ("chapters", [1]), ("rate", float("nan")), ("fragmented", 1), ("more", 0)],
)
def test_a_worker_that_lies_about_a_movie_is_found_out(name: str, value: object, clips: Path) -> None:
    message = protocol.movie_to_message(movie_of(clips / "decord__video_0.mov"))
    with pytest.raises(ProtocolError):
        protocol.movie_from_message({**message, name: value})


@pytest.mark.long
def test_mutated_headers_end_with_facts_or_a_reason(clips: Path, tmp_path: Path) -> None:
    """Whatever is in the header: no other error, and no memory that the file's size doesn't warrant."""
    whole = (clips / "media__dolbyVision-hdr.MOV").read_bytes()
    moov = whole.index(b"moov")
    rng = random.Random(20261128)  # noqa: S311 - mutations
    ends = {"facts": 0, "reason": 0}
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 12)):
            data[rng.randrange(moov + 4, len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
        path = tmp_path / "mutated.mov"
        path.write_bytes(bytes(data))
        try:
            travelled(movie_of(path))
            ends["facts"] += 1
        except (VideoError, av.error.MemoryError):  # the second is libav's own, which the worker tells as a limit
            ends["reason"] += 1
    assert all(ends.values()), ends
