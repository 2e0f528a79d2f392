"""What was measured of videos, for people and as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.spoken_words import lines_of
from vsortd.cli.analyze_summary_view import labels_lines, summary_lines
from vsortd.cli.common import console
from vsortd.cli.words_view import text_lines, words_lines
from vsortd.core.text import counted
from vsortd.core.units import about_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsortd.analysis.video_analysis import VideoAnalysis

    Document = dict[str, Any]

# One line a file: what fits into a cell. JSON has all of it.
COLUMNS: Final = (
    "path",
    "error",
    "kind",
    "duration_s",
    "resolution_class",
    "frame_rate_class",
    "hdr",
    "device",
    "recorded_at",
    "shots",
    "shot_length_median_s",
    "shots_per_minute",
    "integrated_lufs",
    "lra_lu",
    "true_peak_dbtp",
    "silence_share",
    "speech_share",
    "sound_faults",
    "objects",
    "picture_quality",
    "limited_by",
    "sound_quality",
    "pacing",
    "content_type",
    "mood",
    "production_value",
    "words",
    "text",
)
_MOST_CLASSES: Final = 12  # shown; --json has all
_MOST_SHOTS: Final = 12  # shown; --json and --out shots=OUT.csv have all


def row_of(found: VideoAnalysis) -> dict[str, object]:
    """Return a file's line; what wasn't asked for, or isn't known, is empty."""
    facts, shots, sound = (found.known(part) for part in (AnalysisPart.FACTS, AnalysisPart.SHOTS, AnalysisPart.SOUND))
    summary = found.known(AnalysisPart.SUMMARY)
    words, text = (found.known(part) for part in (AnalysisPart.WORDS, AnalysisPart.TEXT))
    picture, heard = summary.get("picture_quality") or {}, summary.get("sound_quality") or {}
    errors = [found.reason, *(f"{part}: {why}" for part, why in found.errors.items())]
    return {
        "path": str(found.path),
        "error": "; ".join(filter(None, errors)),
        **{name: facts.get(name) for name in COLUMNS[2:6]},
        "hdr": found.technical.hdr if found.technical is not None and facts else None,
        **{name: facts.get(name) for name in ("device", "recorded_at")},
        "shots": shots.get("count"),
        "shot_length_median_s": shots.get("length_median_s"),
        "shots_per_minute": shots.get("shots_per_minute"),
        **{name: sound.get(name) for name in COLUMNS[12:17]},
        "sound_faults": ", ".join(fault["name"] for fault in sound.get("faults", ())) if sound else None,
        "picture_quality": picture.get("rating"),
        "limited_by": picture.get("limited_by"),
        "sound_quality": heard.get("rating"),
        "pacing": summary.get("pacing"),
        "content_type": (summary.get("content_type") or {}).get("type"),
        "mood": (summary.get("mood") or {}).get("mood"),
        "production_value": (summary.get("production_value") or {}).get("rating"),
        "objects": "; ".join(one["class"] for one in found.known(AnalysisPart.OBJECTS).get("classes", ())) or None,
        "words": " ".join(line.text for line in lines_of(words)) if words else None,
        "text": " / ".join(line.text for line in lines_of(text)) if text else None,
    }


def print_analysis(videos: Sequence[VideoAnalysis]) -> None:
    """Print each file's parts, every value with what it rests on."""
    out = console()
    for number, found in enumerate(videos):
        if number:
            out.print()
        out.print(found.path, style="bold")
        if found.reason:
            out.print(f"  can't be measured: {found.reason}", style="red")
        for part, document in found.documents.items():
            if document is None:
                out.print(f"  {part}: {_ABSENT[part]}", style="dim")
            elif "error" in document:
                out.print(f"  {part}: {document['error']}", style="red")
            else:
                for line, style in _LINES[part](document):
                    out.print(f"  {line}", style=style)
    if not videos:
        out.print("There is nothing to measure.", style="dim")


def print_summaries(videos: Sequence[VideoAnalysis]) -> None:
    """Print what the parts of each video add up to, and nothing of the parts themselves."""
    summaries = [
        replace(found, documents={AnalysisPart.SUMMARY: found.documents.get(AnalysisPart.SUMMARY)}) for found in videos
    ]
    print_analysis(summaries)


def _facts_lines(facts: Document) -> Iterator[tuple[str, str]]:
    what = [facts["kind"], str(facts["format"]), about_size(facts["size_bytes"])]
    if facts["duration_s"] is not None:
        what.append(f"{facts['duration_s']:.2f} s")
    yield ", ".join(what), ""
    for film in facts["video"]:
        yield _film_line(film, facts), ""
    for sound in facts["sound"]:
        told = [sound["codec"], _khz(sound["rate_hz"]), sound["layout"], _kbit(sound["bitrate_bps"])]
        yield f"sound: {', '.join(filter(None, told))}", ""
    if facts["subtitles"] or facts["chapters"]:
        subtitles, chapters = counted(len(facts["subtitles"]), "subtitle"), counted(len(facts["chapters"]), "chapter")
        yield f"{subtitles}, {chapters}", ""
    told = [f"{name} {facts[key]}" for name, key in _TOLD if facts.get(key) and facts[key] != "unknown"]
    if told:
        yield ", ".join(told), ""


_TOLD: Final = (("recorded", "recorded_at"), ("with", "device"), ("software", "software"), ("encoder", "encoder"))


