"""Who is paused, and until when: kept in the state folder, so that a pause outlasts restarts."""

from __future__ import annotations

import contextlib
import json
import math
import threading
import time
from pathlib import PurePath
from typing import TYPE_CHECKING

from vsortd.core.logs.lazy_logger import logger
from vsortd.core.names import nfc
from vsortd.core.system.atomic_file import write_whole
from vsortd.core.system.private_files import private_folder
from vsortd.errors import StoreError, UsageError
from vsortd.filing.passed_time import Moment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.core.documents import PausedInboxDocument, PausesDocument

# A clock that nobody sets: what it counts from, seconds. How long a pause lasts: that clock, its end by it, seconds.
Steady = tuple[str, float]
_Lasts = tuple[str, float, float]
_JUMP_S = 1.0
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

    How long a pause lasts is told by a clock that nobody sets, as long as the machine runs; after that by the wall
    clock, and never for longer than it was to last. So a clock that jumps neither ends it nor makes it last for ever.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], Steady] | None = None,
    ) -> None:
        self._path = path
        self._clock = clock
        self._steady = steady or (_steady if clock is time.time else lambda: ("", clock()))
        self._lasts: dict[str, _Lasts] = {}
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
            boot, now_s = self._steady()
            lasts = None if until is None else (boot, now_s + until - self._clock(), until - self._clock())
            self._change({**self._without(inbox), _key(inbox): until}, {_key(inbox): lasts})

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
            left_s = [left for key, until in self._until.items() if (left := self._left_s(key, until)) is not None]
        return max(0.0, min(left_s)) if left_s else None

    def end_due(self) -> bool:
        """Drop the pauses whose time is over; tell whether there were any."""
        if not self._any_due():
            return False
        with self._changing:
            now = self._current()
            lasts = {key: one for key, one in self._lasts.items() if key in now}
            with contextlib.suppress(StoreError):  # their time is over all the same
                self._write(now, lasts)
            with self._lock:
                self._until, self._lasts = now, lasts
        return True

    def form(self) -> PausesDocument:
        """Return the pauses as the status has them."""
        now = self._current()
        inboxes: list[PausedInboxDocument] = [
            {"path": key, "until": until} for key, until in sorted(now.items()) if key != _EVERYTHING
        ]
        return {"all": _EVERYTHING in now, "until": now.get(_EVERYTHING), "inboxes": inboxes}

    def _current(self) -> dict[str, float | None]:
        """Return what is paused, and until when by the wall clock as it is now."""
        moment = self._clock()
        with self._lock:
            left = {key: (until, self._left_s(key, until)) for key, until in self._until.items()}
        return {key: _end(until, moment, left_s) for key, (until, left_s) in left.items() if not _over(left_s)}

    def _left_s(self, key: str, until: float | None) -> float | None:
        """Return for how many seconds more something is paused, None: without end."""
        if until is None:
            return None
        left_s = until - self._clock()
        if key not in self._lasts:
            return left_s
        return self._lasts[key][1] - self._steady()[1]

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
        with self._lock:
            return any(_over(self._left_s(key, until)) for key, until in self._until.items())

    def _change(self, wanted: dict[str, float | None], lasts: dict[str, _Lasts | None] | None = None) -> None:
        """Keep it, then let it be so; `lasts` are new ones."""
        merged = {**self._lasts, **(lasts or {})}
        kept = {key: one for key, one in merged.items() if one is not None and wanted.get(key) is not None}
        self._write(wanted, kept)
        with self._lock:
            self._until, self._lasts = wanted, kept

    def _write(self, wanted: dict[str, float | None], lasts: dict[str, _Lasts]) -> None:
        text = json.dumps({"version": 1, "until": wanted, "lasts": lasts}, indent=1)
        try:
            private_folder(self._path.parent)
            write_whole(self._path, text)
        except OSError as error:
            raise StoreError(
                f"The pause can't be kept in {self._path}: {error.strerror or error}.",
                remedy="See to the state folder ($VSORTD_STATE_DIR): its rights and its free space.",
                paths=[self._path],
            ) from error

    def _anchored(self, until: dict[str, float | None], lasts: dict[str, _Lasts]) -> dict[str, _Lasts]:
        """Return how long pauses last by the clock that runs now: after a start of the machine by the wall's word."""
        (boot, now_s), wall_s = self._steady(), self._clock()
        anchored = {}
        for key, (began, end_s, lasts_s) in lasts.items():
            end = until.get(key)
            if end is not None:
                anchored[key] = (boot, end_s if began == boot else now_s + min(end - wall_s, lasts_s), lasts_s)
        return anchored

    def _read(self) -> dict[str, float | None]:
        try:
            document = json.loads(self._path.read_text("utf-8"))
            found = document["until"]
            if not all(isinstance(key, str) and self._is_end(until) for key, until in found.items()):
                raise TypeError("not a table of times")  # noqa: TRY301 - all that is wrong with it ends in one place
            self._lasts = self._anchored(found, _lasts_of(document.get("lasts")))
            return dict(found)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            logger.warning("{} can't be read ({}): everything is paused; `vsortd resume` ends that", self._path, error)
            return {_EVERYTHING: None}


def _key(inbox: Path | None) -> str:
    return _EVERYTHING if inbox is None else str(inbox)


def _end(until: float | None, moment: float, left_s: float | None) -> float | None:
    """Return when a pause ends by the wall clock: as it was said, unless that clock jumped."""
    if until is None or left_s is None:
        return None
    return until if abs(moment + left_s - until) < _JUMP_S else moment + left_s


def _over(left_s: float | None) -> bool:
    return left_s is not None and left_s <= 0


def _lasts_of(found: object) -> dict[str, _Lasts]:
    """Return what the file says of how long pauses last; what can't be understood is left to the wall clock."""
    lasts: dict[str, _Lasts] = {}
    for key, one in found.items() if isinstance(found, dict) else ():
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            boot, end_s, lasts_s = one
            if math.isfinite(end_s) and 0 <= lasts_s <= LONGEST_S:
                lasts[str(key)] = (str(boot), float(end_s), float(lasts_s))
    return lasts


def _steady() -> Steady:
    moment = Moment.now()
    return moment.boot, moment.boot_ms / 1000
