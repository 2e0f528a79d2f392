"""One picture of each shot: its key frame, or the nearest to that among frames that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.video_analysis import AnalysisWish, analyze_video, shots_of
from vsortd.errors import BrokenError

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.analysis.shots import Shot, ShotReport
    from vsortd.index.store import Index
    from vsortd.media.pool import MediaPool

SHOTS_ALONE = AnalysisWish((AnalysisPart.SHOTS,))
"""How shots are measured for what takes one picture of each."""


def shots_of_file(
    media: MediaPool, index: Index, path: Path, *, cancel: threading.Event | None = None
) -> tuple[Shot, ...]:
    """Return a video's shots, at least one: those that are kept, else measured now and kept.

    Raises BrokenError where it has no moving pictures, or none that can be decoded; else like `analyze_video`.
    """
    document = analyze_video(media, index, path, SHOTS_ALONE, cancel=cancel).documents[AnalysisPart.SHOTS]
    if document is None:
        raise BrokenError("it has no moving pictures, and so no shots")
    if "error" in document:
        raise BrokenError(f"its shots can't be measured: {document['error']}")
    report: ShotReport = shots_of(document)
    if not report.shots:
        raise BrokenError("no frame could be decoded")
    return report.shots


def key_moments_ms(shots: Sequence[Shot]) -> list[int]:
    """Return when the key frames are shown, ascending."""
    return [round(shot.key_frame_s * 1000) for shot in shots]


def frames_of_shots(times_ms: npt.NDArray[np.int64], shots: Sequence[Shot]) -> npt.NDArray[np.intp]:
    """Return for each shot which of n ascending frames within it is nearest to its key frame, -1 where none is.

    A shot's times are known to half a millisecond, as those of frames are: one that begins with the shot lies in it.
    """
    found = np.full(len(shots), -1, np.intp)
    begins, ends, keys = (
        np.array([round(getattr(shot, name) * 1000) for shot in shots], np.int64)
        for name in ("begin_s", "end_s", "key_frame_s")
    )
    ends = np.maximum(ends, begins + 1)  # of a film of one frame
    first, past = np.searchsorted(times_ms, begins), np.searchsorted(times_ms, ends)
    for number, (low, high, key) in enumerate(zip(first, past, keys, strict=True)):
        if low < high:
            found[number] = low + int(np.argmin(np.abs(times_ms[low:high] - key)))
    return found
