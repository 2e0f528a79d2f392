"""What the watch room's tests share: small whole videos, inboxes, a clock to turn by hand, and a recorder."""

from __future__ import annotations

import struct
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.watch.inbox import InboxWatcher
from vsortd.watch.loop import InboxLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vsortd.core.identity import Identity
    from vsortd.watch.types import ReadyFile, Report

# How long a test waits for what must happen; it fails then, and never passes because of it.
PATIENCE_S = 20.0


def box(kind: bytes, payload: bytes = b"") -> bytes:
    """Return one box with a 32-bit size."""
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def whole_video(filling: int = 100) -> bytes:
    """Return the least that passes the box scan, with `filling` bytes of media."""
    return box(b"ftyp", b"isom0000") + box(b"mdat", b"\x5a" * filling) + box(b"moov", b"\x11" * 24)


@dataclass(frozen=True)
class Inbox:
    """An inbox's settings, quick for tests."""

    path: Path
    recursive: bool = True
    watch: str = "events"
    ignore: tuple[str, ...] = ()
    settle_s: float = 0.1
    settle_max_s: float = 3600.0
    incomplete_s: float = 0.4
    poll_s: float = 10.0
    rescan_s: float = 300.0
    extensions: tuple[str, ...] = ("mp4", "mov")


class Clock:
    """A monotonic clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        """Return the time, seconds."""
        return self.now_s


@dataclass
class Recorder:
    """Takes what a watcher tells, on any thread; `fail` are names whose delivery raises, once each."""

    ready: list[ReadyFile] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    asked: list[tuple[Path, Identity]] = field(default_factory=list)
    known: set[tuple[Path, Identity]] = field(default_factory=set)
    fail: set[str] = field(default_factory=set)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def on_ready(self, file: ReadyFile) -> None:
        """Take a ready file."""
        with self.changed:
            if file.path.name in self.fail:
                self.fail.discard(file.path.name)
                raise RuntimeError("the queue is broken")
            self.ready.append(file)
            self.changed.notify_all()

    def on_report(self, report: Report) -> None:
        """Take a report."""
        with self.changed:
            self.reports.append(report)
            self.changed.notify_all()

    def is_known(self, path: Path, identity: Identity) -> bool:
        """Answer from `known`, and note the question."""
        with self.changed:
            self.asked.append((path, identity))
            return (path, identity) in self.known

    def names(self) -> list[str]:
        """Return the names of the ready files, in order of delivery."""
        with self.changed:
            return [file.path.name for file in self.ready]

    def wait_for(self, names: list[str]) -> None:
        """Wait until exactly these have been delivered, in any order."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.ready) >= len(names), PATIENCE_S), self.names()
        assert sorted(names) == sorted(self.names())


@pytest.fixture
def video() -> Callable[[int], bytes]:
    return whole_video


@pytest.fixture
def make_box() -> Callable[..., bytes]:
    return box


@pytest.fixture
def make_inbox(tmp_path: Path) -> Callable[..., Inbox]:
    def make(name: str = "inbox", **settings: Any) -> Inbox:
        path = tmp_path / name
        path.mkdir(exist_ok=True)
        return Inbox(path, **settings)

    return make


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def make_loop(clock: Clock, recorder: Recorder) -> Iterator[Callable[..., InboxLoop]]:
    """Make an inbox's loop without its thread: the test turns it, and the clock."""
    made: list[InboxLoop] = []

    def make(inbox: Inbox, **options: Any) -> InboxLoop:
        options = {"known": recorder.is_known, "sidecars_of": lambda _: (), **options}
        loop = InboxLoop(inbox, on_ready=recorder.on_ready, on_report=recorder.on_report, clock=clock, **options)
        made.append(loop)
        return loop

    yield make
    for loop in made:
        loop.request_stop()
        loop.run()


@pytest.fixture
def make_watcher(recorder: Recorder) -> Iterator[Callable[..., InboxWatcher]]:
    """Make a running watcher; it has looked through its inboxes once when it is handed out."""
    made: list[InboxWatcher] = []

    def make(*inboxes: Inbox, **options: Any) -> InboxWatcher:
        options = {"known": recorder.is_known, "sidecars_of": lambda _: (), **options}
        watcher = InboxWatcher(inboxes, on_ready=recorder.on_ready, on_report=recorder.on_report, **options)
        watcher.start()
        made.append(watcher)
        return watcher

    yield make
    for watcher in made:
        assert watcher.stop(patience_s=PATIENCE_S)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Return a function that waits until something is true, and fails when it never is."""

    def wait(condition: Callable[[], bool]) -> None:
        gate = threading.Event()
        for _ in range(int(PATIENCE_S / 0.01)):
            if condition():
                return
            gate.wait(0.01)
        pytest.fail("waited in vain")

    return wait


def pass_time(loop: InboxLoop, clock: Any, seconds: float) -> None:
    """Let time pass the way the thread would: sleep as long as the turn says, turn again."""
    end_s = clock.now_s + seconds
    while True:
        sleep_s = loop.turn()
        assert sleep_s >= 0
        if clock.now_s + sleep_s > end_s:
            break
        clock.now_s += max(sleep_s, 1e-4)
    clock.now_s = end_s
    loop.turn()
