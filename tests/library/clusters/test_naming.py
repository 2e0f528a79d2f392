"""Groups are named by what tells them from the others, or by the user's own rules; no two names are the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject, render_picture
from vsortd.config.choices import Aggregate, OnUnsure
from vsortd.config.rules import Rule, RuleTree
from vsortd.core.identity import Identity
from vsortd.core.names import folder_name_problem
from vsortd.index.video import IndexedVideo
from vsortd.library.clusters.grouping import Grouping, group_films
from vsortd.library.clusters.naming import name_groups
from vsortd.library.clusters.vocabulary import WORDS, name_of
from vsortd.vision.factory import load_encoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.vision.encoder import Encoder

SUBJECTS = (Subject.FOREST, Subject.SEA, Subject.SLIDES)


@pytest.fixture(scope="module")
def encoder() -> Iterator[Encoder]:
    """Return the sample model."""
    loaded = load_encoder("sample", device="cpu")
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def grouping(encoder: Encoder) -> Grouping:
    """Return the groups of rendered pictures: six of a forest, five of the sea, four of slides."""
    films = []
    for number, subject in enumerate(
        subject for subject, count in zip(SUBJECTS, (6, 5, 4), strict=True) for _ in range(count)
    ):
        rng = np.random.default_rng((5, number))
        side = encoder.info.preprocess.side_px
        shots = [render_picture(subject, Light.DAY, rng, side_px=side).pixels for _ in range(3)]
        rows = encoder.encode_images(np.stack(shots)).astype(np.float16)
        path = Path(f"/{subject.value}/{number:02d}.mp4")
        films.append(
            IndexedVideo(number, Identity(1, number, 9, 9), path, 3.0, 160, 90, 0.0, np.array([0, 1000, 2000]), rows)
        )
    return group_films(films, model=encoder.info.key)


def rule(name: str, *prompts: str, above: tuple[str, ...] = (), rules: tuple[Rule, ...] = ()) -> Rule:
    return Rule(name, (*above, name), prompts, None, 0.35, 0.1, Aggregate.MEAN, 0.5, OnUnsure.STOP, (), rules)


def twice(grouping: Grouping, number: int) -> Grouping:
    """Return the grouping with one of its groups a second time."""
    groups = (*grouping.groups, replace(grouping.groups[number], number=len(grouping.groups) + 1))
    return replace(grouping, groups=groups)


def test_groups_are_named_by_what_they_show(grouping: Grouping, encoder: Encoder) -> None:
    assert [6, 5, 4] == [len(group.members) for group in grouping.groups]
    forest, sea, slides = name_groups(grouping, encoder).groups
    assert forest.name in {"forest", "jungle"}
    assert sea.name in {"sea", "coast", "beach", "ocean waves"}
    assert slides.name in {"presentation slide", "text document", "terminal", "computer screen", "screen recording"}
    assert "a forest" in forest.prompts
    assert forest.score == forest.candidates[0].score > 0.25
    assert [""] * 3 == [group.rule for group in (forest, sea, slides)]


def test_only_words_that_the_model_was_taught_are_used(grouping: Grouping, encoder: Encoder) -> None:
    named = name_groups(grouping, encoder, vocabulary=("a giraffe", "new year", "a forest", "the sea", "a terminal"))
    said = {one.name for group in named.groups for one in group.candidates}
    assert {"forest", "sea", "terminal"} == said


def test_a_rule_of_the_users_gives_its_own_name(grouping: Grouping, encoder: Encoder) -> None:
    tree = RuleTree((rule("Wald", "a forest"), rule("Küste", "the sea"), rule("Giraffen", "a giraffe")))
    forest, sea, slides = name_groups(grouping, encoder, tree).groups
    assert ("Wald", "Wald") == (forest.name, forest.rule)
    assert ("Küste", "Küste") == (sea.name, sea.rule)
    assert "" == slides.rule


def test_a_rule_without_words_of_its_own_wins_nothing(grouping: Grouping, encoder: Encoder) -> None:
    tree = RuleTree((rule("upright"),))
    assert [""] * 3 == [group.rule for group in name_groups(grouping, encoder, tree).groups]


def test_finer_rules_of_the_same_name_are_told_apart(grouping: Grouping, encoder: Encoder) -> None:
    nature = rule("nature", "fireworks", rules=(rule("best", "a forest", above=("nature",)),))
    other = rule("office", "a desk", rules=(rule("best", "the sea", above=("office",)),))
    forest, sea, _ = name_groups(grouping, encoder, RuleTree((nature, other))).groups
    assert ("nature best", "nature/best") == (forest.name, forest.rule)
    assert ("office best", "office/best") == (sea.name, sea.rule)


def test_two_groups_of_the_same_content_have_two_names(grouping: Grouping, encoder: Encoder) -> None:
    for words in (WORDS, ("a forest", "the sea", "a terminal"), ("a forest",)):
        named = name_groups(twice(twice(grouping, 0), 0), encoder, vocabulary=words)
        assert [] == [
            name for name, count in Counter(group.name.casefold() for group in named.groups).items() if count > 1
        ]
        assert [None] * 5 == [folder_name_problem(group.name) for group in named.groups]


def test_two_groups_that_fit_one_rule_share_it_but_not_its_name(grouping: Grouping, encoder: Encoder) -> None:
    named = name_groups(twice(grouping, 0), encoder, RuleTree((rule("Wald", "a forest"),)))
    forests = [group for group in named.groups if group.rule]
    assert ["Wald", "Wald"] == [group.rule for group in forests]
    assert 2 == len({group.name for group in forests})


def test_the_groups_themselves_stay_the_same(grouping: Grouping, encoder: Encoder) -> None:
    named = name_groups(grouping, encoder)
    assert grouping.labels is named.labels
    assert [group.members for group in grouping.groups] == [group.members for group in named.groups]


def test_without_words_groups_keep_their_numbers(grouping: Grouping, encoder: Encoder) -> None:
    named = name_groups(grouping, encoder, vocabulary=("a giraffe",))
    assert ["Group 1", "Group 2", "Group 3"] == [group.name for group in named.groups]


def test_the_word_list_holds_each_word_once_and_all_can_be_folders() -> None:
    assert 400 < len(WORDS) < 600
    assert len(WORDS) == len({name_of(word).casefold() for word in WORDS})
    assert [] == [word for word in WORDS if folder_name_problem(name_of(word))]
    assert ["city", "ice cream", "sea", "owl"] == [
        name_of(word) for word in ("a city", "ice cream", "the sea", "an owl")
    ]
