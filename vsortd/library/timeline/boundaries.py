"""Finding the moment at which something begins or ends to be seen, by asking for frames in between. Pure.

Who asks passes a callable that looks at frames (decoding, embedding and scoring them); here only the moments are
chosen, for all edges of all prompts together, so that a cut between two of them costs its frames once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from vsortd.library.timeline.spans import Floats, Reading, Stretch, Track

Moments = npt.NDArray[np.int64]
# Takes moments, ms, ascending; gives the true times of the frames that it found there, ascending, and their log-odds
# [n, prompts]. It may find fewer.
Look = Callable[[Moments], tuple[Moments, npt.NDArray[np.floating[Any]]]]

# Between two frames at most so many more are asked for at once: ten seconds are down to 0.2 in two rounds.
_AT_ONCE: Final = 8
# A decoder's table may be off by a few frames, so that none comes from in between: then once more, twice as close.
_TRIES: Final = 2
# More says nothing more about a frame; so one odd frame can't outweigh all others.
_SUREST: Final = 4.0


@dataclass(frozen=True, slots=True)
class Edge:
    """Where the log-odds of prompt `column` rise (or fall) through `level`, between two moments.

    `low_seen` and `high_seen` tell whether there is a frame at that moment, or whether it is a limit of the video: what
    is shown up to there began before it, or goes on behind it.
    """

    column: int
    level: float
    rises: bool
    low_ms: float
    high_ms: float
    low_seen: bool = True
    high_seen: bool = True
    vain: int = 0  # how often nothing was found in between


def refined(edges: Sequence[Edge], look: Look, precision_ms: float) -> list[float]:
    """Return the moment of each edge, ms, known to `precision_ms` (> 0) as far as frames can be had.

    Of the frames in between, the split that explains them best is taken: the one with the largest sum of log-odds
    behind it less those before it. So a cut is found in spite of an odd frame, and a fade where it crosses the level.
    """
    found = list(edges)
    open_places = [place for place, edge in enumerate(found) if _wanted(edge, precision_ms)]
    while open_places:
        moments = np.unique(np.concatenate([_wanted(found[place], precision_ms) for place in open_places]))
        times, log_odds = look(moments.astype(np.int64))
        still = []
        for place in open_places:
            found[place] = _narrowed(found[place], times, log_odds)
            if found[place].vain < _TRIES and _wanted(found[place], precision_ms):
                still.append(place)
        open_places = still
    return [_moment(edge) for edge in found]


def _moment(edge: Edge) -> float:
    if not edge.low_seen:
        return edge.low_ms
    return edge.high_ms if not edge.high_seen else (edge.low_ms + edge.high_ms) / 2


def _wanted(edge: Edge, precision_ms: float) -> list[int]:
    """Return the moments to look at next; none where the edge is known well enough."""
    gap = edge.high_ms - edge.low_ms
    parts = min(_AT_ONCE + 1, math.ceil(gap / precision_ms - 1e-9))
    if parts < 2:  # noqa: PLR2004 - near enough
        return []
    parts = min(_AT_ONCE + 1, parts << edge.vain)
    begin, end = int(edge.low_seen), parts + int(not edge.high_seen)
    moments = {round(edge.low_ms + gap * part / parts) for part in range(begin, end)}
    return sorted(moments - {edge.low_ms if edge.low_seen else None, edge.high_ms if edge.high_seen else None})


def _narrowed(edge: Edge, times: Moments, log_odds: npt.NDArray[np.floating[Any]]) -> Edge:
    """Return the edge between the two frames where it most probably lies; tells where no frame is in between."""
    within = (times > edge.low_ms) & (times < edge.high_ms)
    within |= (times == edge.low_ms) & (not edge.low_seen)
    within |= (times == edge.high_ms) & (not edge.high_seen)
    if not within.any():
        return replace(edge, vain=edge.vain + 1)
    sign = 1.0 if edge.rises else -1.0
    inside = np.clip(sign * (log_odds[within, edge.column].astype(np.float64) - edge.level), -_SUREST, _SUREST)
    # split k: the first k frames lie before the edge
    before = np.concatenate([[0.0], np.cumsum(inside)])
    split = int(np.argmax(before[-1] - 2 * before))
    moments = times[within].astype(np.float64)
    narrowed = replace(edge, vain=0)
    if split > 0:
        narrowed = replace(narrowed, low_ms=float(moments[split - 1]), low_seen=True)
    if split < len(moments):
        narrowed = replace(narrowed, high_ms=float(moments[split]), high_seen=True)
    return _settled(narrowed)


def _settled(edge: Edge) -> Edge:
    """Close an edge for which not one frame lies on the far side of the video's limit: it is that limit."""
    if not edge.low_seen:
        return replace(edge, high_ms=edge.low_ms)
    return replace(edge, low_ms=edge.high_ms) if not edge.high_seen else edge


def edges_to_refine(track: Track, runs: Sequence[Sequence[Stretch]], reading: Reading) -> list[Edge]:
    """Return the two edges of each stretch of each prompt, in that order."""
    on, off = (math.log(share / (1 - share)) for share in (reading.on, reading.off))
    times: Floats = track.times_ms.astype(np.float64)
    end_ms = float(track.edges_ms[-1])
    edges = []
    for column, stretches in enumerate(runs):
        for run in stretches:
            first, last = float(times[run.first]), float(times[run.last])
            if run.first:
                edges.append(Edge(column, on, True, float(times[run.first - 1]), first))
            else:
                edges.append(Edge(column, on, True, 0.0, first, low_seen=False))
            if run.last + 1 < len(times):
                edges.append(Edge(column, off, False, last, float(times[run.last + 1])))
            else:
                edges.append(Edge(column, off, False, last, end_ms, high_seen=False))
    return edges


def with_edges(runs: Sequence[Sequence[Stretch]], moments_ms: Sequence[float]) -> list[list[Stretch]]:
    """Put the moments that were found for `edges_to_refine` into its stretches."""
    left = iter(moments_ms)
    return [[replace(run, begin_ms=next(left), end_ms=next(left)) for run in stretches] for stretches in runs]
