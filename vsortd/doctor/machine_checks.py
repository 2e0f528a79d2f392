"""What the machine brings: Python and its packages, ffmpeg, a GPU, the clock, the kernel's limits."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.doctor.finding import Finding, Severity
from vsortd.errors import VsortdError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PACKAGES = ("torch", "open_clip_torch", "av", "watchdog", "pydantic", "loguru")
# Fewer inotify watches than this run out in a deep tree of folders: the kernel's default of old.
FEW_WATCHES = 8192
# Below this the daemon's workers, sockets and videos come near the limit.
FEW_FILES = 256
# Before this no vsortd was written, so the clock has lost its battery: 2024-01-01, Unix seconds.
TOO_EARLY_S = 1_704_067_200
_SYS_INOTIFY = Path("/proc/sys/fs/inotify")
_NVIDIA_VERSION = Path("/proc/driver/nvidia/version")
_ASK_S = 20.0
_WITHOUT_FFMPEG = "Videos are filed without it as they are: none is converted, cut or joined."
_REINSTALL = "Install vsortd again: pip install --force-reinstall vsortd"


def versions() -> Iterator[Finding]:
    """Look at Python, the packages and SQLite."""
    yield Finding("python", Severity.OK, f"{sys.version.split()[0]} ({sys.executable})")
    for name in PACKAGES:
        try:
            yield Finding(name, Severity.OK, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, Severity.FAIL, "not installed", _REINSTALL)
    yield Finding("sqlite", Severity.OK, sqlite3.sqlite_version)


def ffmpeg() -> Iterator[Finding]:
    """Look for an ffmpeg that is new enough, and for the encoder that transcoding needs."""
    from vsortd.media.ffmpeg import ffmpeg_version, find_ffmpeg

    try:
        found = find_ffmpeg()
        version = ffmpeg_version(found)
    except VsortdError as error:
        # one that was named is wanted; without any, only what needs it isn't done
        named = bool(os.environ.get("VSORTD_FFMPEG"))
        level, details = (Severity.FAIL, error.details) if named else (Severity.WARN, (*error.details, _WITHOUT_FFMPEG))
        yield Finding("ffmpeg", level, error.title, error.remedy, details)
        return
    number = "a build without a number" if version[0] == 99 else f"{version[0]}.{version[1]}"  # noqa: PLR2004
    yield Finding("ffmpeg", Severity.OK, f"{number} ({found}), 4.4 or newer is wanted")
    try:
        encoding = find_ffmpeg(("libx264", "aac"))
    except VsortdError:
        remedy = "Install a full ffmpeg, e.g.: sudo apt install ffmpeg   (or set `convert: {mov: remux}`)"
        yield Finding("ffmpeg encoders", Severity.WARN, "no libx264 and aac: .mov can't be encoded anew", remedy)
    else:
        yield Finding("ffmpeg encoders", Severity.OK, f"libx264 and aac ({encoding})")


def device() -> Iterator[Finding]:
    """Look at what computes, in a process of its own: loading PyTorch can itself go wrong."""
    said = _ask([sys.executable, "-P", "-c", _DEVICE_QUESTION])
    driver = _driver()
    if said is None:
        yield Finding(
            "device", Severity.FAIL, "PyTorch can't be loaded", f'See why: {sys.executable} -c "import torch"'
        )
        return
    kind, name, cuda, trouble = (said.strip().splitlines()[-1].split("\t") + [""] * 4)[:4]
    if kind == "cuda":
        yield Finding("device", Severity.OK, f"{name} (CUDA {cuda}, driver {driver or 'unknown'})")
    elif driver and not cuda:
        what = f"the CPU, though there is an NVIDIA driver {driver}: this PyTorch is a build for CPUs"
        yield Finding("device", Severity.WARN, what, "pip install --force-reinstall torch torchvision")
    elif driver:
        what = f"the CPU, though there is an NVIDIA driver {driver}{f' ({trouble})' if trouble else ''}"
        yield Finding(
            "device", Severity.WARN, what, f"See whether the driver works and is new enough for CUDA {cuda}: nvidia-smi"
        )
    else:
        yield Finding("device", Severity.OK, f"no GPU: the CPU is used ({os.cpu_count()} cores)")


_DEVICE_QUESTION = """
import warnings
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    import torch
    there = torch.cuda.is_available()
name = torch.cuda.get_device_name(0) if there else "cpu"
trouble = str(said[-1].message).splitlines()[0][:200] if said else ""
print("cuda" if there else "cpu", name, torch.version.cuda or "", trouble, sep="\\t")
"""


def _driver() -> str:
    """Return the NVIDIA driver's version, "" where there is none."""
    said = _ask(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"])
    if said and said.strip():
        return said.strip().splitlines()[0]
    with contextlib.suppress(OSError, IndexError):
        return _NVIDIA_VERSION.read_text().split("Kernel Module")[1].split()[0]
    return ""


def _ask(command: Sequence[str]) -> str | None:
    """Return what a command prints, None where it fails."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_ASK_S * 3, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def clock(now_s: float | None = None) -> Finding:
    """See that the clock is not before this program was written; times of files and of undo rest on it."""
    now = time.time() if now_s is None else now_s
    shown = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(now))
    if now < TOO_EARLY_S:
        return Finding("clock", Severity.FAIL, f"{shown}: this can't be", "Set it: sudo timedatectl set-ntp true")
    return Finding("clock", Severity.OK, shown)


def limits(folder: Path = _SYS_INOTIFY) -> Iterator[Finding]:
    """Look at the limits that watching and working meet: inotify's, and that of open files."""
    watches = _number(folder / "max_user_watches")
    if watches is None:
        yield Finding("file events", Severity.OK, "this system has no inotify; no limit is known")
    elif watches < FEW_WATCHES:
        yield Finding(
            "file events",
            Severity.WARN,
            f"{watches} inotify watches: deep inboxes may have to be polled",
            "sudo sysctl fs.inotify.max_user_watches=524288   (to keep it: a file in /etc/sysctl.d)",
        )
    else:
        yield Finding("file events", Severity.OK, f"{watches} inotify watches")
    if watches is not None:
        yield _instances(_number(folder / "max_user_instances"))
    if sys.platform != "win32":
        yield _open_files()


def _instances(limit: int | None) -> Finding:
    """Open an inotify instance as watching will: other programs of this user may have taken them all."""
    trouble = _try_inotify()
    if trouble:
        remedy = "sudo sysctl fs.inotify.max_user_instances=1024"
        return Finding(
            "inotify instances", Severity.WARN, f"none is left of {limit} ({trouble}): inboxes are polled", remedy
        )
    return Finding("inotify instances", Severity.OK, f"at least one of {limit} is free")


def _try_inotify() -> str:
    if not sys.platform.startswith("linux"):
        return ""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    descriptor = library.inotify_init1(os.O_CLOEXEC)
    if descriptor < 0:
        return os.strerror(ctypes.get_errno())
    os.close(descriptor)
    return ""


def _open_files() -> Finding:
    if sys.platform == "win32":
        raise NotImplementedError
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < FEW_FILES:
        return Finding(
            "open files", Severity.WARN, f"{soft} at most", f"ulimit -n {max(FEW_FILES * 4, min(hard, 4096))}"
        )
    return Finding("open files", Severity.OK, "no limit" if soft < 0 else f"{soft} at most")


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
