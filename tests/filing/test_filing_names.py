"""Names are single components whatever goes in, and groups keep together."""

from __future__ import annotations

import os
import sys
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import clip_facts
from vsortd.core.identity import Identity
from vsortd.core.names import TEMPLATE_FIELDS, cut, folder_name_problem, without_unseen
from vsortd.filing.file_names import NameFields, component, group_names, next_free, numbered, render, tail_of

WORDS = st.text(max_size=300) | st.binary(max_size=300).map(os.fsdecode)
TAILS = st.lists(st.sampled_from([".mp4", ".MOV", ".en.srt", ".forced.en.ass", ".mov.xmp"]), min_size=1)


def is_one_name(name: str) -> bool:
    """Tell whether a name is one component that every common filesystem takes."""
    categories = {unicodedata.category(char) for char in name}
    return (
        bool(name)
        and not {"/", "\\"} & set(name)
        and not categories & {"Cc", "Zl", "Zp"}
        and name == without_unseen(name)
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
    filled = NameFields(stem, word, word, word, word, word, word, word, word)
    assert is_one_name(render(template, filled))


@given(WORDS.map(component), st.integers(1, 10**6), TAILS)
def test_a_group_shares_its_stem_within_255_bytes(stem: str, number: int, tails: list[str]) -> None:
    names = numbered(stem, number, tails)
    assert all(is_one_name(name) for name in names)
    assert 1 == len({name[: -len(tail)] for name, tail in zip(names, tails, strict=True)})
    assert (number == 1) or all(f" ({number})" in name for name in names)


UNSEEN = (
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u2028\u2029\u200b\u2060\u00ad"
    "\U000e0041"
)
ENGLAND = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.parametrize("char", UNSEEN)
def test_what_is_not_seen_does_not_get_into_a_name(char: str) -> None:
    """Neither by the stem or another field, nor by the ending of a sidecar."""
    assert "holiday_4pm.exe" == component(f"holiday{char}4pm.exe")
    assert "rule a_b c_d" == render("rule {rule} {camera}", NameFields("s", rule=f"a{char}b", camera=f"c{char}d"))
    assert ".e_n.srt" == tail_of(Path(f"/in/a.e{char}n.srt"), Path("/in/a.mp4"))


@pytest.mark.parametrize(
    "name",
    ["👨\u200d👩\u200d👧 family", "می\u200cخواهم", "क्\u200dष", ENGLAND, "❤\ufe0f", "שלום 1", "مرحبا"],  # noqa: RUF001 - other letters
)
def test_what_scripts_and_emoji_are_written_with_stays(name: str) -> None:
    assert name == component(name)
    assert folder_name_problem(name) is None


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
        ("a:b*c?", "a_b_c_" if sys.platform == "win32" else "a:b*c?"),
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
        ("C0001M01.XML", "C0001.MP4", "M01.XML"),
        ("GL010123.LRV", "GX010123.MP4", ".LRV"),
        ("Film.jpg.xmp", "Film.mov", ".jpg.xmp"),
    ],
)
def test_what_a_sidecar_adds_to_the_stem(sidecar: str, video: str, tail: str) -> None:
    assert tail == tail_of(Path(sidecar), Path(video))


@pytest.mark.parametrize("taken", range(60))
@pytest.mark.parametrize("first", [1, 2, 5])
def test_behind_numbers_that_are_all_taken_the_next_is_free(taken: int, first: int) -> None:
    assert first + taken == next_free(lambda number: number >= first + taken, first)


def test_one_of_the_first_eight_is_taken_whatever_lies_behind() -> None:
    assert 8 == next_free(lambda number: number == 8 or number > 20)
    assert 5 == next_free(lambda number: number >= 5)


@pytest.mark.parametrize(
    ("taken", "begins"), [(100, [*range(1, 9), 18, 36, 72, 144]), (8, [*range(1, 9), 18, 13, 10, 9])]
)
def test_looking_for_a_number_begins_with_the_first_and_looks_at_none_twice(taken: int, begins: list[int]) -> None:
    looks: list[int] = []

    def is_free(number: int) -> bool:
        looks.append(number)
        return number > taken

    assert taken + 1 == next_free(is_free)
    assert begins == looks[: len(begins)]
    assert len(looks) == len(set(looks))


@pytest.mark.parametrize(
    ("length", "number", "tails", "kept"),
    [
        (251, 1, [".mp4"], 251),
        (252, 1, [".mp4"], 251),
        (247, 2, [".mp4"], 247),
        (248, 2, [".mp4"], 247),
        (246, 10, [".mp4"], 246),
        (247, 10, [".mp4"], 246),
        (248, 1, [".mp4", ".en.srt"], 248),
        (249, 1, [".mp4", ".en.srt"], 248),
    ],
)
def test_a_stem_is_cut_as_far_as_the_longest_name_of_its_group_needs(
    length: int, number: int, tails: list[str], kept: int
) -> None:
    mark = "" if number == 1 else f" ({number})"
    assert [f"{'x' * kept}{mark}{tail}" for tail in tails] == numbered("x" * length, number, tails)


