"""The folders that a template makes of a video, and the way back: to whose rule a folder belongs."""

from __future__ import annotations

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.filing.test_filing_names import is_one_name
from vsortd.config.choices import Aggregate, OnUnsure
from vsortd.config.place_options import Place
from vsortd.config.rules import Rule, RuleTree
from vsortd.core.folder_templates import FOLDER_FIELDS, folder_template_problem
from vsortd.core.names import folder_key
from vsortd.errors import UsageError
from vsortd.filing.file_names import NameFields
from vsortd.filing.folder_names import own_folders, render_folder
from vsortd.filing.rule_folders import RuleFolders, folder_of_rule

FIELDS = NameFields(
    "clip",
    date="2026-11-20",
    orientation="portrait",
    camera="Canon EOS/R5",
    tags="wine mood-calm",
    facets={"mood": "calm", "Länge": ""},
)
NIGHT = ("forest", "night")
CARD = ("DCIM", "100CANON")


def rule(*path: str, folder: str | None = None, rules: tuple[Rule, ...] = ()) -> Rule:
    place = None if folder is None else Place(folder=folder)
    return Rule(path[-1], path, path[-1:], None, 0.35, 0.1, Aggregate.MEAN, 0.5, OnUnsure.STOP, (), rules, place=place)


def tree(*rules: Rule) -> RuleTree:
    return RuleTree(rules)


TREE = tree(rule("forest", rules=(rule("forest", "night"),)), rule("sea"), rule("Q: what?"))


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{rule}", "forest/night"),
        ("{rule}/{year}/{month}", "forest/night/2026/11"),
        ("{year}-{month}/{rule}", "2026-11/forest/night"),
        ("{date}/{day}", "2026-11-20/20"),
        ("{rule}/{sub}", "forest/night/DCIM/100CANON"),
        ("{camera} {orientation}/{rule}", "Canon EOS_R5 portrait/forest/night"),
        ("{rule}/{tags}", "forest/night/wine mood-calm"),
        ("{rule}/{mood}/{Länge}", "forest/night/calm/no Länge"),
        ("{rule}/{La\u0308nge} {mood}", "forest/night/no Länge calm"),
        ("Family/{year}", "Family/2026"),
    ],
)
def test_a_template_becomes_folders(template: str, expected: str) -> None:
    assert expected == "/".join(render_folder(Place(folder=template), FIELDS, NIGHT, CARD))


def test_a_field_without_a_value_has_a_name_of_its_own_and_sub_vanishes() -> None:
    nothing = NameFields("clip", facets={"mood": ""})
    place = Place(folder="{rule}/{sub}/{camera}/{tags}/{mood}/{year}-{month}")
    assert ("sea", "no camera", "no tags", "no mood", "no year-no month") == render_folder(place, nothing, ("sea",))
    place = Place(folder="{rule}/{camera}", missing="Unsorted")
    assert ("sea", "Unsorted") == render_folder(place, nothing, ("sea",))


@pytest.mark.parametrize("camera", ["_Review", "_REVIEW", "_Twice"])
def test_no_value_leads_into_a_folder_that_is_no_rules(camera: str) -> None:
    place = Place.model_validate({"folder": "{camera}/{rule}", "on_duplicate": {"to": "_Twice"}})
    assert (f"{camera}_", "sea") == render_folder(place, NameFields("clip", camera=camera), ("sea",))


PIECES = st.sampled_from(
    [*string.ascii_letters, " ", ".", "/", "/", "_", "-", "é", *(f"{{{field}}}" for field in FOLDER_FIELDS), "{mood}"]
)
TEMPLATES = st.lists(PIECES, min_size=1, max_size=8).map("".join)
WORDS = st.text(max_size=60) | st.sampled_from(["", "..", "a/../b", ".x", "con", "_Review", "\u202ex", " . . y"])
DATES = st.dates().map(lambda day: day.isoformat()) | st.just("")


