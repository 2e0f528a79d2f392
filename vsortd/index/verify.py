"""Holding the index against the disk: what lies where it says, what went elsewhere, what changed, what is gone.

A folder that can't be looked into (a share that is away) says nothing about its files: they are kept.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loguru import logger

from vsortd.core.identity import Identity
from vsortd.errors import VsortdError
from vsortd.index.extent import Extent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from vsortd.index.store import Index
    from vsortd.index.video import IndexRow


@dataclass(slots=True)
class Tidied:
    """What was found; `gone` and `changed` are forgotten by `prune` only, `moved` is followed at once."""

    right: int = 0
    moved: list[tuple[Path, Path]] = field(default_factory=list)
    changed: list[IndexRow] = field(default_factory=list)
    gone: list[IndexRow] = field(default_factory=list)
    away: list[IndexRow] = field(default_factory=list)  # in folders that can't be looked into just now
    folders: list[Path] = field(default_factory=list)  # that were given to be looked at, and are gone

    @property
    def stale(self) -> list[IndexRow]:
        """The rows that are of no more use."""
        return [*self.changed, *self.gone]


def tidy(
    index: Index,
    roots: Sequence[Path],
    *,
    under: Extent | None = None,
    prune: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Tidied:
    """Look after every video of the index (or those `under` some folders), and follow those that went elsewhere.

    A video that is not where it should be is looked for under `roots` (library, inboxes, what was given): the same file
    by its identity, or the only one with its size and time. With `prune` rows of what is gone or changed are removed,
    and folders that were given and are gone with all that was in them. A root that is not there, or empty, may be a
    share that is away: what lay below it is kept. Raises StoreError.
    """
    found = Tidied()
    missing: list[IndexRow] = []
    # with all their names: a file that lost the one in question may be there by another
    rows = [row for row in index.rows(measured=True) if under is None or row.within(under) is not None]
    for number, row in enumerate(rows):
        if on_progress is not None and number % 100 == 0:
            on_progress(number, len(rows))
        with _kept_if_odd(row, found):
            _look_after(index, row, found, missing)
    if missing:
        _look_for(index, missing, roots, found)
    found.folders = [] if under is not None else _gone_folders(index, found)
    if prune:
        index.forget([row.id for row in found.stale])
        index.unname(name for row in rows for name in row.others if _is_no_name(name, row, roots))
        index.remove_folders(found.folders)
    return found


def _gone_folders(index: Index, found: Tidied) -> list[Path]:
    """Return the folders that were given, are surely gone, and of which no video is kept that may come back."""
    gone = {row.id for row in found.stale}
    return [
        folder
        for folder in index.folders()
        if not os.path.lexists(folder)
        and _is_sure(folder, ())
        and all(row.id in gone for row in index.rows(under=Extent.of(folder), measured=True))
    ]


def _is_no_name(name: Path, row: IndexRow, roots: Sequence[Path]) -> bool:
    return not row.identity.lies_at(name) and (os.path.lexists(name) or _is_sure(name, roots))


def _look_after(index: Index, row: IndexRow, found: Tidied, missing: list[IndexRow]) -> None:
    """Sort out one video; what is not there is to be looked for."""
    there = _identity(row.path)
    other = None if there == row.identity else next((name for name in row.others if row.identity.lies_at(name)), None)
    if there == row.identity:
        found.right += 1
    elif other is not None:
        index.moved(row.identity, row.identity, other)
        found.moved.append((row.path, other))
    elif there is not None and there.same_content(row.identity):
        index.moved(row.identity, there, row.path)  # another mount, or copied back from a backup
        found.right += 1
    elif there is not None:
        found.changed.append(row)
    else:
        missing.append(row)


@contextlib.contextmanager
def _kept_if_odd(row: IndexRow, found: Tidied) -> Iterator[None]:
    """Keep a row over which something fails that should not; the others are looked after."""
    try:
        yield
    except VsortdError:
        raise
    except Exception as error:  # noqa: BLE001 - nothing is concluded from it
        logger.opt(exception=error).error("{}: its row of the index could not be looked after", row.path)
        found.away.append(row)


def _look_for(index: Index, missing: Sequence[IndexRow], roots: Sequence[Path], found: Tidied) -> None:
    """Sort out the videos that are not where they should be."""
    away = [root for root in roots if not _has_anything(root)]
    wanted = {(row.identity.size_bytes, row.identity.mtime_ns) for row in missing}
    seen: dict[tuple[int, int], list[tuple[Identity, Path]]] = {}
    for identity, path in _files(roots):
        key = identity.size_bytes, identity.mtime_ns
        if key in wanted:
            seen.setdefault(key, []).append((identity, path))
    for row in missing:
        with _kept_if_odd(row, found):
            alike = seen.get((row.identity.size_bytes, row.identity.mtime_ns), [])
            same = [pair for pair in alike if pair[0] == row.identity] or (alike if len(alike) == 1 else [])
            if same:
                identity, path = same[0]
                index.moved(row.identity, identity, path)
                found.moved.append((row.path, path))
            elif any(row.path.is_relative_to(root) for root in away) or not _is_sure(row.path, roots):
                found.away.append(row)
            else:
                found.gone.append(row)


def _identity(path: Path) -> Identity | None:
    try:
        return Identity.of(path)
    except OSError:
        return None


def _has_anything(root: Path) -> bool:
    try:
        with os.scandir(root) as entries:
            return any(True for _ in entries)
    except OSError:
        return False


def _is_sure(path: Path, roots: Sequence[Path]) -> bool:
    """Tell whether a file's absence can be relied on.

    It can below a root that is there. Elsewhere the nearest folder above it that is there has to hold something: an
    empty one may be where a disk is mounted at other times.
    """
    if any(path.is_relative_to(root) for root in roots):
        return True
    for folder in path.parents:
        try:
            with os.scandir(folder) as entries:
                return any(True for _ in entries)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return False
    return False


def _files(roots: Iterable[Path]) -> Iterator[tuple[Identity, Path]]:
    for root in roots:
        for folder, _, names in os.walk(root):
            for name in names:
                path = root.__class__(folder, name)
                identity = _identity(path)
                if identity is not None:
                    yield identity, path
