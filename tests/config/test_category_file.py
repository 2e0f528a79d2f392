"""Category files: what a sorter's list of categories becomes, and what is said about its mistakes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from vsortd.__main__ import main
from vsortd.config.category_file import MAX_LEVELS, MAX_PROMPT_CHARS, folder_name, parse_categories
from vsortd.config.draft import ConfigDraft, check_text, config_yaml, plain_rules, rules_yaml, walk
from vsortd.config.load import load_settings
from vsortd.core.names import folder_name_problem
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.config.draft import Rules
    from vsortd.config.settings import RuleSettings

EXAMPLE = """\
[Nature] (Forest) a forest, trees in a wood
[Nature] (Sea) ocean waves; a beach
[Nature/Mountains] (Snowy) snow-covered peaks
[City] city streets at night
# comment
"""


def _rules(text: str | bytes) -> Rules:
    categories, mistakes = parse_categories(text.encode() if isinstance(text, str) else text)
    assert () == mistakes
    return categories.rules


def _mistakes(text: str | bytes) -> list[tuple[int, str]]:
    _, mistakes = parse_categories(text.encode() if isinstance(text, str) else text)
    return [(mistake.line, mistake.message) for mistake in mistakes]


def _flat(rules: tuple[RuleSettings, ...]) -> Rules:
    """Return loaded rules as a draft has them."""
    found: Rules = {}
    waiting = [((rule.name,), rule) for rule in rules]
    while waiting:
        path, rule = waiting.pop(0)
        found[path] = rule.prompts
        waiting = [((*path, child.name), child) for child in rule.rules] + waiting
    return found


def test_categories_names_and_depth_become_folders_within_folders() -> None:
    expected = {
        ("Nature", "Forest"): ("a forest", "trees in a wood"),
        ("Nature", "Sea"): ("ocean waves", "a beach"),
        ("Nature", "Mountains", "Snowy"): ("snow-covered peaks",),
        ("City",): ("city streets at night",),
    }
    rules = _rules(EXAMPLE)
    assert expected == {path: rules[path] for path in expected}
    assert {("Nature",), ("Nature", "Mountains")} == rules.keys() - expected.keys()


def test_a_category_without_words_gets_those_of_its_rules_and_says_so() -> None:
    categories, _ = parse_categories(EXAMPLE.encode())
    lent = ("a forest", "ocean waves", "snow-covered peaks", "trees in a wood", "a beach")
    assert lent == categories.rules["Nature",]
    assert '"Nature" has no prompts of its own; it got those below it' in categories.changes
    own = _rules("[Nature] green things\n[Nature] (Forest) trees\n")
    assert ("green things",) == own["Nature",]


def test_prompts_go_on_below_their_header() -> None:
    text = "[Sea]\nwaves\n\n  a beach.\n[Sea] (Calm)\n- a calm sea\n* flat water; a lake\n[City] (Day)\n"
    expected = {
        ("Sea",): ("waves", "a beach"),
        ("Sea", "Calm"): ("a calm sea", "flat water", "a lake"),
        ("City",): ("Day",),
        ("City", "Day"): (),
    }
    assert expected == _rules(text)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("a forest, trees in a wood", ("a forest", "trees in a wood")),
        ("the sea, calm or rough; a beach", ("the sea, calm or rough", "a beach")),
        ("A sandy beach, blue sky, and people.", ("A sandy beach, blue sky, and people",)),
        ("1,000 people,", ("1,000 people",)),
        ("the sea, at night;", ("the sea, at night",)),
        ("\n- the sea, at night", ("the sea, at night",)),
        ("\u5bfa\u9662\uff0c\u795e\u793e", ("\u5bfa\u9662", "\u795e\u793e")),
    ],
)
def test_where_one_prompt_ends(words: str, expected: tuple[str, ...]) -> None:
    assert {("A",): expected} == _rules(f"[A] {words}\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[Sea] waves\nFilms from Italy\n",
            ['line 2: "Films from Italy" without a [Category], taken as a prompt of "Sea"'],
        ),
        (
            "[Sea]\nwaves\n\nFilms from Italy\n",
            ['line 4: "Films from Italy" without a [Category], taken as a prompt of "Sea"'],
        ),
        (
            "[Sea] waves\nItaly\nSpain (2019)\nFrance\n[City] streets\nhouses\n",
            [
                'line 2: "Italy" and 2 more lines without a [Category], taken as prompts of "Sea"',
                'line 6: "houses" without a [Category], taken as a prompt of "City"',
            ],
        ),
        ("[Sea] waves\n- a beach\n  foam\n", []),
        ("[Sea]\nwaves\na beach\n# summer\nfoam\n[City]\n\n- streets\n", []),
    ],
)
def test_a_line_that_may_belong_to_no_category_is_told_with_its_number(text: str, told: list[str]) -> None:
    """It is a prompt all the same: lists go on below their header. What has a bullet or stands indented is meant so."""
    categories, mistakes = parse_categories(text.encode())
    assert () == mistakes
    assert told == list(categories.changes)


def test_a_repeated_header_adds_to_the_first() -> None:
    assert {("A",): ("one", "two", "three")} == _rules("[A] one\n[A] two; one\n- [A]\nthree\n")


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf[A] (B) one\r\ntwo\r\n",
        "[A] (B) one\ntwo\n".encode("utf-16"),
        b"[A](B)one.\rtwo...\r",
        b"// list\n[ A ]  ( B ) : one;;  ; # said\n\n\n  # more\n\ttwo  // end\n",
        b"- [A/B] one\n- two",
        "\u3010A\u3011\uff08B\uff09one\uff1btwo\u3002\n".encode(),
        b"[/A//B/]\n\xe2\x80\xa2 one\n\xe2\x80\x93 two\n",
    ],
)
def test_what_a_person_may_write_for_the_same(text: bytes) -> None:
    assert {("A",): ("one", "two"), ("A", "B"): ("one", "two")} == _rules(text)


def test_names_may_be_in_any_script() -> None:
    rules = _rules("[Природа] (Лес) лес\n[旅行/京都] 寺院\n[طبيعة] (بحر) بحر\n")
    assert [("Природа", "Лес"), ("旅行", "京都"), ("طبيعة", "بحر")] == [path for path in rules if len(path) == 2]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Forest", "Forest"),
        ("Day/Night", "Day-Night"),
        ("a\\b", "a-b"),
        ("etc.", "etc"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        (".vsortd", "vsortd"),
        ("_Review", "Review"),
        ("bell\x07", "bell"),
        ("ж" * 150, "ж" * 99),
        ("..", ""),
        ("", ""),
    ],
)
def test_a_name_that_no_folder_can_have_becomes_the_nearest(name: str, expected: str) -> None:
    assert expected == folder_name(name, at_top=True)
    assert not expected or folder_name_problem(expected) is None


def test_what_was_changed_is_told_once_with_the_line() -> None:
    categories, _ = parse_categories(b"[A] (x/y) one\n[a] (x/y) two\n[CON] three\n[CON] four\n")
    assert {("A",): ("one", "two"), ("A", "x-y"): ("one", "two"), ("_CON",): ("three", "four")} == categories.rules
    assert (
        'line 1: "x/y" became "A/x-y": a name is one folder, so it can\'t hold / or \\',
        'line 2: "a" became "A": they are the same folder on some systems',
        'line 3: "CON" became "_CON": Windows reserves this name for a device',
        '"A" has no prompts of its own; it got those below it',
    ) == categories.changes


def test_every_mistake_is_reported_with_its_line() -> None:
    text = (
        "words\nmore words\n[open\nnot reported, too\n[] x\n[a] () y\n(b) z\n[a] (b z\n[a] b) z\n[..] x\n"
        "[ok] a\x07b\n" + "x" * (MAX_PROMPT_CHARS + 1) + "\n"
    )
    assert [
        (1, "there is no [Category] before these words"),
        (3, "the brackets around the category don't match"),
        (5, "the category has no name"),
        (6, "there is nothing in the parentheses"),
        (7, "a name in parentheses needs its category before it"),
        (8, "the parentheses around the name don't match"),
        (9, "the parentheses around the name don't match"),
        (10, "no folder can have this name"),
        (11, "there is a control character in these words"),
        (12, "this prompt is 1,001 characters long"),
    ] == _mistakes(text)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", (1, "there is no category in this file")),
        (b"# only this\n", (1, "there is no category in this file")),
        (b"[A] one\n[B] caf\xe9\n", (2, "this is no text in UTF-8")),
        (b"[A]\n" * 300_000, (1, "the file is larger than 1 MB, so it was not read")),
        (b"[" + b"a/" * 1000 + b"] x", (1, "this lies 1000 folders deep")),
    ],
)
def test_a_file_that_is_no_category_file_is_one_mistake(data: bytes, expected: tuple[int, str]) -> None:
    assert [expected] == _mistakes(data)


@pytest.mark.parametrize(
    "text",
    [
        EXAMPLE,
        "[no] (1e3) null; 12; 2024-01-01; yes; a: b; #x; *x; {x}; ~; <<; =; 'q'; \"q\"; it's; [z]\n",
        "[A] " + "; ".join(f"a rather long prompt, number {number}" for number in range(40)) + "\n",
        "[Природа/旅行] (🌲) дерево; 木\n",
        "[" + "/".join(f"d{number}" for number in range(MAX_LEVELS - 1)) + "] (last) deep\n[x] y\n",
    ],
    ids=["example", "odd words", "long lists", "scripts", "deep"],
)
def test_a_written_config_loads_as_the_rules_that_were_read(text: str) -> None:
    rules = _rules(text)
    loaded = check_text(config_yaml(ConfigDraft(rules=rules))).settings_or_raise()
    assert rules == _flat(loaded.rules)
    assert list(walk(rules)) == list(_flat(loaded.rules))


def test_the_rules_alone_are_yaml_of_the_same() -> None:
    rules = _rules(EXAMPLE)
    assert {"rules": plain_rules(rules)} == yaml.safe_load(rules_yaml(rules))


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    """Write the example as a file."""
    path = tmp_path / "categories.txt"
    path.write_text(EXAMPLE, encoding="utf-8")
    return path


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_import_prints_rules_to_paste(listing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "import", str(listing)]) == ExitCode.OK
    printed = capsys.readouterr()
    assert rules_yaml(_rules(EXAMPLE)) == printed.out
    assert 'changed: "Nature" has no prompts of its own' in printed.err
    assert ["categories.txt"] == [entry.name for entry in listing.parent.iterdir()]


def test_import_writes_a_config_that_check_accepts(listing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = listing.parent / "new" / "config.yaml"
    assert main(["config", "import", str(listing), "--out", str(out)]) == ExitCode.OK
    assert f"Wrote {out}: 6 rules" in capsys.readouterr().out
    assert main(["--config", str(out), "check"]) == ExitCode.OK
    text = out.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=./vsortd.schema.json\n")
    assert (out.parent / "vsortd.schema.json").is_file()
    assert "path: ~/Videos/Inbox" in text
    assert _rules(EXAMPLE) == _flat(load_settings(out).rules)


def test_import_never_overwrites_unless_told(listing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = listing.parent / "mine.yaml"
    out.write_text("mine", encoding="utf-8")
    assert main(["config", "import", str(listing), "--out", str(out)]) == ExitCode.FAILURE
    assert "mine" == out.read_text(encoding="utf-8")
    assert "--force" in capsys.readouterr().err
    assert main(["config", "import", str(listing), "--out", str(out), "--force", "--json"]) == ExitCode.OK
    report = _json(capsys)
    assert (True, str(out)) == (report["ok"], report["path"])
    assert {"name": "City", "prompts": ["city streets at night"]} == report["rules"][1]
    assert 2 == len(load_settings(out).rules)


def test_import_refuses_a_file_with_mistakes_and_writes_nothing(
    listing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listing.write_text("[A] fine\n[B\n(C) d\n", encoding="utf-8")
    out = listing.parent / "config.yaml"
    assert main(["config", "import", str(listing), "--out", str(out)]) == ExitCode.CONFIG
    printed = capsys.readouterr()
    assert "" == printed.out
    assert "The category file has 2 mistakes" in printed.err
    assert f"{listing}:2: the brackets" in printed.err
    assert f"{listing}:3: a name in parentheses" in printed.err
    assert not out.exists()
    assert main(["config", "import", str(listing), "--json"]) == ExitCode.CONFIG
    report = _json(capsys)
    assert (False, [2, 3]) == (report["ok"], [mistake["line"] for mistake in report["mistakes"]])


def test_import_of_a_file_that_is_not_there_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "import", str(tmp_path / "no.txt")]) == ExitCode.USAGE
    assert "is not there" in capsys.readouterr().err
    assert main(["config", "import", str(tmp_path)]) == ExitCode.USAGE


def test_init_from_a_category_file_asks_nothing(listing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = listing.parent / "config.yaml"
    assert main(["config", "init", "--from", str(listing), "--out", str(out)]) == ExitCode.OK
    assert _rules(EXAMPLE) == _flat(load_settings(out).rules)
    assert main(["config", "init", "--from", str(listing), "--yes", "--out", str(out)]) == ExitCode.USAGE
    assert "--yes" in capsys.readouterr().err
