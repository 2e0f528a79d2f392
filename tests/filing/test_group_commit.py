"""Threads that write at once share a commit: fewer syncs, none told before it, and if it fails, all or nothing."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.core.system.fault_points import Point, hooked
from vsortd.errors import StoreError
from vsortd.filing import group_commit
from vsortd.filing.database import Database
from vsortd.filing.recover import recover

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COUNT = 8
INSERT = "INSERT INTO owner (id, since) VALUES (?, '')"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "journal.sqlite3", busy_s=1.0)
    yield made
    made.close()


def names(database: Database) -> set[str]:
    """Return what another process would see."""
    with closing(sqlite3.connect(database.path)) as other:
        return {name for (name,) in other.execute("SELECT id FROM owner")}


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


class Crowd:
    """Threads that write at once, and what came of each."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.outcomes: dict[str, BaseException | None] = {}
        self.threads: list[threading.Thread] = []

    def write(self, name: str, body: Callable[[Any], None] = lambda _db: None, *, lasting: bool = True) -> None:
        try:
            with self.database.write(lasting=lasting) as db:
                db.execute(INSERT, (name,))
                body(db)
            outcome = None
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            outcome = error
        self.outcomes[name] = outcome

    def start(self, name: str, body: Callable[[Any], None] = lambda _db: None, *, lasting: bool = True) -> None:
        thread = threading.Thread(target=self.write, args=(name, body), kwargs={"lasting": lasting})
        self.threads.append(thread)
        thread.start()

    def wait_for(self, count: int) -> Callable[[Any], None]:
        """Return a body that goes on once so many others wait for their turn."""
        return lambda _db: until(lambda: self.database._writers._waiting == count)

    def join(self) -> None:
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive()

    def failed(self) -> set[str]:
        for error in self.outcomes.values():
            assert error is None or isinstance(error, StoreError), error
        return {name for name, error in self.outcomes.items() if error is not None}


@contextmanager
def crowded(database: Database) -> Iterator[Crowd]:
    crowd = Crowd(database)
    try:
        yield crowd
    finally:
        crowd.join()


def counted(commits: list[int]) -> Callable[[Point], None]:
    def hook(point: Point) -> None:
        if point is Point.COMMIT_BEFORE:
            commits.append(threading.get_ident())

    return hook


def test_writers_that_wait_share_the_commit(database: Database) -> None:
    commits: list[int] = []
    everybody = {str(number) for number in range(COUNT)}
    with hooked(counted(commits)), crowded(database) as crowd:
        crowd.start("0", crowd.wait_for(COUNT - 1))
        for number in range(1, COUNT):
            crowd.start(str(number))
    assert set() == crowd.failed()
    assert everybody == names(database)
    assert 1 == len(commits)


def test_a_writer_returns_only_once_others_see_what_it_wrote(database: Database) -> None:
    """SQLite shows a commit to others after its sync, so what is seen has been synced."""
    missing: list[str] = []
    commits: list[int] = []

    def slow(point: Point) -> None:
        counted(commits)(point)
        if point is Point.COMMIT_BEFORE:
            time.sleep(0.003)

    def work(number: int) -> None:
        for turn in range(10):
            name = f"{number}-{turn}"
            crowd.write(name)
            if name not in names(database):
                missing.append(name)

    with hooked(slow), crowded(database) as crowd:
        for number in range(COUNT):
            crowd.threads.append(threading.Thread(target=work, args=(number,)))
            crowd.threads[-1].start()
    assert set() == crowd.failed()
    assert [] == missing
    assert COUNT * 10 == len(names(database))
    assert len(commits) < COUNT * 10 // 2


def test_a_commit_that_fails_fails_for_all_who_shared_it_and_for_nobody_after(database: Database) -> None:
    commits: list[int] = []

    def fail_once(point: Point) -> None:
        counted(commits)(point)
        if point is Point.COMMIT_BEFORE and len(commits) == 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with hooked(fail_once):
        with crowded(database) as crowd:
            crowd.start("0", crowd.wait_for(COUNT - 1))
            for number in range(1, COUNT):
                crowd.start(str(number), lasting=number != 3)
        assert {str(number) for number in range(COUNT)} == crowd.failed()
        assert all("Input/output error" in str(error) for error in crowd.outcomes.values())
        assert set() == names(database)
        crowd.write("later")
    assert {"later"} == names(database)


def test_what_one_raises_takes_back_its_own_part_only(database: Database) -> None:
    commits: list[int] = []

    def refuse(db: Any) -> None:
        assert ("0",) in db.execute("SELECT id FROM owner").fetchall()
        raise LookupError("no")

    with hooked(counted(commits)), crowded(database) as crowd:
        crowd.start("0", crowd.wait_for(1))
        until(lambda: database._writers._group is not None)
        crowd.start("1", refuse)  # the last in line commits what the others wrote
    assert isinstance(crowd.outcomes["1"], LookupError)
    assert crowd.outcomes["0"] is None
    assert {"0"} == names(database)
    assert 1 == len(commits)


