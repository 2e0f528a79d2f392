"""Frames and facts of every container: the very picture that is shown at a time, wherever the file begins to count."""

from __future__ import annotations

import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np
import pytest
from av.video.frame import PictureType

from tests.support.containers import FPS, KINDS, number_in, numbered, write_video
from vsortd.core.containers import ENDINGS, ISO
from vsortd.errors import BrokenError, IncompleteError
from vsortd.media.container import film_stream, open_video
from vsortd.media.frame_table import LARGE_BYTES, read_table
from vsortd.media.preprocess import Preprocess, ResizeMode
from vsortd.media.probe import probe_file, probe_video
from vsortd.media.sample import moments_of_file, sample_file
from vsortd.media.stills import stills_of_file
from vsortd.media.video_reader import film_reader

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.core.video_facts import Clip
    from vsortd.media.frame_table import Table
    from vsortd.media.frames import Frames

_SQUARE = Preprocess(96, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ResizeMode.SQUASH)
_FRAME_MS = 1000 // FPS
# Sound may begin before the pictures (encoders prime it), and clocks of milliseconds round.
_START_MS = 80


def deadline() -> float:
    return time.monotonic() + 60


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a numbered video of every container, by its ending."""
    folder = tmp_path_factory.mktemp("videos")
    return {kind: write_video(folder / f"video.{kind}") for kind in KINDS}


def probe(path: Path) -> Clip:
    return probe_file(str(path), deadline=deadline())


def sampled(path: Path, clip: Clip, ranks: range = range(32)) -> Frames:
    return sample_file(str(path), ranks, 32, _SQUARE, video_index=clip.video_index, deadline=deadline())


def off_ms(frames: Frames) -> list[int]:
    """Return how much later each frame is than its number says."""
    return [
        int(time_ms) - number_in(pixels) * _FRAME_MS
        for time_ms, pixels in zip(frames.times_ms, frames.pixels, strict=True)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_facts_are_those_of_what_was_written(videos: dict[str, Path], kind: str) -> None:
    clip = probe(videos[kind])
    assert (160, 96, 100, 25.0, True) == (clip.width_px, clip.height_px, clip.frames, clip.fps, clip.has_audio)
    assert 4.0 == pytest.approx(clip.duration_s, abs=0.05)
    assert 4.0 == pytest.approx(clip.container_duration_s, abs=0.15)
    assert {"video": 100} == {one.kind: one.frames for one in clip.streams if one.kind == "video"}


@pytest.mark.parametrize("kind", KINDS)
def test_each_sampled_frame_is_the_picture_of_its_time(videos: dict[str, Path], kind: str) -> None:
    frames = sampled(videos[kind], probe(videos[kind]))
    assert 32 == len(frames.times_ms)
    off = off_ms(frames)
    steps = _FRAME_MS if kind == "avi" else 1  # this AVI was written with a tick left out behind its first frame
    assert max(off) - min(off) <= steps
    assert 0 <= min(off) <= _START_MS


@pytest.mark.parametrize("kind", KINDS)
def test_a_later_look_repeats_no_frame_of_an_earlier_one(videos: dict[str, Path], kind: str) -> None:
    clip = probe(videos[kind])
    first, later = sampled(videos[kind], clip, range(8)), sampled(videos[kind], clip, range(8, 32))
    assert (8, 24) == (len(first.times_ms), len(later.times_ms))
    assert not set(first.times_ms.tolist()) & set(later.times_ms.tolist())


@pytest.mark.parametrize("kind", KINDS)
def test_a_moment_leads_to_the_frame_that_is_shown_then(videos: dict[str, Path], kind: str) -> None:
    clip = probe(videos[kind])
    times = [500, 1500, 2500, 3500]
    frames = moments_of_file(
        str(videos[kind]), times, _SQUARE, snap_ms=0, video_index=clip.video_index, deadline=deadline()
    )
    assert 4 == len(frames.times_ms)
    several = 3 if clip.container == "mp4" else 1  # frames between decoding and showing: MP4's index tells the former
    assert np.abs(frames.times_ms - times).max() <= several * _FRAME_MS
    assert all(0 <= one <= _START_MS for one in off_ms(frames))


@pytest.mark.parametrize("kind", KINDS)
def test_stills_and_samples_agree_about_time(videos: dict[str, Path], kind: str) -> None:
    stills = stills_of_file(str(videos[kind]), [0.5, 3.0], 96, deadline=deadline())
    for shown_s, pixels in zip(stills.times_s, stills.pixels, strict=True):
        assert 0 <= round(shown_s * 1000) - number_in(pixels) * _FRAME_MS <= _START_MS


@pytest.mark.parametrize(("kind", "offset_s"), [("ts", 5000), ("ts", 95_442), ("m2ts", 95_442), ("mpg", 95_442)])
def test_clocks_that_begin_late_or_wrap_tell_true_times(tmp_path: Path, kind: str, offset_s: int) -> None:
    """A clock of 33 bits at 90 kHz begins anew after 95,443.7 s, here in the middle of the film."""
    path = write_video(tmp_path / f"late.{kind}", output_ts_offset=str(offset_s))
    clip = probe(path)
    assert 4.0 == pytest.approx(clip.duration_s, abs=0.05)
    off = off_ms(sampled(path, clip))
    assert max(off) - min(off) <= 1
    assert 0 <= min(off) <= _START_MS


def test_streams_that_were_joined_last_as_long_as_both(tmp_path: Path) -> None:
    first = write_video(tmp_path / "first.ts", output_ts_offset="60000").read_bytes()
    second = write_video(tmp_path / "second.ts").read_bytes()
    (path := tmp_path / "joined.ts").write_bytes(first + second)
    clip = probe(path)
    assert (8.0, 200) == (pytest.approx(clip.duration_s, abs=0.1), clip.frames)
    frames = sampled(path, clip)
    numbers = np.array([number_in(pixels) for pixels in frames.pixels])
    assert 32 == len(numbers)
    assert 12 <= int((frames.times_ms < 4000).sum()) <= 20
    assert np.abs(frames.times_ms % 4000 - numbers * _FRAME_MS).max() <= _START_MS


def test_a_stream_that_begins_within_a_packet_is_read(tmp_path: Path) -> None:
    path = write_video(tmp_path / "whole.ts")
    (cut := tmp_path / "cut.ts").write_bytes(path.read_bytes()[100:])
    frames = sampled(cut, probe(cut))
    assert len(frames.times_ms) >= 24
    assert max(off_ms(frames)) - min(off_ms(frames)) <= 1


def written(path: Path, kind: str, films: list[dict[str, Any]]) -> Path:
    """Write a file of several streams of numbered pictures; of each, what it has unlike the first."""
    with av.open(str(path), "w", format=KINDS[kind][0]) as container:
        streams = []
        for film in films:
            codec, options = film.get("codec", "libx264"), film.get("options", {})
            stream = cast("av.VideoStream", container.add_stream(codec, rate=FPS, options=options))
            stream.width, stream.height = film.get("size", (160, 96))
            stream.pix_fmt = film.get("pixels", "yuv420p")
            stream.disposition = film.get("disposition", stream.disposition)
            streams.append((stream, film))
        for stream, film in streams:
            for number, moment in enumerate(film.get("moments", range(100))):
                picture = av.VideoFrame.from_ndarray(numbered(number, stream.width, stream.height), format="rgb24")
                picture.pts, picture.time_base = moment, Fraction(1, FPS)
                if number in film.get("keys", ()):
                    picture.pict_type = PictureType.I
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
    return path


def pictures_of(path: Path, large_bytes: int) -> tuple[Table, dict[int, tuple[int, int]]]:
    """Read a film's table, and of each sample the number of its picture and what that of its time would be."""
    with open_video(str(path)) as video:
        film = film_stream(video)
        table = read_table(video, film, large_bytes=large_bytes)
        reader = film_reader(video, film, table, deadline=deadline())
        ticks = 1 / (FPS * (film.time_base or 1))
        shown = {
            sample: (
                number_in(frame.to_ndarray(format="rgb24")),
                round((int(table.times[sample]) - (film.start_time or 0)) / ticks) % 256,
            )
            for sample, frame in reader.frames(range(len(table)))
        }
    return table, shown


