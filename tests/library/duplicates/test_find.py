"""Near duplicates: who is a candidate, how two videos lie over each other, which pictures agree, what a group is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from vsortd.core.identity import Identity
from vsortd.index.video import IndexedVideo
from vsortd.library.duplicates import picture_match
from vsortd.library.duplicates.alignment import shifts
from vsortd.library.duplicates.groups import GroupMember, Pair, Unions, groups_of
from vsortd.library.duplicates.likeness import PairCandidate, Sketch, by_duration, candidates, sketch_of, telling
from vsortd.library.duplicates.pair_check import PairLikeness, PairRelation
from vsortd.library.duplicates.pair_sheet import clock
from vsortd.library.duplicates.picture_match import PictureBox

DIM = 48
Vectors = npt.NDArray[np.float64]


def scenes(seed: int, count: int) -> Vectors:
    """Return directions of scenes that have nothing to do with one another."""
    vectors = np.random.default_rng(seed).normal(size=(count, DIM))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


PLAIN = np.eye(DIM)[:1]  # the one plain picture


def film(*shots: tuple[Vectors, float], phase_s: float = 0.5, number: int = 0) -> IndexedVideo:
    """Return a film of shots (direction, seconds) with one frame a second, the first at `phase_s`."""
    duration_s = sum(seconds for _, seconds in shots)
    ends = np.cumsum([seconds for _, seconds in shots])
    times_s = np.arange(phase_s, duration_s, 1.0)
    vectors = np.stack([shots[int(np.searchsorted(ends, time_s, side="right"))][0] for time_s in times_s])
    identity = Identity(1, number, 1, 1)
    times_ms = (times_s * 1000).astype(np.int64)
    return IndexedVideo(
        number, identity, Path("x.mp4"), duration_s, 320, 180, 0.0, times_ms, vectors.astype(np.float16)
    )


def pairs_of(*films: IndexedVideo, least_cosine: float = 0.9) -> set[tuple[int, int]]:
    sketches = [sketch_of(one, PLAIN.astype(np.float32)) for one in films]
    return {(one.first, one.second) for one in candidates(sketches, least_cosine=least_cosine, most_each=8)}


# Candidates


def test_strangers_that_begin_and_end_black_are_no_candidates() -> None:
    one, two = scenes(1, 2)
    black = (PLAIN[0], 6.0)
    assert set() == pairs_of(film(black, (one, 3.0), black), film(black, (two, 3.0), black))
    assert {(0, 1)} == pairs_of(film(black, (one, 3.0)), film((one, 3.0)))
    assert set() == pairs_of(film(black), film(black, number=1))


def test_a_part_is_a_candidate_though_the_whole_is_another() -> None:
    many = scenes(2, 12)
    whole = film(*((one, 5.0) for one in many))
    part = film((many[7], 3.0), (many[8], 4.0))
    assert {(0, 1)} == pairs_of(whole, part)
    pooled = [sketch_of(one, PLAIN.astype(np.float32)).rows[0].astype(float) for one in (whole, part)]
    assert pooled[0] @ pooled[1] < 0.6


def test_candidates_are_what_comparing_each_with_each_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsortd.library.duplicates.likeness._ASKING_ROWS", 7)
    monkeypatch.setattr("vsortd.library.duplicates.likeness._ASKED_ROWS", 5)
    rng = np.random.default_rng(3)
    centres = scenes(3, 9)
    rows = [centres[rng.integers(9, size=rng.integers(1, 4))] + rng.normal(0, 0.03, DIM) for _ in range(40)]
    sketches = [Sketch((one / np.linalg.norm(one, axis=1, keepdims=True)).astype(np.float16)) for one in rows]
    sketches[4] = Sketch(np.empty((0, DIM), np.float16))
    found = candidates(sketches, least_cosine=0.9, most_each=200)
    expected = {}
    for first in range(40):
        for second in range(first + 1, 40):
            cosines = sketches[first].rows.astype(np.float32) @ sketches[second].rows.astype(np.float32).T
            if cosines.size and cosines.max() > 0.9:
                expected[first, second] = pytest.approx(cosines.max(), abs=1e-5)
    assert expected == {(one.first, one.second): one.cosine for one in found}
    assert [one.cosine for one in found] == sorted((one.cosine for one in found), reverse=True)


def test_a_crowd_that_is_all_alike_makes_no_square_of_pairs() -> None:
    (one,) = scenes(4, 1)
    crowd = [Sketch(one[None].astype(np.float16)) for _ in range(300)]
    found = candidates(crowd, least_cosine=0.9, most_each=4)
    assert 300 / 2 <= len(found) <= 300 * 4
    unions = Unions()
    for pair in found:
        unions.join(pair.first, pair.second)


def test_videos_of_one_duration_need_less_to_be_compared() -> None:
    one, other = scenes(5, 2)
    mixed = (one + 0.8 * other) / np.linalg.norm(one + 0.8 * other)
    sketches = [Sketch(row[None].astype(np.float16)) for row in (one, mixed, mixed)]
    found = by_duration(sketches, [10.0, 10.05, 11.0], most_each=3)
    assert [PairCandidate(0, 1, pytest.approx(float(one @ mixed), abs=0.01))] == found


# Alignment


@pytest.mark.parametrize("begin_s", [0.0, 7.3, 21.6])
def test_a_part_is_found_where_it_was_cut_out(begin_s: float) -> None:
    many = scenes(6, 9)
    lengths = [3.2, 4.1, 2.7, 5.3, 3.9, 2.2, 4.4, 3.1, 2.6]
    whole = film(*zip(many, lengths, strict=True))
    ends = np.cumsum(lengths)
    cut = []
    for vector, begin, end in zip(many, [0.0, *ends[:-1]], ends, strict=True):
        inside = min(end, begin_s + 9.5) - max(begin, begin_s)
        if inside > 0:
            cut.append((vector, float(inside)))
    part = film(*cut, phase_s=0.2)
    plain = PLAIN.astype(np.float32)
    found = shifts(whole, telling(whole, plain), part, telling(part, plain), least_cosine=0.6)
    assert found[0].shift_s == pytest.approx(begin_s, abs=found[0].slack_s)
    assert found[0].cosine > 0.95


def test_what_is_black_does_not_decide_where_a_video_lies() -> None:
    many = scenes(7, 4)
    shots = [(one, 3.0) for one in many]
    late = film((PLAIN[0], 4.0), *shots)
    early = film(*shots, phase_s=0.3)
    plain = PLAIN.astype(np.float32)
    found = shifts(late, telling(late, plain), early, telling(early, plain), least_cosine=0.6)
    assert found[0].shift_s == pytest.approx(4.0, abs=0.6)


def test_strangers_lie_nowhere_and_a_still_picture_lies_at_the_beginning() -> None:
    one, two = scenes(8, 2)
    still, other = film((one, 9.0)), film((two, 5.0))
    every = [np.ones(len(one.times_ms), np.bool_) for one in (still, other)]
    assert [] == shifts(still, every[0], other, every[1], least_cosine=0.6)
    part = film((one, 4.0), phase_s=0.1)
    assert 0.0 == shifts(still, every[0], part, np.ones(4, np.bool_), least_cosine=0.6)[0].shift_s


# Pictures


def pictures(seed: int, count: int, *, side: int = 96) -> picture_match.Grey:
    """Return pictures of soft spots that wander."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : side * 1j, 0 : 1 : side * 1j]
    spots = [(*rng.uniform(0.1, 0.9, 2), *rng.uniform(-0.03, 0.03, 2), rng.uniform(-90, 90)) for _ in range(14)]
    made = np.full((count, side, side), 120.0)
    for at_x, at_y, speed_x, speed_y, level in spots:
        for place in range(count):
            away = (x - at_x - place * speed_x) ** 2 + (y - at_y - place * speed_y) ** 2
            made[place] += level * np.exp(-away / 0.006)
    return np.clip(made, 0, 255).astype(np.uint8)


