"""A bench for filing tests: an inbox, a library, a journal; and the invariant that must hold whatever happens."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.disks import DISKS, btrfs
from tests.support.sidecars import THEIRS
from vsortd.config.place_options import Place
from vsortd.core.identity import Identity
from vsortd.core.outcomes import UNDOABLE, ConversionKind, ItemState
from vsortd.filing.journal import Journal
from vsortd.filing.passed_time import Moment, note_time
from vsortd.filing.place import Filer
from vsortd.filing.placement import ConvertedFile, FilingRequest
from vsortd.filing.records import OperationState
from vsortd.filing.recover import RecoveryReport, recover
from vsortd.filing.xmp import XmpMarks, amended, new_sidecar

if TYPE_CHECKING:
    from collections.abc import Iterator

# What requests of the bench say of a video.
MARKS = XmpMarks("forest/night", (), 0.0)
LATER_MARKS = XmpMarks("sea", (), 0.0)  # of a video that is moved within the library
_EVERYTHING = ("SELECT * FROM item", "SELECT * FROM operation", "SELECT * FROM hold")
MTIME_NS = 1_700_000_000_123_456_789


@dataclass
class Bench:
    """Folders and what was dropped into them; every content is unique, so a file is known by its bytes."""

    inbox: Path
    library: Path
    state: Path
    on_duplicate: Any = "keep_both"
    template: str = "{stem}"
    how: str = "move"
    xmp: bool = False
    contents: dict[bytes, Path] = field(default_factory=dict)  # what people dropped, and where
    derived: set[bytes] = field(default_factory=set)  # what was made of it; may come and go
    theirs: set[bytes] = field(default_factory=set)  # what others put there; none of vsortd's business
    resolution_ns: int = 1  # of the times that the disks hold
    replaced: set[bytes] = field(default_factory=set)  # what people themselves removed or wrote over

    def __post_init__(self) -> None:
        for folder in (self.inbox, self.library.parent):
            folder.mkdir(parents=True, exist_ok=True)

    def journal(self, **options: Any) -> Journal:
        return Journal.open(self.state / "journal.sqlite3", **options)

    @contextmanager
    def filer(self) -> Iterator[tuple[Filer, Journal]]:
        with self.journal() as journal:
            filer = Filer(journal, self.library, self.place())
            try:
                yield filer, journal
            finally:
                filer.close()

    def place(self) -> Place:
        told = {"name": self.template, "on_duplicate": self.on_duplicate, "how": self.how, "xmp": self.xmp}
        return Place.model_validate(told)

    def let_pass(self, journal: Journal, seconds: float) -> None:
        """Let time certainly pass, on a machine that runs."""
        for boot_ms in (0, int(seconds * 1000)):
            note_time(journal.db, Moment(int(time.time() * 1000), "a boot", boot_ms))

    def drop(self, name: str, data: bytes | None = None, mtime_ns: int = MTIME_NS) -> Path:
        """Put a file into the inbox; by default its content is its own name."""
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = b"film " + os.fsencode(name) if data is None else data
        path.write_bytes(data)
        os.utime(path, ns=(mtime_ns, mtime_ns))
        self.contents[data] = path
        return path

    def request(self, source: Path, *sidecars: Path, **more: Any) -> FilingRequest:
        identity = Identity.of(source)
        assert identity is not None
        values: dict[str, Any] = {"folder": ("forest", "night"), "rule": "forest/night", "reason": "looks like it"}
        return FilingRequest(source=source, identity=identity, sidecars=sidecars, **{**values, **more})

    def aside_request(self, source: Path, *sidecars: Path) -> FilingRequest:
        """Ask for a video to be set aside, from wherever it lies."""
        options = {"folder": (), "outcome": ItemState.ASIDE, "stem": source.stem, "place": Place()}
        return self.request(source, *sidecars, **options)

    def drop_marked(self, name: str) -> None:
        """Put a video into the inbox with a sidecar that is to be amended; others get one made from now on."""
        self.xmp = True
        self.drop(name)
        self.drop(f"{name}.xmp", THEIRS)
        first = amended(THEIRS, MARKS)
        assert first is not None
        self.derived |= {
            found for found in (first, new_sidecar(MARKS), amended(first, LATER_MARKS)) if found is not None
        }

    def stage(self, filer: Filer, source: Path) -> ConvertedFile:
        """Make what a conversion would make."""
        path = filer.staging_path(source)
        data = b"mp4 of " + source.read_bytes()
        path.write_bytes(data)
        self.derived.add(data)
        return ConvertedFile(path=path, kind=ConversionKind.REMUX)

    def recover(self) -> RecoveryReport:
        with self.journal() as journal:
            return recover(journal, self.library)

    def files(self) -> dict[Path, bytes]:
        """Return every file in inbox and library with its bytes, vsortd's own folder included."""
        found = {}
        for root in (self.inbox, self.library):
            for folder, _, names in os.walk(root):
                for name in names:
                    path = Path(folder, name)
                    found[path] = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
        return found

    def tree(self, root: Path) -> dict[str, bytes]:
        """Return the visible files below a folder, by their relative path."""
        return {
            str(path.relative_to(root)): data
            for path, data in self.files().items()
            if path.is_relative_to(root) and ".vsortd" not in path.parts
        }

    def dump(self) -> list[Any]:
        """Return everything the journal says about items, operations and holds."""
        with self.journal() as journal, journal.db.read() as db:
            return [db.execute(sql).fetchall() for sql in _EVERYTHING]

    def check(self) -> None:
        """Check the invariant; see each assertion."""
        files = self.files()
        temps = [path for path in files if path.name.startswith(".vsortd-") or "staging" in path.parts]
        assert not temps, f"temporary files left: {temps}"
        known = self._known_names()
        for data, dropped in self.contents.items():
            places = [path for path, found in files.items() if found == data]
            wanted = 0 if data in self.replaced and not places else 1
            if self.how == "move":
                assert wanted == len(places), f"{data!r} lies at {places}"
            else:  # one that stays, and at most one that was made of it
                inside = [path for path in places if path.is_relative_to(self.library)]
                assert len(inside) <= 1, f"{data!r} lies at {places}"
                gone = data in self.replaced and inside
                assert len(places) - len(inside) == wanted or gone, f"{data!r} lies at {places}"
            for path in places:
                assert path == dropped or path in known, f"{path} is under a name that the journal doesn't know"
                assert MTIME_NS - path.stat().st_mtime_ns < self.resolution_ns, f"{path} lost its time"
        strangers = {data for data in files.values() if data not in self.contents} - self.derived - self.theirs
        assert not strangers, f"files with other bytes: {strangers}"
        for data in self.derived:
            places = [path for path, found in files.items() if found == data]
            assert len(places) <= 1, f"{data!r} lies at {places}"
            assert all(path in known for path in places), f"{places} unknown to the journal"

    def _known_names(self) -> set[Path]:
        """Return the names that the journal vouches for; what it says must be true of the files."""
        names = set()
        with self.journal() as journal:
            with journal.db.read() as db:
                unfinished = db.execute("SELECT id, state FROM item WHERE owner IS NOT NULL").fetchall()
                standing = {number for (number,) in db.execute("SELECT id FROM item WHERE standing")}
            assert not unfinished, f"unfinished: {unfinished}"
            items = journal.history()
            onward = {item.source for item in items if item.item_state is ItemState.ASIDE}
            for item in items:
                for one in journal.operations(item.id):
                    assert one.state is not OperationState.INTENT
                    done = one.state is OperationState.DONE and one.destination is not None
                    if done and (item.item_state is ItemState.UNDONE) == (one.phase == "undo"):
                        names.add(one.destination)
                    elif one.phase == "undo" and one.state is OperationState.ROLLED_BACK:
                        names.add(one.source)  # could not be taken back; the item's reason says so
                if item.item_state in UNDOABLE and item.destination not in onward:
                    assert item.destination is not None
                    assert item.destination in names
                    there = item.destination.exists() or item.id not in standing  # or it went on from there
                    assert there, f"{item.destination} is {item.state}, says the journal"
        return {name for name in names if name is not None}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Inbox and library on one filesystem."""
    return Bench(tmp_path / "in", tmp_path / "library", tmp_path / "state")


@pytest.fixture(scope="session")
def second_filesystem(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make a folder on another filesystem than the temporary one: shared memory, else a mounted tmpfs."""
    here = tmp_path_factory.mktemp("second")
    shared = Path("/dev/shm")  # noqa: S108 - the point is that it is another filesystem
    if shared.is_dir() and os.access(shared, os.W_OK) and shared.stat().st_dev != here.stat().st_dev:
        folder = shared / f"vsortd-test-{uuid.uuid4().hex}"
        folder.mkdir()
        yield folder
        shutil.rmtree(folder)
        return
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("no second filesystem: /dev/shm is none, and only root may mount a tmpfs")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", here], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no second filesystem: mount says {mounted.stderr.decode()}")
    yield here
    subprocess.run(["umount", here], check=True)


