"""Names are single components whatever goes in, and groups keep together."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import clip_facts
from vsortd.core.identity import Identity
from vsortd.core.names import TEMPLATE_FIELDS, cut
from vsortd.filing.file_names import NameFields, component, next_free, numbered, render, tail_of

WORDS = st.text(max_size=300) | st.binary(max_size=300).map(os.fsdecode)
TAILS = st.lists(st.sampled_from([".mp4", ".MOV", ".en.srt", ".forced.en.ass", ".mov.xmp"]), min_size=1)


def is_one_name(name: str) -> bool:
    """Tell whether a name is one component that every common filesystem takes."""
    categories = {unicodedata.category(char) for char in name}
    return (
        bool(name)
        and not {"/", "\\"} & set(name)
        and not categories & {"Cc", "Zl", "Zp"}
        and not name.startswith((".", " "))
        and not name.endswith((".", " "))
        and len(os.fsencode(name)) <= 255
    )


@given(WORDS)
def test_any_text_becomes_one_name(text: str) -> None:
    assert is_one_name(component(text))


@given(WORDS, WORDS, st.lists(st.sampled_from(TEMPLATE_FIELDS), min_size=1, max_size=4))
def test_any_template_over_any_fields_gives_one_name(stem: str, word: str, fields: list[str]) -> None:
    template = " ".join(f"{{{field}}}" for field in fields)
    filled = NameFields(stem, word, word, word, word, word, word, word)
    assert is_one_name(render(template, filled))


@given(WORDS.map(component), st.integers(1, 10**6), TAILS)
def test_a_group_shares_its_stem_within_255_bytes(stem: str, number: int, tails: list[str]) -> None:
    names = numbered(stem, number, tails)
    assert all(is_one_name(name) for name in names)
    assert 1 == len({name[: -len(tail)] for name, tail in zip(names, tails, strict=True)})
    assert (number == 1) or all(f" ({number})" in name for name in names)


@given(st.sets(st.integers(1, 200)))
def test_the_next_free_number_is_free(taken: set[int]) -> None:
    assert next_free(lambda number: number not in taken) not in taken


def test_the_lowest_free_number_is_taken_where_few_are_in_the_way() -> None:
    assert 1 == next_free(lambda _: True)
    assert 3 == next_free(lambda number: number not in {1, 2, 4})


def test_ten_thousand_files_of_one_name_cost_few_looks() -> None:
    looks: list[int] = []

    def is_free(number: int) -> bool:
        looks.append(number)
        return number > 10_000

    assert 10_001 == next_free(is_free)
    assert len(looks) < 40


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Film", "Film"),
        ("a/b\\c", "a_b_c"),
        ("..", "_"),
        (".hidden", "hidden"),
        ("con", "_con"),
        ("LPT1.tar", "_LPT1.tar"),
        ("console", "console"),
        ("dot. . ", "dot"),
        ("line\nbreak\x00", "line_break_"),
        ("cafe\u0301", "cafe\u0301"),  # the Unicode form is the file's own business
        ("-y", "-y"),
        ("", "_"),
    ],
)
def test_examples(text: str, expected: str) -> None:
    assert expected == component(text)


def test_a_cut_falls_between_characters() -> None:
    assert "é" == cut("ééé", 3)
    assert "\udcff" * 3 == cut("\udcff" * 9, 3)
    name = numbered("漢" * 100, 2, [".mp4"])[0]
    assert name.endswith("漢 (2).mp4")
    assert 250 <= len(name.encode()) <= 255


@pytest.mark.parametrize("template", ["{stem.__class__}", "{stem!r}", "{stem:>9}", "{0}", "{other}"])
def test_a_template_that_is_more_than_replacement_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="takes no"):
        render(template, NameFields("Film"))


def test_the_fields_of_a_clip() -> None:
    clip = clip_facts(
        width_px=1920,
        height_px=1080,
        rotation_deg=90,
        camera="Apple iPhone 15",
        recorded_at="2024-01-28T12:09:09+01:00",
    )
    identity = Identity(1, 2, 3, 1_700_000_000_000_000_000)
    fields = NameFields.of(Path("/in/IMG_1.MOV"), identity, clip, "forest/night")
    template = "{date} {time} {rule} {width}x{height} {orientation} {camera} {stem}"
    assert "2024-01-28 12-09-09 forest-night 1080x1920 portrait Apple iPhone 15 IMG_1" == render(template, fields)
    assert "IMG_1" == render("{camera}", NameFields.of(Path("/in/IMG_1.MOV"), identity, None, ""))
    assert "2023-11-1" in render("{date}", NameFields.of(Path("/in/a.mp4"), identity, None, ""))


@pytest.mark.parametrize(
    ("sidecar", "video", "tail"),
    [
        ("Film.en.srt", "Film.mov", ".en.srt"),
        ("Film.mov.xmp", "Film.mov", ".mov.xmp"),
        ("odd.srt", "Film.mov", ".odd.srt"),
    ],
)
def test_what_a_sidecar_adds_to_the_stem(sidecar: str, video: str, tail: str) -> None:
    assert tail == tail_of(Path(sidecar), Path(video))
