"""Mistakes that no single option shows: rules that share a folder, overlapping folders, a least above a most.

Works on the file's nodes and takes only what is sound by itself; what is not has a mistake of its own
already.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic_core import PydanticCustomError

from vsortd.config.after_checks import after_mistakes
from vsortd.config.condition_options import Accept, When
from vsortd.config.detector_options import condition_mistakes, contains_mistakes, detector_mistakes
from vsortd.config.diagnostics import Location, Mistake, dotted
from vsortd.config.error_messages import keys_of
from vsortd.config.facet_checks import facet_mistakes
from vsortd.config.folder_checks import folder_mistakes
from vsortd.config.inbox_options import Inbox
from vsortd.config.place_options import Place
from vsortd.config.rule_nodes import rule_nodes
from vsortd.config.settings import Sampling
from vsortd.config.sound_options import sound_mistakes
from vsortd.config.tag_options import Contains
from vsortd.config.unsure_checks import unsure_mistakes
from vsortd.config.value_types import Day, FolderPath
from vsortd.config.web_checks import web_mistakes
from vsortd.config.yaml_lines import Node, NodeKind
from vsortd.core.names import folder_key, folder_name_problem
from vsortd.core.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel


def cross_check(root: Node) -> list[Mistake]:
    """Return the mistakes that lie between options of the config whose top mapping is `root`."""
    own = [*_shared_folders(root), *_overlaps(root), *_pairs(root), *_conditions(root), *detector_mistakes(root)]
    own += folder_mistakes(root, [(folder.name, folder.what) for folder in _library_folders(root)])
    between = (facet_mistakes, unsure_mistakes, sound_mistakes, after_mistakes, web_mistakes)
    return [*own, *(mistake for find in between for mistake in find(root))]


@dataclass(frozen=True, slots=True)
class _Name:
    """A sound folder name and where it stands."""

    name: str
    line: int
    location: Location
    what: str


def _shared_folders(root: Node) -> Iterator[Mistake]:
    """Find siblings, and the library's own folders, that would be one folder on some system."""
    special = list(_library_folders(root))
    work: list[tuple[Node, Location]] = [(root, ())]
    while work:
        node, location = work.pop()
        below = node.get("rules")
        if below is None or below.kind is not NodeKind.LIST:
            continue
        names: list[_Name] = []
        for index, rule in enumerate(below.items):
            here = (*location, "rules", index)
            work.append((rule, here))
            if name := _sound_name(rule.get("name")):
                names.append(_Name(name[0], name[1], (*here, "name"), "the rule"))
        yield from _same_names(names, special if not location else [])


def _sound_name(node: Node | None) -> tuple[str, int] | None:
    """Return a node's text and line if it can be a folder's name."""
    if node is None or node.broken or not isinstance(node.value, str) or folder_name_problem(node.value):
        return None
    return node.value, node.line


def _library_folders(root: Node) -> Iterator[_Name]:
    """Yield the folders at the top of the library that are no rule's."""
    place = root.get("place")
    review = place.get("review") if place else None
    if name := _sound_name(review):
        yield _Name(name[0], name[1], ("place", "review"), "the review folder")
    elif review is None:
        default = str(Place.model_fields["review"].default)
        yield _Name(default, 0, ("place", "review"), "the review folder")
    duplicates = place.get("on_duplicate") if place else None
    if duplicates is not None and (name := _sound_name(duplicates.get("to"))):
        yield _Name(name[0], name[1], ("place", "on_duplicate", "to"), "the folder of duplicates")


def _same_names(names: list[_Name], special: list[_Name]) -> Iterator[Mistake]:
    """Compare the names of one level; a special folder gets the blame where the file sets it."""
    first: dict[str, _Name] = {}
    for name in names:
        key = folder_key(name.name)
        other = first.setdefault(key, name)
        if other is not name:
            yield _clash(name, other)
    for folder in special:
        other_rule = first.get(folder_key(folder.name))
        if other_rule is not None:
            yield _clash(folder, other_rule) if folder.line else _clash(other_rule, folder)


def _clash(name: _Name, other: _Name) -> Mistake:
    """Report `name`, which is one folder with `other`."""
    where = f"line {other.line}" if other.line else "by default"
    how = (
        "has this name, too"
        if name.name == other.name
        else f'is called "{other.name}", which is the same folder on some systems'
    )
    place = dotted(other.location[:-1]) if other.what in {"the rule", "the tag"} else "place"
    message = f"{other.what} {place} ({where}) {how}"
    return Mistake(
        name.line, dotted(name.location), name.name, message, "a name that no other folder of this level has"
    )


