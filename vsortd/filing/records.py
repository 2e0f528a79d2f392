"""The nouns of the journal: items (one video's transaction and its history entry) and their operations."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsortd.config.choices import PlaceMethod
from vsortd.core.identity import Identity
from vsortd.core.moments import unix_seconds, utc_moment
from vsortd.core.names import cut
from vsortd.core.origin import WebOrigin
from vsortd.core.outcomes import ConversionKind, ItemState
from vsortd.core.text import storable
from vsortd.filing import schema
from vsortd.filing.seals import check_row
from vsortd.filing.second_opinion import Opinion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vsortd.core.documents import ItemDocument

# A name that is tried is no shorter than a temporary one, which must fit anyway, and not longer than most filesystems
# allow; so much of it is the target's own end.
TRIAL_BYTES, TRIAL_END_BYTES = (60, 255), 12


# In the details of an item that a repair of the journal made of what lies on the disk.
FOUND = "found_by_repair"
FOUND_REASON = "it was found by a repair of the journal: where it came from is not known"
# In the details of a video that was set aside: it was on hold then, and is again once it is back.
WAS_HELD = "was_held"
# In the details of an item whose video a person moved within the library: where it lay, each with when it was gone.
EARLIER_PLACES = "earlier_places"
HIDDEN = frozenset({ItemState.PLACING, ItemState.ROLLED_BACK})
UNFINISHED = frozenset({ItemState.PLACING, ItemState.UNDOING, ItemState.EXPIRING})


class Phase(StrEnum):
    """Which of an item's transactions an operation belongs to."""

    PLACE = "place"
    UNDO = "undo"
    EXPIRE = "expire"


class OperationKind(StrEnum):
    """What an operation does."""

    MOVE = "move"  # the video to the library
    SIDECAR = "sidecar"  # a sidecar to the library
    PUBLISH = "publish_converted"  # the staged MP4 to the library
    KEEP = "keep_original"  # the converted original to the originals store
    PUBLISH_SIDECAR = "publish_sidecar"  # the staged XMP sidecar to the library
    KEEP_SIDECAR = "keep_sidecar"  # the sidecar that it was made of to the originals store
    RESTORE = "restore"  # the video to where it came from
    RESTORE_SIDECAR = "restore_sidecar"
    REMOVE_CONVERTED = "remove_converted"  # the MP4, once its original is back
    REMOVE_SIDECAR = "remove_sidecar"  # the XMP sidecar that vsortd made, once its video is back
    EXPIRE = "expire_original"  # the original, once its retention has ended
    # what leaves the source where it is
    COPY = "copy"  # the video to the library
    HARDLINK = "hardlink"
    REFLINK = "reflink"
    COPY_SIDECAR = "copy_sidecar"  # a sidecar to the library
    HARDLINK_SIDECAR = "hardlink_sidecar"
    REFLINK_SIDECAR = "reflink_sidecar"
    STAYED = "source_stays"  # of a converted video: nothing moves
    STAYED_SIDECAR = "sidecar_stays"  # of which an amended one is in the library: nothing moves
    REMOVE_PLACED = "remove_placed"  # the library's file, whose source stayed
    REMOVE_PLACED_SIDECAR = "remove_placed_sidecar"


# The operations that move the user's own video: when they are through, there is no way back but undo.
ANCHORS = frozenset({OperationKind.MOVE, OperationKind.KEEP, OperationKind.RESTORE, OperationKind.REMOVE_PLACED})

# The operations that bring a file to the originals store, whatever names its group gets in the library.
KEEPING = frozenset({OperationKind.KEEP, OperationKind.KEEP_SIDECAR})


class OperationState(StrEnum):
    """How far an operation is."""

    INTENT = "intent"
    DONE = "done"
    ROLLED_BACK = "rolled_back"
    EXPIRED = "expired"  # a kept original that was removed after its time


class IdentityMatch(StrEnum):
    """How sure it is that a path names the file that the journal means."""

    SAME = "same"  # inode, size and time agree
    ALIKE = "alike"  # size and time agree; the inode doesn't (other filesystem, inodes that aren't lasting)
    EDITED = "edited"  # the inode agrees, size or time don't
    OTHER = "other"
    ABSENT = "absent"


def likeness(meant: Identity, found: Identity | None) -> IdentityMatch:
    """Compare a journalled identity with what is there.

    The device number is left out: it changes when a disk is mounted again.
    """
    if found is None:
        return IdentityMatch.ABSENT
    content = meant.same_content(found)
    if meant.inode == found.inode:
        return IdentityMatch.SAME if content else IdentityMatch.EDITED
    return IdentityMatch.ALIKE if content else IdentityMatch.OTHER


