"""How fast a library answers: `python -m tests.benchmarks.searching [--hours 100] [--out result.json]`.

An index of so many hours at one frame a second is made, with vectors of ViT-B-32's length (the weights are random: the
cost is the same), for files that are there. The real daemon is asked through its control API, as `vsortd search` asks
it: the first question after its start, the same one again, other sentences; then the command as a whole, with the
daemon and without one. Prints a table, and writes a JSON file with `--out`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.benchmarks.speed.home import Home
from tests.benchmarks.speed.machine import facts
from tests.benchmarks.speed.models import choice
from tests.benchmarks.speed.processes import BenchmarkError
from vsortd.config.load import load_settings
from vsortd.core.identity import Identity
from vsortd.core.paths import index_path
from vsortd.core.video_facts import Clip
from vsortd.errors import DaemonUnreachableError
from vsortd.index.store import Index
from vsortd.index.stored_looks import Embedded
from vsortd.library.search.requests import Request
from vsortd.service.client import Client
from vsortd.vision.factory import load_encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vsortd.core.documents import SearchDocument

MODEL = "ViT-B-32"
SECONDS = 60  # of each video
CLIP = Clip(
    "mp4", "isom", 1920, 1080, 1920, 1080, 0, SECONDS, SECONDS, 30.0, 1800, 0, "h264", "yuv420p", 8, False, False
)
PROMPTS = ("a dog on a beach", "a street at night", "children in a garden", "snow on a mountain", "a birthday cake")
WANTED = {"warm": 0.2, "cold": 1.5}


def fill(home: Home, hours: float, key: str, dim: int) -> int:
    """Write the index of a made library, whose files are there and empty; return how many frames it holds."""
    rng = np.random.default_rng(7)
    index = Index(index_path(home.state))
    count = round(hours * 3600 / SECONDS)
    times_ms = np.arange(SECONDS, dtype=np.int64) * 1000 + 500
    for number in range(count):
        path = home.library / f"{number % 100:02d}" / f"{number:06d}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.touch()
        identity = Identity.of(path)
        assert identity is not None
        rows = rng.standard_normal((SECONDS, dim), dtype=np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        index.keep(identity, path, CLIP, key, "pace-1000:0", Embedded(times_ms, rows))
    index.close()
    os.sync()  # what is written behind our back would slow the first question down
    return count * SECONDS


def timed(run: Callable[[], Any]) -> float:
    """Return how long something took, seconds."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def measure(hours: float, scratch: Path, cache: Path) -> dict[str, Any]:
    """Return the figures, seconds."""
    home = Home(scratch / "home", choice(MODEL, cache), more="learn: {from_moves: false}\n")
    encoder = load_encoder(load_settings(home.config).model)
    key, dim = encoder.info.key, encoder.info.dim
    encoder.close()
    frames = fill(home, hours, key, dim)
    with home:
        client = Client(home.state)
        mark = config_mark(home)
        wait_for_model(client)

        def ask(prompt: str) -> SearchDocument:
            found = client.search(Request(prompts=(prompt,), min_score=0.0).to_json(), mark)
            assert found is not None
            assert len(found["scenes"]) == Request().top
            return found

        cold_s = timed(lambda: ask(PROMPTS[0]))
        same_s = statistics.median(timed(lambda: ask(PROMPTS[0])) for _ in range(9))
        new_s = [timed(lambda prompt=prompt: ask(prompt)) for prompt in PROMPTS[1:]]
        by_daemon_s = timed(lambda: command(home, PROMPTS[0]))
    alone_s = timed(lambda: command(home, PROMPTS[0]))
    return {
        "hours": hours,
        "frames": frames,
        "index_mb": round(index_path(home.state).stat().st_size / 1e6),
        "cold": cold_s,
        "warm": same_s,
        "new sentence": statistics.median(new_s),
        "command, daemon runs": by_daemon_s,
        "command alone": alone_s,
    }


def config_mark(home: Home) -> str:
    """Return what tells the daemon that both work by the same config."""
    from vsortd.config.dump import fingerprint

    return fingerprint(load_settings(home.config))


def command(home: Home, prompt: str) -> None:
    """Run the real command once."""
    subprocess.run(
        home.command("search", prompt, "--all", "--json"), env=home.environment, check=True, stdout=subprocess.DEVNULL
    )


def wait_for_model(client: Client, within_s: float = 180.0) -> None:
    """Wait until the daemon answers and has loaded its model: that is its start, and no search's."""
    deadline = time.monotonic() + within_s
    while True:
        with contextlib.suppress(DaemonUnreachableError):
            if client.status()["model"]["device"]:
                return
        if time.monotonic() > deadline:
            raise BenchmarkError("the daemon has no model")
        time.sleep(0.1)


def table_of(figures: dict[str, Any]) -> Table:
    """Return the figures as a table, with what is to be reached."""
    title = f"{figures['hours']:g} h at 1 fps: {figures['frames']:,} frames, index of {figures['index_mb']} MB"
    table = Table("question", "seconds", "wanted", box=None, title=title, title_justify="left", pad_edge=False)
    for name in ("cold", "warm", "new sentence", "command, daemon runs", "command alone"):
        wanted = f"≤ {WANTED[name]:g}" if name in WANTED else ""
        table.add_row(name, f"{figures[name]:.3f}", wanted)
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.searching", description=__doc__)
    parser.add_argument("--hours", type=float, default=100.0)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "vsortd-benchmark")
    parser.add_argument("--out", type=Path, help="the JSON file")
    wishes = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="vsortd-searching-") as scratch:
        figures = measure(wishes.hours, Path(scratch), wishes.cache)
    Console(width=None if sys.stdout.isatty() else 160).print(table_of(figures))
    if wishes.out is not None:
        day = datetime.now(UTC).isoformat(timespec="seconds")
        document = {"benchmark": "searching", "date": day, "machine": facts(), "figures": figures, "wanted": WANTED}
        wishes.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