def test_a_cut_stem_does_not_end_in_a_dot_or_a_space() -> None:
    assert ["x" * 250 + ".mp4"] == numbered("x" * 250 + ".yyy", 1, [".mp4"])
    assert ["x" * 249 + ".mp4"] == numbered("x" * 249 + ". yyy", 1, [".mp4"])
    assert ["x. .mp4"] == numbered("x. ", 1, [".mp4"]), "only what is cut is tidied"
    assert ["video" + "." + "e" * 254] == numbered("x", 1, ["." + "e" * 254])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x" * 255, "x" * 255),
        ("x" * 256, "x" * 255),
        ("x" * 254 + ".y", "x" * 254),
        (". hidden", "hidden"),
        (" .a. ", "a"),
        ("a\u2028b", "a_b"),
        ("com¹", "_com¹"),
        ("aux.", "_aux"),
        ("nul", "_nul"),
        ("auxiliary", "auxiliary"),
    ],
)
def test_a_component_is_cut_and_tidied(text: str, expected: str) -> None:
    assert expected == component(text)


def test_where_nothing_is_left_of_a_name_there_is_another() -> None:
    assert "video" == render("{camera}", NameFields("..."))
    assert "film" == render("{camera}", NameFields("film"))
    assert "other" == component("...", "other")
    assert "a film b" == render("a {stem} b", NameFields("film"))


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows takes no other clock than its own")
@pytest.mark.parametrize("recorded_at", ["", "yesterday"])
def test_without_a_date_of_its_own_a_video_has_that_of_its_last_change_by_the_local_clock(
    monkeypatch: pytest.MonkeyPatch, recorded_at: str
) -> None:
    clip = clip_facts(width_px=4, height_px=2, recorded_at=recorded_at)
    monkeypatch.setenv("TZ", "UTC-5:30")  # as POSIX has it: east of Greenwich
    time.tzset()
    try:
        fields = NameFields.of(Path("a.mp4"), Identity(1, 2, 3, 1_700_000_000_999_999_999), clip, "a/b/c")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert ("2023-11-15", "03-43-20", "a-b-c") == (fields.date, fields.time, fields.rule)
    assert ("4", "2", "landscape", "") == (fields.width, fields.height, fields.orientation, fields.camera)


def test_without_a_clip_its_fields_are_empty() -> None:
    fields = NameFields.of(Path("a.mp4"), Identity(1, 2, 3, 4), None, "")
    assert ("a", "", "", "", "") == (fields.stem, fields.width, fields.height, fields.orientation, fields.camera)


def test_tags_and_the_values_of_facets_are_fields_of_a_name() -> None:
    tags, facets = ("wine", "mood:calm", "light/day"), {"mood": "calm", "style": "", "Bild & Ton": "a/b:c"}
    fields = NameFields.of(Path("a.mp4"), Identity(1, 2, 3, 4), None, "", tags, facets)
    assert "a wine mood-calm light_day" == render("{stem} {tags}", fields)
    assert "calm a" == render("{mood} {stem} {style}", fields)
    assert is_one_name(render("{Bild & Ton}", fields))
    assert "a" == render("{style}", fields)
    with pytest.raises(ValueError, match=r"takes no {moods}"):
        render("{moods}", fields)


def test_a_hidden_sidecar_of_another_name_adds_its_name_with_one_dot() -> None:
    assert ".odd.srt" == tail_of(Path("..odd.srt"), Path("Film.mov"))
    assert "" == tail_of(Path("Film"), Path("Film.mov"))


@pytest.mark.parametrize("template", ["{}", "{stem:}x}", "a{stem!s}"])
def test_only_a_bare_known_field_is_replaced(template: str) -> None:
    with pytest.raises(ValueError, match=r"takes no|Single"):
        render(template, NameFields("Film"))


COMPOSED, DECOMPOSED = "Übung.srt", unicodedata.normalize("NFD", "Übung.srt")


@pytest.mark.parametrize(
    ("stem", "number", "video", "suffix", "sidecars", "expected"),
    [
        ("GX010123", 1, "GX010123.MP4", ".MP4", ["GL010123.LRV"], ["GX010123.MP4", "GL010123.LRV"]),
        ("GX010123", 2, "GX010123.MP4", ".MP4", ["GL010123.LRV"], ["GX010123 (2).MP4", "GX010123 (2).LRV"]),
        ("a", 1, "C1.MP4", ".MP4", ["C1M01.XML", "C1.MP4.xmp"], ["a.MP4", "aM01.XML", "a.MP4.xmp"]),
        ("I(1)", 1, "I(1).mp4", ".mp4", ["I.mp4.su(1).json"], ["I(1).mp4", "I.mp4.su(1).json"]),
        ("a", 1, "I(1).mp4", ".mp4", ["I.mp4.su(1).json"], ["a.mp4", "a.mp4.su.json"]),
        ("F", 1, "F.MOV", ".mp4", ["F.MOV.xmp", "F.en.srt"], ["F.mp4", "F.mp4.xmp", "F.en.srt"]),
        ("Übung", 1, "Übung.mp4", ".mp4", [DECOMPOSED], ["Übung.mp4", DECOMPOSED]),
        ("Übung", 1, "Übung.mp4", ".mp4", [COMPOSED, DECOMPOSED], ["Übung.mp4", COMPOSED, DECOMPOSED]),
        ("a", 1, "Übung.mp4", ".mp4", [COMPOSED, DECOMPOSED], ["a.mp4", "a.srt", "a.2.srt"]),
        ("a", 1, "F.mp4", ".mp4", ["F.srt", "F.SRT"], ["a.mp4", "a.srt", "a.2.SRT"]),
    ],
)
def test_a_group_keeps_its_relation_under_its_new_name(  # noqa: PLR0917 - a row of the table
    stem: str, number: int, video: str, suffix: str, sidecars: list[str], expected: list[str]
) -> None:
    assert expected == group_names(stem, number, Path(video), suffix, [Path(one) for one in sidecars])
