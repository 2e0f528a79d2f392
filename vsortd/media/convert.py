"""Making an MP4 of another video: planned from the facts alone, run by ffmpeg, verified by reading both files."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsortd.core.containers import ISO
from vsortd.core.outcomes import ConversionKind
from vsortd.errors import BrokenError, ChangedError, ToolError
from vsortd.media.command import conversion_command, needed_encoders, needed_version, real_creation_time
from vsortd.media.ffmpeg import ffmpeg_version, find_ffmpeg, run_ffmpeg
from vsortd.media.stream_actions import StreamAction

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.core.video_facts import Clip
    from vsortd.media.conversion_plan import ConversionPlan
    from vsortd.media.movie_facts import MovieFacts
    from vsortd.media.pool import MediaPool
    from vsortd.media.replies import PacketReport

# Encoding anew pads odd sizes by one pixel; up to two are seen through a sample aspect ratio.
_PADDED_PX = 2
# Reading and checking: as slow as a busy disk or, decoding, a busy core.
_STALL_S, _BYTES_PER_S, _DECODE_LIMIT_FACTOR = 120.0, 4e6, 20.0


@dataclass(frozen=True, slots=True)
class ConversionReport:
    """What was done and checked; `packets` and `sha256` are those of the streams copied bit by bit."""

    kind: ConversionKind
    reason: str
    size_bytes: int
    packets: int
    sha256: str
    took_s: float


def convert(  # noqa: PLR0917 - from where, to where, what is known of it, what is to be done
    source: Path,
    target: Path,
    plan: ConversionPlan,
    clip: Clip,
    movie: MovieFacts,
    pool: MediaPool,
    *,
    cancel: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> ConversionReport:
    """Write the MP4 of `source` to `target`, which must not exist, and verify it; the caller syncs it.

    The verification reads both files in a worker process that has read neither before.

    `progress` is called with the part that is done, 0 to 1. Whatever goes wrong, `target` is removed and the
    source is as it was. Raises VideoError with the reason, Cancelled, or VsortdError when there is no usable
    ffmpeg.
    """
    if plan.kind is ConversionKind.NONE:
        raise ValueError("there is nothing to convert")
    if target.exists():
        raise FileExistsError(f"{target} exists already")
    started = time.monotonic()
    size_bytes = _size_bytes(source)
    ffmpeg = fitting_ffmpeg(plan)
    command = conversion_command(ffmpeg, ffmpeg_version(ffmpeg), source, target, plan=plan, clip=clip)
    # a remux can't grow; ALAC is at most a little larger than PCM
    most = size_bytes + size_bytes // 4 + (64 << 20) if plan.kind is ConversionKind.REMUX else 0
    try:
        run_ffmpeg(
            command,
            source=source,
            target=target,
            must_confine=pool.must_confine,
            stall_s=_STALL_S + size_bytes / _BYTES_PER_S,
            max_file_bytes=most,
            cancel=cancel,
            progress=_as_part(progress, clip.duration_s),
        )
        report = _verify(source, target, plan, clip, movie, pool=pool, cancel=cancel)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    size_bytes, took_s = target.stat().st_size, time.monotonic() - started
    return ConversionReport(plan.kind, plan.reason, size_bytes, report.packets, report.sha256, took_s)


def reading_limit_s(source: Path) -> float:
    """Return how long reading a whole file may take, seconds. Raises ChangedError if it went away."""
    return _STALL_S + _size_bytes(source) / _BYTES_PER_S


def fitting_ffmpeg(plan: ConversionPlan) -> Path:
    """Return an ffmpeg that can carry out a plan. Raises ToolError, BrokenError where a newer one would be needed."""
    encoders = needed_encoders(plan)
    version, what = needed_version(plan)
    try:
        return find_ffmpeg(encoders, version)
    except ToolError:
        if version == (0, 0):
            raise
        find_ffmpeg(encoders)  # there is one, only an older one
        raise BrokenError(f"only ffmpeg {version[0]}.{version[1]} or newer keeps {', '.join(what)}") from None


def _size_bytes(source: Path) -> int:
    """Return a video's size. Raises ChangedError if it went away; that ends its own way only."""
    try:
        return source.stat().st_size
    except OSError as error:
        raise ChangedError(f"the file is gone ({error.strerror})") from error


def _as_part(progress: Callable[[float], None] | None, duration_s: float) -> Callable[[float], None] | None:
    if progress is None:
        return None
    return lambda done_s: progress(min(1.0, done_s / duration_s) if duration_s > 0 else 0.0)


def _verify(
    source: Path,
    target: Path,
    plan: ConversionPlan,
    clip: Clip,
    movie: MovieFacts,
    *,
    pool: MediaPool,
    cancel: threading.Event | None,
) -> PacketReport:
    """Check the result against the source, and tell of what was copied. Raises BrokenError where they differ."""
    pairs = [
        (item.source.index, place, item.action, item.source.attached_picture) for place, item in enumerate(plan.streams)
    ]
    tags = {key: value for key, value in movie.tags.items() if key != "creation_time"} | plan.tags
    if created := real_creation_time(clip):
        tags["creation_time"] = created
    read_bytes = _size_bytes(source) + target.stat().st_size
    is_other = plan.demuxer != ISO.demuxer
    if is_other:  # each stream is read by itself, and then decoded, whole or in part
        read_bytes *= 2 * len(pairs)
    limit_s = _STALL_S + read_bytes / _BYTES_PER_S
    if is_other or any(item.action is not StreamAction.COPY for item in plan.streams):
        limit_s += 2 * clip.duration_s * _DECODE_LIMIT_FACTOR
    result, report = pool.compare_conversion(source, target, pairs, tags, timeout_s=limit_s, cancel=cancel)
    _check_facts(clip, result)
    if report.difference:
        raise BrokenError(report.difference)
    return report


def _check_facts(clip: Clip, result: Clip) -> None:
    """Raise if the result is not shown, or not dated, like the source."""
    slack = _PADDED_PX if result.width_px != clip.width_px or result.height_px != clip.height_px else 0
    sizes = ((clip.shown_width_px, result.shown_width_px), (clip.shown_height_px, result.shown_height_px))
    if any(abs(before - after) > slack for before, after in sizes):
        raise BrokenError(
            f"the MP4 would be shown as {result.shown_width_px}x{result.shown_height_px}, "
            f"not {clip.shown_width_px}x{clip.shown_height_px}"
        )
    if clip.rotation_deg != result.rotation_deg:
        raise BrokenError(f"the MP4 would be turned by {result.rotation_deg}, not {clip.rotation_deg} degrees")
    if clip.hdr != result.hdr:
        raise BrokenError("the MP4 would lose its HDR transfer")
