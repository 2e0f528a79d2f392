"""The journal's file: never taken for empty, never shared out of turn, read back as it was written."""

from __future__ import annotations

import multiprocessing
import shutil
import sqlite3
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.errors import StoreError
from vsortd.filing import schema, seals
from vsortd.filing.history_query import HistoryQuery
from vsortd.filing.journal import Journal
from vsortd.filing.records import from_columns, to_columns, unix_s
from vsortd.filing.undo import Selection, undo

if TYPE_CHECKING:
    from pathlib import Path


def tampered(bench: Any, how: str) -> Path:
    with bench.filer() as (filer, _):
        filer.place(bench.request(bench.drop("a.mp4")))
    path: Path = bench.state / "journal.sqlite3"
    if how == "newer":
        with sqlite3.connect(path) as db:
            db.execute(f"PRAGMA user_version={schema.JOURNAL.version + 1}")
        db.close()
    elif how == "another program's":
        path.unlink()
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE other (x)")
        db.close()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_bytes(b"this is no database\n" * 100)
    elif how == "torn":
        path.write_bytes(path.read_bytes()[:5000])
    elif how == "a folder":
        path.unlink()
        path.mkdir()
    elif how == "missing beside its log":
        path.unlink()
        (bench.state / "journal.sqlite3-wal").write_bytes(b"committed pages")
    return path


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("newer", "newer vsortd"),
        ("another program's", "not a journal of vsortd"),
        ("empty", "is empty"),
        ("text", "can't be read"),
        ("torn", "can't be read"),
        ("a folder", "can't be used"),
        ("missing beside its log", "is missing"),
    ],
)
def test_a_journal_that_cannot_be_trusted_stops_everything(bench: Any, how: str, says: str) -> None:
    path = tampered(bench, how)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError) as caught:
        bench.journal().history()
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.remedy
    assert before == (path.read_bytes() if path.is_file() else None)


