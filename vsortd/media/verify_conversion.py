"""Comparing a converted file with its source: packet by packet, or by decoding it to the end.

Worker processes only. Nothing a conversion tool says about itself is taken on trust: both files are read
again here, by another build of libav than the one that wrote the result.
"""

from __future__ import annotations

import hashlib
import time
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, cast

import av
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from vsortd.errors import BrokenError, LimitError
from vsortd.media.container import OpenVideo, open_video, packets, read_only

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer
    from av.stream import Stream

# Start offsets are written in the movie's time scale, usually 1/1000 s, and rounded.
_ROUNDING_S = 0.0015

Report = dict[str, Any]


def compare_packets(source: str, result: str, pairs: list[tuple[int, int]]) -> Report:
    """Compare pairs of streams (index in the source, index in the result) packet by packet.

    Payloads and keyframe flags must be equal, times equal up to one common offset and the coarser time base.
    Returns {"packets", "bytes", "sha256"} of all pairs in order, and {"difference"}: "" or the first one in
    words.
    """
    digest = hashlib.sha256()
    count = total_bytes = 0
    offset_s: float | None = None
    with open_video(source) as one, open_video(result) as other:
        for left_index, right_index in pairs:
            left = _stream(one, left_index)
            right = _stream(other, right_index)
            tolerance_s = _ROUNDING_S + max(float(left.time_base or 0), float(right.time_base or 0))
            ones, others = _packets_of(one.container, left), _packets_of(other.container, right)
            for number, (a, b) in enumerate(zip_longest(ones, others)):
                difference, offset_s = _difference(a, b, tolerance_s, offset_s)
                if difference:
                    return {"difference": f"packet {number} of stream {left_index}: {difference}"}
                payload = bytes(a)
                digest.update(payload)
                count += 1
                total_bytes += len(payload)
    return {"difference": "", "packets": count, "bytes": total_bytes, "sha256": digest.hexdigest()}


def _difference(
    a: av.Packet[Any] | None, b: av.Packet[Any] | None, tolerance_s: float, offset_s: float | None
) -> tuple[str, float | None]:
    """Say how two packets differ, and by how much the whole result is shifted."""
    if a is None or b is None:
        return ("it is missing in the result" if b is None else "the result has one more"), offset_s
    if a.size != b.size or bytes(a) != bytes(b):
        return "the contents differ", offset_s
    if a.is_keyframe != b.is_keyframe:
        return "one is a keyframe, the other is not", offset_s
    for left, right in ((_seconds(a.pts, a), _seconds(b.pts, b)), (_seconds(a.dts, a), _seconds(b.dts, b))):
        if left is None or right is None:
            continue
        if offset_s is None:
            offset_s = left - right
        if abs(left - right - offset_s) > tolerance_s:
            return f"its time differs by {abs(left - right - offset_s) * 1000:.1f} ms", offset_s
    return "", offset_s


def _seconds(ticks: int | None, packet: av.Packet[Any]) -> float | None:
    return None if ticks is None or not packet.time_base else float(ticks * packet.time_base)


def _stream(video: OpenVideo, index: int) -> Stream:
    if not 0 <= index < len(video.container.streams):
        raise BrokenError(f"there is no stream {index}")
    return video.container.streams[index]


def _packets_of(container: InputContainer, stream: Stream) -> Iterator[av.Packet[Any]]:
    """Yield one stream's packets from the start; the others are skipped in the file, not read."""
    read_only(container, stream)
    start = min((entry for entry in _first_times(stream)), default=0)
    container.seek(start, stream=stream, backward=True, any_frame=True)
    yield from packets(container, stream)


def _first_times(stream: Stream) -> Iterator[int]:
    entries = stream.index_entries
    if len(entries):
        yield entries[0].timestamp


def decode_all(path: str, streams: list[int], *, deadline: float) -> Report:
    """Decode some streams to their end, one after another.

    Returns {"streams": [{"index", "frames", "errors", "first_s", "last_s", "sha256"}]}: for sound `frames`
    counts samples, and `sha256` is that of the samples as 32-bit integers (equal for lossless copies); for
    pictures it is "". Raises LimitError when `deadline` (time.monotonic()) passes.
    """
    reports: list[Report] = []
    for index in streams:
        with open_video(path) as video:
            reports.append(_decode_one(video, _stream(video, index), deadline))
    return {"streams": reports}


def _decode_one(video: OpenVideo, stream: Stream, deadline: float) -> Report:
    context = getattr(stream, "codec_context", None)
    if context is None:
        raise BrokenError(f"stream {stream.index} can't be decoded")
    context.thread_count = 1
    resampler = AudioResampler(format="s32") if isinstance(stream, AudioStream) else None
    digest = hashlib.sha256()
    report: Report = {"index": stream.index, "frames": 0, "errors": 0, "first_s": None, "last_s": None}
    for packet in _with_end(_packets_of(video.container, stream)):
        if time.monotonic() > deadline:
            raise LimitError("decoding the whole video takes too long")
        try:
            frames = context.decode(packet)
        except av.error.FFmpegError as error:
            if isinstance(error, MemoryError):
                raise
            report["errors"] += 1
            continue
        for frame in frames:
            _count(report, frame, stream, resampler, digest)
    report["sha256"] = digest.hexdigest() if resampler is not None else ""
    return report


def _with_end(stream: Iterator[av.Packet[Any]]) -> Iterator[av.Packet[Any] | None]:
    yield from stream
    yield None  # drains the decoder


def _count(
    report: Report,
    frame: av.AudioFrame | av.VideoFrame,
    stream: Stream,
    resampler: AudioResampler | None,
    digest: Any,  # noqa: ANN401 - hashlib's objects have no common public type
) -> None:
    if resampler is not None:
        sound = cast("av.AudioFrame", frame)
        report["frames"] += sound.samples
        for part in resampler.resample(sound):
            size = part.samples * part.layout.nb_channels * 4
            digest.update(memoryview(part.planes[0])[:size])
    else:
        report["frames"] += 1
    base = frame.time_base or stream.time_base  # frames that are drained from a decoder come without
    if frame.pts is not None and base:
        when = float(frame.pts * base)
        report["first_s"] = when if report["first_s"] is None else min(report["first_s"], when)
        report["last_s"] = when if report["last_s"] is None else max(report["last_s"], when)
