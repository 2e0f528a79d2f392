"""What a labelled folder says: its subfolders are named like the rules, and every video lies where it belongs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsortd.config.diagnostics import nearest_of
from vsortd.core.names import nfc
from vsortd.core.paths import as_on_disk, is_folder
from vsortd.errors import UsageError
from vsortd.filing.rule_folders import RuleFolders
from vsortd.watch.candidates import NameRules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsortd.config.place_options import Place
    from vsortd.config.rules import RuleTree

NONE_FOLDER: Final = "_none"
_MOST_SHOWN: Final = 5  # wrong folders named in the message


@dataclass(frozen=True, slots=True)
class Case:
    """A video and where it belongs: `truth` holds the names from the top rule down, () for none of these."""

    path: Path
    truth: tuple[str, ...]


def read_truth(folder: Path, tree: RuleTree, *, place: Place, extensions: Sequence[str]) -> list[Case]:
    """Return every video below a folder with its truth, in the order of the names.

    A folder is a rule's by the rule's name, or where `place.folder` puts the rule's videos, so that a library can be
    given. Its folder for undecided videos means 'none of these' like `_none`; `extensions` are without dot.
    A video that is a link stands for what it points to. Raises UsageError where there is no folder or no video, and
    for folders that hold videos and are no rule.
    """
    folder = as_on_disk(folder)
    if not is_folder(folder):
        raise UsageError(
            f"There is no folder {folder}.",
            remedy="Name one whose subfolders are called like your rules.",
            paths=[folder],
        )
    nothing = {NONE_FOLDER, nfc(place.review)} - {nfc(rule.name) for rule in tree.rules}
    paths = {nfc(rule.key): rule.path for rule in tree.walk()}
    cases: list[Case] = []
    wrong: dict[str, Path] = {}
    folders = RuleFolders(tree, place)
    for parts, videos in _walk(folder, NameRules(tuple(extensions), ())):
        key = nfc("/".join(parts))
        rule = key if key in paths else folders.rule_of(parts)
        if parts and nfc(parts[0]) in nothing:
            cases += [Case(video, ()) for video in videos]
        elif rule is not None:
            cases += [Case(video, paths[nfc(rule)]) for video in videos]
        else:
            wrong[key] = videos[0]
    if wrong:
        raise _wrong_folders(folder, wrong, list(paths), nothing)
    if not cases:
        raise UsageError(
            f"There is no video below {folder}.",
            remedy=f"Put videos ({', '.join(extensions)}) into subfolders called like your rules, such as "
            f"{next(iter(paths))}.",
            paths=[folder],
        )
    return cases


def _walk(folder: Path, names: NameRules) -> Iterator[tuple[tuple[str, ...], list[Path]]]:
    """Yield each folder that holds videos, as the names below `folder`, with its videos."""
    for root, folders, files in os.walk(folder):
        place = Path(root).relative_to(folder).parts
        prefix = "".join(f"{name}/" for name in place)
        folders[:] = sorted(name for name in folders if names.enters_folder(name, prefix + name))
        videos = [Path(root) / name for name in sorted(files) if names.takes_file(name, prefix + name)]
        if videos:
            yield place, videos


def _wrong_folders(folder: Path, wrong: dict[str, Path], keys: list[str], nothing: set[str]) -> UsageError:
    if list(wrong) == [""]:
        title = f"{wrong['']} lies in {folder} itself, so nothing says which rule it shows."
        return UsageError(title, remedy="Move such videos into subfolders called like your rules.")
    said = []
    for key in [key for key in wrong if key][:_MOST_SHOWN]:
        near = nearest_of(key, keys) or nearest_of(key.rpartition("/")[2], keys) or _with_that_end(key, keys)
        said.append(f"'{key}'" + (f" (did you mean {near}?)" if near else ""))
    more = len(wrong) - len(said)
    title = f"{folder} has folders that are no rule of the config: {', '.join(said)}{f' and {more} more' * (more > 0)}."
    return UsageError(
        title,
        remedy=f"Rename them after rules, or into {' or '.join(sorted(nothing))} for what fits none. Nothing was done.",
        paths=[folder],
    )


def _with_that_end(key: str, keys: list[str]) -> str:
    """Return the rule whose last name is most like the folder's last name, "" if none is."""
    ends = {one.rpartition("/")[2]: one for one in reversed(keys)}
    wanted = key.rpartition("/")[2]
    return ends.get(wanted if wanted in ends else nearest_of(wanted, ends), "")
