"""How fast a library is indexed: `python -m tests.benchmarks.indexing [--clips 200] [--turns 3] [--json result.json]`.

A library of mixed clips at one frame a second, by turns in one run, each part in a process of its own whose model is
loaded and warm before the clock starts:

- `index`: what `vsortd index` does, into a new index.
- `decode`: the same frames through the same worker processes and nothing else, each clip in one go.
- `encode`: as many frames in full batches through the same encoder and nothing else.
- `both`: these two at once, for where decoding and encoding share the processor no program is quicker than that.
- `script`: what everybody writes, once: ffmpeg's `fps=1` into JPEG files, then one after the other through the model;
  of some of the clips only with `--script`, as if the others took as long for each frame.

The slower floor is the longer one of `decode` and `encode`. Then, of a part of the clips, the CPU time of decoding by
other ways: what keyframes alone would save, or skipping what no frame refers to. CPU seconds are those of all
processes together, and what to compare on a machine that does other things. Prints tables, writes a JSON file with
`--json`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final, Self

import platformdirs
from rich.console import Console
from rich.table import Table

from tests.benchmarks.mixed_library import LENGTHS_S, fill_library
from tests.benchmarks.speed.home import environment
from tests.benchmarks.speed.machine import facts, load
from tests.benchmarks.speed.models import choice
from tests.benchmarks.speed.plan import MODELS
from tests.benchmarks.speed.processes import cpu_s, measured
from vsortd.config.load import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsortd.config.settings import Settings
    from vsortd.core.video_facts import Clip
    from vsortd.media.frames import Frames
    from vsortd.media.pool import MediaPool
    from vsortd.media.preprocess import Preprocess
    from vsortd.vision.encoder import Encoder

SCHEMA_VERSION: Final = 1
WANTED: Final = 0.9
STEP_MS: Final = 1000
_BATCH: Final = 32
_SNAPS_MS: Final = {"exact frames": 0, "a keyframe within 0.25 s (as it is)": 250, "within 0.5 s": 500}
_ANY_KEYFRAME_MS: Final = 10**9
_FFMPEG_SKIPS: Final = {
    "ffmpeg, every frame": "default",
    "ffmpeg, none unreferred": "noref",
    "ffmpeg, keyframes": "nokey",
}
_PARTS: Final = ("index", "decode", "encode", "both")

Figures = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark, or one part of it with its task on stdin."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.indexing", description=__doc__)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS_S, metavar="S")
    parser.add_argument("--real", type=Path, metavar="FOLDER", help="put the videos of a folder beside the made ones")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--model", choices=MODELS, default="sample")
    parser.add_argument(
        "--script",
        type=int,
        default=1,
        metavar="N",
        help="the script, of each Nth clip (no multiple of 13 kinds); 0: no",
    )
    parser.add_argument(
        "--ways", type=int, default=5, metavar="N", help="other ways of decoding, of each Nth clip; 0: no"
    )
    parser.add_argument("--cache", type=Path, default=platformdirs.user_cache_path("vsortd") / "speed")
    parser.add_argument("--json", type=Path, help="where the result goes")
    parser.add_argument("--part", choices=(*_PARTS, "script", "ways"), help=argparse.SUPPRESS)
    wishes = parser.parse_args(arguments)
    if wishes.part:
        json.dump(_part(wishes.part, json.load(sys.stdin)), sys.stdout)
        return 0
    document: Figures = {
        "schema_version": SCHEMA_VERSION,
        "benchmark": "indexing",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": facts(),
        "model": wishes.model,
    }
    wishes.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="indexing-", dir=wishes.cache) as scratch:
        for found in _measure(wishes, Path(scratch)):  # a run that is cut off leaves what it has
            document.update(found)
            document["machine"]["load_after"] = load()
            if wishes.json is not None:
                wishes.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    out = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    for table in _tables(document):
        out.print(table, "")
    return 0


def _measure(wishes: argparse.Namespace, scratch: Path) -> Iterator[Figures]:
    """Make the library and take the turns; yield what is known after each part."""
    library = scratch / "library"
    clips = fill_library(library, wishes.clips, wishes.cache, lengths_s=wishes.lengths)
    if wishes.real is not None:
        shutil.copytree(wishes.real, library / "real")
        clips += sorted(path for path in (library / "real").iterdir() if path.suffix in {".mp4", ".mov"})
    config = write_config(scratch, library, choice(wishes.model, wishes.cache))
    task = {"config": str(config), "clips": [str(path) for path in clips]}
    turns: dict[str, list[Figures]] = {name: [] for name in _PARTS}
    found: Figures = {
        "clips": len(clips),
        "megabytes": round(sum(p.stat().st_size for p in clips) / 1e6),
        "frames": 0,
        "turns": turns,
    }
    for number in range(wishes.turns):
        for name in _PARTS:
            state = scratch / f"state-{number}-{name}"
            turns[name].append(_child(name, {**task, "state": str(state), "frames": found["frames"]}, scratch))
            found["frames"] = found["frames"] or turns[name][-1]["frames"]
            yield found
    if wishes.script:
        chosen = {"model": choice(wishes.model, wishes.cache), "scratch": str(scratch)}
        found["script"] = _child("script", {**task, **chosen, "clips": task["clips"][:: wishes.script]}, scratch)
        yield found
    if wishes.ways:
        found["ways"] = _child("ways", {**task, "clips": task["clips"][:: wishes.ways]}, scratch)
    found["summary"] = _summary(found)
    yield found


def write_config(folder: Path, library: Path, model: str | dict[str, str], **workers: str) -> Path:
    """Write a config into a folder, for a library, a model and options of the workers; returns its path."""
    inbox, config = folder / "Inbox", folder / "vsortd.yaml"
    inbox.mkdir(parents=True)
    config.write_text(
        f"version: 2\ninboxes: [{{path: {inbox}}}]\nlibrary: {library}\nmodel: {json.dumps(model)}\n"
        f"workers: {json.dumps(workers)}\nrules: [{{name: sea, prompts: [the sea]}}]\n",
        encoding="utf-8",
    )
    return config


def _child(name: str, task: Figures, folder: Path) -> Figures:
    """Run a part in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.indexing", "--part", name]
    # threads that wait sleep, the script's too: on a busy machine they spin six times as long as they work
    sleeping = {**environment(), "OMP_WAIT_POLICY": "passive"}
    out, usage = measured(command, environment=sleeping, said=folder / f"{name}.log", given=json.dumps(task))
    found: Figures = json.loads(out)
    return {**found, "peak_mb": round(usage.peak_mb)}


