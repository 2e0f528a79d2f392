"""The benchmark for a GPU works where there is none: on the processor, at tiny sizes; and it says what it would do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.benchmarks.gpu import CHECKS, SKIPPED
from tests.support.paths import REPOSITORY
from vsortd.core.system.confinement import offered

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what the kernel holds of a worker in /proc"),
]


def run_benchmark(folder: Path, *words: str) -> tuple[int, str, dict[str, Any]]:
    """Return the exit code, what was printed, and the document."""
    target = folder / "gpu.json"
    command = [sys.executable, "-m", "tests.benchmarks.gpu", "--cache", str(folder / "cache"), "--json", str(target)]
    done = subprocess.run(
        [*command, *words],
        cwd=REPOSITORY,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, json.loads(target.read_text(encoding="utf-8"))


def test_without_a_gpu_it_says_what_it_would_check_and_is_skipped(tmp_path: Path) -> None:
    code, said, document = run_benchmark(tmp_path)
    assert SKIPPED == code
    assert "There is no GPU on this machine" in said
    assert document["skipped"]
    for check, told in zip(CHECKS, document["checks"], strict=True):
        assert check.looks_at in said
        assert (check.name, None, {}) == (told["name"], told["reached"], told["figures"])


@pytest.mark.long
def test_every_check_works_on_the_processor(tmp_path: Path) -> None:
    """How fast anything is, is not asked: the encoder's check alone may miss what is wanted."""
    _, _, document = run_benchmark(tmp_path, "--device", "cpu", "--quick")
    checks = {one["name"]: one for one in document["checks"]}
    assert [one.name for one in CHECKS] == list(checks)
    for one in checks.values():
        assert "error" not in one["figures"], one
        assert isinstance(one["reached"], bool)
    assert all(checks[name]["reached"] for name in ("decoding", "backlog")), checks
    assert offered().whole is checks["confinement"]["reached"]
    batches = checks["encoder"]["figures"]["batches"]
    assert all(row["per_s"] > 0 and row["bare_per_s"] > 0 and row["of_limit"] > 0 for row in batches)
    backlog = checks["backlog"]["figures"]
    assert (2, 4) == (backlog["clips"], backlog["frames"])
    assert 0 <= backlog["model_waits"] <= 1
    assert checks["decoding"]["figures"]["device"]["frames"] == backlog["frames"]


def test_checks_begin_only_while_there_is_time(tmp_path: Path) -> None:
    code, _, document = run_benchmark(tmp_path, "--device", "cpu", "--quick", "--seconds", "0", "--only", "encoder")
    assert 0 == code
    assert [(None, {"why_not": "the time was up"})] == [(one["reached"], one["figures"]) for one in document["checks"]]
