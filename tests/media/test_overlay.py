"""Videos that are drawn over, read back: frames, times, sound, size, what is drawn where; and what goes wrong."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from vsortd.config.running_options import Workers
from vsortd.errors import BrokenError, Cancelled, FilingError, IncompleteError, ToolError, UsageError
from vsortd.media import overlay
from vsortd.media.overlay import Player, find_player, play_overlay, write_overlay
from vsortd.media.overlay_artist import OverlayArtist
from vsortd.media.overlay_plan import (
    OverlayBoxes,
    OverlayLoudness,
    OverlayPlan,
    OverlayShot,
    OverlayStyle,
)
from vsortd.media.protocol import ProtocolError
from vsortd.media.replies import overlay_from_reply

if TYPE_CHECKING:
    import numpy.typing as npt

    from vsortd.media.replies import OverlayReport

pytestmark = pytest.mark.timeout(180)
Build = Callable[..., Path]
NumberIn = Callable[[Any], int]
SMALL = OverlayStyle(font_px=8)
PLAN = OverlayPlan(
    style=SMALL,
    shots=(OverlayShot(0.0, ("shot 1 of 2",)), OverlayShot(0.5, ("shot 2 of 2", "a forest 0.83"))),
    boxes=(OverlayBoxes(0.0, 0.5, (("dog 0.91", (0.5, 0.25, 0.75, 0.75)),)),),
    loudness=OverlayLoudness(0.0, 0.1, (-20.0,) * 5 + (None,) * 5),
    speech=((0.0, 0.5),),
)
EMPTY = OverlayPlan(style=SMALL)


def written(source: Path, target: Path, plan: OverlayPlan = PLAN) -> OverlayReport:
    return write_overlay(source, target, plan, Workers(), duration_s=2.0)


def times(path: Path) -> list[float]:
    """Return when each frame is shown, s from the video's start."""
    with av.open(os.fspath(path)) as video:
        start_s = Fraction(video.start_time or 0, 1_000_000)
        return [float(frame.pts * frame.time_base - start_s) for frame in video.decode(video=0)]


def packets(path: Path) -> list[bytes]:
    with av.open(os.fspath(path)) as video:
        return [bytes(packet) for packet in video.demux(audio=0) if packet.size]


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "made",
    [
        {"name": "a.mp4", "audio": "aac"},
        {"name": "a.mkv", "format": "matroska", "audio": "ac3"},
        {"name": "b.mkv", "format": "matroska", "audio": "libmp3lame"},
        {"name": "a.ts", "format": "mpegts", "audio": "aac"},
        {"name": "slow.mp4", "times": tuple(number * 3 + number % 2 for number in range(24)), "rate": 90},
        {"name": "b.mp4", "codec_options": {"bf": "3"}, "times": tuple(range(48, 96, 2))},
    ],
)
def test_frames_keep_their_times_and_sound_its_packets(
    clip_file: Build, tmp_path: Path, made: Any, number_in: NumberIn
) -> None:
    source, target = clip_file(**made), tmp_path / "out.mp4"
    before = source.read_bytes()
    report = written(source, target, EMPTY)
    assert before == source.read_bytes()
    assert (24, 128, 64) == (report.frames, report.width_px, report.height_px)
    assert pytest.approx(times(source), abs=1e-3) == times(target)
    with av.open(os.fspath(target)) as video:
        assert ("h264", "yuv420p") == (video.streams.video[0].codec.name, video.streams.video[0].pix_fmt)
        shown = [number_in(frame.to_ndarray(format="rgb24")[40:]) for frame in video.decode(video=0)]
        assert list(range(24)) == shown
    if "audio" in made:
        head = 7 if source.suffix == ".ts" else 0  # ADTS, which each packet has there and none in an MP4
        assert [packet[head:] for packet in packets(source)] == packets(target)
        assert report.sound_packets == len(packets(target))
    assert target.read_bytes().index(b"moov") < target.read_bytes().index(b"mdat")
    assert {source.name, "out.mp4"} == {path.name for path in tmp_path.iterdir()}


def test_sound_that_mp4_can_not_hold_is_left_out_and_told(clip_file: Build, tmp_path: Path) -> None:
    source = clip_file("a.mov", format="mov", audio="pcm_s16le")
    report = written(source, tmp_path / "out.mp4")
    assert (("pcm_s16le",), 0) == (report.left_out, report.sounds)
    with av.open(os.fspath(tmp_path / "out.mp4")) as video:
        assert not video.streams.audio


