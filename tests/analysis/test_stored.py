"""Analyses that were written before, read again: what is wrong with them is named with file and key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.stored import read_stored
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAD = "stream_id,label,avg_probability,count\n"
# An uncut clip of a drone as DeepFFmpeg tells of it: keyframes for scenes, the noise of its rotors for moments.
TECHNICAL: dict[str, Any] = {
    "input_file": "videos/drone.mp4",
    "metadata": {
        "format": "mov,mp4,m4a,3gp,3g2,mj2",
        "duration": 12.0,
        "size": 1_500_000,
        "bitrate": 1_000_000,
        "streams": 2,
        "tags": {},
        "video_streams": [
            {"codec": "h264", "width": 800, "height": 500, "fps": 25.0, "bit_depth": "8", "pix_fmt": "yuv420p"}
        ],
        "audio_streams": [{"codec": "aac", "sample_rate": "48000", "channels": 2, "channel_layout": "stereo"}],
    },
    "scene_analysis": {
        "total_frames": 300,
        "scene_count": 4,
        "scene_timestamps": [0.0, 2.0, 4.0, 8.0],
        "detection_method": "showinfo",
    },
    "audio_analysis": {"has_audio": True, "action_moments": [{"time": 4.12, "intensity": 0.98}]},
}
LABEL = {"unit": None, "label": "a forest", "avg_probability": None, "count": 3}
HUGE = 10**400
OWN: dict[str, Any] = {
    "schema_version": 1,
    "videos": [
        {
            "path": "/films/one.mp4",
            "facts": None,
            "shots": {"shots_per_minute": 3.0, "count": 2},
            "words": {"spoken": "as it was"},
            "sound": {"integrated_lufs": -20.0, "speech_share": 0.9, "music_share": None},
            "labels": {
                "why": None,
                "looks": None,
                "labels": [],
                "units": [
                    {
                        "unit": "ContentPurpose",
                        "labels": {"Storytelling": 0.3, "Informational": 0.4, "RealityCapture": 0.3},
                        "none": 0.0,
                        "tenths": [None] * 10,
                    }
                ],
            },
            "summary": {
                "picture_quality": {"score": 0.8, "rating": "high", "limited_by": None, "factors": {}},
                "sound_quality": None,
                "rate_hz": 2,
                "curve": [0.0, 1.0],
                "key_moments": [],
                "pacing": "Slow",
                "structure": "Simple",
                "scene_rhythm_variation": 0.5,
                "shot_length_median_s": 20.0,
                "content_type": {"type": "what somebody wrote"},
            },
        },
        {"path": "/films/broken.mp4", "error": "no video at all"},
    ],
}


def written(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def refusal(*paths: Path) -> str:
    with pytest.raises(UsageError) as refused:
        read_stored(paths)
    assert paths[-1].name in str(refused.value)
    return str(refused.value)


def test_the_summary_is_told_anew_from_the_parts(tmp_path: Path) -> None:
    """Speech for 90 % of the time in 3 shots a minute doubles the odds of information: 1.2 · 2 of 0.9 + 2.4 + 1."""
    one, broken = read_stored([written(tmp_path / "own.json", OWN)])
    summary = one.documents[AnalysisPart.SUMMARY]
    assert summary is not None
    told = summary["content_type"]
    assert ("Informational", pytest.approx(2.4 / 4.3, abs=1e-4)) == (told["type"], told["confidence"])
    assert {"shots_per_minute": 3.0, "count": 2} == one.documents[AnalysisPart.SHOTS]
    assert {"spoken": "as it was"} == one.documents[AnalysisPart.WORDS]
    assert ("no video at all", "/films/broken.mp4") == (broken.reason, str(broken.path))


def test_two_files_of_deepffmpeg_tell_what_they_can(tmp_path: Path) -> None:
    technical = written(tmp_path / "drone_technical.json", TECHNICAL)
    table = tmp_path / "drone_classifications.txt"
    table.write_text(HEAD + "0,Tense,0.5,10\n0,Exciting,0.5,30\n0,LiveAction,0.9,7\n1,LightAudio,0.9,2\n0,mine,1.0,1\n")
    (one,) = read_stored([table, technical])
    summary = one.documents[AnalysisPart.SUMMARY]
    assert summary is not None
    assert "videos/drone.mp4" == one.path.as_posix()
    # the picture: Tense 1/4, Exciting 3/4; the sound: all of it Lighthearted; one half each
    assert {"Lighthearted": 0.5, "Exciting": 0.375, "Tense": 0.125, "Emotional": 0.0, "Imaginative": 0.0} == {
        element["mood"]: element["strength"] for element in summary["mood"]["elements"]
    }
    assert {"Live Action": 1.0, "Exciting": 0.75} == {one["name"]: one["probability"] for one in summary["subtypes"]}
    assert ["Exciting", "Tense", "LiveAction", "mine"] == [one["label"] for one in summary["top_labels"]["picture"]]
    # what its keyframes and its moments can't tell
    assert (None, None, []) == (summary["pacing"], summary["structure"], summary["key_moments"])
    bits = summary["picture_quality"]["factors"]["bits_per_pixel"]
    assert pytest.approx(1_000_000 / (800 * 500 * 25)) == bits["value"]
    assert ("SD", 800) == (summary["highlights"]["resolution_class"], summary["highlights"]["width_px"])


def test_where_scenes_are_shots_they_are_read_on(tmp_path: Path) -> None:
    """Three cuts in twelve seconds: 15 a minute; lengths 2, 2, 4, 4 s differ by 1 s of 3 in the mean."""
    scenes = {**TECHNICAL["scene_analysis"], "detection_method": "adaptive"}
    (one,) = read_stored([written(tmp_path / "a.json", {**TECHNICAL, "scene_analysis": scenes})])
    summary = one.documents[AnalysisPart.SUMMARY]
    assert summary is not None
    assert ("Fast", 3.0, 0.333) == (
        summary["pacing"],
        summary["shot_length_median_s"],
        summary["scene_rhythm_variation"],
    )


def test_a_part_that_failed_stays_as_it_is(tmp_path: Path) -> None:
    for why in ("torn", ""):
        document = _put(_put(OWN, {"error": why}, "videos", 0, "labels"), {"error": why}, "videos", 0, "summary")
        found = read_stored([written(tmp_path / "own.json", document)])[0]
        assert {AnalysisPart.LABELS: why, AnalysisPart.SUMMARY: why} == found.errors


def _drop(document: dict[str, Any], *keys: str | int) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(document))
    at: Any = changed
    for key in keys[:-1]:
        at = at[key]
    del at[keys[-1]]
    return changed


def _put(document: dict[str, Any], value: object, *keys: str | int) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(document))
    at: Any = changed
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (_drop(OWN, "videos", 0, "path"), "videos.0.path: it is missing"),
        (_drop(OWN, "videos", 0, "summary"), "videos.0.summary: it is missing"),
        (_drop(OWN, "videos", 0, "summary", "curve"), "videos.0.summary.curve: it is missing"),
        (_put(OWN, "Very Slow", "videos", 0, "summary", "pacing"), "videos.0.summary.pacing: "),
        (_put(OWN, 1.5, "videos", 0, "sound", "speech_share"), "videos.0.sound.speech_share: "),
        (_put(OWN, [], "videos", 0, "labels", "units", 0, "tenths"), "videos.0.labels.units.0.tenths: "),
        (_put(OWN, [], "videos", 0, "facts"), "videos.0.facts: "),
        (_put(OWN, {"units": [{}], "labels": []}, "videos", 0, "labels", "sound"), "labels.sound.units.0.unit: "),
        (_put(OWN, {"lines": [{"begin_s": 0}]}, "videos", 0, "text"), "videos.0.text.lines.0.end_s: it is missing"),
        (_put(OWN, [LABEL], "videos", 0, "labels", "labels"), "videos.0.labels.labels.0: "),
        (_put(OWN, None, "videos", 0, "summary", "picture_quality", "score"), "videos.0.summary.picture_quality: "),
        (_put(OWN, "a\0b", "videos", 0, "path"), "videos.0.path: "),
        (_put(OWN, "\ud800", "videos", 0, "path"), "videos.0.path: "),
        (_put(OWN, 5, "videos", 0, "words"), "videos.0.words: "),
        (_put(OWN, {"error": 5}, "videos", 0, "sound"), "videos.0.sound.error: "),
        (_put(OWN, ["0.1"], "videos", 0, "summary", "curve"), "videos.0.summary.curve.0: "),
        (_put(OWN, "2", "videos", 0, "summary", "rate_hz"), "videos.0.summary.rate_hz: "),
        (_put(OWN, [{**LABEL, "count": "3"}], "videos", 0, "labels", "labels"), "videos.0.labels.labels.0.count: "),
        (_put(TECHNICAL, HUGE, "metadata", "video_streams", 0, "width"), "metadata.video_streams.0.width: "),
        (_put(TECHNICAL, HUGE, "scene_analysis", "scene_count"), "scene_analysis.scene_count: "),
        (_put(TECHNICAL, "9" * 5000, "metadata", "audio_streams", 0, "sample_rate"), "audio_streams.0.sample_rate"),
        (_put(OWN, [], "videos"), "videos: there is no video in it"),
        (_put(OWN, 2, "schema_version"), "schema_version isn't 1"),
        (_drop(TECHNICAL, "metadata", "duration"), "metadata.duration: it is missing"),
        (_put(TECHNICAL, "wide", "metadata", "video_streams", 0, "width"), "metadata.video_streams.0.width: "),
        (_drop(TECHNICAL, "metadata"), "neither videos (ours) nor metadata (DeepFFmpeg's)"),
        ({"combined_insights": {}}, "it is what DeepFFmpeg combined"),
        ([OWN], "it holds no JSON object"),
    ],
)
def test_a_key_that_is_not_right_is_named(tmp_path: Path, document: object, told: str) -> None:
    assert told in refusal(written(tmp_path / "F.json", document))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("label,count\n", "line 1: "),
        (HEAD + "0,Tense,0.5\n", "line 2: there are 3 columns, not 4"),
        (HEAD + "0,Tense,0.5,1\n\n0,Tense,much,1\n", "line 4: "),
        (HEAD + "0,Tense,1.5,1\n", "line 2: avg_probability"),
        (HEAD + "0,Tense,nan,1\n", "line 2: avg_probability"),
        (HEAD + "0,Tense,0.5,-1\n", "line 2: "),
        (HEAD + f"0,Tense,0.5,{HUGE}\n", "line 2: "),
        (HEAD + "2,Tense,0.5,1\n", "line 2: stream_id is 2"),
        (HEAD + "0, ,0.5,1\n", "line 2: "),
    ],
)
def test_a_line_of_a_table_that_is_not_right_is_named(tmp_path: Path, rows: str, told: str) -> None:
    table = tmp_path / "labels.csv"
    table.write_text(rows)
    assert told in refusal(written(tmp_path / "technical.json", TECHNICAL), table)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: path.write_bytes(b"{\xff"), "no UTF-8"),
        (lambda path: path.write_text("{"), "no JSON"),
        (lambda path: path.write_text('{"videos": NaN}'), "NaN is no number"),
        (lambda path: path.write_text("[" * 200_000), "no JSON"),
        (lambda path: path.mkdir(), "Can't read"),
        (lambda path: path.write_text(HEAD), "it tells of one video with its technical JSON"),
        (lambda path: path.write_text(""), "it tells of one video with its technical JSON"),
    ],
)
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, make: Callable[[Path], object], told: str) -> None:
    make(tmp_path / "F.json")
    assert told in refusal(tmp_path / "F.json")
