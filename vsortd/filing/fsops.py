"""The effects on files: move without replacing, copy and publish, remove. Nothing else changes people's files.

Each effect first makes sure that it acts on the file that is meant, and never on another one of the same name.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import sys
from enum import StrEnum
from typing import TYPE_CHECKING

from vsortd.core.identity import Identity
from vsortd.core.system.fault_points import Point, reach
from vsortd.core.system.file_rights import carry_over, carry_over_between
from vsortd.core.system.file_times import give_times
from vsortd.core.system.fsync import sync, sync_as_can_be
from vsortd.core.system.os_errors import explained, filing_error
from vsortd.core.system.reflink import clone_bytes
from vsortd.core.system.rename_noreplace import is_reservation, rename_noreplace, rename_to_unique
from vsortd.core.system.windows_files import for_system
from vsortd.errors import Cancelled, ChangedError
from vsortd.filing.file_bytes import CHUNK_BYTES
from vsortd.filing.open_folder import NAME_REFUSALS, close_reading
from vsortd.filing.records import IdentityMatch, likeness
from vsortd.filing.transaction_errors import NameRefusedError, StuckError, TakenError

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from vsortd.filing.open_folder import OpenFolder

# What is answered where a file can have no other name: another disk, no links there, too many, another's file.
_NO_LINKS = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})
# What the system answers that won't let a name go, or be had.
_FORBIDDEN = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class Removal(StrEnum):
    """What came of removing a file that is meant to be of a certain identity."""

    REMOVED = "removed"
    ABSENT = "absent"  # somebody else removed it
    OTHER = "other"  # another file has the name now; it was left
    EDITED = "edited"  # it is the file, but was written to meanwhile; it was left


def settle_file(folder: OpenFolder, name: str, identity: Identity) -> None:
    """Make the bytes of a file last before its new name does.

    Raises ChangedError when it is no longer the file that is meant, FilingError.
    """
    path = folder.path / name
    with explained("Could not read", path):
        try:
            descriptor = folder.open_file(name)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ELOOP, errno.EMLINK}:
                raise ChangedError(f"{name} is gone") from error
            raise
        try:
            if likeness(identity, Identity.from_stat(os.fstat(descriptor))) is not IdentityMatch.SAME:
                raise ChangedError(f"{name} changed while it was looked at")
            reach(Point.FILE_SYNC)
            if sys.platform != "win32":  # there only writers may flush
                sync_as_can_be(descriptor)
        finally:
            close_reading(descriptor)


def rename(  # noqa: PLR0917 - source, destination, what is meant, and by which mark its reservation is known
    source: OpenFolder, name: str, destination: OpenFolder, new_name: str, identity: Identity, mark: str
) -> bool:
    """Rename the file that is meant to a free name; False across filesystems, where nothing was touched.

    Raises TakenError, NameRefusedError, ChangedError (then everything is as it was), FilingError, and StuckError when
    another file slipped in at the last moment and could not be put back.
    """
    path = destination.path / new_name
    try:
        rename_noreplace(source.at(name), destination.at(new_name), source.fd, destination.fd, mark=mark)
    except FileExistsError as error:
        raise TakenError(path) from error
    except FileNotFoundError as error:
        if source.status(name) is None:
            raise ChangedError(f"{name} is gone") from error
        if refuses_name(error, destination):
            raise NameRefusedError(path, errno.ENOENT) from error
        raise filing_error(error, "Could not move into", destination.path) from error
    except OSError as error:
        if error.errno == errno.EXDEV:
            return False
        if refuses_name(error, destination):
            raise NameRefusedError(path, error.errno or 0) from error
        if error.errno in _FORBIDDEN:  # by which of the two folders?
            try_removal(source, name)
        raise filing_error(error, "Could not move to", path) from error
    found = destination.identity(new_name)
    if likeness(identity, found) in {IdentityMatch.SAME, IdentityMatch.EDITED, IdentityMatch.ALIKE}:
        return True
    # the name was given to another file after the last look; that one is not ours to move
    _put_back(destination, new_name, source, name, mark)
    raise ChangedError(f"{name} was replaced while it was moved")


def is_there(folder: OpenFolder) -> bool:
    """Tell whether an open folder still has its name."""
    try:
        there = folder.path.stat()
        return folder.fd is None or os.path.samestat(os.fstat(folder.fd), there)
    except OSError:
        return False


def try_name(folder: OpenFolder, trial: str, name: str) -> None:
    """See whether a folder takes such a name, by an empty file of the name `trial` that is removed at once.

    Raises NameRefusedError about `name`, FilingError.
    """
    discard(folder, trial)
    with explained("Could not write into", folder.path):
        try:
            descriptor = folder.create_file(trial)
        except OSError as error:
            if not refuses_name(error, folder):
                raise
            raise NameRefusedError(folder.path / name, error.errno or 0) from error
        close_reading(descriptor)
        reach(Point.NAME_TRIED)
    discard(folder, trial)


def refuses_name(error: OSError, folder: OpenFolder) -> bool:
    """Tell whether a folder refused what was to be made in it for its name."""
    return error.errno in NAME_REFUSALS or (error.errno == errno.ENOENT and is_there(folder))


def try_removal(folder: OpenFolder, name: str) -> None:
    """See whether a file may be removed from its folder, without any effect. Raises FilingError when it may not.

    What removes folders refuses a file, but only after the system has looked at rights, attributes and the mount (an
    empty folder that took the name this very moment would go). What a server forbids on top of that isn't told, and
    macOS tells nothing.
    """
    if sys.platform == "win32":
        return
    try:
        os.rmdir(folder.at(name), dir_fd=folder.fd)
    except OSError as error:
        if error.errno in _FORBIDDEN:
            raise filing_error(error, "Could not move away", folder.path / name) from error


def release_name(folder: OpenFolder, name: str, mark: str) -> None:
    """Remove what reserved a name before a kill, if that is what has it. Raises FilingError."""
    with explained("Could not remove", folder.path / name):
        if is_reservation(folder.at(name), folder.fd, mark):
            with contextlib.suppress(FileNotFoundError):
                folder.unlink(name)


def move_back(source: OpenFolder, name: str, destination: OpenFolder, new_name: str, mark: str) -> None:
    """Take a rename back. Raises TakenError, FilingError."""
    path = destination.path / new_name
    release_name(destination, new_name, mark)
    try:
        rename_noreplace(source.at(name), destination.at(new_name), source.fd, destination.fd, mark=mark)
    except FileExistsError as error:
        raise TakenError(path) from error
    except OSError as error:
        raise filing_error(error, "Could not move back to", path) from error


def _put_back(source: OpenFolder, name: str, destination: OpenFolder, new_name: str, mark: str) -> None:
    try:
        rename_noreplace(source.at(name), destination.at(new_name), source.fd, destination.fd, mark=mark)
    except OSError as error:
        raise StuckError(
            f"{source.path / name} belongs at {destination.path / new_name}, which can't be had now.",
            remedy="Move it there by hand; vsortd has lost nothing.",
            paths=[source.path / name],
        ) from error


def link(  # noqa: PLR0917 - source, destination, what is meant, and what a wrong one is taken aside by
    source: OpenFolder, name: str, destination: OpenFolder, new_name: str, identity: Identity, aside: str
) -> str:
    """Give the file that is meant a second, free name; return why none can be had there, "" when it is done.

    Raises TakenError, NameRefusedError, ChangedError (then everything is as it was), FilingError.
    """
    try:
        reach(Point.HARDLINK_BEFORE)
        where = {"src_dir_fd": source.fd, "dst_dir_fd": destination.fd}
        os.link(source.at(name), destination.at(new_name), **where, follow_symlinks=False)
        reach(Point.HARDLINK_AFTER)
    except OSError as error:
        if likeness(identity, destination.identity(new_name)) is not IdentityMatch.SAME:
            return _why_not_linked(error, source, name, destination, new_name)
        # done, in spite of the error (shares that repeat a call)
    found = destination.identity(new_name)
    if found is not None and likeness(identity, found) not in {IdentityMatch.SAME, IdentityMatch.EDITED}:
        remove(destination, new_name, found, aside, aside)
        raise ChangedError(f"{name} was replaced while it was linked")
    return ""


def _why_not_linked(error: OSError, source: OpenFolder, name: str, destination: OpenFolder, new_name: str) -> str:
    """Return why a file can have no second name there; raises what else a refusal means, see `link`."""
    path = destination.path / new_name
    if isinstance(error, FileExistsError):
        raise TakenError(path) from error
    if source.status(name) is None:
        raise ChangedError(f"{name} is gone") from error
    if refuses_name(error, destination):
        raise NameRefusedError(path, error.errno or 0) from error
    if error.errno in _NO_LINKS:
        return error.strerror or str(error)
    raise filing_error(error, "Could not link to", path) from error


def copy(  # noqa: PLR0917 - source, destination, and what is meant
    source: OpenFolder,
    name: str,
    destination: OpenFolder,
    temp: str,
    identity: Identity,
    cancel: threading.Event | None,
    *,
    clone: bool = False,
) -> tuple[Identity, str]:
    """Copy the file that is meant to a temporary name, whole and lasting, with times, mode and attributes.

    Returns the copy's identity and the SHA-256 of its bytes; with `clone` the copy shares its blocks with the source
    where the disk can do that, and "" is returned for the bytes that were not read. A copy that fails leaves its
    temporary file to the roll-back. Raises ChangedError, FilingError, Cancelled.
    """
    path = destination.path / temp
    with explained("Could not read", source.path / name):
        try:
            reading = source.open_file(name)
        except FileNotFoundError as error:
            raise ChangedError(f"{name} is gone") from error
    try:
        with explained("Could not read", source.path / name):
            status = os.fstat(reading)
        if likeness(identity, Identity.from_stat(status)) is not IdentityMatch.SAME:
            raise ChangedError(f"{name} changed while it was looked at")
        with explained("Could not copy to", path):
            reach(Point.COPY_CREATE)
            writing = destination.create_file(temp)
            try:
                sha256 = "" if clone and _clone(reading, writing) else None
                if sha256 is None:
                    _see_room(writing, status.st_size)
                    sha256 = _pump(reading, writing, cancel)
                carry_over(reading, writing)
                reach(Point.COPY_WRITTEN)
                sync(writing)
                written = Identity.from_stat(os.fstat(writing))
            finally:
                os.close(writing)
            if sys.platform == "win32":  # no fchmod and no utime by descriptor there
                give_times(for_system(path), status.st_atime_ns, status.st_mtime_ns)
                written = Identity.from_stat(os.stat(for_system(path)))  # noqa: PTH116 - a long name
            reach(Point.COPY_SYNCED)
        with explained("Could not read", source.path / name):
            unchanged = likeness(identity, Identity.from_stat(os.fstat(reading))) is IdentityMatch.SAME
        if not unchanged or likeness(identity, source.identity(name)) is not IdentityMatch.SAME:
            raise ChangedError(f"{name} changed while it was copied")
        if written.size_bytes != identity.size_bytes:
            raise filing_error(OSError(errno.EIO, os.strerror(errno.EIO)), "The copy came out short at", path)
    finally:
        close_reading(reading)
    return written, sha256


def publish(folder: OpenFolder, temp: str, name: str, mark: str) -> None:
    """Give a copy its own name. Raises TakenError, NameRefusedError, FilingError."""
    path = folder.path / name
    try:
        reach(Point.PUBLISH_BEFORE)
        rename_noreplace(folder.at(temp), folder.at(name), folder.fd, folder.fd, mark=mark)
        reach(Point.PUBLISH_AFTER)
    except FileExistsError as error:
        raise TakenError(path) from error
    except OSError as error:
        if folder.status(temp) is not None and refuses_name(error, folder):
            raise NameRefusedError(path, error.errno or 0) from error
        raise filing_error(error, "Could not publish", path) from error


def remove(folder: OpenFolder, name: str, identity: Identity, aside: str, mark: str) -> Removal:
    """Remove a name if it still is the file that is meant.

    The file is renamed aside first and looked at there, so that one which takes its name at the last moment is
    not removed in its place. Raises FilingError; the file then is where it was, or aside, which recovery knows.
    """
    try:
        return _remove(folder, name, identity, aside, mark)
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EPERM}:
            try_removal(folder, name)  # told before anything is copied the next time; else only a server knows
            raise filing_error(error, "Could not remove", folder.path / name, lasting=True) from error
        raise filing_error(error, "Could not remove", folder.path / name) from error


def _remove(folder: OpenFolder, name: str, identity: Identity, aside: str, mark: str) -> Removal:
    like = likeness(identity, folder.identity(name))
    if like is IdentityMatch.SAME:
        reach(Point.ASIDE_BEFORE)
        try:
            rename_to_unique(folder.at(name), folder.at(aside), folder.fd)
        except FileNotFoundError:
            return Removal.ABSENT
        reach(Point.ASIDE_AFTER)
        like = likeness(identity, folder.identity(aside))
        if like is IdentityMatch.SAME:
            try:
                folder.unlink(aside)
            except OSError:
                if folder.status(aside) is None:  # done, in spite of the error (shares that repeat a call)
                    return Removal.REMOVED
                _put_back(folder, aside, folder, name, mark)
                raise
            return Removal.REMOVED
        _put_back(folder, aside, folder, name, mark)
    if like is IdentityMatch.ABSENT:
        return Removal.ABSENT if folder.status(name) is None else Removal.OTHER
    return Removal.EDITED if like is IdentityMatch.EDITED else Removal.OTHER


def discard(folder: OpenFolder, name: str) -> None:
    """Remove a temporary file of ours, if it is there. Raises FilingError."""
    with explained("Could not remove the temporary file", folder.path / name):
        if folder.status(name) is None:
            return
        with contextlib.suppress(FileNotFoundError):
            folder.unlink(name)


def write_staged(staged: Path, data: bytes, like: Path) -> Identity:
    """Write a file of ours, whole and lasting, with the rights of `like`; returns its identity. Raises FilingError."""
    with explained("Could not write", staged):
        reach(Point.SIDECAR_WRITE)
        writing = os.open(for_system(staged), os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(writing, "wb") as file:
            file.write(data)
            file.flush()
            sync(writing)
        carry_over_between(like, staged, times=False)
        reach(Point.SIDECAR_WRITTEN)
        return Identity.from_stat(os.stat(for_system(staged), follow_symlinks=False))  # noqa: PTH116 - a long name


def give_rights(staged: Path, source: Path) -> None:
    """Give a staged file of ours owner, group, rights, attributes and times of the video that it was made of.

    Raises FilingError.
    """
    with explained("Could not give the rights of its video to", staged):
        carry_over_between(source, staged)


def _clone(reading: int, writing: int) -> bool:
    reach(Point.COPY_CLONE)
    return clone_bytes(reading, writing)


def _see_room(writing: int, size_bytes: int) -> None:
    """Raise OSError where so many bytes can't be had, before the first is copied."""
    if sys.platform == "win32":
        return
    try:
        os.lseek(writing, size_bytes, os.SEEK_SET)
    except OSError as error:  # past what the filesystem can hold: FAT's 4 GiB
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG)) from error
    os.lseek(writing, 0, os.SEEK_SET)
    room = os.fstatvfs(writing)
    if room.f_blocks and room.f_bfree * room.f_frsize < size_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _pump(reading: int, writing: int, cancel: threading.Event | None) -> str:
    digest = hashlib.sha256()
    while chunk := os.read(reading, CHUNK_BYTES):
        if cancel is not None and cancel.is_set():
            raise Cancelled
        reach(Point.COPY_CHUNK)
        digest.update(chunk)
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(writing, rest) :]
    return digest.hexdigest()
