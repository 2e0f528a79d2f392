"""What vsortd wrote down of each video: how long each stage took, how many frames, when it was filed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# The stages that are told apart, each without the others; the ones that are missing cost next to nothing here.
STAGES = ("settle", "waiting", "probe", "sample", "embed", "decide", "judge", "place", "journal")
_DECIDING = ("probe", "admit", "measure", "judge", "sample", "embed", "decide")
_PLACED = ("filed", "review")
# Those that read and decode the video.
_DECODING = ("probe", "sample")
_LINE = re.compile(r"#(\d+) (?:filed|review): .*\[ms: ([^\]]+)\]")


@dataclass(frozen=True, slots=True)
class Filed:
    """One video that was filed; times in Unix seconds. `stages_ms` has what the journal and the log tell."""

    item: int
    path: Path  # where it lies now
    placing_s: float  # the intent was written
    filed_s: float  # and the deed
    frames: int
    stages_ms: dict[str, float]

    @property
    def decision_ms(self) -> float:
        """From the first look at the file to the decision: everything but waiting, settling and filing."""
        return sum(self.stages_ms.get(name, 0.0) for name in _DECIDING)

    def looks(self, first: int = 8) -> list[int]:
        """Return how many frames each look brought: `first`, then as many again."""
        sizes, seen = [], 0
        while seen < self.frames:
            more = min(max(first, seen), self.frames - seen)
            sizes.append(more)
            seen += more
        return sizes

    def told(self, names: Sequence[str]) -> float | None:
        """Return the time of some stages together, ms; None unless all are told."""
        return sum(self.stages_ms[name] for name in names) if set(names) <= self.stages_ms.keys() else None

    @property
    def decoding_ms(self) -> float | None:
        """The time in decoding, None where vsortd doesn't tell it apart."""
        return self.told(_DECODING)

    @property
    def embedding_ms(self) -> float | None:
        """The time in the encoder, waiting for it included; None where vsortd doesn't tell it apart."""
        return self.told(("embed",))


def counts(state: Path) -> tuple[int, int]:
    """Return how many videos were placed and how many refused by now; cheap enough to be asked often."""
    with _journal(state) as db:
        found = dict(db.execute("SELECT name, n FROM counter").fetchall()) if db is not None else {}
    placed = sum(found.get(name, 0) for name in _PLACED)
    return placed, sum(found.get(name, 0) for name in ("rejected", "failed", "set_aside"))


def read_books(state: Path, log: Path) -> list[Filed]:
    """Return every placed video in the order of placing, by the journal, and by the log for what comes after it."""
    said = {int(item): _spent(words) for item, words in _LINE.findall(log.read_text("utf-8", "replace"))}
    with _journal(state) as db:
        assert db is not None
        rows = db.execute(
            "SELECT item.id, item.destination, item.time, max(operation.time), detail"
            " FROM item JOIN operation ON operation.item = item.id"
            " WHERE item.state IN ('filed', 'review') GROUP BY item.id ORDER BY item.id"
        ).fetchall()
    return [_filed(row, said.get(row[0], {})) for row in rows]


def summary(filed: Sequence[Filed]) -> dict[str, dict[str, float]]:
    """Return each stage's median, mean and sum, ms; stages that vsortd doesn't tell are left out."""
    table = {}
    for name in STAGES:
        values = [one.stages_ms[name] for one in filed if name in one.stages_ms]
        if values:
            table[name] = {
                "median": round(median(values), 2),
                "mean": round(fmean(values), 2),
                "sum": round(sum(values), 1),
            }
    return table


def _filed(row: tuple[int, bytes, str, str, str], said: dict[str, float]) -> Filed:
    item, destination, placing, filed, text = row
    detail: dict[str, Any] = json.loads(text)
    stages = {**said, **detail.get("timings_ms", {})}
    path = Path(os.fsdecode(destination))
    return Filed(item, path, _unix_s(placing), _unix_s(filed), len(detail["frame_times_ms"]), stages)


def _spent(words: str) -> dict[str, float]:
    pairs = words.split()
    return dict(zip(pairs[::2], map(float, pairs[1::2]), strict=True))


def _unix_s(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@contextlib.contextmanager
def _journal(state: Path) -> Iterator[sqlite3.Connection | None]:
    path = state / "journal.sqlite3"
    if not path.exists():
        yield None
        return
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
        yield db
