"""The pages of docs that are made: the commands of the command line, and the settings of the config's models.

`.ci/task pages` writes them; a test sees that they are what would be written.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from typing import TYPE_CHECKING, Any, Final, cast

import click

from tests.support.paths import REPOSITORY
from vsortd.cli.app import command as command_line
from vsortd.cli.examples import EXAMPLES, EXIT_MEANINGS
from vsortd.cli.front.commands import Group
from vsortd.cli.front.everywhere import EVERYWHERE_PANEL
from vsortd.cli.man_page import ENVIRONMENT, FILES
from vsortd.config.dump import config_schema
from vsortd.core.units import DURATION_PATTERN, SIZE_PATTERN, format_duration, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vsortd.cli.front.parameters import ShownParameter

_MADE: Final = "<!-- Made by `.ci/task pages`: change the texts where they come from, not here. -->"
_EVERYWHERE: Final = """\
`--config FILE` can stand anywhere on the command line. `--quiet` leaves out hints, progress and reports of what was
done. Errors, warnings and what was asked for (tables, answers, `--json` and `--csv`) are still printed, and exit
codes stay the same. `--json` prints pure JSON on stdout; the log goes to stderr. `--json` is short for `--format
json`, and every table has `--csv`, short for `--format csv`: RFC 4180 in UTF-8, with the keys of `--json` as
headings. Names are not changed, not even one that a spreadsheet would read as a formula (`=1.mp4`): import such
columns as text. In a pipe, each item of a table has one line with its whole name; on a narrow terminal, long names
are shortened in the middle.

