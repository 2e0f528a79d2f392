"""What grouping a library costs: `python -m tests.benchmarks.clustering [--videos 20 500 1000 100000]`.

Vectors are made, not embedded: groups of uneven sizes and spreads below a few topics, a tenth of the videos in no
group, 512 dimensions, eight frames a video. Each size runs in a process of its own, because the time includes what a
command pays beyond its start: importing scikit-learn, and for many videos compiling UMAP.
`again` is what the same question costs, from what was kept. Prints a table, and writes a JSON file with `--out`.
`found` is the adjusted Rand index of the groups against those that were made, over the videos that are in one by both.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.benchmarks.speed.machine import facts
from vsortd.core.identity import Identity
from vsortd.index.video import IndexedVideo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

DIMS, FRAMES = 512, 8
SEED = 7
NOISE = 0.1  # the part of the videos that belongs to no group
STEPS = ("reading", "finding neighbours", "laying out", "grouping", "drawing the map", "joining the others")
MOST_HELD = 200_000  # films that are made before the clock runs; more are made as they are read, and that is taken off


def truth_of(count: int) -> npt.NDArray[np.int64]:
    """Return which group each of `count` videos is in, -1 for none: about one group for a hundred videos, up to 200."""
    rng = np.random.default_rng(SEED)
    groups = min(200, max(3, count // 100))
    shares = rng.dirichlet(np.full(groups, 4.0))
    labels = rng.choice(groups, count, p=shares)
    labels[rng.random(count) < NOISE] = -1
    return labels.astype(np.int64)


def made_films(truth: npt.NDArray[np.int64]) -> Iterator[IndexedVideo]:
    """Yield a film a video: its frames lie around its own place, and that around its group's."""
    rng = np.random.default_rng(SEED + 1)
    groups = int(truth.max()) + 1
    topics = rng.normal(size=(max(2, groups // 6), DIMS))
    centres = topics[rng.integers(len(topics), size=groups)] + 0.9 * rng.normal(size=(groups, DIMS))
    spreads = rng.uniform(0.5, 1.1, groups)
    times = np.arange(FRAMES, dtype=np.int64) * 1000
    for number, label in enumerate(truth):
        if label < 0:
            place = topics[rng.integers(len(topics))] * rng.uniform(0, 1) + 1.4 * rng.normal(size=DIMS)
        else:
            place = centres[label] + spreads[label] * rng.normal(size=DIMS)
        frames = place + 0.4 * rng.normal(size=(FRAMES, DIMS))
        vectors = (frames / np.linalg.norm(frames, axis=1, keepdims=True)).astype(np.float16)
        identity = Identity(1, number + 1, 1, 1)
        path = Path(f"/library/{number:06d}.mp4")
        yield IndexedVideo(number, identity, path, float(FRAMES), 1920, 1080, 0.0, times, vectors)


class Making:
    """Makes films as they are asked for, and notes what that costs."""

    def __init__(self) -> None:
        self.wall_s = self.cpu_s = 0.0

    def of(self, truth: npt.NDArray[np.int64]) -> Iterator[IndexedVideo]:
        """Yield the made films."""
        films = made_films(truth)
        while True:
            begin, cpu_begin = time.perf_counter(), time.process_time()
            film = next(films, None)
            self.wall_s += time.perf_counter() - begin
            self.cpu_s += time.process_time() - cpu_begin
            if film is None:
                return
            yield film


def measure(count: int) -> dict[str, Any]:
    """Group a made library and return what it cost; meant for a fresh process."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command does before torch is imported
    from vsortd.library.clusters.cluster_plots import map_picture
    from vsortd.library.clusters.grouping import group_films
    from vsortd.library.clusters.kept_layouts import KeptLayouts

    truth = truth_of(count)
    making = Making()
    held = list(made_films(truth)) if count <= MOST_HELD else None
    films = making.of(truth) if held is None else held
    with tempfile.TemporaryDirectory() as state_folder:
        layouts = KeptLayouts(Path(state_folder))
        begin, cpu_begin = time.perf_counter(), time.process_time()
        found = group_films(films, model="made", layouts=layouts)
        wall_s, cpu_s, peak = time.perf_counter() - begin, time.process_time() - cpu_begin, peak_mb()
        wall_s, cpu_s = wall_s - making.wall_s, cpu_s - making.cpu_s
        begin, cpu_begin = time.perf_counter(), time.process_time()
        if held is not None:
            group_films(held, model="made", layouts=layouts)
        again_wall_s, again_cpu_s = time.perf_counter() - begin, time.process_time() - cpu_begin
    begin = time.perf_counter()
    map_picture(found)
    from sklearn.metrics import adjusted_rand_score

    both = (truth >= 0) & (found.labels >= 0)
    return {
        "videos": count,
        "min_size": found.min_size,
        "neighbors": found.neighbors,
        "groups_made": int(truth.max()) + 1,
        "groups": len(found.groups),
        "noise_share": len(found.noise) / count,
        "found": float(adjusted_rand_score(truth[both], found.labels[both])),
        "seconds": {**found.seconds, "picture": time.perf_counter() - begin},
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "again_wall_s": again_wall_s,
        "again_cpu_s": again_cpu_s,
        "peak_mb": peak,
    }


def peak_mb() -> float:
    """Return the most memory that this process has held, MB; the films that were made are in it."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def table_of(rows: Sequence[dict[str, Any]]) -> Table:
    """Return the rows as a table."""
    heads = (
        "videos",
        "min size",
        "made",
        "groups",
        "noise",
        "found",
        *(f"{step} s" for step in STEPS),
        "all s",
        "CPU s",
        "again CPU s",
        "MB",
    )
    table = Table(*heads, box=None, title="Grouping", title_justify="left", pad_edge=False)
    for row in rows:
        table.add_row(
            f"{row['videos']:,}",
            str(row["min_size"]),
            str(row["groups_made"]),
            str(row["groups"]),
            f"{row['noise_share']:.0%}",
            f"{row['found']:.3f}",
            *(f"{row['seconds'].get(step, 0):.2f}" for step in STEPS),
            f"{row['wall_s']:.1f}",
            f"{row['cpu_s']:.1f}",
            f"{row['again_cpu_s']:.1f}",
            f"{row['peak_mb']:.0f}",
        )
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.clustering", description=__doc__)
    parser.add_argument("--videos", type=int, nargs="+", default=[10, 20, 50, 100, 200, 500, 1000, 10_000, 100_000])
    parser.add_argument("--out", type=Path, help="the JSON file")
    wishes = parser.parse_args(arguments)
    rows = []
    for count in wishes.videos:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            rows.append(pool.submit(measure, count).result())
    Console(width=None if sys.stdout.isatty() else 180).print(table_of(rows))
    if wishes.out is not None:
        document = {"machine": facts(), "rows": rows}
        wishes.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
