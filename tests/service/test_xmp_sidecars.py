"""XMP sidecars through the real commands: filed, planned, shown, taught and taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.media.conftest import Recipe, make
from tests.support import harness
from tests.support.sidecars import SUBJECT, TAGS_LIST, THEIRS, keywords, value
from vsortd.errors import ExitCode

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]

RULES = """\
place: {xmp: true}
tags:
  - {name: small, when: {max_width: 640}}
rules:
  - name: trips
    when: {file_name: 'trip*'}
    rules: [{name: forest, when: {file_name: '*forest*'}}]
  - {name: private, when: {file_name: 'mine*'}, place: {xmp: false}}
"""


@pytest.fixture
def home(tmp_path: Path) -> harness.Here:
    home = harness.Here.make(tmp_path / "home", rules=RULES)
    for number, name in enumerate(("trip forest.mp4", "mine.mp4", "other.mp4")):
        make(home.inbox / name, Recipe(frames=5 + number, width=64, height=64))
    (home.inbox / "trip forest.mp4.xmp").write_bytes(THEIRS)
    return home


def test_a_plan_writes_nothing_and_what_is_filed_comes_back_byte_for_byte(home: harness.Here) -> None:
    before = harness.snapshot(home.inbox)
    home.run("check")
    home.run("plan", home.inbox)
    home.run("explain", home.inbox / "trip forest.mp4")
    assert before == harness.snapshot(home.inbox)
    assert [] == list(home.library.rglob("*.xmp"))
    home.run("sort", home.inbox)
    told = {Path(one["source"]).name: one for one in home.items()}
    made = home.library / "trips" / "forest" / "trip forest.mp4.xmp"
    assert str(made) == told["trip forest.mp4"]["xmp"]
    assert told["mine.mp4"]["xmp"] is None
    (kept,) = (home.library / ".vsortd" / "originals").rglob("*.xmp")
    assert THEIRS == kept.read_bytes()
    data = made.read_bytes()
    assert ["forest", "Opa & Oma", "trips", "small"] == keywords(data, SUBJECT)
    assert ["people/Oma", "forest", "Opa & Oma", "trips/forest", "small"] == keywords(data, TAGS_LIST)
    assert "trips/forest" == value(data, "rule")
    assert f"{told['trip forest.mp4']['score']:.4f}" == value(data, "score")
    assert [] == home.json("undo", "--all")["refused"]
    assert before == harness.snapshot(home.inbox)
    assert [] == list(home.library.rglob("*.xmp"))


def test_what_is_taught_is_written_too_and_undone_alone(home: harness.Here) -> None:
    home.run("sort", home.inbox)
    before = {Path(one["source"]).name: one for one in home.items()}["other.mp4"]
    assert "review" == before["state"]
    waiting = Path(before["xmp"])
    former = waiting.read_bytes()
    assert ["small"] == keywords(former, TAGS_LIST)
    home.run("teach", before["destination"], "trips")
    (taught,) = [one for one in home.items() if one["source"] == before["destination"]]
    assert ["trips", "small"] == keywords(Path(taught["xmp"]).read_bytes(), TAGS_LIST)
    assert not waiting.exists()
    home.run("undo", str(taught["id"]))
    assert former == waiting.read_bytes()


def test_a_wrong_value_is_named_with_its_line(home: harness.Here) -> None:
    home.config.write_text(home.config.read_text().replace("{xmp: true}", "{xmp: sidecar}"))
    done = home.run("check", code=ExitCode.CONFIG)
    assert "place.xmp" in done.stdout + done.stderr
    assert "true or false" in done.stdout + done.stderr
