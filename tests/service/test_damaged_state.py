"""Every file of the state folder damaged in turn, before and during a run.

Filing goes on, or the message names the file and the remedy: what can be made again is made again, what can't stops the
program. Nothing is ever lost. `VSORTD_TEST_STEP=1` damages each at each place; see `.ci/task long`.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support import harness, troubles
from tests.support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="modes, mounts and signals"),
    pytest.mark.timeout(900),
    pytest.mark.slow,
]
PLACES = ("header", "middle", "end")
NOISE = bytes((7 * number * number + 13) % 256 for number in range(200))
# What nothing can make again; and what a person wanted, which is asked for anew rather than guessed.
STOPS = {
    "journal.sqlite3": "vsortd doctor --repair",
    "examples.db": "Restore it from a backup",
    "calibration.json": "Move the file away",
}
STEP = int(os.environ.get("VSORTD_TEST_STEP", "23"))


class State(harness.Home):
    """A home whose state folder is put back for each damage."""

    sound: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def files(self) -> list[str]:
        """Return every file of the state folder, by its name there."""
        found = [path for path in self.sound.rglob("*") if path.is_file() and path.stat().st_size]
        return sorted(path.relative_to(self.sound).as_posix() for path in found)

    def put(self) -> None:
        shutil.rmtree(self.state, ignore_errors=True)
        shutil.copytree(self.sound, self.state)
        shutil.rmtree(self.library)
        shutil.rmtree(self.inbox)
        shutil.copytree(self.folder / "library", self.library)
        self.inbox.mkdir()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> State:
    """File something and end by a kill, so that logs of SQLite lie there, too; every kind of file is there."""
    folder = tmp_path_factory.mktemp("town") / "home"
    made = State.make(folder, more=troubles.QUICK, rules=troubles.ONE_RULE)
    one = State(folder)
    one.sound = folder / "sound"
    one.start()
    daemon = one.daemon
    assert daemon is not None
    try:
        troubles.make_clip(one.inbox / "first.mp4", number=1)
        one.wait(lambda: ["filed"] == [item["state"] for item in one.items()], what="it is filed")
        one.run("pause", "--for", "1s")
        one.run("teach", "kept", one.library / "kept" / "first.mp4", code=None)
    finally:
        daemon.kill()
        daemon.wait()
        one.daemon = None
    (one.state / "calibration.json").write_text('{"schema_version": 1, "models": {}}')
    time.sleep(1)  # the pause is over
    for path in one.state.rglob("*"):
        if path.is_socket():
            path.unlink()
    shutil.copytree(one.state, one.sound)
    shutil.copytree(one.library, folder / "library")
    assert made.config.exists()
    return one


@pytest.fixture
def one(town: State) -> Iterator[State]:
    yield town
    if town.daemon is not None:
        town.daemon.kill()
        town.daemon.wait()
        town.daemon = None


def damage(path: Path, place: str) -> bool:
    """Write over a part of a file; tell whether it is there."""
    if not path.is_file() or not (size := path.stat().st_size):
        return False
    noise = NOISE[: max(1, size // 3)]
    begin = {"header": 0, "middle": max(0, size // 2 - len(noise) // 2), "end": size - len(noise)}[place]
    with path.open("r+b") as file:
        file.seek(begin)
        file.write(noise)
    return True


def judge(one: State, name: str, where: str, said: str, *, filed: bool, code: int | None) -> str:
    """Say what came of it: filed, or stopped with the file and the remedy; else the test fails."""
    assert "Traceback" not in said, f"{where}\n{said[-3000:]}"
    if filed:
        return "filed"
    assert code == 1, f"{where}: exit {code}\n{said[-3000:]}"
    told = [wanted for file, wanted in STOPS.items() if name.startswith(file)]
    assert told, f"{where}: it can be made again, and stopped\n{said[-3000:]}"
    assert str(one.state / name.removesuffix("-wal").removesuffix("-shm").removesuffix("-last")) in said, where
    assert any(wanted in said for wanted in told), f"{where}\n{said[-3000:]}"
    assert any(path.name == "second.mp4" for path in one.inbox.iterdir()), f"{where}: the video stays"
    return "stopped"


@pytest.mark.long
def test_every_file_damaged_before_a_run(one: State) -> None:
    came: dict[str, str] = {}
    every = [(name, place) for name in one.files() for place in PLACES]
    for name, place in every[::STEP]:
        one.put()
        if damage(one.state / name, place):
            troubles.make_clip(one.inbox / "second.mp4", number=2)
            done = one.run("run", "--once", code=None)
            filed = (one.library / "kept" / "second.mp4").exists()
            if name == "pause.json" and not filed:  # somebody may have wanted a pause: it says so, and how to end it
                assert "vsortd resume" in done.stderr
                one.run("resume")
                done = one.run("run", "--once", code=None)
                filed = (one.library / "kept" / "second.mp4").exists()
            where = f"{name}, {place}"
            came[where] = judge(one, name, where, done.stderr, filed=filed, code=done.returncode)
    print(came)  # noqa: T201 - what came of each
    assert {"filed", "stopped"} == set(came.values())
    assert all(what == "filed" for where, what in came.items() if where.startswith(("index", "texts", "logs")))


@pytest.mark.long
def test_every_file_damaged_during_a_run(one: State) -> None:
    came: dict[str, str] = {}
    for name in one.files()[:: max(1, STEP // 2)]:
        one.put()
        (one.folder / "daemon.log").unlink(missing_ok=True)
        one.start()
        daemon = one.daemon
        assert daemon is not None
        for place in PLACES:
            damage(one.state / name, place)
        troubles.make_clip(one.folder / "second.mp4", number=2)
        (one.folder / "second.mp4").rename(one.inbox / "second.mp4")
        deadline = time.monotonic() + PATIENCE_S
        filed = False
        while daemon.poll() is None and not filed and time.monotonic() < deadline:
            filed = (one.library / "kept" / "second.mp4").exists()
            time.sleep(0.05)
        code = daemon.poll()
        if code is None:
            code = one.stop()
        one.daemon = None
        came[name] = judge(one, name, f"{name}, during a run", one.log(), filed=filed, code=code)
    print(came)  # noqa: T201 - what came of each
    assert all(what == "filed" for name, what in came.items() if name.startswith(("index", "texts", "logs")))
