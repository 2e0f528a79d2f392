"""The inboxes together, each with a thread of its own, so that a share that hangs holds up nobody else."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from loguru import logger

from vsortd.watch.loop import InboxLoop
from vsortd.watch.mailbox import AgainRequest
from vsortd.watch.types import Health, InboxHealth, InboxLike, Mode, ReadyFile, Report, ReportKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vsortd.core.identity import Identity

__all__ = ["Health", "InboxHealth", "InboxLike", "InboxWatcher", "Mode", "ReadyFile", "Report", "ReportKind"]


class InboxWatcher:
    """Tells of every video that arrives in some inboxes, once, when it may be worked on.

    `on_ready` and `on_report` are called on the inboxes' threads, several at a time; they should return soon.
    What they raise is logged, and the file comes again. `known` says whether a file is to be skipped as it is
    (on hold, failed or rejected before); it is asked when a file is discovered, and again when it comes to
    rest with another identity. `sidecars_of` returns the files that travel with a video. `drain` reports
    files that are quiet but unfinished at once. The folders in `exclude` (the library, say) are not looked
    into, nor is another inbox that lies in this one. Unless `takes_out`, nothing is moved out of the inboxes, and one
    that may only be read will do.

    A path is delivered once with one identity, until it changes, or goes away and returns, or `again` is
    called.
    """

    def __init__(
        self,
        inboxes: Sequence[InboxLike],
        *,
        on_ready: Callable[[ReadyFile], None],
        on_report: Callable[[Report], None],
        known: Callable[[Path, Identity], bool],
        sidecars_of: Callable[[Path], Sequence[Path]],
        clock: Callable[[], float] = time.monotonic,
        drain: bool = False,
        exclude: Sequence[Path] = (),
        takes_out: bool = True,
    ) -> None:
        self._loops = [
            InboxLoop(
                inbox,
                on_ready=on_ready,
                on_report=on_report,
                known=known,
                sidecars_of=sidecars_of,
                clock=clock,
                drain=drain,
                exclude=[*exclude, *(other.path for other in inboxes)],
                takes_out=takes_out,
            )
            for inbox in inboxes
        ]
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to watch; returns at once, the first scans run on the inboxes' threads."""
        self._threads = [
            threading.Thread(target=loop.run, name=f"inbox-{loop.path.name}", daemon=True) for loop in self._loops
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, *, patience_s: float = 3.0) -> bool:
        """Stop watching; nothing is delivered afterwards. Returns whether all threads ended in time."""
        for loop in self._loops:
            loop.request_stop()
        deadline_s = time.monotonic() + patience_s
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        left = [thread.name for thread in self._threads if thread.is_alive()]
        if left:
            logger.warning("left behind, their folders don't answer: {}", ", ".join(left))
        return not left

    def scan_now(self) -> None:
        """Look through every inbox, and ask `known` again about files that are not at work."""
        for loop in self._loops:
            loop.mailbox.request_scan()

    def again(self, path: Path, reason: str = "", *, identity: Identity | None = None) -> None:
        """Let a file settle once more: it changed or looked unfinished at work, or is to be tried again.

        `known` is not asked. With a `reason` and a file that has not changed since, it comes again when it
        has been quiet for `incomplete_s`, and is reported with the reason if it is sent back after that.
        `identity` is of the file that the work was about: if another has been delivered since, nothing
        happens.
        """
        loop = self._loop_of(path)
        if loop is None:
            logger.debug("{}: is in no inbox", path)
            return
        loop.mailbox.request_again(AgainRequest(path, reason, identity))

    def done(self, path: Path) -> None:
        """Note that the work on a delivered file ended, so that `scan_now` asks `known` about it again."""
        loop = self._loop_of(path)
        if loop is not None:
            loop.mailbox.note_done(path)

    def health(self) -> list[InboxHealth]:
        """Return how each inbox is, in the order of the settings."""
        return [loop.health() for loop in self._loops]

    def waiting(self) -> int:
        """Return how many files wait to be ready, over all inboxes."""
        return sum(loop.waiting() for loop in self._loops)

    def waits(self) -> list[tuple[Path, str]]:
        """Return the files that have waited for others (a download's second file) for a while, and why."""
        return [wait for loop in self._loops for wait in loop.waits()]

    def idle(self) -> bool:
        """Tell whether every inbox has been looked through and nothing waits to be ready.

        Files that were reported don't count, nor does an inbox that is not there.
        """
        return all(loop.idle() for loop in self._loops)

    def _loop_of(self, path: Path) -> InboxLoop | None:
        """Return the innermost inbox that a path lies in."""
        holding = [loop for loop in self._loops if loop.path in path.parents]
        return max(holding, key=lambda loop: len(loop.path.parts), default=None)
