"""Commands over folders tell of videos that `extensions` leaves out; where there are none, they say nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import harness

if TYPE_CHECKING:
    from pathlib import Path

LINE = "3 other videos left alone (mkv, avi); `extensions: [mp4, mov, mkv, avi]` would take them"


@pytest.fixture
def home(tmp_path: Path) -> harness.Here:
    home = harness.Here.make(tmp_path / "home")
    for name in ("a.mkv", "sub/B.MKV", "sub/c.avi", "sub/d.avi.part", ".e.avi", "note.txt"):
        path = home.inbox / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return home


@pytest.mark.parametrize("command", [("sort",), ("sort", "--dry-run"), ("plan",), ("index",)], ids=" ".join)
def test_a_command_over_a_folder_tells_of_them(home: harness.Here, command: tuple[str, ...]) -> None:
    said = home.run(*command, home.inbox).stdout
    assert [f"{LINE}."] == [line for line in said.splitlines() if "left alone" in line]
    assert {"mkv": 2, "avi": 1} == home.json(*command, home.inbox)["left_alone"]
    elsewhere = home.run(*command, home.library)
    assert "left alone" not in elsewhere.stdout + elsewhere.stderr
    assert {} == home.json(*command, home.library)["left_alone"]


@pytest.mark.parametrize("command", ["sort", "plan", "index"])
def test_csv_stays_a_table(home: harness.Here, command: str) -> None:
    done = home.run(command, home.inbox, "--csv")
    assert 1 == len(done.stdout.splitlines()), "the heads of the columns alone"
    assert f"{LINE}." in done.stderr.splitlines()


def test_a_folder_in_another_counts_once(home: harness.Here) -> None:
    assert {"mkv": 2, "avi": 1} == home.json("plan", home.inbox / "sub", home.inbox, home.inbox)["left_alone"]


def test_inboxes_that_take_different_endings_are_told_of_together(home: harness.Here) -> None:
    other = home.folder / "Other"
    other.mkdir()
    for name in ("f.mts", "g.avi"):
        (other / name).write_bytes(b"x")
    text = home.config.read_text()
    home.config.write_text(text.replace("library:", f"  - {{path: {other}, extensions: [mp4, flv, mkv]}}\nlibrary:", 1))
    said = home.run("plan", home.inbox, other, code=None).stdout
    assert "5 other videos left alone (avi, mkv, mts); `extensions` would take them." in said


@pytest.mark.long
def test_doctor_tells_of_them_and_means_no_harm(home: harness.Here) -> None:
    found = {one["name"]: one for one in home.json("doctor", "--quick", code=None)["checks"]}
    assert ("ok", LINE) == tuple(found[f"inbox {home.inbox}: endings"][key] for key in ("level", "found"))
    for path in (home.inbox / "a.mkv", home.inbox / "sub" / "B.MKV", home.inbox / "sub" / "c.avi"):
        path.unlink()
    assert f"inbox {home.inbox}: endings" not in home.run("doctor", "--quick", code=None).stdout


def test_status_tells_of_them_while_the_daemon_runs(home: harness.Here) -> None:
    home.start()
    try:
        home.wait(lambda: bool(home.look("status")["inboxes"][0]["left_alone"]), what="they are counted")
        (inbox,) = home.look("status")["inboxes"]
        assert ({"mkv": 2, "avi": 1}, ["mp4", "mov"]) == (inbox["left_alone"], inbox["extensions"])
        assert LINE in home.run("status").stdout
        for path in (home.inbox / "a.mkv", home.inbox / "sub" / "B.MKV", home.inbox / "sub" / "c.avi"):
            path.unlink()
        home.wait(lambda: not home.look("status")["inboxes"][0]["left_alone"], what="they are gone")
        assert "left alone" not in home.run("status").stdout
    finally:
        home.stop()
