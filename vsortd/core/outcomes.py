"""What becomes of a video, in the words of the journal: its states, and what was done to its container."""

from __future__ import annotations

from enum import StrEnum


class ItemState(StrEnum):
    """Where a video, or its item in the journal, stands; the values are the words of the journal and of `--json`.

    A video on its way is WORKING until it is FILED, in REVIEW, REJECTED, FAILED or HELD. The journal shows those it
    has (it counts HELD ones by their holds), ASIDE and UNDONE as they are, the others as `records.shown_state` says, or
    not. SET_ASIDE, shown as FAILED, has nothing to do with ASIDE: its name is in journals that were written long ago.
    """

    WORKING = "working"
    FILED = "filed"
    REVIEW = "review"
    REJECTED = "rejected"
    FAILED = "failed"
    HELD = "held"
    UNDONE = "undone"
    ASIDE = "aside"  # a person put it below the hidden folder of the library, until it is undone
    PLACING = "placing"  # under way, or left by a process that died
    UNDOING = "undoing"
    EXPIRING = "expiring"  # its original is being removed
    ROLLED_BACK = "rolled_back"  # the source is where it was
    UNCLEAR = "unclear"  # recovery found neither the source nor what was put; everything was left as it is
    SET_ASIDE = "set_aside"  # the process died twice on it


# A video of these lies in the library.
PLACED = frozenset({ItemState.FILED, ItemState.REVIEW})
# A video of these lies where vsortd put it, and undo brings it back.
UNDOABLE = PLACED | {ItemState.ASIDE}


class ConversionKind(StrEnum):
    """What becomes of a video's container and streams; the values are the words of the journal and of `--json`."""

    NONE = ""  # it stays as it is
    REMUX = "remux"  # the pictures are copied bit by bit (sound re-encoded only where MP4 can't hold it)
    TRANSCODE = "transcode"  # the pictures are encoded anew
