"""What a search for duplicates found, kept in the state folder, so that a person can go through the pairs for days.

The groups stay as they were found; what is shown of them is what still lies there: of a video that was set aside
nothing is said, and once it is brought back its pairs are there again.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.identity import Identity
from vsortd.core.system.atomic_file import write_whole
from vsortd.errors import StoreError
from vsortd.library.duplicates.groups import DuplicateGroup, GroupMember, NearDuplicate, worth
from vsortd.library.duplicates.pair_check import PairRelation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vsortd.library.duplicates.find import DuplicateReport

_NAME: Final = "duplicates.json"
_VERSION: Final = 1
_LOCK: Final = threading.Lock()
_ALL_OF_IT: Final = frozenset({PairRelation.COPY, PairRelation.SAME})


@dataclass(frozen=True, slots=True)
class FoundPair:
    """Two videos of a group, to be decided on: `left` is the one that `right` was found to be like."""

    group: DuplicateGroup
    duplicate: NearDuplicate

    @property
    def left(self) -> GroupMember:
        """The one that the other is told by, mostly the one to keep."""
        return self.duplicate.of

    @property
    def right(self) -> GroupMember:
        """The other one."""
        return self.duplicate.member

    @property
    def id(self) -> str:
        """What to call the pair, see `pair_id`."""
        return pair_id(*self.both)

    @property
    def both(self) -> tuple[GroupMember, GroupMember]:
        """The left and the right one."""
        return self.left, self.right


def pair_id(one: GroupMember, other: GroupMember) -> str:
    """Return what to call a pair: the same for the same two files, whichever comes first."""
    files = sorted((one.identity.fingerprint, other.identity.fingerprint))
    return hashlib.sha256("|".join(files).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class KeptSearch:
    """A search as it is kept: when it ended (Unix seconds), what it found, and the pairs of which both are to stay."""

    found_s: float
    videos: int
    failed: int
    groups: tuple[DuplicateGroup, ...]
    both_stay: frozenset[str] = frozenset()

    def standing(self) -> list[DuplicateGroup]:
        """Return the groups of videos that still lie there as they were; a look at each file."""
        found = (standing_group(group, _stands) for group in self.groups)
        return [group for group in found if group is not None]

    def pairs(self) -> list[FoundPair]:
        """Return the pairs to decide on, the surest of each group first."""
        pairs = (FoundPair(group, one) for group in self.standing() for one in group.duplicates)
        return [pair for pair in pairs if pair.id not in self.both_stay]


class KeptDuplicates:
    """The file of a state folder; thread-safe. One that can't be read counts as none: it only is looked for again."""

    def __init__(self, state_folder: Path) -> None:
        self._path = state_folder / _NAME
        self._read: tuple[int, KeptSearch] | None = None

    def keep(self, report: DuplicateReport) -> None:
        """Keep what was found; what was said of pairs before still holds. Raises StoreError."""
        with _LOCK:
            before = self._search()
            said = frozenset() if before is None else before.both_stay
            self._write(KeptSearch(time.time(), report.videos, len(report.failed), tuple(report.groups), said))

    def search(self) -> KeptSearch | None:
        """Return the last search, None where there was none."""
        with _LOCK:
            return self._search()

    def let_stay(self, pair: str, *, both: bool) -> None:
        """Say of a pair that both videos stay, or no longer that. Raises StoreError."""
        with _LOCK:
            search = self._search()
            if search is not None:
                said = search.both_stay | {pair} if both else search.both_stay - {pair}
                self._write(replace(search, both_stay=said))

    def _search(self) -> KeptSearch | None:
        try:
            stamp = self._path.stat().st_mtime_ns
            if self._read is None or self._read[0] != stamp:
                self._read = stamp, _search_of(json.loads(self._path.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            self._read = None
        return None if self._read is None else self._read[1]

    def _write(self, search: KeptSearch) -> None:
        try:
            write_whole(self._path, json.dumps(_form(search), separators=(",", ":")))
        except OSError as error:
            why = error.strerror or str(error)
            raise StoreError(f"{self._path} can't be written: {why}.", paths=[self._path]) from error
        self._read = self._path.stat().st_mtime_ns, search


def standing_group(group: DuplicateGroup, stands: Callable[[GroupMember], bool]) -> DuplicateGroup | None:
    """Return what is left of a group, None where that is less than a pair. Pure but for `stands`.

    Where the one to keep is gone, the best of those that were the same takes its place, and the others that were the
    same are told by that one; whatever else was told by one that is gone is left out. Two that were never compared are
    the same only where one of them has the bytes of the one that is gone.
    """
    here = [one for one in group.duplicates if stands(one.member)]
    if stands(group.keep):
        known = {group.keep.number, *(one.member.number for one in here)}
        keep, left = group.keep, [one for one in here if one.of.number in known]
    else:
        alike = [one for one in here if one.of.number == group.keep.number and one.kind in _ALL_OF_IT]
        if not alike:
            return None
        best = min(alike, key=lambda one: worth(one.member))
        keep, left = best.member, [_told_by(best, one) for one in alike if one is not best]
    return DuplicateGroup(keep, tuple(left)) if left else None


def _stands(member: GroupMember) -> bool:
    return member.identity.lies_at(member.path)


def _told_by(best: NearDuplicate, one: NearDuplicate) -> NearDuplicate:
    """Return what one is to another when both are the same as a third: sure only where that has one's very bytes."""
    copies = [best.kind, one.kind].count(PairRelation.COPY)
    return NearDuplicate(
        one.member,
        best.member,
        (PairRelation.ALIKE, PairRelation.SAME, PairRelation.COPY)[copies],
        min(best.score, one.score),
        round(one.begins_s - best.begins_s, 3),
    )


def _form(search: KeptSearch) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "found_s": search.found_s,
        "videos": search.videos,
        "failed": search.failed,
        "both_stay": sorted(search.both_stay),
        "groups": [list(_group_form(group)) for group in search.groups],
    }


def _group_form(group: DuplicateGroup) -> Iterator[dict[str, Any]]:
    yield _member_form(group.keep)
    for one in group.duplicates:
        told = {"of": _member_form(one.of), "kind": one.kind.value, "score": one.score, "begins_s": one.begins_s}
        yield {**_member_form(one.member), **told, "moments_s": one.moments_s, "agreed": one.agreed}


def _member_form(member: GroupMember) -> dict[str, Any]:
    return {
        "number": member.number,
        "path": str(member.path),
        "identity": member.identity.columns(),
        "duration_s": member.duration_s,
        "shape_px": [member.width_px, member.height_px],
    }


def _search_of(form: dict[str, Any]) -> KeptSearch:
    """Return a search of its form. Raises ValueError, KeyError, TypeError for another."""
    if form["version"] != _VERSION:
        raise ValueError(form["version"])
    groups = tuple(_group_of(*group) for group in form["groups"])
    return KeptSearch(form["found_s"], form["videos"], form["failed"], groups, frozenset(form["both_stay"]))


def _group_of(keep: dict[str, Any], *others: dict[str, Any]) -> DuplicateGroup:
    return DuplicateGroup(_member_of(keep), tuple(map(_duplicate_of, others)))


def _duplicate_of(form: dict[str, Any]) -> NearDuplicate:
    return NearDuplicate(
        _member_of(form),
        _member_of(form["of"]),
        PairRelation(form["kind"]),
        form["score"],
        form["begins_s"],
        tuple((first, second) for first, second in form["moments_s"]),
        tuple(form["agreed"]),
    )


def _member_of(form: dict[str, Any]) -> GroupMember:
    identity = Identity.of_columns(form["identity"])
    width_px, height_px = form["shape_px"]
    path = Path(form["path"])
    return GroupMember(form["number"], path, identity, form["duration_s"], width_px, height_px, identity.size_bytes)
