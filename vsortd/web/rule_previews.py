"""What the rules that somebody edits would change: the newest answer of each browser, kept to be looked through."""

from __future__ import annotations

import secrets
import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from vsortd.config.dump import fingerprint
from vsortd.core.names import nfc
from vsortd.core.text import counted
from vsortd.errors import Cancelled, UsageError
from vsortd.pipeline.rules_preview import CHANGES, PreviewOutcome, look_again

if TYPE_CHECKING:
    from vsortd.config.settings import Settings
    from vsortd.pipeline.rules_preview import PreviewItem, RulesPreview
    from vsortd.web.host import PageHost
    from vsortd.web.page_jobs import PageJob

_MOST_KEPT: Final = 3  # each holds some hundred bytes a filed video
WORDS: Final = {
    PreviewOutcome.STAYS: "stay",
    PreviewOutcome.MOVES: "would move",
    PreviewOutcome.TO_REVIEW: "to review",
    PreviewOutcome.FROM_REVIEW: "out of review",
    PreviewOutcome.REJECTED: "accepted no longer",
    PreviewOutcome.KEPT: "kept where they are",
    PreviewOutcome.UNKNOWN: "uncertain",
    PreviewOutcome.GONE: "gone",
}


@dataclass(frozen=True, slots=True)
class ShownPreview:
    """One answer, and the settings that it is of."""

    id: str
    settings: Settings
    found: RulesPreview

    @property
    def config(self) -> str:
        """The fingerprint of the settings."""
        return fingerprint(self.settings)

    @property
    def counts(self) -> list[tuple[PreviewOutcome, str, int]]:
        """Each outcome that there is, in words, and how many have it; those that are asked for first always."""
        first = (PreviewOutcome.STAYS, PreviewOutcome.MOVES, PreviewOutcome.TO_REVIEW)
        counts = self.found.counts
        return [(one, words, counts[one]) for one, words in WORDS.items() if counts[one] or one in first]

    @property
    def uncertain(self) -> int:
        """Of how many it is not known."""
        return self.found.counts[PreviewOutcome.UNKNOWN]

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why it is not known of some, and of how many."""
        return Counter(one.reason for one in self.found.items if one.outcome is PreviewOutcome.UNKNOWN).most_common()

    def items(self, outcome: str = "", rule: str = "") -> list[PreviewItem]:
        """Return the videos of an outcome, "" for all whose place would change; of those, that concern a rule."""
        wanted = CHANGES if not outcome else {one for one in PreviewOutcome if one.value == outcome}
        below = nfc(rule.strip().strip("/"))
        return [
            one
            for one in self.found.items
            if one.outcome in wanted
            and (not below or any(_is_below(nfc(key), below) for key in (one.rule_before, one.rule)))
        ]


def _is_below(key: str, rule: str) -> bool:
    return key == rule or key.startswith(f"{rule}/")


class RulePreviews:
    """The answers that are kept, and what is under way; safe on any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[bytes, threading.Event] = {}
        self._kept: OrderedDict[bytes, ShownPreview] = OrderedDict()

    def stop(self, session: bytes) -> None:
        """Call off what is under way for a browser: its text is another one now."""
        with self._lock:
            if (running := self._running.pop(session, None)) is not None:
                running.set()

    def make(self, session: bytes, host: PageHost, settings: Settings) -> ShownPreview:
        """Ask what settings would change. Raises Cancelled when the next one is asked for, ModelError, StoreError."""
        cancel = threading.Event()
        self.stop(session)
        with self._lock:
            self._running[session] = cancel
        try:
            found = host.preview_rules(settings, cancel)
        finally:
            with self._lock:
                if self._running.get(session) is cancel:
                    del self._running[session]
        made = ShownPreview(secrets.token_hex(8), settings, found)
        with self._lock:
            self._kept[session] = made
            self._kept.move_to_end(session)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return made

    def get(self, session: bytes, named: str) -> ShownPreview:
        """Return a browser's newest answer, if it is the one that it means. Raises UsageError."""
        with self._lock:
            kept = self._kept.get(session)
        if kept is None or kept.id != named:
            raise UsageError("This preview is no longer the newest.", remedy="Ask for it once more, on Rules.")
        return kept

    def look_again(self, session: bytes, named: str, host: PageHost, job: PageJob) -> tuple[str, str]:
        """Look at the videos of which a preview can't tell, as a job; what is seen is kept, and told by it then.

        Returns what to say of it, and where to look at it. Raises UsageError, ModelError, StoreError, Cancelled.
        """
        shown = self.get(session, named)

        def tell(done: int, total: int) -> None:  # what was seen until it is called off is to be told
            job.done, job.total = done, total

        with host.borrowed(job.cancel) as (own, cancel), own.tried(shown.settings, cancel=cancel) as services:
            found = look_again(services, shown.found, cancel=cancel, on_progress=tell)
        seen = replace(shown, found=found)
        with self._lock:
            if self._kept.get(session) is shown:
                self._kept[session] = seen
        if job.cancel.is_set():
            raise Cancelled
        known = shown.uncertain - seen.uncertain
        left = f"; {counted(seen.uncertain, 'is', 'are')} uncertain still" if seen.uncertain else ""
        said = f"{counted(known, 'video is', 'videos are')} certain now{left}."
        return said, f"/rules/changes?{urlencode({'of': named})}"
