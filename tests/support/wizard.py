"""The other side of `vsortd config init` in tests: a script for the person, a planner, and a real terminal."""

from __future__ import annotations

import io
import os
import re
import select
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console

from vsortd.cli.wizard.dialogue import Interview, MessageTone

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vsortd.config.draft import ConfigDraft
    from vsortd.config.settings import Settings

TOP = ("", "", "sample")  # inbox and library as offered, and the model
END = ("", "")  # orientation and .mov as offered
SHORT = (*TOP, "sea, forest", "", *END)
# Makes the terminal the one that controls the command, so that Ctrl-C reaches it.
CHILD = """\
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "vsortd", *sys.argv[1:]])
"""
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


@dataclass
class Script:
    """A `Talk` with a person who gives these answers and then hangs up."""

    answers: list[str | Callable[[], str]]
    asked: list[str] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)
    said: list[tuple[MessageTone, str]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    def ask(self, text: str, *, hints: Sequence[str] = (), default: str = "", folder: bool = False) -> str:
        del hints, folder
        self.asked.append(text)
        self.offered.append(default)
        if not self.answers:
            raise EOFError
        answer = self.answers.pop(0)
        return answer if isinstance(answer, str) else answer()

    def say(self, text: str, tone: MessageTone = MessageTone.PLAIN) -> None:
        self.said.append((tone, text))

    def show(self, picture: object) -> None:
        out = Console(file=io.StringIO(), width=100)
        out.print(picture)
        self.shown.append(out.file.getvalue())  # type: ignore[attr-defined]

    def told(self, tone: MessageTone) -> list[str]:
        """Return what was said in a tone."""
        return [text for one, text in self.said if one is tone]


@dataclass
class Planned:
    """What the planner says about one video."""

    source: str
    destination: str = ""
    rule: str = ""
    state: str = "filed"
    score: float = 0.8
    margin: float = 0.6
    reason: str = "because"


@dataclass
class Planner:
    """Stands for the planner: every video goes to the first rule; remembers what it was given."""

    calls: list[tuple[Settings, list[Path]]] = field(default_factory=list)
    error: Exception | None = None

    def __call__(self, settings: Settings, videos: Sequence[Path]) -> Any:
        self.calls.append((settings, list(videos)))
        if self.error is not None:
            raise self.error
        rule = settings.rules[0].name
        return [Planned(str(one), str(settings.library / rule / one.name), rule) for one in videos]


def interview(*answers: str | Callable[[], str]) -> tuple[ConfigDraft, Script]:
    """Hold the dialogue with these answers, all of which must be asked for."""
    script = Script(list(answers))
    draft = Interview(script).run()
    assert [] == script.answers
    return draft, script


@dataclass
class Terminal:
    """A pseudo-terminal with the real command on it."""

    process: subprocess.Popen[bytes]
    master: int
    seen: str = ""
    _read: int = 0

    def wait_for(self, text: str, within_s: float = 50) -> None:
        """Read until a text appears that has not been waited for yet."""
        deadline = time.monotonic() + within_s
        while (at := self.seen.find(text, self._read)) < 0:
            assert time.monotonic() < deadline, f"waited in vain for {text!r}:\n{self.seen}"
            assert self._more(deadline - time.monotonic()), f"it ended before {text!r}:\n{self.seen}"
        self._read = at + len(text)

    def answer(self, question: str, line: str) -> None:
        """Wait for a question and its prompt, and type a line."""
        self.wait_for(question)
        self.wait_for("\n> ")
        self.type(f"{line}\n")

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.master, keys.encode())

    def end(self, within_s: float = 50) -> int:
        """Read to the end and return the exit code."""
        deadline = time.monotonic() + within_s
        while self._more(max(0.0, deadline - time.monotonic())):
            assert time.monotonic() < deadline, f"it goes on:\n{self.seen}"
        return self.process.wait(within_s)

    def leave(self, key: str, within_s: float = 50) -> int:
        """Press a key until it ends: Python loses a Ctrl-C between showing a prompt and waiting for keys."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            self.type(key)
            again = time.monotonic() + 3
            while time.monotonic() < again:
                if not self._more(again - time.monotonic()):
                    return self.process.wait(within_s)
        raise AssertionError(f"it goes on:\n{self.seen}")

    def _more(self, within_s: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], within_s)
        try:
            data = os.read(self.master, 65_536) if ready else b" "
        except OSError:  # Linux says so when the other side is closed
            return False
        self.seen += _ESCAPES.sub("", data.decode("utf-8", "replace")) if ready else ""
        return bool(data)


def files_below(folder: Path) -> list[str]:
    """Return all that lies below a folder, sorted."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
