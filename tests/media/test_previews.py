"""Thumbnails, sprites and stills: of the very frames, as they are shown, made once and again when lost."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.support.containers import KINDS, write_video
from tests.support.containers import number_in as number_of_bars
from vsortd.config.running_options import Workers
from vsortd.core.identity import Identity
from vsortd.errors import BrokenError, Cancelled, ChangedError, VideoError
from vsortd.media.pool import MediaPool
from vsortd.media.previews import LIMIT_BYTES, Previews

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Build = Callable[..., Path]
    NumberIn = Callable[[Any], int]


def identity_of(path: Path) -> Identity:
    found = Identity.of(path)
    assert found is not None
    return found


def pixels_of(path: Path) -> Any:
    with Image.open(path) as picture:
        assert ("JPEG", "RGB") == (picture.format, picture.mode)
        return np.asarray(picture)


@pytest.fixture
def previews(tmp_path: Path) -> Iterator[Previews]:
    made = Previews(Workers(), tmp_path / "state")
    yield made
    made.close()


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """List what is asked of decoding processes from now on."""
    asked: list[str] = []
    checked = MediaPool.checked

    def noted(pool: MediaPool, request: Any, *given: Any, **options: Any) -> Any:
        asked.append(request["op"])
        return checked(pool, request, *given, **options)

    monkeypatch.setattr(MediaPool, "checked", noted)
    return asked


@pytest.mark.few(2)
@pytest.mark.parametrize("kind", KINDS)
def test_every_container_has_a_thumbnail_a_sprite_and_stills(tmp_path: Path, previews: Previews, kind: str) -> None:
    path = write_video(tmp_path / f"a.{kind}", frames=100)
    identity = identity_of(path)
    middle = number_of_bars(pixels_of(previews.thumb(path, identity)))
    assert 33 <= middle <= 67  # the middle one of three parts
    assert (192, 320, 3) == pixels_of(previews.thumb(path, identity)).shape
    _, times = previews.sprite(path, identity)
    assert (5, 160, 96, 25) == (times.columns, times.tile_width_px, times.tile_height_px, len(times.times_s))
    still = pixels_of(previews.still(path, identity, 2.0, 720))
    assert (96, 160, 3) == still.shape  # no larger than the video
    # AVI and WMV have only times of decoding, a frame later; WebM has whole milliseconds
    assert number_of_bars(still) in {49, 50, 51}


@pytest.mark.parametrize(("gop", "tiles"), [(7, 17), (60, 25)])
def test_a_sprite_tells_the_true_times_of_its_frames(
    clip_file: Build, previews: Previews, number_in: NumberIn, gop: int, tiles: int
) -> None:
    path = clip_file(frames=120, gop=gop, codec_options={"sc_threshold": "0"})
    sheet_path, times = previews.sprite(path, identity_of(path))
    sheet = pixels_of(sheet_path)
    assert tiles == len(times.times_s)
    assert sorted(set(times.times_s)) == list(times.times_s)
    assert 5.0 == pytest.approx(times.duration_s)
    for place, time_s in enumerate(times.times_s):
        row, column = divmod(place, times.columns)
        top, left = row * times.tile_height_px, column * times.tile_width_px
        tile = sheet[top : top + times.tile_height_px, left : left + times.tile_width_px]
        assert pytest.approx(time_s * 24, abs=0.05) == number_in(tile)


@pytest.mark.parametrize("gop", [10, 12])
def test_keyframes_do_where_there_are_enough(
    clip_file: Build, previews: Previews, requests: list[str], number_in: NumberIn, gop: int
) -> None:
    path = clip_file(frames=120, gop=gop, codec_options={"sc_threshold": "0"})
    sheet, times = previews.sprite(path, identity_of(path))
    assert ["probe", "moments"] == requests
    assert list(range(0, 120, gop)) == [round(time_s * 24) for time_s in times.times_s]
    assert 0 == number_in(pixels_of(sheet)[: times.tile_height_px, : times.tile_width_px])


def test_keyframes_do_where_all_others_would_cost_too_much(
    clip_file: Build, previews: Previews, requests: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = clip_file(frames=120, gop=50, codec_options={"sc_threshold": "0"})
    monkeypatch.setattr("vsortd.media.previews._SPRITE_PIXELS", 120 * 128 * 64 - 1)
    _, times = previews.sprite(path, identity_of(path))
    assert ["probe", "moments"] == requests
    assert [0, 50, 100] == [round(time_s * 24) for time_s in times.times_s]


def test_a_short_video_has_a_small_sheet(clip_file: Build, previews: Previews) -> None:
    path = clip_file(frames=3)
    sheet, times = previews.sprite(path, identity_of(path))
    assert (3, 3) == (len(times.times_s), times.columns)
    assert (80, 480, 3) == pixels_of(sheet).shape


@pytest.mark.parametrize(("time_s", "number"), [(0.0, 0), (-3.0, 0), (1.0, 24), (1.001, 25), (1.04, 25), (1e300, 47)])
def test_a_still_is_the_frame_of_its_moment(
    clip_file: Build, previews: Previews, number_in: NumberIn, time_s: float, number: int
) -> None:
    path = clip_file(frames=48, gop=48)
    assert number == number_in(pixels_of(previews.still(path, identity_of(path), time_s, 720)))


@pytest.mark.parametrize(
    ("height_px", "shape"), [(1, (180, 360)), (200, (360, 720)), (720, (640, 1280)), (9999, (640, 1280))]
)
def test_a_still_is_as_high_as_wished_and_not_larger_than_it_may_be(
    clip_file: Build, previews: Previews, height_px: int, shape: tuple[int, int]
) -> None:
    path = clip_file(frames=2, width=1920, height=960)
    assert shape == pixels_of(previews.still(path, identity_of(path), 0.0, height_px)).shape[:2]


def test_a_moment_that_is_no_number_is_refused(clip_file: Build, previews: Previews) -> None:
    path = clip_file(frames=2)
    with pytest.raises(ValueError, match="not nan"):
        previews.still(path, identity_of(path), float("nan"), 720)


def test_a_turned_video_is_shown_upright(clip_file: Build, previews: Previews) -> None:
    path = clip_file(rotation=90)
    assert (320, 160, 3) == pixels_of(previews.thumb(path, identity_of(path))).shape
    _, times = previews.sprite(path, identity_of(path))
    assert (80, 160) == (times.tile_width_px, times.tile_height_px)


def test_hdr_has_the_colours_of_a_screen(hdr_file: Path, previews: Previews) -> None:
    """White of 203 cd/m² lies at the beginning of the soft knee."""
    picture = pixels_of(previews.thumb(hdr_file, identity_of(hdr_file)))
    assert picture[:, :140].max() < 12
    assert picture[:, 180:].min() > 230


def test_real_clips_stand_as_their_manifest_says(clips: Path, previews: Previews) -> None:
    for name, shape in [
        ("rails__rotated_hdr_video.mov", (320, 180)),
        ("media__dolbyVision-hdr.MOV", (320, 180)),
        ("media__sample_rotate_and_reflect.mp4", (320, 213)),
        ("FFMpegCore__input_hdr.mov", (180, 320)),
    ]:
        path = clips / name
        assert shape == pixels_of(previews.thumb(path, identity_of(path))).shape[:2]


def test_it_is_made_once_and_kept(clip_file: Build, previews: Previews, requests: list[str], tmp_path: Path) -> None:
    path = clip_file()
    identity = identity_of(path)
    first = [previews.thumb(path, identity), previews.sprite(path, identity), previews.still(path, identity, 0.5, 180)]
    assert ["look", "moments", "sample", "stills"] == requests
    later = Previews(Workers(), tmp_path / "state")
    for one in (previews, later):
        again = [one.thumb(path, identity), one.sprite(path, identity), one.still(path, identity, 0.5, 180)]
        assert first == again
    later.close()
    assert 4 == len(requests)


def test_a_video_that_moved_keeps_its_pictures(
    clip_file: Build, previews: Previews, requests: list[str], tmp_path: Path
) -> None:
    path = clip_file()
    first = previews.thumb(path, identity_of(path))
    moved = path.rename(tmp_path / "moved.mp4")
    assert first == previews.thumb(moved, identity_of(moved))
    assert ["look"] == requests


@pytest.mark.parametrize("damage", ["cut off", "overwritten", "removed"])
def test_what_was_lost_is_made_again(clip_file: Build, previews: Previews, requests: list[str], damage: str) -> None:
    path = clip_file()
    identity = identity_of(path)
    thumb = previews.thumb(path, identity)
    sheet, times = previews.sprite(path, identity)
    before = {one: one.read_bytes() for one in sheet.parent.iterdir()}
    for one, data in before.items():
        if damage == "cut off":
            os.truncate(one, 5)
        elif damage == "overwritten":
            one.write_bytes(bytes(len(data)))
        else:
            one.unlink()
    assert (sheet, times) == previews.sprite(path, identity)
    assert thumb == previews.thumb(path, identity)
    assert before == {one: one.read_bytes() for one in sheet.parent.iterdir()}
    assert ["look", "moments", "sample", "moments", "sample", "sample"] == requests


def test_only_the_times_of_a_sprite_may_be_lost(clip_file: Build, previews: Previews) -> None:
    path = clip_file()
    sheet, times = previews.sprite(path, identity_of(path))
    (beside,) = sheet.parent.glob("*.json")
    beside.unlink()
    assert (sheet, times) == previews.sprite(path, identity_of(path))


def test_many_that_ask_at_once_get_one(clip_file: Build, previews: Previews, requests: list[str]) -> None:
    path = clip_file()
    identity, found = identity_of(path), []
    barrier = threading.Barrier(6)

    def ask() -> None:
        barrier.wait()
        found.append(previews.thumb(path, identity))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 6 == len(found)
    assert 1 == len(set(found))
    assert ["look"] == requests


def test_one_process_works_at_a_time_and_stands_back(clip_file: Build, previews: Previews) -> None:
    paths = [clip_file(f"{number}.mp4", frames=24 + number) for number in range(4)]
    threads = [threading.Thread(target=previews.sprite, args=(path, identity_of(path))) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert previews._media is not None
    (pid,) = previews._media.pids()
    if sys.platform != "win32":
        own = os.getpriority(os.PRIO_PROCESS, 0)  # a test of attacks may have raised it
        assert min(19, own + 16) == os.getpriority(os.PRIO_PROCESS, pid)


def test_it_rests_when_nobody_looks_and_goes_on_when_somebody_does(
    clip_file: Build, previews: Previews, is_running: Callable[[int], bool]
) -> None:
    path = clip_file()
    previews.rest()
    previews.thumb(path, identity_of(path))
    assert previews._media is not None
    (pid,) = previews._media.pids()
    previews.rest()
    assert not is_running(pid)
    previews.sprite(path, identity_of(path))


def test_a_video_that_is_broken_says_why_and_is_not_tried_again(
    previews: Previews, requests: list[str], bad_clips: Path
) -> None:
    found = 0
    for path in sorted(bad_clips.glob("*.mp4")):
        reasons = set()
        for _ in range(3):
            try:
                previews.thumb(path, identity_of(path))
            except VideoError as error:
                reasons.add((type(error), error.reason))
        assert len(reasons) <= 1, path
        assert not reasons or ["look"] == requests, path
        found += len(reasons)
        requests.clear()
    assert found >= 8


def test_a_broken_file_that_was_mended_is_tried_again(tmp_path: Path, clip_file: Build, previews: Previews) -> None:
    path = tmp_path / "b.mp4"
    path.write_bytes(b"no film")
    with pytest.raises(BrokenError):
        previews.thumb(path, identity_of(path))
    clip_file().replace(path)
    assert previews.thumb(path, identity_of(path)).is_file()


def test_another_file_under_the_name_is_not_taken_for_it(
    clip_file: Build, previews: Previews, requests: list[str]
) -> None:
    path = clip_file()
    identity = identity_of(path)
    os.utime(path, (1, 1))
    for ask in (previews.thumb, previews.sprite, previews.playable):
        with pytest.raises(ChangedError):
            ask(path, identity)
    path.unlink()
    with pytest.raises(ChangedError):
        previews.thumb(path, identity)
    assert [] == requests


def test_a_file_swapped_while_it_is_read_leaves_nothing_in_its_name(
    clip_file: Build, previews: Previews, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = clip_file(), clip_file("b.mp4", frames=9)
    identity = identity_of(path)
    look = MediaPool.look

    def swapped(pool: MediaPool, *given: Any, **options: Any) -> Any:
        other.replace(path)
        return look(pool, *given, **options)

    monkeypatch.setattr(MediaPool, "look", swapped)
    with pytest.raises(ChangedError):
        previews.thumb(path, identity)
    assert [] == list(previews._pictures._folder.iterdir())


def test_who_gives_up_costs_nobody_else_the_picture(clip_file: Build, previews: Previews) -> None:
    path, cancel = clip_file(), threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        previews.thumb(path, identity_of(path), cancel=cancel)
    assert previews.thumb(path, identity_of(path)).is_file()


def test_the_limit_holds(tmp_path: Path) -> None:
    small = Previews(Workers(), tmp_path / "state", limit_bytes=40_000)
    made = []
    try:
        for number in range(8):
            path = write_video(tmp_path / f"{number}.mp4", frames=30 + number)
            made.append(small.thumb(path, identity_of(path)))
            small.sprite(path, identity_of(path))
    finally:
        small.close()
    kept = sum(one.stat().st_size for one in made[0].parent.iterdir())
    assert 0 < kept <= 20_000
    assert not made[0].exists()
    assert LIMIT_BYTES == 10**9


def test_after_the_end_nothing_is_made(clip_file: Build, previews: Previews) -> None:
    path = clip_file()
    previews.close()
    with pytest.raises(Cancelled):
        previews.thumb(path, identity_of(path))
