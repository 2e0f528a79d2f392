"""System calls that really fail, as the kernel answers them: each one of a transaction in turn, by strace.

Other tests fail the effects at the fault points that the program names itself. Here nobody tells it where: a process
does one transaction, strace is attached to it and answers one of its calls (or all from one on) with an error. The
journal's own files are among them. `VSORTD_TEST_STEP=1` takes every combination instead of some.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import traceback
import uuid
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from loguru import logger

from tests.support.harness import Home
from vsortd.config.place_options import Place
from vsortd.core.outcomes import ConversionKind, ItemState
from vsortd.core.system import rename_noreplace
from vsortd.errors import ChangedError, FilingError, StoreError
from vsortd.filing.journal import Journal
from vsortd.filing.originals import expire_originals
from vsortd.filing.place import Filer
from vsortd.filing.placement import ConvertedFile, FilingRequest
from vsortd.filing.records import OperationKind, OperationState, Phase
from vsortd.filing.staying import leaves_source
from vsortd.filing.undo import Selection, undo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's"),
    pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here"),
    pytest.mark.timeout(3600 if os.environ.get("VSORTD_TEST_STEP") else 300),
]
STEP = int(os.environ.get("VSORTD_TEST_STEP", "251"))  # a prime, so that all errors and modes take their turns

# What each call may answer. Calls that a machine doesn't have (arm64 has no `rename`) are asked for all the same.
ERRORS = {
    "rename": ("EIO", "ENOSPC", "EACCES", "EXDEV", "EBUSY"),
    "renameat": ("EIO", "ENOSPC", "EACCES", "EXDEV", "EBUSY"),
    "renameat2": ("EIO", "ENOSPC", "EACCES", "EXDEV", "EBUSY"),
    "link": ("EIO", "ENOSPC", "EACCES", "EXDEV", "EMLINK"),
    "linkat": ("EIO", "ENOSPC", "EACCES", "EXDEV", "EMLINK"),
    "unlink": ("EIO", "ENOSPC", "EACCES", "EBUSY"),
    "unlinkat": ("EIO", "ENOSPC", "EACCES", "EBUSY"),
    "rmdir": ("EIO", "EACCES", "EBUSY"),
    "mkdir": ("EIO", "ENOSPC", "EACCES"),
    "mkdirat": ("EIO", "ENOSPC", "EACCES"),
    "open": ("EIO", "ENOSPC", "EACCES", "EBUSY", "EMFILE"),
    "openat": ("EIO", "ENOSPC", "EACCES", "EBUSY", "EMFILE"),
    "close": ("EIO", "ENOSPC"),
    "read": ("EIO", "EACCES"),
    "pread64": ("EIO", "EACCES"),
    "write": ("EIO", "ENOSPC", "EBUSY"),
    "pwrite64": ("EIO", "ENOSPC", "EBUSY"),
    "copy_file_range": ("EIO", "ENOSPC", "EXDEV"),
    "sendfile": ("EIO", "ENOSPC"),
    "ioctl": ("EIO", "ENOSPC", "EXDEV"),
    "fsync": ("EIO", "ENOSPC", "EACCES"),
    "fdatasync": ("EIO", "ENOSPC", "EACCES"),
    "ftruncate": ("EIO", "ENOSPC", "EACCES"),
    "fallocate": ("EIO", "ENOSPC"),
    "utimensat": ("EIO", "ENOSPC", "EACCES"),
    "fchmod": ("EIO", "EACCES"),
    "fchown": ("EIO", "EACCES"),
    "flistxattr": ("EIO", "EACCES"),
    "stat": ("EIO", "EACCES"),
    "lstat": ("EIO", "EACCES"),
    "fstat": ("EIO", "EACCES"),
    "newfstatat": ("EIO", "EACCES"),
    "statx": ("EIO", "EACCES"),
    "getdents64": ("EIO", "EACCES"),
    "fcntl": ("EIO", "EACCES"),
    "flock": ("EIO", "EACCES"),
    "mmap": ("EACCES", "ENOMEM"),
}
# Once and the process ends with its error; once and the process tries again; for good.
MODES = ("once", "again", "lasting")
# Locks that are refused for good are tried for ten seconds by SQLite: nothing to see in that.
ONLY_ONCE = frozenset({"fcntl"})
BUSY_S = 0.2
ALL = Selection(all=True)


@dataclass(frozen=True)
class Scenario:
    """`before` runs to its end; a call of `act` fails."""

    act: Callable[[Any, Filer, FilingRequest], str]
    before: tuple[Callable[[Any, Filer, FilingRequest], str], ...] = ()
    video: str = "a.mp4"
    apart: bool = False  # inbox and library on two filesystems
    linking: bool = False  # the system has no rename without replace
    fresh: bool = False  # there is no journal yet
    how: str = "move"

    @property
    def undoes(self) -> bool:
        """Whether files come back."""
        return self.act is take_back

    @property
    def converts(self) -> bool:
        """Whether an MP4 is filed in the video's place."""
        return place_converted in (self.act, *self.before)


