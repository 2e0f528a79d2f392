"""The words between the daemon and its decoding processes: a JSON header and raw bytes, never pickles.

A message is the header's length (4 bytes), the blob's length (8 bytes), both big-endian, the header in UTF-8
and the blob. A decoder may be subverted by what it decodes, so whatever comes back is checked here: sizes
before memory is taken, then types and shapes. Import-light: neither av nor torch.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, BinaryIO, cast, get_type_hints

import numpy as np

from vsortd.core.video_facts import Clip, Stream
from vsortd.errors import BrokenError, ChangedError, IncompleteError, LimitError, VideoError
from vsortd.media.frames import Frames

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import RawIOBase

# The longest header is a clip with every tag: about 50 kB.
MAX_HEADER_BYTES = 1 << 20
_LENGTHS = struct.Struct(">IQ")
_MAX_REASON = 500
_MAX_TEXT = 1024

_ERRORS: dict[str, type[VideoError]] = {
    "broken": BrokenError,
    "incomplete": IncompleteError,
    "changed": ChangedError,
    "limit": LimitError,
}

Message = dict[str, Any]
Blob = bytes | bytearray | memoryview


class ProtocolError(Exception):
    """A worker said something that it must not say; it is killed for it."""


def error_kind(error: VideoError) -> str:
    """Return the name under which an error travels."""
    return next((name for name, kind in _ERRORS.items() if type(error) is kind), "broken")


def error_from(header: Message) -> VideoError | None:
    """Return the error that a reply carries, or None; its sentence is cut to printable text."""
    kind = header.get("error")
    if kind is None:
        return None
    if not isinstance(kind, str) or kind not in _ERRORS or not isinstance(header.get("reason"), str):
        raise ProtocolError("an error of an unknown kind")
    return _ERRORS[kind](cleaned(header["reason"], _MAX_REASON))


def cleaned(text: str, limit: int = _MAX_TEXT) -> str:
    """Return text that is safe to log and to show: no control characters, at most `limit` characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:limit]).strip()


def send(pipe: BinaryIO, header: Message, blob: Blob = b"") -> None:
    """Write one message and flush it; the blob's bytes go to the system from where they lie."""
    text = json.dumps(header).encode()
    pipe.write(_LENGTHS.pack(len(text), len(blob)) + text)
    if len(blob):
        pipe.write(blob)
    pipe.flush()


def receive(pipe: BinaryIO, max_blob_bytes: Callable[[], int]) -> tuple[Message, Blob] | None:
    """Read one message; None at the end of the stream. Raises ProtocolError if it is too large or malformed.

    `max_blob_bytes` is called when a message has begun, so that it may answer for the request under way.
    """
    lengths = _exactly(pipe, _LENGTHS.size)
    if lengths is None:
        return None
    header_bytes, blob_bytes = _LENGTHS.unpack(lengths)
    if header_bytes > MAX_HEADER_BYTES or blob_bytes > max_blob_bytes():
        raise ProtocolError(f"a message of {header_bytes} + {blob_bytes} bytes")
    text = _exactly(pipe, header_bytes)
    blob = _exactly(pipe, blob_bytes) if blob_bytes else b""
    if text is None or blob is None:
        return None
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a header that is no JSON") from error
    if not isinstance(header, dict):
        raise ProtocolError("a header that is no object")
    return header, blob


def _exactly(pipe: BinaryIO, count: int) -> bytearray | None:
    """Read `count` bytes into their place; None if the stream ends before."""
    buffer = bytearray(count)
    rest = memoryview(buffer)
    while rest:
        read = cast("RawIOBase", pipe).readinto(rest)
        if not read:
            return None
        rest = rest[read:]
    return buffer


def clip_to_message(clip: Clip) -> Message:
    """Return a clip as plain JSON values."""
    return asdict(clip)


def clip_from_message(raw: object) -> Clip:
    """Check every field of a clip that a worker sent. Raises ProtocolError."""
    values = _object(raw, Clip)
    streams = values["streams"]
    if not isinstance(streams, list) or len(streams) > 1024:  # noqa: PLR2004 - more than libav opens
        raise ProtocolError("a clip with no list of streams")
    values["streams"] = tuple(Stream(**_checked(_object(stream, Stream), Stream)) for stream in streams)
    tags = values["tags"]
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise ProtocolError("a clip with odd tags")
    values["tags"] = {cleaned(key): cleaned(value) for key, value in tags.items()}
    clip = Clip(**_checked(values, Clip))
    sizes = (clip.width_px, clip.height_px, clip.shown_width_px, clip.shown_height_px)
    if min(sizes) < 1 or not all(math.isfinite(x) and x >= 0 for x in (clip.duration_s, clip.fps)):
        raise ProtocolError("a clip with impossible numbers")
    return clip


def _object(raw: object, kind: type) -> Message:
    names = {field.name for field in fields(kind)}
    if not isinstance(raw, dict) or set(raw) != names:
        raise ProtocolError(f"no {kind.__name__}")
    return dict(raw)


def _checked(values: Message, kind: type) -> Message:
    for name, wanted in get_type_hints(kind).items():
        if wanted is float and type(values[name]) is int:
            values[name] = float(values[name])
        if wanted in {str, int, float, bool} and type(values[name]) is not wanted:
            raise ProtocolError(f"{kind.__name__}.{name} is no {wanted.__name__}")
        if wanted is str:
            values[name] = cleaned(values[name])
    return values


def frames_to_message(frames: Frames) -> tuple[Message, Blob]:
    """Return the frames' header and a view of their pixels."""
    header = {"times_ms": frames.times_ms.tolist(), "exact": frames.exact}
    pixels = np.ascontiguousarray(frames.pixels)
    return header, pixels.data.cast("B") if pixels.size else b""


def frames_from_message(header: Message, blob: Blob, *, most: int, side_px: int) -> Frames:
    """Check frames that a worker sent: at most `most`, each `side_px` square. Raises ProtocolError."""
    times, exact = header.get("times_ms"), header.get("exact")
    if not isinstance(times, list) or len(times) > most or not all(type(t) is int and 0 <= t < 1 << 53 for t in times):
        raise ProtocolError("frames with odd times")
    if type(exact) is not int or not 0 <= exact <= len(times):
        raise ProtocolError("frames with an odd count")
    if len(blob) != len(times) * side_px * side_px * 3:
        raise ProtocolError("frames of the wrong size")
    pixels = np.frombuffer(blob, np.uint8).reshape(len(times), side_px, side_px, 3)
    return Frames(np.array(times, np.int64), pixels, exact)
