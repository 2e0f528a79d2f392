"""What the soak drops, and how it finds out afterwards where all of it is: its ledger, its eyes, and the journal."""

from __future__ import annotations

import collections
import contextlib
import hashlib
import os
import random
import shutil
import sqlite3
import tempfile
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.paths import MEDIA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.harness import Home

LARGEST_BYTES = 700_000  # of a clip: the soak is about filing, not about decoding
BACKLOG = 8  # so many videos wait in the inbox at most


class LostError(AssertionError):
    """Something that must hold did not; the message says what."""


def check(truth: object, what: str) -> None:
    """Raise LostError unless it is true."""
    if not truth:
        raise LostError(what)


# What is dropped


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file that a person put into the inbox."""

    path: Path
    sha256: str
    size_bytes: int
    mtime_ns: int
    video: bool = True


@dataclass
class Ledger:
    """Everything dropped so far. Whoever holds `lock` sees no drop half done."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    dropped: list[Dropped] = field(default_factory=list)
    by_sha256: dict[str, list[Dropped]] = field(default_factory=lambda: collections.defaultdict(list))
    by_path: dict[Path, Dropped] = field(default_factory=dict)
    sizes: set[int] = field(default_factory=set)
    parked: set[Path] = field(default_factory=set)  # in the inbox to stay: refused, held, set aside

    def add(self, one: Dropped) -> None:
        """Note a file, under the lock."""
        self.dropped.append(one)
        self.by_sha256[one.sha256].append(one)
        self.by_path[one.path] = one
        self.sizes.add(one.size_bytes)


