"""Commands in children of one process that has imported the command line: real descriptors, a hundredth of the time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_PARENT = """
import io, json, os, signal, sys
import vsortd.cli.app, vsortd.config.check, vsortd.config.dump, vsortd.service.client
import vsortd.learning.review_queue, vsortd.pipeline.batch, vsortd.pipeline.explanation
import rich.console, rich.table, vsortd.cli.front.help_form
from vsortd.__main__ import script

def run(case, number):
    said = f"{sys.argv[2]}/{number}"
    for fd, target in enumerate((os.devnull, case["stdout"].format(said), f"{said}.err")):
        if target:
            os.dup2(os.open(target, os.O_RDWR | os.O_CREAT), fd)
        else:
            os.close(fd)
    os.closerange(3, 64)
    if case["folder"]:
        os.mkdir(case["folder"]); os.chdir(case["folder"]); os.rmdir(case["folder"])
    sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False), encoding=case["encoding"]) if case["stdout"] else None
    sys.stderr = io.TextIOWrapper(open(2, "wb", closefd=False), encoding="utf-8")
    sys.argv = ["vsortd", *case["words"]]
    script()

codes = []
for number, case in enumerate(json.loads(sys.argv[1])):
    child = os.fork()
    if not child:
        signal.alarm(60)
        try:
            run(case, number)
        except SystemExit as left:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(left.code or 0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        os._exit(1)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(json.dumps(codes))
"""


@dataclass(frozen=True, slots=True)
class ForkedEnd:
    """How a command ended, and what it said."""

    words: str
    code: int
    stdout: str
    stderr: str


def run_forked(
    commands: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    stdout: str = "{}.out",
    gone: bool = False,
    encoding: str = "utf-8",
) -> list[ForkedEnd]:
    """Run commands one after the other; `stdout` is a file, "" a closed one; `gone`: in a removed folder."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = [
        {
            "words": words.split(),
            "stdout": stdout,
            "folder": str(folder / f"gone{number}") if gone else "",
            "encoding": encoding,
        }
        for number, words in enumerate(commands)
    ]
    done = subprocess.run(
        [sys.executable, "-c", _PARENT, json.dumps(cases), str(folder)],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert not done.returncode, done.stderr

    def said(number: int, kind: str) -> str:
        path = folder / f"{number}.{kind}"
        return path.read_bytes().decode("utf-8") if path.exists() else ""

    codes = json.loads(done.stdout)
    return [
        ForkedEnd(words, code, said(number, "out"), said(number, "err"))
        for number, (words, code) in enumerate(zip(commands, codes, strict=True))
    ]
