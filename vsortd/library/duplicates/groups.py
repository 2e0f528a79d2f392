"""Groups of duplicates from pairs: what belongs together, which file to keep, and what the others are to it. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from vsortd.library.duplicates.pair_check import PairLikeness, PairRelation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vsortd.core.identity import Identity

_ABOUT_PIXELS: Final = 2000  # bars are found to about a pixel in a hundred: fewer pixels more or less mean nothing


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A video among those that are compared, by its number; width and height as shown, 0 where unknown."""

    number: int
    path: Path
    identity: Identity
    duration_s: float
    width_px: int
    height_px: int
    size_bytes: int

    @property
    def bits_per_s(self) -> float:
        """How much data a second of it takes."""
        return self.size_bytes * 8 / max(self.duration_s, 1e-3)

    def to_json(self) -> dict[str, Any]:
        """Return it as `duplicates --json` prints it."""
        return {
            "path": str(self.path),
            "duration_s": round(self.duration_s, 3),
            "width_px": self.width_px,
            "height_px": self.height_px,
            "size_bytes": self.size_bytes,
        }


@dataclass(frozen=True, slots=True)
class Pair:
    """Two videos that have to do with each other, by their numbers; the longer one first."""

    longer: int
    shorter: int
    likeness: PairLikeness


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """What one video of a group is to another one, `of`, mostly the one to keep.

    It begins at `begins_s` of that one's time (below 0: before it). `moments_s` are pairs of times, (`of`'s, its own),
    at which the pictures were compared, `agreed` how far each agrees, 0 to 1.
    """

    member: GroupMember
    of: GroupMember
    kind: PairRelation
    score: float
    begins_s: float
    moments_s: tuple[tuple[float, float], ...] = ()
    agreed: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as `duplicates --json` prints it."""
        return {
            **self.member.to_json(),
            "kind": self.kind.value,
            "score": self.score,
            "of": str(self.of.path),
            "begins_s": self.begins_s,
        }


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Videos that show the same: the one that may be worth keeping, and the others."""

    keep: GroupMember
    duplicates: tuple[NearDuplicate, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as `duplicates --json` prints it."""
        others = [duplicate.to_json() for duplicate in self.duplicates]
        return {"keep": self.keep.to_json(), "others": others, "spare_bytes": self.spare_bytes}

    @property
    def spare_bytes(self) -> int:
        """How much the others take, without those that only may be the same."""
        return sum(
            duplicate.member.size_bytes for duplicate in self.duplicates if duplicate.kind is not PairRelation.ALIKE
        )


def worth(one: GroupMember, share: float = 1.0) -> tuple[int, int, float, int, str]:
    """Order videos by what is worth keeping, the best first: about the most pixels, then the most data a second.

    Ties: the longest, then the older file, then the first by path. `share` of its picture, 0 to 1, is no black bar.
    """
    pixels = one.width_px * one.height_px * share
    about = -round(pixels / _ABOUT_PIXELS)
    return about, -round(one.bits_per_s), -one.duration_s, one.identity.mtime_ns, str(one.path)


class Unions:
    """Sets of numbers that grow together; a number nobody joined is a set of its own."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def of(self, number: int) -> int:
        """Return the number that stands for the set."""
        while (above := self._above.get(number, number)) != number:
            self._above[number] = self._above.get(above, above)
            number = above
        return number

    def join(self, first: int, second: int) -> None:
        """Make one set of two; the lower number stands for it."""
        low, high = sorted((self.of(first), self.of(second)))
        self._above[high] = low


@dataclass(slots=True)
class _Known:
    """The likenesses known by unordered pair, the surer kind where there are two."""

    pairs: dict[frozenset[int], Pair] = field(default_factory=dict)

    def get(self, first: int, second: int) -> Pair | None:
        return self.pairs.get(frozenset((first, second)))


def groups_of(
    members: Sequence[GroupMember], pairs: Sequence[Pair], compare: Callable[[int, int], Pair | None]
) -> list[DuplicateGroup]:
    """Return the groups, the largest saving first, ties by path.

    What is a copy, the same or a part of another belongs to one group, also by way of a third. Two that only may be
    alike are a group of their own, unless they are together already. `compare` compares two of a group that were not.
    """
    known = _Known({frozenset((pair.longer, pair.shorter)): pair for pair in pairs})
    unions = Unions()
    for pair in pairs:
        if pair.likeness.kind is not PairRelation.ALIKE:
            unions.join(pair.longer, pair.shorter)
    together: defaultdict[int, list[int]] = defaultdict(list)
    for number in sorted({number for pair in pairs for number in (pair.longer, pair.shorter)}):
        together[unions.of(number)].append(number)
    groups = [_group(members, numbers, known, compare) for numbers in together.values() if len(numbers) > 1]
    groups += [_group(members, [pair.longer, pair.shorter], known, compare) for pair in _doubtful(pairs, unions)]
    return sorted(groups, key=lambda group: (-group.spare_bytes, str(group.keep.path)))


def _doubtful(pairs: Sequence[Pair], unions: Unions) -> list[Pair]:
    """Return the pairs that only may be alike and are not together already; of two groups the best one."""
    best: dict[frozenset[int], Pair] = {}
    for pair in pairs:
        sides = frozenset((unions.of(pair.longer), unions.of(pair.shorter)))
        if pair.likeness.kind is PairRelation.ALIKE and len(sides) > 1:
            known = best.get(sides)
            if known is None or pair.likeness.score > known.likeness.score:
                best[sides] = pair
    return list(best.values())


def _group(
    members: Sequence[GroupMember], numbers: Sequence[int], known: _Known, compare: Callable[[int, int], Pair | None]
) -> DuplicateGroup:
    keep = _worth_keeping(members, numbers, known)
    duplicates = []
    for number in numbers:
        if number != keep:
            own = known.get(keep, number) or compare(keep, number)
            # some belong to the group only by way of a third
            others = [known.get(other, number) for other in numbers if other not in {keep, number}]
            best = min((pair for pair in (own, *others) if pair is not None), key=lambda pair: _surest(pair, own))
            duplicates.append(_near_duplicate(members, best, number))
    order = list(PairRelation)
    duplicates.sort(key=lambda duplicate: (order.index(duplicate.kind), -duplicate.score, str(duplicate.member.path)))
    return DuplicateGroup(members[keep], tuple(duplicates))


def _surest(pair: Pair, own: Pair | None) -> tuple[bool, bool, float]:
    """Order pairs by what they say of a video: all is surer than maybe, then the one with the file to keep."""
    return pair.likeness.kind is PairRelation.ALIKE, pair is not own, -pair.likeness.score


def _worth_keeping(members: Sequence[GroupMember], numbers: Sequence[int], known: _Known) -> int:
    """Return the number of the best one by its `worth`; no part of another, and black bars don't count."""
    inside = set(numbers)
    parts = {
        pair.shorter
        for pair in known.pairs.values()
        if pair.likeness.kind is PairRelation.PART and {pair.longer, pair.shorter} <= inside
    }
    shares = dict.fromkeys(inside, 1.0)
    for pair in known.pairs.values():
        for number, share in zip((pair.longer, pair.shorter), pair.likeness.shares, strict=True):
            shares[number] = min(shares.get(number, 1.0), share)
    whole = [members[number] for number in numbers if number not in parts] or [members[number] for number in numbers]
    return min(whole, key=lambda one: worth(one, shares[one.number])).number


def _near_duplicate(members: Sequence[GroupMember], pair: Pair, number: int) -> NearDuplicate:
    """Turn a pair around so that it tells of `number`."""
    likeness = pair.likeness
    shift_s = likeness.shift_s
    is_shorter = number == pair.shorter
    of = pair.longer if is_shorter else pair.shorter
    moments = tuple(
        (time_s + shift_s, time_s) if is_shorter else (time_s, time_s + shift_s) for time_s in likeness.moments_s
    )
    begins_s = shift_s if is_shorter else -shift_s
    score = likeness.score
    return NearDuplicate(
        members[number], members[of], likeness.kind, score, round(begins_s, 3), moments, likeness.agreed
    )
