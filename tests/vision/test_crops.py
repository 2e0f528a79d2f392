"""The parts of a picture that the encoder gets where something small is looked for."""

from __future__ import annotations

import numpy as np
import pytest

from vsortd.media.preprocess import Preprocess, ResizeMode
from vsortd.vision.crops import crop_boxes, crops_of, side_for_crops

MEAN = (0.0, 0.0, 0.0)
STD = (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("size", "count"),
    [((100, 100), 6), ((640, 360), 10), ((360, 640), 10), ((400, 300), 8), ((1000, 100), 18), ((3, 2), 8), ((1, 1), 6)],
)
def test_the_parts_lie_in_the_picture_and_cover_it(size: tuple[int, int], count: int) -> None:
    width, height = size
    boxes = crop_boxes(width, height)
    assert count == len(boxes)
    assert (0, 0, width, height) == boxes[0]
    covered = np.zeros((height, width), bool)
    for left, top, right, bottom in boxes[1:]:
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert right - left == bottom - top
        covered[top:bottom, left:right] = True
    least = 0.97 if max(size) <= 4 * min(size) else 0.4  # of a panorama some lies between the parts
    assert covered.mean() >= least or min(size) <= 3


def test_a_part_is_what_lies_there_at_twice_the_size() -> None:
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[100:, 100:] = 255
    parts = crops_of(picture, crop_boxes(200, 200), Preprocess(80, MEAN, STD))
    assert (6, 80, 80, 3) == parts.shape
    assert [0, 0, 0, 255] == [int(part.mean()) for part in parts[1:5]]
    assert parts[5].mean() == pytest.approx(255 / 4, abs=2)  # the centre: a quarter of it is white


@pytest.mark.parametrize(
    ("mode", "white"), [(ResizeMode.SHORTEST, 1.0), (ResizeMode.LONGEST, 0.5), (ResizeMode.SQUASH, 1.0)]
)
def test_the_whole_picture_is_shaped_as_the_model_wants_it(mode: ResizeMode, white: float) -> None:
    picture = np.full((60, 120, 3), 255, np.uint8)
    whole = crops_of(picture, [(0, 0, 120, 60)], Preprocess(40, MEAN, STD, mode))[0]
    assert (40, 40, 3) == whole.shape
    assert white == pytest.approx(whole.mean() / 255, abs=0.01)


def test_frames_are_decoded_large_enough_for_their_parts_and_never_larger_than_they_are() -> None:
    shape = Preprocess(224, MEAN, STD)
    assert 797 == side_for_crops(shape, 1920, 1080)
    assert 797 == side_for_crops(shape, 1080, 1920)
    assert 320 == side_for_crops(shape, 320, 180)
