"""Facets through the real commands on real clips: tags in history, names, rules that ask for them, and explain."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support import harness

RULES = """\
place: {name: "{stem} {light} {tags}"}
tags:
  - name: white
    contains: {prompts: [snow, snowy landscape], min_score: 0.5, min_duration: 0.2s}
facets:
  light:
    day: [by day, in daylight]
    night: [at night, in the dark]
  kind:
    town: [city, road]
    nature: [forest, snow, meadow]
    min_score: 0.5
rules:
  - name: evening
    when: {tags: "light:night"}
  - name: snow
    prompts: [snow, snowy landscape]
    when: {tags: [kind:nature, white]}
    rules:
      - {name: bright, when: {tags: light:day}}
"""
SNOW, FOREST, NIGHT = (
    "pigallery2__20240128_105420.mp4",
    "clip-video-encode__vid1.mp4",
    "rails__rotated_hdr_video.mov",
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def home(tmp_path: Path, clips: Path) -> harness.Home:
    made = harness.Here.make(tmp_path / "home", rules=RULES)
    for name in (SNOW, FOREST, NIGHT):
        shutil.copy(clips / name, made.inbox / name)
    return made


def _by_name(items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {Path(item["source"]).name: item for item in items}


@pytest.mark.long
def test_values_that_win_are_tags_wherever_a_video_is_filed(home: harness.Home) -> None:
    planned = _by_name(home.json("plan", home.inbox)["items"])
    items = _by_name(home.json("sort", home.inbox)["items"])
    assert {name: item["tags"] for name, item in planned.items()} == {
        name: item["tags"] for name, item in items.items()
    }
    assert ("evening", True) == (items[NIGHT]["rule"], "light:night" in items[NIGHT]["tags"])
    assert ("snow/bright", ["white", "light:day", "kind:nature"]) == (items[SNOW]["rule"], items[SNOW]["tags"])
    assert ("review", True) == (items[FOREST]["state"], "light:day" in items[FOREST]["tags"])

    assert home.library / "snow" / "bright" / f"{Path(SNOW).stem} day white light-day kind-nature.mp4" == Path(
        items[SNOW]["destination"]
    )
    assert Path(items[SNOW]["destination"]).is_file()
    found = home.json("history", "--tag", "light:day")["items"]
    assert {SNOW, FOREST} == {Path(item["source"]).name for item in found}
    assert "[light:night" in home.run("history", "--tag", "light:night").stdout
    assert "No video has the tag light:noon." in home.run("history", "--tag", "light:noon").stdout


@pytest.mark.long
def test_a_search_finds_only_what_was_filed_with_a_tag(home: harness.Home) -> None:
    items = _by_name(home.json("sort", home.inbox)["items"])
    home.run("index")
    found = {}
    for tag in ("light:day", "light:night", "white"):
        scenes = home.json("search", "snow", "--all", "--tag", tag)["scenes"]
        found[tag] = {scene["file"] for scene in scenes}
    assert {items[SNOW]["destination"], items[FOREST]["destination"]} == found["light:day"]
    assert {items[NIGHT]["destination"]} == found["light:night"]
    assert {items[SNOW]["destination"]} == found["white"]
    none = home.run("search", "snow", "--all", "--tag", "light:noon", code=1).stdout
    assert "No video of the library that was looked at fits --tag." in none
    home.json("undo", "--all")
    assert [] == home.json("search", "snow", "--all", "--tag", "white", code=1)["scenes"]


def test_explain_tells_how_the_values_did_and_which_rules_asked_in_vain(home: harness.Home) -> None:
    told = home.json("explain", home.inbox / FOREST)
    light, kind = told["facets"]
    assert ("light", "day", "day") == (light["facet"], light["winner"], light["best"])
    assert {"day", "night", "(none of these)"} == set(light["scores"])
    assert 1.0 == pytest.approx(sum(light["scores"].values()))
    assert (0.35, 0.5) == (light["min_score"], kind["min_score"])
    assert "it doesn't have the tag light:night" == told["levels"][0]["excluded"]["evening"]
    text = home.run("explain", home.inbox / FOREST).stdout
    assert "tags: light:day" in text
    lines = text[text.index("facets") :].splitlines()[1:]
    assert ["├── light", "└── kind"] == [line for line in lines if line[4:5].isalpha()]
    assert any("day" in line and f"{light['score']:.2f}  needs 0.35" in line for line in lines)


@pytest.mark.long
def test_a_facet_that_is_changed_counts_for_the_next_video(home: harness.Home) -> None:
    """The frames are known by then: nothing is decoded again, and the vectors of the new words are made."""
    before = _by_name(home.json("plan", home.inbox)["items"])[FOREST]["tags"]
    text = home.config.read_text(encoding="utf-8")
    home.config.write_text(text.replace("    day: [by day, in daylight]\n", "    noon: [by day, in daylight]\n")
                           .replace("light:day", "light:noon"), encoding="utf-8")  # fmt: skip
    after = _by_name(home.json("plan", home.inbox)["items"])[FOREST]["tags"]
    assert ("light:day" in before, "light:noon" in after, "light:day" in after) == (True, True, False)
