"""What the disk of a folder can: each rename that filing needs, lasting names, and which names it refuses.

Everything is really tried, in a hidden folder of doctor's own, which is gone afterwards.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.core.names import portable
from vsortd.core.system.fsync import sync
from vsortd.core.system.network_fs import filesystem_type
from vsortd.core.system.rename_noreplace import RenameWay, rename_noreplace, rename_to_unique
from vsortd.doctor.finding import Finding, Severity
from vsortd.filing.file_names import component
from vsortd.filing.name_fit import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PREFIX = ".vsortd-doctor-"  # hidden, so that no watcher takes it for a video
# What Windows refuses in a name or at its end, each to be tried, and whole names that it keeps for devices.
_CHARACTERS = '<>:"|?*\\\x01ü😀'
_ENDS = {".": "a dot at the end", " ": "a space at the end"}
_DEVICE = "con"
_LONGEST_BYTES = 255
_WAYS = {
    RenameWay.CALL: "renames without replacing",
    RenameWay.LINK: "renames by a second name, since it can't rename without replacing",
    RenameWay.RESERVED: "reserves a name before it renames, since it can neither rename without replacing nor link",
}


@dataclass
class _Trial:
    """What came of the trials in one folder."""

    way: RenameWay | None = None
    troubles: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # what names may not hold, as people read it
    renamed: list[tuple[str, str]] = field(default_factory=list)  # names that were asked about and are refused


def disk(what: str, folder: Path, names: Iterable[str] = ()) -> Finding:
    """Try what filing needs of the disk of a folder that can be written; `names` are those of rules' folders.

    Returns a warning where it can't do something, or where folders of rules get other names there.
    """
    name = f"disk of the {what} {folder}"
    trial = _Trial()
    try:
        with _own_folder(folder) as inside:
            _try_renames(inside, trial)
            _try_names(inside, trial)
            trial.renamed = [(one, portable(component(one))) for one in names if not _takes(inside, component(one))]
    except OSError as error:
        return Finding(name, Severity.WARN, f"can't be tried: {error.strerror or error}", "vsortd doctor")
    kind = filesystem_type(folder)
    can = _WAYS[trial.way] if trial.way is not None else ""
    refuses = f"refuses {_phrase(trial.refused)}; such names are made to fit" if trial.refused else "takes every name"
    said = f"{kind or 'the filesystem'}: {'; '.join(filter(None, (can, refuses)))}"
    if trial.troubles:
        remedy = "Keep this folder on another disk, or mount it by another driver."
        return Finding(name, Severity.FAIL if trial.way is None else Severity.WARN, said, remedy, tuple(trial.troubles))
    if trial.renamed:
        details = tuple(f"the folder of the rule {one} is made as {fitted}" for one, fitted in trial.renamed)
        return Finding(name, Severity.WARN, said, "Give these rules plainer names: vsortd edit", details)
    return Finding(name, Severity.OK, said)


def _phrase(refused: list[str]) -> str:
    chars = [one for one in refused if len(one) == 1]
    return ", ".join([*([f"{listed(chars)} in a name"] if chars else []), *(one for one in refused if len(one) > 1)])


@contextlib.contextmanager
def _own_folder(folder: Path) -> Iterator[Path]:
    inside = Path(tempfile.mkdtemp(dir=folder, prefix=PREFIX))
    try:
        yield inside
    finally:
        shutil.rmtree(inside, ignore_errors=True)


def _try_renames(inside: Path, trial: _Trial) -> None:
    """Try to rename into a free name, into one that is taken, across folders, and to a unique one."""
    one, two, deeper = inside / "one", inside / "two", inside / "deeper"
    one.write_bytes(b"1")
    deeper.mkdir()
    with _told("can't give a file a new name", trial):
        trial.way = rename_noreplace(str(one), str(two), None, None)
        one.write_bytes(b"2")
        with contextlib.suppress(FileExistsError):
            rename_noreplace(str(two), str(one), None, None)
            trial.troubles.append("replaces a file that has the name, whatever it is told")
            trial.way = None
    with _told("can't move a file from one folder to another", trial):
        rename_noreplace(str(one), str(deeper / "one"), None, None)
    with _told("can't put a file aside", trial):
        rename_to_unique(str(two), str(inside / "three.tmp"), None)
    with _told("can't make changes of names last through a power cut", trial):
        _sync_folder(inside)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _told(what: str, trial: _Trial) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        trial.troubles.append(f"{what}: {error.strerror or error}")


def _try_names(inside: Path, trial: _Trial) -> None:
    trial.refused = [char for char in _CHARACTERS if not _takes(inside, f"a{char}a")]
    trial.refused += [words for end, words in _ENDS.items() if not _takes(inside, f"a{end}")]
    if not _takes(inside, _DEVICE):
        trial.refused.append("names of devices (con)")
    if not _takes(inside, "a" * _LONGEST_BYTES):
        trial.refused.append(f"{_LONGEST_BYTES} letters")


def _takes(inside: Path, name: str) -> bool:
    """Tell whether a folder of this name can be made, and has it then: FAT takes dots at the end, and drops them."""
    path = inside / name
    try:
        path.mkdir()
        there = {_composed(one.name) for one in inside.iterdir()}
        path.rmdir()
    except OSError:
        return False
    return _composed(name) in there


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
