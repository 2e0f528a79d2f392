"""What an analysis adds up to, for people: block by block, each value with what it rests on."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.text import counted
from vsortd.core.units import about_clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    Document = dict[str, Any]
    Lines = Iterator[tuple[str, str]]  # a line, and its style

_SHOWN: Final = 3  # labels of a unit


def labels_lines(labels: Document) -> Lines:
    """Yield the labels: of each unit the most probable ones."""
    if labels["why"]:
        yield f"labels: not known, {labels['why']}", "dim"
    yield from _unit_lines(labels, "")
    if labels.get("sound_error"):
        yield f"labels of the sound: {labels['sound_error']}", "yellow"
    yield from _unit_lines(labels.get("sound") or {}, "heard, ")


def _unit_lines(labels: Document, where: str) -> Lines:
    for unit in labels.get("units") or ():
        ranked = sorted(unit["labels"].items(), key=lambda one: -one[1])
        more = f" and {len(ranked) - _SHOWN} more" if len(ranked) > _SHOWN else ""
        none = f", none of these {unit['none']:.2f}" if unit["none"] else ""
        yield f"{where}{unit['unit'] or 'labels'}: {_shares(ranked[:_SHOWN])}{more}{none}", ""
    if labels.get("unknown_words"):
        yield f"  words that the model does not know: {', '.join(labels['unknown_words'])}", "yellow"


def summary_lines(summary: Document) -> Lines:
    """Yield the blocks: content type, quality, technical highlights, mood, structure, key moments, top labels."""
    yield from _type_lines(summary)
    yield from _quality_lines(summary)
    yield from _highlight_lines(summary["highlights"])
    yield from _mood_lines(summary)
    yield from _structure_lines(summary)
    yield from _moment_lines(summary)
    yield from _label_lines(summary["top_labels"])


def _shares(shares: list[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in shares)


def _type_lines(summary: Document) -> Lines:
    told = summary["content_type"]
    if told["type"] is None:
        yield f"Content Type: not known, {told['why']}", "dim"
    else:
        probabilities = sorted(told["probabilities"].items(), key=lambda one: -one[1])
        yield f"Content Type: {told['type']} ({_shares(probabilities)})", ""
        for term in told["terms"]:
            yield f"  {term['evidence']}: {term['type']} {term['adds']:+.2f}", "dim"
    if summary["subtypes"]:
        yield f"  Subtypes: {_shares([(one['name'], one['probability']) for one in summary['subtypes']])}", ""


def _quality_lines(summary: Document) -> Lines:
    value = summary["production_value"]
    if value["rating"] is None:
        yield "Quality: not known", "dim"
    else:
        limits = f", limited by {' and '.join(value['limited_by'])}" if value["limited_by"] else ""
        yield f"Quality: {value['rating']}{limits}", ""
    picture, heard = summary["picture_quality"], summary["sound_quality"]
    if picture["rating"] is not None:
        factors = ", ".join(
            f"{name} {factor['value']:.3g} ({factor['rating']})"
            for name, factor in picture["factors"].items()
            if factor["rating"] is not None
        )
        yield f"  picture {picture['rating']} ({picture['score']:.2f}): {factors}", ""
    if heard is not None and heard["rating"] is not None:
        yield f"  sound {heard['rating']}: {' '.join(heard['factors'])}", ""
    if summary["looks"]:
        yield f"  by the model's words, not counted: {_shares(list(summary['looks'].items()))}", "dim"


def _highlight_lines(told: Document) -> Lines:
    parts = [
        about_clock(told["duration_s"]) if told["duration_s"] is not None else "",
        f"{told['width_px']}x{told['height_px']}" if told["width_px"] else "",
        told["resolution_class"],
        f"{told['fps']:.4g} a second" if told["fps"] else "",
        told["codec"],
        f"{told['bitrate_bps'] / 1000:,.0f} kbit/s" if told["bitrate_bps"] else "",
        " ".join(filter(None, (told["sound_codec"], told["sound_layout"]))),
        f"{told['sound_rate_hz'] / 1000:g} kHz" if told["sound_rate_hz"] else "",
        f"{told['integrated_lufs']:.1f} LUFS" if told["integrated_lufs"] is not None else "",
    ]
    if any(parts):
        yield f"Technical Highlights: {', '.join(filter(None, parts))}", ""


def _mood_lines(summary: Document) -> Lines:
    mood = summary["mood"]
    if mood["mood"] is None:
        same = mood["why"] == summary["content_type"]["why"]  # said there
        yield "Mood: not known" if same else f"Mood: not known, {mood['why']}", "dim"
    else:
        strengths = [(one["mood"], one["strength"]) for one in mood["elements"]]
        yield f"Mood: {mood['mood']} (confidence {mood['confidence']:.2f}): {_shares(strengths)}", ""
    runs = [(name, list(parts)) for name, parts in groupby(summary["course"], key=lambda part: part["mood"])]
    if any(name is not None for name, _ in runs):
        told = (f"{name or '?'} {parts[0]['begin_s']:.1f} to {parts[-1]['end_s']:.1f} s" for name, parts in runs)
        yield f"  Course: {', '.join(told)}", ""
    even = summary["consistency"]
    if even is not None:
        yield f"  Consistency: {even['rating']} (neighbouring tenths lie {even['distance']:.2f} apart)", ""


def _structure_lines(summary: Document) -> Lines:
    if summary["structure"] is not None:
        yield f"Structure, a guess: {summary['structure']}", ""
    if summary["pacing"] is None:
        yield "Pacing: not known", "dim"
        return
    median, rhythm = summary["shot_length_median_s"], summary["scene_rhythm_variation"]
    told = [
        f"median shot {median:.2f} s" if median is not None else "",
        f"shots' lengths vary by {rhythm:.0%}" if rhythm is not None else "",
    ]
    why = ", ".join(filter(None, told))
    yield f"Pacing: {summary['pacing']}{f' ({why})' if why else ''}", ""


def _moment_lines(summary: Document) -> Lines:
    if not summary["curve"]:
        yield "Key Moments: not known", "dim"
    elif not summary["key_moments"]:
        yield "Key Moments: nothing stands out", ""
    else:
        yield "Key Moments:", ""
    for moment in summary["key_moments"]:
        yield f"  {moment['rank']} at {moment['at_s']:.1f} s: {', '.join(moment['stood_out'])}", ""


def _label_lines(top: Document) -> Lines:
    for name, labels in top.items():
        if labels:
            told = (f"{one['label']} {one['avg_probability']:.2f} ({counted(one['count'], 'frame')})" for one in labels)
            yield f"Top classifications, {name}: {', '.join(told)}", ""