def place(_bench: Any, filer: Filer, request: FilingRequest) -> str:
    return filer.place(request).state


def place_converted(_bench: Any, filer: Filer, request: FilingRequest) -> str:
    path = filer.staging_path(request.source)
    try:
        path.write_bytes(b"mp4 of film b.mov")
    except OSError as error:  # the converter's business
        raise FilingError(f"The converter failed: {error.strerror}.") from error
    converted = ConvertedFile(path=path, kind=ConversionKind.REMUX)
    try:
        return filer.place(replace(request, converted=converted)).state
    except BaseException:  # as the stage of this name does
        filer.discard(converted)
        raise


def place_marked(bench: Any, filer: Filer, request: FilingRequest) -> str:
    sidecar = bench.inbox / f"{request.source.name}.xmp"
    marked = replace(request, sidecars=(*request.sidecars, sidecar), place=Place(xmp=True))
    return filer.place(marked).state


def put_aside(_bench: Any, filer: Filer, request: FilingRequest) -> str:
    # the file as it was when it was asked for: a second try may find it gone
    asked = replace(request, folder=(), outcome=ItemState.ASIDE, stem=request.source.stem, place=Place())
    return filer.place(asked, by_hand=lambda _: None).state


def take_back(_bench: Any, filer: Filer, _request: FilingRequest) -> str:
    report = undo(filer._journal, ALL)
    if report.refused:
        raise FilingError(report.refused[0][1])
    return "undone" if report.undone else "nothing to undo"


def expire(bench: Any, filer: Filer, _request: FilingRequest) -> str:
    bench.let_pass(filer._journal, 2.0)
    return " ".join(expire_originals(filer._journal, bench.library, 1.0, now_s=4e9))


SCENARIOS = {
    "place": Scenario(place),
    "place, the first of all": Scenario(place, fresh=True),
    "place, across filesystems": Scenario(place, apart=True),
    "place, by link and unlink": Scenario(place, linking=True),
    "place converted": Scenario(place_converted, video="b.mov"),
    "place converted, across filesystems": Scenario(place_converted, video="b.mov", apart=True),
    "place with a sidecar to amend": Scenario(place_marked),
    "place with a sidecar to amend, across filesystems": Scenario(place_marked, apart=True),
    "undo": Scenario(take_back, (place,)),
    "undo of an amended sidecar": Scenario(take_back, (place_marked,)),
    "undo, across filesystems": Scenario(take_back, (place,), apart=True),
    "undo, by link and unlink": Scenario(take_back, (place,), linking=True),
    "undo of a conversion": Scenario(take_back, (place_converted,), video="b.mov"),
    "undo of a conversion, across filesystems": Scenario(take_back, (place_converted,), video="b.mov", apart=True),
    "set aside": Scenario(put_aside),
    "set aside, across filesystems": Scenario(put_aside, apart=True),
    "undo of what was set aside": Scenario(take_back, (put_aside,)),
    "copy": Scenario(place, how="copy"),
    "copy, converted": Scenario(place_converted, video="b.mov", how="copy"),
    "hard link": Scenario(place, how="hardlink"),
    "hard link, refused across filesystems": Scenario(place, apart=True, how="hardlink"),
    "shared blocks, refused": Scenario(place, how="reflink"),
    "undo of a copy": Scenario(take_back, (place,), how="copy"),
    "undo of a hard link": Scenario(take_back, (place,), how="hardlink"),
    "undo of a conversion whose source stayed": Scenario(take_back, (place_converted,), video="b.mov", how="copy"),
    "undo of a conversion after its original's time": Scenario(take_back, (place_converted, expire), video="b.mov"),
}


# The process under strace


@dataclass(frozen=True)
class Told:
    """What a process said at its end: the result of each try, and its error if it had one."""

    results: tuple[tuple[str, str], ...]  # (state or name of the error, message)
    crash: str
    printed: str
    log: str

    @property
    def succeeded(self) -> bool:
        """Whether the last try did what was to be done."""
        return bool(self.results) and not self.results[-1][1]


