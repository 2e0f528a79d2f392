"""`vsortd eval` says no more than its videos can tell: in text, tables, comparison, JSON and plots."""

from __future__ import annotations

import io
import re
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from tests.evaluation.conftest import Words, World
from tests.support.rules import rule
from vsortd.core.chance import Verdict, wilson
from vsortd.evaluation.case_sampling import SampledCases
from vsortd.evaluation.eval_plots import confusion_figure, reliability_figure
from vsortd.evaluation.eval_report import CorrectionsEffect
from vsortd.evaluation.eval_run import Wishes, _count
from vsortd.evaluation.eval_tables import print_evaluation
from vsortd.evaluation.measure import HitRate
from vsortd.judging.resident_model import Classifier
from vsortd.vision.prompts import level_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.evaluation.eval_report import Evaluation
    from vsortd.evaluation.rejudge import SampledCase

# (truth, what it looks like, how many videos)
Videos = tuple[tuple[str, str, int], ...]
FLAT: dict[str, Videos] = {
    "three, all right": (("town", "town", 2), ("nature", "nature", 1)),
    "three, all wrong": (("town", "nature", 2), ("nature", "town", 1)),
    "ten, seven right": (("town", "town", 7), ("town", "nature", 3)),
    "one video alone": (("town", "town", 1),),
    "nothing but none": (("", "", 4),),
}
DEEP: dict[str, Videos] = {
    "ten, and one of a rule": (
        ("nature/forest", "nature/forest", 6),
        ("nature/sea", "nature/forest", 3),
        ("town", "town", 1),
    ),
    "all wrong": (("nature/forest", "town", 2), ("town", "nature/sea", 3)),
}


@cache
def evaluated(shape: str) -> Evaluation:
    """Count videos that look like pure frames of a rule ("" for none of them) as the command does once it saw them."""
    finer = (rule("forest"), rule("sea")) if shape in DEEP else ()
    world = World.of(rule("nature", *finer), rule("town"))
    encoder = Words(world.axis)
    classifier = Classifier(encoder, world.tree, level_vectors(world.tree, encoder))

    def seen(truth: str, looks: str) -> SampledCase:
        keys = ["/".join(looks.split("/")[: depth + 1]) for depth in range(looks.count("/") + 1)] if looks else ["!"]
        return world.seen(truth, [world.pure(*keys)] * 2)

    cases = [seen(truth, looks) for truth, looks, count in (FLAT | DEEP)[shape] for _ in range(count)]
    sampled = SampledCases(cases, [], [], frames=2 * len(cases), decoded=0)
    return _count(Path("/films"), classifier, sampled, Wishes(compare=True), lambda _: nullcontext())


def text_of(found: Evaluation) -> str:
    """Return what a person reads."""
    out = io.StringIO()
    print_evaluation(Console(file=out, width=500), found)
    return out.getvalue()


def figures_of(found: Evaluation) -> Sequence[str]:
    """Return every text of both plots."""
    from matplotlib.text import Text

    figures = (confusion_figure(found), reliability_figure(found))
    return [text.get_text() for figure in figures for text in figure.findobj(Text) if text.get_text()]


def shares_of(document: Any) -> list[tuple[float, list[float], int]]:
    """Return each share in a document that has an interval beside it, and how many videos it is of."""
    found = []
    if isinstance(document, dict):
        total = document.get("n", 0)
        for name in [name for name in document if document.get(f"{name}_interval")]:
            n = document.get(f"{name}_n", document["none_n"] if name == "none_right" else total)
            found.append((document[name], document[f"{name}_interval"], n))
        return found + [share for value in document.values() for share in shares_of(value)]
    return [share for value in document for share in shares_of(value)] if isinstance(document, list) else []


