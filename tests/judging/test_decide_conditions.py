"""Rules that don't compete, conditions, tags, hierarchies, temperature, alternatives and examples; numbers by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.vectors import unit
from vsortd.config.choices import Aggregate, Hierarchy, OnUnsure
from vsortd.config.condition_options import When
from vsortd.config.rules import Rule, RuleTree, TagRule
from vsortd.config.tag_options import Contains
from vsortd.core.video_facts import Clip, Stream
from vsortd.judging.conditions import ConditionFacts, unmet
from vsortd.judging.decide import NONE, Decision, DecisionOutcome, decide
from vsortd.judging.frame_scores import competition, seconds_shown
from vsortd.vision.prompts import Example, LevelVectors, RuleVectors

if TYPE_CHECKING:
    from collections.abc import Sequence

CLIP = Clip(
    container="mov",
    brand="qt  ",
    width_px=1920,
    height_px=1080,
    shown_width_px=1080,
    shown_height_px=1920,
    rotation_deg=90,
    duration_s=12.0,
    container_duration_s=12.0,
    fps=59.7,
    frames=716,
    video_index=0,
    video_codec="hevc",
    pixel_format="yuv420p10le",
    bit_depth=10,
    hdr=True,
    fragmented=False,
    streams=(Stream(0, "video", "hevc", frames=716), Stream(1, "audio", "aac", frames=560)),
    camera="Apple iPhone 15 Pro",
    recorded_at="2024-05-31T23:30:00+02:00",
)
FACTS = ConditionFacts.of(CLIP, "IMG_0412.MOV")


def when(**options: Any) -> When:
    return When.model_validate(options)


def rule(name: str, *below: Rule, path: tuple[str, ...] = (), **options: Any) -> Rule:
    """Return a rule with sensible thresholds; `prompts=()` for one that doesn't compete."""
    place = (*path, name)
    children = tuple(replace(child, path=(*place, child.name)) for child in below)
    base: dict[str, Any] = {
        "prompts": (name,),
        "templates": None,
        "min_score": 0.4,
        "min_margin": 0.1,
        "aggregate": Aggregate.MEAN,
        "fraction_level": 0.5,
        "on_unsure": OnUnsure.STOP,
        "none_of_these": (),
    }
    return Rule(name=name, path=place, rules=children, **{**base, **options})


def level(parent: str, rows: dict[str, Sequence[float]], none: Sequence[float] | None = None) -> LevelVectors:
    vectors = np.asarray(list(rows.values()), np.float32)
    against = np.asarray([none], np.float32) if none is not None else np.zeros((0, vectors.shape[1]), np.float32)
    return LevelVectors(
        parent=parent,
        names=tuple(rows),
        vectors=vectors,
        known=tuple(bool(np.any(row)) for row in vectors),
        unknown=tuple(() for _ in rows),
        negatives=("other",) * len(against),
        negative_vectors=against,
    )


def vectors(*levels: LevelVectors, scale: float = 1.0, **more: Any) -> RuleVectors:
    return RuleVectors({one.parent: one for one in levels}, levels[0].vectors.shape[1], scale, None, **more)


def logs(*frames: Sequence[float]) -> np.ndarray:
    """Frames that give exactly these probabilities when each competitor has a unit vector of its own."""
    return np.log(np.asarray(frames, np.float64))


EYE = np.eye(4)
TWO = level("", {"forest": EYE[0], "sea": EYE[1]}, EYE[2])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, None),
        ({"orientation": "portrait", "min_duration": "10s", "max_duration": "12s"}, None),
        ({"orientation": ["landscape", "square"]}, "when.orientation is landscape or square"),
        ({"max_duration": "11s"}, "when.max_duration is 11 s"),
        ({"min_width": 1081}, "when.min_width is 1081"),
        ({"max_width": 1079}, "1080 px are too wide"),
        ({"max_width": 1080, "max_height": 1920, "min_height": 1920}, None),
        ({"max_height": 1919}, "1920 px are too high"),
        ({"min_fps": 60.0}, None),  # 59.7 is a phone's 60
        ({"min_fps": 61.0}, "59.7 frames a second are too few"),
        ({"max_fps": 30.0}, "59.7 frames a second are too many"),
        ({"codec": ["h265", "av1"]}, None),
        ({"codec": "H264"}, "the codec is hevc (when.codec is h264)"),
        ({"has_audio": True}, None),
        ({"has_audio": False}, "it has sound (when.has_audio is false)"),
        ({"camera": "*iphone*"}, None),
        ({"camera": ["GoPro*", "DJI*"]}, 'the camera is "Apple iPhone 15 Pro" (when.camera is GoPro* or DJI*)'),
        ({"recorded_since": "2024-05-31", "recorded_before": "2024-06-01"}, None),  # by the camera's own clock
        ({"recorded_since": "2024-06-01"}, "recorded on 2024-05-31 (when.recorded_since is 2024-06-01)"),
        ({"recorded_before": "2024-05-31"}, "recorded on 2024-05-31"),
        ({"file_name": "img_*.mov"}, None),
        ({"file_name": "VID_*"}, "the file is not called VID_*"),
    ],
)
def test_a_condition_holds_or_says_why_not(options: dict[str, Any], says: str | None) -> None:
    why = unmet(when(**options), FACTS)
    assert (says is None) == (why is None)
    assert says is None or says in (why or "")


