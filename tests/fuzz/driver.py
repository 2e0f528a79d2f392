"""What every fuzz target has, how an input is tried, and where a finding is kept.

A target's `attempt` returns for every input that is handled as promised, and raises for all else. Atheris (libFuzzer)
invents the inputs and follows which code they reach; `tests/fuzz/test_targets.py` tries the seeds and some thousand
blind changes of them without it.
"""

from __future__ import annotations

import hashlib
import random
import sys
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# One input that takes longer, or more memory, is a finding. The harness itself has some hundred MB, what it follows.
LONGEST_S = 20
MOST_MEMORY_MB = 3072
_LARGEST_INSERTION = 64


@dataclass(frozen=True, slots=True)
class Target:
    """What is fuzzed. `words` are pieces that inputs are made of; a seed is a small input of a usual kind."""

    name: str
    attempt: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()
    max_bytes: int = 4096


class Findings:
    """The inputs that broke a promise, each kind once: a file with the bytes, and one beside it that says what came."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._known: set[tuple[str, ...]] = set()

    def attempt(self, target: Target, data: bytes) -> None:
        """Try one input; keep it where something is raised that hasn't been raised from the same place before."""
        try:
            target.attempt(data)
        except Exception as error:  # noqa: BLE001 - whatever comes out is what is looked for
            kind = _kind(error)
            if kind not in self._known:
                self._known.add(kind)
                self._keep(data, error)

    def _keep(self, data: bytes, error: Exception) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{self._name}-{type(error).__name__}-{hashlib.sha256(data).hexdigest()[:12]}"
        path.write_bytes(data)
        told = "".join(traceback.format_exception(error))
        path.with_suffix(".txt").write_text(f"{told}\ninput: {data!r}\n", "utf-8", "backslashreplace")
        sys.stdout.write(f"FOUND {path}\n{told}\n")
        sys.stdout.flush()


def _kind(error: BaseException) -> tuple[str, ...]:
    """Return what tells findings apart: the type, and the last two places of our own that it came through."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "/vsortd/" in one.filename]
    return (type(error).__name__, *(f"{one.filename}:{one.lineno}" for one in frames[-2:]))


def blind_changes(target: Target, count: int, *, seed: int = 1) -> Iterator[bytes]:
    """Yield `count` inputs: seeds with a few bytes changed, cut, doubled, or a word put in; always the same ones."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    for _ in range(count):
        data = bytearray(chance.choice(target.seeds))
        for _ in range(chance.randint(1, 4)):
            _change(data, target, chance)
        yield bytes(data[: target.max_bytes])


def _change(data: bytearray, target: Target, chance: random.Random) -> None:
    at = chance.randint(0, len(data))
    until = min(len(data), at + chance.randint(1, 8))
    match chance.randrange(5):
        case 0:
            data[at:until] = chance.randbytes(until - at)
        case 1:
            del data[at:until]
        case 2:
            data[at:at] = data[at : at + chance.randint(1, _LARGEST_INSERTION)]
        case 3:
            data[at:at] = chance.choice(target.words or target.seeds)
        case _:
            data[at:until] = chance.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * (until - at)
