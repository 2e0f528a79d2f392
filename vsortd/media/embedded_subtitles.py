"""The subtitles inside a video, those that are text. Worker processes only."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import av
from av.stream import Discard
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle

from vsortd.core.word_match import TimedText
from vsortd.errors import LimitError
from vsortd.media.any_container import open_any
from vsortd.media.container import packets
from vsortd.media.subtitle_text import plain_text, without_repeats
from vsortd.media.subtitles_reply import MAX_LINES, MAX_TRACKS, SubtitleTrack

if TYPE_CHECKING:
    from av.container import InputContainer

# What libav calls its decoders of text; the others show pictures (DVD, Blu-ray, DVB) or are teletext.
_TEXT: Final = frozenset({"mov_text", "srt", "subrip", "webvtt", "ssa", "ass", "text"})


def read_embedded_subtitles(path: str, *, deadline: float) -> tuple[SubtitleTrack, ...]:
    """Return the tracks of text of a file that came with the request; `deadline` is a time.monotonic().

    A file without any is not read beyond its header. Raises what `any_container.open_any` raises, and LimitError when
    the deadline passes.
    """
    with open_any(path) as file:
        container = file.container
        streams = [
            stream
            for stream in container.streams
            if isinstance(stream, SubtitleStream) and _decoder(stream) in _TEXT and stream.id not in file.encrypted
        ][:MAX_TRACKS]
        if not streams:
            return ()
        start_s = (container.start_time or 0) / 1_000_000
        found = _read(container, streams, start_s, deadline)
        tracks = []
        for stream in streams:
            read = without_repeats(iter(found[stream.index]))
            title = str(stream.metadata.get("title") or "")
            tracks.append(SubtitleTrack(stream.index, _language(stream), title, read.lines, read.skipped))
        return tuple(tracks)


def _read(
    container: InputContainer, streams: list[SubtitleStream], start_s: float, deadline: float
) -> dict[int, list[TimedText | None]]:
    """Return each stream's entries, None for one that can't be read; more than `MAX_LINES` are not kept."""
    wanted = {stream.index for stream in streams}
    for stream in container.streams:
        stream.discard = Discard.none if stream.index in wanted else Discard.all
    found: dict[int, list[TimedText | None]] = {index: [] for index in wanted}
    for packet in packets(container, *streams):
        if time.monotonic() > deadline:
            raise LimitError("reading the subtitles takes too long")
        own = found[packet.stream_index]
        if len(own) < MAX_LINES:
            own += _entries(packet, start_s)
    return found


def _entries(packet: av.Packet[Any], start_s: float) -> list[TimedText | None]:
    if packet.pts is None or packet.time_base is None:
        return [None]
    begin_s = max(0.0, float(packet.pts * packet.time_base) - start_s)
    end_s = begin_s + float(max(0, packet.duration or 0) * packet.time_base)
    try:
        decoded = list(packet.decode())
    except av.error.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        return [None]
    said = [one.dialogue.decode("utf-8", "replace") for one in decoded if isinstance(one, AssSubtitle)]
    return [TimedText(begin_s, end_s, plain_text(text)) for text in said]


def _decoder(stream: SubtitleStream) -> str:
    context: object = stream.codec_context
    return "" if context is None else str(getattr(context, "name", ""))


def _language(stream: SubtitleStream) -> str:
    told = str(stream.language or "")
    return "" if told == "und" else told
