"""Finding an ffmpeg, and running it with limits, progress and a way to stop it."""

from __future__ import annotations

import functools
import json
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
from typing import TYPE_CHECKING, Final, cast

from vsortd.core.system.bounded_lines import bounded_lines
from vsortd.core.system.child_environment import least_environment
from vsortd.core.system.confinement import offered
from vsortd.core.system.private_files import FILE_MODE
from vsortd.errors import BrokenError, Cancelled, FilingError, LimitError, ToolError
from vsortd.media.decoder_grants import confinement_missing, ffmpeg_grants
from vsortd.media.limits_exec import UNCONFINED
from vsortd.media.protocol import cleaned
from vsortd.media.worker_process import NICENESS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import IO

    from vsortd.core.system.confinement import Grants

Version = tuple[int, int]

MIN_VERSION: Version = (4, 4)
FFMPEG_REMEDY: Final = "Install ffmpeg 4.4 or newer, or: pip install 'vsortd[ffmpeg]'"
# libx264 at 4K with a look-ahead of 40 frames takes about 2 GB.
MEMORY_BYTES = 6 * 10**9
# The disk's fault, not the video's: worth another try later.
_DISK_TROUBLE = ("No space left on device", "Disk quota exceeded", "Read-only file system")
_TICK_S = 0.1
_STDERR_LINES, _LINE_BYTES = 12, 4096
_PROGRESS_LINES = 256  # a report has about 12, twice a second
_NUMBER = re.compile(r"-?[0-9]{1,18}")
_TOLD_LINES = 3  # the cause stands before the sentence that nothing came of it
_VERSION = re.compile(r"ffmpeg version n?(\d+)\.(\d+)")
_GUARD = Path(__file__).with_name("limits_exec.py")


def find_ffmpeg(encoders: Sequence[str] = (), at_least: Version = MIN_VERSION) -> Path:
    """Return an ffmpeg of `at_least` 4.4 that has all `encoders`.

    `$VSORTD_FFMPEG` decides alone where it is set; else it is the newer of the one on PATH and the imageio-ffmpeg
    wheel's: older ones shorten the last frame and drop boxes that newer ones keep.
    Raises ToolError with a remedy when there is none.
    """
    named = os.environ.get("VSORTD_FFMPEG")
    problems: list[str] = []
    usable: list[str] = []
    for candidate in [named] if named else _candidates():
        problem = _problem(candidate, encoders, max(at_least, MIN_VERSION))
        if problem:
            problems.append(f"{candidate}: {problem}")
        else:
            usable.append(candidate)
    if usable:
        return Path(max(usable, key=lambda one: ffmpeg_version(Path(one))))  # the first of equals
    raise ToolError(
        "No usable ffmpeg was found" + (f" ({'; '.join(problems)})." if problems else "."),
        remedy=f"{FFMPEG_REMEDY}, or name one in VSORTD_FFMPEG.",
    )


def ffmpeg_if_any() -> str:
    """Return an ffmpeg for what can also do without one, "" where there is none."""
    try:
        return str(find_ffmpeg())
    except ToolError:
        return ""


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
    try:
        import imageio_ffmpeg  # the extra `ffmpeg`

        yield str(imageio_ffmpeg.get_ffmpeg_exe())  # type: ignore[attr-defined,no-untyped-call]
    except (ImportError, RuntimeError):
        return


def _problem(candidate: str, encoders: Sequence[str], at_least: Version) -> str:
    if not Path(candidate).is_file():
        return "there is no such file"
    if _version_text(candidate) is None:
        return "it does not run"
    version = ffmpeg_version(Path(candidate))
    if version < at_least:
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


@functools.cache
def ffmpeg_filters(ffmpeg: Path) -> frozenset[str]:
    """Return the names of the filters that an ffmpeg has; none of one that doesn't tell."""
    listing = _output(str(ffmpeg), "-hide_banner", "-filters") or ""
    return frozenset(line.split()[1] for line in listing.splitlines() if "->" in line and len(line.split()) > 2)  # noqa: PLR2004 - flags, name, kinds


