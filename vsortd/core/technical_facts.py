"""Everything that a video, a sound or a picture file says of itself, as numbers and words; nothing is judged here.

Import-light: neither av nor torch, so that both sides of the workers' pipe have it. What a file doesn't say is None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class FileKind(StrEnum):
    """What a file is: pictures that move, sound alone, or one picture that stands still."""

    VIDEO = "video"
    SOUND = "sound"
    PICTURE = "picture"


class HdrKind(StrEnum):
    """How a film goes beyond the usual range of brightness; Dolby Vision lies on top of one of the others."""

    NONE = "none"
    PQ = "PQ"
    HLG = "HLG"
    DOLBY_VISION = "Dolby Vision"


@dataclass(frozen=True, slots=True)
class PictureStreamFacts:
    """One stream of pictures: the film, another one beside it, or cover art.

    Sizes are pixels; `shown_*` are after rotation and sample aspect ratio, rounded to whole pixels. `rotation_deg` is
    clockwise as shown. Both are None where not one frame can be decoded. `frames` are those that the edit list shows;
    `bytes` is what these take in the file. Colours are named as FFmpeg names the values of ITU-T H.273.
    """

    index: int
    codec: str | None  # FFmpeg's name: "h264"
    profile: str | None
    width_px: int | None
    height_px: int | None
    shown_width_px: int | None
    shown_height_px: int | None
    rotation_deg: int | None
    sample_aspect: float | None  # width over height of a pixel
    pixel_format: str | None
    bit_depth: int | None  # of a pixel's component, by the pixel format
    chroma: str | None  # "4:2:0", "4:0:0" without colour
    primaries: str | None
    transfer: str | None
    matrix: str | None
    color_range: str | None  # "tv" (16 to 235) or "pc" (0 to 255)
    hdr: HdrKind | None
    frames: int
    bytes: int
    duration_s: float | None
    fps: float | None  # average; None for fewer than two frames
    irregular_share: float | None  # of the intervals between frames, those off by > 5 % from their median, 0 to 1
    frame_interval_s: float | None  # median
    keyframes: int
    key_interval_s: float | None  # median; None for fewer than two keyframes
    key_interval_max_s: float | None
    bitrate_bps: float | None  # of these pictures alone
    language: str | None
    attached: bool  # cover art or thumbnails, no film
    default: bool
    encrypted: bool


@dataclass(frozen=True, slots=True)
class SoundStreamFacts:
    """One stream of sound. `bit_depth` is None for codecs that lose something: they have none."""

    index: int
    codec: str | None
    profile: str | None
    rate_hz: int | None
    channels: int | None
    layout: str | None  # FFmpeg's name: mono, stereo, 5.1
    bit_depth: int | None
    duration_s: float | None
    bytes: int
    bitrate_bps: float | None
    language: str | None
    title: str | None
    default: bool


@dataclass(frozen=True, slots=True)
class SubtitleStreamFacts:
    """One stream of subtitles."""

    index: int
    codec: str | None
    language: str | None
    title: str | None
    default: bool
    forced: bool


@dataclass(frozen=True, slots=True)
class ChapterMark:
    """A chapter that the file names, in seconds from its beginning."""

    begin_s: float
    end_s: float
    title: str | None


@dataclass(frozen=True, slots=True)
class TechnicalFacts:
    """What a file says of itself.

    `film` is the index of the stream that is the film, None without one. `tags` are the container's (of a picture
    also its Exif), `film_tags` those of the film's own stream. Of very many streams, chapters or tags the first are
    listed; `streams` counts all, data and attachments included.
    """

    kind: FileKind
    format: str  # libav's name of the demuxer: "mov", "matroska"
    brand: str | None  # of MP4 and MOV: "isom"
    size_bytes: int
    duration_s: float | None
    bitrate_bps: float | None  # of the whole file
    streams: int
    film: int | None
    pictures: tuple[PictureStreamFacts, ...] = ()
    sounds: tuple[SoundStreamFacts, ...] = ()
    subtitles: tuple[SubtitleStreamFacts, ...] = ()
    chapters: tuple[ChapterMark, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    film_tags: dict[str, str] = field(default_factory=dict)

    @property
    def film_stream(self) -> PictureStreamFacts | None:
        """The stream that is the film, None without one."""
        return next((stream for stream in self.pictures if stream.index == self.film), None)
