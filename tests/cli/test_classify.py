"""`vsortd classify` on renders whose scenes are known: labels, categories, tables, and what happens without a video."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.takes import render_takes
from vsortd.__main__ import main
from vsortd.media.pool import MediaPool

if TYPE_CHECKING:
    from pathlib import Path

Run = Callable[..., tuple[int, str, str]]

MOODS = """\
[Place]
(Sea) \n
Ocean waves.
The sea, by day.
(Forest)
Trees in a wood.
A forest.
(City)
A city street.
Buildings.

[Time]
(Day)
By day.
(Night)
At night.
"""
HEADER = "stream_id,label,avg_probability,count"


@dataclass(frozen=True)
class Place:
    """A folder with two films and a state of its own."""

    folder: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Render the films once; their frames stay in the index from test to test."""
    made = Place(tmp_path_factory.mktemp("classify"))
    render_takes(made.folder / "sea.mp4", [("sea", 4)], seed=21)
    render_takes(made.folder / "two.mp4", [("forest", 3), ("city", 5)], seed=22)
    (made.folder / "moods.txt").write_text(MOODS)
    (made.folder / "labels.txt").write_text("\ufeffsea\r\n\r\na forest\r\ncity\r\n", newline="")
    (made.folder / "folder").mkdir()
    return made


@pytest.fixture
def run(place: Place, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command in the films' folder, without any config; return its exit code, stdout and stderr."""
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("VSORTD_STATE_DIR", str(place.folder / "state"))
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(place.folder / "nothing"))
    monkeypatch.setenv("COLUMNS", "80")

    def command(*words: str | Path) -> tuple[int, str, str]:
        code = main(["classify", *map(str, words)])
        out, error = capfd.readouterr()
        return code, out, error

    return command


def document_of(run: Run, *words: str, code: int = 0) -> dict[str, Any]:
    found, out, error = run(*words, "--json")
    assert code == found, error
    document: dict[str, Any] = json.loads(out)
    assert 1 == document["schema_version"]
    return document


def labels_of(document: dict[str, Any], file: int = 0) -> dict[str, dict[str, Any]]:
    return {one["label"]: one for one in document["files"][file]["labels"]}


def test_a_sea_is_labelled_sea_among_sea_forest_and_city(run: Run) -> None:
    document = document_of(run, "sea.mp4", "sea", "a forest", "city")
    (file,) = document["files"]
    assert (4.0, 4, None) == (file["duration_s"], file["frames"], file["error"])
    sea, *others = file["labels"]
    assert ("sea", 4, 1.0, [{"begin_s": 0.0, "end_s": 4.0}]) == tuple(
        sea[key] for key in ("label", "count", "share", "spans")
    )
    assert sea["avg_probability"] == sea["mean"] > 0.9
    assert [(0, None)] * 2 == [(one["count"], one["avg_probability"]) for one in others]
    (unit,) = file["units"]
    assert unit["unit"] is None
    assert 1 == pytest.approx(unit["none"] + sum(one["mean"] for one in file["labels"]), abs=1e-3)


def test_what_is_shown_for_a_part_has_its_share_and_its_moments(run: Run) -> None:
    found = labels_of(document_of(run, "two.mp4", "--labels", "labels.txt"))
    assert ["city", "a forest", "sea"] == list(found)
    forest, city = found["a forest"], found["city"]
    assert (3, 5) == (forest["count"], city["count"])
    assert (pytest.approx(3 / 8, abs=0.02), pytest.approx(5 / 8, abs=0.02)) == (forest["share"], city["share"])
    assert 3.0 == pytest.approx(city["spans"][0]["begin_s"], abs=0.3)
    assert 2.5 == pytest.approx(forest["last_s"], abs=0.26)
    assert forest["first_s"] <= forest["best_s"] <= forest["last_s"]
    assert forest["best"] >= forest["avg_probability"]


def test_units_are_asked_each_for_itself_and_their_counts_are_at_most_the_frames(run: Run, place: Place) -> None:
    document = document_of(run, "two.mp4", "--categories", "moods.txt")
    both = labels_of(document)
    assert {"Sea": "Place", "Forest": "Place", "City": "Place", "Day": "Time", "Night": "Time"} == {
        one["label"]: one["unit"] for one in both.values()
    }
    assert ["Place", "Time"] == [one["unit"] for one in document["files"][0]["units"]]
    assert (3, 5) == (both["Forest"]["count"], both["City"]["count"])
    assert 8 == both["Day"]["count"] + both["Night"]["count"]
    (place.folder / "place.txt").write_text(MOODS.partition("[Time]")[0])
    alone = labels_of(document_of(run, "two.mp4", "--categories", "place.txt"))
    assert alone == {name: one for name, one in both.items() if one["unit"] == "Place"}
    low = labels_of(document_of(run, "two.mp4", "--categories", "place.txt", "--confidence", "0"))
    assert 8 == sum(one["count"] for one in low.values())


