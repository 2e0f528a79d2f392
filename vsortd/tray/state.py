"""What the tray shows, worked out from what the daemon told: icon, tooltip, menu. Pure: no clock, no display."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vsortd.core.documents import status_document
from vsortd.core.moments import local_moment
from vsortd.core.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vsortd.core.documents import ItemDocument, StatusDocument

SHOWN_FILINGS = 5
# More than are shown, so that there still are five when some were undone.
KEPT_FILINGS = 50
# Windows keeps 127 characters of a tooltip, and pystray raises ValueError for more.
TOOLTIP_CHARS = 120
HOUR_S = 3600.0
_SHOWN_TROUBLES = 3
_TEXT_CHARS = 60
_NAME_CHARS = 36
_PLACED = frozenset({"filed", "review"})
# States of an inbox that need nobody: it is well, or somebody paused it.
_WELL = frozenset({"ok", "paused"})


class IconState(StrEnum):
    """What the icon looks like."""

    WATCHING = "watching"
    WORKING = "working"
    PAUSED = "paused"
    TROUBLE = "trouble"


class Connection(StrEnum):
    """Whether the daemon is there."""

    ASKING = "asking"  # no answer yet, neither way
    THERE = "there"
    GONE = "gone"


class Action(StrEnum):
    """What a menu entry does."""

    PAUSE = "pause"
    PAUSE_HOUR = "pause_hour"
    RESUME = "resume"
    UNDO = "undo"
    OPEN_VIDEO = "open_video"
    REVIEW = "review"
    LIBRARY = "library"
    LOG = "log"
    PAGE = "page"
    QUIT = "quit"


@dataclass(frozen=True, slots=True)
class Filing:
    """A video that was filed, or put into review; `where` is its rule, for people."""

    id: int
    name: str
    where: str
    destination: str = ""

    @classmethod
    def of(cls, item: ItemDocument) -> Filing:
        """Make one of an entry of the history."""
        where = "review" if item["state"] == "review" else item.get("rule") or "the library"
        return cls(item["id"], Path(item["source"]).name, where, item.get("destination") or "")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the menu: what it says, what it does and to what; without action or children it only tells."""

    text: str
    action: Action | None = None
    argument: Any = None
    enabled: bool = True
    children: tuple[Entry, ...] = ()


SEPARATOR = Entry("-")


