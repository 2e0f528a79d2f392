"""What a word of the command line is taken for, and what the help calls that."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

import click

if TYPE_CHECKING:
    from vsortd.cli.front.declared import ParameterWords

    _Type = click.ParamType[Any]
else:
    _Type = click.ParamType  # no generic class before click 8.4


class _PathType(_Type):
    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ANN401, ARG002 - click's form
        return Path(value)


class _ChoiceType(_Type):
    """The values of an enum: the function gets the member."""

    name = "choice"

    def __init__(self, kind: type[Enum]) -> None:
        self._members: dict[str, Enum] = {str(one.value): one for one in kind}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Enum:  # noqa: ANN401 - click's form
        if isinstance(value, Enum):
            return value
        if value not in self._members:
            self.fail(f"{value!r} is not one of {', '.join(map(repr, self._members))}.", param, ctx)
        return self._members[value]

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        return [click.shell_completion.CompletionItem(one) for one in self._members if one.startswith(incomplete)]


def value_type(kind: Any, told: ParameterWords) -> click.ParamType[Any]:  # noqa: ANN401 - any annotation
    """Return what click makes values of a Python type with."""
    if get_origin(kind) is tuple:
        return click.Tuple([value_type(one, told) for one in get_args(kind)])
    if issubclass(kind, Enum):
        return _ChoiceType(kind)
    if issubclass(kind, Path):
        return _PathType()
    if issubclass(kind, int) and _is_bounded(told):
        return click.IntRange(_whole(told.get("min")), _whole(told.get("max")))
    if issubclass(kind, float) and _is_bounded(told):
        return click.FloatRange(told.get("min"), told.get("max"))
    plain: click.ParamType[Any] = click.types.convert_type(kind)
    return plain


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def type_name(kind: Any, told: ParameterWords) -> str:  # noqa: ANN401 - any annotation
    """Return what stands for a value of a type in the help: `PATH`, `N`, `TEXT`, `second|shot`."""
    if get_origin(kind) is tuple:
        return " ".join(type_name(one, told) for one in get_args(kind))
    if issubclass(kind, Enum):
        return "|".join(str(one.value) for one in kind)
    if issubclass(kind, Path):
        return "PATH"
    return "N" if issubclass(kind, int | float) else "TEXT"


def bounds(told: ParameterWords) -> str:
    """Return which numbers are taken: `0.1<=x<=1.0`; "" where all are."""
    least, most = told.get("min"), told.get("max")
    if least is None:
        return "" if most is None else f"x<={most}"
    return f"x>={least}" if most is None else f"{least}<=x<={most}"


def _is_bounded(told: ParameterWords) -> bool:
    return "min" in told or "max" in told
