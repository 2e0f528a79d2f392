"""Decoded frames on disk, within a bound: what several models are to see of the same videos, one model after another.

The files have no names from the start where the system lets them (or lose them when they are closed), so nothing is
left however the process ends. They lie in $TMPDIR, else in /var/tmp, which a disk is behind where /tmp is memory.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self

import numpy as np

from vsortd.errors import VsortdError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

# Some 300 videos with 32 frames of 256 x 256. Each time it is full every model is loaded anew, which takes seconds,
# and then looks at 10,000 frames, which takes a CPU minutes.
SPOOL_BYTES: Final = 2 << 30
_PART_OF_FREE: Final = 2  # at most this part of what is free on the disk


class FrameSpool:
    """Stacks of frames, a file for each of the models' shapes; thread-safe, but for `clear`."""

    def __init__(self, shapes: int, *, folder: Path | None = None, limit_bytes: int = SPOOL_BYTES) -> None:
        self._folder = folder or spool_folder()
        self._lock = threading.Lock()
        self._open = ExitStack()
        self._bytes = 0
        self._files: list[IO[bytes]] = []
        try:
            self._limit_bytes = min(limit_bytes, shutil.disk_usage(self._folder).free // _PART_OF_FREE)
            for _ in range(shapes):
                file = tempfile.TemporaryFile(dir=self._folder, prefix="vsortd-frames-")  # noqa: SIM115
                self._files.append(self._open.enter_context(file))
        except OSError as error:
            self._open.close()
            raise self._refused(error) from error

    @property
    def full(self) -> bool:
        """Whether no further video should be put in; those under way still fit."""
        return self._bytes >= self._limit_bytes

    def put(self, stacks: Sequence[npt.NDArray[np.uint8]]) -> tuple[int, ...]:
        """Keep the same frames in each shape, uint8 [n, side, side, 3]; returns where each lies. Raises VsortdError."""
        with self._lock:
            places = []
            try:
                for file, pixels in zip(self._files, stacks, strict=True):
                    places.append(file.seek(0, os.SEEK_END))
                    file.write(np.ascontiguousarray(pixels).data)
                    self._bytes += pixels.nbytes
            except OSError as error:
                raise self._refused(error) from error
            return tuple(places)

    def get(self, shape: int, place: int, count: int, side_px: int) -> npt.NDArray[np.uint8]:
        """Return `count` frames of a shape (by its number) from where `put` said. Raises VsortdError."""
        pixels = np.empty((count, side_px, side_px, 3), np.uint8)
        with self._lock:
            try:
                self._files[shape].seek(place)
                read = self._files[shape].readinto(pixels.data.cast("B")) if pixels.size else 0  # type: ignore[attr-defined]
            except OSError as error:
                raise self._refused(error) from error
        if read != pixels.nbytes:
            raise VsortdError(f"Frames that were kept in {self._folder} are no longer there.", paths=[self._folder])
        return pixels

    def clear(self) -> None:
        """Let go of every frame."""
        for file in self._files:
            file.seek(0)
            file.truncate()
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _refused(self, error: OSError) -> VsortdError:
        return VsortdError(
            f"Frames can't be kept in {self._folder}: {error.strerror or error}.",
            remedy="Name a folder on a disk with some gigabytes free: TMPDIR=/path",
            paths=[self._folder],
        )


def spool_folder() -> Path:
    """Return where the frames lie."""
    lasting = Path("/var/tmp")  # noqa: S108 - files without names, opened by nobody else
    if sys.platform != "win32" and not os.environ.get("TMPDIR") and os.access(lasting, os.W_OK | os.X_OK):
        return lasting
    return Path(tempfile.gettempdir())
