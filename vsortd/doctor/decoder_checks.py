"""Whether videos can be read, and how far what reads them is confined."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from vsortd.doctor.finding import Finding, Severity
from vsortd.errors import VsortdError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.config.running_options import Workers
    from vsortd.core.system.confinement import Confinement

# Landlock's versions that brought something.
_TRUNCATION, _PORTS, _SIGNALS = 3, 4, 6


def decoders(workers: Workers | None) -> Iterator[Finding]:
    """Start a decoding process as the daemon does (by its defaults without a config), and tell how it is confined."""
    from vsortd.config.running_options import Workers as Defaults
    from vsortd.media.pool import MediaPool

    workers = workers or Defaults()
    try:
        with MediaPool.of(workers, count=1) as pool:
            pool.warm()
            greeting = pool.greeting
    except VsortdError as error:
        yield Finding("decoders", Severity.FAIL, error.title, error.remedy, error.details)
        return
    if greeting is None:
        return
    if greeting.no_hardware:
        remedy = f"Run `nvidia-smi`, see docs/security.md for what {workers.decoder} needs, or write `decoder: cpu`."
        yield Finding(f"decoder {workers.decoder}", Severity.WARN, greeting.no_hardware, remedy)
    yield _confinement(greeting.confined, greeting.problem, workers.decoder)
    yield from _ffmpeg()


def _confinement(held: Confinement, problem: str, decoder: str) -> Finding:
    name = "decoders"
    if problem:
        return Finding(name, Severity.WARN, f"they read videos, but are not confined: {problem}", _REMEDY)
    if sys.platform != "linux":
        found = "they run in processes of their own with limits; this system offers no further confinement"
        return Finding(name, Severity.OK, found)
    lacking = tuple(_lacking(held))
    what = "they can read their own libraries and the video they are given, and nothing else"
    if decoder != "cpu":
        what += f"; for {decoder} they keep the driver's devices (/dev/nvidia*)"
    held_by = [f"Landlock {held.landlock_abi}"] * bool(held.landlock_abi) + ["seccomp"] * held.seccomp
    if held.whole:
        return Finding(name, Severity.OK, f"confined by {' and '.join(held_by)}: {what}", details=lacking)
    by = f"confined only by {held_by[0]}" if held_by else "not confined"
    return Finding(name, Severity.WARN, by, _REMEDY, lacking)


_REMEDY = "Use a kernel with Landlock and seccomp (Linux 5.13 or newer) whose use the container, if any, allows."


def _lacking(held: Confinement) -> Iterator[str]:
    """Say what a video that takes a decoder over could do all the same."""
    abi = held.landlock_abi
    if not abi:
        yield "Without Landlock it could read what the account may read" + ("." if held.seccomp else ", and write it.")
    if not held.seccomp:
        start = "start processes" if abi else "start programs"
        yield f"Without a filter of system calls it could {start}, and look into others of the account."
        if abi < _PORTS:
            yield "It could use the network."
        if 0 < abi < _TRUNCATION:
            yield "This Landlock can't forbid to empty a file (version 3 can: Linux 6.2)."
        if 0 < abi < _SIGNALS:
            yield "This Landlock can't forbid signals (version 6 can: Linux 6.12)."


def _ffmpeg() -> Iterator[Finding]:
    from vsortd.core.system.confinement import offered
    from vsortd.media.ffmpeg import confinable, find_ffmpeg

    kernel = offered()
    if not (kernel.landlock_abi or kernel.seccomp):
        return
    try:
        program = find_ffmpeg()
    except VsortdError:  # told apart
        return
    if not confinable(program):
        found = f"{program} runs only with all rights: it is a script, or starts other programs"
        remedy = "Name a plain ffmpeg in VSORTD_FFMPEG; `pip install 'vsortd[ffmpeg]'` brings one."
        yield Finding("ffmpeg's cell", Severity.WARN, found, remedy)
    elif not kernel.landlock_abi:
        found = "it could read and write what the account may: the kernel offers no Landlock"
        yield Finding("ffmpeg's cell", Severity.WARN, found, _REMEDY)
    else:
        yield Finding("ffmpeg's cell", Severity.OK, "confined: it reads the video and writes the converted file alone")
