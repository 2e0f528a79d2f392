"""What reaches an inbox's thread from other threads: hints, requests, and the moment to wake up."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.core.identity import Identity


@dataclass(frozen=True, slots=True)
class AgainRequest:
    """A path that goes back to settle; `identity` is of the file that the work was about, if known."""

    path: Path
    reason: str
    identity: Identity | None


@dataclass(slots=True)
class Mail:
    """What came in since the last time; each thing once. `hints` counts the events behind it."""

    files: dict[str, None] = field(default_factory=dict)  # paths from the inbox, in the order they came
    folders: dict[str, None] = field(default_factory=dict)
    again: list[AgainRequest] = field(default_factory=list)
    done: list[Path] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    scan: bool = False
    hints: int = 0

    def __bool__(self) -> bool:
        """Tell whether there is something to do; what is done asks for nothing."""
        return bool(self.files or self.folders or self.again or self.troubles or self.scan)


class Mailbox:
    """Collects from any thread, hands over to one. Nothing here blocks or fails."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._mail = Mail()
        self._taken = False

    def file_hint(self, relative: str) -> None:
        """Note that something happened to a file."""
        with self._lock:
            self._mail.hints += 1
            self._mail.files[relative] = None
        self._wake.set()

    def folder_hint(self, relative: str) -> None:
        """Note that a folder appeared."""
        with self._lock:
            self._mail.hints += 1
            self._mail.folders[relative] = None
        self._wake.set()

    def trouble(self, reason: str) -> None:
        """Note that events can't be trusted."""
        with self._lock:
            self._mail.troubles.append(reason)
        self._wake.set()

    def request_scan(self) -> None:
        """Ask for a scan that also asks anew about the files it skips."""
        with self._lock:
            self._mail.scan = True
        self._wake.set()

    def request_again(self, request: AgainRequest) -> None:
        """Send a path back to settle."""
        with self._lock:
            self._mail.again.append(request)
        self._wake.set()

    def note_done(self, path: Path) -> None:
        """Note that the work on a path has ended; this alone wakes nobody."""
        with self._lock:
            self._mail.done.append(path)

    def wake(self) -> None:
        """End the current or the next wait."""
        self._wake.set()

    def wait(self, timeout_s: float) -> None:
        """Sleep until something comes in, `timeout_s` at most."""
        self._wake.wait(timeout_s)

    def take(self) -> Mail:
        """Hand over what came in; until `settled` is called, the box counts as busy."""
        with self._lock:
            self._wake.clear()
            mail, self._mail = self._mail, Mail()
            self._taken = True
            return mail

    def settled(self) -> None:
        """Say that what was taken has been dealt with."""
        with self._lock:
            self._taken = False

    def busy(self) -> bool:
        """Tell whether something has come in, or is being dealt with."""
        with self._lock:
            return self._taken or bool(self._mail)
