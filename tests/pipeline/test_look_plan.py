"""Which frames a decision may rest on: spread over time, or a picture of each shot."""

from __future__ import annotations

import threading
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.support import harness
from tests.support.films import put_out, three_shots
from tests.support.sounds import levels, write_sound
from tests.support.takes import render_takes
from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.shots import Shot, ShotStart
from vsortd.analysis.video_analysis import AnalysisWish, analyze_video
from vsortd.config.choices import SamplingBy
from vsortd.config.settings import Sampling
from vsortd.errors import ChangedError
from vsortd.index.store import Index
from vsortd.media.pool import MediaPool
from vsortd.pipeline.look_plan import LookPlan, plan_looks, shot_moments_ms

if TYPE_CHECKING:
    from pathlib import Path

RULES = """
rules:
  - {name: city, prompts: ["a city"], min_score: 0, min_margin: 0}
  - {name: sea, prompts: ["the sea"], min_score: 0, min_margin: 0}
"""


def cut_at(*edges_s: float) -> tuple[Shot, ...]:
    """Return shots between moments, the key frame of each a fifth behind its middle."""
    return tuple(Shot(a, b, ShotStart.CUT, a + 0.6 * (b - a), 0, 1) for a, b in pairwise(edges_s))


def test_each_shot_has_its_key_frame_however_long_it_is() -> None:
    assert [600, 1120, 7500] == sorted(shot_moments_ms(cut_at(0, 1, 1.2, 11.7), 1, 32))


def test_every_beginning_is_spread_over_the_video() -> None:
    moments = shot_moments_ms(cut_at(*range(17)), 4, 32)
    assert 16 == len(set(moments))
    for count in (2, 4, 8):
        first = sorted(moments[:count])
        assert all(16_000 / count / 2 <= after - before for before, after in pairwise(first)), count


def test_of_more_shots_than_may_be_looked_at_those_spread_over_time_are() -> None:
    quick = [number * 0.1 for number in range(101)]  # a hundred in ten seconds, then five of ten seconds
    moments = shot_moments_ms(cut_at(*quick, 20, 30, 40, 50, 60), 2, 6)
    assert [0, 1, 2, 3, 4, 5] == sorted(moment // 10_000 for moment in moments)


def test_of_fewer_shots_the_longest_are_looked_at_in_several_places() -> None:
    assert [600, 2000, 4000, 6000] == sorted(shot_moments_ms(cut_at(0, 1, 7), 4, 32))
    assert [1000, 3000, 5000, 7000] == sorted(shot_moments_ms(cut_at(0, 8), 4, 32)), "an uncut video"


def test_another_way_to_look_has_another_name_in_the_index() -> None:
    plans = (LookPlan(32), LookPlan(16), LookPlan(32, (600, 1200), 2), LookPlan(32, (600, 1300), 2))
    assert 4 == len({plan.name(range(8)) for plan in plans})
    assert "spread-32:0-8" == LookPlan(32).name(range(8)), "what was looked at before is looked at anew"


@pytest.mark.timeout(60)
def test_where_there_are_no_shots_frames_are_spread_over_time_and_it_says_why(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "sound.mp4", levels((-23.0, 1.0)))
    sampling = Sampling(by=SamplingBy.SHOTS, max_frames=16)
    with MediaPool(1, timeout_s=30, memory_bytes=600_000_000) as media, closing(Index(tmp_path / "index")) as index:
        plan = plan_looks(sampling, media, index, path, threading.Event())
        assert (SamplingBy.TIME, "spread-16:0-8") == (plan.by, plan.name(range(8)))
        assert "by time: it has no moving pictures, and so no shots" == plan.note
        film = three_shots(tmp_path / "film.mov")
        analyze_video(media, index, film, AnalysisWish(parts=(AnalysisPart.FACTS,)))
        put_out(film)
        plan = plan_looks(sampling, media, index, film, threading.Event())
        assert plan.note.startswith("by time: its shots can't be measured: ")
        path.unlink()
        with pytest.raises(ChangedError):
            plan_looks(sampling, media, index, path, threading.Event())


@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_decision_by_shots_counts_each_once(tmp_path: Path) -> None:
    """Eight short shots of a city outweigh one long one of the sea, which has most of the time."""
    home = harness.Here.make(tmp_path / "home", rules=RULES, more="sampling: {by: shots, min_frames: 9}\n")
    takes = [("sea", 8.0), *(("city", 0.5) for _ in range(8))]
    film = render_takes(home.inbox / "film.mp4", takes, seed=901)
    by_shots = home.json("explain", film)
    assert {"by": "shots", "shots": 9, "note": None} == by_shots["sampling"]
    times_s = [frame["time_ms"] / 1000 for frame in by_shots["frames"]]
    assert 9 == len(times_s)
    assert [0, *range(8)] == [max(0, int((time_s - 8.0) / 0.5)) for time_s in times_s]
    assert 2.0 <= times_s[0] <= 6.0, "not in the middle half of its shot"
    assert "city" == by_shots["decision"]["rule"]
    told = home.run("explain", film, "--out", tmp_path / "why.png").stdout
    assert "9 frames looked at of 9 shots" in told
    with Image.open(tmp_path / "why.png") as sheet:
        assert len(sheet.convert("RGB").getcolors(1 << 24) or ()) > 2000, "no frames in it"
    config = home.config.read_text()
    home.config.write_text(config.replace("by: shots", "by: time"))
    by_time = home.json("explain", film)
    assert ({"by": "time", "shots": None, "note": None}, "sea") == (by_time["sampling"], by_time["decision"]["rule"])
    home.config.write_text(config)
    home.run("sort", film)
    assert "city" == home.items()[0]["rule"]
