"""The shards of a model: which there are, and which are to be made of what the index holds now.

They lie in the state folder beside the index, and are a cache of it: a file that is damaged, of another version or of
videos that have gone is made again. Who asks reads them; who makes them is one process, the daemon. Where two make them
all the same, each video is asked once, and what both have made goes with the next round.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from loguru import logger

from vsortd.core.system.private_files import private_folder
from vsortd.index.store import indexed_videos, rows_of
from vsortd.library.search.shards.readiness import SearchReadiness
from vsortd.library.search.shards.shard import Shard, write_shard
from vsortd.library.search.shards.shard_file import NotWholeError, is_whole

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from vsortd.index.store import Index
    from vsortd.index.video import IndexedVideo, IndexRow

# A shard of which more is passed over, as its videos have gone or changed, is made again.
_GONE_MOST: Final = 0.25
_ENDING: Final = ".shard"
# For tests of whole processes: the sizes that are used, as `large,waiting,shard,few`.
TEST_SIZES: Final = "VSORTD_SEARCH_TEST_SIZES"


@dataclass(frozen=True, slots=True)
class ShardSizes:
    """From which sizes on what is done, frames.

    An index of fewer than `large` is looked through as a whole: 111 hours at a frame a second, 0.5 s on two cores. So
    many as `waiting` may wait for a shard: they are looked through one by one, with every question. A shard holds
    `shard` at most, about: 139 hours; one that is being made takes 500 MB of memory. Where the videos that a question
    goes to have no more than `few`, these are looked through one by one.
    """

    large: int = 400_000
    waiting: int = 50_000
    shard: int = 500_000
    few: int = 30_000

    @classmethod
    def usual(cls) -> Self:
        """Return what holds in this process."""
        told = os.environ.get(TEST_SIZES)
        return cls(*map(int, told.split(","))) if told else cls()


@dataclass(frozen=True, slots=True, eq=False)
class ShardedPlaces:
    """Which videos shards are asked for: each shard with its own by their places. `left_out` need not be read."""

    parts: list[tuple[Shard, dict[int, IndexRow]]]
    left_out: AbstractSet[tuple[int, int]]


class ShardFolder:
    """The shards of one model in the folder beside an index; thread-safe."""

    def __init__(self, index: Index, model: str, sizes: ShardSizes | None = None) -> None:
        self.model = model
        self._index = index
        self._sizes = sizes or ShardSizes.usual()
        self.path = _home(index) / _name_of(model)
        self._lock = threading.Lock()
        self._opened: dict[str, Shard] = {}
        self._bad: set[str] = set()  # names of files that are no whole shards
        self._replaced: set[str] = set()  # of those that others have taken the place of, and that can't be removed
        self._covers: tuple[frozenset[str], frozenset[tuple[int, int]]] = frozenset(), frozenset()
        self._unsound: set[tuple[int, int]] = set()  # videos of which the index has lost the frames

    def shards(self) -> list[Shard]:
        """Return those that are there now."""
        with self._lock:
            try:
                there = {path.name: path for path in sorted(self.path.glob(f"*{_ENDING}"))}
            except OSError:
                there = {}
            self._opened = {name: shard for name, shard in self._opened.items() if name in there}
            self._bad &= there.keys()
            for name in sorted(there.keys() - self._opened.keys() - self._bad):
                try:
                    self._opened[name] = Shard.open(there[name], self.model)
                except OSError as error:  # another has just taken its place, or too many files are open: for now
                    logger.debug("{} can't be read: {!r}", there[name], error)
                except NotWholeError as error:
                    self._bad.add(name)
                    logger.debug("{} is no shard that can be used: {!r}", there[name], error)
            return [self._opened[name] for name in there if name in self._opened and name not in self._replaced]

    def places(self, rows: Iterable[IndexRow]) -> ShardedPlaces | None:
        """Return which of some videos shards are to be asked for; None where the index is no large one."""
        shards = self.shards()
        if sum(shard.size for shard in shards) < self._sizes.large / 2:
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
        if frames > self._sizes.few:
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
                count = write_shard(path, self.model, self._sound(db, rows), stop, frames_most=self._sizes.shard)
            for shard in replaced:
                self._replaced.add(shard.path.name)
                with contextlib.suppress(OSError):  # on Windows while it is read: a later process sees to it
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

    def readiness(self) -> SearchReadiness | None:
        """Return how much of the index is searched by shards; None where it is no large one. Raises StoreError."""
        rows, sizes = self._rows()
        if sum(sizes[row.id] for row in rows) < self._sizes.large:
            return None
        known = {video for shard in self.shards() for video in shard.known}
        new = [row for row in rows if (row.id, row.revision) not in known]
        new_s = sum(row.duration_s for row in new)
        return SearchReadiness(
            self.model,
            quick_h=(sum(row.duration_s for row in rows) - new_s) / 3600,
            new_h=new_s / 3600,
            is_behind=sum(sizes[row.id] for row in new) >= self._sizes.waiting,
        )

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
        if sum(sizes.values()) < self._sizes.large:
            return None
        kept: set[tuple[int, int]] = set()
        poor: list[Shard] = []
        small: list[Shard] = []
        for shard in self.shards():
            # what another has as well counts there
            own = {video: place for video, place in shard.known.items() if video in present and video not in kept}
            true = sum(int(shard.frames[place]) for place in own.values())
            if true < shard.size * (1 - _GONE_MOST):
                poor.append(shard)
                continue
            if true < self._sizes.shard / 2:
                small.append(shard)
            kept |= shard.known.keys()
        new = [row for row in rows if (row.id, row.revision) not in kept]
        if sum(sizes[row.id] for row in new) < self._sizes.waiting and not poor:
            return None
        if poor and not new:
            return [], poor
        if not new:
            return None
        again = {video for shard in small for video in shard.known}
        if sum(sizes[row.id] for row in new) >= self._sizes.shard:
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


def _home(index: Index) -> Path:
    """Return the folder that has a folder for each model."""
    return index.path.parent / "search"


def _name_of(model: str) -> str:
    return hashlib.sha256(model.encode()).hexdigest()[:16]


def forget_former_models(index: Index) -> None:
    """Remove the shards of models of which the index holds no frames any more. Raises OSError, StoreError."""
    names = {_name_of(model) for model in index.models()}
    with contextlib.suppress(FileNotFoundError):
        for folder in sorted(_home(index).iterdir()):
            if folder.name not in names and folder.is_dir() and not folder.is_symlink():
                for path in folder.glob(f"*{_ENDING}"):
                    path.unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # something that isn't ours lies there
                    folder.rmdir()


def readiness_of(index: Index) -> list[SearchReadiness]:
    """Return how much of an index is ready for quick searches, of each model that it holds many frames of.

    Raises StoreError.
    """
    found = (ShardFolder(index, model).readiness() for model in sorted(index.models()))
    return [one for one in found if one is not None]