def test_bars_are_told_from_what_is_dark_in_one_picture() -> None:
    boxed = pictures(1, 4)
    boxed[:, :12] = boxed[:, -12:] = 3
    boxed[0, 12:30] = 0  # dark for a moment
    box = picture_match.content_box(boxed)
    assert (0.0, 1.0) == (box.left, box.right)
    assert (box.top, box.bottom) == pytest.approx((12 / 96, 84 / 96), abs=0.02)
    assert PictureBox() == picture_match.content_box(pictures(1, 4))
    assert PictureBox() == picture_match.content_box(np.zeros((3, 96, 96), np.uint8))


def test_the_same_agrees_through_noise_and_light_and_another_does_not() -> None:
    one = picture_match.small(pictures(2, 5), PictureBox())
    noise = np.random.default_rng(0).normal(0, 2, one.shape).astype(np.float32)
    again, other = one * 0.8 + 20 + noise, picture_match.small(pictures(3, 5), PictureBox())
    assert picture_match.agreement(one, again).min() > 0.98
    assert picture_match.detail_agreement(one, again).min() > 0.85
    assert (picture_match.change_agreement(one, again) or 0) > 0.9
    assert picture_match.agreement(one, other).max() < 0.6
    assert abs(picture_match.change_agreement(one, other) or 1) < 0.5


def test_one_place_at_another_moment_differs_in_what_changes() -> None:
    room = pictures(4, 1).astype(float)
    moving = pictures(5, 12).astype(float) - 120
    takes = [np.clip(room + 0.3 * moving[part], 0, 255).astype(np.uint8) for part in (slice(0, 5), slice(7, 12))]
    first, second = (picture_match.small(take, PictureBox()) for take in takes)
    assert picture_match.agreement(first, second).min() > 0.8
    assert (picture_match.change_agreement(first, second) or 0) < 0.6
    assert picture_match.change_agreement(np.repeat(first[:1], 5, axis=0), np.repeat(second[:1], 5, axis=0)) is None


