"""The loaded models, lent to the owner's commands: what they make of pictures, sounds and texts.

A command decodes, judges and prints by itself, by a config of its own; it only doesn't load what is loaded here. Of all
that is lent one request is at the model at a time, and small, so that what is filed waits for no more than that.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.errors import ModelError, UsageError
from vsortd.media.sound_windows import WINDOW_SAMPLES
from vsortd.service import loan_limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import numpy.typing as npt

    from vsortd.hearing.sound_encoder import SoundEncoder
    from vsortd.pipeline.services import Services
    from vsortd.service.request_models import EmbedTextsRequest, LendModelRequest
    from vsortd.vision.encoder import Encoder

    Rows = npt.NDArray[np.float32]

_WINDOW_BYTES: Final = 2 * WINDOW_SAMPLES


class ModelLender:
    """Answers with what the models make of something; None where another model is here than the one that is meant.

    `services` returns those of now, `stops_with` lets an event be set when the daemon ends, `wake` is called when a
    model may have been loaded, whose memory is to be given back some time. Every method raises ModelError when the
    model fails, and UsageError for what it can't be shown.
    """

    def __init__(
        self,
        services: Callable[[], Services],
        stops_with: Callable[[threading.Event], AbstractContextManager[None]],
        wake: Callable[[], None],
    ) -> None:
        self._services = services
        self._stops_with = stops_with
        self._wake = wake
        self._turn = threading.Lock()

    def model(self, asked: LendModelRequest) -> dict[str, Any] | None:
        """Return what is said of the model that is asked for, see `ModelInfo`; waits while it is loaded."""
        cancel = threading.Event()
        with self._stops_with(cancel):
            settings = self._services().settings
            if asked.sound:
                found = self._sound() if settings.sound_model == asked.name else None
                return None if found is None else found.info.to_json()
            choice = settings.model
            named = (choice, "") if isinstance(choice, str) else (choice.name, choice.weights)
            encoder = self._encoder(cancel) if named == (asked.name, asked.weights or "") else None
            return None if encoder is None else encoder.info.to_json()

    def pictures(self, key: str, body: bytes) -> Rows | None:
        """Embed RGB pictures, uint8 [n, side, side, 3] in C order; returns float32 unit rows [n, dim]."""
        encoder = self._encoder(threading.Event())
        if encoder is None or encoder.info.key != key:
            return None
        side = encoder.info.preprocess.side_px
        count = _count(body, side * side * 3, loan_limits.PICTURES)
        with self._turn:
            return encoder.encode_images(np.frombuffer(body, np.uint8).reshape(count, side, side, 3))

    def windows(self, key: str, body: bytes) -> Rows | None:
        """Embed windows of sound, little-endian int16 [n, WINDOW_SAMPLES]; returns float32 unit rows [n, dim]."""
        encoder = self._sound()
        if encoder is None or encoder.info.key != key:
            return None
        count = _count(body, _WINDOW_BYTES, loan_limits.WINDOWS)
        with self._turn:
            return encoder.encode_windows(
                np.frombuffer(body, "<i2").astype(np.int16, copy=False).reshape(count, WINDOW_SAMPLES)
            )

    def texts(self, asked: EmbedTextsRequest) -> Rows | None:
        """Embed texts; returns float32 unit rows [n, dim]."""
        encoder = self._sound() if asked.sound else self._encoder(threading.Event())
        if encoder is None or encoder.info.key != asked.model:
            return None
        with self._turn:
            return encoder.encode_texts(asked.texts or [])

    def _encoder(self, cancel: threading.Event) -> Encoder | None:
        """Return the encoder of pictures, None where it can't be had now."""
        model = self._services().model
        is_here = model.classifier is not None
        encoder = model.lend(cancel)
        if not is_here:
            self._wake()
        return encoder

    def _sound(self) -> SoundEncoder | None:
        """Return the encoder of sounds, None where there is none, or it can't be had."""
        sound = self._services().sound
        try:
            encoder = None if sound is None else sound.get()
        except ModelError:  # who asks finds out by itself, and says it
            return None
        self._wake()
        return encoder


def _count(body: bytes, each_bytes: int, most: int) -> int:
    """Return how many things of a size a body holds. Raises UsageError where it holds none, too many, or parts."""
    count, rest = divmod(len(body), each_bytes)
    if rest or not 0 < count <= most:
        raise UsageError(
            f"The body has {len(body)} bytes.", remedy=f"It takes {each_bytes} for each, and at most {most} of them."
        )
    return count
