"""`vsortd search --said` as a person uses it: subtitles are read when videos are indexed, and no model is asked."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support import harness
from tests.support.clips import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.timeout(240)
FPS = 5


def film(path: Path, *said: str, form: str = "en.srt", seconds: int = 12) -> Path:
    """Make a film of noise; beside it a subtitle each three seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(path.name))
    encode(path, [rng.integers(0, 256, (32, 32, 3), np.uint8)] * (seconds * FPS), fps=FPS)
    if said:
        entries = (
            f"{number}\n00:00:{3 * number:02},000 --> 00:00:{3 * number + 2:02},000\n{text}\n"
            for number, text in enumerate(said)
        )
        path.with_suffix(f".{form}").write_text("\n".join(entries), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> harness.Here:
    """Return a home with an indexed library of a party, a walk, and a film without words."""
    made = harness.Here.make(tmp_path_factory.mktemp("home") / "home")
    film(made.library / "party.mp4", "Happy", "BIRTHDAY, Zoé!", "Now the cake", "birthday cake")
    film(made.library / "walk.mp4", "What a fine day", "no birthdays here")
    film(made.library / "silent.mp4")
    document = made.json("index")
    assert [4, 0, 2] == [one["said"] for one in sorted(document["words"], key=lambda one: one["file"])]
    return made


def hits(home: harness.Here, *words: str | Path, code: int = 0) -> list[tuple[str, float, float, str]]:
    document = home.json("search", *words, code=code)
    return [(Path(one["file"]).name, one["begin_s"], one["end_s"], one["text"]) for one in document["hits"]]


def test_a_word_is_found_with_its_time(home: harness.Here) -> None:
    expected = [("party.mp4", 3.0, 5.0, "BIRTHDAY, Zoé!"), ("party.mp4", 9.0, 11.0, "birthday cake")]
    assert expected == hits(home, "--said", "birthday")
    assert [("party.mp4", 3.0, 5.0, "BIRTHDAY, Zoé!")] == hits(home, "--said", "ZOE")
    assert 3 == len(hits(home, "--said", "birth*"))


def test_several_words_and_phrases_are_found_near_one_another(home: harness.Here) -> None:
    assert [("party.mp4", 0.0, 5.0, "Happy BIRTHDAY, Zoé!")] == hits(home, "--said", '"happy birthday"')
    assert [("party.mp4", 3.0, 8.0, "BIRTHDAY, Zoé! Now the cake")] == hits(home, "--said", "now zoe")
    assert [] == hits(home, "--said", "happy cake", "--window", "1s", code=1)
    assert 1 == len(hits(home, "--said", "happy cake", "--window", "20s"))


def test_where_to_look_can_be_said(home: harness.Here) -> None:
    assert 1 == len(hits(home, "--said", "birthday*", "--in", home.library / "walk.mp4"))
    assert 1 == len(hits(home, "--said", "birthday", "--limit", "1"))
    assert [] == hits(home, "--said", "birthday", "--recorded-since", "2100-01-01", code=1)


def test_people_and_programs_are_told(home: harness.Here) -> None:
    said = home.run("search", "--said", "birthday").stdout
    assert "BIRTHDAY, Zoé!" in said
    assert "Looked through 2 videos with subtitles; 1 video has none." in said
    rows = list(csv.DictReader(io.StringIO(home.run("search", "--said", "birthday", "--csv").stdout, newline="")))
    assert ["3.0", "9.0"] == [row["begin_s"] for row in rows]
    assert {str(home.library / "party.mp4")} == {row["file"] for row in rows}
    nothing = home.run("search", "--said", "elephant", code=1).stdout
    assert "is in none of them" in nothing


def test_a_finding_can_be_cut_out(home: harness.Here, tmp_path: Path) -> None:
    out = tmp_path / "zoe.mp4"
    made = home.json("search", "--said", "zoe", "--out", out)["clip"]
    assert str(out) == made["file"]
    assert out.stat().st_size > 0
    refused = home.run("search", "--said", "zoe", "--scene", "2", "--out", tmp_path / "no.mp4", code=2)
    assert "There is no finding 2" in refused.stderr


def test_what_is_not_read_yet_says_which_command_reads_it(home: harness.Here) -> None:
    told = home.run("search", "--text", "invoice", code=1).stdout
    assert "3 videos were not yet read for text in the picture." in told
    assert "vsortd index --text" in told


@pytest.mark.long
def test_changed_subtitles_are_read_anew(tmp_path: Path) -> None:
    home = harness.Here.make(tmp_path / "home")
    path = film(home.library / "talk.mp4", "first version")
    home.run("index")
    assert 1 == len(hits(home, "--said", "first"))
    home.run("index")
    beside = path.with_suffix(".en.srt")
    beside.write_text(beside.read_text().replace("first", "second"), encoding="utf-8")
    os.utime(beside, (1_800_000_000, 1_800_000_000))
    home.run("index")
    assert [] == hits(home, "--said", "first", code=1)
    assert 1 == len(hits(home, "--said", "second"))
    beside.unlink()
    home.run("index")
    assert [] == hits(home, "--said", "second", code=1)


def test_one_video_need_not_be_indexed(tmp_path: Path) -> None:
    home = harness.Here.make(tmp_path / "home")
    path = film(tmp_path / "elsewhere" / "talk.mp4", "about whales", form="vtt")
    assert [("talk.mp4", 0.0, 2.0, "about whales")] == hits(home, "--said", "whales", "--in", path)


@pytest.mark.parametrize("words", [("search", "--said", "whales", "--in"), ("timeline", "whales", "--said")])
def test_a_video_is_kept_by_its_own_name_however_it_is_typed(tmp_path: Path, words: tuple[str, ...]) -> None:
    home = harness.Here.make(tmp_path / "home")
    home.library.mkdir(parents=True, exist_ok=True)
    film(tmp_path / "elsewhere" / "talk.mp4", "about whales")
    typed = home.library / ".." / ".." / "elsewhere" / "talk.mp4"
    first, *rest = words
    found = home.json(first, *([*rest, typed] if first == "search" else [typed, *rest]))
    assert found["hits" if first == "search" else "spans"]
    assert [] == hits(home, "--said", "whales", code=1), "it became one of the library"
    assert 1 == len(hits(home, "--said", "whales", "--in", tmp_path / "elsewhere"))


@pytest.mark.long
def test_subtitles_that_can_not_be_read_are_told_and_no_failure(tmp_path: Path) -> None:
    home = harness.Here.make(tmp_path / "home")
    path = film(home.library / "talk.mp4", "good")
    with (home.library / "talk.de.srt").open("wb") as file:
        file.truncate(17 << 20)
    home.run("index")
    assert 1 == len(hits(home, "--said", "good"))
    words = home.json("analyze", path, "--only", "words")["videos"][0]["words"]
    told: Sequence[dict[str, Any]] = words["sources"]
    assert ["talk.de.srt", "talk.en.srt"] == [one["source"] for one in told]
    assert ["de", "en"] == [one["language"] for one in told]
    assert "more than 16 MiB" in told[0]["error"]
    assert "more than 16 MiB" in home.run("analyze", path, "--only", "words").stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--said"], "--said needs words"),
        (["--said", "x", "--text"], "--said and --text"),
        (["--said", "x", "--out", "out.png"], "--said and --out out.png"),
        (["--text", "x", "--all"], "--text and --all"),
        (["--said", "x", "--like", "y.mp4"], "--said and --like"),
        (["--said", "x", "--sound"], "--said and --sound"),
        (["--said", "x", "--tag", "mood:calm"], "--said and --tag"),
        (["--said", "x", "--per", "shot"], "--said and --per shot"),
        (["--said", "!"], "holds no word"),
        (["--said", "x", "--limit", "0"], "too few"),
        (["--said", "x", "--window", "soon"], "--window"),
        (["--said", "x", "--out", "out.txt"], "does not end in .png or .mp4"),
        (["--said", "x", "--in", "nowhere"], "is not there"),
    ],
)
def test_what_can_not_be_asked_is_refused(home: harness.Here, words: list[str], told: str) -> None:
    assert told in home.run("search", *words, code=2).stderr