@dataclass(frozen=True, slots=True)
class Operation:
    """One effect: `source` becomes `destination`, or is removed where there is none.

    `identity` is the source's when the intent was written, `destination_identity` that of what was put at the
    destination, once it is there (of a copy: before it gets its name). `temp_prefix` begins the names of this
    operation's temporary files, unique over all journals. What stays where it lies has one whose destination is its
    source; it is done when it is written, never an intent.
    """

    kind: OperationKind
    phase: Phase
    source: Path
    destination: Path | None
    identity: Identity
    number: int = 0
    temp_prefix: str = ""
    id: int = 0
    item: int = 0
    destination_identity: Identity | None = None
    copied: bool = False
    sha256: str | None = None
    state: OperationState = OperationState.INTENT
    time: str = ""

    @property
    def target(self) -> Path:
        """The destination; only for operations that have one."""
        assert self.destination is not None
        return self.destination

    @property
    def temp_name(self) -> str:
        """The copy's name in the destination folder until it is whole."""
        return f"{self.temp_prefix}.tmp"

    @property
    def aside_name(self) -> str:
        """The source's last name, between being taken aside and being removed."""
        return f"{self.temp_prefix}.old.tmp"

    @property
    def withdrawn_name(self) -> str:
        """The last name of a published copy that is taken back."""
        return f"{self.temp_prefix}.new.tmp"

    @property
    def trial_name(self) -> str:
        """A name in the destination folder that is as hard to have as the target's: its characters, length and end.

        Only what a system reserves whole (`con`) is not told by it.
        """
        name = self.target.name
        odd = "".join(dict.fromkeys(char for char in name if not (char.isascii() and char.isalnum())))
        most = min(max(len(os.fsencode(name)), TRIAL_BYTES[0]), TRIAL_BYTES[1])
        begin = cut(f"{self.temp_prefix}.try{odd}", most - TRIAL_END_BYTES)
        end = name
        while len(os.fsencode(end)) > most - len(os.fsencode(begin)):
            end = end[1:]
        return begin + end

    @property
    def stays(self) -> bool:
        """Whether nothing is moved: the file lies where it is to be."""
        return self.destination == self.source

    def done(self, destination_identity: Identity | None) -> Operation:
        """Return the operation as it is after its effect."""
        known = destination_identity or self.destination_identity
        return replace(self, state=OperationState.DONE, destination_identity=known)

    def taken_back(self) -> Operation:
        """Return the operation as it is when its effect was undone or never came to be."""
        return replace(self, state=OperationState.ROLLED_BACK)


@dataclass(frozen=True, slots=True)
class Item:
    """One video in the journal: what was done with it and why. `time` is UTC, ISO 8601 with milliseconds.

    `transaction_id` is unique over all journals: it names the item's temporary files and its folder of originals.
    `sidecar` is the XMP sidecar that was made or amended, as history and `item_by_id` know it; no column of its own.
    """

    id: int
    batch: str
    time: str
    item_state: ItemState
    outcome: ItemState
    source: Path
    destination: Path | None
    rule: str
    score: float
    margin: float
    converted: ConversionKind
    reason: str
    identity: Identity
    library: Path | None = None
    transaction_id: str = ""
    owner: str | None = None
    sha256: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    sidecar: Path | None = None

    @property
    def tags(self) -> tuple[str, ...]:
        """What the video was found to contain, by the names of the config's tags."""
        return tuple(self.detail.get("tags", ()))

    @property
    def how(self) -> str:
        """How the video got into the library, a value of `PlaceMethod`; "" where it didn't, or lay there."""
        return "" if self.destination in {None, self.source} else str(self.detail.get("how", PlaceMethod.MOVE))

    @property
    def second_opinion(self) -> Opinion | None:
        """What a model elsewhere said of the video, None where none was asked."""
        return Opinion.of(self.detail)

    @property
    def earlier_places(self) -> tuple[tuple[Path, str], ...]:
        """Where the video lay before a person moved it within the library, each with when that was seen (UTC)."""
        return tuple((Path(one["path"]), one["until"]) for one in self.detail.get(EARLIER_PLACES, ()))

    @property
    def places(self) -> tuple[Path, ...]:
        """Every place that the item knows of its video: where it came from, lay, and was put."""
        found = (self.source, *(path for path, _ in self.earlier_places), self.destination)
        return tuple(path for path in found if path is not None)

    @property
    def origin(self) -> WebOrigin | None:
        """Where a fetched video comes from, None for any other."""
        return WebOrigin.of(self.detail)

    @property
    def state(self) -> ItemState:
        """The state as history shows it: filed, review, rejected, failed, aside or undone."""
        return shown_state(self.item_state, self.outcome)

    def _folder(self) -> str | None:
        if self.destination is None or self.library is None or not self.destination.is_relative_to(self.library):
            return None
        if self.outcome is ItemState.ASIDE:
            return None
        folder = storable(self.destination.parent.relative_to(self.library).as_posix())
        return "" if folder == "." else folder

    def to_json(self) -> ItemDocument:
        r"""Return the entry of `history --json`; undecodable bytes of names come out as `\\udcXX`."""
        opinion, origin = self.second_opinion, self.origin
        return {
            "id": self.id,
            "batch": self.batch,
            "time": self.time,
            "state": self.state.value,
            "source": storable(self.source),
            "destination": None if self.destination is None else storable(self.destination),
            "rule": self.rule,
            "score": self.score,
            "margin": self.margin,
            "converted": self.converted.value,
            "reason": self.reason,
            "tags": list(self.tags),
            "how": self.how,
            "folder": self._folder(),
            "second_opinion": None if opinion is None else opinion.to_json(),
            "origin": None if origin is None else origin.to_json(),
            "xmp": None if self.sidecar is None else storable(self.sidecar),
        }


