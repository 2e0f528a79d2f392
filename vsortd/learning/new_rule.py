"""A new rule put into the user's config file: a few lines of text in the right place, all else as it was.

The place is found by the parsed file's lines and the indentation around them. Whether it was right is not believed but
checked: the new text must parse to what was there plus the rule, and pass the same check as `vsortd check`. Where the
file's form leaves no safe place (rules in braces), the lines to paste are handed out instead.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vsortd.config.check import check_file
from vsortd.config.diagnostics import InvalidConfigError
from vsortd.config.dump import dump_yaml
from vsortd.config.yaml_lines import Node, plain, read_bytes
from vsortd.core.names import folder_key, folder_name_problem, nfc
from vsortd.core.system.atomic_file import beside, sync_folder
from vsortd.errors import ConfigError
from vsortd.filing.identical import policy_of
from vsortd.vision.sample import unknown_words

if TYPE_CHECKING:
    from vsortd.config.settings import Settings

_ENTRY: Final = re.compile(r"( *)(- +)(?=\S)")
_BOM: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class NewRule:
    """A rule to add below `parent` (a rule's key, "" for the top); without prompts its name is what it looks for."""

    name: str
    parent: str = ""
    prompts: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The names from the top joined by slashes, NFC as in the tree."""
        return nfc(f"{self.parent}/{self.name}" if self.parent else self.name)

    def lines(self, indent: int, dash: str = "- ") -> list[str]:
        """Return the rule as entry of a list whose dashes stand at column `indent` (from 0)."""
        said = [dump_yaml({"name": self.name}).rstrip("\n")]
        if self.prompts:
            said.append(dump_yaml({"prompts": list(self.prompts)}).rstrip("\n"))
        below = " " * len(dash)
        return [" " * indent + (below if number else dash) + line for number, line in enumerate(said)]

    def snippet(self) -> str:
        """Return the lines to paste by hand."""
        where = f"# below the rule {self.parent}" if self.parent else "# at the top"
        return "\n".join([where, "rules:", *self.lines(2)])


def new_name_problem(settings: Settings, parent: str, name: str) -> str:
    """Say why no rule of this name can be made below the rule `parent` ("" for the top), "" if it can.

    What the check of a whole config would say later, said while the name can still be changed.
    """
    if problem := folder_name_problem(name):
        return problem
    siblings = settings.rules
    for step in parent.split("/") if parent else ():
        siblings = next((rule.rules for rule in siblings if rule.name == step), ())
    for sibling in siblings:
        if folder_key(sibling.name) == folder_key(name):
            key = f"{parent}/{sibling.name}" if parent else sibling.name
            return f"there is a rule {key} already"
    _, duplicates = policy_of(settings.place.on_duplicate)
    own = {folder_key(folder) for folder in (settings.place.review, duplicates) if folder}
    if not parent and folder_key(name) in own:
        return "vsortd has a folder of this name itself"
    return ""


def unknown_words_said(settings: Settings, new: NewRule) -> str:
    """Say which of a rule's words the sample model doesn't know; "" where it knows them, or for any other model."""
    if settings.model != "sample":
        return ""
    unknown = dict.fromkeys(word for prompt in new.prompts or (new.name,) for word in unknown_words(prompt))
    words = ", ".join(f'"{word}"' for word in unknown)
    return f"The sample model does not know {words}; it has only what you teach it." if words else ""


class NoPlaceError(ConfigError):
    """The file's form leaves no safe place for the rule; `snippet` is what to paste."""

    def __init__(self, path: Path, new: NewRule) -> None:
        self.snippet = new.snippet()
        super().__init__(
            f"{path} is written in a form that can't be added to safely; nothing was changed.",
            details=["Put this into it yourself:", *self.snippet.splitlines()],
            paths=[path],
        )


def add_rule(path: Path, new: NewRule) -> Settings:
    """Add a rule to the config file, whole or not at all, and return the settings that it holds then.

    Raises InvalidConfigError when the rule would be a mistake (a name twice, say), NoPlaceError, ConfigError where the
    file can't be read or written, or changed meanwhile.
    """
    real = Path(os.path.realpath(path))  # the file itself, where the user linked it
    try:
        before = real.read_bytes()
        after = _with_rule(before, new)
        if after is None:
            raise NoPlaceError(path, new)
        with beside(real, after) as temporary:
            shutil.copymode(real, temporary)
            report = check_file(temporary)
            if report.settings is None:
                raise InvalidConfigError(path, report.mistakes)
            if real.read_bytes() != before:
                raise ConfigError(f"{path} was changed meanwhile.", remedy="Nothing was added: try again.")
            temporary.replace(real)
            sync_folder(real.parent)
            return report.settings
    except OSError as error:
        raise ConfigError(
            f"{path} can't be changed: {error.strerror or error}.",
            details=["Put this into it yourself:", *new.snippet().splitlines()],
            paths=[path],
        ) from error


def _with_rule(data: bytes, new: NewRule) -> bytes | None:
    """Return the file's bytes with the rule added, None if there is no safe place."""
    root = read_bytes(data).root
    if root is None:
        return None
    text = data.decode("utf-8-sig")
    lines = text.split("\n")
    ends_open = bool(lines[-1])
    placed = _place(lines, root, new)
    if placed is None:
        return None
    at, added = placed
    carriage = "\r" if lines[0].endswith("\r") else ""
    if ends_open and at == len(lines):
        lines[-1] += carriage
        added = [*(f"{line}{carriage}" for line in added[:-1]), added[-1]]
    else:
        added = [f"{line}{carriage}" for line in added]
    changed = "\n".join([*lines[:at], *added, *lines[at:]])
    result = ((_BOM if data.startswith(_BOM.encode()) else "") + changed).encode()
    return result if _is_what_was_meant(root, read_bytes(result).root, new) else None


def _place(lines: list[str], root: Node, new: NewRule) -> tuple[int, list[str]] | None:
    """Return before which line (from 0) to put which lines, None if there is no safe place."""
    holder = root
    for name in nfc(new.parent).split("/") if new.parent else ():
        rules = holder.get("rules")
        if rules is None or rules.flow:
            return None
        owner = next((item for item in rules.items if (named := item.get("name")) and nfc(named.text) == name), None)
        if owner is None or owner.flow:
            return None
        holder = owner
    rules = holder.get("rules")
    if rules is not None and (rules.flow or not rules.items):
        return None
    start = (holder if rules is None else rules.items[0]).line - 1
    found = _ENTRY.match(lines[start])
    if found is None:
        return None
    if rules is not None:
        indent = len(found.group(1))
        return _end_of_block(lines, start, indent, dashes=True), new.lines(indent, found.group(2))
    indent = found.end()
    end = _end_of_block(lines, start, indent, dashes=False)
    return end, [" " * indent + "rules:", *new.lines(indent + 2)]


def _end_of_block(lines: list[str], start: int, indent: int, *, dashes: bool) -> int:
    """Return the number of the line after the last one of a block that begins on line `start` (from 0).

    A block goes on while lines are indented as far; in a list, those at its own column begin with a dash.
    """
    last = start
    for number in range(start + 1, len(lines)):
        bare = lines[number].strip()
        if not bare or bare.startswith("#"):
            continue  # of what comes before or after: seen by what follows
        column = len(lines[number]) - len(lines[number].lstrip(" "))
        if column < indent or (dashes and column == indent and not bare.startswith("-")):
            break
        last = number
    return last + 1


def _is_what_was_meant(before: Node, after: Node | None, new: NewRule) -> bool:
    """Tell whether a file holds what it held before and the rule, nothing else."""
    if after is None:
        return False
    wanted: dict[str, Any] = plain(before)
    holder = wanted
    for name in nfc(new.parent).split("/") if new.parent else ():
        holder = next(rule for rule in holder["rules"] if nfc(str(rule.get("name"))) == name)
    rule: dict[str, Any] = {"name": new.name}
    if new.prompts:
        rule["prompts"] = list(new.prompts)
    holder.setdefault("rules", []).append(rule)
    with contextlib.suppress(RecursionError):
        return bool(wanted == plain(after))
    return False
