"""Manual pages, made from the commands themselves: roff with the macros of man(7), for groff and mandoc alike.

Only ASCII is written: any other character as the escape of its code point, so that no locale matters. Each hyphen is
written as a minus, which can be searched for and pasted.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from typing import TYPE_CHECKING, Final, cast

import click

from vsortd.cli.examples import BEGINNINGS, EXAMPLES, EXIT_MEANINGS
from vsortd.cli.front.commands import Group
from vsortd.cli.front.everywhere import EVERYWHERE_PANEL
from vsortd.cli.front.parameters import ARGUMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsortd.cli.examples import Example
    from vsortd.cli.front.parameters import ShownParameter

_TITLE: Final = "file videos by what they show"
_COLUMNS: Final = 79  # of the source's lines of text, as mandoc wants them
_ESCAPES: Final = {
    "\\": r"\e",
    "-": r"\-",
    "'": r"\(aq",
    "`": r"\(ga",
    "^": r"\(ha",
    "~": r"\(ti",
    '"': r"\(dq",
}

_IN_BACKTICKS: Final = re.compile(r"\\\(ga(.*?)\\\(ga")

FILES: Final[tuple[Example, ...]] = (
    ("~/.config/vsortd/config.yaml", "The user's config; `vsortd config path` says where it is on this system."),
    ("/etc/xdg/vsortd/config.yaml", "The config for all users of a machine, if the user has none."),
    ("~/.local/state/vsortd/journal.sqlite3", "What was done with each video: what `history` shows and `undo` reads."),
    ("~/.local/state/vsortd/index.sqlite3", "What was seen in each video: can be made again by `vsortd index`."),
    ("~/.local/state/vsortd/logs/vsortd.log", "What the daemon said, as JSON lines; `vsortd logs` shows it."),
    ("LIBRARY/.vsortd", "In each library: originals of converted videos, and copies that are under way."),
)
ENVIRONMENT: Final[tuple[Example, ...]] = (
    ("VSORTD_CONFIG", "The config file, where no --config names one."),
    ("VSORTD_STATE_DIR", "The folder of journal, index, log and socket."),
    ("VSORTD_FFMPEG", "The ffmpeg to use."),
    ("VSORTD_WEB", "The port of the page, or off."),
    ("VISUAL, EDITOR", "What `vsortd edit` opens the config in."),
    ("NO_COLOR, FORCE_COLOR", "No colours; colours also into pipes. --color outweighs both."),
    ("HF_HOME, HF_HUB_CACHE", "Where downloaded models are kept."),
    ("HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE", "If 1, no model is downloaded."),
    ("TMPDIR", "Where `vsortd model compare` keeps frames while it runs."),
)


def man_page(ctx: click.Context) -> str:
    """Return the page of a command: of the root with all commands that are no groups, of a group with its own."""
    return "".join(f"{line}\n" for line in _page(ctx))


def page_name(ctx: click.Context) -> str:
    """Return the name of a command's page: `vsortd-config`."""
    return str(ctx.command_path).replace(" ", "-")


def _page(ctx: click.Context) -> Iterator[str]:
    from vsortd import __version__

    children = _children(ctx)
    groups = [child for child in children if _children(child)]
    first, *more = _paragraphs(ctx.command.help or "")
    yield f'.TH {_escaped(page_name(ctx).upper())} 1 "" "vsortd {__version__}" "User Commands"'
    yield from (".SH NAME", f"{_escaped(page_name(ctx))} \\- {_escaped(_title(ctx))}")
    yield from (".SH SYNOPSIS", *_usage(ctx))
    yield from (".SH DESCRIPTION", *_prose([first, *more]))
    yield from _options(ctx, ".SH OPTIONS", everywhere=ctx.parent is None)
    if children:
        yield ".SH COMMANDS"
        for child in children:
            yield from _group(child) if child in groups else _command(child)
    if ctx.parent is None:
        yield from _tagged(".SH EXIT STATUS", [(str(int(code)), what) for code, what in EXIT_MEANINGS.items()])
        yield from _tagged(".SH FILES", FILES)
        yield from _tagged(".SH ENVIRONMENT", ENVIRONMENT)
    yield from _examples(_path(ctx), ".SH EXAMPLES", beginnings=ctx.parent is None)
    yield from _see_also(ctx, groups)


def _title(ctx: click.Context) -> str:
    """Return what stands behind the name: one line without a full stop, as `whatis` shows it."""
    if ctx.parent is None:
        return _TITLE
    text = _paragraphs(ctx.command.help or "")[0].split("; ")[0].rstrip(".")
    return text[:1].lower() + text[1:]