def test_a_locked_journal_says_so(bench: Any) -> None:
    with bench.journal(busy_s=0.05) as journal:
        other = sqlite3.connect(bench.state / "journal.sqlite3", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            with pytest.raises(StoreError, match=r"locked.*fuser"):
                journal.release(everything=True)
            assert [] == journal.history()  # readers don't wait for writers
        finally:
            other.close()
        assert [] == journal.release(everything=True)


def test_a_journal_that_vanishes_is_not_made_anew(bench: Any) -> None:
    with bench.journal() as journal:
        (bench.state / "journal.sqlite3").unlink()
        caught: list[StoreError] = []

        def look() -> None:
            try:
                journal.history()
            except StoreError as error:
                caught.append(error)

        thread = threading.Thread(target=look)  # a thread that has no connection yet
        thread.start()
        thread.join()
    assert "unable to open" in str(caught[0])
    assert not (bench.state / "journal.sqlite3").exists()


def test_processes_that_start_at_once_share_one_journal(bench: Any) -> None:
    errors: list[BaseException] = []

    def start() -> None:
        try:
            with bench.journal() as journal:
                assert journal.owner
        except BaseException as error:  # noqa: BLE001 - shown below
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == errors
    left = {path.name for path in bench.state.iterdir()} - {"journal.sqlite3-verified"}
    assert {"journal.sqlite3", "owners"} == left
    assert [] == list((bench.state / "owners").iterdir())


def test_a_journal_lasts_through_a_power_cut(bench: Any) -> None:
    with bench.journal() as journal, journal.db.write() as db:
        assert (2,) == db.execute("PRAGMA synchronous").fetchone()  # FULL
        assert ("wal",) == db.execute("PRAGMA journal_mode").fetchone()
        assert (1,) == db.execute("PRAGMA foreign_keys").fetchone()


def test_a_failed_commit_changes_nothing(bench: Any) -> None:
    video = bench.drop("a.mp4")
    from vsortd.core.system.fault_points import hooked, parse

    with bench.filer() as (filer, journal):
        filer.record(video, Identity.of(video), ItemState.FAILED, "so that the owner is known")
        dump = bench.dump()
        with hooked(parse("commit.before:ENOSPC")), pytest.raises(StoreError, match="No space left"):
            journal.retry(everything=True)
        assert dump == bench.dump()


def test_ctrl_c_within_a_checksum_is_ctrl_c_and_nothing_is_written(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite makes an error of whatever a function of ours raises; this one says nothing of the journal."""
    bench.drop("a.mp4")
    with bench.filer() as (filer, journal):
        before = journal.counts()

        def interrupted(*_values: object) -> int:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(seals, "row_sum", interrupted)
            with pytest.raises(KeyboardInterrupt):
                filer.place(bench.request(bench.inbox / "a.mp4"))
        assert before == journal.counts()
        filer.place(bench.request(bench.inbox / "a.mp4"))
    bench.check()


def test_counts_agree_with_the_rows(bench: Any) -> None:
    with bench.filer() as (filer, journal):
        for number in range(6):
            filer.place(
                bench.request(bench.drop(f"{number}.mp4"), outcome=ItemState.REVIEW if number % 2 else ItemState.FILED)
            )
        for number in range(6, 9):
            video = bench.drop(f"{number}.mp4")
            filer.record(video, Identity.of(video), ItemState.REJECTED if number % 2 else ItemState.FAILED, "no")
        undo(journal, Selection(last=3))
        journal.release(ids=[6])
        journal.retry(ids=[9])
        assert {"filed": 2, "review": 1, "rejected": 1, "failed": 1, "held": 2, "aside": 0} == journal.counts()
        with journal.db.read() as db:
            rows = dict(db.execute("SELECT state, count(*) FROM item WHERE standing GROUP BY state"))
            others = "('held', 'commits', 'journal')"
            counted = dict(
                db.execute(
                    f"SELECT name, n FROM counter WHERE name NOT IN {others} AND name NOT LIKE 'sum of %' AND n > 0"  # noqa: S608 - constants
                )
            )
        assert rows == counted


def test_history_selects_by_number_and_time(bench: Any) -> None:
    with bench.filer() as (filer, journal):
        for name in "abc":
            filer.place(bench.request(bench.drop(f"{name}.mp4")))
        items = journal.history()
        assert ["c.mp4", "b.mp4", "a.mp4"] == [item.source.name for item in items]
        assert items[:2] == journal.history(HistoryQuery(last=2))
        assert items == journal.history(HistoryQuery(since=unix_s(items[2].time)))
        assert [] == journal.history(HistoryQuery(since=unix_s(items[0].time) + 1))
        assert items[1] == journal.placed_at(items[1].destination)


def test_identities_with_the_highest_bit_survive() -> None:
    identity = Identity(2**64 - 1, 2**63 + 5, 7, -3)
    assert identity == from_columns(*to_columns(identity))


def _file_and_undo(home: Path, number: int, rounds: int) -> None:
    from vsortd.config.place_options import Place
    from vsortd.filing.place import Filer
    from vsortd.filing.placement import FilingRequest

    with Journal.open(home / "state" / "journal.sqlite3") as journal:
        place = Place()
        filer = Filer(journal, home / "library", place)
        for turn in range(rounds):
            source = home / "in" / f"{number}-{turn}.mp4"
            identity = Identity.of(source)
            assert identity is not None
            filer.place(FilingRequest(source=source, identity=identity, folder=("x",)))
            if turn % 2:
                undo(journal, Selection(last=2))


def test_processes_file_and_undo_at_once(bench: Any) -> None:
    rounds, processes = 8, 3
    for number in range(processes):
        for turn in range(rounds):
            bench.drop(f"{number}-{turn}.mp4")
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_file_and_undo, args=(bench.inbox.parent, number, rounds)) for number in range(processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [0] * processes == [worker.exitcode for worker in workers]
    assert [] == bench.recover().lines()
    bench.check()
    with bench.journal() as journal:
        undo(journal, Selection(all=True))
    assert rounds * processes == len(bench.tree(bench.inbox))
    bench.check()


READ_JOURNAL = """
import sys
from pathlib import Path
from vsortd.errors import StoreError
from vsortd.filing.journal import Journal
try:
    with Journal.open(Path(sys.argv[1])) as journal:
        print("read", len(journal.history()))
except StoreError as error:
    print(error)
"""


@pytest.mark.long
@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here")
@pytest.mark.parametrize("lasts", [False, True], ids=["once", "from then on"])
def test_a_disk_that_fails_to_read_the_journal_is_not_told_as_a_damaged_journal(
    bench: Any,
    *,
    lasts: bool,
) -> None:
    with bench.filer() as (filer, journal):
        filer.place(bench.request(bench.drop("a.mp4")))
        path = journal.db.path
    said = []
    for occurrence in range(1, 200):
        rule = f"inject=pread64:error=EIO:when={occurrence}{'+' if lasts else ''}"
        command = ["strace", "-f", "-o", "/dev/null", "-P", path, "-e", "trace=pread64", "-e", rule]
        child = [sys.executable, "-c", READ_JOURNAL, path]
        done = subprocess.run([*command, *child], capture_output=True, text=True, check=False, timeout=60)
        if "read 1" in done.stdout:
            break
        if "ptrace" in done.stderr:
            pytest.skip(f"strace can't trace here: {done.stderr.splitlines()[0]}")
        said.append(done.stdout)
    else:
        pytest.fail("the journal is read without end")
    assert said, "no read failed"
    for message in said:
        assert str(path) in message
        assert "Restore it" not in message
        assert "system's log" in message
