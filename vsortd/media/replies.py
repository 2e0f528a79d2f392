"""What a decoding process may answer beyond facts and frames, and the checks that let it through; see `protocol`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vsortd.core.system.confinement import Confinement
from vsortd.media import protocol
from vsortd.media.frames import Frames, Stills
from vsortd.media.protocol import ProtocolError, counted, finite, only_keys, typed
from vsortd.media.sound_windows import WINDOW_SAMPLES, SoundWindows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from vsortd.core.video_facts import Clip
    from vsortd.media.movie_facts import MovieFacts
    from vsortd.media.protocol import Blob, Message

_SHA256 = re.compile(r"[0-9a-f]{64}")
# No request takes so many seconds.
_LONGEST_S = 1e9


@dataclass(frozen=True, slots=True)
class WorkerGreeting:
    """What a worker says when it is ready: why it can't use the wanted decoder ("" if it can), how it is confined.

    `problem` is why it is confined less than its kernel offers, "" where it isn't.
    """

    no_hardware: str
    confined: Confinement
    problem: str


@dataclass(frozen=True, slots=True)
class PacketReport:
    """How two files' streams compare packet by packet: `difference` is "" where they agree."""

    difference: str
    packets: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class OverlayReport:
    """What was drawn over: frames and their size as shown, sounds that were copied, codecs of those left out."""

    frames: int
    width_px: int
    height_px: int
    sounds: int
    sound_packets: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DecodeReport:
    """One stream, decoded to its end; of sound, `frames` counts samples and `sha256` is theirs."""

    index: int
    frames: int
    errors: int
    first_s: float
    last_s: float
    sha256: str


def greeting_from_message(header: Message) -> WorkerGreeting:
    """Check a worker's first answer. Raises ProtocolError."""
    only_keys(header, {"pid", "no_hardware", "confined"})
    confined = typed(header, "confined", dict)
    only_keys(confined, {"landlock_abi", "seccomp", "problem"})
    counted(header, "pid")
    held = Confinement(counted(confined, "landlock_abi"), seccomp=typed(confined, "seccomp", bool))
    problem = protocol.cleaned(typed(confined, "problem", str))
    return WorkerGreeting(protocol.cleaned(typed(header, "no_hardware", str)), held, problem)


def clip_from_reply(header: Message) -> Clip:
    """Check the answer to a request for a video's facts. Raises ProtocolError."""
    only_keys(header, {"clip"})
    return protocol.clip_from_message(header["clip"])


def movie_from_reply(header: Message) -> MovieFacts:
    """Check the answer to a request for what a viewer gets of a video. Raises ProtocolError."""
    only_keys(header, {"movie"})
    return protocol.movie_from_message(header["movie"])


def picture_from_reply(header: Message, blob: Blob, *, side_px: int) -> npt.NDArray[np.uint8]:
    """Check a picture: uint8 [side_px, side_px, 3] RGB. Raises ProtocolError."""
    only_keys(header, set())
    if len(blob) != side_px * side_px * 3:
        raise ProtocolError("a picture of the wrong size")
    return np.frombuffer(blob, np.uint8).reshape(side_px, side_px, 3)


def look_from_reply(header: Message, blob: Blob, *, most: int, side_px: int) -> tuple[Clip, Frames, float]:
    """Check the answer to a request for facts and frames at once. Raises ProtocolError."""
    only_keys(header, {"clip", "sampling_s", "times_ms", "exact"})
    clip = protocol.clip_from_message(header["clip"])
    sampling_s = finite(header, "sampling_s")
    if not 0 <= sampling_s <= _LONGEST_S:
        raise ProtocolError("sampling_s is out of range")
    frames = {name: header[name] for name in ("times_ms", "exact")}
    return clip, protocol.frames_from_message(frames, blob, most=most, side_px=side_px), sampling_s


def each_from_reply(header: Message, blob: Blob, *, most: int, sides_px: Sequence[int]) -> tuple[Frames, ...]:
    """Check the same frames in several shapes, one after the other in the blob. Raises ProtocolError."""
    only_keys(header, {"times_ms", "exact"})
    count = len(typed(header, "times_ms", list))
    sizes = [count * side * side * 3 for side in sides_px]
    if len(blob) != sum(sizes):
        raise ProtocolError("frames of the wrong size")
    found, begin = [], 0
    for side, size in zip(sides_px, sizes, strict=True):
        part = memoryview(blob)[begin : begin + size]
        found.append(protocol.frames_from_message(header, part, most=most, side_px=side))
        begin += size
    return tuple(found)


