"""What becomes of a .mov: which streams an MP4 can hold as they are, and what has to be done for it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from vsortd.config.settings import MovPolicy
from vsortd.core.outcomes import ConversionKind

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.core.video_facts import Clip, Stream


# What MP4 may hold and players know (ISO 14496-12 and the MP4 registration authority's list).
VIDEO_FIT = frozenset({"h264", "hevc", "av1", "vp9", "vvc", "mpeg4", "mpeg2video", "mpeg1video"})


AUDIO_FIT = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "flac", "opus", "dts", "mp2"})


SUBTITLE_FIT = frozenset({"mov_text"})


_FIT = {"video": VIDEO_FIT, "audio": AUDIO_FIT, "subtitle": SUBTITLE_FIT}


PICTURE_FIT = frozenset({"mjpeg", "png", "bmp"})


# Whole numbers of up to 24 bits go into ALAC without loss. Players: Apple's, VLC, mpv, Windows 10, Android;
# AAC would play in browsers, too, but the original is kept for a while only, so nothing may be lost on the
# way.
_PCM_LOSSLESS = frozenset(
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


@dataclass(frozen=True, slots=True)
class ConversionPlan:
    """What will be done, and one sentence why; `streams` is empty for NONE."""

    kind: ConversionKind
    reason: str
    streams: tuple[KeptStream, ...] = ()
    dropped: tuple[Stream, ...] = ()


def plan_conversion(clip: Clip, source: Path, policy: MovPolicy) -> ConversionPlan:
    """Decide what becomes of a video: only a .mov is converted, and only if the policy says so. Pure."""
    if source.suffix.lower() != ".mov":
        return ConversionPlan(ConversionKind.NONE, "it is not named .mov")
    if policy is MovPolicy.NEVER:
        return ConversionPlan(ConversionKind.NONE, "convert.mov is never")
    kept, dropped = [], []
    for stream in clip.streams:
        action = _action(stream, clip, anew=policy is MovPolicy.TRANSCODE)
        if action is None:
            dropped.append(stream)
        else:
            kept.append(KeptStream(stream, action))
    film = next(item for item in kept if item.source.index == clip.video_index)
    kind = ConversionKind.REMUX if film.action is StreamAction.COPY else ConversionKind.TRANSCODE
    return ConversionPlan(kind, _reason(film, kept, dropped, policy), tuple(kept), tuple(dropped))


def _action(stream: Stream, clip: Clip, *, anew: bool) -> StreamAction | None:
    """Return what becomes of a stream; None: MP4 can't hold it and nothing can stand for it."""
    film = stream.index == clip.video_index
    fits = stream.codec in (PICTURE_FIT if stream.attached_picture else _FIT.get(stream.kind, frozenset()))
    if fits and not (film and anew):
        return StreamAction.COPY
    if film:
        return StreamAction.HEVC10 if clip.hdr else StreamAction.H264
    if stream.kind == "audio" and stream.codec:
        return StreamAction.ALAC if stream.codec in _PCM_LOSSLESS else StreamAction.AAC
    return None


def _reason(film: KeptStream, kept: list[KeptStream], dropped: list[Stream], policy: MovPolicy) -> str:
    if film.action is StreamAction.COPY:
        parts = [f"{film.source.codec} fits MP4 as it is"]
    elif policy is MovPolicy.TRANSCODE:
        parts = ["convert.mov is transcode"]
    else:
        parts = [f"{film.source.codec or 'the video'} does not fit MP4"]
    parts += [
        f"audio re-encoded ({item.source.codec} to {item.action})"
        for item in kept
        if item.action in {StreamAction.ALAC, StreamAction.AAC}
    ]
    if dropped:
        names = ", ".join(f"{stream.kind} {stream.codec or 'stream'} {stream.index}" for stream in dropped)
        parts.append(f"left out: {names}")
    return "; ".join(parts)