@pytest.mark.parametrize("shape", [*FLAT, *DEEP])
def test_no_figure_has_more_digits_than_its_videos_allow(shape: str) -> None:
    found = evaluated(shape)
    for text in (text_of(found), *figures_of(found)):
        assert [] == re.findall(r"\d\.\d{3,}", text), "a third decimal"
        assert [] == re.findall(r"\d\.\d+ ?%", text), "a part of a percent"
        assert [] == re.findall(r"(?<!to )(?<!\d)\d+ ?%(?! intervals?)", text.replace("100 % pre", "")), (
            "without an interval"
        )
    assert "temperature of" not in text_of(found)
    assert f"too few videos to learn a temperature from ({len(found.judged)}; it takes 100)" in text_of(found)


@pytest.mark.parametrize("shape", FLAT)
def test_a_flat_tree_is_told_once(shape: str) -> None:
    found = evaluated(shape)
    text = text_of(found)
    assert "depth" not in text
    assert "all the way" not in text
    assert "level" not in text
    assert 1 == len(re.findall(r"^right ", text, re.MULTILINE))
    assert 1 == len(re.findall(r"^calibration error", text, re.MULTILINE))
    assert 1 == len(reliability_figure(found).axes) // 2
    assert "Where videos go instead" not in text, "the table above says it"


def test_a_deep_tree_is_told_at_each_depth() -> None:
    found = evaluated("ten, and one of a rule")
    text = text_of(found)
    for line in (
        "right at depth 1  ████████████████████ 10 of 10 (72 to 100 %)",
        "right at depth 2  █████████████░░░░░░░ 6 of 9 (35 to 88 %)",
        "right all the way ██████████████░░░░░░ 7 of 10 (40 to 89 %)",
        "wrong 3 of 10 (11 to 60 %)",
    ):
        assert line in text
    assert 2 == len(re.findall(r"^calibration error at the", text, re.MULTILINE))
    assert "depth 2" in text.partition("Other ways")[2].partition("\n")[2].partition("\n")[0]
    assert re.search(r"^ +sea +- +0 of 3 \(0 to 56 %\) +0\.0$", text, re.MULTILINE)
    assert ["7 of 10 (40 to 89 %) videos right all the way"] == [
        text for text in figures_of(found) if " videos right" in text
    ]


@pytest.mark.parametrize("shape", [*FLAT, *DEEP])
def test_json_has_plain_numbers_with_the_interval_beside_each(shape: str) -> None:
    document = evaluated(shape).to_json()
    assert {"accuracy_interval", "unsure_interval", "wrong_interval"} <= document.keys()
    assert {"accuracy_full_interval", "differ_interval"} <= document["sampling"].keys()
    shares = shares_of({**document, "calibration": None, "sampling": {**document["sampling"], "n": document["n"]}})
    assert len(shares) > 40
    for share, (low, high), n in shares:
        assert (low, high) == pytest.approx(wilson(share * n, n))
    for one in document["per_rule"].values():
        for name in ("precision", "recall", "f1"):
            assert one[name] is None or one[f"{name}_low"] - 1e-9 <= one[name] <= one[f"{name}_high"] + 1e-9
    assert (None, False, 100) == tuple(document["calibration"][key] for key in ("temperature", "kept", "least_n"))


@pytest.mark.parametrize(
    ("won", "lost", "verdict", "said"),
    [
        (1, 0, Verdict.UNTOLD, "too few videos to tell whether they help; they are used"),
        (9, 1, Verdict.BETTER, "they help; they are used"),
        (0, 6, Verdict.WORSE, "they do harm; they are used; learn: {use: false} switches them off"),
    ],
)
def test_whether_corrections_help_is_told_beyond_chance_alone(won: int, lost: int, verdict: Verdict, said: str) -> None:
    found = CorrectionsEffect(3, HitRate(10, 20), HitRate(10 + won - lost, 20), won, lost, used=True)
    assert (
        f"3 corrections: {10 + won - lost} of 20 right with them, 10 of 20 without (no video with its own): {said}"
        == found.sentence
    )
    assert verdict.value == found.to_json()["verdict"]
