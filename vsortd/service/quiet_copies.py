"""The journal is copied when nothing was filed for a while; three copies are kept, on wish on another disk, too."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from loguru import logger

from vsortd.errors import Cancelled, DamagedError, StoreError
from vsortd.filing.copies import copies_folder, copies_in, make_copy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.config.running_options import JournalOptions
    from vsortd.filing.journal import Journal

_STOP_S = 2.0


class QuietCopies:
    """Sees to it that there is a copy of the journal as it is; `tend` is called by one thread, now and then.

    `on_damage` gets the error when a copy shows that the journal is not what was written.
    """

    def __init__(self, journal: Journal, state_folder: Path, *, on_damage: Callable[[DamagedError], None]) -> None:
        self._journal = journal
        self._folder = copies_folder(state_folder)
        self._on_damage = on_damage
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._seen = -1  # commits, when it was looked last
        self._since_s = 0.0
        self._done: dict[Path, int] = {}  # of which number of commits each folder has a copy
        self._said: set[str] = set()

    def tend(self, options: JournalOptions) -> float:
        """Begin to copy if it is time for that; return when to look again, seconds. Raises StoreError."""
        commits, now_s = self._journal.db.commits(), time.monotonic()
        if commits != self._seen:
            self._seen, self._since_s = commits, now_s
        left_s = self._since_s + options.copy_after_s - now_s
        if left_s > 0:
            return left_s
        folders = [self._folder, *([options.copy_to] if options.copy_to is not None else [])]
        due = [folder for folder in folders if self._newest(folder) != commits]
        if due and commits and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._copy, args=(due,), name="journal-copy", daemon=True)
            self._thread.start()
        return options.copy_after_s

    def stop(self) -> None:
        """End a copy that is under way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_STOP_S)

    def _newest(self, folder: Path) -> int:
        if folder not in self._done:
            mine = [copy.commits for copy in copies_in([folder]) if copy.journal_id == self._journal.db.journal_id]
            self._done[folder] = max(mine, default=0)
        return self._done[folder]

    def _copy(self, folders: list[Path]) -> None:
        for folder in folders:
            try:
                made = make_copy(self._journal.db.path, folder, self._between)
            except Cancelled:
                return
            except DamagedError as error:
                self._on_damage(error)
                return
            except StoreError as error:
                if str(error) not in self._said:  # it is tried again each time; once is enough
                    self._said.add(str(error))
                    logger.warning("{}", error)
            else:
                self._done[folder] = made.commits
                logger.info("the journal was copied: {}", made.path)

    def _between(self) -> None:
        if self._stop.is_set():
            raise Cancelled
