"""Rules as vectors: ensembles, negatives, and what a model doesn't know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.encoders import DictionaryEncoder
from tests.support.rules import rule
from vsortd.config.rules import FacetRule, Rule, RuleTree
from vsortd.errors import ModelError
from vsortd.judging.decide import NONE, decide
from vsortd.vision.batching import BatchingEncoder
from vsortd.vision.encoder import Family
from vsortd.vision.loading import load_model
from vsortd.vision.negatives import Negative, built_in_negatives, facet_negatives, screen, words_of
from vsortd.vision.prompts import LevelVectors, level_vectors
from vsortd.vision.templates import TEMPLATES, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FACETS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "subject": {
        "forest": ("a forest", "trees in a wood"),
        "sea": ("the sea", "waves"),
        "city": ("a city", "buildings"),
        "snow": ("snow", "a snowy landscape"),
    },
    "light": {
        "day": ("by day", "in daylight"),
        "night": ("at night", "in the dark"),
        "sunset": ("at sunset",),
    },
}
KNOWN = {
    word
    for values in FACETS.values()
    for value, own in values.items()
    for text in (value, *own)
    for word in words_of(text)
}


def dictionary(**options: Any) -> DictionaryEncoder:
    """Return an encoder that, of the sample family, knows the words of the facets."""
    return DictionaryEncoder(known=KNOWN, **options)


def top(tree: RuleTree, encoder: DictionaryEncoder, **options: Any) -> LevelVectors:
    """Return the top level's vectors."""
    return level_vectors(tree, encoder, **options).levels[""]


def test_a_prompt_goes_through_every_template() -> None:
    """`{}` is replaced, braces in the prompt are left alone, spaces are tidied, nothing comes twice."""
    assert texts_of("a  forest", ("a photo of {}", "{}", "{}")) == ("a photo of a forest", "a forest")
    assert texts_of("{odd} {}", ("see {}",)) == ("see {odd} {}",)


def test_a_sentence_is_used_as_it_stands_too() -> None:
    """Four words, or a full stop; the stop is not carried into the middle of a template."""
    assert texts_of("Two children play football.", ("a photo of {}",)) == (
        "a photo of Two children play football",
        "Two children play football.",
    )
    assert texts_of("It rains.", ("a video of {}",)) == ("a video of It rains", "It rains.")
    assert texts_of("...", ("{}!",)) == ("...!",)


def test_a_rule_is_the_average_direction_of_its_texts() -> None:
    """(1,0) and (0,1) average to 45°, whatever the order; the result has length 1."""
    encoder = dictionary(given={"wood": [1, 0], "trees": [0, 1]}, dim=2)
    tree = RuleTree(rules=(rule("forest", prompts=("wood", "trees"), templates=("{}",)),))
    np.testing.assert_allclose(top(tree, encoder).vectors, [[0.5**0.5, 0.5**0.5]], rtol=1e-6)


def test_templates_and_prompts_weigh_alike() -> None:
    """Two prompts through two templates: the mean of four unit vectors."""
    given = {"x wood": [1, 0, 0], "y wood": [0, 1, 0], "x trees": [0, 0, 1], "y trees": [0, 0, 2]}
    tree = RuleTree(rules=(rule("forest", prompts=("wood", "trees"), templates=("x {}", "y {}")),))
    expected = np.asarray([1, 1, 2]) / 6**0.5
    np.testing.assert_allclose(top(tree, dictionary(given=given, dim=3)).vectors[0], expected, rtol=1e-6)


def test_texts_that_cancel_out_are_an_error() -> None:
    """A vector without direction must not become a random rule."""
    tree = RuleTree(rules=(rule("odd", prompts=("up", "down"), templates=("{}",)),))
    with pytest.raises(ModelError, match="'up'"):
        level_vectors(tree, dictionary(given={"up": [1, 0], "down": [-1, 0]}, dim=2))


def test_each_family_has_templates() -> None:
    """Every list has places for the prompt, and rules may bring their own."""
    assert set(TEMPLATES) == set(Family)
    assert all("{}" in template for templates in TEMPLATES.values() for template in templates)
    encoder = dictionary()
    level_vectors(RuleTree(rules=(rule("forest", templates=("only {}",)),)), encoder)
    assert "only forest" in encoder.asked
    assert "a photo of forest" not in encoder.asked


def test_every_text_is_asked_once_and_all_at_once() -> None:
    """A large tree costs one call with unique texts."""
    encoder = dictionary()
    siblings = tuple(
        rule(f"r{one}", *(rule(f"c{two}", above=(f"r{one}",)) for two in range(10)), prompts=("same",))
        for one in range(50)
    )
    vectors = level_vectors(RuleTree(rules=siblings), encoder)
    assert encoder.calls == 1
    assert len(encoder.asked) == len(set(encoder.asked))
    assert len(vectors.levels) == 51


