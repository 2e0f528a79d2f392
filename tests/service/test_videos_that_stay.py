"""Videos that stay in the inbox, as a person meets them: the real commands and the real daemon."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject
from tests.support import harness
from tests.support.clips import render_scene

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]
RULES = """\
place: {how: copy}
rules:
  - {name: sea, prompts: [sea, ocean waves], place: {how: hardlink}}
  - {name: fire, prompts: [fire, flames], place: {how: move}}
  - {name: city, prompts: [city, city street], rules: [{name: snow, prompts: [snow, snowy landscape]}]}
  - {name: slides, prompts: [text slides, presentation slide]}
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[harness.Home]:
    made = harness.Here.make(tmp_path / "home", rules=RULES)
    for seed, subject in enumerate((Subject.SEA, Subject.FIRE, Subject.CITY)):
        render_scene(made.inbox / f"{subject}.mp4", subject, Light.DAY, seed=seed, frames=24, fps=8)
    (made.inbox / "sea.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nsea\n")
    yield made
    if made.daemon is not None:
        made.daemon.kill()
        made.daemon.wait()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.long
def test_a_plan_says_what_would_be_copied_and_linked_and_sort_does_it_once(home: harness.Home) -> None:
    before = harness.snapshot(home.inbox)
    planned = {Path(one["source"]).name: one["how"] for one in home.json("plan", home.inbox)["items"]}
    assert {"sea.mp4": "hardlink", "fire.mp4": "move", "city.mp4": "copy"} == planned
    shown = home.run("plan", home.inbox).stdout
    assert 1 == shown.count("hard-linked")
    assert 1 == shown.count("copied")
    assert "copied" in home.run("explain", home.inbox / "city.mp4").stdout
    assert before == harness.snapshot(home.inbox)

    done = {Path(one["source"]).name: one for one in home.json("sort", home.inbox)["items"]}
    assert planned == {name: one["how"] for name, one in done.items()}
    assert {"sea.mp4", "sea.srt", "city.mp4"} == names(home.inbox)
    assert {"sea.mp4", "sea.srt"} == names(home.library / "sea")
    assert (home.inbox / "sea.mp4").samefile(home.library / "sea" / "sea.mp4")
    assert not (home.inbox / "city.mp4").samefile(home.library / "city" / "city.mp4")

    there = harness.snapshot(home.library)
    real = harness.Home(home.folder)  # processes of their own: nothing is left for the model that is loaded meanwhile
    again = {Path(one["source"]).name: one for one in real.json("sort", home.inbox)["items"]}
    assert {"filed"} == {one["state"] for one in again.values()}
    wanted = f"it was filed already, as {home.library / 'city' / 'city.mp4'}, and stays"
    assert (wanted, None, None) == tuple(again["city.mp4"][key] for key in ("reason", "destination", "id"))
    assert wanted in real.run("plan", home.inbox / "city.mp4").stdout.replace("\n", " ")
    assert there == harness.snapshot(home.library)
    assert 3 == len(home.items())
    assert {"filed": 3, "held": 0} == {key: home.json("status")["counts"][key] for key in ("filed", "held")}
    assert "hard-linked" in home.run("history").stdout
    assert "move" in home.run("history", "--csv").stdout


@pytest.mark.long
def test_the_daemon_files_once_over_restarts_and_renames_and_again_what_changed(home: harness.Home) -> None:
    home.start()
    home.wait(lambda: 3 == len(home.items()), what="all three are filed")
    there = harness.snapshot(home.library)
    assert 0 == home.stop()
    (home.inbox / "city.mp4").rename(home.inbox / "town.mp4")
    render_scene(home.inbox / "new.mp4", Subject.CITY, Light.NIGHT, seed=9, frames=24, fps=8)
    home.start()
    home.wait(lambda: 4 == len(home.items()), what="the new one is filed")
    time.sleep(2)  # long enough to see the others: they are done
    assert 4 == len(home.items())
    assert there.items() <= harness.snapshot(home.library).items()
    shutil.copy2(home.inbox / "new.mp4", home.folder / "other.mp4")
    render_scene(home.inbox / "town.mp4", Subject.CITY, Light.NIGHT, seed=11, frames=24, fps=8)
    home.wait(lambda: 5 == len(home.items()), what="what was written over is a new video")
    assert {"new.mp4", "town.mp4", "sea.mp4", "sea.srt"} == names(home.inbox)
    assert 0 == home.stop()


