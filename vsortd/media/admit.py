"""Which videos are sorted at all, by their facts alone. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vsortd.clip import Clip
    from vsortd.settings import Accept


def admit(clip: Clip, accept: Accept) -> str | None:
    """Return None if a video is accepted, else one sentence that names the first setting that refuses it.

    The order is orientation, duration (too short, too long), width, height; sizes are as shown.
    """
    size = f"{clip.shown_width_px}x{clip.shown_height_px}"
    if clip.orientation not in accept.orientation:
        wanted = " or ".join(accept.orientation)
        return f"{clip.orientation} {size} is not accepted: accept.orientation is {wanted}"
    if accept.min_duration_s is not None and clip.duration_s < accept.min_duration_s:
        return f"{_seconds(clip)} are too short: accept.min_duration is {accept.min_duration_s:g} s"
    if accept.max_duration_s is not None and clip.duration_s > accept.max_duration_s:
        return f"{_seconds(clip)} are too long: accept.max_duration is {accept.max_duration_s:g} s"
    if accept.min_width is not None and clip.shown_width_px < accept.min_width:
        return f"{size} is too narrow: accept.min_width is {accept.min_width}"
    if accept.min_height is not None and clip.shown_height_px < accept.min_height:
        return f"{size} is too low: accept.min_height is {accept.min_height}"
    return None


def _seconds(clip: Clip) -> str:
    return f"{clip.duration_s:.4g} s"
