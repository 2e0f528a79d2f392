"""Rule trees load, inherit, compare and show at any depth."""

from __future__ import annotations

import json
import sys
import unicodedata
from typing import TYPE_CHECKING, Literal

import pytest
import yaml

from vsortd.config.check import check_file
from vsortd.config.choices import Aggregate, OnDuplicate, OnUnsure
from vsortd.config.diagnostics import InvalidConfigError
from vsortd.config.dump import dump_json, dump_yaml, fingerprint, plain_settings
from vsortd.config.load import load_settings
from vsortd.config.rules import build_rules
from vsortd.config.settings import RuleSettings, Settings
from vsortd.learning.teaching import find_rule

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "version: 2\ninboxes: [{path: /in}]\nlibrary: /out\n"
TREE = """\
defaults: {min_score: 0.4, aggregate: vote, templates: ["a photo of {}"]}
none_of_these: [noise]
rules:
  - name: a
    prompts: x
    min_score: 0.6
    none_of_these: [nothing]
    rules:
      - name: b
        rules:
          - {name: c, min_score: 0.1, on_unsure: review, templates: "{} here"}
      - name: d
        aggregate: fraction
        fraction_level: 0.7
        min_margin: 0
  - name: e
"""


def _load(folder: Path, text: str) -> Settings:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def _block_tree(depth: int) -> str:
    """Write a chain of rules, one key a line, as a person would."""
    lines = ["rules:"]
    for level in range(depth):
        lines += [f"{'  ' * level}- name: r{level}", f"{'  ' * level}  rules:"]
    lines[-1] = f"{'  ' * (depth - 1)}  min_score: 0.9"
    return HEAD + "\n".join(lines) + "\n"


def _flow_tree(depth: int, last: str = "") -> str:
    """Write a chain of rules in braces, one rule a line."""
    return (
        HEAD
        + "rules: "
        + "".join(f"[{{name: r{level}, rules:\n" for level in range(depth))
        + "["
        + last
        + "]"
        + "}]" * depth
    )


def test_what_a_rule_says_of_places_holds_below_it_too(tmp_path: Path) -> None:
    rules = """\
place: {name: "{date}", on_duplicate: skip}
rules:
  - name: a
    place: {name: "{stem} {rule}", how: copy}
    rules: [{name: b}, {name: c, place: {name: "{time}"}}]
  - name: d
"""
    tree = build_rules(_load(tmp_path, HEAD.replace("place:", "# place:") + rules))
    places = {rule.key: rule.place for rule in tree.walk()}
    names = {key: place.name for key, place in places.items() if place is not None}
    assert {"a": "{stem} {rule}", "a/b": "{stem} {rule}", "a/c": "{time}", "d": "{date}"} == names
    assert {"a": "copy", "a/b": "copy", "a/c": "copy"} == {
        key: str(place.how) for key, place in places.items() if place is not None and key.startswith("a")
    }
    assert {OnDuplicate.SKIP} == {place.on_duplicate for place in places.values() if place is not None}


def test_what_a_rule_leaves_out_comes_from_above(tmp_path: Path) -> None:
    tree = build_rules(_load(tmp_path, HEAD + TREE))
    rules = {rule.key: rule for rule in tree.walk()}
    assert list(rules) == ["a", "a/b", "a/b/c", "a/d", "e"]
    assert [rule.min_score for rule in rules.values()] == [0.6, 0.6, 0.1, 0.6, 0.4]
    assert [rule.min_margin for rule in rules.values()] == [0.1, 0.1, 0.1, 0.0, 0.1]
    assert [rule.aggregate for rule in rules.values()] == [Aggregate.VOTE] * 3 + [
        Aggregate.FRACTION,
        Aggregate.VOTE,
    ]
    assert [rule.on_unsure for rule in rules.values()] == [OnUnsure.STOP] * 2 + [OnUnsure.REVIEW] + [OnUnsure.STOP] * 2
    assert [rule.fraction_level for rule in rules.values()] == [0.5, 0.5, 0.5, 0.7, 0.5]
    assert rules["a/b/c"].templates == ("{} here",)
    assert ("a photo of {}",) == rules["a/d"].templates == tree.templates


def test_prompts_default_to_the_name_and_negatives_stay_on_their_level(tmp_path: Path) -> None:
    tree = build_rules(_load(tmp_path, HEAD + TREE))
    rules = {rule.key: rule for rule in tree.walk()}
    assert [rule.prompts for rule in rules.values()] == [("x",), ("b",), ("c",), ("d",), ("e",)]
    assert tree.none_of_these == ("noise",)
    assert [rule.none_of_these for rule in rules.values()] == [("nothing",), (), (), (), ()]


def test_a_rule_is_found_by_its_key(tmp_path: Path) -> None:
    tree = build_rules(_load(tmp_path, HEAD + TREE))
    found = tree.find("a/b/c")
    assert found is not None
    assert found.path == ("a", "b", "c")
    assert [tree.find(key) for key in ("", "b", "a/c", "a/b/c/d")] == [None] * 4


