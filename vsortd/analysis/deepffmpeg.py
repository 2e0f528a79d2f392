"""An analysis as DeepFFmpeg writes it: its three documents, with its keys and types, filled by what is measured here.

What is told otherwise stands in docs/analyze.md, "Coming from DeepFFmpeg". Where it has no null, what is unknown is
what it has before it knows: "", 0.0, "Unclassified Media".
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from vsortd.analysis.labels import CSV_COLUMNS
from vsortd.analysis.part_names import AnalysisPart
from vsortd.core.measured_facts import QualityRating
from vsortd.core.moments import utc_moment
from vsortd.core.text import storable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.analysis.video_analysis import VideoAnalysis

    Document = dict[str, Any]

_MEGABYTE: Final = 2**20
_SHOT_METHOD, _SOUND_METHOD = "adaptive", "ebur128"  # how shots and loud moments are found here
_MOMENTS: Final = {
    "Major": "Major action/emotional moment",
    "Significant": "Significant moment",
    "Notable": "Notable moment",
}
_GOOD_PICTURES: Final = frozenset({QualityRating.GOOD.value, QualityRating.HIGH.value})
_CLASSES: Final = {"QHD": "Full HD"}  # by its bounds, 2560x1440 is no 4K


def technical_json(found: VideoAnalysis, *, scene_threshold: float) -> Document:
    """Return the technical document (`NAME_technical.json`). `found` holds all parts."""
    assert found.technical is not None
    told = found.technical.to_deepffmpeg(input_file=storable(found.path), scene_threshold=scene_threshold)
    system = told.pop("system_info")
    details = system["details"]
    if "resolution_class" in details:
        details["resolution_class"] = _class_of(details["resolution_class"])
    parameters = told.pop("analysis_parameters")
    return {
        **told,
        "scene_analysis": _scenes(found, scene_threshold),
        "audio_analysis": _sound(found),
        "system_info": system,
        "analysis_parameters": parameters,
    }


def _scenes(found: VideoAnalysis, threshold: float) -> Document:
    shots = found.known(AnalysisPart.SHOTS)
    film = found.technical.facts.film_stream if found.technical is not None else None
    begins = [shot["begin_s"] for shot in shots.get("shots", ())]
    rate = shots.get("shots_per_minute")
    return {
        "total_frames": 0 if film is None else film.frames,
        "scene_count": len(begins),
        "scene_timestamps": [round(at_s - begins[0], 3) for at_s in begins],
        "average_scene_duration": shots.get("length_mean_s") or 0.0,
        "scene_frequency": 0.0 if rate is None else rate / 60,
        "threshold_used": threshold,
        "detection_method": _SHOT_METHOD,
        "thumbnail_path": None,
    }


def _sound(found: VideoAnalysis) -> Document:
    sound = found.known(AnalysisPart.SOUND)
    moments = [
        {
            "time": one["at_s"],
            "type": "volume_peak",
            "intensity": one["strength"],
            "duration": None,
            "max_volume": None,
        }
        for one in sound.get("loud", ())
    ]
    return {
        "has_audio": bool(found.technical and found.technical.facts.sounds) and not sound.get("silent"),
        "mean_volume": sound.get("mean_db"),
        "max_volume": sound.get("max_db"),
        "action_moment_count": len(moments),
        "action_moments": moments,
        "analysis_method": _SOUND_METHOD if sound else None,
    }


def label_rows(found: VideoAnalysis) -> list[tuple[object, ...]]:
    """Return the table of labels (`NAME_classifications.txt`) with its head: what counts in some frame."""
    rows = [
        (stream, one["label"], f"{one['probability']:.4f}", one["count"])
        for stream, labels in enumerate(_labels(found).values())
        for one in labels
    ]
    return [CSV_COLUMNS, *rows]


def combined_json(found: VideoAnalysis, technical: Document) -> Document:
    """Return the combined document (`NAME_combined_analysis.json`); `technical` is that of `technical_json`."""
    assert found.technical is not None
    size_bytes = found.technical.facts.size_bytes
    return {
        "file_info": {
            "filename": storable(found.path.name),
            "path": storable(found.path),
            "size_mb": size_bytes / _MEGABYTE,
            "created_date": _recorded(found),
        },
        "technical_analysis": technical,
        "ai_classifications": _labels(found),
        "combined_insights": {
            "content_type": _content_type(found),
            "quality_assessment": _quality(found, technical),
            "mood": _mood(found, technical),
            "storytelling_metrics": _story(found, technical),
        },
    }


def _class_of(name: str | None) -> str | None:
    return None if name is None else _CLASSES.get(name, name)


def _recorded(found: VideoAnalysis) -> str:
    """Return when it was recorded, in its own time; else when its file changed last, in UTC."""
    told = found.technical.told.recorded_at if found.technical is not None else None
    if told is not None:
        return datetime.fromisoformat(told).strftime("%Y-%m-%d %H:%M:%S")
    try:
        modified_s = found.path.stat().st_mtime
    except OSError:  # it went away after it was measured
        return ""
    return utc_moment(modified_s).strftime("%Y-%m-%d %H:%M:%S")


def _labels(found: VideoAnalysis) -> dict[str, list[Document]]:
    labels = found.known(AnalysisPart.LABELS)
    return {"video": _counted(labels), "audio": _counted(labels.get("sound") or {})}


def _counted(labels: Document) -> list[Document]:
    """Return the labels that count in some frame, those of most frames first."""
    counting = [one for one in labels.get("labels") or () if one["count"]]
    counting.sort(key=lambda one: -one["count"])
    return [{"label": one["label"], "probability": one["avg_probability"], "count": one["count"]} for one in counting]


def _content_type(found: VideoAnalysis) -> Document:
    summary = found.known(AnalysisPart.SUMMARY)
    told, shown = summary.get("content_type") or {}, summary.get("highlights") or {}
    format_info: Document = {"duration": shown.get("duration_s"), "resolution": None, "frame_rate": None}
    if shown.get("width_px") is not None:
        format_info["resolution"] = f"{shown['width_px']}x{shown['height_px']}"
        format_info["frame_rate"] = shown["fps"]
        format_info["resolution_class"] = _class_of(shown["resolution_class"])
    return {
        "primary_type": told.get("type") or "Unclassified Media",
        "confidence": told.get("confidence") or 0.0,
        "subtypes": [one["name"] for one in summary.get("subtypes", ())],
        "format_info": format_info,
    }


def _quality(found: VideoAnalysis, technical: Document) -> Document:
    summary = found.known(AnalysisPart.SUMMARY)
    picture, heard = summary.get("picture_quality") or {}, summary.get("sound_quality") or {}
    known = {name: one for name, one in (picture.get("factors") or {}).items() if one["rating"] is not None}
    rating = None
    if picture.get("rating") is not None:
        rating = "High" if picture["rating"] in _GOOD_PICTURES else "Standard"
    streams: Document = {}
    metadata = technical["metadata"]
    for name, kind, keys in (
        ("video", "video_streams", ("codec", "profile", "bit_depth", "color_space")),
        ("audio", "audio_streams", ("codec", "sample_rate", "channels", "channel_layout")),
    ):
        if metadata[kind]:
            streams[name] = {key: metadata[kind][0][key] for key in keys}
    return {
        "video_quality": {
            "rating": rating,
            "factors": [f"{name}: {one['value']:.3g} ({one['rating']})" for name, one in known.items()],
        },
        "audio_quality": {"rating": heard.get("rating"), "factors": list(heard.get("factors") or ())},
        "technical_quality": {"bitrate": metadata["bitrate"], "codec_info": streams},
    }


def _mood(found: VideoAnalysis, technical: Document) -> Document:
    summary = found.known(AnalysisPart.SUMMARY)
    told, even = summary.get("mood") or {}, summary.get("consistency")
    mood: Document = {
        "primary_mood": told.get("mood") or "",
        "mood_confidence": told.get("confidence") or 0.0,
        "mood_elements": [{"type": one["mood"], "strength": one["strength"]} for one in told.get("elements", ())],
        "mood_progression": list(_progression(summary.get("course") or [], technical)),
    }
    if even is not None:
        mood["mood_consistency"] = even["rating"]
    if summary.get("scene_rhythm_variation") is not None:
        mood["scene_rhythm_variation"] = summary["scene_rhythm_variation"]
    return mood


def _progression(course: list[Document], technical: Document) -> Iterator[Document]:
    """Yield each tenth with its arousal between the calmest (0) and the most stirring (1) of them."""
    known = [part["arousal"] for part in course if part["arousal"] is not None]
    least, range_ = min(known, default=0.0), max(known, default=0.0) - min(known, default=0.0)
    moments = [one["time"] for one in technical["audio_analysis"]["action_moments"]]
    for part in course:
        begin_s, end_s = part["begin_s"], part["end_s"]
        arousal = least if part["arousal"] is None else part["arousal"]
        yield {
            "time_range": f"{begin_s:.1f}s - {end_s:.1f}s",
            "intensity": (arousal - least) / range_ if range_ else 0.0,
            "action_count": sum(begin_s <= at_s < end_s for at_s in moments),
        }


def _story(found: VideoAnalysis, technical: Document) -> Document:
    summary, shots = found.known(AnalysisPart.SUMMARY), found.known(AnalysisPart.SHOTS)
    scenes = technical["scene_analysis"]
    story: Document = {
        "scene_analysis": {
            "count": scenes["scene_count"],
            "average_duration": scenes["average_scene_duration"],
            "scenes_per_minute": shots.get("shots_per_minute") or 0.0,
        },
        "key_moments": list(_moments(summary)),
    }
    if summary.get("structure") is not None:
        story["narrative_structure"] = summary["structure"]
    if summary.get("pacing") is not None:
        story["pacing"] = summary["pacing"]
    return story


def _moments(summary: Document) -> Iterator[Document]:
    """Yield the key moments; their intensity is where they lie between the curve's lowest and highest point, 0 to 1."""
    curve = summary.get("curve") or [0.0]
    least, range_ = min(curve), max(curve) - min(curve)
    for one in summary.get("key_moments", ()):
        height = (one["arousal"] - least) / range_ if range_ else 0.0
        yield {
            "time": f"{one['at_s']:.2f}s",
            "description": _MOMENTS[one["rank"]],
            "intensity": min(max(height, 0.0), 1.0),
            "type": "volume_peak" if one["stood_out"][:1] == ["sound"] else "scene_change",
        }
