"""What a search for duplicates found is kept whole, and what is shown of it is what still lies there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vsortd.core.identity import Identity
from vsortd.library.duplicates.find import DuplicateReport
from vsortd.library.duplicates.groups import DuplicateGroup, GroupMember, NearDuplicate, Pair, groups_of
from vsortd.library.duplicates.kept_duplicates import FoundPair, KeptDuplicates, standing_group
from vsortd.library.duplicates.pair_check import PairLikeness, PairRelation


def member(folder: Path, number: int, *, width_px: int = 640) -> GroupMember:
    path = folder / f"{number}\udcff.mp4" if number == 9 else folder / f"{number}.mp4"
    path.write_bytes(b"x" * (number + 1))
    identity = Identity.of(path)
    assert identity is not None
    return GroupMember(number, path, identity, 4.0, width_px, 360, identity.size_bytes)


def group_in(folder: Path) -> DuplicateGroup:
    keep, copy, small, part, odd = (member(folder, number, width_px=640 - 40 * number) for number in (0, 1, 2, 3, 9))
    return DuplicateGroup(
        keep,
        (
            NearDuplicate(copy, keep, PairRelation.COPY, 1.0, 0.0),
            NearDuplicate(small, keep, PairRelation.SAME, 0.9, 0.2, ((1.2, 1.0), (2.2, 2.0)), (0.9, 1.0)),
            NearDuplicate(part, keep, PairRelation.PART, 0.8, 1.0),
            NearDuplicate(odd, copy, PairRelation.ALIKE, 0.6, 0.0),
        ),
    )


def test_what_was_found_comes_back_whole_and_outlasts_the_process(tmp_path: Path) -> None:
    group = group_in(tmp_path)
    kept = KeptDuplicates(tmp_path)
    assert kept.search() is None
    kept.keep(DuplicateReport([group], videos=5, failed=[(Path("x"), "why")]))
    search = KeptDuplicates(tmp_path).search()
    assert search is not None
    assert ((group,), 5, 1) == (search.groups, search.videos, search.failed)
    assert 4 == len(search.pairs())


def test_what_went_aside_is_not_shown_until_it_is_back(tmp_path: Path) -> None:
    group = group_in(tmp_path)
    kept = KeptDuplicates(tmp_path)
    kept.keep(DuplicateReport([group], videos=5))
    search = kept.search()
    assert search is not None
    group.keep.path.rename(tmp_path / "aside")
    pairs = search.pairs()
    assert [(1, 2, PairRelation.SAME, 0.2)] == [
        (one.left.number, one.right.number, one.duplicate.kind, one.duplicate.begins_s) for one in pairs
    ]
    (tmp_path / "aside").rename(group.keep.path)
    assert 4 == len(search.pairs())


def test_two_that_were_never_compared_are_not_surely_the_same(tmp_path: Path) -> None:
    keep, *others = (member(tmp_path, number, width_px=640 - 40 * number) for number in range(3))
    told = {
        (PairRelation.SAME, PairRelation.SAME): PairRelation.ALIKE,
        (PairRelation.SAME, PairRelation.COPY): PairRelation.SAME,
        (PairRelation.COPY, PairRelation.SAME): PairRelation.SAME,
        (PairRelation.COPY, PairRelation.COPY): PairRelation.COPY,
    }
    for kinds, kind in told.items():
        pairs = zip(others, kinds, strict=True)
        group = DuplicateGroup(keep, tuple(NearDuplicate(one, keep, what, 1.0, 0.0) for one, what in pairs))
        left = standing_group(group, lambda one: one is not keep)
        assert left is not None
        assert [(others[1], others[0], kind)] == [(one.member, one.of, one.kind) for one in left.duplicates]


def test_the_one_that_takes_the_place_of_the_kept_one_is_the_one_that_a_new_search_keeps(tmp_path: Path) -> None:
    """A few pixels fewer mean nothing where there is more data a second."""
    keep, wide, rich = (member(tmp_path, number, width_px=px) for number, px in ((0, 1920), (1, 641), (2, 640)))
    pairs = [Pair(keep.number, other.number, PairLikeness(PairRelation.COPY, 1.0, 0.0)) for other in (wide, rich)]
    (group,) = groups_of([keep, wide, rich], pairs, lambda _first, _second: None)
    left = standing_group(group, lambda one: one is not keep)
    assert left is not None
    between = Pair(0, 1, PairLikeness(PairRelation.COPY, 1.0, 0.0))
    again = [replace(one, number=number) for number, one in enumerate((wide, rich))]
    (anew,) = groups_of(again, [between], lambda _first, _second: None)
    assert rich.path == left.keep.path == anew.keep.path


def test_both_stay_and_no_longer(tmp_path: Path) -> None:
    kept = KeptDuplicates(tmp_path)
    kept.keep(DuplicateReport([group_in(tmp_path)], videos=5))
    search = kept.search()
    assert search is not None
    first = search.pairs()[0]
    kept.let_stay(first.id, both=True)
    kept.keep(DuplicateReport(list(search.groups), videos=5))  # looked for again
    again = kept.search()
    assert again is not None
    assert first.id not in {pair.id for pair in again.pairs()}
    kept.let_stay(first.id, both=False)
    last = kept.search()
    assert last is not None
    assert first.id in {pair.id for pair in last.pairs()}


def test_a_pair_is_called_the_same_whichever_comes_first(tmp_path: Path) -> None:
    group = group_in(tmp_path)
    one = group.duplicates[0]
    turned = NearDuplicate(one.of, one.member, one.kind, one.score, 0.0)
    assert FoundPair(group, one).id == FoundPair(group, turned).id


def test_a_group_of_one_is_none(tmp_path: Path) -> None:
    group = group_in(tmp_path)
    assert standing_group(group, lambda member: member.number in {2, 3}) is None
    assert standing_group(group, lambda member: member.number == 0) is None


def test_a_damaged_file_counts_as_none(tmp_path: Path) -> None:
    for content in (b"", b"{}", b"[]", b'{"version":1,"found_s":1,"groups":[[1]]}', b"\xff"):
        (tmp_path / "duplicates.json").write_bytes(content)
        assert KeptDuplicates(tmp_path).search() is None
