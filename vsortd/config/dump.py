"""Settings and their schema as text: YAML, JSON and JSON schema, for trees of any depth."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import yaml
from yaml.resolver import Resolver

from vsortd.config.error_messages import keys_of
from vsortd.config.settings import RuleSettings, Settings
from vsortd.core.text import printable, storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_INDENTED_LEVELS = 60  # what lies deeper is written in one line: indentation grows with the square of the depth
_RESOLVER = Resolver()


def plain_settings(settings: Settings) -> dict[str, Any]:
    """Return settings as the mapping that a config file with every default written out would hold."""
    result = _pruned(settings.model_dump(mode="json", by_alias=True, exclude={"rules"}))
    result["rules"] = [{} for _ in settings.rules]
    work = list(zip(settings.rules, result["rules"], strict=True))
    while work:
        rule, target = work.pop()
        target.update(_plain_rule(rule))
        if rule.rules:
            target["rules"] = [{} for _ in rule.rules]
            work.extend(zip(rule.rules, target["rules"], strict=True))
    # A reader wants the rules last, where the file has them.
    result["rules"] = result.pop("rules")
    return result


def fingerprint(settings: Settings) -> str:
    """Return what tells one config from another, wherever it was read from; trees of any depth."""
    return hashlib.sha256(dump_json(plain_settings(settings)).encode("utf-8", "surrogatepass")).hexdigest()


def _plain_rule(rule: RuleSettings) -> dict[str, Any]:
    """Return what a rule sets itself; the rest is inherited, so writing it out would change what inherits."""
    return _pruned(_without_unset(rule.model_dump(mode="json", by_alias=True, exclude={"rules"})))


def _pruned(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is not set; the models nest three levels at most here, lists of mappings included."""
    return {
        key: _without_unset(value) if key == "when" and isinstance(value, dict) else _pruned_value(value)
        for key, value in values.items()
        if value is not None
    }


def _without_unset(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is not set, and lists of nothing, which say no more."""
    return {key: value for key, value in values.items() if value is not None and value != []}


def _pruned_value(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return _pruned(value)
    if isinstance(value, list):
        return [_pruned_value(item) for item in value]
    return value


def dump_yaml(values: dict[str, Any]) -> str:
    """Write plain values as YAML, any depth; short lists in one line, what is not printable escaped."""
    dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text = str(yaml.emit(_events(values), Dumper=dumper, allow_unicode=True, width=1 << 20))
    # The emitter leaves the controls of writing direction as they are. They stand in double quotes alone (`_events`).
    return "\n".join(printable(line) for line in text.split("\n"))


_LEAVE = object()


def _walk(values: Any) -> Iterator[tuple[Any, int, bool]]:  # noqa: ANN401
    """Yield (value, depth, is_key) in order of writing; `_LEAVE` in a tuple with the collection that ends."""
    work: list[tuple[Any, int, bool]] = [(values, 0, False)]
    while work:
        value, depth, is_key = work.pop()
        yield value, depth, is_key
        if isinstance(value, dict):
            work.append(((_LEAVE, value), depth, False))
            for key, item in reversed(value.items()):
                work.append((item, depth + 1, False))
                work.append((key, depth + 1, True))
        elif isinstance(value, list):
            work.append(((_LEAVE, value), depth, False))
            work.extend((item, depth + 1, False) for item in reversed(value))


def _events(values: dict[str, Any]) -> Iterator[yaml.Event]:
    """Yield the YAML events of plain values."""
    yield yaml.StreamStartEvent()
    yield yaml.DocumentStartEvent(explicit=False)
    for value, depth, _ in _walk(values):
        if isinstance(value, tuple):
            yield yaml.MappingEndEvent() if isinstance(value[1], dict) else yaml.SequenceEndEvent()
        elif isinstance(value, dict):
            flow = depth > _INDENTED_LEVELS or not value
            yield yaml.MappingStartEvent(None, None, implicit=True, flow_style=flow)
        elif isinstance(value, list):
            flow = depth > _INDENTED_LEVELS or not any(isinstance(item, (dict, list)) for item in value)
            yield yaml.SequenceStartEvent(None, None, implicit=True, flow_style=flow)
        elif isinstance(value, str):
            tag = _RESOLVER.resolve(yaml.ScalarNode, value, (True, False))  # type: ignore[no-untyped-call]
            plain = str(tag).endswith(":str") and value.isprintable()
            yield yaml.ScalarEvent(None, None, (plain, True), storable(value), style=None if plain else '"')
        else:
            yield yaml.ScalarEvent(None, None, (True, False), json.dumps(value))
    yield yaml.DocumentEndEvent(explicit=False)
    yield yaml.StreamEndEvent()


def dump_json(values: dict[str, Any]) -> str:
    """Write plain values as JSON, any depth (`json.dumps` stops near 1,000); deep parts in one line."""
    return "".join(_json_parts(values))


def _json_parts(values: dict[str, Any]) -> Iterator[str]:
    first = True  # in the collection that is being written, nothing was written yet
    after_key = False
    for value, depth, is_key in _walk(values):
        leaving = isinstance(value, tuple)
        if leaving:
            text = "}" if isinstance(value[1], dict) else "]"
            yield text if first else _break(depth) + text
            first = False
            continue
        if depth and not after_key:
            yield ("" if first else ",") + _break(depth)
        if isinstance(value, (dict, list)):
            yield "{" if isinstance(value, dict) else "["
        else:
            yield json.dumps(value, ensure_ascii=False) + (": " if is_key else "")
        first, after_key = isinstance(value, (dict, list)), is_key


def _break(depth: int) -> str:
    """Return the line break before a value, none in what is written in one line."""
    return "\n" + "  " * depth if depth <= _INDENTED_LEVELS else ""


def config_schema() -> dict[str, Any]:
    """Return the JSON schema of the config file, recursive rules included."""
    schema = Settings.model_json_schema(by_alias=True)
    models = {"Settings": Settings} | {
        model.__name__: model for option in _options() if (model := option) is not Settings
    }
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The config file of vsortd",
        **{key: value for key, value in schema.items() if key != "title"},
    }
    for name, part in [("Settings", schema), *schema["$defs"].items()]:
        if name != "Settings":
            part.pop("title", None)
        owner = models.get(name)
        if owner is not None:
            for key, field in part["properties"].items():
                _tidy(field, owner, key)
    return schema


def _options() -> Iterable[type[Any]]:
    """Yield the models of all levels."""
    seen: list[type[Any]] = [Settings]
    for model in seen:  # grows while it is walked
        for option in keys_of(model).values():
            free = option.free_keys()
            below = (option, option.item(), free.value if free else None)
            inner = next((found for one in below if one is not None and (found := one.model()) is not None), None)
            if inner is not None and inner not in seen:
                seen.append(inner)
    return seen


def _tidy(field: dict[str, Any], model: type[Any], key: str) -> None:
    """Leave out what the config does not allow (null) or need (titles); write defaults as a person would."""
    field.pop("title", None)
    if field.get("default", 0) is None:
        del field["default"]
    ways = [way for way in field.get("anyOf", []) if way != {"type": "null"}]
    if len(ways) == 1 and not ways[0].keys() & field.keys():
        del field["anyOf"]
        field.update(ways[0])
    elif ways:
        field["anyOf"] = ways
    kind = keys_of(model)[key].kind()
    if kind is not None and "default" in field:
        field["default"] = kind.show(field["default"])
