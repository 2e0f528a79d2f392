"""Scenes that are shots: which frame speaks for which, and in which order they come."""

from __future__ import annotations

import numpy as np

from vsortd.analysis.key_frames import frames_of_shots
from vsortd.analysis.shots import Shot, ShotStart
from vsortd.library.search.scenes import FrameScores
from vsortd.library.search.shot_scenes import best_shots, shot_table


def shot(begin_s: float, end_s: float, key_s: float) -> Shot:
    return Shot(begin_s, end_s, ShotStart.CUT, key_s, 0, 1)


def scores(*films: tuple[list[int], list[list[float]]]) -> FrameScores:
    """Return what frames say: of each film the times (ms), and a row of values for each."""
    offsets = np.concatenate([[0], np.cumsum([len(times) for times, _ in films])])
    times_ms = np.concatenate([np.array(times, np.int64) for times, _ in films])
    values = np.concatenate([np.array(rows, np.float32) for _, rows in films])
    return FrameScores(times_ms, values, offsets.astype(np.int64), np.array([10.0] * len(films)))


def test_the_frame_nearest_to_the_key_frame_speaks_for_a_shot() -> None:
    times_ms = np.array([500, 1500, 2500, 3500], np.int64)
    shots = [shot(0, 2.0, 1.2), shot(2.0, 2.4, 2.2), shot(2.4, 4.0, 3.1)]
    assert [1, -1, 3] == frames_of_shots(times_ms, shots).tolist()


def test_a_frame_at_a_cut_belongs_to_the_shot_that_begins_there() -> None:
    times_ms = np.array([0, 1033], np.int64)
    assert [0, 1] == frames_of_shots(times_ms, [shot(0, 1.0333, 0.5), shot(1.0333, 2, 1.0333)]).tolist()
    assert [0] == frames_of_shots(np.array([0], np.int64), [shot(0.0, 0.0, 0.0)]).tolist(), "a film of one frame"


def test_the_best_shot_comes_first_with_its_bounds() -> None:
    frame_scores = scores(([500, 1500, 2500], [[1.0], [5.0], [3.0]]), ([500], [[4.0]]))
    table = shot_table(frame_scores, {0: [shot(0, 1.0, 0.5), shot(1.0, 3.0, 2.6)], 1: [shot(0, 9.0, 4.0)]})
    found = best_shots(frame_scores, table, top=2)
    assert [(1, 0.0, 9.0, 0.5, 4.0), (0, 1.0, 3.0, 2.5, 3.0)] == [
        (one.film, one.begin_s, one.end_s, one.peak_s, one.value) for one in found
    ]
    assert (0, 0) == (table.unseen, table.unmeasured)


def test_shots_without_a_frame_and_videos_without_shots_are_counted() -> None:
    frame_scores = scores(([500], [[1.0]]), ([500], [[4.0]]))
    table = shot_table(frame_scores, {0: [shot(0, 0.4, 0.2), shot(0.4, 3.0, 2.6)]})
    assert (1, 1) == (table.unseen, table.unmeasured)
    assert [(0, 0.4)] == [(one.film, one.begin_s) for one in best_shots(frame_scores, table, top=9)]


def test_all_columns_have_to_hold_unless_any_will_do() -> None:
    frame_scores = scores(([500, 1500], [[4.0, -4.0], [1.0, 1.0]]))
    table = shot_table(frame_scores, {0: [shot(0, 1.0, 0.5), shot(1.0, 2.0, 1.5)]})
    assert 1.0 == best_shots(frame_scores, table, top=1)[0].begin_s
    assert 0.0 == best_shots(frame_scores, table, top=1, any_of=True)[0].begin_s


def test_without_shots_there_are_no_scenes() -> None:
    frame_scores = scores(([500], [[1.0]]))
    assert [] == best_shots(frame_scores, shot_table(frame_scores, {}), top=3)
