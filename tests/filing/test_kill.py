"""SIGKILL at fault points of every kind of transaction, and of the recovery after it.

By default at each point where it is passed first and where it is passed last, and at some in between, which differ only
in the sidecar that they are about; `VSORTD_TEST_STEP=1` kills at every one.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.disks import LIKE_EXFAT, doubled
from tests.support.forked import fork, killing, trace
from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.core.system import rename_noreplace
from vsortd.core.system.fault_points import Point, hooked
from vsortd.errors import FilingError
from vsortd.filing.originals import expire_originals
from vsortd.filing.stay import stay
from vsortd.filing.undo import Selection, undo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="forks and SIGKILL"),
    pytest.mark.timeout(300),
]
ALL = Selection(all=True)
STEP = int(os.environ.get("VSORTD_TEST_STEP", "31"))  # a prime: points that take turns are all met


@dataclass(frozen=True)
class Scenario:
    """`prepare` runs to its end; `act` is killed."""

    act: Callable[[Any], None]
    prepare: Callable[[Any], None] = lambda _bench: None
    apart: bool = False  # inbox and library on two filesystems
    on_duplicate: Any = "keep_both"
    how: str = "move"
    sharing: bool = False  # all on a disk whose files can share their blocks


def drop(bench: Any) -> None:
    for name in ("a.mp4", "a.srt", "a.en.srt", "b.mov", "b.srt"):
        bench.drop(name)


def drop_odd_names(bench: Any) -> None:
    bench.drop("a: b.mp4")


def place(bench: Any, *sidecars: str) -> None:
    with bench.filer() as (filer, _):
        filer.place(bench.request(bench.inbox / "a.mp4", *(bench.inbox / name for name in sidecars)))


def place_with_sidecars(bench: Any) -> None:
    place(bench, "a.srt", "a.en.srt")


def place_converted(bench: Any) -> None:
    with bench.filer() as (filer, _):
        video = bench.inbox / "b.mov"
        converted = bench.stage(filer, video)
        filer.place(bench.request(video, bench.inbox / "b.srt", converted=converted))


def drop_marked(bench: Any) -> None:
    drop(bench)
    bench.drop_marked("a.mp4")


def place_marked(bench: Any) -> None:
    place(bench, "a.mp4.xmp", "a.srt")


def place_marked_anew(bench: Any) -> None:
    place(bench, "a.srt")


def edit(bench: Any) -> None:
    (bench.library / "forest" / "night" / "a.mp4.xmp").write_bytes(b"edited")


def drop_mkv(bench: Any) -> None:
    for name in ("c.mkv", "c.mkv.xmp", "c.srt"):
        bench.drop(name)


def place_converted_mkv(bench: Any) -> None:
    """File it as an .mp4, with a sidecar that is called after its whole name and follows it."""
    with bench.filer() as (filer, _):
        video = bench.inbox / "c.mkv"
        sidecars = (bench.inbox / "c.mkv.xmp", bench.inbox / "c.srt")
        filer.place(bench.request(video, *sidecars, converted=bench.stage(filer, video)))


def send_to_review(bench: Any) -> None:
    sidecars = (bench.inbox / "a.srt", bench.inbox / "a.en.srt")
    options = {"folder": ("_Review",), "rule": "", "outcome": ItemState.REVIEW}
    with bench.filer() as (filer, _):
        filer.place(bench.request(bench.inbox / "a.mp4", *sidecars, **options))


def decide_where_it_lies(bench: Any) -> None:
    lying = bench.library / "_Review" / "a.mp4"
    with bench.journal() as journal:
        before, identity = journal.placed_at(lying), Identity.of(lying)
        stay(journal, before, identity, rule="", reason="", batch="", by_hand=lambda _: None)


def place_elsewhere_in_the_library(bench: Any) -> None:
    """Move what is filed to another rule's folder, as `refile` and `teach` do."""
    lying = bench.library / "forest" / "night"
    sidecars = [lying / name for name in ("a.mp4.xmp", "a.srt", "a.en.srt") if (lying / name).exists()]
    with bench.filer() as (filer, _):
        filer.place(bench.request(lying / "a.mp4", *sidecars, folder=("sea",), rule="sea", came_as="a.mp4"))