def test_three_hundred_levels() -> None:
    """A chain is planned without recursion, each level with its rule."""
    inner: tuple[Rule, ...] = ()
    for depth in range(299, -1, -1):
        above = tuple(f"r{number}" for number in range(depth))
        inner = (rule(f"r{depth}", *inner, above=above),)
    vectors = level_vectors(RuleTree(rules=inner), dictionary())
    assert len(vectors.levels) == 300
    assert all(len(level.negatives) > 0 for level in vectors.levels.values())
    assert vectors.levels["/".join(f"r{number}" for number in range(299))].names == ("r299",)


def test_scale_and_bias_come_from_the_model() -> None:
    """What turns cosines into logits travels with the vectors."""
    vectors = level_vectors(RuleTree(rules=(rule("a"),)), dictionary(bias=-12.0))
    assert (vectors.dim, vectors.logit_scale, vectors.logit_bias) == (64, 20.0, -12.0)


def test_a_level_gets_its_none_of_these_and_the_built_in_ones() -> None:
    """The user's own come first, for exactly their level; content negatives stand at the top only."""
    child = rule("oak", above=("trees",))
    parent = rule("trees", child, none_of_these=("a beech",))
    vectors = level_vectors(RuleTree(rules=(parent,), none_of_these=("a cartoon",)), dictionary())
    above, below = vectors.levels[""].negatives, vectors.levels["trees"].negatives
    assert above[0] == "a cartoon"
    assert "food on a plate" in above
    assert "an outdoor landscape" not in above, "trees are part of one"
    assert below[0] == "a beech"
    assert "food on a plate" not in below
    assert "a black screen" in below
    assert len(vectors.levels["trees"].negative_vectors) == len(below)


@pytest.mark.parametrize(
    ("words", "lost"),
    [
        (["my dogs", "cats"], "an animal"),
        (["Birthday PARTY"], "a concert on a stage"),
        (["driving on a highway"], "a car in traffic"),
        (["black and white"], "a black screen"),
    ],
)
def test_kin_of_a_rule_is_no_negative(words: list[str], lost: str) -> None:
    """A broad kind that contains a rule would take away the rule's own videos."""
    labels = {negative.label for negative in built_in_negatives(words, open_world=True)}
    assert lost not in labels
    assert labels


def test_words_of_children_screen_their_parents_level_too() -> None:
    """A dog video belongs to 'our home' when 'dog' stands below it."""
    tree = RuleTree(rules=(rule("our place", rule("dog", above=("our place",))),))
    assert "an animal" not in top(tree, dictionary()).negatives


def test_near_synonyms_are_screened_by_their_vectors() -> None:
    """A negative that points where a rule points is dropped; the user's own never is."""
    same = np.zeros(64)
    same[3] = 1.0
    texts = [
        text
        for phrase in ("weird stuff", "food on a plate", "my own")
        for text in texts_of(phrase, TEMPLATES[Family.CLIP])
    ]
    encoder = dictionary(given=dict.fromkeys(texts, same))
    level = top(RuleTree(rules=(rule("weird stuff"),), none_of_these=("my own",)), encoder)
    assert "food on a plate" not in level.negatives
    assert level.negatives[0] == "my own"
    assert "an animal" in level.negatives


def test_screening_keeps_at_least_one() -> None:
    """Where everything is a synonym the least similar stays."""
    rows = np.asarray([[1, 0], [0.9, 0.4359]], np.float32)
    assert screen(rows, np.asarray([[1, 0]], np.float32), np.zeros(2, np.float32)).tolist() == [False, True]
    assert screen(rows[:0], rows, np.zeros(2, np.float32)).tolist() == []


def test_facets_give_the_other_values() -> None:
    """Siblings about subjects compete with the other subjects, not with kinds of light."""
    found = facet_negatives(FACETS, [["a forest"], ["the sea at noon"]], [])
    assert found == (
        Negative("city", ("a city", "buildings")),
        Negative("snow", ("snow", "a snowy landscape")),
    )


def test_facets_leave_out_what_is_said_above_and_below() -> None:
    """A value that an ancestor or a descendant names is no negative."""
    assert [one.label for one in facet_negatives(FACETS, [["forest"]], ["waves", "CITY"])] == ["snow"]


def test_a_facet_counts_when_most_siblings_speak_of_it() -> None:
    """Beside forest, sea and night, 'day' would take away half of every forest."""
    found = facet_negatives(FACETS, [["forest"], ["sea"], ["night"]], [])
    assert {one.label for one in found} == {"city", "snow"}
    both = facet_negatives(FACETS, [["forest at night"], ["forest by day"]], [])
    assert {one.label for one in both} == {"sea", "city", "snow", "sunset"}


