"""The measures: each makes what it needs, runs the real thing, and returns plain figures."""

from __future__ import annotations

import json
import os
import sys
import time
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from tests.benchmarks.speed import media, models
from tests.benchmarks.speed.books import Filed, read_books, summary
from tests.benchmarks.speed.home import Home, environment
from tests.benchmarks.speed.plan import SUBJECTS
from tests.benchmarks.speed.processes import Usage, Watch, measured, memory_mb, wakeups
from tests.benchmarks.speed.profiling import profile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.benchmarks.speed.plan import Plan

    Progress = Callable[[int, int], None]

Figures = dict[str, Any]
# A decision that stays close looks at all 32 frames; random weights and rules that fear nothing settle after 8.
_CLOSE = 32
_QUIET_S = 3.0  # after the last video: what it left to do is done
_PATIENCE_S = 60.0
_CLIP_PATIENCE_S = 60.0  # for one video of a backlog
_ONE_RULE = ("sea",)  # settled at the first look, which takes every frame there is


def recipe(plan: Plan, on_progress: Progress) -> Figures:
    """Measure the common script on the clip."""
    folder = _folder(plan, "recipe")
    on_progress(0, 1)
    video = media.fresh(media.obtain(media.main_clip(plan.scale), plan.cache), folder)
    task = {
        "model": models.choice(plan.model, plan.cache),
        "labels": SUBJECTS,
        "video": str(video),
        "library": str(folder / "Sorted"),
        "scratch": str(folder),
        "at_most": plan.scale.recipe_frames,
    }
    out, usage = _script("recipe", task, folder)
    on_progress(1, 1)
    spent_s, frames = out["spent_s"], out["frames"]
    each_s = {name: spent_s[name] / out["scored"] for name in ("open", "image", "text")}
    whole_s = spent_s["extract"] + spent_s["move"] + frames * (each_s["open"] + each_s["image"])
    return {
        **usage.to_json(),
        **out,
        "clip_s": round(whole_s + frames * each_s["text"], 3),
        "clip_texts_once_s": round(whole_s + each_s["text"], 3),
    }


def clip(plan: Plan, on_progress: Progress) -> Figures:
    """Measure vsortd on the same clip: the daemon, where the first look settles it, and where it takes all frames."""
    master = media.obtain(media.main_clip(plan.scale), plan.cache)
    figures: Figures = {}
    for number, (name, first) in enumerate({"default": 8, "close": _CLOSE}.items()):
        home = _home(plan, f"clip-{name}", more=f"sampling: {{min_frames: {first}}}\n")
        with home:
            figures[name] = _drops(plan, home, master, plan.scale.repeats)
        on_progress(number + 1, 3)
        filed = read_books(home.state, home.log)[-1]
        figures[name]["floors"] = _floors(plan, home, [filed], alone=True, first=first)
    figures["once"] = _once(plan, master)
    on_progress(3, 3)
    return figures


def long(plan: Plan, on_progress: Progress) -> Figures:
    """Measure a long clip beside the short one, on the same daemon."""
    short, film = (
        media.obtain(spec, plan.cache) for spec in (media.main_clip(plan.scale), media.long_clip(plan.scale))
    )
    home = _home(plan, "long")
    with home:
        on_progress(0, 2)
        figures: Figures = {"short": _drops(plan, home, short, plan.scale.repeats)}
        on_progress(1, 2)
        figures["long"] = _drops(plan, home, film, plan.scale.repeats)
    on_progress(2, 2)
    return {**figures, "size_mb": round(film.stat().st_size / 1e6), "seconds": plan.scale.long_s}


def drop(plan: Plan, on_progress: Progress) -> Figures:
    """Measure from the drop on an idle daemon to the deed in the journal, beyond what can't be done without."""
    master = media.obtain(media.drop_clip(), plan.cache)
    home = _home(plan, "drop")
    with home:
        on_progress(0, 1)
        figures = _drops(plan, home, master, plan.scale.drops)
    filed = read_books(home.state, home.log)[-1]
    figures["floors"] = floors = _floors(plan, home, [filed], alone=True)
    on_progress(1, 1)
    needed_ms = floors["decode"]["median_ms"] + floors["encode"]["median_ms"]
    figures["beyond_floors_ms"] = round(figures["filed_ms"] - home.settle_s * 1000 - needed_ms, 1)
    return figures


