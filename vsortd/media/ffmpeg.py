"""Finding an ffmpeg, and running it with limits, progress and a way to stop it."""

from __future__ import annotations

import functools
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, cast

from vsortd.errors import BrokenError, Cancelled, FilingError, LimitError, ToolError
from vsortd.media.protocol import cleaned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import IO

MIN_VERSION = (4, 4)
# libx264 at 4K with a look-ahead of 40 frames takes about 2 GB.
MEMORY_BYTES = 6 * 10**9
# The disk's fault, not the video's: worth another try later.
_DISK_TROUBLE = ("No space left on device", "Disk quota exceeded", "Read-only file system")
_TICK_S = 0.1
_STDERR_LINES = 12
_TOLD_LINES = 3  # the cause stands before the sentence that nothing came of it
_VERSION = re.compile(r"ffmpeg version n?(\d+)\.(\d+)")
_GUARD = Path(__file__).with_name("limits_exec.py")

Version = tuple[int, int]


def find_ffmpeg(encoders: Sequence[str] = ()) -> Path:
    """Return an ffmpeg of at least 4.4 that has all `encoders`.

    `$VSORTD_FFMPEG` decides alone where it is set; else the one on PATH, then the imageio-ffmpeg wheel's.
    Raises ToolError with a remedy when there is none.
    """
    named = os.environ.get("VSORTD_FFMPEG")
    problems: list[str] = []
    for candidate in [named] if named else _candidates():
        problem = _problem(candidate, encoders)
        if not problem:
            return Path(candidate)
        problems.append(f"{candidate}: {problem}")
    raise ToolError(
        "No usable ffmpeg was found" + (f" ({'; '.join(problems)})." if problems else "."),
        remedy="Install ffmpeg 4.4 or newer, or `pip install imageio-ffmpeg`, or name one in VSORTD_FFMPEG.",
    )


def ffmpeg_version(ffmpeg: Path) -> Version:
    """Return (major, minor) of an ffmpeg; a build without number counts as newest. Raises ToolError."""
    found = _version_text(str(ffmpeg))
    if found is None:
        raise ToolError(f"{ffmpeg} is no ffmpeg that runs.", remedy="`vsortd doctor` shows what is found.")
    match = _VERSION.match(found)
    return (int(match[1]), int(match[2])) if match else (99, 0)


def _candidates() -> Iterator[str]:
    on_path = shutil.which("ffmpeg")
    if on_path:
        yield on_path
    import imageio_ffmpeg

    try:
        yield str(imageio_ffmpeg.get_ffmpeg_exe())  # type: ignore[attr-defined,no-untyped-call]
    except RuntimeError:
        return


def _problem(candidate: str, encoders: Sequence[str]) -> str:
    if not Path(candidate).is_file():
        return "there is no such file"
    if _version_text(candidate) is None:
        return "it does not run"
    version = ffmpeg_version(Path(candidate))
    if version < MIN_VERSION:
        return f"version {version[0]}.{version[1]} is too old"
    missing = [encoder for encoder in encoders if encoder not in _encoders(candidate)]
    return f"it lacks {', '.join(missing)}" if missing else ""


@functools.cache
def _version_text(ffmpeg: str) -> str | None:
    return _output(ffmpeg, "-version")


@functools.cache
def _encoders(ffmpeg: str) -> frozenset[str]:
    listing = _output(ffmpeg, "-hide_banner", "-encoders") or ""
    return frozenset(line.split()[1] for line in listing.splitlines() if len(line.split()) > 1)


def _output(*command: str) -> str | None:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def run_ffmpeg(
    command: Sequence[str],
    *,
    stall_s: float,
    max_file_bytes: int = 0,
    cancel: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Run an ffmpeg command line to its end.

    It is stopped when it reports no progress for `stall_s` seconds, and may not write a file larger than
    `max_file_bytes` (0: any). `progress` is called with the seconds of video written so far. Raises
    LimitError, BrokenError (with ffmpeg's last words) or Cancelled; the process is gone in any case.
    """
    process = subprocess.Popen(
        _guarded([*command[:1], "-progress", "pipe:1", *command[1:]], max_file_bytes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    errors: deque[str | None] = deque(maxlen=_STDERR_LINES)
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    out, err = cast("IO[bytes]", process.stdout), cast("IO[bytes]", process.stderr)
    threads = [
        threading.Thread(target=_pour, args=(out, lines.put), name="ffmpeg-progress", daemon=True),
        threading.Thread(target=_pour, args=(err, errors.append), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        _follow(lines, stall_s, cancel, progress)
        process.wait(timeout=stall_s)
    except subprocess.TimeoutExpired as error:
        raise LimitError(f"ffmpeg did not end within {stall_s:.0f} s and was stopped") from error
    finally:
        process.kill()
        process.wait()
        for thread in threads:
            thread.join()
        out.close()
        err.close()
    if process.returncode != 0:
        raise _failure(process.returncode, errors)


def _pour(pipe: IO[bytes], put: Callable[[str | None], object]) -> None:
    for line in pipe:
        put(cleaned(line.decode("utf-8", "replace")))
    put(None)


def _follow(
    lines: queue.SimpleQueue[str | None],
    stall_s: float,
    cancel: threading.Event | None,
    progress: Callable[[float], None] | None,
) -> None:
    """Read the progress report until it ends; a change of written size or time resets the stall clock."""
    last = {"out_time_us": "", "total_size": ""}
    moved = time.monotonic()
    while True:
        if cancel is not None and cancel.is_set():
            raise Cancelled
        if time.monotonic() - moved > stall_s:
            raise LimitError(f"ffmpeg made no progress for {stall_s:.0f} s and was stopped")
        try:
            line = lines.get(timeout=_TICK_S)
        except queue.Empty:
            continue
        if line is None:
            return
        key, _, value = line.partition("=")
        if key in last and last[key] != value:
            last[key] = value
            moved = time.monotonic()
            if progress is not None and key == "out_time_us" and value.lstrip("-").isdigit():
                progress(max(0.0, int(value) / 1e6))


def _guarded(command: list[str], max_file_bytes: int) -> list[str]:
    if sys.platform == "win32":
        return command
    limits = [str(os.getpid()), str(MEMORY_BYTES), str(max_file_bytes)]
    return [sys.executable, "-I", "-S", str(_GUARD), *limits, *command]


def _failure(code: int, errors: Iterable[str | None]) -> BrokenError | LimitError | FilingError:
    told = [line for line in errors if line][-_TOLD_LINES:]
    last = f": {' / '.join(told)}" if told else ""
    if code < 0:
        return LimitError(f"ffmpeg was stopped by signal {-code}{last}")
    if any(trouble in last for trouble in _DISK_TROUBLE):
        return FilingError(f"The converted file could not be written{last}.")
    return BrokenError(f"ffmpeg could not convert it{last}")
