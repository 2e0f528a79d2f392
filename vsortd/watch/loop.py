"""One inbox and its thread: hints and scans go in, ready files and reports come out."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from loguru import logger

from vsortd.core.identity import Identity
from vsortd.errors import named, unexpected_reason
from vsortd.watch.candidates import NameRules
from vsortd.watch.failing_files import RETRY_S, FailingFiles
from vsortd.watch.inbox_root import InboxRoot
from vsortd.watch.mailbox import AgainRequest, Mail, Mailbox
from vsortd.watch.other_videos import OtherVideos
from vsortd.watch.scan import ScanPlan, scan, spell_within
from vsortd.watch.seen_files import Dealt, Memory
from vsortd.watch.settle import SettleOutcome, Settler, SettleTimes, SettleVerdict
from vsortd.watch.types import Health, InboxHealth, InboxLike, Mode, ReadyFile, Report, ReportKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# How often a root watched by events is checked: one stat. The only thing that wakes an idle inbox between
# scans.
CHECK_S = 2.0
# After signs of lost or racing events (a new folder, a burst), a scan follows this soon.
_FOLLOW_UP_S = 2.0
# A scan takes no more than this share of the time, however large the inbox and however often it is asked for.
_SCAN_SHARE = 1 / 20
# So many hints since the last scan may have been too many for some queue on the way.
_BURST_HINTS = 500
# A turn that takes longer than this is stuck in the filesystem: a share that hangs.
_STUCK_S = 30.0
_REPORT_KINDS = {
    SettleOutcome.INCOMPLETE: ReportKind.INCOMPLETE,
    SettleOutcome.STILL_CHANGING: ReportKind.STILL_CHANGING,
    SettleOutcome.UNREADABLE: ReportKind.UNREADABLE,
}


class InboxLoop:
    """Watches one inbox. `turn` does all that is due at this moment and says how long to sleep.

    The callbacks are called on the inbox's own thread; what they raise is logged, and the file is tried
    again. What fails again and again is reported, with `drain` at once.
    """

    def __init__(
        self,
        inbox: InboxLike,
        *,
        on_ready: Callable[[ReadyFile], None],
        on_report: Callable[[Report], None],
        known: Callable[[Path, Identity], bool],
        sidecars_of: Callable[[Path], Sequence[Path]],
        clock: Callable[[], float] = time.monotonic,
        drain: bool = False,
        exclude: Sequence[Path] = (),
        takes_out: bool = True,
    ) -> None:
        self.path = Path(inbox.path)
        self.mailbox = Mailbox()
        self._inbox = inbox
        self._on_ready = on_ready
        self._on_report = on_report
        self._known = known
        self._clock = clock
        self._exclude = tuple(exclude)
        self._rules = NameRules(inbox.extensions, inbox.ignore)
        self._plan = ScanPlan(self.path, self._rules, inbox.recursive)
        self._settler = Settler(SettleTimes.of(inbox, drain=drain), sidecars_of=sidecars_of)
        self._root = InboxRoot(inbox, self.mailbox, takes_out=takes_out)
        self._memory = Memory()
        self._others = OtherVideos(self.path, self._rules)
        self._failing = FailingFiles()
        self._drain = drain
        # what `known` was asked about, so that it is asked once; None: it need not be asked
        self._asked: dict[Path, Identity | None] = {}
        self._next_check_s = self._next_scan_s = float("-inf")
        self._hints_since_scan = 0
        self._unwatched = 0
        self._scan_troubles = ""
        self._error = ""
        self._failure = ""  # as of the last turn, for other threads to read
        self._scanned_root: tuple[int, int] | None = None
        self._looked = False  # the first scan has been tried
        self._unsettled = 0  # as of the last turn, for other threads to read; and
        self._waits: tuple[tuple[Path, str], ...] = ()
        self._turn_began_s: float | None = None
        self._stopping = threading.Event()

    def run(self) -> None:
        """Turn until told to stop."""
        try:
            while not self._stopping.is_set():
                self.mailbox.wait(self.turn())
        finally:
            self._root.stop()

    def request_stop(self) -> None:
        """End `run` as soon as the turn under way allows."""
        self._stopping.set()
        self.mailbox.wake()

    def turn(self) -> float:
        """Do what is due, and return for how long nothing will be, seconds."""
        self._turn_began_s = time.monotonic()
        mail = self.mailbox.take()
        try:
            self._turn(mail)
        except Exception as error:  # noqa: BLE001 - the thread must live; a scan makes up for what was lost
            logger.opt(exception=error).error("{}: watching failed, trying again", self.path)
            self._error = f"watching failed: {error}"
            self._next_check_s = self._next_scan_s = self._clock() + RETRY_S
            return RETRY_S
        finally:
            self._unsettled = self._settler.unsettled()
            self._waits = tuple(self._settler.waits())
            self._failure = self._failing.sentence()
            self._turn_began_s = None
            self.mailbox.settled()
        return self._sleep_s()

    def idle(self) -> bool:
        """Tell whether the inbox has been looked through and nothing in it waits to be ready."""
        return self._looked and not self.mailbox.busy() and self._unsettled == 0

    def waiting(self) -> int:
        """Return how many files wait to be ready."""
        return len(self._settler)

    def waits(self) -> tuple[tuple[Path, str], ...]:
        """Return the files that have waited for others (a download's second file) for a while, and why."""
        return self._waits

    def health(self) -> InboxHealth:
        """Return how the inbox is."""
        began_s = self._turn_began_s
        health, reason = self._root.health, self._root.reason
        if began_s is not None and time.monotonic() - began_s > _STUCK_S:
            health, reason = Health.DEGRADED, "the folder does not answer"
        elif health is Health.OK and (troubles := self._error or self._failure or self._scan_troubles):
            health, reason = Health.DEGRADED, troubles
        away = not self._root.present
        others = {} if away else self._others.by_ending
        return InboxHealth(self.path, health, reason, self._root.mode, waits=away, left_alone=others)

    def _turn(self, mail: Mail) -> None:
        now_s = self._clock()
        self._hints_since_scan += mail.hints
        for path in mail.done:
            self._memory.done(path)
        for request in mail.again:
            self._take_back(request)
        if mail.scan:
            self._memory.forget_resting()
            self._failing.hurry()
        if mail.troubles or mail.scan or now_s >= self._next_check_s:
            self._check_root(now_s)
        if mail.troubles or mail.scan:
            self._next_scan_s = now_s
        if self._root.present and now_s >= self._next_scan_s:
            self._scan()
        elif self._root.present:
            self._take_hints(mail)
        self._looked = self._looked or not self._root.present
        self._deliver(self._settler.due(self._clock()))

    def _check_root(self, now_s: float) -> None:
        if self._root.check(now_s):
            self._next_scan_s = now_s
            # resolved here, on the thread that may hang on a share
            self._plan = replace(self._plan, exclude=spell_within(self.path, self._exclude))
        polled = self._root.present and self._root.mode is Mode.POLL
        self._next_check_s = now_s + (max(CHECK_S, self._inbox.poll_s) if polled else CHECK_S)

    def _scan(self) -> None:
        """Look through the whole inbox, and forget what is no longer there."""
        began_s = self._clock()
        try:
            result = scan(self._plan, stop=self._stopping.is_set)
        except OSError as error:
            self._scan_troubles = f"the folder can't be looked through: {error.strerror or error}"
            self._next_check_s, self._next_scan_s = began_s, began_s + CHECK_S
            self._looked = True
            return
        now_s = self._clock()
        for path, identity in result.files:
            self._discover(path, identity, now_s)
        if not result.finished:
            return
        # an empty mount point in place of a share says nothing about its files: believed the second time
        same_root, self._scanned_root = self._scanned_root == self._root.identity, self._root.identity
        if same_root and not result.trouble_count:
            present = {path for path, _ in result.files}
            self._memory.retain(present)
            self._failing.retain(present)
        self._others.replace(result.others)
        self._scan_troubles = _describe(result.troubles, result.trouble_count)
        self._hints_since_scan = 0
        self._looked, self._error = True, ""
        interval_s = self._inbox.poll_s if self._root.mode is Mode.POLL else self._inbox.rescan_s
        self._next_scan_s = now_s + max(interval_s, (now_s - began_s) / _SCAN_SHARE)
        self._compare_watches(result.folders, now_s)

    def _compare_watches(self, folders: int, now_s: float) -> None:
        """Poll instead if folders stay unwatched; new ones may be about to be, so only the second time."""
        unwatched = self._root.unwatched(folders)
        if unwatched and self._unwatched:
            self._root.poll_instead(
                f"{unwatched} of {folders} folders can't be watched (raise fs.inotify.max_user_watches)",
                now_s,
            )
            self._next_scan_s = now_s + self._inbox.poll_s
            unwatched = 0
        elif unwatched:
            self._scan_soon(now_s)
        self._unwatched = unwatched

    def _scan_soon(self, now_s: float) -> None:
        self._next_scan_s = min(self._next_scan_s, now_s + _FOLLOW_UP_S)

    def _take_hints(self, mail: Mail) -> None:
        now_s = self._clock()
        for relative in mail.folders:
            if self._inbox.recursive and not _below_any(relative, mail.folders):
                self._look_into(relative)
        if mail.folders or self._hints_since_scan > _BURST_HINTS:
            # what came into a new folder before it was watched, or was dropped on the way, raises no event
            self._scan_soon(now_s)
        for relative in mail.files:
            self._look_at(relative)
        self._others.look_at(relative for relative in mail.files if self._is_inside(relative))

    def _look_into(self, relative: str) -> None:
        if not self._rules.enters_path(relative) or self._is_excluded(relative):
            return
        try:
            result = scan(self._plan, below=relative, stop=self._stopping.is_set)
        except OSError:  # gone already, or unreadable: the scan that follows tells
            return
        self._others.add(result.others)
        for path, identity in result.files:
            self._discover(path, identity, self._clock())

    def _look_at(self, relative: str) -> None:
        if not self._rules.takes_path(relative) or not self._is_inside(relative):
            return
        path = self.path.joinpath(*relative.split("/"))
        try:
            identity = Identity.of(path)
        except OSError as error:
            logger.debug("{}: {}", path, error)
            return
        if identity is not None:
            self._discover(path, identity, self._clock())
        elif path not in self._settler:
            self._memory.pop(path)

    def _is_inside(self, relative: str) -> bool:
        """Tell whether a file is one of this inbox by the folder that it lies in."""
        return (self._inbox.recursive or "/" not in relative) and not self._is_excluded(relative)

    def _is_excluded(self, relative: str) -> bool:
        if not self._plan.exclude:
            return False
        path = self.path.joinpath(*relative.split("/"))
        return any(str(folder) in self._plan.exclude for folder in (path, *path.parents))

    def _discover(self, path: Path, identity: Identity, now_s: float) -> None:
        """Let a file settle that was seen now, unless it has been dealt with as it is; errors are this file's alone."""
        if self._failing.rests(path, identity, now_s):
            return
        try:
            self._admit(path, identity, now_s)
        except Exception as error:  # noqa: BLE001 - one odd file must not keep the others from being seen
            self._failed(path, identity, error, now_s)

    def _failed(self, path: Path, identity: Identity, error: Exception, since_s: float) -> None:
        """Try a file again that met an error which nobody expected; report it when that has happened too often."""
        given_up = self._failing.failed(path, identity, named(error), self._clock()) or self._drain
        logger.opt(exception=error).error("{}: {}", path, "given up" if given_up else "something failed, trying again")
        self._settler.forget(path)
        self._asked.pop(path, None)
        if not given_up:
            self._memory.pop(path)
            self._next_scan_s = min(self._next_scan_s, self._clock() + RETRY_S)
            return
        self._failing.forget(path)
        self._memory.keep(path, identity, Dealt.REPORTED, since_s)
        try:
            self._on_report(Report(path, identity, ReportKind.FAILED, unexpected_reason(error), self.path))
        except Exception as second:  # noqa: BLE001 - nothing is left to try
            logger.opt(exception=second).error("{}: could not be reported", path)

    def _admit(self, path: Path, identity: Identity, now_s: float) -> None:
        remembered = self._memory.get(path)
        if remembered is not None and remembered.identity == identity:
            return
        if path not in self._settler:
            self._memory.pop(path)
            if self._known(path, identity):
                self._memory.keep(path, identity, Dealt.KNOWN, now_s)
                return
            self._asked[path] = identity
        self._settler.add(path, identity, now_s)

    def _take_back(self, request: AgainRequest) -> None:
        """Let a file settle once more, without asking whether it is known."""
        path, now_s = request.path, self._clock()
        remembered = self._memory.get(path)
        if path in self._settler:
            return
        if remembered is not None and request.identity not in {None, remembered.identity}:
            return  # the work was about what the file was before; what it is now has been dealt with
        try:
            identity = Identity.of(path)
        except OSError as error:
            logger.debug("{}: {}", path, error)
            identity = None
        self._memory.pop(path)
        if identity is None:
            return
        self._asked[path] = None
        if request.reason and remembered is not None and remembered.identity == identity:
            self._settler.again(path, identity, remembered.since_s, request.reason, now_s)
        else:
            self._settler.add(path, identity, now_s)

    def _deliver(self, verdicts: Sequence[SettleVerdict]) -> None:
        for verdict in verdicts:
            if self._stopping.is_set():
                return
            try:
                self._hand_out(verdict)
            except Exception as error:  # noqa: BLE001 - whoever takes files may fail; this file comes again
                self._failed(verdict.path, verdict.identity, error, verdict.since_s)
            else:
                self._failing.forget(verdict.path)

    def _hand_out(self, verdict: SettleVerdict) -> None:
        path, identity = verdict.path, verdict.identity
        stays = verdict.outcome in {SettleOutcome.STILL_CHANGING, SettleOutcome.UNREADABLE, SettleOutcome.WAITING}
        asked = self._asked.get(path) if stays else self._asked.pop(path, None)
        if verdict.outcome is SettleOutcome.GONE:
            self._memory.pop(path)
            return
        if asked is not None and asked != identity and self._known(path, identity):
            if not stays:
                self._memory.keep(path, identity, Dealt.KNOWN, verdict.since_s)
            return
        if verdict.outcome is SettleOutcome.READY:
            self._on_ready(ReadyFile(path, identity, self.path, self._clock() - verdict.since_s))
            self._memory.keep(path, identity, Dealt.AT_WORK, verdict.since_s)
            return
        if verdict.outcome is SettleOutcome.WAITING:  # nothing is wrong with it: the status has it, the history not
            logger.info("{}: waits: {}", path, verdict.reason)
            return
        kind = _REPORT_KINDS[verdict.outcome]
        self._on_report(Report(path, identity, kind, verdict.reason, self.path))
        if not stays:
            self._memory.keep(path, identity, Dealt.REPORTED, verdict.since_s)

    def _sleep_s(self) -> float:
        due_s = self._settler.next_due_s()
        soonest_s = min(self._next_check_s, float("inf") if due_s is None else due_s)
        if self._root.present:
            soonest_s = min(soonest_s, self._next_scan_s)
        return max(0.0, soonest_s - self._clock())


def _below_any(relative: str, folders: dict[str, None]) -> bool:
    """Tell whether a folder lies in another one of `folders`, which is looked through as a whole."""
    parent = relative
    while parent:
        parent = parent.rpartition("/")[0]
        if parent in folders:
            return True
    return False


def _describe(troubles: Sequence[str], count: int) -> str:
    if not count:
        return ""
    more = f" and {count - len(troubles)} more" if count > len(troubles) else ""
    return f"not everything can be read: {'; '.join(troubles)}{more}"