def test_the_first_that_raises_leaves_nothing_to_join(database: Database) -> None:
    def refuse(db: Any) -> None:
        crowd.wait_for(1)(db)
        raise LookupError("no")

    with crowded(database) as crowd:
        crowd.start("0", refuse)
        until(lambda: database._writers._group is not None)
        crowd.start("1")
    assert isinstance(crowd.outcomes["0"], LookupError)
    assert crowd.outcomes["1"] is None
    assert {"1"} == names(database)


def test_where_sqlite_takes_back_everything_all_are_told(database: Database) -> None:
    """It does so on a full disk, say: whoever had a part in the transaction has lost it."""

    def lose(db: Any) -> None:
        db.execute("ROLLBACK")  # stands for what SQLite does by itself
        raise sqlite3.OperationalError("database or disk is full")

    with crowded(database) as crowd:
        crowd.start("0", crowd.wait_for(1))
        until(lambda: database._writers._group is not None)
        crowd.start("1", lose)
    assert {"0", "1"} == crowd.failed()
    assert all("disk is full" in str(error) for error in crowd.outcomes.values())
    assert set() == names(database)
    crowd.write("later")
    assert {"later"} == names(database)


def test_what_need_not_last_is_not_synced_and_waits_for_nobody(database: Database) -> None:
    levels = []
    for lasting in (True, False, True):
        with database.write(lasting=lasting) as db:
            levels.append(db.execute("PRAGMA synchronous").fetchone()[0])
    assert [2, 1, 2] == levels  # FULL, NORMAL
    commits: list[int] = []
    with hooked(counted(commits)), crowded(database) as crowd:
        crowd.start("unsynced", crowd.wait_for(1), lasting=False)
        until(lambda: database._writers._group is not None)
        crowd.start("synced", lambda db: levels.append(db.execute("PRAGMA synchronous").fetchone()[0]))
    assert 2 == len(commits)  # who must last does not join what doesn't
    assert 2 == levels[-1]
    assert {"unsynced", "synced"} == names(database)


def test_what_need_not_last_may_join_what_does(database: Database) -> None:
    commits: list[int] = []
    with hooked(counted(commits)), crowded(database) as crowd:
        crowd.start("synced", crowd.wait_for(1))
        until(lambda: database._writers._group is not None)
        crowd.start("joined", lasting=False)
    assert 1 == len(commits)
    assert {"synced", "joined"} == names(database)


def test_a_write_inside_a_write_is_part_of_it(database: Database) -> None:
    with database.write() as outer:
        outer.execute(INSERT, ("outer",))
        with database.write() as inner:
            inner.execute(INSERT, ("inner",))
        with contextlib.suppress(LookupError), database.write() as inner:
            inner.execute(INSERT, ("refused",))
            raise LookupError
        assert set() == names(database)
        with database.read() as db:
            assert [("inner",), ("outer",)] == db.execute("SELECT id FROM owner ORDER BY id").fetchall()
    assert {"outer", "inner"} == names(database)


def test_who_joins_reads_what_it_wrote(database: Database) -> None:
    seen = []

    def look(_db: Any) -> None:
        with database.read() as db:
            seen.extend(name for (name,) in db.execute("SELECT id FROM owner ORDER BY id"))

    with crowded(database) as crowd:
        crowd.start("0", crowd.wait_for(1))
        until(lambda: database._writers._group is not None)
        crowd.start("1", look)
    assert ["0", "1"] == seen
    assert set() == crowd.failed()


def test_a_transaction_kept_open_for_one_that_never_comes_is_committed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "PATIENCE_S", 0.01)
    database._writers._count(1)  # as if an interrupt took away who waits
    Crowd(database).write("0")
    database._writers._count(-1)
    assert {"0"} == names(database)


# Filing by many threads, whose intents and ends share commits

FILMS = [f"{number}.mp4" for number in range(4 * COUNT)]
# Two commits a film, shared by at most all the threads: there can't be fewer.
COMMITS = range(2, 9)


