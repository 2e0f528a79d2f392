"""What is worth a notification: one for each batch of videos, failures once. Pure: the time comes with each call."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.core.text import printable
from vsortd.tray.state import counted, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vsortd.core.documents import ItemDocument

# A batch is over when nothing came for so long and the daemon has nothing left to do. Copying a folder leaves gaps
# between the files: shorter, and it would be told of in pieces.
QUIET_S = 4.0
# ... or when nothing came for so long and nothing is under way: what waits is paused, or still growing.
STALLED_S = 30.0
# ... or whatever the daemon does: one video that takes this long must not keep the news of the others.
LONGEST_QUIET_S = 600.0
# Failures need somebody: they are told soon, those of the same moment together.
FAILURE_QUIET_S = 3.0
FAILURE_LONGEST_S = 15.0
# The same trouble of the daemon is not told again within this time, however often it comes and goes.
TROUBLE_AGAIN_S = 3600.0
_NAMED = 3
_RULES_NAMED = 4
_LINE_CHARS = 160


@dataclass(frozen=True, slots=True)
class Note:
    """A notification: a headline and a few lines."""

    title: str
    body: str = ""

    @property
    def line(self) -> str:
        """Return it on one line, for the log."""
        return f"{self.title}: {self.body}".replace("\n", "; ").removesuffix(": ")


class Notes:
    """Gathers what happens and gives it out as few notifications; times are seconds of one steadily rising clock."""

    def __init__(self, *, batches: bool = True, failures: bool = True) -> None:
        self.batches = batches
        self.failures = failures
        self._placed: dict[int, ItemDocument] = {}
        self._placed_at = 0.0
        self._failed: dict[str, str] = {}
        self._failed_first, self._failed_at = 0.0, 0.0
        self._told_failed: set[str] = set()
        self._troubles: dict[str, float] = {}
        self._trouble_notes: list[Note] = []
        self._idle = True
        self._working = False

    def item(self, item: ItemDocument, now_s: float) -> None:
        """Note that a video reached its end."""
        state, source = item["state"], str(item["source"])
        if state in {"filed", "review", "rejected"}:
            self._placed[item["id"]] = item
            self._placed_at = now_s
            self._told_failed.discard(source)  # should it fail later, that is another failure
            self._failed.pop(source, None)
        elif state == "failed":
            if source not in self._told_failed and source not in self._failed:
                self._failed_first = self._failed_first if self._failed else now_s
                self._failed_at = now_s
                self._failed[source] = item.get("reason") or ""
        else:
            self._placed.pop(item["id"], None)  # undone before it was told: as if it had not been

    def status(self, *, idle: bool, working: bool, troubles: Iterable[str], now_s: float) -> None:
        """Note what the daemon does: whether nothing is left, whether something is under way, what it complains of."""
        self._idle, self._working = idle, working
        for line in troubles:
            last = self._troubles.get(line)
            self._troubles[line] = now_s
            if last is None or now_s - last > TROUBLE_AGAIN_S:
                self._trouble_notes.append(Note("vsortd needs you", shortened(line, _LINE_CHARS)))

    def gone(self) -> None:
        """Note that the daemon is gone: nothing more comes of what was under way."""
        self._idle, self._working = True, False

    def wait_s(self, now_s: float) -> float | None:
        """Return in how many seconds `due` may have something, or None when nothing is gathered."""
        if self._trouble_notes:
            return 0.0
        ends = []
        if self._placed:
            ends.append(self._placed_at + self._quiet_s())
        if self._failed:
            ends.append(min(self._failed_at + FAILURE_QUIET_S, self._failed_first + FAILURE_LONGEST_S))
        return max(0.0, min(ends) - now_s) if ends else None

    def due(self, now_s: float) -> list[Note]:
        """Return the notifications whose time has come, and forget them; what is switched off is left out."""
        notes = []
        if self._placed and now_s >= self._placed_at + self._quiet_s():
            if self.batches:
                notes += batch_note(tuple(self._placed.values()))
            self._placed.clear()
        quiet = now_s >= self._failed_at + FAILURE_QUIET_S or now_s >= self._failed_first + FAILURE_LONGEST_S
        if self._failed and quiet:
            if self.failures:
                notes.append(failure_note(self._failed))
            self._told_failed |= self._failed.keys()
            self._failed.clear()
        if self.failures:
            notes += self._trouble_notes
        self._trouble_notes.clear()
        return notes

    def _quiet_s(self) -> float:
        return batch_quiet_s(idle=self._idle, working=self._working)


def batch_quiet_s(*, idle: bool, working: bool) -> float:
    """Return after how many seconds without a video a batch is over: when nothing is left to do, or under way."""
    if idle:
        return QUIET_S
    return LONGEST_QUIET_S if working else STALLED_S


def batch_note(items: Iterable[ItemDocument]) -> list[Note]:
    """Return the notification of a batch: "23 videos filed, 2 to review", and where they went; none for an empty one.

    Videos that were not accepted are told only beside others: they are where the user put them.
    """
    items = list(items)
    states = Counter(item["state"] for item in items)
    filed, review, rejected = states["filed"], states["review"], states["rejected"]
    if not filed and not review:
        return []
    title = counted(filed, "video", "videos") + " filed" if filed else counted(review, "video", "videos") + " to review"
    if filed and review:
        title += f", {review} to review"
    if rejected:
        title += f", {rejected} not accepted"
    if len(items) == 1:
        item = items[0]
        return [Note(title, _line(Path(item["source"]).name, item.get("rule") if filed else item.get("reason")))]
    rules = Counter(item.get("rule") or "" for item in items if item["state"] == "filed")
    parts = [f"{rule} {number}" for rule, number in rules.most_common(_RULES_NAMED)]
    if (more := len(rules) - _RULES_NAMED) > 0:
        parts.append(f"and {counted(more, 'other folder', 'other folders')}")
    return [Note(title, printable(", ".join(parts)))]


def failure_note(reasons: Mapping[str, str]) -> Note:
    """Return the notification of failures; `reasons` by the file's path. The files are where they were."""
    title = counted(len(reasons), "video", "videos") + " could not be filed"
    lines = [_line(Path(source).name, reason) for source, reason in list(reasons.items())[:_NAMED]]
    if (more := len(reasons) - _NAMED) > 0:
        lines.append(f"and {more} more; see `vsortd history`")
    return Note(title, "\n".join(lines))


def _line(name: str, what: str | None) -> str:
    return shortened(printable(f"{name}: {what}" if what else name), _LINE_CHARS)
