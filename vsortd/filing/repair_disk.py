"""Bringing a restored journal up to date from what lies on the disk: the library, the originals store, the inboxes."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.config.choices import PlaceMethod
from vsortd.core.containers import ENDINGS
from vsortd.core.identity import Identity
from vsortd.core.names import nfc
from vsortd.core.outcomes import UNDOABLE, ConversionKind, ItemState
from vsortd.filing import holds, queries
from vsortd.filing.journal import insert_item, insert_operation, new_transaction_id, numbered
from vsortd.filing.open_folder import HIDDEN
from vsortd.filing.records import (
    FOUND,
    Item,
    Operation,
    OperationKind,
    OperationState,
    Phase,
    utc,
)
from vsortd.filing.staging import ASIDE, ORIGINALS
from vsortd.filing.staying import HOW, PUT_VIDEO, VIDEO_KINDS, leaves_source
from vsortd.filing.undo_checks import held_once_back

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsortd.filing.journal import Journal

_VIDEOS = frozenset(f".{ending}" for ending in ENDINGS)
_REASON = "found by a repair of the journal: it lay in the library without an entry; where it came from is not known"
_BACK = "found by a repair of the journal where it came from"
_SAID_MOST = 20


@dataclass
class DiskFindings:
    """What the disk told: entries that were made or set right, and what is left for a person."""

    found: list[Path] = field(default_factory=list)
    came_back: list[Path] = field(default_factory=list)
    gone: list[Path] = field(default_factory=list)
    unseen: list[Path] = field(default_factory=list)
    mended: int = 0
    originals: list[Path] = field(default_factory=list)
    aside: list[Path] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return a sentence for each thing that people should know."""
        said = []
        if self.mended:
            said.append(f"Can be undone again, by what lies on the disk: {self.mended}.")
        said += _told(self.came_back, "Back where they came from, undone and on hold")
        said += _told(self.found, "In the library without an entry; they have one now, which can't be undone")
        said += _told(self.gone, "No longer where they were filed (moved, or removed)")
        said += _told(self.unseen, "Can't be looked at, so nothing is known of them")
        said += _told(self.originals, "Kept originals whose entries are lost; they stay until you remove them")
        said += _told(self.aside, "Set aside, and their entries are lost; they stay until you move or remove them")
        return said


def bring_up_to_date(journal: Journal, library: Path, review: str, *, lost: bool, holds_known: bool) -> DiskFindings:
    """Hold every entry against the disk. With `lost` (some may be missing) videos without an entry get one.

    Without `holds_known` undone videos are held again that lie where they came from. Raises StoreError.
    """
    found = DiskFindings()
    items = sorted(_items(journal), key=lambda item: item.id)
    if not holds_known:
        _hold_again(journal, items, found)
    if not (library / HIDDEN).is_dir():  # not mounted, or never used: it says nothing
        return found
    known: set[Path] = set()
    marks: set[str] = set()
    onward = [item for item in items if item.item_state in UNDOABLE and item.source != item.destination]
    last_from = {item.source: item.id for item in onward}
    for item in items:
        marks.add(item.transaction_id)
        if item.item_state in UNDOABLE and item.destination is not None:
            known.add(item.destination)
            if last_from.get(item.destination, 0) > item.id:
                continue  # it went on from there, which that item tells
            with _unseen(item.destination, found):
                _hold_against(journal, item, found)
    if lost:
        for path in _videos(library):
            if path not in known:
                with _unseen(path, found):
                    _enter(journal, library, review, path)
                    found.found.append(path)
        found.originals = [path for path in _kept(library, ORIGINALS) if path.parent.name not in marks]
        found.aside = [path for path in _kept(library, ASIDE) if path.parent.name not in marks]
    return found


@contextlib.contextmanager
def _unseen(path: Path, found: DiskFindings) -> Iterator[None]:
    """Conclude nothing of a file that the system refuses to show; the others are gone through."""
    try:
        yield
    except OSError:
        found.unseen.append(path)


def _items(journal: Journal) -> Iterator[Item]:
    with journal.db.read() as db:
        numbers = [number for (number,) in db.execute("SELECT id FROM item WHERE owner IS NULL")]
    for number in numbers:
        item = queries.item_by_id(journal.db, number)
        if item is not None:
            yield item


