"""Watching the library for what the user moves: events as hints, a scan at the start and after any sign of lost ones.

One thread. While nothing happens it wakes every few minutes to see that the library is still there; a vanished one is
waited for, and nothing is concluded from it.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Final

from loguru import logger

from vsortd.core.system.network_fs import network_type
from vsortd.errors import Cancelled
from vsortd.filing.open_folder import HIDDEN
from vsortd.index.extent import Extent
from vsortd.index.verify import tidy
from vsortd.learning.moves import FolderIdentities, MoveCheck, MoveFollower
from vsortd.watch.events import EventWatch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.config.rules import RuleTree
    from vsortd.pipeline.services import Services

# A file manager moves many files at once: hints are collected until none has come for so long, but not for ever.
_QUIET_S: Final = 1.0
_QUIET_MOST_S: Final = 10.0
# While nothing happens: whether the library and its watch are there; where events can't be had, a scan.
_IDLE_S: Final = 300.0
_SCAN_S: Final = 900.0
# What vsortd itself is at work on is looked at again, and so often at most; then the next scan finds it.
_AGAIN_S: Final = 2.0
_AGAIN_MOST: Final = 150
# More hints than this cost more than a scan; more copies than this are not remembered.
_HINTS_MOST: Final = 5_000
_COPIES_MOST: Final = 1_000


class LibraryWatch:
    """Follows moves in the library of the present services until it is stopped, as far as the config wants it."""

    def __init__(self, services: Callable[[], Services], *, on_fatal: Callable[[BaseException], None]) -> None:
        self._services = services
        self._on_fatal = on_fatal
        self._cancel = threading.Event()
        self._changed = threading.Condition()
        self._files: set[str] = set()
        self._folders: set[str] = set()
        self._scan = False
        self._woken = False
        self._later: dict[Path, int] = {}  # busy ones, and how often they were looked at
        self._copies: dict[Path, None] = {}  # in the order they came
        self._events: EventWatch | None = None
        self._watched: tuple[Path, int, int] | None = None  # the library, its device and inode
        self._folder_identities = FolderIdentities()
        self._tree: RuleTree | None = None  # whose names were given to what lies in their folders
        self._scanned_s = float("-inf")
        self._told = ""
        self._thread = threading.Thread(target=self._work, name="library-moves", daemon=True)

    def start(self) -> None:
        """Begin to watch; returns at once."""
        self._thread.start()

    def wake(self) -> None:
        """See now whether the library is there and wanted: after a reload, or when the first video made it."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def stop(self, *, patience_s: float = 1.0) -> bool:
        """Stop watching; returns whether the thread ended in time."""
        self._cancel.set()
        self.wake()
        self._thread.join(patience_s)
        return not self._thread.is_alive()

    # Hints, on watchdog's threads

    def file_hint(self, relative: str) -> None:
        """Note a file that came, went or was renamed."""
        if relative.split("/", 1)[0] != HIDDEN:
            self._hint(self._files, relative)

    def folder_hint(self, relative: str) -> None:
        """Note a folder that came or was renamed."""
        if relative.split("/", 1)[0] != HIDDEN:
            self._hint(self._folders, relative)

    def trouble(self, reason: str) -> None:
        """Note that events were lost, or the library is."""
        logger.debug("library: {}", reason)
        with self._changed:
            self._scan = True
            self._changed.notify_all()

    def _hint(self, where: set[str], relative: str) -> None:
        with self._changed:
            where.add(relative)
            if len(where) > _HINTS_MOST:
                where.clear()
                self._scan = True
            self._changed.notify_all()

    # The thread

    def _work(self) -> None:
        try:
            while not self._cancel.is_set():
                self._look_after_root()
                self._take_hints()
                self._wait()
        except Cancelled:
            logger.debug("library: stopped while looking at a moved video")
        except BaseException as error:  # noqa: BLE001 - a thread has nobody above it; the daemon stops loudly
            self._on_fatal(error)
        finally:
            self._unwatch()

    def _look_after_root(self) -> None:
        """Watch the present library; ask for a scan when it is new here, came back, or is due without events."""
        services = self._services()
        settings, library = services.settings, services.settings.library
        here = self._identity(library) if settings.learn.from_moves else None
        if here is None:
            self._unwatch()
            return
        if services.tree is not self._tree:
            MoveFollower(services, self._cancel).adopt()
            self._tree = services.tree
        dead = self._events is not None and not self._events.alive()
        if here != self._watched or dead:
            self._unwatch()
            self._watch(library)
            self._watched = here
            self._scan = True
        elif self._events is None and time.monotonic() - self._scanned_s >= _SCAN_S:
            self._scan = True

    def _identity(self, library: Path) -> tuple[Path, int, int] | None:
        try:
            status = os.stat(library)  # noqa: PTH116 - follows a link: the user may well name one
        except OSError as error:
            logger.debug("library: {}", error)
            return None
        return library, status.st_dev, status.st_ino

    def _watch(self, library: Path) -> None:
        network = network_type(library)
        why = f"on a network filesystem ({network})" if network else ""
        if not network:
            try:
                self._events = EventWatch(library, self, recursive=True)
            except OSError as error:
                why = f"events can't be had: {error.strerror or error}"
        if why and why != self._told:
            logger.info("{}: {}; what you move in it is noticed every {:.0f} minutes", library, why, _SCAN_S / 60)
        self._told = why

    def _unwatch(self) -> None:
        if self._events is not None:
            self._events.stop()
        self._events = self._watched = None

    def _take_hints(self) -> None:
        """Look at what the hints name, at everything if a scan is due, and again at what was not ready."""
        with self._changed:
            files, self._files = self._files, set()
            folders, self._folders = self._folders, set()
            scan, self._scan = self._scan, False
        if self._watched is None:
            return
        library = self._watched[0]
        follower = MoveFollower(self._services(), self._cancel, self._folder_identities)
        if scan:
            self._scanned_s = time.monotonic()
            folders = {""}
        for relative in sorted(folders):
            for path, seen in follower.scan(library / relative):
                self._note(path, seen)
        if scan and not self._cancel.is_set():
            found = tidy(self._services().index, [library], under=Extent.of(library), prune=True)
            if found.moved or found.stale:
                logger.info("index: {} followed, {} gone and forgotten", len(found.moved), len(found.stale))
        again = {*self._later, *(self._copies if files or folders else ())}
        for path in sorted({*again, *(library / relative for relative in files)}):
            if self._cancel.is_set():
                return
            if follower.takes(path.name):
                self._note(path, follower.try_to_look(path))

    def _note(self, path: Path, seen: MoveCheck) -> None:
        if seen is MoveCheck.BUSY and self._later.get(path, 0) < _AGAIN_MOST:
            self._later[path] = self._later.get(path, 0) + 1
        else:
            self._later.pop(path, None)
        self._copies.pop(path, None)
        if seen is MoveCheck.COPY:
            self._copies[path] = None
            if len(self._copies) > _COPIES_MOST:
                del self._copies[next(iter(self._copies))]

    def _wait(self) -> None:
        """Sleep until something happens; then until it has calmed down."""
        with self._changed:
            idle_s = _AGAIN_S if self._later else _IDLE_S
            self._changed.wait_for(self._is_hinted, idle_s)
            if self._woken or self._cancel.is_set():
                self._woken = False
                return
            until_s = time.monotonic() + _QUIET_MOST_S
            while self._is_hinted() and not self._cancel.is_set() and time.monotonic() < until_s:
                if not self._changed.wait(_QUIET_S):
                    return

    def _is_hinted(self) -> bool:
        return bool(self._files or self._folders or self._scan or self._woken or self._cancel.is_set())