def _summary(found: Figures) -> Figures:
    """Return the ratios: medians of the turns, each of parts that ran one after the other."""
    turns = found["turns"]
    each = list(zip(*(turns[name] for name in _PARTS), strict=True))
    ratios: Figures = {
        "of_slower_floor": median(max(d["wall_s"], e["wall_s"]) / i["wall_s"] for i, d, e, _ in each),
        "of_both_at_once": median(b["wall_s"] / i["wall_s"] for i, _, _, b in each),
        "cpu_of_floors": median((d["cpu_s"] + e["cpu_s"]) / i["cpu_s"] for i, d, e, _ in each),
    }
    if "script" in found:
        script, part = found["script"], found["script"]["frames"] / found["frames"]
        ratios["times_the_script"] = script["wall_s"] / part / median(one["wall_s"] for one in turns["index"])
        ratios["times_the_script_by_cpu"] = script["cpu_s"] / part / median(one["cpu_s"] for one in turns["index"])
    return {name: round(value, 3) for name, value in ratios.items()}


# What runs in the processes of their own.


def _part(name: str, task: Figures) -> Figures:
    settings = load_settings(Path(task["config"]))
    paths = [Path(path) for path in task["clips"]]
    if name == "script":
        return _script(paths, task["model"], Path(task["scratch"]))
    if name == "index":
        return _index(settings, paths, Path(task["state"]))
    from vsortd.media.pool import MediaPool
    from vsortd.vision.factory import load_encoder

    encoder = load_encoder(settings.model)
    with MediaPool.of(settings.workers) as pool:
        pool.warm(settings.workers.decode_count())
        if name == "ways":
            found = _ways(pool, encoder.info.preprocess, paths)
        else:
            found = _floor(name, settings, pool, encoder, task)
    encoder.close()
    return found


