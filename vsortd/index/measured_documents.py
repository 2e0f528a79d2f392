"""What was measured of a video, as the index keeps it: JSON, deflated, with a checksum."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Set as AbstractSet


def packed_document(document: object) -> tuple[bytes, int]:
    """Return a document of JSON values as bytes with their checksum. Raises ValueError for numbers that are none."""
    packed = zlib.compress(json.dumps(document, separators=(",", ":"), allow_nan=False).encode())
    return packed, zlib.crc32(packed)


def document_of(packed: bytes, checksum: int) -> dict[str, object] | None:
    """Return a document, or None where its bytes are not what was kept."""
    if zlib.crc32(packed) != checksum:
        return None
    found = json.loads(zlib.decompress(packed))
    return found if isinstance(found, dict) else None


def kept_documents(
    db: sqlite3.Connection, name: str, version: str, videos: AbstractSet[int]
) -> dict[int, dict[str, object]]:
    """Return what is kept of some videos under a name, measured in this way, by their numbers; damaged ones are not."""
    rows = db.execute("SELECT video, document, checksum FROM part WHERE name = ? AND version = ?", (name, version))
    found = ((video, document_of(packed, checksum)) for video, packed, checksum in rows if video in videos)
    return {video: document for video, document in found if document is not None}


def measured_videos(db: sqlite3.Connection, name: str, version: str) -> set[int]:
    """Return the numbers of the videos of which something is kept under a name, measured in this way."""
    return {video for (video,) in db.execute("SELECT video FROM part WHERE name = ? AND version = ?", (name, version))}
