"""Shots as other programs read them: PySceneDetect's CSV, and an edit decision list for video editors. Pure."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

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
_REEL: Final = "AX"  # CMX 3600's name of a source without a reel
_USUAL_RATE: Final = 25.0  # a single frame has none, and any will do
_TITLE_LETTERS: Final = 70  # as many as a line of CMX 3600 may have


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


def shots_edl(report: ShotReport, *, source: str) -> str:
    """Return the shots as a CMX 3600 list, one event a shot, for an editor that has the file `source` at hand.

    Timecodes count frames at the rounded average rate without dropping any, from the video's first moment: so editors
    address 29.97 frames a second, too. `source` is the file's name. Without frames there are no events.
    """
    rate = report.frame_rate or _USUAL_RATE
    lines = [f"TITLE: {_one_line(source)[:_TITLE_LETTERS]}", "FCM: NON-DROP FRAME", ""]
    for number, shot in enumerate(report.shots, 1):
        begin = round(shot.begin_s * rate)
        end = max(begin + 1, round(shot.end_s * rate))
        span = f"{_timecode(begin, rate)} {_timecode(end, rate)}"
        lines += [f"{number:03d}  {_REEL:<8} V     C        {span} {span}", f"* FROM CLIP NAME: {_one_line(source)}"]
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _timecode(frames: int, rate: float) -> str:
    whole_rate = max(1, round(rate))
    seconds, frame = divmod(frames, whole_rate)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame:02d}"


def _clock(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    whole_s = milliseconds // 1000
    return f"{whole_s // 3600:02d}:{whole_s // 60 % 60:02d}:{whole_s % 60:02d}.{milliseconds % 1000:03d}"
