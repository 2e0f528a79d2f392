"""The config file's options of how videos are placed in the library, for all of them and for those of a rule."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field
from pydantic import Tag as Shape

from vsortd.config.base_options import MAPPING, WORD, Flag, Options, shape_of
from vsortd.config.choices import OnDuplicate, PlaceMethod
from vsortd.config.folder_options import FolderTemplate, MissingFolder
from vsortd.config.value_types import FolderName, NameTemplate
from vsortd.core.folder_templates import FOLDER_FIELDS, PLAIN
from vsortd.core.names import TEMPLATE_FIELDS

FolderText = Annotated[str, FolderName()]


class DuplicateFolder(Options):
    """A folder of the library for duplicates."""

    written: ClassVar[str] = "a folder for them, such as {to: _Duplicates}"

    to: FolderText = Field(description="The folder's name, at the top of the library.")


class Place(Options):
    """How videos are named and where undecided ones go."""

    name: Annotated[str, NameTemplate()] = Field(
        default="{stem}",
        description="The file's name without its ending: text and the fields "
        + ", ".join(f"{{{name}}}" for name in TEMPLATE_FIELDS)
        + ", or a facet's name; {n} or {n:04} counts the files of one name in their folder.",
    )
    folder: Annotated[str, FolderTemplate()] = Field(
        default=PLAIN,
        description="The folders of a filed video below the library, separated by /: text and the fields "
        + ", ".join(f"{{{name}}}" for name in FOLDER_FIELDS)
        + ", or a facet's name. {rule} and {sub}, the folders below the inbox, may be several.",
    )
    missing: Annotated[str, MissingFolder()] = Field(
        default="no {name}",
        description="What stands in a folder's name for a field without a value; {name} is the field's name.",
    )
    on_duplicate: Annotated[
        Annotated[Literal[OnDuplicate.KEEP_BOTH, OnDuplicate.SKIP], Shape(WORD)]
        | Annotated[DuplicateFolder, Shape(MAPPING)],
        Discriminator(shape_of),
    ] = Field(
        default=OnDuplicate.KEEP_BOTH,
        description="If the same bytes are already in the library: keep_both, "
        "skip (leave it in the inbox), or {to: _Duplicates}.",
    )
    how: PlaceMethod = Field(
        default=PlaceMethod.MOVE,
        description="How a video gets into the library: move; or copy, hardlink or reflink, with which it stays in the "
        "inbox as well. If the disk can't link, the video is copied.",
    )
    xmp: Flag = Field(
        default=False,
        description="Write rule, tags and score into an XMP sidecar (Film.mp4.xmp), or amend an existing one.",
    )
    review: FolderText = Field(default="_Review", description="The library's folder for undecided videos.")

    def with_rule(self, own: RulePlace | None) -> Place:
        """Return it with what a rule sets anew."""
        if own is None:
            return self
        told = {name: value for name in type(own).model_fields if (value := getattr(own, name)) is not None}
        return self.model_copy(update=told)


class RulePlace(Options):
    """How the videos of a rule are placed, and of those below it; what is not set is as in the rule above."""

    name: Annotated[str, NameTemplate()] | None = Field(default=None, description="As in place.")
    folder: Annotated[str, FolderTemplate()] | None = Field(default=None, description="As in place.")
    how: PlaceMethod | None = Field(default=None, description="As in place.")
    xmp: Flag | None = Field(default=None, description="As in place.")
