"""Which videos of groups of duplicates may be set aside, and for which one that is kept. Pure.

Only what is sure: the same bytes, or the same pictures from beginning to end. The kept one is the group's: the most
pixels, then the most data a second, then the longest, then the older file. It stays, so of each pair one does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vsortd.library.duplicates.likeness import SAME_DURATION_S
from vsortd.library.duplicates.pair_check import PairRelation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.library.duplicates.groups import DuplicateGroup, GroupMember, NearDuplicate

RULE: Final = "the most pixels, then the most data a second, then the longest, then the older file"


@dataclass(frozen=True, slots=True)
class LesserCopy:
    """A video that is the same as `keep`, and not the better one; `why_not` says why it stays nevertheless, or ""."""

    member: GroupMember
    keep: GroupMember
    kind: PairRelation
    why_not: str = ""


def lesser_copies(groups: Sequence[DuplicateGroup]) -> list[LesserCopy]:
    """Return every video of the groups but those that are kept, in their order."""
    return [
        LesserCopy(one.member, group.keep, one.kind, _why_not(group, one))
        for group in groups
        for one in group.duplicates
    ]


def _why_not(group: DuplicateGroup, duplicate: NearDuplicate) -> str:
    keep, member = group.keep, duplicate.member
    if duplicate.kind is PairRelation.ALIKE:
        return "they only may be the same"
    if duplicate.kind is PairRelation.PART:
        return "one is only a part of the other"
    if not _sure(group, duplicate):
        return f"it was compared with {duplicate.of.path.name} alone"
    longer_s = member.duration_s - keep.duration_s
    return f"it is {longer_s:.1f} s longer" if longer_s > SAME_DURATION_S else ""


def _sure(group: DuplicateGroup, duplicate: NearDuplicate) -> bool:
    """Tell whether a video is known to be the same as the kept one: itself, or by others that have its very bytes.

    Each of them is used once, and one may not be of the group any more: what it was like is gone.
    """
    others = {one.member.number: one for one in group.duplicates if one is not duplicate}
    while duplicate.of.number != group.keep.number:
        by = others.pop(duplicate.of.number, None)
        if by is None or duplicate.kind is not PairRelation.COPY:
            return False
        duplicate = by
    return duplicate.kind in {PairRelation.COPY, PairRelation.SAME}
