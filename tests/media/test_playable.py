"""What a browser plays as it is, and copies of what it doesn't: small, upright, whole or not there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from tests.support.containers import KINDS, number_in, numbered, write_video
from tests.support.facts import clip_facts
from tests.support.paths import REPOSITORY
from vsortd.config.running_options import Workers
from vsortd.core.identity import Identity
from vsortd.core.media_types import MATROSKA_TYPE, MP4, QUICKTIME, WEBM, media_type_of
from vsortd.core.video_facts import Stream
from vsortd.errors import BrokenError, Cancelled, FilingError, LimitError, ToolError
from vsortd.media import ffmpeg as ffmpeg_module
from vsortd.media.ffmpeg import find_ffmpeg
from vsortd.media.playable import plan_copy, plays_in_browser
from vsortd.media.preview_cache import PreviewCache
from vsortd.media.previews import Previews

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vsortd.media.pool import MediaPool

    Build = Callable[..., Path]

H264 = {"video_codec": "h264"}
HEVC = {"video_codec": "hevc"}


def identity_of(path: Path) -> Identity:
    found = Identity.of(path)
    assert found is not None
    return found


@pytest.fixture
def previews(tmp_path: Path) -> Iterator[Previews]:
    made = Previews(Workers(), tmp_path / "state")
    yield made
    made.close()


def left(previews: Previews) -> list[str]:
    return sorted(path.name for path in previews._copies._folder.iterdir())


# What plays


@pytest.mark.parametrize(
    ("media_type", "facts", "plays"),
    [
        (MP4, {}, True),
        (MP4, {"audio_codec": "aac"}, True),
        (MP4, {"audio_codec": "mp3", "fragmented": True}, True),
        (MP4, {"pixel_format": "yuvj420p"}, True),
        (MP4, {"video_codec": "av1", "audio_codec": "opus"}, True),
        (MP4, {"audio_codec": "ac3"}, False),
        (MP4, {"audio_codec": "pcm_s16le"}, False),
        (MP4, {"pixel_format": "yuv422p"}, False),
        (MP4, {"pixel_format": "yuv420p10le", "bit_depth": 10}, False),
        (MP4, {"hdr": True}, False),
        (MP4, HEVC, False),
        (MP4, {"video_codec": "mpeg4"}, False),
        (QUICKTIME, {"audio_codec": "aac"}, True),
        (QUICKTIME, {"audio_codec": "pcm_s16le"}, False),
        (QUICKTIME, {"video_codec": "prores", "pixel_format": "yuv422p10le", "bit_depth": 10}, False),
        (WEBM, {"video_codec": "vp8", "audio_codec": "vorbis"}, True),
        (WEBM, {"video_codec": "vp9", "audio_codec": "opus"}, True),
        (WEBM, {"video_codec": "vp9", "pixel_format": "yuv420p10le", "bit_depth": 10}, False),
        (WEBM, {"video_codec": "h264"}, False),
        (MATROSKA_TYPE, {"audio_codec": "aac"}, False),
        ("video/mp2t", {"audio_codec": "aac"}, False),
        ("text/html", {}, False),
    ],
)
def test_a_browser_plays(media_type: str, facts: dict[str, Any], *, plays: bool) -> None:
    assert plays is plays_in_browser(clip_facts(**facts), media_type)


@pytest.mark.parametrize(
    ("kind", "plays"), {**dict.fromkeys(KINDS, False), "mp4": True, "3gp": True, "webm": True}.items()
)
def test_of_real_files_the_webs_own_play(tmp_path: Path, pool: MediaPool, kind: str, *, plays: bool) -> None:
    path = write_video(tmp_path / f"a.{kind}", frames=10)
    with path.open("rb") as file:
        media_type = media_type_of(file.fileno(), path.stat().st_size)
    assert media_type is not None
    assert plays is plays_in_browser(pool.probe(path), media_type)


# What is planned


@pytest.mark.parametrize(
    ("shown", "planned"),
    [
        ((320, 180), (320, 180)),  # never larger
        ((1920, 1080), (1280, 720)),
        ((1080, 1920), (720, 1280)),
        ((3840, 1600), (1280, 534)),
        ((1000, 1000), (720, 720)),
        ((46, 81), (46, 80)),  # even
        ((1, 4000), (2, 1280)),
    ],
)
def test_a_copy_is_of_720p_at_most_and_of_even_sizes(shown: tuple[int, int], planned: tuple[int, int]) -> None:
    plan = plan_copy(clip_facts(width_px=shown[0], height_px=shown[1]), 10**9)
    assert planned == (plan.width_px, plan.height_px)


def test_a_long_film_gets_fewer_bits_so_that_it_fits() -> None:
    sound = (Stream(0, "video", "h264", frames=9), Stream(1, "audio", "aac", frames=9))
    full = {"width_px": 1920, "height_px": 1080, "streams": sound}
    short, long, longer = (plan_copy(clip_facts(**full, duration_s=hours * 3600), 10**9) for hours in (0.1, 1, 3))
    assert short.picture_bits > long.picture_bits > longer.picture_bits
    assert (720, 720, 480) == (short.height_px, long.height_px, longer.height_px)
    for plan, hours in ((long, 1), (longer, 3)):
        assert (plan.picture_bits + 128_000) * hours * 450 < 10**9
    with pytest.raises(LimitError, match="too long for a playable copy"):
        plan_copy(clip_facts(**full, duration_s=30 * 3600), 10**9)


# What is made


def opened(path: Path) -> dict[str, Any]:
    with av.open(str(path)) as made:
        film, sounds = made.streams.video[0], made.streams.audio
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in made.decode(film)]
        return {
            "codec": film.codec_context.name,
            "format": film.codec_context.pix_fmt,
            "size": (film.width, film.height),
            "sounds": [(sound.codec_context.name, sound.channels, sound.rate) for sound in sounds],
            "frames": frames,
            "brand": path.read_bytes()[4:8],
            "moov first": 0 < path.read_bytes().find(b"moov") < path.read_bytes().find(b"mdat"),
        }


@pytest.mark.few(2)
@pytest.mark.parametrize("kind", KINDS)
def test_every_container_gets_a_copy(tmp_path: Path, previews: Previews, kind: str) -> None:
    path = write_video(tmp_path / f"a.{kind}", frames=50)
    before, parts = path.read_bytes(), []
    made = opened(previews.playable(path, identity_of(path), on_progress=parts.append))
    assert ("h264", "yuv420p", (160, 96)) == (made["codec"], made["format"], made["size"])
    assert [("aac", 2, 48000)] == made["sounds"]
    assert (b"ftyp", True) == (made["brand"], made["moov first"])
    numbers = [number_in(picture) for _, picture in made["frames"]]
    assert list(range(50))[-len(numbers) :] == numbers
    assert len(numbers) >= 48
    assert parts == sorted(parts)
    assert 0 <= parts[0] <= parts[-1] <= 1
    assert before == path.read_bytes()
    assert sorted([path.name, "state"]) == sorted(one.name for one in tmp_path.iterdir())


def test_frames_keep_their_times(clip_file: Build, previews: Previews) -> None:
    times = (0, 1, 2, 10, 11, 30, 31, 47)
    path = clip_file(frames=8, times=times)
    made = opened(previews.playable(path, identity_of(path)))
    assert pytest.approx([time / 24 for time in times], abs=0.002) == [time for time, _ in made["frames"]]


def test_many_frames_a_second_become_thirty(clip_file: Build, previews: Previews) -> None:
    path = clip_file(frames=120, rate=60)
    made = opened(previews.playable(path, identity_of(path)))
    assert 60 == pytest.approx(len(made["frames"]), abs=1)


def test_a_turned_video_with_odd_pixels_stands_upright(clip_file: Build, previews: Previews) -> None:
    from fractions import Fraction

    path = clip_file(rotation=90, aspect=Fraction(2, 1))
    with av.open(str(previews.playable(path, identity_of(path)))) as made:
        film = made.streams.video[0]
        assert (64, 256, 1) == (film.width, film.height, film.sample_aspect_ratio or 1)
        assert 0 == next(made.decode(film)).rotation
    clip = previews.facts(path, identity_of(path))
    assert (64, 256) == (clip.shown_width_px, clip.shown_height_px)


@pytest.mark.long
def test_hdr_comes_to_the_colours_of_a_screen(hdr_file: Path, previews: Previews) -> None:
    made = opened(previews.playable(hdr_file, identity_of(hdr_file)))
    _, picture = made["frames"][0]
    assert "yuv420p" == made["format"]
    assert picture[:, :24].mean() < 20
    assert picture[:, 40:].mean() > 225


@pytest.mark.long
def test_a_copy_of_a_real_hdr_clip_looks_like_its_still(clips: Path, previews: Previews, pool: MediaPool) -> None:
    path = clips / "FFMpegCore__input_hdr.mov"
    made = opened(previews.playable(path, identity_of(path)))
    time_s, picture = made["frames"][3]
    still = pool.stills(path, [time_s], side_px=640, timeout_s=30).pixels[0]
    assert np.abs(picture.astype(int) - still).mean() < 8


def test_it_is_made_once_and_kept(clip_file: Build, previews: Previews, monkeypatch: pytest.MonkeyPatch) -> None:
    path = clip_file()
    first = previews.playable(path, identity_of(path))
    monkeypatch.setattr("vsortd.media.playable_copy.run_ffmpeg", None)
    assert first == previews.playable(path, identity_of(path))
    os.truncate(first, 100)
    with pytest.raises(TypeError):  # it would be made again
        previews.playable(path, identity_of(path))


@pytest.mark.long
def test_who_asks_meanwhile_waits_and_hears_how_far_it_is(tmp_path: Path, previews: Previews) -> None:
    path = write_video(tmp_path / "a.mkv", frames=100)
    identity, heard, found = identity_of(path), [], []
    begun = threading.Event()

    def hold(_: float) -> None:
        if not begun.is_set():
            begun.set()
            assert told.wait(30)

    told = threading.Event()

    def second() -> None:
        assert begun.wait(30)

        def hear(part: float) -> None:
            heard.append(part)
            told.set()

        found.append(previews.playable(path, identity, on_progress=hear))

    thread = threading.Thread(target=second)
    thread.start()
    found.append(previews.playable(path, identity, on_progress=hold))
    thread.join()
    assert found[0] == found[1]
    assert all(0 <= part <= 1 for part in heard)
    assert 1 == len(left(previews))


def test_who_gives_up_leaves_nothing_and_may_ask_again(tmp_path: Path, previews: Previews) -> None:
    path = write_video(tmp_path / "a.mkv", frames=100)
    cancel = threading.Event()
    with pytest.raises(Cancelled):
        previews.playable(path, identity_of(path), on_progress=lambda _: cancel.set(), cancel=cancel)
    assert [] == left(previews)
    assert previews.playable(path, identity_of(path)).is_file()


def test_the_end_of_all_ends_a_copy_under_way(tmp_path: Path, previews: Previews) -> None:
    path = write_video(tmp_path / "a.mkv", frames=100)
    with pytest.raises(Cancelled):
        previews.playable(path, identity_of(path), on_progress=lambda _: previews.close())
    assert [] == left(previews)


_KILLED = """
import sys, time
from pathlib import Path
from vsortd.config.running_options import Workers
from vsortd.core.identity import Identity
from vsortd.media.previews import Previews

