"""Groups become rules: a config takes them, they are checked on members they were not made of, and taught on wish."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject, render_picture
from tests.support import harness
from vsortd.config.check import check_file
from vsortd.config.load import load_settings
from vsortd.core.identity import Identity
from vsortd.errors import UsageError
from vsortd.index.video import IndexedVideo
from vsortd.judging.example_store import NewExample, Origin
from vsortd.library.clusters.cluster_folders import Pile
from vsortd.library.clusters.grouping import Cluster, ClusterMember
from vsortd.library.clusters.to_rules import EXAMPLES, HEADER, draft_rules, keep_examples, rules_of, spread_members
from vsortd.pipeline.services import Services

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsortd.library.clusters.to_rules import RulesDraft

Films = "dict[Subject, list[Film]]"
SUBJECTS = (Subject.SEA, Subject.FIREWORKS, Subject.SLIDES)
EACH = 6
WHEN = "2026-11-28 03:00"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> harness.Home:
    """Return a person's folders."""
    return harness.Home.make(tmp_path_factory.mktemp("home") / "home")


@pytest.fixture(scope="module")
def loaded(home: harness.Home) -> Iterator[Services]:
    """Return services whose model is loaded once."""
    with Services.open(load_settings(home.config), home.folder / "state", keep_trying=False) as services:
        services.model.get(threading.Event())
        yield services


@pytest.fixture(scope="module")
def films(loaded: Services) -> dict[Subject, list[IndexedVideo]]:
    """Return videos of four subjects, as the model sees them."""
    encoder = loaded.model.get(threading.Event()).encoder
    side = encoder.info.preprocess.side_px
    found: dict[Subject, list[IndexedVideo]] = {}
    for subject in (*SUBJECTS, Subject.FOREST):
        light = Light.NIGHT if subject is Subject.FIREWORKS else Light.DAY
        for number in range(EACH):
            rng = np.random.default_rng((len(found), number))
            shots = [render_picture(subject, light, rng, side_px=side).pixels for _ in range(2)]
            rows = encoder.encode_images(np.stack(shots)).astype(np.float16)
            number_of_all = sum(map(len, found.values()))
            identity = Identity(1, 100 + number_of_all, 1_000, 1_000 + number_of_all)
            path = Path(f"/videos/{subject.name.lower()}{number}.mp4")
            times_ms = np.array([500, 1500])
            found.setdefault(subject, []).append(IndexedVideo(1, identity, path, 2.0, 160, 90, 0.0, times_ms, rows))
    return found


@pytest.fixture
def services(loaded: Services, own_state: Path) -> Iterator[Services]:
    """Return the same services with a store of examples of the test's own."""
    with Services.open(loaded.settings, own_state, keep_trying=False, load_model=False) as own:
        yield replace(loaded, examples=own.examples, journal=own.journal, corrections=own.corrections)


def group(films: Sequence[IndexedVideo], name: str, *prompts: str, number: int = 1, rule: str = "") -> Cluster:
    members = tuple(ClusterMember(film, 1.0) for film in films)
    centre = np.mean([film.vector() for film in films], axis=0)
    return Cluster(number, name, rule, prompts or (name,), 0.5, members, 0.9, {}, centre)


def draft(services: Services, *groups: Cluster, noise: Sequence[IndexedVideo] = ()) -> RulesDraft:
    piles = [Pile(tuple((one.rule or one.name).split("/")), (one,)) for one in groups]
    return draft_rules(services, services.model.get(threading.Event()), piles, noise)


@pytest.fixture
def good(services: Services, films: dict[Subject, list[IndexedVideo]]) -> RulesDraft:
    """Return rules of three groups that the model tells apart, and a noise of another kind."""
    sea, fireworks, slides = (films[subject] for subject in SUBJECTS)
    return draft(
        services,
        group(sea, "water", "sea", "ocean waves", number=1),
        group(fireworks, "fireworks", number=2),
        group(slides, "talks", "text slides", number=3),
        noise=films[Subject.FOREST],
    )


def test_the_file_is_commented_yaml_that_a_config_takes(good: RulesDraft, home: harness.Home, tmp_path: Path) -> None:
    text = good.text(when=WHEN)
    assert text.startswith(HEADER)
    assert [
        {"name": "water", "prompts": ["sea", "ocean waves"]},
        {"name": "fireworks", "prompts": ["fireworks"]},
        {"name": "talks", "prompts": ["text slides"]},
    ] == yaml.safe_load(text)["rules"]
    before, _, _ = home.config.read_text().partition("rules:\n")
    config = tmp_path / "config.yaml"
    config.write_text(before + text)
    assert () == check_file(config).mistakes
    assert "examples are not kept yet" in text
    assert "#   /videos/sea0.mp4" in text


def test_the_check_judges_members_by_the_others_and_says_what_strangers_become(good: RulesDraft) -> None:
    check = good.check
    assert 3 * EACH == check.examples.n == check.texts.n
    assert check.examples.share >= 0.9
    assert not check.is_poor
    assert EACH == len(check.strangers)
    assert check.filed_strangers <= EACH // 2
    text = good.text(when=WHEN)
    assert f"of {3 * EACH} are right" in text
    assert f"check: {EACH} of {EACH} are right" in text
    assert "POOR" not in text


