"""Check a config file whole: every mistake in one report, and what is odd but usable as warnings.

The options are checked by the models, rule by rule without recursion (pydantic's own stops near 250 levels);
what concerns several options together is checked here, on whatever parts are sound, so that one mistake hides
no other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from vsortd.config.cross_checks import cross_check
from vsortd.config.diagnostics import InvalidConfigError, Location, Mistake, dotted
from vsortd.config.error_messages import OptionType, explain, value_of
from vsortd.config.former_versions import FormerVersion, newer_version, taken_over
from vsortd.config.settings import RuleSettings, Settings
from vsortd.config.yaml_lines import Document, Node, NodeKind, plain, read_bytes, read_document, read_text, walk_to
from vsortd.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What came of checking a file; `settings` is None as soon as there is any mistake.

    `document` is of the present version: where the file is of a `former` one, it was taken over before it was checked.
    Lines are those of the file all the same.
    """

    file: Path
    settings: Settings | None
    document: Document
    mistakes: tuple[Mistake, ...]
    former: FormerVersion | None = None

    def settings_or_raise(self) -> Settings:
        """Return the settings, or raise InvalidConfigError with every mistake."""
        if self.settings is None:
            raise InvalidConfigError(self.file, self.mistakes)
        return self.settings

    def line_of(self, location: Location) -> int:
        """Return the line of a location, or of the nearest that stands in the file."""
        if self.document.root is None:
            return 1
        *_, (_, line, _) = walk_to(self.document.root, location)
        return line


def check_file(path: Path) -> CheckReport:
    """Read and check the config file at `path`. Raises ConfigError where it can't be read at all."""
    try:
        document = read_document(path)
    except OSError as error:
        raise ConfigError(
            f"The config file {path} can't be read: {error.strerror or error}.",
            remedy="Make it readable, or name another with --config.",
            paths=[path],
        ) from error
    return check_document(path, document)


def check_bytes(path: Path, data: bytes) -> CheckReport:
    """Check what a config file at `path` would hold."""
    return check_document(path, read_bytes(data))


def check_document(path: Path, document: Document) -> CheckReport:
    """Check what was read of a config file at `path`, or would be; one of a former version is taken over first."""
    if newer := newer_version(document):
        return CheckReport(path, None, document, (newer,))
    if (former := taken_over(document)) is None:
        return _check_present(path, document)
    report = _check_present(path, read_text(former.text))
    return replace(report, former=former, mistakes=tuple(map(former.in_its_words, report.mistakes)))


def _check_present(path: Path, document: Document) -> CheckReport:
    """Check what is of the present version."""
    mistakes = list(document.mistakes)
    settings = None
    if document.root is not None and document.root.kind is not NodeKind.MAPPING:
        if not document.root.broken:
            what = value_of(document.root)
            mistakes.append(Mistake(document.root.line, "", what, "a mapping of options is wanted", "key: value lines"))
    elif document.root is not None:
        settings, more = _check_root(document.root)
        mistakes += more
    mistakes = sorted(dict.fromkeys(mistakes), key=lambda mistake: mistake.line)
    return CheckReport(path, None if mistakes else settings, document, tuple(mistakes))


def _check_root(root: Node) -> tuple[Settings | None, list[Mistake]]:
    """Check the whole mapping: rules one by one, the rest with the rules put in, what spans options."""
    values = {key: plain(node) for key, (_, node) in root.entries.items() if key != "rules"}
    rules, mistakes = _check_rules(root)
    if root.get("rules") is not None:
        values["rules"] = rules
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        mistakes += explain(_errors(error), Settings, root)
    mistakes += _nothings(root, mistakes)
    mistakes += cross_check(root)
    return settings, mistakes


def _errors(error: ValidationError) -> Sequence[Any]:
    return error.errors(include_url=False, include_input=False)


@dataclass(slots=True)
class _RuleNode:
    """A rule in the file, where it stands, and which of the list are its children."""

    node: Node
    location: Location
    children: range = range(0)


def _check_rules(root: Node) -> tuple[object, list[Mistake]]:
    """Validate every rule by itself, children first, and assemble them.

    Returns what stands for `rules` when the rest is validated: the sound rules, or what is there instead of a
    list.
    """
    holder = root.get("rules")
    if holder is None or holder.kind is not NodeKind.LIST:
        return (plain(holder) if holder else None), []
    order = _list_rules(holder)
    mistakes: list[Mistake] = []
    built: dict[int, RuleSettings] = {}
    for index in range(len(order) - 1, -1, -1):
        entry = order[index]
        children = tuple(built.pop(child) for child in entry.children if child in built)
        rule = _check_rule(entry, children, mistakes)
        if rule is not None:
            built[index] = rule
    return tuple(built[index] for index in range(len(holder.items)) if index in built), mistakes


def _list_rules(holder: Node) -> list[_RuleNode]:
    """List every rule of the file, level by level, children of one rule side by side behind it."""
    order = [_RuleNode(node, ("rules", index)) for index, node in enumerate(holder.items)]
    for entry in order:  # grows while it is walked
        below = entry.node.get("rules")
        if below is None or below.kind is not NodeKind.LIST:
            continue
        start = len(order)
        order.extend(_RuleNode(node, (*entry.location, "rules", index)) for index, node in enumerate(below.items))
        entry.children = range(start, len(order))
    return order


def _check_rule(entry: _RuleNode, children: tuple[RuleSettings, ...], mistakes: list[Mistake]) -> RuleSettings | None:
    """Validate one rule with its finished children; add what is wrong to `mistakes`."""
    node = entry.node
    if node.kind is not NodeKind.MAPPING:
        if not node.broken:
            message = "a rule is a mapping with a name"
            allowed = "- name: forest, and below it the rule's other options"
            mistakes.append(Mistake(node.line, dotted(entry.location), value_of(node), message, allowed))
        return None
    values = {key: plain(value) for key, (_, value) in node.entries.items() if key != "rules"}
    below = node.get("rules")
    if below is not None:
        values["rules"] = children if below.kind is NodeKind.LIST else plain(below)
    try:
        return RuleSettings.model_validate(values)
    except ValidationError as error:
        mistakes += explain(_errors(error), RuleSettings, node, entry.location)
    return None


def _nothings(root: Node, said: Sequence[Mistake]) -> list[Mistake]:
    """Report options that are there but hold nothing, which the models would take for 'not set'."""
    known = {mistake.path for mistake in said}
    found: list[Mistake] = []
    work: list[tuple[Node, Location, OptionType]] = [(root, (), OptionType(Settings))]
    while work:
        node, location, holder = work.pop()
        for key, (line, value) in node.entries.items():
            here = (*location, key)
            option = holder.under(key)
            if option is None or value.broken:
                continue
            if value.kind is NodeKind.SCALAR and value.value is None:
                path = dotted(here)
                if path not in known:
                    message = "nothing stands here; leave the key out for the default"
                    found.append(Mistake(line, path, None, message, option.allowed()))
            elif value.kind is NodeKind.MAPPING:
                work.append((value, here, option))
            elif value.kind is NodeKind.LIST and (item := option.item()):
                work.extend((child, (*here, index), item) for index, child in enumerate(value.items))
    return found
