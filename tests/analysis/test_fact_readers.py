"""Facts for conditions out of the parts of an analysis, also of files that lack a part."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from vsortd.analysis.fact_readers import READERS, NotKnownError
from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.technical import technical_report
from vsortd.analysis.video_analysis import VideoAnalysis
from vsortd.core.technical_facts import FileKind, TechnicalFacts

SOUND: dict[str, Any] = {
    "integrated_lufs": -20.0,
    "true_peak_dbtp": None,
    "minus_infinity": [],
    "silent": False,
    "speech_share": None,
    "speech_error": "the package silero-vad is not installed",
    "music_share": None,
}


def analysis(part: AnalysisPart, document: dict[str, Any] | None, **tags: str) -> VideoAnalysis:
    technical = TechnicalFacts(FileKind.VIDEO, "mov", None, 1, 1.0, None, 1, None, tags=tags)
    return VideoAnalysis(Path("/a.mp4"), {part: document}, technical_report(technical, private=False))


def read(fact: str, document: dict[str, Any] | None) -> object:
    return READERS[fact].read(analysis(READERS[fact].part, document))


@pytest.mark.parametrize("fact", sorted(fact for fact, one in READERS.items() if one.part is not AnalysisPart.FACTS))
def test_a_part_that_failed_tells_nothing_but_why(fact: str) -> None:
    with pytest.raises(NotKnownError, match="torn"):
        read(fact, {"error": "it is torn"})


def test_a_video_without_sound_is_silent_and_nobody_speaks_in_it() -> None:
    assert (True, 0.0) == (read("silent", None), read("speech_share", None))
    for level in ("loudness_lufs", "true_peak_dbtp"):
        with pytest.raises(NotKnownError, match="no sound"):
            read(level, None)


def test_levels_of_nothing_are_endless_and_those_of_too_short_a_sound_unknown() -> None:
    assert -20.0 == read("loudness_lufs", SOUND)
    assert -math.inf == read("loudness_lufs", {**SOUND, "integrated_lufs": None, "minus_infinity": ["integrated_lufs"]})
    with pytest.raises(NotKnownError, match="too short"):
        read("true_peak_dbtp", SOUND)


def test_speech_that_could_not_be_looked_for_says_why() -> None:
    with pytest.raises(NotKnownError, match="silero-vad is not installed"):
        read("speech_share", SOUND)
    assert 0.0 == read("speech_share", {**SOUND, "speech_share": 0.0, "speech_error": None})


def test_music_is_none_where_nothing_is_heard_and_what_can_not_be_told_says_why() -> None:
    assert 0.25 == read("music_share", {**SOUND, "music_share": 0.25, "music_error": None})
    assert (0.0, 0.0) == (read("music_share", None), read("music_share", {**SOUND, "silent": True}))
    with pytest.raises(NotKnownError, match="no sound model has listened"):
        read("music_share", SOUND)
    with pytest.raises(NotKnownError, match="torn"):
        read("music_share", {**SOUND, "music_error": "it is torn"})


def test_a_picture_of_which_too_little_is_known_has_no_quality() -> None:
    quality = {"rating": None, "factors": {"blur": {"value": None}}}
    for fact in ("quality", "blur_px"):
        with pytest.raises(NotKnownError):
            read(fact, {"picture_quality": quality, "interlaced_share": 0.0})


def test_a_device_is_known_by_its_make_or_its_model() -> None:
    reader = READERS["device"].read
    assert "ACME" == reader(analysis(AnalysisPart.FACTS, {}, make="ACME"))
    assert "Phone 3" == reader(analysis(AnalysisPart.FACTS, {}, model="Phone 3"))
    with pytest.raises(NotKnownError):
        reader(analysis(AnalysisPart.FACTS, {}, encoder="Lavf61"))
