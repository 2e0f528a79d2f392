"""Root is told what that means, unless root knows; nobody else is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.harness import Home

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no root")
SAYS = "vsortd runs as root: a fault in a decoder would have every right here"
IS_ROOT = os.name == "posix" and os.geteuid() == 0


@pytest.mark.few(1)
@pytest.mark.skipif(not IS_ROOT, reason="only root is warned")
@pytest.mark.parametrize("words", [["sort"], ["run", "--once"], ["run", "--once", "--json-log"]])
def test_root_is_warned_once_and_can_silence_it(words: list[str], tmp_path: Path) -> None:
    home = Home.make(tmp_path / "home")
    file = [home.inbox] if words == ["sort"] else []
    done = home.run(*words, *file)
    assert 1 == done.stderr.count(SAYS)
    assert SAYS not in done.stdout
    assert "--as-root" in done.stderr
    assert SAYS not in home.run(*words, *file, "--as-root").stderr


@pytest.mark.skipif(not IS_ROOT, reason="only root is warned")
def test_the_log_keeps_the_warning(tmp_path: Path) -> None:
    home = Home.make(tmp_path / "home")
    home.run("run", "--once")
    assert SAYS in home.run("logs").stdout


def test_nobody_else_is_warned(tmp_path: Path) -> None:
    home = Home.make(tmp_path / "home")
    if not IS_ROOT:
        assert SAYS not in home.run("sort", home.inbox).stderr
        return
    if shutil.which("setpriv") is None:
        pytest.skip("no setpriv here: apt install util-linux")
    code = "from vsortd.cli.common import root_warning; print(repr(root_warning(as_root=False)))"
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip("needs root, and a Python that other users may run")
    assert "''" == done.stdout.strip()
