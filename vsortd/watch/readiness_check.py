"""One look at a quiet file: whether it is still the same, somebody writes it, and it is complete."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from vsortd.core.identity import Identity
from vsortd.watch.completeness import promised_container, scan_container
from vsortd.watch.container_scan import ScanState
from vsortd.watch.open_writers import Writer, open_to_look, writer_on

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.core.containers import Container


class Readiness(Enum):
    """What a look at a file shows."""

    WHOLE = "whole"
    UNFINISHED = "unfinished"
    WRITING = "writing"
    CHANGED = "changed"  # it is another file now, or none
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class ReadinessCheck:
    """What a look showed; `reason` is a sentence unless WHOLE, `doubt` what being WHOLE can't vouch for."""

    sight: Readiness
    reason: str = ""
    doubt: str = ""


def look_at(path: Path, identity: Identity) -> ReadinessCheck:
    """Open `path` once, expecting the file `identity`, and look; an OSError is part of the answer."""
    try:
        descriptor = open_to_look(path)
    except FileNotFoundError:
        return ReadinessCheck(Readiness.CHANGED)
    except OSError as error:
        return unreadable(error)
    try:
        return _look(descriptor, identity, promised_container(path.name))
    except OSError as error:
        return unreadable(error)
    finally:
        os.close(descriptor)


def unreadable(error: OSError) -> ReadinessCheck:
    """Say that the system refuses to show a file."""
    return ReadinessCheck(Readiness.UNREADABLE, f"the file can't be read: {error.strerror or error}")


def _look(descriptor: int, identity: Identity, promised: Container | None) -> ReadinessCheck:
    if Identity.from_stat(os.fstat(descriptor)) != identity:
        return ReadinessCheck(Readiness.CHANGED)
    if writer_on(descriptor) is Writer.WRITING:
        return ReadinessCheck(Readiness.WRITING, "a program has it open for writing")
    found = scan_container(descriptor, identity.size_bytes, promised)
    if Identity.from_stat(os.fstat(descriptor)) != identity:
        return ReadinessCheck(Readiness.CHANGED)
    if found.state is ScanState.COMPLETE:
        return ReadinessCheck(Readiness.WHOLE, doubt=found.doubt)
    return ReadinessCheck(Readiness.UNFINISHED, found.reason)
