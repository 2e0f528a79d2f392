"""A decision on a video that lies where it belongs already: in the journal like a filing, but nothing moves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vsortd.core.outcomes import ItemState
from vsortd.core.system.fault_points import Point
from vsortd.errors import ChangedError, VsortdError
from vsortd.filing.journal import new_transaction_id, numbered
from vsortd.filing.open_folder import identity_of
from vsortd.filing.placement import new_item
from vsortd.filing.records import IdentityMatch, Operation, OperationKind, OperationState, Phase, likeness
from vsortd.filing.recover import recover
from vsortd.filing.staying import PUT_SIDECAR
from vsortd.filing.transaction_errors import BusyError
from vsortd.filing.transfer import reach_quietly

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.core.identity import Identity
    from vsortd.filing.journal import Journal
    from vsortd.filing.records import Item


def stay(
    journal: Journal,
    before: Item,
    identity: Identity,
    *,
    rule: str,
    reason: str,
    batch: str,
    by_hand: Callable[[Item], None],
) -> Item:
    """Write that a placed video counts as filed where it lies, in the place of the item that had put it there.

    Undone, that item stands again; the file is not touched either way. `by_hand` is called with the new item before
    it counts; what it writes counts if and as long as the item does. Raises ChangedError, StoreError.
    """
    assert before.destination is not None
    transaction_id = new_transaction_id()
    item = replace(
        new_item(before.destination, identity, ItemState.PLACING, reason, batch=batch),
        outcome=ItemState.FILED,
        destination=before.destination,
        rule=rule,
        score=1.0,
        margin=1.0,
        detail={"tags": list(before.tags)},
        library=before.library,
        transaction_id=transaction_id,
    )
    with journal.at_work(transaction_id):
        operations = numbered(_lying(journal, before, identity), transaction_id, Phase.PLACE, 0)
        try:
            item, operations = journal.begin(item, operations)
        except BusyError:
            recover(journal)
            item, operations = journal.begin(item, operations)
        reach_quietly(Point.PLACE_AFTER_INTENT)
        try:
            by_hand(item)
            _see_unchanged(before.destination, identity)
        except BaseException as error:
            _give_up(journal, item, operations, error)
            raise
        reach_quietly(Point.PLACE_BEFORE_DONE)
        item = journal.finish(item, ItemState.FILED, [one.done(one.identity) for one in operations])
        reach_quietly(Point.PLACE_AFTER_DONE)
    return item


def _lying(journal: Journal, before: Item, identity: Identity) -> list[Operation]:
    """Return operations that say where the video and its sidecars lie: done already, from and to the same place."""
    assert before.destination is not None
    found = [Operation(OperationKind.MOVE, Phase.PLACE, before.destination, before.destination, identity)]
    for one in journal.operations(before.id):
        if one.kind in PUT_SIDECAR and one.state is OperationState.DONE:
            lies = one.destination_identity or one.identity
            found.append(Operation(OperationKind.SIDECAR, Phase.PLACE, one.target, one.target, lies))
    return [replace(one, state=OperationState.DONE) for one in found]


def _see_unchanged(path: Path, identity: Identity) -> None:
    if likeness(identity, identity_of(path)) is not IdentityMatch.SAME:
        raise ChangedError(f"{path.name} changed after it was looked at")


def _give_up(journal: Journal, item: Item, operations: list[Operation], error: BaseException) -> None:
    """Write that nothing was decided; what can't be written now recovery writes later."""
    try:
        journal.finish(item, ItemState.ROLLED_BACK, [one.taken_back() for one in operations], reason=str(error))
    except VsortdError as second:
        error.add_note(str(second))
