"""Which of a file's sound streams is listened to. Worker processes only."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from av.stream import Disposition

from vsortd.media.container import is_known

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

    from vsortd.media.container import OpenVideo


def sound_track(video: OpenVideo) -> AudioStream | str | None:
    """Return the default sound ready to be decoded, why it can't be, or None where there is none."""
    streams = video.container.streams.audio
    if not streams:
        return None
    track = max(streams, key=_rank)
    scheme = video.layout.encrypted.get(track.id)
    if scheme is not None:
        return f"the sound is encrypted ({scheme or 'unknown scheme'})"
    if not is_known(track):
        return "the sound's codec is not known to this decoder"
    if _has_own_order(track):
        return "the sound's channels are in an order that this decoder can't take"
    track.codec_context.thread_count = 1
    return track


def _rank(stream: AudioStream) -> tuple[bool, bool, int]:
    """Order streams by what a player takes: one that it can play, the default one, the first one."""
    return is_known(stream), bool(stream.disposition & Disposition.default), -stream.index


def _has_own_order(stream: AudioStream) -> bool:
    """Tell whether a stream's channels are in an order that libav has no name for.

    PyAV (18.1) copies such a layout without the list that it points at, and frees that with each copy: decoding one
    frame corrupts the memory. So the one copy that is made here is never let go of.
    """
    layout = stream.codec_context.layout
    own = " channels (" in layout.name
    if own:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(layout))
    return own
