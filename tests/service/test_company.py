"""What cameras, players and Takeout write beside a video travels with it through the real commands, and comes back."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from tests.media.conftest import Recipe, make
from tests.support import harness

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]

ALL = "rules:\n  - {name: all, when: {file_name: '*'}}\n"
DECOMPOSED = unicodedata.normalize("NFD", "Übung")
TAKES = {
    "GX010123.MP4": ["GL010123.LRV", "GX010123.THM"],
    "C0001.MP4": ["C0001M01.XML", "C0001T01.JPG"],
    "IMG_1.mp4": ["IMG_1.mp4.suppl.json"],
    "IMG_1(1).mp4": ["IMG_1.mp4.supplemental-metadata(1).json"],
    "Film.mp4": ["Film.mp4.en.srt", "Film-poster.jpg"],
    "Übung.mp4": [f"{DECOMPOSED}.srt"],
}
STAY = {"GX020124.MP4": "GL020124.LRV", "GH020124.MP4": "GL020124.LRV", "Clip.mp4": "Clip.pdf"}
RENAMED = {
    "take GX010123.MP4", "take GX010123.LRV", "take GX010123.THM", "take C0001.MP4", "take C0001M01.XML",
    "take C0001T01.JPG", "take IMG_1.mp4", "take IMG_1.mp4.suppl.json", "take IMG_1(1).mp4",
    "take IMG_1(1).mp4.supplemental-metadata.json", "take Film.mp4", "take Film.mp4.en.srt", "take Film-poster.jpg",
    "take Übung.mp4", "take Übung.srt", "take GX020124.MP4", "take GH020124.MP4", "take Clip.mp4",
}  # fmt: skip


def drop(inbox: Path) -> None:
    for number, (video, others) in enumerate([*TAKES.items(), *((video, [other]) for video, other in STAY.items())]):
        make(inbox / video, Recipe(frames=5 + number, width=64, height=64))
        for other in others:
            (inbox / other).write_bytes(other.encode() * 20)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


def test_every_form_is_filed_with_its_video_and_undo_brings_it_back(tmp_path: Path) -> None:
    home = harness.Here.make(tmp_path / "home", rules=ALL, more='place: {name: "take {stem}"}\n')
    drop(home.inbox)
    before = harness.snapshot(home.inbox)
    items = {Path(one["source"]).name: one for one in home.json("sort", home.inbox)["items"]}
    assert {"filed"} == {one["state"] for one in items.values()}
    stays = names(home.inbox)
    assert {"Clip.pdf"} <= stays <= {"Clip.pdf", "GL020124.LRV"}
    assert names(home.library / "all") - {"take GH020124.LRV", "take GX020124.LRV"} == RENAMED
    assert "left beside it: Clip.pdf" in items["Clip.mp4"]["reason"]
    assert (
        "left beside it: GL020124.LRV (it fits G" in items["GX020124.MP4"]["reason"] + items["GH020124.MP4"]["reason"]
    )
    assert "left" not in items["GX010123.MP4"]["reason"]
    assert [] == home.json("undo", "--all")["refused"]
    assert before == harness.snapshot(home.inbox)
