"""The parameters of commands: click's, which know how the help and the manual tell of them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final, Protocol

import click

from vsortd.cli.front.value_types import bounds, type_name, value_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.shell_completion import CompletionItem

    from vsortd.cli.front.declared import Declared, ParameterWords

ARGUMENTS: Final = "Arguments"
OPTIONS: Final = "Options"


class ShownParameter(Protocol):
    """A parameter as the help shows it."""

    name: str | None
    panel: str
    """The heading that it stands under."""
    shown_names: list[str]
    """All its names; of an argument what stands in its place."""
    value: str
    """What stands for its value, such as `PATH`; "" of a switch."""
    told: str
    """What it does."""
    more: str
    """Its default, whether it is required, which numbers it takes: in brackets, or nothing."""
    required: bool


class ShownOption(click.Option):
    """An option as the help shows it."""

    panel = OPTIONS

    def __init__(self, names: list[str], *, kind: str, told: ParameterWords, **attributes: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(names, help=told.get("help"), metavar=told.get("metavar"), **attributes)
        self.value = "" if self.is_flag else (told.get("metavar") or kind)
        self.shown_names = [*self.opts, *self.secondary_opts]
        self.told = told.get("help", "")
        default = attributes.get("default")
        if self.secondary_opts:  # a switch with two ends
            default = (self.opts if default else self.secondary_opts)[0].lstrip("-")
        self.more = _more(told, default, required=self.required, switch=isinstance(default, bool))


class ShownArgument(click.Argument):
    """An argument as the help shows it."""

    panel = ARGUMENTS

    def __init__(self, names: list[str], *, kind: str, told: ParameterWords, **attributes: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(names, metavar=told.get("metavar"), **attributes)
        self.shown_names = [told.get("metavar") or names[0]]
        self.value = kind if "|" in kind and kind not in self.shown_names else ""  # its name says the rest
        self.told = told.get("help", "")
        self.more = _more(told, attributes.get("default"), required=self.required, switch=False)

    def make_metavar(self, ctx: click.Context | None = None) -> str:  # noqa: ARG002 - click has it from 8.2 on
        """Return what stands for it in messages."""
        return self.shown_names[0]

    def get_usage_pieces(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's form
        """Return it as the line of use has it: in braces, in brackets where it may be left out."""
        name = self.shown_names[0]
        return [name if name.startswith("[") else f"{{{name}}}" if self.required else f"[{name}]"]


def option_of(name: str, kind: Any, default: Any, declared: Declared) -> ShownOption:  # noqa: ANN401 - any annotation
    """Return the option that a function's parameter declares; without a default (`...`) it is required."""
    kind, several = _single(kind)
    more: dict[str, Any] = {"is_flag": True} if kind is bool else {"type": value_type(kind, declared.told)}
    return ShownOption(
        [name, *declared.names],
        kind=type_name(kind, declared.told),
        told=declared.told,
        multiple=several,
        is_eager=declared.told.get("is_eager", False),
        **more,
        **_common(default, declared.told),
    )


def argument_of(name: str, kind: Any, default: Any, declared: Declared) -> ShownArgument:  # noqa: ANN401 - as above
    """Return the argument that a function's parameter declares; without a default (`...`) it is required."""
    kind, several = _single(kind)
    return ShownArgument(
        [name],
        kind=type_name(kind, declared.told),
        told=declared.told,
        type=value_type(kind, declared.told),
        nargs=-1 if several else 1,
        **_common(default, declared.told),
    )


def _common(default: Any, told: ParameterWords) -> dict[str, Any]:  # noqa: ANN401 - of any type
    words = told.get("autocompletion")
    return {
        "required": default is ...,
        **({} if default is ... else {"default": default}),
        "callback": _calling(told["callback"]) if "callback" in told else None,
        "shell_complete": words and _offering(words),
    }


def _calling(callback: Callable[[Any], Any]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    return lambda _ctx, _param, value: callback(value)


def _single(kind: Any) -> tuple[Any, bool]:  # noqa: ANN401 - any annotation
    """Return the type of one value, and whether there may be several."""
    from typing import get_args, get_origin

    if get_origin(kind) is list:
        return get_args(kind)[0], True
    return kind, False


def _more(told: ParameterWords, default: Any, *, required: bool, switch: bool) -> str:  # noqa: ANN401 - of any type
    """Return what the help says behind its text."""
    notes, shown = [], told.get("show_default", True)
    if isinstance(shown, str):
        notes.append(f"default: {shown}")
    elif shown and default not in {None, ..., ""} and not switch:
        notes.append(f"default: {getattr(default, 'value', default)}")
    if bounds(told):
        notes.append(bounds(told))
    if required:
        notes.append("required")
    return f"[{'; '.join(notes)}]" if notes else ""


def _offering(
    find: Callable[..., Any],
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Return what click asks for words, of a function that returns words, alone or each with what it is."""
    wants_context = len(inspect.signature(find).parameters) > 1

    def offer(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        found = find(ctx, incomplete) if wants_context else find(incomplete)
        pairs = [(one, None) if isinstance(one, str) else one for one in found]
        return [CompletionItem(word, help=told) for word, told in pairs if word.startswith(incomplete)]

    return offer
