"""Stray bytes behind a whole file, through the real daemon and the real commands; half-copied files stay."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.media.conftest import Recipe, make
from tests.support import harness
from tests.support.odd_endings import CLAIMS, STRAY

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]

WHOLE = {
    "crlf.mov": STRAY["CRLF"],
    "crlf.mp4": STRAY["CRLF"],
    "trailer.mov": STRAY["a camera's text"],
    "trailer.mp4": STRAY["a camera's text"],
    "fits-nothing.mp4": STRAY["a header that fits nothing"],
    "claims.mp4": CLAIMS["claims 3 more"],
}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[harness.Home]:
    made = harness.Home.make(tmp_path / "home", rules="rules:\n  - {name: all, when: {file_name: '*'}}\n")
    yield made
    if made.daemon is not None:
        made.daemon.kill()
        made.daemon.wait()


def render(path: Path, number: int) -> bytes:
    """Make a clip that is like no other, with its header first where it is an .mp4."""
    options = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    recipe = Recipe(frames=30 + number, format=path.suffix[1:], audio="aac", options=options)
    return make(path, recipe).read_bytes()


def drop(home: harness.Home, scratch: Path) -> dict[str, bytes]:
    """Put whole files with odd endings into the inbox, and half-copied ones; return what the whole ones are."""
    given = {}
    for number, (name, ending) in enumerate(WHOLE.items()):
        given[name] = ending(render(scratch / name, number))
        (home.inbox / name).write_bytes(given[name])
    data = render(scratch / "other.mp4", 40)
    (home.inbox / "half.mp4").write_bytes(data[: len(data) // 2] + b"\r\n")
    (home.inbox / "one-byte-less.mp4").write_bytes(data[:-1])
    (home.inbox / "preallocated.mp4").write_bytes(data[: len(data) // 2])
    os.truncate(home.inbox / "preallocated.mp4", len(data))
    return given


def check(home: harness.Home, given: dict[str, bytes]) -> None:
    """See that what is whole was filed to the last byte, and that what is not lies where it lay."""
    items = {Path(item["source"]).name: item for item in home.items()}
    for name, data in given.items():
        assert "filed" == items[name]["state"], items[name]
        assert not (home.inbox / name).exists()
        if name.endswith(".mp4"):
            assert data == Path(items[name]["destination"]).read_bytes(), name
    for name in ("half.mp4", "one-byte-less.mp4", "preallocated.mp4"):
        assert (home.inbox / name).exists(), name
        assert "failed" == items[name]["state"], items[name]
        assert items[name]["reason"]


@pytest.mark.long
def test_the_daemon_files_what_is_whole_and_undo_brings_every_byte_back(home: harness.Home, tmp_path: Path) -> None:
    home.start()
    given = drop(home, tmp_path)
    before = harness.snapshot(home.inbox)
    home.wait(lambda: len(home.items()) == len(before), what="every file has an end")
    check(home, given)
    assert [] == home.json("undo", "--all")["refused"]
    assert before == harness.snapshot(home.inbox)
    assert 0 == home.stop()


@pytest.mark.long
def test_plan_sort_and_index_take_them_likewise(home: harness.Home, tmp_path: Path) -> None:
    given = drop(home, tmp_path)
    planned = {Path(item["source"]).name: item["state"] for item in home.json("plan", home.inbox, code=None)["items"]}
    assert set(given) == {name for name, state in planned.items() if state == "filed"}
    indexed = {Path(item["file"]).name: item["state"] for item in home.json("index", home.inbox, code=None)["items"]}
    assert set(given) == {name for name, state in indexed.items() if state != "failed"}
    home.run("sort", home.inbox, code=None)
    check(home, given)
