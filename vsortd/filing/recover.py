"""Recovery: what a process left half done when it died is finished or taken back, as the disk shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vsortd.core.outcomes import ConversionKind, ItemState
from vsortd.core.system.fault_points import Point
from vsortd.core.system.os_errors import explained
from vsortd.core.text import storable
from vsortd.errors import ChangedError, FilingError, VsortdError, named
from vsortd.filing import queries
from vsortd.filing.effect_state import EffectState
from vsortd.filing.holds import DEATHS
from vsortd.filing.journal import insert_item
from vsortd.filing.open_folder import HIDDEN, Folders, identity_of, is_folder
from vsortd.filing.owners import OwnerLock
from vsortd.filing.records import Item, Operation, OperationKind, OperationState, from_blob, from_columns, utc
from vsortd.filing.staging import remove_empty_stores, remove_staging
from vsortd.filing.transaction_errors import TakenError
from vsortd.filing.transfer import Conflict, Transfer, reach_quietly
from vsortd.filing.undo_checks import came_back
from vsortd.filing.unexpected import log_unexpected

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from vsortd.core.identity import Identity
    from vsortd.filing.journal import Journal


@dataclass
class RecoveryReport:
    """What recovery did. `unresolved` items are tried again next time; `unclear` ones were left for a person."""

    finished: list[Item] = field(default_factory=list)
    rolled_back: list[Item] = field(default_factory=list)
    unclear: list[Item] = field(default_factory=list)
    unresolved: list[Item] = field(default_factory=list)
    set_aside: list[Item] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return a sentence for each thing that people should know."""
        said = [(item, f"finished: it is {item.state}") for item in self.finished]
        said += [(item, "put back") for item in self.rolled_back]
        said += [(item, f"left as it is: {item.reason}") for item in self.unclear]
        said += [(item, item.reason) for item in self.set_aside]
        return [storable(f"{item.source}: {what}") for item, what in said] + self.troubles


def recover(journal: Journal, library: Path | None = None) -> RecoveryReport:  # noqa: ARG001 - each item knows its own
    """Finish or take back whatever dead processes (and failed transactions of this one) left; idempotent.

    Living processes' work is not touched. Raises StoreError; what the filesystem refuses is in the report.
    """
    report = RecoveryReport()
    with journal.recovering:
        for owner in _owners(journal):
            if journal.is_mine(owner):
                _recover_items(journal, owner, report)
                continue
            try:
                with explained("Could not look at", journal.owners / owner):
                    lock = OwnerLock.take(journal.owners, owner)
            except FilingError as error:
                report.troubles.append(storable(error))
                continue
            if lock is None:
                continue
            done = False
            try:
                _recover_items(journal, owner, report)
                _count_deaths(journal, owner, report)
                done = _clear_staging(journal, owner, report)
            finally:
                lock.release(remove=done)
    return report


def _owners(journal: Journal) -> list[str]:
    with journal.db.read() as db:
        rows = db.execute(
            "SELECT owner FROM item WHERE owner IS NOT NULL UNION SELECT id FROM owner UNION"
            " SELECT owner FROM attempt WHERE owner IS NOT NULL UNION SELECT owner FROM staging"
        )
        return [owner for (owner,) in rows]


def _recover_items(journal: Journal, owner: str, report: RecoveryReport) -> None:
    active = journal.active()
    for item in queries.unfinished(journal.db):
        if item.owner != owner or item.transaction_id in active:
            continue
        reach_quietly(Point.RECOVER_ITEM)
        try:
            with Folders(item.library) as folders:
                _recover_item(journal, item, Transfer(journal, folders), report)
        except FilingError as error:
            report.unresolved.append(item)
            report.troubles.append(storable(f"{item.source}: not yet set right: {error}"))
        except VsortdError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are set right
            log_unexpected(f"{item.source} could not be set right", error)
            report.unresolved.append(item)
            report.troubles.append(storable(f"{item.source}: not yet set right: {named(error)}"))


def _recover_item(journal: Journal, item: Item, transfer: Transfer, report: RecoveryReport) -> None:
    operations = [one for one in journal.operations(item.id) if one.state is OperationState.INTENT]
    if item.item_state is ItemState.EXPIRING:
        _recover_expiry(journal, item, operations, transfer, report)
        return
    if not operations:  # a decision on a video that stays where it is, or its undo: it was not yet written
        lying = (
            [one.taken_back() for one in journal.operations(item.id)] if item.item_state is ItemState.PLACING else []
        )
        _close(journal, item, lying, forward=False, notes=(), report=report)
        return
    transfer.sweep(operations)
    seen = transfer.look(operations[0])
    if seen is not EffectState.PERFORMED or operations[0].destination is None:
        _require_library(item, operations)
    if seen is EffectState.UNCLEAR:
        _leave(journal, item, operations, report)
        return
    forward = seen is EffectState.PERFORMED
    try:
        done = transfer.carry_out(operations, Conflict.LEAVE) if forward else transfer.roll_back(operations)
    except (ChangedError, TakenError):
        forward = False
        done = [one.taken_back() for one in operations]
    _close(journal, item, done, forward=forward, notes=transfer.notes, report=report)