@pytest.mark.parametrize("options", [{"camera": "*"}, {"recorded_since": "1970-01-01"}, {"min_fps": 1.0}])
def test_what_the_file_does_not_say_holds_for_no_condition(options: dict[str, Any]) -> None:
    silent = ConditionFacts.of(replace(CLIP, camera="", recorded_at="", fps=0.0), "a.mp4")
    assert unmet(when(**options), silent)


def test_a_rule_with_conditions_only_takes_what_meets_them_whatever_is_seen() -> None:
    phone = rule("phone", prompts=(), when=when(camera="*iphone*"))
    tree = RuleTree(rules=(rule("forest"), rule("sea"), phone))
    seen = vectors(level("", {"forest": EYE[0], "sea": EYE[1], "phone": [0, 0, 0, 0]}, EYE[2]))
    frames = logs([0.9, 0.05, 0.05, 1])
    taken = decide(tree, seen, frames, facts=FACTS)
    assert ("phone", DecisionOutcome.FILED, 1.0) == (taken.rule, taken.outcome, taken.score)
    assert "its conditions hold" in taken.reason
    other = decide(tree, seen, frames, facts=ConditionFacts.of(replace(CLIP, camera="GoPro"), "a.mp4"))
    assert "forest" == other.rule
    assert "GoPro" in other.levels[0].excluded["phone"]


def test_a_rule_whose_conditions_do_not_hold_is_what_a_video_may_show_instead() -> None:
    """A landscape forest is no sea only because forests are for portraits: the forest's share is none of these'."""
    tree = RuleTree(rules=(rule("forest", when=when(orientation="landscape")), rule("sea")))
    decision = decide(tree, vectors(TWO), logs([0.8, 0.1, 0.1, 1]), facts=FACTS)
    assert DecisionOutcome.REVIEW is decision.outcome
    assert pytest.approx({"forest": 0.0, "sea": 0.1, NONE: 0.9}) == decision.levels[0].scores


def test_a_twin_whose_conditions_do_not_hold_takes_nothing_from_the_other() -> None:
    tall, wide = (rule(name, when=when(orientation=name)) for name in ("portrait", "landscape"))
    twins = vectors(level("", {"portrait": EYE[0], "landscape": EYE[0]}, EYE[2]))
    decision = decide(RuleTree(rules=(tall, wide)), twins, logs([0.8, 1, 0.2, 1]), facts=FACTS)
    assert "portrait" == decision.rule
    assert pytest.approx(0.8) == decision.score


def test_no_rule_applies_is_unsure_and_says_so() -> None:
    only = RuleTree(rules=(rule("forest", when=when(has_audio=False)),))
    decision = decide(only, vectors(level("", {"forest": EYE[0]}, EYE[2])), logs([0.9, 1, 0.1, 1]), facts=FACTS)
    assert (DecisionOutcome.REVIEW, "") == (decision.outcome, decision.rule)
    assert "the conditions of no rule hold; forest: it has sound" in decision.reason


def _wine(min_seconds: float, shown: Sequence[float]) -> Decision:
    """Decide on a video of 12 s with frames at 1, 3, 5, 7, 9 and 11 s; each stands for two seconds."""
    sought = Contains.model_validate({"prompts": "a bottle of wine", "min_score": 0.6, "min_duration": min_seconds})
    tree = RuleTree(rules=(rule("forest"), rule("sea"), rule("wine", prompts=(), contains=sought)))
    seen = vectors(
        level("", {"forest": EYE[0], "sea": EYE[1], "wine": [0, 0, 0, 0]}, EYE[2]),
        detectors={"wine": level("wine", {"wine": EYE[3]}, EYE[2])},
    )
    # the forest has 0.8 against the sea's 0.1 throughout; the wine p against its 'other' of 0.1: p / (p + 0.1)
    frames = logs(*([0.8, 0.1, 0.1, 0.1 * p / (1 - p)] for p in shown))
    return decide(tree, seen, frames, times_ms=np.arange(1000, 13000, 2000), facts=FACTS)