def test_phrases_match_as_whole_words() -> None:
    """'season' is not 'sea', 'daylight saving' is not 'in daylight'."""
    assert facet_negatives(FACETS, [["season"], ["holiday"]], []) == ()


def test_a_limited_model_knows_what_it_knows() -> None:
    """Unknown prompts are left out, rules of nothing else marked; partly known ones serve at need."""
    encoder = dictionary(family=Family.SAMPLE)
    tree = RuleTree(
        rules=(
            rule("forest", prompts=("a forest", "a quokka forest")),
            rule("wedding", prompts=("a wedding", "my wedding party")),
            rule("dark alley", prompts=("a dark alley",)),
            rule("nothing", prompts=("a video",)),
        )
    )
    level = top(tree, encoder, facets=FACETS)
    assert level.known == (True, False, True, False)
    assert level.unknown == (("quokka",), ("wedding", "my", "party"), ("alley",), ("a video",))
    assert "a photo of a forest" in encoder.asked
    assert not any("quokka" in text or "wedding" in text for text in encoder.asked)
    assert any("dark alley" in text for text in encoder.asked)
    assert not level.vectors[1].any()


def test_unknown_negatives_are_left_out() -> None:
    """A user's negative that the model doesn't know can't take anything."""
    encoder = dictionary(family=Family.SAMPLE)
    level = top(RuleTree(rules=(rule("forest"),), none_of_these=("weddings", "snow")), encoder, facets=FACETS)
    assert level.negatives[0] == "snow"
    assert "weddings" not in level.negatives


@pytest.mark.parametrize("family", list(Family))
def test_a_lone_rule_never_wins_for_want_of_rivals(family: Family) -> None:
    """Alone at its level, with all values of its facet its own: there is somebody to lose against."""
    everything = " or ".join(FACETS["light"])
    encoder = dictionary(family=family)
    tree = RuleTree(rules=(rule("light", prompts=(everything,)),))
    vectors = level_vectors(tree, encoder, facets=FACETS if family is Family.SAMPLE else None)
    assert len(vectors.levels[""].negatives) >= 1
    away = -vectors.levels[""].vectors
    decision = decide(tree, vectors, np.repeat(away, 4, axis=0))
    assert decision.rule == ""
    assert decision.levels[0].scores[NONE] > 0.5


@pytest.fixture
def encoder(tiny: Any) -> Iterator[BatchingEncoder]:
    """Load the tiny model with its random weights."""
    made = BatchingEncoder(load_model(tiny.choice, device="cpu"))
    yield made
    made.close()


def test_with_a_real_encoder(encoder: BatchingEncoder) -> None:
    """Through a real architecture: unit rows, and a frame on a rule's vector goes to that rule."""
    tree = RuleTree(rules=(rule("forest", rule("night", above=("forest",))), rule("sea", prompts=("the sea", "waves"))))
    vectors = level_vectors(tree, encoder)
    for level in vectors.levels.values():
        for rows in (level.vectors, level.negative_vectors):
            np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    decision = decide(tree, vectors, np.repeat(vectors.levels[""].vectors[1:], 8, axis=0))
    assert decision.levels[0].best == "sea"


def test_a_facet_has_its_own_negatives_and_no_other_questions_answers() -> None:
    """What a video shows is no negative of how it is lit; what only this facet's own kind holds is one."""
    light = FacetRule("light", (rule("day", prompts=("by day",)), rule("night", prompts=("at night",))), ("snow",))
    tree = RuleTree(rules=(rule("forest"), rule("sea")), facets=(light,))
    encoder = dictionary(family=Family.SAMPLE)
    vectors = level_vectors(tree, encoder, facets=FACETS)
    found = vectors.facets["light"]
    assert ("light", ("day", "night"), (True, True)) == (found.parent, found.names, found.known)
    assert ("snow", "sunset") == found.negatives
    assert ("city", "snow") == vectors.levels[""].negatives
    assert set(vectors.levels) == {""}
    assert 1 == encoder.calls


def test_a_facet_asks_all_videos_so_negatives_about_content_leave_it_alone() -> None:
    mood = FacetRule("mood", (rule("calm", prompts=("a calm scene",)), rule("tense", prompts=("a tense scene",))), ())
    tree = RuleTree(rules=(rule("zorb"),), facets=(mood,))
    vectors = level_vectors(tree, dictionary())
    assert (
        "a black screen",
        "a blurred picture of nothing in particular",
        "television static noise",
        "a plain wall",
    ) == vectors.facets["mood"].negatives
    assert "a furnished room" in vectors.levels[""].negatives