# What is read on to where seeking leads elsewhere, from near the beginning, and what seeking leads to.
@pytest.mark.few(6)
@pytest.mark.parametrize("large_bytes", [LARGE_BYTES, 0], ids=["small", "large"])
@pytest.mark.parametrize("keys", [(0, 1), (0, 1, 2, 3, 40)])
@pytest.mark.parametrize(
    ("kind", "codec"),
    [
        ("avi", "mpeg4"), ("mkv", "mpeg4"), ("mkv", "libx264"), ("flv", "libx264"), ("flv", "flv"), ("wmv", "wmv2"),
        ("mpg", "mpeg2video"), ("ts", "libx264"),
    ],
)  # fmt: skip
def test_with_few_keyframes_each_sample_is_still_its_own_picture(
    tmp_path: Path, kind: str, codec: str, keys: tuple[int, ...], large_bytes: int
) -> None:
    """AVI and Flash video refuse to go before their first entry, and a file that was read stands at its end."""
    options = {"g": "600"} if codec in {"flv", "wmv2"} else {"g": "600", "bf": "2"}
    film = {"codec": codec, "options": options, "keys": keys, "moments": range(120)}
    table, shown = pictures_of(written(tmp_path / f"few.{kind}", kind, [film]), large_bytes)
    assert (True, list(range(120))) == (table.whole, sorted(shown))
    assert set(range(120)) == {number for number, _ in shown.values()}
    several = 2 if kind == "avi" else 0  # AVI tells only when a frame is decoded
    assert max(abs(number - told) for number, told in shown.values()) <= several