def templates(folder: Path) -> list[tuple[str, bytes]]:
    """Return clips as (suffix, bytes): real ones from beside the checkout, else small rendered ones."""
    found = []
    for name, share in (("clips", 3), ("bad", 1)):  # a bad clip comes less often than a good one
        for path in sorted((MEDIA / name).glob("*.m*")):
            if path.stat().st_size <= LARGEST_BYTES:
                found += [(path.suffix, path.read_bytes())] * share
    if not found:
        from tests.support.shots import DEMO_SHOTS, render_shot

        for number, shot in enumerate(DEMO_SHOTS[:5]):
            for suffix in (".mp4", ".mov"):
                path = render_shot(shot, folder / f"{number}{suffix}", seed=number)
                found.append((suffix, path.read_bytes()))
        found.append((".mp4", found[0][1][: len(found[0][1]) // 2]))
    movs = [one for one in found if one[0] == ".mov"]
    return found + movs  # conversions are where most can go wrong


def free_box(serial: int) -> bytes:
    """Return an MP4 box that players skip: it makes a clip's bytes unlike all others."""
    payload = f"soak {serial:08d}".encode()
    return (8 + len(payload)).to_bytes(4, "big") + b"free" + payload


class Dropper(threading.Thread):
    """A person who keeps dropping files: slowly, by rename or by hard link; with sidecars, twins, and equal names."""

    def __init__(self, home: Home, ledger: Ledger, clips: list[tuple[str, bytes]], seed: int) -> None:
        super().__init__(name="dropper", daemon=True)
        self.counts: Counter[str] = Counter()
        self.trouble: BaseException | None = None
        self._inbox, self._outside = home.inbox, home.folder / "outside"
        self._outside.mkdir()
        self._ledger, self._clips, self._dice = ledger, clips, random.Random(seed)  # noqa: S311 - dice
        self._videos: list[tuple[str, bytes]] = []
        self._ending = threading.Event()

    def run(self) -> None:
        """Drop until told to stop."""
        try:
            while not self._ending.wait(self._dice.uniform(0.02, 0.4)):
                if self._waiting() < BACKLOG:
                    self._drop()
        except BaseException as error:  # noqa: BLE001 - told by the soak
            self.trouble = error

    def stop(self) -> None:
        """End after the file in hand, and raise what went wrong."""
        self._ending.set()
        self.join()
        if self.trouble is not None:
            raise self.trouble

    def _waiting(self) -> int:
        found = [path for path in walk(self._inbox) if path.suffix.lower() in {".mp4", ".mov"}]
        return len(set(found) - self._ledger.parked)

    def _drop(self) -> None:
        dice, serial = self._dice, len(self._ledger.dropped)
        if self._videos and dice.random() < 0.06:
            suffix, data = dice.choice(self._videos[-40:])
            self.counts["duplicates"] += 1
        else:
            suffix, data = dice.choice(self._clips)
            data += free_box(serial)
            self._videos.append((suffix, data))
        stem = dice.choice((f"film {serial}", f"Grüße & mehr {serial}", f"IMG_{serial:04d}", "clip"))
        folder = self._inbox / f"card {serial}" if stem == "clip" or dice.random() < 0.1 else self._inbox
        folder.mkdir(exist_ok=True)
        suffix = suffix.upper() if dice.random() < 0.2 else suffix
        if dice.random() < 0.2:
            for flag in dice.sample((".srt", ".en.srt", ".xmp"), k=dice.randint(1, 2)):
                self._by_rename(folder / (stem + flag), f"sidecar {flag} of {serial}\n".encode(), video=False)
                self.counts["sidecars"] += 1
        dice.choice((self._slowly, self._by_rename, self._by_link))(folder / (stem + suffix), data)
        self.counts["dropped"] += 1

    def _slowly(self, path: Path, data: bytes) -> None:
        """Copy in small writes, the file open all the while."""
        pieces = self._dice.randint(2, 12)
        step = len(data) // pieces + 1
        with path.open("wb", buffering=0) as file:
            for start in range(0, len(data), step):
                rest = memoryview(data)[start : start + step]
                if start + step < len(data):
                    file.write(rest)
                    time.sleep(self._dice.uniform(0.002, 0.05))
                    continue
                with self._ledger.lock:
                    file.write(rest)
                    os.utime(file.fileno(), ns=(self._time_ns(), self._time_ns()))
                    self._note(path, os.fstat(file.fileno()).st_mtime_ns, data, video=True)

    def _by_rename(self, path: Path, data: bytes, *, video: bool = True) -> None:
        outside = self._make(data)
        with self._ledger.lock:
            self._note(path, outside.stat().st_mtime_ns, data, video=video)
            outside.rename(path)

    def _by_link(self, path: Path, data: bytes) -> None:
        outside = self._make(data)
        with self._ledger.lock:
            self._note(path, outside.stat().st_mtime_ns, data, video=True)
            path.hardlink_to(outside)
            outside.unlink()

    def _make(self, data: bytes) -> Path:
        path = self._outside / uuid.uuid4().hex
        path.write_bytes(data)
        os.utime(path, ns=(self._time_ns(), self._time_ns()))
        return path

    def _time_ns(self) -> int:
        return self._dice.randrange(1_400_000_000_000_000_000, 1_700_000_000_000_000_000)

    def _note(self, path: Path, mtime_ns: int, data: bytes, *, video: bool) -> None:
        self._ledger.add(Dropped(path, hashlib.sha256(data).hexdigest(), len(data), mtime_ns, video))


# What is there


def walk(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder, hidden ones included; folders may come and go meanwhile."""
    for parent, _, names in os.walk(folder):
        for name in names:
            yield Path(parent, name)


@dataclass
class Eyes:
    """Finds known contents among files: by size, then SHA-256, remembered by inode, size and time."""

    ledger: Ledger
    _seen: dict[tuple[int, int, int, int], str] = field(default_factory=dict)

    def look(self, *folders: Path, afresh: bool = False) -> dict[Path, tuple[str, int]]:
        """Return every file as path → (SHA-256, or "" for a size that nothing dropped has; mtime in ns)."""
        found = {}
        for path in (path for folder in folders for path in walk(folder)):
            try:
                status = path.lstat()
                key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
                if status.st_size not in self.ledger.sizes and not afresh:
                    digest = ""
                elif afresh or key not in self._seen:
                    with path.open("rb") as file:
                        digest = self._seen[key] = hashlib.file_digest(file, "sha256").hexdigest()
                else:
                    digest = self._seen[key]
            except FileNotFoundError:  # a worker of the dead daemon is just ending
                continue
            found[path] = (digest, status.st_mtime_ns)
        return found


@dataclass
class Books:
    """What the journal of a dead daemon says; read from a copy, so that looking changes nothing."""

    working: int = 0
    unfinished: Counter[str] = field(default_factory=Counter)
    names: set[Path] = field(default_factory=set)  # every name that it knows, final and temporary
    moving: set[Path] = field(default_factory=set)  # those of operations under way
    parked: set[Path] = field(default_factory=set)
    set_aside: list[int] = field(default_factory=list)
    deaths: int = 0  # how many were ever set aside

    @classmethod
    def read(cls, state: Path) -> Books:
        """Copy the journal with its log, and read the copy."""
        books = cls()
        with tempfile.TemporaryDirectory() as folder:
            for path in state.glob("journal.sqlite3*"):
                if not path.name.endswith("-shm"):
                    shutil.copyfile(path, Path(folder, path.name))
            copy = Path(folder, "journal.sqlite3")
            if copy.exists():
                with contextlib.closing(sqlite3.connect(copy)) as db:
                    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'item'").fetchone():
                        books._read(db)
        return books

    def _read(self, db: sqlite3.Connection) -> None:
        check(db.execute("PRAGMA integrity_check").fetchone() == ("ok",), "the journal is damaged")
        (self.working,) = db.execute("SELECT COUNT(*) FROM attempt WHERE owner IS NOT NULL").fetchone()
        self.unfinished.update(state for (state,) in db.execute("SELECT state FROM item WHERE owner IS NOT NULL"))
        for source, destination, mark, busy in db.execute(
            "SELECT o.source, o.destination, o.mark, i.owner IS NOT NULL FROM operation o JOIN item i ON i.id = o.item"
        ):
            ends = [Path(os.fsdecode(blob)) for blob in (source, destination) if blob is not None]
            ends += [end.with_name(f"{mark}{tail}.tmp") for end in ends for tail in ("", ".old", ".new")]
            self.names.update(ends)
            if busy:
                self.moving.update(ends)
        refused = "standing AND state IN ('rejected', 'failed', 'set_aside', 'unclear')"
        parked = f"SELECT source FROM item WHERE {refused} UNION SELECT path FROM hold"  # noqa: S608 - constants
        self.parked = {Path(os.fsdecode(path)) for (path,) in db.execute(parked)}
        aside = db.execute("SELECT id FROM item WHERE standing AND state = 'set_aside'")
        self.set_aside = [number for (number,) in aside]
        (self.deaths,) = db.execute("SELECT COUNT(*) FROM item WHERE state = 'set_aside'").fetchone()