def _index(settings: Settings, paths: list[Path], state: Path) -> Figures:
    """Index the library; its frames are told by how many there are, and by a sum over what was seen."""
    from vsortd.library.indexing.embed import index_paths
    from vsortd.pipeline.services import Services

    with Services.open(settings, state, keep_trying=False, load_model=False) as services:
        encoder = services.model.get(threading.Event()).encoder
        _warm(encoder)
        services.media.warm(settings.workers.decode_count())
        with Stopwatch() as watch:
            outcomes = index_paths(services, paths)
        films = list(services.index.films(encoder.info.key))
    failed = [str(one.path) for one in outcomes if one.state == "failed"]
    if failed:
        raise RuntimeError(f"not indexed: {failed}")
    return {**watch.figures, "frames": sum(one.frames for one in outcomes), "films": len(films)}


def _floor(name: str, settings: Settings, pool: MediaPool, encoder: Encoder, task: Figures) -> Figures:
    """Decode, encode, or both at once, with nothing else to do."""
    import numpy as np

    frames: int = task["frames"]
    shape = encoder.info.preprocess
    asked = [(path, pool.probe(path)) for path in map(Path, task["clips"])]
    pictures = np.random.default_rng(1).integers(0, 256, (_BATCH, shape.side_px, shape.side_px, 3), dtype=np.uint8)
    _warm(encoder)

    def encode() -> int:
        for begin in range(0, frames, _BATCH):
            encoder.encode_images(pictures[: min(_BATCH, frames - begin)])
        return frames

    def decode() -> int:
        return sum(len(frames.times_ms) for frames in decode_moments(settings, pool, asked, shape))

    jobs = {"decode": [decode], "encode": [encode], "both": [decode, encode]}[name]
    with Stopwatch() as watch, ThreadPoolExecutor(len(jobs)) as crew:
        counts = [future.result() for future in [crew.submit(job) for job in jobs]]
    return {**watch.figures, "frames": counts[0]}


