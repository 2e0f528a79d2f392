"""What a browser plays, and ffmpeg's command line for a copy of what it doesn't. Pure: nothing is run or read here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vsortd.core.containers import ISO
from vsortd.core.media_types import MP4, QUICKTIME, WEBM
from vsortd.core.units import about_size
from vsortd.errors import LimitError
from vsortd.media.command import demuxer_options

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.core.video_facts import Clip

    Version = tuple[int, int]

ENCODERS: Final = ("libx264", "aac")
"""What ffmpeg needs for a copy."""
TONE_FILTERS: Final = frozenset({"zscale", "tonemap"})
"""ffmpeg's filters that bring HDR to what every screen shows; without them its colours look washed out."""

# By the media type: the codecs of pictures and of sound that Chromium, Firefox and Safari all play there. QuickTime
# files are read as MP4 is; a camera's own, with PCM sound, are not among them.
_BOXES: Final = (frozenset({"h264", "av1", "vp9"}), frozenset({"", "aac", "mp3", "opus", "flac"}))
_PLAYED: Final = {
    MP4: _BOXES,
    QUICKTIME: (frozenset({"h264"}), frozenset({"", "aac", "mp3"})),
    WEBM: (frozenset({"vp8", "vp9", "av1"}), frozenset({"", "opus", "vorbis"})),
}
_PLAYED_FORMATS: Final = frozenset({"yuv420p", "yuvj420p"})

_SHORTER_PX, _LONGER_PX = 720, 1280
_SMALL_PX: Final = (480, 854)  # where there are few bits
_FEW_BITS: Final = 900_000  # a second
_MOST_FPS, _FPS_SLACK = 30, 0.5  # 29.97 and 30.02 are 30
_KEYFRAME_FRAMES: Final = 60  # a seek decodes two seconds at most
_SOUND_BITS: Final = 128_000
_PICTURE_BITS: Final = (200_000, 4_000_000)  # a second: fewer show nothing; 720p at crf 23 rarely takes more
# Of what a copy may take: room for the container, and for what x264 goes beyond its rate.
_FILLED: Final = 0.8
_ROUNDING: Final = 1.05
_FPS_MODE_SINCE, _DEMUX_SINCE = (5, 1), (7, 0)  # as in `command`
# As `picture` does for stills: white is at 203 cd/m², linear up to 0.8 of it, then a soft knee; sRGB. Bright colours
# lose some of their colour: of the filter's strengths 2 comes near the stills with ffmpeg 5 and 9, which differ.
_TO_SDR: Final = (
    "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=mobius:param=0.8:desat=2,"
    "zscale=t=iec61966-2-1:m=bt709:r=tv,setparams=color_trc=bt709"
)


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """How a playable copy is made: its size in pixels, and the bits a second that its pictures may take."""

    width_px: int
    height_px: int
    picture_bits: int
    most_bytes: int
    """About how large it may become."""


def plays_in_browser(clip: Clip, media_type: str) -> bool:
    """Tell whether every usual browser plays a video as it is; `media_type` is what its first bytes say.

    8 bit, 4:2:0, no HDR. HEVC isn't: Chromium plays it only where the system brings a decoder.
    """
    if clip.hdr or clip.bit_depth != 8 or clip.pixel_format not in _PLAYED_FORMATS:  # noqa: PLR2004 - bits
        return False
    pictures, sounds = _PLAYED.get(media_type, (frozenset(), frozenset()))
    return clip.video_codec in pictures and clip.audio_codec in sounds


def plan_copy(clip: Clip, most_bytes: int) -> CopyPlan:
    """Plan a copy of at most `most_bytes`: a long film gets fewer bits. Raises LimitError where it would show nothing.

    At most 720p (480p of few bits), of even sizes, upright, with square pixels; never larger than the video.
    """
    duration_s = max(1.0, clip.duration_s)
    least, most = _PICTURE_BITS
    bits = min(most, int(most_bytes * _FILLED * 8 / duration_s) - _sound_bits(clip))
    if bits < least:
        raise LimitError(
            f"it is too long for a playable copy: {duration_s / 3600:.1f} h don't fit into {about_size(most_bytes)}"
        )
    shorter, longer = _SMALL_PX if bits < _FEW_BITS else (_SHORTER_PX, _LONGER_PX)
    shown = (clip.shown_width_px, clip.shown_height_px)
    scale = min(1.0, shorter / min(shown), longer / max(shown))
    width, height = (max(2, round(side * scale / 2) * 2) for side in shown)
    size = int((bits + _sound_bits(clip)) * duration_s / 8 * _ROUNDING)
    return CopyPlan(width, height, bits, min(most_bytes, size))


def copy_command(
    ffmpeg: Path, version: Version, source: Path, target: Path, *, clip: Clip, plan: CopyPlan, tones: bool, threads: int
) -> list[str]:
    """Return the whole command line; both paths are absolute, and the target is an empty file of ours.

    With `tones` HDR is brought to what every screen shows.
    """
    demuxer = ISO.demuxer if clip.container in {"mp4", "mov"} else clip.container
    sound = _sound_index(clip)
    given = ["-f", demuxer, "-protocol_whitelist", "file"]
    given += [str(word) for key, value in demuxer_options(demuxer).items() for word in (f"-{key}", value)]
    maps = ["-map", f"0:{clip.video_index}", *(() if sound is None else ("-map", f"0:{sound}"))]
    return [
        *(str(ffmpeg), "-hide_banner", "-nostdin", "-y", "-v", "error"),
        *("-threads", str(threads), *given, "-i", f"file:{source}", *maps, "-sn", "-dn"),
        *("-map_metadata", "-1", "-map_chapters", "-1", "-max_muxing_queue_size", "9999"),
        *_picture_words(clip, plan, version, tones=tones, threads=threads),
        *(() if sound is None else ("-c:a", "aac", "-b:a", str(_SOUND_BITS), "-ac", "2", "-ar", "48000")),
        *("-movflags", "+faststart", "-f", "mp4", f"file:{target}"),
    ]


def _picture_words(clip: Clip, plan: CopyPlan, version: Version, *, tones: bool, threads: int) -> list[str]:
    timing = "-fps_mode" if version >= _FPS_MODE_SINCE else "-vsync"
    return [
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-profile:v", "high", "-g", str(_KEYFRAME_FRAMES)),
        *("-maxrate", str(plan.picture_bits), "-bufsize", str(2 * plan.picture_bits), "-threads", str(threads)),
        *("-vf", _filters(clip, plan, tones=tones), timing, "vfr"),
        *(("-enc_time_base", "demux" if version >= _DEMUX_SINCE else "-1") if not _is_fast(clip) else ()),
    ]


def _filters(clip: Clip, plan: CopyPlan, *, tones: bool) -> str:
    """Return the filters of the pictures; ffmpeg itself turns them first."""
    steps = [f"fps={_MOST_FPS}"] if _is_fast(clip) else []
    steps.append(f"scale={plan.width_px}:{plan.height_px}:flags=bicubic")
    if clip.hdr and tones:
        steps.append(_TO_SDR)
    else:
        steps.append("scale=out_range=tv")
    return ",".join([*steps, "setsar=1", "format=yuv420p"])


def _is_fast(clip: Clip) -> bool:
    return clip.fps > _MOST_FPS + _FPS_SLACK


def _sound_index(clip: Clip) -> int | None:
    return next((one.index for one in clip.streams if one.kind == "audio" and one.frames and one.codec), None)


def _sound_bits(clip: Clip) -> int:
    return 0 if _sound_index(clip) is None else _SOUND_BITS
