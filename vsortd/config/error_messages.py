"""From pydantic's errors to mistakes to correct: place, value, what is allowed, the nearest word."""

from __future__ import annotations

import math
import re
import types
import typing
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from vsortd.config.base_options import MAPPING, NUMBER, WORD, Options
from vsortd.config.diagnostics import Location, Mistake, dotted, nearest_of, shorten
from vsortd.config.former_versions import PRESENT
from vsortd.config.value_types import WANTS_TEXT, WRONG, OneOrMany, ValueKind
from vsortd.config.yaml_lines import Node, NodeKind, Odd, walk_to

if typing.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SECRET = re.compile(r"key|token|secret|passw", re.IGNORECASE)
_HIDDEN = "(not shown)"
_TAGS = {WORD, MAPPING, NUMBER}
_WANTED: dict[str, str] = {
    "bool_type": "true or false is wanted",
    "int_type": "a whole number is wanted",
    "int_from_float": "a whole number is wanted",
    "float_type": "a number is wanted",
    "finite_number": "a finite number is wanted",
    "tuple_type": "a list is wanted",
    "model_type": "a mapping of options is wanted",
    "model_attributes_type": "a mapping of options is wanted",
    "dict_type": "a mapping of options is wanted",
    "less_than_equal": "this is too large",
    "greater_than_equal": "this is too small",
    "enum": "this is not one of the choices",
    "literal_error": "this is not one of the choices",
    "union_tag_invalid": "this is not one of the choices",
}


@dataclass(frozen=True, slots=True)
class FreeKeys:
    """A mapping whose keys the user chooses: what a key may be, and what may stand under it."""

    key: OptionType
    value: OptionType


@dataclass(frozen=True, slots=True)
class OptionType:
    """What may stand at a place: a type with its kinds and bounds."""

    annotation: Any
    metadata: tuple[object, ...] = ()

    @classmethod
    def of(cls, annotation: Any, metadata: Iterable[object] = ()) -> OptionType:  # noqa: ANN401
        """Take `Annotated[…]` apart."""
        if get_origin(annotation) is typing.Annotated:
            inner, *more = get_args(annotation)
            return cls.of(inner, (*more, *metadata))
        return cls(annotation, tuple(metadata))

    def ways(self) -> list[OptionType]:
        """Return the options that a union stands for (without None), else itself alone."""
        if get_origin(self.annotation) not in {typing.Union, types.UnionType}:
            return [self]
        ways = (OptionType.of(way) for way in get_args(self.annotation) if way is not type(None))
        return [one for way in ways for one in way.ways()]

    def kind(self) -> ValueKind | None:
        """Return the option's own kind, if it has one."""
        return next((item for item in self.metadata if isinstance(item, ValueKind)), None)

    def item(self) -> OptionType | None:
        """Return what the items of a list may be, None if this is no list."""
        for way in self.ways():
            if get_origin(way.annotation) is tuple:
                return OptionType.of(get_args(way.annotation)[0])
        return None

    def free_keys(self) -> FreeKeys | None:
        """Return what a mapping takes beside its options, None where there is nothing that the user names."""
        annotation, model = self.annotation, self.model()
        if model is not None and model.model_config.get("extra") == "allow":
            annotation = typing.get_type_hints(model, include_extras=True)["__pydantic_extra__"]
        if get_origin(annotation) is not dict:
            return None
        key, value = get_args(annotation)
        return FreeKeys(OptionType.of(key), OptionType.of(value))

    def under(self, key: str) -> OptionType | None:
        """Return what may stand under a key of a mapping, None where that is not known."""
        model, free = self.model(), self.free_keys()
        known = keys_of(model).get(key) if model else None
        return known or (free.value if free else None)

    def model(self) -> type[BaseModel] | None:
        """Return the model of a mapping, None if this is none."""
        for way in self.ways():
            if isinstance(way.annotation, type) and issubclass(way.annotation, BaseModel):
                return way.annotation
        return None

    def literals(self) -> tuple[str, ...]:
        """Return the words that may stand here literally."""
        found: list[str] = []
        for way in self.ways():
            found += [
                word
                for mark in (*self.metadata, *way.metadata)
                if isinstance(mark, OneOrMany)
                for word in mark.literals
            ]
            if get_origin(way.annotation) is Literal:
                found += [word for word in get_args(way.annotation) if isinstance(word, str)]
            elif isinstance(way.annotation, type) and issubclass(way.annotation, Enum):
                found += [str(member.value) for member in way.annotation]
        if (item := self.item()) is not None:
            found += item.literals()
        return tuple(dict.fromkeys(found))

    def allowed(self) -> str:
        """Say what may be written here."""
        if kind := self.kind():
            return kind.allowed()
        item = self.item()
        if item is not None:
            return self._allowed_list(item)
        return ", or ".join(text for way in self.ways() if (text := way.allowed_one()))

    def _allowed_list(self, item: OptionType) -> str:
        """Say it for a list."""
        for mark in self.metadata + tuple(mark for way in self.ways() for mark in way.metadata):
            if isinstance(mark, OneOrMany):
                before = "".join(f"{word}, or " for word in mark.literals)
                return f"{before}{item.allowed()}; or a list of such"
        return f"a list; each item: {item.allowed()}"

    def allowed_one(self) -> str:
        """Say it for what is no list and no union."""
        if kind := self.kind():
            return kind.allowed()
        if self.annotation is bool:
            return "true or false"
        if self.annotation in {int, float}:
            noun = "a whole number" if self.annotation is int else "a number"
            low = next((mark.ge for mark in self.metadata if isinstance(mark, Ge)), None)
            high = next((mark.le for mark in self.metadata if isinstance(mark, Le)), None)
            return f"{noun} from {low} to {high}"
        if get_origin(self.annotation) is Literal:
            return " or ".join(str(word) for word in get_args(self.annotation))
        return self._allowed_mapping() or ", ".join(self.literals())

    def _allowed_mapping(self) -> str:
        """Say it for a mapping, "" for what is none."""
        if model := self.model():
            written = model.written if issubclass(model, Options) else ""
            return written or f"a mapping with the keys {', '.join(keys_of(model))}"
        free = self.free_keys()
        return f"names, each with {free.value.allowed()}" if free else ""


