"""ffmpeg's command line for a conversion plan. Pure: nothing is run or read here.

Built through ffmpeg-python. The source is untrusted: its format is named, only the protocol `file` is
allowed, nothing external is followed, and paths are absolute after `file:`, so that no name is taken for an
option, a protocol or a pattern.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import ffmpeg as spec

from vsortd.core.containers import ISO, PROGRAM_STREAM
from vsortd.media.kept_tags import KIND_TAGS, WRITER_TAGS

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.core.video_facts import Clip
    from vsortd.media.conversion_plan import ConversionPlan
    from vsortd.media.stream_actions import KeptStream

Version = tuple[int, int]

# Of MP4 and MOV: no tracks that lie in other files. MPEG-PS has no times for some frames; by itself ffmpeg would show
# these when they are decoded.
_DEMUXER_OPTIONS: dict[str, dict[str, Any]] = {
    ISO.demuxer: {"enable_drefs": 0, "use_absolute_path": 0},
    PROGRAM_STREAM.demuxer: {"fflags": "+genpts"},
}
# Boxes of a film's sample entry by the first ffmpeg that surely carries them over: the light that it was graded in, the
# second view of spatial video and its geometry. Older ones drop them without a word.
_KEPT_SINCE = {"amve": (7, 1), "lhvC": (7, 1), "vexu": (7, 1), "hfov": (7, 1)}
# Ffmpeg 5.1 counts the times of this filter in other ticks, at times.
_ENDING_SINCE = (7, 0)
# Fine enough for every usual frame rate, so that edit lists (start offsets) are exact; the default is 1/1000
# s.
_MOVIE_TIMESCALE = 90_000
# Options that changed: -vsync went and -fps_mode came; "demux" was called -1.
_FPS_MODE_SINCE, _DEMUX_SINCE = (5, 1), (7, 0)
_FIRST_REAL_YEAR = 1990  # 1904 and 1970 are the epochs of MP4 and of Unix: a clock that was never set
# Stand for the paths while ffmpeg-python works: it hashes them as UTF-8, which a path need not be.
_SOURCE, _TARGET = "<source>", "<target>"
_ENCODERS = {"alac": "alac", "aac": "aac", "h264": "libx264", "hevc10": "libx265"}


def demuxer_options(demuxer: str) -> dict[str, Any]:
    """Return the options that a demuxer is given, so that it reaches nothing but the file; by their names."""
    return _DEMUXER_OPTIONS.get(demuxer, {})


def needed_encoders(plan: ConversionPlan) -> tuple[str, ...]:
    """Return the names of the encoders that a plan takes."""
    return tuple(sorted({_ENCODERS[item.action] for item in plan.streams if item.action in _ENCODERS}))


def needed_version(plan: ConversionPlan) -> tuple[Version, tuple[str, ...]]:
    """Return the first version of ffmpeg that carries over what a plan needs to be kept, (0, 0) for any, and what."""
    rare = tuple(what for what in plan.needs if what in _KEPT_SINCE)
    return max((_KEPT_SINCE[what] for what in rare), default=(0, 0)), rare


def conversion_command(
    ffmpeg: Path, version: Version, source: Path, target: Path, *, plan: ConversionPlan, clip: Clip
) -> list[str]:
    """Return the whole command line; both paths are absolute, and the target is an empty file of ours."""
    given = spec.input(  # type: ignore[no-untyped-call]
        _SOURCE,
        format=plan.demuxer,
        protocol_whitelist="file",
        **demuxer_options(plan.demuxer),
        noautorotate=None,  # the rotation stays a tag, as in the source
    )
    options: dict[str, Any] = {
        "format": "mp4",
        "map_metadata": 0,
        "map_chapters": 0,
        "movflags": "+faststart" + ("+use_metadata_tags" if plan.keyed else ""),
        "fflags": "+bitexact",  # no tag of ffmpeg's own
        "brand": "mp42",
        "movie_timescale": _MOVIE_TIMESCALE,
        "strict": "experimental",  # ffmpeg 4.4 calls FLAC and Opus in MP4 so
        "max_muxing_queue_size": 9999,
        "copyinkf": None,
    }
    for place, item in enumerate(plan.streams):
        options.update(_stream_options(place, item, clip, version))
        if plan.ending is not None and item.source.index == clip.video_index and version >= _ENDING_SINCE:
            options[f"bsf:{place}"] = _ending(*plan.ending)
    streams = [given[str(item.source.index)] for item in plan.streams]
    arguments = spec.get_args(spec.output(*streams, _TARGET, **options))
    paths = {_SOURCE: f"file:{source}", _TARGET: f"file:{target}"}
    arguments = [paths.get(argument, argument) for argument in arguments]
    words = [word for tag in _tags(clip, plan) for word in ("-metadata", tag)]
    return [str(ffmpeg), "-hide_banner", "-nostdin", "-y", "-v", "error", *arguments[:-1], *words, arguments[-1]]


def _ending(begin: int, end: int) -> str:
    """Return the filter that lets the last picture end when it does in the source: by itself ffmpeg guesses.

    It guesses by the frame stored last, which with B-frames isn't the one shown last, or by the frame rate.
    """
    return f"setts=pts=PTS:dts=DTS:duration='if(gte(PTS\\,{begin})\\,{end}-PTS\\,min(DURATION\\,{end}-PTS))'"


def _tags(clip: Clip, plan: ConversionPlan) -> list[str]:
    """Return the tags that are not simply the source's, as ffmpeg takes them: an empty one goes."""
    # the result has a kind of its own: without a word ffmpeg writes the source's as metadata
    unwanted = sorted(KIND_TAGS if plan.demuxer == ISO.demuxer else KIND_TAGS | WRITER_TAGS)
    tags = dict.fromkeys(unwanted, "") | plan.tags
    if created := real_creation_time(clip):
        # said again: ffmpeg 9 joins the values of a time that stands in two boxes and then can't read it
        tags["creation_time"] = created
    return [f"{key}={value}" for key, value in tags.items()]