def test_the_table_is_the_one_that_others_read(run: Run) -> None:
    code, out, error = run("two.mp4", "--categories", "moods.txt", "--csv")
    assert 0 == code, error
    assert HEADER == out.splitlines()[0]
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [("City", "5"), ("Forest", "3")] == [(row["label"], row["count"]) for row in rows[:2]]
    assert {"Day", "Night"} >= {row["label"] for row in rows[2:]}
    assert {"0"} == {row["stream_id"] for row in rows}
    assert all(re.fullmatch(r"[01]\.\d{4}", row["avg_probability"]) for row in rows)
    code, out, error = run("two.mp4", "sea.mp4", "sea", "city", "--csv")
    assert f"file,{HEADER}" == out.splitlines()[0]
    assert [("two.mp4", "city"), ("sea.mp4", "sea")] == [
        (os.path.basename(row["file"]), row["label"])  # noqa: PTH119 - a text of the table
        for row in csv.DictReader(io.StringIO(out))
    ]


def test_asking_again_decodes_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    document_of(run, "two.mp4", "sea.mp4", "sea")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a video was opened")

    monkeypatch.setattr(MediaPool, "call", refuse)
    document = document_of(run, "two.mp4", "sea.mp4", "snow", "a meadow")
    assert [8, 4] == [one["frames"] for one in document["files"]]


def test_every_frame_may_be_asked(run: Run) -> None:
    document = document_of(run, "two.mp4", "a forest", "city", "--per", "frame")
    found = labels_of(document)
    assert (80, 30, 50) == (document["files"][0]["frames"], found["a forest"]["count"], found["city"]["count"])
    assert [{"begin_s": 2.95, "end_s": 8.0}] == found["city"]["spans"]
    assert 8 == document_of(run, "two.mp4", "a forest")["files"][0]["frames"]


