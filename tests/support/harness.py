"""A person's view of vsortd for tests: a config, an inbox, a library, and the real command in its own process."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import unittest.mock
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.hearth import Process, run_warm, start_cold, start_warm
from tests.support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RULES = """\
rules:
  - name: nature
    prompts: [forest, mountains, snow, meadow, desert]
    rules:
      - {name: forest, prompts: [a forest, trees in a wood]}
      - {name: mountains, prompts: [mountains, mountain peaks]}
      - {name: snow, prompts: [snow, snowy landscape]}
      - {name: meadow, prompts: [meadow, grass field with flowers]}
  - {name: sea, prompts: [sea, ocean waves]}
  - {name: city, prompts: [city, city street]}
  - {name: fire, prompts: [fire, flames]}
  - {name: indoor, prompts: [indoor room, living room]}
  - {name: slides, prompts: [text slides, presentation slide]}
"""


# What loads one, where no daemon runs: a fork of a process that has imported the libraries saves two seconds.
_WITH_A_MODEL = {"sort", "plan", "explain", "teach", "corrections", "eval", "rules", "refile"}


@dataclass(slots=True)
class Home:
    """A person's folders, and the commands run against them."""

    folder: Path
    daemon: Process | None = None
    more_environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(
        cls,
        folder: Path,
        *,
        more: str = "",
        inbox: str = "settle: 0.3s, incomplete_after: 1s",
        rules: str = RULES,
    ) -> Home:
        """Make inbox, library and a config for the sample model."""
        home = cls(folder)
        home.inbox.mkdir(parents=True)
        home.library.mkdir()
        home.config.write_text(
            f"version: 2\ninboxes:\n  - {{path: {home.inbox}, {inbox}}}\n"
            f"library: {home.library}\nmodel: sample\n{more}{rules}"
        )
        return home

    @property
    def inbox(self) -> Path:
        """Where files are dropped."""
        return self.folder / "Inbox"

    @property
    def library(self) -> Path:
        """Where they are filed."""
        return self.folder / "Sorted"

    @property
    def config(self) -> Path:
        """The config file."""
        return self.folder / "vsortd.yaml"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every command."""
        return {
            **os.environ,
            "VSORTD_STATE_DIR": str(self.folder / "state"),
            "VSORTD_CONFIG": str(self.config),
            "VSORTD_WEB": "off",
            **self.more_environment,
        }

    def run(self, *words: str | Path, code: int | None = 0, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; `code` is what it must exit with."""
        done = None
        if str(words[0]) in _WITH_A_MODEL:
            done = run_warm([str(word) for word in words], self.environment, timeout_s=timeout_s)
        if done is None:
            done = subprocess.run(
                [sys.executable, "-m", "vsortd", *map(str, words)],
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout_s,
                stdin=subprocess.DEVNULL,
            )
        if code is not None:
            assert code == done.returncode, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *words: str | Path, code: int | None = 0) -> dict[str, Any]:
        """Run a command with --json and return what it prints."""
        document: dict[str, Any] = json.loads(self.run(*words, "--json", code=code).stdout)
        assert 1 == document["schema_version"]
        return document

    def look(self, *words: str | Path, code: int | None = 0) -> dict[str, Any]:
        """Return what a command prints with --json, asked in this process.

        For what is asked again and again until it is so: a process for each time takes ten times the work, beside the
        daemon that is waited for.
        """
        document: dict[str, Any] = json.loads(_run_here(self.environment, *words, "--json", code=code).stdout)
        return document

    def items(self) -> list[dict[str, Any]]:
        """Return the history, newest first."""
        items: list[dict[str, Any]] = self.look("history")["items"]
        return items

    def start(self, *, cold: bool = False) -> None:
        """Start the daemon in a process of its own, and wait until it answers; `cold` as a person does."""
        start = start_cold if cold else start_warm
        self.daemon = start(["--verbose", "run"], self.environment, self.folder / "daemon.log")
        self.wait(lambda: self.look("status", code=None)["state"] in {"running", "paused"}, what="the daemon answers")

    def stop(self, *, how: int = signal.SIGTERM, within_s: float = PATIENCE_S) -> int:
        """End the daemon and return its exit code."""
        assert self.daemon is not None
        self.daemon.send_signal(how)
        code = self.daemon.wait(within_s)
        self.daemon = None
        return code

    def wait(self, condition: Callable[[], bool], *, what: str, within_s: float = 90) -> None:
        """Wait for something to become true, with the daemon's log in the failure."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                if condition():
                    return
            except (ValueError, KeyError):
                pass
            assert time.monotonic() < deadline, f"waited in vain until {what}\n{self.log()[-6000:]}"
            assert self.daemon is None or self.daemon.poll() is None, f"the daemon died\n{self.log()[-6000:]}"
            time.sleep(0.1)

    def log(self) -> str:
        """Return what the daemon said."""
        path = self.folder / "daemon.log"
        return path.read_text(errors="replace") if path.exists() else ""


class Here(Home):
    """The same commands in this process: a second apiece less, for tests that ask for many. A daemon has its own."""

    def run(
        self,
        *words: str | Path,
        code: int | None = 0,
        timeout_s: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; `code` is what it must exit with."""
        if words[0] == "run":
            return super().run(*words, code=code, timeout_s=timeout_s)
        return _run_here(self.environment, *words, code=code)


def _run_here(
    environment: dict[str, str], *words: str | Path, code: int | None = 0
) -> subprocess.CompletedProcess[str]:
    from vsortd.__main__ import main

    out, err = io.StringIO(), io.StringIO()
    arguments = [str(word) for word in words]
    gc.freeze()  # a process that has run thousands of tests takes a second to be looked through
    try:
        with (
            unittest.mock.patch.dict(os.environ, environment),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            found = main(arguments)
        gc.collect()  # what a process lets go of when it ends: the journal's files among it
    finally:
        gc.unfreeze()
    if code is not None:
        assert code == found, f"{words}: exit {found}\n{out.getvalue()}\n{err.getvalue()}"
    return subprocess.CompletedProcess(arguments, found, out.getvalue(), err.getvalue())


def snapshot(folder: Path) -> dict[str, tuple[str, int]]:
    """Return every file below a folder as name → (SHA-256, mtime in ns), vsortd's own folder left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and ".vsortd" not in path.relative_to(folder).parts:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[os.fsdecode(os.fsencode(path.relative_to(folder)))] = (digest, path.stat().st_mtime_ns)
    return found