def hold(part):
    print("under way", flush=True)
    time.sleep(60)

path = Path(sys.argv[1])
Previews(Workers(), Path(sys.argv[2])).playable(path, Identity.of(path), on_progress=hold)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_kill_amid_it_leaves_nothing_that_is_taken_for_whole(tmp_path: Path, previews: Previews) -> None:
    path = write_video(tmp_path / "a.mkv", frames=100)
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(path), str(tmp_path / "state")],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert "under way\n" == running.stdout.readline()
        running.send_signal(signal.SIGKILL)
    folder = tmp_path / "state" / "previews" / "copies"
    (left_over,) = folder.iterdir()
    assert left_over.name.startswith(".")
    assert 0 == PreviewCache(folder, 10**9).total_bytes
    assert [] == list(folder.iterdir())
    assert opened(previews.playable(path, identity_of(path)))["frames"]


def test_a_broken_video_says_why(previews: Previews, bad_clips: Path) -> None:
    path = bad_clips / "mp4parse-rust__short-cenc.mp4"
    for _ in range(2):
        with pytest.raises(BrokenError, match="encrypted"):
            previews.playable(path, identity_of(path))
    assert [] == left(previews)


def test_no_encoder_no_copy(clip_file: Build, previews: Previews, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg_module, "_encoders", lambda _: frozenset({"aac"}))
    path = clip_file()
    with pytest.raises(ToolError, match="it lacks libx264") as caught:
        previews.playable(path, identity_of(path))
    assert "VSORTD_FFMPEG" in caught.value.remedy
    monkeypatch.undo()
    assert previews.playable(path, identity_of(path)).is_file()


