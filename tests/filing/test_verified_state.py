"""A journal that is known to be whole isn't read again; whoever else touches it, and however, it is."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support import harness
from tests.support.damaged_journal import flip
from tests.support.many_rows import fill_journal
from vsortd.core.outcomes import ItemState
from vsortd.core.paths import journal_path
from vsortd.errors import DamagedError
from vsortd.filing import copies, verified_state
from vsortd.filing.journal import Journal
from vsortd.filing.verified_state import HOLDS_FOR_S, Verified, VerifiedState

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="what tells a start of the machine, and times to the nanosecond"
)
COUNT = 300


@pytest.fixture
def home(tmp_path: Path) -> harness.Here:
    one = harness.Here.make(tmp_path / "home")
    fill_journal(one.folder / "state", COUNT)
    return one


@pytest.fixture
def journal(home: harness.Here) -> Path:
    return journal_path(home.folder / "state")


def checked(journal: Path) -> Verified:
    """Return what is known of the journal as it is now."""
    found = VerifiedState(journal).now()
    assert found is not None
    return found


def on_a_disk_that_tells_nothing(journal: Path, old: bytes, new: bytes) -> None:
    """Change bytes of the file where no time tells it, as a disk does."""
    known = checked(journal)
    data = journal.read_bytes()
    assert data.count(old) == 1
    journal.write_bytes(data.replace(old, new))
    VerifiedState(journal).note(known)


def test_what_reads_and_what_files_hand_on_what_is_known(home: harness.Here, journal: Path) -> None:
    first = checked(journal)
    for words in ("history", "history --json", "status", "undo --last 1 --dry-run", "retry 1", "where nothing.mp4"):
        home.run(*words.split(), code=None)
        assert first == checked(journal), words
    with Journal.open(journal) as one:
        _ = one.owner
        one.retry(ids=[2])
        assert first == checked(journal)  # while the log holds it, too
    assert first == checked(journal)


def test_a_daemon_and_its_commands_hand_it_on(home: harness.Here, journal: Path) -> None:
    home.start()
    try:
        first = checked(journal)
        assert first.every_row
        assert COUNT == len(home.json("history", "--json", "--last", "0")["items"])
        home.run("retry", "3")
        home.wait(lambda: VerifiedState(journal).now() == first, what="known to be whole")
    finally:
        home.stop()
    assert first == checked(journal)


def test_two_that_file_in_turn_hand_it_on(journal: Path) -> None:
    first = checked(journal)
    with Journal.open(journal) as one, Journal.open(journal) as other:
        for number in range(4, 10, 2):
            one.retry(ids=[number])
            other.retry(ids=[number + 1])
        assert first == checked(journal)
    assert first == checked(journal)


def test_what_another_program_wrote_is_not_taken_on_trust(journal: Path) -> None:
    with closing(sqlite3.connect(journal)) as db, db:
        db.execute("CREATE TABLE other (x)")
    assert VerifiedState(journal).now() is None
    Journal.open(journal).close()  # which finds it sound
    assert not checked(journal).every_row


@pytest.mark.parametrize("time_of_content", ["new", "put back"])
def test_a_changed_bit_is_found_even_if_the_time_is_put_back(journal: Path, time_of_content: str) -> None:
    status = journal.stat()
    flip(journal, status.st_size * 4)
    if time_of_content == "put back":
        os.utime(journal, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert VerifiedState(journal).now() is None
    with pytest.raises(DamagedError):
        Journal.open(journal, thorough=True)


def test_a_change_within_the_same_tick_of_the_clock_is_seen(journal: Path) -> None:
    """At once after what was noted, as often as not within one step of the kernel's times."""
    for _ in range(50):
        VerifiedState(journal).note(Verified(time.time(), every_row=False))
        flip(journal, 8 * 5000)
        assert VerifiedState(journal).now() is None
        flip(journal, 8 * 5000)


def test_a_copy_of_the_folder_is_read_again(journal: Path, tmp_path: Path) -> None:
    shutil.copytree(journal.parent, tmp_path / "copy")
    assert VerifiedState(tmp_path / "copy" / journal.name).now() is None


def test_it_holds_for_a_day_and_until_the_machine_is_started_again(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = VerifiedState(journal)
    known = checked(journal)
    state.note(replace(known, checked_s=time.time() - HOLDS_FOR_S))
    assert state.now() is None
    state.note(replace(known, checked_s=time.time() + 60))  # the clock was set back
    assert state.now() is None
    state.note(known)
    assert known == state.now()
    monkeypatch.setattr(verified_state, "boot_name", lambda: "another start")
    assert state.now() is None


@pytest.mark.parametrize("data", [b"", b"nothing", b"0 {}\n", bytes(64)])
def test_a_note_that_can_not_be_read_tells_nothing(journal: Path, data: bytes) -> None:
    journal.with_name(journal.name + verified_state.SUFFIX).write_bytes(data)
    assert VerifiedState(journal).now() is None
    Journal.open(journal).close()
    assert VerifiedState(journal).now() is not None


def test_a_note_that_can_not_be_written_stops_nothing(journal: Path) -> None:
    note = journal.with_name(journal.name + verified_state.SUFFIX)
    note.unlink()
    note.mkdir()
    with Journal.open(journal) as one:
        assert COUNT == len(one.history())


def test_damage_that_no_time_tells_of_is_told_all_the_same_where_it_is_read(home: harness.Here, journal: Path) -> None:
    """Of an item that is shown; of any, to who reads all of it."""
    on_a_disk_that_tells_nothing(journal, b"it has no picture 290", b"it had no picture 290")
    for words in ("history", "history --json"):
        said = home.run(*words.split(), code=1)
        assert "item #291 is not what was written" in said.stderr
        assert "it had no picture" not in said.stdout
        assert VerifiedState(journal).now() is None  # from now on it is read again
    assert [292] == [item["id"] for item in home.json("history", "--json", "--match", "291")["items"]]
    with pytest.raises(DamagedError):
        Journal.open(journal, thorough=True)


def test_no_copy_is_made_and_nothing_is_repaired_on_trust(journal: Path, tmp_path: Path) -> None:
    on_a_disk_that_tells_nothing(journal, b"it has no picture 50", b"it had no picture 50")
    with pytest.raises(DamagedError):
        copies.make_copy(journal, tmp_path)
    assert VerifiedState(journal).now() is None


def test_a_sound_copy_shows_that_the_journal_is_whole(journal: Path, tmp_path: Path) -> None:
    first = checked(journal)
    copies.make_copy(journal, tmp_path)
    assert checked(journal).every_row
    assert checked(journal).checked_s > first.checked_s


def test_a_row_that_is_not_what_was_written_is_not_changed_on_trust(journal: Path) -> None:
    on_a_disk_that_tells_nothing(journal, b"it has no picture 50", b"it had no picture 50")
    with Journal.open(journal) as one, pytest.raises(DamagedError):
        one.finish(replace(one.history()[0], id=51), ItemState.UNDONE)


def test_a_journal_that_was_damaged_once_is_not_known_to_be_whole(journal: Path) -> None:
    flip(journal, 8 * (journal.stat().st_size // 2))
    with pytest.raises(DamagedError):
        Journal.open(journal, thorough=True)
    assert VerifiedState(journal).now() is None
