"""What became of a video: every item of the journal that is of it, its way told step by step, and where it is now.

A video may have several items: it was undone and sorted again, or decided on anew where it lay. They are linked by the
places that it came from and went to, and by its size and time, which a move keeps: another video that was dropped under
the same name is another one. Nothing is written.
"""

from __future__ import annotations

import contextlib
import os
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsortd.core.identity import Identity
from vsortd.core.names import nfc
from vsortd.core.outcomes import UNDOABLE, ConversionKind, ItemState
from vsortd.core.text import storable
from vsortd.filing import queries
from vsortd.filing.moved_library import followed_place
from vsortd.filing.open_folder import HIDDEN
from vsortd.filing.records import IdentityMatch, Item, Operation, OperationKind, OperationState, Phase, likeness
from vsortd.filing.staying import PUT_SIDECAR, PUT_VIDEO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vsortd.core.documents import StepDocument, WhereaboutsDocument
    from vsortd.filing.journal import Journal

_THERE: Final = frozenset({IdentityMatch.SAME, IdentityMatch.ALIKE})


class StepKind(StrEnum):
    """What happened to a video; the values are the words of `where --json`."""

    DROPPED = "dropped"  # noticed where it came from
    DECIDED = "decided"
    CONVERTED = "converted"
    FILED = "filed"
    REVIEW = "review"
    SIDECAR = "sidecar"  # went along
    MOVED = "moved"  # by a person, within the library
    EXPIRED = "expired"  # the original of a conversion was removed
    UNDONE = "undone"
    HELD = "held"
    REJECTED = "rejected"
    FAILED = "failed"
    ASIDE = "aside"  # by a person, below the hidden folder of the library
    SET_ASIDE = "set_aside"  # given up: the process died twice on it
    UNCLEAR = "unclear"