def shown_state(state: ItemState, outcome: ItemState) -> ItemState:
    """Return what history shows: something being undone is still what it was, SET_ASIDE means failed."""
    if state in {ItemState.UNDOING, ItemState.EXPIRING}:
        return outcome
    return ItemState.FAILED if state in {ItemState.SET_ASIDE, ItemState.UNCLEAR} else state


def utc(seconds: float | None = None) -> str:
    """Return a time (Unix seconds, default now) as the journal writes it; such texts sort by time.

    One beyond all dates is the first or the last of them.
    """
    moment = utc_moment(time.time() if seconds is None else seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def unix_s(text: str) -> float:
    """Return the Unix seconds of a time that the journal wrote."""
    return unix_seconds(datetime.fromisoformat(text))


# How values lie in the database: paths as the system's bytes, identities as `Identity.columns` has them.


def to_blob(path: Path | None) -> bytes | None:
    """Return a path's bytes: names need not be valid UTF-8."""
    return None if path is None else os.fsencode(path)


def from_blob(blob: bytes) -> Path:
    """Return the path of its bytes."""
    return Path(os.fsdecode(blob))


def to_columns(identity: Identity | None) -> tuple[int | None, ...]:
    """Return device, inode, size and time as they are stored."""
    return (None, None, None, None) if identity is None else identity.columns()


def from_columns(device: int | None, inode: int | None, size: int | None, mtime: int | None) -> Identity | None:
    """Return the identity of four columns, None where there was none."""
    if device is None or inode is None or size is None or mtime is None:
        return None
    return Identity.of_columns((device, inode, size, mtime))


ITEM_COLUMNS = ", ".join(f"item.{name}" for name in (*schema.ITEM, "sum"))


def item_of(row: tuple[Any, ...]) -> Item:
    """Return the item of a row of ITEM_COLUMNS. Raises UnsoundError when it is not what was written."""
    check_row("item", row[:-1], row[-1])
    identity = from_columns(*row[12:16])
    assert identity is not None
    return Item(
        id=row[0],
        batch=row[1],
        time=row[2],
        item_state=ItemState(row[3]),
        outcome=ItemState(row[4]),
        source=from_blob(row[5]),
        destination=None if row[6] is None else from_blob(row[6]),
        rule=row[7],
        score=row[8],
        margin=row[9],
        converted=ConversionKind(row[10]),
        reason=row[11],
        identity=identity,
        library=None if row[16] is None else from_blob(row[16]),
        transaction_id=row[17],
        owner=row[18],
        sha256=row[19],
        detail=json.loads(row[20]),
    )


OPERATION_COLUMNS = ", ".join(f"operation.{name}" for name in (*schema.OPERATION, "sum"))


def operation_of(row: tuple[Any, ...]) -> Operation:
    """Return the operation of a row of OPERATION_COLUMNS. Raises UnsoundError when it is not what was written."""
    check_row("operation", row[:-1], row[-1])
    identity = from_columns(*row[8:12])
    assert identity is not None
    return Operation(
        id=row[0],
        item=row[1],
        number=row[2],
        phase=Phase(row[3]),
        kind=OperationKind(row[4]),
        source=from_blob(row[5]),
        destination=None if row[6] is None else from_blob(row[6]),
        temp_prefix=row[7],
        identity=identity,
        destination_identity=from_columns(*row[12:16]),
        copied=bool(row[16]),
        sha256=row[17],
        state=OperationState(row[18]),
        time=row[19],
    )
