"""Starts a program on what looks like an older kernel: some system calls aren't there.

`python -m tests.support.lesser_kernel CALLS PROGRAM ARGUMENT…`; CALLS are numbers, by commas.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

LANDLOCK = (444, 445, 446)
SECCOMP = (317, 277)[os.uname().machine == "aarch64"]


def without(*calls: int) -> list[str]:
    """Return the beginning of a command line: what follows it runs without these calls."""
    return [sys.executable, "-m", "tests.support.lesser_kernel", ",".join(map(str, calls))]


def _forbid(calls: list[int]) -> None:
    steps = [(0x20, 0, 0, 0)]
    for call in calls:
        steps += [(0x15, 0, 1, call), (0x06, 0, 0, 0x0005_0026)]  # ENOSYS
    steps.append((0x06, 0, 0, 0x7FFF_0000))
    program = b"".join(struct.pack("<HBBI", *step) for step in steps)
    code = ctypes.create_string_buffer(program, len(program))
    whole = struct.pack("<HxxxxxxQ", len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(38, 1, 0, 0, 0)  # no_new_privs
    if libc.syscall(SECCOMP, 1, 0, ctypes.create_string_buffer(whole, len(whole))) != 0:
        sys.exit("this kernel offers no seccomp")


if __name__ == "__main__":
    _forbid([int(number) for number in sys.argv[1].split(",")])
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - a list, no shell
