"""What was measured of videos, for people and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vsortd.analysis.part_names import AnalysisPart
from vsortd.cli.common import console
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
    "picture_quality",
    "limited_by",
    "sound_quality",
    "pacing",
)
_MOST_SHOTS: Final = 12  # shown; --json and --shots-csv have all


def row_of(found: VideoAnalysis) -> dict[str, object]:
    """Return a file's line; what wasn't asked for, or isn't known, is empty."""
    facts, shots, sound, summary = (_of(found, part) for part in AnalysisPart)
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


def _of(found: VideoAnalysis, part: AnalysisPart) -> Document:
    document = found.documents.get(part)
    return {} if document is None or "error" in document else document


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
            yield f"  and {shots['count'] - _MOST_SHOTS} more: --json, --shots-csv", "dim"
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


_LEVELS: Final = (("integrated_lufs", "LUFS"), ("lra_lu", "LU range"), ("true_peak_dbtp", "dBTP true peak"))


def _summary_lines(summary: Document) -> Iterator[tuple[str, str]]:
    picture = summary["picture_quality"]
    if picture["rating"] is not None:
        why = ", ".join(
            f"{name} {factor['value']:.3g} ({factor['rating']})"
            for name, factor in picture["factors"].items()
            if factor["rating"] is not None
        )
        yield f"picture quality: {picture['rating']} ({picture['score']:.2f}): {why}", ""
    heard = summary["sound_quality"]
    if heard is not None and heard["rating"] is not None:
        yield f"sound quality: {heard['rating']}: {' '.join(heard['factors'])}", ""
    if summary["pacing"] is not None and summary["shot_length_median_s"] is not None:
        yield f"pacing: {summary['pacing']} (median shot {summary['shot_length_median_s']:.2f} s)", ""
        yield f"structure, a guess: {summary['structure']}", ""
    for moment in summary["key_moments"]:
        rank, at_s, why = moment["rank"], moment["at_s"], ", ".join(moment["stood_out"])
        yield f"  {rank} moment at {at_s:.1f} s: {why}", "dim"


_ABSENT: Final = {
    AnalysisPart.FACTS: "none",
    AnalysisPart.SHOTS: "there are no moving pictures",
    AnalysisPart.SOUND: "there is none",
    AnalysisPart.SUMMARY: "there are no moving pictures",
}
_LINES: Final = {
    AnalysisPart.FACTS: _facts_lines,
    AnalysisPart.SHOTS: _shots_lines,
    AnalysisPart.SOUND: _sound_lines,
    AnalysisPart.SUMMARY: _summary_lines,
}
