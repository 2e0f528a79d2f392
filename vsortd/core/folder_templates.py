"""Templates of folders: which folders of the library a video goes to, as `place.folder` says."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsortd.core.names import COUNTER, SUB_FOLDER, folder_name_problem

if TYPE_CHECKING:
    from collections.abc import Container

RULE = "rule"
FOLDER_FIELDS: tuple[str, ...] = (
    RULE,
    SUB_FOLDER,
    "year",
    "month",
    "day",
    "date",
    "camera",
    "orientation",
    "tags",
)
"""The fields of `place.folder`, each written `{field}`; facets are some, too."""

SPANNING = frozenset({RULE, SUB_FOLDER})
"""Fields that stand for any number of folders: each is alone between two slashes."""

PLAIN = f"{{{RULE}}}"
"""The template of folders that are called like the rules, and nothing else."""

MISSING_NAME = "name"
"""The field of `place.missing`: the name of the field that has no value."""

_ELSEWHERE = re.compile(r"[/~\\]|[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class FolderPart:
    """What stands between two slashes of a template: texts, each with the field that follows it ("" for none)."""

    pieces: tuple[tuple[str, str], ...]

    @property
    def spanning(self) -> str:
        """The field that stands here for any number of folders, "" where this is one folder."""
        field = self.pieces[0][1]
        return field if field in SPANNING else ""

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields in it, in their order."""
        return tuple(field for _, field in self.pieces if field)


def parse_folder(template: str) -> tuple[FolderPart, ...]:
    """Return the parts of a sound template. Raises ValueError where its braces don't match."""
    return tuple(
        FolderPart(tuple((text, field or "") for text, field, _, _ in string.Formatter().parse(part)))
        for part in template.split("/")
    )


def folder_template_problem(template: str, facets: Container[str] = ()) -> str | None:
    """Say why `template` can't be `place.folder`, or None if it can; fields are those of FOLDER_FIELDS and `facets`."""
    if _ELSEWHERE.match(template):
        return "a folder of the library is meant, so it begins with neither / nor ~ nor a drive"
    for part in template.split("/"):
        if problem := _part_problem(part, facets):
            return problem
    fields = [field for part in parse_folder(template) for field in part.fields]
    if template == f"{{{SUB_FOLDER}}}":
        return "{sub} is empty for what lies at the top of an inbox, so another folder stands beside it"
    return next((f"{{{field}}} stands here twice" for field in sorted(SPANNING) if fields.count(field) > 1), None)


def _part_problem(part: str, facets: Container[str]) -> str | None:
    if not part:
        return "there is no name before, between or after its slashes"
    try:
        parsed = list(string.Formatter().parse(part))
    except ValueError:
        return "its braces don't match"
    for literal, field, spec, conversion in parsed:
        if "{" in literal or "}" in literal:
            return "braces may only hold a field"
        if field is not None and (problem := _field_problem(field, spec, conversion, facets)):
            return problem
        if field in SPANNING and part != f"{{{field}}}":
            return f"{{{field}}} stands for any number of folders, so it is alone between two slashes"
    return _name_problem("".join(literal + ("" if field is None else "x") for literal, field, _, _ in parsed))


def _field_problem(field: str, spec: str | None, conversion: str | None, facets: Container[str]) -> str | None:
    if field == COUNTER:
        return "a counter counts files: {n} belongs into place.name"
    if field not in FOLDER_FIELDS and field not in facets:
        return f'there is no field "{{{field}}}" for folders'
    return f'the field "{{{field}}}" takes no format or conversion' if spec or conversion else None


def _name_problem(plain: str) -> str | None:
    if plain.startswith(".") and plain not in {".", ".."}:
        return "a folder whose name begins with a dot is hidden"
    return folder_name_problem(plain)


def missing_problem(text: str) -> str | None:
    """Say why `text` can't be `place.missing`, or None if it can: a folder's name, with `{name}` where it likes."""
    plain = text.replace(f"{{{MISSING_NAME}}}", "x")
    if "{" in plain or "}" in plain:
        return "the only field here is {name}"
    return _name_problem(plain)
