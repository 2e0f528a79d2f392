"""Which names in an inbox can be videos: extension, hidden, partial and system names, patterns of the user.

Names are `str` with surrogate escapes for bytes that are no UTF-8, as `os.fsdecode` makes them.
"""

from __future__ import annotations

import fnmatch
import os
import re
from typing import TYPE_CHECKING

from vsortd.core.containers import ENDINGS, endings_among
from vsortd.core.names import nfc
from vsortd.watch.neighbours import HIDING_PREFIXES, is_unfinished_name

if TYPE_CHECKING:
    from collections.abc import Iterable

# Folders and files that systems and storage boxes keep for themselves, in lower case.
SYSTEM_NAMES = frozenset(
    {
        "@eadir",
        "@tmp",
        "@recycle",
        "@recently-snapshot",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "recycler",
        "system volume information",
        "lost+found",
        "network trash folder",
        "temporary items",
        "__macosx",
        "thumbs.db",
        "desktop.ini",
    }
)


def is_private(name: str) -> bool:
    """Tell whether a file's or folder's own name says that it is hidden, unfinished or the system's."""
    if name.startswith(HIDING_PREFIXES):
        return True
    return name.lower() in SYSTEM_NAMES or is_unfinished_name(name)


class NameRules:
    """The names that one inbox takes: `extensions` as in its settings; `ignore` as shell patterns.

    A pattern is tried against the name and against the path relative to the inbox (with `/`), of the file and
    of each folder above it; `*` also matches `/`. Names and patterns are compared by NFC.
    """

    def __init__(self, extensions: Iterable[str], ignore: Iterable[str] = ()) -> None:
        self._endings = frozenset(f".{ending}" for ending in endings_among(extensions))
        self._others = frozenset(f".{ending}" for ending in ENDINGS) - self._endings
        patterns = [nfc(pattern).replace(os.sep, "/").removeprefix("./").strip("/") for pattern in ignore]
        self._ignored = [re.compile(fnmatch.translate(pattern)) for pattern in patterns if pattern]

    def takes_file(self, name: str, relative: str) -> bool:
        """Tell whether a file may be a video by its own name; `relative` is its path from the inbox."""
        return _split(name)[1].lower() in self._endings and not is_private(name) and not self._ignores(name, relative)

    def is_other_video(self, name: str, relative: str) -> bool:
        """Tell whether a file is passed over for its ending alone, which is that of a video."""
        return _split(name)[1].lower() in self._others and not is_private(name) and not self._ignores(name, relative)

    def enters_folder(self, name: str, relative: str) -> bool:
        """Tell whether a folder may hold videos by its own name; `relative` is its path from the inbox."""
        return not is_private(name) and not self._ignores(name, relative)

    def takes_path(self, relative: str) -> bool:
        """Tell whether a file may be a video by its name and by those of the folders above it."""
        *_, name = relative.split("/")
        return self.takes_file(name, relative) and self.enters_path(relative.rpartition("/")[0])

    def is_other_path(self, relative: str) -> bool:
        """Tell whether a file is passed over for its ending alone, by its name and those of the folders above it."""
        *_, name = relative.split("/")
        return self.is_other_video(name, relative) and self.enters_path(relative.rpartition("/")[0])

    def enters_path(self, relative: str) -> bool:
        """Tell whether a folder may hold videos by its name and by those above it; "" is the inbox itself."""
        if not relative:
            return True
        parts = relative.split("/")
        return all(self.enters_folder(part, "/".join(parts[: i + 1])) for i, part in enumerate(parts))

    def _ignores(self, name: str, relative: str) -> bool:
        if not self._ignored:
            return False
        name, relative = nfc(name), nfc(relative)
        return any(pattern.match(name) or pattern.match(relative) for pattern in self._ignored)


def _split(name: str) -> tuple[str, str]:
    """Return stem and ending (with its dot), like os.path.splitext; strings, for the scan's hot loop."""
    stem, dot, ending = name.rpartition(".")
    return (stem, dot + ending) if stem else (name, "")