def real_creation_time(clip: Clip) -> str:
    """Return the container's creation time as it stands there, "" where it is none (an epoch, no date)."""
    text = clip.tags.get("creation_time", "")
    try:
        return text if datetime.fromisoformat(text).year >= _FIRST_REAL_YEAR else ""
    except ValueError:
        return ""


def _stream_options(place: int, item: KeptStream, clip: Clip, version: Version) -> dict[str, Any]:
    """Return the output options of one stream, by its place in the result."""
    encoder = _ENCODERS.get(item.action)
    if encoder is None:
        options: dict[str, Any] = {f"c:{place}": "copy"}
        if item.source.codec == "hevc":
            options[f"tag:{place}"] = "hvc1"  # Apple's players refuse hev1
        if item.source.attached_picture:
            options[f"disposition:{place}"] = "attached_pic"
        return options
    options = {f"c:{place}": encoder}
    if encoder == "aac":
        options[f"b:{place}"] = "192k"
    elif encoder in {"libx264", "libx265"}:
        options |= _picture_options(place, encoder, clip, version)
    return options


def _picture_options(place: int, encoder: str, clip: Clip, version: Version) -> dict[str, Any]:
    """Encode close to invisibly, every frame at its own time (variable frame rates stay what they are)."""
    timing = {f"fps_mode:{place}": "passthrough"} if version >= _FPS_MODE_SINCE else {"vsync": "passthrough"}
    options: dict[str, Any] = {
        **timing,
        # the source's; that of the frame rate would make near times equal
        f"enc_time_base:{place}": "demux" if version >= _DEMUX_SINCE else -1,
        f"preset:{place}": "medium",
        f"crf:{place}": 18,
        f"pix_fmt:{place}": "yuv420p",
    }
    if encoder == "libx265":
        options |= {
            f"pix_fmt:{place}": "yuv420p10le",
            f"tag:{place}": "hvc1",
            "x265-params": "log-level=error",
        }
    if clip.width_px % 2 or clip.height_px % 2:  # 4:2:0 has no odd sizes; one line more beats one line less
        options[f"filter:{place}"] = "pad=ceil(iw/2)*2:ceil(ih/2)*2"
    return options
