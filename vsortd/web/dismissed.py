"""The failures that a person has seen and doesn't want to be shown on the page any more."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Final

from vsortd.core.system.atomic_file import write_whole
from vsortd.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

_NAME: Final = "dismissed.json"
_MOST: Final = 5000
_LOCK: Final = threading.Lock()


class Dismissed:
    """Their ids, in a file of the state folder; one that can't be read counts as empty: nothing is lost by it."""

    def __init__(self, state_folder: Path) -> None:
        self._path = state_folder / _NAME

    def ids(self) -> set[int]:
        """Return the ids."""
        try:
            found = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return set()
        return {one for one in found if isinstance(one, int)} if isinstance(found, list) else set()

    def add(self, number: int) -> None:
        """Add one. Raises StoreError."""
        with _LOCK:
            kept = sorted(self.ids() | {number})[-_MOST:]
            try:
                write_whole(self._path, json.dumps(kept))
            except OSError as error:
                why = error.strerror or str(error)
                raise StoreError(f"{self._path} can't be written: {why}.", paths=[self._path]) from error
