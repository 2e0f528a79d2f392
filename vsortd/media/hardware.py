"""Decoding on a GPU's own decoder, where the config asks for it and there is one. Worker processes only.

libav's hardware decoders share their parsers with the software ones, so frames, times, rotation and colours come out
alike; PyAV brings the pictures back into memory. Whatever a device can't do, the CPU does: by libav itself where the
device refuses a codec, by `or_cpu` where decoding fails. Few small videos are decoded sooner by the CPU (the pictures
have to travel), many large ones by the device; so it is off by default.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import av
from av.codec.hwaccel import HWAccel, hwdevices_available

from vsortd.errors import ChangedError, VideoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

CPU: Final = "cpu"
# After so many videos in a row that only the CPU could decode, the device isn't asked any more.
_GIVE_UP_AFTER: Final = 3


class Hardware:
    """What this process decodes with."""

    def __init__(self) -> None:
        self.accelerator: HWAccel | None = None
        self._failures = 0
        self._kept: object = None

    def use(self, kind: str) -> str:
        """Decode with devices of a kind ("cuda") from now on, or with the CPU; returns why not, "" if it can be done.

        The device is opened once and held: each video's decoder then shares its context instead of making its own.
        """
        self.accelerator, self._kept, self._failures = None, None, 0
        if kind == CPU:
            return ""
        if kind not in hwdevices_available():
            return f"this build of PyAV knows no decoder of the kind {kind!r}"
        accelerator = HWAccel(
            kind, allow_software_fallback=True, options={"primary_ctx": "1"} if kind == "cuda" else None
        )
        try:
            self._kept = accelerator.create(av.Codec("h264", "r"))
        except (av.error.FFmpegError, RuntimeError, NotImplementedError, OSError) as error:
            return f"no {kind} device can be opened ({getattr(error, 'strerror', None) or error})"
        self.accelerator = accelerator
        return ""

    @contextmanager
    def off(self) -> Iterator[None]:
        """Decode with the CPU for as long as the context lasts."""
        accelerator, self.accelerator = self.accelerator, None
        try:
            yield
        finally:
            self.accelerator = accelerator

    def or_cpu(self, work: Callable[[], T]) -> T:
        """Do something with the device, and once more with the CPU if that fails. Raises what the CPU's try raises."""
        if self.accelerator is None:
            return work()
        try:
            result = work()
        except ChangedError:
            raise
        except (VideoError, av.error.FFmpegError, MemoryError, RuntimeError, OSError, ValueError):
            with self.off():
                result = work()
            self._failures += 1
            if self._failures >= _GIVE_UP_AFTER:
                self.accelerator = self._kept = None
            return result
        self._failures = 0
        return result


HARDWARE: Final = Hardware()
