"""Fuzz one target after another: `python -m tests.fuzz [--seconds N] [--found FOLDER] [TARGET …]`.

Exit code 0: nothing was found; 1: each finding lies in the folder, its bytes and beside them what came of it;
2: a target could not be run. An hour each by default, or $VSORTD_FUZZ_SECONDS.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.driver import LONGEST_S, MOST_MEMORY_MB

TARGETS = ("worker_protocol", "boxes", "containers", "config_file", "api_requests")
# libFuzzer's exit codes: an error of its own or a crash, too much memory, too long.
_FOUND_CODES = {70: "took too long", 71: "took too much memory", 77: "crashed"}
_MOST_STARTS = 20


def main(arguments: list[str] | None = None) -> int:
    """Run the targets that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all by default")
    parser.add_argument("--seconds", type=int, default=int(os.environ.get("VSORTD_FUZZ_SECONDS", "3600")))
    parser.add_argument("--found", type=Path, default=Path("fuzz-found"), help="where findings are kept")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.targets) - set(TARGETS):
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    if importlib.util.find_spec("atheris") is None:
        _say("atheris is not installed; run: pip install --group fuzz (pip 25.1 or newer; Linux and macOS)")
        return 2
    codes = [fuzz(name, asked.seconds, asked.found.absolute()) for name in asked.targets or TARGETS]
    found = sorted(path for path in asked.found.glob("*") if path.suffix != ".txt")
    _say(f"\n{len(found)} findings in {asked.found}" if found else "\nnothing was found")
    return max(*codes, 1 if found else 0)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def fuzz(name: str, seconds: int, found: Path) -> int:
    """Fuzz one target for some seconds, beginning again with what it knows after each finding that ends the process."""
    end_s = time.monotonic() + seconds
    found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vsortd-fuzz-") as folder:
        for start in range(_MOST_STARTS):
            left_s = int(end_s - time.monotonic())
            if left_s <= 0:
                return 0
            home = Path(folder) / str(start)
            home.mkdir()
            if start:
                (Path(folder) / str(start - 1) / "corpus").rename(home / "corpus")
            code = _run(name, left_s, home, found)
            if code not in _FOUND_CODES:
                return 2 if code else 0
            _say(f"{name}: an input {_FOUND_CODES[code]}; it lies in {found}")
    return 1


def _run(name: str, seconds: int, folder: Path, found: Path) -> int:
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={LONGEST_S}",
        f"-rss_limit_mb={MOST_MEMORY_MB}",
        f"-artifact_prefix={found}/{name}-",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    _say(f"\n{name}: {seconds} s")
    command = [sys.executable, "-m", "tests.fuzz.libfuzzer", name, str(folder), str(found), *options]
    return subprocess.run(command, check=False, env={**os.environ, "VSORTD_STATE_DIR": str(folder)}).returncode


if __name__ == "__main__":
    sys.exit(main())