def _film_line(film: Document, facts: Document) -> str:
    told = [film["codec"], film["profile"]]
    if film["shown_width_px"]:
        told.append(f"{film['shown_width_px']}x{film['shown_height_px']}")
    if film["rotation_deg"]:
        told.append(f"turned by {film['rotation_deg']}°")
    if film["attached"]:
        return f"cover: {', '.join(filter(None, told))}"
    told.append(facts["resolution_class"])
    if film["fps"] is not None:
        told.append(f"{film['fps']:.4g} a second{', varying' if facts['variable_frame_rate'] else ''}")
    if film["hdr"] not in {None, "none"}:
        told.append(f"HDR ({film['hdr']})")
    told.append(_kbit(film["bitrate_bps"]))
    if film["key_interval_s"] is not None:
        told.append(f"a keyframe every {film['key_interval_s']:.3g} s")
    return f"picture: {', '.join(filter(None, told))}"


def _kbit(bps: float | None) -> str:
    return f"{bps / 1000:,.0f} kbit/s" if bps else ""


def _khz(rate_hz: int | None) -> str:
    return f"{rate_hz / 1000:g} kHz" if rate_hz else ""


def _shots_lines(shots: Document) -> Iterator[tuple[str, str]]:
    if shots["count"] == 1:
        yield "1 shot: it isn't cut", ""
    else:
        rate = f", {shots['shots_per_minute']:.1f} a minute" if shots["shots_per_minute"] is not None else ""
        yield f"{counted(shots['count'], 'shot')}{rate}, median {shots['length_median_s']:.2f} s", ""
        for number, shot in enumerate(shots["shots"][:_MOST_SHOTS], 1):
            yield f"  {number:3}  {shot['begin_s']:8.2f} to {shot['end_s']:.2f} s  {shot['begins']}", "dim"
        if shots["count"] > _MOST_SHOTS:
            yield f"  and {shots['count'] - _MOST_SHOTS} more: --json, --out shots=OUT.csv", "dim"
    for name in ("black", "frozen"):
        spans = ", ".join(f"{one['begin_s']:.2f} to {one['end_s']:.2f} s" for one in shots[name][:_MOST_SHOTS])
        if spans:
            yield f"{name}: {spans}", ""


def _sound_lines(sound: Document) -> Iterator[tuple[str, str]]:
    if sound["silent"]:
        yield "sound: nothing is heard, although there is a stream", "yellow"
        return
    levels = [f"{sound[key]:.1f} {unit}" for key, unit in _LEVELS if sound[key] is not None]
    yield f"loudness: {', '.join(levels) or 'too short to be told'}", ""
    for finding in (*sound["verdicts"], *sound["faults"]):
        yield f"  {finding['said']}", "yellow" if finding in sound["faults"] else "dim"
    if sound["silence"]:
        yield f"silence: {sound['silence_share']:.0%} of the time", ""
    for moment in sound["loud"]:
        yield f"  loud at {moment['at_s']:.1f} s: {moment['lufs']:.1f} LUFS", "dim"
    if sound["speech_share"] is not None:
        yield f"speech: {sound['speech_share']:.0%} of the time", ""
    elif sound["speech_error"]:
        yield f"speech: {sound['speech_error']}", "yellow"
    if sound["music_share"] is not None:
        yield f"music: {sound['music_share']:.0%} of the time", ""
    elif sound.get("music_error"):
        yield f"music: {sound['music_error']}", "yellow"


_LEVELS: Final = (("integrated_lufs", "LUFS"), ("lra_lu", "LU range"), ("true_peak_dbtp", "dBTP true peak"))


def _objects_lines(objects: Document) -> Iterator[tuple[str, str]]:
    yield (
        f"objects: {counted(len(objects['classes']), 'class', 'classes')} in {counted(objects['frames'], 'frame')}",
        "",
    )
    for one in objects["classes"][:_MOST_CLASSES]:
        most = f", at most {one['most']} at once" if one["most"] > 1 else ""
        yield (
            f"  {one['class']}: {one['seconds']:.1f} s, first at {one['first_s']:.1f} s, best {one['best']:.2f}{most}",
            "dim",
        )
    if len(objects["classes"]) > _MOST_CLASSES:
        yield f"  and {len(objects['classes']) - _MOST_CLASSES} more: --json", "dim"


_ABSENT: Final = {
    AnalysisPart.FACTS: "none",
    AnalysisPart.SHOTS: "there are no moving pictures",
    AnalysisPart.SOUND: "there is none",
    AnalysisPart.LABELS: "there are no moving pictures",
    AnalysisPart.SUMMARY: "there are no moving pictures",
    AnalysisPart.OBJECTS: "there are no moving pictures",
    AnalysisPart.WORDS: "a picture says nothing",
    AnalysisPart.TEXT: "there are no moving pictures",
}
_LINES: Final = {
    AnalysisPart.FACTS: _facts_lines,
    AnalysisPart.SHOTS: _shots_lines,
    AnalysisPart.SOUND: _sound_lines,
    AnalysisPart.LABELS: labels_lines,
    AnalysisPart.SUMMARY: summary_lines,
    AnalysisPart.OBJECTS: _objects_lines,
    AnalysisPart.WORDS: words_lines,
    AnalysisPart.TEXT: text_lines,
}