def put_aside(bench: Any) -> None:
    """Set what was filed aside, with its sidecars."""
    lying = bench.library / "forest" / "night"
    request = bench.aside_request(lying / "a.mp4", lying / "a.srt", lying / "a.en.srt")
    with bench.filer() as (filer, _):
        filer.place(request, by_hand=lambda _: None)


def put_aside_from_the_inbox(bench: Any) -> None:
    with bench.filer() as (filer, _):
        filer.place(bench.aside_request(bench.inbox / "a.mp4", bench.inbox / "a.srt"), by_hand=lambda _: None)


def place_where_a_name_is_taken(bench: Any) -> None:
    """Somebody takes the sidecar's name after the intent: everything goes back, then to the next free name."""
    taken = bench.library / "forest" / "night" / "a.srt"
    before = _hook()

    def take(point: Point) -> None:
        if point is Point.PLACE_AFTER_INTENT:
            taken.write_bytes(b"taken")
            os.utime(taken, ns=(0, 0))
        before(point)

    with hooked(take):
        place_with_sidecars(bench)


def _hook() -> Callable[[Point], None]:
    from vsortd.core.system import fault_points

    return fault_points._hook or (lambda _point: None)


def _without_the_call(act: Callable[[Any], None]) -> Callable[[Any], None]:
    def run(bench: Any) -> None:
        rename_noreplace._call = lambda: None  # in a forked process of its own
        act(bench)

    return run


def _without_links(act: Callable[[Any], None]) -> Callable[[Any], None]:
    """Let a process that is forked for it meet a disk that can neither rename without replacing nor link."""

    def run(bench: Any) -> None:
        def no_links(source: str, *_: Any) -> None:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), source)

        rename_noreplace._call = lambda: None
        rename_noreplace.link_and_unlink = no_links
        act(bench)

    return run


def place_under_refused_names(bench: Any) -> None:
    """File into a library whose disk takes no colon."""
    bench.library.mkdir(parents=True, exist_ok=True)
    with doubled(bench.library, LIKE_EXFAT), bench.filer() as (filer, _):
        filer.place(bench.request(bench.inbox / "a: b.mp4", folder=("Q: what?",)))


def place_and_fail(bench: Any) -> None:
    """Roll back: the second file's name can't be had."""
    before, count = _hook(), 0
    stop = Point.COPY_CREATE if bench.how == "copy" else Point.FILE_SYNC

    def fail(point: Point) -> None:
        nonlocal count
        before(point)
        count += point is stop
        if count == 2 and point is stop:
            raise OSError(5, "Input/output error")

    refused = pytest.raises(FilingError, match="Input/output")
    with hooked(fail), bench.filer() as (filer, _), refused:
        filer.place(bench.request(bench.inbox / "a.mp4", bench.inbox / "a.srt"))


def prepare_duplicate(bench: Any) -> None:
    drop(bench)
    bench.drop("c.mp4")
    with bench.filer() as (filer, _):
        filer.place(bench.request(bench.inbox / "c.mp4"))
    bench.drop("a.mp4", b"film c.mp4 ")  # unlike, but looked at
    bench.contents.pop(b"film a.mp4")


def take_back(bench: Any) -> None:
    with bench.journal() as journal:
        undo(journal, ALL)


def lose_the_source(bench: Any) -> None:
    """Delete what stayed: what was made of it is the last copy."""
    (bench.inbox / "a.mp4").unlink()


def expire(bench: Any) -> None:
    with bench.journal() as journal:
        bench.let_pass(journal, 2.0)
        expire_originals(journal, bench.library, 1.0, now_s=4e9)


def _then(*steps: Callable[[Any], None]) -> Callable[[Any], None]:
    def run(bench: Any) -> None:
        for step in steps:
            step(bench)

    return run


