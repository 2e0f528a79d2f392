"""What a command costs whose model a daemon has loaded: `python -m tests.benchmarks.asking [--runs 3] [--out F.json]`.

Each command that asks a model is run without a daemon, and with one that has the model loaded, from the same state of
index and corrections. Processor time of the command's own process and, apart from that, of those that decode for it,
medians of several rounds; beside the time to import NumPy, which is the least that judging takes. Wanted: at most 1.5 s
of its own where the daemon is asked. The sample model, which is the quickest to load. Prints a table, and JSON with
`--out`; `--only NAME…` measures some of them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from tests.benchmarks.speed.home import environment as environment_of
from tests.benchmarks.speed.machine import facts, load
from tests.benchmarks.start_up import processor_time
from tests.support.asking import Asking

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WANTED_S: Final = 1.5
_PROGRAM: Final = """
import atexit, resource, sys
sys.argv = ["vsortd", *sys.argv[1:]]
def end():
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(*(one.ru_utime + one.ru_stime for one in used), int("torch" in sys.modules), file=sys.stderr)
atexit.register(end)
from vsortd.__main__ import script
script()
"""

Cost = dict[str, float]


def measure(asking: Asking, runs: int, only: Sequence[str] = ()) -> dict[str, dict[str, Cost]]:
    """Return for each command its cost alone and asking, seconds: of its own, of looking; `torch` 1 where imported."""
    commands = {name: words for name, words in asking.commands.items() if not only or name in only}
    costs: dict[str, dict[str, list[Cost]]] = {name: {"alone": [], "asking": []} for name in commands}
    for words in commands.values():
        _cost(asking, words)  # what is imported is compiled once
    for _ in range(runs):
        for way in ("alone", "asking"):
            asking.put_back()
            if way == "asking":
                asking.home.start()
                asking.home.wait(lambda: "device" in asking.home.look("status")["model"], what="the model is loaded")
            for name, words in commands.items():
                costs[name][way].append(_cost(asking, words))
        asking.home.stop()
    return {
        name: {
            way: {what: statistics.median(one[what] for one in some) for what in some[0]} for way, some in ways.items()
        }
        for name, ways in costs.items()
    }


def _cost(asking: Asking, words: Sequence[str | Path]) -> Cost:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *map(str, words)],
        env=asking.home.environment,
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    own, looking, torch = map(float, done.stderr.splitlines()[-1].split())
    return {"own_s": own, "looking_s": looking, "torch": torch}


def table(figures: Mapping[str, Mapping[str, Cost]], numpy_s: float) -> Table:
    """Return the processor times, each beside its ratio to the import of NumPy."""
    shown = Table(
        "command",
        "alone CPU s",
        "asking CPU s",
        "times less",
        "of NumPy",
        "looking CPU s",
        "",
        box=None,
        pad_edge=False,
    )
    for name, ways in figures.items():
        alone, asking = ways["alone"], ways["asking"]
        remark = "too long" if asking["own_s"] > WANTED_S else "torch" if asking["torch"] else ""
        shown.add_row(
            name,
            f"{alone['own_s']:.2f}",
            f"{asking['own_s']:.2f}",
            f"{alone['own_s'] / asking['own_s']:.1f}",
            f"{asking['own_s'] / numpy_s:.1f}",
            f"{asking['looking_s']:.2f}",
            remark,
        )
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.asking", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="rounds, of which the median counts")
    parser.add_argument("--only", nargs="+", default=(), metavar="NAME", help="these commands")
    parser.add_argument("--out", type=Path, help="the JSON file")
    wanted = parser.parse_args(arguments)
    machine = facts()
    out = Console(width=None if sys.stdout.isatty() else 160)
    with tempfile.TemporaryDirectory(prefix="vsortd-asking-") as scratch:
        asking = Asking(Path(scratch) / "home")
        asking.home.more_environment.update(PYTHONPYCACHEPREFIX=f"{scratch}/compiled", PYTHONDONTWRITEBYTECODE="")
        numpy_s = statistics.median(
            processor_time([sys.executable, "-c", "import numpy"], environment_of()) for _ in range(9)
        )
        figures = measure(asking, wanted.runs, wanted.only)
    load_average = load()
    out.print(table(figures, numpy_s))
    out.print(f"import numpy: {numpy_s:.2f} s; {os.cpu_count()} CPUs at a load of {load_average:.1f}")
    if wanted.out:
        result: dict[str, Any] = {
            "machine": machine,
            "load_after": load_average,
            "runs": wanted.runs,
            "wanted_s": WANTED_S,
            "numpy_s": numpy_s,
            "processor_s": figures,
        }
        wanted.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
