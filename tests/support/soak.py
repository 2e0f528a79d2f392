"""The soak: clips keep coming while vsortd is killed again and again, undone and released; nothing may be lost.

    python -m tests.support.soak --kills 500 --seed 1 --out result.json

The real commands run in processes of their own over real files. After each SIGKILL, before the restart, every
content that was ever dropped must lie whole somewhere, as often as it was dropped, under a name that the journal
knows. At the end everything is filed, nothing half made is left, and `undo --all` brings each name, byte and time
back. Half of the kills come with inbox and library on one filesystem, half with the library on another.

To be quick the daemon is forked from a process that has imported the libraries (not vsortd) once; every fifth one,
and with `--cold` each, is started like a person would.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.harness import Home
from tests.support.hearth import Hearth, Process, start_cold
from tests.support.soak_files import Books, Dropped, Dropper, Eyes, Ledger, LostError, check, templates, walk
from vsortd.core.system.fault_points import Point
from vsortd.errors import DaemonUnreachableError, ExitCode
from vsortd.service.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OTHER_FILESYSTEM = Path("/dev/shm")  # noqa: S108 - the point is that it is another filesystem
MORE = """\
sampling: {min_frames: 2, max_frames: 4}
convert: {mov: remux, keep_original: forever}
"""
INBOX = "settle: 0.1s, incomplete_after: 1s, rescan: 2s"
# Points that only come with a copy, and those that never come here: renames need no link, no original expires.
COPYING = ("copy.", "publish.", "aside.", "unlink.")
NEVER = ("link.", "expire.")
RECOVERY = ("recover.", "roll_back.")
UNDOING = ("undo.",)
OFTEN = {Point.COMMIT_BEFORE, Point.COMMIT_AFTER, Point.FILE_SYNC, Point.FOLDER_SYNC}
MIDDLE = {Point.RENAME_AFTER, Point.PUBLISH_AFTER, Point.ASIDE_AFTER, Point.UNLINK_AFTER, Point.PLACE_BEFORE_DONE}
TEMPORARY = re.compile(r"\.vsortd-[0-9a-f]+-\d+(\.old|\.new)?\.tmp")
# How long a daemon may take to do what its kill waits for; then it is killed anyhow. Patience, no expectation.
PATIENCE_S = 25.0
DRAIN_S = 240.0


class ApartHome(Home):
    """A home whose library lies on another filesystem."""

    __slots__ = ()

    @property
    def library(self) -> Path:
        """Where videos are filed."""
        return OTHER_FILESYSTEM / f"vsortd-soak-{os.getpid()}-{self.folder.name}" / "Sorted"


def can_be_apart(folder: Path) -> bool:
    """Tell whether there is another filesystem than a folder's."""
    there = OTHER_FILESYSTEM
    return there.is_dir() and os.access(there, os.W_OK) and there.stat().st_dev != folder.stat().st_dev


