"""Undo: filings are taken back one by one, newest first, each journalled like a move."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vsortd.core.moments import local_text
from vsortd.core.outcomes import UNDOABLE, ItemState
from vsortd.core.system.fault_points import Point
from vsortd.core.text import storable
from vsortd.errors import Cancelled, ChangedError, FilingError, VsortdError, unexpected_reason
from vsortd.filing import queries
from vsortd.filing.journal import numbered
from vsortd.filing.name_fit import NameFit, notes, refused
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
from vsortd.filing.recover import recover
from vsortd.filing.sidecar_return import sidecar_back
from vsortd.filing.staging import remove_empty_stores
from vsortd.filing.staying import PUT_VIDEO, stayed
from vsortd.filing.transaction_errors import NameRefusedError, StuckError, TakenError
from vsortd.filing.transfer import Conflict, Transfer, reach_quietly
from vsortd.filing.undo_checks import RefusedError, as_put, came_back, held_once_back, now_at
from vsortd.filing.undo_staying import plan_staying
from vsortd.filing.unexpected import log_unexpected

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from vsortd.core.documents import MissingFileDocument, UndoDocument
    from vsortd.core.identity import Identity
    from vsortd.filing.journal import Journal
    from vsortd.filing.staying import StayedSource


@dataclass(frozen=True, slots=True)
class Selection:
    """Which items to undo: these ids, else the placed ones that fit. `since` is in Unix seconds."""

    ids: tuple[int, ...] = ()
    last: int | None = None
    since: float | None = None
    batch: str | None = None
    all: bool = False


@dataclass(frozen=True, slots=True)
class MissingFile:
    """A file that undo could not bring back: where it came from, and why not."""

    path: Path
    reason: str

    def sentence(self) -> str:
        """Say it for the history."""
        return f"{storable(self.path.name)} did not come back: {self.reason}"

    def to_json(self) -> MissingFileDocument:
        """Return it as `undo --json` prints it."""
        return {"path": storable(self.path), "reason": self.reason}


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


@dataclass(frozen=True, slots=True)
class _Plan:
    """`operations` bring the video and its sidecars back, the video first; none where all of it stays.

    `source` is where a video is that stayed where it came from: what was made of it is removed from the library.
    """

    operations: list[Operation]
    missing: list[MissingFile]
    notes: list[str]
    source: StayedSource | None = None

    def comes_to(self) -> tuple[Path, Identity] | None:
        """Return the path and the identity that the video has afterwards; None where nothing is known to have moved."""
        if self.source is not None or not self.operations:
            return self.source
        return self.operations[0].target, self.operations[0].identity

    def hold(self, item: Item) -> tuple[Path, Identity] | None:
        """Return the path and the identity of the file that is not to be sorted from now on."""
        return self.comes_to() if held_once_back(item) else None

    def back_at(self, item: Item) -> Path:
        """Return where the video is afterwards."""
        there = self.comes_to()
        return item.source if there is None else there[0]


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


def _note(report: UndoReport, item: Item, back_at: Path, plan: _Plan) -> None:
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
) -> tuple[Item, Path, _Plan]:
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
        return (*_carry_out(journal, item, plan, Transfer(journal, folders, cancel), reason), plan)


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


def _plan(journal: Journal, item: Item, folders: Folders) -> _Plan:
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
        plan = _Plan(taking.operations, [], taking.notes, taking.source)
    else:
        plan = _plan_moved(item, operations, video, folders)
    back = sidecar_back(item, there, folders, stayed=stayed(there, video))
    plan.operations.extend(back.operations)
    plan.missing.extend(MissingFile(*one) for one in back.missing)
    plan.notes.extend(back.notes)
    first = 1 + max(one.number for one in operations)
    return replace(plan, operations=numbered(plan.operations, item.transaction_id, Phase.UNDO, first))


def _plan_moved(item: Item, operations: Sequence[Operation], video: Operation, folders: Folders) -> _Plan:
    """Work out what brings back a video that was moved, or is to stay where it was decided on."""
    done = [one for one in operations if one.phase is Phase.PLACE]
    there = [one for one in done if one.state is OperationState.DONE]
    plan = _Plan([], [], [])
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


def _add_sidecars(plan: _Plan, there: Sequence[Operation], folders: Folders) -> None:
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


def _check_free(plan: _Plan, promised: set[Path]) -> None:
    for one in plan.operations:
        if one.destination is not None and (one.target in promised or os.path.lexists(one.target)):
            raise RefusedError(f"there is another file at {one.target}")


def _carry_out(journal: Journal, item: Item, plan: _Plan, transfer: Transfer, reason: str) -> tuple[Item, Path]:
    """Bring an item back; returns it as it is then, and where its video is."""
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
