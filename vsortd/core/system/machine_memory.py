"""How much memory this process has taken, and how much the machine has. Standard library alone."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Final

_STATUS: Final = Path("/proc/self/status")
_CGROUP_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")


def peak_memory_bytes() -> int:
    """Return the most memory that this process has had at once, files mapped into it included.

    Linux counts anew when a program is started (VmHWM; `ru_maxrss` would begin at what its parent had).
    """
    if sys.platform == "linux":
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return _peak_of_windows()
    import resource

    kilo = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilo


def machine_memory_bytes() -> int | None:
    """Return the memory of the machine, or of the container if it may have less; None where nothing tells."""
    if sys.platform == "win32":
        return _memory_of_windows()
    try:
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None
    with contextlib.suppress(OSError, ValueError):  # no cgroup v2 here, or "max": no limit
        whole = min(whole, int(_CGROUP_LIMIT.read_text(encoding="ascii")))
    return whole if whole > 0 else None


def _peak_of_windows() -> int:
    if sys.platform != "win32":
        raise NotImplementedError
    import ctypes
    from ctypes import wintypes

    class Counters(ctypes.Structure):  # PROCESS_MEMORY_COUNTERS
        _fields_ = (
            ("cb", wintypes.DWORD),
            ("page_faults", wintypes.DWORD),
            ("peak_working_set", ctypes.c_size_t),
            ("more", ctypes.c_size_t * 7),
        )

    counters = Counters(cb=ctypes.sizeof(Counters))
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    ask = kernel.K32GetProcessMemoryInfo
    ask.argtypes = (wintypes.HANDLE, ctypes.c_void_p, wintypes.DWORD)
    kernel.GetCurrentProcess.restype = wintypes.HANDLE
    if not ask(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb):
        raise ctypes.WinError(ctypes.get_last_error())
    return int(counters.peak_working_set)


def _memory_of_windows() -> int | None:
    if sys.platform != "win32":
        raise NotImplementedError
    import ctypes
    from ctypes import wintypes

    class Status(ctypes.Structure):  # MEMORYSTATUSEX
        _fields_ = (
            ("length", wintypes.DWORD),
            ("load", wintypes.DWORD),
            ("whole", ctypes.c_ulonglong),
            ("more", ctypes.c_ulonglong * 6),
        )

    status = Status(length=ctypes.sizeof(Status))
    if not ctypes.WinDLL("kernel32").GlobalMemoryStatusEx(ctypes.byref(status)):
        return None
    return int(status.whole)
