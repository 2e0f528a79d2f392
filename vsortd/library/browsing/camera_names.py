"""Which camera a video was taken with, by what the index keeps of its technical facts: each is read once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.told_by_tags import read_tags
from vsortd.index.measured_documents import document_of

if TYPE_CHECKING:
    import sqlite3

_UNKNOWN: Final = "unknown"


class CameraNames:
    """The names of cameras by the index's numbers of videos; what was read is remembered by its checksum."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[int, tuple[int, str]] = {}  # the facts' checksum, and the name, "" for none

    def by_video(self, db: sqlite3.Connection) -> dict[int, str]:
        """Return the cameras of those videos that tell of one; `db` has the index attached as `seen`."""
        part = (AnalysisPart.FACTS.value,)
        sums = dict(db.execute("SELECT video, checksum FROM seen.part WHERE name = ?", part).fetchall())
        with self._lock:
            gone = self._known.keys() - sums.keys()
            for video in gone:
                del self._known[video]
            fresh = [video for video, checksum in sums.items() if self._known.get(video, (None,))[0] != checksum]
            for video in fresh:
                row = db.execute(
                    "SELECT document, checksum FROM seen.part WHERE video = ? AND name = ?", (video, *part)
                ).fetchone()
                self._known[video] = (row[1], _camera(document_of(*row)))
            return {video: name for video, (_, name) in self._known.items() if name}


def _camera(document: Any) -> str:  # noqa: ANN401 - what a disk kept
    """Return make and model, "" where the facts tell neither, or can't be read."""
    facts = document.get("technical") if isinstance(document, dict) else None
    if not isinstance(facts, dict):
        return ""
    tags, film_tags = facts.get("tags"), facts.get("film_tags")
    if not isinstance(tags, dict) or not isinstance(film_tags, dict):
        return ""
    device = read_tags(tags, film_tags).device
    return "" if device == _UNKNOWN else device
