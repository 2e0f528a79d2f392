"""What is wrong with a config, one by one: where, what stands there, what may stand there. Light."""

from __future__ import annotations

import difflib
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from vsortd.core.text import counted
from vsortd.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

Location = tuple[str | int, ...]
"""Where a value is: keys and list indexes from the top."""

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SHOWN_CHARS = 80  # longer values are cut in messages


def dotted(location: Location) -> str:
    """Write a location as people do: `rules[0].rules[2].min_score`."""
    parts: list[str] = []
    for step in location:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif _PLAIN_KEY.fullmatch(step):
            parts.append(f".{step}" if parts else step)
        else:
            parts.append(f"[{shorten(step)!r}]")
    return "".join(parts)


def shorten(text: str) -> str:
    """Cut a long text for a message."""
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"


def nearest_of(word: str, known: Iterable[str]) -> str:
    """Return the known word most like `word` (case ignored), "" if none is near; never the very word itself."""
    by_folded = {name.casefold(): name for name in known if name != word}
    found = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else ""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake. `line` counts from 1 (0: no file was read); `path` is dotted, "" for the file as a whole.

    `value` is what stands there: a scalar, a short text for lists and mappings, None where nothing does.
    `allowed` says what may stand there, `nearest` the known key or choice most like what was written; ""
    where there is none.
    """

    line: int
    path: str
    value: object
    message: str
    allowed: str = ""
    nearest: str = ""

    def to_json(self, file: str) -> dict[str, Any]:
        """Return the mistake as `check --json` prints it."""
        return {"file": file, **asdict(self)}

    def lines(self, file: str) -> list[str]:
        """Return the mistake as `check` prints it: `file:line: path: message`, then what is allowed."""
        lines = [": ".join(part for part in (f"{file}:{self.line}", self.path, self.message) if part)]
        if self.value is not None:
            lines.append(f"    found: {shorten(_written(self.value))}")
        if self.allowed:
            lines.append(f"    allowed: {self.allowed}")
        if self.nearest:
            lines.append(f"    did you mean: {self.nearest}")
        return lines


def _written(value: object) -> str:
    """Write a value like YAML would."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if value != "" else '""'


class InvalidConfigError(ConfigError):
    """The config file has mistakes; `mistakes` holds every one, in the order of the file."""

    def __init__(self, file: Path, mistakes: Sequence[Mistake]) -> None:
        self.file = file
        self.mistakes = tuple(mistakes)
        super().__init__(
            f"The config file has {counted(len(mistakes), 'mistake')}:",
            details=[line for mistake in mistakes for line in mistake.lines(str(file))],
            remedy="Correct them and run: vsortd check",
            paths=[file],
        )
