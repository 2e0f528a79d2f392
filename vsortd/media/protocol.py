"""The words between the daemon and its decoding processes: a JSON header and raw bytes, never pickles.

A message is the header's length (4 bytes), the blob's length (8 bytes), both big-endian, the header in UTF-8
and the blob. A decoder may be subverted by what it decodes, so whatever comes back is checked here: sizes
before memory is taken, then types and shapes. Import-light: neither av nor torch.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar, cast, get_type_hints

import numpy as np

from vsortd.core.video_facts import Clip, Stream
from vsortd.errors import BrokenError, ChangedError, IncompleteError, LimitError, VideoError
from vsortd.media.frames import Frames
from vsortd.media.movie_facts import MovieFacts, TrackFacts

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import RawIOBase

# The longest header is a clip with every tag: about 50 kB.
MAX_HEADER_BYTES = 1 << 20
_LENGTHS = struct.Struct(">IQ")
_MAX_REASON = 500
_MAX_TEXT = 1024
# More than libav opens.
MAX_STREAMS = 1024
# Of one stream: a phone's metadata track has one to five.
MAX_METADATA_KEYS = 64
# What int64, and with it SQLite, holds.
_LARGEST = 2**63 - 1
# Milliseconds: exact as floating-point numbers, too.
_LAST_MS = 2**53 - 1

_COUNT, _SECONDS, _SIGNED_S = (0, _LARGEST), (0.0, float(2**62)), (-float(2**62), float(2**62))
_SIDE_PX = (1, 2**31 - 1)
# What each number may be: it is as a file says, which may be absurd, but never what nothing here could hold.
RANGES: Final[dict[tuple[type, str], tuple[float, float]]] = {
    (Stream, "index"): (0, MAX_STREAMS - 1),
    (Stream, "frames"): _COUNT,
    (Stream, "duration_s"): _SIGNED_S,
    (Stream, "start_s"): _SIGNED_S,
    (Clip, "width_px"): _SIDE_PX,
    (Clip, "height_px"): _SIDE_PX,
    (Clip, "shown_width_px"): _SIDE_PX,
    (Clip, "shown_height_px"): _SIDE_PX,
    (Clip, "rotation_deg"): (0, 360),
    (Clip, "duration_s"): _SECONDS,
    (Clip, "container_duration_s"): _SIGNED_S,
    (Clip, "fps"): (0.0, float(2**31)),
    (Clip, "frames"): _COUNT,
    (Clip, "video_index"): (0, MAX_STREAMS - 1),
    (Clip, "bit_depth"): (0, 64),
    (TrackFacts, "index"): (-1, MAX_STREAMS - 1),
    (TrackFacts, "entries"): _COUNT,
    (TrackFacts, "samples"): _COUNT,
    (TrackFacts, "ticks"): _COUNT,
    (TrackFacts, "edits"): _COUNT,
    (TrackFacts, "hidden"): _COUNT,
    (TrackFacts, "hidden_s"): _SIGNED_S,
    (TrackFacts, "start_s"): _SIGNED_S,
    (TrackFacts, "shown_s"): _SIGNED_S,
    (TrackFacts, "last_s"): _SIGNED_S,
    (TrackFacts, "aspect"): _SIGNED_S,
    (MovieFacts, "rate"): _SIGNED_S,
}

_ERRORS: dict[str, type[VideoError]] = {
    "broken": BrokenError,
    "incomplete": IncompleteError,
    "changed": ChangedError,
    "limit": LimitError,
}

Message = dict[str, Any]
T = TypeVar("T")
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


def packed(header: Message, blob_bytes: int = 0) -> bytes:
    """Return a message as its bytes, without those of its blob."""
    text = json.dumps(header).encode()
    return _LENGTHS.pack(len(text), blob_bytes) + text


def send(pipe: BinaryIO, header: Message, blob: Blob = b"") -> None:
    """Write one message and flush it; the blob's bytes go to the system from where they lie."""
    pipe.write(packed(header, len(blob)))
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
    if not isinstance(streams, list) or len(streams) > MAX_STREAMS:
        raise ProtocolError("a clip with no list of streams")
    values["streams"] = tuple(_stream_from(stream, place) for place, stream in enumerate(streams))
    values["tags"] = _texts_by_name(values["tags"], "tags")
    clip = Clip(**_checked(values, Clip))
    if clip.video_index >= len(streams):
        raise ProtocolError("a clip whose film is none of its streams")
    return clip


def _stream_from(raw: object, place: int) -> Stream:
    values = _checked(_object(raw, Stream), Stream)
    if values["index"] != place:
        raise ProtocolError("a stream out of its place")
    keys = values["metadata_keys"]
    if not isinstance(keys, list | tuple) or len(keys) > MAX_METADATA_KEYS or not all(type(key) is str for key in keys):
        raise ProtocolError("a stream with odd keys")
    values["metadata_keys"] = tuple(cleaned(key) for key in keys)
    return Stream(**values)


def movie_to_message(movie: MovieFacts) -> Message:
    """Return a movie's facts as plain JSON values."""
    return asdict(movie)


