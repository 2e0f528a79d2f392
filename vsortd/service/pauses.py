"""Who is paused, and until when: kept in the state folder, so that a pause outlasts restarts."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import PurePath
from typing import TYPE_CHECKING

from loguru import logger

from vsortd.core.names import nfc
from vsortd.core.system.atomic_file import write_whole
from vsortd.core.system.private_files import private_folder
from vsortd.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.core.documents import PausedInboxDocument, PausesDocument

LONGEST_S = 100 * 365.25 * 86400.0  # beyond some thousand years there are no dates
_FARTHEST_S = 1e15  # into the past: long over, whatever it says
_EVERYTHING = ""  # the key of a pause of all inboxes


def pauses_path(state_folder: Path) -> Path:
    """Return where the pauses are kept."""
    return state_folder / "pause.json"


class Pauses:
    """Pauses of everything and of single inboxes, each without end or until a time (Unix seconds); thread-safe.

    The file is the truth: a command without a daemon writes it, and the next start reads it. One that can't be read
    counts as a pause of everything, since somebody may have wanted it. Changes come one after the other, each in force
    once it is on the disk; who only asks waits for no disk.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._changing = threading.Lock()  # taken before the other: keeps the order of what is written
        self._lock = threading.Lock()
        self._until: dict[str, float | None] = self._read()

    def pause(self, inbox: Path | None = None, *, until: float | None = None) -> None:
        """Pause everything, or one inbox, until a time or without end.

        Raises UsageError for a time too far away, StoreError; then nothing has changed.
        """
        if until is not None and until - self._clock() > LONGEST_S:
            raise UsageError("A pause takes a hundred years at most.", remedy="Leave its time out: it has no end then.")
        with self._changing:
            self._change({**self._without(inbox), _key(inbox): until})

    def resume(self, inbox: Path | None = None) -> None:
        """End the pause of one inbox, or every pause. Raises StoreError; then nothing has changed."""
        with self._changing:
            self._change({} if inbox is None else self._without(inbox))

    def holds(self, path: Path) -> bool:
        """Tell whether a video is not to be begun now."""
        now = self._current()
        if not now or _EVERYTHING in now:
            return bool(now)
        composed = PurePath(nfc(str(path)))
        return any(composed.is_relative_to(nfc(key)) for key in now)

    @property
    def everything(self) -> bool:
        """Whether all inboxes are paused together."""
        return _EVERYTHING in self._current()

    def next_end_s(self) -> float | None:
        """Return in how many seconds the next pause ends by itself, or None."""
        with self._lock:
            ends = [until for until in self._until.values() if until is not None]
        return max(0.0, min(ends) - self._clock()) if ends else None

    def end_due(self) -> bool:
        """Drop the pauses whose time is over; tell whether there were any."""
        if not self._any_due():
            return False
        with self._changing:
            now = self._current()
            with contextlib.suppress(StoreError):  # their time is over all the same
                self._write(now)
            with self._lock:
                self._until = now
        return True

    def form(self) -> PausesDocument:
        """Return the pauses as the status has them."""
        now = self._current()
        inboxes: list[PausedInboxDocument] = [
            {"path": key, "until": until} for key, until in sorted(now.items()) if key != _EVERYTHING
        ]
        return {"all": _EVERYTHING in now, "until": now.get(_EVERYTHING), "inboxes": inboxes}

    def _current(self) -> dict[str, float | None]:
        moment = self._clock()
        with self._lock:
            return {key: until for key, until in self._until.items() if until is None or until > moment}

    def _without(self, inbox: Path | None) -> dict[str, float | None]:
        """Return the pauses but for one inbox's, whose path may be kept in another Unicode form."""
        return {key: until for key, until in self._current().items() if nfc(key) != nfc(_key(inbox))}

    def _is_end(self, until: object) -> bool:
        if until is None:
            return True
        if isinstance(until, bool) or not isinstance(until, int | float):
            return False
        return -_FARTHEST_S < until < self._clock() + 2 * LONGEST_S

    def _any_due(self) -> bool:
        moment = self._clock()
        with self._lock:
            return any(until is not None and until <= moment for until in self._until.values())

    def _change(self, wanted: dict[str, float | None]) -> None:
        """Keep it, then let it be so."""
        self._write(wanted)
        with self._lock:
            self._until = wanted

    def _write(self, wanted: dict[str, float | None]) -> None:
        text = json.dumps({"version": 1, "until": wanted}, indent=1)
        try:
            private_folder(self._path.parent)
            write_whole(self._path, text)
        except OSError as error:
            raise StoreError(
                f"The pause can't be kept in {self._path}: {error.strerror or error}.",
                remedy="See to the state folder ($VSORTD_STATE_DIR): its rights and its free space.",
                paths=[self._path],
            ) from error

    def _read(self) -> dict[str, float | None]:
        try:
            document = json.loads(self._path.read_text("utf-8"))
            found = document["until"]
            if not all(isinstance(key, str) and self._is_end(until) for key, until in found.items()):
                raise TypeError("not a table of times")  # noqa: TRY301 - all that is wrong with it ends in one place
            return dict(found)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            logger.warning("{} can't be read ({}): everything is paused; `vsortd resume` ends that", self._path, error)
            return {_EVERYTHING: None}


def _key(inbox: Path | None) -> str:
    return _EVERYTHING if inbox is None else str(inbox)
