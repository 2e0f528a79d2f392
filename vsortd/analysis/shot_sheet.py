"""The contact sheet of a video's shots: each with its key frame, number, begin and length, and labels as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vsortd.core.drawing.colours import Tone
from vsortd.core.drawing.contact_sheet import Bar, Cell, Heading, draw_sheet
from vsortd.core.text import counted
from vsortd.core.units import about_clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

    from vsortd.analysis.over_time import AnalysisOverTime, ShotLabel
    from vsortd.analysis.shots import Shot, ShotReport
    from vsortd.media.thumbnails import Pixels

PICTURE_PX: Final = 480
MOST_SHOTS: Final = 240  # more can't be read
MOST_LABELS: Final = 3  # of one shot


def shot_sheet(shown: AnalysisOverTime, shots: ShotReport, pictures: Sequence[Pixels | None]) -> Image.Image:
    """Draw the shots from the first on, at most `MOST_SHOTS`; `pictures` are their key frames, None: no picture."""
    cells = [
        _cell(number, shot, picture, shown.labels[number - 1] if shown.labels else ())
        for number, (shot, picture) in enumerate(zip(shots.shots, pictures, strict=False), 1)
    ]
    count = counted(len(shots.shots), "shot")
    footer = "" if len(cells) == len(shots.shots) else f"the first {len(cells)} of {count}"
    heading = Heading(shown.name, verdict=count, tone=Tone.CANDIDATE, reason=_of_all(shots))
    return draw_sheet(heading, (), cells, footer=footer)


def _cell(number: int, shot: Shot, picture: Pixels | None, labels: Sequence[ShotLabel]) -> Cell:
    bars = tuple(Bar(label.name, label.probability, Tone.CANDIDATE) for label in labels[:MOST_LABELS])
    return Cell(picture, f"{number}   {about_clock(shot.begin_s)}   {shot.length_s:.1f} s", bars)


def _of_all(shots: ShotReport) -> str:
    parts = [f"{about_clock(shots.duration_s)} in all"]
    if len(shots.shots) > 1 and shots.length_median_s is not None and shots.shots_per_minute is not None:
        parts += [f"median {shots.length_median_s:.1f} s", f"{shots.shots_per_minute:.1f} shots a minute"]
    return ", ".join(parts)
