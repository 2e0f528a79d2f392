"""Decoding on a device: the same pictures, and the CPU wherever the device can't."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from loguru import logger

from vsortd.errors import BrokenError, ChangedError, LimitError
from vsortd.media.hardware import Hardware
from vsortd.media.pool import MediaPool
from vsortd.media.preprocess import Preprocess, ResizeMode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WANTED = Preprocess(64, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ResizeMode.SQUASH)
# Levels of 255 that two decoders of one standard may differ by after scaling: h264 and hevc are exact, chroma of NV12
# is scaled by another routine.
TOLERANCE = 3


@pytest.fixture
def said() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}", level="WARNING")
    yield lines
    logger.remove(sink)


@pytest.fixture
def with_device() -> Iterator[MediaPool]:
    with MediaPool(1, timeout_s=30, memory_bytes=4 * 10**9, decoder="cuda") as pool:
        yield pool


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_device_gives_the_pictures_of_the_cpu(
    with_device: MediaPool, pool: MediaPool, clips: Path, said: list[str]
) -> None:
    """Without a device this shows that the CPU takes over by itself, and that it is said once."""
    there = Hardware().use("cuda") == ""
    for path in sorted(path for path in clips.iterdir() if path.suffix.lower() in {".mp4", ".mov"}):
        clip, frames, _ = with_device.look(path, range(8), 32, WANTED)
        plain_clip, plain, _ = pool.look(path, range(8), 32, WANTED)
        assert clip.rotation_deg == plain_clip.rotation_deg, path
        assert frames.times_ms.tolist() == plain.times_ms.tolist(), path
        assert np.abs(frames.pixels.astype(int) - plain.pixels).max() <= (TOLERANCE if there else 0), path
    told = [line for line in said if line.startswith("decoder: cuda")]
    assert len(told) == (0 if there else 1)


def test_a_kind_that_does_not_exist_says_so() -> None:
    assert "teapot" in Hardware().use("teapot")
    assert Hardware().use("cpu") == ""


def on_a_device() -> Hardware:
    hardware = Hardware()
    hardware.accelerator = object()  # type: ignore[assignment]  # only whether there is one counts here
    return hardware


def test_what_the_device_cannot_decode_the_cpu_does() -> None:
    hardware = on_a_device()
    device = hardware.accelerator

    def work() -> str:
        if hardware.accelerator is not None:
            raise BrokenError("no frame could be decoded")
        return "by the CPU"

    for _ in range(2):
        assert hardware.or_cpu(work) == "by the CPU"
        assert hardware.accelerator is device
    assert hardware.or_cpu(work) == "by the CPU"
    assert hardware.accelerator is None, "after three in a row the device is left alone"


def test_a_bad_video_is_no_reason_to_leave_the_device() -> None:
    hardware = on_a_device()

    def work() -> str:
        raise BrokenError("this is not a video")

    for _ in range(5):
        with pytest.raises(BrokenError, match="not a video"):
            hardware.or_cpu(work)
    assert hardware.accelerator is not None


def test_a_changed_file_is_not_tried_again() -> None:
    hardware, tries = on_a_device(), []

    def work() -> None:
        tries.append(1)
        raise ChangedError("gone")

    with pytest.raises(ChangedError):
        hardware.or_cpu(work)
    assert tries == [1]


def test_a_driver_that_takes_the_process_down_costs_no_video(
    monkeypatch: pytest.MonkeyPatch, clip_file: Callable[..., Path], said: list[str]
) -> None:
    monkeypatch.setenv("VSORTD_MEDIA_TEST_OPS", "tests.support.worker_troubles")
    with MediaPool(1, timeout_s=30, memory_bytes=4 * 10**9, decoder="cuda") as pool:
        header, _ = pool.call({"op": "abort on a device", "path": str(clip_file())})
    assert header == {"by": "the CPU"}
    assert any("the CPU tries" in line for line in said)
    with (
        MediaPool(1, timeout_s=30, memory_bytes=4 * 10**9) as pool,
        pytest.raises(LimitError, match="crashed"),
    ):
        pool.call({"op": "abort on a device", "path": str(clip_file())})
