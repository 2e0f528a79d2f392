"""A process that gives up what it doesn't need: Linux's Landlock (files) and seccomp (system calls).

Neither needs rights of its own, a service or a container, and neither can be taken back: whatever takes the process
over afterwards stays within it, and so does what it starts. Where the kernel offers only one of them, or neither, that
is told and not an error; whoever insists compares `Confinement.whole`. Only the standard library is needed, so that a
process can confine itself before it becomes another program.

Landlock: https://docs.kernel.org/userspace-api/landlock.html · seccomp: man 2 seccomp
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.system import system_calls as calls

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Instruction = tuple[int, int, int, int]

# Landlock's rights over files: bit n is known since …
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_OF_A_FILE: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
# … this version: so many bits are known to each.
_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16, 6: 16, 7: 16}
_NETWORK_SINCE, _NETWORK = 4, 0b11  # TCP: bind, connect
_SCOPES_SINCE, _SCOPES = 6, 0b11  # abstract Unix sockets, signals: none to outside
_NEWEST: Final = max(_FILE_RIGHTS)
_CREATE_VERSION, _RULE_PATH_BENEATH = 1, 1

_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_SET_FILTER, _SECCOMP_ACTION_AVAIL = 1, 2
_ALLOW, _ERRNO, _KILL = 0x7FFF_0000, 0x0005_0000, 0x8000_0000

# Instructions of the filter: load a word, jump if equal, if at least, if any bit is set; return.
_LD, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16

_CLONE_THREAD: Final = 0x1_0000
_O_WRITING: Final = 0o1 | 0o2 | 0o100 | 0o1000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC
# What fcntl may not do: be told of signals, lock or be told of what others do with the file.
_FCNTL_NO: Final = (8, 10, 15, 1024, 1026)  # F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE, F_NOTIFY
# All that ioctl may do: ask for a terminal and its size, for bytes that wait, set flags of the descriptor.
_IOCTL_YES: Final = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
_IOCTL_TERMINAL: Final = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: to type for the person


class ConfinementError(Exception):
    """A process could not be confined as its kernel offers."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """What a kernel offers, or what holds for a process: Landlock's version (0: none) and the filter of calls."""

    landlock_abi: int
    seccomp: bool

    @property
    def whole(self) -> bool:
        """Tell whether files and system calls are both confined."""
        return self.landlock_abi > 0 and self.seccomp


@dataclass(frozen=True, slots=True)
class Grants:
    """The files that stay: to be read, to be written (and read), to be run; folders with all that is in them.

    What isn't there is left out; without `write` no file at all can be opened to be written. `programs` lets the
    process become another program (of those in `execute` where Landlock holds), never start one beside itself.
    `devices` lets it talk to drivers by ioctl and set its memory up with them, of what is in `write`.
    """

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    execute: tuple[str, ...] = ()
    programs: bool = False
    devices: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return them as plain values, for another process."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Grants:
        """Return what `to_json` was made of."""
        paths = {name: tuple(raw[name]) for name in ("read", "write", "execute")}
        return cls(**paths, programs=raw["programs"], devices=raw["devices"])


def offered() -> Confinement:
    """Return what the kernel offers to this process; nothing on systems other than Linux."""
    if sys.platform != "linux":
        return Confinement(0, seccomp=False)
    return Confinement(_landlock_abi(), seccomp=_has_seccomp())


def confine(grants: Grants) -> Confinement:
    """Give up all but `grants` from here on, and return what holds.

    Only threads that begin afterwards are confined, so there may be no other one yet. Raises ConfinementError when
    there is, or when the kernel refuses what it said it offers; some of it may hold then.
    """
    kernel = offered()
    if not (kernel.landlock_abi or kernel.seccomp):
        return kernel
    if _threads() > 1:
        raise ConfinementError("other threads run already")
    if _libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise ConfinementError(f"no_new_privs was refused ({_last_error()})")
    if kernel.landlock_abi:
        _landlock(kernel.landlock_abi, grants)
    if kernel.seccomp:
        _seccomp(grants)
    return kernel


