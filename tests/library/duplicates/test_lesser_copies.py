"""Which copies may be set aside: only what is sure, and never the better, the longer or the last one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsortd.core.identity import Identity
from vsortd.library.duplicates.groups import DuplicateGroup, GroupMember, NearDuplicate, Pair, groups_of
from vsortd.library.duplicates.kept_duplicates import standing_group
from vsortd.library.duplicates.lesser_copies import lesser_copies
from vsortd.library.duplicates.pair_check import PairLikeness, PairRelation

COPY, SAME, PART, ALIKE = PairRelation.COPY, PairRelation.SAME, PairRelation.PART, PairRelation.ALIKE


def member(
    number: int, *, seconds: float = 10.0, width_px: int = 640, size: int = 1000, mtime_ns: int = 0
) -> GroupMember:
    identity = Identity(1, number, size, mtime_ns)
    return GroupMember(number, Path(f"/library/{number}.mp4"), identity, seconds, width_px, 360, size)


def pair(longer: int, shorter: int, kind: PairRelation) -> Pair:
    return Pair(longer, shorter, PairLikeness(kind, 1.0, 0.0))


def told(members: list[GroupMember], *pairs: Pair) -> dict[int, tuple[int, str]]:
    """Return of each copy which one is kept, and why it stays, by their numbers."""
    groups = groups_of(members, list(pairs), lambda _first, _second: None)
    return {copy.member.number: (copy.keep.number, copy.why_not) for copy in lesser_copies(groups)}


def test_the_rule_is_pixels_then_data_then_length_then_age() -> None:
    small, large = member(0, width_px=320, size=9000), member(1, width_px=640)
    assert {0: (1, "")} == told([small, large], pair(0, 1, SAME))
    lean, rich = member(0, size=1000), member(1, size=5000)
    assert {0: (1, "")} == told([lean, rich], pair(0, 1, SAME))
    short, long = member(0, seconds=10.0, size=10_000), member(1, seconds=10.05, size=10_050)
    assert {0: (1, "")} == told([short, long], pair(1, 0, SAME))
    young, old = member(0, mtime_ns=2), member(1, mtime_ns=1)
    assert {0: (1, "")} == told([young, old], pair(0, 1, COPY))
    assert {1: (0, "")} == told([member(0), member(1)], pair(0, 1, COPY))  # nothing between them: the first by path


@pytest.mark.parametrize("kind", [PART, ALIKE])
def test_a_part_and_what_is_only_alike_stay_and_so_does_what_holds_them(kind: PairRelation) -> None:
    long, fine = member(0, seconds=60.0, width_px=320), member(1, seconds=10.0, width_px=1920)
    ((_, (_, why)),) = told([long, fine], pair(0, 1, kind)).items()
    assert why in {"one is only a part of the other", "they only may be the same"}


def test_one_that_is_longer_than_the_better_one_stays() -> None:
    fine, long = member(0, width_px=1920), member(1, seconds=12.0)
    assert {1: (0, "it is 2.0 s longer")} == told([fine, long], pair(1, 0, SAME))


def test_the_same_by_way_of_a_third_is_sure_only_where_that_has_the_very_bytes() -> None:
    best, middle, last = member(0, width_px=1920), member(1, width_px=1280), member(2, width_px=640)
    chain = pair(0, 1, SAME), pair(1, 2, SAME)
    assert {1: (0, ""), 2: (0, "it was compared with 1.mp4 alone")} == told([best, middle, last], *chain)
    twins = member(1, width_px=1280), member(2, width_px=1280)
    assert {1: (0, ""), 2: (0, "")} == told([best, *twins], pair(0, 1, SAME), pair(1, 2, COPY))


def test_what_was_told_by_one_whose_own_other_is_gone_stays_and_the_rest_goes_on() -> None:
    best, gone, middle, last, twin = (member(n, width_px=1920 - n) for n in range(5))
    told_by = ((gone, best, SAME), (middle, gone, COPY), (last, middle, COPY), (twin, best, COPY))
    group = DuplicateGroup(best, tuple(NearDuplicate(one, of, kind, 1.0, 0.0) for one, of, kind in told_by))
    left = standing_group(group, lambda one: one is not gone)
    assert left is not None
    found = {copy.member.number: copy.why_not for copy in lesser_copies([left])}
    assert {3: "it was compared with 2.mp4 alone", 4: ""} == found


@given(st.data())
def test_of_whatever_group_one_stays_and_what_goes_is_sure_to_be_in_it(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 6))
    seconds = st.floats(1, 20)
    members = [member(n, seconds=data.draw(seconds), width_px=data.draw(st.integers(2, 64)) * 20) for n in range(count)]
    numbers = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda two: two[0] != two[1])
    drawn = data.draw(st.lists(st.tuples(numbers, st.sampled_from(PairRelation)), min_size=1, max_size=10))
    pairs = {frozenset(two): pair(*sorted(two, key=lambda n: -members[n].duration_s), kind) for two, kind in drawn}
    groups = groups_of(members, list(pairs.values()), lambda _first, _second: None)
    going = [copy for copy in lesser_copies(groups) if not copy.why_not]
    assert not {copy.keep.number for copy in going} & {copy.member.number for copy in going}
    for copy in going:
        assert copy.kind in {COPY, SAME}
        assert copy.keep.duration_s >= copy.member.duration_s - 0.1
