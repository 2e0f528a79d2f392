"""`vsortd plan --out plan.csv`: the table is written whole, over nothing, and for nobody whom a video isn't for."""

from __future__ import annotations

import csv
import os
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support import harness
from tests.support.clips import encode
from vsortd.cli import sort
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.pipeline.batch import SortOutcome


@pytest.fixture
def home(tmp_path: Path) -> harness.Here:
    """Return a home with a video, whose rule asks no model."""
    made = harness.Here.make(tmp_path / "home", rules="rules: [{name: sea, when: {file_name: '*'}}]\n")
    encode(made.inbox / "waves.mp4", [np.full((90, 160, 3), 90, np.uint8)] * 10, fps=10)
    return made


def test_a_file_that_comes_while_it_plans_stays_and_nothing_is_left_beside_it(
    home: harness.Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, run = tmp_path / "plans" / "plan.csv", sort._run
    table.parent.mkdir()

    def run_and_come(*given: object, **more: object) -> list[SortOutcome]:
        found = run(*given, **more)  # type: ignore[arg-type]
        table.write_text("mine")
        return found

    monkeypatch.setattr(sort, "_run", run_and_come)
    said = home.run("plan", home.inbox, "--out", table, code=ExitCode.USAGE).stderr
    assert f"{table} is there already" in said
    assert "mine" == table.read_text()
    assert [table] == list(table.parent.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows the folder says who may read")
def test_a_table_is_for_nobody_whom_a_video_is_not_for(home: harness.Here, tmp_path: Path) -> None:
    modes, umask = [], os.umask(0o022)
    try:
        for number, mode in enumerate((0o644, 0o640, 0o600)):
            (home.inbox / "waves.mp4").chmod(mode)
            home.run("plan", home.inbox, "--out", tmp_path / f"{number}.csv")
            modes.append((tmp_path / f"{number}.csv").stat().st_mode & 0o777)
    finally:
        os.umask(umask)
    assert [0o644, 0o640, 0o600] == modes


def test_a_table_is_written_where_the_command_stands(
    home: harness.Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home.run("plan", home.inbox, "--out", "plan.csv")
    with (tmp_path / "plan.csv").open(encoding="utf-8", newline="") as file:
        assert [str(home.inbox / "waves.mp4")] == [row["source"] for row in csv.DictReader(file)]
    assert "There is no folder" in home.run("plan", home.inbox, "--out", "none/plan.csv", code=ExitCode.USAGE).stderr
