"""The short form of the suite runs some of a dear test's cases, the long form all."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

_DEAR = """
import pytest

@pytest.mark.few(2)
@pytest.mark.parametrize("case", ["a", "b", pytest.param("c", marks=pytest.mark.long), "d", "e"])
def test_it(case): pass

@pytest.mark.few(3)
@pytest.mark.parametrize("case", "xy")
def test_that(case): pass
"""
_CONFTEST = """
import pytest
from tests.support.few_cases import leave_few

def pytest_configure(config):
    for name in ("long", "few(n)"):
        config.addinivalue_line("markers", name)

@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    leave_few(items)
"""


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        ("-m|not long", "it[a] it[d] that[x] that[y]"),
        ("-m|long or not long", "it[a] it[b] it[c] it[d] it[e] that[x] that[y]"),
        ("-m|not long|test_dear.py::test_it[e]", "it[e]"),
    ],
)
def test_as_many_as_wanted_run_spread_over_all(tmp_path: Path, words: str, runs: str) -> None:
    (tmp_path / "test_dear.py").write_text(_DEAR)
    (tmp_path / "conftest.py").write_text(_CONFTEST)
    asked = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", *words.split("|")]
    environment = {"PYTHONPATH": str(REPOSITORY), "PATH": ""}
    done = subprocess.run(asked, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    found = [line.partition("::test_")[2] for line in done.stdout.splitlines() if "::" in line]
    assert runs.split() == found, done.stdout + done.stderr
