"""Both halves of a Live Photo stay together through the real daemon; a photo beside another film stays where it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.media.conftest import Recipe, make
from tests.support import harness

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]

IDENTIFIER = {"com.apple.quicktime.content.identifier": "5CA1AB1E-0000-4000-8000-000000000001"}
LIVE = {"metadata": IDENTIFIER, "options": {"movflags": "use_metadata_tags"}}
STAY = {"plain.HEIC", "plain.png", "copy.heic"}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[harness.Home]:
    made = harness.Home.make(tmp_path / "home", rules="rules:\n  - {name: all, when: {file_name: '*'}}\n")
    yield made
    if made.daemon is not None:
        made.daemon.kill()
        made.daemon.wait()


def drop(inbox: Path) -> None:
    make(inbox / "live.MOV", Recipe(frames=30, format="mov", **LIVE))  # type: ignore[arg-type]
    make(inbox / "raw.mov", Recipe(frames=31, format="mov", **LIVE))  # type: ignore[arg-type]
    make(inbox / "plain.mov", Recipe(frames=32, format="mov"))
    make(inbox / "copy.mp4", Recipe(frames=33, **LIVE))  # type: ignore[arg-type]
    for name in ("live.HEIC", "live.AAE", "raw.dng", "raw.jpg", "plain.jpg", *STAY):
        (inbox / name).write_bytes(name.encode() * 50)


@pytest.mark.long
def test_the_daemon_keeps_both_halves_together_and_undo_brings_them_back(home: harness.Home) -> None:
    home.start()
    drop(home.inbox)
    before = harness.snapshot(home.inbox)
    home.wait(lambda: len(home.items()) == 4, what="every film has an end")
    items = {Path(item["source"]).name: item for item in home.items()}
    assert {"filed"} == {item["state"] for item in items.values()}
    beside: dict[str, set[str]] = {}
    for path in (home.library / "all").iterdir():
        if path.is_file():
            beside.setdefault(path.stem, set()).add(path.suffix.lower())
    halves = {stem: kinds - {".mov", ".mp4"} for stem, kinds in beside.items()}
    assert {"live": {".heic", ".aae"}, "raw": {".dng", ".jpg"}, "plain": {".jpg"}, "copy": set()} == halves
    assert STAY == {path.name for path in home.inbox.iterdir() if path.is_file()}
    assert [] == home.json("undo", "--all")["refused"]
    assert before == harness.snapshot(home.inbox)
    assert 0 == home.stop()


@pytest.mark.long
def test_a_film_waits_for_its_still_that_is_being_copied(home: harness.Home) -> None:
    home.start()
    with (home.inbox / "live.HEIC").open("wb") as still:
        still.write(b"half of it")
        still.flush()
        make(home.inbox / "live.MOV", Recipe(frames=30, format="mov", **LIVE))  # type: ignore[arg-type]
        for number in (1, 2):  # what came later is ready before
            make(home.inbox / f"later{number}.mp4", Recipe(frames=31 + number))
            home.wait(lambda number=number: len(home.items()) == number, what="the later one is filed")  # type: ignore[misc]
        assert (home.inbox / "live.MOV").exists()
        still.write(b", and the other half")
    home.wait(lambda: len(home.items()) == 3, what="the film is filed")
    assert b"half of it, and the other half" == (home.library / "all" / "live.HEIC").read_bytes()
    assert [] == [path.name for path in home.inbox.iterdir() if path.is_file()]
    assert 0 == home.stop()
