"""The settings in effect as a table: each option, its value, and where it comes from. Secrets are not in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vsortd.config.diagnostics import dotted
from vsortd.config.dump import dump_yaml, plain_settings
from vsortd.config.yaml_lines import walk_to
from vsortd.core.logs.redaction import Redactor, secret_words
from vsortd.core.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.config.diagnostics import Location
    from vsortd.config.settings import Settings
    from vsortd.config.yaml_lines import Document

# Addresses that let whoever knows them in, and files with keys.
_SECRET: Final = frozenset({"urls", "post", "key_file", "password_file"})
HIDDEN: Final = "set, not shown here"


@dataclass(frozen=True, slots=True)
class EffectiveOption:
    """One option: `line` of the file, 0 where that does not set it; `variable` of the environment that does."""

    name: str
    value: str
    line: int = 0
    variable: str = ""


def effective_options(settings: Settings, document: Document | None) -> list[EffectiveOption]:
    """Return every option but the rules, which have a view of their own."""
    values = plain_settings(settings)
    rules = values.pop("rules", [])
    redactor = Redactor(secrets=secret_words())
    found = [_option(location, value, document, redactor) for location, value in _leaves(values, ())]
    return [*found, EffectiveOption("rules", f"{counted(len(rules), 'rule')} at the top", _line(("rules",), document))]


def _leaves(value: Any, location: Location) -> Iterator[tuple[Location, Any]]:  # noqa: ANN401 - as YAML has it
    """Yield each option with its value; a list of plain values is one."""
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _leaves(below, (*location, str(key)))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for number, below in enumerate(value):
            yield from _leaves(below, (*location, number))
    else:
        yield location, value


def _option(location: Location, value: object, document: Document | None, redactor: Redactor) -> EffectiveOption:
    name = dotted(location)
    if any(step in _SECRET for step in location):
        return EffectiveOption(name, HIDDEN if value else "none", _line(location, document))
    variable = "$VSORTD_WEB" if location[0] == "web" and os.environ.get("VSORTD_WEB") else ""
    return EffectiveOption(name, redactor.apply(_written(value)), _line(location, document), variable)


def _written(value: object) -> str:
    if value in ([], {}, ()):
        return "none"
    return dump_yaml({"x": value}).removeprefix("x: ").rstrip("\n")


def _line(location: Location, document: Document | None) -> int:
    """Return the line that sets an option, or that holds it in brackets with others; 0 for none."""
    if document is None or document.root is None:
        return 0
    *_, (reached, line, _) = walk_to(document.root, location)
    return line if reached == location else 0
