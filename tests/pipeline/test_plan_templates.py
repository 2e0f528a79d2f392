"""Plans where the config says more of places than the rule's folder: applied unedited they do what `sort` does."""

from __future__ import annotations

import csv
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support import harness
from tests.support.clips import encode

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(120)

RULES = """\
rules:
  - {name: sea, when: {file_name: "s*"}, place: {how: copy}}
  - {name: any, when: {file_name: "*"}}
"""
PLACE = 'place: {folder: "{rule}/{year}", xmp: true}\n'
Row = dict[str, str]


def home(folder: Path, *, place: str = PLACE) -> harness.Here:
    """Return a home with a video of each rule in its inbox."""
    made = harness.Here(harness.Home.make(folder, rules=RULES, more=place).folder)
    for name, level in (("stay", 40), ("go", 200)):
        video(made.inbox / f"{name}.mp4", level)
    return made


def video(path: Path, level: int) -> None:
    path.parent.mkdir(exist_ok=True)
    encode(path, [np.full((90, 160, 3), level, np.uint8)] * 10, fps=10)
    os.utime(path, (1_700_000_000 + level,) * 2)  # 2023


def planned(one: harness.Here) -> tuple[Path, list[Row]]:
    path = one.folder / "plan.csv"
    path.unlink(missing_ok=True)
    one.run("plan", one.inbox, "--out", path)
    with path.open(encoding="utf-8", newline="") as file:
        return path, list(csv.DictReader(file))


def written(path: Path, rows: list[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def told(one: harness.Here) -> dict[str, tuple[Any, ...]]:
    """Return of each filed video what the history says of where it went, and why."""
    keys = ("state", "rule", "score", "how", "folder", "xmp", "reason")
    return {item["source"].rpartition("/")[2]: tuple(item[key] for key in keys) for item in one.items()}


def test_a_plan_that_nobody_edited_does_what_sort_does(tmp_path: Path) -> None:
    sorted_, applied = home(tmp_path / "sorted"), home(tmp_path / "applied")
    sorted_.run("sort", sorted_.inbox)
    path, _ = planned(applied)
    applied.run("sort", "--plan", path)
    assert {name: one[:-2] for name, one in told(sorted_).items()} == {
        name: one[:-2] for name, one in told(applied).items()
    }
    why = [{name: one[-1] for name, one in told(each).items()} for each in (sorted_, applied)]
    assert why[0] == why[1]
    assert ("filed", "sea", "copy", "sea/2023") == tuple(told(applied)["stay.mp4"][at] for at in (0, 1, 3, 4))
    assert told(applied)["stay.mp4"][5]
    assert {"stay.mp4"} == {one.name for one in applied.inbox.iterdir()}


def test_another_year_is_the_rules_folder_still_and_another_rule_is_that_rule(tmp_path: Path) -> None:
    one = home(tmp_path / "home")
    path, rows = planned(one)
    for row in rows:
        row["folder"] = "sea/2020" if row["source"].endswith("go.mp4") else "sea/2001"
    one.run("sort", "--plan", written(path, rows))
    stay, go = told(one)["stay.mp4"], told(one)["go.mp4"]
    assert ("filed", "sea", "copy", "sea/2001") == (stay[0], stay[1], stay[3], stay[4])
    assert "plan.csv" not in stay[-1]
    assert ("filed", "sea", "copy", "sea/2020") == (go[0], go[1], go[3], go[4])
    assert "you said so in plan.csv" in go[-1]


def test_what_was_filed_and_stayed_is_done_or_a_mistake(tmp_path: Path) -> None:
    one = home(tmp_path / "home")
    path, rows = planned(one)
    one.run("sort", "--plan", path)
    again = one.json("sort", "--plan", path)
    assert ([], 2) == (again["items"], len(again["done"]))
    for row in rows:
        row["folder"] = "elsewhere"
    refused = one.run("sort", "--plan", written(path, rows), code=None)
    assert refused.returncode not in {0, 1}
    assert "it was filed meanwhile, to" in refused.stderr
    assert not (one.library / "elsewhere").exists()


@pytest.mark.long
def test_a_plan_of_a_folder_with_an_undecodable_name_is_sound(tmp_path: Path) -> None:
    one = home(tmp_path / "home", place='place: {folder: "{rule}/{sub}"}\n')
    video(one.inbox / os.fsdecode(b"caf\xe9") / "a.mp4", 90)
    path, _ = planned(one)
    one.run("sort", "--plan", path)
    assert b"caf\xe9" in {os.fsencode(folder.name) for folder in (one.library / "any").iterdir()}


@pytest.mark.long
def test_a_duplicate_keeps_its_rule(tmp_path: Path) -> None:
    one = home(tmp_path / "home", place="place: {on_duplicate: {to: _Duplicates}}\n")
    one.run("sort", one.inbox / "go.mp4")
    video(one.inbox / "go.mp4", 200)
    path, rows = planned(one)
    assert "_Duplicates" in {row["folder"] for row in rows}
    one.run("sort", "--plan", path)
    item = next(item for item in one.items() if item["source"].endswith("go.mp4"))
    assert ("any", "_Duplicates") == (item["rule"], item["folder"])
