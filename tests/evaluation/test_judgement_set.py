"""The benchmark's rendered set and its rules fit each other."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

import pytest

from tests.sample_model.evaluate import HELD_OUT_SEED
from tests.support.paths import REPOSITORY
from vsortd.config.load import load_settings
from vsortd.config.rules import build_rules

if TYPE_CHECKING:
    from types import ModuleType

SCRIPT = REPOSITORY / "tests" / "benchmarks" / "judgement.py"


@pytest.fixture(scope="module")
def judgement() -> ModuleType:
    """Return the benchmark's script as a module."""
    spec = importlib.util.spec_from_file_location("judgement", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["judgement"] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def test_every_folder_is_a_rule_and_every_leaf_has_clips(judgement: ModuleType) -> None:
    tree = build_rules(load_settings(judgement.CONFIG))
    folders = {folder for folder, _, _, _ in judgement._wanted()}
    assert folders == {rule.key for rule in tree.walk() if not rule.rules} | {"_none"}


def test_its_seeds_are_far_from_those_of_the_card(judgement: ModuleType) -> None:
    count = sum(1 for _ in judgement._wanted())
    assert 170 <= count <= 250
    assert HELD_OUT_SEED + 1_000_000 < judgement.FIRST_SEED


def test_the_table_has_a_row_for_each_way(judgement: ModuleType) -> None:
    row = {
        "name": "as configured",
        "accuracy": 0.5,
        "accuracy_at": {"1": {"share": 0.75, "half": 0.1}},
        "wrong": 0.25,
        "undecided": 0.25,
        "none_right": None,
        "ece": 0.125,
        "frames": 8.0,
        "won": 1,
        "lost": 2.5,
    }
    head, line, first = judgement.table({"compare": [row]}).splitlines()
    assert head.count("|") == line.count("|") == first.count("|")
    assert "| 75.0% ± 10.0% | 50.0% | 25.0% | 25.0% |  | 0.125 | 8.0 | +1 -2.5 |" in first
