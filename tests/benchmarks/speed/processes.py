"""What a process and all its children cost: CPU time, memory, wake-ups. Linux tells it, through /proc."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# A look at the memory of a process of 1 GB holds that process up for some milliseconds.
_SAMPLE_S = 0.5
_MIB = 1 << 20
_GONE = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess)


@dataclass(frozen=True, slots=True)
class Usage:
    """What something cost; `peak_mb` is the memory of all its processes, shared pages counted once."""

    wall_s: float
    cpu_s: float
    peak_mb: float

    def to_json(self) -> dict[str, float]:
        """Return the figures, rounded to what they are worth."""
        return {"wall_s": round(self.wall_s, 3), "cpu_s": round(self.cpu_s, 3), "peak_mb": round(self.peak_mb, 1)}


class BenchmarkError(Exception):
    """Something that was to be measured did not work; the message holds what it said."""


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and all its living descendants."""
    with contextlib.suppress(*_GONE):
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    return []


def cpu_s(pid: int) -> float:
    """Return the CPU time of a tree so far; what ended and was waited for is in its parent's."""
    total = 0.0
    for process in tree(pid):
        with contextlib.suppress(*_GONE):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_mb(pid: int) -> float:
    """Return the proportional set size of a tree, MiB; its resident size where the system knows no other."""
    total = 0
    for process in tree(pid):
        with contextlib.suppress(*_GONE):
            full = process.memory_full_info()
            total += getattr(full, "pss", full.rss)
    return total / _MIB


def wakeups(pid: int) -> int:
    """Return how often the threads of a tree have gone to sleep so far: as often they were woken."""
    total = 0
    for process in tree(pid):
        for task in Path(f"/proc/{process.pid}/task").glob("*/status"):
            with contextlib.suppress(OSError):
                lines = task.read_text(encoding="ascii", errors="replace").splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
    return total


class Watch:
    """Looks at a tree for as long as the context lasts; the CPU time and memory are those of that time."""

    def __init__(self, pid: int, *, sample_s: float = _SAMPLE_S) -> None:
        self._pid = pid
        self._sample_s = sample_s
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        self.memory_mb: list[tuple[float, float]] = []  # (seconds since the beginning, MiB)

    def __enter__(self) -> Self:
        self._cpu_s, self._began_s = cpu_s(self._pid), time.perf_counter()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall_s = time.perf_counter() - self._began_s
        self.cpu_s = cpu_s(self._pid) - self._cpu_s
        self._end.set()
        self._thread.join()

    @property
    def peak_mb(self) -> float:
        """The most memory that was seen."""
        return max((mb for _, mb in self.memory_mb), default=0.0)

    def _look(self) -> None:
        while True:
            mb = memory_mb(self._pid)
            if mb:
                self.memory_mb.append((time.perf_counter() - self._began_s, mb))
            if self._end.wait(self._sample_s):
                return


def measured(
    command: Sequence[str], *, environment: Mapping[str, str], said: Path, given: str = ""
) -> tuple[str, Usage]:
    """Run a command to its end; return what it wrote and what it and its children cost.

    `given` goes to its stdin, its stderr into the file `said`. Raises BenchmarkError when it fails.
    """
    with said.open("wb") as errors, _started(command, environment, errors) as process:
        with Watch(process.pid) as watch:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(given.encode())
            process.stdin.close()
            out = process.stdout.read().decode()
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise BenchmarkError(f"{' '.join(command)} ended with {process.returncode}:\n{tail(said)}")
    return out, Usage(watch.wall_s, usage.ru_utime + usage.ru_stime, watch.peak_mb)


def tail(path: Path, characters: int = 3000) -> str:
    """Return the end of a log."""
    return path.read_text(encoding="utf-8", errors="replace")[-characters:]


@contextlib.contextmanager
def _started(
    command: Sequence[str], environment: Mapping[str, str], errors: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
    ) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise
