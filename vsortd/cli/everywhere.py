"""The options that every command takes, before or after its name: `--quiet` and `--color`."""

from __future__ import annotations

from typing import Any, Final

from typer.core import TyperOption

from vsortd.core.output import ColorChoice, be_quiet, choose_color
from vsortd.errors import UsageError

EVERYWHERE_PANEL: Final = "Options of every command"
_COLORS: Final = "|".join(ColorChoice)


def add_everywhere(command: Any) -> None:  # noqa: ANN401 - typer's own types change their place
    """Give a command the options, unless it has them already."""
    if not any(isinstance(one, _EverywhereOption) for one in command.params):
        command.params += _options()
        _take_them_first(command)


def _take_them_first(command: Any) -> None:  # noqa: ANN401 - as above
    """Let a command heed them also where they stand behind `--help`, which is printed as soon as it is met."""
    make_parser = command.make_parser

    def make_one_that_does(ctx: object) -> Any:  # noqa: ANN401 - as above
        parser = make_parser(ctx)
        parse = parser.parse_args

        def parse_args(args: list[str]) -> tuple[object, list[str], list[object]]:
            values, left, met = parse(args)
            return values, left, sorted(met, key=lambda one: not isinstance(one, _EverywhereOption))

        parser.parse_args = parse_args
        return parser

    command.make_parser = make_one_that_does


class _EverywhereOption(TyperOption):
    """An option that is no parameter of the command's function: its callback has all the effect."""


def _options() -> list[_EverywhereOption]:
    more: dict[str, Any] = {"expose_value": False, "is_eager": True, "rich_help_panel": EVERYWHERE_PANEL}
    return [
        _EverywhereOption(
            param_decls=["--quiet", "-q"],
            is_flag=True,
            default=False,
            callback=_be_quiet,
            help="Print only errors, and what was asked for: tables, --json, --csv.",
            **more,
        ),
        _EverywhereOption(
            param_decls=["--color"],
            metavar=_COLORS,
            callback=_choose_color,
            autocompletion=_colors,
            help="Colours: on terminals only, always, or never; auto heeds NO_COLOR and FORCE_COLOR.",
            **more,
        ),
    ]


def _be_quiet(_ctx: object, _param: object, value: bool) -> None:  # noqa: FBT001 - typer's callback form
    if value:
        be_quiet(True)


def _choose_color(_ctx: object, _param: object, value: str | None) -> None:
    if value is None:
        return
    try:
        choice = ColorChoice(value)
    except ValueError as error:
        remedy = f"Write one of: {', '.join(ColorChoice)}."
        raise UsageError(f"--color {value!r} is no choice.", remedy=remedy) from error
    choose_color(choice)


def _colors(incomplete: str) -> list[str]:
    return [choice for choice in ColorChoice if choice.startswith(incomplete)]