def idle(plan: Plan, on_progress: Progress) -> Figures:
    """Measure a daemon that has nothing to do, after it has filed something."""
    home = _home(plan, "idle")
    with home:
        time.sleep(_QUIET_S)
        began, before = time.perf_counter(), wakeups(home.pid)
        with Watch(home.pid, sample_s=3600.0) as watch:
            while (gone_s := time.perf_counter() - began) < plan.scale.idle_s:
                on_progress(round(gone_s), round(plan.scale.idle_s))
                time.sleep(min(1.0, plan.scale.idle_s))
        woken = wakeups(home.pid) - before
    return {
        **_usage(watch),
        "wakeups_per_s": round(woken / watch.wall_s, 3),
        "cpu_percent": round(100 * watch.cpu_s / watch.wall_s, 3),
    }


def tiny(plan: Plan, on_progress: Progress) -> Figures:
    """Measure many tiny clips dropped at once, with the sample model: what is left is vsortd's own work."""
    number = plan.scale.tiny
    home = _home(plan, "tiny", model="sample", subjects=_ONE_RULE)
    folder = home.ready / "card"
    media.tiny_clips(folder, number, plan.cache)
    os.sync()
    figures, filed = _flood(plan, home, folder, number, on_progress)
    floors = _floors(plan, home, filed[: plan.scale.tiny_floor])
    factor = number / min(number, plan.scale.tiny_floor)
    needed_s = factor * (floors["decode"]["wall_s"] + floors["encode"]["wall_s"])
    beyond_s = figures["wall_s"] - home.settle_s - needed_s
    return {
        **figures,
        "floors": floors,
        "floors_of": min(number, plan.scale.tiny_floor),
        "needed_s": round(needed_s, 2),
        "beyond_s": round(beyond_s, 2),
        "per_s": round(number / figures["wall_s"], 1),
        "per_s_beyond": round(number / max(beyond_s, 1e-3), 1),
    }


def backlog(plan: Plan, on_progress: Progress) -> Figures:
    """Measure a backlog of clips of every kind, and the floors of the very same files."""
    specs = media.backlog_clips(plan.scale)
    home = _home(plan, "backlog")
    folder = home.ready / "backlog"
    for number, _ in enumerate(media.copies(folder, specs, plan.cache)):
        on_progress(number, len(specs))
    os.sync()
    figures, filed = _flood(plan, home, folder, len(specs), on_progress)
    floors = _floors(plan, home, filed)
    wall_s = figures["wall_s"] - home.settle_s
    decode_s, encode_s = floors["decode"]["wall_s"], floors["encode"]["wall_s"]
    work_s = floors["decode"]["cpu_s"] + floors["encode"]["cpu_s"]
    cores = len(os.sched_getaffinity(0))
    return {
        **figures,
        "floors": floors,
        "megabytes": round(sum(one.path.stat().st_size for one in filed) / 1e6),
        "frames_per_s": round(figures["frames"] / wall_s, 1),
        "of_slower_floor": round(max(decode_s, encode_s) / wall_s, 3),
        # decoding and encoding that share the cores can't be quicker than both together
        "of_shared_cores": round(work_s / cores / wall_s, 3),
    }


MEASURES: dict[str, Callable[[Plan, Progress], Figures]] = {
    "recipe": recipe,
    "clip": clip,
    "long": long,
    "drop": drop,
    "idle": idle,
    "tiny": tiny,
    "backlog": backlog,
}


def _home(
    plan: Plan, name: str, *, model: str | None = None, more: str = "", subjects: tuple[str, ...] = SUBJECTS
) -> Home:
    return Home(
        _folder(plan, name) / "home",
        models.choice(model or plan.model, plan.cache),
        more=more,
        subjects=subjects,
        warm_up=media.obtain(media.drop_clip(), plan.cache),
    )


def _folder(plan: Plan, name: str) -> Path:
    folder = plan.work / f"{plan.model}-{name}"
    folder.mkdir(parents=True)
    return folder


def _usage(watch: Watch) -> dict[str, float]:
    return Usage(watch.wall_s, watch.cpu_s, watch.peak_mb).to_json()


