"""The videos that paths stand for: each that is named, and those that lie in folders, by the rules of their inbox."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.core.paths import as_on_disk, is_file, is_folder
from vsortd.errors import UsageError
from vsortd.watch.candidates import NameRules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsortd.config.inbox_options import Inbox
    from vsortd.config.settings import Settings


def gather(settings: Settings, paths: Sequence[Path]) -> Iterator[tuple[Path, Inbox, bool]]:
    """Yield each video once, as (path, the inbox whose settings it gets, whether it was named itself).

    Folders are looked through by the rules of their inbox. Raises UsageError for a path that is not there, or can't be
    looked at.
    """
    seen: set[Path] = set()
    for given in paths:
        path = as_on_disk(Path(os.path.abspath(given)))  # noqa: PTH100 - resolve() would follow symlinks
        inbox = inbox_of(settings, path)
        rules = NameRules(inbox.extensions, inbox.ignore)
        if is_folder(path):
            found: Iterator[tuple[Path, bool]] = ((file, False) for file in _walk(path, rules))
        elif is_file(path):
            found = iter([(path, True)])
        else:
            raise UsageError(f"{given} is not there.", remedy="Name videos, or folders that hold some.", paths=[given])
        for file, named in found:
            if file not in seen:
                seen.add(file)
                yield file, inbox, named


def inbox_of(settings: Settings, path: Path) -> Inbox:
    """Return the inbox whose settings a file or folder gets: the one it lies in, else the first."""
    for inbox in settings.inboxes:
        if path.is_relative_to(inbox.path):
            return inbox
    extensions = tuple(dict.fromkeys(one for inbox in settings.inboxes for one in inbox.extensions))
    return settings.inboxes[0].model_copy(update={"path": path, "ignore": (), "extensions": extensions})


def _walk(folder: Path, rules: NameRules) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        inside = Path(root).relative_to(folder).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        folders[:] = sorted(name for name in folders if rules.enters_folder(name, prefix + name))
        for name in sorted(names):
            path = Path(root) / name
            if rules.takes_file(name, prefix + name) and not path.is_symlink():
                yield path