def _libc() -> Any:  # noqa: ANN401 - ctypes makes its functions' types at run time
    return ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: Any) -> int:  # noqa: ANN401 - as the kernel takes them
    # wide, or ctypes leaves the upper half of a register as it was
    wide = (ctypes.c_long(one) if isinstance(one, int) else one for one in arguments)
    return int(_libc().syscall(ctypes.c_long(number), *wide))


def _last_error() -> str:
    return os.strerror(ctypes.get_errno())


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - names alone, without a Path each
    except OSError:  # no /proc here
        return 1


def _landlock_abi() -> int:
    return min(max(_call(calls.LANDLOCK_CREATE_RULESET, None, 0, _CREATE_VERSION), 0), _NEWEST)


def _has_seccomp() -> bool:
    machine = calls.Machine.here()
    number = None if machine is None else machine.number("seccomp")
    if number is None or sys.byteorder != "little":
        return False
    action = ctypes.c_uint32(_ERRNO)
    return _call(number, _SECCOMP_ACTION_AVAIL, 0, ctypes.byref(action)) == 0


def _landlock(abi: int, grants: Grants) -> None:
    rights = (1 << _FILE_RIGHTS[abi]) - 1
    handled = struct.pack("<Q", rights)
    if abi >= _NETWORK_SINCE:
        handled += struct.pack("<Q", _NETWORK)
    if abi >= _SCOPES_SINCE:
        handled += struct.pack("<Q", _SCOPES)
    ruleset = _call(calls.LANDLOCK_CREATE_RULESET, ctypes.create_string_buffer(handled), len(handled), 0)
    if ruleset < 0:
        raise ConfinementError(f"Landlock made no rules ({_last_error()})")
    try:
        reading = _READ_FILE | _READ_DIR
        _grant(ruleset, grants.read, rights & reading)
        _grant(ruleset, grants.write, rights & ~_EXECUTE)
        _grant(ruleset, grants.execute, rights & (_EXECUTE | reading))
        if _call(calls.LANDLOCK_RESTRICT_SELF, ruleset, 0) != 0:
            raise ConfinementError(f"Landlock refused its rules ({_last_error()})")
    finally:
        os.close(ruleset)


def _grant(ruleset: int, paths: Iterable[str], rights: int) -> None:
    if sys.platform != "linux":
        return
    for path in paths:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
            rule = struct.pack("<Qi", rights if folder else rights & _OF_A_FILE, descriptor)
            added = _call(
                calls.LANDLOCK_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.create_string_buffer(rule, len(rule)), 0
            )
            # a descriptor's own file system (/proc, pipes) takes no rules; it needs none either
            if added != 0 and ctypes.get_errno() != errno.EBADFD:
                raise ConfinementError(f"Landlock refused a rule for {path} ({_last_error()})")
        finally:
            os.close(descriptor)


