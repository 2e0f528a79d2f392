"""Words are found whatever their case and accents, near one another, and across lines."""

from __future__ import annotations

import pytest

from vsortd.core.word_match import SoughtWords, TimedText, find_words, fold, tokens_of
from vsortd.errors import UsageError


def found(words: str, *lines: TimedText, within_s: float = 10.0) -> list[tuple[float, float, str]]:
    hits = find_words(SoughtWords.parse(words, option="--said"), lines, within_s=within_s)
    return [(hit.begin_s, hit.end_s, hit.text) for hit in hits]


def line(begin_s: float, text: str, source: str = "") -> TimedText:
    return TimedText(begin_s, begin_s + 2, text, source)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("BIRTHDAY", "birthday"),
        ("Café", "CAFE"),
        ("Straße", "STRASSE"),
        ("na\u0131ve", "NAIVE"),
        ("ﬁlm", "film"),
        ("Smørrebrød", "smorrebrod"),
        ("\uff21\uff42\uff43\uff11", "abc1"),
        ("Ёлка", "елка"),
        ("Άνθρωπος", "ανθρωπος"),
    ],
)
def test_what_people_type_alike_is_alike(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_marks_that_tell_words_apart_stay() -> None:
    assert fold("が") != fold("か")


def test_words_are_told_apart_by_what_is_no_letter() -> None:
    assert ["don", "t", "go", "2nd", "time"] == tokens_of("Don't go — 2nd_time!")


def test_a_word_is_found_whole_only() -> None:
    lines = (line(0, "A birthday!"), line(5, "All birthdays"))
    assert [(0, 2, "A birthday!")] == found("Birthday", *lines)
    assert 2 == len(found("birth*", *lines))
    assert [] == found("birth", *lines)


def test_several_words_are_found_in_any_order_near_one_another() -> None:
    lines = (line(0, "the cake"), line(4, "is for her birthday"), line(60, "no cake"), line(90, "a birthday"))
    assert [(0, 6, "the cake is for her birthday")] == found("birthday cake", *lines)
    assert 2 == len(found("birthday cake", *lines, within_s=40))


def test_a_phrase_goes_from_one_line_to_the_next() -> None:
    lines = (line(0, "so, happy"), line(3, "birthday to you"), line(9, "birthday, happy"))
    assert [(0, 5, "so, happy birthday to you")] == found('"Happy Birthday"', *lines)
    assert [] == found('"happy birthday"', line(0, "happy"), line(30, "birthday"))


def test_sources_are_searched_by_themselves() -> None:
    assert [] == found('"happy birthday"', line(0, "happy", "en"), line(2, "birthday", "de"))
    assert 2 == len(found("happy", line(0, "happy", "en"), line(0, "happy", "de")))


def test_a_line_is_in_one_finding_only() -> None:
    assert [(0, 2, "no no no")] == found("no", line(0, "no no no"))
    assert 2 == len(found("no", line(0, "no"), line(2, "no")))


def test_what_is_shown_at_the_same_time_is_near_however_long_it_is_shown() -> None:
    lines = (TimedText(0, 600, "Annual report"), TimedText(590, 700, "Invoice"))
    assert 1 == len(found("report invoice", *lines))


def test_scripts_without_spaces_are_searched_inside_their_lines() -> None:
    assert 1 == len(found("生日", line(0, "祝你生日快乐")))
    assert [] == found("日生", line(0, "祝你生日快乐"))
    assert 1 == len(found("たんじょう", line(0, "おたんじょうび")))


def test_many_occurrences_take_no_time() -> None:
    lines = [line(number * 2, "the cat and the dog") for number in range(5000)]
    assert 5000 == len(find_words(SoughtWords.parse("dog cat the", option="--said"), lines))


@pytest.mark.parametrize(("words", "told"), [("", "no word"), ("!?", "no word"), (" ".join(map(str, range(30))), "30")])
def test_what_can_not_be_looked_for_is_refused(words: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        SoughtWords.parse(words, option="--said")