def keys_of(model: type[BaseModel]) -> Mapping[str, OptionType]:
    """Return the keys that a model takes in YAML, in order, with what each may hold."""
    return {
        field.alias or name: OptionType.of(field.annotation, field.metadata)
        for name, field in model.model_fields.items()
    }


def option_at(model: type[BaseModel], location: Location) -> OptionType | None:
    """Return what may stand at a location below `model`, None where nothing is known."""
    option: OptionType | None = OptionType(model)
    for step in location:
        if option is None:
            return None
        option = option.item() if isinstance(step, int) else option.under(step)
    return option


def explain(
    errors: Iterable[Mapping[str, Any]], model: type[BaseModel], root: Node, prefix: Location = ()
) -> list[Mistake]:
    """Turn the `errors()` of validating `model` against the node `root` into mistakes.

    `prefix` is where `root` stands in the file. What is wrong with broken nodes was said when they were read.
    """
    found: list[Mistake] = []
    for error in errors:
        location = tuple(step for step in error["loc"] if step not in _TAGS)
        names_it = _named_wrong(error, model, root, location, prefix)
        mistake = names_it or _explain_one(error, model, root, location, prefix)
        if mistake is not None:
            found.append(mistake)
    return found


def _named_wrong(
    error: Mapping[str, Any], model: type[BaseModel], root: Node, location: Location, prefix: Location
) -> Mistake | None:
    """Turn an error about a name that the user chose into a mistake; None for any other error."""
    place = location[:-1] if location[-1:] == ("[key]",) else location
    holder = option_at(model, place[:-1]) if place else None
    free = holder.free_keys() if holder else None
    kind = free.key.kind() if free else None
    if kind is None or error["type"] not in {WRONG, WANTS_TEXT}:
        return None
    try:
        kind.read(place[-1])
    except PydanticCustomError as wrong:
        *_, (_, line, node) = walk_to(root, place)
        why = str((wrong.context or {}).get("why", wrong.message()))
        return None if node.broken else Mistake(line, dotted(prefix + place), place[-1], why, kind.allowed())
    return None


