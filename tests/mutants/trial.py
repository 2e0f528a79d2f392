"""A copy of the tree, and a worker in it: the tree itself is never touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from tests.support.paths import MEDIA, REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.mutants.mutations import Mutant

_NOT_COPIED: Final = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis", "results")
# Whoever never ends is told by this: what the tests take, followed line by line, twice over, and what starting takes.
_PATIENCE, _START_S = 2, 8.0
_TRACE_S: Final = 900.0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a mutant: `noticed`, `survived`, or `unreached` where no test comes by; by whom it was noticed."""

    mutant: Mutant
    outcome: str
    by: str = ""

    @property
    def noticed(self) -> bool:
        """Whether a test failed."""
        return self.outcome == "noticed"


class Coverage:
    """Which tests run which lines of the modules, the quickest first; and those that fail as it is."""

    def __init__(self, tests: dict[str, dict[str, Any]]) -> None:
        self.failing = sorted(name for name, test in tests.items() if not test["passed"])
        self._seconds: dict[str, float] = {name: test["seconds"] for name, test in tests.items() if test["passed"]}
        self._by_line: dict[tuple[str, int], set[str]] = defaultdict(set)
        for name in self._seconds:
            for module, line in tests[name]["lines"]:
                self._by_line[module, line].add(name)

    def tests_for(self, mutant: Mutant, files: Sequence[str]) -> list[str]:
        """Return the tests in `files` that come by a mutant, quickest first; all where it runs at the import."""
        found = set(self._seconds)
        if not mutant.at_import:
            found = set().union(*(self._by_line.get((mutant.module, line), set()) for line in mutant.lines))
        named = [name for name in found if name.partition("::")[0] in files]
        return sorted(named, key=lambda name: (self._seconds[name], name))

    def seconds(self, tests: Iterable[str]) -> float:
        """Return how long some tests took, followed line by line."""
        return sum(self._seconds[name] for name in tests)


class Trial:
    """One copy of the tree and one worker. Use as a context manager; not thread-safe."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="vsortd-mutants-"))
        self.tree = self._folder / "tree"
        shutil.copytree(REPOSITORY, self.tree, ignore=_NOT_COPIED)
        if MEDIA.is_dir():
            shared = self._folder / "shared"
            shared.mkdir()
            (shared / "media").symlink_to(MEDIA)
        environment = {**os.environ, "PYTHONPATH": str(self.tree), "TMPDIR": str(self._folder)}
        self._worker = subprocess.Popen(
            [sys.executable, "-m", "tests.mutants.worker", self._folder / "output"],
            cwd=self.tree,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._worker.stdin is not None
        assert self._worker.stdout is not None
        self._worker.stdin.close()
        self._worker.wait()
        self._worker.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def coverage(self, modules: Sequence[str], files: Sequence[str]) -> Coverage:
        """Run the tests in `files` as they are, and note which lines of `modules` each comes by."""
        answer = self._ask({"what": "trace", "modules": modules, "files": files, "timeout_s": _TRACE_S})
        if not answer.get("tests"):
            raise RuntimeError(f"the tests can't be run at all:\n{(self._folder / 'output').read_text()}")
        return Coverage(answer["tests"])

    def result(self, mutant: Mutant, tests: list[str], seconds: float) -> Result:
        """Run tests against a mutant until one fails."""
        if not tests:
            return Result(mutant, "unreached")
        path = self.tree / mutant.module
        source = path.read_bytes()
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()
        path.write_bytes(mutant.applied(source))
        try:
            answer = self._ask({"what": "try", "tests": tests, "timeout_s": _START_S + _PATIENCE * seconds})
        finally:
            path.write_bytes(source)
        return Result(mutant, answer["outcome"], answer["by"])

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._worker.stdin is not None
        assert self._worker.stdout is not None
        print(json.dumps(request), file=self._worker.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._worker.stdout.readline())
        return answer
