"""Shots of made-up frames whose cuts are known, and of real clips that people looked at."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.measured import measured, measured_clip, scene, view
from vsortd.analysis.shots import LEAST_SHOT_S, ShotStart, find_shots
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    Times = npt.NDArray[np.float64]
    Picture = npt.NDArray[np.uint8]

RATES = (24, 25, 30, 50, 60, 120)
WIDTH_PX = 96
SCENES = tuple(scene(seed) for seed in range(8))
FRAME_S = 1e-6 + 1 / 24


def even(fps: float, seconds: float) -> Times:
    return np.arange(round(fps * seconds)) / fps


def uneven(seed: int, seconds: float) -> Times:
    """Return moments as a phone has them: most at 60 a second, some after twice to four times as long."""
    steps = np.random.default_rng(seed).choice([1, 1, 1, 2, 4], size=round(60 * seconds)) / 60
    times_s = np.append(0.0, np.cumsum(steps))
    return np.round(times_s[times_s < seconds], 3)


def filmed(times_s: Times, cuts_s: Sequence[float] = (), *, speed: float = 0.15, noise: float = 0.0) -> list[Picture]:
    """Return a scene after the other, the camera going right by `speed` of the width a second, with noise (levels)."""
    rng = np.random.default_rng(7)
    pictures = []
    for at_s in times_s:
        number = sum(at_s >= cut_s - 1e-6 for cut_s in cuts_s)
        begin_s = ([0.0, *cuts_s])[number]
        picture = view(SCENES[number], WIDTH_PX * speed * (at_s - begin_s))
        pictures.append(with_noise(picture, noise, rng) if noise else picture)
    return pictures


def with_noise(picture: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    return np.clip(picture + rng.normal(0, sigma, picture.shape), 0, 255).astype(np.uint8)


def found(pictures: Sequence[Picture], times_s: Times) -> list[float]:
    return [round(at_s, 3) for at_s in find_shots(measured(pictures, times_s)).cuts_s]


def near(times_s: Times, wished_s: Sequence[float]) -> list[float]:
    """Return the frames at or after moments."""
    return [float(times_s[np.searchsorted(times_s, at_s - 1e-6)]) for at_s in wished_s]


def test_an_uncut_video_is_one_shot_from_its_begin_to_its_end() -> None:
    times_s = even(25, 2)
    report = find_shots(measured(filmed(times_s), times_s))
    (shot,) = report.shots
    assert (0.0, 2.0, ShotStart.START) == (shot.begin_s, shot.end_s, shot.begins)
    assert (0, 50) == (shot.begin_frame, shot.end_frame)
    assert 30.0 == report.shots_per_minute
    assert 25.0 == pytest.approx(report.frame_rate)


def test_without_frames_there_are_no_shots_and_nothing_is_told_of_them() -> None:
    report = find_shots(measured([], []))
    assert () == report.shots
    assert (None, None, None, None) == (
        report.length_mean_s,
        report.length_median_s,
        report.shots_per_minute,
        report.frame_rate,
    )
    assert 0 == json.loads(json.dumps(report.to_json(), allow_nan=False))["count"]


def test_a_single_frame_is_a_shot_without_a_length() -> None:
    report = find_shots(measured([view(scene(1), 0)], [0.0]))
    (shot,) = report.shots
    assert (0.0, 0.0, 0.0, 0, 1) == (shot.begin_s, shot.end_s, shot.key_frame_s, shot.begin_frame, shot.end_frame)
    assert report.shots_per_minute is None


@pytest.mark.parametrize("fps", RATES)
def test_hard_cuts_a_fifth_of_a_second_apart_are_all_found(fps: int) -> None:
    times_s = even(fps, 1.9)
    apart_s = np.ceil(LEAST_SHOT_S * fps - 1e-6) / fps
    cuts_s = near(times_s, np.cumsum([0.3, *[apart_s] * 6]).tolist())
    assert [round(at_s, 3) for at_s in cuts_s] == found(filmed(times_s, cuts_s), times_s)


@pytest.mark.parametrize("noise", [4.0, 8.0])
def test_hard_cuts_are_found_in_noise(noise: float) -> None:
    times_s = even(25, 2)
    cuts_s = near(times_s, [0.4, 0.8, 1.4])
    assert [round(at_s, 3) for at_s in cuts_s] == found(filmed(times_s, cuts_s, noise=noise), times_s)


@pytest.mark.parametrize("seed", range(4))
def test_hard_cuts_are_found_at_a_variable_frame_rate(seed: int) -> None:
    times_s = uneven(seed, 3)
    cuts_s = near(times_s, [0.5, 0.9, 1.3, 2.0, 2.4])
    assert [round(at_s, 3) for at_s in cuts_s] == found(filmed(times_s, cuts_s), times_s)


def test_slides_of_a_screen_recording_are_shots_though_frames_come_only_when_something_changes() -> None:
    times_s = np.cumsum([0.0, 0.03, 0.03, 0.03, 4.0, 0.03, 0.03, 0.03, 4.0, 0.03, 0.03, 0.03, 2.0])
    pictures = [view(SCENES[index // 4], 0) for index in range(13)]
    for index, picture in enumerate(pictures):
        picture[:4, : 4 * (index % 4)] = 255  # a blinking cursor
    assert [4.09, 8.18, 10.27] == found([*pictures, pictures[-1]], np.append(times_s, 13.0))


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("speed", [0.1, 0.5, 1.0])
def test_a_pan_has_no_cut(fps: int, speed: float) -> None:
    times_s = even(fps, 1.2)
    assert [] == found(filmed(times_s, speed=speed), times_s)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("speed", [0.2, 0.6, 1.0])
def test_a_pan_has_no_cut_at_a_variable_frame_rate(seed: int, speed: float) -> None:
    times_s = uneven(seed, 2)
    assert [] == found(filmed(times_s, speed=speed), times_s)


@pytest.mark.parametrize(("fps", "film_fps"), [(120, 24), (60, 24), (60, 12), (24, 12), (30, 10)])
def test_a_pan_whose_pictures_are_repeated_has_no_cut(fps: int, film_fps: int) -> None:
    times_s = even(fps, 2)
    assert [] == found(filmed(np.floor(times_s * film_fps + 1e-6) / film_fps, speed=0.8), times_s)


def test_cuts_of_film_are_found_where_its_pictures_are_repeated() -> None:
    times_s = even(120, 2)
    film_s = np.floor(times_s * 24 + 1e-6) / 24
    cuts_s = [0.5, 0.75, 1.25]
    assert cuts_s == found(filmed(film_s, cuts_s, speed=0.3), times_s)


def test_slides_that_stand_still_are_shots() -> None:
    times_s = even(24, 3)
    assert [1.0, 2.0, 2.25] == found(filmed(times_s, [1.0, 2.0, 2.25], speed=0.0), times_s)


@pytest.mark.parametrize(("fps", "frames"), [(24, 1), (24, 2), (24, 3), (60, 1), (60, 6), (120, 2), (120, 15)])
@pytest.mark.parametrize("speed", [0.0, 0.3])
def test_a_flash_is_no_cut(fps: int, frames: int, speed: float) -> None:
    times_s = even(fps, 1.5)
    pictures = filmed(times_s, speed=speed)
    for index in range(fps // 2, fps // 2 + frames):
        pictures[index] = (pictures[index] * 0.25 + 190).astype(np.uint8)
    assert [] == found(pictures, times_s)


def test_a_fading_flash_and_one_black_frame_are_no_cuts() -> None:
    times_s = even(25, 2)
    pictures = filmed(times_s)
    for step, share in enumerate((0.9, 0.5, 0.25, 0.1)):
        pictures[12 + step] = (pictures[12 + step] * (1 - share) + 255 * share).astype(np.uint8)
    pictures[35] = np.zeros_like(pictures[35])
    assert [] == found(pictures, times_s)


def test_a_flash_does_not_hide_the_cut_that_it_lies_at() -> None:
    times_s = even(25, 2)
    pictures = filmed(times_s, [1.0])
    pictures[25] = np.full_like(pictures[25], 250)
    (cut_s,) = found(pictures, times_s)
    assert abs(cut_s - 1.0) <= FRAME_S


def test_another_framing_of_the_same_is_a_cut() -> None:
    times_s = even(25, 2)
    wide, close = (np.clip(1.6 * scene(3, width=size, height=size * 3 // 20) - 70, 0, 255) for size in (360, 480))
    pictures = [view(wide, 0) if at_s < 1 else view(close[9:63], 12) for at_s in times_s]
    assert [1.0] == found(pictures, times_s)


def test_hues_that_jump_in_the_dark_are_no_cut() -> None:
    times_s = even(25, 2)
    grey = np.clip(view(scene(4), 0).mean(axis=2) / 6, 12, 40).astype(np.uint8)
    red, blue = np.stack((grey + 2, grey, grey), axis=2), np.stack((grey, grey, grey + 3), axis=2)
    pictures = [blue if at_s >= 1 else red for at_s in times_s]
    measures = measured(pictures, times_s)
    assert measures.difference.max() > 20
    assert () == find_shots(measures).cuts_s


def faded(times_s: Times, out_s: tuple[float, float], in_s: tuple[float, float]) -> list[Picture]:
    """Return two scenes, the first fading out and the second in between two moments each."""
    shares = np.minimum(np.interp(times_s, out_s, (1, 0)) + (times_s >= in_s[0]), 1)
    shares = np.where(times_s >= in_s[0], np.interp(times_s, in_s, (0, 1)), shares)
    pictures = filmed(times_s, [in_s[0]])
    return [(picture * share).astype(np.uint8) for picture, share in zip(pictures, shares, strict=True)]


@pytest.mark.parametrize("fps", [24, 60, 120])
def test_a_fade_through_black_is_one_cut_in_its_middle(fps: int) -> None:
    times_s = even(fps, 4)
    report = find_shots(measured(faded(times_s, (1.0, 1.5), (2.0, 2.5)), times_s))
    assert [ShotStart.START, ShotStart.FADE] == [shot.begins for shot in report.shots]
    assert 1.75 == pytest.approx(report.cuts_s[0], abs=2 / 24)
    ((begin_s, end_s),) = [(span.begin_s, span.end_s) for span in report.fades]
    assert (1.47, 2.04) == pytest.approx((begin_s, end_s), abs=0.05)
    ((begin_s, end_s),) = [(span.begin_s, span.end_s) for span in report.black]
    assert (1.44, 2.08) == pytest.approx((begin_s, end_s), abs=0.05)


def test_black_between_hard_cuts_belongs_half_to_each_shot() -> None:
    times_s = even(25, 3)
    pictures = filmed(times_s, [1.5])
    for index in range(25, 50):
        pictures[index] = np.zeros_like(pictures[index])
    report = find_shots(measured(pictures, times_s))
    assert [(0.0, ShotStart.START), (1.52, ShotStart.BLACK)] == [(shot.begin_s, shot.begins) for shot in report.shots]
    assert [(1.0, 2.0)] == [(span.begin_s, span.end_s) for span in report.black]
    assert () == report.fades


def test_a_fade_at_either_end_makes_no_shot_of_its_own() -> None:
    times_s = even(25, 4)
    shares = np.interp(times_s, (0.2, 0.8, 3.2, 3.8), (0, 1, 1, 0))
    pictures = [(p * s).astype(np.uint8) for p, s in zip(filmed(times_s), shares, strict=True)]
    report = find_shots(measured(pictures, times_s))
    assert 1 == len(report.shots)
    assert 2 == len(report.fades)


def test_a_night_scene_is_a_shot_and_no_fade() -> None:
    times_s = even(25, 3)
    night = np.zeros((54, 96, 3), np.uint8)
    night[20:26, 40:60] = 200  # a lit window
    pictures = [night if 1 <= at_s < 2 else picture for at_s, picture in zip(times_s, filmed(times_s), strict=True)]
    report = find_shots(measured(pictures, times_s))
    assert [(1.0, ShotStart.CUT), (2.0, ShotStart.CUT)] == [(shot.begin_s, shot.begins) for shot in report.shots[1:]]
    assert () == report.fades


def whitened(
    times_s: Times, moments_s: Sequence[float], shares: Sequence[float], cuts_s: Sequence[float] = ()
) -> list[Picture]:
    """Return scenes into which white is mixed, with its share at some moments."""
    mixed = np.interp(times_s, moments_s, shares)
    return [
        (picture * (1 - share) + 255 * share).astype(np.uint8)
        for picture, share in zip(filmed(times_s, cuts_s), mixed, strict=True)
    ]


@pytest.mark.few(3)
@pytest.mark.parametrize("fps", [24, 60, 120])
@pytest.mark.parametrize(("white_s", "ramp_s"), [(0.5, 0.5), (0.2, 0.3), (2.0, 1.0)])
def test_a_fade_through_white_is_one_cut_in_its_middle(fps: int, white_s: float, ramp_s: float) -> None:
    times_s = even(fps, 6)
    middle_s = 3.0
    moments_s = (middle_s - white_s / 2 - ramp_s, middle_s - white_s / 2, middle_s + white_s / 2)
    pictures = whitened(times_s, (*moments_s, moments_s[-1] + ramp_s), (0, 1, 1, 0), [middle_s])
    report = find_shots(measured(pictures, times_s))
    assert [ShotStart.START, ShotStart.FADE] == [shot.begins for shot in report.shots]
    assert middle_s == pytest.approx(report.cuts_s[0], abs=2 / 24)
    ((begin_s, end_s),) = [(span.begin_s, span.end_s) for span in report.fades]
    assert (moments_s[1], moments_s[2]) == pytest.approx((begin_s, end_s), abs=0.2 * ramp_s + 1 / fps)


def test_a_glare_that_passes_is_no_cut() -> None:
    times_s = even(25, 5)
    pictures = [
        (view(SCENES[0], 0) * (1 - share) + 255 * share).astype(np.uint8)
        for share in np.interp(times_s, (1.5, 2.0, 2.5, 3.0), (0, 1, 1, 0))
    ]
    assert () == find_shots(measured(pictures, times_s)).cuts_s


def test_a_fade_from_and_to_white_at_either_end_makes_no_shot_of_its_own() -> None:
    times_s = even(25, 4)
    report = find_shots(measured(whitened(times_s, (0.2, 0.8, 3.2, 3.8), (1, 0, 0, 1)), times_s))
    assert 1 == len(report.shots)
    assert 2 == len(report.fades)


def test_a_white_page_is_no_fade() -> None:
    """A document that is scrolled past a gap, an empty slide that others dissolve into, and one between hard cuts."""
    times_s = even(25, 8)
    page = np.full((900, 96, 3), 250, np.uint8)
    rng = np.random.default_rng(3)
    for line in (*range(0, 330, 6), *range(480, 900, 6)):
        page[line : line + 2, 8:88] = np.where(rng.random((2, 80, 1)) < 0.5, 60, 250)
    scrolled = [page[round(at_s * 90) : round(at_s * 90) + 54] for at_s in times_s]
    report = find_shots(measured(scrolled, times_s))
    assert ((), ()) == (report.cuts_s, report.fades)
    slide = np.full((54, 96, 3), 252, np.uint8)
    long = whitened(times_s, (1.5, 2.0, 5.9, 6.4), (0, 1, 1, 0), [4.0])
    shown = [slide if 2.0 <= at_s <= 5.9 else picture for at_s, picture in zip(times_s, long, strict=True)]
    assert 4.0 not in [round(at_s, 2) for at_s in find_shots(measured(shown, times_s)).cuts_s]
    two = zip(times_s, filmed(times_s, [3.52]), strict=True)
    between = [slide if 2.0 <= at_s < 3.52 - 1e-6 else picture for at_s, picture in two]
    assert [2.0, 3.52] == found(between, times_s)


def test_a_picture_that_stands_still_for_two_seconds_is_frozen() -> None:
    times_s = even(25, 6)
    held_s = np.clip(times_s - np.clip(times_s - 2, 0, 2.5), 0, None)  # holds from 2.0 to 4.5
    report = find_shots(measured(filmed(held_s), times_s))
    ((begin_s, end_s),) = [(span.begin_s, span.end_s) for span in report.frozen]
    assert (2.0, 4.5) == pytest.approx((begin_s, end_s), abs=0.05)
    assert () == report.black


@pytest.mark.parametrize("fps", [25, 120])
def test_a_picture_that_creeps_is_not_frozen(fps: int) -> None:
    times_s = even(fps, 3)
    assert () == find_shots(measured(filmed(times_s, speed=0.01), times_s)).frozen


def test_the_key_frame_is_the_sharpest_of_the_middle_half() -> None:
    times_s = even(10, 4)
    pictures = [view(scene(5), 0)] * 40
    soft = (view(scene(5), 0) * 0.5 + view(scene(5), 2) * 0.5).astype(np.uint8)
    pictures = [picture if index in {3, 22, 38} else soft for index, picture in enumerate(pictures)]
    assert 2.2 == find_shots(measured(pictures, times_s)).shots[0].key_frame_s


def test_a_smaller_threshold_finds_more() -> None:
    times_s = even(25, 2)
    measures = measured(filmed(times_s, [1.0], speed=1.5), times_s)
    counts = [len(find_shots(measures, threshold=threshold).shots) for threshold in (0.1, 0.3, 0.9)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[2]


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_beyond_its_bounds_is_refused(threshold: float) -> None:
    with pytest.raises(UsageError, match="from 0 to 1"):
        find_shots(measured([], []), threshold=threshold)


def test_no_cut_lies_near_either_end() -> None:
    times_s = even(25, 2)
    assert [1.0] == found(filmed(times_s, [0.12, 1.0, 1.88]), times_s)


def test_the_document_counts_shots_by_how_they_begin() -> None:
    times_s = even(25, 3)
    told = find_shots(measured(filmed(times_s, [1.0, 2.0]), times_s)).to_json()
    assert 3 == told["count"]
    assert {"start": 1, "cut": 2, "fade": 0, "black": 0} == told["starts"]
    assert (1.0, 1.0, 60.0) == (told["length_mean_s"], told["length_median_s"], told["shots_per_minute"])
    json.dumps(told, allow_nan=False)


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("name", "cuts_s", "width_px"),
    [
        ("bikes", [1.20, 3.04, 5.48, 7.48, 9.68], 160),
        ("nasa", [5.08, 8.08], 160),
        ("karma", [], 128),
        ("foreman", [], 128),
        ("bottle", [], 64),
        ("data_streams", [], 128),  # its keyframes look like cuts by their hues alone
    ],
)
def test_real_clips_have_the_cuts_that_people_see(
    clip_named: Callable[[str], Path], name: str, cuts_s: list[float], width_px: int
) -> None:
    measures = measured_clip(clip_named(name), width_px=width_px)
    assert cuts_s == pytest.approx(find_shots(measures).cuts_s, abs=FRAME_S)


@pytest.fixture
def clip_named(clips: Path) -> Callable[[str], Path]:
    def named(word: str) -> Path:
        (path,) = clips.glob(f"*{word}*")
        return path

    return named
