"""Shots as other programs read them: PySceneDetect's CSV, and parts for video editors. Pure."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

from vsortd.core.edit_exports import EditPart

if TYPE_CHECKING:
    from vsortd.analysis.shots import Shot, ShotReport

# PySceneDetect's own words, so that what reads its files reads these.
SHOT_COLUMNS: Final = (
    "Scene Number",
    "Start Frame",
    "Start Timecode",
    "Start Time (seconds)",
    "End Frame",
    "End Timecode",
    "End Time (seconds)",
    "Length (frames)",
    "Length (timecode)",
    "Length (seconds)",
)


def shots_csv(report: ShotReport) -> str:
    """Return the shots as PySceneDetect writes them: frames count from 1, the end frame is the last one shown."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SHOT_COLUMNS)
    writer.writerows(_row(number, shot) for number, shot in enumerate(report.shots, 1))
    return text.getvalue()


def _row(number: int, shot: Shot) -> tuple[str, ...]:
    return (
        str(number),
        str(shot.begin_frame + 1),
        _clock(shot.begin_s),
        f"{shot.begin_s:.3f}",
        str(shot.end_frame),
        _clock(shot.end_s),
        f"{shot.end_s:.3f}",
        str(shot.end_frame - shot.begin_frame),
        _clock(shot.length_s),
        f"{shot.length_s:.3f}",
    )


def shot_parts(report: ShotReport) -> tuple[EditPart, ...]:
    """Return the shots as parts that `vsortd.core.edit_exports` writes, each called by its number."""
    return tuple(EditPart(shot.begin_s, shot.end_s, f"Shot {number}") for number, shot in enumerate(report.shots, 1))


def _clock(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    whole_s = milliseconds // 1000
    return f"{whole_s // 3600:02d}:{whole_s // 60 % 60:02d}:{whole_s % 60:02d}.{milliseconds % 1000:03d}"
