"""Each Python that vsortd starts imports nothing of the folder it is started in, which may be anybody's."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.harness import Home
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRAP = 'import pathlib\npathlib.Path({marker!r}).write_text(__file__)\nraise SystemExit("imported what lay about")\n'


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Yield each list or tuple in the package that has Python's `-m` or `-c` in it: place, and its texts."""
    for path in sorted((REPOSITORY / "vsortd").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.List | ast.Tuple):
                continue
            words = [one.value for one in node.elts if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            runs_python = (
                any(isinstance(one, ast.Attribute | ast.Name | ast.Call) for one in node.elts[:1]) or "-P" in words
            )
            if ("-m" in words or "-c" in words) and (runs_python or any(word.startswith("vsortd") for word in words)):
                yield f"{path.relative_to(REPOSITORY)}:{node.lineno}", words


@pytest.mark.long
def test_no_python_is_started_that_looks_where_it_stands() -> None:
    found = dict(command_lines())
    assert len(found) >= 13
    assert [] == [place for place, words in found.items() if not {"-P", "-I"} & set(words)]


@pytest.mark.long
@pytest.mark.timeout(180)
def test_what_lies_about_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files named like modules: where the daemon is started, which is the home, and where the doctor looks."""
    home = Home.make(tmp_path / "home")
    marker = tmp_path / "imported"
    home.more_environment["HOME"] = str(tmp_path / "user")
    for place in (tmp_path / "user", tmp_path / "here"):
        place.mkdir()
        for name in ("vsortd", "av", "torch", "click", "numpy"):
            (place / f"{name}.py").write_text(TRAP.format(marker=str(marker)))
    monkeypatch.chdir(tmp_path / "here")
    assert "running" == json.loads(as_installed(home, "start", "--json"))["state"]
    try:
        report = as_installed(home, "doctor", "--quick")
    finally:
        as_installed(home, "stop")
    assert "PyTorch can't be loaded" not in report
    assert not marker.exists(), marker.read_text()


def as_installed(home: Home, *words: str) -> str:
    """Run a command as the installed program does, whose own folder is searched, not the working directory."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "vsortd", *words],
        env=home.environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    return done.stdout or done.stderr