def test_frames_of_no_even_pace_have_their_own_times(tmp_path: Path) -> None:
    moments = [*range(50), *range(150, 200)]
    path = written(tmp_path / "uneven.mkv", "mkv", [{"moments": moments}])
    clip = probe(path)
    assert 8.0 == pytest.approx(clip.duration_s, abs=0.1)
    frames = sampled(path, clip)
    shown = [moments[number_in(pixels)] * _FRAME_MS for pixels in frames.pixels]
    assert shown == pytest.approx(frames.times_ms.tolist(), abs=1)


@pytest.mark.parametrize("kind", ["ts", "mpg"])
def test_of_two_films_of_a_stream_the_larger_counts(tmp_path: Path, kind: str) -> None:
    codec = {"ts": "libx264", "mpg": "mpeg2video"}[kind]
    clip = probe(written(tmp_path / f"two.{kind}", kind, [{"codec": codec}, {"codec": codec, "size": (320, 192)}]))
    assert (1, 320, 100) == (clip.video_index, clip.width_px, clip.frames)


def test_of_two_films_the_larger_counts_and_a_still_never(tmp_path: Path) -> None:
    small, large = {}, {"size": (320, 192)}
    still = {"size": (640, 384), "codec": "mjpeg", "pixels": "yuvj420p", "moments": [0]}
    clip = probe(written(tmp_path / "three.mkv", "mkv", [small, large, still]))
    assert (1, 320, 100) == (clip.video_index, clip.width_px, clip.frames)