def _close(
    journal: Journal,
    item: Item,
    done: Sequence[Operation],
    *,
    forward: bool,
    notes: Sequence[str],
    report: RecoveryReport,
) -> None:
    undoing = item.item_state is ItemState.UNDOING
    after = ItemState.UNDONE if undoing else item.outcome
    before = item.outcome if undoing else ItemState.ROLLED_BACK
    reason = "; ".join(filter(None, (item.reason, *notes)))
    held = came_back(done) if forward and undoing else None
    reach_quietly(Point.RECOVER_BEFORE_DONE)
    item = journal.finish(item, after if forward else before, done, reason=reason, held=held)
    remove_empty_stores(done)
    (report.finished if forward else report.rolled_back).append(item)
    reach_quietly(Point.RECOVER_AFTER_DONE)


def _leave(journal: Journal, item: Item, operations: Sequence[Operation], report: RecoveryReport) -> None:
    """Close an item whose video is neither where it was nor where it was to go, without touching anything.

    An undo goes back to 'filed': what can be said is that the library's file was not seen to have come back.
    """
    first = operations[0]
    why = f"while vsortd was not running, {first.source} and {first.target} became what neither of them was before"
    state = item.outcome if item.item_state is ItemState.UNDOING else ItemState.UNCLEAR
    reason = storable("; ".join(filter(None, (item.reason, why))))
    report.unclear.append(journal.finish(item, state, [one.taken_back() for one in operations], reason=reason))


def _recover_expiry(
    journal: Journal, item: Item, operations: Sequence[Operation], transfer: Transfer, report: RecoveryReport
) -> None:
    """Finish the removal of an original if it had begun; else keep the original, and let expiry decide anew."""
    removal = operations[0]
    if transfer.look(removal) is EffectState.PERFORMED:
        (removal,) = transfer.carry_out([removal], Conflict.ROLL_BACK)
        kept = next(one for one in journal.operations(item.id) if one.kind is OperationKind.KEEP)
        journal.expired(item, kept, removal)
        remove_empty_stores([removal])
    else:
        journal.finish(item, item.outcome, [removal.taken_back()])
    report.finished.append(item)


def _require_library(item: Item, operations: Iterable[Operation]) -> None:
    """Refuse to draw conclusions from a library that isn't there: its disk may just not be mounted."""
    if item.library is None or is_folder(item.library / HIDDEN):
        return
    if all(not one.copied and identity_of(one.source) == one.identity for one in operations):
        return  # nothing had begun
    raise FilingError(
        f"The library {item.library} is gone.",
        remedy=f"Mount its disk; or, if you emptied it, make the folder {HIDDEN} in it.",
        paths=[item.library],
    )


def _count_deaths(journal: Journal, owner: str, report: RecoveryReport) -> None:
    """Count a death for each file that was at risk; the second sets a file aside."""
    with journal.db.write() as db:
        db.execute("UPDATE attempt SET deaths = deaths + at_risk, owner = NULL WHERE owner = ?", (owner,))
        rows = db.execute(
            "SELECT path, device, inode, size_bytes, mtime_ns FROM attempt WHERE deaths >= ? AND owner IS NULL",
            (DEATHS,),
        ).fetchall()
        for path, *columns in rows:
            identity = from_columns(*columns)
            assert identity is not None
            report.set_aside.append(insert_item(db, _poison(from_blob(path), identity)))
            db.execute("DELETE FROM attempt WHERE path = ?", (path,))


def _poison(source: Path, identity: Identity) -> Item:
    return Item(
        id=0,
        batch="",
        time=utc(),
        item_state=ItemState.SET_ASIDE,
        outcome=ItemState.SET_ASIDE,
        source=source,
        destination=None,
        rule="",
        score=0.0,
        margin=0.0,
        converted=ConversionKind.NONE,
        reason=f"vsortd died {DEATHS} times while it worked on this file; it is left alone until it changes or retry",
        identity=identity,
    )


def _clear_staging(journal: Journal, owner: str, report: RecoveryReport) -> bool:
    """Remove what a dead process was making; returns whether nothing of this owner is left."""
    with journal.db.read() as db:
        rows = db.execute("SELECT path FROM staging WHERE owner = ?", (owner,)).fetchall()
        busy = db.execute("SELECT 1 FROM item WHERE owner = ? LIMIT 1", (owner,)).fetchone()
    if busy:
        return False
    for (blob,) in rows:
        folder = from_blob(blob)
        library = folder.parent.parent.parent
        try:
            if not is_folder(library / HIDDEN):  # not mounted: another time
                return False
            remove_staging(folder, library)
        except VsortdError as error:
            report.troubles.append(storable(error))
            return False
    with journal.db.write(lasting=False) as db:
        db.execute("DELETE FROM staging WHERE owner = ?", (owner,))
        db.execute("DELETE FROM owner WHERE id = ?", (owner,))
    return True
