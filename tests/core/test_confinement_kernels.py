"""What a kernel offers is used, whatever it is; the filter says the right thing about each call on both machines."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.lesser_kernel import LANDLOCK, SECCOMP, without
from vsortd.core.system import system_calls as calls
from vsortd.core.system.confinement import Grants, filter_for, offered

ROOT = Path(__file__).parents[2]
PID = 4711
GROUPS = ("NETWORK", "PROCESSES", "ATTRIBUTES", "CHANGES", "EXEC", "FORK", "SYSTEM", "_BY_ARGUMENT", "_SECCOMP")
TABLES: list[dict[str, tuple[int, int]]] = [getattr(calls, name) for name in GROUPS]
ALLOWED, REFUSED, UNKNOWN, KILLED = "allowed", "refused", "unknown", "killed"
MACHINES = {"x86_64": calls.Machine(0xC000003E, 0), "aarch64": calls.Machine(0xC00000B7, 1)}
WORKER, FFMPEG = Grants(), Grants(write=("/target",), programs=True)
DRIVER = Grants(write=("/dev/nvidia0",), devices=True)


def judged(machine: calls.Machine, grants: Grants, number: int, *arguments: int, arch: int | None = None) -> str:
    """Run the filter as the kernel does, and say what it answers to a call."""
    words = {0: number, 4: machine.audit_arch if arch is None else arch}
    for place, argument in enumerate((*arguments, 0, 0, 0, 0, 0, 0)[:6]):
        words[16 + 8 * place], words[20 + 8 * place] = argument & 0xFFFFFFFF, argument >> 32 & 0xFFFFFFFF
    steps, at, loaded = filter_for(machine, grants, PID), 0, 0
    assert len(steps) <= 4096  # the kernel takes no more
    while True:
        code, yes, no, value = steps[at]
        at += 1
        if code == 0x20:
            loaded = words[value]
        elif code == 0x06:
            return {0x7FFF0000: ALLOWED, 0x80000000: KILLED, 0x50000 | errno.EPERM: REFUSED}.get(value, UNKNOWN)
        else:
            met = {0x15: loaded == value, 0x35: loaded >= value, 0x45: bool(loaded & value)}[code]
            at += yes if met else no


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> calls.Machine:
    return MACHINES[request.param]


@pytest.mark.parametrize("group", GROUPS[:7])
def test_each_call_of_a_group_is_refused(machine: calls.Machine, group: str) -> None:
    numbers = machine.numbers(getattr(calls, group))
    assert numbers or group == "FORK"  # aarch64 has only clone
    assert {REFUSED} == {judged(machine, WORKER, number) for number in numbers} or not numbers


@pytest.mark.parametrize(
    ("name", "arguments", "worker", "ffmpeg"),
    [
        ("openat", (-100, 0, os.O_RDONLY | 0o2000000), ALLOWED, ALLOWED),
        ("openat", (-100, 0, os.O_WRONLY), REFUSED, ALLOWED),
        ("openat", (-100, 0, os.O_RDWR), REFUSED, ALLOWED),
        ("openat", (-100, 0, os.O_RDONLY | os.O_CREAT), REFUSED, ALLOWED),
        ("openat", (-100, 0, os.O_RDONLY | os.O_TRUNC), REFUSED, ALLOWED),
        ("open", (0, os.O_RDONLY), ALLOWED, ALLOWED),
        ("open", (0, os.O_WRONLY), REFUSED, ALLOWED),
        ("openat2", (), UNKNOWN, ALLOWED),
        ("clone", (0x3D0F00,), ALLOWED, ALLOWED),  # a thread of the C library's
        ("clone", (17,), REFUSED, REFUSED),
        ("clone3", (), UNKNOWN, UNKNOWN),
        ("kill", (PID, 6), ALLOWED, ALLOWED),
        ("kill", (PID + 1, 6), REFUSED, REFUSED),
        ("kill", (0, 9), REFUSED, REFUSED),
        ("kill", (2**64 - 1, 9), REFUSED, REFUSED),
        ("tgkill", (PID, PID, 6), ALLOWED, ALLOWED),
        ("tgkill", (1, 1, 6), REFUSED, REFUSED),
        ("prlimit64", (0, 7, 0, 99), ALLOWED, ALLOWED),
        ("prlimit64", (0, 7, 99, 0), REFUSED, REFUSED),
        ("prlimit64", (0, 7, 1 << 32, 0), REFUSED, REFUSED),
        ("prlimit64", (1, 7, 0, 99), REFUSED, REFUSED),
        ("fcntl", (3, 1), ALLOWED, ALLOWED),
        ("fcntl", (3, 8), REFUSED, REFUSED),
        ("fcntl", (3, 1024), REFUSED, REFUSED),
        ("ioctl", (0, 0x5401), ALLOWED, ALLOWED),
        ("ioctl", (0, 0x5412), REFUSED, REFUSED),
        ("ioctl", (3, 0x40086602), REFUSED, REFUSED),
    ],
)
def test_calls_are_judged_by_what_they_ask_for(
    machine: calls.Machine, name: str, arguments: tuple[int, ...], worker: str, ffmpeg: str
) -> None:
    number = machine.number(name)
    if number is not None:
        assert worker == judged(machine, WORKER, number, *arguments)
        assert ffmpeg == judged(machine, FFMPEG, number, *arguments)


def test_ffmpeg_may_become_a_program_and_change_its_file_but_start_none(machine: calls.Machine) -> None:
    for number in machine.numbers(calls.EXEC, calls.CHANGES):
        assert ALLOWED == judged(machine, FFMPEG, number)
    for number in machine.numbers(calls.FORK, calls.NETWORK, calls.PROCESSES, calls.SYSTEM, calls.ATTRIBUTES):
        assert REFUSED == judged(machine, FFMPEG, number)


def test_a_driver_keeps_its_devices_but_types_nothing(machine: calls.Machine) -> None:
    ioctl = machine.number("ioctl")
    assert ioctl is not None
    assert ALLOWED == judged(machine, DRIVER, ioctl, 3, 0xC0104600)
    assert REFUSED == judged(machine, DRIVER, ioctl, 0, 0x5412)
    opened = machine.number("openat")
    assert opened is not None
    assert ALLOWED == judged(machine, DRIVER, opened, -100, 0, os.O_RDWR)
    assert {REFUSED} == {judged(machine, DRIVER, number) for number in machine.numbers(calls.CHANGES)}
    (memory,) = machine.numbers({"memfd_create": calls.SYSTEM["memfd_create"]})
    assert (ALLOWED, REFUSED) == (judged(machine, DRIVER, memory), judged(machine, WORKER, memory))


def test_what_no_list_knows_is_not_there_and_other_machines_calls_kill(machine: calls.Machine) -> None:
    read = {"x86_64": 0, "aarch64": 63}["x86_64" if machine is MACHINES["x86_64"] else "aarch64"]
    assert ALLOWED == judged(machine, WORKER, read)
    assert UNKNOWN == judged(machine, WORKER, calls.FIRST_UNKNOWN)
    assert UNKNOWN == judged(machine, WORKER, 0x4000_0000 + read)
    assert KILLED == judged(machine, WORKER, read, arch=0x40000003)


def test_a_program_of_32_bits_has_other_calls_and_gets_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (calls.Machine.here() is not None) == (os.uname().machine in MACHINES)
    monkeypatch.setattr(calls.sys, "maxsize", 2**31 - 1)
    assert calls.Machine.here() is None


def test_no_number_stands_twice() -> None:
    for column in (0, 1):
        numbers = [pair[column] for table in TABLES for pair in table.values() if pair[column] >= 0]
        assert len(numbers) == len(set(numbers))


@pytest.mark.skipif(not Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h").exists(), reason="no kernel headers here")
def test_the_numbers_are_those_of_the_kernels_headers() -> None:
    heads = ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm-generic/unistd.h")
    for column, head in enumerate(heads):
        words = [line.split() for line in Path(head).read_text(encoding="ascii").splitlines()]
        true = {
            word[1].removeprefix("__NR3264_").removeprefix("__NR_"): int(word[2])
            for word in words
            if len(word) > 2 and word[0] == "#define" and word[2].isdigit()
        }
        for name, pair in ((name, pair) for table in TABLES for name, pair in table.items()):
            assert pair[column] in {true.get(name, -1), *([-1] if name not in true else [])}, (name, column)


TRY = """
import json, sys
from vsortd.core.system import confinement
most = int(sys.argv[1])
real = confinement._landlock_abi
confinement._landlock_abi = lambda: min(most, real())
from tests.support.attacks import ATTACKS
arguments = json.loads(sys.argv[2])
import socket, ctypes
held = confinement.confine(confinement.Grants(read=("/usr/lib", "/lib")))
names = ("read a file", "overwrite a file", "make a file", "connect to a port", "start a process", "run a program")
print(json.dumps([held.landlock_abi, held.seccomp, {name: ATTACKS[name](arguments) for name in names}]))
"""


def tried(tmp_path: Path, most: int, *before: str) -> Any:
    (tmp_path / "secret").write_text("the only copy", encoding="ascii")
    prey = {"secret": str(tmp_path / "secret"), "folder": str(tmp_path), "port": 1, "program": sys.executable}
    command = [*before, sys.executable, "-c", TRY, str(most), json.dumps(prey)]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False)
    assert 0 == done.returncode, done.stderr
    assert "the only copy" == (tmp_path / "secret").read_text(encoding="ascii") or before
    return json.loads(done.stdout)


DEVICE = """
import fcntl, os
from vsortd.core.system.confinement import Grants, confine
confine(Grants(read=("/usr/lib", "/lib"), write=("/dev/full",), devices=True))
for path in ("/dev/full", "/dev/zero"):
    try:
        fcntl.ioctl(os.open(path, os.O_RDWR), 0x1234)
    except OSError as error:
        print(path, error.strerror)
