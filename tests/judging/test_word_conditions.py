"""Rules and tags may ask for words that are said, or visible in the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support import harness
from tests.support.clips import encode
from tests.support.facts import clip_facts
from vsortd.config.condition_options import When
from vsortd.core.measured_facts import MeasuredFacts
from vsortd.core.word_match import TimedText, WordLines
from vsortd.judging.conditions import ConditionFacts, unmet
from vsortd.judging.measured_conditions import measured_conditions

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

LINES = WordLines((TimedText(1, 2, "Happy"), TimedText(2, 3, "birthday, Zoé"), TimedText(60, 61, "goodbye")))


def why(measured: MeasuredFacts, **options: Any) -> str | None:
    return unmet(When.model_validate(options), ConditionFacts.of(clip_facts(), "a.mp4", measured))


@pytest.mark.parametrize("words", ["birthday", "zoe happy", '"happy birthday"', "good*", ["cake", "goodbye"]])
def test_words_that_are_said_meet_a_condition(words: str | list[str]) -> None:
    assert why(MeasuredFacts(said=LINES), said=words) is None
    assert why(MeasuredFacts(text=LINES), text=words) is None


@pytest.mark.parametrize("words", ["birth", "happy goodbye", '"birthday happy"'])
def test_words_that_are_not_said_do_not(words: str) -> None:
    assert f"what is said in it has 3 lines (when.said is {words})" == why(MeasuredFacts(said=LINES), said=words)


def test_what_can_not_be_read_meets_none_and_says_why() -> None:
    unknown = MeasuredFacts(unknown={"text": "text can't be read"})
    told = why(unknown, text="invoice")
    assert "the text in its pictures is not known: text can't be read (when.text is invoice)" == told
    (condition,) = measured_conditions(When.model_validate({"said": "x"}), MeasuredFacts(said=LINES))
    assert 3 == condition.to_json()["value"]


@pytest.fixture
def pictures() -> list[npt.NDArray[np.uint8]]:
    import numpy as np

    return [np.full((32, 32, 3), 90, np.uint8)] * 20


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_tag_goes_by_the_subtitles_beside_a_video(tmp_path: Path, pictures: list[npt.NDArray[np.uint8]]) -> None:
    home = harness.Home.make(tmp_path / "home", more="tags: [{name: party, when: {said: birthday}}]\n")
    for name in ("with", "without"):
        encode(home.inbox / f"{name}.mp4", pictures, fps=5)
    (home.inbox / "with.en.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nHappy birthday!\n")
    items = home.json("plan", home.inbox, code=None)["items"]
    assert {"with.mp4": ["party"], "without.mp4": []} == {
        item["source"].rpartition("/")[2]: item["tags"] for item in items
    }
