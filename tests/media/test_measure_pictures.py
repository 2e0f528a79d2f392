"""Pictures are measured right: on films whose cuts, pans, times and faults were put there."""

from __future__ import annotations

import colorsys
import fractions
import time
from typing import TYPE_CHECKING

import av
import numpy as np
import numpy.typing as npt
import pytest

from tests.support.clips import encode
from tests.support.takes import render_takes
from vsortd.media.measure_pass import measure_file
from vsortd.media.measure_pictures import MeasuredShape, ShiftFinder, hsv, measured_shape
from vsortd.media.measure_quality import blocks, noise
from vsortd.media.measures import PictureMeasures
from vsortd.media.picture import Turn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Build = Callable[..., Path]

Bytes = npt.NDArray[np.uint8]


def measured(path: Path) -> PictureMeasures:
    found = measure_file(str(path), pictures=True, sound=False, speech=None, deadline=time.monotonic() + 60)
    assert isinstance(found.pictures, PictureMeasures)
    return found.pictures


def texture(height: int, width: int, *, seed: int = 1, grain_px: int = 8) -> Bytes:
    """Return smooth coloured clouds, uint8 [height, width, 3]."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (height // grain_px + 2, width // grain_px + 2, 3))
    rows, columns = np.arange(height) / grain_px, np.arange(width) / grain_px
    top, left = rows.astype(int), columns.astype(int)
    down, right = (rows - top)[:, None, None], (columns - left)[None, :, None]
    upper = coarse[top][:, left] * (1 - right) + coarse[top][:, left + 1] * right
    lower = coarse[top + 1][:, left] * (1 - right) + coarse[top + 1][:, left + 1] * right
    whole: Bytes = (upper * (1 - down) + lower * down).astype(np.uint8)
    return whole


def window(whole: Bytes, left: int, top: int, width: int = 320, height: int = 180) -> Bytes:
    return np.ascontiguousarray(whole[top : top + height, left : left + width])


def test_hue_saturation_and_value_are_those_of_the_standard_library() -> None:
    rng = np.random.default_rng(5)
    rgb = np.concatenate([rng.integers(0, 256, (500, 3)), [[7, 7, 7], [0, 0, 0], [255, 0, 0], [255, 0, 9]]])
    found = hsv(rgb[:, [1, 2, 0]].T.reshape(3, 1, -1).astype(np.uint8)).reshape(3, -1).T
    for pixel, (hue, saturation, value) in zip(rgb, found.astype(float), strict=True):
        wanted = colorsys.rgb_to_hsv(*(pixel / 255))
        assert abs((hue - wanted[0] * 180 + 90) % 180 - 90) <= 0.5001
        assert (wanted[1] * 255, wanted[2] * 255) == pytest.approx((saturation, value), abs=0.5001)
        assert 0 <= hue < 180


def test_cuts_stand_out_from_their_neighbours(tmp_path: Path) -> None:
    takes = [("forest", 0.5), ("sea", 0.6), ("city", 0.3), ("snow", 0.4)]
    found = measured(render_takes(tmp_path / "takes.mp4", takes, seed=3))
    cuts = [5, 11, 14]
    others = np.delete(found.difference, cuts)
    assert found.difference[cuts].min() > 3 * others.max()
    assert found.change[cuts].min() > 3 * np.delete(found.change, cuts).max()
    assert (0.0, 0.0, [0.0, 0.0]) == (found.difference[0], found.change[0], found.shift[0].tolist())
    assert np.arange(18) / 10 == pytest.approx(found.times_s)
    assert found.keys[0]


@pytest.mark.parametrize(("right", "down"), [(2, 0), (5, 0), (0, 4), (-16, 6), (-30, 0), (0, -30)])
def test_a_pan_shows_as_the_shift_of_the_picture(tmp_path: Path, right: int, down: int) -> None:
    whole = texture(600, 700)
    steps = [window(whole, 200 - right * n, 200 - down * n) for n in range(6)]
    found = measured(encode(tmp_path / "pan.mp4", steps, fps=25, crf="12"))
    wanted = np.array([right, down]) / 320
    for shift in found.shift[1:]:
        assert wanted == pytest.approx(shift, abs=max(0.1 * float(np.abs(wanted).max()), 0.0005))


def test_what_has_nothing_in_common_and_what_shows_nothing_did_not_shift(tmp_path: Path) -> None:
    other = [texture(180, 320, seed=n) for n in range(6)]
    flat = [np.full((180, 320, 3), level, np.uint8) for level in (10, 200, 90)]
    found = measured(encode(tmp_path / "other.mp4", [*other, *flat], fps=25, crf="18"))
    assert 0.0 == np.abs(found.shift).max()


def test_shifts_of_a_fraction_of_a_pixel_are_placed() -> None:
    """A picture of 640 px moves by less than the ten that are one of the grid's."""
    whole = texture(640, 720, grain_px=24)[:, :, 0]
    finder = ShiftFinder()
    for number in range(5):
        grid = whole[:, 60 - 3 * number :][:, :640].reshape(64, 10, 64, 10).mean(axis=(1, 3)).astype(np.uint8)
        right, down = finder.next(grid, 1.0)
        if number:
            assert (3 / 640, 0.0) == pytest.approx((right, down), abs=0.1 * 3 / 640)


