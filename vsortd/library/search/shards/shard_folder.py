"""The shards of a model: which there are, and which are to be made of what the index holds now.

They lie in the state folder beside the index, and are a cache of it: a file that is damaged, of another version or of
videos that have gone is made again. Who asks reads them; who makes them is one process, the daemon.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from loguru import logger

from vsortd.core.system.private_files import private_folder
from vsortd.index.store import indexed_videos, rows_of
from vsortd.library.search.shards.shard import Shard, write_shard
from vsortd.library.search.shards.shard_file import NotWholeError, is_whole

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from vsortd.index.store import Index
    from vsortd.index.video import IndexedVideo, IndexRow

# Below so many frames all are looked through: 111 hours at a frame a second, 0.5 s on two cores.
LARGE_FRAMES: Final = 400_000
# So many frames may wait for a shard: they are looked through one by one, with every question.
WAITING_FRAMES: Final = 50_000
# What a shard holds at most, about: 139 hours. One that is being made takes 500 MB of memory.
SHARD_FRAMES: Final = 500_000
# A shard of which more is passed over, as its videos have gone or changed, is made again.
_GONE_MOST: Final = 0.25
_ENDING: Final = ".shard"


# Where the videos that a question goes to have no more frames, these are looked through one by one.
FEW_FRAMES: Final = 30_000


@dataclass(frozen=True, slots=True, eq=False)
class ShardedPlaces:
    """Which videos shards are asked for: each shard with its own by their places. `left_out` need not be read."""

    parts: list[tuple[Shard, dict[int, IndexRow]]]
    left_out: AbstractSet[tuple[int, int]]


class ShardFolder:
    """The shards of one model in the folder beside an index; thread-safe. The sizes are frames."""

    def __init__(
        self,
        index: Index,
        model: str,
        *,
        large: int = LARGE_FRAMES,
        waiting: int = WAITING_FRAMES,
        shard: int = SHARD_FRAMES,
        few: int = FEW_FRAMES,
    ) -> None:
        self.model = model
        self._index = index
        self._large, self._waiting, self._shard, self._few = large, waiting, shard, few
        self.path = index.path.parent / "search" / hashlib.sha256(model.encode()).hexdigest()[:16]
        self._lock = threading.Lock()
        self._opened: dict[str, Shard] = {}
        self._bad: set[str] = set()  # names of files that are no whole shards
        self._covers: tuple[frozenset[str], frozenset[tuple[int, int]]] = frozenset(), frozenset()
        self._unsound: set[tuple[int, int]] = set()  # videos of which the index has lost the frames

    def shards(self) -> list[Shard]:
        """Return those that are there now."""
        with self._lock:
            try:
                there = {path.name: path for path in self.path.glob(f"*{_ENDING}")}
            except OSError:
                there = {}
            self._opened = {name: shard for name, shard in self._opened.items() if name in there}
            self._bad &= there.keys()
            for name in sorted(there.keys() - self._opened.keys() - self._bad):
                try:
                    self._opened[name] = Shard.open(there[name], self.model)
                except FileNotFoundError:
                    continue  # another has just taken its place
                except (NotWholeError, OSError, ValueError, KeyError, TypeError) as error:
                    self._bad.add(name)
                    logger.debug("{} is no shard that can be used: {!r}", there[name], error)
            return list(self._opened.values())

    def places(self, rows: Iterable[IndexRow]) -> ShardedPlaces | None:
        """Return which of some videos shards are to be asked for; None where the index is no large one."""
        shards = self.shards()
        if sum(shard.size for shard in shards) < self._large / 2:
            return None
        left = {(row.id, row.revision): row for row in rows}
        parts, frames = [], 0
        for shard in shards:
            # popped: a video may be in a shard and in the one that takes its place
            own = {place: row for video, place in shard.known.items() if (row := left.pop(video, None)) is not None}
            if own:
                parts.append((shard, own))
                frames += int(shard.frames[list(own)].sum())
        covered = self._covered(shards)
        if frames > self._few:
            return ShardedPlaces(parts, covered)
        few = {(row.id, row.revision) for _, own in parts for row in own.values()}
        return ShardedPlaces([], covered - few)

    def _covered(self, shards: list[Shard]) -> frozenset[tuple[int, int]]:
        """Return all videos that shards have."""
        names = frozenset(shard.path.name for shard in shards)
        with self._lock:
            if self._covers[0] != names:
                self._covers = names, frozenset().union(*(shard.known.keys() for shard in shards))
            return self._covers[1]

    def build(self, stop: Callable[[], None]) -> int:
        """Make what is due, one shard after the other; return how many were made.

        `stop` is called now and then, and may raise what ends it. Raises OSError, StoreError.
        """
        made = 0
        while due := self._due():
            rows, replaced = due
            private_folder(self.path.parent)
            private_folder(self.path)
            path = self.path / f"{uuid.uuid4().hex}{_ENDING}"
            with self._index.reading() as db:
                count = write_shard(path, self.model, self._sound(db, rows), stop, frames_most=self._shard)
            for shard in replaced:
                with contextlib.suppress(OSError):  # on Windows while it is read; `tidy` sees to it
                    shard.path.unlink()
            made += bool(count)
            logger.debug("a part of the index was made ready for searches: {} videos, {}", count, path.name)
        return made

    def tidy(self, stop: Callable[[], None]) -> None:
        """Remove what is no whole shard, also where only a byte of its codes is wrong. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            for path in sorted(self.path.iterdir()):
                stop()
                if path.suffix != _ENDING or path.name.startswith(".") or not is_whole(path):
                    path.unlink(missing_ok=True)

    def waiting(self) -> tuple[int, int]:
        """Return how many frames the index has for the model, about, and how many of them are in no shard."""
        rows, sizes = self._rows()
        known = {video for shard in self.shards() for video in shard.known}
        left = sum(sizes[row.id] for row in rows if (row.id, row.revision) not in known)
        return sum(sizes[row.id] for row in rows), left

    def _sound(self, db: sqlite3.Connection, rows: list[IndexRow]) -> Iterator[tuple[int, IndexedVideo]]:
        """Yield the videos with their revisions; those that turn out to have no frames are remembered."""
        for row in rows:
            film = next(indexed_videos(db, [row], self.model), None)
            if film is None:
                self._unsound.add((row.id, row.revision))
            else:
                yield row.revision, film

    def _due(self) -> tuple[list[IndexRow], list[Shard]] | None:
        """Return the videos of which one shard is to be made, and those that it replaces."""
        rows, sizes = self._rows()
        present = {(row.id, row.revision): row for row in rows}
        if sum(sizes.values()) < self._large:
            return None
        kept: set[tuple[int, int]] = set()
        poor: list[Shard] = []
        small: list[Shard] = []
        for shard in self.shards():
            true = sum(int(shard.frames[place]) for video, place in shard.known.items() if video in present)
            if true < shard.size * (1 - _GONE_MOST):
                poor.append(shard)
                continue
            if true < self._shard / 2:
                small.append(shard)
            kept |= shard.known.keys()
        new = [row for row in rows if (row.id, row.revision) not in kept]
        if sum(sizes[row.id] for row in new) < self._waiting and not poor:
            return None
        if poor and not new:
            return [], poor
        if not new:
            return None
        again = {video for shard in small for video in shard.known}
        if sum(sizes[row.id] for row in new) >= self._shard:
            small, again = [], set()
        due = [row for row in rows if (row.id, row.revision) not in kept or (row.id, row.revision) in again]
        taken, frames = [], 0
        for row in due:
            taken.append(row)
            frames += sizes[row.id]
        return taken, [*poor, *small]

    def _rows(self) -> tuple[list[IndexRow], dict[int, int]]:
        """Return the videos of the model by path, and about how many frames each has, by number."""
        with self._index.reading() as db:
            sizes = dict(
                db.execute(
                    "SELECT video, length(times_ms) / 8 FROM frames JOIN model ON model.id = frames.model"
                    " WHERE model.key = ?",
                    (self.model,),
                ).fetchall()
            )
            rows = rows_of(db, self.model)
        return [row for row in rows if sizes.get(row.id) and (row.id, row.revision) not in self._unsound], sizes
