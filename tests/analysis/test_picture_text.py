"""Which moments are read, and how readings of pictures become spans of text."""

from __future__ import annotations

from itertools import pairwise

import pytest

from vsortd.analysis.picture_text import LEAST_CONFIDENCE, MOST_PICTURES, merged, text_document, text_moments
from vsortd.analysis.shots import Shot, ShotReport, ShotStart
from vsortd.media.text_reply import PictureText, TextBox, TextLine


def shots(*cuts_s: float, end_s: float) -> ShotReport:
    edges = [0.0, *cuts_s, end_s]
    found = [
        Shot(begin, end, ShotStart.CUT, key_frame_s=(begin + end) / 2, begin_frame=0, end_frame=1)
        for begin, end in pairwise(edges)
    ]
    return ShotReport(shots=tuple(found), threshold=0.3, black=(), frozen=(), fades=())


def picture(at_s: float, *texts: str, confidence: float = 0.95, top: float = 0.1) -> PictureText:
    lines = (
        TextLine(text, confidence, TextBox(0.1, top + 0.1 * number, 0.3, 0.05)) for number, text in enumerate(texts)
    )
    return PictureText(at_s, tuple(lines))


def spans(*pictures: PictureText, duration_s: float = 30.0) -> list[tuple[float, float, str]]:
    return [(span.begin_s, span.end_s, span.line.text) for span in merged(pictures, duration_s)]


def test_a_picture_is_read_every_five_seconds_and_in_each_shot() -> None:
    assert [2.5, 7.5, 12.5, 17.5] == text_moments(20.0, None)
    assert pytest.approx([2.5, 5.5, 7.5, 12.5, 17.5]) == text_moments(20.0, shots(5.2, 5.8, end_s=20.0))
    assert [1.0] == text_moments(2.0, shots(end_s=2.0))
    assert [2.0, 6.0] == text_moments(8.0, None)
    assert [0.0] == text_moments(0.0, None)


def test_moments_are_bounded_and_cover_the_whole_video() -> None:
    moments = text_moments(1e6, shots(*range(1, 5000), end_s=1e6))
    assert MOST_PICTURES == len(moments)
    assert moments == sorted(moments)
    assert moments[-1] > 0.99e6


def test_what_is_read_again_and_again_is_one_text_from_half_way_to_half_way() -> None:
    pictures = picture(2, "Invoice"), picture(6, "Invoice", "Total"), picture(10, "Total"), picture(14), picture(18)
    assert [(0, 8, "Invoice"), (4, 12, "Total")] == spans(*pictures)


def test_the_surest_reading_stays_and_a_few_letters_may_differ() -> None:
    pictures = picture(2, "Platf0rm nine", confidence=0.8), picture(6, "Platform nine"), picture(10, "Plotform nine")
    assert [(0, 30, "Platform nine")] == spans(*pictures)
    assert 2 == len(spans(picture(2, "Platform nine"), picture(6, "Departures")))


def test_a_picture_in_between_may_miss_it_and_two_may_not() -> None:
    assert [(0, 12, "Exit")] == spans(picture(2, "Exit"), picture(6), picture(10, "Exit"), picture(14))
    assert 2 == len(spans(picture(2, "Exit"), picture(6), picture(10), picture(14, "Exit")))


def test_what_moves_is_one_text() -> None:
    moving = [picture(2 + 4 * number, "A film by Anna", top=0.8 - 0.2 * number) for number in range(4)]
    assert [(0, 30, "A film by Anna")] == spans(*moving)


def test_two_alike_in_one_picture_are_two() -> None:
    assert 2 == len(spans(picture(2, "create", "create"), picture(6, "create", "create")))


def test_what_the_networks_are_unsure_of_and_single_letters_are_left_out() -> None:
    assert [] == spans(picture(2, "Noise", confidence=LEAST_CONFIDENCE - 0.01), picture(6, "x", "!?"))


def test_a_document_says_where_and_how_sure() -> None:
    document = text_document([picture(2, "Exit"), picture(2, "Exit"), picture(6, "Exit")], 8.0)
    (line,) = document["lines"]
    assert {"begin_s": 0.0, "end_s": 8.0, "text": "Exit", "confidence": 0.95, "pictures": 2} == {
        key: line[key] for key in line if key != "box"
    }
    assert [0.1, 0.1, 0.3, 0.05] == line["box"]
    assert 2 == document["pictures"]
    assert {"lines": [], "pictures": 0} == text_document([], 8.0)


@pytest.mark.parametrize("duration_s", [0.0, 3.0])
def test_a_span_never_ends_before_it_begins(duration_s: float) -> None:
    assert all(begin <= end for begin, end, _ in spans(picture(4, "late"), picture(9, "later"), duration_s=duration_s))
