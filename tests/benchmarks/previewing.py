"""How fast changed rules are tried out: `python -m tests.benchmarks.previewing [--videos 10000] [--out result.json]`.

A journal and an index of so many filed videos are made: files that are there and empty, and vectors of ViT-B-32's
length (the weights are random: the cost is the same) that lie around those of the rules, some clearly, some less so.
Of each as many frames are kept as `sort` would have looked at by the first rules. Then `rules preview` is asked, with
the model loaded, for the same rules and for changed ones (new prompts, a new rule, other thresholds), and as the whole
command; beside it stands what it takes to decide on one video after another. Prints a table, and JSON with `--out`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.benchmarks.speed.home import Home
from tests.benchmarks.speed.machine import facts
from tests.benchmarks.speed.models import choice
from vsortd.config.load import load_settings
from vsortd.core.identity import Identity
from vsortd.core.paths import index_path, journal_path
from vsortd.core.video_facts import Clip
from vsortd.filing.journal import Journal
from vsortd.index.stored_looks import Embedded
from vsortd.judging.conditions import ConditionFacts
from vsortd.pipeline.filed_memory import FiledMemory
from vsortd.pipeline.look_plan import LookPlan, look_ranks
from vsortd.pipeline.rules_preview import preview, remember_filed
from vsortd.pipeline.services import Services
from vsortd.pipeline.stages import decide_in_rounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vsortd.config.settings import Settings
    from vsortd.index.store import Index
    from vsortd.judging.resident_model import Classifier
    from vsortd.pipeline.rules_preview import RulesPreview

MODEL = "ViT-B-32"
SUBJECTS = (
    "forest",
    "sea",
    "city",
    "fire",
    "snow",
    "meadow",
    "desert",
    "indoor room",
    "slides",
    "street",
    "dog",
    "cake",
)
BELOW = {"forest": ("day", "night"), "sea": ("calm", "storm"), "city": ("day", "night")}
CLIP = Clip("mp4", "isom", 1920, 1080, 1920, 1080, 0, 60.0, 60.0, 30.0, 1800, 0, "h264", "yuv420p", 8, False, False)
ONE_BY_ONE = 300  # videos
TRIES = 5
WANTED_S = 2.0


def rules_of(subjects: Sequence[str], *, min_score: float = 0.35) -> str:
    """Return rules for some subjects, a few with finer ones."""
    lines = [f"defaults: {{min_score: {min_score}, min_margin: 0.1}}", "rules:"]
    for name in subjects:
        below = ", ".join(f"{{name: {one}, prompts: [{name} at {one}]}}" for one in BELOW.get(name, ()))
        lines.append(f"  - {{name: {name}, prompts: [a {name}, {name} in a film], rules: [{below}]}}")
    return "\n".join(lines) + "\n"


RULES = rules_of(SUBJECTS)
CHANGED = rules_of([*SUBJECTS[1:-1], "birthday party", "mountains"], min_score=0.5)


@dataclass(frozen=True, slots=True)
class Library:
    """A made-up library: its config, the config with changed rules, its state folder."""

    config: Path
    changed: Path
    state: Path


def make(scratch: Path, cache: Path, videos: int) -> Library:
    """Make journal, index and files."""
    home = Home(scratch / "home", _sure(choice(MODEL, cache), cache))
    head = f"version: 2\ninboxes: [{{path: {home.inbox}}}]\nlibrary: {home.library}\nmodel: {json.dumps(home.model)}\n"
    home.config.write_text(head + RULES, encoding="utf-8")
    changed = home.config.with_name("changed.yaml")
    changed.write_text(head + CHANGED, encoding="utf-8")
    with Services.open(load_settings(home.config), home.state, keep_trying=False) as services:
        resident = services.model.get(threading.Event())
        rows = list(_fill(resident, services.index, home.library, videos, services.settings))
    _write(home.state, rows)
    os.sync()  # what is written behind our back would slow the first question down
    return Library(home.config, changed, home.state)


def _sure(model: str | dict[str, str], cache: Path) -> dict[str, str]:
    """Return the model with the logit scale that trained ones have: random weights alone are sure of nothing."""
    from safetensors.torch import load_file, save_file
    from torch import tensor

    assert isinstance(model, dict)
    target = cache / "models" / f"{MODEL}-random-sure.safetensors"
    if not target.exists():
        weights = load_file(model["weights"])
        save_file({**weights, "logit_scale": tensor(math.log(100.0))}, target)
    return {**model, "weights": str(target)}


def _fill(
    resident: Classifier, index: Index, library: Path, videos: int, settings: Settings
) -> Iterator[tuple[Path, Identity, str, str]]:
    """Write files and index; yield each file with the state and the rule that the first rules give it."""
    rng = np.random.default_rng(7)
    names, clusters = _clusters(resident)
    plan, ranks = LookPlan(settings.sampling.max_frames), list(look_ranks(settings.sampling))
    facts_of_all = ConditionFacts.of(CLIP, "video.mp4")
    for number in range(videos):
        looks = list(_looks(rng, clusters, int(rng.integers(len(names))), ranks))
        decision, times_ms = decide_in_rounds(resident.tree, resident.vectors, looks, facts_of_all)
        folder = library.joinpath(*(decision.rule or "_Review").split("/"))
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{number:06d}.mp4"
        path.touch()
        identity = Identity.of(path)
        assert identity is not None
        seen = next(count for count in range(1, len(ranks) + 1) if ranks[count - 1].stop >= len(times_ms))
        kept = [(plan.name(one), look) for one, look in zip(ranks[:seen], looks, strict=False)]
        index.keep_looks(identity, path, CLIP, resident.key, kept)
        yield path, identity, decision.outcome.value, decision.rule


def _clusters(resident: Classifier) -> tuple[list[str], np.ndarray]:
    """Return each leaf's key, and the direction in which it differs from all of them [leaves, dim]."""
    found = {}
    for parent, level in resident.vectors.levels.items():
        for name, row in zip(level.names, level.vectors, strict=True):
            found[f"{parent}/{name}" if parent else name] = row.astype(np.float64)
    rows = np.stack(list(found.values()))
    rows -= rows.mean(axis=0)
    return list(found), rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _looks(rng: np.random.Generator, clusters: np.ndarray, about: int, ranks: Sequence[range]) -> Iterator[Embedded]:
    """Yield the looks at a video that shows one thing, more or less, and a little of another."""
    dim = clusters.shape[1]
    other = clusters[int(rng.integers(len(clusters)))]
    middle = clusters[about] * rng.uniform(0.5, 1.0) + other * rng.uniform(0, 0.6)
    middle = middle + rng.standard_normal(dim) * 0.5 / np.sqrt(dim)
    spread = rng.uniform(0.1, 0.8) / np.sqrt(dim)
    for one in ranks:
        rows = middle + rng.standard_normal((len(one), dim)) * spread
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        yield Embedded(np.array(one, np.int64) * 1000 + 500, rows.astype(np.float32))


