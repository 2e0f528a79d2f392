"""Photos that somebody searches by: kept for a while below the state folder, so that the address of a search holds."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from vsortd.core.system.atomic_file import whole_file
from vsortd.core.system.private_files import private_folder
from vsortd.core.text import counted
from vsortd.errors import StoreError, UsageError, VideoError
from vsortd.media.preprocess import Preprocess

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.media.pool import MediaPool

_KEPT: Final = 20
# What a photo is called tells nobody that it is one: the decoder looks at its bytes, and `search` at this ending.
_ENDING: Final = ".jpg"
_LOOKED_AT: Final = Preprocess(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class ExamplePhotos:
    """The newest photos of a state folder, by the sums of their bytes."""

    def __init__(self, state_folder: Path) -> None:
        self._folder = state_folder / "photos"

    def add(self, data: bytes, media: MediaPool) -> str:
        """Keep a photo that can be decoded; return what it is asked for by. Raises UsageError, StoreError."""
        if not data:
            raise UsageError("The photo is empty.")
        name = hashlib.sha256(data).hexdigest()
        path = self._folder / f"{name}{_ENDING}"
        try:
            private_folder(self._folder)
            with whole_file(path, replace=True, lasting=False) as file:
                file.write(data)
        except OSError as error:
            raise StoreError(
                f"The photo can't be kept: {error.strerror or error}.",
                remedy="Make room on the disk of the state folder.",
                paths=[self._folder],
            ) from error
        try:
            media.picture(path, _LOOKED_AT)
        except VideoError as error:
            path.unlink(missing_ok=True)
            raise UsageError(f"That is no photo that can be read: {error.reason}.") from error
        self._drop_old()
        return name

    def path(self, name: str) -> Path:
        """Return where a photo lies. Raises UsageError where it isn't kept any more."""
        path = self._folder / f"{name}{_ENDING}"
        with suppress(OSError):
            os.utime(path)
            return path
        raise UsageError(
            "The photo of this search isn't kept any more.",
            remedy=f"Choose it again: the last {counted(_KEPT, 'photo')} are kept.",
        )

    def _drop_old(self) -> None:
        with suppress(OSError):
            found = sorted(self._folder.glob(f"*{_ENDING}"), key=lambda one: one.stat().st_mtime, reverse=True)
            for one in found[_KEPT:]:
                one.unlink(missing_ok=True)
