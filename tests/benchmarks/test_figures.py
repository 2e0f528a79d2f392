"""Every figure in docs/ comes from a benchmark's result, and says its day and machine."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from tests.benchmarks import figures
from tests.benchmarks.figures import ROWS, TABLES, Figure, load_kept, speed_table, taken, written
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

MACHINE = {"cores": 4, "cpu": "Some CPU (avx2, avx512f)", "gpu": "", "load_before": 0.2, "load_after": 3.4}
# How a speed is told: times, and "so many times faster". An option's own number (`5s`, `every 30 s`) is none.
SPEED = re.compile(r"\d (?:ms\b|times (?:faster|as fast)|(?:frames|videos|pictures|clips) a second)")


def indexing(**more: Any) -> dict[str, Any]:
    """Return the result of an indexing benchmark."""
    ratios = {"cpu_of_floors": 0.931, "times_the_script_by_cpu": 4.04}
    decode = [{"cpu_s": 20.0, "frames": 1000}]
    document = {"benchmark": "indexing", "date": "2026-12-01T07:00:00+00:00", "machine": MACHINE, "clips": 200}
    return {**document, "summary": ratios, "turns": {"decode": decode}, **more}


def gpu(**more: Any) -> dict[str, Any]:
    """Return the result of the benchmark for a GPU."""
    checks = [
        {"name": "encoder", "figures": {"batches": [{"per_s": 900.0}, {"per_s": 1234.5}], "of_bare": 0.97}},
        {"name": "decoding", "figures": {"times_as_fast": 3.04}},
        {"name": "backlog", "figures": {"error": "it failed"}},
    ]
    document = {"benchmark": "gpu", "date": "2026-12-02", "machine": {**MACHINE, "gpu": "H200"}, "checks": checks}
    return {**document, "skipped": "", "device": "cuda", "scale": "full", **more}


PAGES = sorted({page for page, _ in TABLES.values()})


@pytest.mark.parametrize("page", PAGES)
def test_the_tables_are_those_of_the_figures_that_are_kept(page: str) -> None:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    assert written(page, text, load_kept()) == text, "python -m tests.benchmarks.figures writes them"


def test_every_kept_figure_has_a_day_and_a_machine() -> None:
    kept = load_kept()
    assert {row.name for row in ROWS} >= {name.removesuffix(" gpu") for name in kept if not name.startswith("judged ")}
    for name, one in kept.items():
        assert date(2026, 11, 1) <= date.fromisoformat(one.day), name
        assert "cores, " in one.machine, name


@pytest.mark.parametrize("page", ["README.md", *PAGES])
def test_a_page_tells_no_speed_outside_its_tables_of_figures(page: str) -> None:
    whole = (REPOSITORY / page).read_text(encoding="utf-8")
    text = re.sub(r"<!-- figures: .*?<!-- end of figures -->", "", whole, flags=re.DOTALL)
    assert [] == [line for line in text.splitlines() if SPEED.search(line)]


def test_a_result_tells_its_figures_with_day_machine_and_load() -> None:
    found = taken(indexing())
    assert {"index", "decoding"} == found.keys()
    assert "93 % of its CPU time is decoding and encoding" in found["index"].text
    assert "4.0 times" in found["index"].text
    assert (
        Figure("20 ms of CPU time a frame", "2026-12-01", "4 cores, Some CPU (avx512f), load 0 to 3")
        == found["decoding"]
    )


def test_a_gpu_fills_its_own_column_as_far_as_its_checks_went() -> None:
    found = taken(gpu())
    assert {"pictures gpu", "decoding gpu"} == found.keys()
    kept = {**taken(indexing()), **found}
    (decoding,) = [line for line in speed_table(kept).splitlines() if line.startswith("| decoding")]
    cells = [cell.strip() for cell in decoding.split("|")]
    assert ["20 ms of CPU time a frame", "3.0 times as fast by NVDEC"] == cells[2:4]
    assert "2026-12-01" in cells[4]
    assert "H200" in cells[4]


@pytest.mark.parametrize(
    "document",
    [
        gpu(skipped="there is no GPU on this machine"),
        gpu(device="cpu"),
        gpu(scale="quick"),
        {**indexing(), "summary": {}},
    ],
    ids=["no GPU", "on the processor", "a trial", "half a result"],
)
def test_what_was_not_measured_is_no_figure(document: dict[str, Any]) -> None:
    assert not {name for name in taken(document) if name != "decoding"}


def test_a_figure_that_no_result_has_keeps_its_own_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, result = tmp_path / "figures.json", tmp_path / "indexing.json"
    before = load_kept()
    kept.write_bytes(figures.KEPT.read_bytes())
    for page in PAGES:
        (tmp_path / page).parent.mkdir(exist_ok=True)
        (tmp_path / page).write_bytes((REPOSITORY / page).read_bytes())
    result.write_text(json.dumps(indexing(date="2030-01-01")), encoding="utf-8")
    monkeypatch.setattr(figures, "KEPT", kept)
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    assert 0 == figures.main([str(result)])
    after = load_kept()
    assert ("2030-01-01", before["drop"]) == (after["index"].day, after["drop"])
    text = (tmp_path / "docs/benchmarks.md").read_text(encoding="utf-8")
    assert "2030-01-01, 4 cores, Some CPU" in text
    assert f"| {before['drop'].day}, {before['drop'].machine} |" in text
