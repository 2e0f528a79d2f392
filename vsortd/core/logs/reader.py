"""Reading the daemon's log: the newest lines, one video's, and what comes, across rotations and restarts."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from vsortd.core.logs.file import old_logs
from vsortd.core.moments import unix_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LEVELS = ("debug", "info", "success", "warning", "error", "critical")
_BLOCK_BYTES = 64 * 1024
# Often enough to look immediate, seldom enough to cost nothing: seconds.
_LOOK_AGAIN_S = 0.25


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log as it stands in the file, and what it says."""

    raw: str
    fields: dict[str, Any]

    @property
    def time_s(self) -> float:
        """When it was written, Unix seconds; 0 where it does not say."""
        with contextlib.suppress(ValueError, TypeError):
            return unix_seconds(datetime.fromisoformat(str(self.fields.get("time"))))
        return 0.0


@dataclass(slots=True)
class Choice:
    """Which lines are wanted.

    `id` is an item's number in the journal or the id of a job. A video's lines before it got its number carry the
    job's id only; that is learned from the lines that carry both, so they are to be shown newest first.
    """

    id: str = ""
    since_s: float = 0.0
    level: str = "debug"
    _jobs: set[str] = field(default_factory=set)

    def wants(self, line: Line) -> bool:
        """Tell whether the line is one of them."""
        level = str(line.fields.get("level", "info"))
        if level in LEVELS and LEVELS.index(level) < LEVELS.index(self.level):
            return False
        return line.time_s >= self.since_s and (not self.id or self._is_about(line))

    def _is_about(self, line: Line) -> bool:
        job, video = line.fields.get("job"), line.fields.get("video")
        if str(video) == self.id or job == self.id:
            if job:
                self._jobs.add(str(job))
            return True
        return job in self._jobs


def parse(raw: str) -> Line | None:
    """Read a line; None for one that a full disk or a power cut left in pieces."""
    try:
        fields = json.loads(raw)
    except ValueError:
        return None
    return Line(raw, fields) if isinstance(fields, dict) else None


@dataclass(frozen=True, slots=True)
class LogCursor:
    """A place in the log, which stays the same while files are rotated: a file's inode, and a byte of it."""

    file: int
    offset: int

    def __str__(self) -> str:
        return f"{self.file}-{self.offset}"

    @classmethod
    def of(cls, text: str) -> Self:
        """Read what `str` wrote. Raises ValueError."""
        file, _, offset = text.partition("-")
        return cls(int(file), int(offset))


def newest_before(
    path: Path, choice: Choice, last: int, before: LogCursor | None = None
) -> tuple[list[Line], LogCursor | None]:
    """Return the newest `last` wanted lines before a place (None: the end), newest first, and where to go on.

    The place is None where there are no more. Raises OSError.
    """
    found: list[Line] = []
    reached = before is None
    for file in (path, *old_logs(path)):
        with contextlib.suppress(FileNotFoundError):
            inode = file.stat().st_ino
            here = before is not None and before.file == inode
            if not reached and not here:
                continue
            reached = True
            for offset, raw in _backwards(file, before.offset if here and before is not None else None):
                line = parse(raw)
                if line is None or not choice.wants(line):
                    continue
                found.append(line)
                if len(found) == last:
                    return found, LogCursor(inode, offset)
    return found, None


def newest(path: Path, choice: Choice, last: int | None) -> list[Line]:
    """Return the newest `last` lines that are wanted (None: all), the oldest first. Raises OSError."""
    found: list[Line] = []
    for file in (path, *old_logs(path)):
        for _, raw in _backwards(file):
            if last is not None and len(found) >= last:
                return found[::-1]
            line = parse(raw)
            if line is None:
                continue
            if line.time_s < choice.since_s:
                return found[::-1]
            if choice.wants(line):
                found.append(line)
    return found[::-1]


def _backwards(path: Path, end: int | None = None) -> Iterator[tuple[int, str]]:
    """Yield a file's whole lines from `end` (None: its own) back, each with the byte at which it begins.

    None where the file is gone, as when it is rotated just now.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        size = file.seek(0, os.SEEK_END)
        position, rest = size if end is None else min(end, size), b""
        while position > 0:
            step = min(_BLOCK_BYTES, position)
            position -= step
            file.seek(position)
            block = file.read(step) + rest
            rest, *lines = block.split(b"\n")
            begin = position + len(block)
            for line in reversed(lines):
                begin -= len(line)
                if line:
                    yield begin, line.decode("utf-8", "replace")
                begin -= 1
        if rest:
            yield 0, rest.decode("utf-8", "replace")


class LogFollower:
    """Yields lines as they are written, from the end of the log as it is now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._open(path)
        self._rest = b""
        if self._file is not None:
            self._file.seek(0, os.SEEK_END)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def lines(self, stop: Callable[[], bool] = lambda: False) -> Iterator[Line]:
        """Yield each new line, for ever or until `stop` says so."""
        while not stop():
            yield from self.new()
            time.sleep(_LOOK_AGAIN_S)

    def new(self) -> Iterator[Line]:
        """Yield what was written since it was last asked; waits for nothing more."""
        yield from self._read()
        while self._go_on():  # another file has begun: all of it is new
            yield from self._read()

    @staticmethod
    def _open(path: Path) -> Any:  # noqa: ANN401 - a raw file
        try:
            return path.open("rb", buffering=0)
        except FileNotFoundError:
            return None

    def _read(self) -> Iterator[Line]:
        while self._file is not None and (data := self._file.read(_BLOCK_BYTES)):
            *lines, self._rest = (self._rest + data).split(b"\n")
            for raw in lines:
                if raw and (line := parse(raw.decode("utf-8", "replace"))) is not None:
                    yield line

    def _go_on(self) -> bool:
        """Turn to the file that came after the one in hand, if there is one; what was left in it has been read."""
        if self._file is None:
            self._file = self._open(self._path)
            return self._file is not None
        mine = os.fstat(self._file.fileno())
        order = [self._path, *old_logs(self._path)]
        for place, path in enumerate(order):
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(mine, path.stat()):
                    if place == 0:
                        return self._begin_again(mine)
                    return self._turn_to(order[place - 1])
        return self._turn_to(self._path)  # ours is gone

    def _begin_again(self, status: os.stat_result) -> bool:
        """Read a file that was emptied from its start."""
        assert self._file is not None
        if status.st_size >= self._file.tell():
            return False
        self._file.seek(0)
        self._rest = b""
        return True

    def _turn_to(self, path: Path) -> bool:
        after = self._open(path)
        if after is None:
            return False
        # what was written between the last look and the turning
        left = self._file.read() if self._file is not None else b""
        if left:
            after.close()
            assert self._file is not None
            self._file.seek(-len(left), os.SEEK_CUR)
            return True
        if self._file is not None:
            self._file.close()
        self._file, self._rest = after, b""
        return True
