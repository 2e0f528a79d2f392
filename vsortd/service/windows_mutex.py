"""A named mutex of Windows: it exists while its maker lives, and every session of the machine sees it.

The calls are passed in, so that the rules can be tested on any system.
"""

from __future__ import annotations

import ctypes
import hashlib
import ntpath
import os
import sys
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

_SYNCHRONIZE = 0x00100000
_FILE_NOT_FOUND, _ACCESS_DENIED, _ALREADY_EXISTS = 2, 5, 183


class Kernel(Protocol):
    """What of kernel32 is used: handles are numbers, 0 is none; the second number is GetLastError."""

    def create(self, name: str) -> tuple[int, int]:
        """CreateMutexW."""

    def open(self, access: int, name: str) -> tuple[int, int]:
        """OpenMutexW."""

    def close(self, handle: int) -> None:
        """CloseHandle."""


def name_for(lock_file: Path) -> str:
    r"""Return the mutex that stands for a lock file; `Global\` is what a service and a logged-on user share."""
    written = ntpath.normcase(os.path.realpath(lock_file))
    return rf"Global\vsortd-{hashlib.sha256(written.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def take(name: str, kernel: Kernel) -> int | None:
    """Make the mutex and return its handle; None where a living process has it. Raises OSError."""
    handle, error = kernel.create(name)
    if handle and error != _ALREADY_EXISTS:
        return handle
    if handle:
        kernel.close(handle)  # else the name would outlive its real owner
        return None
    if error == _ACCESS_DENIED:  # another account's daemon made it
        return None
    raise OSError(error, f"CreateMutexW failed ({error})", name)


def exists(name: str, kernel: Kernel) -> bool:
    """Tell whether a living process has the mutex, without ever having it oneself."""
    handle, error = kernel.open(_SYNCHRONIZE, name)
    if handle:
        kernel.close(handle)
        return True
    return error != _FILE_NOT_FOUND


if sys.platform == "win32":
    from ctypes import wintypes

    class Kernel32:
        """The real one."""

        def __init__(self) -> None:
            self._dll = ctypes.WinDLL("kernel32", use_last_error=True)
            self._dll.CreateMutexW.argtypes = (wintypes.LPVOID, wintypes.BOOL, wintypes.LPCWSTR)
            self._dll.OpenMutexW.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.LPCWSTR)
            self._dll.CloseHandle.argtypes = (wintypes.HANDLE,)
            self._dll.CreateMutexW.restype = self._dll.OpenMutexW.restype = wintypes.HANDLE

        def create(self, name: str) -> tuple[int, int]:
            """CreateMutexW."""
            ctypes.set_last_error(0)  # it says ALREADY_EXISTS on success
            handle = self._dll.CreateMutexW(None, False, name)
            return handle or 0, ctypes.get_last_error()

        def open(self, access: int, name: str) -> tuple[int, int]:
            """OpenMutexW."""
            handle = self._dll.OpenMutexW(access, False, name)
            return handle or 0, ctypes.get_last_error()

        def close(self, handle: int) -> None:
            """CloseHandle."""
            self._dll.CloseHandle(handle)
