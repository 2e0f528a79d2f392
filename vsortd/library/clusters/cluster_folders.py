"""Which folder of the library each group becomes. Pure.

A group that fits a rule of the user's goes where that rule files; another into a folder of its name. Groups that end
in the same folder, because the user renames one, are put together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsortd.config.diagnostics import nearest_of
from vsortd.core.names import OWN_FOLDER, folder_key, folder_name_problem, nfc
from vsortd.core.paths import as_on_disk
from vsortd.errors import UsageError
from vsortd.filing.identical import policy_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from vsortd.config.settings import Settings
    from vsortd.library.clusters.grouping import Cluster, ClusterMember

Parts = tuple[str, ...]
"""A folder as the names below the library: ("nature", "forest")."""


@dataclass(frozen=True, slots=True)
class Pile:
    """What goes into one folder: the groups, the largest first."""

    parts: Parts
    groups: tuple[Cluster, ...]

    @property
    def key(self) -> str:
        """The names from the top joined by slashes, as a rule's key has them."""
        return "/".join(self.parts)

    @property
    def members(self) -> tuple[ClusterMember, ...]:
        """The members of all groups, the most typical of each first."""
        return tuple(member for group in self.groups for member in group.members)

    @property
    def prompts(self) -> tuple[str, ...]:
        """What the groups show, each text once."""
        return tuple(dict.fromkeys(word for group in self.groups for word in group.prompts))


@dataclass(frozen=True, slots=True)
class FolderSelection:
    """What the user wants of the groups: some of them (empty: all), by other names, in a folder of the library.

    `only` holds numbers and names of groups, `rename` pairs of one and a folder below `into`.
    """

    only: tuple[str, ...] = ()
    rename: tuple[tuple[str, str], ...] = ()
    into: Parts = ()


def arrange(groups: Sequence[Cluster], wanted: FolderSelection, settings: Settings) -> list[Pile]:
    """Return what goes where, in the order of the groups.

    Raises UsageError for a group that is not there, and for a name that can't be a folder or is vsortd's own.
    """
    renamed = _renamed(groups, wanted.rename)
    chosen = _chosen(groups, wanted.only)
    found: dict[Parts, list[Cluster]] = {}
    spelled: dict[Parts, Parts] = {}  # what names share that are one folder on some system → the spelling met first
    for group in chosen:
        parts = (*wanted.into, *renamed.get(group.number, own_parts(group)))
        _check(parts, group, settings)
        for depth in range(1, len(parts) + 1):
            key = tuple(folder_key(part) for part in parts[:depth])
            parts = (*spelled.setdefault(key, parts[:depth]), *parts[depth:])
        found.setdefault(parts, []).append(group)
    return [Pile(parts, tuple(together)) for parts, together in found.items()]


def own_parts(group: Cluster) -> Parts:
    """Return the folder of a group that nobody renamed: its rule's if it bears that rule's name, else its own."""
    rule = tuple(group.rule.split("/")) if group.rule else ()
    # of two groups that fit one rule, the second has a name of its own, and so a folder of its own
    return rule if rule and group.name in {rule[-1], " ".join(rule)} else (group.name,)


def parts_below(library: Path, into: Path | None) -> Parts:
    """Return `into` as names below the library: a relative path is below it. Raises UsageError for one outside."""
    if into is None:
        return ()
    path = as_on_disk(library / into.expanduser())
    if not path.is_relative_to(library) or ".." in path.parts:
        raise UsageError(
            f"--into {into} is not in the library {library}.",
            remedy="Videos are filed into the library only, where every move can be undone: name a folder in it.",
            paths=[into],
        )
    return path.relative_to(library).parts


def _chosen(groups: Sequence[Cluster], only: Iterable[str]) -> list[Cluster]:
    names = [word.strip() for said in only for word in _split(groups, said) if word.strip()]
    if not names:
        return list(groups)
    numbers = {_find(groups, word, "--only").number for word in names}
    return [group for group in groups if group.number in numbers]


def _split(groups: Sequence[Cluster], said: str) -> list[str]:
    """Return the words between commas; a name may have some itself."""
    is_name = any(nfc(group.name).casefold() == nfc(said).strip().casefold() for group in groups)
    return [said] if is_name else said.split(",")


def _renamed(groups: Sequence[Cluster], rename: Iterable[tuple[str, str]]) -> Mapping[int, Parts]:
    found: dict[int, Parts] = {}
    for word, name in rename:
        parts = nfc(name).strip("/ ").split("/")
        found[_find(groups, word, "--rename").number] = tuple(part.strip() for part in parts)
    return found


def _find(groups: Sequence[Cluster], word: str, option: str) -> Cluster:
    """Return the group with this number or name. Raises UsageError that names the nearest."""
    for group in groups:
        if str(group.number) == word or nfc(group.name).casefold() == nfc(word).casefold():
            return group
    near = nearest_of(word, [group.name for group in groups])
    there = f"There are 1 to {len(groups)}" if groups else "There is none"
    raise UsageError(
        f"{option}: there is no group {word!r}.",
        remedy=f"Did you mean {near}?" if near else f"{there}; `vsortd cluster` lists them.",
    )


def _check(parts: Parts, group: Cluster, settings: Settings) -> None:
    """Raise UsageError for a folder that no rule could have either."""
    named = f"Group {group.number} can't go into {'/'.join(parts)!r}"
    remedy = f"Give it another name: --rename {group.number}=NAME"
    for part in parts:
        problem = folder_name_problem(part)
        if problem:
            raise UsageError(f"{named}: {problem}.", remedy=remedy)
    _, duplicates = policy_of(settings.place.on_duplicate)
    taken = {folder_key(name) for name in (settings.place.review, duplicates, OWN_FOLDER) if name}
    if folder_key(parts[0]) in taken:
        raise UsageError(f"{named}: vsortd has a folder of this name itself.", remedy=remedy)
