"""What the user moves where folders come out of a template: a rule is known by its place in it, or nothing learned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.learning.test_moves import World, _rule
from vsortd.config.place_options import Place
from vsortd.config.rules import RuleTree
from vsortd.filing.journal import Journal
from vsortd.filing.place import Filer
from vsortd.index.store import Index
from vsortd.judging.example_store import ExampleStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vsortd.config.rules import Rule


def placed(folder: str, *path: str, rules: tuple[Rule, ...] = ()) -> Rule:
    """Return a rule whose videos go by a template of its own."""
    return replace(_rule(*path, rules=rules), place=Place(folder=folder))


def by(template: str) -> RuleTree:
    """Return a tree whose rules have one template."""
    return RuleTree((placed(template, "forest", rules=(placed(template, "forest", "night"),)), placed(template, "sea")))


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[RuleTree], World]]:
    with Journal.open(tmp_path / "journal.sqlite3") as journal, ExampleStore(tmp_path / "examples.db") as examples:
        index = Index(tmp_path / "index.sqlite3")
        filer = Filer(journal, tmp_path / "lib", Place())
        yield lambda tree: World(tmp_path, journal, index, examples, filer, tree)
        filer.close()
        index.close()


@pytest.mark.parametrize(
    ("template", "before", "after", "rule"),
    [
        ("{rule}/{year}/{month}", "sea/2026/11", "forest/night/2026/11", "forest/night"),
        ("{rule}/{year}/{month}", "sea/2026/11", "forest/night", "forest/night"),
        ("{rule}/{year}/{month}", "sea/2026/11", "forest/2025", "forest"),
        ("{year}/{rule}", "2026/sea", "2026/forest", "forest"),
        ("{rule}/{sub}", "sea/DCIM/100", "forest/DCIM/100", "forest"),
        ("{rule}/{sub}", "sea", "forest/night/DCIM", "forest/night"),
        ("{camera}/{rule}", "no camera/sea", "GoPro/forest", "forest"),
    ],
)
def test_moved_to_another_rules_folder_it_is_an_example_of_that_rule(
    make: Callable[[RuleTree], World], template: str, before: str, after: str, rule: str
) -> None:
    world = make(by(template))
    item = world.file("a.mp4", *before.split("/"), rule="sea")
    world.move(item, *after.split("/"))
    world.scan()
    assert [("a.mp4", rule)] == world.taught()
    assert rule == world.now(item).rule


@pytest.mark.parametrize(
    ("template", "before", "after"),
    [
        ("{rule}/{year}/{month}", "sea/2026/11", "sea/2026/12"),  # another date, the same rule
        ("{rule}/{year}/{month}", "sea/2026/11", "sea"),
        ("{rule}/{year}", "sea/2026", "forest/best of"),  # a folder of their own
        ("{year}/{rule}", "2026/sea", "forest"),
    ],
)
def test_moved_within_a_rule_or_out_of_all_it_is_followed_and_teaches_nothing(
    make: Callable[[RuleTree], World], template: str, before: str, after: str
) -> None:
    world = make(by(template))
    item = world.file("a.mp4", *before.split("/"), rule="sea")
    path = world.move(item, *after.split("/"))
    world.scan()
    assert [] == world.taught()
    assert path == world.now(item).destination
    assert f"you moved it to {after}" in world.now(item).reason


def test_where_several_rules_share_their_folders_nothing_is_learned_and_that_is_said(
    make: Callable[[RuleTree], World],
) -> None:
    world = make(by("{year}/{month}"))
    item = world.file("a.mp4", "2026", "11", rule="sea")
    path = world.move(item, "2026", "12")
    world.scan()
    assert [] == world.taught()
    assert path == world.now(item).destination
    assert "nothing was learned, for that folder may be of forest, forest/night, sea" in world.now(item).reason


def test_a_rule_that_has_a_template_of_its_own_is_known_by_it(make: Callable[[RuleTree], World]) -> None:
    world = make(RuleTree((placed("At home/{year}", "family"), placed("{rule}", "sea"))))
    item = world.file("a.mp4", "sea")
    world.move(item, "At home", "2026")
    world.scan()
    assert [("a.mp4", "family")] == world.taught()


def test_a_renamed_rule_takes_over_what_lies_in_its_dated_folders(make: Callable[[RuleTree], World]) -> None:
    world = make(by("{rule}/{year}"))
    item = world.file("a.mp4", "sea", "2026", rule="sea")
    world.follower().adopt()
    (world.library / "sea").rename(world.library / "ocean")
    world.tree = RuleTree((placed("{rule}/{year}", "ocean"),))
    world.scan()
    world.follower().adopt()
    assert "ocean" == world.now(item).rule
    assert [] == world.taught()
