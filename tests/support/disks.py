"""Disks that can less than ext4: doubles of them that need no rights, and the real ones, mounted from small images."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from tests.support.troubles import mounted
from vsortd.core.system import rename_noreplace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Windows' own, as ntfs-3g keeps to them with `windows_names`.
WINDOWS = re.compile(r'[<>:"|?*\\\x00-\x1f\udc80-\udcff]|[. ]$|^(con|nul|aux|prn)(\.|$)', re.IGNORECASE)
IMAGE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Disk:
    """What a filesystem can't do: names that match (answered by `code`), longer ones, no-replace renames, links."""

    names: re.Pattern[str] = WINDOWS
    code: int = errno.EINVAL
    most_bytes: int = 255
    call: bool = True
    links: bool = True


LIKE_NTFS = Disk(call=False)
LIKE_EXFAT = Disk(names=re.compile(r'[<>:"|?*\\\x00-\x1f\udc80-\udcff]'), code=errno.ENOENT, call=False, links=False)
LIKE_ECRYPTFS = Disk(names=re.compile(r"(?!)"), most_bytes=143)


class _Double:
    """The system's calls, as they answer below a folder on such a disk, and as they are elsewhere."""

    def __init__(self, root: Path, disk: Disk) -> None:
        self._root, self._disk = root.resolve(), disk
        self._open, self._mkdir, self._link, self._rename = os.open, os.mkdir, os.link, os.rename
        self._call: Callable[..., int] = rename_noreplace._call()

    def _at(self, path: str | bytes | os.PathLike[str], dir_fd: int | None) -> Path | None:
        """Return the whole path that is asked for, None outside of the disk."""
        whole = Path(os.fsdecode(path)) if dir_fd is None else Path(f"/proc/self/fd/{dir_fd}", os.fsdecode(path))
        above = whole.parent.resolve()
        return above / whole.name if above.is_relative_to(self._root) else None

    def _refusal(self, path: Path | None) -> int:
        if path is None:
            return 0
        if len(os.fsencode(path.name)) > self._disk.most_bytes:
            return errno.ENAMETOOLONG
        return self._disk.code if self._disk.names.search(path.name) else 0

    def _check(self, path: Any, dir_fd: int | None) -> None:
        if code := self._refusal(self._at(path, dir_fd)):
            raise OSError(code, os.strerror(code), path)

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & os.O_CREAT:
            self._check(path, dir_fd)
        return self._open(path, flags, mode, dir_fd=dir_fd)

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        self._check(path, dir_fd)
        self._mkdir(path, mode, dir_fd=dir_fd)

    def link(self, source: Any, target: Any, **more: Any) -> None:
        if not self._disk.links and self._at(target, more.get("dst_dir_fd")) is not None:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), source)
        self._check(target, more.get("dst_dir_fd"))
        self._link(source, target, **more)

    def rename(self, source: Any, target: Any, **more: Any) -> None:
        self._check(target, more.get("dst_dir_fd"))
        self._rename(source, target, **more)

    def call(self, source_fd: int, source: bytes, target_fd: int, target: bytes, flag: int) -> int:
        """Answer like renameat2: the kernel itself tells what is apart or taken, the filesystem the rest."""
        at = self._at(target, None if target_fd < 0 else target_fd)
        if at is None or (self._disk.call and not self._refusal(at)):
            return self._call(source_fd, source, target_fd, target, flag)
        if self._at(source, None if source_fd < 0 else source_fd) is None:
            ctypes.set_errno(errno.EXDEV)
        elif os.path.lexists(at):
            ctypes.set_errno(errno.EEXIST)
        else:
            ctypes.set_errno(self._refusal(at) if self._disk.call else errno.EINVAL)
        return -1


@contextlib.contextmanager
def doubled(folder: Path, disk: Disk) -> Iterator[None]:
    """Let everything below a folder answer as a disk does that can less; stands at the system's calls."""
    double = _Double(folder, disk)
    with contextlib.ExitStack() as patched:
        names = ("open", "mkdir", "link", "rename")
        for name in names:
            patched.enter_context(mock.patch.object(os, name, getattr(double, name)))
        able = {*os.supports_dir_fd, *(getattr(os, name) for name in names)}
        patched.enter_context(mock.patch.object(os, "supports_dir_fd", able))
        patched.enter_context(mock.patch.object(rename_noreplace, "_call", return_value=double.call))
        yield


@contextlib.contextmanager
def image_mounted(
    make: list[str], mount: list[str], image: Path, folder: Path, size_bytes: int = IMAGE_BYTES
) -> Iterator[None]:
    """Make a filesystem in a file and mount it by its own program; skips the test where that can't be had."""
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("only root may mount")
    for program in (make[0], mount[0]):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} here")
    with image.open("wb") as file:
        file.truncate(size_bytes)
    subprocess.run([*make, image], check=True, capture_output=True)
    found = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(f"can't mount here: {found.stderr.strip()}")
    device = found.stdout.strip()
    try:
        with mounted([device], folder, by=mount):
            yield
    finally:
        subprocess.run(["losetup", "--detach", device], check=False, capture_output=True)


@contextlib.contextmanager
def ntfs(folder: Path) -> Iterator[None]:
    """Mount an NTFS disk that keeps to Windows' names."""
    make = ["mkfs.ntfs", "-F", "-Q"]
    with image_mounted(make, ["ntfs-3g", "-o", "windows_names"], folder.with_suffix(".img"), folder):
        yield


@contextlib.contextmanager
def exfat(folder: Path) -> Iterator[None]:
    """Mount an exFAT disk by FUSE: no renames without replacing, no links."""
    with image_mounted(["mkfs.exfat"], ["mount.exfat-fuse"], folder.with_suffix(".img"), folder):
        yield


@contextlib.contextmanager
def btrfs(folder: Path) -> Iterator[None]:
    """Mount a btrfs disk, whose files can share their blocks."""
    make = ["mkfs.btrfs", "--quiet", "--force", "--mixed"]
    with image_mounted(make, ["mount"], folder.with_suffix(".img"), folder, size_bytes=128 * 2**20):
        yield


@contextlib.contextmanager
def like_ntfs(folder: Path) -> Iterator[None]:
    """Double an NTFS disk."""
    folder.mkdir()
    with doubled(folder, LIKE_NTFS):
        yield


@contextlib.contextmanager
def like_exfat(folder: Path) -> Iterator[None]:
    """Double an exFAT disk."""
    folder.mkdir()
    with doubled(folder, LIKE_EXFAT):
        yield


DISKS: dict[str, Callable[[Path], contextlib.AbstractContextManager[None]]] = {
    "like NTFS": like_ntfs,
    "like exFAT": like_exfat,
    "NTFS": ntfs,
    "exFAT": exfat,
}
