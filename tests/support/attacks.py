"""What a decoder that a video took over might try. Each says "refused: …" or what it got.

They run inside real workers, inside the cell that ffmpeg gets, and unconfined, to see that they work.
"""

# As plain as an intruder writes.
# ruff: noqa: PTH101, PTH102, PTH104, PTH108, PTH123, PTH208, PTH211, ARG005, S103, S606, T201

from __future__ import annotations

import array
import ctypes
import mmap
import os
import platform
import socket
import struct
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Arguments = dict[str, Any]

_ARM = platform.machine() == "aarch64"


def _numbered(x86: int, arm: int, *arguments: Any) -> int:
    """Make a system call by its number, as code does that brings no library. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    wide = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    result = int(libc.syscall(ctypes.c_long(arm if _ARM else x86), *wide))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _tried(attempt: Callable[[Arguments], object]) -> Callable[[Arguments], str]:
    def run(arguments: Arguments) -> str:
        try:
            return f"done: {attempt(arguments)}"
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            return f"refused: {error}"

    return run


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(40)


def _write(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, 0o600)
    try:
        return os.write(descriptor, b"overwritten")
    finally:
        os.close(descriptor)


def _connect(family: int, address: Any) -> str:
    with socket.socket(family, socket.SOCK_STREAM) as end:
        end.settimeout(5)
        end.connect(address)
        return "connected"


def _datagram(arguments: Arguments) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        return end.sendto(b"stolen", ("127.0.0.1", arguments["port"]))


def _listen(_: Arguments) -> str:
    with socket.socket() as end:
        end.bind(("127.0.0.1", 0))
        end.listen()
        return "listens"


def _fork(_: Arguments) -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


def _clone3(_: Arguments) -> int:
    wishes = struct.pack("<11Q", 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0)  # SIGCHLD
    pid = _numbered(435, 435, ctypes.create_string_buffer(wishes, len(wishes)), len(wishes))
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


def _program(arguments: Arguments) -> int:
    return subprocess.run([arguments["program"], "-c", "pass"], check=False, timeout=20).returncode


def _memory_program(arguments: Arguments) -> int:
    descriptor = _numbered(319, 279, ctypes.create_string_buffer(b"x"), 0)
    os.write(descriptor, _read(arguments["program"]))
    return descriptor


def _other_program(arguments: Arguments) -> str:
    """Become another program: nothing comes back if that works."""
    os.execv(arguments["tool"], [arguments["tool"]])
    return "never"


def _read_memory(arguments: Arguments) -> int:
    buffer = ctypes.create_string_buffer(16)
    one = struct.pack("<QQ", ctypes.addressof(buffer), 16)
    other = struct.pack("<QQ", arguments["address"], 16)
    return _numbered(
        310,
        270,
        arguments["parent"],
        ctypes.create_string_buffer(one, 16),
        1,
        ctypes.create_string_buffer(other, 16),
        1,
        0,
    )


def _limits(_: Arguments) -> str:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    return "set"


def _by_link_of(arguments: Arguments) -> int:
    """Open the video that was given once more, this time to write."""
    with _video(arguments) as file:
        return _write(f"/proc/self/fd/{file.fileno()}", os.O_WRONLY)


def _video(arguments: Arguments) -> Any:
    from vsortd.media.given_files import GIVEN_FILES

    return GIVEN_FILES.open(arguments["video"])


def _mode_of_given(arguments: Arguments) -> str:
    with _video(arguments) as file:
        os.fchmod(file.fileno(), 0o777)
    return "changed"


def _times_of_given(arguments: Arguments) -> str:
    with _video(arguments) as file:
        os.utime(file.fileno(), (0, 0))
    return "changed"


def _mark_given(arguments: Arguments) -> str:
    with _video(arguments) as file:
        os.setxattr(file.fileno(), "user.mark", b"x")
    return "changed"


def _lock_given(arguments: Arguments) -> str:
    import fcntl

    with _video(arguments) as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    return "locked"


def _flags_of_given(arguments: Arguments) -> str:
    """Set the flag for "no dump": a harmless one of those that keep others from changing or removing a file."""
    import fcntl

    with _video(arguments) as file:
        flags = array.array("l", [0])
        fcntl.ioctl(file.fileno(), 0x80086601, flags)  # FS_IOC_GETFLAGS
        flags[0] |= 0x40
        fcntl.ioctl(file.fileno(), 0x40086602, flags)  # FS_IOC_SETFLAGS
    return "changed"


def _send_descriptor(_: Arguments) -> str:
    one, other = socket.socketpair()
    with one, other:
        return "a pair"


def _thread_tries_too(arguments: Arguments) -> object:
    """Do it in a thread that began after the rights were given up."""
    came: list[str] = []
    thread = threading.Thread(target=lambda: came.append(ATTACKS["read a file"](arguments)))
    thread.start()
    thread.join()
    if came[0].startswith("refused"):
        raise PermissionError(came[0])
    return came[0]


def _x32(_: Arguments) -> int:
    """Make a call by the numbers of x86-64's 32-bit pointers; the kernel may have none."""
    return _numbered(0x4000_0000 + 41, 0x4000_0000 + 198, socket.AF_INET, socket.SOCK_STREAM, 0)