def transact(bench: Any, scenario: Scenario, request: FilingRequest, tries: int) -> Iterator[tuple[str, str]]:
    """Do the transaction, and what the daemon does when the filesystem refuses: try again."""
    if scenario.linking:
        rename_noreplace._call = lambda: None  # in a forked process of its own
    try:
        with Journal.open(bench.state / "journal.sqlite3", busy_s=BUSY_S) as journal:
            filer = Filer(journal, bench.library, bench.place())
            try:
                for _ in range(tries):
                    try:
                        yield scenario.act(bench, filer, request), ""
                        break
                    except (FilingError, ChangedError) as error:
                        yield type(error).__name__, str(error)
            finally:
                filer.close()
    except StoreError as error:
        yield "StoreError", str(error)


def _child(act: Callable[[], Iterator[tuple[str, str]]], channel: socket.socket, printed: int) -> None:
    """Wait until somebody traces this process, act, and say what came of it: by calls that no test makes fail."""
    logger.remove()  # under `pytest -s` it writes to the true stderr, where nothing of ours may stand
    os.dup2(printed, 2)
    # where only a parent may trace (Yama), allow it to everybody
    ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)
    told: dict[str, Any] = {"results": [], "crash": ""}
    channel.sendall(b"ready")
    channel.recv(1)
    try:
        told["results"] += act()
    except BaseException:  # noqa: BLE001 - told
        told["crash"] = traceback.format_exc()
    channel.sendall(json.dumps(told).encode() + b"\n")


