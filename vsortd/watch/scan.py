"""The scan: every file in an inbox that may be a video, with its identity, as the filesystem says it now."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.core.identity import Identity
from vsortd.watch.other_videos import finished_among

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from vsortd.watch.candidates import NameRules

# So many troubles are kept by name; the rest is counted.
_TROUBLES_KEPT = 8


@dataclass(slots=True)
class ScanResult:
    """What a scan found: files with their identities, how many folders it entered, what it could not read.

    `others` are videos that `extensions` leaves out, as paths from the inbox (with `/`).
    `finished` is False if it was told to stop midway.
    """

    files: list[tuple[Path, Identity]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    folders: int = 0
    troubles: list[str] = field(default_factory=list)
    trouble_count: int = 0
    finished: bool = True

    def trouble(self, relative: str, error: OSError) -> None:
        """Note what could not be read; what vanished midway is no trouble."""
        if isinstance(error, (FileNotFoundError, NotADirectoryError)):
            return
        self.trouble_count += 1
        if len(self.troubles) < _TROUBLES_KEPT:
            self.troubles.append(f"{relative or '.'}: {error.strerror or error}")


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """Where a scan goes: below `root`, not into the folders in `exclude` (as `root` spells them)."""

    root: Path
    rules: NameRules
    recursive: bool
    exclude: Collection[str] = ()


def scan(plan: ScanPlan, *, below: str = "", stop: Callable[[], bool] = lambda: False) -> ScanResult:
    """List the candidates of an inbox, or of its subfolder `below` (relative, with `/`).

    Links are never followed, a folder is entered once even where mounts make a loop, folders that vanish
    midway are passed over. Raises OSError when the first folder can't be read; trouble further down is in the
    result.
    """
    result = ScanResult()
    entered: set[tuple[int, int]] = set()
    start = str(plan.root.joinpath(*below.split("/")))
    pending = [(start, below)]
    while pending:
        if stop():
            result.finished = False
            break
        folder, relative = pending.pop()
        try:
            if not _enter_once(folder, entered):
                continue
            subfolders = _list(plan, folder, relative, result)
        except OSError as error:
            if folder == start:
                raise
            result.trouble(relative, error)
            continue
        result.folders += 1
        pending.extend(reversed(subfolders))
    return result


def _enter_once(folder: str, entered: set[tuple[int, int]]) -> bool:
    status = os.stat(folder)  # noqa: PTH116 - plain strings in this hot loop
    key = (status.st_dev, status.st_ino)
    if key in entered:
        return False
    entered.add(key)
    return True


def _list(plan: ScanPlan, folder: str, relative: str, result: ScanResult) -> list[tuple[str, str]]:
    """Add one folder's candidates to the result, and return its subfolders (path, path from the inbox)."""
    subfolders: list[tuple[str, str]] = []
    others: list[str] = []
    prefix = f"{relative}/" if relative else ""
    with os.scandir(folder) as entries:
        for entry in entries:
            below = prefix + entry.name
            try:
                if entry.is_dir(follow_symlinks=False):
                    if plan.recursive and _enters(plan, entry, below):
                        subfolders.append((entry.path, below))
                elif plan.rules.takes_file(entry.name, below):
                    status = _status(entry)
                    if stat.S_ISREG(status.st_mode):
                        result.files.append((Path(entry.path), Identity.from_stat(status)))
                elif plan.rules.is_other_video(entry.name, below) and entry.is_file(follow_symlinks=False):
                    others.append(entry.name)
            except OSError as error:
                result.trouble(below, error)
    result.others += [prefix + name for name in finished_among(folder, others)]
    return subfolders


def _enters(plan: ScanPlan, entry: os.DirEntry[str], below: str) -> bool:
    return entry.path not in plan.exclude and plan.rules.enters_folder(entry.name, below)


def _status(entry: os.DirEntry[str]) -> os.stat_result:
    """Return the file's own status; on Windows, DirEntry leaves device and inode out."""
    if sys.platform == "win32":
        return os.lstat(entry.path)
    return entry.stat(follow_symlinks=False)


def spell_within(root: Path, folders: Iterable[Path]) -> frozenset[str]:
    """Return those of `folders` that lie in `root`, links resolved, as a scan of `root` spells them."""
    real = Path(os.path.realpath(root))
    resolved = (Path(os.path.realpath(folder)) for folder in folders)
    return frozenset(
        str(root / folder.relative_to(real)) for folder in resolved if folder != real and folder.is_relative_to(real)
    )