def _output(*command: str) -> str | None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=False,
            env=least_environment(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def run_ffmpeg(
    command: Sequence[str],
    *,
    source: Path,
    target: Path,
    stall_s: float,
    must_confine: bool = False,
    max_file_bytes: int = 0,
    niceness: int = NICENESS,
    cancel: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Run an ffmpeg command line to its end; it makes `target`, which must not exist, of `source`.

    Where the kernel confines it (Linux) it can read its libraries and the source and write the target, and do nothing
    else. It is stopped when it reports no progress for `stall_s` seconds, and may not write a file larger than
    `max_file_bytes` (0: any); `niceness` (0 to 19) is how far it stands back behind other programs. `progress` is
    called with the seconds of video written so far. Raises FileExistsError, FilingError where the target can't be
    made, LimitError, BrokenError (with ffmpeg's last words), VsortdError where it can't be confined but has to be, or
    Cancelled; the process is gone in any case, the target may be there.
    """
    _make_empty(target)
    process = subprocess.Popen(
        _guarded(
            [*command[:1], "-progress", "pipe:1", *command[1:]],
            source,
            target,
            max_file_bytes,
            niceness,
            must_confine=must_confine,
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=least_environment(),
    )
    errors: deque[str | None] = deque(maxlen=_STDERR_LINES)
    lines: queue.Queue[str | None] = queue.Queue(_PROGRESS_LINES)
    out, err = cast("IO[bytes]", process.stdout), cast("IO[bytes]", process.stderr)
    ended = threading.Event()
    threads = [
        threading.Thread(
            target=_pour, args=(out, functools.partial(_put, lines, ended)), name="ffmpeg-progress", daemon=True
        ),
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
        ended.set()
        process.kill()
        process.wait()
        for thread in threads:
            thread.join()
        out.close()
        err.close()
    if process.returncode == UNCONFINED and must_confine:
        raise confinement_missing("ffmpeg", offered())
    if process.returncode != 0:
        raise _failure(process.returncode, errors)


def _make_empty(target: Path) -> None:
    """Make the target, readable by its owner only: who may read the source is seen to when it is whole."""
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), FILE_MODE))
    except FileExistsError:
        raise
    except OSError as error:
        raise FilingError(f"The converted file could not be written: {target}: {error.strerror}.") from error


def _pour(pipe: IO[bytes], put: Callable[[str | None], object]) -> None:
    for lines, _ in bounded_lines(pipe, _LINE_BYTES):
        for line in lines:
            put(cleaned(line.decode("utf-8", "replace")))
    put(None)


def _put(lines: queue.Queue[str | None], ended: threading.Event, line: str | None) -> None:
    """Hand a line on as soon as there is room for it; nobody waits for it any more when all has ended."""
    while not ended.is_set():
        try:
            lines.put(line, timeout=_TICK_S)
        except queue.Full:
            continue
        return


def _follow(
    lines: queue.Queue[str | None],
    stall_s: float,
    cancel: threading.Event | None,
    progress: Callable[[float], None] | None,
) -> None:
    """Read the progress report until it ends; only more than ever of size or time resets the stall clock."""
    most = {"out_time_us": -1, "total_size": -1}
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
        if key in most and _NUMBER.fullmatch(value) and int(value) > most[key]:
            most[key] = int(value)
            moved = time.monotonic()
            if progress is not None and key == "out_time_us":
                progress(int(value) / 1e6)


def _guarded(
    command: list[str], source: Path, target: Path, max_file_bytes: int, niceness: int, *, must_confine: bool
) -> list[str]:
    if sys.platform == "win32":
        if must_confine:
            raise confinement_missing("ffmpeg", offered())
        return command
    grants = ffmpeg_grants(Path(command[0]), source, target) if confinable(Path(command[0])) else None
    if grants is None and must_confine:
        raise confinement_missing("ffmpeg", offered(), f"{command[0]} runs only with all rights, as scripts do")
    return _under_guard(command, grants, max_file_bytes, niceness, must=must_confine)


def _under_guard(
    command: list[str], grants: Grants | None, max_file_bytes: int, niceness: int = NICENESS, *, must: bool
) -> list[str]:
    wishes = {
        "parent": os.getpid(),
        "data_bytes": MEMORY_BYTES,
        "file_bytes": max_file_bytes,
        "niceness": niceness,
        "grants": None if grants is None else grants.to_json(),
        "must": must,
    }
    return [sys.executable, "-I", "-S", str(_GUARD), json.dumps(wishes), *command]


@functools.cache
def confinable(ffmpeg: Path) -> bool:
    """Tell whether an ffmpeg runs when it is confined: one that is a script, or starts others, doesn't."""
    if sys.platform == "win32":
        return False
    nothing = Path(os.devnull)
    grants = ffmpeg_grants(ffmpeg, nothing, nothing)
    return grants is not None and _output(*_under_guard([str(ffmpeg), "-version"], grants, 0, must=False)) is not None


def _failure(code: int, errors: Iterable[str | None]) -> BrokenError | LimitError | FilingError:
    told = [line for line in errors if line][-_TOLD_LINES:]
    last = f": {' / '.join(told)}" if told else ""
    if code < 0:
        return LimitError(f"ffmpeg was stopped by signal {-code}{last}")
    if any(trouble in last for trouble in _DISK_TROUBLE):
        return FilingError(f"The converted file could not be written{last}.")
    return BrokenError(f"ffmpeg could not convert it{last}")