def test_flat_pictures_have_no_say() -> None:
    flat = np.full((2, 32, 32), 16.0, np.float32)
    flat[1, ::2] = 80
    assert [False, True] == picture_match.shows(flat).tolist()


def test_a_crop_keeps_the_wished_aspect() -> None:
    box = PictureBox().to_aspect(16 / 9, 1.0, place=1.0)
    assert (1.0, 0.0, 1.0) == (box.right, box.top, box.bottom)
    assert (box.right - box.left) * 16 / 9 == pytest.approx(1.0)
    assert PictureBox().to_aspect(1.0, 16 / 9).bottom == pytest.approx(0.5 + 9 / 32)


# Groups


def member(number: int, *, width: int = 640, seconds: float = 10.0, size: int = 1000, name: str = "") -> GroupMember:
    path = Path(f"/v/{name or number}.mp4")
    return GroupMember(number, path, Identity(1, number, size, 1), seconds, width, width // 2, size)


def pair(longer: int, shorter: int, kind: PairRelation, **more: object) -> Pair:
    return Pair(longer, shorter, PairLikeness(kind, **{"score": 1.0, "shift_s": 0.0} | more))  # type: ignore[arg-type]


def no_comparison(first: int, second: int) -> None:
    raise AssertionError((first, second))


def test_the_whole_one_with_the_most_pixels_is_worth_keeping() -> None:
    members = [member(0, width=320), member(1), member(2, width=1920, seconds=4.0), member(3, size=5000)]
    pairs = [pair(1, 0, PairRelation.SAME), pair(1, 2, PairRelation.PART, shift_s=3.0), pair(1, 3, PairRelation.SAME)]
    (group,) = groups_of(members, pairs, lambda *_: None)
    assert 3 == group.keep.number
    assert [0, 1, 2] == sorted(duplicate.member.number for duplicate in group.duplicates)
    part = next(duplicate for duplicate in group.duplicates if duplicate.kind is PairRelation.PART)
    assert (2, 1, 3.0) == (part.member.number, part.of.number, part.begins_s)
    assert 3000 == group.spare_bytes


def test_black_bars_are_no_pixels() -> None:
    members = [member(0, width=800), member(1, width=640)]
    (group,) = groups_of(members, [pair(0, 1, PairRelation.SAME, shares=(0.6, 1.0))], no_comparison)
    assert 1 == group.keep.number
    assert 0.0 == group.duplicates[0].begins_s


def test_a_pair_is_told_from_the_side_of_the_other_one() -> None:
    members = [member(0, width=320, seconds=12.0), member(1, width=1920)]
    likeness = {"shift_s": 2.0, "moments_s": (1.0, 5.0), "agreed": (1.0, 0.9)}
    (group,) = groups_of(members, [pair(0, 1, PairRelation.SAME, **likeness)], no_comparison)
    (duplicate,) = group.duplicates
    assert (1, 0, -2.0) == (group.keep.number, duplicate.member.number, duplicate.begins_s)
    assert ((1.0, 3.0), (5.0, 7.0)) == duplicate.moments_s


def test_two_of_a_group_that_nobody_compared_are_compared() -> None:
    members = [member(0, width=1920), member(1), member(2, width=320)]
    asked = []

    def compare(first: int, second: int) -> Pair:
        asked.append((first, second))
        return pair(first, second, PairRelation.SAME, score=0.9)

    (group,) = groups_of(members, [pair(0, 1, PairRelation.SAME), pair(1, 2, PairRelation.SAME)], compare)
    assert [(0, 2)] == asked
    assert {1: 1.0, 2: 0.9} == {duplicate.member.number: duplicate.score for duplicate in group.duplicates}


def test_maybe_alike_joins_no_groups_and_is_told_once() -> None:
    members = [member(number) for number in range(5)]
    sure = [pair(0, 1, PairRelation.SAME), pair(2, 3, PairRelation.COPY)]
    maybe = [
        pair(0, 2, PairRelation.ALIKE, score=0.5),
        pair(1, 3, PairRelation.ALIKE, score=0.7),
        pair(0, 1, PairRelation.ALIKE),
    ]
    groups = groups_of(members, [*maybe, *sure], no_comparison)
    assert [{0, 1}, {2, 3}, {1, 3}] == [{one.keep.number, *(t.member.number for t in one.duplicates)} for one in groups]
    assert [1000, 1000, 0] == [group.spare_bytes for group in groups]


def test_times_and_sizes_are_written_for_people() -> None:
    assert ["0:00.0", "0:59.9", "1:00.0", "1:01:01.5"] == [clock(one) for one in (-0.2, 59.94, 59.96, 3661.5)]
