"""The rules while they are edited: a text that is not saved yet, the tree that it says, and the rule in hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vsortd.config.former_versions import in_present_words
from vsortd.config.rule_edits import add_rule_text, delete_rule, move_rule, place_after, set_options
from vsortd.config.rules import build_rules
from vsortd.config.yaml_lines import NodeKind, read_text
from vsortd.core.names import nfc
from vsortd.errors import UsageError
from vsortd.web.editing import EditedText, posted_text
from vsortd.web.plain_numbers import whole_or_none
from vsortd.web.rule_form import RuleForm, changed_options, rule_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vsortd.config.rule_edits import RuleAt
    from vsortd.config.rules import Rule
    from vsortd.config.yaml_lines import Document, Node
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
    def of_key(cls, path: Path, text: str, key: str) -> RuleDraft:
        """Check a text, with the rule of a key such as "forest/night" in hand, as far as there is one."""
        text, document = in_present_words(text)
        at = next((read_at(row.at) for row in _rows(document.options) if nfc(row.key) == nfc(key)), ())
        return cls.of(path, text, at, document)

    @classmethod
    def of(cls, path: Path, text: str, at: RuleAt = (), document: Document | None = None) -> RuleDraft:
        """Check a text; without a rule in hand it is the first one. While it can't be read, `at` stays.

        `document` is what was read of the text already.
        """
        if document is None:
            text, document = in_present_words(text)
        edited = EditedText.checked(path, text, document)
        root = edited.document.options
        if root is None:
            return cls(edited, at)
        at = at if rule_at(root, at) is not None else (0,)
        return cls(edited, at if rule_at(root, at) is not None else ())

    @property
    def rows(self) -> list[RuleRow]:
        """The tree, parents before children; [] where the text can't be read as rules."""
        return _rows(self.edited.document.options)

    @property
    def row(self) -> RuleRow | None:
        """The rule in hand."""
        return _row_at(self.rows, self.at)

    def values(self) -> dict[str, Any]:
        """Return what the templates need."""
        rule, rows = rule_at(self.edited.document.options, self.at), self.rows
        row = _row_at(rows, self.at)
        return {
            "edited": self.edited,
            "rows": rows,
            "at": written_at(self.at),
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
    at = read_at(posted.one("at"))
    text, document = in_present_words(posted_text(posted))
    rule = rule_at(document.options, at)
    if rule is not None and (options := changed_options(rule, posted)):
        text = set_options(text, at, options)
        document = read_text(text)
    do = posted.one("do")
    if select := posted.one("select"):
        return RuleDraft.of(path, text, read_at(select), document)
    if do == "add":
        return _added(path, text, document, at, posted)
    if do == "delete" and rule is not None:
        return RuleDraft.of(path, delete_rule(text, at), (*at[:-1], max(0, at[-1] - 1)))
    if do in _NOWHERE and rule is not None:
        return _moved(path, text, document, at, do)
    return RuleDraft.of(path, text, at, document)


def _added(path: Path, text: str, document: Document, at: RuleAt, posted: Posted) -> RuleDraft:
    name = posted.one("new_name").strip()
    if not name:
        raise UsageError("The new rule has no name.", remedy="Type one into New rule.")
    below = at if posted.one("new_below") else ()
    last = _count(document.options, below)
    return RuleDraft.of(path, add_rule_text(text, below, {"name": name}), (*below, last))


def _moved(path: Path, text: str, document: Document, at: RuleAt, way: str) -> RuleDraft:
    into = (*at[:-1], at[-1] - 1)
    to = place_after(at, way, _count(document.options, into if way == "in" else at[:-1]))
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


def _row_at(rows: Sequence[RuleRow], at: RuleAt) -> RuleRow | None:
    written = written_at(at)
    return next((one for one in rows if one.at == written), None)


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
