"""Files of labels and categories as parts of a config: what becomes rules, what facets, and what is said of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.analysis.test_label_files import PICTURE_NAMES, SMALL_PICTURES, in_their_form
from vsortd.__main__ import main
from vsortd.analysis.label_import import Imported, import_labels
from vsortd.analysis.label_reading import ImportAs
from vsortd.config.category_file import InvalidCategoryFileError
from vsortd.config.draft import ConfigDraft, check_text, config_yaml, facets_yaml
from vsortd.config.load import load_settings
from vsortd.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from pathlib import Path

BLOCKS = """\
[Mood]
(Calm) \n
Still water, and nobody near.
An empty road
(Tense)
Somebody runs.

[Light]
(Day)
(Night)
a street at night; stars
"""
LINES = """\
[Mood] (Calm) still water; an empty road
[Mood] (Tense) Somebody runs, and falls.
[Light] (Day) sunshine, noon
[Light] (Night) stars
"""


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    return tmp_path / "labels.txt"


def read(listing: Path, text: str, wanted: ImportAs | None = None) -> Imported:
    listing.write_text(text, encoding="utf-8")
    return import_labels(listing, wanted)


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["config", "import", *words])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_several_units_become_facets_each_category_a_value_with_whole_lines_as_prompts(listing: Path) -> None:
    found = read(listing, BLOCKS)
    assert {} == found.rules
    assert {
        "Mood": {"Calm": ("Still water, and nobody near.", "An empty road"), "Tense": ("Somebody runs.",)},
        "Light": {"Day": ("Day",), "Night": ("a street at night", "stars")},
    } == found.facets
    assert found.note.startswith("2 questions became facets, whose answers are tags")
    assert "--as rules" in found.note


def test_one_unit_becomes_rules_of_its_categories(listing: Path) -> None:
    found = read(listing, SMALL_PICTURES)
    assert {} == found.facets
    assert [("Home Recording",), ("Feature Film",)] == list(found.rules)
    assert "A birthday party, with a cake. Somebody waves." in found.rules["Home Recording",]
    assert found.note.startswith("the categories of [Recording] became rules; --as facets makes it a question")


def test_a_list_of_labels_becomes_a_rule_each(listing: Path) -> None:
    found = read(listing, "a dog\n\na cat, asleep\nday/night\nA Dog\n")
    assert {("a dog",): ("a dog", "A Dog"), ("a cat, asleep",): (), ("day-night",): ("day/night",)} == found.rules
    assert ('"day/night" became "day-night"', '"A Dog" became "a dog"') == found.changes
    assert "3 labels became rules" == found.note
    assert "1 label became a rule" == read(listing, "a dog\n").note


def test_categories_on_one_line_stay_folders_and_facets_are_offered_where_they_may_be_questions(listing: Path) -> None:
    found = read(listing, LINES)
    assert {("Mood", "Calm"): ("still water", "an empty road"), ("Mood", "Tense"): ("Somebody runs, and falls",)} == {
        path: prompts for path, prompts in found.rules.items() if path[0] == "Mood" and path[1:]
    }
    assert found.note.startswith("2 categories became folders that compete; --as facets makes each")
    assert "" == read(listing, "[Nature] (Forest) trees\n[City] streets\n").note
    assert "" == read(listing, "[Mood] (Calm) water\n[Mood] (Tense) fire\n").note


def test_either_form_becomes_what_is_wanted(listing: Path) -> None:
    for text in (BLOCKS, LINES):
        facets = read(listing, text, ImportAs.FACETS).facets
        assert ["Mood", "Light"] == list(facets)
        assert [["Calm", "Tense"], ["Day", "Night"]] == [list(values) for values in facets.values()]
        rules = read(listing, text, ImportAs.RULES)
        assert {} == rules.facets
        paths = [("Mood",), ("Mood", "Calm"), ("Mood", "Tense"), ("Light",), ("Light", "Day"), ("Light", "Night")]
        assert sorted(paths) == sorted(rules.rules)
        assert "--as" not in rules.note or text is LINES
    lone = read(listing, SMALL_PICTURES, ImportAs.FACETS)
    assert (["Recording"], True) == (list(lone.facets), lone.note.startswith("1 question became a facet, whose answer"))
    units = read(listing, BLOCKS, ImportAs.RULES).rules
    assert ("Still water, and nobody near.", "Somebody runs.", "An empty road") == units["Mood",]


def test_names_that_no_facet_can_have_become_the_nearest_and_that_is_told(listing: Path) -> None:
    text = (
        "[Bild: Ton]\n(a/b)\nx\n(A-B)\ny\n(min_score)\nz\n(none_of_thes)\nq\n(two words)\nw\n"
        "[camera]\n(still)\nv\n(moved)\nu\n"
    )
    found = read(listing, text)
    assert {
        "Bild- Ton": {
            "a-b": ("x", "y"),
            "min score": ("z",),
            "none of thes": ("q",),
            "two words": ("w",),
        },
        "Camera": {"still": ("v",), "moved": ("u",)},
    } == found.facets
    assert (
        '"Bild: Ton" became "Bild- Ton"',
        '"a/b" became "a-b"',
        '"A-B" became "a-b"',
        '"min_score" became "min score"',
        '"none_of_thes" became "none of thes"',
        '"camera" became "Camera"',
    ) == found.changes
    check_text(config_yaml(ConfigDraft(facets=found.facets))).settings_or_raise()


@pytest.mark.parametrize(
    ("text", "wanted", "says"),
    [
        ("a dog\na cat\n", ImportAs.FACETS, "a list of labels without a [Question]"),
        ("[Sea] waves\n[City] streets\n", ImportAs.FACETS, 'without a [Question], such as "Sea"'),
        ("[Sea] waves\n[Mood]\n(Calm)\nx\n(Tense)\ny\n", None, 'without a [Question], such as "Sea"'),
    ],
)
def test_what_can_be_no_facet_says_what_to_write(listing: Path, text: str, wanted: ImportAs | None, says: str) -> None:
    with pytest.raises(ConfigError, match=r"labels\.txt") as caught:
        read(listing, text, wanted)
    assert says in caught.value.title
    assert "[Question]" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[Mood]\n(Calm)\nx\n[Light]\n", 4, "no (Category) below this question"),
        ("(Calm)\nx\n", 1, "no [Question] before this category"),
        ("[Mood]\n(..)\nx\n", 2, "no folder can have this name"),
        ("a dog\na\x07cat\n", 2, "a control character"),
        ("", 1, "there is no"),
        (" \n\t\n", 1, "there is no label in this file"),
        ("[Mood]\n(Calm)\nx\n[\u200b]\n(a)\ny\n", 4, "nothing is left of this name"),
    ],
)
def test_mistakes_are_told_with_their_lines(listing: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(InvalidCategoryFileError) as caught:
        read(listing, text)
    assert (line, True) == (caught.value.mistakes[0].line, says in caught.value.mistakes[0].message)


def test_bytes_that_are_no_text_are_one_mistake(listing: Path) -> None:
    listing.write_bytes(b"a dog\ncaf\xe9\n")
    with pytest.raises(InvalidCategoryFileError, match="no text in UTF-8") as caught:
        import_labels(listing)
    assert [2] == [mistake.line for mistake in caught.value.mistakes]


def test_facets_are_printed_to_paste_and_stand_in_a_whole_config(
    listing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listing.write_text(in_their_form(PICTURE_NAMES, 12), encoding="utf-8")
    code, out, err = _run(capsys, str(listing))
    assert (ExitCode.OK, facets_yaml(import_labels(listing).facets)) == (code, out)
    assert "labels.txt: 4 questions became facets" in err
    assert {unit: list(names) for unit, names in PICTURE_NAMES.items()} == {
        facet: list(values) for facet, values in yaml.safe_load(out)["facets"].items()
    }
    config = listing.parent / "new.yaml"
    code, out, _ = _run(capsys, str(listing), "--out", str(config))
    assert (ExitCode.OK, True) == (code, f"Wrote {config}: 4 facets\nIts rules are the example's.\n" in out)
    loaded = load_settings(config)
    assert import_labels(listing).facets == {name: dict(one.prompts) for name, one in loaded.facets.items()}
    assert 1 == config.read_text(encoding="utf-8").count("facets:\n")


def test_what_is_wanted_is_said_on_the_command_line_and_json_has_both(
    listing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listing.write_text(BLOCKS, encoding="utf-8")
    _, out, _ = _run(capsys, str(listing), "--json")
    document: dict[str, Any] = json.loads(out)
    assert (True, [], ["Day"]) == (document["ok"], document["rules"], document["facets"]["Light"]["Day"])
    _, out, _ = _run(capsys, str(listing), "--as", "rules", "--json")
    document = json.loads(out)
    assert ({}, ["Mood", "Light"]) == (document["facets"], [rule["name"] for rule in document["rules"]])
    assert ExitCode.USAGE == _run(capsys, str(listing), "--as", "folders")[0]


@pytest.mark.parametrize("names", [["no", "a: b"], ["12", "#x"], ["it's", '"q"'], ["気分", "жёлтый"], ["null", "~"]])
def test_any_name_is_written_so_that_it_loads_again(names: list[str]) -> None:
    facets = {name: {names[0]: ("x",), names[1]: tuple(f"a rather long prompt, {n}" for n in range(20))}
              for name in names if ":" not in name}  # fmt: skip
    facets = {
        name: {value.replace(":", ""): prompts for value, prompts in values.items()} for name, values in facets.items()
    }
    loaded = check_text(config_yaml(ConfigDraft(facets=facets))).settings_or_raise()
    assert facets == {name: dict(one.prompts) for name, one in loaded.facets.items()}
