"""`python -m tests.mutants`: puts faults into the core, runs the tests that belong to them, tells what went unnoticed.

Ends with 0 if at least nine of ten were noticed or are listed in `unnoticed.toml` with the reason why no test can
notice them (or need not).
"""

from __future__ import annotations

import argparse
import difflib
import json
import queue
import random
import sys
import threading
import time
import tomllib
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.mutants.modules import TESTS_OF
from tests.mutants.mutations import Mutant, mutants_of
from tests.mutants.trial import Coverage, Result, Trial
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Key = tuple[str, str, str, str]

LISTED: Final = Path(__file__).with_name("unnoticed.toml")
WANTED_SHARE: Final = 0.9


def main() -> int:
    """Run what the command line asks for; return the exit status."""
    options = _options()
    listed = read_listed(LISTED)
    everything = {module: mutants_of(module, (REPOSITORY / module).read_bytes()) for module in options.modules}
    mutants = [mutant for module in options.modules for mutant in everything[module]]
    if options.sample is not None and options.sample < len(mutants):
        dice = random.Random(options.seed)  # noqa: S311 - the same mutants every time
        mutants = sorted(dice.sample(mutants, options.sample), key=lambda mutant: (mutant.module, mutant.begin))
    results = _noticed_before(options.again, mutants)
    done = {result.mutant for result in results}
    try:
        for result in run([mutant for mutant in mutants if mutant not in done], options.jobs):
            results.append(result)
            if not result.noticed:
                _say(_told(result, listed))
    finally:
        if options.json:
            options.json.write_text(json.dumps([_document(result, listed) for result in results], indent=1) + "\n")
    for key in stale(listed, everything):
        _say(f"no longer in {key[0]}, {key[1]}: {key[2]} -> {key[3]}")
    return _summed_up(results, listed)


def _noticed_before(path: Path | None, mutants: Sequence[Mutant]) -> list[Result]:
    if path is None:
        return []
    entries = json.loads(path.read_text())
    known = {tuple(entry["key"]): entry for entry in entries}
    for entry in entries:
        if not entry["noticed"]:  # of two lines that read alike both are tried again
            known.pop(tuple(entry["key"]), None)
    return [Result(one, known[one.key]["outcome"], known[one.key]["by"]) for one in mutants if one.key in known]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", help="only modules whose path holds one of these: settle core/")
    parser.add_argument("--sample", type=int, metavar="N", help="so many mutants, drawn by chance, instead of all")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="draw by this seed (1)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="so many at once (1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every mutant and its outcome to a file")
    parser.add_argument(
        "--again", type=Path, metavar="FILE", help="believe what such a file calls noticed, try the rest"
    )
    options = parser.parse_args()
    wanted = options.modules or [""]
    options.modules = [module for module in TESTS_OF if any(part in module for part in wanted)]
    if not options.modules:
        parser.error("no such module")
    return options


def read_listed(path: Path) -> dict[Key, str]:
    """Return why each listed mutant may stay unnoticed."""
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", [])
    return {(one["module"], one["function"], one["before"], one["after"]): one["reason"] for one in entries}


def stale(listed: dict[Key, str], everything: dict[str, list[Mutant]]) -> list[Key]:
    """Return the listed mutants that the code no longer has."""
    present = {mutant.key for mutants in everything.values() for mutant in mutants}
    return [key for key in listed if key[0] in everything and key not in present]


def run(mutants: Sequence[Mutant], jobs: int) -> Iterator[Result]:
    """Try mutants on `jobs` copies of the tree side by side; yields in the order in which they are done."""
    if not mutants:
        return
    modules = list(dict.fromkeys(mutant.module for mutant in mutants))
    files = [file for module in modules for file in TESTS_OF[module] if (REPOSITORY / file).is_file()]
    waiting: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for mutant in mutants:
        waiting.put(mutant)
    done: queue.SimpleQueue[Result | BaseException | None] = queue.SimpleQueue()
    with ExitStack() as stack:
        trials = [stack.enter_context(Trial()) for _ in range(jobs)]  # all of the tree as it is now
        coverage = _coverage(trials[0], modules, list(dict.fromkeys(files)))
        threads = [threading.Thread(target=_try_all, args=(trial, waiting, coverage, done)) for trial in trials]
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
        stack.callback(_emptied, waiting)
        for _ in threads:
            while (answer := done.get()) is not None:
                if isinstance(answer, BaseException):
                    raise answer
                yield answer


def _coverage(trial: Trial, modules: Sequence[str], files: Sequence[str]) -> Coverage:
    begin_s = time.monotonic()
    coverage = trial.coverage(modules, files)
    _say(f"{len(files)} files of tests as they are: {time.monotonic() - begin_s:.0f} s")
    for name in coverage.failing:
        _say(f"left out, since it fails without any mutant: {name}")
    return coverage


def _try_all(
    trial: Trial,
    waiting: queue.SimpleQueue[Mutant],
    coverage: Coverage,
    done: queue.SimpleQueue[Result | BaseException | None],
) -> None:
    try:
        while True:
            try:
                mutant = waiting.get_nowait()
            except queue.Empty:
                break
            tests = coverage.tests_for(mutant, TESTS_OF[mutant.module])
            done.put(trial.result(mutant, tests, coverage.seconds(tests)))
    except BaseException as error:  # noqa: BLE001 - raised where the results are taken
        done.put(error)
    done.put(None)


def _emptied(waiting: queue.SimpleQueue[Mutant]) -> None:
    with suppress(queue.Empty):
        while True:
            waiting.get_nowait()


def _told(result: Result, listed: dict[Key, str]) -> str:
    mutant = result.mutant
    reason = listed.get(mutant.key)
    if reason is not None:
        return f"listed: {mutant.module}:{mutant.line} {mutant.after} ({reason})"
    source = (REPOSITORY / mutant.module).read_bytes()
    old, new = (text.decode().splitlines(keepends=True) for text in (source, mutant.applied(source)))
    diff = "".join(difflib.unified_diff(old, new, mutant.module, mutant.module, n=1))
    what = "NOT NOTICED" if result.outcome == "survived" else "NO TEST COMES BY"
    return f"{what}: {mutant.module}:{mutant.line} in {mutant.function or 'the module'}\n{diff}"


def _document(result: Result, listed: dict[Key, str]) -> dict[str, object]:
    mutant = result.mutant
    return {
        "key": mutant.key,
        "line": mutant.line,
        "noticed": result.noticed,
        "outcome": result.outcome,
        "by": result.by,
        "reason": listed.get(mutant.key, ""),
    }


def _summed_up(results: Sequence[Result], listed: dict[Key, str]) -> int:
    """Print how many were noticed of each module; return the exit status."""
    counts: dict[str, Counter[str]] = {}
    for result in results:
        what = "noticed" if result.noticed else "listed" if result.mutant.key in listed else "unnoticed"
        counts.setdefault(result.mutant.module, Counter())[what] += 1
    counts["all"] = sum(counts.values(), Counter())
    _say(f"{'module':<40} {'mutants':>7} {'noticed':>7} {'listed':>7} {'unnoticed':>9}")
    for module, count in counts.items():
        _say(f"{module:<40} {count.total():>7} {count['noticed']:>7} {count['listed']:>7} {count['unnoticed']:>9}")
    if not results:
        return 1
    share = 1 - counts["all"]["unnoticed"] / len(results)
    _say(f"{share:.1%} noticed or listed, {WANTED_SHARE:.0%} are wanted")
    return 0 if share >= WANTED_SHARE else 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
