"""The real command, and which modules were imported when it ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PROGRAM = """
import atexit, json, sys
sys.argv = ["vsortd", *sys.argv[1:]]
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
from vsortd.__main__ import script
script()
"""


def run_telling_imports(
    *words: str | Path, environment: Mapping[str, str], timeout_s: float = 60
) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """Run a command to its end; return what it said, and the names of all modules that were there at the end."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *map(str, words)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
    )
    *said, modules = done.stderr.splitlines()
    done.stderr = "\n".join(said)
    return done, set(json.loads(modules))
