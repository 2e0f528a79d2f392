"""Commands and groups: a group knows the names and one-line helps of what is below it, and imports what is called."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final, Union, cast, get_args, get_origin, get_type_hints

import click

from vsortd.cli.front.declared import Argument, Declared, FormSwitch, Option
from vsortd.cli.front.everywhere import everywhere_options, first_everywhere
from vsortd.cli.front.output_form import form_option, settle_form
from vsortd.cli.front.parameters import argument_of, option_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.shell_completion import CompletionItem

__all__ = ["CliCommand", "CommandEntry", "Group", "command_of"]

_SETTINGS: Final[dict[str, Any]] = {"help_option_names": ["-h", "--help"]}
_PACKAGE: Final = "vsortd.cli"
_MEANT: Final = 3  # commands that are named where one is not known


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """A command before it is imported, or a group and what is below it."""

    name: str
    line: str
    """Its one line of help: the first paragraph of the function's docstring; of a group all that its help says."""
    where: str = ""
    """`module:function` within this room; of a group what is done where no command of it is named, if anything."""
    below: tuple[CommandEntry, ...] = ()


class _Own(click.Command):
    """What commands and groups have in common: the options that all take, and the help."""

    @cached_property
    def _help_of_ours(self) -> click.Option:
        declared = Option("--help", "-h", callback=_help, is_eager=True, help="Show this message and exit.")
        option = option_of("help", bool, False, declared)
        option.expose_value = False
        return option

    def get_help_option(self, ctx: click.Context) -> click.Option:  # noqa: ARG002 - click's form
        """Return `--help`, which prints the help as it should look."""
        return self._help_of_ours

    def make_parser(self, ctx: click.Context) -> Any:  # noqa: ANN401 - the class is to be named differently
        """Return the parser, which has the options that every command takes first."""
        return first_everywhere(super().make_parser(ctx))

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - whatever the command returns
        """Call the function; how it is to print stands in its own parameters by then."""
        settle_form(ctx.params)
        return super().invoke(ctx)


def _help(value: bool) -> None:  # noqa: FBT001 - one switch
    context = click.get_current_context()
    if value and not context.resilient_parsing:
        from vsortd.cli.front.help_form import print_help

        print_help(context)
        context.exit()


class CliCommand(_Own):
    """A command that does something."""


class Group(_Own, click.Group):
    """A command that has others below it."""

    def __init__(
        self,
        entry: CommandEntry,
        function: Callable[..., Any] | None,
        path: str = "",
        *,
        sections: Mapping[str, str] | None = None,
    ) -> None:
        """`sections` says under which title of the help each command stands."""
        below = _Below(entry.below, path)
        super().__init__(
            entry.name,
            commands=cast("dict[str, click.Command]", below),
            params=_parameters(function) if function else everywhere_options(),
            callback=_called(function) if function else None,
            help=entry.line,
            invoke_without_command=bool(entry.where),
            subcommand_metavar="COMMAND [ARGS]...",
            context_settings=_SETTINGS,
        )
        self.lines: dict[str, str] = {one.name: one.line for one in entry.below}
        self.sections = dict(sections or dict.fromkeys(self.lines, "Commands"))

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names in their order."""
        return list(self.lines)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help where nothing is asked for."""
        if not args and not self.invoke_without_command and not ctx.resilient_parsing:
            from vsortd.cli.front.help_form import print_help

            print_help(ctx)
            ctx.exit(click.UsageError.exit_code)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; where there is none, name those that are spelt alike."""
        if args[0] not in self.lines and not args[0].startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            meant = ", ".join(map(repr, get_close_matches(args[0], self.lines, _MEANT)))
            ctx.fail(f"No such command {args[0]!r}.{f' Did you mean {meant}?' if meant else ''}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the names without importing what they stand for, and the options."""
        from click.shell_completion import CompletionItem

        names = [CompletionItem(name, help=line) for name, line in self.lines.items() if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]


class _Below(Mapping[str, click.Command]):
    """The commands of a group by their names, each imported when it is looked up."""

    def __init__(self, entries: tuple[CommandEntry, ...], path: str) -> None:
        self._entries = {one.name: one for one in entries}
        self._path = path
        self._made: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._made:
            entry = self._entries[name]
            path = f"{self._path} {name}".strip()
            self._made[name] = Group(entry, _imported(entry), path) if entry.below else _command(entry)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _imported(entry: CommandEntry) -> Callable[..., Any] | None:
    if not entry.where:
        return None
    module, _, name = entry.where.partition(":")
    found: Callable[..., Any] = getattr(import_module(f"{_PACKAGE}.{module}"), name)
    return found


def _command(entry: CommandEntry) -> CliCommand:
    function = _imported(entry)
    assert function is not None
    return command_of(entry.name, function)


def command_of(name: str, function: Callable[..., Any]) -> CliCommand:
    """Return the command that a function is, which declares what it takes."""
    return CliCommand(
        name,
        params=_parameters(function),
        callback=_called(function),
        help=function.__doc__,
        context_settings=_SETTINGS,
    )


def _parameters(function: Callable[..., Any]) -> list[click.Parameter]:
    """Return what a function declares, in its order, then the options that every command takes."""
    found: list[click.Parameter] = []
    signature = list(_signature(function))
    form = form_option(one.declared for one in signature)
    for parameter in signature:
        if form is not None and isinstance(parameter.declared, FormSwitch):
            found.append(form)
            form = None
        if parameter.declared is not None:
            make = argument_of if isinstance(parameter.declared, Argument) else option_of
            found.append(make(parameter.name, parameter.kind, parameter.default, parameter.declared))
    return [*found, *everywhere_options()]


def _called(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what click calls: the function with the context if it wants that, and lists where click has tuples."""
    signature = _signature(function)
    context = next((one.name for one in signature if one.kind is click.Context), None)
    lists = {one.name: one.default for one in signature if get_origin(one.kind) is list}

    def call(**values: Any) -> Any:  # noqa: ANN401 - whatever the command takes and returns
        for name, default in lists.items():
            values[name] = list(values[name]) or (None if default is None else [])
        if context is not None:
            values[context] = click.get_current_context()
        return function(**values)

    return call


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A parameter of a command's function; `...`: it has no default."""

    name: str
    kind: Any
    default: Any
    declared: Declared | None


def _signature(function: Callable[..., Any]) -> list[_Parameter]:
    hints = get_type_hints(function, include_extras=True)
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        kind, declared = hints[name], None
        if get_origin(kind) is Annotated:
            kind, declared, *_ = get_args(kind)
        if get_origin(kind) in {types.UnionType, Union}:
            (kind,) = (one for one in get_args(kind) if one is not types.NoneType)
        default = ... if parameter.default is parameter.empty else parameter.default
        found.append(_Parameter(name, kind, default, declared))
    return found
