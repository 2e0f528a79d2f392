"""What an operation hands over before its reply, part by part: what would grow with the video is kept by nobody.

A part's header has its number alone. It is 0 for the first one, and again where an operation begins anew (with the CPU,
where a device failed): what came before doesn't count then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

import numpy as np

from vsortd.media import protocol
from vsortd.media.protocol import ProtocolError

if TYPE_CHECKING:
    import numpy.typing as npt

    from vsortd.media.protocol import Blob, Message

PART_BYTES: Final = 1 << 20  # of a part, at most
PARTS_WAITING: Final = 4  # that came and that nobody has taken yet
_NUMBER: Final = "part"


class PartSender:
    """The worker's side: sends an operation's parts over the pipe of replies."""

    def __init__(self) -> None:
        self._pipe: BinaryIO | None = None
        self._number = 0

    def use(self, pipe: BinaryIO) -> None:
        """Send parts over this pipe from now on."""
        self._pipe = pipe

    def begin(self) -> None:
        """Let the next part be the first."""
        self._number = 0

    def send(self, blob: Blob) -> None:
        """Send a part, at most PART_BYTES of it."""
        assert self._pipe is not None
        protocol.send(self._pipe, {_NUMBER: self._number}, blob)
        self._number += 1


PARTS: Final = PartSender()


class SpeechListener(Protocol):
    """Who takes the sound in which speech is looked for, as it is decoded. Neither call may raise or take long."""

    def begin(self) -> None:
        """Forget what was heard: the sound comes from its beginning."""

    def hear(self, pcm: npt.NDArray[np.int16]) -> None:
        """Take the next samples: mono at SPEECH_HZ, int16 [n]."""


class PartTaker:
    """The daemon's side: checks the parts of a sound and hands them on. `most` samples may come in all."""

    def __init__(self, listener: SpeechListener, most: int) -> None:
        self._listener = listener
        self._most = most
        self._wanted = 0
        self._samples = 0

    def take(self, header: Message, blob: Blob) -> None:
        """Take a part. Raises ProtocolError for one out of its order, one of an odd size, and for too many."""
        number = protocol.counted(header, _NUMBER)
        protocol.only_keys(header, {_NUMBER})
        if number == 0:
            self._wanted = self._samples = 0
            self._listener.begin()
        if number != self._wanted:
            raise ProtocolError("a part out of its order")
        if not len(blob) or len(blob) % np.int16().nbytes:
            raise ProtocolError("a part of an odd size")
        self._wanted += 1
        self._samples += len(blob) // np.int16().nbytes
        if self._samples > self._most:
            raise ProtocolError("more sound than there may be")
        self._listener.hear(np.frombuffer(blob, np.int16))


def is_part(header: Message) -> bool:
    """Tell whether a message is a part, and not the reply."""
    return _NUMBER in header
