"""A sound encoder that needs no model: it hears the pitch of a window, and knows texts that name one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tests.support.encoders import DictionaryEncoder
from vsortd.hearing.sound_encoder import SoundModelInfo
from vsortd.media.sound_windows import WINDOW_HZ, WINDOW_SAMPLES
from vsortd.vision.templates import TEMPLATES, texts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

DIM: Final = 64


class PitchEncoder:
    """Hears a tone as the text that `tones` names (hertz to prompt), anything else as nothing in particular."""

    def __init__(self, tones: Mapping[float, str], *, scale: float = 20.0) -> None:
        self.info = SoundModelInfo("pitch", "f", "mel", "cpu", DIM, scale)
        family = self.info.family
        given = {
            text: np.eye(DIM)[number]
            for number, prompt in enumerate(tones.values())
            for text in texts_of(prompt, TEMPLATES[family])
        }
        self._dictionary = DictionaryEncoder(family=family, given=given, dim=DIM)
        self._tones = dict(tones)
        self.windows = 0

    def encode_windows(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
        """Return for each window the axis of its loudest tone."""
        assert (len(samples), WINDOW_SAMPLES) == samples.shape
        self.windows += len(samples)
        rows = np.zeros((len(samples), DIM), np.float32)
        for row, window in zip(rows, samples, strict=True):
            pitch_hz = float(np.argmax(np.abs(np.fft.rfft(window)))) * WINDOW_HZ / WINDOW_SAMPLES
            near = [number for number, tone in enumerate(self._tones) if abs(tone - pitch_hz) < 20]
            row[near[0] if near else -1] = 1.0
        return rows

    def encode_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return each text's vector."""
        return self._dictionary.encode_texts(texts)

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Know all words."""
        return self._dictionary.unknown_words(text)

    def close(self) -> None:
        """Nothing to free."""
