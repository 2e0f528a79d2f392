"""What was measured of a video, as the index keeps it: JSON, deflated, with a checksum."""

from __future__ import annotations

import json
import zlib


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
