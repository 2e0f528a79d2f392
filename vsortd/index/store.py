"""The index: every frame's embedding, kept once a video and model, so that nothing is ever looked at twice.

One SQLite file in the state folder, one row a video and model. It is a cache of what the originals hold and can be
rebuilt (`vsortd index`), so unlike the journal it commits with `synchronous=NORMAL`. A row says which model, weights
and preprocessing its vectors come from (a vector means nothing without them), and which looks at the video they came
with: the sampling rounds of a decision, or a pass at so many frames a second.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.core.identity import Identity
from vsortd.core.moments import recorded_moment, unix_seconds
from vsortd.index.index_file import IndexFile, checksum_of, healed
from vsortd.index.kept_clip import CLIP, CLIP_VERSION, clip_of_document, document_of_clip
from vsortd.index.measured_documents import document_of, packed_document
from vsortd.index.relocate import SAME_FILE, key_of
from vsortd.index.stored_looks import Embedded, arrays_of, is_sound, with_looks
from vsortd.index.video import IndexedVideo, IndexRow

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vsortd.core.video_facts import Clip
    from vsortd.index.extent import Extent
    from vsortd.index.stored_looks import Unpacked

# The looks that a decision takes; a lesson is taken from their frames.
DECIDING: Final = "spread"
_DTYPE: Final = "<f2"
_FILM: Final = (
    "video.id, device, inode, size_bytes, mtime_ns, video.path, duration_s, width_px, height_px, recorded_s,"
    " coalesce(frames.revision, 0)"
)
_LIES_THERE: Final = "video.path = ? OR video.path >= ? AND video.path < ?"
_NAMED_THERE: Final = "SELECT video FROM name WHERE path = ? OR path >= ? AND path < ?"


@dataclass(frozen=True, slots=True)
class Film:
    """What the index says of a video itself: size as shown (0: unknown), Unix seconds of its recording."""

    duration_s: float
    width_px: int
    height_px: int
    recorded_s: float

    @classmethod
    def of(cls, clip: Clip, identity: Identity) -> Film:
        """Return it of a video; one that doesn't say when it was recorded was when its file changed last."""
        moment = recorded_moment(clip.recorded_at)
        recorded_s = identity.modified_s if moment is None else unix_seconds(moment)
        return cls(clip.duration_s, clip.shown_width_px, clip.shown_height_px, recorded_s)


