"""A home without a config, and a terminal, for the tests of the wizard."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.wizard import CHILD, Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a home of its own."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in list(os.environ):
        if name.startswith("XDG_"):
            monkeypatch.delenv(name)
    return folder


@pytest.fixture
def inbox(home: Path) -> Path:
    """Make the inbox that the wizard offers, with seven videos that nobody opens."""
    folder = home / "Videos" / "Inbox"
    folder.mkdir(parents=True)
    for number in range(7):
        (folder / f"{number}.mp4").write_bytes(b"video")
    return folder


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Return what starts `vsortd …` on a pseudo-terminal; nothing of it is left at the end."""
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")
    started: list[Terminal] = []

    def start(*words: str) -> Terminal:
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "TMPDIR": str(tmp_path)},
        )
        os.close(slave)
        started.append(Terminal(process, master))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
        os.close(one.master)