SCENARIOS = {
    "video": Scenario(place, drop),
    "video, first of the library": Scenario(_then(drop, place), lambda _: None),
    "sidecars": Scenario(place_with_sidecars, drop),
    "sidecars, across filesystems": Scenario(place_with_sidecars, drop, apart=True),
    "by link and unlink": Scenario(_without_the_call(place_with_sidecars), drop),
    "without links": Scenario(_without_links(place), drop),
    "without links and apart": Scenario(_without_links(place), drop, apart=True),
    "without links and rolled back": Scenario(_without_links(place_and_fail), drop),
    "refused names and apart": Scenario(place_under_refused_names, drop_odd_names, apart=True),
    "converted": Scenario(place_converted, drop),
    "converted, across filesystems": Scenario(place_converted, drop, apart=True),
    "collision": Scenario(place_where_a_name_is_taken, drop),
    "collision, across filesystems": Scenario(place_where_a_name_is_taken, drop, apart=True),
    "rolled back": Scenario(place_and_fail, drop),
    "rolled back, across filesystems": Scenario(place_and_fail, drop, apart=True),
    "made sidecar": Scenario(place_marked_anew, drop_marked),
    "made sidecar, across filesystems": Scenario(place_marked_anew, drop_marked, apart=True),
    "made sidecar of a conversion": Scenario(place_converted, drop_marked),
    "amended sidecar": Scenario(place_marked, drop_marked),
    "amended sidecar, across filesystems": Scenario(place_marked, drop_marked, apart=True),
    "amended sidecar, by link and unlink": Scenario(_without_the_call(place_marked), drop_marked),
    "undo of a made sidecar": Scenario(take_back, _then(drop_marked, place_marked_anew)),
    "undo of an amended sidecar": Scenario(take_back, _then(drop_marked, place_marked)),
    "undo of an amended sidecar, across filesystems": Scenario(take_back, _then(drop_marked, place_marked), apart=True),
    "undo of an edited sidecar": Scenario(take_back, _then(drop_marked, place_marked, edit)),
    "duplicate": Scenario(place, prepare_duplicate, on_duplicate={"to": "_Duplicates"}),
    "undo": Scenario(take_back, _then(drop, place_with_sidecars)),
    "undo, across filesystems": Scenario(take_back, _then(drop, place_with_sidecars), apart=True),
    "undo of a conversion": Scenario(take_back, _then(drop, place_converted)),
    "undo of a conversion, across filesystems": Scenario(take_back, _then(drop, place_converted), apart=True),
    "converted mkv": Scenario(place_converted_mkv, drop_mkv),
    "converted mkv, across filesystems": Scenario(place_converted_mkv, drop_mkv, apart=True),
    "undo of a converted mkv": Scenario(take_back, _then(drop_mkv, place_converted_mkv)),
    "within the library": Scenario(place_elsewhere_in_the_library, _then(drop, place_with_sidecars)),
    "within the library, an amended sidecar": Scenario(
        place_elsewhere_in_the_library, _then(drop_marked, place_marked)
    ),
    "within the library, of a copy": Scenario(
        place_elsewhere_in_the_library, _then(drop, place_with_sidecars), how="copy"
    ),
    "undo of a move within the library": Scenario(
        take_back, _then(drop, place_with_sidecars, place_elsewhere_in_the_library)
    ),
    "a decision where it lies": Scenario(decide_where_it_lies, _then(drop, send_to_review)),
    "undo of a decision where it lies": Scenario(take_back, _then(drop, send_to_review, decide_where_it_lies)),
    "set aside": Scenario(put_aside, _then(drop, place_with_sidecars)),
    "set aside, by link and unlink": Scenario(_without_the_call(put_aside), _then(drop, place_with_sidecars)),
    "set aside from an inbox, across filesystems": Scenario(put_aside_from_the_inbox, drop, apart=True),
    "undo of what was set aside": Scenario(take_back, _then(drop, place_with_sidecars, put_aside)),
    "undo of what was set aside from an inbox, across filesystems": Scenario(
        take_back, _then(drop, put_aside_from_the_inbox), apart=True
    ),
    "undo after expiry": Scenario(take_back, _then(drop, place_converted, expire)),
    "expiry": Scenario(expire, _then(drop, place_converted)),
    "converted, then undone and filed again": Scenario(_then(place_converted, take_back, place_converted), drop),
    "copies": Scenario(place_with_sidecars, drop, how="copy"),
    "copies, across filesystems": Scenario(place_with_sidecars, drop, apart=True, how="copy"),
    "copies and rolled back": Scenario(place_and_fail, drop, how="copy"),
    "copies and a collision": Scenario(place_where_a_name_is_taken, drop, how="copy"),
    "converted, and its source stays": Scenario(place_converted, drop, how="copy"),
    "hard links": Scenario(place_with_sidecars, drop, how="hardlink"),
    "hard links, refused across filesystems": Scenario(place_with_sidecars, drop, apart=True, how="hardlink"),
    "hard links and rolled back": Scenario(place_and_fail, drop, how="hardlink"),
    "hard links and a collision": Scenario(place_where_a_name_is_taken, drop, how="hardlink"),
    "shared blocks": Scenario(place_with_sidecars, drop, how="reflink", sharing=True),
    "shared blocks, refused": Scenario(place_with_sidecars, drop, how="reflink"),
    "undo of copies": Scenario(take_back, _then(drop, place_with_sidecars), how="copy"),
    "undo of hard links": Scenario(take_back, _then(drop, place_with_sidecars), how="hardlink"),
    "undo of shared blocks": Scenario(take_back, _then(drop, place_with_sidecars), how="reflink", sharing=True),
    "undo of a conversion whose source stayed": Scenario(take_back, _then(drop, place_converted), how="copy"),
    "undo of the last copy": Scenario(take_back, _then(drop, place_with_sidecars, lose_the_source), how="copy"),
    "undo of the last link": Scenario(take_back, _then(drop, place_with_sidecars, lose_the_source), how="hardlink"),
}