class Index(IndexFile):
    """The embeddings of every video that was looked at; thread-safe.

    A row whose checksum fails counts as absent, and a damaged file is made anew: the videos are looked at once more.
    Raises StoreError when the file comes from a newer vsortd, or can't be written.
    """

    def recall(self, identity: Identity, model: str, look: str) -> Embedded | None:
        """Return what was kept of one look at this very file, in the order of its frames, or None."""
        found = self._row(identity, model)
        if found is None:
            return None
        looks, times_ms, vectors = found
        begin = 0
        for name, count in looks:
            if name == look:
                part = slice(begin, begin + count)
                return Embedded(times_ms[part].astype(np.int64), vectors[part].astype(np.float32))
            begin += count
        return None

    def looks(self, identity: Identity, model: str) -> tuple[str, ...]:
        """Return the names of the looks at this very file whose frames are kept."""
        found = self._row(identity, model)
        return tuple(name for name, _ in found[0]) if found else ()

    def kept(self, identity: Identity, model: str) -> Embedded | None:
        """Return the frames that decide about this very file, in the order of time; without a decision all, or None."""
        found = self._row(identity, model)
        if found is None:
            return None
        looks, times_ms, vectors = found
        deciding = np.concatenate([np.full(count, name.startswith(DECIDING)) for name, count in looks])
        if deciding.any():
            times_ms, vectors = times_ms[deciding], vectors[deciding]
        if not len(times_ms):
            return None
        moments, first = np.unique(times_ms, return_index=True)  # the same frame may be there by several looks
        return Embedded(moments.astype(np.int64), vectors[first].astype(np.float32))

    @healed
    def alike(self, identity: Identity) -> list[tuple[Identity, Path]]:
        """Return the files with this size and time: this one, or what it may have been moved or copied from."""
        with self._lock:
            rows = self._db.execute(
                "SELECT device, inode, size_bytes, mtime_ns, path FROM video WHERE size_bytes = ? AND mtime_ns = ?",
                (identity.size_bytes, identity.mtime_ns),
            ).fetchall()
        return [(Identity.of_columns(row[:4]), Path(os.fsdecode(row[4]))) for row in rows]

    def keep(  # noqa: PLR0917 - one row's worth of facts
        self, identity: Identity, path: Path, clip: Clip, model: str, look: str, embedded: Embedded
    ) -> None:
        """Keep the embeddings of one look (as fp16) for this very file; taken again, it replaces itself."""
        self.keep_looks(identity, path, clip, model, [(look, embedded)])

    @healed
    def keep_looks(
        self, identity: Identity, path: Path, clip: Clip, model: str, fresh: Sequence[tuple[str, Embedded]]
    ) -> None:
        """Keep several looks at once: the row of a video is written anew each time. There is at least one."""
        known = self._known_at(identity, path)
        with self._lock, self._writing():
            video = self._video(identity, known, Film.of(clip, identity))
            self._name(video, known, path)
            self._keep_clip(video, clip)
            self._db.execute("INSERT OR IGNORE INTO model (key) VALUES (?)", (model,))
            (number,) = self._db.execute("SELECT id FROM model WHERE key = ?", (model,)).fetchone()
            row = self._db.execute(
                "SELECT looks, dim, dtype, times_ms, vectors, checksum FROM frames WHERE video = ? AND model = ?",
                (video, number),
            ).fetchone()
            looks, times, vectors = with_looks(row if row and is_sound(row) else None, fresh)
            values = (
                json.dumps(looks),
                vectors.shape[1],
                _DTYPE,
                times.astype("<i8").tobytes(),
                vectors.astype(_DTYPE, copy=False).tobytes(),
            )
            self._db.execute(
                "INSERT INTO frames (video, model, revision, looks, dim, dtype, times_ms, vectors, checksum)"
                " VALUES (?, ?, (SELECT max(coalesce(max(revision), 0) + 1, ?) FROM frames), ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET revision = excluded.revision, dim = excluded.dim, dtype = excluded.dtype,"
                " looks = excluded.looks, times_ms = excluded.times_ms, vectors = excluded.vectors,"
                " checksum = excluded.checksum",
                # µs of Unix time: numbers of videos that went are given again, and another file may take the place of
                # this one; what was kept for a number and a revision is of no other frames all the same
                (video, number, time.time_ns() // 1000, *values, checksum_of(*values)),
            )

    def clip(self, identity: Identity) -> Clip | None:
        """Return what this very file says of itself, or None."""
        document = self.part(identity, CLIP, CLIP_VERSION)
        return None if document is None else clip_of_document(document)

    @healed
    def keep_clip(self, identity: Identity, path: Path, clip: Clip) -> None:
        """Keep what this very file says of itself."""
        known = self._known_at(identity, path)
        with self._lock, self._writing():
            video = self._video(identity, known, Film.of(clip, identity))
            self._name(video, known, path)
            self._keep_clip(video, clip)

    @healed
    def part(self, identity: Identity, name: str, version: str) -> dict[str, object] | None:
        """Return what was measured of this very file under a name, in this very way, or None."""
        with self._lock:
            row = self._db.execute(
                "SELECT document, checksum FROM part JOIN video ON video.id = part.video"  # noqa: S608 - constants
                f" WHERE {SAME_FILE} AND name = ? AND version = ?",
                (*key_of(identity), name, version),
            ).fetchone()
        return document_of(*row) if row else None

    @healed
    def keep_parts(
        self, identity: Identity, path: Path, film: Film, version: str, documents: Mapping[str, object]
    ) -> None:
        """Keep what was measured of this very file, JSON values by their names; what was kept of these before goes."""
        known = self._known_at(identity, path)
        with self._lock, self._writing():
            video = self._video(identity, known, film)
            self._name(video, known, path)
            self._db.executemany(
                "INSERT OR REPLACE INTO part (video, name, version, document, checksum) VALUES (?, ?, ?, ?, ?)",
                [(video, name, version, *packed_document(document)) for name, document in documents.items()],
            )

    @healed
    def moved(self, before: Identity, after: Identity, path: Path, *, converted: bool = False) -> None:
        """Follow a file to where it lies now, also onto another filesystem or into its converted form.

        What was measured of a file is not kept of what it was converted to: its frames are the same, its streams not.
        """
        # a hard link stays where it is when another name of the file moves
        known = self._known_at(before, path) if before == after else path
        with self._lock, self._writing():
            row = self._db.execute(
                "UPDATE OR REPLACE video SET size_bytes = ?, mtime_ns = ?, inode = ?, device = ?, path = ?"  # noqa: S608
                f" WHERE {SAME_FILE} RETURNING id",
                (*key_of(after), os.fsencode(path), *key_of(before)),
            ).fetchone()
            if row is not None:
                self._name(row[0], path, known)
            if row is not None and converted:
                self._db.execute("DELETE FROM part WHERE video = ?", row)

    @healed
    def met(self, identity: Identity, path: Path) -> None:
        """Note that a file that is known lies at this path: it went there, or it has one more name."""
        known = self._known_at(identity, path)
        with self._lock, self._writing():
            row = self._db.execute(
                f"UPDATE video SET path = ? WHERE {SAME_FILE} RETURNING id",  # noqa: S608 - constants
                (os.fsencode(known), *key_of(identity)),
            ).fetchone()
            if row is not None:
                self._name(row[0], known, path)

    @healed
    def number_of(self, identity: Identity) -> int | None:
        """Return the number of this very file, None where it isn't known."""
        with self._lock:
            row = self._db.execute(f"SELECT id FROM video WHERE {SAME_FILE}", key_of(identity)).fetchone()  # noqa: S608 - constants
        return None if row is None else int(row[0])

    @healed
    def numbered(self, number: int) -> tuple[Identity, tuple[Path, ...]] | None:
        """Return the file of a number and its names, the one it is told by first; None where there is none."""
        with self._lock:
            row = self._db.execute(
                "SELECT device, inode, size_bytes, mtime_ns, path FROM video WHERE id = ?", (number,)
            ).fetchone()
            others = self._db.execute("SELECT path FROM name WHERE video = ? ORDER BY path", (number,)).fetchall()
        if row is None:
            return None
        names = (row[4], *(path for (path,) in others))
        return Identity.of_columns(row[:4]), tuple(Path(os.fsdecode(name)) for name in names)

    @healed
    def forget(self, videos: Sequence[int]) -> None:
        """Remove videos, by their numbers, with all that is kept of them."""
        with self._lock, self._writing():
            self._db.executemany("DELETE FROM video WHERE id = ?", [(number,) for number in videos])

    @healed
    def unname(self, paths: Iterable[Path]) -> None:
        """Take out names that files no longer have besides the one they are told by."""
        with self._lock, self._writing():
            self._db.executemany("DELETE FROM name WHERE path = ?", [(os.fsencode(path),) for path in paths])

    @healed
    def folders(self) -> list[Path]:
        """Return the folders, and single videos, that `vsortd index` was given, by path."""
        with self._lock:
            rows = self._db.execute("SELECT path FROM folder ORDER BY path").fetchall()
        return [Path(os.fsdecode(path)) for (path,) in rows]

    @healed
    def add_folders(self, paths: Iterable[Path]) -> None:
        """Note folders, or single videos, that `vsortd index` was given."""
        given = [(os.fsencode(path), time.time()) for path in paths]
        with self._lock, self._writing():
            self._db.executemany("INSERT OR IGNORE INTO folder (path, given_at) VALUES (?, ?)", given)

    @healed
    def remove_folders(self, paths: Iterable[Path]) -> None:
        """Take out folders that were given; what is kept of their videos stays."""
        with self._lock, self._writing():
            self._db.executemany("DELETE FROM folder WHERE path = ?", [(os.fsencode(path),) for path in paths])

    @healed
    def models(self) -> dict[str, int]:
        """Return how many videos are kept for each model, by its key."""
        with self._lock:
            rows = self._db.execute(
                "SELECT key, count(*) FROM frames JOIN model ON model.id = frames.model GROUP BY key"
            ).fetchall()
        return dict(rows)

    @healed
    def newest_revision(self) -> int:
        """Return the newest revision of any video's frames, 0 without any: a larger one says that some have come."""
        with self._lock:
            (newest,) = self._db.execute("SELECT coalesce(max(revision), 0) FROM frames").fetchone()
        return int(newest)

    def rows(self, model: str | None = None, *, under: Extent | None = None, measured: bool = False) -> list[IndexRow]:
        """Return the videos kept for a model (by default: all of any), by path; `under` are folders, or files.

        With `measured` also those of which no frames are kept for any model, but what was measured.
        """
        with self.reading() as db:
            return rows_of(db, model, under=under, measured=measured)

    def films(self, model: str, *, under: Extent | None = None) -> Iterator[IndexedVideo]:
        """Yield the videos kept for a model with all their frames, by path; `under` are folders, or files."""
        with self.reading() as db:
            yield from indexed_videos(db, (row.standing() for row in rows_of(db, model, under=under)), model)

    def film(self, identity: Identity, model: str) -> IndexedVideo | None:
        """Return all that is kept of this very file for a model, or None."""
        with self.reading() as db:
            row = db.execute(
                f"SELECT {_FILM} FROM video JOIN frames ON frames.video = video.id"  # noqa: S608 - constants
                f" JOIN model ON model.id = frames.model WHERE {SAME_FILE} AND model.key = ?",
                (*key_of(identity), model),
            ).fetchone()
            return next(indexed_videos(db, [_row(row)], model), None) if row else None

    @healed
    def _row(self, identity: Identity, model: str) -> Unpacked | None:
        """Return looks, times and vectors of a row, look by look, as they are stored."""
        with self._lock:
            row = self._db.execute(
                "SELECT looks, frames.dim, frames.dtype, times_ms, vectors, checksum FROM frames"  # noqa: S608 - constants
                " JOIN video ON video.id = frames.video JOIN model ON model.id = frames.model"
                f" WHERE {SAME_FILE} AND model.key = ?",
                (*key_of(identity), model),
            ).fetchone()
        return arrays_of(row) if row and is_sound(row) else None

    def _known_at(self, identity: Identity, path: Path) -> Path:
        """Return the name that a file is told by if it still has that, else `path`."""
        known = next((there for same, there in self.alike(identity) if same == identity), path)
        return known if known != path and identity.lies_at(known) else path

    def _name(self, video: int, told: Path, other: Path) -> None:
        """Note a further name of a file that is told by `told`; that may have been a further one itself."""
        self._db.execute("DELETE FROM name WHERE path IN (?, ?)", (os.fsencode(told), os.fsencode(other)))
        if other != told:
            self._db.execute("INSERT INTO name (path, video) VALUES (?, ?)", (os.fsencode(other), video))

    def _keep_clip(self, video: int, clip: Clip) -> None:
        """Note what a video's file says of itself, unless that is known: a file that is the same says the same."""
        key = (video, CLIP, CLIP_VERSION)
        if self._db.execute("SELECT 1 FROM part WHERE video = ? AND name = ? AND version = ?", key).fetchone() is None:
            self._db.execute(
                "INSERT OR REPLACE INTO part (video, name, version, document, checksum) VALUES (?, ?, ?, ?, ?)",
                (*key, *packed_document(document_of_clip(clip))),
            )

    def _video(self, identity: Identity, path: Path, film: Film) -> int:
        """Note a file, or that it lies elsewhere now; return its number."""
        (number,) = self._db.execute(
            "INSERT INTO video (size_bytes, mtime_ns, inode, device, path, duration_s, width_px, height_px, recorded_s,"
            " seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET path = excluded.path, seen_at = excluded.seen_at RETURNING id",
            (
                *key_of(identity),
                os.fsencode(path),
                film.duration_s,
                film.width_px,
                film.height_px,
                film.recorded_s,
                time.time(),
            ),
        ).fetchone()
        return int(number)


def rows_of(
    db: sqlite3.Connection, model: str | None = None, *, under: Extent | None = None, measured: bool = False
) -> list[IndexRow]:
    """Return the videos as one state of the index has them, see `Index.rows`."""
    where: list[str] = ["1"]
    values: list[str | bytes] = []
    if model is not None:
        where, values = ["model.key = ?"], [model]
    bounds = under.bounds() if under is not None else None
    if bounds is not None:
        where.append(f"({_LIES_THERE} OR video.id IN ({_NAMED_THERE}))")
        values += [*bounds, *bounds]
    group = "" if model is not None else " GROUP BY video.id"
    join = "LEFT JOIN" if measured and model is None else "JOIN"
    found = db.execute(
        f"SELECT {_FILM} FROM video {join} frames ON frames.video = video.id {join} model ON model.id = frames.model"  # noqa: S608 - constants
        f" WHERE {' AND '.join(where)}{group} ORDER BY video.path, video.id",
        values,
    )
    names: defaultdict[int, list[Path]] = defaultdict(list)
    for video, path in db.execute("SELECT video, path FROM name ORDER BY path"):
        names[video].append(Path(os.fsdecode(path)))
    rows = [_row(row, tuple(names.get(row[0], ()))) for row in found]
    return rows if under is None else [part for row in rows if (part := row.within(under)) is not None]


def indexed_videos(db: sqlite3.Connection, rows: Iterable[IndexRow], model: str) -> Iterator[IndexedVideo]:
    """Yield these videos with their frames for a model; one without any is passed over."""
    number = db.execute("SELECT id FROM model WHERE key = ?", (model,)).fetchone()
    for row in rows if number is not None else ():
        found = db.execute(
            "SELECT looks, dim, dtype, times_ms, vectors, checksum FROM frames WHERE video = ? AND model = ?",
            (row.id, *number),
        ).fetchone()
        if found is None or not is_sound(found):
            continue
        _, times_ms, vectors = arrays_of(found)
        if not len(times_ms):
            continue
        if not bool((np.diff(times_ms) > 0).all()):
            times_ms, first = np.unique(times_ms, return_index=True)
            vectors = vectors[first]
        facts = (row.duration_s, row.width_px, row.height_px, row.recorded_s)
        yield IndexedVideo(row.id, row.identity, row.path, *facts, times_ms, vectors)


def _row(
    row: tuple[int, int, int, int, int, bytes, float, int, int, float, int], others: tuple[Path, ...] = ()
) -> IndexRow:
    return IndexRow(row[0], Identity.of_columns(row[1:5]), Path(os.fsdecode(row[5])), *row[6:], others)
