"""How a stream's packets follow one another, from the first to the last: what an MP4 could not tell alike.

Worker processes only. MP4 keeps a time for each frame and lets sound follow sound, so frames without times, times that
go back, and gaps in the sound are told here, before anything is converted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vsortd.core.containers import AVI
from vsortd.media.payloads import StreamPayloads, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import av
    from av.stream import Stream

# Half of the shortest usual frame of sound, 21 ms (AAC at 48 kHz): what sound that follows sound is never off by.
_GAP_S: Final = 0.01
# Begins each picture of MPEG-4 Part 2 (ISO 14496-2, 6.2.1); two in one packet are packed B-frames.
_PICTURE_START: Final = b"\0\0\1\xb6"
# Codecs whose packets are looked into: their heads, parameter sets and pictures.
_LOOKED_INTO: Final = frozenset({"h264", "hevc", "mpeg2video", "mpeg4", "ac3", "eac3", "mp2", "mp3"})
# What libav notes of a packet and an MP4 either keeps or has no need of.
_KEPT_SIDE_DATA: Final = frozenset({"mpegts_stream_id", "skip_samples", "cpb_properties", "quality_stats"})
_NEW_SETUP: Final = frozenset({"new_extradata", "param_change"})
# So many of one kind are told; the list in a reason names each once anyway.
_FEW: Final = 8


class StreamCourse:
    """Counts one stream's packets and notes what is odd about them; times are in seconds."""

    def __init__(self, stream: Stream, demuxer: str) -> None:
        self.packets = 0
        self.begin_s = float("inf")
        self.end_s = 0.0
        self._kind = stream.type
        self._in_avi = demuxer == AVI.demuxer
        context = getattr(stream, "codec_context", None)
        self._codec = "" if context is None or context.codec is None else str(context.codec.canonical_name)
        self._wrapped = StreamPayloads(self._codec, (context.extradata or b"") if context is not None else b"", b"")
        self._kind_of = b""
        self._base = float(stream.time_base or 0)
        self._first_s = 0.0
        self._last_dts: int | None = None
        self._due_s: float | None = None
        self._found: dict[str, None] = {}

    def add(self, packet: av.Packet[Any]) -> None:
        """Take note of the next packet."""
        self.packets += 1
        if packet.is_corrupt:
            self._tell("damaged parts")
        self._look_beside(packet)
        self._look_inside(packet)
        if packet.pts is None:
            self._tell("parts without a time of their own")
            return
        begin_s = packet.pts * self._base
        self._look_at_order(packet, begin_s)
        lasts_s = (packet.duration or 0) * self._base
        if self._kind == "audio":
            if self._due_s is not None and abs(begin_s - self._due_s) > _GAP_S + self._base:
                self._tell("gaps or overlaps in its sound")
            self._due_s = begin_s + lasts_s if lasts_s else None
        elif self._kind == "video":
            self._look_at_picture(packet, begin_s)
        self.begin_s = min(self.begin_s, begin_s)
        self.end_s = max(self.end_s, begin_s + lasts_s)

    def oddities(self) -> Iterator[str]:
        """Yield what was noted, each thing once."""
        yield from self._found

    def _tell(self, what: str) -> None:
        if len(self._found) < _FEW:
            self._found[what] = None

    def _look_beside(self, packet: av.Packet[Any]) -> None:
        try:
            kinds = {str(data.data_type) for data in packet.iter_sidedata()}
        except ValueError:  # a kind that PyAV has no name for
            kinds = {"unknown"}
        if kinds & _NEW_SETUP:
            self._tell("its encoding changes midway")
        for kind in sorted(kinds - _KEPT_SIDE_DATA - _NEW_SETUP):
            self._tell(f"data beside its frames ({kind})")

    def _look_inside(self, packet: av.Packet[Any]) -> None:
        if self._codec not in _LOOKED_INTO or (not packet.is_keyframe and self._codec != "mpeg4"):
            return
        payload = bytes(packet)
        kind = kind_of(self._codec, payload)
        if self._wrapped.changes(payload) or (kind and self._kind_of not in {b"", kind}):
            self._tell("its encoding changes midway")
        self._kind_of = kind or self._kind_of
        if self._codec == "mpeg4" and payload.count(_PICTURE_START) > 1:
            self._tell("packed B-frames")

    def _look_at_order(self, packet: av.Packet[Any], begin_s: float) -> None:
        if packet.dts is not None:
            if self._last_dts is not None and packet.dts < self._last_dts:
                self._tell("times that go back")
            self._last_dts = packet.dts
        if self.packets == 1:
            self._first_s = begin_s

    def _look_at_picture(self, packet: av.Packet[Any], begin_s: float) -> None:
        if self.packets == 1 and not packet.is_keyframe:
            self._tell("it does not begin with a keyframe")
        if begin_s < self._first_s:
            self._tell("it begins with frames that need what came before it (open GOP)")
        if self._in_avi and packet.pts != packet.dts:
            self._tell("B-frames, whose times AVI does not hold")
