"""Folders out of a template, by the real commands: what goes where, and that every command knows it is there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject
from tests.support import harness
from tests.support.clips import render_scene
from vsortd.errors import ExitCode

NOVEMBER_S = 1_795_000_000  # 2026-11-18
MARCH_S = 1_774_000_000  # 2026-03-20
RULES = """\
facets: {mood: {calm: [sea], tense: [fire]}}
rules:
  - name: trips
    when: {file_name: "trip*"}
    rules: [{name: night, when: {file_name: "*night*"}}]
  - {name: home, when: {file_name: "home*"}, place: {folder: "At home/{date}", name: "{year}{month}{day} {n:02}"}}
  - {name: never, when: {file_name: "never*"}}
"""


@pytest.fixture
def home(tmp_path: Path) -> harness.Home:
    home = harness.Here.make(tmp_path, rules=RULES, inbox="settle: 50ms, incomplete_after: 1s")
    render_scene(tmp_path / "scene.mp4", Subject.SEA, Light.DAY, seed=1, frames=8, fps=8)
    return home


def configure(home: harness.Home, folder: str) -> None:
    text = home.config.read_text().replace("model: sample\n", f'model: sample\nplace: {{folder: "{folder}"}}\n')
    home.config.write_text(text)


def drop(home: harness.Home, *names: str, changed_s: int = NOVEMBER_S) -> None:
    """Put copies of one video into the inbox that differ in a box at their end."""
    scene = (home.folder / "scene.mp4").read_bytes()
    for name in names:
        path = home.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = os.fsencode(name)
        path.write_bytes(scene + (len(data) + 8).to_bytes(4, "big") + b"free" + data)
        os.utime(path, (changed_s, changed_s))


def where(home: harness.Home) -> dict[str, str]:
    """Return what lies in the library, by where each video came from."""
    mark = (home.folder / "scene.mp4").stat().st_size + 8
    return {
        os.fsdecode(path.read_bytes()[mark:]): path.relative_to(home.library).as_posix()
        for path in home.library.rglob("*.mp4")
        if ".vsortd" not in path.parts
    }


def foreseen(home: harness.Home) -> dict[str, str]:
    return {
        Path(item["source"]).relative_to(home.inbox).as_posix(): Path(item["destination"])
        .relative_to(home.library)
        .as_posix()
        for item in home.json("plan", home.inbox)["items"]
    }


@pytest.mark.long
def test_a_cameras_card_keeps_its_tree_below_each_rule_and_all_is_undone(home: harness.Home) -> None:
    configure(home, "{rule}/{sub}")
    drop(home, "trip.mp4", "DCIM/100CANON/trip 1.mp4", "DCIM/101CANON/trip night.mp4", "DCIM/101CANON/home.mp4")
    expected = {
        "trip.mp4": "trips/trip.mp4",
        "DCIM/100CANON/trip 1.mp4": "trips/DCIM/100CANON/trip 1.mp4",
        "DCIM/101CANON/trip night.mp4": "trips/night/DCIM/101CANON/trip night.mp4",
        "DCIM/101CANON/home.mp4": "At home/2026-11-18/20261118 01.mp4",
    }
    assert expected == foreseen(home)
    home.run("sort", home.inbox)
    assert expected == where(home)
    assert {"trips", "trips/DCIM/100CANON", "trips/night/DCIM/101CANON", "At home/2026-11-18"} == {
        item["folder"] for item in home.items()
    }
    assert "trips/night/DCIM/101CANON" in home.run("history").stdout
    assert ["it is there already"] * 3 == [
        item["reason"].rpartition("; ")[2] for item in home.json("plan", home.library / "trips")["items"]
    ]
    home.run("undo", "--all")
    assert {} == where(home)
    assert set(expected) == {path.relative_to(home.inbox).as_posix() for path in home.inbox.rglob("*.mp4")}


def test_a_folder_that_is_given_is_the_top_of_its_tree(home: harness.Home) -> None:
    configure(home, "{sub}/{rule}")
    drop(home, "CARD/DCIM/100/trip.mp4")
    card = home.folder / "CARD"
    shutil.move(home.inbox / "CARD", card)
    home.run("sort", card)
    assert ["DCIM/100/trips/trip.mp4"] == list(where(home).values())


def test_dates_are_those_of_the_file_and_each_rule_has_what_it_inherits(home: harness.Home) -> None:
    configure(home, "{year}/{month}/{rule}")
    drop(home, "trip a.mp4", "home b.mp4")
    drop(home, "trip night.mp4", "home c.mp4", "home d.mp4", changed_s=MARCH_S)
    assert set(foreseen(home).values()) == {
        "2026/11/trips/trip a.mp4",
        "2026/03/trips/night/trip night.mp4",
        "At home/2026-11-18/20261118 01.mp4",
        "At home/2026-03-20/20260320 01.mp4",
        "At home/2026-03-20/20260320 02.mp4",
    }
    plan = set(foreseen(home).values())
    home.run("sort", home.inbox)
    assert plan == set(where(home).values())


@pytest.mark.long
def test_what_is_taught_goes_to_its_own_folder_of_that_rule(home: harness.Home) -> None:
    configure(home, "{rule}/{year}/{camera}/{sub}")
    drop(home, "DCIM/unknown.mp4", "DCIM/trip.mp4", changed_s=MARCH_S)
    home.run("sort", home.inbox)
    assert {
        "DCIM/unknown.mp4": "_Review/unknown.mp4",
        "DCIM/trip.mp4": "trips/2026/no camera/DCIM/trip.mp4",
    } == where(home)
    home.run("teach", home.library / "_Review" / "unknown.mp4", "never")
    home.run("teach", home.library / "trips/2026/no camera/DCIM/trip.mp4", "trips/night")
    assert {
        "DCIM/unknown.mp4": "never/2026/no camera/DCIM/unknown.mp4",
        "DCIM/trip.mp4": "trips/night/2026/no camera/DCIM/trip.mp4",
    } == where(home)


@pytest.mark.long
def test_the_library_is_evaluated_and_searched_by_rule(home: harness.Home) -> None:
    configure(home, "{rule}/{year}")
    drop(home, "trip.mp4", "trip night.mp4", "home.mp4")
    home.run("sort", home.inbox)
    evaluated = home.json("eval", home.library)
    assert (3, 2 / 3) == (evaluated["n"], evaluated["accuracy"])  # home's own got a name that its condition refuses
    found = home.json("search", "sea", "--rule", "trips", "--all")
    (scene,) = found["scenes"]  # they show the same
    assert {"trip.mp4", "trip night.mp4"} == {Path(one).name for one in (scene["file"], *scene["copies"])}
    refused = home.run("search", "sea", "--rule", "home", code=None)
    assert ExitCode.USAGE == refused.returncode
    assert "has no folder of its own" in refused.stderr


@pytest.mark.parametrize("template", ["{year}/{month}", "{orientation}"])
def test_check_says_that_nothing_is_learned_where_several_rules_share_their_folders(
    home: harness.Home, template: str
) -> None:
    configure(home, template)
    assert "nothing is learned from moving a video" in home.run("check").stdout
