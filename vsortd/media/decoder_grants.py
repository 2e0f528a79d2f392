"""What decoding processes and ffmpeg keep of what the account may do; see `core.system.confinement`."""

from __future__ import annotations

import functools
import glob
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Final

import vsortd
from vsortd.core.drawing.font_folders import font_folders
from vsortd.core.system.child_environment import least_environment
from vsortd.core.system.confinement import Confinement, Grants
from vsortd.errors import VsortdError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where a system keeps the libraries of its programs.
_SYSTEM_LIBRARIES: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
# What the C library and Python read by themselves.
_SYSTEM_FILES: Final = (
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/dev/null",
    "/dev/urandom",
)
# What an NVIDIA driver is reached by: its devices, and what it says of itself and of the bus.
_CUDA_DEVICES: Final = ("/dev/nvidia*", "/dev/nvidia-caps/*")
_CUDA_FACTS: Final = (
    "/proc/driver/nvidia",
    "/proc/devices",
    "/proc/self",
    "/sys/bus/pci",
    "/sys/devices",
    "/etc/nvidia",
)
_LOOK_S: Final = 30.0


def confinement_missing(who: str, held: Confinement, problem: str = "") -> VsortdError:
    """Return the error for decoders (`who`) that have to be confined and aren't."""
    lacking = problem or "; ".join(_lacks(held))
    return VsortdError(
        f"{who.capitalize()} can't be confined here: {lacking}.",
        remedy="Use a kernel with Landlock and seccomp (Linux 5.13 or newer), or write `workers: {confine: auto}`.",
    )


def worker_grants(decoder: str, *, draws: bool = False) -> Grants:
    """Return what a worker keeps: reading its own libraries; with "cuda" the driver's devices, too, to draw the fonts.

    The videos, and what is drawn into, come as open descriptors and need no grant. To be called when the decoders are
    loaded.
    """
    read = (*_SYSTEM_LIBRARIES, *_SYSTEM_FILES, *_python_folders(), *_loaded_libraries())
    if draws:
        read += tuple(map(str, font_folders()))
    if decoder != "cuda":
        return Grants(read=read)
    devices = tuple(sorted(path for pattern in _CUDA_DEVICES for path in glob.glob(pattern)))  # noqa: PTH207 - plain names
    return Grants(read=(*read, *_CUDA_FACTS), write=devices, devices=True)


def ffmpeg_grants(ffmpeg: Path, source: Path, target: Path) -> Grants | None:
    """Return what an ffmpeg keeps: reading the source, writing the target (which must exist), being itself.

    None for one that isn't a program but a script that starts others: it can't be confined.
    """
    libraries = program_libraries(ffmpeg)
    if libraries is None:
        return None
    program = os.path.realpath(ffmpeg)
    return Grants(
        read=(*_SYSTEM_LIBRARIES, *_SYSTEM_FILES, *libraries, os.fspath(source)),
        write=(os.fspath(target),),
        execute=(program, *(one for one in libraries if _is_loader(one))),
        programs=True,
    )


@functools.cache
def program_libraries(program: Path) -> tuple[str, ...] | None:
    """Return the files that the loader reads for a program, itself included; None if it is no program of this system.

    The loader lists them instead of starting the program, where it has one; a static one lists nothing.
    """
    try:
        with program.open("rb") as file:
            if file.read(4) != b"\x7fELF":
                return None
        done = subprocess.run(
            [program, "-version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LOOK_S,
            check=False,
            env=least_environment({"LD_TRACE_LOADED_OBJECTS": "1"}),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = (word for line in done.stdout.decode("utf-8", "surrogateescape").splitlines() for word in line.split()[:3])
    return tuple(sorted({word for word in words if word.startswith("/") and Path(word).is_file()}))


def _lacks(held: Confinement) -> Iterator[str]:
    if not held.landlock_abi:
        yield "the kernel offers no Landlock"
    if not held.seccomp:
        yield "the kernel offers no filter of system calls"


def _is_loader(path: str) -> bool:
    name = os.path.basename(path)  # noqa: PTH119 - plain names
    return name.startswith(("ld-linux", "ld-musl", "ld64", "ld."))


def _python_folders() -> tuple[str, ...]:
    """Return where Python's own modules and the installed packages lie, and this package."""
    named = sysconfig.get_paths()
    standard = {named[kind] for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
    packages = {entry for entry in sys.path if os.path.basename(entry) in {"site-packages", "dist-packages"}}  # noqa: PTH119
    return (*sorted(standard | packages), os.path.dirname(os.path.abspath(vsortd.__file__)))  # noqa: PTH100, PTH120


def _loaded_libraries() -> tuple[str, ...]:
    """Return the files that are mapped now: libraries that lie elsewhere, such as those named in LD_PRELOAD."""
    try:
        maps = Path("/proc/self/maps").read_text("utf-8", "surrogateescape")
    except OSError:
        return ()
    named = (line.split(maxsplit=5)[5] for line in maps.splitlines() if line.count(" ") and "/" in line)
    return tuple(sorted({name for name in named if name.startswith("/") and Path(name).is_file()}))