def test_of_each_shot_one_picture_counts_and_its_time_ends_at_the_cut(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = document_of(run, "two.mp4", "sea", "city", "--per", "shot")
    found = labels_of(document)
    assert ("shot", 2) == (document["per"], document["files"][0]["frames"])
    assert (0, 1) == (found["sea"]["count"], found["city"]["count"])
    assert ([{"begin_s": 3.0, "end_s": 8.0}], 0.625) == (found["city"]["spans"], found["city"]["share"])
    assert 3.0 + 5 / 4 <= found["city"]["best_s"] <= 8.0 - 5 / 4, "not in the middle half of its shot"

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a video was opened")

    monkeypatch.setattr(MediaPool, "call", refuse)
    assert found == labels_of(document_of(run, "two.mp4", "sea", "city", "--per", "shot"))


def test_the_temperature_divides_the_models_scale(run: Run) -> None:
    """With two answers and nothing else, log-odds are the logits' difference: a tenth of them at ten times T."""

    def log_odds(temperature: str) -> float:
        document = document_of(run, "two.mp4", "forest", "city", "--no-none", "--temperature", temperature)
        assert float(temperature) == document["temperature"]
        assert [None] == [one["none"] for one in document["files"][0]["units"]]
        best = labels_of(document)["city"]["best"]
        return math.log(best / (1 - best))

    assert log_odds("10") == pytest.approx(log_odds("5") / 2, rel=0.01)
    flat = labels_of(document_of(run, "two.mp4", "forest", "city", "--no-none", "--temperature", "1000"))
    assert all(one["mean"] == pytest.approx(0.5, abs=0.01) for one in flat.values())


def test_what_was_learned_for_the_model_counts_unless_a_temperature_is_said(run: Run, place: Place) -> None:
    first = document_of(run, "sea.mp4", "sea", "--json")
    assert 1.0 == first["temperature"]
    from vsortd.judging.calibration import Calibrated, keep_calibration

    keep_calibration(place.folder / "state", _sample_key(), Calibrated(2.5, 10, "2026-01-01", 0.2, 0.1))
    try:
        assert 2.5 == document_of(run, "sea.mp4", "sea")["temperature"]
        assert 0.5 == document_of(run, "sea.mp4", "sea", "--temperature", "0.5")["temperature"]
        _write_config(place, "temperature: 3.0\n")
        config = ("--config", "vsortd.yaml")
        assert 3.0 == document_of(run, *config, "sea.mp4", "sea")["temperature"]
    finally:
        (place.folder / "state" / "calibration.json").unlink()


def test_best_and_mean_differ_where_a_category_has_several_prompts(run: Run, place: Place) -> None:
    (place.folder / "odd.txt").write_text("[Place] (Either) the sea, text slides\n[Place] (Forest) a forest\n")
    found = [
        labels_of(document_of(run, "sea.mp4", "--categories", "odd.txt", "--temperature", "5", "--ensemble", one))
        for one in ("mean", "best")
    ]
    assert found[0]["Either"]["mean"] < found[1]["Either"]["mean"]


def test_people_get_a_table_a_unit_with_a_strip_of_time(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, error = run("two.mp4", "sea.mp4", "--categories", "moods.txt")
    assert 0 == code, error
    assert max(map(len, out.splitlines())) <= 80
    assert "two.mp4  00:08.0, 8 frames, model vsortd-sample" in out
    assert re.search(r"^City +0\.\d\d +6\d% +00:0\d\.\d 0\.\d\d  ·+█+$", out, re.MULTILINE)
    assert re.search(r"^none of these +0\.\d\d$", out, re.MULTILINE)
    assert out.index("City") < out.index("Forest") < out.index("Night") < out.index("sea.mp4")
    top = run("two.mp4", "--categories", "moods.txt", "--limit", "1")[1]
    assert "City" in top
    assert "Day" in top
    assert not {"Forest", "Night"} & set(re.findall(r"\w+", top))
    monkeypatch.setenv("COLUMNS", "40")
    assert "█" in run("two.mp4", "a city")[1]


def test_bad_files_are_told_one_by_one_and_the_others_have_their_answers(run: Run, place: Place) -> None:
    (place.folder / "notes.mp4").write_text("hello")
    document = document_of(run, "notes.mp4", "sea.mp4", "sea", code=3)
    bad, good = document["files"]
    assert ("not an MP4 or MOV file" in bad["error"], [], None) == (True, bad["labels"], good["error"])
    code, out, error = run("notes.mp4", "sea.mp4", "sea", "--csv")
    assert (3, 2) == (code, len(out.splitlines()))
    assert "notes.mp4" in error
    assert "failed" in run("notes.mp4", "sea.mp4", "sea")[1]
    code, out, error = run("notes.mp4", "sea", "--json")
    assert (1, "") == (code, out)
    assert "notes.mp4 can't be looked at" in error


def test_words_the_model_does_not_know_are_named(run: Run) -> None:
    code, out, error = run("sea.mp4", "sea", "a forest with zebras", "--csv")
    assert 0 == code
    assert "does not know: zebras" in error
    assert HEADER in out
    code, out, error = run("sea.mp4", "zebras", "sea")
    assert (2, "") == (code, out)
    assert "knows nothing of 'zebras'" in error
    assert "It was taught forest" in error


def test_the_configs_model_is_asked_and_a_wrong_config_is_said(run: Run, place: Place) -> None:
    _write_config(place, "")
    assert "vsortd-sample" == document_of(run, "--config", "vsortd.yaml", "sea.mp4", "sea")["model"]
    (place.folder / "wrong.yaml").write_text("version: 2\nnonsense: true\n")
    assert 10 == run("--config", "wrong.yaml", "sea.mp4", "sea")[0]
    assert "is not there" not in run("--config", "none.yaml", "sea.mp4", "sea")[2]
    assert "vsortd-sample" == document_of(run, "sea.mp4", "sea", "--model", "sample")["model"]


USAGE = [
    (["nowhere.mp4", "sea"], 2, "nowhere.mp4 is not there"),
    (["sea", "forest"], 2, "No video is named"),
    (["sea.mp4"], 2, "There is no label to look for"),
    (["sea.mp4", "folder"], 2, "folder is a folder; classify takes videos"),
    (["sea.mp4", " "], 2, "asks for nothing"),
    (["sea.mp4", "x" * 1001], 2, "1,001 characters long"),
    (["sea.mp4", "sea", "--json", "--csv"], 2, "exclude one another"),
    (["sea.mp4", "--labels", "labels.txt", "--categories", "moods.txt"], 2, "exclude one another"),
    (["sea.mp4", "a forest", "--labels", "labels.txt"], 2, "a forest is not there"),
    (["sea.mp4", "--labels", "nowhere.txt"], 2, "nowhere.txt is not there"),
    (["sea.mp4", "--labels", "moods.txt"], 10, "moods.txt:1: a list of labels has no [Question]"),
    (["sea.mp4", "--categories", "labels.txt"], 10, "labels.txt:1: there is no [Question] before these words"),
    (["sea.mp4", "sea", "--confidence", "1.5"], 2, "--confidence"),
    (["sea.mp4", "sea", "--temperature", "0"], 2, "--temperature"),
    (["sea.mp4", "sea", "--limit", "0"], 2, "--limit"),
    (["sea.mp4", "sea", "--per", "minute"], 2, "--per"),
    (["sea.mp4", "sea", "--model", "x.safetensors"], 2, "no architecture"),
]


@pytest.mark.parametrize(("words", "code", "message"), USAGE, ids=[" ".join(words)[:60] for words, _, _ in USAGE])
def test_wrong_use_is_said_before_anything_is_looked_at(
    run: Run, words: list[str], code: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSORTD_STATE_DIR", os.devnull)  # nothing can be opened in there
    found, out, error = run(*words)
    assert (code, "") == (found, out)
    assert message in " ".join(error.split())


def test_one_label_without_none_of_these_is_refused(run: Run) -> None:
    code, out, error = run("sea.mp4", "sea", "--no-none")
    assert (2, "") == (code, out)
    assert "competes with nothing" in error


def _write_config(place: Place, more: str) -> None:
    (place.folder / "vsortd.yaml").write_text(
        f"version: 2\ninboxes: [{{path: {place.folder}/Inbox}}]\nlibrary: {place.folder}/Sorted\nmodel: sample\n"
        f"rules: [{{name: forest}}]\n{more}"
    )


def _sample_key() -> str:
    from vsortd.vision.factory import load_encoder

    encoder = load_encoder("sample")
    try:
        return encoder.info.key
    finally:
        encoder.close()
