"""A very large index is made ready for quick searches in the background, by one thread that gives way to all others."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from loguru import logger

from vsortd.core.text import counted
from vsortd.errors import Cancelled, StoreError
from vsortd.library.search.shards.shard_folder import ShardFolder, forget_former_models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vsortd.index.store import Index

# How often it is seen whether the index has changed: what has come meanwhile is found all the same.
LOOK_EVERY_S: Final = 300.0
# What can't be written, as on a full disk, is tried again only after so long: it takes seconds of a core each time.
AFTER_TROUBLE_S: Final = 3600.0
_NICENESS: Final = 15
_STOP_S: Final = 2.0


class QuietShards:
    """Keeps the shards of searches true to the index; `tend` is called by one thread, now and then.

    `models` returns the keys of the models that searches ask now. `folder_of` makes the folder of a model.
    """

    def __init__(
        self,
        index: Index,
        models: Callable[[], Iterable[str]],
        folder_of: Callable[[Index, str], ShardFolder] = ShardFolder,
    ) -> None:
        self._index = index
        self._models = models
        self._folder_of = folder_of
        self._folders: dict[str, ShardFolder] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._seen: tuple[int, frozenset[str]] = (0, frozenset())  # the newest revision, and the models
        self._looked_for: frozenset[str] = frozenset()  # the models, when it was last looked
        self._next_s = 0.0
        self._has_said = False

    def tend(self) -> float:
        """Begin to make what is due if the index has changed, or another model is asked for the first time.

        Returns when to look again, seconds. An index that can't be asked is told of once, and looked at again.
        """
        now_s, models = time.monotonic(), frozenset(self._models())
        is_idle = self._thread is None or not self._thread.is_alive()
        if now_s >= self._next_s or (is_idle and not models <= self._looked_for):
            self._next_s = now_s + LOOK_EVERY_S
            self._looked_for = models
            try:
                seen = self._index.newest_revision(), models
            except StoreError as error:
                self._tell(error)
                return LOOK_EVERY_S
            if seen != self._seen and seen[0] and models and is_idle:
                self._seen = seen
                self._thread = threading.Thread(target=self._build, args=(models,), name="search-shards", daemon=True)
                self._thread.start()
        return max(0.0, self._next_s - now_s)

    def stop(self) -> None:
        """End what is under way; nothing half-made stays."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_STOP_S)

    def _build(self, models: Iterable[str]) -> None:
        _give_way()
        for model in models:
            try:
                folder = self._folders.get(model)
                if folder is None:
                    folder = self._folder_of(self._index, model)
                    folder.tidy(self._between)
                    self._folders[model] = folder
                if made := folder.build(self._between):
                    logger.info("searches: {} of the index made ready", counted(made, "part", "parts"))
            except Cancelled:
                return
            except (OSError, StoreError) as error:
                self._seen = (0, frozenset())
                self._next_s = time.monotonic() + AFTER_TROUBLE_S
                self._tell(error)
        with contextlib.suppress(OSError, StoreError):  # tried again with the next change
            forget_former_models(self._index)

    def _tell(self, error: Exception) -> None:
        if not self._has_said:  # it is tried again; once is enough to say why
            self._has_said = True
            logger.warning("searches stay slower, as their files can't be made: {}", error)

    def _between(self) -> None:
        if self._stop.is_set():
            raise Cancelled


def _give_way() -> None:
    """Let this thread have what no other wants; on Linux, where a thread has a priority of its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
