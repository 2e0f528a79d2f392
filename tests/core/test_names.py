"""Names that can be folders everywhere, and templates that can't leave theirs."""

from __future__ import annotations

import os
import string
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from vsortd.core.names import TEMPLATE_FIELDS, cut, folder_key, folder_name_problem, template_problem

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "name", ["forest", "with space", "Übung 3", "_Review", "日本", ".hidden", "a.b", "console", "x" * 200]
)
def test_an_ordinary_name_is_fine(name: str) -> None:
    assert folder_name_problem(name) is None


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", "a/b", "a\\b", "a\0b", "a\nb", "a\x7fb", "a\u2028b", "\ud800", "a.", "a ", " a",
     "CON", "nul.txt", "COM1", "lpt9.a.b", "COM¹", "x" * 201, "é" * 101, ".vsortd", ".VSortd"],
)  # fmt: skip
def test_a_name_that_fails_somewhere_is_refused(name: str) -> None:
    assert folder_name_problem(name)


@given(name=some.text(max_size=70))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_name_without_problem_makes_one_folder(tmp_path: Path, name: str) -> None:
    if folder_name_problem(name) is None:
        folder = tmp_path / name
        folder.mkdir()
        assert [os.fsencode(name)] == [os.fsencode(entry.name) for entry in tmp_path.iterdir()]
        folder.rmdir()


@given(some.text(max_size=20))
def test_the_key_of_a_name_does_not_depend_on_its_case(name: str) -> None:
    assert folder_key(name) == folder_key(name.swapcase().swapcase()) or name != name.swapcase().swapcase()
    assert folder_key(folder_key(name)) == folder_key(name)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Sea", "SEA", True),
        ("é", "e\u0301", True),
        ("ß", "SS", True),
        ("a:b", "a*b", True),
        ("a", "b", False),
    ],
)
def test_two_names_are_one_folder(one: str, other: str, same: bool) -> None:  # noqa: FBT001
    assert same is (folder_key(one) == folder_key(other))


@pytest.mark.parametrize(
    "template", ["{stem}", "{date} {time}", "clip", "{rule}-{width}x{height}", "{stem} ({orientation})"]
)
def test_a_template_of_fields_is_fine(template: str) -> None:
    assert template_problem(template) is None


@pytest.mark.parametrize(
    "template",
    ["", "{}", "{0}", "{stem.x}", "{stem[0]}", "{stem!r}", "{stem:>9}", "{stem:}}", "{stem", "stem}",
     "{{stem}}", "{nope}", "{stem}/{rule}", "..", "../{stem}", "{stem}\\x", "{stem}\n",
     ".{stem}", "con", "{ stem }", "{stem:{width}}"],
)  # fmt: skip
def test_a_template_that_does_more_is_refused(template: str) -> None:
    assert template_problem(template)


PIECES = some.sampled_from([*string.printable, "{stem}", "{date}", "{width}", "{", "}", "{{", "}}", "/", ".."])


@given(some.lists(PIECES, max_size=8).map("".join))
def test_a_template_without_problem_renders_to_one_component(template: str) -> None:
    if template_problem(template) is None:
        rendered = template.format(**dict.fromkeys(TEMPLATE_FIELDS, "x"))
        assert "/" not in rendered
        assert folder_name_problem(rendered) is None
        plain = template
        for field in TEMPLATE_FIELDS:
            plain = plain.replace(f"{{{field}}}", "x")
        assert plain == rendered


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("  ", "a folder's name can't be empty"),
        ("..", "this name stands for a folder that exists already"),
        ("a/b", "a name is one folder, so it can't hold / or \\"),
        ("a\\b", "a name is one folder, so it can't hold / or \\"),
        ("a\tb", "a folder's name can't hold control characters"),
        (
            "a\u202egpj",
            "a folder's name can't hold characters that are not seen, such as U+202E, which turns the writing around",
        ),
        ("a\u200db", None),
        ("a.", "a folder's name can't end with a dot or a space, nor begin with a space"),
        ("a ", "a folder's name can't end with a dot or a space, nor begin with a space"),
        (" a", "a folder's name can't end with a dot or a space, nor begin with a space"),
        ("aux.txt", "Windows reserves this name for a device"),
        ("x" * 201, "the name is longer than 200 bytes"),
        ("é" * 100, None),
        (".VSORTD", "vsortd keeps its own files in a folder of this name"),
        ("b a", None),
        ("a.b", None),
    ],
)
def test_a_refusal_says_what_is_wrong_with_the_name(name: str, says: str | None) -> None:
    assert says == folder_name_problem(name)


@pytest.mark.parametrize("name", ["a:b", "what?", "<x>", "a|b", 'say "x"', "a*b"])
def test_what_only_windows_forbids_is_refused_only_there(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert folder_name_problem(name) is None
    monkeypatch.setattr("sys.platform", "win32")
    assert 'Windows allows none of <>:"|?* in a name' == folder_name_problem(name)
    assert folder_name_problem("ordinary") is None


def test_dots_and_spaces_at_the_end_do_not_make_two_folders_of_one() -> None:
    assert folder_key("a") == folder_key("a. ")
    assert folder_key(" a") != folder_key("a")
    assert "a_b" == folder_key("A?b")


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{stem", "its braces don't match"),
        ("{{stem}}", "braces may only hold a field"),
        ("a}}{stem}", "braces may only hold a field"),
        ("{nope}", 'there is no field "{nope}"'),
        ("{stem} {}", 'there is no field "{}"'),
        ("{stem:>9}", 'the field "{stem}" takes no format or conversion'),
        ("{stem!r}", 'the field "{stem}" takes no format or conversion'),
        (".{stem}", "a file whose name begins with a dot is hidden"),
        ("", "a folder's name can't be empty"),
        ("{stem}/x", "a name is one folder, so it can't hold / or \\"),
        ("co{stem}", None),
        ("con", "Windows reserves this name for a device"),
        ("{stem}.", "a folder's name can't end with a dot or a space, nor begin with a space"),
        ("{stem} {date}", None),
        ("{stem}" * 200, None),
        ("{stem}" * 201, "the name is longer than 200 bytes"),
        ("x" * 199 + "{stem}", None),
    ],
)
def test_a_refusal_says_what_is_wrong_with_the_template(template: str, says: str | None) -> None:
    assert says == template_problem(template)


@pytest.mark.parametrize(
    ("text", "limit_bytes", "kept"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "abc"),
        ("abc", 0, ""),
        ("aéb", 2, "a"),
        ("aéb", 3, "aé"),
        ("aéb", 4, "aéb"),
        ("漢字", 5, "漢"),
    ],
)
def test_a_name_is_cut_to_as_many_bytes_as_fit(text: str, limit_bytes: int, kept: str) -> None:
    assert kept == cut(text, limit_bytes)
