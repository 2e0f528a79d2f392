"""Where the tests find the project's own files and the real media beside it."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
MEDIA = REPOSITORY.parent / "shared" / "media"
