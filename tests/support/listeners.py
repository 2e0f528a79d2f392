"""Who hears the sound in which speech is looked for, and keeps it to be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


class KeptSound:
    """Keeps all that it hears: mono at SPEECH_HZ."""

    def __init__(self) -> None:
        self.begins = 0
        self.parts: list[npt.NDArray[np.int16]] = []

    def begin(self) -> None:
        """See `SpeechListener`."""
        self.begins += 1
        self.parts.clear()

    def hear(self, pcm: npt.NDArray[np.int16]) -> None:
        """See `SpeechListener`."""
        self.parts.append(pcm)

    def take(self, raw: bytearray) -> None:
        """Hear bytes as a worker sends them."""
        self.hear(np.frombuffer(bytes(raw), np.int16))

    @property
    def pcm(self) -> npt.NDArray[np.int16]:
        """Return all of it, int16 [n]."""
        return np.concatenate([np.zeros(0, np.int16), *self.parts])
