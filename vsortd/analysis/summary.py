"""What the parts of an analysis add up to, each value with what it rests on; what nobody can know is null. Pure.

All is told from the parts' documents alone, so that a stored analysis can be told again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vsortd.analysis.content_type import MeasuredTerms, content_type, subtypes
from vsortd.analysis.label_document import PARTS, UnitMeans
from vsortd.analysis.mood import MoodReport, mood_consistency, mood_of
from vsortd.analysis.part_names import AnalysisPart
from vsortd.core.measured_facts import QualityRating

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Document = dict[str, Any]
    Units = Sequence[UnitMeans]

TOP_LABELS: Final = 5
_NO_LABELS: Final = "there are no labels"
_NOT_ASKED: Final = "the labels say nothing of it"
# From below: the words for a picture, for a sound, and for both together.
_LEVELS: Final = ("Basic", "Standard", "Good", "Professional")
_PICTURE_LEVELS: Final = {rating.value: level for rating, level in zip(QualityRating, _LEVELS, strict=True)}


def with_summary(documents: Mapping[AnalysisPart, Document | None]) -> Document | None:
    """Return the summary's document: what was measured for it, with what that and the other parts add up to.

    `documents` holds the measured summary, and as far as they are known the other parts. Labels of sounds are those
    below "sound" in the labels' document.
    """
    measured = documents.get(AnalysisPart.SUMMARY)
    if measured is None or "error" in measured:
        return measured
    facts, shots, sound, labels = (known_part(documents.get(part)) for part in _READ)
    heard_labels = labels.get("sound") or {}
    seen, heard = units_of(labels), units_of(heard_labels)
    why = labels.get("why") or (_NOT_ASKED if seen or heard else _why_not(documents))
    text_share = share_with_text(known_part(documents.get(AnalysisPart.TEXT)), facts.get("duration_s"))
    facts_of_type = MeasuredTerms(
        shots.get("shots_per_minute"), sound.get("speech_share"), sound.get("music_share"), text_share
    )
    type_, mood = content_type(seen, heard, facts_of_type), mood_of(seen, heard)
    parts = [mood_of(*both) for both in zip(_tenths(labels), _tenths(heard_labels), strict=True)]
    even = mood_consistency(parts)
    return {
        **measured,
        "content_type": {"why": why, "type": None} if type_ is None else {"why": None, **type_.to_json()},
        "subtypes": [{"name": name, "probability": round(value, 4)} for name, value in subtypes(seen)],
        "production_value": production_value(measured),
        "mood": {"why": why, "mood": None} if mood is None else {"why": None, **mood.to_json()},
        "course": course(measured, parts),
        "consistency": None if even is None else {"rating": even[0].value, "distance": round(even[1], 4)},
        "looks": labels.get("looks"),
        "highlights": highlights(facts, sound),
        "top_labels": {"picture": top_labels(labels), "sound": top_labels(heard_labels)},
    }


_READ: Final = (AnalysisPart.FACTS, AnalysisPart.SHOTS, AnalysisPart.SOUND, AnalysisPart.LABELS)


def known_part(document: Document | None) -> Document:
    """Return a part, empty where the file doesn't have it or it failed."""
    return {} if document is None or "error" in document else document


def units_of(labels: Document) -> tuple[UnitMeans, ...] | None:
    """Return the means of a document of labels; None without any."""
    units = labels.get("units")
    return None if units is None else tuple(UnitMeans.of_json(unit) for unit in units)


def share_with_text(text: Document, duration_s: float | None) -> float | None:
    """Return the share of the time in which there is text in the picture, 0 to 1; None where nobody looked for any."""
    if "lines" not in text or not duration_s:
        return None
    shown_s, until_s = 0.0, 0.0
    for line in sorted(text["lines"], key=lambda one: float(one["begin_s"])):
        shown_s += max(line["end_s"] - max(line["begin_s"], until_s), 0.0)
        until_s = max(until_s, line["end_s"])
    return min(shown_s / duration_s, 1.0)


def _why_not(documents: Mapping[AnalysisPart, Document | None]) -> str:
    labels = documents.get(AnalysisPart.LABELS)
    return str(labels["error"]) if labels is not None and "error" in labels else _NO_LABELS


def _tenths(labels: Document) -> list[Units | None]:
    """Return for each part of the video the means of those units that have frames in it; None without any."""
    units = labels.get("units") or ()
    told = [[part for unit in units if (part := unit["tenths"][number])] for number in range(PARTS)]
    return [tuple(map(UnitMeans.of_json, part)) if part else None for part in told]


def production_value(measured: Document) -> Document:
    """Return the lower one of picture and sound, in the same four words, and which it is; one alone counts."""
    picture = (measured.get("picture_quality") or {}).get("rating")
    sound = (measured.get("sound_quality") or {}).get("rating")
    levels = {"picture": None if picture is None else _PICTURE_LEVELS[picture], "sound": sound}
    known = {name: _LEVELS.index(level) for name, level in levels.items() if level is not None}
    if not known:
        return {"rating": None, "limited_by": None, **levels}
    lowest = min(known.values())
    limits = [name for name, level in known.items() if level == lowest]
    return {"rating": _LEVELS[lowest], "limited_by": limits if lowest < len(_LEVELS) - 1 else [], **levels}


def course(measured: Document, moods: Sequence[MoodReport | None]) -> list[Document]:
    """Return tenth by tenth the mood, and the mean arousal in standard deviations from that of the whole."""
    curve, rate_hz = measured["curve"], measured["rate_hz"]
    length_s = len(curve) / rate_hz
    found = []
    for number, mood in enumerate(moods):
        part = curve[len(curve) * number // PARTS : len(curve) * (number + 1) // PARTS]
        found.append(
            {
                "begin_s": round(length_s * number / PARTS, 3),
                "end_s": round(length_s * (number + 1) / PARTS, 3),
                "arousal": round(sum(part) / len(part), 4) if part else None,
                "mood": None if mood is None else mood.mood,
                "moods": None if mood is None else {name: round(value, 4) for name, value in mood.moods.items()},
            }
        )
    return found if curve else []


def highlights(facts: Document, sound: Document) -> Document:
    """Return the technical facts in short; null where unknown."""
    film: Document = next((one for one in facts.get("video") or () if one["index"] == facts.get("film")), {})
    heard: Document = next(iter(facts.get("sound") or ()), {})
    return {
        "duration_s": facts.get("duration_s"),
        "bitrate_bps": facts.get("bitrate_bps"),
        "resolution_class": facts.get("resolution_class"),
        "frame_rate_class": facts.get("frame_rate_class"),
        "width_px": film.get("shown_width_px"),
        "height_px": film.get("shown_height_px"),
        "fps": film.get("fps"),
        "codec": film.get("codec"),
        "sound_codec": heard.get("codec"),
        "sound_rate_hz": heard.get("rate_hz"),
        "sound_layout": heard.get("layout"),
        "integrated_lufs": sound.get("integrated_lufs"),
    }


def top_labels(labels: Document) -> list[Document] | None:
    """Return the labels that count in most frames, the surer first of as many; None without labels."""
    found = labels.get("labels")
    if found is None:
        return None
    counting = [one for one in found if one["count"]]
    counting.sort(key=lambda one: (-one["count"], -one["avg_probability"]))
    return [
        {name: one[name] for name in ("unit", "label", "avg_probability", "count")} for one in counting[:TOP_LABELS]
    ]
