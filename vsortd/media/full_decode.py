"""Decoding streams to their end, to count and to hash what comes out. Worker processes only."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any, cast

import av
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from vsortd.errors import BrokenError, LimitError
from vsortd.media.container import OpenVideo, open_video
from vsortd.media.packet_compare import packets_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.stream import Stream

Report = dict[str, Any]
# Layouts of containers that only count channels (AVI), which every player takes for these.
_UNNAMED_LAYOUTS = {"1 channels": "mono", "2 channels": "stereo"}


def decode_all(path: str, streams: list[int], *, deadline: float) -> Report:
    """Decode some streams to their end, one after another.

    Returns {"streams": [{"index", "frames", "errors", "first_s", "last_s", "end_s", "sha256"}]}: for sound `frames`
    counts samples, and `sha256` is that of the channels' names and the samples as 32-bit integers (equal for lossless
    copies); for pictures it is "". Raises LimitError when `deadline` (time.monotonic()) passes.
    """
    reports: list[Report] = []
    for index in streams:
        with open_video(path) as video:
            reports.append(_decode_one(video, stream_of(video, index), deadline))
    return {"streams": reports}


def _decode_one(video: OpenVideo, stream: Stream, deadline: float) -> Report:
    context = getattr(stream, "codec_context", None)
    if context is None:
        raise BrokenError(f"stream {stream.index} can't be decoded")
    context.thread_count = 1
    resampler = AudioResampler(format="s32") if isinstance(stream, AudioStream) else None
    digest = hashlib.sha256()
    report: Report = {"index": stream.index, "frames": 0, "errors": 0, "first_s": None, "last_s": None, "end_s": None}
    for packet in _with_end(packets_of(video.container, stream)):
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
        if not report["frames"]:
            name = sound.layout.name
            digest.update(_UNNAMED_LAYOUTS.get(name, name).encode())
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
        samples, rate = getattr(frame, "samples", 0), getattr(frame, "sample_rate", 0)
        end_s = when + (samples / rate if rate else 0.0)
        report["end_s"] = end_s if report["end_s"] is None else max(report["end_s"], end_s)
