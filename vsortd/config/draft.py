"""A config in the making: the answers so far, and the commented file that they amount to.

The file is the first example with the answers put in, so that its explanations stand in one place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsortd.config.check import CheckReport, check_bytes
from vsortd.config.dump import dump_yaml
from vsortd.core.resources import resource_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vsortd.config.diagnostics import Mistake

RulePath = tuple[str, ...]
"""The names of a rule from the top, its own last: ("Nature", "Forest")."""

Rules = dict[RulePath, tuple[str, ...]]
"""The prompts of each rule; every rule but the top ones has its parent in here. Flat, so that no depth recurses."""

Facets = dict[str, dict[str, tuple[str, ...]]]
"""The prompts of each value of each facet, in their order."""

EXAMPLE: Final = "first.yaml"
ANY: Final = "any"

_LINE_CHARS: Final = 110  # longer lists of prompts are written one a line
_INDENTED_LEVELS: Final = 60  # deeper rules are written in one line: indentation grows with the square of the depth
_TEACHING: Final = (
    "  # name: the folder. prompts: what its videos show (left out: the name itself; of several any will do).",
    "  # rules: finer folders within, to any depth. A rule may also set what stands under `defaults`, for itself and",
    "  # the rules below it, and a none_of_these of its own, which competes with the rules below it.",
)


@dataclass(frozen=True, slots=True)
class ConfigDraft:
    """What was answered; "" and no rules stand for what was not asked yet."""

    inbox: str = ""
    library: str = ""
    model: str = "auto"
    orientation: tuple[str, ...] = (ANY,)
    mov: str = "remux"
    rules: Rules = field(default_factory=dict)
    facets: Facets = field(default_factory=dict)


def children_of(rules: Mapping[RulePath, object]) -> dict[RulePath, list[RulePath]]:
    """Return the rules below each rule, in their order; the top ones below `()`."""
    below: dict[RulePath, list[RulePath]] = {(): []}
    for path in rules:
        below.setdefault(path[:-1], []).append(path)
        below.setdefault(path, [])
    return below


def walk(rules: Mapping[RulePath, object]) -> Iterator[RulePath]:
    """Yield every rule, parents before children, as they stand in the file; any depth."""
    below = children_of(rules)
    waiting = list(reversed(below[()]))
    while waiting:
        path = waiting.pop()
        yield path
        waiting.extend(reversed(below[path]))


def config_yaml(draft: ConfigDraft) -> str:
    """Return the commented config file; what the draft leaves open stands as in the example."""
    text = (resource_folder("config") / EXAMPLE).read_text(encoding="utf-8")
    for before, value in (
        ("  - path: ", draft.inbox),
        ("library: ", draft.library),
        ("model: ", draft.model),
        ("  orientation: ", draft.orientation[0] if len(draft.orientation) == 1 else list(draft.orientation)),
        ("  mov: ", draft.mov),
    ):
        if value:
            text = _put(text, before, _written(value))
    if draft.model == "sample":  # it knows neither word, and a prompt of unknown words only blurs what it is sure of
        text = _put(text, "none_of_these: ", "[]", more="  # for another model: [a blurred picture, a black screen]")
    if draft.facets:
        text = _replaced(text, r"^# facets:\n(?:#   .*\n)+", lambda _: facets_yaml(draft.facets))
    if draft.rules:
        block = "".join(f"{line}\n" for line in _TEACHING)
        block += rules_yaml(draft.rules).partition("\n")[2]
        text = _replaced(text, r"^rules:\n(?:[ ].*\n)+", lambda _: f"rules:\n{block}")
    return text


def _put(text: str, before: str, value: str, *, more: str = "") -> str:
    """Put a value behind what stands `before` it on its line; the comment after it keeps its column if it can."""
    pattern = rf"^{re.escape(before)}(\[[^\]]*\]|\S+)( *)(#.*)?$"

    def line(found: re.Match[str]) -> str:
        old, gap, comment = found.group(1), found.group(2), found.group(3)
        if not comment:
            return f"{before}{value}{more}"
        return f"{before}{value}  ".ljust(len(before) + len(old) + len(gap)) + comment

    return _replaced(text, pattern, line)


def _replaced(text: str, pattern: str, new: Callable[[re.Match[str]], str]) -> str:
    """Replace the one place of the example that a pattern fits."""
    text, count = re.subn(pattern, new, text, flags=re.MULTILINE)
    if count != 1:
        raise AssertionError(f"{EXAMPLE} has {count} places for {pattern!r}")
    return text


def rules_yaml(rules: Rules) -> str:
    """Return the `rules:` part of a config, to be pasted into one."""
    below = children_of(rules)
    deepest = max(map(len, rules), default=0)
    if deepest > _INDENTED_LEVELS:
        return dump_yaml({"rules": plain_rules(rules)})
    lines = ["rules:"]
    for path in walk(rules):
        indent = " " * (4 * len(path) - 2)
        lines.append(f"{indent}- {_entry('name', path[-1])}")
        lines += _prompt_lines(rules[path], f"{indent}  ")
        if below[path]:
            lines.append(f"{indent}  rules:")
    return "".join(f"{line}\n" for line in lines)


def facets_yaml(facets: Facets) -> str:
    """Return the `facets:` part of a config, to be pasted into one."""
    lines = ["facets:"]
    for name, values in facets.items():
        lines.append(f"  {_key(name)}")
        for value, prompts in values.items():
            lines += _prompt_lines(prompts, "    ", value)
    return "".join(f"{line}\n" for line in lines)


def plain_rules(rules: Rules) -> list[dict[str, object]]:
    """Return the rules as the lists and mappings that YAML and JSON hold."""
    top: list[dict[str, object]] = []
    lists: dict[RulePath, list[dict[str, object]]] = {(): top}
    below = children_of(rules)
    for path in walk(rules):
        rule: dict[str, object] = {"name": path[-1]}
        if rules[path]:
            rule["prompts"] = list(rules[path])
        if below[path]:
            lists[path] = []
            rule["rules"] = lists[path]
        lists[path[:-1]].append(rule)
    return top


def _prompt_lines(prompts: tuple[str, ...], indent: str, key: str = "prompts") -> Iterator[str]:
    if not prompts:
        return
    line = indent + _entry(key, list(prompts))
    if len(line) <= _LINE_CHARS or len(prompts) == 1:
        yield line
        return
    yield f"{indent}{_key(key)}"
    for prompt in prompts:
        yield f"{indent}  - {_written(prompt)}"


def _entry(key: str, value: object) -> str:
    """Return `key: value` on one line, quoted where YAML would read something else."""
    return dump_yaml({key: value}).rstrip("\n")


def _key(key: str) -> str:
    return _entry(key, {}).removesuffix(" {}")


def _written(value: object) -> str:
    return _entry("x", value).removeprefix("x: ")


def check_draft(draft: ConfigDraft) -> CheckReport:
    """Put the draft's file through the same check as `vsortd check`, without writing it where a config belongs."""
    return check_text(config_yaml(draft))


def check_text(text: str) -> CheckReport:
    """Put the text of a config through the same check as `vsortd check`."""
    return check_bytes(Path("config.yaml"), text.encode("utf-8", "replace"))


def sentence(mistake: Mistake) -> str:
    """Return a mistake in an answer as one line: what is wrong, what is allowed; no file, no line."""
    is_name = mistake.path.endswith(".name")  # of several in one answer, so say which; its message says what to do
    line = f'"{mistake.value}": {mistake.message}' if is_name else mistake.message
    if mistake.allowed and not is_name:
        line += f" (allowed: {mistake.allowed})"
    return f"{line}; did you mean {mistake.nearest}?" if mistake.nearest else line
