"""Making an MP4 of a MOV: planned from the facts alone, run by ffmpeg, verified by reading both files."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsortd.core.outcomes import ConversionKind
from vsortd.errors import BrokenError, ChangedError
from vsortd.media.command import conversion_command, needed_encoders, real_creation_time
from vsortd.media.conversion_plan import StreamAction
from vsortd.media.ffmpeg import ffmpeg_version, find_ffmpeg, run_ffmpeg

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.core.video_facts import Clip
    from vsortd.media.conversion_plan import ConversionPlan
    from vsortd.media.pool import MediaPool

# The share and the seconds by which a re-encoded video may differ in length (a frame, encoder delay).
_DURATION_PART, _DURATION_S = 0.01, 0.2
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


def convert(
    source: Path,
    target: Path,
    plan: ConversionPlan,
    clip: Clip,
    pool: MediaPool,
    *,
    cancel: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> ConversionReport:
    """Write the MP4 of `source` to `target`, which must not exist, and verify it; the caller syncs it.

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
    ffmpeg = find_ffmpeg(needed_encoders(plan))
    command = conversion_command(ffmpeg, ffmpeg_version(ffmpeg), source, target, plan=plan, clip=clip)
    # a remux can't grow; ALAC is at most a little larger than PCM
    most = size_bytes + size_bytes // 4 + (64 << 20) if plan.kind is ConversionKind.REMUX else 0
    try:
        run_ffmpeg(
            command,
            stall_s=_STALL_S + size_bytes / _BYTES_PER_S,
            max_file_bytes=most,
            cancel=cancel,
            progress=_as_part(progress, clip.duration_s),
        )
        packets, sha256 = _verify(source, target, plan, clip, pool=pool, cancel=cancel)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return ConversionReport(plan.kind, plan.reason, target.stat().st_size, packets, sha256, time.monotonic() - started)


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
    *,
    pool: MediaPool,
    cancel: threading.Event | None,
) -> tuple[int, str]:
    """Check the result against the source; return count and SHA-256 of the packets that were copied."""
    result = pool.probe(target, cancel=cancel)
    _check_facts(clip, result)
    if plan.kind is ConversionKind.TRANSCODE:
        # a copy's times are compared packet by packet; its length may differ by what the last one is shown
        _check_length(clip.duration_s, result.duration_s)
    limit_s = _STALL_S + (_size_bytes(source) + target.stat().st_size) / _BYTES_PER_S
    copied = [
        (item.source.index, place)
        for place, item in enumerate(plan.streams)
        if item.action is StreamAction.COPY and not item.source.attached_picture
    ]
    report = pool.compare_packets(source, target, copied, timeout_s=limit_s, cancel=cancel)
    if report.difference:
        raise BrokenError(f"the converted file is not the same: {report.difference}")
    limit_s += clip.duration_s * _DECODE_LIMIT_FACTOR
    for place, item in enumerate(plan.streams):
        if item.action is not StreamAction.COPY:
            (before,) = pool.decode(source, [item.source.index], timeout_s=limit_s, cancel=cancel)
            (after,) = pool.decode(target, [place], timeout_s=limit_s, cancel=cancel)
            if after.errors:
                raise BrokenError(f"the converted file's stream {place} decodes with {after.errors} errors")
            same = before.frames == after.frames and before.sha256 == after.sha256
            if item.action is StreamAction.ALAC and not same:
                raise BrokenError("the sound of the converted file is not the same")
            if item.source.kind == "video" and before.frames != after.frames:
                raise BrokenError(f"the converted file has {after.frames} frames of {before.frames}")
            _check_length(before.last_s - before.first_s, after.last_s - after.first_s)
    return report.packets, report.sha256


def _check_facts(clip: Clip, result: Clip) -> None:
    """Raise if the result is not shown, or not dated, like the source."""
    slack = _PADDED_PX if result.width_px != clip.width_px or result.height_px != clip.height_px else 0
    sizes = ((clip.shown_width_px, result.shown_width_px), (clip.shown_height_px, result.shown_height_px))
    if any(abs(before - after) > slack for before, after in sizes):
        raise BrokenError(
            f"the converted file is shown as {result.shown_width_px}x{result.shown_height_px}, "
            f"not {clip.shown_width_px}x{clip.shown_height_px}"
        )
    if clip.rotation_deg != result.rotation_deg:
        raise BrokenError(f"the converted file is turned by {result.rotation_deg}, not {clip.rotation_deg} degrees")
    created = real_creation_time(clip)
    if created and created != result.tags.get("creation_time", ""):
        raise BrokenError(f"the converted file lost the creation time {created}")
    if clip.hdr != result.hdr:
        raise BrokenError("the converted file lost the HDR transfer")


def _check_length(before_s: float, after_s: float) -> None:
    if abs(before_s - after_s) > max(_DURATION_S, _DURATION_PART * before_s):
        raise BrokenError(f"the converted file lasts {after_s:.3f} s, not {before_s:.3f} s")
