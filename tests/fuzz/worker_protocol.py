"""What a worker process may send: the reader refuses it with ProtocolError, or returns what may be believed.

An input that begins with a zero byte is raw bytes of the pipe. One that begins with "{" is a header's JSON, and behind
a zero byte the blob; their lengths are put in front. Any other is a list of changes to a sound reply, a line each:
`clip.streams.0.frames=-1` puts that JSON there. A header's "clip" and "movie" are read as replies have them.
"""

from __future__ import annotations

import contextlib
import io
import json
import struct
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, TypeVar

from tests.fuzz.driver import Target
from tests.support.facts import SOUND_CLIP as CLIP
from vsortd.core.video_facts import Clip, Stream
from vsortd.media import protocol
from vsortd.media.movie_facts import MovieFacts, TrackFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_Read = TypeVar("_Read")
_MOST_BLOB_BYTES = 1 << 12
_MOST_FRAMES, _SIDE_PX = 4, 2

MOVIE = MovieFacts(
    (TrackFacts(0, "vide", "avc1", boxes={"pasp": "1:1"}, keys=("k",), own_tags={"a": "b"}, unread=("XMP_",)),),
    tags={"title": "x"},
    chapters=("0 1000 one",),
    chapter_tracks=(1,),
)


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Target]:  # noqa: ARG001 - every target has it
    """Yield the target."""
    clip, movie = protocol.clip_to_message(CLIP), protocol.movie_to_message(MOVIE)
    headers: list[dict[str, Any]] = [
        {"clip": clip},
        {"movie": movie},
        {"error": "broken", "reason": "it ends early"},
        {"times_ms": [0, 40], "exact": 1},
        {"clip": clip, "movie": movie, "times_ms": [7], "exact": 1},
        {"clip": {**clip, "duration_s": 1, "fps": 25}},  # whole numbers pass for fractions
    ]
    seeds = [json.dumps(header).encode() + b"\0" + bytes(24) for header in headers]
    seeds += [b"\0" + struct.pack(">IQ", 2, 4)[1:] + b"{}1234", b"\0" * 12, b"\0\0\0\x02" + bytes(8) + b"[]"]
    names = {field.name for kind in (Clip, Stream, MovieFacts, TrackFacts) for field in fields(kind)}
    seeds += [f"{place}={json.dumps(value)}\n".encode() for place, value in _places(headers[4], "")]
    words = [word.encode() for name in sorted(names) for word in (f'"{name}":', f".{name}=")]
    words += [
        b"NaN",
        b"Infinity",
        b"=-1\n",
        b"=" + b"9" * 400 + b"\n",
        b"=1\n",
        b"=1.5\n",
        b"=null\n",
        b"=[]\n",
        b"1e999",
        b"9" * 400,
        b"null",
        b"true",
        b'"\\ud800"',
        b"[",
        b"{",
        b"[],",
    ]
    yield Target("protocol", attempt, tuple(seeds), tuple(words), max_bytes=8192)


def attempt(data: bytes) -> None:
    """Read messages until the end, and what each may carry."""
    if data[:1] not in {b"\0", b"{"}:
        data = _changed(data) + b"\0" + bytes(_SIDE_PX * _SIDE_PX * 3)
    pipe = io.BytesIO(data if data[:1] == b"\0" else _message(data))
    while True:
        try:
            received = protocol.receive(pipe, lambda: _MOST_BLOB_BYTES)
        except protocol.ProtocolError:
            return
        if received is None:
            return
        _read_replies(*received)


def _read_replies(header: protocol.Message, blob: protocol.Blob) -> None:
    """Read what a message may carry, whatever it was the answer to."""
    _refused_or_sound(lambda: protocol.error_from(header), lambda _: None)
    _refused_or_sound(lambda: protocol.clip_from_message(header.get("clip")), _clip_is_sound)
    _refused_or_sound(lambda: protocol.movie_from_message(header.get("movie")), _movie_is_sound)
    _refused_or_sound(
        lambda: protocol.frames_from_message(
            {name: header[name] for name in ("times_ms", "exact") if name in header},
            blob,
            most=_MOST_FRAMES,
            side_px=_SIDE_PX,
        ),
        lambda frames: _check(len(frames.times_ms) == len(frames.pixels) <= _MOST_FRAMES, "a number of frames"),
    )


def _places(value: object, at: str) -> Iterator[tuple[str, object]]:
    """Yield every place of a reply, and what stands there."""
    if at:
        yield at, value
    inside = enumerate(value) if isinstance(value, list | tuple) else value.items() if isinstance(value, dict) else ()
    for key, one in inside:
        yield from _places(one, f"{at}.{key}" if at else str(key))


def _changed(data: bytes) -> bytes:
    """Return the header of a sound reply with the changes that an input lists; what names no place changes nothing."""
    header: Any = json.loads(
        json.dumps({"clip": asdict(CLIP), "movie": asdict(MOVIE), "times_ms": [7], "exact": 1}),
    )
    for line in data.split(b"\n"):
        place, _, text = line.partition(b"=")
        *way, last = place.decode("utf-8", "replace").split(".")
        holder = header
        with contextlib.suppress(ValueError, LookupError, TypeError, RecursionError):
            for step in way:
                holder = holder[int(step)] if isinstance(holder, list) else holder[step]
            value = json.loads(text)
            holder[int(last) if isinstance(holder, list) else last] = value
    return json.dumps(header).encode()


def _message(data: bytes) -> bytes:
    header, _, blob = data.partition(b"\0")
    return struct.pack(">IQ", len(header), len(blob)) + header + blob


def _refused_or_sound(read: Callable[[], _Read], sound: Callable[[_Read], None]) -> None:
    try:
        value = read()
    except protocol.ProtocolError:
        return
    sound(value)


def _clip_is_sound(clip: Clip) -> None:
    """See that a clip that was believed travels back as it is, in JSON that every reader takes."""
    again = json.loads(json.dumps(protocol.clip_to_message(clip), allow_nan=False))
    _check(protocol.clip_from_message(again) == clip, "a clip that changes on its way")


def _movie_is_sound(movie: MovieFacts) -> None:
    again = json.loads(json.dumps(protocol.movie_to_message(movie), allow_nan=False))
    _check(protocol.movie_from_message(again) == movie, "a movie that changes on its way")


def _check(holds: object, what: str) -> None:
    if not holds:
        raise AssertionError(what)
