"""Which frames of a video a decision may rest on: spread over its time, or a picture of each of its shots."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vsortd.analysis.key_frames import shots_of_file
from vsortd.config.choices import SamplingBy
from vsortd.errors import BrokenError, LimitError
from vsortd.index.store import DECIDING
from vsortd.media.sampling_order import visiting_order

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vsortd.analysis.shots import Shot
    from vsortd.config.settings import Sampling
    from vsortd.index.store import Index
    from vsortd.media.pool import MediaPool


@dataclass(frozen=True, slots=True)
class LookPlan:
    """How a video is looked at: `total` moments spread over it, or these of its `shots`, ms in the order of looking.

    `moments_ms` is None where they are spread over time; `note` says why that is, where shots were wished, else "".
    """

    total: int
    moments_ms: tuple[int, ...] | None = None
    shots: int = 0
    note: str = ""

    @property
    def by(self) -> SamplingBy:
        """What the frames follow."""
        return SamplingBy.TIME if self.moments_ms is None else SamplingBy.SHOTS

    def name(self, ranks: range) -> str:
        """Return the name under which the index keeps a look: another for other moments."""
        plan = str(self.total)
        if self.moments_ms is not None:
            plan = f"shots-{hashlib.sha256(repr(self.moments_ms).encode()).hexdigest()[:16]}"
        return f"{DECIDING}-{plan}:{ranks.start}-{ranks.stop}"

    def to_json(self) -> dict[str, Any]:
        """Return it as `explain --json` prints it."""
        shots = None if self.moments_ms is None else self.shots
        return {"by": self.by.value, "shots": shots, "note": self.note or None}


def look_ranks(sampling: Sampling) -> Iterator[range]:
    """Yield the ranks of each look: `min_frames`, then as many again, up to `max_frames`."""
    begin, end = 0, min(sampling.min_frames, sampling.max_frames)
    while begin < end:
        yield range(begin, end)
        begin, end = end, min(end * 2, sampling.max_frames)


def plan_looks(sampling: Sampling, media: MediaPool, index: Index, path: Path, cancel: threading.Event) -> LookPlan:
    """Return how a video is looked at; its shots, if these are wished, are kept in the index or measured now.

    Where they can't be measured its frames are spread over time. Raises ChangedError, IncompleteError, StoreError,
    Cancelled.
    """
    if sampling.by is SamplingBy.TIME:
        return LookPlan(sampling.max_frames)
    try:
        shots = shots_of_file(media, index, path, cancel=cancel)
    except (BrokenError, LimitError) as error:
        return LookPlan(sampling.max_frames, note=f"by time: {error.reason}")
    least = min(sampling.min_frames, sampling.max_frames)
    return LookPlan(sampling.max_frames, shot_moments_ms(shots, least, sampling.max_frames), len(shots))


def shot_moments_ms(shots: Sequence[Shot], least: int, most: int) -> tuple[int, ...]:
    """Return when to look at n ≥ 1 shots, ms, in an order in which every beginning is spread over all of them.

    That is at the key frame of each. Of more than `most` shots, those shown at so many moments spread over the video
    are; of fewer than `least`, the longest in several places, in the middle of equal parts.
    """
    if len(shots) > most:
        begin_s, length_s = shots[0].begin_s, shots[-1].end_s - shots[0].begin_s
        wished = [begin_s + (place + 0.5) / most * length_s for place in range(most)]
        begins_s = [shot.begin_s for shot in shots]
        shown = sorted({bisect_right(begins_s, moment_s) - 1 for moment_s in wished})
        moments = [_key_ms(shots[place]) for place in shown]
    else:
        moments = [
            moment for shot, parts in zip(shots, _parts(shots, least), strict=True) for moment in _in(shot, parts)
        ]
    return tuple(moments[place] for place in visiting_order(len(moments)))


def _parts(shots: Sequence[Shot], least: int) -> list[int]:
    """Return in how many places each shot is looked at, `least` in all."""
    parts = [1] * len(shots)
    while sum(parts) < least:
        longest = max(range(len(shots)), key=lambda place: (shots[place].length_s / parts[place], -place))
        parts[longest] += 1
    return parts


def _in(shot: Shot, parts: int) -> list[int]:
    if parts == 1:
        return [_key_ms(shot)]
    return [round((shot.begin_s + (number + 0.5) / parts * shot.length_s) * 1000) for number in range(parts)]


def _key_ms(shot: Shot) -> int:
    return round(shot.key_frame_s * 1000)
