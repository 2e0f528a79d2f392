"""Whose fault an error is: this video's, nobody's yet, or vsortd's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from vsortd.errors import BrokenError, StoreError
from vsortd.pipeline.mishaps import DefectError, Mishaps

if TYPE_CHECKING:
    from pathlib import Path


def test_a_broken_video_has_its_own_reason(tmp_path: Path) -> None:
    assert "no video stream" == Mishaps().reason_of(BrokenError("no video stream"), tmp_path / "a.mp4")


def test_a_file_that_the_system_refuses_is_no_defect(tmp_path: Path) -> None:
    mishaps = Mishaps()
    for number in range(9):
        path = tmp_path / f"{number}.mp4"
        error = PermissionError(13, "Permission denied", os.fspath(path))
        assert "it can't be looked at: Permission denied" == mishaps.reason_of(error, path)


def test_another_file_that_the_system_refuses_is_a_mishap(tmp_path: Path) -> None:
    error = PermissionError(13, "Permission denied", "/elsewhere")
    assert "vsortd met an error of its own" in Mishaps().reason_of(error, tmp_path / "a.mp4")


def test_a_broken_store_stops_loudly(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="damaged"):
        Mishaps().reason_of(StoreError("The journal is damaged."), tmp_path / "a.mp4")


def test_the_same_error_three_times_in_a_row_is_no_videos_fault(tmp_path: Path) -> None:
    mishaps = Mishaps()
    paths = [tmp_path / f"{number}.mp4" for number in range(3)]
    for path in paths[:2]:
        assert "OverflowError: odd" in mishaps.reason_of(OverflowError("odd"), path)
    with pytest.raises(DefectError, match="met 3 videos in a row") as stop:
        mishaps.reason_of(OverflowError("odd"), paths[2])
    assert tuple(paths) == stop.value.videos