def _map_given(arguments: Arguments) -> str:
    with _video(arguments) as file, mmap.mmap(file.fileno(), 16, prot=mmap.PROT_READ | mmap.PROT_WRITE) as mapped:
        mapped[0:1] = b"x"
    return "changed"


# Work for anybody with the account's rights, so a refusal tells something.
ATTACKS: dict[str, Callable[[Arguments], str]] = {
    name: _tried(attempt)
    for name, attempt in {
        "read a file": lambda a: _read(a["secret"]),
        "read a file through the root of a process": lambda a: _read("/proc/self/root" + a["secret"]),
        "list a folder": lambda a: os.listdir(a["folder"]),
        "make a file": lambda a: _write(a["folder"] + "/made", os.O_WRONLY | os.O_CREAT),
        "overwrite a file": lambda a: _write(a["secret"], os.O_WRONLY),
        "empty a file": lambda a: os.truncate(a["other"], 0),
        "append to a file": lambda a: _write(a["other"], os.O_WRONLY | os.O_APPEND),
        "remove a file": lambda a: os.unlink(a["doomed"]),
        "rename a file": lambda a: os.rename(a["movable"], a["movable"] + ".moved"),
        "make a folder": lambda a: os.mkdir(a["folder"] + "/new"),
        "link to a file": lambda a: os.symlink(a["secret"], a["folder"] + "/link"),
        "name a file twice": lambda a: os.link(a["other"], a["folder"] + "/twin"),
        "make a pipe": lambda a: os.mkfifo(a["folder"] + "/pipe"),
        "change a mode": lambda a: os.chmod(a["other"], 0o777),
        "change times": lambda a: os.utime(a["other"], (0, 0)),
        "change the mode of the video": _mode_of_given,
        "change the times of the video": _times_of_given,
        "mark the video": _mark_given,
        "lock the video": _lock_given,
        "set flags of the video": _flags_of_given,
        "open the video to write": _by_link_of,
        "connect to a port": lambda a: _connect(socket.AF_INET, ("127.0.0.1", a["port"])),
        "send a datagram": _datagram,
        "listen": _listen,
        "connect to a socket of this machine": lambda a: _connect(socket.AF_UNIX, a["socket"]),
        "connect to a socket without a file": lambda a: _connect(socket.AF_UNIX, a["abstract"]),
        "make a pair of sockets": _send_descriptor,
        "start a process": _fork,
        "start a process by clone3": _clone3,
        "run a program": _program,
        "run a program from memory": _memory_program,
        "signal the parent": lambda a: os.kill(a["parent"], 0),
        "read the parent's memory": _read_memory,
        "read the parent's environment": lambda a: _read(f"/proc/{a['parent']}/environ"),
        "set a limit": _limits,
        "slow the parent down": lambda a: os.setpriority(os.PRIO_PROCESS, a["parent"], 1),
        "watch a folder": lambda a: _numbered(294, 26, 0),
        "a thread reads a file": _thread_tries_too,
    }.items()
}  # fmt: skip
# Depend on the kernel and the account, so only their refusal is looked at.
RARE: dict[str, Callable[[Arguments], str]] = {
    name: _tried(attempt)
    for name, attempt in {
        "trace the parent": lambda a: _numbered(101, 117, 16, a["parent"], 0, 0),  # PTRACE_ATTACH
        "read the parent's memory as a file": lambda a: _read(f"/proc/{a['parent']}/mem"),
        "become another program": _other_program,
        "name spaces": lambda a: _numbered(272, 97, 0x10000000),
        "mount": lambda a: _numbered(165, 40, 0, 0, 0, 0, 0),
        "io_uring": lambda a: _numbered(425, 425, 1, ctypes.create_string_buffer(120)),
        "bpf": lambda a: _numbered(321, 280, 0, 0, 0),
        "keys": lambda a: _numbered(250, 219, 0, -3, 1),
        "a descriptor of the parent": lambda a: _numbered(438, 438, _numbered(434, 434, a["parent"], 0), 1, 0),
        "write through a map": _map_given,
        "a call of another kind": _x32,
        "a call that is newer": lambda a: _numbered(469, 469, 0, 0, 0, 0, 0),
    }.items()
}  # fmt: skip
ATTACKS |= RARE

if __name__ == "__main__":
    import json

    wanted = json.loads(sys.argv[1])
    print(json.dumps({name: ATTACKS[name](wanted) for name in sys.argv[2:] or ATTACKS}))