def _children(ctx: click.Context) -> list[click.Context]:
    """Return the commands below a group, as contexts, in their order; none of what is no group."""
    below = ctx.command.commands if isinstance(ctx.command, Group) else {}
    return [click.Context(command, info_name=name, parent=ctx) for name, command in below.items()]


def _path(ctx: click.Context) -> str:
    """Return the words of a command behind `vsortd`."""
    return str(ctx.command_path).partition(" ")[2]


def _usage(ctx: click.Context) -> Iterator[str]:
    pieces = [_escaped(piece) for piece in ctx.command.collect_usage_pieces(ctx)]
    yield " ".join([rf"\fB{_escaped(ctx.command_path)}\fR", *pieces])


def _command(ctx: click.Context) -> Iterator[str]:
    yield f".SS {_quoted(_path(ctx) if ctx.parent is None else ctx.command_path)}"
    yield from _usage(ctx)
    yield ".PP"
    yield from _prose(_paragraphs(ctx.command.help or ""))
    yield from _options(ctx, "", everywhere=False)
    yield from _examples(_path(ctx), ".PP\nExamples:", beginnings=False)


def _group(ctx: click.Context) -> Iterator[str]:
    yield f".SS {_quoted(ctx.command_path)}"
    yield from _prose(_paragraphs(ctx.command.help or ""))
    yield from _tagged("", [(child.command_path, _paragraphs(child.command.help or "")[0]) for child in _children(ctx)])
    yield from (".PP", f"See \\fB{_escaped(page_name(ctx))}\\fR(1).")


def _options(ctx: click.Context, heading: str, *, everywhere: bool) -> Iterator[str]:
    """Yield the arguments and options; those that every command takes only where they are asked for."""
    wanted = [
        one
        for one in cast("list[ShownParameter]", ctx.command.get_params(ctx))
        if everywhere or (one.panel != EVERYWHERE_PANEL and one.name != "help")
    ]
    yield from _tagged(heading, [(_tag(one), f"{one.told} {one.more}") for one in wanted])


def _tag(one: ShownParameter) -> str:
    """Return the names, short ones first, and what stands for the value."""
    names = sorted(one.shown_names, key=lambda name: name.startswith("--"))
    return " ".join([", ".join(names), *([one.value] if one.panel != ARGUMENTS and one.value else [])])


def _tagged(heading: str, entries: Sequence[Example]) -> Iterator[str]:
    if entries and heading:
        yield heading
    for tag, text in entries:
        yield ".TP"
        yield rf"\fB{_escaped(tag)}\fR"
        yield from _lines(text)


def _examples(path: str, heading: str, *, beginnings: bool) -> Iterator[str]:
    examples = BEGINNINGS if beginnings else EXAMPLES.get(path, ())
    if examples:
        yield heading
    for line, what in examples:
        yield ".TP"
        yield rf"\fB{_escaped(line)}\fR"
        yield from _lines(what)


def _see_also(ctx: click.Context, groups: Sequence[click.Context]) -> Iterator[str]:
    others = [page_name(child) for child in groups] if ctx.parent is None else [page_name(ctx.find_root())]
    if others:
        yield ".SH SEE ALSO"
        yield ",\n".join(rf"\fB{_escaped(name)}\fR(1)" for name in others)


def _paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a help text, each on one line; of no text one that is empty."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", inspect.cleandoc(text))]


def _prose(paragraphs: Sequence[str]) -> Iterator[str]:
    for number, paragraph in enumerate(paragraphs):
        if number:
            yield ".PP"
        yield from _lines(paragraph)


def _lines(text: str) -> Iterator[str]:
    """Yield a paragraph in lines, what stands in backticks in bold; a line that begins like a request is none."""
    told = _IN_BACKTICKS.sub(r"\\fB\1\\fR", _escaped(" ".join(text.split())))
    for line in textwrap.wrap(told, _COLUMNS, break_long_words=False, break_on_hyphens=False):
        yield rf"\&{line}" if line.startswith(".") else line


def _escaped(text: str) -> str:
    """Return text as roff prints it, whatever it is."""
    return "".join(
        _ESCAPES.get(char, char) if char.isascii() else rf"\[u{ord(char):04X}]" for char in text if char.isprintable()
    )


def _quoted(text: str) -> str:
    """Return a macro's argument."""
    return f'"{_escaped(text)}"'