def _drops(plan: Plan, home: Home, master: Path, number: int) -> Figures:
    """Drop a clip again and again on an idle daemon, each time as a new file; medians."""
    filed: list[Filed] = []
    took_ms = []
    spy = profile(plan.py_spy, home.pid, home.folder.parent / f"{master.stem}.stacks")
    with spy as stacks, Watch(home.pid, sample_s=0.1) as watch:
        for _ in range(number):
            dropped_s, item = home.drop(master)
            filed.append(item)
            took_ms.append((item.filed_s - dropped_s) * 1000)
    beyond = [_beyond_ms(home, item, ms) for item, ms in zip(filed, took_ms, strict=True)]
    told = [value for value in beyond if value is not None]
    return {
        "number": number,
        "cpu_s": round(watch.cpu_s / number, 3),
        "peak_mb": round(watch.peak_mb, 1),
        "filed_ms": round(median(took_ms), 1),
        "filed_ms_all": [round(ms, 1) for ms in took_ms],
        "decision_ms": round(median(item.decision_ms for item in filed), 1),
        "beyond_ms": round(median(told), 1) if told else None,
        # by the clock: from the drop to the first stage, settling included; from the intent in the journal to the deed
        "arrival_ms": round(median(_arrival_ms(item, ms) for item, ms in zip(filed, took_ms, strict=True)), 1),
        "filing_ms": round(median((item.filed_s - item.placing_s) * 1000 for item in filed), 1),
        "frames": filed[-1].frames,
        "stages_ms": summary(filed),
        "profile": stacks,
    }


def _beyond_ms(home: Home, item: Filed, took_ms: float) -> float | None:
    """Return what is left of drop → filed without settling, decoding and encoding; None where vsortd doesn't tell."""
    if item.decoding_ms is None or item.embedding_ms is None:
        return None
    return took_ms - home.settle_s * 1000 - item.decoding_ms - item.embedding_ms


def _arrival_ms(item: Filed, took_ms: float) -> float:
    return took_ms - (item.filed_s - item.placing_s) * 1000 - item.decision_ms


def _flood(plan: Plan, home: Home, folder: Path, number: int, on_progress: Progress) -> tuple[Figures, list[Filed]]:
    """Drop a folder of files at once on a warm daemon."""
    with home:
        idle_mb = memory_mb(home.pid)
        spy = profile(plan.py_spy, home.pid, home.folder.parent / "flood.stacks")
        with spy as stacks, Watch(home.pid) as watch:
            patience_s = _PATIENCE_S + number * _CLIP_PATIENCE_S
            dropped_s, filed = home.drop_folder(folder, number, within_s=patience_s, on_progress=on_progress)
    last_s = max(one.filed_s for one in filed)
    seen = [mb for _, mb in watch.memory_mb]
    tenth = max(1, len(seen) // 10)
    figures = {
        **_usage(watch),
        "wall_s": round(last_s - dropped_s, 3),
        "number": number,
        "frames": sum(one.frames for one in filed),
        "idle_mb": round(idle_mb, 1),
        "over_idle_mb": round(watch.peak_mb - idle_mb, 1),
        "growth_mb": round(fmean(seen[-tenth:]) - fmean(seen[tenth : 2 * tenth] or seen[:1]), 1),
        "stages_ms": summary(filed),
        "profile": stacks,
    }
    return figures, filed


def _once(plan: Plan, master: Path) -> Figures:
    """Run the whole command for one clip, from the start of Python to its end: what a cold start costs."""
    home = _home(plan, "once")
    path = media.fresh(master, home.ready)
    path.rename(home.inbox / path.name)
    _, usage = measured(home.command("--verbose", "run", "--once"), environment=home.environment, said=home.log)
    (filed,) = read_books(home.state, home.log)
    return {**usage.to_json(), "frames": filed.frames}


def _floors(plan: Plan, home: Home, filed: Sequence[Filed], *, alone: bool = False, first: int = 8) -> Figures:
    """Measure decoding and encoding of what was filed, each alone, and moving as many files."""
    folder = _folder(plan, f"floors-of-{home.folder.parent.name}")
    times = plan.scale.repeats if alone else 1
    clips = [[str(one.path), one.looks(first)] for one in filed] * times
    batches = [size for one in filed for size in one.looks(first)] * times
    found = {}
    for name, more in (
        ("decode", {"clips": clips}),
        ("encode", {"batches": batches}),
        ("move", {"folder": str(folder / "moved"), "number": len(filed) * times}),
    ):
        task = {"config": str(home.config), "alone": alone, **more}
        out, usage = _script(f"floors {name}", task, folder)
        found[name] = {"peak_mb": round(usage.peak_mb, 1), **out}
    return found


def _script(words: str, task: Figures, folder: Path) -> tuple[Figures, Usage]:
    """Run one of the scripts beside this file with a task as JSON; returns what it answers and what it cost."""
    name, *arguments = words.split()
    command = [sys.executable, "-m", f"tests.benchmarks.speed.{name}", *arguments]
    out, usage = measured(
        command, environment=environment(), said=folder / f"{'-'.join(words.split())}.log", given=json.dumps(task)
    )
    answer: Figures = json.loads(out)
    return answer, usage
