"""A whole video with stray bytes behind it is read like any other; one that lacks a sample is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.odd_endings import CLAIMS, STRAY
from vsortd.errors import IncompleteError
from vsortd.media.preprocess import Preprocess, ResizeMode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.media.pool import MediaPool

SQUARE = Preprocess(64, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ResizeMode.SQUASH)
FASTSTART = {"movflags": "faststart"}


@pytest.mark.parametrize("ending", [*STRAY, *CLAIMS])
@pytest.mark.parametrize("name", ["a.mov", "a.mp4"])
def test_what_is_whole_is_read_whatever_follows(
    ending: str, name: str, clip_file: Callable[..., Path], pool: MediaPool
) -> None:
    options = FASTSTART if ending in CLAIMS else {}
    path = clip_file(name, format=name[2:], audio="aac", options=options)
    plain = pool.probe(path)
    expected = pool.sample(path, plain, range(8), 8, SQUARE)
    path.write_bytes({**STRAY, **CLAIMS}[ending](path.read_bytes()))
    assert plain == pool.probe(path)
    found = pool.sample(path, plain, range(8), 8, SQUARE)
    assert np.array_equal(expected.pixels, found.pixels)


@pytest.mark.parametrize("name", ["a.mov", "a.mp4"])
def test_one_missing_byte_of_a_sample_is_one_too_many(
    name: str, clip_file: Callable[..., Path], pool: MediaPool
) -> None:
    """Of the sound, too, of which no frame is looked at."""
    path = clip_file(name, format=name[2:], audio="pcm_s16le" if name == "a.mov" else "aac", options=FASTSTART)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IncompleteError, match="1 byte is missing at its end"):
        pool.probe(path)


def test_a_fragmented_file_that_is_cut_is_incomplete(clip_file: Callable[..., Path], pool: MediaPool) -> None:
    path = clip_file(options={"movflags": "frag_keyframe+empty_moov"})
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"mdat") + 40])
    with pytest.raises(IncompleteError):
        pool.probe(path)