@dataclass(frozen=True, slots=True)
class TrayState:
    """What is known of the daemon: whether it is there, its last status, and the newest filings, newest first."""

    connection: Connection = Connection.ASKING
    status: StatusDocument = field(default_factory=lambda: status_document("running"))
    recent: tuple[Filing, ...] = ()

    def with_status(self, status: StatusDocument) -> TrayState:
        """Return what is known after a status came."""
        return replace(self, connection=Connection.THERE, status=status)

    def gone(self) -> TrayState:
        """Return what is known when the daemon does not answer; where things are stays known."""
        return replace(self, connection=Connection.GONE)

    def with_history(self, items: Iterable[ItemDocument]) -> TrayState:
        """Return what is known after the history was read, newest first."""
        placed = [Filing.of(item) for item in items if item["state"] in _PLACED]
        return replace(self, recent=tuple(placed[:KEPT_FILINGS]))

    def with_item(self, item: ItemDocument) -> TrayState:
        """Return what is known after a video reached its end, or was undone (then it is no filing any more)."""
        others = tuple(one for one in self.recent if one.id != item["id"])
        new = (Filing.of(item),) if item["state"] in _PLACED else ()
        return replace(self, recent=(new + others)[:KEPT_FILINGS])

    # What it means

    @property
    def icon(self) -> IconState:
        """Return the icon's state.

        A daemon that is gone is trouble. A pause comes before other trouble: it was wanted, and nothing happens
        meanwhile; the menu names the trouble all the same.
        """
        if self.connection is Connection.GONE or self.status.get("state") == "stopped":
            return IconState.TROUBLE
        if self.paused:
            return IconState.PAUSED
        if self.troubles:
            return IconState.TROUBLE
        return IconState.WORKING if self.status.get("working") else IconState.WATCHING

    @property
    def there(self) -> bool:
        """Whether the daemon answers."""
        return self.connection is Connection.THERE and self.status.get("state") != "stopped"

    @property
    def paused(self) -> bool:
        """Whether everything is paused."""
        return self.there and self.status.get("state") == "paused"

    @property
    def paused_inboxes(self) -> int:
        """How many inboxes are paused by themselves."""
        return len(self.status.get("paused", {}).get("inboxes", ())) if self.there else 0

    @property
    def idle(self) -> bool:
        """Whether nothing is left to do: nothing waits and nothing is under way."""
        return not self.status.get("queued") and not self.status.get("working")

    @property
    def troubles(self) -> tuple[str, ...]:
        """What the daemon complains of, a line each; nothing while it is gone, since it can't say."""
        if not self.there:
            return ()
        status = self.status
        lines = [status.get("model", {}).get("reason") or ""]
        unwell = [inbox for inbox in status.get("inboxes", ()) if inbox["health"] not in _WELL]
        lines += [f"{inbox['path']}: {inbox.get('reason') or inbox['health']}" for inbox in unwell]
        lines += status.get("trouble", ())
        return tuple(printable(line) for line in lines if line)

    def headline(self, now_s: float, *, numbers: bool = True) -> str:
        """Return what the daemon does, in a few words; `now_s` in Unix seconds; `numbers`: how much of it."""
        if self.connection is Connection.ASKING:
            return "vsortd: asking the daemon"
        if not self.there:
            return "vsortd is not running"
        status = self.status
        if status.get("state") == "setup":
            return "vsortd: to be set up"
        if self.paused:
            until = status.get("paused", {}).get("until")
            return "vsortd: paused" + (f" until {clock_time(until, now_s)}" if until else "")
        if not self.idle:
            return self._work_line(numbers=numbers)
        return f"vsortd: watching {counted(len(status.get('inboxes', ())), 'inbox', 'inboxes')}"

    def _work_line(self, *, numbers: bool) -> str:
        if numbers:
            return f"vsortd: {self.status.get('working', 0)} under way, {self.status.get('queued', 0)} waiting"
        return "vsortd: working" if self.status.get("working") else "vsortd: videos wait"

    def tooltip(self, now_s: float) -> str:
        """Return the tooltip, one line that fits every system: what it does, the counts, the first trouble."""
        parts = [self.headline(now_s)]
        if self.paused and not self.idle:
            parts.append(f"{self.status.get('working', 0) + self.status.get('queued', 0)} waiting")
        if self.there:
            parts += self._counts()
            if self.paused_inboxes and not self.paused:
                parts.append(f"{counted(self.paused_inboxes, 'inbox', 'inboxes')} paused")
            if self.troubles:
                parts.append(f"trouble: {self.troubles[0]}")
        return shortened(" · ".join(parts), TOOLTIP_CHARS)

    def _counts(self) -> list[str]:
        counts = self.status.get("counts", {})
        more = [f"{counts[name]} {word}" for name, word in _COUNTED if counts.get(name)]
        return [f"{counts.get('filed', 0)} filed", *more]

    def menu(self, now_s: float) -> tuple[Entry, ...]:
        """Return the menu. It tells no numbers that change all the time: some desktops close a menu that changes."""
        told = [self.headline(now_s, numbers=False), *([" · ".join(self._counts())] if self.there else [])]
        told += self.troubles[:_SHOWN_TROUBLES]
        if (more := len(self.troubles) - _SHOWN_TROUBLES) > 0:
            told.append(f"and {more} more; see `vsortd status`")
        filings = [_filing_entry(one, enabled=self.there) for one in self.recent[:SHOWN_FILINGS]]
        return (
            *(Entry(shortened(line, _TEXT_CHARS), enabled=False) for line in told),
            SEPARATOR,
            *self._pause_entries(),
            SEPARATOR,
            *(filings or [Entry("Nothing filed yet", enabled=False)]),
            SEPARATOR,
            *self._place_entries(),
            SEPARATOR,
            Entry("Quit tray", Action.QUIT),
        )

    def _pause_entries(self) -> list[Entry]:
        if self.paused:
            first = [Entry("Resume", Action.RESUME)]
        else:
            first = [Entry("Pause", Action.PAUSE, enabled=self.there)]
            if self.paused_inboxes:
                what = counted(self.paused_inboxes, "paused inbox", "paused inboxes")
                first.append(Entry(f"Resume {what}", Action.RESUME))
        return [*first, Entry("Pause for an hour", Action.PAUSE_HOUR, enabled=self.there and not self.paused)]

    def _place_entries(self) -> list[Entry]:
        library = self.status.get("library") or ""
        waiting = self.status.get("counts", {}).get("review", 0)
        page = self.there and bool(self.status.get("page", {}).get("address"))
        return [
            Entry("Open page", Action.PAGE, enabled=page),
            Entry(f"Review ({waiting})", Action.REVIEW, library, enabled=bool(library)),
            Entry("Open library", Action.LIBRARY, library, enabled=bool(library)),
            Entry("Open log", Action.LOG),
        ]


_Counted = Literal["review", "rejected", "failed", "held"]
_COUNTED: tuple[tuple[_Counted, str], ...] = (
    ("review", "to review"),
    ("rejected", "not accepted"),
    ("failed", "failed"),
    ("held", "held"),
)


def _filing_entry(filing: Filing, *, enabled: bool) -> Entry:
    name = shortened(printable(filing.name), _NAME_CHARS)
    return Entry(
        f"{name} → {shortened(printable(filing.where), _NAME_CHARS)}",
        children=(
            Entry("Open", Action.OPEN_VIDEO, filing, enabled=bool(filing.destination)),
            Entry("Undo", Action.UNDO, filing, enabled=enabled),
        ),
    )


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its noun."""
    return f"{number} {one if number == 1 else many}"


def clock_time(at_s: float, now_s: float) -> str:
    """Return a time (Unix seconds) as the clock on the wall says it, with the day when that is another one."""
    then, now = local_moment(at_s), local_moment(now_s)
    return then.strftime("%H:%M" if then.date() == now.date() else "%Y-%m-%d %H:%M")


def shortened(text: str, most: int) -> str:
    """Return text of at most so many characters; what is left out is left out in the middle, where names differ least.

    A name's beginning says what it is, its end often has the number.
    """
    if len(text) <= most:
        return text
    tail = (most - 1) // 3
    return f"{text[: most - 1 - tail]}…{text[len(text) - tail :]}"
