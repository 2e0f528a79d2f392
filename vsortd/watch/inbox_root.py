"""The root folder of an inbox: whether it is there, is the one that is watched, and its events arrive."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from typing import TYPE_CHECKING

from loguru import logger

from vsortd.core.paths import as_on_disk
from vsortd.core.system.network_fs import network_type
from vsortd.errors import VsortdError
from vsortd.watch.events import EventWatch, HintSink
from vsortd.watch.inbox_claim import InboxClaim
from vsortd.watch.types import Health, Mode

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.watch.types import InboxLike

_LIMIT_REMEDY = "raise fs.inotify.max_user_watches and fs.inotify.max_user_instances"


def _unwritable(folder: Path) -> str:
    """Return why files can't be taken out of a folder, "" if they can or it can't be told.

    Only of the folder as a whole: a file may be kept in it for reasons of its own.
    """
    if sys.platform == "win32":  # there the mark on a folder says something else
        return ""
    try:
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            return "it is mounted read-only (a card's lock?)"
    except OSError:
        return ""
    return "" if os.access(folder, os.W_OK) else "permission denied (let vsortd's user write to it)"


class InboxRoot:
    """Looks after one root: `check` finds out how it is and keeps it watched. One thread owns it.

    A root that nothing can be moved out of is as good as none, if its videos are to be moved: they would be read, and
    stay.
    """

    def __init__(self, inbox: InboxLike, sink: HintSink, *, takes_out: bool = True) -> None:
        self._inbox = inbox
        self._takes_out = takes_out
        self._sink = sink
        self._events: EventWatch | None = None
        self._claim = InboxClaim()
        self.identity: tuple[int, int] | None = None  # device and inode, None while it can't be looked into
        self._poll_told = ""  # the reason that was logged last, so that each retry is not
        self._retry_events_s = 0.0
        self.mode = Mode.POLL if str(inbox.watch) == "poll" else Mode.EVENTS
        self.health = Health.OK
        self.reason = ""

    @property
    def present(self) -> bool:
        """Whether the folder could be looked into when it was last checked."""
        return self.identity is not None

    def check(self, now_s: float) -> bool:
        """Find out how the root is, and watch it anew where needed; return whether it must be scanned now."""
        identity = self._look()
        if identity is None:
            self._lose()
            return False
        changed = identity != self.identity
        dead = self._events is not None and not self._events.alive()
        retry = self._events is None and self._wants_events() and now_s >= self._retry_events_s
        if not (changed or dead or retry):
            return False
        if not changed and not dead:
            return self._watch(now_s)
        if changed and not self._claim.take(identity):
            self._trouble(Health.TAKEN, "another vsortd watches this folder; paused until it stops")
            self._lose()
            return False
        if self.identity is not None:
            logger.info("{}: the folder was replaced; it is watched and scanned anew", self._inbox.path)
        elif self.health is not Health.OK:
            logger.info("{}: the folder can be used again", self._inbox.path)
        self.identity = identity
        self._watch(now_s)
        return True

    def unwatched(self, folders: int) -> int:
        """Return how many of the scanned folders raise no events, as far as that can be told."""
        watched = self._events.watched_folders() if self._events is not None else None
        return 0 if watched is None else max(0, folders - watched)

    def poll_instead(self, reason: str, now_s: float) -> None:
        """Give events up for a while, and scan instead."""
        self._stop_events()
        self.mode = Mode.POLL
        self.health, self.reason = Health.DEGRADED, reason
        self._retry_events_s = now_s + self._inbox.rescan_s
        if reason != self._poll_told:
            logger.warning("{}: {}; scanned every {:g} s instead", self._inbox.path, reason, self._inbox.poll_s)
        self._poll_told = reason

    def stop(self) -> None:
        """Stop watching."""
        self._stop_events()
        self._claim.release()

    def _look(self) -> tuple[int, int] | None:
        """Return the root's device and inode; note the trouble and return None if it can't be looked into."""
        path = self._inbox.path
        try:
            status = os.stat(path)  # noqa: PTH116 - follows a link: the user may well name one
        except (FileNotFoundError, NotADirectoryError):
            self._trouble(Health.MISSING, _not_there(path))
            return None
        except OSError as error:
            gone = error.errno in {errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.EIO}
            reason = f"the folder can't be read: {error.strerror or error}"
            self._trouble(Health.MISSING if gone else Health.DEGRADED, reason)
            return None
        if not stat.S_ISDIR(status.st_mode):
            self._trouble(Health.DEGRADED, "this is not a folder")
            return None
        if not os.access(path, os.R_OK | os.X_OK):
            self._trouble(Health.DEGRADED, "the folder can't be read: permission denied")
            return None
        if self._takes_out and (why := _unwritable(path)):
            self._trouble(Health.DEGRADED, f"nothing can be moved out of the folder: {why}; its videos wait")
            return None
        return status.st_dev, status.st_ino

    def _trouble(self, health: Health, reason: str) -> None:
        if (health, reason) != (self.health, self.reason):
            logger.warning("{}: {}", self._inbox.path, reason)
        self.health, self.reason = health, reason

    def _lose(self) -> None:
        """Stop watching what is no longer there; nothing is concluded about its files."""
        self._stop_events()
        self._claim.release()
        self.identity = None

    def _wants_events(self) -> bool:
        return str(self._inbox.watch) != "poll"

    def _watch(self, now_s: float) -> bool:
        """Watch the present root by events where that is wanted and works; return whether it does."""
        self._stop_events()
        self.health, self.reason = Health.OK, ""
        network = network_type(self._inbox.path) if str(self._inbox.watch) == "auto" else ""
        if network or not self._wants_events():
            self.mode = Mode.POLL
            self._retry_events_s = float("inf")
            self.reason = f"on a network filesystem ({network})" if network else ""
            return False
        try:
            self._events = EventWatch(self._inbox.path, self._sink, recursive=self._inbox.recursive)
        except OSError as error:
            remedy = f" ({_LIMIT_REMEDY})" if error.errno in {errno.ENOSPC, errno.EMFILE} else ""
            self.poll_instead(f"events can't be had: {error.strerror or error}{remedy}", now_s)
            return False
        self.mode = Mode.EVENTS
        return True

    def _stop_events(self) -> None:
        if self._events is not None:
            self._events.stop()
            self._events = None


def _not_there(path: Path) -> str:
    """Say that a folder is not there; one that came later, from a Mac say, may be called so but for its accents."""
    with contextlib.suppress(VsortdError):  # of two that are alike none is meant
        if as_on_disk(path) != path and as_on_disk(path).is_dir():
            return "the folder is there, but its name keeps its accents in another form: `vsortd reload` takes it"
    return "the folder is not there; paused until it is"
