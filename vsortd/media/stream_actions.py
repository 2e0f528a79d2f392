"""Which streams an MP4 can hold as they are, and what becomes of the others. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vsortd.core.video_facts import Clip, Stream


# What MP4 may hold and players know (ISO 14496-12 and the MP4 registration authority's list).
VIDEO_FIT = frozenset({"h264", "hevc", "av1", "vp9", "vvc", "mpeg4", "mpeg2video", "mpeg1video"})


AUDIO_FIT = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "flac", "opus", "dts", "mp2"})


SUBTITLE_FIT = frozenset({"mov_text"})


_FIT = {"video": VIDEO_FIT, "audio": AUDIO_FIT, "subtitle": SUBTITLE_FIT}


PICTURE_FIT = frozenset({"mjpeg", "png", "bmp"})


# Metadata tracks that MP4 names as QuickTime does, and that ffmpeg carries over: a GoPro's telemetry.
DATA_FIT = frozenset({"gpmd"})


# Whole numbers of up to 24 bits go into ALAC without loss. Players: Apple's, VLC, mpv, Windows 10, Android.
PCM_LOSSLESS = frozenset(
    {"pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_u8", "pcm_s8"},
)


class StreamAction(StrEnum):
    """What becomes of one kept stream."""

    COPY = "copy"
    ALAC = "alac"
    AAC = "aac"
    H264 = "h264"
    HEVC10 = "hevc10"  # 10-bit HEVC, for HDR


@dataclass(frozen=True, slots=True)
class KeptStream:
    """A stream of the source that the result has, too, in this order."""

    source: Stream
    action: StreamAction


def select(streams: Iterable[Stream], clip: Clip, *, anew: bool) -> tuple[list[KeptStream], list[Stream]]:
    """Return the streams that a result can have, each with what is done to it, and the others.

    The film is kept in any case, and encoded `anew` also where it fits; sound that doesn't fit would become AAC.
    """
    kept, dropped = [], []
    for stream in streams:
        action = _action(stream, clip, anew=anew)
        if action is None:
            dropped.append(stream)
        else:
            kept.append(KeptStream(stream, action))
    return kept, dropped


def _action(stream: Stream, clip: Clip, *, anew: bool) -> StreamAction | None:
    """Return what becomes of a stream; None: MP4 can't hold it and nothing can stand for it."""
    film = stream.index == clip.video_index
    fits = stream.codec in (PICTURE_FIT if stream.attached_picture else _FIT.get(stream.kind, frozenset()))
    if film and (anew or not fits):
        return StreamAction.HEVC10 if clip.hdr else StreamAction.H264
    if not (film or stream.attached_picture or stream.frames):
        return None  # a track without samples; libav's streams for cover art have none either
    if fits or stream.codec_tag in DATA_FIT:
        return StreamAction.COPY
    if stream.kind == "audio" and stream.codec:
        return StreamAction.ALAC if stream.codec in PCM_LOSSLESS else StreamAction.AAC
    return None
