"""What `vsortd classify` says of videos: as JSON, as a table for programs, and for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from vsortd.analysis.labels import CSV_COLUMNS
from vsortd.cli.common import console, write_csv
from vsortd.cli.timeline import strip
from vsortd.core.console import Text
from vsortd.core.tables import Column, ColumnKind, print_table
from vsortd.core.text import counted, printable, storable
from vsortd.core.units import about_clock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from vsortd.analysis.label_reading import FramePace, LabelReading
    from vsortd.analysis.labels import FoundLabel, FoundUnit

_MOST_LABELS = 20  # of a unit, shown to people; --csv and --json have all
_MOST_CELLS, _LEAST_CELLS = 40, 12  # of a strip over time
_NUMBERS_CELLS = 35  # of a line, beside the label and the strip
_NONE = "none of these"


@dataclass(frozen=True, slots=True)
class ClassifiedVideo:
    """What a video says of each unit, or `reason`: why it can't be looked at.

    `sound_reason` says why it can't be listened to where what is seen stands, "" where it could or nobody asked.
    `frames` were looked at and `windows` of sound listened to; `silent` tells that nothing was heard that was asked of.
    `things` is how many of what was asked for were found, where it was things that are labelled, else None.
    """

    path: Path
    frames: int = 0
    duration_s: float | None = None
    units: tuple[FoundUnit, ...] = ()
    reason: str = ""
    windows: int = 0
    silent: bool = False
    things: int | None = None
    sound_reason: str = ""

    @property
    def failed(self) -> bool:
        """Whether something that was asked could not be answered."""
        return bool(self.reason or self.sound_reason)

    def to_json(self) -> dict[str, Any]:
        """Return it as an entry of `classify --json`."""
        return {
            "file": storable(self.path),
            "duration_s": None if self.duration_s is None else round(self.duration_s, 3),
            "frames": self.frames,
            "windows": self.windows,
            "silent": self.silent,
            "things": self.things,
            "units": [
                {
                    "stream_id": one.stream,
                    "unit": one.unit.name or None,
                    "none": None if one.none is None else round(one.none, 4),
                }
                for one in self.units
            ],
            "labels": [label.to_json(one.unit.name) for one in self.units for label in one.labels],
            "error": self.reason or None,
            "sound_error": self.sound_reason or None,
        }


@dataclass(frozen=True, slots=True)
class LabelAnswer:
    """All videos, how they were read and by which model; `unknown` are words that it doesn't know.

    `model` is "" where nothing was asked of pictures, `sound_model` where nothing was asked of sound.
    """

    videos: Sequence[ClassifiedVideo]
    reading: LabelReading
    per: FramePace
    model: str
    unknown: tuple[str, ...]
    sound_model: str = ""
    sound_temperature: float = 1.0
    target: str | None = None  # the class of things that are labelled in place of frames

    def to_json(self) -> dict[str, Any]:
        """Return it as `classify --json` prints it, without the schema version."""
        reading = self.reading
        return {
            "model": self.model or None,
            "sound_model": self.sound_model or None,
            "per": self.per.value,
            "target": self.target,
            "confidence": reading.confidence,
            "temperature": reading.temperature,
            "sound_temperature": self.sound_temperature,
            "ensemble": reading.ensemble.value,
            "unknown_words": list(self.unknown),
            "files": [one.to_json() for one in self.videos],
        }


def warn_of_unknown(answer: LabelAnswer) -> None:
    """Name the words that the model doesn't know."""
    words = ", ".join(answer.unknown)
    line = f"The model {answer.model} does not know: {words}. What is left of the prompts counts."
    console(stderr=True).print(line, style="yellow")


def print_labels_csv(answer: LabelAnswer) -> None:
    """Print the labels that count in some frame; what failed is told on stderr."""
    several = len(answer.videos) > 1
    rows = [
        (*((str(video.path),) if several else ()), *label.row())
        for video in answer.videos
        for unit in video.units
        for label in unit.labels
        if label.count
    ]
    write_csv(("file", *CSV_COLUMNS) if several else CSV_COLUMNS, rows)
    _print_failed(console(stderr=True), answer)


# For people


def print_labels(answer: LabelAnswer) -> None:
    """Print a table a unit of each video, then what failed."""
    out = console()
    for number, video in enumerate(one for one in answer.videos if not one.reason):
        if number:
            out.print()
        head = Text(video.path.name, style="bold")
        facts = [about_clock(video.duration_s or 0.0)]
        if answer.model:
            facts += [f"{counted(video.frames, 'frame')}{_things(video, answer)}", f"model {answer.model}"]
        if answer.sound_model and not video.sound_reason:
            facts += [counted(video.windows, "window") + " of sound", answer.sound_model]
        out.print(head.append(f"  {', '.join(facts)}", style="dim not bold"))
        if video.silent:
            out.print(Text("Nothing is heard in it.", style="dim"))
        for unit in video.units:
            _print_unit(out, unit, video.duration_s or 0.0)
    _print_failed(out, answer)


def _things(video: ClassifiedVideo, answer: LabelAnswer) -> str:
    """Say how many things are labelled, "" where frames are."""
    if video.things is None:
        return ""
    return f", {video.things:,} x {answer.target}" if video.things else f", no {answer.target}"


def _print_failed(out: Console, answer: LabelAnswer) -> None:
    for video in answer.videos:
        if video.failed:
            why = video.reason or f"its sound can't be listened to: {video.sound_reason}"
            out.print(Text("failed   ", style="red").append(str(video.path)).append(f"  {why}", "dim"))


def _print_unit(out: Console, unit: FoundUnit, duration_s: float) -> None:
    columns = (
        Column(f"{unit.unit.name or 'label'}{' (heard)' if unit.stream else ''}", ColumnKind.NAME),
        Column("mean", ColumnKind.NUMBER),
        Column("of the time", ColumnKind.NUMBER),
        Column("best at"),
        Column(""),
    )
    shown = unit.labels[:_MOST_LABELS]
    longest = max(cell_len(printable(name)) for name in (_NONE, *(one.label for one in shown)))
    cells = max(_LEAST_CELLS, min(_MOST_CELLS, out.width - longest - _NUMBERS_CELLS))
    rows = [_row(one, duration_s, cells, best=not number) for number, one in enumerate(shown)]
    if unit.none is not None:
        rows.append([Text(_NONE, style="dim"), Text(f"{unit.none:.2f}", style="dim"), Text(), Text(), Text()])
    out.print()
    print_table(out, columns, rows)
    if len(unit.labels) > len(shown):
        out.print(Text(f"and {len(unit.labels) - len(shown)} more: --csv lists all", style="dim"))


def _row(one: FoundLabel, duration_s: float, cells: int, *, best: bool) -> list[Text]:
    style = "green" if one.count and best else "" if one.count else "dim"
    spans_ms = [(span.begin_s * 1000, span.end_s * 1000) for span in one.spans]
    return [
        Text(one.label, style=style),
        Text(f"{one.mean:.2f}", style=style),
        Text(f"{one.share:.0%}" if one.count else "", style=style),
        Text(f"{about_clock(one.best_s)} {one.best:.2f}", style="dim"),
        strip(spans_ms, duration_s, cells, style),
    ]