def windows_from_reply(header: Message, blob: Blob, begins_ms: Sequence[int]) -> SoundWindows:
    """Check the answer to a request for windows of sound, one for each moment. Raises ProtocolError."""
    only_keys(header, {"lengths"})
    lengths = typed(header, "lengths", list)
    fits = len(lengths) == len(begins_ms) and all(type(one) is int and 0 <= one <= WINDOW_SAMPLES for one in lengths)
    if not fits or len(blob) != 2 * sum(lengths):
        raise ProtocolError("windows of sound of the wrong size")
    return SoundWindows(np.array(begins_ms, np.int64), np.array(lengths, np.int64), np.frombuffer(blob, np.int16))


def comparison_from_reply(header: Message) -> tuple[Clip, PacketReport]:
    """Check the answer to a comparison of two files. Raises ProtocolError."""
    difference = typed(header, "difference", str)
    if difference:
        only_keys(header, {"clip", "difference"}, {"packets", "bytes", "sha256"})
        return protocol.clip_from_message(header["clip"]), PacketReport(protocol.cleaned(difference), 0, 0, "")
    only_keys(header, {"clip", "difference", "packets", "bytes", "sha256"})
    clip = protocol.clip_from_message(header["clip"])
    return clip, PacketReport("", counted(header, "packets"), counted(header, "bytes"), _digest(header))


def decoded_from_reply(header: Message, streams: Sequence[int]) -> tuple[DecodeReport, ...]:
    """Check the answer to a request to decode some streams. Raises ProtocolError."""
    only_keys(header, {"streams"})
    reports = tuple(_decode_report(raw) for raw in typed(header, "streams", list))
    if [report.index for report in reports] != list(streams):
        raise ProtocolError("reports of other streams")
    return reports


def stills_to_reply(stills: Stills) -> tuple[Message, Blob]:
    """Return the header and the blob of pictures."""
    _, height, width, _ = stills.pixels.shape
    header = {"times_s": stills.times_s.tolist(), "width_px": width, "height_px": height}
    return header, np.ascontiguousarray(stills.pixels).data.cast("B") if stills.pixels.size else b""


def stills_from_reply(header: Message, blob: Blob, *, count: int, side_px: int) -> Stills:
    """Check the answer to a request for `count` pictures whose longer side is `side_px`. Raises ProtocolError."""
    only_keys(header, {"times_s", "width_px", "height_px"})
    times = typed(header, "times_s", list)
    if len(times) != count or not all(type(one) is float and 0 <= one <= _LONGEST_S for one in times):
        raise ProtocolError("pictures of other moments")
    width, height = counted(header, "width_px"), counted(header, "height_px")
    if not width or not height or max(width, height) != side_px or len(blob) != count * width * height * 3:
        raise ProtocolError("pictures of the wrong size")
    return Stills(np.array(times, np.float64), np.frombuffer(blob, np.uint8).reshape(count, height, width, 3))


def overlay_from_reply(header: Message) -> OverlayReport:
    """Check the answer to a request to draw over a video. Raises ProtocolError."""
    names = ("frames", "width_px", "height_px", "sounds", "sound_packets")
    only_keys(header, {*names, "left_out"})
    codecs = typed(header, "left_out", list)
    if len(codecs) > protocol.MAX_STREAMS or not all(type(one) is str for one in codecs):
        raise ProtocolError("codecs that are none")
    counts = {name: counted(header, name) for name in names}
    return OverlayReport(**counts, left_out=tuple(protocol.cleaned(one) for one in codecs))


def _decode_report(raw: object) -> DecodeReport:
    if not isinstance(raw, dict):
        raise ProtocolError("no report of a stream")
    only_keys(raw, {"index", "frames", "errors", "first_s", "last_s", "end_s", "sha256"})
    first_s, last_s, _ = (0.0 if raw[name] is None else finite(raw, name) for name in ("first_s", "last_s", "end_s"))
    counts = (counted(raw, "index"), counted(raw, "frames"), counted(raw, "errors"))
    return DecodeReport(*counts, first_s, last_s, _digest(raw))


def _digest(raw: Message) -> str:
    found = typed(raw, "sha256", str)
    if found and not _SHA256.fullmatch(found):
        raise ProtocolError("sha256 is none")
    return found
