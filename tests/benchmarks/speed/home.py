"""A person's vsortd: folders, a config, and the real command in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from tests.benchmarks.speed import media
from tests.benchmarks.speed.books import Filed, counts, read_books
from tests.benchmarks.speed.plan import SUBJECTS
from tests.benchmarks.speed.processes import BenchmarkError, tail
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Progress = Callable[[int, int], None]

_START_S, _STOP_S = 180.0, 15.0
_POLL_S = 0.02


def environment(**more: str) -> dict[str, str]:
    """Return the environment of everything that is measured: this checkout's modules, nothing of the user's vsortd."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("VSORTD_")}
    return {**mine, "PYTHONPATH": str(REPOSITORY), "HF_HUB_OFFLINE": "1", **more}


@dataclass(slots=True)
class Home:
    """Inbox, library, state and config below `folder`. As a context manager it runs the daemon, warmed up."""

    folder: Path
    model: str | dict[str, str]
    settle_s: float = 0.3
    more: str = ""
    subjects: tuple[str, ...] = SUBJECTS
    daemon: subprocess.Popen[bytes] | None = None
    warm_up: Path | None = None
    _since: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.inbox.mkdir(parents=True)
        self.library.mkdir()
        self.ready.mkdir()
        rules = "".join(f"  - {{name: {name}, prompts: [a {name}], min_score: 0}}\n" for name in self.subjects)
        self.config.write_text(
            f"version: 2\ninboxes: [{{path: {self.inbox}, settle: {self.settle_s}s}}]\nlibrary: {self.library}\n"
            f"model: {json.dumps(self.model)}\n{self.more}"
            f"defaults: {{min_score: 0, min_margin: 0}}\nrules:\n{rules}",
            encoding="utf-8",
        )

    @property
    def inbox(self) -> Path:
        """Where files are dropped."""
        return self.folder / "Inbox"

    @property
    def library(self) -> Path:
        """Where they are filed."""
        return self.folder / "Sorted"

    @property
    def ready(self) -> Path:
        """Where files are made, on the inbox's filesystem: a drop is a rename from here."""
        return self.folder / "ready"

    @property
    def config(self) -> Path:
        """The config file."""
        return self.folder / "vsortd.yaml"

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder / "state"

    @property
    def log(self) -> Path:
        """What the daemon says."""
        return self.folder / "daemon.log"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the commands."""
        return environment(VSORTD_STATE_DIR=str(self.state), VSORTD_CONFIG=str(self.config), NO_COLOR="1")

    @property
    def pid(self) -> int:
        """The daemon's process."""
        assert self.daemon is not None
        return self.daemon.pid

    @staticmethod
    def command(*words: str) -> list[str]:
        """Return the command line of a vsortd command."""
        return [sys.executable, "-m", "vsortd", *words]

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self.daemon = subprocess.Popen(
                self.command("--verbose", "run"), env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            if self.warm_up is not None:
                self.drop(self.warm_up, within_s=_START_S)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGTERM)
        try:
            self.daemon.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()

    def drop(self, master: Path, *, within_s: float = 600.0) -> tuple[float, Filed]:
        """Drop a new file with a clip's bytes and wait until it is filed; returns when it was dropped, and its item."""
        path = media.fresh(master, self.ready)
        dropped_s = time.time()
        path.rename(self.inbox / path.name)
        self._since += 1
        self.wait(self._since, within_s=within_s, poll_s=_POLL_S)
        return dropped_s, read_books(self.state, self.log)[-1]

    def drop_folder(
        self, folder: Path, number: int, *, within_s: float, on_progress: Progress
    ) -> tuple[float, list[Filed]]:
        """Drop a folder of `number` new files at once and wait until all are filed; returns like `drop`."""
        dropped_s = time.time()
        folder.rename(self.inbox / folder.name)
        self._since += number
        self.wait(self._since, within_s=within_s, poll_s=0.25, on_progress=on_progress)
        return dropped_s, read_books(self.state, self.log)[-number:]

    def wait(
        self,
        number: int,
        *,
        within_s: float,
        poll_s: float,
        on_progress: Progress = lambda _done, _total: None,
    ) -> None:
        """Wait until as many videos are filed. Raises BenchmarkError if one is not, the daemon dies or time is up."""
        deadline_s = time.monotonic() + within_s
        while (done := (now := counts(self.state))[0]) < number:
            on_progress(done, number)
            if now[1]:
                raise BenchmarkError(f"a clip was refused:\n{tail(self.log)}")
            if self.daemon is not None and self.daemon.poll() is not None:
                raise BenchmarkError(f"vsortd ended:\n{tail(self.log)}")
            if time.monotonic() > deadline_s:
                raise BenchmarkError(f"{done} of {number} filed after {within_s:.0f} s:\n{tail(self.log)}")
            time.sleep(poll_s)
        on_progress(number, number)
