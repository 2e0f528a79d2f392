"""Which video is meant by a word of the command line: a path, a name of the history, or an item's id.

`12` is the item with this id where the history has one, whatever files there are; `./12` is always the file, `#12`
always the item. A path is one that is there, or where the video came from or ever lay; a name has its ending or not.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsortd.cli.common import console, open_journal
from vsortd.core.paths import as_on_disk
from vsortd.errors import UsageError
from vsortd.fetching.address import is_address
from vsortd.filing.release import is_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.filing.journal import Journal
    from vsortd.filing.records import Item

_SIGN: Final = "#"
_MOST_DIGITS: Final = 4000  # that Python reads
_NEWEST_NAMES: Final = 2000  # among which one like a mistyped name is looked for
_NEAR: Final = 3
_LISTED: Final = 5


@dataclass(frozen=True, slots=True)
class MeantVideos:
    """The newest item of each video that a word may mean, newest first; `file`: it names one that is there."""

    word: str
    items: tuple[Item, ...] = ()
    file: Path | None = None


def videos_meant(journal: Journal | None, word: str) -> MeantVideos:
    """Return which videos of the history a word means.

    Raises StoreError, and UsageError where two names are alike by how accents are kept.
    """
    if journal is not None and (item := _item_meant(journal, word)) is not None:
        return MeantVideos(word, (item,))
    file = None if _is_signed(word) else _file(word)
    if journal is None:
        return MeantVideos(word, file=file)
    return MeantVideos(word, tuple(_one_each(journal, _items(journal, word, file))), file)


def near_names(journal: Journal | None, word: str) -> list[str]:
    """Return a few names of the history that a word which names nothing may have meant, the best first."""
    if journal is None:
        return []
    from vsortd.config.diagnostics import nearest_of
    from vsortd.core.names import nfc
    from vsortd.filing.queries import names_like

    name = Path(word).name or word
    known = names_like(journal.db, name, newest=_NEWEST_NAMES)
    holding = [one for one in known if nfc(name).lower() in nfc(one).lower()]
    stems = {Path(one).stem: one for one in reversed(known)}
    nearest = nearest_of(name, known) or stems.get(nearest_of(name, stems), "")
    return [one for one in dict.fromkeys([*holding[:_NEAR], nearest]) if one][:_NEAR]


def video_meant(word: str, *, changes: bool = False) -> str:
    """Return where the video is that a command's FILE means: the file that is there, else what the history knows.

    Of several that are called so the newest is taken, which is said; where the command `changes` something, none is.
    An address, and what names nothing, come back as they are, for the command. Raises UsageError.
    """
    if is_address(word) or (_id_of(word) is None and _file(word) is not None):
        return word
    from vsortd.filing.follow import is_busy
    from vsortd.filing.whereabouts import trace, whereabouts

    journal = open_journal()
    found = videos_meant(journal, word)
    if found.file is not None or (journal is not None and is_busy(journal, _absolute(word))):
        return word  # what is being filed this moment the command waits for
    if not found.items or journal is None:
        if near := near_names(journal, word):
            raise UsageError(f"{word} is not there.", remedy=f"Did you mean {' or '.join(near)}?", paths=[word])
        return word
    if len(found.items) > 1:
        _one_of_several(found, changes=changes)
    now = whereabouts(trace(journal, found.items[0]))
    if now.path is None:
        item = found.items[0]
        raise UsageError(
            f"#{item.id} {item.source.name} can't be looked at: {now.note}.",
            remedy=f"What became of it: vsortd where {item.id}",
            paths=[now.expected],
        )
    return str(now.path)


def undoable_meant(journal: Journal | None, word: str) -> int:
    """Return the id of the filing that `undo` is to take back: an id as it is, else the newest of the video meant.

    Raises UsageError where nothing is called so, where several are, and where nothing of it can be undone.
    """
    number = _id_of(word)
    if number is not None and (_is_signed(word) or (journal is not None and _item_meant(journal, word) is not None)):
        return number
    found = videos_meant(journal, word)
    if number is not None and not found.items:
        return number  # which is refused like any that isn't there
    if journal is None or not found.items:
        near = near_names(journal, word)
        raise UsageError(
            f"Nothing in the history is called {word}.",
            remedy=f"Did you mean {' or '.join(near)}?" if near else "`vsortd history` lists what can be undone.",
            paths=[word],
        )
    from vsortd.core.outcomes import UNDOABLE
    from vsortd.filing.whereabouts import trace

    if len(found.items) > 1:
        _one_of_several(found, changes=True)
    traced = trace(journal, found.items[0])
    return next((item.id for item in reversed(traced.items) if item.item_state in UNDOABLE), traced.newest.id)


def id_meant(journal: Journal | None, word: str) -> int | None:
    """Return the id of the item that a word means, None where it is to be taken for a file."""
    number = _id_of(word)
    if number is None or _is_signed(word):
        return number
    known = journal is not None and _item_meant(journal, word) is not None
    return number if known or _file(word) is None else None


def _item_meant(journal: Journal, word: str) -> Item | None:
    """Return the item whose id a word is, if there is one; where a file is called so, too, that is said."""
    number = _id_of(word)
    item = None if number is None else _shown(journal, number)
    if item is not None and not _is_signed(word) and _file(word) is not None:
        _warn(f"{word} is taken for the item {_SIGN}{number}; the file of that name is ./{word}.")
    return item


def _is_signed(word: str) -> bool:
    """Tell whether a word is an id that can be nothing else."""
    return word.startswith(_SIGN) and _id_of(word) is not None


def _one_of_several(found: MeantVideos, *, changes: bool) -> None:
    """Say that several videos are called so: which is taken, or that none is."""
    said = "; ".join(f"#{item.id} {item.state}: {item.destination or item.source}" for item in found.items[:_LISTED])
    more = f"; and {len(found.items) - _LISTED} more" if len(found.items) > _LISTED else ""
    if changes:
        raise UsageError(
            f"{len(found.items)} videos are called {found.word}: {said}{more}.",
            remedy=f"Name one by its id, such as '#{found.items[0].id}', or by its path.",
        )
    _warn(f"{len(found.items)} videos are called {found.word}; the newest is taken. There are: {said}{more}.")


def _items(journal: Journal, word: str, file: Path | None) -> list[Item]:
    """Return the items of a path, of the file that lies there, or of a name: whichever finds some first."""
    from vsortd.filing.queries import items_at, items_named, items_once_at
    from vsortd.filing.whereabouts import items_of_file, spelled

    path = _absolute(word) if file is None else file
    paths = spelled(journal, path)
    found = items_at(journal.db, paths) or items_once_at(journal.db, paths)
    if not found and file is not None:
        found = items_of_file(journal, file)
    if not found and file is None and Path(word).name == word:
        found = items_named(journal.db, word)
    return found


def _one_each(journal: Journal, items: Sequence[Item]) -> list[Item]:
    """Return the newest item of each video: only of items of one size and time, which a move keeps, may some be one."""
    alike: dict[tuple[int, int], list[Item]] = {}
    for item in items:
        alike.setdefault((item.identity.size_bytes, item.identity.mtime_ns), []).append(item)
    newest = {one.id for group in alike.values() for one in _newest_of_each(journal, group)}
    return [item for item in items if item.id in newest]


def _newest_of_each(journal: Journal, items: Sequence[Item]) -> list[Item]:
    """Return of items that are alike those that aren't an earlier item's video: a copy may have size and time of it."""
    if len(items) == 1:
        return list(items)
    from vsortd.filing.whereabouts import trace

    found: list[Item] = []
    known: set[int] = set()
    for item in items:
        if item.id not in known:
            found.append(item)
            known |= trace(journal, item).ids
    return found


def _file(word: str) -> Path | None:
    try:
        path = as_on_disk(_absolute(word))
        return path if os.path.lexists(path) else None
    except ValueError:  # a zero byte
        return None
    except FileNotFoundError:  # the folder that we are in is gone, and with it any file that could be called so
        if _id_of(word) is None:
            raise
        return None


def _absolute(word: str) -> Path:
    path = Path(word)
    with contextlib.suppress(RuntimeError):  # no such user: the name is taken as it stands
        path = path.expanduser()
    return Path(os.path.abspath(path))  # noqa: PTH100 - no links followed


def _shown(journal: Journal, number: int) -> Item | None:
    from vsortd.filing.records import HIDDEN

    item = journal.item(number)
    return None if item is None or item.item_state in HIDDEN else item


def _id_of(word: str) -> int | None:
    """Return the id that a word may be, with or without `#` before it."""
    digits = word.removeprefix(_SIGN)
    if not is_id(digits) or len(digits) > _MOST_DIGITS:
        return None
    return int(digits)


def _warn(sentence: str) -> None:
    console(stderr=True).print(sentence, style="yellow")
