"""What can't be done without, each alone: decoding the same frames, encoding the same batches, renaming and syncing.

`python -m tests.benchmarks.speed.floors decode|encode|move` takes its task as JSON on stdin and prints JSON. Decoding
goes through vsortd's own worker processes, all at work, encoding through its own resident encoder, with as many callers
as the daemon has workers; or, with `alone` in the task, one after the other. Nothing else is done.
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from vsortd.config.load import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vsortd.config.settings import Settings


Task = dict[str, Any]
Result = dict[str, Any]


def main() -> None:
    """Do one of the three."""
    task: Task = json.load(sys.stdin)
    floor = {"decode": decode, "encode": encode, "move": move}[sys.argv[1]]
    json.dump(floor(task), sys.stdout)


def decode(task: Task) -> Result:
    """Probe every clip and take its frames, look by look; `clips` are [path, sizes of the looks]."""
    from vsortd.media.pool import MediaPool
    from vsortd.vision.loading import load_model

    settings = load_settings(Path(task["config"]))
    preprocess = load_model(settings.model).info.preprocess
    limits = settings.workers
    workers, total = limits.decode_count(), settings.sampling.max_frames
    with MediaPool(workers, timeout_s=limits.time_limit_s, memory_bytes=limits.memory_bytes) as pool:
        pool.warm(workers)

        def take(clip: tuple[str, list[int]]) -> tuple[int, int]:
            path, (begin, *later) = Path(clip[0]), clip[1]
            facts, part, _ = pool.look(path, range(begin), total, preprocess)
            frames, exact = len(part.times_ms), part.exact
            for size in later:
                part = pool.sample(path, facts, range(begin, begin + size), total, preprocess)
                begin, frames, exact = begin + size, frames + len(part.times_ms), exact + part.exact
            return frames, exact

        timing = _together(take, task["clips"], 1 if task["alone"] else workers)
    counts = timing.pop("results")
    return {**timing, "frames": sum(n for n, _ in counts), "exact": sum(n for _, n in counts)}


def encode(task: Task) -> Result:
    """Encode batches of the sizes in `batches`, asked for by as many threads as the daemon has workers."""
    import numpy as np

    from vsortd.vision.factory import load_encoder

    settings = load_settings(Path(task["config"]))
    encoder = load_encoder(settings.model)
    side = encoder.info.preprocess.side_px
    batches: list[int] = task["batches"]
    dice = np.random.default_rng(1)
    pictures = dice.integers(0, 256, (max(batches), side, side, 3), dtype=np.uint8)
    for size in sorted({*batches}):
        encoder.encode_images(pictures[:size])  # the first of a size costs more
    workers = 1 if task["alone"] else _worker_count(settings)
    timing = _together(lambda size: len(encoder.encode_images(pictures[:size])), batches, workers)
    encoder.close()
    return {**timing, "results": None, "frames": sum(batches), "dtype": encoder.info.dtype}


def move(task: Task) -> Result:
    """Move `number` small files into another folder, each synced before and both folders after, as filing must."""
    source, target = Path(task["folder"]) / "from", Path(task["folder"]) / "to"
    source.mkdir(parents=True)
    target.mkdir()
    names = [f"{number:05}.mp4" for number in range(task["number"])]
    for name in names:
        (source / name).write_bytes(b"x" * 3000)
    os.sync()
    folders = [os.open(folder, os.O_RDONLY) for folder in (source, target)]

    def one(name: str) -> None:
        _sync(source / name)
        (source / name).rename(target / name)
        for folder in folders:
            os.fsync(folder)

    timing = _together(one, names, 1)
    for folder in folders:
        os.close(folder)
    return {**timing, "results": None}


def _together(work: Callable[[Any], Any], items: Sequence[Any], threads: int) -> Result:
    """Do something with each item on some threads; returns wall time, the median of one, and the results."""
    spent_ms: list[float] = []

    def timed(item: Any) -> Any:
        began_s = time.perf_counter()
        result = work(item)
        spent_ms.append((time.perf_counter() - began_s) * 1000)
        return result

    began_s, cpu_s = time.perf_counter(), _cpu_s()
    with ThreadPoolExecutor(threads) as crew:
        results: Iterable[Any] = list(crew.map(timed, items))
    wall_s = time.perf_counter() - began_s
    return {
        "wall_s": wall_s,
        "cpu_s": _cpu_s() - cpu_s,
        "median_ms": median(spent_ms),
        "results": results,
    }


def _worker_count(settings: Settings) -> int:
    return 2 * settings.workers.decode_count() + 4  # as vsortd.pipeline.services.Services.worker_count


def _cpu_s() -> float:
    from tests.benchmarks.speed.processes import cpu_s

    return cpu_s(os.getpid())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main()
