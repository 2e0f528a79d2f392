"""Files of the formats that this vsortd writes, kept in `tests/formats` for those that come after it.

`python -m tests.support.format_files`, from the repository's root, adds those of formats that are not there yet. One
that is there is never made anew: it is what people have.
"""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from tests.support.facts import clip_facts
from tests.support.filed import FiledHome
from tests.support.paths import REPOSITORY
from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.core.paths import index_path, journal_path
from vsortd.filing.journal import Journal
from vsortd.filing.schema import JOURNAL
from vsortd.filing.undo import Selection, undo
from vsortd.index.index_file import STEPS
from vsortd.index.store import Film, Index
from vsortd.index.stored_looks import Embedded

if TYPE_CHECKING:
    from collections.abc import Callable

FORMATS: Final = REPOSITORY / "tests" / "formats"
HOME: Final = Path("/tmp/vsortd-formats")  # noqa: S108 - made for a moment; the journal names the paths
VIDEO: Final = Identity(1, 2, 3, 4)
VIDEO_PATH: Final = Path("/videos/forest/a.mp4")
MODEL: Final = "a model"
LOOK: Final = "spread-32:0-8"


def unpack(kind: str, number: int, path: Path) -> None:
    """Put the kept file of a format where it can be opened; `kind` is "journal" or "index"."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.decompress(_kept(kind, number).read_bytes()))
    path.chmod(0o600)


def kept_formats(kind: str) -> list[int]:
    """Return the numbers of the formats that are kept of a "journal" or "index"."""
    return sorted(int(path.name.split("-")[1].split(".")[0]) for path in FORMATS.glob(f"{kind}-*.gz"))


def kept_vectors() -> Embedded:
    """Return what the kept indexes hold of their one video: three frames of eight dimensions, at 0, 1 and 2 s."""
    vectors = np.eye(3, 8, dtype=np.float32)
    return Embedded(np.arange(3, dtype=np.int64) * 1000, vectors)


def write_journal(path: Path) -> None:
    """Write a journal: one video filed with its subtitles, one converted, one failed, one undone and held."""
    home = FiledHome.at(HOME)
    home.file("a.mp4", "forest/day", "a.srt", detail={"tags": ["wine", "mood:calm"]})
    home.file("b.mov", "sea", converted=True)
    home.refuse("c.mp4", ItemState.FAILED, "it has no picture")
    home.file("d.mp4", "", outcome=ItemState.REVIEW, batch="two")
    with Journal.open(journal_path(HOME / "state")) as journal:
        undo(journal, Selection(batch="two"))
    shutil.copyfile(journal_path(HOME / "state"), path)


def write_index(path: Path) -> None:
    """Write an index: the frames of one video, what was measured of it, and a folder that was given."""
    made = index_path(HOME / "state")
    index = Index(made)
    clip = clip_facts()
    index.keep(VIDEO, VIDEO_PATH, clip, MODEL, LOOK, kept_vectors())
    index.keep_parts(VIDEO, VIDEO_PATH, Film.of(clip, VIDEO), "1", {"shots": {"count": 3}})
    index.add_folders([VIDEO_PATH.parent])
    index.close()
    shutil.copyfile(made, path)


def _kept(kind: str, number: int) -> Path:
    return FORMATS / f"{kind}-{number}.sqlite3.gz"


def main() -> None:
    """Make what is missing."""
    wanted: list[tuple[str, int, Callable[[Path], None]]] = [
        ("journal", JOURNAL.version, write_journal),
        ("index", len(STEPS), write_index),
    ]
    for kind, number, write in wanted:
        if _kept(kind, number).exists():
            continue
        HOME.mkdir()
        try:
            made = HOME / "made"
            write(made)
            _kept(kind, number).write_bytes(gzip.compress(made.read_bytes(), mtime=0))
        finally:
            shutil.rmtree(HOME)


if __name__ == "__main__":
    main()
