"""Becomes another program with limits: `python limits_exec.py WISHES PROGRAM ARGUMENT…`.

Run as a script, without site packages, so that it takes about 20 ms. WISHES is JSON: `parent` (the program dies with
that process; Linux), `data_bytes` (memory) and `file_bytes` (the largest file), 0 for no limit, `niceness` (how far it
stands back behind other programs), `grants` (what it keeps of the account's rights, see `core.system.confinement`;
null: all) and `must` (end with `UNCONFINED` where the kernel doesn't confine it whole). What is set here holds before
the program reads its first byte, and nothing runs between fork and exec in the threaded daemon.
"""

import json
import os
import sys

_DESCRIPTORS = 64
# The exit status for "not confined": no program that is run so ends with it by itself.
UNCONFINED = 186


def main(arguments: list[str]) -> None:
    """Set the limits, give up the rights, and replace this process."""
    wishes, program = json.loads(arguments[0]), arguments[1:]
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for limit, most in (
            (resource.RLIMIT_DATA, wishes["data_bytes"]),
            (resource.RLIMIT_FSIZE, wishes["file_bytes"]),
            (resource.RLIMIT_NOFILE, _DESCRIPTORS),
        ):
            if most:
                _, hard = resource.getrlimit(limit)
                resource.setrlimit(limit, (most if hard < 0 else min(most, hard),) * 2)
        os.nice(wishes["niceness"])
    if sys.platform == "linux":
        import ctypes
        import signal

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, kept across exec
        if os.getppid() != wishes["parent"]:
            os._exit(1)
    if wishes["grants"] is not None and not _confined(wishes["grants"]) and wishes["must"]:
        os._exit(UNCONFINED)
    os.execv(program[0], program)  # noqa: S606 - a list, no shell


def _confined(wanted: dict[str, object]) -> bool:
    here = os.path.abspath(__file__)  # noqa: PTH100 - pathlib would take as long as all else here
    for _ in range(3):
        here = os.path.dirname(here)  # noqa: PTH120
    sys.path.append(here)
    from vsortd.core.system.confinement import ConfinementError, Grants, confine

    try:
        return confine(Grants.from_json(wanted)).whole
    except ConfinementError:
        return False


if __name__ == "__main__":
    main(sys.argv[1:])
