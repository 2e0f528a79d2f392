"""What only a machine with a GPU can tell: `.ci/task bench --gpu [--json result.json]`, at most eight minutes.

Each check is named with what it looks for; on a machine without a GPU that is all that is printed, and the exit code
is 77, which test runners take for "skipped". `--device cpu --quick` goes the same way on the processor with tiny sizes:
it shows that the script works, and measures nothing. Clips are rendered and weights drawn by chance once, and kept in
the cache.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import platformdirs
from rich.console import Console

from tests.benchmarks.indexing import Stopwatch, decode_moments, write_config
from tests.benchmarks.mixed_library import KINDS, LENGTHS_S, Kind, fill_library
from tests.benchmarks.speed.machine import facts, load
from tests.benchmarks.speed.models import choice
from vsortd.config.load import load_settings
from vsortd.config.settings import ModelChoice
from vsortd.vision.this_machine import ThisMachine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    import numpy.typing as npt

    from vsortd.vision.loading import LoadedModel

SCHEMA_VERSION: Final = 1
SKIPPED: Final = 77
"""The exit code where there is no GPU: what automake, meson and others take for a test that was skipped."""
_SAMPLE_MS: Final = 200
_TOLERANCE: Final = 3  # levels of 255, as tests/media/test_hardware.py allows

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything; `matrix` is the side of the product that tells the chip's limit."""

    model: str
    batches: tuple[int, ...]
    repeat_s: float
    matrix: int
    clips: int
    kinds: tuple[Kind, ...]
    lengths_s: tuple[int, ...]


FULL: Final = Scale("ViT-B-32", (1, 8, 32, 64, 128, 256, 512), 2.0, 8192, 104, KINDS, LENGTHS_S)
QUICK: Final = Scale("sample", (1, 3), 0.05, 128, 2, (Kind("h264", 160, 90, 12, "mp4"),), (2,))