_PUT_BY: Final = {ItemState.REVIEW: StepKind.REVIEW, ItemState.ASIDE: StepKind.ASIDE}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a video's way, by the item `item`: `path` is where it was then; `time` is UTC, "" where unknown."""

    item: int
    kind: StepKind
    time: str = ""
    path: Path | None = None
    text: str = ""

    def to_json(self) -> StepDocument:
        """Return it as `where --json` prints it."""
        return {
            "id": self.item,
            "what": self.kind.value,
            "time": self.time or None,
            "path": None if self.path is None else storable(self.path),
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class TracedVideo:
    """A video's items, the oldest first, with their operations, and the paths on hold by item."""

    items: tuple[Item, ...]
    operations: Mapping[int, Sequence[Operation]]
    held: Mapping[int, Sequence[Path]]

    @property
    def newest(self) -> Item:
        """The item that says where the video is: the last one, or where that was undone the one that stands again."""
        last = self.items[-1]
        if last.item_state is not ItemState.UNDONE:
            return last
        return next((item for item in reversed(self.items) if item.item_state in UNDOABLE), last)

    @property
    def ids(self) -> frozenset[int]:
        """The numbers of its items."""
        return frozenset(item.id for item in self.items)

    def operation(self, item: Item, *kinds: OperationKind) -> Operation | None:
        """Return the last operation of some kinds whose effect stands, None if there is none."""
        done = (OperationState.DONE, OperationState.EXPIRED)
        found = [one for one in self.operations[item.id] if one.kind in kinds and one.state in done]
        return found[-1] if found else None


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a video is now: `path` if it is there, None if it is gone; `note` says what is odd about it, or "".

    `expected` is where the journal has it.
    """

    state: str
    path: Path | None
    expected: Path
    note: str = ""

    def to_json(self) -> WhereaboutsDocument:
        """Return it as `where --json` prints it."""
        path = None if self.path is None else storable(self.path)
        return {"state": self.state, "path": path, "expected": storable(self.expected), "note": self.note}


def spelled(journal: Journal, path: Path) -> list[Path]:
    """Return what a path may be called in the journal: in every Unicode form, and where its library lies now."""
    text = str(path)
    forms = dict.fromkeys((text, nfc(text), unicodedata.normalize("NFD", text)))
    found = [Path(form) for form in forms]
    return [*found, *(one for form in found if (one := followed_place(journal, form)) is not None)]


def items_of_file(journal: Journal, path: Path) -> list[Item]:
    """Return the items, newest first, of a file that lies where no item has put it: one that a person moved there."""
    with contextlib.suppress(OSError):
        identity = Identity.of(path)
        if identity is None:
            return []
        found = queries.placed_with_size(journal.db, identity.size_bytes)
        return [item for item in reversed(found) if _is_moved(journal, item, identity)]
    return []


def _is_moved(journal: Journal, item: Item, identity: Identity) -> bool:
    put = put_identity(journal.operations(item.id))
    gone = item.destination is not None and not os.path.lexists(item.destination)
    return gone and put is not None and likeness(put, identity) is IdentityMatch.SAME


def trace(journal: Journal, item: Item) -> TracedVideo:
    """Return all that the journal knows of an item's video. Raises StoreError."""
    known = {item.id: item}
    operations = {item.id: journal.operations(item.id)}
    asked: set[Path] = set()
    while paths := {path for one in known.values() for path in _ends(one, operations[one.id])} - asked:
        asked |= paths
        for other in reversed(queries.items_at(journal.db, sorted(paths))):
            if other.id in known:
                continue
            theirs = journal.operations(other.id)
            if any(_linked((mine, operations[mine.id]), (other, theirs)) for mine in known.values()):
                known[other.id], operations[other.id] = other, theirs
    held = {number: queries.held_paths(journal.db, number) for number in known}
    return TracedVideo(tuple(known[number] for number in sorted(known)), operations, held)


_Told = tuple[Item, "Sequence[Operation]"]


def _linked(one: _Told, other: _Told) -> bool:
    """Tell whether the later of two items took up a video where the earlier left it."""
    (item, operations), (later, _) = sorted((one, other), key=lambda told: told[0].id)
    ends = {nfc(str(path)) for path in _ends(item, operations)}
    if nfc(str(later.source)) not in ends:
        return False
    contents = [item.identity, *(one.destination_identity for one in operations if one.destination_identity)]
    return any(later.identity.same_content(identity) for identity in contents)


def _ends(item: Item, operations: Sequence[Operation]) -> Iterator[Path]:
    """Yield where an item found its video and where it left it."""
    yield from item.places
    yield from (one.target for one in operations if one.kind is OperationKind.RESTORE)


def put_identity(operations: Sequence[Operation]) -> Identity | None:
    """Return the identity of what lies at an item's destination."""
    done = [one for one in operations if one.kind in PUT_VIDEO and one.state is OperationState.DONE]
    return (done[-1].destination_identity or done[-1].identity) if done else None


def whereabouts(traced: TracedVideo) -> Whereabouts:
    """Look where a video is now, by its newest item; one that a person moved within its library is looked for there."""
    item = traced.newest
    placed = _is_placed(item)
    state = _state(traced, item)
    expected, meant = expected_place(traced)
    try:
        like = likeness(meant, Identity.of(expected))
    except OSError as error:
        return Whereabouts(state, None, expected, f"it can't be looked at: {error.strerror or error}")
    if like in _THERE:
        return Whereabouts(state, expected, expected)
    if like is IdentityMatch.EDITED:
        return Whereabouts(state, expected, expected, "it was changed since")
    if placed and item.library is not None and (found := _found_below(item.library, meant)) is not None:
        return Whereabouts(state, found, expected, f"it was moved there from {storable(expected)}, and not by vsortd")
    return Whereabouts(state, None, expected, _missing(item, expected, like, placed=placed))


def expected_place(traced: TracedVideo) -> tuple[Path, Identity]:
    """Return where the journal has a video, by its newest item, and which file it means there."""
    item = traced.newest
    if _is_placed(item):
        return item.destination or item.source, put_identity(traced.operations[item.id]) or item.identity
    back = traced.operation(item, OperationKind.RESTORE) if item.item_state is ItemState.UNDONE else None
    if back is not None:
        return back.target, back.destination_identity or back.identity
    # what stayed in the inbox may have another name there by now
    held = traced.held[item.id] if item.item_state is ItemState.UNDONE else ()
    return next(iter(held), item.source), item.identity


def _is_placed(item: Item) -> bool:
    return item.item_state in {*UNDOABLE, ItemState.EXPIRING, ItemState.UNDOING}


def _state(traced: TracedVideo, item: Item) -> str:
    if item.owner is not None:
        return ItemState.WORKING.value
    if item.item_state is ItemState.SET_ASIDE:
        return StepKind.SET_ASIDE.value
    return "held" if traced.held[item.id] else item.state.value


def _missing(item: Item, expected: Path, like: IdentityMatch, *, placed: bool) -> str:
    if placed and item.library is not None and not item.library.is_dir():
        return f"the library {storable(item.library)} is not there now"
    if like is IdentityMatch.OTHER:
        return f"another file lies at {storable(expected)} now"
    return f"it is no longer at {storable(expected)}"


def _found_below(library: Path, meant: Identity) -> Path | None:
    """Return where in a library a file lies that was moved by a rename: the inode tells it, as folders list it."""
    waiting = [library]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != HIDDEN:
                        waiting.append(Path(entry.path))
                elif entry.inode() == meant.inode and likeness(meant, Identity.of(Path(entry.path))) in _THERE:
                    return Path(entry.path)
    return None


# The way


def steps(traced: TracedVideo, keep_s: Mapping[ConversionKind, float | None] | None = None) -> list[Step]:
    """Return a video's way, step by step; `keep_s` is for how long originals are kept, None where nobody says."""
    found: list[Step] = []
    before: Item | None = None
    for item in traced.items:
        found += _steps_of(traced, item, before, keep_s)
        before = item
    return found


def _steps_of(
    traced: TracedVideo, item: Item, before: Item | None, keep_s: Mapping[ConversionKind, float | None] | None
) -> Iterator[Step]:
    number = item.id
    if before is None or item.source not in before.places or before.item_state not in UNDOABLE:
        yield Step(number, StepKind.DROPPED, _noticed(item), item.source)
    video = traced.operation(item, *PUT_VIDEO) or _undone_placing(traced, item)
    if video is None:
        yield _not_placed(item)
        return
    if item.outcome is not ItemState.ASIDE:
        yield from _decision(traced, item, keep_s)
    lain = [path for path, _ in item.earlier_places]
    why = item.reason if item.outcome is ItemState.ASIDE else f"batch {item.batch}"
    yield Step(
        number, _PUT_BY.get(item.outcome, StepKind.FILED), video.time, lain[0] if lain else item.destination, why
    )
    for one in traced.operations[number]:
        if one.phase is not Phase.PLACE or one.destination is None or one.state is OperationState.ROLLED_BACK:
            continue
        if one.kind in PUT_SIDECAR:
            yield Step(number, StepKind.SIDECAR, one.time, one.target, f"from {storable(one.source)}")
        elif one.kind is OperationKind.PUBLISH_SIDECAR:
            yield Step(number, StepKind.SIDECAR, one.time, one.target, "written by vsortd")
    for (_, until), path in zip(item.earlier_places, [*lain, item.destination][1:], strict=True):
        yield Step(number, StepKind.MOVED, until, path, "by you, within the library")
    if (expiry := traced.operation(item, OperationKind.EXPIRE)) is not None:
        yield Step(number, StepKind.EXPIRED, expiry.time, expiry.source, "the original's time was over")
    yield from _undoing(traced, item)


def _decision(traced: TracedVideo, item: Item, keep_s: Mapping[ConversionKind, float | None] | None) -> Iterator[Step]:
    rule = f"{item.rule} {item.score:.2f} ({item.margin:+.2f})" if item.rule else ""
    yield Step(item.id, StepKind.DECIDED, item.time, None, ": ".join(filter(None, (rule, item.reason))))
    if item.converted is not ConversionKind.NONE:
        yield _conversion(traced, item, keep_s)


def _undone_placing(traced: TracedVideo, item: Item) -> Operation | None:
    """Return the operation that placed a video which is back by now."""
    if item.item_state is not ItemState.UNDONE:
        return None
    return next((one for one in traced.operations[item.id] if one.kind in PUT_VIDEO), None)


def _noticed(item: Item) -> str:
    """Return when a video was noticed: by so much before its item as was spent on it until then."""
    spent_ms = sum(item.detail.get("timings_ms", {}).values())
    moment = datetime.fromisoformat(item.time) - timedelta(milliseconds=spent_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if spent_ms else ""


def _not_placed(item: Item) -> Step:
    kinds = {
        ItemState.REJECTED: StepKind.REJECTED,
        ItemState.SET_ASIDE: StepKind.SET_ASIDE,
        ItemState.UNCLEAR: StepKind.UNCLEAR,
        ItemState.UNDONE: StepKind.UNDONE,  # a repair of the journal knows no more of it
    }
    return Step(item.id, kinds.get(item.item_state, StepKind.FAILED), item.time, item.source, item.reason)


def _conversion(traced: TracedVideo, item: Item, keep_s: Mapping[ConversionKind, float | None] | None) -> Step:
    """Say how a video was converted, and until when its original is kept."""
    kept = traced.operation(item, OperationKind.KEEP)
    if kept is None:
        return Step(item.id, StepKind.CONVERTED, item.time, None, item.converted.value)
    text = f"{item.converted.value}; the original is kept"
    if kept.state is OperationState.EXPIRED:
        text = f"{item.converted.value}; the original was kept"
    elif keep_s is not None:
        span_s = keep_s.get(item.converted)
        text += " for ever" if span_s is None else f" until {_after(kept.time, span_s)}"
    return Step(item.id, StepKind.CONVERTED, kept.time, kept.target, text)


def _after(time: str, span_s: float) -> str:
    """Return the day, here, on which a span after a time of the journal ends; "the end of time" beyond all dates."""
    try:
        return f"{(datetime.fromisoformat(time) + timedelta(seconds=span_s)).astimezone():%Y-%m-%d}"
    except OverflowError:
        return "the end of time"


def _undoing(traced: TracedVideo, item: Item) -> Iterator[Step]:
    if item.item_state is not ItemState.UNDONE:
        return
    back = traced.operation(item, OperationKind.RESTORE)
    last = traced.operation(item, OperationKind.RESTORE, OperationKind.REMOVE_PLACED)
    when, held = "" if last is None else last.time, traced.held[item.id]
    yield Step(item.id, StepKind.UNDONE, when, next(iter(held), item.source) if back is None else back.target)
    for path in held:
        yield Step(item.id, StepKind.HELD, when, path, "not sorted again until `vsortd release`, or until it changes")