class Arena:
    """Makes a fresh bench for each kill, in memory where it can: only kills matter here, not power cuts."""

    def __init__(self, make_bench: type, near: Path, far: Path, sharing: Callable[[], Path]) -> None:
        self._make, self._near, self._far, self._sharing = make_bench, near, far, sharing

    def bench(self, scenario: Scenario) -> Any:
        name = uuid.uuid4().hex
        near = (self._sharing() if scenario.sharing else self._near) / name
        inbox = (self._far / name if scenario.apart else near) / "in"
        options = {"on_duplicate": scenario.on_duplicate, "how": scenario.how}
        bench = self._make(inbox, near / "library", near / "state", **options)
        scenario.prepare(bench)
        # what the killed process makes and we can't be told of
        bench.derived |= {b"mp4 of film b.mov", b"mp4 of film c.mkv"}
        bench.theirs |= {b"taken", b"edited"}
        if scenario.act is SCENARIOS["video, first of the library"].act:
            bench.contents |= {b"film " + name.encode(): bench.inbox / name for name in NAMES}
            bench.replaced |= set(bench.contents)  # may not have been dropped yet
        if expire == scenario.act or scenario is SCENARIOS["undo after expiry"]:
            bench.replaced.add(b"film b.mov")
        if not (bench.inbox / "a.mp4").exists() and scenario.how != "move":
            bench.replaced.add(b"film a.mp4")
        return bench


NAMES = ("a.mp4", "a.srt", "a.en.srt", "b.mov", "b.srt")


@pytest.fixture
def arena(request: pytest.FixtureRequest, make_bench: type, second_filesystem: Path, quick_filesystem: Path) -> Arena:
    return Arena(make_bench, second_filesystem, quick_filesystem, lambda: request.getfixturevalue("sharing_filesystem"))


def settle(bench: Any, what: str) -> None:
    """Recover twice; the second time there is nothing to do, and the invariant holds."""
    report = bench.recover()
    assert [] == [*report.unresolved, *report.unclear, *report.troubles], what
    before = (bench.files(), bench.dump())
    again = bench.recover()
    assert [] == again.lines(), what
    assert before == (bench.files(), bench.dump()), what
    try:
        bench.check()
    except AssertionError as error:
        error.add_note(what)
        raise