@pytest.mark.parametrize(("depth", "write"), [(300, _block_tree), (300, _flow_tree), (440, _flow_tree)])
def test_a_deep_tree_loads_shows_and_loads_again(tmp_path: Path, depth: int, write: object) -> None:
    assert callable(write)
    settings = _load(tmp_path, write(depth))
    rules = list(build_rules(settings).walk())
    assert depth == len(rules)
    assert tuple(f"r{level}" for level in range(depth)) == rules[-1].path
    as_yaml = _load(tmp_path, dump_yaml(plain_settings(settings)))
    assert settings == as_yaml
    as_json = _load(tmp_path, dump_json(plain_settings(settings)))
    assert settings == as_json
    assert hash(settings) == hash(as_json)
    assert depth > 3
    assert len(repr(settings)) < 5_000


def test_json_of_a_deep_tree_is_json(tmp_path: Path) -> None:
    values = plain_settings(_load(tmp_path, _flow_tree(300)))
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        assert values == json.loads(dump_json(values))
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("depth", [300, 440])
def test_a_mistake_at_the_bottom_has_its_whole_path_and_line(tmp_path: Path, depth: int) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        _load(tmp_path, _flow_tree(depth, "{name: x, min_score: 5}"))
    (mistake,) = caught.value.mistakes
    assert ".".join(["rules[0]"] * (depth + 1)) + ".min_score" == mistake.path
    assert 4 + depth == mistake.line


def test_a_fingerprint_tells_deep_trees_apart_and_is_the_same_for_the_same(tmp_path: Path) -> None:
    one, again, other = (_load(tmp_path, _flow_tree(440, bottom)) for bottom in ("{name: x}", "{name: x}", "{name: y}"))
    assert fingerprint(one) == fingerprint(again)
    assert fingerprint(one) != fingerprint(other)


def test_yaml_says_the_same_and_steers_nothing() -> None:
    values = {"a\u202eb": ["\x1b[31m", "x\u2028y", "\U000e0001", "é 日本"], "plain": "a: b"}
    told = dump_yaml(values)
    assert all(char.isprintable() or char == "\n" for char in told)
    assert values == yaml.safe_load(told)
    assert "é 日本" in told


def test_trees_that_differ_at_the_bottom_are_not_equal(tmp_path: Path) -> None:
    one = _load(tmp_path, _flow_tree(300, "{name: x}"))
    other = _load(tmp_path, _flow_tree(300, "{name: y}"))
    fewer = _load(tmp_path, _flow_tree(300))
    assert one != other
    assert one != fewer
    assert one == _load(tmp_path, _flow_tree(300, "{name: x}"))
    assert RuleSettings(name="x") != "x"


def test_a_wide_tree_loads_in_the_order_of_the_file(tmp_path: Path) -> None:
    settings = _load(tmp_path, HEAD + "rules: [" + ",".join(f"{{name: n{i}}}" for i in range(3_000)) + "]")
    assert [f"n{i}" for i in range(3_000)] == [rule.name for rule in build_rules(settings).walk()]


def test_mistakes_in_a_deep_tree_do_not_hide_each_other(tmp_path: Path) -> None:
    text = (
        HEAD + "rules:\n  - name: a\n    rules:\n      - name: on\n        rules:\n"
        "          - {name: c, nam: d}\n  - {}\n"
    )
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    report = check_file(path)
    assert [(mistake.line, mistake.path) for mistake in report.mistakes] == [
        (7, "rules[0].rules[0].name"),
        (9, "rules[0].rules[0].rules[0].nam"),
        (10, "rules[1].name"),
    ]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_have_one_form_however_they_were_typed(tmp_path: Path, form: Literal["NFC", "NFD"]) -> None:
    """So keys of rules, tags and corrections are the same, whichever editor wrote the config."""
    config = tmp_path / "config.yaml"
    text = "tags: [{name: Grün, when: {min_width: 1}}]\nrules: [{name: Übung, rules: [{name: Fünf}]}]\n"
    config.write_text(unicodedata.normalize(form, HEAD + text))
    tree = build_rules(load_settings(config))
    assert ["Übung", "Übung/Fünf"] == [rule.key for rule in tree.walk()]
    assert ["Grün"] == [tag.name for tag in tree.tags]
    found = tree.find(unicodedata.normalize("NFD", "Übung/Fünf"))
    assert found is not None
    assert "Übung/Fünf" == find_rule(tree, unicodedata.normalize("NFD", "Fünf"))


def test_folders_of_the_config_are_those_that_the_disk_has(tmp_path: Path) -> None:
    inbox, library = (tmp_path / unicodedata.normalize("NFD", name) for name in ("Eingänge", "Übungen"))
    inbox.mkdir()
    library.mkdir()
    config = tmp_path / "config.yaml"
    config.write_text(
        f"version: 2\ninboxes: [{{path: {tmp_path}/Eingänge}}]\nlibrary: {tmp_path}/Übungen\nrules: [{{name: a}}]\n"
    )
    settings = load_settings(config)
    assert (inbox, library) == (settings.inboxes[0].path, settings.library)


def test_an_inbox_and_a_library_of_one_folder_are_told_in_any_form(tmp_path: Path) -> None:
    (tmp_path / unicodedata.normalize("NFD", "Übung")).mkdir()
    config = tmp_path / "config.yaml"
    folders = (f"{tmp_path}/{unicodedata.normalize(form, 'Übung')}" for form in ("NFC", "NFD"))
    config.write_text("version: 2\ninboxes: [{{path: {}}}]\nlibrary: {}\nrules: [{{name: a}}]\n".format(*folders))
    (mistake,) = check_file(config).mistakes
    assert "the library is an inbox, too (inboxes[0].path)" == mistake.message
