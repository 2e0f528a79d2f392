"""What a file says of itself: container, streams, chapters, tags, and its packets' times. Worker processes only.

The file is read to its end, and not decoded but for each stream's first picture: with it comes how it is turned, what
HDR it is, and a photo's Exif.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import av
from av.audio.stream import AudioStream
from av.stream import Disposition
from av.subtitles.stream import SubtitleStream
from av.video.stream import VideoStream

from vsortd.core.technical_facts import (
    ChapterMark,
    FileKind,
    HdrKind,
    PictureStreamFacts,
    SoundStreamFacts,
    SubtitleStreamFacts,
    TechnicalFacts,
)
from vsortd.errors import LimitError
from vsortd.media.any_container import STILL_DEMUXERS, OpenFile, open_any
from vsortd.media.color_names import MATRICES, PRIMARIES, RANGES, TRANSFERS
from vsortd.media.container import MAX_PIXELS, is_picture, no_stills, packets
from vsortd.media.packet_times import LONGEST_S, PacketTimes, bits_a_second
from vsortd.media.picture import TRANSFER_HLG, TRANSFER_PQ, turn_of
from vsortd.media.probe import pixel_aspect
from vsortd.media.sound_depth import bit_depth_of
from vsortd.media.technical_reply import (
    MAX_CHAPTERS,
    MAX_KEY_LENGTH,
    MAX_LISTED,
    MAX_TAG_LENGTH,
    MAX_TAGS,
    MAX_TITLE_LENGTH,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from av.stream import Stream

# So many streams' first pictures are decoded, each within about a second's work: 300 frames of 1080p.
_LOOKED_AT = 4
_LOOK_PIXELS = 300 * 1920 * 1080
_UNSPECIFIED = 2
_SDR_TRANSFERS = frozenset({1, 4, 5, 6, 7, 11, 12, 13, 14, 15})
_DOLBY_VISION = ("DOVI_METADATA", "DOVI_RPU_BUFFER")  # side data of a frame
_CHROMA = {(4, 4): "4:4:4", (2, 4): "4:2:2", (2, 2): "4:2:0", (1, 4): "4:1:1", (4, 2): "4:4:0", (1, 1): "4:1:0"}


class PictureSize(NamedTuple):
    """A picture's size as stored and as shown, pixels, and how far it is turned, degrees clockwise."""

    width_px: int | None
    height_px: int | None
    shown_width_px: int | None = None
    shown_height_px: int | None = None
    rotation_deg: int | None = None


class FirstPicture:
    """Waits for the first picture of a stream while its packets go by; keeps no more than that one."""

    def __init__(self, stream: VideoStream) -> None:
        self.frame: av.VideoFrame | None = None
        self._context = stream.codec_context
        self._context.thread_count = 1
        self._context.options = {"max_pixels": str(MAX_PIXELS)}
        pixels = max(1, (stream.width or 0) * (stream.height or 0))
        self._tries = _LOOK_PIXELS // pixels + 1 if pixels <= MAX_PIXELS else 0

    def take(self, packet: av.Packet[Any] | None) -> None:
        """Decode the next packet, or (None) what the decoder still holds; what is damaged is passed over."""
        if self.frame is not None or self._tries <= 0:
            return
        self._tries -= 1
        try:
            self.frame = next(iter(self._context.decode(packet)), None)
        except av.error.FFmpegError as error:
            if isinstance(error, MemoryError):
                raise


def read_technical(path: str, *, deadline: float) -> TechnicalFacts:
    """Return what a file that came with the request says of itself; `deadline` is a time.monotonic().

    Raises what `any_container.open_any` raises, and LimitError when the deadline passes.
    """
    with open_any(path) as file:
        streams = list(file.container.streams)
        pictures = [stream for stream in streams if isinstance(stream, VideoStream)][:MAX_LISTED]
        readable = [one for one in pictures if _is_decodable(file, one) and not is_picture(one)]
        looks = {stream.index: FirstPicture(stream) for stream in readable[:_LOOKED_AT]}
        times = _walk(file, looks, deadline)
        found = [_picture(file, one, times[one.index], looks.get(one.index)) for one in pictures]
        film = _film(found)
        if film is not None and _kind(file, film) is FileKind.PICTURE:  # libav shows a still for a time of its own
            found = [replace(one, duration_s=None, bitrate_bps=None) for one in found]
        return _facts(file, found, film, times, looks)


def _walk(file: OpenFile, looks: Mapping[int, FirstPicture], deadline: float) -> dict[int, PacketTimes]:
    """Read every packet once, and show each stream's first ones to the decoder that waits for a picture."""
    times = {stream.index: PacketTimes(stream.time_base) for stream in file.container.streams}
    for packet in packets(file.container):
        if time.monotonic() > deadline:
            raise LimitError("reading the whole file takes too long")
        index = packet.stream_index
        if index not in times:  # a stream that appears late, which MPEG-TS and MPEG-PS may do
            continue
        times[index].add(packet)
        if index in looks:
            looks[index].take(packet)
    for look in looks.values():
        look.take(None)
    return times


