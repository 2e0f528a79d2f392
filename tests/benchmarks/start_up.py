"""How long commands take to begin: `python -m tests.benchmarks.start_up [--runs 9] [--items 0] [--out result.json]`.

Each light command is run in turn with a bare interpreter and with the import of typer and rich, which is what a small
command line of today costs; processor time of the process and its children, medians of several rounds, so that what
else the machine does meets all of them alike. Wanted: at most 8 bare interpreters, or one and a half such imports,
whichever is more. With `--items`, the journal has so many, and it is measured when the history's first line is there.
Prints a table, and writes a JSON file with `--out`.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from tests.benchmarks.speed.home import Home
from tests.benchmarks.speed.home import environment as environment_of
from tests.benchmarks.speed.machine import facts
from tests.support.many_rows import fill_journal
from vsortd.cli.completion_answer import ASKED_BY, ASKED_WORDS
from vsortd.cli.completion_scripts import SEPARATOR
from vsortd.core.paths import journal_path
from vsortd.filing.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BARE: Final = "a bare interpreter"
IMPORTS: Final = "import typer, rich"
WANTED_BARE, WANTED_IMPORTS = 8.0, 1.5
WANTED_FIRST_LINE_S: Final = 0.3
COMMANDS: Final[dict[str, list[str]]] = {
    words: words.split()
    for words in (
        *("--help", "history --help", "status", "history --last 50", "undo --last 1 --dry-run", "where nothing.mp4"),
        *("pause", "resume", "logs"),
    )
}
PROGRAM: Final = "from vsortd.__main__ import script; script()"  # what the installed `vsortd` does
# JSON and CSV come whole at the end; the last ones look through all of it, and find nothing.
FIRST_LINES: Final = (
    *("history", "history --since 2h", "history --state failed", "history --match 77", "history --batch none"),
    *("history --state filed", "history --rule none", "history --match none", "history --tag none"),
)
TABS: Final = ("vsortd ", "vsortd hist", "vsortd undo ")


def measure(home: Home, runs: int) -> dict[str, float]:
    """Return the median processor time of everything, in seconds."""
    environment = _environment(home)
    lines: dict[str, tuple[list[str], Mapping[str, str]]] = {
        BARE: (["-c", "pass"], environment),
        IMPORTS: (["-c", "import typer, rich"], environment),
        **{name: (["-c", PROGRAM, *words], environment) for name, words in COMMANDS.items()},
        **{f"Tab behind {line!r}": (["-c", PROGRAM], environment | _asked(line)) for line in TABS},
    }
    times: dict[str, list[float]] = {name: [] for name in lines}
    for _ in range(1 + runs):
        for name, (words, env) in lines.items():
            times[name].append(processor_time([sys.executable, *words], env))
    return {name: statistics.median(some[1:]) for name, some in times.items()}  # the first round compiled


def _environment(home: Home) -> dict[str, str]:
    """Return that of the commands: what is imported was compiled before, as it is for everybody."""
    compiled = str(home.folder / "compiled")
    found = environment_of(
        VSORTD_CONFIG=str(home.config), VSORTD_STATE_DIR=str(home.state), PYTHONPYCACHEPREFIX=compiled
    )
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    return found


def _asked(line: str) -> dict[str, str]:
    return {ASKED_BY: "bash", ASKED_WORDS: SEPARATOR.join((line, line.rpartition(" ")[2]))}


def processor_time(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Return the seconds of processor time that a command takes, its own and the system's for it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def first_lines(home: Home, runs: int) -> dict[str, dict[str, float]]:
    """Return for ways to ask for the history when its first line is there, and how much memory it takes in all."""
    environment = _environment(home)
    found = {}
    for words in FIRST_LINES:
        command, times, most = [sys.executable, "-m", "vsortd", *words.split()], [], 0
        for _ in range(runs):
            begin = time.perf_counter()
            with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as running:
                assert running.stdout is not None
                running.stdout.readline()
                times.append(time.perf_counter() - begin)
                while running.stdout.read(1 << 20):
                    most = max(most, _memory_bytes(running.pid))
        found[words] = {"first_line_s": statistics.median(times), "memory_mb": most / 1e6}
    return found


def _memory_bytes(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    line = next((line for line in text.splitlines() if line.startswith("VmHWM")), "VmHWM: 0 kB")
    return int(line.split()[1]) * 1024


def table(times: Mapping[str, float]) -> Table:
    """Return the processor times, each beside its ratios."""
    shown = Table("command", "CPU ms", "of a bare one", "of typer, rich", "", box=None, pad_edge=False)
    for name, seconds in times.items():
        bare, imports = seconds / times[BARE], seconds / times[IMPORTS]
        fits = bare <= WANTED_BARE or imports <= WANTED_IMPORTS
        shown.add_row(name, f"{seconds * 1000:.0f}", f"{bare:.1f}", f"{imports:.2f}", "" if fits else "too long")
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.start_up", description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="rounds, of which the median counts")
    parser.add_argument("--items", type=int, default=0, help="of the journal, for the history's first line")
    parser.add_argument("--out", type=Path, help="the JSON file")
    wanted = parser.parse_args(arguments)
    out = Console(width=None if sys.stdout.isatty() else 160)
    with tempfile.TemporaryDirectory(prefix="vsortd-start-up-") as scratch:
        home = Home(Path(scratch) / "home", "sample")
        Journal.open(journal_path(home.state)).close()
        result: dict[str, Any] = {"machine": facts(), "runs": wanted.runs, "items": wanted.items}
        result["processor_s"] = measure(home, wanted.runs)
        out.print(table(result["processor_s"]))
        if wanted.items:
            fill_journal(home.state, wanted.items)
            result["history"] = first_lines(home, 3)
            for words, figures in result["history"].items():
                late = "" if figures["first_line_s"] <= WANTED_FIRST_LINE_S else "  (wanted: 0.3)"
                out.print(f"{words}: first line {figures['first_line_s']:.2f} s{late}, {figures['memory_mb']:.0f} MB")
    if wanted.out:
        wanted.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
