"""What a file that is made of another takes over from it: owner, group, rights, attributes, times; never more rights.

A file of ours is made readable by its owner only. It gets what its source has when it is whole, in this order: owner
and group, attributes, and the rights last, so that nobody may read it for a moment who may not read its source. Where
the owner or the group can't be kept (only root may give files away), or the filesystem holds no access control lists,
whoever is now met by other bits than at the source may do what both would let them do, and no more.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from vsortd.core.system.file_times import give_times
from vsortd.core.system.windows_files import for_system

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# The kernel's `security` gives programs rights; access control lists are carried by the rules of this module.
_RIGHTS: Final = ("security.", "system.posix_acl_")
_ACCESS: Final = "system.posix_acl_access"
# Said by filesystems without attributes, without room for them, or that keep this name for themselves.
_NO_XATTR: Final = frozenset(
    {errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENODATA, errno.E2BIG, errno.ENOSPC}
)
# Said by filesystems that have no modes (and by some that have no room for a list).
_NO_MODE: Final = frozenset({errno.ENOTSUP, errno.EPERM, errno.ENOSYS, errno.EINVAL})

# linux/posix_acl_xattr.h, linux/posix_acl.h
_VERSION: Final = struct.pack("<I", 2)
_ENTRY: Final = struct.Struct("<HHI")
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_NOBODY: Final = 0xFFFFFFFF
_ALL: Final = 7

_Entry = tuple[int, int, int]  # tag, permissions, whose


@dataclass(frozen=True, slots=True)
class Rights:
    """Who may do what (0 to 7 each): the owner, its group, and all others; with what the list says of `named` ones.

    `mask` is the most that the group and named ones may; without a list it limits nothing.
    """

    owner: int
    group: int
    other: int
    mask: int = _ALL
    named: tuple[_Entry, ...] = ()

    @classmethod
    def of_mode(cls, mode: int) -> Rights:
        """Return the rights of a file's mode."""
        return cls((mode >> 6) & _ALL, (mode >> 3) & _ALL, mode & _ALL)

    @classmethod
    def of_list(cls, data: bytes) -> Rights | None:
        """Return the rights of an access control list, None for one that can't be understood."""
        if data[:4] != _VERSION or (len(data) - 4) % _ENTRY.size:
            return None
        entries: list[_Entry] = list(_ENTRY.iter_unpack(data[4:]))
        found = {tag: permissions for tag, permissions, _ in entries}
        if not {_USER_OBJ, _GROUP_OBJ, _OTHER} <= found.keys():
            return None
        named = tuple(one for one in entries if one[0] in {_USER, _GROUP})
        return cls(found[_USER_OBJ], found[_GROUP_OBJ], found[_OTHER], found.get(_MASK, _ALL), named)

    def narrowed(self, *, owner_kept: bool, group_kept: bool) -> Rights:
        """Return what may be given to a file of another owner or group without letting anybody do more.

        Its list is left out then: the new group may be one that the list keeps out, the former owner one that it names.
        """
        if owner_kept and group_kept:
            return self
        found = self.without_list()
        both = _ALL if group_kept else found.group & found.other
        owner = _ALL if owner_kept else self.owner  # the former owner is met by the group's bits, or by the others'
        return replace(found, group=found.group & owner & both, other=found.other & owner & both)

    def without_list(self) -> Rights:
        """Return what is left where no list can be kept: named ones are met by the group's bits, or by the others'."""
        group, other = self.group & self.mask, self.other
        for _, permissions, _ in self.named:
            group, other = group & permissions & self.mask, other & permissions & self.mask
        return Rights(self.owner, group, other)

    def to_list(self) -> bytes:
        """Return it as an access control list."""
        users = [one for one in self.named if one[0] == _USER]
        groups = [one for one in self.named if one[0] == _GROUP]
        owner, group = (_USER_OBJ, self.owner, _NOBODY), (_GROUP_OBJ, self.group, _NOBODY)
        rest = [(_MASK, self.mask, _NOBODY), (_OTHER, self.other, _NOBODY)]
        return _VERSION + b"".join(_ENTRY.pack(*one) for one in (owner, *users, group, *groups, *rest))

    @property
    def mode(self) -> int:
        """The mode that says the same; with a list the bits in the middle are its mask."""
        return self.owner << 6 | (self.mask if self.named else self.group & self.mask) << 3 | self.other


