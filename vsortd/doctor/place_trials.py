"""How videos get from an inbox into the library, tried with a file of no worth: renamed, linked, or copied."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from vsortd.config.choices import PlaceMethod
from vsortd.doctor.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_BYTES = 64 * 1024


def place_trials(inbox: Path, library: Path, methods: Collection[PlaceMethod], prefix: str) -> Iterator[Finding]:
    """Try the methods that files can be refused: a hard link, and shared blocks. `prefix` begins the file's name."""
    for method in (PlaceMethod.HARDLINK, PlaceMethod.REFLINK):
        if method in methods:
            yield _trial(inbox, library, method, prefix)


def _trial(inbox: Path, library: Path, method: PlaceMethod, prefix: str) -> Finding:
    name = f"{method} {inbox} → {library}"
    try:
        descriptor, made = tempfile.mkstemp(dir=inbox, prefix=prefix)
    except OSError as error:
        return Finding(name, Severity.WARN, f"can't be tried: {error.strerror or error}", f"ls -ld {quote(str(inbox))}")
    target = library / Path(made).name
    try:
        os.write(descriptor, bytes(_BYTES))
        why = _link(made, target) if method is PlaceMethod.HARDLINK else _share(descriptor, target)
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            Path(made).unlink()
        with contextlib.suppress(OSError):
            target.unlink()
    if why:
        found = f"not possible ({why}): videos are copied whole, and take their room twice"
        return Finding(name, Severity.WARN, found, "Put the library on the inbox's disk, or write how: copy.")
    return Finding(name, Severity.OK, "possible: a video takes its room once")


def _link(made: str, target: Path) -> str:
    try:
        os.link(made, target)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _share(descriptor: int, target: Path) -> str:
    from vsortd.core.system.reflink import clone_bytes

    try:
        with target.open("xb") as writing:
            shared = clone_bytes(descriptor, writing.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return "" if shared else "another disk, or one that shares no blocks"