def test_room_is_looked_for_before(clip_file: Build, previews: Previews, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PreviewCache, "free_bytes", lambda _: 50 << 20)
    path = clip_file()
    with pytest.raises(FilingError, match=r"A playable copy may take .*, and the disk of .* has .* left") as caught:
        previews.playable(path, identity_of(path))
    assert "VSORTD_STATE_DIR" in caught.value.remedy
    assert [] == left(previews)


def test_without_filters_for_hdr_there_is_a_copy_all_the_same(
    hdr_file: Path, previews: Previews, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsortd.media.playable_copy.ffmpeg_filters", lambda _: frozenset())
    assert "yuv420p" == opened(previews.playable(hdr_file, identity_of(hdr_file)))["format"]


@pytest.mark.parametrize("name", ["-y.mkv", "concat:a|b.mkv", "new\nline.mkv", "%05d.mkv"])
def test_a_name_is_only_a_name(tmp_path: Path, previews: Previews, name: str) -> None:
    path = write_video(tmp_path / name, [numbered(number) for number in range(5)], kind="mkv")
    assert opened(previews.playable(path, identity_of(path)))["frames"]


def test_the_filters_that_ffmpeg_has_are_told() -> None:
    assert {"scale", "fps", "setsar"} <= ffmpeg_module.ffmpeg_filters(find_ffmpeg())