"""


@pytest.mark.skipif(not offered().whole, reason="this kernel offers no Landlock, or no seccomp")
def test_a_driver_opens_its_own_devices_and_no_others() -> None:
    done = subprocess.run([sys.executable, "-c", DEVICE], capture_output=True, text=True, cwd=ROOT, check=True)
    asked, refused = done.stdout.splitlines()
    assert "/dev/full Inappropriate ioctl for device" == asked  # the driver's own answer
    assert "/dev/zero Permission denied" == refused


@pytest.mark.skipif(not offered().whole, reason="this kernel offers no Landlock, or no seccomp")
@pytest.mark.parametrize("abi", range(1, 8))
def test_every_version_of_landlock_is_taken_as_it_is(tmp_path: Path, abi: int) -> None:
    held, seccomp, came = tried(tmp_path, abi)
    assert (min(abi, offered().landlock_abi), True) == (held, seccomp)
    assert all(one.startswith("refused") for one in came.values())


@pytest.mark.skipif(not offered().whole, reason="this kernel offers no Landlock, or no seccomp")
@pytest.mark.parametrize(
    ("absent", "holds", "done"),
    [
        (LANDLOCK, (False, True), {"read a file"}),
        ((SECCOMP,), (True, False), {"start a process"}),
        ((*LANDLOCK, SECCOMP), (False, False), {"read a file", "overwrite a file", "start a process", "run a program"}),
    ],
)
def test_a_lesser_kernel_is_no_error(
    tmp_path: Path, absent: tuple[int, ...], holds: tuple[bool, bool], done: set[str]
) -> None:
    held, filtered, came = tried(tmp_path, 99, *without(*absent))
    assert holds == (bool(held), filtered)
    assert done == {name for name, one in came.items() if one.startswith("done")} - {"make a file"}
