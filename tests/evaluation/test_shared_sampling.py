"""One decoding for several models: the frames that each would have got by itself, kept on disk within a bound."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support import harness
from vsortd.config.load import load_settings
from vsortd.doctor.demo_clips import FOLDER as DEMO_CLIPS
from vsortd.errors import VsortdError
from vsortd.evaluation.case_sampling import LeftOut
from vsortd.evaluation.frame_spool import FrameSpool
from vsortd.evaluation.shared_sampling import SharedSampler, SpooledCase
from vsortd.evaluation.truth import Case
from vsortd.media.pool import MediaPool
from vsortd.media.preprocess import Preprocess, ResizeMode

if TYPE_CHECKING:
    from pathlib import Path

SHAPES = (
    Preprocess(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ResizeMode.SQUASH, "bilinear"),
    Preprocess(80, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ResizeMode.SHORTEST),
)
TOTAL = 8


def test_each_shape_has_the_frames_of_a_decoding_of_its_own_and_the_spool_bounds_a_turn(tmp_path: Path) -> None:
    home = harness.Home.make(tmp_path / "home", more=f"sampling: {{min_frames: 3, max_frames: {TOTAL}}}\n")
    settings = load_settings(home.config)
    cases = []
    for number, name in enumerate(("downtown.mp4", "owls.mp4", "slides.mp4", "summit.mp4", "none.mp4")):
        path = tmp_path / f"{number}.mp4"
        if (DEMO_CLIPS / name).is_file():
            shutil.copy2(DEMO_CLIPS / name, path)
        cases.append(Case(path, ("sea",)))
    with (
        MediaPool(1, timeout_s=60, memory_bytes=1_000_000_000) as media,
        FrameSpool(len(SHAPES), folder=tmp_path, limit_bytes=TOTAL * 80 * 80 * 3) as spool,
    ):
        assert [] == list(tmp_path.glob("vsortd-frames-*"))  # a file without a name is left by no end of the process
        sampler = SharedSampler(settings, media, SHAPES, spool)
        waiting = iter(cases)
        turns = []
        while ends := sampler.fill(waiting):
            turns.append(len(ends))
            for case, one in zip(cases[sum(turns[:-1]) :], ends, strict=False):
                if case is cases[-1]:
                    assert isinstance(one, LeftOut)
                    continue
                assert isinstance(one, SpooledCase)
                assert case is one.case
                clip = media.probe(case.path)
                ranks = [range(3), range(3, 6), range(6, TOTAL)]
                assert len(ranks) == len(one.looks)
                for number, shape in enumerate(SHAPES):
                    for look, part in zip(one.looks, ranks, strict=True):
                        alone = media.sample(case.path, clip, part, TOTAL, shape)
                        kept = spool.get(number, look.places[number], len(look.times_ms), shape.side_px)
                        np.testing.assert_array_equal(alone.times_ms, look.times_ms)
                        np.testing.assert_array_equal(alone.pixels, kept)
            spool.clear()
        assert len(cases) == sum(turns)
        assert len(turns) > 1
        assert 4 * TOTAL == sampler.frames


def test_a_folder_that_takes_no_frames_is_named(tmp_path: Path) -> None:
    with pytest.raises(VsortdError, match="Frames can't be kept in") as caught:
        FrameSpool(1, folder=tmp_path / "gone")
    assert "TMPDIR" in caught.value.remedy
