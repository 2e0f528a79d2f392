"""How a command's function says what it takes: `Annotated[int | None, Option("--last", metavar="N")]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, Unpack

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Argument", "Declared", "FormSwitch", "Option", "ParameterWords"]


class ParameterWords(TypedDict, total=False):
    """What is told of a parameter besides its type, its name and its default."""

    help: str
    metavar: str
    min: float
    max: float
    callback: Callable[[Any], Any]  # gets the value, and returns the one to take
    autocompletion: Callable[..., Any]  # of the incomplete word, or of the context and that word
    show_default: bool | str  # False: not at all; a text: in its place, in parentheses
    is_eager: bool  # taken before the others


class Declared:
    """A parameter of the command line."""

    def __init__(self, *names: str, **told: Unpack[ParameterWords]) -> None:
        self.names = names
        self.told = told


class Option(Declared):
    """One that has names of its own, such as `--last` and `-n`; of a `bool` a switch."""


class FormSwitch(Option):
    """A short spelling of `--format`, for a parameter `as_csv` or `as_json`: its command takes that option, too."""


class Argument(Declared):
    """One that is told by its place."""
