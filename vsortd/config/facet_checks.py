"""Mistakes between facets, tags, the rules that ask for them and the names of files: empty, taken and unknown names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.config.diagnostics import Location, Mistake, dotted, nearest_of
from vsortd.config.error_messages import keys_of
from vsortd.config.rule_nodes import rule_nodes
from vsortd.config.tag_options import Facet
from vsortd.config.yaml_lines import Node, NodeKind
from vsortd.core.folder_templates import FOLDER_FIELDS, folder_template_problem, parse_folder
from vsortd.core.names import (
    COUNTER,
    RESERVED_FIELDS,
    SUB_FOLDER,
    TEMPLATE_FIELDS,
    facet_tag,
    folder_key,
    nfc,
    tag_part_problem,
    template_fields,
    template_problem,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

_OPTIONS = keys_of(Facet)
_SHOWN_TAGS = 12  # named in a message


def facet_mistakes(root: Node) -> Iterator[Mistake]:
    """Find what is wrong between the facets of the config whose top mapping is `root`, and where their names stand."""
    facets = _facets(root)
    for name, line, node in facets:
        yield from _facet(name, line, node)
    if (holder := root.get("facets")) is not None:
        yield from _same((name for name, _, _ in facets), holder, ("facets",), "the facet")
    yield from _tags_like_facets(root, facets)
    yield from _conditions(root, [*_plain_tags(root), *_facet_tags(facets)])
    yield from _templates(root, [nfc(name) for name, _, _ in facets])


def _facets(root: Node) -> list[tuple[str, int, Node]]:
    """Return the facets with sound names: name as written, line, what stands there."""
    holder = root.get("facets")
    if holder is None or holder.kind is not NodeKind.MAPPING:
        return []
    found = [(name, line, node) for name, (line, node) in holder.entries.items()]
    return [
        one for one in found if not tag_part_problem(one[0]) and one[2].kind is NodeKind.MAPPING and not one[2].broken
    ]


def _values(node: Node) -> list[str]:
    return [key for key in node.entries if key not in _OPTIONS]


def _facet(name: str, line: int, node: Node) -> Iterator[Mistake]:
    """Check one facet: its name, that it has values, and that no value is a misspelt option."""
    here = ("facets", name)
    if nfc(name) in RESERVED_FIELDS:
        option = "place.folder" if nfc(name) == SUB_FOLDER else "place.name"
        message = f"{{{name}}} in {option} is something else already"
        yield Mistake(line, dotted(here), name, message, "another name, which is then a field of place.name, too")
    values = _values(node)
    if not values:
        yield Mistake(line, dotted(here), None, "this facet has no values", Facet.written)
    for value in values:
        # values are words, options have an underscore; what is nearly one of them would be looked for in pictures
        if "_" in value and (option := nearest_of(value, _OPTIONS)):
            message = f'"{value}" would be a value of the facet, but is nearly the option {option}'
            yield Mistake(node.entries[value][0], dotted((*here, value)), None, message, "a value without _", option)
    yield from _same(values, node, here, "the value")


def _same(names: Iterable[str], holder: Node, location: Location, what: str) -> Iterator[Mistake]:
    """Find names that differ by case or by the form of their characters only: people take them for one."""
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(folder_key(name), name)
        if other != name:
            message = f'{what} "{other}" (line {holder.entries[other][0]}) is the same but for case or form'
            yield Mistake(holder.entries[name][0], dotted((*location, name)), name, message, "each name once")


def _plain_tags(root: Node) -> Iterator[str]:
    tags = root.get("tags")
    for tag in tags.items if tags is not None else ():
        name = tag.get("name")
        if name is not None and isinstance(name.value, str):
            yield nfc(name.value)


def _facet_tags(facets: Sequence[tuple[str, int, Node]]) -> Iterator[str]:
    for name, _, node in facets:
        yield from (facet_tag(nfc(name), nfc(value)) for value in _values(node))


def _tags_like_facets(root: Node, facets: Sequence[tuple[str, int, Node]]) -> Iterator[Mistake]:
    """Find tags that would be taken for a facet's."""
    lines = {nfc(name): line for name, line, _ in facets}
    tags = root.get("tags")
    for number, tag in enumerate(tags.items if tags is not None else ()):
        name = tag.get("name")
        if name is None or not isinstance(name.value, str) or ":" not in name.value:
            continue
        facet = nfc(name.value).partition(":")[0]
        if facet in lines:
            message = f'tags that begin with "{facet}:" are those of the facet {facet} (line {lines[facet]})'
            yield Mistake(name.line, dotted(("tags", number, "name")), name.value, message, "another name")


def _conditions(root: Node, known: Sequence[str]) -> Iterator[Mistake]:
    """Find conditions on tags that no video can have, and tags that ask for tags: these are found before all rules."""
    for node, location in rule_nodes(root, tags=True):
        when = node.get("when")
        wanted = when.get("tags") if when is not None else None
        if wanted is None or wanted.broken:
            continue
        here = (*location, "when", "tags")
        if location[0] == "tags":
            message = "a tag can't ask for tags: all of them are found at once, before the rules"
            yield Mistake(wanted.line, dotted(here), None, message, "other conditions; a rule may ask for tags")
        else:
            yield from _unknown_tags(wanted, here, known)


def _unknown_tags(wanted: Node, here: Location, known: Sequence[str]) -> Iterator[Mistake]:
    alone = wanted.kind is NodeKind.SCALAR
    for number, node in enumerate([wanted] if alone else wanted.items):
        if not isinstance(node.value, str) or not node.value.strip() or nfc(node.value) in known:
            continue
        shown = ", ".join(known[:_SHOWN_TAGS]) + (", …" if len(known) > _SHOWN_TAGS else "")
        allowed = f"one of the tags {shown}" if known else "a tag; this config has none under tags or facets"
        place = here if alone else (*here, number)
        message = "no video gets this tag, so the rule would never take part"
        yield Mistake(node.line, dotted(place), node.value, message, allowed, nearest_of(node.value, known))


def _templates(root: Node, facets: Sequence[str]) -> Iterator[Mistake]:
    """Find fields of templates that are of no facet; all else that may be wrong with them was said."""
    for node, location in ((root, ()), *rule_nodes(root)):
        place = node.get("place")
        for option, fixed, fields_of, sound in _TEMPLATES if place is not None else ():
            template = place.get(option) if place is not None else None
            if template is None or not isinstance(template.value, str):
                continue
            try:
                fields = fields_of(template.value)
            except ValueError:
                continue
            known = [*fixed, *facets]
            strange = [field for field in fields if nfc(field) not in known]
            # where a field is no name that a facet could have, the option itself has a mistake
            if not strange or any(map(tag_part_problem, strange)) or sound(template.value, fields) is not None:
                continue
            allowed = "text and the fields " + ", ".join(f"{{{field}}}" for field in known)
            message = f'there is no field "{{{strange[0]}}}", and no facet of this name'
            at = dotted((*location, "place", option))
            yield Mistake(template.line, at, template.value, message, allowed, nearest_of(strange[0], known))


def _folder_fields(template: str) -> list[str]:
    return [field for part in parse_folder(template) for field in part.fields]


# Of each template: its option, the fields that all have, those that it asks for, and what is wrong with it.
_TEMPLATES: tuple[
    tuple[str, tuple[str, ...], Callable[[str], list[str]], Callable[[str, Container[str]], str | None]], ...
] = (
    ("name", (*TEMPLATE_FIELDS, COUNTER), template_fields, template_problem),
    ("folder", FOLDER_FIELDS, _folder_fields, folder_template_problem),
)
