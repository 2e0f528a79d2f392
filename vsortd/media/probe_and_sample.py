"""The facts of a video and its first frames in one go: a file is opened once for both. Worker processes only."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vsortd.media.container import film_stream, open_video
from vsortd.media.frame_table import read_table
from vsortd.media.probe import probe_video
from vsortd.media.sample import sample_video, spare_smoothing, wanted_samples

if TYPE_CHECKING:
    from vsortd.core.video_facts import Clip
    from vsortd.media.frames import Frames
    from vsortd.media.preprocess import Preprocess


def look_at_file(
    path: str, ranks: range, total: int, preprocess: Preprocess, *, allowed_s: float
) -> tuple[Clip, Frames, float]:
    """Return what `probe_file` and then `sample_file` would, and how long the second took, seconds.

    Each of the two may take `allowed_s` seconds. Raises what they raise.
    """
    with open_video(path) as video:
        film = film_stream(video)
        table = read_table(video, film, deadline=time.monotonic() + allowed_s)
        wanted = wanted_samples(table, ranks, total)
        spare_smoothing(film, table, wanted, preprocess)
        clip = probe_video(video, film, table, deadline=time.monotonic() + allowed_s)
        began_s = time.monotonic()
        first = ranks.start == 0
        frames = sample_video(video, film, table, wanted, preprocess, first=first, deadline=began_s + allowed_s)
        return clip, frames, time.monotonic() - began_s
