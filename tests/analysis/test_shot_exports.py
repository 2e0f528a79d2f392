"""Shots as PySceneDetect's CSV and as an edit decision list."""

from __future__ import annotations

import csv
import io
import itertools

import pytest

from vsortd.analysis.shot_exports import shots_csv, shots_edl
from vsortd.analysis.shots import Shot, ShotReport, ShotStart


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
    assert "TITLE: a.mp4\nFCM: NON-DROP FRAME\n\n" == shots_edl(report(25), source="a.mp4")


def test_the_edit_list_has_an_event_for_each_shot_and_names_the_source() -> None:
    expected = (
        "TITLE: bikes.mp4\n"
        "FCM: NON-DROP FRAME\n"
        "\n"
        "001  AX       V     C        00:00:00:00 00:00:01:05 00:00:00:00 00:00:01:05\n"
        "* FROM CLIP NAME: bikes.mp4\n"
        "002  AX       V     C        00:00:01:05 01:00:02:00 00:00:01:05 01:00:02:00\n"
        "* FROM CLIP NAME: bikes.mp4\n"
    )
    assert expected == shots_edl(report(25, 0, 30, 90050), source="bikes.mp4")


@pytest.mark.parametrize(("fps", "timecode"), [(24000 / 1001, "00:01:15:00"), (30000 / 1001, "00:01:00:00")])
def test_timecodes_count_frames_at_the_rounded_rate(fps: float, timecode: str) -> None:
    assert timecode in shots_edl(report(fps, 0, 1800, 3600), source="a.mp4")


def test_a_name_can_not_add_lines_to_the_list() -> None:
    lines = shots_edl(report(25, 0, 30), source="a\n002  AX\udcff.mp4").splitlines()
    assert "* FROM CLIP NAME: a?002  AX?.mp4" == lines[-1]
    assert 5 == len(lines)


def test_a_single_frame_is_an_event_of_one_frame() -> None:
    one = ShotReport((Shot(0.0, 0.0, ShotStart.START, 0.0, 0, 1),), (), (), (), 0.3)
    assert "00:00:00:00 00:00:00:01 00:00:00:00 00:00:00:01" in shots_edl(one, source="photo.mov")
