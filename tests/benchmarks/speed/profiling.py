"""Where the time goes, by a sampling profiler: py-spy, if it is named; it sees the daemon and its workers."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_RATE_HZ = 50
_TOP = 25


@contextlib.contextmanager
def profile(py_spy: Path | None, pid: int, out: Path) -> Iterator[dict[str, Any]]:
    """Sample what is on a core while the context lasts; the yielded dict says afterwards which functions took most."""
    found: dict[str, Any] = {}
    if py_spy is None:
        yield found
        return
    command = [str(py_spy), "record", "--pid", str(pid), "--subprocesses", "--nonblocking", "--threads"]
    command += ["--rate", str(_RATE_HZ), "--duration", "36000", "--format", "raw", "--output", str(out)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as spy:
        try:
            yield found
        finally:
            spy.send_signal(signal.SIGINT)
            spy.wait()
    if out.exists():
        found.update(summarise(out.read_text("utf-8", "replace")))


def summarise(stacks: str) -> dict[str, Any]:
    """Return shares by thread, and the functions with most time of their own and with what they call.

    `stacks` has a line for each stack: frames from the outside to the inside, separated by `;`, then how often it was
    seen.
    """
    threads: Counter[str] = Counter()
    own: Counter[str] = Counter()
    inclusive: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, number = line.rpartition(" ")
        frames = [frame for frame in stack.split(";") if frame]
        if not frames or not number.isdigit():
            continue
        heads = [frame for frame in frames if frame.startswith(("process ", "thread "))]
        calls = [_plain(frame) for frame in frames if frame not in heads]
        threads[" ".join(head.split(":")[-1].strip(' "') if "thread" in head else "" for head in heads)] += int(number)
        if calls:
            own[calls[-1]] += int(number)
            inclusive.update(dict.fromkeys(calls, int(number)))
    total = max(1, threads.total())
    return {
        "samples": threads.total(),
        "threads": {name.strip(): round(n / total, 3) for name, n in threads.most_common(_TOP)},
        "own": {name: round(n / total, 3) for name, n in own.most_common(_TOP)},
        "inclusive": {name: round(n / total, 3) for name, n in inclusive.most_common(2 * _TOP)},
    }


def _plain(frame: str) -> str:
    """Return a frame without its line number, so that a function counts once."""
    return frame.rpartition(":")[0] + ")" if ":" in frame and frame.endswith(")") else frame
