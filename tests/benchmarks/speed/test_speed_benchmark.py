"""The speed benchmark itself works, end to end, in its quick form; how fast anything is, no test asks.

Some minutes: `.ci/task long` runs it, or `VSORTD_BENCHMARKS=1 pytest tests/benchmarks/speed`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping

MEASURES = ["recipe", "clip", "long", "drop", "idle", "tiny", "backlog"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif("VSORTD_BENCHMARKS" not in os.environ, reason="some minutes, set VSORTD_BENCHMARKS"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads CPU time and wake-ups from /proc"),
]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the result of the quick form with the sample model."""
    folder = tmp_path_factory.mktemp("speed")
    target = folder / "speed.json"
    command = [sys.executable, "-m", "tests.benchmarks.speed", "--quick", "--model", "sample"]
    done = subprocess.run(
        [*command, "--cache", str(folder), "--json", str(target)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    assert "Targets" in done.stdout
    assert "One clip: where the time goes" in done.stdout
    assert [] == [path.name for path in folder.iterdir() if path.name.startswith("work-")], "its work is left behind"
    found: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    return found


def figures(values: Mapping[str, Any], *names: str) -> list[float]:
    """Return figures that must be there and be numbers."""
    found = [values[name] for name in names]
    assert all(isinstance(one, int | float) and not isinstance(one, bool) for one in found)
    return found


def test_it_says_what_it_was_measured_on(document: dict[str, Any]) -> None:
    assert (1, "speed", "quick") == (document["schema_version"], document["benchmark"], document["scale"])
    assert {"cores", "cpu", "memory_gb", "python", "ffmpeg", "torch", "av", "load_before", "load_after"} <= {
        *document["machine"]
    }


def test_every_measure_has_time_memory_and_frames(document: dict[str, Any]) -> None:
    (run,) = document["runs"]
    measures = run["measures"]
    assert ("sample", MEASURES) == (run["model"], list(measures))
    whole = [measures[name] for name in ("recipe", "idle", "tiny", "backlog")] + [measures["clip"]["once"]]
    for one in whole:
        assert min(figures(one, "wall_s", "cpu_s", "peak_mb")) >= 0
    drops = [measures["clip"]["default"], measures["clip"]["close"], measures["drop"]]
    for one in [*drops, measures["long"]["short"], measures["long"]["long"]]:
        assert min(figures(one, "filed_ms", "decision_ms", "peak_mb", "frames")) > 0


def test_the_stages_are_told_apart(document: dict[str, Any]) -> None:
    (run,) = document["runs"]
    for name in ("drop", "tiny", "backlog"):
        stages = run["measures"][name]["stages_ms"]
        assert {"probe", "place"} <= stages.keys()
        assert all(min(figures(stage, "median", "mean", "sum")) >= 0 for stage in stages.values())


def test_floors_decode_and_encode_the_frames_that_vsortd_saw(document: dict[str, Any]) -> None:
    (run,) = document["runs"]
    for name in ("tiny", "backlog"):
        measure = run["measures"][name]
        floors = measure["floors"]
        share = measure.get("floors_of", measure["number"]) / measure["number"]
        assert measure["frames"] * share == floors["decode"]["frames"] == floors["encode"]["frames"]


def test_every_target_has_a_verdict(document: dict[str, Any]) -> None:
    (run,) = document["runs"]
    assert run["targets"]
    for target in run["targets"]:
        figures(target, "wanted", "got")
        better = target["got"] >= target["wanted"] if target["at_least"] else target["got"] <= target["wanted"]
        assert better is target["reached"]