def _hold_against(journal: Journal, item: Item, found: DiskFindings) -> None:
    """See that a filed video is where its entry says, and that the entry knows the way back."""
    assert item.destination is not None
    there, back = Identity.of(item.destination), Identity.of(item.source)
    stays = HOW in item.detail or any(map(leaves_source, journal.operations(item.id)))
    if there is None and back is not None and not stays and item.identity.same_content(back):
        _came_back(journal, item, back)
        found.came_back.append(item.source)
    elif there is None:
        found.gone.append(item.destination)
    elif item.converted is ConversionKind.NONE and there.same_content(item.identity) and not _has_way(journal, item):
        stays = stays or item.identity.same_content(back)
        kind = VIDEO_KINDS[PlaceMethod(item.detail.get(HOW, PlaceMethod.COPY))] if stays else OperationKind.MOVE
        way = Operation(kind, Phase.PLACE, item.source, item.destination, item.identity)
        first = 1 + max((one.number for one in journal.operations(item.id)), default=0)
        (way,) = numbered([way], item.transaction_id, Phase.PLACE, first)
        with journal.db.write() as db:
            one = insert_operation(db, replace(way, item=item.id))
        journal.finish(item, item.item_state, [one.done(there)])
        found.mended += 1


def _has_way(journal: Journal, item: Item) -> bool:
    return any(one.kind in PUT_VIDEO and one.state is OperationState.DONE for one in journal.operations(item.id))


def _came_back(journal: Journal, item: Item, back: Identity) -> None:
    reason = "; ".join(filter(None, (item.reason, _BACK)))
    with journal.db.write() as db:
        was_held = db.execute("DELETE FROM hold WHERE item = ?", (item.id,)).rowcount > 0
        if was_held or held_once_back(item):
            holds.add(db, item.id, item.source, back)
    journal.finish(item, ItemState.UNDONE, reason=reason, held=back)


def _hold_again(journal: Journal, items: Sequence[Item], found: DiskFindings) -> None:
    """Hold the undone videos that lie where they came back to; whether their library is there is all the same."""
    for item in items:
        if item.item_state is not ItemState.UNDONE or not held_once_back(item):
            continue
        path, meant = _back_at(journal, item)
        with _unseen(path, found):
            back = Identity.of(path)
            if back is None or not meant.same_content(back):
                continue
            with journal.db.write() as db:
                if holds.find_hold(db, path, back) is None:
                    holds.add(db, item.id, path, back)


def _back_at(journal: Journal, item: Item) -> tuple[Path, Identity]:
    """Return where an undone item's video came back to, and as which file: under another name, if need be."""
    for one in journal.operations(item.id):
        if one.kind is OperationKind.RESTORE and one.state is OperationState.DONE:
            return one.target, one.destination_identity or one.identity
    return item.source, item.identity


def _enter(journal: Journal, library: Path, review: str, path: Path) -> None:
    """Make an entry of a video in the library; it is known that it lies there, and nothing else."""
    identity = Identity.of(path)
    if identity is None:
        return
    folder = Path(nfc(str(path.parent.relative_to(library))))
    state = ItemState.REVIEW if folder.parts[:1] == (nfc(review),) else ItemState.FILED
    item = Item(
        id=0,
        batch="",
        time=utc(),
        item_state=state,
        outcome=state,
        source=path,
        destination=path,
        rule="" if state is ItemState.REVIEW else folder.as_posix().removeprefix("."),
        score=0.0,
        margin=0.0,
        converted=ConversionKind.NONE,
        reason=_REASON,
        identity=identity,
        library=library,
        transaction_id=new_transaction_id(),
        detail={FOUND: True},
    )
    with journal.db.write() as db:
        insert_item(db, item)


def _videos(library: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(library):
        below[:] = sorted(name for name in below if name != HIDDEN)
        for name in sorted(names):
            path = Path(folder, name)
            if path.suffix.lower() in _VIDEOS and not path.is_symlink():
                yield path


def _kept(library: Path, store: str) -> list[Path]:
    return sorted(path for path in (library / HIDDEN / store).glob("*/*") if path.is_file())


def _told(paths: list[Path], what: str) -> list[str]:
    if not paths:
        return []
    rest = f" and {len(paths) - _SAID_MOST} more" if len(paths) > _SAID_MOST else ""
    return [f"{what}: {', '.join(map(str, paths[:_SAID_MOST]))}{rest}."]
