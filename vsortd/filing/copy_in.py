"""Copies of videos in the library: the original is read, and stays as it is; no name is taken from another file.

A copy is made in the staging folder, which goes with the process or is cleared by the next one, and gets its name when
it is whole. The journal does not tell of copies: nothing that was there is changed, so there is nothing to take back.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vsortd.core.identity import Identity
from vsortd.core.system.os_errors import explained
from vsortd.core.system.reflink import clone_bytes
from vsortd.errors import ChangedError, FilingError
from vsortd.filing import fsops
from vsortd.filing.journal import new_transaction_id
from vsortd.filing.name_fit import make_folder, refused
from vsortd.filing.open_folder import Folders, OpenFolder, close_reading
from vsortd.filing.place import NAME_TRIES
from vsortd.filing.transaction_errors import NameRefusedError, TakenError

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.filing.place import Filer
    from vsortd.filing.placement import FilingRequest

Staged = tuple["Path", Identity]


def copy_in(filer: Filer, request: FilingRequest, *, cancel: threading.Event | None = None) -> Path:
    """Copy a video with its sidecars into its folder of the library; returns where the copy lies.

    All of them get their names, or none. Raises ChangedError (the original is no longer what was decided on),
    FilingError (refused by the filesystem; no copy is left), Cancelled (likewise).
    """
    staged: list[Staged] = []
    with Folders(filer.library) as folders:
        try:
            for source in (request.source, *request.sidecars):
                identity = request.identity if source == request.source else Identity.of(source)
                if identity is None:
                    raise ChangedError(f"{source.name} is gone")
                staged.append(_staged(filer, folders, source, identity, cancel))
            return _published(filer, folders, request, staged)
        finally:
            for path, _ in staged:
                fsops.discard(folders.get(path.parent), path.name)


def can_clone(filer: Filer, source: Path) -> bool:
    """Tell whether a copy of this file would share its blocks, and so take no room. Raises FilingError."""
    trial = filer.staging_path(source)
    with Folders(filer.library) as folders, explained("Could not write", trial):
        folder = folders.get(trial.parent)
        writing = folder.create_file(trial.name)
        try:
            reading = os.open(source, os.O_RDONLY)
            try:
                return clone_bytes(reading, writing)
            finally:
                close_reading(reading)
        except OSError:  # that it can't be read is told when it is copied
            return False
        finally:
            os.close(writing)
            fsops.discard(folder, trial.name)


def _staged(filer: Filer, folders: Folders, source: Path, identity: Identity, cancel: threading.Event | None) -> Staged:
    temp = filer.staging_path(source)
    into = folders.get(temp.parent)
    with explained("Could not open", source.parent):
        try:
            folder = folders.get(source.parent)
        except FileNotFoundError as error:
            raise ChangedError(f"{source.parent} is gone") from error
    try:
        made, _ = fsops.copy(folder, source.name, into, temp.name, identity, cancel, clone=True)
    except BaseException:
        fsops.discard(into, temp.name)
        raise
    return temp, made


def _published(filer: Filer, folders: Folders, request: FilingRequest, staged: Sequence[Staged]) -> Path:
    """Give the copies their names; others that come at the same moment have theirs."""
    for _ in range(NAME_TRIES):
        targets = filer.preview(request).group
        try:
            _give_names(folders, filer.library, staged, targets)
        except TakenError:
            continue
        except NameRefusedError as error:
            raise refused(error) from error
        return targets[0]
    raise FilingError(f"{targets[0]} and all names like it are taken.")


def _give_names(folders: Folders, library: Path, staged: Sequence[Staged], targets: Sequence[Path]) -> None:
    """Name all of them, the video last, or none. Raises TakenError, NameRefusedError, FilingError."""
    mark = new_transaction_id()
    folder = make_folder(folders, library, targets[0].parent)
    named: list[tuple[Path, str, Identity]] = []
    try:
        for (temp, identity), target in reversed(list(zip(staged, targets, strict=True))):
            _give_name(folders.get(temp.parent), temp.name, folder, target.name, identity, mark)
            named.append((temp, target.name, identity))
        folders.touched(folder)
        folders.sync()
    except TakenError:
        for temp, name, _ in reversed(named):  # they get other names
            fsops.move_back(folder, name, folders.get(temp.parent), temp.name, mark)
        raise
    except BaseException:
        for _, name, identity in named:
            fsops.remove(folder, name, identity, f".vsortd-{mark}.aside", mark)
        raise


def _give_name(  # noqa: PLR0917 - as fsops.rename
    staging: OpenFolder, temp: str, folder: OpenFolder, name: str, identity: Identity, mark: str
) -> None:
    if not fsops.rename(staging, temp, folder, name, identity, mark):
        raise FilingError(f"{folder.path} lies on another disk than its library.", paths=[folder.path])