def test_a_cover_is_not_the_film(videos: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "covered.mkv"
    cover = written(tmp_path / "cover.mkv", "mkv", [{"codec": "mjpeg", "pixels": "yuvj420p", "moments": [0]}])
    with av.open(str(videos["mkv"])) as source, av.open(str(cover)) as picture, av.open(str(path), "w") as target:
        packet = next(packet for packet in picture.demux() if packet.size)
        target.add_attachment("cover.jpg", "image/jpeg", bytes(packet))
        streams = {one.index: target.add_stream_from_template(one) for one in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                target.mux(packet)
    clip = probe(path)
    assert ["h264"] == [one.codec for one in clip.streams if one.index == clip.video_index]
    assert [True] == [one.attached_picture for one in clip.streams if one.codec == "mjpeg"]


def test_the_pictures_of_a_large_avi_with_b_frames_are_found_by_their_keyframes(tmp_path: Path) -> None:
    """Its index tells when frames are decoded; a reader that looks for when they are shown finds no keyframe."""
    film = {"codec": "mpeg4", "options": {"g": "10", "bf": "2"}, "moments": range(200)}
    path = written(tmp_path / "large.avi", "avi", [film])
    with open_video(str(path)) as video:
        stream = film_stream(video)
        table = read_table(video, stream, large_bytes=0)
        reader = film_reader(video, stream, table, deadline=deadline())
        keys = np.flatnonzero(table.keys).tolist()
        found = {sample: number_in(frame.to_ndarray(format="rgb24")) for sample, frame in reader.frames(keys)}
        assert reader._can_seek  # type: ignore[attr-defined]
    assert len(keys) >= 20
    assert keys == list(found)
    assert max(abs(sample - number) for sample, number in found.items()) <= 2


@pytest.mark.few(1)
@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"mp4", "3gp"}))
def test_of_a_large_file_keyframes_are_enough(tmp_path: Path, kind: str) -> None:
    path = write_video(tmp_path / f"long.{kind}", frames=1000, gop=10)
    with open_video(str(path)) as video:
        film = film_stream(video)
        table = read_table(video, film, large_bytes=0)
        assert len(table) >= 32  # enough for a look
        assert table.whole is (kind == "avi")
        reader = film_reader(video, film, table, deadline=deadline())
        start_s, base = (video.container.start_time or 0) / 1_000_000, float(film.time_base or 0)
        wanted = list(range(0, len(table), len(table) // 20))
        found = list(reader.frames(wanted))
        assert wanted == [sample for sample, _ in found]
        for _, frame in found:
            number = (round((float(frame.pts or 0) * base - start_s) * 1000) // _FRAME_MS) % 256
            assert number - number_in(frame.to_ndarray(format="rgb24")) in {0, 1, 2, -255}
        clip = probe_video(video, film, table, deadline=deadline())
    assert 40.0 == pytest.approx(clip.duration_s, abs=0.2)
    assert 1000 == pytest.approx(clip.frames, abs=5)
    assert clip.has_audio


def test_a_file_with_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as container:
        track = cast("av.AudioStream", container.add_stream("aac", rate=44_100, layout="mono"))
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 44_100), np.int16), format="s16", layout="mono")
        sound.sample_rate, sound.pts = 44_100, 0
        container.mux(track.encode(sound))
        container.mux(track.encode())
    with pytest.raises(BrokenError, match="there is no video stream in this file, only audio"):
        probe(path)


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_file_is_refused_as_incomplete(videos: dict[str, Path], tmp_path: Path, kind: str) -> None:
    data = videos[kind].read_bytes()
    (path := tmp_path / f"half.{kind}").write_bytes(data[: len(data) // 2 + 1])
    with pytest.raises(IncompleteError):
        probe(path)


def test_a_name_that_lies_is_refused_and_one_that_says_nothing_is_not(videos: dict[str, Path], tmp_path: Path) -> None:
    (lies := tmp_path / "film.mp4").write_bytes(videos["mkv"].read_bytes())
    with pytest.raises(BrokenError, match="this is not an MP4 or MOV file"):
        probe(lies)
    (other := tmp_path / "film.avi").write_bytes(videos["mkv"].read_bytes())
    with pytest.raises(BrokenError, match="the file is not AVI but looks like a Matroska or WebM file"):
        probe(other)
    (silent := tmp_path / "film.download").write_bytes(videos["mkv"].read_bytes())
    assert "matroska" == probe(silent).container


@pytest.mark.parametrize("ending", sorted(set(ENDINGS) - set(ISO.endings)))
def test_a_playlist_under_any_name_opens_nothing(tmp_path: Path, ending: str) -> None:
    (secret := tmp_path / "secret.ts").write_bytes(b"G" * 3000)
    path = tmp_path / f"list.{ending}"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n" + "#\n" * 1500)
    with pytest.raises(BrokenError, match="but looks like a playlist"):
        probe(path)
    path.write_text(f"ffconcat version 1.0\nfile {secret}\n" + "#\n" * 1500)
    with pytest.raises(BrokenError, match="but looks like a concat script"):
        probe(path)