def test_black_frozen_and_burnt_out_pieces_are_told(tmp_path: Path) -> None:
    still = texture(180, 320)
    black, white = np.zeros_like(still), np.full_like(still, 255)
    pieces = [*[still] * 5, *[black] * 5, *[white] * 5]
    found = measured(encode(tmp_path / "pieces.mp4", pieces, fps=25, crf="12"))
    assert ([1.0] * 5, [0.0] * 5) == (found.dark[5:10].tolist(), found.dark[10:].tolist())
    assert [1.0] * 10 == found.clipped[5:].tolist()
    assert 0.2 > found.clipped[:5].max()
    assert float(still.mean()) == pytest.approx(float(found.luma[2]), abs=6)
    assert [0.0] * 5 + [255.0] * 5 == pytest.approx(found.luma[5:].tolist(), abs=1)
    assert 1.0 > found.change[1:5].max()
    assert 0.0 == found.change[7]
    assert found.sharpness[:5].min() > 20
    assert 1.0 > found.sharpness[7]


def test_the_smallest_picture_has_the_mean_of_each_part(tmp_path: Path) -> None:
    coarse = np.random.default_rng(9).integers(20, 235, (4, 4, 3)).astype(np.uint8)
    whole = coarse.repeat(64, axis=0).repeat(64, axis=1)
    found = measured(encode(tmp_path / "parts.mp4", [whole] * 2, fps=25, crf="4"))
    assert (2, 4, 4, 3) == found.small.shape
    assert coarse == pytest.approx(found.small[0], abs=12)


@pytest.mark.parametrize("rate", [120, 600])
def test_times_are_those_of_fast_films_and_of_uneven_ones(clip_file: Build, rate: int) -> None:
    even = measured(clip_file("even.mp4", rate=rate, frames=30))
    assert np.arange(30) / rate == pytest.approx(even.times_s)
    places = (0, 1, 2, 10, 11, 40, 41, 90, 91, 92)
    uneven = measured(clip_file("uneven.mp4", rate=rate, frames=10, times=places))
    assert np.array(places) / rate == pytest.approx(uneven.times_s)


def test_frames_that_are_shown_in_another_order_than_stored_come_in_theirs(clip_file: Build) -> None:
    found = measured(clip_file(frames=30, codec_options={"bf": "3", "b-adapt": "0", "sc_threshold": "0"}))
    assert np.arange(30) / 24 == pytest.approx(found.times_s)
    assert [0, 12, 24] == np.flatnonzero(found.keys).tolist()