def test_a_timeline_tells_when_words_are_said_in_one_video(home: harness.Here) -> None:
    path = home.library / "party.mp4"
    document = home.json("timeline", path, "birthday", "elephant", "--said")
    assert [("birthday", 3.0, 5.0), ("birthday", 9.0, 11.0)] == [
        (one["prompt"], one["begin_s"], one["end_s"]) for one in document["spans"]
    ]
    told = home.run("timeline", path, "birthday", "elephant", "--said").stdout
    assert "birthday  yes, 2 times" in told
    assert "elephant  no" in told
    assert "4 lines are said in it" in told
    rows = list(csv.DictReader(io.StringIO(home.run("timeline", path, "zoe", "--said", "--csv").stdout, newline="")))
    assert ["BIRTHDAY, Zoé!"] == [row["text"] for row in rows]
    for words, why in ((["--text"], "--said and --text"), (["--fps", "2"], "--said and --fps")):
        assert why in home.run("timeline", path, "x", "--said", *words, code=2).stderr


def test_what_two_subtitles_say_alike_is_told_once(home: harness.Here, tmp_path: Path) -> None:
    path = film(tmp_path / "twice.mp4", "Good morning", "and good night")
    again = path.with_suffix(".de.srt")
    again.write_bytes(path.with_suffix(".en.srt").read_bytes())
    found = home.json("timeline", path, "good", "--said")
    assert [0.0, 3.0] == [span["begin_s"] for span in found["spans"]]
    told = home.run("analyze", path, "--only", "words").stdout
    assert (1, 1) == (told.count("Good morning"), told.count("good night"))
    document = home.json("analyze", path, "--only", "words")["videos"][0]["words"]
    assert 4 == len(document["lines"]), "each with its source"
