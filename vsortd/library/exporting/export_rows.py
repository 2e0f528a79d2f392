"""The rows that are exported, and what each of their columns holds. docs/export.md tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.documents import ITEM_FIELDS, OpinionDocument, OriginDocument
from vsortd.core.moments import utc_moment
from vsortd.core.text import storable
from vsortd.errors import UsageError
from vsortd.index.every_row import count_frames, count_videos, every_frame, every_video

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from vsortd.filing.journal import Journal

Row = dict[str, Any]


class ColumnType(StrEnum):
    """What the cells of an exported column hold."""

    INTEGER = auto()  # 64 bits
    NUMBER = auto()  # 64 bits
    TEXT = auto()
    MOMENT = auto()  # ISO 8601 in UTC, to the millisecond
    TEXTS = auto()  # a list
    RECORD = auto()  # texts by name, or null: see RECORD_KEYS
    VECTOR = auto()  # numbers, as many in each row


@dataclass(frozen=True, slots=True)
class ExportTable:
    """A table: its columns in their order, what each holds, its rows, and about how many there are.

    `length` is how many numbers a vector has, 0 where there are none.
    """

    columns: dict[str, ColumnType]
    rows: Iterator[Row]
    total: int
    length: int = 0


RECORD_KEYS: Final = {
    "second_opinion": tuple(OpinionDocument.__annotations__),
    "origin": tuple(OriginDocument.__annotations__),
}
"""The names of the texts in each column of records, in their order."""
_KINDS: Final = {
    "id": ColumnType.INTEGER,
    "time": ColumnType.MOMENT,
    "score": ColumnType.NUMBER,
    "margin": ColumnType.NUMBER,
    "tags": ColumnType.TEXTS,
    **dict.fromkeys(RECORD_KEYS, ColumnType.RECORD),
}
HISTORY_COLUMNS: Final = {name: _KINDS.get(name, ColumnType.TEXT) for name in ITEM_FIELDS}
INDEX_COLUMNS: Final = {
    "path": ColumnType.TEXT,
    "size_bytes": ColumnType.INTEGER,
    "modified": ColumnType.MOMENT,
    "duration_s": ColumnType.NUMBER,
    "width_px": ColumnType.INTEGER,
    "height_px": ColumnType.INTEGER,
    "recorded": ColumnType.MOMENT,
    "model": ColumnType.TEXT,
    "frames": ColumnType.INTEGER,
}
VECTOR_COLUMNS: Final = {
    "path": ColumnType.TEXT,
    "model": ColumnType.TEXT,
    "time_s": ColumnType.NUMBER,
    "vector": ColumnType.VECTOR,
}


def history_table(journal: Journal | None) -> ExportTable:
    """Return what was done, oldest first: an item a row, as `history --json` has them. Raises StoreError."""
    if journal is None:
        return ExportTable(HISTORY_COLUMNS, iter(()), 0)
    items = (dict(item.to_json()) for item in journal.shown_items())
    return ExportTable(HISTORY_COLUMNS, items, journal.shown_count())


def index_table(db: sqlite3.Connection) -> ExportTable:
    """Return the videos of the index by path, one row for each model that has looked at a video."""
    return ExportTable(INDEX_COLUMNS, _index_rows(db), count_videos(db))


def vector_table(db: sqlite3.Connection, model: str | None) -> ExportTable:
    """Return the frames of one model by path and time; without a name the only model there is.

    Raises UsageError where it isn't known which is meant.
    """
    key = _chosen([key for (key,) in db.execute("SELECT key FROM model ORDER BY key")], model)
    (length,) = db.execute(
        "SELECT max(dim) FROM frames WHERE model = (SELECT id FROM model WHERE key = ?)", (key,)
    ).fetchone()
    return ExportTable(VECTOR_COLUMNS, _vector_rows(db, key), count_frames(db, key), length or 0)


def _index_rows(db: sqlite3.Connection) -> Iterator[Row]:
    for one in every_video(db):
        yield {
            "path": storable(one.path),
            "size_bytes": one.size_bytes,
            "modified": _moment(one.modified_s),
            "duration_s": one.duration_s,
            "width_px": one.width_px or None,
            "height_px": one.height_px or None,
            "recorded": _moment(one.recorded_s),
            "model": one.model or None,
            "frames": one.frames,
        }


def _vector_rows(db: sqlite3.Connection, model: str) -> Iterator[Row]:
    for path, frames in every_frame(db, model):
        name = storable(path)
        for time_ms, vector in zip(frames.times_ms.tolist(), frames.vectors, strict=True):
            yield {"path": name, "model": model, "time_s": time_ms / 1000, "vector": vector}


def _chosen(models: list[str], wanted: str | None) -> str:
    """Return the model that is meant: the only one whose key begins like that."""
    found = [key for key in models if wanted is None or key.startswith(wanted)]
    if wanted in found:
        return wanted or ""
    if len(found) == 1:
        return found[0]
    all_of_them = ", ".join(storable(key) for key in models)
    if not models:
        raise UsageError("The index holds no frames.", remedy="Look at the library first: vsortd index")
    if not found:
        raise UsageError(f"The index holds no frames of {wanted}.", remedy=f"Write --model with one of: {all_of_them}.")
    title = f"The index holds frames of {len(found)} models{f' like {wanted}' if wanted else ''}."
    raise UsageError(title, remedy=f"Write --model with one of: {all_of_them}.")


def _moment(unix_s: float) -> str:
    return utc_moment(unix_s).isoformat(timespec="milliseconds").replace("+00:00", "Z")
