"""Files of labels and of categories, in every form that people have them in, and what is said of their mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vsortd.analysis.label_files import (
    MAX_PROMPTS,
    InvalidLabelFileError,
    label_unit,
    parse_labels,
    parse_units,
    read_labels,
    read_units,
)
from vsortd.config.category_file import MAX_BYTES, MAX_PROMPT_CHARS
from vsortd.errors import ConfigError, ExitCode, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.analysis.label_files import LabelUnit

# The names that others read in a table of categories; the prompts are ours.
PICTURE_NAMES = {
    "VisualStyle": ("Animation", "LiveAction"),
    "ImageQuality": ("LowQuality", "HighQuality"),
    "ContentPurpose": ("Storytelling", "Informational", "RealityCapture"),
    "Mood": ("Emotional", "Exciting", "Lighthearted", "Tense", "Imaginative"),
}
SOUND_NAMES = {
    "RecordingQuality": ("BasicRecording", "ProfessionalRecording", "AnimatedAudio"),
    "ContentPurpose": ("StorytellingAudio", "FactualAudio", "InformationalAudio"),
    "AudioMood": ("EmotionalAudio", "IntenseAudio", "LightAudio", "EerieAudio", "FantasticalAudio"),
}
SMALL_PICTURES = """\
[Recording]
(Home Recording) \n
A shaky picture, filmed by hand, of people at home.
A birthday party, with a cake. Somebody waves.

