"""The arousal curve of measures whose exciting parts are known, and what is told from it."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.measured import measured, measured_clip
from vsortd.analysis.arousal import (
    AROUSAL_HZ,
    Arousal,
    Driver,
    MomentRank,
    Pacing,
    Structure,
    arousal,
    pacing_of,
    rhythm_variation,
)
from vsortd.analysis.shots import Shot, ShotReport, ShotStart, find_shots
from vsortd.media.measures import CURVE_HZ

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vsortd.media.measures import PictureMeasures

FPS = 10


def moving(seconds: int, change: Callable[[float], float]) -> PictureMeasures:
    """Return measures of a grey video whose luma changes by so much from frame to frame."""
    frames = seconds * FPS
    one = measured([np.full((8, 8, 3), 120, np.uint8)], [0.0])
    rows = {name: np.repeat(getattr(one, name), frames, axis=0) for name in ("difference", "luma", "dark", "small")}
    times_s = np.arange(frames) / FPS
    return replace(one, times_s=times_s, change=np.array([change(at_s) for at_s in times_s], np.float32), **rows)


def cut_at(seconds: float, *cuts_s: float) -> ShotReport:
    edges_s = (0.0, *cuts_s, seconds)
    shots = tuple(
        Shot(begin, end, ShotStart.CUT if begin else ShotStart.START, begin, round(begin * FPS), round(end * FPS))
        for begin, end in itertools.pairwise(edges_s)
    )
    return ShotReport(shots, (), (), (), 0.3)


def sound(seconds: int, lufs: Callable[[float], float]) -> np.ndarray:
    return np.array([lufs(index / CURVE_HZ) for index in range(seconds * CURVE_HZ)], np.float32)


def moments_of(told: Arousal) -> list[tuple[float, MomentRank, tuple[Driver, ...]]]:
    return [(moment.at_s, moment.rank, moment.stood_out) for moment in told.key_moments]


def test_the_strongest_movement_is_the_key_moment_and_movement_its_evidence() -> None:
    pictures = moving(120, lambda at_s: 12.0 if 70 <= at_s < 76 else 1.0)
    told = arousal(pictures, cut_at(120), None)
    ((at_s, rank, stood_out),) = moments_of(told)
    assert 73 == pytest.approx(at_s, abs=1)
    assert MomentRank.MAJOR is rank
    assert (Driver.MOTION,) == stood_out
    assert told.key_moments[0].evidence[Driver.SOUND] is None


def test_a_loud_moment_lies_where_it_is_heard_though_its_loudness_is_told_later() -> None:
    def short_term(at_s: float) -> float:  # over the three seconds before
        return -14.0 if 41.5 <= at_s < 45.5 else -30.0

    ((at_s, _, stood_out),) = moments_of(arousal(moving(90, lambda _: 1.0), cut_at(90), sound(90, short_term)))
    assert 42 == pytest.approx(at_s, abs=1)
    assert (Driver.SOUND,) == stood_out


def test_the_first_seconds_are_no_silence_though_their_loudness_is_not_told() -> None:
    told = arousal(moving(60, lambda _: 1.0), cut_at(60), sound(60, lambda at_s: -20.0 if at_s >= 3 else -np.inf))
    assert np.zeros(120) == pytest.approx(told.drivers[Driver.SOUND])


def test_sound_may_begin_later_than_the_picture() -> None:
    loud = sound(60, lambda at_s: -12.0 if 21.5 <= at_s < 25.5 else -30.0)
    told = arousal(moving(90, lambda _: 1.0), cut_at(90), loud, sound_start_s=20.0)
    assert 42 == pytest.approx(told.key_moments[0].at_s, abs=1)


def test_fast_cuts_stand_out_and_are_no_movement() -> None:
    pictures = moving(120, lambda at_s: 60.0 if 60 <= at_s <= 66 and round(at_s * FPS) % 10 == 0 else 1.0)
    told = arousal(pictures, cut_at(120, 30, *range(60, 67), 90), None)
    assert 63 == pytest.approx(told.key_moments[0].at_s, abs=2)
    assert (Driver.CUTS,) == told.key_moments[0].stood_out
    assert 0 == pytest.approx(told.key_moments[0].evidence[Driver.MOTION], abs=0.1)


def test_key_moments_lie_apart_and_the_highest_comes_first() -> None:
    peaks = {20.0: 6.0, 24.0: 5.0, 60.0: 12.0, 90.0: 9.0, 100.0: 3.0, 140.0: 7.0}
    pictures = moving(180, lambda at_s: 1 + sum(h for p, h in peaks.items() if abs(at_s - p) < 2))
    told = arousal(pictures, cut_at(180), None)
    assert 60 == pytest.approx(told.key_moments[0].at_s, abs=1)
    assert len(told.key_moments) <= 3
    heights = [moment.arousal for moment in told.key_moments]
    assert heights == sorted(heights, reverse=True)
    times_s = sorted(moment.at_s for moment in told.key_moments)
    assert all(after - before >= 10 for before, after in itertools.pairwise(times_s))
    assert 1 == len(arousal(pictures, cut_at(180), None, moments=1).key_moments)


def test_the_rank_is_by_percentile_of_the_video() -> None:
    peaks = {100.0: 30.0, 300.0: 16.0, 500.0: 12.0}
    told = arousal(moving(600, lambda at_s: sum(h for p, h in peaks.items() if abs(at_s - p) < 5)), cut_at(600), None)
    for moment in told.key_moments:
        share = {MomentRank.MAJOR: 99, MomentRank.SIGNIFICANT: 95, MomentRank.NOTABLE: 90}[moment.rank]
        assert moment.arousal >= np.percentile(told.curve, share) - 1e-6
    assert MomentRank.MAJOR is told.key_moments[0].rank
    assert MomentRank.MAJOR is not told.key_moments[-1].rank


def test_an_even_video_has_no_key_moment() -> None:
    rng = np.random.default_rng(1)
    pictures = moving(120, lambda _: 3 + rng.uniform(-0.3, 0.3))
    rotor = sound(120, lambda at_s: -6.6 + 0.4 * np.sin(at_s))
    told = arousal(pictures, cut_at(120), rotor)
    assert () == told.key_moments
    assert np.abs(told.curve).max() < 0.3


def test_silence_of_any_depth_is_as_quiet() -> None:
    pictures, shots = moving(60, lambda _: 1.0), cut_at(60)
    digital = arousal(pictures, shots, sound(60, lambda at_s: -20.0 if at_s > 20 else -np.inf))
    quiet = arousal(pictures, shots, sound(60, lambda at_s: -20.0 if at_s > 20 else -65.0))
    assert digital.curve == pytest.approx(quiet.curve)


def test_sound_that_ends_early_is_silence_from_there() -> None:
    told = arousal(moving(60, lambda _: 1.0), cut_at(60), sound(30, lambda _: -20.0))
    heard = told.drivers[Driver.SOUND]
    assert heard is not None
    assert heard[20] > 0.5 > -0.5 > heard[-20]


def test_without_sound_the_others_are_the_curve() -> None:
    pictures, shots = moving(60, lambda at_s: 9.0 if at_s > 40 else 1.0), cut_at(60)
    assert arousal(pictures, shots, None).curve == pytest.approx(
        arousal(pictures, shots, np.zeros(0, np.float32)).curve
    )


def test_frames_that_come_at_any_pace_move_as_much() -> None:
    slow = moving(60, lambda at_s: 4.0 if 30 <= at_s < 40 else 1.0)
    kept = np.flatnonzero(np.arange(600) % np.where(np.arange(600) < 200, 5, 1) == 0)
    dropped = replace(slow, times_s=slow.times_s[kept], change=np.where(kept <= 200, 5, 1) * slow.change[kept])
    even, uneven = (arousal(pictures, cut_at(60), None).drivers[Driver.MOTION] for pictures in (slow, dropped))
    assert even == pytest.approx(uneven, abs=0.05)


@pytest.mark.parametrize("seconds", [0.0, 0.04, 0.6, 3.0])
def test_the_shortest_videos_have_a_curve(seconds: float) -> None:
    frames = round(seconds * 25) or 1
    pictures = measured([np.full((8, 8, 3), 90, np.uint8)] * frames, np.arange(frames) / 25)
    shots = find_shots(pictures)
    told = arousal(pictures, shots, None)
    assert max(int(shots.duration_s * AROUSAL_HZ), int(shots.duration_s > 0)) == len(told.curve)
    json.dumps(told.to_json(), allow_nan=False)


def test_without_frames_there_is_neither_a_curve_nor_a_pace() -> None:
    pictures = measured([], [])
    told = arousal(pictures, find_shots(pictures), None)
    assert 0 == len(told.curve)
    assert (None, (), Structure.SIMPLE) == (told.pacing, told.key_moments, told.structure)
    json.dumps(told.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("cuts_a_minute", "pacing"),
    [
        (0, Pacing.SLOW),
        (5, Pacing.SLOW),
        (6, Pacing.MODERATE),
        (10, Pacing.MODERATE),
        (11, Pacing.FAST),
        (20, Pacing.FAST),
        (21, Pacing.VERY_FAST),
    ],
)
def test_the_pace_is_that_of_the_cuts(cuts_a_minute: int, pacing: Pacing) -> None:
    assert pacing is pacing_of(cut_at(60, *(np.arange(cuts_a_minute) * 2 + 2.0)))


def test_a_short_uncut_video_is_slow() -> None:
    assert Pacing.SLOW is pacing_of(cut_at(2))


@pytest.mark.parametrize(
    ("levels", "structure"),
    [
        ((1, 4, 9), Structure.RISING),
        ((9, 4, 1), Structure.FALLING),
        ((9, 1, 9), Structure.COMPLEX),
        ((1, 9, 1), Structure.EPISODIC),
        ((4, 4, 4), Structure.EPISODIC),
    ],
)
def test_the_structure_is_told_from_the_thirds(levels: Sequence[float], structure: Structure) -> None:
    pictures = moving(90, lambda at_s: float(levels[int(at_s // 30)]))
    assert structure is arousal(pictures, cut_at(90, 30, 60), None).structure
    assert Structure.SIMPLE is arousal(pictures, cut_at(90, 45), None).structure
    assert arousal(pictures, cut_at(90, 30, 60), None).to_json()["structure_is_a_guess"]


def test_less_than_a_minute_has_a_simple_structure() -> None:
    assert Structure.SIMPLE is arousal(moving(59, lambda at_s: at_s), cut_at(59, 10, 20, 30), None).structure


def test_rhythm_varies_by_how_the_lengths_of_shots_do() -> None:
    assert rhythm_variation(cut_at(30)) is None
    assert 0.0 == rhythm_variation(cut_at(30, 10, 20))
    assert 0.5 == rhythm_variation(cut_at(40, 10))


@pytest.mark.long
def test_an_uncut_drone_shot_has_neither_pace_nor_key_moment(clips: Path) -> None:
    pictures = measured_clip(clips / "gpmf-parser__karma.mp4", width_px=96)
    told = arousal(pictures, find_shots(pictures), sound(12, lambda _: -6.6))
    assert (Pacing.SLOW, (), Structure.SIMPLE) == (told.pacing, told.key_moments, told.structure)
