"""Where the library lies, by the real commands: moved, copied, waited for, and made no further than its last folder."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support import facts, harness, troubles
from vsortd.core.identity import Identity
from vsortd.core.paths import index_path
from vsortd.index.store import Index
from vsortd.index.stored_looks import Embedded
from vsortd.judging.example_store import ExampleStore, NewExample, Origin, examples_path

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="mounts and signals"), pytest.mark.timeout(120)]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[harness.Here]:
    one = harness.Here.make(tmp_path / "home", more=troubles.QUICK, rules=troubles.ONE_RULE)
    yield one
    if one.daemon is not None:
        one.daemon.kill()
        one.daemon.wait()


def put_library(home: harness.Home, where: Path) -> None:
    """Write another place of the library into the config."""
    lines = home.config.read_text(encoding="utf-8").splitlines(keepends=True)
    text = "".join(f"library: {where}\n" if line.startswith("library:") else line for line in lines)
    home.config.write_text(text, encoding="utf-8")


def known(home: harness.Home) -> dict[str, Path]:
    """Return where the index and the examples say that the one video lies."""
    state = home.folder / "state"
    with ExampleStore(examples_path(state)) as store:
        (example,) = store.all()
    index = Index(index_path(state))
    try:
        with index.reading() as db:
            ((path,),) = db.execute("SELECT path FROM video").fetchall()
    finally:
        index.close()
    return {"index": Path(path.decode()), "examples": example.path}


def file_one(home: harness.Home) -> Path:
    """File a video; the index and the examples know it."""
    source = troubles.make_clip(home.inbox / "a.mp4")
    troubles.file_directly(home, source)
    filed = home.library / "kept" / "a.mp4"
    identity = Identity.of(filed)
    assert identity is not None
    state, rows = home.folder / "state", np.eye(1, 4, dtype=np.float32)
    index = Index(index_path(state))
    index.keep(identity, filed, facts.clip_facts(), "model", "spread", Embedded(np.zeros(1, np.int64), rows))
    index.close()
    with ExampleStore(examples_path(state)) as store:
        store.add(NewExample("kept", filed, identity, Origin.TEACH, "model", rows))
    return filed


def test_everything_that_is_kept_of_a_library_follows_it(home: harness.Here) -> None:
    file_one(home)
    moved = home.folder / "Disk" / "Videos"
    moved.parent.mkdir()
    shutil.move(home.library, moved)
    put_library(home, moved)
    told = home.run("history", "--json")
    assert f"The library moved from {home.library} to {moved}: its 1 entries follow." in " ".join(told.stderr.split())
    (item,) = home.items()
    assert str(moved / "kept" / "a.mp4") == item["destination"]
    assert {"index": moved / "kept/a.mp4", "examples": moved / "kept/a.mp4"} == known(home)
    assert "" == home.run("history").stderr
    home.run("undo", "--all")
    assert (home.inbox / "a.mp4").exists()


def test_what_lies_where_the_library_was_is_no_part_of_it(home: harness.Here) -> None:
    """Also when the library went into a folder of its old name."""
    file_one(home)
    moved = home.library / "of 2026"
    home.library.rename(home.folder / "away")
    home.library.mkdir()
    (home.folder / "away").rename(moved)
    put_library(home, moved)
    for _ in range(2):
        home.run("history")
        home.run("index", "--verify")
        assert {"index": moved / "kept/a.mp4", "examples": moved / "kept/a.mp4"} == known(home)


@pytest.mark.long
def test_a_daemon_that_runs_on_files_into_the_new_place_after_a_reload(home: harness.Here) -> None:
    file_one(home)
    home.start()
    moved = home.folder / "Videos"
    shutil.move(home.library, moved)
    put_library(home, moved)
    home.run("reload")
    assert str(moved / "kept" / "a.mp4") == home.items()[0]["destination"]
    troubles.make_clip(home.inbox / "b.mp4", number=1)
    home.wait((moved / "kept" / "b.mp4").exists, what="it is filed into the new place")
    assert not home.library.exists()
    assert 2 == len(home.json("undo", "--all")["undone"])
    assert 0 == home.stop()


def test_a_copy_is_told_of_and_what_was_filed_stays_with_the_old_one(home: harness.Here) -> None:
    file_one(home)
    copy = home.folder / "Copy"
    shutil.copytree(home.library, copy)
    put_library(home, copy)
    assert f"{copy} is a copy of {home.library}" in " ".join(home.run("history").stderr.split())
    assert str(home.library / "kept" / "a.mp4") == home.items()[0]["destination"]


@pytest.mark.long
def test_a_library_in_no_folder_is_waited_for_and_made_by_nobody(home: harness.Here) -> None:
    """Every command says what to type, and it helps."""
    library = home.folder / "nas" / "Sorted"
    home.library.rmdir()
    put_library(home, library)
    troubles.make_clip(home.inbox / "a.mp4")
    why, command = f"there is no folder {library.parent}", f"mkdir -p {library}/.vsortd"
    for words in (("check",), ("status",), ("doctor", "--quick"), ("sort", home.inbox)):
        done = home.run(*words, code=None)
        told = " ".join((done.stdout + done.stderr).split())
        assert why in told, words
        assert command in told, words
    home.start()
    assert why in "".join(home.json("status")["trouble"])
    home.wait(lambda: "Trying again" in home.log(), what="the video waits")
    assert why in home.log()
    assert command in home.log()
    assert any(line.startswith(f"The library {library} is waited for") for line in home.json("status")["trouble"])
    assert not library.parent.exists()
    library.joinpath(".vsortd").mkdir(parents=True)
    assert not any(line.startswith("The library") for line in home.json("status")["trouble"])
    home.wait((library / "kept" / "a.mp4").exists, what="it is filed")
    assert 0 == home.stop()


def test_the_last_folder_is_made_with_a_word(home: harness.Here) -> None:
    home.library.rmdir()
    troubles.make_clip(home.inbox / "a.mp4")
    assert f"Made the folder {home.library}." in " ".join(home.run("sort", home.inbox).stderr.split())
    assert (home.library / "kept" / "a.mp4").exists()


def test_a_share_that_is_not_mounted_is_waited_for(home: harness.Here) -> None:
    """As `/etc/fstab` may name it, or not: an empty folder in /mnt; once it is mounted, it is filed into."""
    point = Path("/mnt") / f"vsortd test {home.folder.parent.name}"
    try:
        point.mkdir()
    except OSError as error:
        pytest.skip(f"can't mount here: {error}")
    try:
        put_library(home, point / "Sorted")
        troubles.make_clip(home.inbox / "a.mp4")
        done = home.run("sort", home.inbox, code=None)
        assert f"nothing is mounted at {point}" in " ".join((done.stdout + done.stderr).split())
        assert [] == list(point.iterdir())
        with troubles.small_disk(point, "10m"):
            home.run("sort", home.inbox)
            assert (point / "Sorted" / "kept" / "a.mp4").exists()
        done = home.run("sort", home.inbox, code=None)
        assert [] == list(point.iterdir())
    finally:
        point.rmdir()