@given(TEMPLATES, WORDS, WORDS, DATES, st.lists(WORDS, max_size=3))
def test_any_template_over_any_video_gives_plain_folders_and_leads_back_to_its_rule(
    template: str, camera: str, mood: str, date: str, sub: list[str]
) -> None:
    if folder_template_problem(template, ("mood",)) is not None:
        return
    place = Place(folder=template)
    fields = NameFields("clip", date=date, camera=camera, tags=mood, facets={"mood": mood})
    for one in TREE.walk():
        found = render_folder(place, fields, one.path, sub)
        assert found
        assert all(map(is_one_name, found))
        assert folder_key(found[0]) not in own_folders(place)
        matches = {match.rule: match for match in RuleFolders(TREE, place).matches(found)}
        longest = max(match.names for match in matches.values())
        # what stands in other folders may be called like a rule: then the longer name counts, or it can't be told
        assert one.key in matches or longest > len(one.path) or "{rule}" not in template


@pytest.mark.parametrize(
    ("template", "folder", "expected"),
    [
        ("{rule}", "forest/night", "forest/night"),
        ("{rule}", "forest/other", None),
        ("{rule}", "", None),
        ("{rule}/{year}/{month}", "forest/night/2026/11", "forest/night"),
        ("{rule}/{year}/{month}", "forest/2026", "forest"),
        ("{rule}/{year}/{month}", "forest", "forest"),
        ("{rule}/{year}/{month}", "forest/no year/no month", "forest"),
        ("{rule}/{year}/{month}", "forest/best", None),
        ("{rule}/{year}/{month}", "forest/2026/11/best", None),
        ("{year}/{rule}", "2026/forest/night", "forest/night"),
        ("{year}/{rule}", "forest/night", None),
        ("{year}/{rule}", "2026", None),
        ("{rule}/{sub}", "forest/night/DCIM/100CANON", "forest/night"),
        ("{rule}/{sub}", "forest/DCIM/100CANON", "forest"),
        ("{sub}/{rule}", "DCIM/100CANON/sea", "sea"),
        ("{camera}/{rule}/{mood}", "no camera/sea/calm", "sea"),
        ("{rule}/x {year}", "Q_ what_/x 2026", "Q: what?"),
        ("{rule}/{year}", "_Review/2026", None),
    ],
)
def test_a_folder_is_its_rules(template: str, folder: str, expected: str | None) -> None:
    parts = tuple(folder.split("/")) if folder else ()
    assert expected == RuleFolders(TREE, Place(folder=template)).rule_of(parts)


def test_decomposed_names_and_those_of_picky_disks_are_known() -> None:
    folders = RuleFolders(tree(rule("Übung"), rule("a:b")), Place(folder="{rule}/{year}"))
    assert "Übung" == folders.rule_of((unicodedata.normalize("NFD", "Übung"), "2026"))
    assert ("a:b", "a:b") == (folders.rule_of(("a:b", "2026")), folders.rule_of(("a_b", "2026")))


def test_each_rules_own_template_counts_and_what_cannot_be_told_is_nobodys() -> None:
    family = rule("family", folder="Home/{year}", rules=(rule("family", "pets", folder="Home/{year}"),))
    folders = RuleFolders(tree(family, rule("trips", folder="Trips/{year}"), rule("sea")), Place())
    assert "trips" == folders.rule_of(("Trips", "2026"))
    assert "trips" == folders.rule_of(("Trips",))
    assert "sea" == folders.rule_of(("sea",))
    assert folders.rule_of(("sea", "2026")) is None
    assert folders.rule_of(("Home", "2026")) is None
    assert {"family", "family/pets"} == {match.rule for match in folders.matches(("Home", "2026"))}


def test_of_rules_whose_names_follow_each_other_the_longest_counts() -> None:
    folders = RuleFolders(TREE, Place(folder="{rule}/{sub}"))
    (match,) = folders.matches(("forest", "night", "DCIM"))
    assert ("forest/night", ("DCIM",)) == (match.rule, match.sub)
    (match,) = folders.matches(("forest", "DCIM", "night"))
    assert ("forest", ("DCIM", "night")) == (match.rule, match.sub)


def test_a_rule_has_one_folder_only_where_nothing_of_the_video_stands_before_it() -> None:
    one = folder_of_rule(TREE, "forest/night", Place(folder="Films/{rule}/{year}"))
    assert ("Films", "forest", "night") == one
    for template in ("{year}/{rule}", "{sub}/{rule}", "Films/{year}"):
        with pytest.raises(UsageError, match="has no folder of its own"):
            folder_of_rule(TREE, "sea", Place(folder=template))
