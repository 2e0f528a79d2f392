"""How quickly, and how well, very large libraries answer: `python -m tests.benchmarks.many_hours [--hours 100,1000]`.

For each size an index is made whose vectors cluster as a model's do (films, scenes, shots, neighbouring frames alike;
`tests.support.clustered_vectors`), and the shards over it are built. Then questions of every kind are asked: each three
times, the best counts, by a process of its own whose memory is measured. What is right comes from one pass over all
frames with the very code that makes scenes in small libraries; found is a scene of the same video that shares at least
half of the time that both cover. As machines differ, and this one may be busy, it is also told how long one pass over
all vectors takes at the speed of the memory, measured beside the questions, and each question's part of that. Prints
tables, and writes a JSON file with `--out`. A thousand hours take 5 GB of disk, which are given back. Below 111 hours
vsortd asks every frame: there shards are asked all the same.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from tests.benchmarks.speed.machine import facts
from tests.support.clustered_vectors import ClusteredEncoder, MadeLibrary
from tests.support.facts import clip_facts
from vsortd.core.identity import Identity
from vsortd.core.video_facts import Orientation
from vsortd.index.extent import Extent
from vsortd.index.store import Index, indexed_videos, rows_of
from vsortd.index.stored_looks import Embedded
from vsortd.judging.frame_scores import EXAMPLE_WEIGHT
from vsortd.library.search.frame_question import FrameQuestion
from vsortd.library.search.query import asked
from vsortd.library.search.ranking import SearchTarget, search
from vsortd.library.search.scenes import FrameScores
from vsortd.library.search.shards.shard_folder import TEST_SIZES, ShardFolder, ShardSizes
from vsortd.library.search.vector_cache import VectorCache

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from vsortd.index.video import IndexRow
    from vsortd.library.search.ranking import Hit
    from vsortd.library.search.shards.shard_folder import ShardedPlaces

    Row = dict[str, Any]
    Span = tuple[int, float, float]

WANTED: Final = {"seconds": 0.5, "memory_gb": 3.0, "recall": 0.98}
KINDS: Final = (
    "one prompt",
    "two prompts",
    "any of two",
    "with --not",
    "like a moment",
    "like a film",
    "in a folder",
    "portrait only",
    "scene and prompt",
)
TOP: Final = 20
MODEL: Final = "book"
_TIMES: Final = 3
_FOLDERS: Final = 10
_SEED: Final = 3
_FRAMES_AN_HOUR: Final = 3600
_BLOCK_FRAMES: Final = 20_000  # frames that the pass over everything asks at once
_MEMORY_BYTES: Final = 256 << 20  # what is read to see how fast memory is: more than any cache holds


@dataclass(frozen=True)
class Question:
    """A question, and its kind."""

    kind: str
    target: SearchTarget


def fill(scratch: Path, library: MadeLibrary, hours: float) -> int:
    """Write the index of a made library, whose files are there and empty; return how many frames it holds."""
    index = Index(scratch / "index.sqlite3")
    frames = 0
    for number, video in enumerate(library.videos(hours)):
        path = scratch / "library" / f"{number % _FOLDERS}" / f"{number:06d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        identity = Identity.of(path)
        assert identity is not None
        count = len(video.vectors)
        shape = (1080, 1920) if video.is_portrait else (1920, 1080)
        clip = replace(
            clip_facts(),
            duration_s=float(count),
            container_duration_s=float(count),
            shown_width_px=shape[0],
            shown_height_px=shape[1],
        )
        times_ms = np.arange(count, dtype=np.int64) * 1000 + 500
        index.keep(identity, path, clip, MODEL, "pace-1000:0", Embedded(times_ms, video.vectors.astype(np.float32)))
        frames += count
    index.close()
    return frames


def questions(index: Index, scratch: Path, each: int, seed: int) -> list[Question]:
    """Return so many questions of each kind; examples are frames of the library."""
    rng = np.random.default_rng(seed)
    with index.reading() as db:
        rows = rows_of(db, MODEL)
        long = [row for row in rows if row.duration_s > 1200] or rows

        def film() -> np.ndarray[Any, np.dtype[np.float32]]:
            row = long[int(rng.integers(len(long)))]
            (found,) = indexed_videos(db, [row], MODEL)
            return found.vectors.astype(np.float32)

        def topic() -> str:
            return f"topic {int(rng.integers(0, 300))}"

        def scene(frames: int) -> np.ndarray[Any, np.dtype[np.float32]]:
            vectors = film()
            at = int(rng.integers(0, len(vectors) - frames))
            return vectors[at : at + frames]

        base = SearchTarget(min_score=0.0, top=TOP)
        found = []
        for number in range(each):
            made = (
                replace(base, prompts=(topic(),)),
                replace(base, prompts=(topic(), topic())),
                replace(base, prompts=(topic(), topic()), any_of=True),
                replace(base, prompts=(topic(),), against=(topic(),)),
                replace(base, examples=scene(1)),
                replace(base, examples=film()),
                replace(base, prompts=(topic(),), under=Extent.of(scratch / "library" / str(number % _FOLDERS))),
                replace(base, prompts=(topic(),), orientation=(Orientation.PORTRAIT,)),
                replace(base, prompts=(topic(),), examples=scene(10)),
            )
            found += [Question(kind, target) for kind, target in zip(KINDS, made, strict=True)]
    return found


class RecordedCache(VectorCache):
    """What all frames say to one question, as it was recorded; nothing is looked up in shards."""

    recorded: tuple[list[IndexRow], FrameScores]

    def sharded(self, under: Extent | None, takes: Callable[[IndexRow], bool]) -> ShardedPlaces | None:
        """Return None: every frame is asked."""

    def ask(
        self,
        value: Callable[[Any], Any],  # noqa: ARG002
        *,
        under: Extent | None = None,
        takes: Callable[[IndexRow], bool] = lambda _: True,
        left_out: AbstractSet[tuple[int, int]] = frozenset(),  # noqa: ARG002
    ) -> tuple[list[IndexRow], FrameScores]:
        """Return what was recorded of the videos that are asked."""
        rows, scores = self.recorded
        kept = [place for place, row in enumerate(rows) if takes(row) and (under is None or under.holds(row.path))]
        counts = np.diff(scores.offsets)
        frames = np.repeat(np.isin(np.arange(len(rows)), kept), counts)
        offsets = np.concatenate([[0], np.cumsum(counts[kept])]).astype(np.int64)
        durations = scores.durations_s[kept]
        return [rows[place] for place in kept], FrameScores(
            scores.times_ms[frames], scores.values[frames], offsets, durations
        )


def exact(index: Index, encoder: ClusteredEncoder, wanted: Sequence[Question], scratch: Path) -> list[list[Hit]]:
    """Return the hits of each question, by asking every frame; all in one pass over the index."""
    asking = [
        FrameQuestion.of(
            asked(one.target.prompts, one.target.against, encoder) if one.target.prompts else None,
            one.target.examples,
            EXAMPLE_WEIGHT * encoder.info.logit_scale,
        )
        for one in wanted
    ]
    rows: list[IndexRow] = []
    times: list[Any] = []
    waiting: list[Any] = []
    with contextlib.ExitStack() as stack, index.reading() as db:
        files = [
            stack.enter_context((scratch / f"said-{number}").open("w+b", buffering=0)) for number in range(len(asking))
        ]

        def ask() -> None:
            block = np.concatenate(waiting)
            waiting.clear()
            for question, file in zip(asking, files, strict=True):
                file.write(question.values(block).tobytes())

        known = {row.id: row for row in rows_of(db, MODEL)}
        for film in indexed_videos(db, known.values(), MODEL):
            rows.append(known[film.id])
            times.append(film.times_ms)
            waiting.append(film.vectors)
            if sum(len(vectors) for vectors in waiting) >= _BLOCK_FRAMES:
                ask()
        if waiting:
            ask()
        counts = [len(some) for some in times]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        durations_s = np.array([row.duration_s for row in rows])
        cache = RecordedCache(index, MODEL)
        hits = []
        for one, question, file in zip(wanted, asking, files, strict=True):
            file.seek(0)
            values = np.fromfile(file, np.float32).reshape(-1, question.columns)
            cache.recorded = rows, FrameScores(np.concatenate(times), values, offsets, durations_s)
            hits.append(search(cache, encoder, one.target).hits)
        cache.close()
    return hits


def recall(right: Sequence[Span], found: Sequence[Span]) -> float:
    """Return which part of the right scenes was found."""

    def is_found(scene: Span) -> bool:
        return any(
            video == scene[0]
            and min(end_s, scene[2]) - max(begin_s, scene[1]) >= 0.5 * (max(end_s, scene[2]) - min(begin_s, scene[1]))
            for video, begin_s, end_s in found
        )

    return sum(map(is_found, right)) / len(right) if right else 1.0


def spans(hits: Sequence[Hit]) -> list[Span]:
    """Return where hits are."""
    return [(hit.row.id, hit.begin_s, hit.end_s) for hit in hits]


def answer(index: Index, encoder: ClusteredEncoder, wanted: Sequence[Question]) -> Row:
    """Return what vsortd finds, and how long each question took, the best of some times; of a process of its own."""
    cache = VectorCache(index, MODEL)
    began_s = time.perf_counter()
    search(cache, encoder, SearchTarget(prompts=("topic 299",), top=TOP))
    cold_s = time.perf_counter() - began_s
    found, wall_s, cpu_s = [], [], []
    for one in wanted:
        times = []
        for _ in range(_TIMES):
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
            hits = search(cache, encoder, one.target).hits
            times.append((time.perf_counter() - began_s, time.process_time() - began_cpu_s))
        found.append(spans(hits))
        wall_s.append(min(wall for wall, _ in times))
        cpu_s.append(min(cpu for _, cpu in times))
    cache.close()
    memory_gb = peak_bytes() / 1e9
    speed = memory_bytes_per_s()
    return {"cold": cold_s, "found": found, "wall": wall_s, "cpu": cpu_s, "memory_gb": memory_gb, "bytes_per_s": speed}


def memory_bytes_per_s() -> float:
    """Return how fast all cores together read memory: the best of some passes."""
    cores = len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else os.cpu_count() or 1
    blocks = np.array_split(np.ones(_MEMORY_BYTES // 8, np.int64), cores)
    best_s = float("inf")
    with ThreadPoolExecutor(cores) as pool:
        for _ in range(_TIMES * 3):
            began_s = time.perf_counter()
            list(pool.map(np.max, blocks))
            best_s = min(best_s, time.perf_counter() - began_s)
    return _MEMORY_BYTES / best_s


def peak_bytes() -> int:
    """Return the most memory that this process had, with what it has mapped of files."""
    info = psutil.Process().memory_info()
    if hasattr(info, "peak_wset"):
        return int(info.peak_wset)
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def measure(hours: float, each: int, seed: int, scratch: Path) -> Row:
    """Return all figures of a library of so many hours, which is made in a folder."""
    library = MadeLibrary(seed=_SEED)
    frames = fill(scratch, library, hours)
    with contextlib.closing(Index(scratch / "index.sqlite3")) as index:
        shards = ShardFolder(index, MODEL)
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        shards.build(lambda: None)
        build_s, build_cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
        wanted = questions(index, scratch, each, seed)
        order = ("--ask", str(scratch), "--each", str(each), "--seed", str(seed))
        child = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.many_hours", *order], check=True, stdout=subprocess.PIPE
        )
        told = json.loads(child.stdout)
        right = [spans(hits) for hits in exact(index, ClusteredEncoder(library), wanted, scratch)]
        pass_s = frames * library.dim * np.dtype(np.float16).itemsize / told["bytes_per_s"]
        kinds = {}
        for kind in KINDS:
            own = [place for place, one in enumerate(wanted) if one.kind == kind]
            kinds[kind] = {
                "seconds": float(np.median([told["wall"][place] for place in own])),
                "cpu_s": float(np.median([told["cpu"][place] for place in own])),
                "passes": float(np.median([told["wall"][place] for place in own])) / pass_s,
                "recall": float(np.mean([recall(right[place], told["found"][place]) for place in own])),
            }
        return {
            "hours": hours,
            "frames": frames,
            "shards": len(shards.shards()),
            "runs": sum(len(shard.run_frames) for shard in shards.shards()),
            "index_gb": (scratch / "index.sqlite3").stat().st_size / 1e9,
            "shards_gb": sum(path.stat().st_size for path in shards.path.glob("*.shard")) / 1e9,
            "build_s": build_s,
            "build_cpu_s": build_cpu_s,
            "cold_s": told["cold"],
            "pass_s": pass_s,
            "memory_gb": told["memory_gb"],
            "kinds": kinds,
        }


def table_of(figures: Row) -> Table:
    """Return the figures of one size as a table, with what is to be reached."""
    title = (
        f"{figures['hours']:g} h: {figures['frames']:,} frames, {figures['runs']:,} runs in {figures['shards']} shards"
        f" ({figures['shards_gb']:.2f} GB beside {figures['index_gb']:.2f} GB), built in {figures['build_cpu_s']:.0f} s"
        f" of a core; {figures['memory_gb']:.2f} GB of memory, first question {figures['cold_s']:.2f} s; one pass over"
        f" all vectors at memory's speed {figures['pass_s']:.2f} s"
    )
    table = Table("question", "seconds", "CPU seconds", "passes", "recall", box=None, title=title, title_justify="left")
    for kind, one in figures["kinds"].items():
        table.add_row(kind, *(f"{one[name]:.3f}" for name in ("seconds", "cpu_s", "passes", "recall")))
    return table


def calculated(figures: Sequence[Row], hours: float = 10_000) -> Row:
    """Return what a larger library would take, by the straight line through the two largest ones."""
    one, other = figures[-2:]

    def at(name: str, kind: str = "") -> float:
        first, second = ((row["kinds"][kind] if kind else row)[name] for row in (one, other))
        slope = (second - first) / (other["hours"] - one["hours"])
        return float(second + slope * (hours - other["hours"]))

    names = ("shards_gb", "index_gb", "build_cpu_s", "memory_gb", "pass_s")
    kinds = {kind: {name: at(name, kind) for name in ("seconds", "cpu_s")} for kind in KINDS}
    return {"hours": hours, **{name: at(name) for name in names}, "kinds": kinds}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.many_hours", description=__doc__)
    parser.add_argument("--hours", default="100,1000,3000")
    parser.add_argument("--each", type=int, default=3, help="questions of each kind")
    parser.add_argument("--seed", type=int, default=11, help="of the questions; constants were chosen with 1")
    parser.add_argument("--folder", type=Path, help="where it is made; default: the folder for temporary files")
    parser.add_argument("--out", type=Path, help="the JSON file")
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    wishes = parser.parse_args(arguments)
    if wishes.ask is not None:
        with contextlib.closing(Index(wishes.ask / "index.sqlite3")) as index:
            wanted = questions(index, wishes.ask, wishes.each, wishes.seed)
            sys.stdout.write(json.dumps(answer(index, ClusteredEncoder(MadeLibrary(seed=_SEED)), wanted)))
        return 0
    usual = ShardSizes()
    if min(map(float, wishes.hours.split(","))) * _FRAMES_AN_HOUR < usual.large:
        os.environ[TEST_SIZES] = f"1,{usual.waiting},{usual.shard},{usual.few}"
    console = Console(width=None if sys.stdout.isatty() else 160)
    figures = []
    for hours in map(float, wishes.hours.split(",")):
        with tempfile.TemporaryDirectory(prefix="vsortd-many-hours-", dir=wishes.folder) as scratch:
            figures.append(measure(hours, wishes.each, wishes.seed, Path(scratch)))
        console.print(table_of(figures[-1]))
    document: Row = {"benchmark": "many_hours", "date": datetime.now(UTC).isoformat(timespec="seconds")}
    document |= {"machine": facts(), "figures": figures, "wanted": WANTED}
    if len(figures) > 1:
        document["calculated"] = calculated(figures)
        console.print(document["calculated"])
    if wishes.out is not None:
        wishes.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
