"""Errors that nobody expected: each costs its video; the same one again and again is no video's fault."""

from __future__ import annotations

import os
import threading
import traceback
from pathlib import Path
from typing import Final

from loguru import logger

from vsortd.errors import VideoError, VsortdError, named, unexpected_reason

# So many different videos in a row that meet the same error: then it is vsortd that is broken, or the machine.
IN_A_ROW: Final = 3
_PACKAGE: Final = Path(__file__).parent.parent


class DefectError(VsortdError):
    """The same unexpected error stopped one video after another: vsortd itself is at fault, or the machine."""

    videos: tuple[Path, ...] = ()


class Mishaps:
    """Counts the unexpected errors that come one after the other; thread-safe.

    Two are the same if their type and their place in vsortd's own code are.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: tuple[type[BaseException], str] | None = None
        self._paths: dict[Path, None] = {}

    def met(self, error: Exception, path: Path) -> list[Path]:
        """Note what a video met; return the videos that met the same in a row, this one last, once they are enough.

        With fewer, nothing is returned.
        """
        with self._lock:
            this = (type(error), place_of(error))
            if self._last != this:
                self._last, self._paths = this, {}
            self._paths.pop(path, None)
            self._paths[path] = None
            return list(self._paths) if len(self._paths) >= IN_A_ROW else []

    def reason_of(self, error: Exception, path: Path) -> str:
        """Return why this video failed, of whatever was caught while it was in hand; to be called where it was caught.

        What says that vsortd can't go on (`VsortdError`) is raised again, and DefectError where it is no video's fault.
        """
        if isinstance(error, VideoError):
            return error.reason
        if isinstance(error, VsortdError):
            raise error
        if isinstance(error, OSError) and error.filename is not None and Path(os.fsdecode(error.filename)) == path:
            return f"it can't be looked at: {error.strerror or error}"
        return self.costs(error, path)

    def costs(self, error: Exception, path: Path) -> str:
        """Log an error that nobody expected, and return why this video failed.

        Raises DefectError where several videos in a row met the same.
        """
        logger.opt(exception=error).error("{}: an unexpected error: {!r}", path, error)
        if same := self.met(error, path):
            raise defect(error, same) from error
        return unexpected_reason(error)

    def went_well(self) -> None:
        """Note that a video came through without an unexpected error."""
        with self._lock:
            self._last, self._paths = None, {}


def place_of(error: BaseException) -> str:
    """Return the innermost place of vsortd's own code in a traceback, such as `pipeline/stages.py:73`."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(_PACKAGE):
            place = f"{file.relative_to(_PACKAGE).as_posix()}:{line}"
    return place


def defect(error: Exception, paths: list[Path]) -> DefectError:
    """Return the error to stop with after so many videos met the same."""
    stop = DefectError(
        f"The same unexpected error met {len(paths)} videos in a row: {named(error)} at {place_of(error)}.",
        details=[f"  {path}" for path in paths],
        remedy="The videos are where they were, and are tried again at the next start. The tracebacks are in the log "
        "(vsortd logs --level error): please report them. `vsortd doctor` looks at what else may be amiss.",
        paths=paths,
    )
    stop.videos = tuple(paths)
    return stop