@dataclass(frozen=True, slots=True)
class _Folder:
    """A sound folder path, as the filesystem sees it, and where it stands."""

    real: Path
    node: Node
    location: Location
    recursive: bool = True


def _overlaps(root: Node) -> Iterator[Mistake]:
    """Find inboxes within one another, and a library and an inbox within one another."""
    inboxes = list(_inbox_folders(root))
    for later, earlier in _candidates(inboxes):
        if message := _inboxes_overlap(later, earlier):
            allowed = "a folder that no other inbox covers; or recursive: false in the outer one"
            yield _about(later, message, allowed)
    library = _folder(root.get("library"), ("library",))
    if library is None:
        return
    for inbox in inboxes:
        here = dotted(inbox.location)
        if library.real == inbox.real:
            yield _about(library, f"the library is an inbox, too ({here})", "a folder beside the inbox, not the same")
        elif library.real.is_relative_to(inbox.real):
            message = f"the library lies inside an inbox ({here}), so filed videos would come in again"
            yield _about(library, message, f"a folder beside the inbox, such as {inbox.real.parent / 'Sorted'}")
        elif inbox.real.is_relative_to(library.real):
            message = "this inbox lies inside the library, whose videos are filed already"
            yield _about(inbox, message, f"a folder beside the library, such as {library.real.parent / 'Inbox'}")


def _candidates(inboxes: list[_Folder]) -> Iterator[tuple[_Folder, _Folder]]:
    """Yield with each inbox the first ones before it that lie at it, around it, or in it.

    Each is looked up by its path and those above it: to hold every two against each other took twelve seconds for two
    thousand.
    """
    at: dict[Path, _Folder] = {}
    inside: dict[Path, _Folder] = {}
    around: dict[Path, _Folder] = {}  # those whose subfolders are watched, too
    for later in inboxes:
        above = later.real.parents
        found = [at.get(later.real), inside.get(later.real), *(around.get(path) for path in above)]
        yield from ((later, earlier) for earlier in found if earlier is not None)
        at.setdefault(later.real, later)
        if later.recursive:
            around.setdefault(later.real, later)
        for path in above:
            inside.setdefault(path, later)


def _inboxes_overlap(one: _Folder, other: _Folder) -> str:
    """Say how two inboxes share files, "" if they don't."""
    where = f"{dotted(other.location)} (line {other.node.line})"
    if one.real == other.real:
        return f"{where} is the same folder"
    if other.recursive and one.real.is_relative_to(other.real):
        return f"this inbox lies inside {where}, which covers it already"
    if one.recursive and other.real.is_relative_to(one.real):
        return f"this inbox holds {where}, so its files would come in twice"
    return ""


def _about(folder: _Folder, message: str, allowed: str) -> Mistake:
    return Mistake(folder.node.line, dotted(folder.location), folder.node.text, message, allowed)


def _inbox_folders(root: Node) -> Iterator[_Folder]:
    """Yield the inboxes whose paths are sound."""
    holder = root.get("inboxes")
    for index, inbox in enumerate(holder.items if holder else ()):
        recursive = inbox.get("recursive")
        folder = _folder(
            inbox.get("path"),
            ("inboxes", index, "path"),
            recursive=not recursive or recursive.value is not False,
        )
        if folder is not None:
            yield folder


def _folder(node: Node | None, location: Location, *, recursive: bool = True) -> _Folder | None:
    """Return a folder as the filesystem sees it (symlinks followed, case folded where the system does)."""
    if node is None or node.broken:
        return None
    try:
        path = FolderPath().read(node.value)
    except PydanticCustomError:
        return None
    try:
        real = os.path.realpath(path)
    except OSError:  # a loop of symlinks: the path as written must do
        real = os.path.normpath(path)
    return _Folder(Path(os.path.normcase(real)), node, location, recursive)


def _pairs(root: Node) -> Iterator[Mistake]:
    """Find options whose least is above their most."""
    yield from _pair(root.get("accept"), ("accept",), Accept, ("min_duration", "max_duration"))
    sampling = root.get("sampling")
    if sampling is not None and sampling.get("min_frames") is not None:  # the default is cut to a small max_frames
        yield from _pair(sampling, ("sampling",), Sampling, ("min_frames", "max_frames"))
    holder = root.get("inboxes")
    for index, inbox in enumerate(holder.items if holder else ()):
        yield from _pair(inbox, ("inboxes", index), Inbox, ("settle", "settle_max"))