class Soak:
    """One home, and what happens to it."""

    def __init__(self, folder: Path, *, seed: int, apart: bool, hearth: Hearth | None) -> None:
        self.apart = apart
        kind = ApartHome if apart else Home
        if apart:
            kind(folder).library.parent.mkdir()
        self.home = kind.make(folder, more=MORE, inbox=INBOX)
        self.ledger = Ledger()
        self.eyes = Eyes(self.ledger)
        self.dice = random.Random(seed)  # noqa: S311 - dice
        self.hearth = hearth
        self.dropper = Dropper(self.home, self.ledger, templates(folder), seed + 1)
        self.client = Client(self.state)
        self.counts: Counter[str] = Counter()
        self.kills: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.daemon: Process | None = None
        self.lives: list[str] = []  # how each ended
        self.starts = 0
        self._half_done = False  # whether the last kill came amid a transaction
        self._aside: list[int] = []  # the videos set aside, by their number in the history

    @property
    def state(self) -> Path:
        """The folder of journal and socket."""
        return self.home.folder / "state"

    def run(self, kills: int) -> dict[str, Any]:
        """Kill so often, then let everything come to rest, and take it back. Raises LostError."""
        begun = time.monotonic()
        self.dropper.start()
        try:
            try:
                for number in range(1, kills + 1):
                    self._life(number)
            finally:
                self.dropper.stop()
            self._rest()
            self._come_back()
        finally:
            if self.daemon is not None:
                self.daemon.kill()
                self.daemon.wait()
        said = [line for line in self.home.log().splitlines() if "Traceback" in line or "internal error" in line]
        check(not said, f"the log tells of errors: {said[:3]}")
        return self.result(time.monotonic() - begun)

    def result(self, seconds: float) -> dict[str, Any]:
        """Return the counts."""
        return {
            "apart": self.apart,
            "kills": self.kills.total(),
            "kills_by": dict(self.kills),
            "fault_points": dict(sorted(self.faults.items())),
            **dict.fromkeys(
                ("hit_working", "hit_intents", "hit_staging", "undos", "undos_killed", "releases", "retries"), 0
            ),
            **dict(self.dropper.counts),
            **dict(self.counts),
            "seconds": round(seconds, 1),
            "lives": self.lives,
        }

    # One life of the daemon

    def _life(self, number: int) -> None:
        begun = time.monotonic()
        way = self.dice.choice(("start", "ready", "work", "watch", "watch", "fault", "fault", "fault"))
        fault = self._fault() if way == "fault" else ""
        self._start(["run"], fault)
        assert self.daemon is not None
        meddle = number % 4 == 0
        beside = None
        try:
            if way == "start":
                self._until(lambda: False, self.dice.uniform(0.0, 2.5))
            else:
                self._until(self._answers, PATIENCE_S)
                if meddle:
                    beside = self._begin_undo()
                way = self._await_moment(way)
        finally:
            self.daemon.kill()
            code = self.daemon.wait()
        check(code == -signal.SIGKILL, f"the daemon ended by itself with {code}:\n{self.home.log()[-3000:]}")
        if fault and way == "fault":
            self.faults[fault.partition(":")[0]] += 1
        self.daemon = None
        self.kills[way] += 1
        if beside is not None:
            self._end_undo(beside)
        elif meddle:
            self._end_undo(self._begin_undo())
        self.lives.append(f"{way} {fault} {time.monotonic() - begun:.1f} s")
        self._after_death(f"kill {number} ({way} {fault})")
        self._ask_again(meddle=meddle)

    def _start(self, words: list[str], fault: str = "") -> None:
        environment = {**self.home.environment, **({"VSORTD_FAULT": fault} if fault else {})}
        cold = self.hearth is None or self.starts % 5 == 0
        log = self.home.folder / "daemon.log"
        self.starts += 1
        arguments = (["--verbose", *words], environment, log)
        self.daemon = start_cold(*arguments) if cold or self.hearth is None else self.hearth.start(*arguments)

    def _fault(self) -> str:
        points = [point for point in Point if not point.startswith((*NEVER, *UNDOING))]
        points = [point for point in points if self.apart or not point.startswith(COPYING)]
        points += [point for point in points if point in MIDDLE] * 2
        recovery = self._half_done and self.dice.random() < 0.6  # only then there is something to recover
        point = self.dice.choice([point for point in points if recovery == point.startswith(RECOVERY)])
        times = min(self.dice.randint(1, 8 if point in OFTEN else 2) for _ in range(2))
        return f"{point}:kill@{1 if recovery else times}"

    def _await_moment(self, way: str) -> str:
        """Wait for the moment to kill in; returns how it really came to be."""
        assert self.daemon is not None
        if way == "ready":
            self._until(lambda: False, self.dice.uniform(0.05, 3.0))
            return "random"
        self._until(self._has_model, PATIENCE_S)
        if way == "fault":
            return "fault" if self._until(lambda: False, PATIENCE_S) else "random"
        if way == "work":  # some time after the first video was filed
            self._until(self._changes(self._filed), PATIENCE_S)
            self._until(lambda: False, self.dice.uniform(0.0, 2.0))
            return "random"
        look = self.dice.choice((self._journal, self._filed, self._staged, self._kept, self._left))
        for _ in range(self.dice.randint(1, 10) if look == self._journal else 1):
            if not self._until(self._changes(look), PATIENCE_S / 2):
                return "random"
        self._until(lambda: False, self.dice.choice((0.0, self.dice.uniform(0, 0.02), self.dice.uniform(0, 0.3))))
        return "watch"

    def _until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Wait until it is so, or the daemon is dead; returns whether either came in time."""
        assert self.daemon is not None
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if self.daemon.poll() is not None or condition():
                return True
            time.sleep(0.002)
        return False

    def _answers(self) -> bool:
        try:
            return bool(self.client.status())
        except DaemonUnreachableError:
            return False

    def _has_model(self) -> bool:
        with contextlib.suppress(DaemonUnreachableError):
            return bool(self.client.status()["model"]["device"])
        return False

    # What can be seen of the daemon's work from outside

    @staticmethod
    def _changes(look: Callable[[], object]) -> Callable[[], bool]:
        before = look()
        return lambda: look() != before

    def _journal(self) -> object:
        try:
            status = (self.state / "journal.sqlite3-wal").stat()
        except FileNotFoundError:
            return None
        return status.st_size, status.st_mtime_ns

    def _filed(self) -> object:
        return {path for path in walk(self.home.library) if ".vsortd" not in path.parts}

    def _staged(self) -> object:
        return set(walk(self.home.library / ".vsortd" / "staging"))

    def _kept(self) -> object:
        return set(walk(self.home.library / ".vsortd" / "originals"))

    def _left(self) -> object:
        there = set(walk(self.home.inbox))
        return {one.path for one in list(self.ledger.dropped) if one.path not in there}

    # What a person does meanwhile

    def _command(self, *words: str) -> dict[str, Any]:
        for _ in range(5):  # a daemon that is killed meanwhile answers no more; the command says so
            done = self.home.run(*words, "--json", code=None, timeout_s=120)
            if done.returncode != ExitCode.UNREACHABLE:
                break
        check(done.returncode in {0, 3}, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def _begin_undo(self) -> subprocess.Popen[bytes]:
        """Start an undo of its own, which may be killed at a point or at a moment."""
        number = str(self.dice.randint(1, 1 + len(self.ledger.dropped)))
        words = self.dice.choice((["--last", "3"], ["--last", "3"], ["--all"], [number]))
        environment = dict(self.home.environment)
        if self.dice.random() < 0.5:
            points = [*(point for point in Point if point.startswith(UNDOING)), Point.RENAME_AFTER, Point.FOLDER_SYNC]
            points += [point for point in Point if self.apart and point.startswith(COPYING)]
            environment["VSORTD_FAULT"] = f"{self.dice.choice(points)}:kill@{self.dice.randint(1, 3)}"
        self.counts["undos"] += 1
        return subprocess.Popen(
            [sys.executable, "-m", "vsortd", "undo", *words, "--json"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def _end_undo(self, undo: subprocess.Popen[bytes]) -> None:
        if self.dice.random() < 0.3:
            time.sleep(self.dice.uniform(0.0, 0.8))
            undo.kill()
        said = undo.communicate(timeout=120)
        self.counts["undos_killed"] += undo.returncode == -signal.SIGKILL
        expected = {0, 3, ExitCode.UNREACHABLE, -signal.SIGKILL}  # unreachable: the daemon was killed over it
        check(undo.returncode in expected, f"undo: exit {undo.returncode}\n{said}")

    def _ask_again(self, *, meddle: bool) -> None:
        """Now and then release what is held, and try again what was set aside."""
        if meddle and self.dice.random() < 0.7:
            self._command("release", "--all")
            self.counts["releases"] += 1
        if len(self._aside) > 3 or (self._aside and self.dice.random() < 0.4):
            self._command("retry", *map(str, self.dice.sample(self._aside, k=len(self._aside) * 2 // 3 or 1)))
            self.counts["retries"] += 1

    # What must hold

    def _after_death(self, when: str) -> None:
        """Check that everything dropped is there, with nobody at work."""
        with self.ledger.lock:
            books = Books.read(self.state)
            found = self.eyes.look(self.home.inbox, self.home.library)
            try:
                self._check_contents(found, books)
                self._check_strangers(found, books)
            except LostError as error:
                raise LostError(f"after {when}: {error}") from error
        self.ledger.parked = books.parked
        self._aside = books.set_aside
        self._half_done = bool(books.unfinished)
        self.counts["hit_working"] += bool(books.working)
        self.counts["hit_intents"] += bool(books.unfinished)
        self.counts["hit_staging"] += any("staging" in path.parts for path in found)
        for state in books.unfinished:
            self.counts[f"hit_{state}"] += 1
        self.counts["poison"] = books.deaths

    def _check_contents(self, found: dict[Path, tuple[str, int]], books: Books) -> None:
        places = collections.defaultdict(list)
        for path, (digest, _) in found.items():
            places[digest].append(path)
        for digest, drops in self.ledger.by_sha256.items():
            there = places.get(digest, [])
            named = [path for path in there if not TEMPORARY.fullmatch(path.name)]
            what = f"{[str(one.path) for one in drops]} lies at {list(map(str, there))}"
            check(len(there) >= len(drops), f"LOST: {what}")
            if self.apart:  # while a copy is under way there is one more, and it is in the journal
                spare = sum(path in books.moving for path in named)
                check(len(named) <= len(drops) + spare, f"DOUBLED: {what}")
            else:
                check(len(there) == len(drops), f"DOUBLED: {what}")
        for digest, drops in self.ledger.by_sha256.items():
            times = {one.mtime_ns for one in drops}
            for path in places[digest]:
                known = path in books.names or self.ledger.by_path.get(path) in drops
                check(known, f"{path} is under a name that the journal doesn't know")
                copying = TEMPORARY.fullmatch(path.name)  # gets its time last
                check(copying or found[path][1] in times, f"{path} lost its time")

    def _check_strangers(self, found: dict[Path, tuple[str, int]], books: Books) -> None:
        for path, (digest, _) in found.items():
            if digest in self.ledger.by_sha256 or path.is_relative_to(self.home.inbox) or "staging" in path.parts:
                continue  # in the inbox: a copy that the dropper has not ended
            check(path in books.names, f"{path} is neither dropped nor in the journal")

    # The end

    def _rest(self) -> None:
        """Let the daemon file everything that can be filed, and see that all is in order."""
        self._command("retry", "--all")
        self._command("release", "--all")
        self._start(["run"])
        assert self.daemon is not None
        drained = self._until(self._is_drained, DRAIN_S)
        check(drained and self.daemon.poll() is None, f"the daemon doesn't drain, or died:\n{self.home.log()[-3000:]}")
        status = self.client.status()
        self.daemon.send_signal(signal.SIGTERM)
        check(self.daemon.wait() == 0, "the daemon doesn't end well")
        self.daemon = None
        items = self.home.items()
        found = self._look()
        self._check_rest(items, found)
        now = Counter(item["state"] for item in items)
        for state in ("filed", "review"):
            check(status["counts"][state] == now[state], f"status says {status['counts']}, the history {now}")
        self.counts["poison"] = sum("vsortd died" in item["reason"] for item in items)
        self.counts += Counter(
            filed=now["filed"],
            review=now["review"],
            undone=now["undone"],
            failed=sum(path in self.ledger.by_path for path in found if path.is_relative_to(self.home.inbox)),
            converted=sum(item["converted"] != "" and item["state"] in {"filed", "review"} for item in items),
        )
        self._once("a daemon with nothing to do", items, found)

    def _is_drained(self) -> bool:
        """Tell whether nothing waits, four times within two seconds: what was retried may just be on its way."""
        for _ in range(4):
            time.sleep(0.5)
            try:
                status = self.client.status()
            except DaemonUnreachableError:
                return False
            if status["queued"] or status["working"] or not status["model"]["device"]:
                return False
        return True

    def _look(self) -> dict[Path, tuple[str, int]]:
        return self.eyes.look(self.home.inbox, self.home.library, afresh=True)

    def _once(self, what: str, items: list[dict[str, Any]], found: dict[Path, tuple[str, int]]) -> None:
        """Run the daemon to its end, and see that it changes nothing."""
        self._start(["run", "--once"])
        assert self.daemon is not None
        code = self.daemon.wait()
        self.daemon = None
        check(code == 0, f"{what} exits with {code}:\n{self.home.log()[-3000:]}")
        check(self._look() == found, f"{what} changes files")
        check(self.home.items() == items, f"{what} changes the history")

    def _check_rest(self, items: list[dict[str, Any]], found: dict[Path, tuple[str, int]]) -> None:
        """Check that each content lies once where the history says, and that nothing else is there."""
        newest: dict[Path, dict[str, Any]] = {}
        for item in reversed(items):
            newest[Path(item["source"])] = item
        left = [str(path) for path in found if TEMPORARY.fullmatch(path.name) or "staging" in path.parts]
        check(not left, f"half-made files are left: {left}")
        hidden = self.home.library / ".vsortd" / "originals"
        accounted: set[Path] = set()
        for one in self.ledger.dropped:
            item = newest.get(one.path) if one.video else self._video_of(one, newest)
            placed = item if item is not None and item["state"] in {"filed", "review"} else None
            if one.video and placed is None:
                check(item is not None and item["reason"], f"{one.path} stays in the inbox without a reason: {item}")
            if placed is None or (not one.video and one.path in found):
                place = one.path
            elif not one.video:
                place = self._beside(one, placed)
            elif placed["converted"]:
                check(Path(placed["destination"]) in found, f"the MP4 of {one.path} is not at {placed['destination']}")
                accounted.add(Path(placed["destination"]))
                kept = [path for path in found if path.parent.parent == hidden and path.name == one.path.name]
                kept = [path for path in kept if found[path] == (one.sha256, one.mtime_ns)]  # a twin has another time
                check(kept, f"the original of {one.path} is not kept")
                place = kept[0]
            else:
                place = Path(placed["destination"])
            check(place in found, f"{one.path} should lie at {place}")
            check(found[place] == (one.sha256, one.mtime_ns), f"{place} is not as {one.path} was")
            check(place not in accounted, f"{place} stands for two")
            accounted.add(place)
        check(not (more := set(found) - accounted), f"more than was dropped: {sorted(map(str, more))}")
        self.counts["poison_left"] = sum("vsortd died" in item["reason"] for item in newest.values())

    def _video_of(self, sidecar: Dropped, newest: dict[Path, dict[str, Any]]) -> dict[str, Any] | None:
        stem = sidecar.path.name.partition(".")[0]
        found = [item for path, item in newest.items() if path.parent == sidecar.path.parent and path.stem == stem]
        return found[0] if found else None

    @staticmethod
    def _beside(sidecar: Dropped, item: dict[str, Any]) -> Path:
        destination = Path(item["destination"])
        return destination.with_name(destination.stem + sidecar.path.name[sidecar.path.name.index(".") :])

    def _come_back(self) -> None:
        """Take everything back: each name, byte and time is as it was dropped, and stays so."""
        report = self._command("undo", "--all")
        check(not report["refused"], f"undo refuses {report['refused']}")
        found = self._look()
        wanted = {one.path: (one.sha256, one.mtime_ns) for one in self.ledger.dropped}
        missing = [str(path) for path, what in wanted.items() if found.get(path) != what]
        check(not missing, f"undo did not bring back {missing}")
        check(not (more := set(found) - set(wanted)), f"undo left {sorted(map(str, more))}")
        self._once("a daemon after undo", self.home.items(), found)
        check(not (orphans := list(processes_of(self.state))), f"processes are left: {orphans}")


def processes_of(state: Path) -> Iterator[str]:
    """Yield the processes that were started with a state folder."""
    wanted = f"VSORTD_STATE_DIR={state}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                yield (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def soak(folder: Path, *, kills: int, seed: int, apart: bool | None = None, cold: bool = False) -> dict[str, Any]:
    """Run the soak in a folder; by default half with one filesystem, half with two. Raises LostError.

    A run that fails leaves its files where they are.
    """
    elsewhere = can_be_apart(folder)
    check(elsewhere or not apart, f"{OTHER_FILESYSTEM} is no other filesystem than {folder}")
    parts = [(apart, kills)] if apart is not None else [(False, kills)]
    if apart is None and elsewhere:
        parts = [(False, kills - kills // 2), (True, kills // 2)]
    hearth = None if cold else Hearth()
    results = []
    try:
        for number, (far, share) in enumerate(parts):
            one = Soak(folder / f"part-{number}", seed=seed + 1000 * number, apart=far, hearth=hearth)
            results.append(one.run(share))
            if far:
                shutil.rmtree(one.home.library.parent)
    finally:
        if hearth is not None:
            hearth.close()
    return {"seed": seed, **total(results), "parts": results}


def total(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the sums of what can be summed."""
    sums: dict[str, Any] = {}
    for result in results:
        for name, value in result.items():
            if isinstance(value, dict):
                sums[name] = dict(Counter(sums.get(name, {})) + Counter(value))
            elif not isinstance(value, bool | list):
                sums[name] = round(sums.get(name, 0) + value, 1)
    return sums


