"""What is asked about a video, and that an answer is one of the rules or none, whatever a model says."""

from __future__ import annotations

import json

import pytest

from tests.support.facts import clip_facts
from tests.support.rules import rule, tree
from vsortd.config.condition_options import When
from vsortd.config.tag_options import Contains
from vsortd.judging.conditions import ConditionFacts
from vsortd.opinion.question import MOST_RULES, WHY_CHARS, Answer, RuleQuestion, one_sentence

QUESTION = RuleQuestion((("nature", ""), ("nature/forest", "a forest"), ("Sea", ""), ("Café", "")), "none")


@pytest.mark.parametrize(
    ("said", "rule", "why"),
    [
        ('{"why": "Tall trees.", "rule": "nature/forest"}', "nature/forest", "Tall trees."),
        ('{"rule": " SEA ", "why": ""}', "Sea", ""),
        ('Sure!\n```json\n{"why": "Fog", "rule": "sea"}\n```\nAnything else?', "Sea", "Fog"),
        ('<think>{"rule": "nature"} hm, no</think>{"rule": "sea", "why": "waves"}', "Sea", "waves"),
        ('<think>it may be {"rule": "nature"} or', "", ""),
        ("nature/forest", "nature/forest", ""),
        ("**Rule:** `nature/forest`\n**Why:** Trees. Many.", "nature/forest", "Trees."),
        ('"Sea".\nWaves on a beach', "Sea", "Waves on a beach"),
        ("cafe\u0301", "Café", ""),
        ("none", "", ""),
        ('{"rule": "none", "why": "A screen with code."}', "", "A screen with code."),
        ('{"rule": null, "why": "?"}', "", "?"),
        ('{"rule": ["nature"], "why": 7}', "", ""),
        ('{"rule": "nature/forests"}', "", ""),
        ('{"rule": "forest"}', "", ""),  # the end of a name is not the name
        ('{"rule": "nature / forest"}', "", ""),
        ('{"rule": "../../etc"}', "", ""),
        ('{"rule": "sea"} or {"rule": "nature"}', "", ""),
        ('{"rule": "sea"} I say again {"rule": "Sea"}', "Sea", ""),
        ("sea\nnature", "", ""),
        ("It shows the sea, or nature/forest.", "", "It shows the sea, or nature/forest."),
        ('{"why": "cut off in the mid', "", "cut off in the mid"),
        ("", "", ""),
        ("\x00\x1b[31mred", "", "red"),
        ("{" * 5_000, "", None),
        ('{"a":' * 5_000, "", None),
    ],
)
def test_an_answer_is_one_of_the_rules_or_none(said: str, rule: str, why: str | None) -> None:
    answer = QUESTION.read(said)
    assert Answer(rule, answer.why if why is None else why) == answer
    assert len(answer.why) <= WHY_CHARS


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("A man. He walks.", "A man."),
        ("  two\n lines\there ", "two lines here"),
        ("\x1b]0;title\x07\u202efog\u2066\ud800", "]0;title fog"),
        ("<script>alert(1)</script>**bold** <b>`x`</b>", "alert(1) bold x"),
        ("版画です。次", "版画です。次"),
        ("word " * 100, "word " * 38 + "word…"),
        ("x" * 300, "…"),
    ],
)
def test_a_sentence_is_one_short_line_that_steers_nothing(text: str, sentence: str) -> None:
    found = one_sentence(text)
    assert sentence == found
    assert len(found) <= WHY_CHARS
    assert found.isprintable()


def test_only_rules_whose_conditions_hold_all_the_way_down_are_offered() -> None:
    slow = rule("slow", when=When(min_fps=100))
    wine = rule("wine", prompts=(), contains=Contains(prompts=("a bottle of wine",)))
    found = tree(
        rule("wide", rule("a"), slow, when=When(orientation=("landscape",))),
        rule("tall", rule("b"), when=When(orientation=("portrait",))),
        wine,
        rule("none"),
    )
    question = RuleQuestion.about(found, ConditionFacts.of(clip_facts(), "a.mp4"), {})
    assert [("wide", ""), ("wide/a", ""), ("wine", "a bottle of wine"), ("none", "")] == list(question.rules)
    assert "(none)" == question.none
    assert ["wide", "wide/a", "wine", "none", "(none)"] == question.schema()["properties"]["rule"]["enum"]
    assert "- wine: a bottle of wine\n" in question.text(6)
    assert Answer("none", "") == question.read("none")
    assert Answer("", "") == question.read(json.dumps({"rule": "(none)"}))


def test_of_too_many_rules_the_nearest_are_asked_for_in_their_order() -> None:
    names = [f"r{number}" for number in range(MOST_RULES + 50)]
    near = dict.fromkeys(names[50:], 0.5)
    question = RuleQuestion.about(tree(*map(rule, names)), ConditionFacts.of(clip_facts(), "a.mp4"), near)
    assert names[50:] == [key for key, _ in question.rules]