@dataclass(frozen=True, slots=True)
class Run:
    """One run: where it computes and decodes, how much, and what it has made."""

    device: str
    decoder: str
    scale: Scale
    cache: Path
    work: Path
    clips: list[Path] = field(default_factory=list)

    @property
    def model(self) -> str | ModelChoice:
        """What is loaded."""
        chosen = choice(self.scale.model, self.cache)
        return chosen if isinstance(chosen, str) else ModelChoice(**chosen)

    def library(self) -> list[Path]:
        """Return the clips, made when first asked for."""
        if not self.clips:
            scale = self.scale
            made = fill_library(
                self.work / "library", scale.clips, self.cache, kinds=scale.kinds, lengths_s=scale.lengths_s
            )
            self.clips.extend(made)
        return self.clips


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what it looks at, what is wanted in words, and how it is done; `done` returns (figures, reached)."""

    name: str
    looks_at: str
    wanted: str
    done: Callable[[Run], tuple[Figures, bool]]


def encoder(run: Run) -> tuple[Figures, bool]:
    """Measure pictures a second through our encoder, and through the bare model whose pictures lie there already."""
    import numpy as np
    import torch

    from vsortd.vision.batching import BatchingEncoder
    from vsortd.vision.loading import load_model

    loaded = load_model(run.model, device=run.device)
    side = loaded.info.preprocess.side_px
    pictures = np.random.default_rng(1).integers(0, 256, (max(run.scale.batches), side, side, 3), dtype=np.uint8)
    limit = _products_a_second(run, loaded.dtype)
    work = _operations_a_picture(loaded, side)
    ours = BatchingEncoder(loaded, max_batch=max(run.scale.batches))
    rows: list[Figures] = []
    for size in run.scale.batches:
        there = torch.from_numpy(pictures[:size]).to(run.device).permute(0, 3, 1, 2).to(loaded.dtype)
        through = _a_second(run, size, partial(ours.encode_images, pictures[:size]))
        bare = _a_second(run, size, partial(_bare, loaded, there))
        share = through * work / limit
        rows.append(
            {"batch": size, "per_s": round(through, 1), "bare_per_s": round(bare, 1), "of_limit": round(share, 4)}
        )
    ours.close()
    largest = rows[-1]
    return {
        "dtype": loaded.info.dtype,
        "limit_tflops": round(limit / 1e12, 2),
        "gflop_a_picture": round(work / 1e9, 2),
        "batches": rows,
        "of_bare": round(max(row["per_s"] for row in rows) / max(row["bare_per_s"] for row in rows), 3),
    }, max(row["per_s"] for row in rows) >= 0.9 * largest["bare_per_s"]


def backlog(run: Run) -> tuple[Figures, bool]:
    """Index a library, and tell how long the GPU waited meanwhile."""
    from vsortd.library.indexing.embed import index_paths
    from vsortd.pipeline.services import Services

    paths = run.library()
    settings = load_settings(
        write_config(run.work / "backlog", run.work / "library", choice(run.scale.model, run.cache))
    )
    with Services.open(settings, run.work / "backlog-state", keep_trying=False, load_model=False) as services:
        ours = services.model.get(threading.Event()).encoder
        services.media.warm(settings.workers.decode_count())
        with Stopwatch() as watch, Utilisation() as used:
            outcomes = index_paths(services, paths)
        frames = sum(one.frames for one in outcomes)
        side, alone = ours.info.preprocess.side_px, Stopwatch()
        pictures = _noise(min(256, frames), side)
        ours.encode_images(pictures)
        with alone:
            for begin in range(0, frames, len(pictures)):
                ours.encode_images(pictures[: min(len(pictures), frames - begin)])
    wall_s = watch.figures["wall_s"]
    waits = max(0.0, 1 - alone.figures["wall_s"] / wall_s)
    return {
        **watch.figures,
        "clips": len(paths),
        "frames": frames,
        "frames_per_s": round(frames / wall_s, 1),
        "encode_alone_s": alone.figures["wall_s"],
        "model_waits": round(waits, 3),
        "driver_says_busy": used.mean(),
        "failed": sum(one.state == "failed" for one in outcomes),
    }, not any(one.state == "failed" for one in outcomes)


def decoding(run: Run) -> tuple[Figures, bool]:
    """Decode the same frames by the processor and by the device, and compare the pictures."""
    import numpy as np

    from vsortd.media.pool import MediaPool
    from vsortd.vision.loading import load_model

    shape = load_model(run.model, device=run.device).info.preprocess
    figures: Figures = {}
    pictures: dict[str, list[npt.NDArray[np.uint8]]] = {}
    for name, decoder in {"processor": "cpu", "device": run.decoder}.items():
        settings = load_settings(write_config(run.work / f"by-{name}", run.work / "library", "sample", decoder=decoder))
        with MediaPool.of(settings.workers) as pool:
            pool.warm(settings.workers.decode_count())
            asked = [(path, pool.probe(path)) for path in run.library()]
            with Stopwatch() as watch:
                found = decode_moments(settings, pool, asked, shape)
            why_not = pool.greeting.no_hardware if pool.greeting is not None else "no worker started"
        pictures[name] = [frames.pixels for frames in found]
        figures[name] = {**watch.figures, "frames": sum(map(len, pictures[name])), "why_not": why_not}
    pairs = zip(pictures["processor"], pictures["device"], strict=True)
    worst = max((int(np.abs(a.astype(int) - b).max(initial=0)) for a, b in pairs if a.shape == b.shape), default=0)
    same = figures["processor"]["frames"] == figures["device"]["frames"] and worst <= _TOLERANCE
    figures["times_as_fast"] = round(figures["processor"]["wall_s"] / max(1e-9, figures["device"]["wall_s"]), 2)
    return {**figures, "worst_difference": worst}, same and not figures["device"]["why_not"]


def confinement(run: Run) -> tuple[Figures, bool]:
    """Start a worker that has to be confined and decodes with the device, and look at what the kernel holds of it."""
    from vsortd.media.pool import MediaPool

    settings = load_settings(
        write_config(run.work / "confined", run.work / "library", "sample", decoder=run.decoder, confine="require")
    )
    with MediaPool.of(settings.workers, count=1) as pool:
        clip = pool.probe(run.library()[0])
        greeting = pool.greeting
        assert greeting is not None
        (pid,) = pool.pids()
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    figures: Figures = {
        "landlock_abi": greeting.confined.landlock_abi,
        "seccomp": status.get("Seccomp", "").strip(),
        "no_new_privileges": status.get("NoNewPrivs", "").strip(),
        "problem": greeting.problem,
        "why_not": greeting.no_hardware,
        "frames": clip.frames,
    }
    held = greeting.confined.whole and not greeting.problem and figures["seccomp"] == "2"
    return figures, held and not greeting.no_hardware


CHECKS: Final = (
    Check(
        "confinement",
        "a decoder with CUDA in its cell: Landlock and seccomp hold, and the device opens all the same",
        "both hold, a clip is decoded",
        confinement,
    ),
    Check(
        "encoder",
        "pictures a second at several batch sizes, against the bare model and the chip's own matrix product",
        "≥ 0.9 of the bare model at its best",
        encoder,
    ),
    Check(
        "decoding",
        "NVDEC against the processor: the same frames, time, and how far the pictures differ",
        f"the same frames, at most {_TOLERANCE} of 255 levels apart",
        decoding,
    ),
    Check(
        "backlog",
        "a mixed library at one frame a second: frames a second, and the share of time that the GPU waits",
        "no clip fails; the rest is told",
        backlog,
    ),
)


class Utilisation:
    """Asks NVIDIA's driver how busy the GPU is for as long as the context lasts; of no GPU nothing is told."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._percents: list[float] = []

    def __enter__(self) -> Self:
        query = ("--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", f"--loop-ms={_SAMPLE_MS}")
        try:
            self._process = subprocess.Popen(
                ["nvidia-smi", *query], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        except OSError:
            return self
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            said, _ = self._process.communicate()
            self._percents = [float(line) for line in said.split() if line.replace(".", "", 1).isdigit()]

    def mean(self) -> float | None:
        """Return the mean share of the samples in which something ran, None where nobody told."""
        return round(sum(self._percents) / len(self._percents) / 100, 3) if self._percents else None


def _noise(count: int, side_px: int) -> npt.NDArray[np.uint8]:
    import numpy as np

    return np.random.default_rng(1).integers(0, 256, (count, side_px, side_px, 3), dtype=np.uint8)


def _a_second(run: Run, size: int, work: Callable[[], object]) -> float:
    """Return how many pictures a second a batch makes, after two that don't count."""
    for _ in range(2):
        work()
    _wait_for(run)
    began_s, batches = time.perf_counter(), 0
    while (gone_s := time.perf_counter() - began_s) < run.scale.repeat_s or not batches:
        work()
        batches += 1
        _wait_for(run)
    return batches * size / max(gone_s, time.perf_counter() - began_s)


def _wait_for(run: Run) -> None:
    import torch

    if run.device.startswith("cuda"):
        torch.cuda.synchronize()


def _bare(loaded: LoadedModel, there: Any) -> None:
    import torch

    with torch.no_grad():
        loaded.module.encode_image(there)


def _products_a_second(run: Run, dtype: Any) -> float:
    """Return the operations a second of a large square matrix product: as fast as the chip gets."""
    import torch

    side = run.scale.matrix
    left, right = (torch.randn(side, side, device=run.device).to(dtype) for _ in range(2))
    return _a_second(run, 1, lambda: left @ right) * 2 * side**3


def _operations_a_picture(loaded: LoadedModel, side_px: int) -> float:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        _bare(loaded, torch.zeros(1, 3, side_px, side_px, device=loaded.device, dtype=loaded.dtype))
    return float(counter.get_total_flops())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the checks that there is time for."""
    parser = argparse.ArgumentParser(prog=".ci/task bench --gpu", description=__doc__)
    names = [one.name for one in CHECKS]
    parser.add_argument("--only", choices=names, action="append", help="may be repeated; all by default")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: a trial of the script")
    parser.add_argument("--seconds", type=float, default=480.0, help="begin no check after so long")
    parser.add_argument("--cache", type=Path, default=platformdirs.user_cache_path("vsortd") / "speed")
    parser.add_argument("--json", type=Path, help="where the result goes")
    wishes = parser.parse_args(arguments)
    checks = [one for one in CHECKS if one.name in (wishes.only or names)]
    out = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    skipped = wishes.device == "cuda" and not ThisMachine.look().gpus
    document: Figures = {
        "schema_version": SCHEMA_VERSION,
        "benchmark": "gpu",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "scale": "quick" if wishes.quick else "full",
        "device": wishes.device,
        "skipped": "there is no GPU on this machine" if skipped else "",
        "machine": facts(),
    }
    if skipped:
        document["checks"] = [_told(one, {}, None) for one in checks]
        out.print("There is no GPU on this machine, so nothing was measured. With one this would be checked:")
    else:
        document["checks"] = _run(wishes, checks)
    for one in document["checks"]:
        _print(out, one)
    document["machine"]["load_after"] = load()
    if wishes.json is not None:
        wishes.json.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return SKIPPED if skipped else int(any(one["reached"] is False for one in document["checks"]))


def _run(wishes: argparse.Namespace, checks: Iterable[Check]) -> list[Figures]:
    ends_s = time.monotonic() + wishes.seconds
    wishes.cache.mkdir(parents=True, exist_ok=True)
    found = []
    with tempfile.TemporaryDirectory(prefix="gpu-", dir=wishes.cache) as work:
        run = Run(wishes.device, wishes.device, QUICK if wishes.quick else FULL, wishes.cache, Path(work))
        for check in checks:
            if time.monotonic() > ends_s:
                found.append(_told(check, {"why_not": "the time was up"}, None))
                continue
            began_s = time.monotonic()
            try:
                figures, reached = check.done(run)
            except Exception as error:  # noqa: BLE001 - one check that fails costs no other: the time is dear
                figures, reached = {"error": f"{type(error).__name__}: {error}"}, False
            found.append({**_told(check, figures, reached), "took_s": round(time.monotonic() - began_s, 1)})
    return found


def _told(check: Check, figures: Figures, reached: bool | None) -> Figures:  # noqa: FBT001 - three states
    return {
        "name": check.name,
        "looks_at": check.looks_at,
        "wanted": check.wanted,
        "figures": figures,
        "reached": reached,
    }


def _print(out: Console, one: Figures) -> None:
    state = {True: "reached", False: "MISSED", None: "not run"}[one["reached"]]
    out.print(f"\n{one['name']}: {one['looks_at']}\n  wanted: {one['wanted']}; {state}", markup=False)
    for name, value in one["figures"].items():
        rows = value if isinstance(value, list) else [value]
        for row in rows:
            out.print(f"  {name}: {row}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
