"""`-o/--out`, of every command that writes files: a name's ending, or that it is a folder's, says what is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.core.paths import as_on_disk, is_folder
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class OutKind:
    """Something that a command may write."""

    name: str
    endings: tuple[str, ...] = ()
    """Those of its files, in small letters; () for a folder."""
    several: bool = False
    """Whether it may be written more than once."""
    by_name: bool = False
    """Whether it is written only where its name stands before the path, `NAME=PATH`: another has the ending."""


def kinds_of(outputs: Sequence[Path] | None, kinds: Sequence[OutKind]) -> dict[str, list[Path]]:
    """Return what is to be written, by the names of the kinds, each path as it lies on the disk.

    Before the work begins it raises UsageError for a name that says nothing or something else than it should, for
    a folder that isn't there to write into, and for two of what is written once.
    """
    found: dict[str, list[Path]] = {kind.name: [] for kind in kinds}
    for output in outputs or ():
        kind, path = _kind_of(output, kinds)
        if found[kind.name] and not kind.several:
            title = f"--out {found[kind.name][0]} and --out {path} are the same to write."
            raise UsageError(title, remedy="Take one of them.")
        found[kind.name].append(path)
    return found


def insist_on_ending(path: Path, *endings: str) -> None:
    """Refuse a file to write whose name says something else, or whose folder isn't there: before the work begins."""
    if path.suffix.lower() not in endings:
        raise UsageError(
            f"{path} does not end in {' or '.join(endings)}.",
            remedy="Give it that ending, so that nothing else is overwritten.",
        )
    if not path.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {path.absolute().parent}.", remedy="Make it first.")


def _kind_of(output: Path, kinds: Sequence[OutKind]) -> tuple[OutKind, Path]:
    name, equals, rest = str(output).partition("=")
    for kind in kinds:
        if kind.by_name and equals and name == kind.name:
            path = as_on_disk(Path(rest))
            if kind.endings:
                insist_on_ending(path, *kind.endings)
            return kind, path
    path, ending = as_on_disk(output), output.suffix.lower()
    for kind in kinds:
        if not kind.by_name and (ending in kind.endings or (not kind.endings and (not ending or is_folder(path)))):
            if kind.endings:
                insist_on_ending(path, *kind.endings)
            return kind, path
    if alone := [kind for kind in kinds if not kind.by_name and not kind.endings and len(kinds) == 1]:
        return alone[0], path  # whatever it is called
    endings = [ending for kind in kinds if not kind.by_name for ending in kind.endings]
    folder = any(not kind.endings and not kind.by_name for kind in kinds)
    raise UsageError(
        f"{path} does not end in {' or '.join(dict.fromkeys(endings))}.",
        remedy=f"Its ending says what is written{'; a folder has none' if folder else ''}.",
    )


def only_one(paths: Sequence[Path]) -> Path | None:
    """Return the path of a kind that is written once, None where it is not."""
    return paths[0] if paths else None
