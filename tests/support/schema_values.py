"""Values for a JSON schema, as pydantic writes them: sound ones, and what an enemy would put there instead."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]

_TEXTS = st.text(st.characters(codec=None), max_size=20)
HOSTILE_TEXTS = st.one_of(
    _TEXTS,
    st.sampled_from(["", "\0", "/a\0b", "\ud800", "/\udcff", "../..", "{stem.__class__}", "@1:"]),
    st.sampled_from([("/", 5000), ("x", 70_000)]).map(lambda pair: pair[0] * pair[1]),
)
_HOSTILE_NUMBERS: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([0, -1, 2**31, 2**63 - 1, 2**63, -(2**63), 10**400, 1e308, -1e308, 5e-324, -0.0]),
    st.sampled_from([float("nan"), float("inf"), float("-inf")]),
    st.integers(),
    st.floats(),
)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | _HOSTILE_NUMBERS | HOSTILE_TEXTS,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(HOSTILE_TEXTS, inside, max_size=4),
    max_leaves=8,
)


def sound(schema: Schema) -> st.SearchStrategy[Any]:
    """Return values that a schema allows."""
    if "anyOf" in schema:
        return st.one_of([sound(one) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("format") == "date":
        return st.dates().map(str)
    if "pattern" in schema:
        return st.from_regex(re.compile(schema["pattern"], re.ASCII), fullmatch=True)
    return _of_kind(schema)


def _of_kind(schema: Schema) -> st.SearchStrategy[Any]:
    kind = schema.get("type")
    if kind == "array":
        return st.lists(sound(schema["items"]), min_size=schema.get("minItems", 0), max_size=3)
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    if kind == "integer":
        return st.integers(-(2**40) if low is None else low, 2**40 if high is None else high)
    if kind == "number":
        beyond = "exclusiveMinimum" in schema
        return st.floats(float(-1e9 if low is None else low), float(1e9 if high is None else high), exclude_min=beyond)
    texts = st.text(
        st.characters(codec="utf-8", exclude_characters="\0"),
        min_size=schema.get("minLength", 0),
        max_size=min(20, schema.get("maxLength", 20)),
    )
    plain: dict[Any, st.SearchStrategy[Any]] = {"null": st.none(), "boolean": st.booleans(), "string": texts}
    return plain[kind]


def objects(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    """Return JSON objects with some of a schema's properties, each sound, or hostile in kind or in value."""
    fields = {
        name: st.one_of(
            sound(one), sound(one), _HOSTILE_NUMBERS, HOSTILE_TEXTS, st.lists(HOSTILE_TEXTS, max_size=3), ANYTHING
        )
        for name, one in schema.get("properties", {}).items()
    }
    known = st.fixed_dictionaries({}, optional=fields)
    more = st.dictionaries(HOSTILE_TEXTS, ANYTHING, max_size=1)
    return st.one_of(known, known, known, st.builds(lambda one, other: {**one, **other}, known, more))


def sound_objects(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    """Return JSON objects that a schema of an object allows, with some of its properties."""
    fields, needed = schema.get("properties", {}), schema.get("required", ())
    must = {name: sound(fields[name]) for name in needed}
    return st.fixed_dictionaries(must, optional={name: sound(one) for name, one in fields.items() if name not in must})