def test_what_is_contained_for_long_enough_takes_the_video_before_the_others_compete() -> None:
    assert "wine" == (found := _wine(4.0, [0.1, 0.1, 0.7, 0.9, 0.1, 0.1])).rule
    assert pytest.approx(0.9) == found.score
    assert "contains 'a bottle of wine' for 4.0 s" in found.reason
    assert pytest.approx((0.1, 0.1, 0.7, 0.9, 0.1, 0.1)) == found.frame_scores["wine"]


def test_what_is_contained_too_shortly_takes_nothing_and_more_frames_may_help() -> None:
    decision = _wine(4.5, [0.1, 0.1, 0.7, 0.9, 0.1, 0.1])
    assert "forest" == decision.rule
    assert not decision.settled


@pytest.mark.parametrize("first", ["wine", "tall"])
def test_a_later_rule_settles_nothing_while_an_earlier_one_may_still_be_found(first: str) -> None:
    wine = rule("wine", prompts=(), contains=Contains.model_validate({"prompts": "a bottle of wine"}))
    tall = rule("tall", prompts=(), when=when(orientation="portrait"))
    siblings = (wine, tall) if first == "wine" else (tall, wine)
    seen = vectors(
        level("", {one.name: [0, 0, 0, 0] for one in siblings}, EYE[2]),
        detectors={"wine": level("wine", {"wine": EYE[3]}, EYE[2])},
    )
    decision = decide(RuleTree(rules=siblings), seen, logs(*[[1, 1, 0.9, 0.1]] * 8), facts=FACTS)
    assert "tall" == decision.rule
    assert (first == "tall") == decision.settled


def test_each_frame_stands_for_the_time_around_it() -> None:
    times = np.asarray([9000, 1000, 3000])  # in any order: edges at 0, 2, 6 and 10 s
    assert 4.0 == seconds_shown(np.asarray([True, False, False]), times, 10.0)
    assert 2.0 == seconds_shown(np.asarray([False, True, False]), times, 10.0)
    assert 10.0 == seconds_shown(np.asarray([True] * 3), times, 10.0)
    assert 0.0 == seconds_shown(np.zeros(0, bool), np.zeros(0, np.int64), 10.0)


def test_tags_mark_a_video_wherever_it_is_filed() -> None:
    tree = RuleTree(
        rules=(rule("forest"), rule("sea")),
        tags=(
            TagRule("wine", ("wine",), 0.5, 0.0),
            TagRule("portrait", (), 0.5, 0.0, when(orientation="portrait")),
            TagRule("quiet", (), 0.5, 0.0, when(has_audio=False)),
        ),
    )
    sight = {"#wine": level("#wine", {"#wine": EYE[3]}, EYE[2])}
    shown = decide(tree, vectors(TWO, detectors=sight), logs([0.8, 0.1, 0.1, 0.9]), facts=FACTS)
    assert ("forest", ("wine", "portrait")) == (shown.rule, shown.tags)
    hidden = decide(tree, vectors(TWO, detectors=sight), logs(*[[0.8, 0.1, 0.1, 0.01]] * 9), facts=FACTS)
    assert ("forest", ("portrait",)) == (hidden.rule, hidden.tags)
    assert not hidden.settled, "the wine may stand between the frames"


def test_a_temperature_softens_and_sharpens() -> None:
    """With p ∝ q^(1/T), 0.8 : 0.2 becomes 2 : 1 at T = 2, 16 : 1 at T = 1/2."""
    two = level("", {"forest": EYE[0], "sea": EYE[1]})
    for temperature, share in ((1.0, 0.8), (2.0, 2 / 3), (0.5, 16 / 17)):
        probs = competition(vectors(two, temperature=temperature), "", logs([0.8, 0.2, 1, 1]))
        assert pytest.approx([share, 1 - share, 0.0]) == probs[0].tolist()