def test_undo_removes_what_was_made_says_so_and_what_is_released_is_filed_again(home: harness.Home) -> None:
    before = harness.snapshot(home.inbox)
    home.run("sort", home.inbox)
    (home.inbox / "sea.srt").unlink()
    printed = home.run("undo", "--all", "--dry-run").stdout
    assert f"would be out of the library again; its source is at {home.inbox / 'sea.mp4'}" in printed
    answer = home.json("undo", "--all")
    stayed = {Path(one["source"]).name: one["stayed"] for one in answer["undone"]}
    assert ({"sea.mp4": True, "city.mp4": True, "fire.mp4": False}, []) == (stayed, answer["refused"])
    assert before == harness.snapshot(home.inbox)
    assert {} == harness.snapshot(home.library)
    assert 3 == home.json("status")["counts"]["held"]
    held = home.json("sort", home.inbox)["items"]
    assert {"held"} == {one["state"] for one in held}
    home.run("release", "--all")
    assert {"filed"} == {one["state"] for one in home.json("sort", home.inbox)["items"]}


@pytest.mark.long
def test_teaching_moves_the_library_s_copy_and_never_the_source(home: harness.Home) -> None:
    before = harness.snapshot(home.inbox)
    home.run("sort", home.inbox)
    inode = (home.inbox / "city.mp4").stat().st_ino
    for name in ("city.mp4", "sea.mp4"):
        lesson = home.json("teach", home.inbox / name, "slides")
        assert str(home.library / "slides" / name) == lesson["destination"]
    assert {"city.mp4", "sea.mp4", "sea.srt"} == names(home.library / "slides")
    assert [] == [path for path in (home.library / "city").iterdir() if path.is_file()]
    assert inode == (home.inbox / "city.mp4").stat().st_ino
    assert {"filed"} == {one["state"] for one in home.json("sort", home.inbox)["items"]}
    assert 5 == len(home.items())
    assert [] == home.json("undo", "--all")["refused"]
    assert before == harness.snapshot(home.inbox)
    assert {} == harness.snapshot(home.library)


@pytest.mark.long
def test_check_and_doctor_say_what_a_disk_can_t(home: harness.Home, tmp_path: Path) -> None:
    other = Path("/dev/shm")  # noqa: S108 - the point is that it is another filesystem
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second filesystem: /dev/shm is the disk of /tmp")
    far = other / f"vsortd-{os.getpid()}"
    far.mkdir()
    try:
        text = (
            home.config.read_text().replace(f"path: {home.inbox}", f"path: {far}").replace("how: copy", "how: reflink")
        )
        home.config.write_text(text)
        warnings = {one["path"]: one["message"] for one in home.json("check")["warnings"]}
        begins = f"from the disk of {far} to the library's; its videos are copied whole"
        assert f"no blocks are shared {begins}" == warnings["place.how"]
        assert f"no hard links reach {begins}" == warnings["rules[0].place.how"]
        found = json.loads(home.run("doctor", "--json", code=None).stdout)
        said = {one["name"]: (one["level"], one["found"]) for one in found["checks"]}
        level, why = said[f"hardlink {far} → {home.library}"]
        assert (
            "warn",
            "not possible (Invalid cross-device link): videos are copied whole, and take their room twice",
        ) == (
            level,
            why,
        )
        assert "warn" == said[f"reflink {far} → {home.library}"][0]
        assert [] == [path for path in (*far.iterdir(), *home.library.iterdir()) if path.name.startswith(".vsortd-")]
    finally:
        shutil.rmtree(far)


@pytest.mark.long
def test_a_source_is_no_duplicate_of_what_was_made_of_it(home: harness.Home) -> None:
    home.run("sort", home.inbox)
    places = (home.inbox, home.library)
    assert [] == home.json("duplicates", *places)["groups"]
    shutil.copy2(home.inbox / "city.mp4", home.inbox / "twin.mp4")
    (group,) = home.json("duplicates", *places)["groups"]
    names_in_it = {Path(group["keep"]["path"]), *(Path(one["path"]) for one in group["others"])}
    assert {home.inbox / "twin.mp4", home.library / "city" / "city.mp4"} == names_in_it
