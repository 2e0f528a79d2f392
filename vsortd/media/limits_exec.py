"""Becomes another program with limits: `python limits_exec.py PARENT_PID DATA_BYTES FILE_BYTES PROGRAM ARGUMENT…`.

Run as a script, without site packages, so that it takes about 15 ms. The program dies with its parent
(Linux), may not take more data memory or write larger files than told (0: no limit), and runs at low
priority. Limits set here hold before the program reads its first byte, and nothing runs between fork and exec
in the threaded daemon.
"""

import os
import sys

_NICENESS = 5


def main(arguments: list[str]) -> None:
    """Set the limits and replace this process."""
    parent, data_bytes, file_bytes = (int(argument) for argument in arguments[:3])
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if data_bytes:
            resource.setrlimit(resource.RLIMIT_DATA, (data_bytes, data_bytes))
        if file_bytes:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
        os.nice(_NICENESS)
    if sys.platform == "linux":
        import ctypes
        import signal

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, kept across exec
        if os.getppid() != parent:
            os._exit(1)
    program = arguments[3:]
    os.execv(program[0], program)  # noqa: S606 - a list, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