def decode_moments(
    settings: Settings, pool: MediaPool, asked: Sequence[tuple[Path, Clip]], shape: Preprocess
) -> list[Frames]:
    """Return what an index looks at of each clip, as many clips at once as there are workers."""
    with ThreadPoolExecutor(settings.workers.decode_count()) as crew:
        return list(crew.map(lambda one: _moments(pool, one, shape, snap_ms=STEP_MS // 4), asked))


def _moments(pool: MediaPool, asked: tuple[Path, Clip], shape: Preprocess, *, snap_ms: int) -> Frames:
    """Return the frames of a clip, all in one request."""
    from vsortd.library.indexing.sampling import moments_of

    path, clip = asked
    wanted = moments_of(clip.duration_s, STEP_MS, frames=clip.frames)
    return pool.moments(path, clip, wanted, shape, snap_ms=snap_ms)


def _ways(pool: MediaPool, shape: Preprocess, paths: list[Path]) -> Figures:
    """Return the CPU time of decoding by each way, and how many frames come of it."""
    asked = [(path, pool.probe(path)) for path in paths]
    found: Figures = {}
    for name, snap_ms in {**_SNAPS_MS, "keyframes alone": _ANY_KEYFRAME_MS}.items():
        with Stopwatch() as watch:
            counts = [len(_moments(pool, one, shape, snap_ms=snap_ms).times_ms) for one in asked]
        found[name] = {**watch.figures, "frames": sum(counts)}
    for name, skip in _FFMPEG_SKIPS.items():
        with Stopwatch() as watch:
            for path in paths:
                _ffmpeg("-threads", "1", "-skip_frame", skip, "-i", f"file:{path}", "-an", "-f", "null", "-")
        found[name] = watch.figures
    found["clips"] = len(paths)
    found["hardware"] = _hardware()
    return found


def _hardware() -> list[str]:
    """Return what could decode on this machine beside its processor."""
    nodes = [str(path) for path in Path("/dev").glob("nvidia[0-9]*")]
    return nodes + [str(path) for path in Path("/dev/dri").glob("renderD*")]


def _script(clips: Sequence[Path], model: str | dict[str, str], scratch: Path) -> Figures:
    """Do what everybody writes; its model is loaded before, as ours is."""
    import torch
    from open_clip.transform import image_transform
    from PIL import Image

    from tests.benchmarks.speed.recipe import extract
    from vsortd.config.settings import ModelChoice
    from vsortd.vision.loading import load_model

    chosen = model if isinstance(model, str) else ModelChoice(**model)
    loaded = load_model(chosen, device="cpu", dtype=torch.float32)
    shape = loaded.info.preprocess
    transform: Any = image_transform(
        shape.side_px, is_train=False, mean=shape.mean, std=shape.std, interpolation=shape.interpolation
    )
    frames, side = 0, shape.side_px
    with torch.no_grad():
        loaded.module.encode_image(torch.zeros(1, 3, side, side))
    with Stopwatch() as watch, torch.no_grad():
        for clip in clips:
            folder = Path(tempfile.mkdtemp(dir=scratch))
            for path in extract(clip, folder):
                with Image.open(path) as picture:
                    loaded.module.encode_image(transform(picture.convert("RGB")).unsqueeze(0))
                frames += 1
            shutil.rmtree(folder)
    return {**watch.figures, "frames": frames}


def _warm(encoder: Encoder) -> None:
    import numpy as np

    side = encoder.info.preprocess.side_px
    for size in (1, _BATCH):
        encoder.encode_images(np.zeros((size, side, side, 3), np.uint8))


class Stopwatch:
    """What a context took: wall time, and the CPU time of this process and its children."""

    def __init__(self) -> None:
        self.figures: Figures = {}

    def __enter__(self) -> Self:
        self._wall_s, self._cpu_s = _now()
        return self

    def __exit__(self, *_: object) -> None:
        wall_s, cpu_s = _now()
        self.figures = {"wall_s": round(wall_s - self._wall_s, 3), "cpu_s": round(cpu_s - self._cpu_s, 3)}


def _now() -> tuple[float, float]:
    return time.perf_counter(), cpu_s(os.getpid())


def _ffmpeg(*words: str) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "fatal", "-y", *words], check=True)


def _tables(document: Figures) -> list[Table]:
    """Return the figures as tables."""
    title = f"{document['clips']} clips, {document['megabytes']} MB, {document['frames']:,} frames, {document['model']}"
    whole = Table(
        "part", "s", "CPU s", "frames/s", "peak MB", box=None, title=title, title_justify="left", pad_edge=False
    )
    rows = dict(document["turns"]) | ({"script": [document["script"]]} if "script" in document else {})
    for name, turns in rows.items():
        wall_s, used_s = (median(one[key] for one in turns) for key in ("wall_s", "cpu_s"))
        peak = str(max(one["peak_mb"] for one in turns)) if "peak_mb" in turns[0] else ""
        whole.add_row(name, f"{wall_s:.1f}", f"{used_s:.1f}", f"{turns[0]['frames'] / wall_s:.0f}", peak)
    ratios = Table("ratio", "got", "wanted", box=None, pad_edge=False)
    for name, value in document["summary"].items():
        ratios.add_row(name, f"{value:.2f}", f"≥ {WANTED}" if name == "of_slower_floor" else "")
    tables = [whole, ratios]
    if "ways" in document:
        ways = {name: one for name, one in document["ways"].items() if name != "peak_mb"}
        hardware = ", ".join(ways.pop("hardware")) or "none"
        title = f"Decoding {ways.pop('clips')} of the clips; hardware that could: {hardware}"
        table = Table("way", "CPU s", "frames", box=None, title=title, title_justify="left", pad_edge=False)
        for name, one in ways.items():
            table.add_row(name, f"{one['cpu_s']:.1f}", str(one.get("frames", "")))
        tables.append(table)
    return tables


if __name__ == "__main__":
    sys.exit(main())
