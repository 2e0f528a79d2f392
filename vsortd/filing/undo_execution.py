"""Undo's effects: the files of an item go back where they came from, or all of it stays as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vsortd.core.outcomes import ItemState
from vsortd.core.system.fault_points import Point
from vsortd.core.text import storable
from vsortd.errors import ChangedError, FilingError, VsortdError
from vsortd.filing.name_fit import NameFit, notes, refused
from vsortd.filing.records import Item, Operation, OperationKind
from vsortd.filing.staging import remove_empty_stores
from vsortd.filing.transaction_errors import NameRefusedError, StuckError, TakenError
from vsortd.filing.transfer import Conflict, Transfer, reach_quietly
from vsortd.filing.undo_checks import RefusedError, came_back

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from vsortd.filing.journal import Journal
    from vsortd.filing.open_folder import Folders
    from vsortd.filing.undo_plan import UndoPlan


def carry_out(
    journal: Journal, item: Item, plan: UndoPlan, folders: Folders, reason: str, *, cancel: threading.Event | None
) -> tuple[Item, Path]:
    """Bring an item back; returns it as it is then, and where its video is.

    Raises RefusedError, with the item as it was, when a file is not what it was or a name is taken; StoreError, and
    Cancelled once `cancel` is set.
    """
    transfer = Transfer(journal, folders, cancel)
    operations = journal.claim(item, ItemState.UNDOING, plan.operations, hold=plan.hold(item))
    if operations is None:
        raise RefusedError("another process is at work on it")
    reach_quietly(Point.UNDO_AFTER_INTENT)
    if not operations:
        return journal.finish(item, ItemState.UNDONE, reason=reason), plan.back_at(item)
    fit = NameFit()
    try:
        while True:
            try:
                done = transfer.carry_out(operations, Conflict.ROLL_BACK)
                break
            except NameRefusedError as refusal:  # the inbox is on another disk by now
                operations, fit = _redirect(journal, item, operations, fit, refusal)
    except BaseException as error:
        _give_up(journal, item, operations, error)
        if isinstance(error, TakenError):
            raise RefusedError(f"there is another file at {error.path}") from error
        if isinstance(error, (FilingError, ChangedError)):
            raise RefusedError(str(error)) from error
        raise
    reach_quietly(Point.UNDO_BEFORE_DONE)
    back_at = plan.back_at(item) if plan.source is not None else done[0].target
    fitted = notes(plan.back_at(item), back_at)
    reason = "; ".join(filter(None, (reason, *fitted, *transfer.notes)))
    item = journal.finish(item, ItemState.UNDONE, done, reason=reason, held=came_back(done))
    remove_empty_stores(done)
    reach_quietly(Point.UNDO_AFTER_DONE)
    return item, back_at


def _redirect(
    journal: Journal, item: Item, operations: list[Operation], fit: NameFit, refusal: NameRefusedError
) -> tuple[list[Operation], NameFit]:
    """Bring the files back under names that their disk takes. Raises FilingError where there are none."""
    back = [one for one in operations if one.destination is not None]
    names = [one.target.name for one in back]
    other = fit.after(refusal, names)
    if other is None:
        raise refused(refusal) from refusal
    named = {one.id: one.target.with_name(name) for one, name in zip(back, other.names(names), strict=True)}
    moved = [replace(one, destination=named.get(one.id)) for one in operations]
    journal.redirect(item, moved, hold=moved[0].destination if moved[0].kind is OperationKind.RESTORE else None)
    return moved, other


def _give_up(journal: Journal, item: Item, operations: list[Operation], error: BaseException) -> None:
    """Write that the item is placed as before; one that is stuck half way is recovery's business."""
    if isinstance(error, StuckError):
        return
    try:
        journal.finish(item, item.outcome, [one.taken_back() for one in operations])
    except VsortdError as second:
        error.add_note(storable(second))