@pytest.fixture(scope="session")
def quick_filesystem(second_filesystem: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make a folder on a third filesystem: another tmpfs where one can be mounted (for thousands of kills)."""
    here = tmp_path_factory.mktemp("quick")
    command = ["mount", "-t", "tmpfs", "tmpfs", here]
    may = sys.platform == "linux" and os.getuid() == 0
    mounted = may and subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert here.stat().st_dev != second_filesystem.stat().st_dev
    yield here
    if mounted:
        subprocess.run(["umount", here], check=True)


@pytest.fixture(scope="session")
def sharing_filesystem(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder on a filesystem whose files can share their blocks."""
    folder = tmp_path_factory.mktemp("sharing") / "disk"
    with btrfs(folder):
        yield folder


@pytest.fixture
def two_filesystems(tmp_path: Path, second_filesystem: Path) -> Bench:
    """Put the inbox on one filesystem, the library on another."""
    return Bench(tmp_path / "in", second_filesystem / uuid.uuid4().hex / "library", tmp_path / "state")


@pytest.fixture(params=["one filesystem", "two filesystems"])
def either(request: pytest.FixtureRequest) -> Bench:
    """Inbox and library on one filesystem, then on two."""
    chosen: Bench = request.getfixturevalue("bench" if request.param == "one filesystem" else "two_filesystems")
    return chosen


@pytest.fixture
def make_bench() -> type[Bench]:
    """Return the class, for tests that need many."""
    return Bench


@pytest.fixture(params=DISKS)
def disk(request: pytest.FixtureRequest, tmp_path: Path, bench: Bench) -> Iterator[Path]:
    """Return a folder on a disk that refuses names, can't rename without replacing, and tells times to two seconds."""
    bench.resolution_ns = 2_000_000_000
    with DISKS[request.param](tmp_path / "disk"):
        yield tmp_path / "disk"
