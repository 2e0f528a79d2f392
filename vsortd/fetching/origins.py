"""Where fetched files come from, kept beside the cache until they are filed: by size and time, which moves keep.

One small file for each, so that it is found without reading the others, and any process may write.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Final

from vsortd.core.origin import WebOrigin
from vsortd.core.system.atomic_file import write_whole
from vsortd.core.system.private_files import private_folder
from vsortd.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.core.identity import Identity

_MOST: Final = 10_000  # kept; a video that waited behind so many others is filed without its origin
_LOOSEN: Final = 500  # removed at once, so that not every new one looks through all
_LARGEST_BYTES: Final = 64_000


def origins_folder(state: Path) -> Path:
    """Return where origins are kept in the state folder `state`."""
    return state / "fetched" / "origins"


def keep_origin(state: Path, identity: Identity, origin: WebOrigin) -> None:
    """Keep where a file comes from. Raises StoreError."""
    folder = origins_folder(state)
    try:
        private_folder(folder)
        write_whole(folder / _name(identity), json.dumps(origin.to_json()))
        _forget_oldest(folder)
    except OSError as error:
        raise StoreError(f"Can't write into {folder}: {error.strerror}.", paths=[folder]) from error


def origin_of(state: Path, identity: Identity) -> WebOrigin | None:
    """Return where a file comes from, None where that isn't known; what can't be read isn't known."""
    try:
        with (origins_folder(state) / _name(identity)).open("rb") as file:
            return WebOrigin.from_json(json.loads(file.read(_LARGEST_BYTES)))
    except (OSError, ValueError):
        return None


def _name(identity: Identity) -> str:
    return f"{identity.size_bytes}-{identity.mtime_ns}.json"


def _forget_oldest(folder: Path) -> None:
    with os.scandir(folder) as entries:
        found = [(entry.name, entry) for entry in entries if entry.name.endswith(".json")]
    if len(found) <= _MOST:
        return
    with contextlib.suppress(OSError):
        oldest = sorted(found, key=lambda one: one[1].stat(follow_symlinks=False).st_mtime_ns)
        for name, _ in oldest[: len(found) - _MOST + _LOOSEN]:
            (folder / name).unlink(missing_ok=True)
