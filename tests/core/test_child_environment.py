"""What a process that we start finds, and what it gets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import vsortd
from vsortd.core.system.child_environment import least_environment, package_path


@pytest.mark.parametrize("ours", ["", f"/somewhere{os.pathsep}/else"])
def test_a_child_finds_our_package_wherever_it_stands_and_what_we_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours: str
) -> None:
    (tmp_path / "vsortd").mkdir()
    (tmp_path / "vsortd" / "__init__.py").write_text("raise SystemExit('another package')")
    monkeypatch.setenv("PYTHONPATH", ours)
    done = subprocess.run(
        [sys.executable, "-P", "-S", "-c", "import sys, vsortd; print(vsortd.__file__, *sys.path, sep='\\n')"],
        env=least_environment({"PYTHONPATH": package_path()}),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    file, *searched = done.stdout.splitlines()
    assert Path(vsortd.__file__) == Path(file)
    assert [part for part in ours.split(os.pathsep) if part] == [
        one for one in searched if one in {"/somewhere", "/else"}
    ]


def test_nothing_that_a_person_keeps_in_it_travels(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "LC_SECRET", "MY_OWN", "OMP_KEY"):
        monkeypatch.setenv(name, "hidden")
    monkeypatch.setenv("LC_ALL", "C")
    assert "C" == least_environment()["LC_ALL"]
    assert "hidden" not in least_environment().values()
