"""What is known of a video file before anybody looks at its pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Orientation(StrEnum):
    """How a video is *shown*: after its display matrix and sample aspect ratio."""

    PORTRAIT = "portrait"
    LANDSCAPE = "landscape"
    SQUARE = "square"


class ResolutionClass(StrEnum):
    """What a video's size is called."""

    UHD = "4K"
    QHD = "QHD"
    FULL_HD = "Full HD"
    HD = "HD"
    SD = "SD"


# By the shorter shown side, px: a portrait film and one with black bars cut away are what they were recorded as.
RESOLUTIONS: Final = (
    (2000, ResolutionClass.UHD),
    (1400, ResolutionClass.QHD),
    (1000, ResolutionClass.FULL_HD),
    (700, ResolutionClass.HD),
)

# What iPhones write into both halves of a Live Photo, and the track that says which frame the photo is.
_CONTENT_IDENTIFIER = "com.apple.quicktime.content.identifier"
STILL_IMAGE_TIME = "com.apple.quicktime.still-image-time"


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of the container, by its index there.

    `frames` are the samples that the file lists, 0 for a track without any; `duration_s` and `start_s` are as its
    header and edit list say, 0.0 where they don't.
    """

    index: int
    kind: str  # video, audio, subtitle, data, attachment
    codec: str  # ffmpeg's name ("h264"), "" if unknown to it
    attached_picture: bool = False  # cover art, not the film
    language: str = ""
    codec_tag: str = ""  # the sample entry's four characters: avc1, mebx, gpmd, tmcd …; "" if unknown
    frames: int = 0
    duration_s: float = 0.0
    start_s: float = 0.0
    metadata_keys: tuple[str, ...] = ()  # what a timed metadata track (mebx) says that it holds


@dataclass(frozen=True, slots=True)
class Clip:
    """Facts read from a video's container and its first packets.

    Widths and heights are pixels; `shown_*` are after rotation and sample aspect ratio (rounded to whole pixels).
    `rotation_deg` is clockwise as shown (0, 90, 180, 270, or what the matrix says, rounded).
    `duration_s` is the video stream's own, `container_duration_s` what the container claims.
    """

    container: str  # "mp4" or "mov", by the ftyp brand; "mov" also where there is none; else the demuxer's name
    brand: str
    width_px: int
    height_px: int
    shown_width_px: int
    shown_height_px: int
    rotation_deg: int
    duration_s: float
    container_duration_s: float
    fps: float  # average; 0.0 if unknown
    frames: int  # as the index says; 0 if unknown
    video_index: int  # the stream index of the film
    video_codec: str
    pixel_format: str
    bit_depth: int
    hdr: bool  # PQ or HLG transfer
    fragmented: bool
    streams: tuple[Stream, ...] = ()
    audio_codec: str = ""  # of the first audio stream that has samples; "" without sound
    camera: str = ""  # make and model where the file says
    recorded_at: str = ""  # ISO 8601 where the file says: with the camera's offset, or in UTC with Z
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def has_audio(self) -> bool:
        """Tell whether there is sound: an audio stream, and not one without samples."""
        return any(stream.kind == "audio" and stream.frames for stream in self.streams)

    @property
    def content_identifier(self) -> str:
        """What a Live Photo's film and still have in common, "" of any other video."""
        return self.tags.get(_CONTENT_IDENTIFIER, "")

    @property
    def has_still_image_time(self) -> bool:
        """Tell whether a track says which of the frames a Live Photo's still is."""
        return any(STILL_IMAGE_TIME in stream.metadata_keys for stream in self.streams)

    @property
    def orientation(self) -> Orientation:
        """Classify the shown picture, see `orientation_of`."""
        return orientation_of(self.shown_width_px, self.shown_height_px)

    @property
    def resolution_class(self) -> ResolutionClass:
        """Classify the shown picture, see `resolution_class_of`."""
        return resolution_class_of(self.shown_width_px, self.shown_height_px)


def resolution_class_of(width_px: int, height_px: int) -> ResolutionClass:
    """Name the size of a picture as it is shown, by its shorter side: from 2000, 1400, 1000, 700 px on."""
    shorter = min(width_px, height_px)
    return next((name for least, name in RESOLUTIONS if shorter >= least), ResolutionClass.SD)


def orientation_of(width_px: int, height_px: int) -> Orientation:
    """Classify a picture as it is shown; square means equal within 2 % (sample aspect ratios round)."""
    if abs(width_px - height_px) <= 0.02 * max(width_px, height_px):
        return Orientation.SQUARE
    return Orientation.PORTRAIT if height_px > width_px else Orientation.LANDSCAPE