Where a command takes a video, `17` is the item with this id in `history`, if there is one; `'#17'` is always the item.
Name a file that is called `17` with its folder: `vsortd where ./17`.
"""
# By the form of a text: what it says, and what writes a bound of it.
_MEASURES: Final = {
    DURATION_PATTERN: ("a duration", format_duration),
    SIZE_PATTERN: ("a size", format_size),
}
_ALIKE: Final = {"string": "text", "integer": "number", "boolean": "true or false"}

Node = dict[str, Any]


def commands_page() -> str:
    """Return docs/commands.md: every command with its options and examples, as its `--help` has them."""
    root = click.Context(command_line(), info_name="vsortd")
    return "".join(f"{line}\n" for line in _commands(root))


def _commands(root: click.Context) -> Iterator[str]:
    yield from ("# Commands", "", _MADE, "")
    yield "Each command's `--help` prints the same text, and `man vsortd` shows it as a manual page."
    everywhere = [one for one in _shown(root) if one.panel == EVERYWHERE_PANEL]
    yield from ("", "## Options of every command", "", *_options(_shown(root, everywhere=False) + everywhere))
    yield from ("", *_EVERYWHERE.splitlines())
    for title, found in _sections(root).items():
        yield from ("", f"## {title}")
        for ctx in found:
            yield from _command(ctx)
    yield from ("", "## Exit codes", "", "| code | meaning |", "|---|---|")
    yield from (f"| {int(code)} | {what} |" for code, what in EXIT_MEANINGS.items())
    for title, kind, entries in (("Environment", "variable", ENVIRONMENT), ("Files", "file", FILES)):
        yield from ("", f"## {title}", "", f"| {kind} | meaning |", "|---|---|")
        yield from (f"| `{name}` | {what} |" for name, what in entries)


def _sections(root: click.Context) -> dict[str, list[click.Context]]:
    """Return the commands that do something, those of a group behind one another, by the section they stand in."""
    group = cast("Group", root.command)
    found: dict[str, list[click.Context]] = {}
    for name, title in group.sections.items():
        found.setdefault(title, []).extend(_below(click.Context(group.commands[name], info_name=name, parent=root)))
    return found


def _below(ctx: click.Context) -> Iterator[click.Context]:
    command = ctx.command
    if not isinstance(command, Group) or command.invoke_without_command:
        yield ctx
    if isinstance(command, Group):
        for name in command.lines:
            yield from _below(click.Context(command.commands[name], info_name=name, parent=ctx))


def _command(ctx: click.Context) -> Iterator[str]:
    path = str(ctx.command_path)
    yield from ("", f"### {path}", "")
    yield from ("```", " ".join([path, *ctx.command.collect_usage_pieces(ctx)]), "```")
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(ctx.command.help or "")):
        yield from ("", _plain(" ".join(paragraph.split())))
    shown = [one for one in _shown(ctx, everywhere=False) if one.name != "help"]
    if shown:
        yield from ("", *_options(shown))
    if examples := EXAMPLES.get(path.partition(" ")[2], ()):
        width = max(len(line) for line, _ in examples)
        yield from ("", "```sh", *(f"{line.ljust(width)}  # {what}" for line, what in examples), "```")


def _shown(ctx: click.Context, *, everywhere: bool = True) -> list[ShownParameter]:
    found = cast("list[ShownParameter]", ctx.command.get_params(ctx))
    return [one for one in found if everywhere or one.panel != EVERYWHERE_PANEL]


def _options(shown: list[ShownParameter]) -> Iterator[str]:
    yield from ("| option | what it does |", "|---|---|")
    for one in shown:
        names = ", ".join(sorted(one.shown_names, key=lambda name: name.startswith("--")))
        value = f" {one.value}" if one.value and one.shown_names[0].startswith("-") else ""
        yield f"| `{_cell(names + value)}` | {_cell(_plain(f'{one.told} {one.more}'.strip()))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _plain(text: str) -> str:
    """Return text in which Markdown finds no tags where angle brackets stand outside of code."""
    return "`".join(part if at % 2 else part.replace("<", "&lt;") for at, part in enumerate(text.split("`")))


def settings_page() -> str:
    """Return docs/settings.md: every key of the config with its values, its default and what it does."""
    return "".join(f"{line}\n" for line in _settings(config_schema()))


def _settings(schema: Node) -> Iterator[str]:
    yield from ("# Settings", "", _MADE, "")
    yield "Every key of the config file. `vsortd check` reports mistakes, `vsortd config show` prints the values in"
    yield "effect, and [the JSON schema](../config/vsortd.schema.json) lets an editor complete the keys."
    yield "[first.yaml](../config/first.yaml) is a config to start from."
    yield ""
    yield "A duration is a text such as `500ms`, `2s` or `1h30m`, or a number of seconds. A size is a text such as"
    yield "`10MB`, or a number of bytes."
    definitions: Mapping[str, Node] = schema["$defs"]
    yield from ("", "## The whole", "", *_keys(schema, definitions))
    told = {"Settings"}
    waiting = _named(schema)
    while waiting:
        name = waiting.pop(0)
        if name in told or "properties" not in definitions[name]:
            continue
        told.add(name)
        node = definitions[name]
        where = sorted(_places(name, schema, definitions))
        yield from ("", f"## {name}", "")
        first = _plain(node.get("description", "").partition("\n")[0])
        yield f"{first} In {', '.join(f'`{one}`' for one in where)}.".strip()
        yield from ("", *_keys(node, definitions))
        waiting += _named(node)


def _keys(node: Node, definitions: Mapping[str, Node]) -> Iterator[str]:
    yield from ("| key | values | default | what it does |", "|---|---|---|---|")
    required = set(node.get("required", ()))
    for key, one in node["properties"].items():
        default = "" if key in required else _default(one)
        told = one if "description" in one else definitions.get(one.get("$ref", "").rpartition("/")[2], one)
        text = _plain(" ".join(told.get("description", "").split()))
        yield f"| `{key}` | {_cell(_values(one, definitions))} | {_cell(default)} | {_cell(text)} |"


def _default(node: Node) -> str:
    if "default" not in node or node["default"] in (None, "", [], {}):
        return ""
    return f"`{json.dumps(node['default'], ensure_ascii=False)}`"


def _values(node: Node, definitions: Mapping[str, Node]) -> str:
    """Return in a few words what a key may have."""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        target = definitions[name]
        return f"[{name}](#{name.lower()})" if "properties" in target else _values(target, definitions)
    if "enum" in node or "const" in node:
        return ", ".join(f"`{one}`" for one in node.get("enum", [node.get("const")]))
    if either := node.get("anyOf") or node.get("oneOf"):
        form = next((one["pattern"] for one in either if one.get("pattern") in _MEASURES), None)
        kinds = [one for one in either if one.get("type") != "null" and (form is None or one.get("pattern") != form)]
        return " or ".join(dict.fromkeys(_measure(one, form) or _values(one, definitions) for one in kinds))
    return _plain_values(node, definitions)


def _measure(node: Node, form: str | None) -> str:
    """Return in words the number that may stand for a text of this form, a duration or a size; "" for anything else."""
    if form is None or node.get("type") not in {"number", "integer"}:
        return ""
    name, written = _MEASURES[form]
    return f"{name} from `{written(node['minimum'])}` to `{written(node['maximum'])}`"


def _plain_values(node: Node, definitions: Mapping[str, Node]) -> str:
    """Return the same of a key that has a type: a number, a text, a list of something."""
    kind = node.get("type", "")
    if kind == "array":
        return f"a list of {_values(node.get('items', {}), definitions)}"
    if kind == "object" and isinstance(node.get("additionalProperties"), dict):
        return f"names with {_values(node['additionalProperties'], definitions)}"
    kinds = [str(_ALIKE.get(one, one)) for one in (kind if isinstance(kind, list) else [kind]) if one != "null"]
    bounds = [f"{word} {node[key]:g}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in node]
    return " ".join([" or ".join(kinds), *bounds])


def _named(node: Any) -> list[str]:
    """Return the definitions that a part of the schema refers to, in their order."""
    if isinstance(node, dict):
        own = [node["$ref"].rpartition("/")[2]] if "$ref" in node else []
        return own + [name for key, one in node.items() if key != "$defs" for name in _named(one)]
    return [name for one in node for name in _named(one)] if isinstance(node, list) else []


def _places(name: str, schema: Node, definitions: Mapping[str, Node]) -> Iterator[str]:
    """Yield under which keys of which definition one may stand."""
    for owner, node in (("", schema), *definitions.items()):
        for key, one in node.get("properties", {}).items():
            if name in _named(one):
                yield f"{key}" if not owner else f"{owner}.{key}"


PAGES: Final = {"commands.md": commands_page, "settings.md": settings_page}


def main() -> int:
    """Write the pages."""
    for name, page in PAGES.items():
        (REPOSITORY / "docs" / name).write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
