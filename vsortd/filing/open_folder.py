"""Open folders: names are resolved inside them, so that nobody can put a symlink under our feet meanwhile."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from typing import TYPE_CHECKING, Self

from vsortd.core.identity import Identity
from vsortd.core.names import OWN_FOLDER
from vsortd.core.system.fault_points import Point, reach
from vsortd.core.system.fsync import sync_as_can_be
from vsortd.core.system.os_errors import explained
from vsortd.core.system.private_files import FOLDER_MODE
from vsortd.core.system.windows_files import for_system, patiently
from vsortd.errors import FilingError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

# Windows has no descriptors of folders: there every name is a whole path, and folders are not synced.
_BY_DESCRIPTOR = os.open in os.supports_dir_fd
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
# vsortd's own folder in the library, and those in it that hold folders of one process or video; see staging.py.
HIDDEN = OWN_FOLDER
_PRIVATE_IN = {"staging", "originals", "aside"}
_BINARY: int = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
# What filesystems answer to a name that can't be had: for a character, its end, its length, or bytes that are no text.
NAME_REFUSALS = frozenset({errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG})


class OpenFolder:
    """A folder held open; all names are single components in it."""

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path = path
        self.fd = descriptor

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a folder, following symlinks. Raises OSError."""
        if _BY_DESCRIPTOR:
            return cls(path, os.open(path, _FOLDER))
        if not os.path.isdir(for_system(path)):  # noqa: PTH112 - a long name
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return cls(path, None)

    def at(self, name: str) -> str:
        """Return what names `name` to the system, together with `fd`."""
        return name if self.fd is not None else for_system(self.path / name)

    def child(self, name: str) -> OpenFolder:
        """Open a folder inside, refusing symlinks. Raises FileNotFoundError, FilingError for anything else there."""
        path = self.path / name
        try:
            if self.fd is not None:
                return OpenFolder(path, os.open(name, _FOLDER | _NO_FOLLOW, dir_fd=self.fd))
            is_folder = stat.S_ISDIR(os.lstat(for_system(path)).st_mode)
        except OSError as error:
            if error.errno not in {errno.ELOOP, errno.ENOTDIR, errno.EMLINK}:
                raise
            is_folder = False
        if is_folder:
            return OpenFolder(path, None)
        raise FilingError(
            f"{path} is no folder of its own (a link or a file).",
            remedy="Inside the library vsortd follows no links: replace it by a folder.",
            paths=[path],
        )

    def make(self, name: str) -> None:
        """Make a folder inside and make its name last; one that is there already is fine. Raises OSError.

        Half-made files, kept originals and what was set aside are their owner's alone. A folder that people use
        belongs to whom the folder around it belongs: made by root, they could not put anything into it.
        """
        reach(Point.FOLDER_MAKE)
        with contextlib.suppress(FileExistsError):
            private = self.path.name in _PRIVATE_IN and self.path.parent.name == HIDDEN
            os.mkdir(self.at(name), FOLDER_MODE if private else 0o777, dir_fd=self.fd)
            if HIDDEN not in (self.path / name).parts:
                self._give_away(name)
        reach(Point.FOLDER_MADE)
        self.sync()

    def _give_away(self, name: str) -> None:
        """Let a folder that root just made belong to whom this one belongs; only one that is root's and empty."""
        if sys.platform == "win32" or self.fd is None or os.geteuid() != 0:
            return
        with contextlib.suppress(OSError, FilingError), contextlib.closing(self.child(name)) as made:
            assert made.fd is not None
            around = os.fstat(self.fd)
            if around.st_uid != 0 == os.fstat(made.fd).st_uid and not os.listdir(made.fd):  # noqa: PTH208 - by descriptor
                os.fchown(made.fd, around.st_uid, around.st_gid)

    def status(self, name: str) -> os.stat_result | None:
        """Look at a name without following a symlink; None if nothing has it. Raises FilingError."""
        with explained("Could not look at", self.path / name):
            try:
                return os.stat(self.at(name), dir_fd=self.fd, follow_symlinks=False)
            except (FileNotFoundError, NotADirectoryError):
                return None
            except OSError as error:
                if error.errno in NAME_REFUSALS:  # what can't be a name here is nobody's
                    return None
                raise

    def names(self) -> list[str]:
        """Return every name in it. Raises FilingError."""
        with explained("Could not look into", self.path):
            return os.listdir(for_system(self.path) if self.fd is None else self.fd)  # noqa: PTH208 - by descriptor

    def identity(self, name: str) -> Identity | None:
        """Return the identity of a regular file, else None. Raises FilingError."""
        status = self.status(name)
        return Identity.from_stat(status) if status is not None and stat.S_ISREG(status.st_mode) else None

    def open_file(self, name: str) -> int:
        """Open a file for reading, not through a symlink; returns a descriptor."""
        return os.open(self.at(name), os.O_RDONLY | _NO_FOLLOW | _BINARY, dir_fd=self.fd)

    def create_file(self, name: str) -> int:
        """Create a file that is not there yet, readable by its owner only; returns a descriptor."""
        return os.open(self.at(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o600, dir_fd=self.fd)

    def unlink(self, name: str) -> None:
        """Remove a name."""
        reach(Point.UNLINK_BEFORE)
        patiently(lambda: os.unlink(self.at(name), dir_fd=self.fd))
        reach(Point.UNLINK_AFTER)

    def sync(self) -> None:
        """Make the names in this folder last through a power cut."""
        if self.fd is None:
            return
        reach(Point.FOLDER_SYNC)
        sync_as_can_be(self.fd)

    def close(self) -> None:
        """Let the folder go."""
        if self.fd is not None:
            descriptor, self.fd = self.fd, None
            close_reading(descriptor)


class Folders:
    """The folders of one transaction: each opened once, remembered for syncing, closed together.

    Below `library` no component may be a symlink; elsewhere (inboxes) people may link as they like.
    """

    def __init__(self, library: Path | None) -> None:
        self._library = library
        self._open: dict[Path, OpenFolder] = {}
        self._touched: dict[Path, OpenFolder] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for folder in self._open.values():
            folder.close()

    def get(self, path: Path, *, create: bool = False) -> OpenFolder:
        """Return the open folder. Raises FileNotFoundError, FilingError (a symlink in the library), OSError."""
        if path not in self._open:
            self._open[path] = self._reach(path, create=create)
        return self._open[path]

    def forget(self, path: Path) -> None:
        """Close a folder, so that the next `get` looks at what has the name then."""
        self._touched.pop(path, None)
        if (folder := self._open.pop(path, None)) is not None:
            folder.close()

    def require(self, path: Path) -> None:
        """See that the path still leads to the folder that was opened by it.

        Raises FilingError when the folder was renamed, moved or replaced meanwhile: a journal would name the old path.
        """
        folder = self._open.get(path)
        if folder is None or folder.fd is None:
            return
        with explained("Could not look at", path):
            try:
                there = os.path.samestat(os.fstat(folder.fd), path.stat())
            except (FileNotFoundError, NotADirectoryError):
                there = False
        if not there:
            raise FilingError(
                f"The folder {path} was renamed or replaced while a video was put into it.",
                remedy="Nothing moved; vsortd tries again.",
                paths=[path],
            )

    def touched(self, folder: OpenFolder) -> None:
        """Remember that names in a folder changed."""
        self._touched[folder.path] = folder

    def sync(self) -> None:
        """Make the changed names last. Raises FilingError; what was not synced is synced next time."""
        for path, folder in list(self._touched.items()):
            with explained("Could not make changes last in", path):
                folder.sync()
            del self._touched[path]

    def _reach(self, path: Path, *, create: bool) -> OpenFolder:
        if self._library is not None and path.is_relative_to(self._library):
            parts = path.relative_to(self._library).parts
            return _descend(OpenFolder.open(self._library), parts, create=create)
        try:
            return OpenFolder.open(path)
        except FileNotFoundError:
            if not create or path.parent == path:
                raise
        self.get(path.parent, create=True).make(path.name)
        return OpenFolder.open(path)


def identity_of(path: Path) -> Identity | None:
    """Return the identity of a regular file by its whole path, else None. Raises FilingError."""
    with explained("Could not look at", path):
        return Identity.of(path)


def is_folder(path: Path) -> bool:
    """Tell whether a folder is there (or a link to one). Raises FilingError where the system won't say."""
    with explained("Could not look at", path):
        return path.is_dir()


def close_reading(descriptor: int) -> None:
    """Close what was only read, or synced before: a refusal (a share that went away) changes nothing any more."""
    with contextlib.suppress(OSError):
        os.close(descriptor)


def _descend(folder: OpenFolder, parts: Sequence[str], *, create: bool) -> OpenFolder:
    """Go down component by component; takes over `folder` and closes what it passes."""
    for part in parts:
        try:
            try:
                deeper = folder.child(part)
            except FileNotFoundError:
                if not create:
                    raise
                folder.make(part)
                deeper = folder.child(part)
        finally:
            folder.close()
        folder = deeper
    return folder