def _explain_one(
    error: Mapping[str, Any], model: type[BaseModel], root: Node, location: Location, prefix: Location
) -> Mistake | None:
    """Turn one error into a mistake; None for what another mistake says already."""
    walk = list(walk_to(root, location))
    reached, line, node = walk[-1]
    if any(step.broken for _, _, step in walk):
        return None
    kind = error["type"]
    path = dotted(prefix + location)
    if kind == "missing":
        option = option_at(model, location)
        return Mistake(line, path, None, "this key is missing", option.allowed() if option else "")
    if kind == "extra_forbidden":
        return _unknown_key(model, root, location, prefix)
    if kind == "too_short" and (node.items or node.kind is NodeKind.SCALAR):
        return None  # the items that were wrong have mistakes of their own
    if node.kind is NodeKind.SCALAR:
        location = reached  # a single text that stands for a list has no index
    option = option_at(model, location) or OptionType(object)
    own = option.kind() or (inner.kind() if (inner := option.item()) is not None else None)
    return Mistake(
        line,
        dotted(prefix + location),
        _HIDDEN if own is not None and own.secret and node.kind is NodeKind.SCALAR else value_of(node),
        _message(error, node, option),
        option.allowed(),
        nearest_of(node.text, option.literals()) if node.kind is NodeKind.SCALAR else "",
    )


def _unknown_key(model: type[BaseModel], root: Node, location: Location, prefix: Location) -> Mistake:
    """Explain a key that is not known at its place."""
    *_, (_, line, parent) = walk_to(root, location[:-1])
    key = str(location[-1])
    entry = parent.entries.get(key)
    inner = option_at(model, location[:-1])
    holder = inner.model() if inner else None
    known = list(keys_of(holder)) if holder else []
    return Mistake(
        entry[0] if entry else line,
        dotted(prefix + location),
        _shown_of(key, entry[1]) if entry else None,
        f'there is no option "{shorten(key)}" here',
        _the_keys(known),
        (holder.misnamed.get(key, "") if holder and issubclass(holder, Options) else "") or nearest_of(key, known),
    )


def _shown_of(key: str, node: Node) -> object:
    """Return what stands under a key that is not known, unless that may well be a secret."""
    return _HIDDEN if _SECRET.search(key) and node.kind is NodeKind.SCALAR else value_of(node)


def _the_keys(known: Sequence[str]) -> str:
    return f"{'the keys' if len(known) != 1 else 'the key'} {', '.join(known)}"


def _message(error: Mapping[str, Any], node: Node, option: OptionType) -> str:
    """Say what is wrong with the value of `node`."""
    kind = error["type"]
    if node.kind is NodeKind.SCALAR and node.value is None:
        return "nothing stands here; leave the key out for the default"
    if kind in {WRONG, "too_short"}:
        return str((error.get("ctx") or {}).get("why", "this list is empty"))
    if kind == WANTS_TEXT or (kind == "tuple_type" and _is_list_of_texts(option)):
        return _text_wanted(node)
    if kind in {"enum", "literal_error", "tuple_type", "union_tag_invalid"} and (said := _no_choice(option, node)):
        return said
    if get_args(option.annotation) == (PRESENT,):
        return "there is no such version of the file's format"
    wanted = _WANTED.get(kind, str(error["msg"]))
    return wanted if wanted.startswith("this") else f"{wanted}, not {node.shape()}"


def _no_choice(option: OptionType, node: Node) -> str:
    """Say what is wrong with what stands in the place of a few words; "" where lists or mappings are wanted, too."""
    model = option.model()
    if model is not None and issubclass(model, Options) and model.no_word:
        return model.no_word
    return "this is not one of the choices" if option.literals() and node.kind is NodeKind.SCALAR else ""


def _is_list_of_texts(option: OptionType) -> bool:
    """Tell whether a single text may stand for the list that is wanted."""
    item = option.item()
    return item is not None and item.kind() is not None


def _text_wanted(node: Node) -> str:
    """Explain a value that YAML doesn't read as text, with the remedy."""
    if node.kind is NodeKind.SCALAR:
        text = shorten(node.text)
        return f'a text is wanted, but YAML reads {text} as {node.shape()}; write "{text}" in quotes'
    if node.kind is NodeKind.MAPPING and node.flow:
        return "a text is wanted, but YAML reads braces as a mapping; write the value in quotes"
    return f"a text is wanted, not {node.shape()}"


def value_of(node: Node) -> object:
    """Return what stands at a node, fit for messages and JSON; of lists and mappings a short text."""
    if node.kind is NodeKind.LIST:
        return f"a list of {len(node.items)}"
    if node.kind is NodeKind.MAPPING:
        return "a mapping with the keys " + shorten(", ".join(node.entries)) if node.entries else "an empty mapping"
    if isinstance(node.value, Odd) or (isinstance(node.value, float) and not math.isfinite(node.value)):
        return node.text
    return shorten(node.value) if isinstance(node.value, str) else node.value
