"""A damaged journal is mended by `vsortd doctor --repair`: nothing is lost, and what is not known is said."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import harness, troubles
from tests.support.damaged_journal import DamagedHome, flip, flips
from tests.support.waiting import until
from vsortd.errors import DamagedError, StoreError
from vsortd.filing import copies
from vsortd.filing.journal import Journal
from vsortd.service.lock import DaemonLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REPAIRS = int(os.environ.get("VSORTD_FLIPS", "60")) // 5
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="modes, mounts and signals"),
    pytest.mark.timeout(240 + REPAIRS * 10),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> DamagedHome:
    return DamagedHome.make(tmp_path_factory.mktemp("repair"))


@pytest.fixture
def one(made: DamagedHome) -> DamagedHome:
    """Files and journal as they were made."""
    made.put()
    return made


def repair(one: DamagedHome, code: int = 0) -> list[str]:
    done = one.home.run("doctor", "--repair", "--json", code=code)
    document = json.loads(done.stdout)
    said: list[str] = document["said"]
    return said


def entries(one: DamagedHome) -> dict[int, dict[str, Any]]:
    return {item["id"]: item for item in json.loads(one.ask(("history", "--json"))[2:])["items"]}


def is_damaged(one: DamagedHome) -> bool:
    try:
        Journal.open(one.state / "journal.sqlite3", thorough=True).close()
    except DamagedError:
        return True
    except StoreError:  # "of a newer vsortd": nothing that a repair may touch
        pass
    return False


def with_copy(one: DamagedHome) -> None:
    """Make a copy of the journal; it and its log are as they were before."""
    (one.home.folder / "made").mkdir()
    copies.make_copy(one.state / "journal.sqlite3", one.home.folder / "made")
    one.put()
    (one.home.folder / "made").rename(copies.copies_folder(one.state))


def test_a_sound_journal_is_left_as_it_is(one: DamagedHome) -> None:
    assert ["The journal is sound: nothing was changed."] == repair(one)
    assert one.told[("history", "--json")] == one.ask(("history", "--json"))


def test_repair_refuses_while_a_daemon_holds_the_folder(one: DamagedHome) -> None:
    with DaemonLock(one.state):
        done = one.home.run("doctor", "--repair", code=12)
    assert "Stop it first" in done.stderr


def test_a_damaged_journal_is_set_aside_and_a_copy_restored_with_what_came_after_it(one: DamagedHome) -> None:
    """The log, in which the newest entries lie, is read past its damage."""
    before = entries(one)
    with_copy(one)
    flip(one.state / "journal.sqlite3-wal", 8 * 5000)
    assert "refused" == one._judged(("history", "--json"))
    said = " ".join(repair(one))
    assert "was restored" in said
    assert before == entries(one)
    aside = list(one.state.glob("journal.sqlite3.damaged-*"))
    assert aside, "nothing is thrown away"
    assert 0o600 == aside[0].stat().st_mode & 0o777
    assert one.told[("undo", "--all", "--dry-run", "--json")] == one.ask(("undo", "--all", "--dry-run", "--json"))


def test_a_journal_that_is_gone_comes_back_from_its_copy(one: DamagedHome) -> None:
    before = entries(one)
    with_copy(one)
    for path in one.state.glob("journal.sqlite3*"):
        if not path.name.endswith("-last"):
            path.unlink()
    assert "refused" == one._judged(("status", "--json"))
    repair(one)
    assert before == entries(one)


def test_without_copy_and_journal_the_library_gives_honest_entries(one: DamagedHome) -> None:
    for path in one.state.glob("journal.sqlite3*"):
        if not path.name.endswith("-last"):
            path.unlink()
    said = " ".join(repair(one))
    assert "no sound copy" in said
    found = entries(one)
    lying = set(harness.snapshot(one.home.library))
    assert lying == {
        str(one.home.library.joinpath(item["destination"]).relative_to(one.home.library)) for item in found.values()
    }
    assert all("found by a repair" in item["reason"] for item in found.values())
    refused = json.loads(one.home.run("undo", "--all", "--json", code=None).stdout)["refused"]
    assert len(found) == len(refused)
    assert all("where it came from is not known" in one["reason"] for one in refused)
    assert lying == set(harness.snapshot(one.home.library))


@pytest.mark.parametrize("copied", [False, True], ids=["no copy", "a copy"])
def test_whatever_bits_flip_a_repair_brings_every_entry_back(
    one: DamagedHome, record_property: Callable[[str, object], None], *, copied: bool
) -> None:
    """One bit a time, in each of the files: at most the entry that it hit has to be made again."""
    before = entries(one)
    worked = 0
    for name, bit in flips(one, REPAIRS, seed=7):
        one.put(lambda state, name=name, bit=bit: flip(state / f"journal.sqlite3{name}", bit))
        if not is_damaged(one):
            continue
        if copied:
            one.put()
            with_copy(one)
            flip(one.state / f"journal.sqlite3{name}", bit)
        repair(one)
        after = entries(one)
        where = f"bit {bit} of {name or 'the file'}"
        placed = {item["destination"] for item in before.values() if item["state"] in {"filed", "review"}}
        assert placed == {item["destination"] for item in after.values() if item["state"] in {"filed", "review"}}, where
        changed = [number for number, item in before.items() if after.get(number) != item]
        assert len(changed) <= 1, f"{where}: {changed}"
        Journal.open(one.state / "journal.sqlite3", thorough=True).close()
        worked += 1
    record_property("repairs", worked)
    assert worked


def test_a_torn_page_costs_at_most_what_lay_in_it(one: DamagedHome) -> None:
    """Each page of zeros: every video in the library has an entry afterwards."""
    before = entries(one)
    placed = {item["destination"] for item in before.values() if item["state"] in {"filed", "review"}}
    pages = range((one.sound / "journal.sqlite3").stat().st_size // 4096)
    rng = random.Random(3)  # noqa: S311 - chance that can be repeated
    for page in sorted(rng.sample(pages, 8)):
        one.put()
        with (one.state / "journal.sqlite3").open("r+b") as file:
            file.seek(page * 4096)
            file.write(bytes(4096))
        if "refused" != one._judged(("history", "--json")):
            continue
        repair(one)
        after = entries(one)
        assert placed <= {item["destination"] for item in after.values()}, page


def test_three_copies_are_kept_and_a_damaged_one_never_takes_the_place_of_a_sound_one(tmp_path: Path) -> None:
    path, folder = tmp_path / "journal.sqlite3", tmp_path / "backups"
    with Journal.open(path) as journal:
        for number in range(5):
            with journal.db.write() as db:
                db.execute("INSERT INTO library (path) VALUES (?)", (b"/%d" % number,))
            copies.make_copy(path, folder)
    found = copies.copies_in([folder])
    assert [5, 4, 3] == [copy.commits for copy in found]
    assert all(copies.is_sound(copy.path) for copy in found)
    assert {0o600} == {copy.path.stat().st_mode & 0o777 for copy in found}
    with closing(sqlite3.connect(path)) as db, db:
        for name in ("resealed", "change_verified"):
            db.execute(f"DROP TRIGGER library_{name}")
        assert 1 == db.execute("UPDATE library SET path = ? WHERE path = ?", (b"/other", b"/1")).rowcount
    with pytest.raises(DamagedError, match=r"journal\.sqlite3 is damaged"):
        copies.make_copy(path, folder)
    assert found == copies.copies_in([folder])


@pytest.mark.long
def test_the_daemon_copies_the_journal_after_quiet_time_here_and_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    more = troubles.QUICK + f"journal: {{copy_after: 1s, copy_to: {elsewhere}}}\n"
    home = harness.Home.make(tmp_path / "home", more=more, rules=troubles.ONE_RULE)
    elsewhere.mkdir()
    home.start()
    try:
        troubles.make_clip(home.inbox / "a.mp4")
        home.wait(lambda: ["filed"] == [item["state"] for item in home.items()], what="it is filed")
        with closing(sqlite3.connect(home.folder / "state" / "journal.sqlite3")) as db:
            (commits,) = db.execute("SELECT n FROM counter WHERE name = 'commits'").fetchone()
        for folder in (home.folder / "state" / "backups", elsewhere):
            until(
                lambda folder=folder: commits in [copy.commits for copy in copies.copies_in([folder])], what=str(folder)
            )
            assert copies.is_sound(copies.copies_in([folder])[0].path)
    finally:
        assert 0 == home.stop()


def test_a_repair_that_was_killed_half_way_is_made_good_by_the_next(one: DamagedHome) -> None:
    """The log has gone, in which the newest entries lay; it lies beside what was set aside."""
    before = entries(one)
    one.put()
    for suffix in ("", "-wal", "-last"):
        shutil.copyfile(
            one.state / f"journal.sqlite3{suffix}", one.state / f"journal.sqlite3.damaged-20260101T000000Z{suffix}"
        )
    (one.state / "journal.sqlite3-wal").unlink()
    assert "refused" == one._judged(("history", "--json"))
    repair(one)
    assert {number: (item["source"], item["destination"]) for number, item in before.items()} == {
        number: (item["source"], item["destination"]) for number, item in entries(one).items()
    }


def test_no_copy_is_made_in_the_place_of_a_disk_that_is_away(one: DamagedHome) -> None:
    away = one.home.folder / "away"
    with pytest.raises(StoreError, match="that its disk is mounted"):
        copies.make_copy(one.state / "journal.sqlite3", away)
    assert not away.exists()


@pytest.mark.parametrize("version", [1, 2])
def test_a_journal_of_the_format_before_is_taken_over_with_all_it_holds(one: DamagedHome, version: int) -> None:
    """As older versions left it: the first without checksums, counters and copies."""
    from vsortd.filing import schema, seals

    before = one.ask(("history", "--json"))
    old = one.state / "old.sqlite3"
    with closing(sqlite3.connect(old)) as db, closing(sqlite3.connect(one.state / "journal.sqlite3")) as new:
        seals.teach(db)
        for step in schema.JOURNAL.steps[:version]:
            db.executescript(step)
        for table, columns in schema.JOURNAL.sealed_in(2).items():
            names, marks = ", ".join(columns), ", ".join("?" * len(columns))
            rows = new.execute(f"SELECT {names} FROM {table}")  # noqa: S608 - constants
            db.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608 - constants
        db.execute(f"PRAGMA application_id={schema.JOURNAL.application_id}")
        db.execute(f"PRAGMA user_version={version}")
        db.commit()
    for path in one.state.glob("journal.sqlite3*"):
        path.unlink()
    old.rename(one.state / "journal.sqlite3")
    assert before == one.ask(("history", "--json"))
    assert one.told[("status", "--json")] == one.ask(("status", "--json"))
    Journal.open(one.state / "journal.sqlite3", thorough=True).close()
