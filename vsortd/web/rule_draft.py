"""The rules while they are edited: a text that is not saved yet, the tree that it says, and the rule in hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vsortd.config.rule_edits import add_rule_text, delete_rule, move_rule, place_after, set_options
from vsortd.config.rules import build_rules
from vsortd.config.yaml_lines import Node, NodeKind, read_bytes
from vsortd.core.names import nfc
from vsortd.errors import UsageError
from vsortd.web.editing import EditedText, posted_text
from vsortd.web.plain_numbers import whole_or_none
from vsortd.web.rule_form import RuleForm, changed_options, rule_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.config.rule_edits import RuleAt
    from vsortd.config.rules import Rule
    from vsortd.web.page import Posted

_MOST_RULES: Final = 999_999  # of one level
_NOWHERE: Final = {
    "up": "It is the first one already: Out takes it further up.",
    "down": "It is the last one already.",
    "in": "No rule stands before it that it could go into.",
    "out": "It is at the top already.",
}


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule in the tree: `opens` a list of rules below it, after it `closes` so many lists."""

    at: str
    name: str
    key: str
    line: int
    prompts: int
    opens: bool
    closes: int = 0


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A text with the rule in hand, () for none."""

    edited: EditedText
    at: RuleAt = ()

    @classmethod
    def of(cls, path: Path, text: str, at: RuleAt = ()) -> RuleDraft:
        """Check a text; without a rule in hand it is the first one. While it can't be read, `at` stays."""
        edited, root = EditedText.checked(path, text), _root(text)
        if root is None:
            return cls(edited, at)
        at = at if rule_at(root, at) is not None else (0,)
        return cls(edited, at if rule_at(root, at) is not None else ())

    @property
    def rows(self) -> list[RuleRow]:
        """The tree, parents before children; [] where the text can't be read as rules."""
        return _rows(_root(self.edited.text))

    def values(self) -> dict[str, Any]:
        """Return what the templates need."""
        root = _root(self.edited.text)
        rule, rows = rule_at(root, self.at), _rows(root)
        at = written_at(self.at)
        row = next((one for one in rows if one.at == at), None)
        return {
            "edited": self.edited,
            "rows": rows,
            "at": at,
            "row": row,
            "form": None if rule is None else RuleForm.of(rule),
            "now": self._in_effect(row),
        }

    def _in_effect(self, row: RuleRow | None) -> Rule | None:
        """Return the rule in hand with what it inherits, None as long as the text has mistakes."""
        settings = self.edited.settings
        return None if settings is None or row is None else build_rules(settings).find(row.key)


def posted_draft(path: Path, posted: Posted) -> RuleDraft:
    """Return a form's text with what its fields and its button change. Raises UsageError, EditByHandError."""
    text, at = posted_text(posted), read_at(posted.one("at"))
    root = _root(text)
    rule = rule_at(root, at)
    if rule is not None and (options := changed_options(rule, posted)):
        text = set_options(text, at, options)
    do = posted.one("do")
    if select := posted.one("select"):
        return RuleDraft.of(path, text, read_at(select))
    if do == "add":
        return _added(path, text, at, posted)
    if do == "delete" and rule is not None:
        return RuleDraft.of(path, delete_rule(text, at), (*at[:-1], max(0, at[-1] - 1)))
    if do in _NOWHERE and rule is not None:
        return _moved(path, text, at, do)
    return RuleDraft.of(path, text, at)


def _added(path: Path, text: str, at: RuleAt, posted: Posted) -> RuleDraft:
    name = posted.one("new_name").strip()
    if not name:
        raise UsageError("The new rule has no name.", remedy="Type one into New rule.")
    below = at if posted.one("new_below") else ()
    text = add_rule_text(text, below, {"name": name})
    return RuleDraft.of(path, text, (*below, _count(_root(text), below) - 1))


def _moved(path: Path, text: str, at: RuleAt, way: str) -> RuleDraft:
    root = _root(text)
    into = (*at[:-1], at[-1] - 1)
    to = place_after(at, way, _count(root, into if way == "in" else at[:-1]))
    if to is None:
        raise UsageError(_NOWHERE[way])
    return RuleDraft.of(path, move_rule(text, at, to), to)


def _count(root: Node | None, at: RuleAt) -> int:
    """Return how many rules are below a rule, () for all."""
    holder = rule_at(root, at) if at else root
    below = None if holder is None else holder.get("rules")
    return 0 if below is None else len(below.items)


def read_at(text: str) -> RuleAt:
    """Return which rule is meant, such as "2.0"; () for what names none."""
    steps = [whole_or_none(step, 0, _MOST_RULES) for step in text.split(".")] if text else []
    known = tuple(step for step in steps if step is not None)
    return known if len(known) == len(steps) else ()


def written_at(at: RuleAt) -> str:
    """Return which rule is meant, as a form says it."""
    return ".".join(map(str, at))


def at_of_key(text: str, key: str) -> RuleAt:
    """Return the rule of a key such as "forest/night", () where there is none."""
    return next((read_at(row.at) for row in _rows(_root(text)) if nfc(row.key) == nfc(key)), ())


def _root(text: str) -> Node | None:
    root = read_bytes(text.encode("utf-8", "replace")).root
    return root if root is not None and root.kind is NodeKind.MAPPING else None


def _rows(root: Node | None) -> list[RuleRow]:
    if root is None:
        return []
    found = list(_walk(root))
    depths = [one.at.count(".") for one in found] + [0]
    return [
        RuleRow(one.at, one.name, one.key, one.line, one.prompts, one.opens, max(0, depths[n] - depths[n + 1]))
        for n, one in enumerate(found)
    ]


def _walk(root: Node) -> Iterator[RuleRow]:
    waiting = list(reversed(_below(root, (), "")))
    while waiting:
        at, node, above = waiting.pop()
        named = node.get("name")
        name = "" if named is None or named.kind is not NodeKind.SCALAR else named.text
        key = f"{above}/{name}" if above else name
        below = _below(node, at, key)
        yield RuleRow(written_at(at), name, key, node.line, _prompts(node), opens=bool(below))
        waiting.extend(reversed(below))


def _below(node: Node, at: RuleAt, key: str) -> list[tuple[RuleAt, Node, str]]:
    rules = node.get("rules")
    if rules is None or rules.kind is not NodeKind.LIST:
        return []
    return [((*at, n), one, key) for n, one in enumerate(rules.items) if one.kind is NodeKind.MAPPING]


def _prompts(node: Node) -> int:
    prompts = node.get("prompts")
    if prompts is None:
        return 0
    return len(prompts.items) if prompts.kind is NodeKind.LIST else 1
