"""Comparing streams of two files packet by packet, as they are shown. Worker processes only."""

from __future__ import annotations

import hashlib
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from vsortd.core.containers import ISO
from vsortd.errors import BrokenError
from vsortd.media.container import OpenVideo, open_video, packets, read_only
from vsortd.media.payloads import without_completeness

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import av
    from av.container import InputContainer
    from av.stream import Stream

EQUAL_S = 0.001
"""Two moments that differ by less can't be told apart."""
# Behind a subtitle's style, and once more with each writer.
_BIT_RATE_BOX = b"\0\0\0\x14btrt"

Report = dict[str, Any]


class CommonShift:
    """By how much a whole result is shifted against its source: what the first two moments that are compared say."""

    def __init__(self) -> None:
        self.seconds: float | None = None

    def off_s(self, before_s: float, after_s: float) -> float:
        """Return how far two moments are apart beyond the common shift, seconds."""
        if self.seconds is None:
            self.seconds = before_s - after_s
        return abs(before_s - after_s - self.seconds)


def compare_packets(
    source: str, result: str, pairs: Sequence[tuple[int, int]], shift: CommonShift, *, ends: bool = False
) -> Report:
    """Compare pairs of streams (index in the source, index in the result) packet by packet.

    Payloads, keyframe flags and what the edit list hides must be equal, times of showing equal within a millisecond up
    to the common `shift`; with `ends` (where no header tells) also how long the last one is shown. Returns
    {"difference"}: "" or the first one in words; where all agree also {"packets", "bytes", "sha256"} of all pairs in
    order.
    """
    digest = hashlib.sha256()
    count = total_bytes = 0
    with open_video(source) as one, open_video(result) as other:
        for left_index, right_index in pairs:
            left = stream_of(one, left_index)
            right = stream_of(other, right_index)
            if _setup(left) != _setup(right):
                return {"difference": f"stream {left_index}: its decoder would be set up otherwise"}
            ones, others = packets_of(one.container, left), packets_of(other.container, right)
            last = _Last()
            for number, (a, b) in enumerate(zip_longest(ones, others)):
                if a is None or b is None:
                    return {
                        "difference": f"stream {left_index}: it would have {'fewer' if b is None else 'more'} parts"
                    }
                for difference in _differences(a, b, shift):
                    return {"difference": f"packet {number} of stream {left_index} would {difference}"}
                last.note(a, b)
                payload = bytes(a)
                digest.update(payload)
                count += 1
                total_bytes += len(payload)
            if ends and abs(last.before_s - last.after_s) > EQUAL_S:
                return {"difference": f"stream {left_index}: its last part would be shown for {last.after_s:.3f} s"}
    return {"difference": "", "packets": count, "bytes": total_bytes, "sha256": digest.hexdigest()}


class _Last:
    """How long the packet that is shown last is shown, in the source and in the result."""

    def __init__(self) -> None:
        self.before_s = self.after_s = 0.0
        self._when_s = float("-inf")

    def note(self, a: av.Packet[Any], b: av.Packet[Any]) -> None:
        """Take note of a pair of packets."""
        when_s = _seconds(a.pts, a)
        if not a.is_discard and when_s is not None and when_s >= self._when_s:
            self._when_s = when_s
            self.before_s, self.after_s = _seconds(a.duration, a) or 0.0, _seconds(b.duration, b) or 0.0


def _setup(stream: Stream) -> bytes:
    """Return what a stream's decoder is set up with, its parameter sets for example; without what only writers say."""
    context = getattr(stream, "codec_context", None)
    raw = b"" if context is None else context.extradata or b""
    if stream.type == "subtitle":
        return raw.partition(_BIT_RATE_BOX)[0]
    is_hevc = context is not None and context.codec.canonical_name == "hevc"
    return without_completeness(raw) if is_hevc and raw[:1] == b"\x01" else raw


def _differences(a: av.Packet[Any], b: av.Packet[Any], shift: CommonShift) -> Iterator[str]:
    """Yield what a packet of the result would do otherwise than its source."""
    if a.size != b.size or bytes(a) != bytes(b):
        yield "hold something else"
    if a.is_keyframe != b.is_keyframe:
        yield f"{'no longer' if a.is_keyframe else 'suddenly'} be a keyframe"
    if a.is_discard != b.is_discard:
        yield f"be {'shown' if a.is_discard else 'hidden'}"
    left, right = _seconds(a.pts, a), _seconds(b.pts, b)
    if left is not None and right is not None and (off_s := shift.off_s(left, right)) > EQUAL_S:
        yield f"be shown {off_s * 1000:.1f} ms off"


def _seconds(ticks: int | None, packet: av.Packet[Any]) -> float | None:
    return None if ticks is None or not packet.time_base else float(ticks * packet.time_base)


def stream_of(video: OpenVideo, index: int) -> Stream:
    """Return a stream by its index. Raises BrokenError if there is none."""
    if not 0 <= index < len(video.container.streams):
        raise BrokenError(f"there is no stream {index}")
    return video.container.streams[index]


def packets_of(container: InputContainer, stream: Stream) -> Iterator[av.Packet[Any]]:
    """Yield one stream's packets from the start; the others are skipped in the file, not read.

    Only MP4 and MOV can be read anew, by their index: another container has to have just been opened.
    """
    read_only(container, stream)
    if ISO.demuxer in container.format.name.split(","):
        start = min((entry for entry in _first_times(stream)), default=0)
        container.seek(start, stream=stream, backward=True, any_frame=True)
    yield from packets(container, stream)


def _first_times(stream: Stream) -> Iterator[int]:
    entries = stream.index_entries
    if len(entries):
        yield entries[0].timestamp