def line(result: dict[str, Any]) -> str:
    """Return the counts in one line."""
    ways = ", ".join(f"{number} by {way}" for way, number in sorted(result["kills_by"].items()))
    names = ("dropped", "sidecars", "filed", "review", "converted", "undone", "duplicates", "poison", "failed")
    counts = ", ".join(f"{name} {result.get(name, 0)}" for name in names)
    hits = f"{result['hit_working']} at work, {result['hit_intents']} amid a transaction"
    return f"{result['kills']} kills ({ways}; {hits}): {counts}; nothing lost; {result['seconds']:.0f} s"


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Kill vsortd again and again; nothing may be lost.")
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="where the counts go, as JSON")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--apart", action="store_true", help="only with the library on another filesystem")
    where.add_argument("--together", action="store_true", help="only with inbox and library on one filesystem")
    parser.add_argument("--cold", action="store_true", help="start each daemon from nothing; slower")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="vsortd-soak-"))
    apart = True if options.apart else False if options.together else None
    try:
        result = soak(folder, kills=options.kills, seed=options.seed, apart=apart, cold=options.cold)
    except LostError as error:
        sys.stderr.write(f"{error}\nseed {options.seed}; see {folder}\n")
        if options.out:
            options.out.write_text(json.dumps({"seed": options.seed, "lost": str(error)}, indent=2) + "\n")
        return 1
    shutil.rmtree(folder)
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n")
    sys.stdout.write(line(result) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