def carry_over(source: int, made: int, *, times: bool = True) -> None:
    """Give an open file of ours what its open source has: owner, group, attributes, rights, and `times`, in this order.

    What gives a program rights never travels: the bits of setuid and setgid, attributes of the kernel's `security`.
    Does nothing on Windows, where the folder says who may read what lies in it. Raises OSError.
    """
    if sys.platform == "win32":
        return
    status = os.fstat(source)
    _give_owner(made, status)
    _copy_attributes(source, made)
    now = os.fstat(made)
    rights = _rights_of(source, status.st_mode)
    rights = rights.narrowed(owner_kept=now.st_uid == status.st_uid, group_kept=now.st_gid == status.st_gid)
    rights = _with_list(made, rights)
    try:
        os.fchmod(made, rights.mode | (status.st_mode & stat.S_ISVTX))
    except OSError as error:
        if error.errno not in _NO_MODE:
            raise
    if times:
        give_times(made, status.st_atime_ns, status.st_mtime_ns)


def carry_over_between(source: Path, made: Path, *, times: bool = True) -> None:
    """Do the same by paths: for files that vsortd made in a folder of its own. Raises OSError."""
    if sys.platform == "win32":
        if times:
            status = os.stat(for_system(source))  # noqa: PTH116 - a long name
            give_times(for_system(made), status.st_atime_ns, status.st_mtime_ns)
        return
    with contextlib.ExitStack() as opened:
        descriptors = []
        for path in (source, made):  # for reading: what is changed are not the bytes, and may be read-only by now
            descriptors.append(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC))
            opened.callback(os.close, descriptors[-1])
        carry_over(*descriptors, times=times)


def make_for(made: Path, sources: Iterable[Path]) -> None:
    """Make an empty file for what shows something of videos (a sheet of frames), for nobody whom one of them isn't for.

    The umask counts as ever. One that is there already stays as it is. Where none can be made, who writes it says so.
    """
    if sys.platform == "win32":
        return
    mode = 0o666
    for source in sources:
        try:
            descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            mode &= 0o600
            continue
        try:
            mode &= 0o600 | _rights_of(descriptor, os.fstat(descriptor).st_mode).without_list().mode
        finally:
            os.close(descriptor)
    with contextlib.suppress(OSError):
        os.close(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))


def _give_owner(made: int, status: os.stat_result) -> None:
    if sys.platform != "win32":
        with contextlib.suppress(OSError):  # only root may give files away
            os.fchown(made, status.st_uid, status.st_gid)
            return
        with contextlib.suppress(OSError):  # but anybody to a group of their own
            os.fchown(made, -1, status.st_gid)


if sys.platform == "linux":

    def _rights_of(source: int, mode: int) -> Rights:
        try:
            data = os.getxattr(source, _ACCESS)
        except OSError as error:
            if error.errno not in _NO_XATTR:
                raise
            return Rights.of_mode(mode)
        # of a list that is not understood the owner's part is certain, and that others are not to be let in
        return Rights.of_list(data) or Rights((mode >> 6) & _ALL, 0, 0)

    def _with_list(made: int, rights: Rights) -> Rights:
        """Let a file have the list of its rights, and none that its folder gave it; returns what its mode is to say."""
        if rights.named:
            with contextlib.suppress(OSError):
                os.setxattr(made, _ACCESS, rights.to_list())
                return rights
        rights = rights.without_list()
        try:
            os.removexattr(made, _ACCESS)
        except OSError as error:
            if error.errno not in {errno.ENODATA, errno.ENOTSUP}:  # it has one: the group's bits would be its mask
                return replace(rights, group=0)
        return rights

    def _copy_attributes(source: int, made: int) -> None:
        try:
            names = os.listxattr(source)
        except OSError as error:
            if error.errno not in _NO_XATTR:
                raise
            return
        for name in names:
            if name.startswith(_RIGHTS):
                continue
            try:
                os.setxattr(made, name, os.getxattr(source, name))
            except OSError as error:
                if error.errno not in _NO_XATTR:
                    raise

else:

    def _rights_of(source: int, mode: int) -> Rights:  # noqa: ARG001 - as on Linux
        return Rights.of_mode(mode)

    def _with_list(made: int, rights: Rights) -> Rights:  # noqa: ARG001 - as on Linux
        return rights

    def _copy_attributes(source: int, made: int) -> None:
        """Python reads no attributes here."""