def _write(state: Path, rows: Sequence[tuple[Path, Identity, str, str]]) -> None:
    """Write an item for each file, and how it was put there, as filing it would have."""
    columns = (
        "batch, time, state, outcome, source, destination, rule, score, margin, converted, reason, detail,"
        " device, inode, size_bytes, mtime_ns, library, mark"
    )
    library = os.fsencode(rows[0][0].parents[1])
    values = (
        (
            *("b", "2026-11-20T18:30:00.250Z", state_, state_, os.fsencode(f"/inbox/{path.name}"), os.fsencode(path)),
            *(rule, 0.5, 0.25, "", f"{rule}: 0.50, 0.25 ahead of none of these (8 frames)"),
            *(json.dumps({"levels": [{"parent": "", "scores": dict.fromkeys(SUBJECTS, 0.1)}]}), *identity.columns()),
            *(library, f"m{number}"),
        )
        for number, (path, identity, state_, rule) in enumerate(rows)
    )
    journal = Journal.open(journal_path(state))
    try:
        with journal.db.write(lasting=False) as db:
            marks = ", ".join("?" * 18)
            db.executemany(f"INSERT INTO item ({columns}) VALUES ({marks})", values)  # noqa: S608 - constants
            db.execute(
                "INSERT INTO operation (item, number, phase, kind, source, destination, mark, device, inode,"
                " size_bytes, mtime_ns, put_device, put_inode, put_size_bytes, put_mtime_ns, state, time)"
                " SELECT id, 1, 'place', 'move', source, destination, mark, device, inode, size_bytes, mtime_ns,"
                " device, inode, size_bytes, mtime_ns, 'done', time FROM item"
            )
    finally:
        journal.close()


