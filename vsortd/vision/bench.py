"""`vsortd model bench`: how fast a model embeds pictures on this machine, in a process of its own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.core.moments import utc_now
from vsortd.vision.model_process import ModelProcess
from vsortd.vision.model_speeds import MeasuredSpeed, this_machine
from vsortd.vision.model_words import model_word

if TYPE_CHECKING:
    from vsortd.config.settings import ModelChoice

_LONG_ENOUGH_S: Final = 3.0
# Of a video's first look: a CPU gains nothing from more at once.
_CPU_BATCH: Final = 8


def measure(choice: str | ModelChoice) -> MeasuredSpeed:
    """Load a model and let it embed noise for some seconds; what is in a picture does not matter to its speed.

    What is measured, and how: see `model_process`. Raises ModelError when the model can't be had, or fails.
    """
    with ModelProcess() as encoder:
        encoder.load(choice)
        info = encoder.info
        side = info.preprocess.side_px
        count = encoder.batch if info.device.startswith("cuda") else min(_CPU_BATCH, encoder.batch)
        pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)
        encoder.encode_texts(["a photo"])
        encoder.encode_images(pixels)
        began_s = time.monotonic()
        while time.monotonic() - began_s < _LONG_ENOUGH_S:
            encoder.encode_images(pixels)
        cost = encoder.cost()
    assert cost.frames_per_s is not None
    return MeasuredSpeed(
        model=model_word(choice),
        machine=this_machine(),
        device=info.device,
        device_name=cost.device_name,
        precision=info.dtype,
        frames_per_s=cost.frames_per_s,
        load_s=cost.load_s,
        memory_bytes=cost.memory_bytes,
        gpu_bytes=cost.gpu_bytes,
        date=utc_now(),
    )
