"""A home with a journal to damage, and what its commands answer: the same as before, or what is wrong where."""

from __future__ import annotations

import json
import os
import random
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support import harness
from vsortd.config.place_options import Place
from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.filing.journal import Journal
from vsortd.filing.place import Filer
from vsortd.filing.placement import FilingRequest
from vsortd.filing.undo import Selection, undo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COMMANDS = (
    ("history", "--json"),
    ("history", "--json", "--tag", "sea"),
    ("status", "--json"),
    ("undo", "--all", "--dry-run", "--json"),
)
PLACE = Place()


@dataclass
class DamagedHome:
    """A journal with its log, as a process that was killed left them; `old` is the file as it was some time before."""

    home: harness.Home
    sound: Path
    old: bytes = b""
    told: dict[tuple[str, ...], str] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path) -> DamagedHome:
        """File, undo, refuse: every table has rows, some in the file, some in the log only."""
        home = harness.Here.make(folder / "home")
        state = home.folder / "state"
        one = cls(home, folder / "sound")
        with Journal.open(state / "journal.sqlite3") as journal:
            filer = Filer(journal, home.library, PLACE)
            for number in range(24):
                _file(home, filer, number)
            undo(journal, Selection(last=2))
        one.old = (state / "journal.sqlite3").read_bytes()
        with Journal.open(state / "journal.sqlite3") as journal:
            filer = Filer(journal, home.library, PLACE)
            undo(journal, Selection(last=2))
            for number in range(24, 30):
                _file(home, filer, number)
            for number in range(30, 33):
                video = _drop(home, number)
                filer.record(video, _identity(video), ItemState.FAILED, "no frame can be decoded")
            filer.begin_work(_drop(home, 33), _identity(home.inbox / "33.mp4"))
            shutil.copytree(state, one.sound)
        one.put()
        one.told = {words: one.ask(words) for words in COMMANDS}
        assert all(answer.startswith("0 ") for answer in one.told.values()), one.told
        return one

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.home.folder / "state"

    def put(self, damage: Callable[[Path], object] = lambda _: None) -> None:
        """Put the sound journal into the state folder, and damage it."""
        shutil.rmtree(self.state)
        shutil.copytree(self.sound, self.state)
        damage(self.state)

    def ask(self, words: tuple[str, ...]) -> str:
        """Run a command and return its exit code with all it says; times of now are left out."""
        done = self.home.run(*words, code=None)
        if done.returncode == 0:
            return f"0 {json.dumps(json.loads(done.stdout), sort_keys=True)}"
        return f"{done.returncode} {done.stdout}{done.stderr}"

    def judge(self, damage: Callable[[Path], object]) -> dict[tuple[str, ...], str]:
        """Ask every command of a damaged journal; return "same", "refused" or what is wrong with the answer."""
        found: dict[tuple[str, ...], str] = {}
        for words in COMMANDS:
            self.put(damage)
            found[words] = self._judged(words)
        return found

    def _judged(self, words: tuple[str, ...]) -> str:
        try:
            answer = self.ask(words)
        except BaseException as error:  # noqa: BLE001 - a traceback, for people
            return f"a traceback: {error!r}"
        if answer == self.told[words]:
            return "same"
        lines = answer.strip().splitlines()
        if answer.startswith("1 ") and str(self.state / "journal.sqlite3") in lines[0] and lines[-1].startswith("  "):
            return "refused"
        return f"another answer: {answer[:2000]}"


def flips(one: DamagedHome, count: int, seed: int) -> list[tuple[str, int]]:
    """Choose bits of the journal's files: most in the file itself and its log."""
    rng = random.Random(seed)  # noqa: S311 - chance that can be repeated
    names = rng.choices(["", "-wal", "-shm", "-last"], [70, 24, 3, 3], k=count)
    sizes = {name: (one.sound / f"journal.sqlite3{name}").stat().st_size for name in set(names)}
    return [(name, rng.randrange(sizes[name] * 8)) for name in names]


def flip(path: Path, bit: int) -> None:
    """Turn one bit of a file over."""
    with path.open("r+b") as file:
        file.seek(bit // 8)
        (byte,) = file.read(1)
        file.seek(bit // 8)
        file.write(bytes([byte ^ (1 << bit % 8)]))


def _drop(home: harness.Home, number: int) -> Path:
    path = home.inbox / f"{number}.mp4"
    path.write_bytes(b"film %d" % number * 9)
    return path


def _identity(path: Path) -> Identity:
    found = Identity.of(path)
    assert found is not None
    return found


def _file(home: harness.Home, filer: Filer, number: int) -> None:
    video = _drop(home, number)
    os.utime(video, ns=(1_700_000_000_000_000_000 + number, 1_700_000_000_000_000_000 + number))
    detail: dict[str, object] = {
        "tags": ["sea"] if number % 3 else [],
        "levels": [{"parent": "", "scores": {"a": 0.5}}],
    }
    request = FilingRequest(
        source=video,
        identity=_identity(video),
        folder=("kept", f"{number % 3}"),
        reason="looks like it",
        rule=f"kept/{number % 3}",
        score=0.75,
        margin=0.25,
        detail=detail,
        batch=f"batch {number // 4}",
        outcome=ItemState.REVIEW if number % 5 == 0 else ItemState.FILED,
    )
    filer.place(request)
