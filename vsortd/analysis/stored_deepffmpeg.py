"""DeepFFmpeg's two files as the documents that a summary is told from; what they can't tell is null. Pure.

Its scenes are keyframes at least a second apart, whatever is shown ("showinfo"), or made up ("fallback"): they say
nothing of the cuts, and its moments nothing of what stands out. Where we wrote the file ("adaptive") they are shots.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, Final

from vsortd.analysis.arousal import AROUSAL_HZ, lengths_variation, pace_of
from vsortd.analysis.built_in_categories import built_in_picture_labels, built_in_sound_labels
from vsortd.analysis.label_document import PARTS, UnitMeans
from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.picture_quality import quality_by_bits
from vsortd.core.video_facts import resolution_class_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vsortd.analysis.label_files import LabelUnit
    from vsortd.analysis.stored_models import TheirMetadata, TheirScenes, TheirTechnical

    Document = dict[str, Any]
    Rows = Sequence[tuple[str, float, int]]  # label, mean probability of the frames that count, how many those are

_KEYFRAMES: Final = frozenset({"showinfo", "fallback"})


def documents_of_deepffmpeg(
    technical: TheirTechnical, rows: Mapping[int, Rows] | None
) -> dict[AnalysisPart, Document | None]:
    """Return the parts that the files tell of; `rows` are the labels by stream (0 picture, 1 sound), None without."""
    metadata, scenes = technical.metadata, technical.scene_analysis
    # Their bitrate is that of the container, sound and all: the picture has at most that much.
    film = metadata.video_streams[0] if metadata.video_streams else None
    codec = "" if film is None else film.codec or ""
    pixels_per_s = 0.0 if film is None else (film.width or 0) * (film.height or 0) * (film.fps or 0.0)
    shots = _shots(scenes, metadata)
    lengths = _lengths_s(scenes, metadata) if shots is not None else []
    variation = lengths_variation(lengths)
    return {
        AnalysisPart.FACTS: _facts(metadata),
        AnalysisPart.SHOTS: shots,
        AnalysisPart.LABELS: None if rows is None else _labels(rows),
        AnalysisPart.SUMMARY: {
            "picture_quality": quality_by_bits(codec, pixels_per_s, metadata.bitrate).to_json(),
            "sound_quality": None,
            "rate_hz": AROUSAL_HZ,
            "curve": [],
            "drivers": None,
            "key_moments": [],
            "pacing": _pacing(len(lengths), metadata.duration) if shots is not None else None,
            "structure": None,
            "structure_is_a_guess": True,
            "scene_rhythm_variation": None if variation is None else round(variation, 3),
            "shot_length_median_s": statistics.median(lengths) if lengths else None,
        },
    }


def _facts(metadata: TheirMetadata) -> Document:
    film = metadata.video_streams[0] if metadata.video_streams else None
    video, told = [], None
    if film is not None:
        shown = {"shown_width_px": film.width, "shown_height_px": film.height}
        video = [{"index": 0, "codec": film.codec, "fps": film.fps, **shown}]
        told = resolution_class_of(film.width, film.height).value if film.width and film.height else None
    return {
        "duration_s": metadata.duration,
        "bitrate_bps": metadata.bitrate,
        "resolution_class": told,
        "frame_rate_class": None,
        "film": None if film is None else 0,
        "video": video,
        "sound": [
            {"codec": one.codec, "rate_hz": _rate(one.sample_rate), "layout": one.channel_layout}
            for one in metadata.audio_streams
        ],
    }


def _rate(told: str | int | None) -> int | None:
    return int(told) if isinstance(told, int) or (told is not None and told.isascii() and told.isdigit()) else None


def _shots(scenes: TheirScenes, metadata: TheirMetadata) -> Document | None:
    if scenes.detection_method is None or scenes.detection_method in _KEYFRAMES:
        return None
    if not scenes.scene_timestamps or not metadata.duration:  # without pictures there is not even one
        return None
    return {"count": scenes.scene_count, "shots_per_minute": 60 * scenes.scene_count / metadata.duration}


def _lengths_s(scenes: TheirScenes, metadata: TheirMetadata) -> list[float]:
    ends = [*scenes.scene_timestamps[1:], metadata.duration or 0.0]
    return [max(end - begin, 0.0) for begin, end in zip(scenes.scene_timestamps, ends, strict=True)]


def _pacing(shots: int, duration_s: float | None) -> str | None:
    return pace_of(60 * max(shots - 1, 0) / duration_s).value if duration_s else None


def _labels(rows: Mapping[int, Rows]) -> Document:
    sound = _stream_labels(rows[1], built_in_sound_labels().units)
    return {"why": None, "looks": None, **_stream_labels(rows[0], built_in_picture_labels().units), "sound": sound}


def _stream_labels(rows: Rows, asked: Sequence[LabelUnit]) -> Document:
    """Return the labels with their units, by the names of the categories in the package.

    A mean over all frames isn't in the table. In each frame one label of a unit counts, so count times mean
    probability, as a share of the unit's, stands for it. A label that isn't there counted nowhere.
    """
    weights = {label: probability * count for label, probability, count in rows}
    units: list[Document] = []
    unit_of: dict[str, str] = {}
    for unit in asked:
        names = [category.name for category in unit.categories]
        whole = sum(weights.get(name, 0.0) for name in names)
        unit_of |= dict.fromkeys(names, unit.name)
        if whole > 0:
            means = UnitMeans(unit.name, {name: weights.get(name, 0.0) / whole for name in names}, 0.0)
            units.append({**means.to_json(), "tenths": [None] * PARTS})
    labels = [
        {"unit": unit_of.get(label), "label": label, "avg_probability": probability, "count": count}
        for label, probability, count in rows
    ]
    return {"units": units, "labels": labels}