def chosen(passed: Sequence[Point]) -> list[int]:
    """Return the numbers, from 1, of the passed points at which a process is killed."""
    first = {point: number for number, point in reversed([*enumerate(passed, start=1)])}
    last = {point: number for number, point in enumerate(passed, start=1)}
    return sorted({*first.values(), *last.values(), *range(1, len(passed) + 1, STEP)})


def steadily(name: str) -> Any:
    """Leave to the long form what differs from another scenario by where it happens, but for one."""
    apart = any(words in name for words in ("across filesystems", "apart", "refused"))
    return pytest.param(name, marks=[pytest.mark.long] * (apart and name != "converted, across filesystems"))


@pytest.mark.few(4)
@pytest.mark.parametrize("name", [steadily(name) for name in SCENARIOS])
def test_killed_at_every_point(arena: Arena, name: str) -> None:
    scenario = SCENARIOS[name]
    bench = arena.bench(scenario)
    passed = trace(partial(scenario.act, bench))
    settle(bench, "not killed")
    assert passed
    numbers = chosen(passed)
    for number in numbers:
        bench = arena.bench(scenario)
        assert -signal.SIGKILL == fork(partial(scenario.act, bench), killing(number))
        settle(bench, f"killed at point {number}, {passed[number - 1]}")
    print(f"{name}: killed at {len(numbers)} of {len(passed)} points")  # noqa: T201 - the count


@pytest.mark.few(2)
@pytest.mark.parametrize("name", [steadily(name) for name in SCENARIOS if "," in name or "undo" in name])
def test_recovery_killed_at_every_point(arena: Arena, name: str) -> None:
    scenario = SCENARIOS[name]
    bench = arena.bench(scenario)
    total = len(trace(partial(scenario.act, bench)))
    kills = 0
    for number in range(2, total, 6 if STEP == 1 else STEP):
        bench = arena.bench(scenario)
        fork(partial(scenario.act, bench), killing(number))
        for inner in range(1, 200):  # each kill goes on from where the one before it left off
            if fork(bench.recover, killing(inner)) == 0:
                break
        kills += inner
        settle(bench, f"killed at point {number}, and recovery at {inner} points")
    print(f"{name}: killed {kills} times amid recovery or before it")  # noqa: T201 - the count


@pytest.mark.long
def test_every_fault_point_is_passed_by_some_scenario(arena: Arena) -> None:
    passed: set[Point] = set()
    for scenario in (one for one in SCENARIOS.values() if not one.sharing):
        bench = arena.bench(scenario)
        whole = trace(partial(scenario.act, bench))
        bench = arena.bench(scenario)
        fork(partial(scenario.act, bench), killing(len(whole) * 2 // 3))
        passed |= {*whole, *trace(bench.recover)}
    assert set(Point) == passed


SCRIPT = """
import sys
from pathlib import Path
from vsortd.config.place_options import Place
from vsortd.filing.journal import Journal
from vsortd.filing.place import Filer
from vsortd.filing.placement import FilingRequest
from vsortd.core.identity import Identity
root = Path(sys.argv[1])
source = root / "in" / "a.mp4"
place = Place()
with Journal.open(root / "state" / "journal.sqlite3") as journal:
    filer = Filer(journal, root / "library", place)
    print(filer.place(FilingRequest(source=source, identity=Identity.of(source), folder=("x",))).state)
"""


def test_the_environment_variable_kills_a_real_process_and_the_next_one_goes_on(bench: Any) -> None:
    def run(fault: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "VSORTD_FAULT": fault}
        command = [sys.executable, "-c", SCRIPT, str(bench.inbox.parent)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)

    bench.drop("a.mp4")
    assert -signal.SIGKILL == run("place.after_intent:kill").returncode
    assert (bench.inbox / "a.mp4").exists()
    refused = run("file.sync:ENOSPC")
    assert "FilingError: Could not read" in refused.stderr
    assert (bench.inbox / "a.mp4").exists()
    assert "filed\n" == run("").stdout
    assert "$VSORTD_FAULT" in run("no.such.point:kill").stderr
    settle(bench, "killed by the environment")