def place_all(bench: Any, filer: Any, tell: Callable[[str], object]) -> list[BaseException]:
    """Place every film with some threads, and tell each that is done; returns what was raised."""
    errors: list[BaseException] = []
    rest = [name for name in FILMS if (bench.inbox / name).exists()]

    def work() -> None:
        while rest:
            try:
                name = rest.pop()
            except IndexError:
                return
            try:
                filer.place(bench.request(bench.inbox / name))
                tell(name)
            except BaseException as error:  # noqa: BLE001 - looked at by the test
                errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(COUNT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def at_commit(number: int, act: Callable[[], None]) -> Callable[[Point], None]:
    """Return a hook that acts before the n-th commit; each is slow, so that the threads meet."""
    commits: list[int] = []

    def hook(point: Point) -> None:
        if point is Point.COMMIT_BEFORE:
            commits.append(1)
            if len(commits) == number:
                act()
            time.sleep(0.003)

    return hook


def fail() -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.few(2)
@pytest.mark.parametrize("number", COMMITS)
def test_a_shared_commit_that_fails_amid_filing_loses_nothing(bench: Any, number: int) -> None:
    for name in FILMS:
        bench.drop(name)
    done: list[str] = []
    with bench.filer() as (filer, journal):
        with hooked(at_commit(number, fail)):
            errors = place_all(bench, filer, done.append)
        assert errors
        assert [] == [error for error in errors if not isinstance(error, StoreError)]
        assert set(done) <= {item.source.name for item in journal.history() if item.state == "filed"}
        report = recover(journal)
        assert [] == [*report.unresolved, *report.unclear, *report.troubles]
        assert [] == place_all(bench, filer, done.append)
    assert [] == bench.recover().lines()
    bench.check()
    assert {f"forest/night/{name}" for name in FILMS} == set(bench.tree(bench.library))


@pytest.mark.skipif(sys.platform == "win32", reason="forks and SIGKILL")
@pytest.mark.parametrize("number", COMMITS)
def test_killed_at_a_shared_commit_what_was_told_is_done(bench: Any, number: int) -> None:
    for name in FILMS:
        bench.drop(name)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with hooked(at_commit(number, lambda: os.kill(os.getpid(), signal.SIGKILL))), bench.filer() as (filer, _):
                place_all(bench, filer, lambda name: os.write(writing, f"{name}\n".encode()))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read().split()
    assert -signal.SIGKILL == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with bench.journal() as journal:
        assert set(told) <= {item.source.name for item in journal.history() if item.state == "filed"}
    report = bench.recover()
    assert [] == [*report.unresolved, *report.unclear, *report.troubles]
    assert [] == bench.recover().lines()
    bench.check()


# Real syncs, as the kernel sees them

SCRIPT = """
import os, sys, threading
from pathlib import Path
from vsortd.errors import StoreError
from vsortd.filing.database import Database

database = Database(Path(sys.argv[1]), busy_s=5.0)
told = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT)
start = threading.Barrier(8)
names = []

def work(thread):
    start.wait()
    for turn in range(6):
        name = f"{thread}.{turn}"
        try:
            with database.write() as db:
                db.execute("INSERT INTO owner (id, since) VALUES (?, '')", (name,))
                os.write(told, f"wrote {name};".encode())
            os.write(told, f"done {name};".encode())
            names.append(name)
        except StoreError:
            os.write(told, f"failed {name};".encode())

threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with database.read() as db:
    found = {name for (name,) in db.execute("SELECT id FROM owner")}
assert found == set(names), (found, names)
database.close()
print(len(names))
"""


def traced(tmp_path: Path, fault: str) -> tuple[int, str]:
    """Run the script while each sync takes 10 ms and some may fail; returns how many commits lasted, and the log."""
    log, told = tmp_path / "strace.log", tmp_path / "told"
    path = tmp_path / "journal.sqlite3"
    Database(path).close()
    syncs = "fsync,fdatasync"
    command = ["strace", "-f", "-y", "-qq", "-o", log, "-e", f"trace={syncs},write"]
    command += ["-e", f"inject={syncs}:{fault}delay_exit=10000", "-P", f"{path}-wal", "-P", told]
    done = subprocess.run(
        [*command, sys.executable, "-c", SCRIPT, path, told], capture_output=True, text=True, check=False, timeout=50
    )
    if "ptrace" in done.stderr:
        pytest.skip(f"strace can't trace here: {done.stderr.splitlines()[0]}")
    assert not done.returncode, done.stderr
    return int(done.stdout), log.read_text()


def synced_by_then(log: str) -> tuple[int, int]:
    """See that before each 'done' a sync succeeded that began after its 'wrote'; returns syncs and failures."""
    wrote: dict[str, int] = {}
    begun: dict[str, int] = {}  # by process
    last = -1  # where the newest sync that succeeded began
    syncs = failures = 0
    for number, line in enumerate(log.splitlines()):
        process = line.split()[0]
        if told := re.search(r'"(wrote|done) ([\d.]+);"', line):
            if told[1] == "wrote":
                wrote[told[2]] = number
            else:
                assert wrote[told[2]] < last, f"{told[2]} was told before its sync"
        elif "sync" in line:
            if "resumed" not in line:
                begun[process] = number
            if "unfinished" not in line:
                syncs += 1
                failures += "INJECTED) = -1" in line or "= -1" in line
                last = max(last, begun[process]) if "= -1" not in line else last
    return syncs, failures


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here")
def test_no_write_returns_before_a_sync_that_began_after_it(tmp_path: Path) -> None:
    lasted, log = traced(tmp_path, "")
    syncs, failures = synced_by_then(log)
    assert (48, 0) == (lasted, failures)
    assert 6 <= syncs < 24


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here")
@pytest.mark.parametrize("when", ["1", "2", "1+2"])  # of each thread's syncs
def test_a_sync_that_fails_fails_all_its_commits_and_no_others(tmp_path: Path, when: str) -> None:
    lasted, log = traced(tmp_path, f"error=EIO:when={when}:")
    _, failures = synced_by_then(log)
    assert failures
    assert 48 - lasted == len(re.findall(r'"failed [\d.]+;"', log))
    assert failures <= 48 - lasted
