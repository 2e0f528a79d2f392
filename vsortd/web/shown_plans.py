"""What was shown before it is done is what is done: a form sends the mark of the plan that stood beside it."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

from vsortd.core.text import storable
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vsortd.filing.undo import UndoReport
    from vsortd.library.clusters.apply import Prospect
    from vsortd.library.duplicates.lesser_copies import LesserCopy


def folders_mark(prospects: Iterable[Prospect]) -> str:
    """Return the mark of what would be filed where."""
    return _mark(
        [
            storable(one.path),
            [[member.film.id, storable(member.film.path)] for member in one.going],
        ]
        for one in prospects
    )


def copies_mark(going: Iterable[LesserCopy]) -> str:
    """Return the mark of what would be set aside for what."""
    return _mark([storable(one.member.path), storable(one.keep.path), str(one.kind)] for one in going)


def undo_mark(report: UndoReport) -> str:
    """Return the mark of what an undo would bring back, and where to."""
    return _mark([one["id"], one["destination"], one["back_at"]] for one in report.to_json()["undone"])


def insist_on_shown(shown: str, now: str) -> None:
    """See that a plan is the one that was shown. Raises UsageError."""
    if not hmac.compare_digest(shown.encode(), now.encode()):
        raise UsageError("It changed meanwhile: look again.", remedy="Nothing was done yet.")


def _mark(parts: Iterable[Any]) -> str:
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()[:32]
