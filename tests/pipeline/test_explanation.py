"""`vsortd explain`: the planner's own decision taken apart, for files wherever they lie and whatever became of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.support import harness
from vsortd.config.choices import Aggregate, OnUnsure
from vsortd.config.rules import Rule, RuleTree
from vsortd.core.outcomes import ConversionKind, ItemState
from vsortd.judging.decide import NONE, Decision, DecisionOutcome, LevelResult
from vsortd.pipeline.batch import SortOutcome as Fate
from vsortd.pipeline.explanation import Explanation, Frame, explained_levels, thinned

if TYPE_CHECKING:
    from pathlib import Path

CERTAIN = "defaults: {min_score: 0, min_margin: 0}\n"  # so that every clip is filed, whatever the model thinks of it
PORTRAIT = "decord__video_90.mov"
LANDSCAPE = "rails__video.mp4"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> harness.Home:
    """Share one home: explaining changes nothing, which its tests hold it to."""
    return harness.Here.make(tmp_path_factory.mktemp("explain") / "home", more=CERTAIN)


@pytest.fixture
def inbox_clip(home: harness.Home, clips: Path) -> Path:
    target = home.inbox / LANDSCAPE
    if not target.exists():
        shutil.copy2(clips / LANDSCAPE, target)
    return target


# A decision taken apart, without files


def rule(*path: str, prompts: tuple[str, ...] = ("x",), rules: tuple[Rule, ...] = ()) -> Rule:
    return Rule(path[-1], path, prompts, None, 0.35, 0.1, Aggregate.MEAN, 0.5, OnUnsure.STOP, (), rules)


TREE = RuleTree(
    (rule("sea"), rule("wood", rules=(rule("wood", "day"), rule("wood", "night"))), rule("box", prompts=()))
)


def decision(
    *levels: LevelResult, scores: dict[str, tuple[float, ...]], key: str = "", out: DecisionOutcome
) -> Decision:
    return Decision(key, out, 0.5, 0.1, levels, "because", settled=True, frame_scores=scores)


def level(parent: str, scores: dict[str, float], winner: str | None, best: str, **more: Any) -> LevelResult:
    return LevelResult(parent, scores, winner, 0.5, 0.1, NONE, "because", best, **more)


SCORES = {"sea": (0.1, 0.8, 0.3), "wood": (0.7, 0.1, 0.3), "wood/day": (0.2, 0.5, 0.9), "wood/night": (0.2, 0.1, 0.0)}
TOP = level("", {"sea": 0.4, "wood": 0.37, "box": 0.0, NONE: 0.23}, "wood", "wood")
BELOW = level("wood", {"day": 0.53, "night": 0.1, NONE: 0.37}, None, "day")


def test_frames_speak_in_the_order_of_their_times_and_none_of_these_has_the_rest() -> None:
    found = explained_levels(TREE, decision(TOP, scores=SCORES, out=DecisionOutcome.FILED), (3000, 1000, 2000))[0]
    assert [1000, 2000, 3000] == [frame.time_ms for frame in found.frames]
    assert ("sea", "wood", NONE) == found.names
    assert (0.8, 0.1, pytest.approx(0.1)) == found.shares[0]
    assert ["sea", NONE, NONE] == [speaker.rival for speaker in found.speakers]


def test_frames_for_and_against_are_told_apart_and_the_clearest_come_first() -> None:
    found = explained_levels(TREE, decision(TOP, scores=SCORES, out=DecisionOutcome.FILED), (3000, 1000, 2000))[0]
    assert [3000] == [speaker.frame.time_ms for speaker in found.for_it]
    assert [1000, 2000] == [speaker.frame.time_ms for speaker in found.against_it]
    assert pytest.approx(0.5) == found.for_it[0].lead


def test_a_rule_that_took_the_video_by_its_conditions_has_no_frames_to_speak_for_it() -> None:
    by_condition = level("", {"box": 1.0}, "box", "box")
    found = explained_levels(TREE, decision(by_condition, scores={}, key="box", out=DecisionOutcome.FILED), (1000,))[0]
    assert [] == found.speakers
    assert [("box", 1.0)] == found.ranked


def test_a_rule_that_contains_something_is_set_against_the_absence_of_it() -> None:
    by_content = level("", {"box": 0.9}, "box", "box")
    found = explained_levels(TREE, decision(by_content, scores={"box": (0.9, 0.2)}, out=DecisionOutcome.FILED), (1, 2))[
        0
    ]
    assert ("box", NONE) == found.names
    assert [pytest.approx((0.9, 0.1)), pytest.approx((0.2, 0.8))] == list(found.shares)


def test_what_was_looked_for_in_vain_is_no_competitor() -> None:
    scores = {**SCORES, "box": (0.1, 0.4, 0.2)}
    found = explained_levels(TREE, decision(TOP, scores=scores, out=DecisionOutcome.FILED), (1, 2, 3))[0]
    assert {"box": 0.4} == found.not_found
    assert ["wood", "sea", NONE] == [name for name, _ in found.ranked]
    assert ("sea", "wood", NONE) == found.names


def test_siblings_are_ranked_first_one_first_and_none_of_these_last() -> None:
    found = explained_levels(TREE, decision(TOP, scores=SCORES, out=DecisionOutcome.FILED), (1, 2, 3))[0]
    assert ["wood", "sea", "box", NONE] == [name for name, _ in found.ranked]


@pytest.mark.parametrize(("state", "parent"), [(ItemState.FILED, ""), (ItemState.REVIEW, "wood")])
def test_the_deciding_level_is_the_last_won_or_in_review_the_one_nobody_won(state: ItemState, parent: str) -> None:
    out = DecisionOutcome.FILED if state is ItemState.FILED else DecisionOutcome.REVIEW
    decided = decision(TOP, BELOW, scores=SCORES, key="wood", out=out)
    fate = Fate(None, "b", "t", state, "/a.mp4", "", "wood", 0.5, 0.1, ConversionKind.NONE, "because")
    views = explained_levels(TREE, decided, (1, 2, 3))
    explanation = Explanation(fate, None, decided, views)
    deciding = explanation.deciding
    assert deciding is not None
    assert deciding is explanation.telling
    assert parent == deciding.level.parent


@pytest.mark.parametrize(
    ("time_ms", "clock"),
    [(0, "00:00.0"), (49, "00:00.0"), (50, "00:00.1"), (59_960, "01:00.0"), (754_321, "12:34.3"), (6e6, "100:00.0")],
)
def test_times_are_shown_as_players_do(time_ms: int, clock: str) -> None:
    assert clock == Frame(int(time_ms), {}).clock


def test_many_frames_are_thinned_evenly() -> None:
    assert [1, 2, 3] == thinned([1, 2, 3], 48)
    few = thinned(range(512), 48)
    assert 48 == len(few) == len(set(few))
    assert max(np.diff(few)) - min(np.diff(few)) <= 1


# The command


@pytest.mark.timeout(120)
def test_it_says_what_plan_says_and_touches_nothing(home: harness.Home, inbox_clip: Path) -> None:
    before = harness.snapshot(home.folder / "Inbox")
    (planned,) = home.json("plan", inbox_clip)["items"]
    found = home.json("explain", inbox_clip)
    assert {"schema_version", "file", "decision", "levels", "frames"} <= set(found)
    assert str(inbox_clip) == found["file"]
    same = ("state", "rule", "score", "margin", "destination", "reason")
    assert {name: planned[name] for name in same} == {name: found["decision"][name] for name in same}
    assert before == harness.snapshot(home.folder / "Inbox")
    assert [] == home.items()
    assert None is found["journal"]


@pytest.mark.timeout(120)
def test_the_levels_scores_are_the_means_of_its_frames(home: harness.Home, inbox_clip: Path) -> None:
    found = home.json("explain", inbox_clip)
    top = found["levels"][0]
    assert "" == top["rule"]
    for name, score in top["scores"].items():
        if name != NONE:
            frames = [frame["scores"][name] for frame in found["frames"]]
            assert score == pytest.approx(sum(frames) / len(frames))
    assert top["winner"] == max((name for name in top["scores"] if name != NONE), key=lambda name: top["scores"][name])
    assert top["score"] == top["scores"][top["winner"]]
    assert sorted(frame["time_ms"] for frame in found["frames"]) == [frame["time_ms"] for frame in found["frames"]]
    assert found["levels"][-1]["score"] == found["decision"]["score"]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_filed_video_is_explained_where_it_lies_with_what_the_journal_knows(tmp_path: Path, clips: Path) -> None:
    home = harness.Here.make(tmp_path / "home", more=CERTAIN)
    source = shutil.copy2(clips / LANDSCAPE, home.inbox / LANDSCAPE)
    (item,) = home.json("sort", source)["items"]
    found = home.json("explain", item["destination"])
    assert (item["id"], str(source), item["rule"], item["score"]) == tuple(
        found["journal"][name] for name in ("id", "source", "rule", "score")
    )
    assert "it is there already" in found["decision"]["reason"]
    assert item["score"] == found["decision"]["score"]
    text = home.run("explain", item["destination"]).stdout
    assert f"journal #{item['id']}: filed" in text
    assert f"from {source}" in text
    assert "would" not in text.splitlines()[1], "it lies there"

    home.run("undo", "--all")
    found = home.json("explain", source)
    assert found["held"]
    assert item["rule"] == found["decision"]["rule"]
    assert ("filed", True) == (
        found["decision"]["state"],
        "would be filed → " in home.run("explain", source).stdout,
    )


@pytest.mark.long
@pytest.mark.timeout(120)
def test_the_picture_shows_every_frame_and_the_main_process_decodes_none(
    home: harness.Home, inbox_clip: Path, tmp_path: Path
) -> None:
    image = tmp_path / "out.png"
    code = (
        "import sys\nfrom vsortd.__main__ import main\n"
        f"code = main(['explain', {str(inbox_clip)!r}, '--out', {str(image)!r}])\n"
        "sys.exit(code or ('av' in sys.modules and 99))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=home.environment, capture_output=True, text=True, check=False, timeout=110
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    assert f"Drawn into {image}" in done.stdout
    with Image.open(image) as sheet:
        assert "PNG" == sheet.format
        assert sheet.width >= 940
        colours = sheet.convert("RGB").getcolors(1 << 24)
    assert colours is not None
    assert len(colours) > 5000, "no photographs in it"


@pytest.mark.long
@pytest.mark.timeout(120)
def test_a_refused_video_says_why_and_has_no_frames(tmp_path: Path, clips: Path) -> None:
    home = harness.Here.make(tmp_path / "home", more=f"accept: {{orientation: landscape}}\n{CERTAIN}")
    source = shutil.copy2(clips / PORTRAIT, home.inbox / PORTRAIT)
    found = home.json("explain", source, "--out", tmp_path / "out.png")
    assert ("rejected", [], [], None) == (
        found["decision"]["state"],
        found["levels"],
        found["frames"],
        found["image"],
    )
    assert "portrait" in found["decision"]["reason"]
    assert not (tmp_path / "out.png").exists()
    for words in (("explain", source), ("sort", "--dry-run", source)):
        assert "would be rejected" in home.run(*words).stdout
    said = home.run("sort", source).stdout
    assert ("rejected" in said, "would" in said) == (True, False)


@pytest.mark.long
@pytest.mark.timeout(120)
def test_a_broken_video_ends_like_sort_does(home: harness.Home, clips: Path, tmp_path: Path) -> None:
    home = harness.Home(home.folder)  # each ends while its model is being loaded
    broken = tmp_path / "half.mp4"
    broken.write_bytes((clips / LANDSCAPE).read_bytes()[:100_000])
    found = home.json("explain", broken, code=1)
    assert "failed" == found["decision"]["state"]
    assert "missing at its end" in found["decision"]["reason"]
    assert home.run("sort", "--dry-run", broken, code=None).returncode == 1
    said = home.run("explain", broken, code=1).stdout
    assert ("missing at its end" in said, "would fail" in said) == (True, True)


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.mp4"], "is not there"),
        (["."], "is a folder"),
        (["notes.txt"], "is no video by its name"),
        (["a.mp4", "--out", "a.mp4"], "does not end in .png"),
        (["a.mp4", "--out", "nowhere/out.png"], "There is no folder"),
    ],
)
def test_what_cant_be_explained_is_a_usage_error(
    home: harness.Home, tmp_path: Path, words: list[str], message: str
) -> None:
    for name in ("notes.txt", "a.mp4"):
        (tmp_path / name).write_text("x")
    done = subprocess.run(
        [sys.executable, "-m", "vsortd", "explain", *words],
        cwd=tmp_path,
        env={**home.environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert 2 == done.returncode, done.stderr
    assert message in done.stderr
    assert "x" == (tmp_path / "a.mp4").read_text()