(Feature Film)
Two actors talk, lit from the side.
A wide view of a town, for the beginning of a film.
"""
SMALL_SOUND = """\
[Kind]
(Speech)
Somebody talks, close to the microphone.
(Music)
An orchestra plays, and nobody sings.
"""


def in_their_form(names: dict[str, tuple[str, ...]], prompts: int) -> str:
    """Return a large file: each category with so many prompts, which hold commas and full stops."""
    lines = []
    for unit, categories in names.items():
        lines += ["", f"[{unit}]"]
        for category in categories:
            lines += [f"({category}) "]
            lines += [f"Number {number} of {category}, seen once. Then again." for number in range(prompts)]
    return "\n".join(lines)


def units(text: str) -> tuple[LabelUnit, ...]:
    found, mistakes = parse_units(text.encode())
    assert () == mistakes
    return found


def mistakes(text: str | bytes) -> list[tuple[int, str]]:
    _, found = parse_units(text.encode() if isinstance(text, str) else text)
    return [(one.line, one.message) for one in found]


def as_names(found: tuple[LabelUnit, ...]) -> dict[str, tuple[str, ...]]:
    return {unit.name: tuple(one.name for one in unit.categories) for unit in found}


@pytest.mark.parametrize(
    "labels",
    [
        ["a dog", "a cat"],
        [f"{thing} {where}" for thing in ("a person", "a bus", "a dog") for where in map(str, range(122))],
        ["speech", "music", "rain on a roof"],
        [f"the sound of instrument {number}, played softly." for number in range(500)],
    ],
    ids=["few for pictures", "many for pictures", "few for sound", "many for sound"],
)
def test_a_list_has_a_label_on_each_line(labels: list[str]) -> None:
    for text in ("\n".join(labels), "\n\n".join(labels) + "\n", "\ufeff" + "\r\n".join(labels) + "\r\n\r\n"):
        unit, found = parse_labels(text.encode())
        assert () == found
        assert labels == [one.name for one in unit.categories]
        assert [(label,) for label in labels] == [one.prompts for one in unit.categories]
        assert ("", False) == (unit.name, unit.exclusive)


@pytest.mark.parametrize("names", [PICTURE_NAMES, SOUND_NAMES], ids=["for pictures", "for sound"])
def test_a_large_file_of_categories_keeps_names_order_and_whole_lines(names: dict[str, tuple[str, ...]]) -> None:
    for text in (in_their_form(names, 30), "\ufeff" + in_their_form(names, 30).replace("\n", "\r\n")):
        found = units(text)
        assert names == as_names(found)
        assert all(unit.exclusive for unit in found)
        first = found[0].categories[0]
        assert 30 == len(first.prompts)
        assert f"Number 7 of {first.name}, seen once. Then again." == first.prompts[7]


def test_small_files_of_categories_are_read_and_a_space_behind_a_name_is_none_of_it() -> None:
    (pictures,) = units(SMALL_PICTURES)
    assert ("Recording", ("Home Recording", "Feature Film")) == (
        pictures.name,
        tuple(one.name for one in pictures.categories),
    )
    assert "A birthday party, with a cake. Somebody waves." == pictures.categories[0].prompts[1]
    (sound,) = units(SMALL_SOUND)
    assert [("Somebody talks, close to the microphone.",), ("An orchestra plays, and nobody sings.",)] == [
        one.prompts for one in sound.categories
    ]


def test_the_form_on_one_line_and_the_form_of_lines_may_stand_in_one_file() -> None:
    found = units(
        "[Light] (Day) in sunshine, by day\n[Light] (Night) at night; dark, without a moon\n- by moonlight\n"
        "# comment\n[Mood]\n(Calm)\nStill water, and nobody near.\n[Light]\n(Day)\nat noon\n"
    )
    assert {"Light": ("Day", "Night"), "Mood": ("Calm",)} == as_names(found)
    day, night = found[0].categories
    assert ("in sunshine", "by day", "at noon") == day.prompts
    assert ("at night", "dark, without a moon", "by moonlight") == night.prompts


def test_headers_without_parentheses_that_have_prompts_are_one_unit() -> None:
    (unit,) = units("[Sea] waves, a beach\n[Forest]\ntrees\n- a wood\n")
    assert "" == unit.name
    assert [("Sea", ("waves", "a beach")), ("Forest", ("trees", "a wood"))] == [
        (one.name, one.prompts) for one in unit.categories
    ]


def test_a_category_without_prompts_is_looked_for_by_its_name_and_none_is_there_twice() -> None:
    (unit,) = units("[Light] (by day)\n[Light] (by night) dark, dark\ndark\n")
    assert [("by day",), ("dark",)] == [one.prompts for one in unit.categories]
    assert ["a", "b"] == [one.name for one in label_unit(["a", "b", "a"]).categories]


WRONG = """\
words before all
[Mood]
[Light]
(Day) in sunshine
(Night)
at night
()
[]
[Place] (a
[Kind]
prompts of its own
(Other)
x
"""


def test_every_mistake_is_told_with_its_line_at_once() -> None:
    assert [
        (1, "there is no [Question] before these words"),
        (2, "there is no (Category) below this question"),
        (4, "a category in parentheses stands alone on its line"),
        (7, "there is nothing in the parentheses"),
        (8, "the question has no name"),
        (9, "the parentheses around the name don't match"),
        (12, '"Kind" above it has prompts that belong to no (Category)'),
    ] == mistakes(WRONG)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", (1, "there is no category in this file")),
        (b"# only a comment\n", (1, "there is no category in this file")),
        (b"(Day)\nsun\n(Night)\nmoon\n", (1, "there is no [Question] before this category")),
        (b"[Mood]\n(Calm)\n\xff\n", (3, "this is no text in UTF-8")),
        (b"[Mood]\n", (1, "there is no (Category) below this question")),
        (b"[Mood\n(Calm)\nx\n", (1, "the brackets around the category don't match")),
        (b"[A] (B) " + b"x" * (MAX_PROMPT_CHARS + 1), (1, "this prompt is 1,001 characters long")),
        (b"[A] (B)\nx\x07y\n", (2, "there is a control character in these words")),
        (b"x" * (MAX_BYTES + 1), (1, "the file is larger than 1 MB, so it was not read")),
    ],
)
def test_what_is_no_file_of_categories_is_one_mistake(data: bytes, expected: tuple[int, str]) -> None:
    assert [expected] == mistakes(data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\n \n", [(1, "there is no label in this file")]),
        (b"a dog\n[Mood]\n[Light] (Day) sun\n",
         [(2, "a list of labels has no [Question]"), (3, "a list of labels has no [Question]")]),
        (b"a\xe9\n", [(1, "this is no text in UTF-8")]),
        (b"a\n" + b"x" * (MAX_PROMPT_CHARS + 1) + b"\nb\x01\n",
         [(2, "this prompt is 1,001 characters long"), (3, "there is a control character in these words")]),
        (b"x" * MAX_PROMPT_CHARS, []),
    ],
)  # fmt: skip
def test_mistakes_in_a_list_of_labels(data: bytes, expected: list[tuple[int, str]]) -> None:
    _, found = parse_labels(data)
    assert expected == [(one.line, one.message) for one in found]


def test_more_labels_than_can_be_embedded_in_minutes_are_refused_where_they_begin() -> None:
    many = "\n".join(map(str, range(MAX_PROMPTS + 5)))
    _, found = parse_labels(many.encode())
    assert [(MAX_PROMPTS + 1, "from here on there are more than 10,000 labels")] == [
        (one.line, one.message) for one in found
    ]
    assert [(MAX_PROMPTS + 2, "from here on there are more than 10,000 prompts")] == mistakes(f"[A] (B)\n{many}")


def test_a_wrong_file_is_named_with_every_line_and_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "moods.txt"
    file.write_text(WRONG)
    with pytest.raises(InvalidLabelFileError) as caught:
        read_units(file)
    assert ExitCode.CONFIG == caught.value.exit_code
    assert "moods.txt has 7 mistakes, so no video was looked at:" == caught.value.title
    assert f"{file}:9: the parentheses around the name don't match" in caught.value.details
    assert "Correct them and ask again." == caught.value.remedy


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not there"):
        read_labels(tmp_path / "none.txt")
    (tmp_path / "empty.txt").touch()
    with pytest.raises(ConfigError, match="1 mistake"):
        read_labels(tmp_path / "empty.txt")
    with pytest.raises(UsageError, match="is a folder"):
        read_units(tmp_path)