def _facts(
    file: OpenFile,
    pictures: list[PictureStreamFacts],
    film: PictureStreamFacts | None,
    times: Mapping[int, PacketTimes],
    looks: Mapping[int, FirstPicture],
) -> TechnicalFacts:
    streams = list(file.container.streams)
    sounds = [stream for stream in streams if isinstance(stream, AudioStream)][:MAX_LISTED]
    subtitles = [stream for stream in streams if isinstance(stream, SubtitleStream)][:MAX_LISTED]
    kind = _kind(file, film)
    duration_s = None if kind is FileKind.PICTURE else _duration_s(file, times)
    tags = dict(file.container.metadata)
    film_tags = dict(streams[film.index].metadata) if film is not None else {}
    look = looks.get(film.index) if film is not None else None
    if kind is FileKind.PICTURE and look is not None and look.frame is not None:
        tags |= look.frame.metadata  # Exif
    return TechnicalFacts(
        kind=kind,
        format=file.container.format.name,
        brand=file.brand or None,
        size_bytes=file.size_bytes,
        duration_s=duration_s,
        bitrate_bps=bits_a_second(file.size_bytes, duration_s),
        streams=len(streams),
        film=film.index if film is not None else None,
        pictures=tuple(pictures),
        sounds=tuple(_sound(one, times[one.index]) for one in sounds),
        subtitles=tuple(_subtitle(one) for one in subtitles),
        chapters=tuple(_chapters(file))[:MAX_CHAPTERS],
        tags=_tags(tags),
        film_tags=_tags(film_tags),
    )


def _kind(file: OpenFile, film: PictureStreamFacts | None) -> FileKind:
    if film is None:
        return FileKind.SOUND
    still = file.demuxer in STILL_DEMUXERS and film.frames <= 1
    return FileKind.PICTURE if still else FileKind.VIDEO


def _film(pictures: list[PictureStreamFacts]) -> PictureStreamFacts | None:
    """Choose the film as `container.film_stream` does, by the packets that were counted."""
    films = [one for one in pictures if not one.attached]
    films = [one for one in films if one.codec is not None] or films
    if not films:
        return None
    films = no_stills(films, lambda one: one.frames, lambda one: one.duration_s or 0.0)
    return max(films, key=lambda one: (one.default, (one.width_px or 0) * (one.height_px or 0), -one.index))


def _is_decodable(file: OpenFile, stream: VideoStream) -> bool:
    return _context_of(stream) is not None and stream.id not in file.encrypted


def _context_of(stream: Stream) -> Any:  # noqa: ANN401 - None where FFmpeg has no decoder, which PyAV's types deny
    return stream.codec_context


def _picture(file: OpenFile, stream: VideoStream, times: PacketTimes, look: FirstPicture | None) -> PictureStreamFacts:
    frame = look.frame if look is not None else None
    size, shape = _size(stream, frame), _format_of(stream, frame)
    aspect = stream.sample_aspect_ratio if _context_of(stream) is not None else None
    return PictureStreamFacts(
        index=stream.index,
        codec=_codec_name(stream),
        profile=_profile(stream),
        width_px=size.width_px,
        height_px=size.height_px,
        shown_width_px=size.shown_width_px,
        shown_height_px=size.shown_height_px,
        rotation_deg=size.rotation_deg,
        sample_aspect=float(aspect) if aspect else None,
        pixel_format=shape.name if shape else None,
        bit_depth=max((one.bits for one in shape.components), default=None) if shape else None,
        chroma=_chroma(shape) if shape else None,
        primaries=PRIMARIES.get(_color(stream, frame, "color_primaries")),
        transfer=TRANSFERS.get(_color(stream, frame, "color_trc")),
        matrix=MATRICES.get(_color(stream, frame, "colorspace")),
        color_range=_range(stream, frame, shape),
        hdr=_hdr(stream, frame),
        frames=times.shown,
        bytes=times.bytes,
        duration_s=times.span_s,
        fps=times.rate_hz,
        irregular_share=times.irregular_share,
        frame_interval_s=times.interval_s,
        keyframes=times.keyframes,
        key_interval_s=times.key_interval_s,
        key_interval_max_s=times.key_interval_max_s,
        bitrate_bps=times.bitrate_bps,
        language=_language(stream),
        attached=is_picture(stream),
        default=bool(stream.disposition & Disposition.default),
        encrypted=stream.id in file.encrypted,
    )


def _size(stream: VideoStream, frame: av.VideoFrame | None) -> PictureSize:
    if frame is None:
        known = _context_of(stream) is not None
        return PictureSize(stream.width or None, stream.height or None) if known else PictureSize(None, None)
    turn = turn_of(frame)
    shown = max(1, round(frame.width * pixel_aspect(stream))), frame.height
    width, height = reversed(shown) if turn.transpose else shown
    return PictureSize(frame.width, frame.height, width, height, turn.rotation_deg)


