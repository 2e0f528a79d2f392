"""Making a copy of a video that a browser plays: by a confined ffmpeg, read back before it is whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from vsortd.core.units import about_size
from vsortd.errors import BrokenError, FilingError
from vsortd.media.convert import reading_limit_s
from vsortd.media.ffmpeg import ffmpeg_filters, ffmpeg_version, find_ffmpeg, run_ffmpeg
from vsortd.media.playable import ENCODERS, TONE_FILTERS, copy_command, plan_copy

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.core.video_facts import Clip
    from vsortd.media.playable import CopyPlan
    from vsortd.media.pool import MediaPool

_LEFT_BYTES: Final = 64 << 20  # of the disk that are not filled up


def make_playable(
    source: Path,
    target: Path,
    clip: Clip,
    media: MediaPool,
    *,
    most_bytes: int,
    free_bytes: int,
    niceness: int,
    cancel: threading.Event | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> None:
    """Write a copy of `source` that browsers play to `target` (absolute), which must not exist.

    `most_bytes` is how large it may become, `free_bytes` the room of its disk; `on_progress` hears the part that is
    done, 0 to 1. Raises VideoError, Cancelled, FilingError where there is no room, ToolError where ffmpeg or an encoder
    is missing; the target may be there then.
    """
    plan = plan_copy(clip, most_bytes)
    _insist_on_room(plan, target.parent, free_bytes)
    ffmpeg = find_ffmpeg(ENCODERS)
    command = copy_command(
        ffmpeg,
        ffmpeg_version(ffmpeg),
        source,
        target,
        clip=clip,
        plan=plan,
        tones=ffmpeg_filters(ffmpeg) >= TONE_FILTERS,
        threads=max(1, (os.cpu_count() or 1) // 2),
    )
    run_ffmpeg(
        command,
        source=source,
        target=target,
        must_confine=media.must_confine,
        stall_s=reading_limit_s(source),
        max_file_bytes=most_bytes,
        niceness=niceness,
        cancel=cancel,
        progress=None if on_progress is None else lambda done_s: on_progress(_part(done_s, clip)),
    )
    _verify(target, plan, media, cancel)


def _part(done_s: float, clip: Clip) -> float:
    return min(1.0, max(0.0, done_s / clip.duration_s)) if clip.duration_s > 0 else 0.0


def _insist_on_room(plan: CopyPlan, folder: Path, free_bytes: int) -> None:
    if free_bytes < plan.most_bytes + _LEFT_BYTES:
        raise FilingError(
            f"A playable copy may take {about_size(plan.most_bytes)}, and the disk of {folder} has "
            f"{about_size(free_bytes)} left.",
            remedy="Make room there, or choose another state folder with VSORTD_STATE_DIR.",
            paths=[folder],
        )


def _verify(target: Path, plan: CopyPlan, media: MediaPool, cancel: threading.Event | None) -> None:
    """Raise BrokenError unless the copy can be read up to its end, in the size that was planned."""
    made = media.probe(target, cancel=cancel)
    size = (made.shown_width_px, made.shown_height_px)
    if made.video_codec != "h264" or size != (plan.width_px, plan.height_px):
        raise BrokenError(f"its playable copy came out as {made.video_codec} of {size[0]}x{size[1]}")
