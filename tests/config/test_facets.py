"""Facets in the config: what loads, what is shown again, and what is said of a facet that is odd but usable."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pytest
import yaml

from vsortd.__main__ import main
from vsortd.config.check import check_file
from vsortd.config.dump import dump_yaml, plain_settings
from vsortd.config.load import load_settings
from vsortd.config.rules import build_rules
from vsortd.config.warnings import warnings_of
from vsortd.core.names import facet_values, tag_part_problem
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

BASE = "version: 2\ninboxes: [{path: /in}]\nlibrary: /out\nmodel: sample\n"
FACETS = """\
defaults: {min_score: 0.4, min_margin: 0.2, templates: "see {}"}
place: {name: "{date} {Stimmung} {tags}"}
tags: [{name: wine}]
facets:
  Stimmung:
    ruhig: still water
    "angespannt, laut": [somebody runs, a dark corridor]
    min_score: 0.6
    none_of_these: an empty page
  light: {day: by day, night: at night}
  when: {when: spring, where: a forest}
rules:
  - {name: a, when: {tags: Stimmung:ruhig}}
  - name: b
    when: {tags: [wine, "Stimmung:angespannt, laut"]}
    prompts: the sea
"""


def config(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(BASE + text, encoding="utf-8")
    return path


def test_values_are_rules_of_their_own_with_what_the_facet_and_the_defaults_say(tmp_path: Path) -> None:
    tree = build_rules(load_settings(config(tmp_path, FACETS)))
    first, second, _ = tree.facets
    assert ("Stimmung", ("an empty page",)) == (first.name, first.none_of_these)
    assert [("ruhig", ("still water",)), ("angespannt, laut", ("somebody runs", "a dark corridor"))] == [
        (value.name, value.prompts) for value in first.values
    ]
    assert [(0.6, 0.2, ("see {}",))] * 2 == [(one.min_score, one.min_margin, one.templates) for one in first.values]
    assert [(0.4, 0.2)] * 2 == [(value.min_score, value.min_margin) for value in second.values]
    assert "Stimmung:ruhig" == first.tag("ruhig")
    assert ("Stimmung:ruhig",) == (tree.rules[0].when.tags if tree.rules[0].when else ())


def test_what_config_show_prints_loads_again_as_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path, FACETS)
    settings = load_settings(path)
    assert main(["--config", str(path), "config", "show"]) == ExitCode.OK
    printed = capsys.readouterr().out
    assert dump_yaml(plain_settings(settings)) == printed
    shown = tmp_path / "shown.yaml"
    shown.write_text(printed, encoding="utf-8")
    assert settings == load_settings(shown)
    assert list(settings.facets["Stimmung"].prompts) == list(load_settings(shown).facets["Stimmung"].prompts)
    assert {"day": ["by day"], "night": ["at night"], "none_of_these": []} == yaml.safe_load(printed)["facets"]["light"]


def test_the_form_of_characters_makes_no_difference(tmp_path: Path) -> None:
    """A facet, its values, rules that ask for them and the name template may come from different keyboards."""
    composed, decomposed = (unicodedata.normalize(form, "Ü") for form in ("NFC", "NFD"))
    text = (
        f'place: {{name: "{{stem}} {{{composed}}}"}}\nfacets: {{{decomposed}: {{{composed}a: x, b: y}}}}\n'
        f'rules: [{{name: r, when: {{tags: "{decomposed}:{decomposed}a"}}}}]\n'
    )
    settings = load_settings(config(tmp_path, text))
    assert [composed] == list(settings.facets)
    assert [f"{composed}a", "b"] == list(settings.facets[composed].prompts)
    assert settings.rules[0].when is not None
    assert (f"{composed}:{composed}a",) == settings.rules[0].when.tags


def test_two_forms_of_one_name_are_one_name(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Ü") for form in ("NFC", "NFD"))
    text = f"facets: {{mood: {{{composed}: x, {decomposed}: y}}}}\nrules: [{{name: r}}]\n"
    (mistake,) = check_file(config(tmp_path, text)).mistakes
    assert (5, "the same but for case or form") == (mistake.line, mistake.message[-29:])


@pytest.mark.parametrize(
    ("facets", "warned"),
    [
        ("{light: {day: by day, night: at night}}", []),
        ("{light: {day: by day}}", [("facets.light", "a facet with one value only asks")]),
        ("{light: {day: by day, none_of_these: at night}}", []),
        (
            "{light: {day: zeppelins, night: [at night, a zorb]}}",
            [("facets.light.day", '"zeppelins"'), ("facets.light.night[1]", '"zorb"')],
        ),
        ("{light: {day: by day, night: at night, none_of_these: a zorb}}", [("facets.light.none_of_these", '"zorb"')]),
    ],
)
def test_what_is_odd_about_a_facet_is_warned_of(tmp_path: Path, facets: str, warned: list[tuple[str, str]]) -> None:
    from vsortd.vision.sample import unknown_words

    path = config(tmp_path, f"facets: {facets}\nrules: [{{name: sea}}]\n")
    found = [one for one in warnings_of(check_file(path), unknown_words) if one.path.startswith("facets")]
    assert [where for where, _ in warned] == [one.path for one in found]
    assert all(says in one.message and one.line == 5 for one, (_, says) in zip(found, warned, strict=True))


def test_tags_of_facets_are_taken_apart_and_others_left_out() -> None:
    assert {"mood": "calm", "light": "day"} == facet_values(["wine", "mood:calm", "light:day"])


@pytest.mark.parametrize("name", ["mood", "Stimmung", "Bild & Ton", "気分", "a.b", "it's", "(x)", "x" * 100])
def test_a_name_in_any_script_is_fine(name: str) -> None:
    assert tag_part_problem(name) is None
