"""Names for disks that refuse some: NTFS, exFAT, FAT and shares take no `:` or `?`, some take only short ones.

Nothing is known of a disk beforehand: the name is tried as it is, and made to fit when it is refused.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from vsortd.core.names import cut, portable
from vsortd.core.paths import spellings
from vsortd.core.system.network_fs import PICKY_TYPES, filesystem_type
from vsortd.core.system.os_errors import explained
from vsortd.core.text import storable
from vsortd.errors import FilingError
from vsortd.filing import fsops
from vsortd.filing.file_names import FALLBACK, MAX_BYTES, component
from vsortd.filing.open_folder import NAME_REFUSALS
from vsortd.filing.transaction_errors import NameRefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.filing.open_folder import Folders, OpenFolder

# What is tried in turn where a name is too long, bytes: eCryptfs allows 143, and shares count the whole path.
_SHORTER_BYTES = (MAX_BYTES, 143, 100, 64)
_NUMBER = re.compile(r"(?: \(\d+\))?$")


@dataclass(frozen=True, slots=True)
class NameFit:
    """How names are made to fit a disk: not at all, until it refuses one."""

    portable: bool = False
    most_bytes: int = MAX_BYTES

    def names(self, names: Sequence[str]) -> list[str]:
        """Return the names of a group, the video's first, so that they fit, differ, and still belong together."""
        fitted = list(names)
        if self.portable:
            fitted = _distinct([portable(name) for name in fitted])
        return shortened(fitted, self.most_bytes)

    def after(self, refusal: NameRefusedError, names: Sequence[str]) -> NameFit | None:
        """Return what to try when these names were refused, None when there is nothing else."""
        if refusal.too_long:
            longest = max(len(os.fsencode(name)) for name in names)
            shorter = next((most for most in _SHORTER_BYTES if most < longest), None)
            fit = None if shorter is None else replace(self, most_bytes=shorter)
        else:
            fit = None if self.portable else replace(self, portable=True)
        return None if fit is None or fit.names(names) == list(names) else fit


def shortened(names: Sequence[str], most_bytes: int) -> list[str]:
    """Return the names of a group within a number of bytes: what they begin with alike is cut, before its number."""
    excess = max(len(os.fsencode(name)) for name in names) - most_bytes
    if excess <= 0:
        return list(names)
    stem = PurePath(names[0]).stem
    alike = "".join(
        one for one, *others in itertools.takewhile(lambda chars: len(set(chars)) == 1, zip(stem, *names, strict=False))
    )
    number = _NUMBER.search(alike)
    mark = number[0] if number else ""
    stem = alike.removesuffix(mark)
    short = cut(stem, max(len(os.fsencode(stem)) - excess, 1)).rstrip(". ") or FALLBACK
    return [f"{short}{mark}{name[len(alike) :]}" for name in names]


def _distinct(names: Sequence[str]) -> list[str]:
    """Return names of which no two are the same on a disk that knows no case: a later one gets a number."""
    taken: set[str] = set()
    found = []
    for name in names:
        free = name
        for number in itertools.count(2):
            if free.casefold() not in taken:
                break
            free = f"{PurePath(name).stem}.{number}{PurePath(name).suffix}"
        taken.add(free.casefold())
        found.append(free)
    return found


def folder_below(library: Path, parts: Sequence[str]) -> Path:
    """Return the folder in the library that names stand for.

    One that is there in another Unicode form, or was made to fit its disk before, is that folder.
    """
    path = library
    for part in parts:
        path /= _name_there(path, component(part))
    return path


def _name_there(folder: Path, name: str) -> str:
    for wanted in dict.fromkeys((name, portable(name))):
        if os.path.lexists(folder / wanted):
            return wanted
        if not wanted.isascii() and (alike := spellings(folder, wanted)):
            return alike[0]
    return name


def make_folder(folders: Folders, library: Path, path: Path) -> OpenFolder:
    """Open a folder of the library, made where it is missing; under names that fit where its own are refused.

    Raises FilingError.
    """
    with explained("Could not make the folder", path):
        try:
            return folders.get(path, create=True)
        except OSError as error:
            if error.errno not in {*NAME_REFUSALS, errno.ENOENT}:
                raise
        folder = folders.get(library)
        for name in path.relative_to(library).parts:
            folder = _make_one(folders, folder, name)
    return folder


def _make_one(folders: Folders, above: OpenFolder, name: str) -> OpenFolder:
    fit = NameFit()
    while True:
        (fitted,) = fit.names([name])
        try:
            return folders.get(above.path / fitted, create=True)
        except OSError as error:
            if not fsops.refuses_name(error, above):
                raise
            refusal = NameRefusedError(above.path / fitted, error.errno or 0)
            other = fit.after(refusal, [fitted])
            if other is None:
                raise refused(refusal) from error
        fit = other


def refused(refusal: NameRefusedError) -> FilingError:
    """Return the error to give up with: which characters it may be, and what to do."""
    name = refusal.path.name
    odd = [char for char in dict.fromkeys(name) if not char.isascii()]
    why = f" It may not take {listed(odd)}." if odd and not refusal.too_long else ""
    if refusal.too_long:
        remedy = "Shorten the file's name, the rule's, or `place.name`; then: vsortd retry FILE"
    elif odd:
        remedy = "Rename the file (or the rule), or mount that disk with names in UTF-8; then: vsortd retry FILE"
    else:
        remedy = "`vsortd doctor` tries what that disk takes; then: vsortd retry FILE"
    return FilingError(f"{refusal.title}{why}", remedy=remedy, paths=[refusal.path], lasting=True)


def foreseen(library: Path, wanted: Path) -> str:
    """Return what may become of names that are not tried yet, by the type of the library's disk; "" if nothing."""
    below = wanted.relative_to(library)
    fitted = PurePath(*map(portable, below.parts))
    if fitted == below or (kind := filesystem_type(library)) not in PICKY_TYPES:
        return ""
    return f"if the library's disk ({kind}) refuses that name, it becomes {storable(fitted)}"


def notes(wanted: Path, got: Path) -> list[str]:
    """Return why names on a path are others than were wanted, for the history."""
    both = zip(wanted.parts, got.parts, strict=True)
    return [_note(one, other) for one, other in both if one != other]


def _note(wanted: str, got: str) -> str:
    odd = [char for char in dict.fromkeys(wanted) if portable(f"a{char}a") != f"a{char}a"]
    if odd:
        return f"the disk takes no {listed(odd)} in a name, so {storable(wanted)} became {storable(got)}"
    return f"the disk refuses the name {storable(wanted)}, which became {storable(got)}"


def listed(chars: Sequence[str]) -> str:
    """Return characters as people read them: `:` and `?`."""
    shown = list(dict.fromkeys(map(_shown, chars)))
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _shown(char: str) -> str:
    if "\ud800" <= char <= "\udfff":  # how Python holds what is no UTF-8
        return "bytes that are no text"
    return f"`{char}`" if char.isprintable() else f"U+{ord(char):04X}"
