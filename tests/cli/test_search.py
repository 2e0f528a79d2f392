"""`vsortd search` as a person uses it, over a rendered library whose scenes are known."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pytest
from PIL import Image

from tests.support import harness
from tests.support.takes import render_takes

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]
SECONDS = 5.3  # cuts are not on whole seconds
SUBJECTS = (
    "forest", "desert", "sea", "mountains", "city", "snow", "meadow",
    "fire", "fireworks", "road", "indoor room", "text slides",
)  # fmt: skip
EACH = 3  # scenes of a subject


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> harness.Here:
    """Return a home with an indexed library of videos with three scenes each."""
    made = harness.Here.make(tmp_path_factory.mktemp("home") / "home")
    count = len(SUBJECTS)
    for number in range(count):
        takes = [SUBJECTS[(number + place * (place + 3)) % count] for place in range(EACH)]
        name = "_".join(take.split()[0] for take in takes)
        render_takes(
            made.library / f"{number:02d}_{name}.mp4", [(take, SECONDS) for take in takes], seed=72_000 + number
        )
    made.run("index", "--fps", "1")
    return made


def truth(scene: dict[str, Any]) -> tuple[str, int]:
    """Return which take of which file the middle of a scene lies in."""
    middle_s = (scene["begin_s"] + scene["end_s"]) / 2
    return Path(scene["file"]).name, min(EACH - 1, int(middle_s / SECONDS))


def shows(scene: dict[str, Any], subject: str) -> bool:
    name, take = truth(scene)
    return Path(name).stem.split("_")[1 + take] == subject.split(maxsplit=1)[0]


@pytest.mark.long
def test_the_scenes_of_a_subject_are_among_the_first_five(home: harness.Here) -> None:
    recalls = {}
    for subject in SUBJECTS:
        scenes = home.json("search", subject, "--limit", "5", "--all")["scenes"]
        recalls[subject] = len({truth(scene) for scene in scenes if shows(scene, subject)}) / EACH
    assert sum(recalls.values()) / len(recalls) >= 0.95, recalls


@pytest.mark.long
def test_a_scene_is_found_from_its_cut_to_its_cut_and_once(home: harness.Here) -> None:
    scenes = [one for one in home.json("search", "the sea")["scenes"] if shows(one, "sea")]
    assert len(scenes) == len({truth(one) for one in scenes})
    for scene in scenes:
        _, take = truth(scene)
        # frames lie a second apart, so an edge is half-way between two
        assert take * SECONDS == pytest.approx(scene["begin_s"], abs=0.75)
        assert (take + 1) * SECONDS == pytest.approx(scene["end_s"], abs=0.75)


@pytest.mark.long
def test_of_each_shot_one_picture_is_asked_and_a_scene_ends_at_its_cuts(home: harness.Here, tmp_path: Path) -> None:
    found = home.json("search", "the sea", "--per", "shot")
    assert (0, 0, len(SUBJECTS)) == (found["unseen_shots"], found["unmeasured"], found["videos"])
    seas = [one for one in found["scenes"] if shows(one, "sea")]
    assert len(seas) >= 2
    for scene in seas:
        _, take = truth(scene)
        assert (take * SECONDS, (take + 1) * SECONDS) == pytest.approx((scene["begin_s"], scene["end_s"]), abs=1e-3)
        assert scene["begin_s"] <= scene["peak_s"] < scene["end_s"]
    assert seas[0]["file"] in home.run("search", "the sea", "--per", "shot").stdout
    like = home.json("search", "--like", f"{seas[0]['file']}@{seas[0]['peak_s']}", "--per", "shot", "--limit", "1")
    assert shows(like["scenes"][0], "sea")
    path = render_takes(tmp_path / "new.mp4", [("city", 2), ("snow", 0.3), ("city", 1.7)], seed=72_901)
    brief = home.json("search", "a city", "--in", path, "--per", "shot", "--all")
    assert 1 == brief["unseen_shots"], "a shot without a frame of its own was given another's"
    assert "too short" in home.run("search", "a city", "--in", path, "--per", "shot", "--all").stdout
    assert "exclude one another" in home.run("search", "sea", "--per", "shot", "--window", "5s", code=2).stderr


@pytest.mark.long
def test_the_table_the_values_and_the_document_agree(home: harness.Here) -> None:
    words = ("search", "a forest", "--limit", "3", "--all")
    scenes = home.json(*words)["scenes"]
    rows = list(csv.DictReader(io.StringIO(home.run(*words, "--csv").stdout)))
    assert [(one["file"], one["score"]) for one in scenes] == [(row["file"], float(row["score"])) for row in rows]
    table = home.run(*words).stdout
    assert all(one["file"] in table for one in scenes)
    assert "Next: " in table


@pytest.mark.long
def test_what_is_not_meant_goes_down_and_several_prompts_have_to_hold(home: harness.Here) -> None:
    plain = home.json("search", "snow", "--limit", "40")["scenes"]
    against = home.json("search", "snow", "--not", "snow", "--limit", "40", "--all")["scenes"]
    assert max(one["score"] for one in against) <= 0.51 < plain[0]["score"]
    both = home.json("search", "the sea", "fire", "--limit", "1", "--all")["scenes"][0]["score"]
    either = home.json("search", "the sea", "fire", "--any", "--limit", "1")["scenes"][0]["score"]
    assert both < 0.5 < either


@pytest.mark.long
def test_filters_narrow_the_search(home: harness.Here) -> None:
    (file,) = home.library.glob("00_*.mp4")
    assert {str(file)} == {one["file"] for one in home.json("search", "sea", "--all", "--in", file)["scenes"]}
    assert [] == home.json("search", "sea", "--all", "--orientation", "portrait", code=1)["scenes"]
    link = home.folder / "link"
    link.symlink_to(home.library)
    by_link = home.json("search", "sea", "--all", "--in", link / file.name)["scenes"]
    assert {str(file)} == {one["file"] for one in by_link}
    assert home.json("search", "sea", "--all", "--in", link, "--limit", "3")["scenes"]
    assert home.json("search", "sea", "--all", "--orientation", "landscape", "--recorded-since", "1h")["scenes"]
    assert [] == home.json("search", "sea", "--all", "--recorded-since", "2100-01-01", code=1)["scenes"]


@pytest.mark.long
def test_a_file_that_nobody_indexed_is_looked_at_first(home: harness.Here, tmp_path: Path) -> None:
    path = render_takes(tmp_path / "new.mp4", [("city", 6), ("snow", 6)], seed=72_900)
    best = home.json("search", "snow", "--in", path)["scenes"][0]
    assert 6 == pytest.approx(best["begin_s"], abs=0.75)


@pytest.mark.long
def test_videos_that_were_hardly_looked_at_are_told(home: harness.Here, tmp_path: Path) -> None:
    other = harness.Here.make(tmp_path / "other")
    (file,) = home.library.glob("00_*.mp4")
    other.run("index", file, "--fps", "0.1")
    rough = other.json("search", "a forest", "--window", "3s")
    assert 1 == rough["coarse"]
    assert "looks closer" in other.run("search", "a forest", "--window", "3s").stdout
    other.run("index", file)
    assert 0 == other.json("search", "a forest", "--window", "3s")["coarse"]


@pytest.mark.long
def test_a_moment_a_clip_and_a_photo_find_their_like(home: harness.Here, tmp_path: Path) -> None:
    (file,) = home.library.glob("02_sea*.mp4")
    moment = home.json("search", "--like", f"{file}@2.5", "--limit", "2", "--in", home.library)["scenes"]
    assert [True, True] == [shows(one, "sea") for one in moment]
    assert str(file) not in {one["file"] for one in moment}
    with av.open(str(file)) as container:
        next(container.decode(video=0)).to_image().save(tmp_path / "sea.png")
    photo = home.json("search", "--like", tmp_path / "sea.png", "--limit", "3", "--in", home.library)["scenes"]
    assert all(shows(one, "sea") for one in photo)
    assert photo[0]["score"] > 0.9


@pytest.mark.long
def test_a_sheet_is_drawn_and_a_scene_is_cut_out(home: harness.Here, tmp_path: Path) -> None:
    sheet, cut = tmp_path / "scenes.png", tmp_path / "scene.mp4"
    found = home.json("search", "fire", "--limit", "4", "--out", sheet, "--out", cut)
    with Image.open(sheet) as image:
        assert image.width >= 900
    first = found["scenes"][0]
    with av.open(str(cut)) as container:
        length_s = float(container.duration or 0) / 1e6
    assert first["end_s"] - first["begin_s"] == pytest.approx(length_s, abs=0.6)
    assert "copy" == found["clip"]["kind"]
    said = home.run("search", "fire", "--out", cut, code=None)
    assert 0 != said.returncode
    assert "exists" in said.stderr


@pytest.mark.long
def test_the_best_scene_is_opened_where_it_begins(
    home: harness.Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    player = tmp_path / "mpv"
    player.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/asked.part; mv {tmp_path}/asked.part {tmp_path}/asked\n'
    )
    player.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (file,) = home.library.glob("00_*.mp4")
    best = home.json("search", "a city", "--in", file, "--open")["scenes"][0]
    home.wait((tmp_path / "asked").exists, what="the player is asked")
    assert [f"--start={best['begin_s']:.1f}", best["file"]] == (tmp_path / "asked").read_text().splitlines()


@pytest.fixture
def running(home: harness.Here) -> Iterator[harness.Here]:
    home.start()
    yield home
    assert 0 == home.stop()


@pytest.mark.long
def test_the_daemon_answers_as_the_command_does_by_itself(running: harness.Here) -> None:
    words = ("search", "a meadow", "--not", "a forest", "--limit", "6")
    asked = running.json(*words)
    assert "scenes" in asked
    running.stop()
    alone = running.json(*words)
    running.start()
    for one, other in zip(asked["scenes"], alone["scenes"], strict=True):
        assert (one["file"], one["begin_s"], one["end_s"]) == (other["file"], other["begin_s"], other["end_s"])
        assert one["score"] == pytest.approx(other["score"], abs=1e-3)


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing to look for"),
        (("zeppelins",), "knows nothing of 'zeppelins'"),
        (("sea", "--window", "0"), "--window"),
        (("sea", "--limit", "0"), "--limit"),
        (("sea", "--in", "/nowhere"), "not there"),
        (("--like", "/nowhere.mp4@3"), "not there"),
        (("sea", "--orientation", "round"), "portrait"),
        (("sea", "--out", "out.gif"), ".png"),
        (("sea", "--scene", "2"), "Add --out OUT.mp4"),
        (("sea", "--csv", "--json"), "exclude"),
        (("sea", "--rule", "nature/nothing"), "nature"),
    ],
)
def test_bad_words_are_refused_with_the_remedy(home: harness.Here, words: tuple[str, ...], said: str) -> None:
    assert said in home.run("search", *words, code=2).stderr
