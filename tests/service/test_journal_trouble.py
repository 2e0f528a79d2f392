"""The journal newer, damaged, forbidden, locked or on a full disk, through the real commands.

Each says which file and what to do, ends with the documented exit code, and touches no video; when the trouble
ends, work goes on.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import harness, troubles

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="modes, mounts and signals"),
    pytest.mark.timeout(480),
    pytest.mark.slow,
]
COMMANDS = (
    ("sort", "{inbox}"),
    ("plan", "{inbox}"),
    ("history",),
    ("undo", "--all"),
    ("release", "--all"),
    ("retry", "--all"),
    ("status",),
    ("run",),
    ("run", "--once"),
)


class House(harness.Home):
    """A home with one video filed and another in the inbox."""

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def journal(self) -> Path:
        return self.state / "journal.sqlite3"

    def begin(self, words: Sequence[str], before: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Start a command without waiting for its end."""
        return subprocess.Popen(
            [*before, sys.executable, "-m", "vsortd", *(word.format(inbox=self.inbox) for word in words)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def refused(self, says: str, commands: Sequence[Sequence[str]] = COMMANDS, before: Sequence[str] = ()) -> None:
        """All commands, at once, end with 1 and name the journal and a remedy; no file is touched."""
        files = harness.snapshot(self.inbox) | harness.snapshot(self.library)
        running = {words: None if words[0] == "run" else self.begin(words, before) for words in map(tuple, commands)}
        try:
            for words in list(running):
                if words[0] == "run":  # one after the other: each would be the daemon
                    running[words] = self.begin(words, before)
                process = running[words]
                assert process is not None
                said, errors = process.communicate(timeout=100)
                what = f"{words}: exit {process.returncode}\n{said}\n{errors}"
                assert 1 == process.returncode, what
                assert "" == said, what
                assert "Traceback" not in errors, what
                assert says in errors, what
                assert str(self.state) in errors, what
                remedy = errors.strip().splitlines()[-1]
                assert remedy.startswith("  "), what
        finally:
            for process in running.values():
                if process is not None and process.poll() is None:
                    process.kill()
                    process.communicate()
        assert files == harness.snapshot(self.inbox) | harness.snapshot(self.library)

    def goes_on(self) -> None:
        """After the trouble: the other video is filed, and everything returns byte for byte."""
        assert [] != self.json("sort", self.inbox)["items"]
        assert ["filed", "filed"] == [item["state"] for item in self.items()]
        assert {} == harness.snapshot(self.inbox)
        assert [] == self.json("undo", "--all")["refused"]
        assert self.dropped == harness.snapshot(self.inbox)
        assert {} == harness.snapshot(self.library)

    dropped: dict[str, tuple[str, int]]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    one = House.make(tmp_path / "home", more=troubles.QUICK, rules=troubles.ONE_RULE)
    yield one
    if one.daemon is not None:
        one.daemon.kill()
        one.daemon.wait()


def file_one_of_two(house: House) -> None:
    """By the filer itself: it is what comes afterwards that is tried here."""
    troubles.make_clip(house.inbox / "a.mp4", number=1)
    troubles.make_clip(house.inbox / "b.mp4", number=2)
    House.dropped = harness.snapshot(house.inbox)
    troubles.file_directly(house, house.inbox / "a.mp4")
    assert ["filed"] == [item["state"] for item in house.items()]


def damage(path: Path, how: str) -> None:
    """Make a journal one that can't be trusted."""
    if how == "newer":
        db = sqlite3.connect(path)
        db.execute("PRAGMA user_version=99")
        db.close()
    elif how == "noise":
        path.write_bytes(bytes(range(256)) * 64)
    elif how == "of another program":
        path.unlink()
        db = sqlite3.connect(path)
        db.execute("CREATE TABLE theirs (a)")
        db.close()
    elif how == "empty":
        path.write_bytes(b"")


@pytest.mark.long
def test_no_command_works_on_a_journal_that_can_not_be_trusted(house: House) -> None:
    """One house for all: a sound journal is put back in between."""
    file_one_of_two(house)
    sound = house.journal.read_bytes()
    for how, says in (
        ("newer", "written by a newer vsortd"),
        ("noise", "can't be read"),
        ("of another program", "not a journal of vsortd"),
        ("empty", "is empty"),
    ):
        damage(house.journal, how)
        hurt = house.journal.read_bytes()
        house.refused(says)
        assert hurt == house.journal.read_bytes(), f"{how}: what can't be trusted is not written to"
        for left in house.state.glob("journal.sqlite3-*"):
            left.unlink()
        house.journal.write_bytes(sound)
    house.goes_on()


@pytest.mark.long
def test_no_command_works_on_a_journal_that_may_not_be_read(house: House) -> None:
    before = troubles.without_rights()
    file_one_of_two(house)
    house.journal.chmod(0)
    house.refused("unable to open", before=before)
    house.journal.chmod(0o600)
    house.state.chmod(0)
    house.refused("Permission denied", before=before)
    house.state.chmod(0o700)
    assert 1 == len(house.json("undo", "--all")["undone"])
    assert house.dropped == harness.snapshot(house.inbox)


@pytest.mark.long
def test_a_journal_locked_by_another_process_refuses_writers_and_lets_readers_read(house: House) -> None:
    file_one_of_two(house)
    other = sqlite3.connect(house.journal, isolation_level=None)
    try:
        other.execute("BEGIN EXCLUSIVE")
        house.refused("locked", [("sort", "{inbox}"), ("undo", "--all"), ("release", "--all")])
        assert 1 == len(house.items())
        waiting = house.begin(("undo", "--all", "--json"))
        time.sleep(2)
        assert waiting.poll() is None, "it waits for a while before it gives up"
        other.execute("COMMIT")
    finally:
        other.close()
    said, errors = waiting.communicate(timeout=60)
    assert 0 == waiting.returncode, errors
    assert ["a.mp4"] == [Path(item["source"]).name for item in json.loads(said)["undone"]]
    assert house.dropped == harness.snapshot(house.inbox)


@pytest.mark.long
def test_the_disk_of_the_state_folder_fills(house: House) -> None:
    """Full before the first journal, full for every command, full under a running daemon."""
    with troubles.small_disk(house.state, "3m"):
        troubles.make_clip(house.inbox / "a.mp4", number=1)
        filling = troubles.fill(house.state)
        house.refused("Free some space", [("sort", "{inbox}"), ("run",), ("run", "--once")])
        filling.unlink()
        file_one_of_two(house)
        filling = troubles.fill(house.state)
        house.refused("Free some space", [("sort", "{inbox}"), ("undo", "--all"), ("history",), ("run",)])
        filling.unlink()

        (house.inbox / "b.mp4").rename(house.folder / "b.mp4")
        house.start()
        assert house.daemon is not None
        house.wait(lambda: bool(troubles.status(house)["model"].get("device")), what="the model is loaded")
        filling = troubles.fill(house.state)
        (house.folder / "b.mp4").rename(house.inbox / "b.mp4")
        assert 1 == house.daemon.wait(60)
        house.daemon = None
        assert str(house.journal) in house.log()
        assert "Traceback" not in house.log()
        assert house.dropped["b.mp4"] == harness.snapshot(house.inbox)["b.mp4"]
        filling.unlink()
        house.goes_on()
