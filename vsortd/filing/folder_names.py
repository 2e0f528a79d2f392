"""The folders of a video in the library, out of the template `place.folder`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.core.folder_templates import MISSING_NAME, RULE, FolderPart, parse_folder
from vsortd.core.names import OWN_FOLDER, folder_key
from vsortd.filing.file_names import component
from vsortd.filing.identical import policy_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.config.place_options import Place
    from vsortd.filing.file_names import NameFields


def render_folder(place: Place, fields: NameFields, rule: Sequence[str], sub: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of the folders, from the library's top down; at least one, each as every common disk takes it.

    `rule` holds the names of the video's rule from the top, `sub` the folders between its inbox and the video.
    """
    found: list[str] = []
    for part in parse_folder(place.folder):
        if part.spanning:
            found += map(component, rule if part.spanning == RULE else sub)
        else:
            found.append(_one_folder(part, place, fields))
    first, *others = found
    return (f"{first}_" if folder_key(first) in own_folders(place) else first, *others)


def own_folders(place: Place) -> frozenset[str]:
    """Return the keys (see `folder_key`) of the folders at the library's top that are no rule's."""
    _, duplicates = policy_of(place.on_duplicate)
    return frozenset(folder_key(name) for name in (place.review, duplicates, OWN_FOLDER) if name)


def missing_text(place: Place, field: str) -> str:
    """Return what stands for a field without a value."""
    return place.missing.replace(f"{{{MISSING_NAME}}}", field)


def _one_folder(part: FolderPart, place: Place, fields: NameFields) -> str:
    texts = []
    for text, field in part.pieces:
        texts += [text, field and (component(fields.value(field), "") or missing_text(place, field))]
    return component("".join(texts))
