"""Undo: filings are taken back one by one, newest first, each journalled like a move."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vsortd.core.moments import local_text
from vsortd.core.outcomes import UNDOABLE, ItemState
from vsortd.core.text import storable
from vsortd.errors import Cancelled, FilingError, VsortdError, unexpected_reason
from vsortd.filing import queries
from vsortd.filing.journal import numbered
from vsortd.filing.open_folder import Folders
from vsortd.filing.records import (
    FOUND,
    FOUND_REASON,
    Item,
    Operation,
    OperationKind,
    OperationState,
    Phase,
)
from vsortd.filing.sidecar_return import sidecar_back
from vsortd.filing.staying import PUT_VIDEO, stayed
from vsortd.filing.undo_checks import RefusedError, as_put, now_at
from vsortd.filing.undo_plan import MissingFile, UndoPlan
from vsortd.filing.undo_staying import plan_staying
from vsortd.filing.unexpected import log_unexpected

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from vsortd.core.documents import UndoDocument
    from vsortd.filing.journal import Journal


@dataclass(frozen=True, slots=True)
class Selection:
    """Which items to undo: these ids, else the placed ones that fit. `since` is in Unix seconds."""

    ids: tuple[int, ...] = ()
    last: int | None = None
    since: float | None = None
    batch: str | None = None
    all: bool = False


@dataclass(frozen=True, slots=True)
class UndoReport:
    """The items whose files are back where they came from, and those refused, each with the reason."""

    undone: list[Item] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    left: list[int] = field(default_factory=list)  # not looked at: it was called off before
    missing: dict[int, list[MissingFile]] = field(default_factory=dict)  # by the item's id: what did not come back
    back_at: dict[int, Path] = field(default_factory=dict)  # by the item's id: where its video is, or would be, now
    stayed: set[int] = field(default_factory=set)  # ids of items whose video had stayed there: no file came back
    held: set[int] = field(default_factory=set)  # ids of items whose video is not sorted again until it is released

    @property
    def moves(self) -> list[tuple[Path, Path]]:
        """From where to where the videos went, in their order; without those that stayed where they were."""
        found = [(item.destination, self.back_at[item.id]) for item in self.undone]
        return [(before, after) for before, after in found if before is not None and before != after]

    def to_json(self) -> UndoDocument:
        """Return it as the control API sends it."""
        return {
            "undone": [
                {
                    **item.to_json(),
                    "back_at": storable(self.back_at[item.id]),
                    "missing": [one.to_json() for one in self.missing.get(item.id, ())],
                    "stayed": item.id in self.stayed,
                    "held": item.id in self.held,
                }
                for item in self.undone
            ],
            "refused": [{"id": number, "reason": reason} for number, reason in self.refused],
            "left": self.left,
        }


def undo(
    journal: Journal,
    selection: Selection,
    *,
    dry_run: bool = False,
    cancel: threading.Event | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> UndoReport:
    """Bring the selected items' files back, and hold them, so that they are not sorted again.

    An item is refused when its files are no longer what was put there, or their old names are taken; the others
    go on. With `dry_run` the same checks are made and nothing is touched. `on_progress` gets how many are through
    and how many there are. Once `cancel` is set, the item in hand stays as it was, and so do those after it.
    Raises StoreError.
    """
    if not dry_run:
        from vsortd.filing.recover import recover  # with all that moves files, which a dry run can do without

        recover(journal)  # what a dead process left half way is finished or put back first
    report = UndoReport()
    promised: set[Path] = set()  # names that a dry run has given away already
    chosen = list(_select(journal, selection))
    for done, number in enumerate(chosen):
        if on_progress is not None:
            on_progress(done, len(chosen))
        if cancel is not None and cancel.is_set():
            report.left.extend(chosen[done:])
            break
        try:
            item, back_at, plan = _undo(
                journal, number, promised, report.back_at.keys(), dry_run=dry_run, cancel=cancel
            )
            _note(report, item, back_at, plan)
        except RefusedError as refusal:
            report.refused.append((number, storable(refusal)))
        except Cancelled:
            report.left.extend(chosen[done:])
            break
        except VsortdError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the others come back
            log_unexpected(f"#{number} could not be taken back", error)
            report.refused.append((number, storable(unexpected_reason(error))))
    return report


def _note(report: UndoReport, item: Item, back_at: Path, plan: UndoPlan) -> None:
    """Note what became of an item that was taken back."""
    report.undone.append(item)
    report.back_at[item.id] = back_at
    report.missing[item.id] = plan.missing
    if plan.source is not None:
        report.stayed.add(item.id)
    if plan.hold(item) is not None:
        report.held.add(item.id)


def _select(journal: Journal, selection: Selection) -> Iterator[int]:
    if selection.ids:
        yield from sorted(set(selection.ids), reverse=True)
    elif selection.all or selection.last is not None or selection.since is not None or selection.batch is not None:
        yield from queries.select_placed(journal.db, last=selection.last, since=selection.since, batch=selection.batch)


def _undo(
    journal: Journal,
    number: int,
    promised: set[Path],
    undone: Collection[int],
    *,
    dry_run: bool,
    cancel: threading.Event | None,
) -> tuple[Item, Path, UndoPlan]:
    """Take one item back; returns it as it is then, where its video is or would be, and what brought it back."""
    item = journal.item(number)
    if item is None:
        raise RefusedError("there is no such item")
    if item.item_state not in UNDOABLE:
        raise RefusedError(_why_not(item))
    with journal.at_work(item.transaction_id), Folders(item.library) as folders:
        _see_that_it_stands(journal, item, undone)
        try:
            plan = _plan(journal, item, folders)
        except FilingError as error:
            raise RefusedError(str(error)) from error
        except RefusedError as refusal:
            _refuse_if_filed_again(journal, item, refusal)
            raise
        if not plan.operations and plan.source is None:  # only a decision: its video may have gone on
            _refuse_if_filed_again(journal, item, None, undone)
        if plan.source is not None and all(one.kind is not OperationKind.REMOVE_PLACED for one in plan.operations):
            _refuse_if_filed_again(journal, item, None)
        _check_free(plan, promised)
        promised.update(one.target for one in plan.operations if one.destination is not None)
        reason = "; ".join(filter(None, (item.reason, *(one.sentence() for one in plan.missing), *plan.notes)))
        if dry_run:
            return replace(item, reason=reason), plan.back_at(item), plan
        from vsortd.filing.undo_execution import carry_out

        return (*carry_out(journal, item, plan, folders, reason, cancel=cancel), plan)


def _refuse_if_filed_again(
    journal: Journal, item: Item, refusal: RefusedError | None, undone: Collection[int] = ()
) -> None:
    """Refuse an item whose video went on from where it was put, by a younger item that is not `undone` already."""
    later = None if item.destination is None else journal.placed_from(item.destination)
    if later is not None and later.id != item.id and later.id not in undone:
        raise RefusedError(f"it was filed again from there: undo #{later.id} first") from refusal


def _see_that_it_stands(journal: Journal, item: Item, undone: Collection[int]) -> None:
    """Refuse an item whose video was decided on anew where it lies: that goes first, if it is not `undone` already."""
    decided = [] if item.destination is None else queries.decided_at(journal.db, item.destination, after=item.id)
    if later := next((number for number in decided if number not in undone), None):
        raise RefusedError(f"you decided on it since: undo #{later} first")


def _why_not(item: Item) -> str:
    if item.item_state is ItemState.UNDONE:
        return "it is undone already"
    if item.item_state in {ItemState.UNDOING, ItemState.EXPIRING, ItemState.PLACING}:
        return "it is in work just now"
    return f"it was never moved ({item.state})"


def _plan(journal: Journal, item: Item, folders: Folders) -> UndoPlan:
    """Work out what brings an item back, and see that every file is still what was put there."""
    operations = journal.operations(item.id)
    there = [one for one in operations if one.phase is Phase.PLACE and one.state is OperationState.DONE]
    video = next((one for one in there if one.kind in PUT_VIDEO), None)
    if video is None and item.detail.get(FOUND):
        raise RefusedError(FOUND_REASON)
    if video is None:
        raise RefusedError("the journal does not know where its video went")
    if stayed(there, video):
        taking = plan_staying(there, video, folders)
        plan = UndoPlan(taking.operations, [], taking.notes, taking.source)
    else:
        plan = _plan_moved(item, operations, video, folders)
    back = sidecar_back(item, there, folders, stayed=stayed(there, video))
    plan.operations.extend(back.operations)
    plan.missing.extend(MissingFile(*one) for one in back.missing)
    plan.notes.extend(back.notes)
    first = 1 + max(one.number for one in operations)
    return replace(plan, operations=numbered(plan.operations, item.transaction_id, Phase.UNDO, first))


def _plan_moved(item: Item, operations: Sequence[Operation], video: Operation, folders: Folders) -> UndoPlan:
    """Work out what brings back a video that was moved, or is to stay where it was decided on."""
    done = [one for one in operations if one.phase is Phase.PLACE]
    there = [one for one in done if one.state is OperationState.DONE]
    plan = UndoPlan([], [], [])
    kept = next((one for one in there if one.kind is OperationKind.KEEP), None)
    if video.stays:
        pass  # whatever became of the file: only what was decided of it is taken back
    elif video.kind is OperationKind.MOVE:
        plan.operations.append(_back(video, OperationKind.RESTORE, folders))
    elif kept is not None and now_at(kept.target, folders) is not None:
        plan.operations.append(_back(kept, OperationKind.RESTORE, folders))
    else:
        beside = replace(video, source=item.source.with_suffix(video.target.suffix))
        plan.operations.append(_back(beside, OperationKind.RESTORE, folders))
        plan.missing.append(
            MissingFile(
                item.source, _why_no_original(done, [one for one in operations if one.kind is OperationKind.EXPIRE])
            )
        )
        plan.notes.append(f"{storable(beside.source)} came back, the MP4 that was made of it")
    _add_sidecars(plan, there, folders)
    if video.kind is OperationKind.PUBLISH and plan.operations[0].source != video.target:
        plan.operations.append(_removal(video, folders))
    return plan


def _add_sidecars(plan: UndoPlan, there: Sequence[Operation], folders: Folders) -> None:
    for one in there:
        if one.kind is OperationKind.SIDECAR and not one.stays:
            if now_at(one.target, folders) is None:
                plan.missing.append(MissingFile(one.source, f"it is no longer at {storable(one.target)}"))
            else:
                plan.operations.append(_back(one, OperationKind.RESTORE_SIDECAR, folders))


def _why_no_original(done: Sequence[Operation], removed: Sequence[Operation]) -> str:
    """Say since when the original of a conversion is no longer kept."""
    kept = next((one for one in done if one.kind is OperationKind.KEEP), None)
    if kept is not None and kept.state is OperationState.EXPIRED and removed:
        day = local_text(removed[-1].time)[: len("2026-11-20")]
        return f"its time as an original was over, and it was removed on {day}"
    return "it is no longer among the originals" if kept is None else f"it is no longer at {storable(kept.target)}"


def _back(one: Operation, kind: OperationKind, folders: Folders) -> Operation:
    now = as_put(one, folders, sure=False)
    return Operation(kind, Phase.UNDO, one.target, one.source, now)


def _removal(video: Operation, folders: Folders) -> Operation:
    return Operation(OperationKind.REMOVE_CONVERTED, Phase.UNDO, video.target, None, as_put(video, folders, sure=True))


def _check_free(plan: UndoPlan, promised: set[Path]) -> None:
    for one in plan.operations:
        if one.destination is not None and (one.target in promised or os.path.lexists(one.target)):
            raise RefusedError(f"there is another file at {one.target}")
