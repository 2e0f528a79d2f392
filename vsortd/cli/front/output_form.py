"""`--format`, of every command that prints a table or a record, and `--csv` and `--json`, its short spellings."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from vsortd.cli.front.declared import FormSwitch, Option
from vsortd.cli.front.parameters import ShownOption, option_of
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vsortd.cli.front.declared import Declared

FORM_PARAMETER: Final = "output_form"
"""The name of `--format` among the parameters that click knows of; no function gets it."""


class TableForm(StrEnum):
    """How a table may be printed."""

    TEXT = "text"
    CSV = "csv"
    JSON = "json"


class RecordForm(StrEnum):
    """How what is no table may be printed."""

    TEXT = "text"
    JSON = "json"


def form_option(declared: Iterable[Declared | None]) -> ShownOption | None:
    """Return `--format` for a function that declares its short spellings; None where it declares none."""
    switches = {name for one in declared if isinstance(one, FormSwitch) for name in one.names}
    if not switches:
        return None
    kind = TableForm if "--csv" in switches else RecordForm
    told = "How it is printed on stdout: for people, or for programs."
    return option_of(FORM_PARAMETER, kind, None, Option("--format", show_default="text", help=told))


def settle_form(params: dict[str, Any]) -> None:
    """Put into the switches what `--format` says, so that a function knows of them alone.

    Raises UsageError where two of them say different things.
    """
    if FORM_PARAMETER not in params:
        return
    form = params.pop(FORM_PARAMETER)
    typed = {} if form is None else {f"--format {form.value}": form.value}
    typed |= {f"--{name}": name for name in ("csv", "json") if params.get(f"as_{name}")}
    if len(set(typed.values())) > 1:
        raise UsageError(f"{' and '.join(typed)} exclude one another.", remedy="Take one of them.")
    for name in ("csv", "json"):
        if f"as_{name}" in params:
            params[f"as_{name}"] = name in typed.values()