def measure(library: Library, videos: int) -> dict[str, Any]:
    """Return the figures, seconds."""
    settings, changed = load_settings(library.config), load_settings(library.changed)
    cancel = threading.Event()
    with Services.open(settings, library.state, keep_trying=False, recover_first=False) as services:
        services.model.get(cancel)

        memory = FiledMemory()

        def changed_preview(memory: FiledMemory | None = memory) -> RulesPreview:
            with services.tried(changed, cancel=cancel) as tried:
                return preview(tried, cancel=cancel, memory=memory)

        # what opening Rules on the page does
        opened_s = timed(lambda: remember_filed(services, memory, cancel=cancel))
        first_s = timed(changed_preview)
        anew_s = statistics.median(timed(lambda: changed_preview(None)) for _ in range(TRIES))
        same = (timed(lambda: preview(services, cancel=cancel, memory=memory)) for _ in range(TRIES))
        same_s = statistics.median(same)
        begin_s = time.process_time()
        changed_s = [timed(changed_preview) for _ in range(TRIES)]
        cpu_s = (time.process_time() - begin_s) / TRIES
        counts = {outcome.value: count for outcome, count in changed_preview().counts.items()}
        memory.close()
        one_s = timed(lambda: _one_by_one(services)) / ONE_BY_ONE
    command_s = timed(lambda: _command(library, library.changed))
    nothing_s = timed(lambda: _command(library, library.changed, "status", "--json", code=None))
    return {
        "videos": videos,
        "counts": counts,
        "read when Rules is opened": opened_s,
        "first, with new prompts": first_s,
        "changed rules, nothing remembered": anew_s,
        "same rules": same_s,
        "changed rules": statistics.median(changed_s),
        "worst of changed": max(changed_s),
        "changed rules, processor time": cpu_s,
        "one by one": one_s * videos,
        "one by one / changed rules": one_s * videos / statistics.median(changed_s),
        "command": command_s,
        "vsortd status": nothing_s,
        "index_mb": round(index_path(library.state).stat().st_size / 1e6),
    }


def _one_by_one(services: Services) -> None:
    """Decide on some videos one after another, with what the index keeps, as `plan` does."""
    resident = services.model.get(threading.Event())
    sampling = services.settings.sampling
    plan, facts_of_all = LookPlan(sampling.max_frames), ConditionFacts.of(CLIP, "video.mp4")
    for row in services.index.rows(resident.key)[:ONE_BY_ONE]:
        looks = (services.index.recall(row.identity, resident.key, plan.name(one)) for one in look_ranks(sampling))
        kept = list(filter(None, looks))
        decide_in_rounds(resident.tree, resident.vectors, kept, facts_of_all)


def timed(run: Callable[[], Any]) -> float:
    """Return how long something took, seconds."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def _command(library: Library, config: Path, *words: str, code: int | None = 0) -> None:
    environment = {**os.environ, "VSORTD_STATE_DIR": str(library.state), "VSORTD_CONFIG": str(config)}
    asked = words or ("rules", "preview", "--json")
    done = subprocess.run(
        [sys.executable, "-m", "vsortd", *asked], env=environment, stdout=subprocess.DEVNULL, check=False
    )
    if code is not None and done.returncode != code:
        sys.exit(f"{' '.join(asked)} ended with {done.returncode}")


def table_of(figures: dict[str, Any]) -> Table:
    """Return the figures as a table, with what is to be reached."""
    told = ", ".join(f"{count:,} {name}" for name, count in figures["counts"].items() if count)
    title = f"{figures['videos']:,} filed videos, index of {figures['index_mb']} MB: {told}"
    table = Table("what", "seconds", "wanted", box=None, title=title, title_justify="left", pad_edge=False)
    for name in (
        "same rules",
        "changed rules",
        "worst of changed",
        "changed rules, processor time",
        "changed rules, nothing remembered",
        "first, with new prompts",
        "one by one",
    ):
        table.add_row(
            name, f"{figures[name]:.2f}", f"≤ {WANTED_S:g}" if name in {"same rules", "changed rules"} else ""
        )
    table.add_row("one by one / changed rules", f"{figures['one by one / changed rules']:.1f} times", "")
    table.add_row("command, model loaded by it", f"{figures['command']:.2f}", "")
    table.add_row("vsortd status, for comparison", f"{figures['vsortd status']:.2f}", "")
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.previewing", description=__doc__)
    parser.add_argument("--videos", type=int, default=10_000)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "vsortd-benchmark")
    parser.add_argument("--out", type=Path, help="the JSON file")
    wishes = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="vsortd-previewing-") as scratch:
        figures = measure(make(Path(scratch), wishes.cache, wishes.videos), wishes.videos)
    Console(width=None if sys.stdout.isatty() else 160).print(table_of(figures))
    if wishes.out is not None:
        document = {"machine": facts(), "figures": figures, "wanted": {"changed rules": WANTED_S}}
        wishes.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
