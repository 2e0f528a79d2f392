"""What is said of a sound, held against signals of which everything is known."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.heard import Samples, decoded, heard
from vsortd.analysis.sound import SoundReport, judge_sound
from vsortd.analysis.speech import SoundSpan, Speech

if TYPE_CHECKING:
    from pathlib import Path

RATE = 16_000


def tone(db: float, length_s: float, *, hz: float = 1000, rate_hz: int = RATE) -> Samples:
    """Return a sine in both channels, its peak at `db` dBFS."""
    times = np.arange(round(length_s * rate_hz)) / rate_hz
    return np.repeat(10 ** (db / 20) * np.sin(2 * np.pi * hz * times)[:, None], 2, axis=1)


def tones(*parts: tuple[float, float]) -> Samples:
    """Return tones one after the other: level (dBFS) and length (s) of each."""
    return np.concatenate([tone(db, length_s) for db, length_s in parts])


def judged(sound: Samples) -> SoundReport:
    return judge_sound(heard(sound, RATE), speech=None)


def names(sound: Samples) -> set[str]:
    return {verdict.name for verdict in judged(sound).verdicts}


# EBU Tech 3341 (2016), table 1, signals 1 to 5: they tell that what the other tests hear with hears right
@pytest.mark.parametrize(
    ("sound", "lufs"),
    [
        (tones((-23, 20)), -23),
        (tones((-33, 20)), -33),
        (tones((-36, 10), (-23, 60), (-36, 10)), -23),
        (tones((-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)), -23),
        (tones((-26, 20), (-20, 20.1), (-26, 20)), -23),
    ],
)
def test_the_signals_of_tech_3341_have_their_loudness(sound: Samples, lufs: float) -> None:
    assert pytest.approx(lufs, abs=0.1) == heard(sound, RATE).integrated_lufs


@pytest.mark.parametrize(
    ("db", "expected"),
    [
        (-8.5, "very_loud"),
        (-11, None),
        (-14, "streaming"),
        (-20, None),
        (-23, "broadcast"),
        (-27, None),
        (-33, "quiet"),
    ],
)
def test_loudness_is_told_in_words_with_its_number_and_its_limits(db: float, expected: str | None) -> None:
    verdicts = judged(tone(db, 5)).verdicts
    assert ([] if expected is None else [expected]) == [verdict.name for verdict in verdicts]
    for verdict in verdicts:
        assert pytest.approx(db, abs=0.1) == verdict.value
        assert verdict.at_least is None or verdict.at_least <= verdict.value
        assert verdict.at_most is None or verdict.value <= verdict.at_most
        assert f"{verdict.value:.1f} LUFS" in verdict.said


def test_a_true_peak_above_minus_one_is_clipping() -> None:
    assert "clipping" in names(tone(-0.5, 5))
    assert "clipping" not in names(tone(-1.5, 5))


def test_a_peak_between_samples_clips_too() -> None:
    between = np.sin(2 * np.pi * RATE / 4 * np.arange(RATE * 5) / RATE + np.pi / 4)  # no sample is above -3 dBFS
    assert "clipping" in names(np.repeat(between[:, None], 2, axis=1))


def test_a_small_range_is_over_compressed_only_where_it_is_long_enough_to_say_so() -> None:
    assert "over_compressed" in names(tone(-20, 40))
    assert "over_compressed" not in names(tone(-20, 12))
    assert "over_compressed" not in names(tones((-20, 20), (-28, 20)))


def test_a_stream_without_sound_is_silent_from_end_to_end() -> None:
    report = judged(np.zeros((5 * RATE, 2)))
    assert ["no_sound"] == [verdict.name for verdict in report.verdicts]
    assert report.silent
    assert (SoundSpan(0, 5),) == report.silence
    assert 1 == report.silence_share
    assert () == report.faults
    assert None is report.quality.rating


def test_silence_begins_and_ends_where_the_sound_does() -> None:
    report = judged(np.concatenate([tone(-20, 3.03), np.zeros((round(1.54 * RATE), 2)), tone(-20, 3)]))
    (span,) = report.silence
    assert pytest.approx(3.03, abs=0.1) == span.begin_s
    assert pytest.approx(4.57, abs=0.1) == span.end_s
    assert pytest.approx(1.54 / 7.57, abs=0.03) == report.silence_share


def test_silence_at_the_ends_reaches_them() -> None:
    sound = np.concatenate([np.zeros((RATE, 2)), tone(-20, 3), np.zeros((round(1.25 * RATE), 2))])
    first, last = judged(sound).silence
    assert (0, pytest.approx(1, abs=0.1)) == (first.begin_s, first.end_s)
    assert (pytest.approx(4, abs=0.1), 5.25) == (last.begin_s, last.end_s)


@pytest.mark.parametrize(("length_s", "count"), [(0.38, 0), (0.62, 1)])
def test_a_pause_is_silence_from_half_a_second_on(length_s: float, count: int) -> None:
    sound = np.concatenate([tone(-20, 2), np.zeros((round(length_s * RATE), 2)), tone(-20, 2)])
    assert count == len(judged(sound).silence)


def test_quiet_speech_is_no_silence_although_it_is_below_minus_thirty() -> None:
    assert () == judged(tones((-20, 5), (-45, 3), (-20, 5))).silence


def test_what_is_thirty_units_below_the_whole_is_silence() -> None:
    (span,) = judged(tones((-20, 5), (-55, 3), (-20, 5))).silence
    assert pytest.approx(5, abs=0.1) == span.begin_s
    assert pytest.approx(8, abs=0.1) == span.end_s


def test_in_a_very_quiet_sound_only_what_is_below_minus_sixty_is_silence() -> None:
    (span,) = judged(tones((-50, 5), (-70, 3), (-50, 5))).silence
    assert pytest.approx(5, abs=0.11) == span.begin_s
    assert pytest.approx(8, abs=0.11) == span.end_s


def test_loud_moments_are_found_where_they_are_and_as_strong_as_they_are() -> None:
    sound = tone(-30, 60)
    for at_s, db in ((12.3, -24), (40.0, -10)):  # each a little longer than the 3 s of short-term loudness
        begin = round((at_s - 1.6) * RATE)
        sound[begin : begin + round(3.2 * RATE)] = tone(db, 3.2)
    weaker, stronger = judged(sound).loud
    assert pytest.approx(12.3, abs=1.6) == weaker.at_s
    assert pytest.approx(40.0, abs=1.6) == stronger.at_s
    assert pytest.approx(-24, abs=0.1) == weaker.lufs
    assert pytest.approx(6 / 12, abs=0.01) == weaker.strength
    assert 1 == stronger.strength


def test_a_short_bang_is_timed_to_a_tenth() -> None:
    sound = tone(-30, 20)
    sound[round(7.0 * RATE) : round(7.4 * RATE)] = tone(-8, 0.4)
    (moment,) = judged(sound).loud
    assert pytest.approx(7.2, abs=0.1) == moment.at_s


def test_a_bang_in_the_first_second_is_found() -> None:
    sound = tone(-30, 20)
    sound[round(0.5 * RATE) : round(0.9 * RATE)] = tone(-8, 0.4)
    (moment,) = judged(sound).loud
    assert pytest.approx(0.7, abs=0.1) == moment.at_s


def curve(lufs: np.ndarray[tuple[int], np.dtype[np.float64]], *, lra_lu: float = 8.0) -> SoundReport:
    """Return what is said of a sound with that short-term curve."""
    short = lufs.astype(np.float32)
    curves = {"short_lufs": short, "momentary_lufs": short, "duration_s": len(lufs) / 10, "lra_lu": lra_lu}
    return judge_sound(dataclasses.replace(heard(tone(-30, 2), RATE), **curves), speech=None)


def test_less_than_four_units_above_the_median_of_thirty_seconds_is_no_moment() -> None:
    lufs = np.full(1200, -30.0)
    lufs[300], lufs[600], lufs[900] = -26.1, -25.9, -20
    assert [pytest.approx(4.1 / 12, abs=0.01), pytest.approx(10 / 12, abs=0.01)] == [
        one.strength for one in curve(lufs).loud
    ]


def test_a_loud_half_is_its_own_measure() -> None:
    lufs = np.concatenate([np.full(900, -40.0), np.full(900, -20.0)])
    lufs[1500] = -14
    assert [-14] == [one.lufs for one in curve(lufs).loud if one.at_s > 110]


def test_of_moments_less_than_three_seconds_apart_the_stronger_stays() -> None:
    lufs = np.full(600, -30.0)
    lufs[300], lufs[320], lufs[400] = -22, -20, -21
    assert [-20, -21] == [one.lufs for one in curve(lufs).loud]


def test_nothing_stands_out_of_an_even_sound() -> None:
    lufs = np.full(600, -30.0)
    lufs[300] = -10
    assert 1 == len(curve(lufs, lra_lu=2.0).loud)
    assert () == curve(lufs, lra_lu=1.9).loud


def test_a_drone_in_flight_has_no_loud_moment(clips: Path) -> None:
    sound, rate_hz, layout = decoded(clips / "gpmf-parser__karma.mp4")
    report = judge_sound(heard(sound, rate_hz, layout=layout), speech=None)
    assert () == report.loud
    assert {"very_loud", "clipping"} == {verdict.name for verdict in report.verdicts}
    assert pytest.approx(-6.6, abs=0.1) == report.measures.integrated_lufs


def test_times_count_from_the_start_of_the_video() -> None:
    sound = np.concatenate([tone(-30, 10), tone(-8, 0.4), tone(-30, 5), np.zeros((RATE, 2))])
    speech = Speech((SoundSpan(1, 2),), 0.1, np.zeros(0, np.float32))
    here = judge_sound(heard(sound, RATE), speech=speech)
    there = judge_sound(heard(sound, RATE), speech=speech, start_s=2.5)
    assert [span.later(2.5) for span in here.silence] == list(there.silence)
    assert [one.at_s + 2.5 for one in here.loud] == [one.at_s for one in there.loud]
    assert there.speech is not None
    assert (SoundSpan(3.5, 4.5),) == there.speech.spans
    assert 1 == len(here.silence) == len(here.loud)


KEYS = {
    "integrated_lufs", "lra_lu", "true_peak_dbtp", "max_short_lufs", "mean_db", "max_db", "silence", "silence_share",
    "loud", "speech", "speech_share", "music_share", "faults",
}  # fmt: skip


@pytest.mark.parametrize(
    "sound",
    [tone(-20, 10), np.zeros((5 * RATE, 2)), tone(-20, 0.1), tone(-20, 0.6), np.zeros((1, 2)), tone(0, 4)[:, :1]],
    ids=["tone", "silence", "short", "less than three seconds", "one sample", "mono"],
)
def test_json_has_every_key_and_finite_numbers_only(sound: Samples) -> None:
    told = judged(sound).to_json()
    assert KEYS <= told.keys()
    assert told == json.loads(json.dumps(told, allow_nan=False))


def test_json_says_which_levels_are_those_of_no_sound_at_all() -> None:
    told = judged(np.zeros((5 * RATE, 2))).to_json()
    levels = {"integrated_lufs", "true_peak_dbtp", "max_momentary_lufs", "max_short_lufs", "mean_db", "max_db"}
    assert levels | {"noise_floor_db"} == set(told["minus_infinity"])  # type: ignore[call-overload]
    assert {None} == {told[level] for level in levels}


def test_json_calls_nothing_silent_that_was_too_short_to_be_measured() -> None:
    told = judged(tone(-20, 0.3)).to_json()
    assert (None, []) == (told["integrated_lufs"], told["minus_infinity"])


def test_json_tells_speech_that_was_not_looked_for_from_none() -> None:
    none = judge_sound(heard(tone(-20, 5), RATE), speech=Speech((), 0.0, np.zeros(0, np.float32))).to_json()
    assert ([], 0.0) == (none["speech"], none["speech_share"])
    unknown = judged(tone(-20, 5)).to_json()
    assert (None, None) == (unknown["speech"], unknown["speech_share"])


def test_a_sound_that_is_no_number_is_still_told() -> None:
    like = heard(tone(-20, 10), RATE)
    holes = like.short_lufs.copy()
    holes[50:60] = math.nan
    broken = dataclasses.replace(like, short_lufs=holes, momentary_lufs=holes, lra_lu=math.nan)
    json.dumps(judge_sound(broken, speech=None).to_json(), allow_nan=False)
