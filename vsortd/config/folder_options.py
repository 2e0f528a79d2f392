"""Kinds of values of `place.folder`: the template of a video's folders, and the name of one for what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from vsortd.config.value_types import ANY_FACET, TextKind, wrong
from vsortd.core.folder_templates import FOLDER_FIELDS, folder_template_problem, missing_problem
from vsortd.core.names import NAME_MAX_BYTES, nfc

_PART = r"([^{}/\\]|\{[^{}:/\\!\[\]]+\})+"


@dataclass(frozen=True)
class FolderTemplate(TextKind):
    """The template of `place.folder`; which facets there are is seen where the file is looked at whole."""

    what: ClassVar[str] = (
        "folders of the library, separated by /, out of text and the fields "
        + ", ".join(f"{{{field}}}" for field in FOLDER_FIELDS)
        + ', or {facet} of a facet of this config, such as "{rule}/{year}"'
    )

    def check(self, text: str) -> str:  # noqa: D102
        if problem := folder_template_problem(text, ANY_FACET):
            raise wrong(problem)
        return nfc(text)

    def schema(self) -> dict[str, Any]:  # noqa: D102
        return {"type": "string", "minLength": 1, "pattern": f"^{_PART}(/{_PART})*$"}


@dataclass(frozen=True)
class MissingFolder(TextKind):
    """The name that stands in a folder's for a field without a value."""

    what: ClassVar[str] = 'a name for a folder, with {name} for the field\'s name, such as "no {name}"'

    def check(self, text: str) -> str:  # noqa: D102
        if problem := missing_problem(text):
            raise wrong(problem)
        return nfc(text)

    def schema(self) -> dict[str, Any]:  # noqa: D102
        return {"type": "string", "minLength": 1, "maxLength": NAME_MAX_BYTES, "pattern": r"^([^{}/\\]|\{name\})+$"}