def alike(film: IndexedVideo, *, seed: int) -> list[IndexedVideo]:
    """Return videos of the same scene, each seen a little otherwise."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(EACH):
        rows = film.vectors + rng.normal(0, 0.01, film.vectors.shape)
        unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
        identity = replace(film.identity, inode=1_000 * seed + number)
        found.append(replace(film, vectors=unit, identity=identity))
    return found


def test_examples_tell_apart_what_words_do_not(services: Services, films: dict[Subject, list[IndexedVideo]]) -> None:
    one, other = (alike(films[Subject.SEA][place], seed=place + 1) for place in (0, 3))
    made = draft(
        services,
        group(one, "waves", "sea", number=1),
        group(other, "coast", "sea", number=2),
        group(films[Subject.SLIDES], "talks", "text slides", "sea-monster slides", number=3),
    )
    assert made.check.texts.share < 0.8 <= made.check.examples.share
    assert made.check.accuracy == made.check.examples
    assert ("monster",) == tuple(made.unknown["talks"])
    assert "the model doesn't know: monster" in made.text(when=WHEN)


def test_groups_that_are_really_one_are_called_poor_and_named(
    services: Services, films: dict[Subject, list[IndexedVideo]]
) -> None:
    sea = films[Subject.SEA]
    made = draft(services, group(sea[::2], "sea", number=1), group(sea[1::2], "ocean", number=2))
    assert made.check.is_poor
    sentence = made.check.confused()[0]
    assert "3 of 3 videos would go elsewhere, 3 to " in sentence
    text = made.text(when=WHEN)
    assert "THIS IS POOR" in text
    assert sentence in text


def test_a_group_that_fits_a_rule_of_the_user_keeps_its_prompts_and_its_place(
    services: Services, films: dict[Subject, list[IndexedVideo]]
) -> None:
    forest = group(films[Subject.FOREST], "forest", "trees", rule="nature/forest")
    piles = [
        Pile(("nature", "forest"), (forest,)),
        Pile(("new", "water"), (group(films[Subject.SEA], "water", "sea"),)),
    ]
    assert {
        ("nature",): ("forest", "mountains", "snow", "meadow", "desert"),
        ("nature", "forest"): ("a forest", "trees in a wood"),
        ("new",): ("sea",),
        ("new", "water"): ("sea",),
    } == rules_of(piles, services.tree)


def test_names_that_no_config_takes_are_refused_before_anything_is_written(
    services: Services, films: dict[Subject, list[IndexedVideo]]
) -> None:
    with pytest.raises(UsageError, match="make no sound rules") as raised:
        draft(services, group(films[Subject.SEA], "CON"), group(films[Subject.SLIDES], "talks", number=2))
    assert "--rename" in raised.value.remedy


def test_taught_examples_are_used_by_the_rules_of_that_name_and_forgotten_as_the_file_says(
    services: Services, good: RulesDraft, films: dict[Subject, list[IndexedVideo]]
) -> None:
    said, right = films[Subject.SEA][:2]
    for film, rule in ((said, "talks"), (right, "water")):  # what a person said of single videos before
        rows = film.vectors.astype(np.float32)
        services.examples.add(NewExample(rule, film.path, film.identity, Origin.TEACH, good.model, rows))
    kept = keep_examples(services, good)
    assert 3 * EACH - 2 == len(kept.numbers)
    assert [(said.path, "talks")] == [(film.path, rule) for film, rule in kept.left_out]
    taught = services.examples.all()
    assert {"water", "fireworks", "talks"} == {one.rule for one in taught}
    assert {good.model} == {one.model for one in taught}
    assert f"forget $(seq {min(kept.numbers)} {max(kept.numbers)})" in good.text(when=WHEN, taught=kept.sentence())
    assert [] == list(keep_examples(services, good).numbers)  # a second time there is nothing new


def test_many_members_are_thinned_out_evenly_and_every_group_of_a_pile_is_heard(
    films: dict[Subject, list[IndexedVideo]],
) -> None:
    sea, slides = films[Subject.SEA], films[Subject.SLIDES]
    pile = Pile(("x",), (group(sea * 40, "sea"), group(slides, "talks", number=2)))
    chosen = spread_members(pile, EXAMPLES)
    assert EXAMPLES // 2 + EACH == len(chosen)
    assert [sea[0], sea[-1]] == [chosen[0].film, chosen[EXAMPLES // 2 - 1].film]


def test_a_hostile_name_of_a_file_stays_in_its_comment(
    services: Services, films: dict[Subject, list[IndexedVideo]]
) -> None:
    sea = [replace(film, path=Path(os.fsdecode(b"/v/a\nrules: []\n\xff.mp4"))) for film in films[Subject.SEA]]
    made = draft(services, group(sea, "sea"), group(films[Subject.SLIDES], "text slides", number=2))
    text = made.text(when=WHEN)
    assert ["sea", "text slides"] == [rule["name"] for rule in yaml.safe_load(text)["rules"]]
    text.encode()
