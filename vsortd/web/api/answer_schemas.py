"""JSON schemas of the documents that are answered, made from their types: typed dictionaries, lists, literals."""

from __future__ import annotations

import types
from typing import Any, Final, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

Schema = dict[str, Any]

_PLAIN: Final[dict[Any, Schema]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
    object: {},
    Any: {},
}


class AnswerSchemas:
    """The schemas of types; typed dictionaries are referred to by their names, and kept in `components`."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def of(self, kind: Any) -> Schema:  # noqa: ANN401 - a type of any form
        """Return the schema of a type. Raises TypeError for a form that no document has."""
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        if is_typeddict(kind):
            return self._named(kind)
        origin, inside = get_origin(kind), get_args(kind)
        if origin in {Union, types.UnionType}:
            return {"anyOf": [self.of(one) for one in inside]}
        if origin is Literal:
            return {"enum": list(inside)}
        return self._holding(origin, inside)

    def _holding(self, origin: Any, inside: tuple[Any, ...]) -> Schema:  # noqa: ANN401 - a type of any form
        """Return the schema of what holds others."""
        if origin is list:
            return {"type": "array", "items": self.of(inside[0])}
        if origin is tuple:
            each = [self.of(one) for one in inside]
            return {"type": "array", "prefixItems": each, "minItems": len(each), "maxItems": len(each)}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(inside[1])}
        raise TypeError(f"no schema for {origin}")

    def _named(self, kind: Any) -> Schema:  # noqa: ANN401 - a typed dictionary
        name = kind.__name__
        if name not in self.components:
            self.components[name] = {}  # it may hold itself
            hints = get_type_hints(kind, include_extras=True)
            needed = [key for key, one in hints.items() if get_origin(one) is not NotRequired]
            fields = {key: self.of(_without_marks(one)) for key, one in hints.items()}
            self.components[name] |= {"type": "object", "properties": fields, "required": needed}
            if kind.__doc__:
                self.components[name]["description"] = " ".join(kind.__doc__.split())
        return {"$ref": f"#/components/schemas/{name}"}


def _without_marks(kind: Any) -> Any:  # noqa: ANN401 - a type of any form
    return get_args(kind)[0] if get_origin(kind) is NotRequired else kind
