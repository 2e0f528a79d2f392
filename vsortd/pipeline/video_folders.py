"""Where a video goes: how its rule places it, and the folders that the rule's template makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.core.folder_templates import parse_folder
from vsortd.core.names import SUB_FOLDER
from vsortd.filing.file_names import NameFields
from vsortd.filing.folder_names import render_folder
from vsortd.filing.follow import standing_at
from vsortd.filing.rule_folders import RuleFolders

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vsortd.config.place_options import Place
    from vsortd.pipeline.job import Job
    from vsortd.pipeline.services import Services


def place_of(services: Services, key: str) -> Place:
    """Return how videos of a rule are placed; one that is not in the config yet is placed as the rule above it says."""
    while key:
        rule = services.tree.find(key)
        if rule is not None and rule.place is not None:
            return rule.place
        key = key.rpartition("/")[0]
    return services.settings.place


def folders_of(
    services: Services, job: Job, rule: str, tags: Sequence[str], facets: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the folders, from the library's top down, of a video that is filed by a rule (its key).

    Raises StoreError.
    """
    place = place_of(services, rule)
    wants_sub = any(part.spanning == SUB_FOLDER for part in parse_folder(place.folder))
    fields = NameFields.of(job.path, job.identity, job.clip, rule, tags, facets)
    return render_folder(place, fields, rule.split("/"), sub_folders(services, job.path, job.root) if wants_sub else ())


def sub_folders(services: Services, path: Path, root: Path | None) -> tuple[str, ...]:
    """Return the folders between a video and its inbox, or the folder `root` that was given to be sorted.

    In the library they are those that its folder has kept; else the journal says where the video came from.
    """
    if (below := _below_inbox(services, path)) is not None:
        return below
    inside = services.library_place(path)
    if inside is not None:
        found = RuleFolders(services.tree, services.settings.place).matches(inside)
        if found and found[0].sub:
            return found[0].sub
        before = standing_at(services.journal, path)
        from_rule = bool(found)
        return () if before is None or from_rule else _below_inbox(services, before[0].source) or ()
    return path.parent.relative_to(root).parts if root is not None and path.is_relative_to(root) else ()


def _below_inbox(services: Services, path: Path) -> tuple[str, ...] | None:
    for inbox in services.settings.inboxes:
        if path.is_relative_to(inbox.path):
            return path.parent.relative_to(inbox.path).parts
    return None
