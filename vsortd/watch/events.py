"""Filesystem events of one inbox through watchdog, reduced to hints: look at this file, into this folder.

Nothing here is relied on: a hint that gets lost is found by the next scan. What is relied on is that trouble
shows, so that the scan comes soon: a lost root, a dead thread, an overflow.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from typing import TYPE_CHECKING, Protocol

from loguru import logger
from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

if TYPE_CHECKING:
    from pathlib import Path

    from watchdog.observers.api import BaseObserver

# Joining a thread of watchdog's takes milliseconds; on a filesystem that hangs it is left behind (a daemon
# thread).
_JOIN_S = 2.0
# watchdog holds an unmatched 'moved away' back for 0.5 s, and with it every event behind: after each video
# that is filed, the next one's arrival would be seen late. Both halves of a move come from the kernel side by
# side.
_MOVE_DELAY_S = 0.005
_EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileMovedEvent,
    FileClosedEvent,  # Linux only, after writing
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]
if sys.platform != "linux":
    # Elsewhere nothing tells that a file was closed. On Linux each write would cost an event for nothing.
    _EVENTS.append(FileModifiedEvent)


class HintSink(Protocol):
    """Who takes the hints; called on watchdog's threads, must return at once and never raise."""

    def file_hint(self, relative: str) -> None:
        """Look at this file (path from the inbox, with `/`)."""

    def folder_hint(self, relative: str) -> None:
        """Look through this folder, which has just appeared ("" is the inbox itself)."""

    def trouble(self, reason: str) -> None:
        """Look after the inbox itself: events were lost, or the root is."""


class EventWatch:
    """The events of one folder while it lasts. Raises OSError when the system refuses to watch it.

    The folder is watched at its real path, since a watch on a link sees nothing of what the link points to.
    """

    def __init__(self, root: Path, sink: HintSink, *, recursive: bool) -> None:
        _shorten_move_delay()
        _expect_double_watches()
        real = os.path.realpath(root)
        self._recursive = recursive
        self._overflow = _OverflowListener(sink)
        self._observer: BaseObserver = Observer()
        try:
            self._observer.schedule(_Handler(real, sink), real, recursive=recursive, event_filter=_EVENTS)
            self._observer.start()
        except BaseException:
            self._stop_observer()
            raise
        self._overflow.listen()

    def alive(self) -> bool:
        """Tell whether every thread that events pass through is alive; the observer's own says little."""
        emitters = self._observer.emitters
        reader = getattr(self._observer, "_inotify_fd", None)  # watchdog 7's own thread, not public
        return (
            self._observer.is_alive()
            and bool(emitters)
            and all(emitter.is_alive() for emitter in emitters)
            and (reader is None or reader.is_alive())
        )

    def watched_folders(self) -> int | None:
        """Return how many folders are watched, None if that can't be told.

        watchdog passes silently over subfolders that the system refuses to watch (inotify limit); it keeps
        the number to itself, so this looks where version 7 has it.
        """
        if not self._recursive:
            return None
        counts = [
            getattr(getattr(emitter, "_inotify", None), "_active_callbacks_by_path", None)
            for emitter in self._observer.emitters
        ]
        known = [len(paths) for paths in counts if paths is not None]
        return sum(known) if known else None

    def stop(self) -> None:
        """Stop watching; idempotent."""
        self._overflow.close()
        self._stop_observer()

    def _stop_observer(self) -> None:
        try:
            self._observer.stop()
        except (OSError, RuntimeError) as error:  # the folder is gone, and its watches with it
            logger.debug("stopping a watch: {}", error)
        if self._observer.is_alive():
            self._observer.join(_JOIN_S)


class _Handler(FileSystemEventHandler):
    """Turns events into hints. An exception here would end watchdog's thread, so none leaves."""

    def __init__(self, real_root: str, sink: HintSink) -> None:
        self._root = real_root
        self._prefix = real_root.rstrip(os.sep) + os.sep
        self._sink = sink

    def dispatch(self, event: FileSystemEvent) -> None:
        """Take one event, of whatever kind."""
        try:
            self._hint(event)
        except Exception as error:  # noqa: BLE001 - told as trouble, which leads to a scan
            logger.opt(exception=error).error("an event could not be taken")
            self._sink.trouble("an event could not be taken")

    def _hint(self, event: FileSystemEvent) -> None:
        source, target = os.fsdecode(event.src_path), os.fsdecode(event.dest_path)
        if isinstance(event, DirDeletedEvent):
            if source == self._root:
                self._sink.trouble("the folder was deleted")
            return
        if event.is_directory:
            appeared = target if isinstance(event, DirMovedEvent) else source
            relative = self._relative(appeared)
            if relative is not None:
                self._sink.folder_hint(relative)
            return
        for path in (source, target):
            relative = self._relative(path)
            if relative:
                self._sink.file_hint(relative)

    def _relative(self, path: str) -> str | None:
        """Return the path from the inbox with `/`, "" for the inbox, None for what lies elsewhere."""
        if path == self._root:
            return ""
        if not path.startswith(self._prefix):
            return None
        return path[len(self._prefix) :].replace(os.sep, "/")


class _OverflowListener(logging.Handler):
    """Hears of lost events: watchdog 7.1 tells it to its log alone, older versions tell nobody."""

    def __init__(self, sink: HintSink) -> None:
        super().__init__(logging.WARNING)
        self._sink = sink
        self._logger = logging.getLogger("watchdog")

    def listen(self) -> None:
        """Begin to listen."""
        self._logger.addHandler(self)

    def close(self) -> None:
        """Listen no more."""
        self._logger.removeHandler(self)
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        """Take one line of watchdog's log."""
        if "overflow" in str(record.msg).lower():
            self._sink.trouble("events were lost (queue overflow)")


def _shorten_move_delay() -> None:
    if sys.platform != "linux":
        return
    try:
        from watchdog.observers.inotify_move_event_grouper import (
            InotifyMoveEventGrouper,
        )
    except ImportError:  # another version of watchdog: only slower
        return
    InotifyMoveEventGrouper.delay = _MOVE_DELAY_S


def _expect_double_watches() -> None:
    """Let watchdog's threads live where warnings are errors, and keep the terminal free of its warning.

    A folder made while its parent is being watched is watched twice by watchdog 7.1 (found by its walk, then by
    the folder's own event), which replaces the first watch by its like and warns of it. Set at each watch and not
    on import, since whoever tests or embeds vsortd may have set filters since.
    """
    warnings.filterwarnings("ignore", "Callback with id ", RuntimeWarning, r"watchdog\.observers\.inotify")
