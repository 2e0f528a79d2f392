"""What was measured of many videos, read from the index one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.index.measured_documents import document_of
from vsortd.index.store import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.index.extent import Extent
    from vsortd.index.store import Index
    from vsortd.index.video import IndexRow


def kept_parts(
    index: Index, name: str, version: str, *, under: Extent | None = None
) -> Iterator[tuple[IndexRow, dict[str, object] | None]]:
    """Yield every video of the index (`under` are folders, or files), by path, with what was measured under a name.

    None where nothing was, or in another way than this `version`, of which only what stands before the first comma
    counts. A video is told by a name that its file still has. Raises StoreError where the index is damaged.
    """
    with index.reading() as db:
        for row in rows_of(db, under=under, measured=True):
            found = db.execute(
                "SELECT version, document, checksum FROM part WHERE video = ? AND name = ?", (row.id, name)
            ).fetchone()
            current = found is not None and found[0].partition(",")[0] == version
            yield row.standing(), document_of(*found[1:]) if current else None