def _seccomp(grants: Grants) -> None:
    machine = calls.Machine.here()
    number = None if machine is None else machine.number("seccomp")
    if machine is None or number is None:
        raise ConfinementError("the system calls of this machine aren't known")
    program = b"".join(struct.pack("<HBBI", *step) for step in filter_for(machine, grants, os.getpid()))
    code = ctypes.create_string_buffer(program, len(program))
    whole = struct.pack("<HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    if _call(number, _SECCOMP_SET_FILTER, 0, ctypes.create_string_buffer(whole, len(whole))) != 0:
        raise ConfinementError(f"the filter of system calls was refused ({_last_error()})")


def filter_for(machine: calls.Machine, grants: Grants, pid: int) -> list[Instruction]:
    """Return the filter of system calls as instructions of classic BPF, for the process `pid`."""
    refused = machine.numbers(calls.NETWORK, calls.PROCESSES, calls.ATTRIBUTES, calls.FORK, calls.SYSTEM)
    if not grants.write or grants.devices:
        refused += machine.numbers(calls.CHANGES)
    if not grants.programs:
        refused += machine.numbers(calls.EXEC)
    if grants.devices:
        device = set(machine.numbers({"memfd_create": calls.SYSTEM["memfd_create"]}))
        refused = tuple(one for one in refused if one not in device)
    steps: list[Instruction] = [
        (_LD, 0, 0, _ARCH),
        (_JEQ, 1, 0, machine.audit_arch),
        (_RET, 0, 0, _KILL),
        (_LD, 0, 0, _NUMBER),
        # calls newer than this list, and x86's once more with a bit set: "there is no such call"
        (_JGE, 0, 1, calls.FIRST_UNKNOWN),
        (_RET, 0, 0, _ERRNO | errno.ENOSYS),
    ]
    for one in refused:
        steps += [(_JEQ, 0, 1, one), (_RET, 0, 0, _ERRNO | errno.EPERM)]
    for name, body in _by_argument(grants, pid):
        call = machine.number(name)
        if call is not None:
            steps += [(_JEQ, 0, len(body), call), *body]
    return [*steps, (_RET, 0, 0, _ALLOW)]


def _by_argument(grants: Grants, pid: int) -> list[tuple[str, list[Instruction]]]:
    """Return what is asked about the arguments of some calls; each ends with an answer."""
    no_such_call: list[Instruction] = [(_RET, 0, 0, _ERRNO | errno.ENOSYS)]
    bodies = [
        ("clone", _unless([(_JSET, 0, 1, _CLONE_THREAD)], argument=0)),
        ("clone3", no_such_call),  # its arguments can't be seen; the C library falls back to clone
        ("kill", _unless([(_JEQ, 0, 1, pid)], argument=0)),
        ("tgkill", _unless([(_JEQ, 0, 1, pid)], argument=0)),
        ("prlimit64", _limits_unchanged()),
        ("fcntl", _refuse_among(_FCNTL_NO, argument=1)),
        ("ioctl", _refuse_among(_IOCTL_TERMINAL, 1) if grants.devices else _allow_among(_IOCTL_YES, argument=1)),
    ]
    if not grants.write:
        read_only: list[Instruction] = [(_JSET, 1, 0, _O_WRITING)]
        bodies += [
            ("open", _unless(read_only, argument=1)),
            ("openat", _unless(read_only, argument=2)),
            ("openat2", no_such_call),
        ]
    return bodies


def _low(argument: int) -> Instruction:
    return (_LD, 0, 0, _ARGUMENTS + 8 * argument)


def _high(argument: int) -> Instruction:
    return (_LD, 0, 0, _ARGUMENTS + 8 * argument + 4)


def _unless(test: Sequence[Instruction], argument: int) -> list[Instruction]:
    """Allow a call whose argument passes the test (which jumps over the first answer if not), refuse any other."""
    return [_low(argument), *test, (_RET, 0, 0, _ALLOW), (_RET, 0, 0, _ERRNO | errno.EPERM)]


def _refuse_among(values: Sequence[int], argument: int) -> list[Instruction]:
    tests: list[Instruction] = []
    for value in values:
        tests += [(_JEQ, 0, 1, value), (_RET, 0, 0, _ERRNO | errno.EPERM)]
    return [_low(argument), *tests, (_RET, 0, 0, _ALLOW)]


def _allow_among(values: Sequence[int], argument: int) -> list[Instruction]:
    tests: list[Instruction] = []
    for value in values:
        tests += [(_JEQ, 0, 1, value), (_RET, 0, 0, _ALLOW)]
    return [_low(argument), *tests, (_RET, 0, 0, _ERRNO | errno.EPERM)]


def _limits_unchanged() -> list[Instruction]:
    """Let a process ask for its own limits, not set any: its pid is 0, the new limits' address too."""
    refuse: Instruction = (_RET, 0, 0, _ERRNO | errno.EPERM)
    return [
        _low(0),
        (_JEQ, 1, 0, 0),
        refuse,
        _low(2),
        (_JEQ, 1, 0, 0),
        refuse,
        _high(2),
        (_JEQ, 1, 0, 0),
        refuse,
        (_RET, 0, 0, _ALLOW),
    ]
