"""Shots as PySceneDetect's CSV and as parts for editing programs."""

from __future__ import annotations

import csv
import io
import itertools

from vsortd.analysis.shot_exports import shot_parts, shots_csv
from vsortd.analysis.shots import Shot, ShotReport, ShotStart
from vsortd.core.edit_exports import EditPart


def report(fps: float, *frames: int) -> ShotReport:
    """Return shots that begin at frames, the last number being the end."""
    shots = tuple(
        Shot(begin / fps, end / fps, ShotStart.CUT if begin else ShotStart.START, begin / fps, begin, end)
        for begin, end in itertools.pairwise(frames)
    )
    return ShotReport(shots, (), (), (), 0.3)


def test_the_csv_has_exactly_the_columns_of_pyscenedetect() -> None:
    expected = (
        "Scene Number,Start Frame,Start Timecode,Start Time (seconds),End Frame,End Timecode,End Time (seconds),"
        "Length (frames),Length (timecode),Length (seconds)\n"
        "1,1,00:00:00.000,0.000,30,00:00:01.200,1.200,30,00:00:01.200,1.200\n"
        "2,31,00:00:01.200,1.200,90050,01:00:02.000,3602.000,90020,01:00:00.800,3600.800\n"
    )
    assert expected == shots_csv(report(25, 0, 30, 90050))


def test_the_rows_of_the_csv_join_without_a_gap() -> None:
    rows = list(csv.DictReader(io.StringIO(shots_csv(report(29.97, 0, 17, 100, 101)))))
    assert ["1", "18", "101"] == [row["Start Frame"] for row in rows]
    assert ["17", "100", "101"] == [row["End Frame"] for row in rows]
    assert [row["End Timecode"] for row in rows[:-1]] == [row["Start Timecode"] for row in rows[1:]]


def test_without_shots_there_is_a_heading_only() -> None:
    assert 1 == len(shots_csv(report(25)).splitlines())
    assert () == shot_parts(report(25))


def test_each_shot_is_a_part_by_its_number() -> None:
    assert (EditPart(0.0, 1.2, "Shot 1"), EditPart(1.2, 4.0, "Shot 2")) == shot_parts(report(25, 0, 30, 100))
