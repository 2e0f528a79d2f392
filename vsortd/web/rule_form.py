"""One rule as the fields of a form: shown from the config's text, and what was changed in them put back into it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vsortd.config.dump import dump_yaml
from vsortd.config.rule_text import in_one_line
from vsortd.config.yaml_lines import NodeKind, Odd, plain, read_text
from vsortd.errors import UsageError
from vsortd.web.plain_numbers import plain_or_none

if TYPE_CHECKING:
    from vsortd.config.yaml_lines import Node
    from vsortd.web.page import Posted

_LISTS: Final = ("prompts", "none_of_these")
_NUMBERS: Final = ("min_score", "min_margin")
_IN_BRACES: Final = ("when", "contains")
_FIELDS: Final = ("name", *_LISTS, *_NUMBERS, *_IN_BRACES, "more")
_PREFIX: Final = "rule-"  # a field named `contains` would hide what forms have of this name
_NOT_SHOWN: Final = frozenset({"rules"})


@dataclass(frozen=True, slots=True)
class RuleForm:
    """The fields by their names: lists a line each, `more` the other options as YAML."""

    fields: dict[str, str]

    @classmethod
    def of(cls, rule: Node) -> RuleForm:
        """Show a rule of the text."""
        values = {name: _readable(plain(node)) for name, (_, node) in rule.entries.items() if name not in _NOT_SHOWN}
        fields = {name: _shown(name, values.get(name)) for name in _FIELDS[:-1]}
        more = {name: value for name, value in values.items() if name not in _FIELDS}
        return cls({**fields, "more": dump_yaml(more).rstrip("\n") if more else ""})

    def __getitem__(self, name: str) -> str:
        return self.fields[name]

    @property
    def shown(self) -> str:
        """The fields as they were shown, to tell later what was changed in them."""
        return json.dumps(self.fields)


def changed_options(rule: Node, posted: Posted) -> dict[str, object]:
    """Return the options of a rule that a form changes, None for one that it leaves out. Raises UsageError.

    What the form shows as it was shown is not changed, whatever the text says of it by now.
    """
    before = _as_shown(posted.one("was"))
    found: dict[str, object] = {}
    for name in _FIELDS:
        text = posted.one(f"{_PREFIX}{name}").replace("\r\n", "\n")
        if name not in before or text.strip() == before[name].strip():
            continue
        if name == "more":
            found |= _changed_more(rule, text)
        else:
            found[name] = _meant(name, text.strip())
    return found


def _as_shown(text: str) -> dict[str, str]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise UsageError("The form can't be read.", remedy="Load the page anew, and try again.") from error
    return {name: value for name, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}


def _changed_more(rule: Node, text: str) -> dict[str, object]:
    before = {name: plain(node) for name, (_, node) in rule.entries.items() if name not in {*_FIELDS, *_NOT_SHOWN}}
    now = _yaml("More options", text) if text.strip() else {}
    if not isinstance(now, dict) or set(now) & {*_FIELDS, *_NOT_SHOWN}:
        raise UsageError("More options: one `key: value` a line, of those that have no field of their own.")
    gone = dict.fromkeys(name for name in before if name not in now)
    return gone | {name: value for name, value in now.items() if before.get(name) != value}


def _meant(name: str, text: str) -> object:
    if name in _LISTS:
        return [line.strip() for line in text.split("\n") if line.strip()] or None
    if not text:
        return "" if name == "name" else None
    if name in _NUMBERS:
        number = plain_or_none(text)
        return text if number is None else number  # of a text the check says what is wanted
    return _yaml(name, text) if name in _IN_BRACES else text


def _yaml(name: str, text: str) -> Any:  # noqa: ANN401 - YAML holds anything
    document = read_text(text)
    if document.root is None or document.mistakes:
        raise UsageError(f"{name}: {document.mistakes[0].message if document.mistakes else 'not valid YAML'}.")
    return plain(document.root)


def _shown(name: str, value: object) -> str:
    if value is None:
        return ""
    if name in _LISTS:
        return "\n".join(map(str, value)) if isinstance(value, list) else str(value)
    return in_one_line(value) if name in _IN_BRACES or name in _NUMBERS else str(value)


def _readable(value: Any) -> Any:  # noqa: ANN401 - YAML holds anything
    """Return a value with what YAML reads oddly as it was written."""
    if isinstance(value, Odd):
        return value.text
    if isinstance(value, list):
        return [_readable(one) for one in value]
    return {key: _readable(one) for key, one in value.items()} if isinstance(value, dict) else value


def rule_at(root: Node | None, at: tuple[int, ...]) -> Node | None:
    """Return a rule of the text by the numbers on the way to it, None where there is none."""
    found = root
    for number in at:
        below = None if found is None else found.get("rules")
        if below is None or below.kind is not NodeKind.LIST or not 0 <= number < len(below.items):
            return None
        found = below.items[number]
    return found if at and found is not None and found.kind is NodeKind.MAPPING else None
