"""Edits of rules within a config's text: what was meant, nothing else, and every comment stays."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
import yaml

from vsortd.config.rule_edits import (
    EditByHandError,
    add_rule_text,
    delete_rule,
    move_rule,
    place_after,
    set_options,
)
from vsortd.config.yaml_spans import comments

TEXT = """# the top
version: 2
rules:  # all of them
  # of the list
  - name: forest  # trees
    prompts:
      - a forest  # green
      # the next one
      - trees, many
    min_score: 0.4   # sure

  # above the sea
  - name: sea
    # what waves say
    prompts: [a "sea", 'waves # no comment']
    rules:
      - {name: calm, prompts: [a calm sea]}  # quiet
      - name: storm
  - {name: city, rules: [{name: day}, {name: night, min_score: 0.5}]}
# the end
tags: []
"""


def _rules(text: str) -> Any:
    return yaml.safe_load(text)["rules"]


def test_a_number_is_set_where_it_stands() -> None:
    after = set_options(TEXT, (0,), {"min_score": 0.25})
    assert TEXT.replace("min_score: 0.4 ", "min_score: 0.25 ") == after


def test_a_prompt_more_leaves_the_others_as_they_were_written() -> None:
    after = set_options(TEXT, (0,), {"prompts": ["a forest", "trees, many", "moss: green"]})
    assert TEXT.replace("      - trees, many\n", '      - trees, many\n      - "moss: green"\n').replace('"', "'") == (
        after.replace('"', "'")
    )


def test_a_prompt_less_keeps_its_comment() -> None:
    after = set_options(TEXT, (0,), {"prompts": ["trees, many"]})
    assert ["trees, many"] == _rules(after)[0]["prompts"]
    assert comments(TEXT) == comments(after)


def test_an_option_is_added_before_the_rules_below_and_left_out_again() -> None:
    added = set_options(TEXT, (1,), {"min_margin": 0.2})
    assert TEXT.replace("no comment']\n", "no comment']\n    min_margin: 0.2\n") == added
    assert TEXT == set_options(added, (1,), {"min_margin": None})


def test_an_option_in_braces() -> None:
    added = set_options(TEXT, (2, 1), {"prompts": ["a, b", "c"]})
    assert ["a, b", "c"] == _rules(added)[2]["rules"][1]["prompts"]
    assert TEXT == set_options(added, (2, 1), {"prompts": None})


def test_what_is_left_out_leaves_its_comment() -> None:
    after = set_options(TEXT, (0,), {"min_score": None})
    assert "min_score" not in _rules(after)[0]
    assert "    # sure\n" in after


def test_down_and_up_again() -> None:
    after = move_rule(TEXT, (1,), (2,))
    assert ["forest", "city", "sea"] == [one["name"] for one in _rules(after)]
    assert after.index("# above the sea") > after.index("city")
    assert comments(TEXT) == comments(after)
    assert _rules(TEXT) == _rules(move_rule(after, (2,), (1,)))


def test_into_another_rule_and_out_again() -> None:
    inside = move_rule(TEXT, (1,), (0, 0))
    assert ["calm", "storm"] == [one["name"] for one in _rules(inside)[0]["rules"][0]["rules"]]
    assert "      # what waves say" not in inside.replace("        # what waves say", "")
    out = move_rule(inside, (0, 0), (1,))
    assert _rules(TEXT) == _rules(out)
    assert "rules" not in _rules(out)[0]


def test_a_rule_in_braces_goes_to_the_top() -> None:
    after = move_rule(TEXT, (2, 0), (3,))
    assert ["forest", "sea", "city", "day"] == [one["name"] for one in _rules(after)]


def test_a_new_rule_stands_where_the_others_stand() -> None:
    assert TEXT.replace("# the end", "  - name: new\n# the end") == add_rule_text(TEXT, (), {"name": "new"})
    below = add_rule_text(TEXT, (1,), {"name": "no: plain", "prompts": ["a", "b"]})
    assert {"name": "no: plain", "prompts": ["a", "b"]} == _rules(below)[1]["rules"][2]
    braces = add_rule_text(TEXT, (2,), {"name": "dusk"})
    assert "{name: night, min_score: 0.5}, {name: dusk}]" in braces
    nested = add_rule_text(TEXT, (0,), {"name": "moss"})
    assert [{"name": "moss"}] == _rules(nested)[0]["rules"]


def test_an_empty_list_of_rules_is_no_obstacle() -> None:
    text = "rules:\n  - {name: a, rules: []}\n  - {name: b}\n"
    assert text.replace("name: b", "name: c") == set_options(text, (1,), {"name": "c"})
    assert text.replace("[]", "[{name: d}]") == add_rule_text(text, (0,), {"name": "d"})


def test_a_deleted_rule_takes_its_own_comments_and_no_others() -> None:
    after = delete_rule(TEXT, (1,))
    assert ["forest", "city"] == [one["name"] for one in _rules(after)]
    assert Counter(["# above the sea", "# what waves say", "# quiet"]) == comments(TEXT) - comments(after)


@pytest.mark.parametrize(
    "text",
    [
        "rules:\n  - {name: a,\n     prompts: [b]}\n  - {name: c, rules: [{name: d}]}\n",
        "rules:\n  -\n    name: a\n  - name: b\n",
    ],
)
def test_a_form_that_leaves_no_safe_way_is_said(text: str) -> None:
    with pytest.raises(EditByHandError):
        move_rule(text, (0,), (1, 0))


@pytest.mark.parametrize("text", ["rules: [", "a: &x 1\nrules: []\n", "- 1\n", "", "rules: 3\n"])
def test_a_text_that_can_not_be_read_is_left_alone(text: str) -> None:
    with pytest.raises(EditByHandError):
        add_rule_text(text, (0,), {"name": "x"})


@pytest.mark.parametrize("place", [(9,), (0, 0), (-1,), ()])
def test_a_rule_that_is_not_there(place: tuple[int, ...]) -> None:
    with pytest.raises(EditByHandError):
        set_options(TEXT, place, {"name": "x"})


def test_where_a_rule_goes() -> None:
    assert (0, 1) == place_after((0, 2), "up", 3)
    assert place_after((0, 2), "down", 3) is None
    assert (0, 1, 4) == place_after((0, 2), "in", 4)
    assert place_after((0,), "in", 0) is None
    assert (1,) == place_after((0, 2), "out", 3)
    assert place_after((3,), "out", 9) is None


@pytest.mark.parametrize("seed", range(12))
def test_any_edits_one_after_the_other(seed: int) -> None:
    """Whatever is asked is done as meant, or refused; comments that stand outside of what is deleted stay."""
    rng = random.Random(seed)  # noqa: S311
    text = TEXT
    for _ in range(12):
        places = [(n,) for n in range(len(_rules(text)))]
        places += [(n, m) for (n,) in places for m in range(len(_rules(text)[n].get("rules", [])))]
        place = rng.choice(places)
        before = text
        try:
            match rng.randrange(3):
                case 0:
                    text = set_options(text, place, {rng.choice(["prompts", "sound"]): rng.sample("abc", 2)})
                case 1:
                    text = add_rule_text(text, place, {"name": f"n{rng.random()}"})
                case _:
                    siblings = len(_rules(text)) if len(place) == 1 else len(_rules(text)[place[0]]["rules"])
                    to = place_after(place, rng.choice(["up", "down", "out"]), siblings)
                    text = move_rule(text, place, to) if to else text
        except EditByHandError:
            text = before
        assert not comments(TEXT) - comments(text), text
