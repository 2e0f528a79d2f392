"""A large index in small: made videos, and searches that go to shards of it or to every frame."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from tests.support.clustered_vectors import ClusteredEncoder, MadeLibrary
from tests.support.facts import clip_facts
from vsortd.core.identity import Identity
from vsortd.core.video_facts import Orientation
from vsortd.index.extent import Extent
from vsortd.index.store import Index
from vsortd.index.stored_looks import Embedded
from vsortd.library.search.ranking import SearchTarget, search
from vsortd.library.search.shards.shard_folder import ShardFolder, ShardSizes
from vsortd.library.search.vector_cache import VectorCache

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.library.search.ranking import Hit, SearchResult

DIM: Final = 128
HOURS: Final = 1.5
MODEL: Final = "book"
SMALL: Final = ShardSizes(large=1000, waiting=1, shard=2000, few=0)


def no_stop() -> None:
    """Let it go on."""


class LargeIndex:
    """An index of made videos, whose files are there and empty, and what is asked of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made = MadeLibrary(DIM, seed=5)
        self.encoder = ClusteredEncoder(self.made)
        self.index = Index(folder / "state" / "index.sqlite3")
        self.videos = []
        for number, video in enumerate(self.made.videos(HOURS)):
            self.videos.append(video)
            self.keep(f"{number % 3}/{number}.mp4", video.vectors.astype(np.float32), is_portrait=video.is_portrait)

    def keep(self, name: str, vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]], *, is_portrait: bool) -> Path:
        """Put a video at a frame a second into the index."""
        path = self.folder / "library" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():  # else it is another file
            path.touch()
        identity = Identity.of(path)
        assert identity is not None
        width_px, height_px = (360, 640) if is_portrait else (640, 360)
        count = len(vectors)
        clip = replace(clip_facts(), duration_s=float(count), shown_width_px=width_px, shown_height_px=height_px)
        times_ms = np.arange(count, dtype=np.int64) * 1000 + 500
        self.index.keep(identity, path, clip, MODEL, "pace-1000:0", Embedded(times_ms, vectors))
        return path

    def shards(self, **sizes: int) -> ShardFolder:
        """Return the folder of shards, which takes so few frames for many."""
        return ShardFolder(self.index, MODEL, replace(SMALL, **sizes))

    def find(self, target: SearchTarget, folder: ShardFolder | None = None) -> SearchResult:
        """Ask by a folder of shards; without one every frame."""
        cache = VectorCache(
            self.index, MODEL, folder=folder or ShardFolder(self.index, MODEL, ShardSizes(large=1 << 40))
        )
        try:
            return search(cache, self.encoder, target)
        finally:
            cache.close()


def spans(hits: list[Hit]) -> list[tuple[int, float, float]]:
    """Return video, begin and end of each."""
    return [(hit.row.id, round(hit.begin_s, 3), round(hit.end_s, 3)) for hit in hits]


def target(kind: str, world: LargeIndex) -> SearchTarget:
    """Return a question of a kind."""
    film = max(world.videos, key=lambda video: len(video.vectors))
    rows = film.vectors.astype(np.float32)
    base = SearchTarget(min_score=0.0, top=10)
    return {
        "one prompt": replace(base, prompts=("topic 3",)),
        "two prompts": replace(base, prompts=("topic 3", f"topic {film.topics[0]}")),
        "any of two": replace(base, prompts=("topic 3", "topic 7"), any_of=True),
        "negative": replace(base, prompts=("topic 4",), against=("topic 9",)),
        "moment": replace(base, examples=rows[40:41]),
        "film": replace(base, examples=rows),
        "folder": replace(base, prompts=("topic 3",), under=Extent.of(world.folder / "library" / "1")),
        "portrait": replace(base, prompts=("topic 3",), orientation=(Orientation.PORTRAIT,)),
        "scene and prompt": replace(base, prompts=(f"topic {film.topics[300]}",), examples=rows[300:310]),
        "long windows": replace(base, prompts=("topic 3",), window_s=45.0),
        "short windows": replace(base, prompts=("topic 3",), window_s=3.0),
        "all that there is": replace(base, prompts=("topic 3",), top=400),
    }[kind]
