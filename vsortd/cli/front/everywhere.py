"""The options that every command takes, before or after its name: `--quiet` and `--color`."""

from __future__ import annotations

from typing import Any, Final

from vsortd.cli.front.declared import Option
from vsortd.cli.front.parameters import ShownOption, option_of
from vsortd.core.output import ColorChoice, be_quiet, choose_color
from vsortd.errors import UsageError

EVERYWHERE_PANEL: Final = "Options of every command"


def everywhere_options() -> list[ShownOption]:
    """Return the options anew; they are no parameters of a command's function: the callbacks have all the effect."""
    quiet = Option(
        "--quiet",
        "-q",
        callback=_be_quiet,
        is_eager=True,
        help="Print only errors, and what was asked for: tables, --json, --csv.",
    )
    color = Option(
        "--color",
        metavar="|".join(ColorChoice),
        callback=_choose_color,
        is_eager=True,
        autocompletion=_colors,
        help="Colours: on terminals only, always, or never; auto heeds NO_COLOR and FORCE_COLOR.",
    )
    options = [option_of("quiet", bool, False, quiet), option_of("color", str, None, color)]
    for one in options:
        one.panel = EVERYWHERE_PANEL
        one.expose_value = False
    return options


def first_everywhere(parser: Any) -> Any:  # noqa: ANN401 - click's parser, whose class is to be named differently
    """Let a parser tell of them first, so that they are heeded behind `--help` too, which is printed once it is met."""
    parse = parser.parse_args

    def parse_args(args: list[str]) -> tuple[dict[str, Any], list[str], list[Any]]:
        values, left, met = parse(args)
        return values, left, sorted(met, key=lambda one: getattr(one, "panel", "") != EVERYWHERE_PANEL)

    parser.parse_args = parse_args
    return parser


def _be_quiet(value: bool) -> None:  # noqa: FBT001 - one switch
    if value:
        be_quiet(True)


def _choose_color(value: str | None) -> None:
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