@pytest.mark.parametrize(("rotation", "wanted"), [(0, (1, 0)), (90, (0, -1)), (180, (-1, 0)), (270, (0, 1))])
def test_a_turned_film_is_measured_as_it_is_shown(tmp_path: Path, rotation: int, wanted: tuple[int, int]) -> None:
    """What goes right in the stored picture goes elsewhere in the shown one; shares are of the shown width."""
    path, whole = tmp_path / "turned.mov", texture(180, 600)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.set_display_rotation(rotation)
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(window(whole, 200 - 10 * number, 0), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    with av.open(str(path)) as back:
        (first, *_) = back.decode(video=0)
        shown = np.rot90(first.to_ndarray(format="rgb24"), first.rotation // 90)
    found = measured(path)
    width = 180 if rotation in {90, 270} else 320
    expected = np.array(wanted) * 10 / width
    assert expected == pytest.approx(found.shift[2], abs=0.1 * 10 / width)
    corner = shown[: shown.shape[0] // 4, : shown.shape[1] // 4].mean(axis=(0, 1))
    assert corner == pytest.approx(found.small[0, 0, 0].astype(float), abs=6)


def test_pictures_are_measured_small_in_their_shown_shape_and_never_larger() -> None:
    for (width, height, aspect), wanted in {
        (1920, 1080, 1.0): (320, 180),
        (1080, 1920, 1.0): (180, 320),
        (128, 64, 1.0): (128, 64),
        (720, 576, 64 / 45): (320, 180),
        (2, 2, 1.0): (8, 8),
        (40_000, 16, 1.0): (834, 8),
    }.items():
        assert MeasuredShape(*wanted, Turn()) == measured_shape(av.VideoFrame(width, height, "yuv420p"), aspect)


def woven(pictures: list[Bytes]) -> list[Bytes]:
    """Return frames whose even lines are of one moment and whose odd ones of the next."""
    frames = []
    for early, late in zip(pictures[::2], pictures[1::2], strict=True):
        frame = early.copy()
        frame[1::2] = late[1::2]
        frames.append(frame)
    return frames


def test_lines_of_two_moments_are_told_from_progressive_ones(tmp_path: Path) -> None:
    whole = texture(480, 1400)
    moments = [window(whole, 600 - 6 * n, 40, 640, 400) for n in range(40)]
    interlaced = measured(encode(tmp_path / "interlaced.mp4", woven(moments), fps=25, crf="12"))
    progressive = measured(encode(tmp_path / "progressive.mp4", moments[::2], fps=25, crf="12"))
    assert (1.0, 0.0) == (interlaced.interlaced, progressive.interlaced)


def test_about_one_frame_a_second_is_looked_at_for_quality(clip_file: Build) -> None:
    found = measured(clip_file(frames=80, rate=24))
    assert [0.0, 1.0, 2.0, 3.0] == pytest.approx(found.quality_times_s.tolist())
    assert {4} == {len(found.blur), len(found.blocks), len(found.noise)}


def test_blurred_pictures_have_wider_edges(tmp_path: Path) -> None:
    checks = (np.indices((360, 640)) // 40).sum(axis=0) % 2 * 160 + 40
    widths = []
    for number, radius in enumerate((0, 4, 8)):
        lines = checks.astype(float)
        for axis in (0, 1):
            lines = np.mean([np.roll(lines, step, axis) for step in range(-radius, radius + 1)], axis=0)
        picture = lines[:, :, None].repeat(3, axis=2).astype(np.uint8)
        widths.append(float(measured(encode(tmp_path / f"{number}.mp4", [picture], fps=25, crf="4")).blur[0]))
    assert widths[0] + 3 < widths[1] < widths[2] - 3


def test_noise_has_its_standard_deviation() -> None:
    rng = np.random.default_rng(2)
    clean = texture(400, 600, grain_px=40)[:, :, 0].astype(float)
    for sigma in (2.0, 6.0, 15.0):
        noisy = np.clip(np.rint(clean + rng.normal(0, sigma, clean.shape)), 0, 255).astype(np.uint8)
        assert sigma == pytest.approx(noise(noisy), rel=0.1)
    assert 0.5 > noise(clean.astype(np.uint8))


def test_the_grid_of_blocks_is_told_from_all_else() -> None:
    smooth = texture(320, 480, grain_px=37)[:, :, 0]
    assert 1.0 == pytest.approx(blocks(smooth), abs=0.1)
    means = smooth.reshape(40, 8, 60, 8).mean(axis=(1, 3)).astype(np.uint8)
    assert blocks(means.repeat(8, axis=0).repeat(8, axis=1)) > 10
    lines = np.full((320, 480), 90, np.uint8)
    lines[:, 160:320] = 200  # a real edge that lies on the grid
    assert 1.0 == pytest.approx(blocks(lines))
    assert 1.0 == blocks(lines[:6, :6])


def test_low_bitrates_show_more_blocks_than_high_ones(tmp_path: Path) -> None:
    whole = texture(400, 900)
    frames = [window(whole, 10 * n, 0, 640, 360) for n in range(8)]
    fine, coarse = (measured(encode(tmp_path / f"{crf}.mp4", frames, fps=25, crf=crf)) for crf in ("18", "51"))
    assert fine.blocks[0] < 1.3 < coarse.blocks[0]


def test_a_film_whose_frames_change_their_size_is_measured_to_its_end(tmp_path: Path) -> None:
    """Raw pictures in one stream, of which the second half is smaller: both are brought to the first one's size."""
    path = tmp_path / "sizes.mov"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuvj420p"
        for number in range(6):
            size = (320, 180) if number < 3 else (160, 90)
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.width, encoder.height, encoder.pix_fmt = *size, "yuvj420p"
            encoder.time_base = fractions.Fraction(1, 10)
            picture = np.ascontiguousarray(texture(180, 320)[:: 320 // size[0], :: 320 // size[0]])
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuvj420p")
            frame.pts, frame.time_base = number, fractions.Fraction(1, 10)
            for packet in encoder.encode(frame):
                packet.stream, packet.pts, packet.dts = stream, number, number
                packet.time_base = fractions.Fraction(1, 10)
                out.mux(packet)
    found = measured(path)
    assert 6 == len(found.times_s)
    assert found.change[1:].max() < 12