def traced(act: Callable[[], Iterator[tuple[str, str]]], folder: Path, *options: str) -> Told:
    """Run `act` in a process of its own under strace."""
    log, printed = folder / "strace.log", folder / "printed"
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        try:
            ours.close()
            _child(act, theirs, os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
        finally:
            os._exit(0)
    theirs.close()
    ours.settimeout(60)
    assert b"ready" == ours.recv(5)  # else strace would count calls of the preparations
    command = ["strace", "-y", "-s0", "-o", log, *options, "-p", str(child)]
    with ours, subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        try:
            assert strace.stderr is not None
            first = strace.stderr.readline()
            if "attached" not in first:
                pytest.skip(f"strace can't trace here: {first}")
            ours.sendall(b"x")
            with ours.makefile() as answer:
                told = json.loads(answer.readline() or '{"results": [], "crash": "died"}')
        finally:
            os.kill(child, signal.SIGKILL)  # it has nothing left to do
            os.waitpid(child, 0)
            strace.communicate(timeout=30)
    results = tuple((state, message) for state, message in told["results"])
    return Told(results, told["crash"], printed.read_text(), log.read_text())


# The arena


class Arena:
    """Makes a fresh bench for each combination, in memory where it can."""

    def __init__(self, make_bench: type, near: Path, far: Path, tmp_path: Path) -> None:
        self._make, self._near, self._far, self.folder = make_bench, near, far, tmp_path

    def bench(self, scenario: Scenario) -> tuple[Any, FilingRequest]:
        name = uuid.uuid4().hex
        near = self._near / name
        inbox = (self._far if scenario.apart else self._near) / name / "in"
        bench = self._make(inbox, near / "library", near / "state", how=scenario.how)
        stem = Path(scenario.video).stem
        for dropped in (scenario.video, f"{stem}.srt", f"{stem}.en.srt"):
            bench.drop(dropped)
        if place_marked in (scenario.act, *scenario.before):
            bench.drop_marked(scenario.video)
        bench.derived.add(b"mp4 of film b.mov")
        if expire in scenario.before:
            bench.replaced.add(b"film b.mov")
        sidecars = (bench.inbox / f"{stem}.srt", bench.inbox / f"{stem}.en.srt")
        request = bench.request(bench.inbox / scenario.video, *sidecars)
        if not scenario.fresh:
            with bench.filer() as (filer, _):
                for step in scenario.before:
                    step(bench, filer, request)
        return bench, request

    def forget(self, bench: Any) -> None:
        for folder in {bench.inbox.parent, bench.library.parent}:
            shutil.rmtree(folder)

    def calls(self, scenario: Scenario) -> list[tuple[str, int]]:
        """Return the calls of a transaction that touch its files, each with its number among those of its name."""
        bench, request = self.bench(scenario)
        wanted = "trace=" + ",".join(f"?{name}" for name in ERRORS)
        told = traced(lambda: transact(bench, scenario, request, 1), self.folder, "-e", wanted)
        assert told.succeeded, told
        roots = (str(bench.inbox.parent), str(bench.library.parent))
        seen: dict[str, int] = {}
        found = []
        for name, line in re.findall(r"^(\w+)(\(.*)$", told.log, re.MULTILINE):
            seen[name] = seen.get(name, 0) + 1
            # a lock that can't be given back is waited for, by SQLite, for ten seconds at a time
            if any(root in line for root in roots) and "F_UNLCK" not in line:
                found.append((name, seen[name]))
        settle(bench, scenario, request, told)
        self.forget(bench)
        return found


@pytest.fixture
def arena(make_bench: type, second_filesystem: Path, quick_filesystem: Path, tmp_path: Path) -> Arena:
    return Arena(make_bench, second_filesystem, quick_filesystem, tmp_path)


# What must be true afterwards

_ENDS = {ItemState.FILED, ItemState.ASIDE, ItemState.UNDONE}


def settle(bench: Any, scenario: Scenario, request: FilingRequest, told: Told) -> None:
    """Recover twice, hold the books against the disk, and do what was not done."""
    everywhere = [data for path, data in bench.files().items() if not _is_temporary(path)]
    for data in set(bench.contents) - bench.replaced:
        assert data in everywhere, f"{data!r} is lost"
    report = bench.recover()
    assert [] == [*report.unresolved, *report.unclear, *report.troubles, *report.set_aside]
    before = (bench.files(), bench.dump())
    assert [] == bench.recover().lines()
    assert before == (bench.files(), bench.dump())
    bench.check()
    done = _check_books(bench, scenario, request)
    assert done or not told.succeeded, "it said that it was done"
    if not done:
        with bench.filer() as (filer, _):
            assert scenario.act(bench, filer, request) in {"filed", "aside", "undone"}
        bench.check()
        assert _check_books(bench, scenario, request)
    if not scenario.undoes:
        with bench.filer() as (filer, _):
            assert "undone" == take_back(bench, filer, request)
        bench.check()
    with bench.journal() as journal:
        reasons = " ".join(item.reason for item in journal.history())
    for data, path in bench.contents.items():
        if data in bench.replaced:
            continue
        # a sidecar that could not be brought back stays where it is, and the reason says so
        left = path.suffix in {".srt", ".xmp"} and f"{path.name} was left" in reasons
        assert left or bench.files().get(path) == data, f"{path} did not come back"


def _is_temporary(path: Path) -> bool:
    return path.name.startswith(".vsortd-") or "staging" in path.parts


def _check_books(bench: Any, scenario: Scenario, request: FilingRequest) -> bool:
    """Hold what the journal says against the bytes on the disk; returns whether the transaction is done."""
    bytes_of = {path: data for data, path in bench.contents.items()}
    files = bench.files()
    with bench.journal() as journal:
        with journal.db.read() as db:
            numbers = [number for (number,) in db.execute("SELECT id FROM item ORDER BY id")]
        items = [journal.item(number) for number in numbers]
        placed = [item for item in items if item.item_state in _ENDS]
        assert len(placed) <= 1, "one video was filed twice"
        for item in items:
            assert item.item_state in {*_ENDS, ItemState.ROLLED_BACK}
        for item in placed:
            assert item.source == request.source
            phase = Phase.UNDO if item.item_state is ItemState.UNDONE else Phase.PLACE
            # an undo that was taken back and tried again has operations of both times
            last = {one.source: one for one in journal.operations(item.id) if one.phase is phase}
            for one in last.values():
                if one.state is OperationState.EXPIRED:
                    continue
                if one.state is OperationState.DONE and (leaves_source(one) or one.stays):
                    assert files[one.source] == files[one.target], f"{one.source} stays, says the journal"
                elif one.state is OperationState.DONE:
                    assert one.source not in files, f"{one.source} was moved, says the journal"
                    if one.destination is not None:
                        data = bytes_of.get(one.destination if phase is Phase.UNDO else one.source)
                        assert files[one.destination] in ({data} if data else bench.derived)
                else:
                    staged = one.kind is OperationKind.PUBLISH_SIDECAR  # made again by the next try
                    assert staged or one.source in files, f"{one.source} was left, says the journal"
                    assert "was left" in item.reason
    if scenario.undoes:
        return placed[0].item_state is ItemState.UNDONE
    return bool(placed)


@pytest.mark.few(3)
@pytest.mark.parametrize("name", SCENARIOS)
def test_each_call_fails_in_its_turn(arena: Arena, name: str, record_property: Callable[[str, object], None]) -> None:
    scenario = SCENARIOS[name]
    every = [
        (call, number, error, mode)
        for (call, number) in arena.calls(scenario)
        for error, mode in product(ERRORS[call], MODES[:1] if call in ONLY_ONCE else MODES)
    ]
    missed = 0
    offset = list(SCENARIOS).index(name)  # so that scenarios with much in common take different ones
    chosen = every[offset % STEP :: STEP]
    wrong = []
    for call, number, error, mode in chosen:
        bench, request = arena.bench(scenario)
        when = f"{number}+" if mode == "lasting" else str(number)
        told = traced(
            lambda bench=bench, request=request, mode=mode: transact(bench, scenario, request, 1 + (mode == "again")),
            arena.folder,
            "-e",
            f"trace={call}",
            "-e",
            f"inject={call}:error={error}:when={when}",
        )
        missed += "(INJECTED)" not in told.log
        try:
            _check_answer(told, mode)
            settle(bench, scenario, request, told)
        except Exception as failure:  # noqa: BLE001 - all of them are told together
            where = next((line for line in told.log.splitlines() if "(INJECTED)" in line), "not reached")
            what = f"{call} {number} {error} {mode}: {where}\n{told.results}\n{told.crash}{told.printed}"
            wrong.append(f"{what}\n{type(failure).__name__}: {failure}")
        arena.forget(bench)
    record_property("combinations", f"{len(chosen)} of {len(every)}, {missed} not reached")
    print(f"{name}: {len(chosen)} of {len(every)} combinations, {missed} not reached")  # noqa: T201 - the count asked for
    assert not wrong, f"{len(wrong)} of {len(chosen)}:\n\n" + "\n\n".join(wrong)
    assert chosen
    assert missed <= max(1, len(chosen) // 20)


def _check_answer(told: Told, mode: str) -> None:
    """See that the process either did its work or said in one message of ours what kept it from it."""
    assert not told.crash
    assert not told.printed
    assert told.results
    assert [] == [message for _, message in told.results if "\n" in message]
    if mode == "again" and told.results[0][0] == "FilingError" and len(told.results) > 1:
        # once more, the fault gone: done, or it was done and only the last word on it failed
        assert told.results[1][0] in {"filed", "aside", "undone", "ChangedError", "nothing to undo"}, told.results


# The daemon


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home.make(tmp_path / "home")
    yield made
    if made.daemon is not None:
        made.daemon.kill()
        made.daemon.wait()


_LONG = pytest.mark.long  # waits as long as the daemon does


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("error", "refusals"),
    [
        ("EBUSY", 1),
        pytest.param("EBUSY", 2, marks=_LONG),
        pytest.param("ENOSPC", 1, marks=_LONG),
        pytest.param("EACCES", 1, marks=_LONG),
        pytest.param("EIO", 1, marks=_LONG),
    ],
)
def test_the_daemon_tries_again_what_the_system_refuses(
    home: Home, clips: Path, tmp_path: Path, error: str, refusals: int
) -> None:
    clip = next(path for path in sorted(clips.iterdir()) if path.suffix == ".mp4" and path.stat().st_size > 100_000)
    source = home.inbox / "film.mp4"
    home.start()
    assert home.daemon is not None
    log = tmp_path / "strace.log"
    renames = "rename,renameat2"
    command = ["strace", "-f", "-y", "-o", log, "-e", f"trace={renames}", "-e", f"inject={renames}:error={error}"]
    with subprocess.Popen([*command, "-p", str(home.daemon.pid)], stderr=subprocess.PIPE, text=True) as strace:
        try:
            assert strace.stderr is not None
            first = strace.stderr.readline()
            if "attached" not in first:
                pytest.skip(f"strace can't trace here: {first}")
            shutil.copy2(clip, source)

            def refused() -> int:
                return len(re.findall(r"film\.mp4.*INJECTED", log.read_text()))

            home.wait(lambda: refused() >= refusals, what="the file is refused")
            home.wait(lambda: "Trying again" in home.log(), what="the daemon says so")
            assert source.read_bytes() == clip.read_bytes()
            assert [] == [path for path in home.library.rglob("*") if path.is_file()]
        finally:
            strace.send_signal(signal.SIGINT)  # lets the daemon go
            strace.communicate(timeout=30)
    home.wait(lambda: not source.exists(), what="the file is filed after all")
    home.wait(lambda: home.items()[0]["state"] in {"filed", "review"}, what="the journal says so")
    item = home.items()[0]
    assert Path(item["destination"]).read_bytes() == clip.read_bytes()
    assert 1 == home.log().count(os.strerror(getattr(errno, error))), home.log()
    assert 0 == home.stop()
    assert 1 == home.log().count("Trying again"), home.log()
