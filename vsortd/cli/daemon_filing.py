"""What the daemon filed in place of a command: it may be the first to see a file settle that was put into its inbox."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vsortd.cli.common import state_folder
from vsortd.errors import DaemonUnreachableError

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from vsortd.core.documents import ItemDocument
    from vsortd.pipeline.batch import SortOutcome

_TRIES: Final = 300
_TICK_S: Final = 0.2
_NEWEST: Final = 100  # items looked through; a daemon that files more in a moment is busy with others


def as_the_daemon_filed(outcomes: Sequence[SortOutcome], cancel: threading.Event) -> list[SortOutcome]:
    """Return the outcomes with what became of the files that the daemon had in hand, once it is done with them.

    Within a minute; what takes longer stays as it is.
    """
    from vsortd.pipeline.batch import AT_WORK

    return [_filed(one, cancel) if one.reason == AT_WORK else one for one in outcomes]


def _filed(outcome: SortOutcome, cancel: threading.Event) -> SortOutcome:
    from vsortd.service.client import Client

    client = Client(state_folder())
    with contextlib.suppress(DaemonUnreachableError):  # it has ended: the file is where it was, or in the history
        for _ in range(_TRIES):
            items = client.history(last=_NEWEST)
            # what was decided of an earlier file of this name was decided before this one came
            found = next(
                (one for one in items if one["source"] == outcome.source and one["time"] >= _began(outcome)), None
            )
            if found is not None:
                return _outcome(outcome, found)
            if cancel.wait(_TICK_S):
                break
    return outcome


def _began(outcome: SortOutcome) -> str:
    """Return when the file settled, less the moment by which the daemon was first, as the journal writes times."""
    from datetime import datetime, timedelta

    return (
        (datetime.fromisoformat(outcome.time) - timedelta(seconds=1))
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def _outcome(outcome: SortOutcome, item: ItemDocument) -> SortOutcome:
    from vsortd.core.outcomes import ConversionKind, ItemState

    return replace(
        outcome,
        id=item["id"],
        batch=item["batch"],
        time=item["time"],
        state=ItemState(item["state"]),
        destination=item["destination"] or "",
        rule=item["rule"],
        score=item["score"],
        margin=item["margin"],
        converted=ConversionKind(item["converted"]),
        reason=item["reason"],
        tags=tuple(item["tags"]),
        how=item["how"],
    )
