"""What the judges of completeness have in common: their answer, and their words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from vsortd.core.containers import ISO
from vsortd.core.isobmff import FIRST_KINDS

if TYPE_CHECKING:
    from vsortd.core.containers import Container

# What people give the name of a video, by the first bytes; fewer of them than the table of containers asks for, since a
# file that has just been begun is named, too.
_KINDS: Final = (
    (b"\x1aE\xdf\xa3", "a Matroska or WebM file"),
    (b"RIFF", "an AVI or WAV file"),
    (b"#EXTM3U", "a playlist"),
    (b"FLV\x01", "a Flash video"),
    (b"\x00\x00\x01\xba", "an MPEG programme stream"),
    (b"G@", "an MPEG transport stream"),
    (b"0&\xb2u", "a Windows Media file"),
    (b"ffconcat", "a concat script"),
    (b"<", "a web page"),
    (b"PK\x03\x04", "a zip file"),
)


class ScanState(Enum):
    """What a container's own structure says about a file."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"  # cut off, or not yet written to its end
    OTHER = "other"  # not of the container that was expected, whatever is appended


@dataclass(frozen=True, slots=True)
class ContainerScan:
    """The result: `reason` is a sentence unless COMPLETE; `doubt` what COMPLETE can't vouch for, or ""."""

    state: ScanState
    reason: str = ""
    doubt: str = ""


def incomplete(reason: str) -> ContainerScan:
    """Return that a file is cut off or not yet written to its end."""
    return ContainerScan(ScanState.INCOMPLETE, reason)


def complete(*doubts: str) -> ContainerScan:
    """Return that nothing is missing, with what that can't vouch for."""
    return ContainerScan(ScanState.COMPLETE, doubt="; ".join(doubt for doubt in doubts if doubt))


def looks_like(head: bytes, expected: Container) -> ContainerScan:
    """Say of a file that is not of the container that its name promises what it is by its first bytes."""
    no = "the file is neither MP4 nor MOV" if expected is ISO else f"the file is not {expected.name}"
    what = "an MP4 or MOV file" if head[4:8] in FIRST_KINDS else ""
    what = what or next((kind for beginning, kind in _KINDS if head.startswith(beginning)), "")
    return ContainerScan(ScanState.OTHER, f"{no} but looks like {what}" if what else no)