@pytest.mark.parametrize(("rotation", "size"), [(90, (64, 128)), (180, (128, 64))])
def test_a_turned_video_is_drawn_upright(clip_file: Build, tmp_path: Path, rotation: int, size: Any) -> None:
    source = clip_file(frames=4, rotation=rotation)
    written(source, tmp_path / "out.mp4", EMPTY)
    with av.open(os.fspath(tmp_path / "out.mp4")) as video, av.open(os.fspath(source)) as stored:
        frame, other = next(video.decode(video=0)), next(stored.decode(video=0))
        assert size == (frame.width, frame.height)
        assert 0 == frame.rotation
        turned = np.rot90(other.to_ndarray(format="gray"), -other.rotation // 90 * -1).astype(int)
        inner = (slice(24, None), slice(None))  # below the time
        assert np.abs(frame.to_ndarray(format="gray").astype(int) - turned)[inner].mean() < 12


def test_odd_sizes_and_pixels_that_are_not_square_come_out_even_and_square(clip_file: Build, tmp_path: Path) -> None:
    source = clip_file("a.mp4", width=66, height=50, aspect=Fraction(3, 2), frames=3)
    report = written(source, tmp_path / "out.mp4")
    assert (98, 50) == (report.width_px, report.height_px)  # 99 is no size for 4:2:0
    with av.open(os.fspath(tmp_path / "out.mp4")) as video:
        assert video.streams.video[0].sample_aspect_ratio in {None, 1}


def test_hdr_becomes_what_a_screen_shows(hdr_file: Path, tmp_path: Path) -> None:
    written(hdr_file, tmp_path / "out.mp4", EMPTY)
    with av.open(os.fspath(tmp_path / "out.mp4")) as video:
        picture = next(video.decode(video=0)).to_ndarray(format="rgb24")
    assert picture[40, 50].min() > 200
    assert picture[40, 10].max() < 30


# What is drawn


def drawn(at_s: float, plan: OverlayPlan = PLAN) -> npt.NDArray[np.uint8]:
    """Return a grey picture of 400 by 200 with what is said of a moment."""
    return OverlayArtist(plan).draw(np.full((200, 400, 3), 90, np.uint8), at_s)


def is_coloured(picture: npt.NDArray[np.uint8], colour: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
    return (picture == colour).all(axis=2)


def test_a_box_stands_where_the_plan_says_as_long_as_it_says() -> None:
    red = is_coloured(drawn(0.2), (255, 0, 0))
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    assert (50, 149, 200, 299) == (rows[0], rows[-1], columns[0], columns[-1])
    assert not red[60:140, 210:290].any()
    assert not is_coloured(drawn(0.5), (255, 0, 0)).any()


def test_the_bar_is_as_long_as_the_sound_is_loud_and_empty_in_silence() -> None:
    def length(lufs: float | None) -> int:
        picture = drawn(0.0, OverlayPlan(style=SMALL, loudness=OverlayLoudness(0.0, 1.0, (lufs,))))
        row = is_coloured(picture, (255, 255, 0))[-10, :130]
        return int(row.sum())

    assert 0 == length(None)
    assert 0 == length(-60.0)
    assert pytest.approx(59, abs=1) == length(-30.0)
    assert pytest.approx(118, abs=1) == length(0.0)
    assert length(5.0) == length(0.0)


def test_words_change_with_the_shot_and_speech_is_told_while_it_lasts() -> None:
    first, second = is_coloured(drawn(0.4), (255, 255, 0)), is_coloured(drawn(0.6), (255, 255, 0))
    corner = (slice(0, 50), slice(0, 150))
    assert second[corner].sum() > first[corner].sum()  # a line more
    silent = OverlayPlan(style=SMALL, loudness=PLAN.loudness)
    beside = (slice(180, 200), slice(180, 400))
    assert is_coloured(drawn(0.2), (255, 255, 0))[beside].sum()
    assert not is_coloured(drawn(0.2, silent), (255, 255, 0))[beside].sum()


def test_colours_and_size_are_those_of_the_style() -> None:
    plan = OverlayPlan(style=OverlayStyle((0, 255, 0), (0, 0, 255), (255, 0, 255), 30), boxes=PLAN.boxes)
    picture = drawn(0.2, plan)
    assert all(is_coloured(picture, colour).any() for colour in ((0, 255, 0), (0, 0, 255), (255, 0, 255)))
    small = OverlayPlan(style=OverlayStyle((0, 255, 0), (0, 0, 255), (255, 0, 255), 10), boxes=PLAN.boxes)
    assert is_coloured(picture, (0, 0, 255)).sum() > 2 * is_coloured(drawn(0.2, small), (0, 0, 255)).sum()


def test_a_box_beyond_the_picture_and_long_words_are_cut_off() -> None:
    boxes = (OverlayBoxes(0.0, 1.0, (("x" * 300, (-0.5, -0.5, 1.5, 1.5)), ("y", (0.9, 0.9, 0.1, 0.1)))),)
    long = OverlayPlan(style=SMALL, boxes=boxes, shots=(OverlayShot(0.0, ("w" * 500,)),))
    assert (200, 400, 3) == drawn(0.0, long).shape


def test_a_plan_stays_what_it_is_on_its_way_to_the_worker() -> None:
    import json

    assert PLAN == OverlayPlan.from_json(json.loads(json.dumps(PLAN.to_json())))
    assert EMPTY == OverlayPlan.from_json(json.loads(json.dumps(EMPTY.to_json())))


# What goes wrong


def test_nothing_is_written_over_and_nothing_is_left(clip_file: Build, tmp_path: Path) -> None:
    source, target = clip_file(), tmp_path / "out.mp4"
    target.write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists already"):
        written(source, target)
    assert b"mine" == target.read_bytes()
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(source.read_bytes()[:200])
    with pytest.raises(IncompleteError):
        written(broken, tmp_path / "other.mp4")
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        write_overlay(source, tmp_path / "other.mp4", PLAN, Workers(), duration_s=1.0, cancel=cancel)
    assert {source.name, "out.mp4", "broken.mp4"} == {path.name for path in tmp_path.iterdir()}


def test_what_is_stopped_half_way_leaves_nothing(clip_file: Build, tmp_path: Path) -> None:
    source, cancel, begun = clip_file(frames=400), threading.Event(), False

    def stop() -> None:
        nonlocal begun
        while not cancel.wait(0.01):
            begun = any(path.stat().st_size for path in tmp_path.glob(".vsortd-*.part"))
            if begun:
                cancel.set()

    watching = threading.Thread(target=stop)
    watching.start()
    try:
        with pytest.raises(Cancelled):
            write_overlay(source, tmp_path / "out.mp4", PLAN, Workers(), duration_s=17.0, cancel=cancel)
    finally:
        cancel.set()
        watching.join()
    assert begun
    assert [source.name] == [path.name for path in tmp_path.iterdir()]


def test_a_full_disk_is_told_of_and_nothing_is_left(
    clip_file: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker may write as many bytes as there is room for, and no more."""
    source = clip_file(frames=48, audio="aac")
    monkeypatch.setattr(overlay, "_room_bytes", lambda _: 3000)
    with pytest.raises(FilingError, match="is full"):
        written(source, tmp_path / "out.mp4")
    assert [source.name] == [path.name for path in tmp_path.iterdir()]


def test_a_result_that_is_not_whole_gets_no_name(
    clip_file: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, checked = clip_file(), overlay_from_reply

    def one_more(header: dict[str, Any]) -> OverlayReport:
        return checked({**header, "frames": header["frames"] + 1})

    monkeypatch.setattr(overlay, "overlay_from_reply", one_more)
    with pytest.raises(BrokenError, match="24 of 25 frames"):
        written(source, tmp_path / "out.mp4")
    assert [source.name] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"frames": -1}, "out of range"),
        ({"frames": 1.5}, "no int frames"),
        ({"left_out": [3]}, "codecs"),
        ({"left_out": "aac"}, "no list left_out"),
        ({"more": 1}, "an answer of"),
    ],
)
def test_an_answer_that_can_not_be_is_refused(change: dict[str, Any], told: str) -> None:
    whole = {"frames": 1, "width_px": 2, "height_px": 2, "sounds": 0, "sound_packets": 0, "left_out": ["vorbis"]}
    assert ("vorbis",) == overlay_from_reply(whole).left_out
    with pytest.raises(ProtocolError, match=re.escape(told)):
        overlay_from_reply({**whole, **change})


# Players


def player(folder: Path, name: str, body: str) -> Player:
    """Make a player of our own."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    path.chmod(0o755)
    return Player(name, path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows plays from a file")
def test_a_player_gets_every_frame_as_it_is_drawn(clip_file: Build, tmp_path: Path) -> None:
    got = tmp_path / "got.nut"
    body = (
        f"open({str(got)!r}, 'wb').write(sys.stdin.buffer.read())\n"
        f"open({str(got)!r} + '.txt', 'w').write(' '.join(sys.argv[1:]))"
    )
    source = clip_file("a trip.mov", format="mov", audio="pcm_s16le")
    play_overlay(source, PLAN, Workers(), player(tmp_path, "ffplay", body))
    assert pytest.approx(times(source), abs=1e-3) == times(got)
    assert packets(source)
    assert b"".join(packets(source)) == b"".join(packets(got))  # a player takes any sound
    assert "a trip.mov pipe:0" in Path(f"{got}.txt").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows plays from a file")
def test_a_player_that_is_closed_ends_it_and_one_that_fails_is_told_of(clip_file: Build, tmp_path: Path) -> None:
    source = clip_file(frames=120, audio="aac")
    play_overlay(source, PLAN, Workers(), player(tmp_path, "mpv", "sys.stdin.buffer.read(100)"))
    with pytest.raises(ToolError, match="exit status 3"):
        play_overlay(source, PLAN, Workers(), player(tmp_path, "mpv", "sys.exit(3)"))


def test_without_a_player_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"Install mpv"):
        find_player()
    if sys.platform != "win32":
        player(tmp_path, "ffplay", "")
        assert "ffplay" == find_player().name
        player(tmp_path, "mpv", "")
        assert "mpv" == find_player().name
