"""What is asked of the cache is true of the index at that moment."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.facts import clip_facts
from vsortd.core.identity import Identity
from vsortd.index.extent import Extent
from vsortd.index.store import Index
from vsortd.index.stored_looks import Embedded
from vsortd.library.search.vector_cache import VectorCache

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    import numpy.typing as npt

CLIP = clip_facts()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    made = Index(tmp_path / "index.sqlite3")
    yield made
    made.close()


def keep(index: Index, number: int, value: float, *, frames: int = 3, look: str = "pace-1000", path: str = "") -> None:
    rows = np.full((frames, 4), value, np.float32)
    index.keep(
        Identity(1, number, 3, 4),
        Path(path or f"/lib/{number}.mp4"),
        CLIP,
        "m",
        look,
        Embedded(np.arange(frames) * 1000, rows),
    )


def first(vectors: npt.NDArray[np.float16]) -> npt.NDArray[np.float32]:
    return vectors[:, :1].astype(np.float32)


def answers(cache: VectorCache, *under: Path) -> dict[str, list[float]]:
    rows, frame_scores = cache.ask(first, under=Extent.of(*under) if under else None)
    return {
        row.path.name: frame_scores.values[begin:end, 0].tolist()
        for row, begin, end in zip(rows, frame_scores.offsets[:-1], frame_scores.offsets[1:], strict=True)
    }


@pytest.fixture(params=[1 << 30, 0], ids=["held", "read each time"])
def cache(index: Index, request: pytest.FixtureRequest) -> Iterator[VectorCache]:
    made = VectorCache(index, "m", keep_bytes=request.param)
    yield made
    made.close()


def test_it_follows_what_is_kept_moved_and_forgotten(index: Index, cache: VectorCache) -> None:
    assert {} == answers(cache)
    keep(index, 1, 0.5)
    keep(index, 2, 0.25)
    assert {"1.mp4": [0.5] * 3, "2.mp4": [0.25] * 3} == answers(cache)
    index.keep(  # half a second between two frames
        Identity(1, 1, 3, 4),
        Path("/lib/1.mp4"),
        CLIP,
        "m",
        "at-1",
        Embedded(np.array([500]), np.full((1, 4), 0.75, np.float32)),
    )
    index.moved(Identity(1, 2, 3, 4), Identity(1, 9, 3, 4), Path("/lib/a/new.mp4"))
    assert {"1.mp4": [0.5, 0.75, 0.5, 0.5], "new.mp4": [0.25] * 3} == answers(cache)
    index.forget([row.id for row in index.rows() if row.path.name == "1.mp4"])
    assert {"new.mp4": [0.25] * 3} == answers(cache)


def test_only_what_lies_under_a_folder_is_asked(index: Index, cache: VectorCache) -> None:
    keep(index, 1, 0.5, path="/lib/a/1.mp4")
    keep(index, 2, 0.5, path="/lib/a b/2.mp4")
    for _ in range(2):  # cold, and after everything was read
        assert {"1.mp4"} == set(answers(cache, Path("/lib/a")))
        assert {"1.mp4", "2.mp4"} == set(answers(cache, Path("/lib/a"), Path("/lib/a b/2.mp4")))
        assert {"2.mp4"} == set(answers(cache, Path("/lib/a b/2.mp4")))
        answers(cache)


def test_other_models_have_no_say(index: Index, cache: VectorCache) -> None:
    keep(index, 1, 0.5)
    index.keep(
        Identity(1, 2, 3, 4),
        Path("/2.mp4"),
        CLIP,
        "other",
        "pace-1000",
        Embedded(np.zeros(1, np.int64), np.ones((1, 8), np.float32)),
    )
    assert {"1.mp4"} == set(answers(cache))


def test_many_small_changes_are_read_together_again(index: Index, cache: VectorCache) -> None:
    for number in range(30):
        keep(index, number, number / 64)
        assert {f"{one}.mp4": [one / 64] * 3 for one in range(number + 1)} == answers(cache)
    assert len(cache._held) <= 10


class CountedIndex(Index):
    """A real index that knows how many read from it."""

    readers = 0

    @contextlib.contextmanager
    def reading(self, *, at_once: bool = True) -> Iterator[sqlite3.Connection]:
        with super().reading(at_once=at_once) as db:
            self.readers += 1
            try:
                yield db
            finally:
                self.readers -= 1


def test_one_that_another_closed_is_answered_and_holds_nothing(tmp_path: Path) -> None:
    """A model that is changed by a reload closes the former one's cache, which a search may be about to ask."""
    with contextlib.closing(CountedIndex(tmp_path / "index.sqlite3")) as index:
        keep(index, 1, 0.5, path="/lib/1.mp4")
        cache = VectorCache(index, "m")
        assert {"1.mp4": [0.5] * 3} == answers(cache)
        assert (1, 1) == (index.readers, len(cache._held))
        cache.close()
        for under in ((), (Path("/lib"),)):
            assert {"1.mp4": [0.5] * 3} == answers(cache, *under)
            assert (0, []) == (index.readers, cache._held)
        cache.close()


def test_one_closed_while_it_is_asked_answers_first(tmp_path: Path) -> None:
    with contextlib.closing(CountedIndex(tmp_path / "index.sqlite3")) as index, ThreadPoolExecutor(2) as pool:
        keep(index, 1, 0.5)
        cache = VectorCache(index, "m")
        asking, goes_on = threading.Event(), threading.Event()

        def value(vectors: npt.NDArray[np.float16]) -> npt.NDArray[np.float32]:
            asking.set()
            assert goes_on.wait(10)
            return first(vectors)

        asked = pool.submit(cache.ask, value)
        assert asking.wait(10)
        closing = pool.submit(cache.close)
        goes_on.set()
        rows, _ = asked.result(10)
        closing.result(10)
        assert (["1.mp4"], 0, []) == ([row.path.name for row in rows], index.readers, cache._held)


def test_one_whose_question_fails_can_be_closed_and_asked(tmp_path: Path) -> None:
    def fails(_: npt.NDArray[np.float16]) -> npt.NDArray[np.float32]:
        raise ValueError("no")

    with contextlib.closing(CountedIndex(tmp_path / "index.sqlite3")) as index:
        keep(index, 1, 0.5)
        cache = VectorCache(index, "m")
        cache.close()
        with pytest.raises(ValueError, match="no"):
            cache.ask(fails)
        assert (0, []) == (index.readers, cache._held)