def _format_of(stream: VideoStream, frame: av.VideoFrame | None) -> av.VideoFormat | None:
    if frame is not None:
        return frame.format
    context = _context_of(stream)
    return context.format if context is not None and context.pix_fmt else None


def _chroma(shape: av.VideoFormat) -> str | None:
    """Return the subsampling of chroma in the usual notation (J:a:b); pictures in RGB or of a palette have none."""
    if shape.is_rgb or shape.has_palette:
        return None
    if len(shape.components) < 3:  # noqa: PLR2004 - luma, with or without opacity
        return "4:0:0"
    return _CHROMA.get((shape.chroma_width(4), shape.chroma_height(4)))


def _color(stream: VideoStream, frame: av.VideoFrame | None, name: str) -> int:
    """Return what the container says of a colour property, or without a word of its the bitstream (ITU-T H.273)."""
    said = [getattr(source, name) for source in (_context_of(stream), frame) if source is not None]
    return next((int(value) for value in said if value not in {None, _UNSPECIFIED}), _UNSPECIFIED)


def _range(stream: VideoStream, frame: av.VideoFrame | None, shape: av.VideoFormat | None) -> str | None:
    if shape is not None and shape.name.startswith("yuvj"):
        return RANGES[2]
    said = [getattr(source, "color_range", 0) for source in (_context_of(stream), frame)]
    return next((RANGES[int(value)] for value in said if value in RANGES), None)


def _hdr(stream: VideoStream, frame: av.VideoFrame | None) -> HdrKind | None:
    if frame is not None and any(frame.side_data.get(kind) is not None for kind in _DOLBY_VISION):
        return HdrKind.DOLBY_VISION
    transfer = _color(stream, frame, "color_trc")
    known = {TRANSFER_PQ: HdrKind.PQ, TRANSFER_HLG: HdrKind.HLG}
    return known.get(transfer, HdrKind.NONE if transfer in _SDR_TRANSFERS else None)


def _sound(stream: AudioStream, times: PacketTimes) -> SoundStreamFacts:
    context, codec = _context_of(stream), _codec_name(stream)
    layout = context.layout.name if context is not None else ""
    return SoundStreamFacts(
        index=stream.index,
        codec=codec,
        profile=_profile(stream),
        rate_hz=(context.sample_rate or None) if context is not None else None,
        channels=(context.layout.nb_channels or None) if context is not None else None,
        layout=None if not layout or layout.endswith(" channels") else layout,  # their order isn't told
        bit_depth=bit_depth_of(codec, bytes(context.extradata or b"")) if context is not None else None,
        duration_s=times.span_s,
        bytes=times.bytes,
        bitrate_bps=times.bitrate_bps,
        language=_language(stream),
        title=_title(stream.metadata),
        default=bool(stream.disposition & Disposition.default),
    )


def _subtitle(stream: SubtitleStream) -> SubtitleStreamFacts:
    return SubtitleStreamFacts(
        index=stream.index,
        codec=_codec_name(stream),
        language=_language(stream),
        title=_title(stream.metadata),
        default=bool(stream.disposition & Disposition.default),
        forced=bool(stream.disposition & Disposition.forced),
    )


def _chapters(file: OpenFile) -> Iterator[ChapterMark]:
    for raw in file.container.chapters():
        base = float(raw["time_base"] or 0)
        begin_s, end_s = raw["start"] * base, raw["end"] * base
        if max(abs(begin_s), abs(end_s)) <= LONGEST_S:
            yield ChapterMark(begin_s, end_s, _title(raw["metadata"]))


def _duration_s(file: OpenFile, times: Mapping[int, PacketTimes]) -> float | None:
    """Return how long the file says that it lasts; where it says nothing, how long its longest stream does."""
    said = file.container.duration
    if said is not None and said > 0:
        return said / av.time_base
    spans = [one.span_s for one in times.values() if one.span_s is not None]
    return max(spans, default=None)


def _codec_name(stream: Stream) -> str | None:
    """Return FFmpeg's name of the codec, not of the decoder that serves it ("av1", not "libdav1d")."""
    context = _context_of(stream)
    return str(context.codec.canonical_name) if context is not None and context.codec is not None else None


def _profile(stream: Stream) -> str | None:
    return (stream.profile or None) if _context_of(stream) is not None else None


def _language(stream: Stream) -> str | None:
    said = _clean(str(stream.metadata.get("language", "")), MAX_KEY_LENGTH)
    return said if said and said != "und" else None


def _title(metadata: Mapping[str, str]) -> str | None:
    return _clean(str(metadata.get("title", "")), MAX_TITLE_LENGTH) or None


def _tags(raw: Mapping[str, str]) -> dict[str, str]:
    short = ((_clean(key, MAX_KEY_LENGTH), _clean(value, MAX_TAG_LENGTH)) for key, value in raw.items())
    return dict([(key, value) for key, value in short if key][:MAX_TAGS])


def _clean(text: str, limit: int) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in str(text)[:limit]).strip()