def _conditions(root: Node) -> Iterator[Mistake]:
    """Find conditions that say nothing or exclude each other, rules that compete and don't, tags of one name."""
    for node, location in rule_nodes(root, tags=True):
        yield from _condition(node, location)
        if (contains := node.get("contains")) is not None:
            yield from contains_mistakes(root, contains, location, Contains)
        if (when := node.get("when")) is not None:
            yield from condition_mistakes(root, when, location)
    tags = root.get("tags")
    names = [
        _Name(found[0], found[1], ("tags", index, "name"), "the tag")
        for index, tag in enumerate(tags.items if tags else ())
        if (found := _sound_name(tag.get("name")))
    ]
    yield from _same_names(names, [])


def _condition(node: Node, location: Location) -> Iterator[Mistake]:
    """Check the conditions of one rule or tag."""
    when, prompts = node.get("when"), node.get("prompts")
    if when is not None and not when.broken and when.kind is NodeKind.MAPPING:
        here = (*location, "when")
        if not when.entries:
            message = "when holds no condition, so every video would be filed here"
            yield Mistake(when.line, dotted(here), None, message, "a condition, such as orientation: portrait")
        yield from _pair(when, here, When, ("min_duration", "max_duration"))
        for key in keys_of(When):
            if key.startswith("min_") and not key.endswith("duration"):
                yield from _pair(when, here, When, (key, f"max_{key.removeprefix('min_')}"))
        yield from _days(when, here)
        yield from _hours(when.get("recorded_hour"), (*here, "recorded_hour"))
    if node.get("contains") is not None and prompts is not None:
        message = "a rule either competes by its prompts or takes what contains something, not both"
        allowed = "prompts or contains; a rule below it may have the other"
        yield Mistake(prompts.line, dotted((*location, "prompts")), prompts.text or None, message, allowed)


def _days(when: Node, location: Location) -> Iterator[Mistake]:
    """Find a day of recording that is not before the other."""
    since, before = (when.get(f"recorded_{word}") for word in ("since", "before"))
    try:
        days = [None if node is None else Day().read(node.value) for node in (since, before)]
    except PydanticCustomError:
        return
    if before is not None and days[0] and days[1] and days[0] >= days[1]:
        message = f"recorded_before ({days[1]}) is not after recorded_since ({days[0]}), so nothing is between"
        yield Mistake(
            before.line, dotted((*location, "recorded_before")), before.text, message, "a later day; it is not included"
        )


def _hours(span: Node | None, location: Location) -> Iterator[Mistake]:
    """Find hours of the day that are none: what ends where it begins."""
    if span is None or span.broken or span.kind is not NodeKind.MAPPING:
        return
    begin, end = span.get("from"), span.get("to")
    if begin is None or end is None or begin.value != end.value or not isinstance(end.value, int):
        return
    allowed = "another hour; {from: 0, to: 24} is the whole day"
    message = f"from and to are the same hour ({end.value}), so nothing is between"
    yield Mistake(end.line, dotted((*location, "to")), end.value, message, allowed)


def _pair(node: Node | None, location: Location, model: type[BaseModel], pair: tuple[str, str]) -> Iterator[Mistake]:
    """Compare two options of one mapping, defaults included; the upper one gets the blame if written."""
    if node is None:
        return
    low_key, high_key = pair
    low, high = _number(node, model, low_key), _number(node, model, high_key)
    if low is None or high is None or low <= high:
        return
    is_duration = keys_of(model)[low_key].kind() is not None or "duration" in low_key
    low_text, high_text = (format_duration(value) if is_duration else f"{value:g}" for value in (low, high))
    blamed = node.get(high_key)
    if blamed is not None:
        key, allowed = high_key, f"{low_text} or more, or a smaller {low_key}"
    else:
        key, allowed = low_key, f"{high_text} or less, or a larger {high_key}"
        blamed = node.entries[low_key][1]
    message = f"{low_key} ({low_text}) is more than {high_key} ({high_text})"
    yield Mistake(blamed.line, dotted((*location, key)), blamed.value, message, allowed)


def _number(node: Node, model: type[BaseModel], key: str) -> float | None:
    """Return the number that an option holds or has by default, None if there is none or it is unsound."""
    option = keys_of(model)[key]
    entry = node.get(key)
    if entry is None:
        field = next(field for name, field in model.model_fields.items() if key in {name, field.alias})
        default = field.default
        return float(default) if isinstance(default, (int, float)) else None
    if entry.broken or entry.kind is not NodeKind.SCALAR:
        return None
    for way in option.ways():
        kind = way.kind()
        try:
            value = kind.read(entry.value) if kind else entry.value
        except PydanticCustomError:
            return None
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
    return None
