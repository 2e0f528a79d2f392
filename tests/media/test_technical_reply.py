"""What a file says of itself travels whole out of the worker, and no lie passes."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from tests.media.test_lying_worker import LEFT_OUT, LIES, at, leaves, with_lie
from vsortd.core.technical_facts import (
    ChapterMark,
    PictureStreamFacts,
    SoundStreamFacts,
    SubtitleStreamFacts,
    TechnicalFacts,
)
from vsortd.media.protocol import ProtocolError
from vsortd.media.technical_reply import RANGES, technical_from_reply, technical_to_message

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.media.pool import MediaPool


@pytest.fixture
def answer(pool: MediaPool, rich_file: Callable[[str], Path]) -> dict[str, Any]:
    """Return a true answer as it comes out of the pipe."""
    facts = pool.technical(rich_file("rich.mp4"), timeout_s=30)
    return {"technical": json.loads(json.dumps(technical_to_message(facts)))}


def test_facts_travel_whole(pool: MediaPool, rich_file: Callable[[str], Path]) -> None:
    facts = pool.technical(rich_file("rich.mkv"), timeout_s=30)
    assert facts == technical_from_reply({"technical": json.loads(json.dumps(technical_to_message(facts)))})


def numbers_in(value: Any) -> list[float]:
    if isinstance(value, tuple | list):
        return [number for one in value for number in numbers_in(one)]
    if hasattr(value, "__dataclass_fields__"):
        return [number for field in fields(value) for number in numbers_in(getattr(value, field.name))]
    return [value] if isinstance(value, int | float) else []


def texts_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for text in pair]
    if isinstance(value, tuple | list):
        return [text for one in value for text in texts_in(one)]
    if hasattr(value, "__dataclass_fields__"):
        return [text for field in fields(value) for text in texts_in(getattr(value, field.name))]
    return [value] if isinstance(value, str) else []


def test_a_lying_worker_is_refused_or_says_what_might_be_true(answer: dict[str, Any]) -> None:
    refused = passed = 0
    for way in leaves(answer):
        for lie in LIES:
            if lie is not LEFT_OUT and lie == at(answer, way) and type(lie) is type(at(answer, way)):
                continue
            try:
                facts = technical_from_reply(with_lie(answer, way, lie))
            except ProtocolError:
                refused += 1
                continue
            passed += 1
            free = isinstance(at(answer, way[:-1]), list) or way[-2] in {"tags", "film_tags"}
            assert lie is not LEFT_OUT or free, way
            assert all(math.isfinite(number) and abs(number) <= 2**63 for number in numbers_in(facts)), (way, lie)
            assert all(text.isprintable() and len(text) <= 1024 for text in texts_in(facts)), (way, lie)
    assert refused > 5 * passed > 0


@pytest.mark.parametrize(
    "change",
    [
        {"film": 7},
        {"kind": "movie"},
        {"streams": 0},
        {"size_bytes": -1},
        {"tags": {str(number): "" for number in range(65)}},
        {"more": 1},
    ],
)
def test_a_lie_about_the_whole_is_refused(answer: dict[str, Any], change: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        technical_from_reply({"technical": {**answer["technical"], **change}})


def test_a_stream_twice_is_refused_and_so_is_too_much(answer: dict[str, Any]) -> None:
    true = answer["technical"]
    for name, count in (("pictures", 2), ("sounds", 33), ("subtitles", 33), ("chapters", 301)):
        with pytest.raises(ProtocolError):
            technical_from_reply({"technical": {**true, name: true[name][:1] * count}})
    with pytest.raises(ProtocolError):
        technical_from_reply({**answer, "more": 1})


def test_every_number_of_facts_has_a_range() -> None:
    numbers = {
        field.name
        for kind in (TechnicalFacts, PictureStreamFacts, SoundStreamFacts, SubtitleStreamFacts, ChapterMark)
        for field in fields(kind)
        if str(field.type).split()[0] in {"int", "float"}
    }
    assert numbers == set(RANGES)