def test_of_alternatives_the_best_one_counts() -> None:
    either = replace(TWO, alternatives={0: np.asarray([EYE[0], EYE[3]], np.float32)})
    probs = competition(vectors(either), "", logs([0.1, 0.2, 0.2, 0.4]))
    assert pytest.approx([0.5, 0.25, 0.25]) == probs[0].tolist()


NATURE = rule("nature", rule("wood"), rule("hills"))
NESTED = vectors(
    level("", {"nature": EYE[0], "town": EYE[1]}, EYE[2]),
    level("nature", {"wood": EYE[3], "hills": EYE[2]}),
)


def test_leaves_are_added_up_for_the_rule_above_them() -> None:
    """Nature has its own 0.2 and its paths (nature + wood, nature + hills, over √2), town 0.4 and the others 0.1."""
    frame = np.log([[0.2, 0.4, 0.1, 0.8]])
    wood, hills = ((math.log(0.2) + math.log(p)) / math.sqrt(2) for p in (0.8, 0.1))
    nature = 0.2 + math.exp(wood) + math.exp(hills)
    probs = competition(NESTED, "", frame, hierarchy=Hierarchy.LEAVES)
    total = nature + 0.4 + 0.1
    assert pytest.approx([nature / total, 0.4 / total, 0.1 / total], rel=1e-6) == probs[0].tolist()
    assert "nature/wood" == decide(RuleTree((NATURE, rule("town")), hierarchy=Hierarchy.LEAVES), NESTED, frame).rule


def test_a_product_weighs_a_rule_by_the_best_path_below_it() -> None:
    """Nature's 0.5 times wood's 8/9 against town's 0.4 and other's 0.1."""
    probs = competition(NESTED, "", np.log([[0.5, 0.4, 0.1, 0.8]]), hierarchy=Hierarchy.PRODUCT)
    nature = 0.5 * 0.8 / 0.9
    total = nature + 0.5
    assert pytest.approx([nature / total, 0.4 / total, 0.1 / total]) == probs[0].tolist()


def test_an_example_draws_what_looks_like_it() -> None:
    taught = vectors(TWO, scale=10.0).with_examples([Example("sea", np.asarray([unit(0, 0, 0, 1)]))])
    frames = np.asarray([unit(0.2, 0.1, 0, 1), unit(1, 0, 0, 0)], np.float64)
    before = competition(vectors(TWO, scale=10.0), "", frames)
    after = competition(taught, "", frames)
    assert before[0, 0] > before[0, 1]
    assert after[0, 1] > after[0, 0], "like the example"
    assert abs(after[1, 1] - before[1, 1]) < 0.02, "unlike it"


def test_an_example_teaches_every_level_on_its_path_and_a_lost_rule_nothing() -> None:
    taught = NESTED.with_examples(
        [Example("nature/hills", np.asarray([unit(0, 0, 0, 1)])), Example("gone/far", np.asarray([unit(1, 0, 0, 0)]))]
    )
    assert [0] == list(taught.levels[""].examples)
    assert [1] == list(taught.levels["nature"].examples)


def test_a_rule_of_unknown_words_takes_part_once_it_has_examples() -> None:
    strange = level("", {"zorb": [0, 0, 0, 0], "sea": EYE[1]}, EYE[2])
    tree = RuleTree(rules=(rule("zorb"), rule("sea")))
    like = np.asarray([unit(0, 0.1, 0, 1)] * 4)
    alone = decide(tree, vectors(strange, scale=20.0), like)
    assert "zorb" != alone.rule
    taught = vectors(strange, scale=20.0).with_examples([Example("zorb", np.asarray([unit(0, 0, 0, 1)]))])
    assert "zorb" == decide(tree, taught, like).rule


def test_a_rule_that_looks_for_something_competes_as_well_once_it_has_examples() -> None:
    sought = Contains.model_validate({"prompts": "a bottle of wine"})
    tree = RuleTree(rules=(rule("forest"), rule("wine", prompts=(), contains=sought)))
    plain = vectors(
        level("", {"forest": EYE[0], "wine": [0, 0, 0, 0]}, EYE[2]),
        scale=20.0,
        detectors={"wine": level("wine", {"wine": EYE[1]}, EYE[2])},
    )
    like = np.asarray([unit(0, -0.1, 0, 1)] * 4)
    assert "wine" != decide(tree, plain, like).rule
    decision = decide(tree, plain.with_examples([Example("wine", np.asarray([unit(0, 0, 0, 1)]))]), like)
    assert "wine" == decision.rule
    assert "contains" not in decision.reason