def movie_from_message(raw: object) -> MovieFacts:
    """Check every field of the facts of a movie that a worker sent. Raises ProtocolError."""
    values = _object(raw, MovieFacts)
    tracks = values["tracks"]
    if not isinstance(tracks, list) or len(tracks) > MAX_STREAMS:
        raise ProtocolError("a movie with no list of tracks")
    values["tracks"] = tuple(TrackFacts(**_collections(_object(track, TrackFacts), TrackFacts)) for track in tracks)
    movie = MovieFacts(**_collections(values, MovieFacts))
    known = [track.index for track in movie.tracks if track.index >= 0]
    if len(set(known)) != len(known):
        raise ProtocolError("a movie with two tracks of one index")
    return movie


def _collections(values: Message, kind: type) -> Message:
    """Check a dataclass's texts by name and its lists, too."""
    for name, wanted in get_type_hints(kind).items():
        value = values[name]
        if wanted == dict[str, str]:
            values[name] = _texts_by_name(value, f"{kind.__name__}.{name}")
        elif wanted == tuple[str, ...]:
            if not isinstance(value, list | tuple) or not all(type(one) is str for one in value):
                raise ProtocolError(f"{kind.__name__}.{name} is odd")
            values[name] = tuple(cleaned(one) for one in value)
        elif wanted == tuple[int, ...]:
            indices = value if isinstance(value, list | tuple) else [value]
            if indices is not value or not all(type(one) is int and 0 <= one < MAX_STREAMS for one in indices):
                raise ProtocolError(f"{kind.__name__}.{name} is odd")
            values[name] = tuple(value)
    return _checked(values, kind)


def _texts_by_name(raw: object, name: str) -> dict[str, str]:
    if not isinstance(raw, dict) or not all(type(text) is str for text in raw.values()):
        raise ProtocolError(f"{name} are odd")
    return {cleaned(key): cleaned(text) for key, text in raw.items()}


def _object(raw: object, kind: type) -> Message:
    names = {field.name for field in fields(kind)}
    if not isinstance(raw, dict) or set(raw) != names:
        raise ProtocolError(f"no {kind.__name__}")
    return dict(raw)


def _checked(values: Message, kind: type) -> Message:
    """Check a dataclass's plain fields: their types, and the ranges of all numbers."""
    for name, wanted in get_type_hints(kind).items():
        if wanted is float and type(values[name]) is int and abs(values[name]) <= _LARGEST:
            values[name] = float(values[name])
        if wanted in {str, int, float, bool} and type(values[name]) is not wanted:
            raise ProtocolError(f"{kind.__name__}.{name} is no {wanted.__name__}")
        if wanted is str:
            values[name] = cleaned(values[name])
        elif wanted in {int, float}:
            least, most = RANGES[kind, name]
            if not least <= values[name] <= most:  # not a number is in no range
                raise ProtocolError(f"{kind.__name__}.{name} is out of range")
    return values


def typed(header: Message, name: str, kind: type[T]) -> T:
    """Return a value of exactly this type. Raises ProtocolError."""
    value = header.get(name)
    if type(value) is not kind:
        raise ProtocolError(f"no {kind.__name__} {name}")
    return value


def counted(header: Message, name: str) -> int:
    """Return a whole number from 0 to what SQLite and int64 hold. Raises ProtocolError."""
    value = typed(header, name, int)
    if not 0 <= value <= _LARGEST:
        raise ProtocolError(f"{name} is out of range")
    return value


def finite(header: Message, name: str) -> float:
    """Return a number that is one. Raises ProtocolError."""
    value = header.get(name)
    if type(value) not in {int, float} or not abs(cast("float", value)) <= _LARGEST:  # not a number neither
        raise ProtocolError(f"{name} is no finite number")
    return float(cast("float", value))


def only_keys(header: Message, wanted: set[str], allowed: frozenset[str] | set[str] = frozenset()) -> None:
    """Raise ProtocolError unless an answer has all wanted parts and no others than the allowed ones."""
    if not wanted <= set(header) <= wanted | allowed:
        raise ProtocolError(f"an answer of {', '.join(sorted(map(cleaned, header)))[:_MAX_REASON] or 'nothing'}")


def frames_to_message(frames: Frames) -> tuple[Message, Blob]:
    """Return the frames' header and a view of their pixels."""
    header = {"times_ms": frames.times_ms.tolist(), "exact": frames.exact}
    pixels = np.ascontiguousarray(frames.pixels)
    return header, pixels.data.cast("B") if pixels.size else b""


def frames_from_message(header: Message, blob: Blob, *, most: int, side_px: int) -> Frames:
    """Check frames that a worker sent: at most `most`, in order, each `side_px` square. Raises ProtocolError."""
    only_keys(header, {"times_ms", "exact"})
    times, exact = header["times_ms"], header["exact"]
    if not isinstance(times, list) or len(times) > most or not all(type(one) is int for one in times):
        raise ProtocolError("frames with odd times")
    if any(later < earlier for earlier, later in pairwise([0, *times, _LAST_MS])):
        raise ProtocolError("frames out of order, or at impossible times")
    if type(exact) is not int or not 0 <= exact <= len(times):
        raise ProtocolError("frames with an odd count")
    if len(blob) != len(times) * side_px * side_px * 3:
        raise ProtocolError("frames of the wrong size")
    pixels = np.frombuffer(blob, np.uint8).reshape(len(times), side_px, side_px, 3)
    return Frames(np.array(times, np.int64), pixels, exact)
