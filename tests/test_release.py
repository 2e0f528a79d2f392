"""`.ci/release` says what is missing before it builds anything, and changes nothing then."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a repository of its own that holds the script, all of it committed."""
    tree = tmp_path / "tree"
    (tree / ".ci").mkdir(parents=True)
    shutil.copy2(REPOSITORY / ".ci" / "release", tree / ".ci" / "release")
    shutil.copy2(REPOSITORY / "pyproject.toml", tree)
    who = ("-c", "user.name=me", "-c", "user.email=me@example.com")
    for words in (("init", "-q"), ("add", "."), (*who, "commit", "-qm", "All")):
        subprocess.run(["git", *words], cwd=tree, check=True, timeout=30)
    return tree


def _refused(tree: Path, *words: str, python: str = sys.executable) -> tuple[int, str]:
    done = subprocess.run(
        [tree / ".ci" / "release", *words],
        env={**os.environ, "PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert not (tree / "dist").exists()
    assert "" == done.stdout
    return done.returncode, done.stderr


def test_a_release_of_what_is_not_committed_is_refused(tree: Path) -> None:
    (tree / "new.txt").write_text("new")
    code, said = _refused(tree)
    assert 1 == code
    assert "changes that are not committed" in said


def test_a_release_without_its_tools_says_how_to_install_them(tree: Path, tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    bare.chmod(0o755)
    code, said = _refused(tree, python=str(bare))
    assert 1 == code
    assert f"Install what a release needs: {bare} -m pip install --group release" in said


@pytest.mark.parametrize(
    ("words", "said"), [(("--upload",), "only --python VERSION is known"), (("--python",), "takes a version")]
)
def test_a_wrong_word_to_release_is_named(tree: Path, words: tuple[str, ...], said: str) -> None:
    code, told = _refused(tree, *words)
    assert code in {1, 2}
    assert said in told
