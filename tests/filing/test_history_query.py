"""The history by state, rule, words, inbox and batch: by the real command, alone and through a daemon's API."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from tests.support.filed import FiledHome
from vsortd.core.outcomes import ItemState
from vsortd.errors import UsageError
from vsortd.filing.history_query import HistoryQuery, parse_states
from vsortd.service.request_models import HistoryRequest

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> FiledHome:
    """Return a home with an item of each state."""
    made = FiledHome.at(tmp_path_factory.mktemp("history") / "home")
    made.file("1 Beach.mp4", "sea", batch="one")
    made.file("2 wood.mp4", "nature/forest", batch="one", detail={"tags": ["wine"]})
    made.file(unicodedata.normalize("NFD", "3 Füße im Gras.mp4"), "nature", batch="two")
    made.file("4 odd.mp4", "sea", batch="two", outcome=ItemState.REVIEW, reason="unsure: 100% of a_b is none")
    made.file("phone/5 gone.mp4", "seaside", batch="two")
    made.file("phone/6 back.mp4", "city", batch="two")
    made.refuse("7 short.mp4", ItemState.REJECTED, "shorter than 2 s")
    made.refuse("8 broken.mp4", ItemState.FAILED, "no frame could be decoded")
    made.refuse("9 deadly.mp4", ItemState.SET_ASIDE, "the process died twice on it")
    made.run("undo", "5", "6")
    made.run("release", "6")
    return made


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ((), "987654321"),
        (("--state", "filed"), "321"),
        (("--state", "review,failed"), "984"),
        (("--state", " Rejected , review "), "74"),
        (("--state", "undone"), "65"),
        (("--state", "held"), "5"),
        (("--rule", "sea"), "41"),
        (("--rule", "nature"), "32"),
        (("--rule", "nature/*"), "2"),
        (("--rule", "nature/forest/"), "2"),
        (("--rule", "nat"), ""),
        (("--rule", "%"), ""),
        (("--match", "beach"), "1"),
        (("--match", "MP4 looks"), "65321"),
        (("--match", "füsse"), ""),
        (("--match", "FÜSSE"), ""),
        (("--match", "füße gras"), "3"),
        (("--match", "FÜß"), "3"),
        (("--match", "100% a_b"), "4"),
        (("--match", "_Review"), ""),  # a folder's name is none of the video's
        (("--match", "phone"), ""),
        (("--match", "decoded no"), "8"),
        (("--match", "looks " * 2000), "65321"),
        (("--match", "x" * 60_000), ""),
        (("--inbox", "Inbox/phone"), "65"),
        (("--inbox", "Inbox"), "987654321"),
        (("--inbox", "Inbox/pho"), ""),
        (("--batch", "one"), "98721"),
        (("--batch", "two", "--state", "undone", "--last", "1"), "6"),
        (("--tag", "wine", "--rule", "nature"), "2"),
        (("--tag", "wine", "--rule", "sea"), ""),
        (("--match", "looks", "--last", "2"), "65"),
        (("--since", "1h", "--rule", "nature"), "32"),
        (("--since", "2999-01-01", "--state", "filed"), ""),
    ],
    ids=str,
)
def test_conditions_hold_together(home: FiledHome, words: tuple[str, ...], ids: str) -> None:
    asked = [str(home.folder / word) if word.startswith("Inbox") else word for word in words]
    assert ids == "".join(str(item["id"]) for item in home.json("history", *asked)["items"])


def test_a_state_that_there_is_not_is_refused_with_those_that_there_are(home: FiledHome) -> None:
    for text in ("placing", "filed,,review", ",", "filed;review"):
        said = home.run("history", "--state", text, code=2).stderr
        assert "filed, review, rejected, failed, held, undone, aside" in said


def test_nothing_found_says_so(home: FiledHome) -> None:
    assert "Nothing in the history is so.\n" == home.run("history", "--rule", "zoo").stdout
    assert "No video has the tag beer.\n" == home.run("history", "--tag", "beer").stdout


def test_the_control_api_asks_the_same() -> None:
    asked = HistoryRequest.of_query(
        {"last": "3", "state": "filed,held", "rule": "sea", "text": "a b", "inbox": "/in", "batch": "x"}
    )
    states = frozenset({ItemState.FILED, ItemState.HELD})
    assert HistoryQuery(last=3, states=states, rule="sea", text="a b", inbox=Path("/in"), batch="x") == asked.query
    assert HistoryQuery() == HistoryRequest.of_query({}).query
    for wrong in ({"state": "filed,gone"}, {"inbox": "in"}, {"state": ""}):
        with pytest.raises(UsageError):
            HistoryRequest.of_query(wrong)


def test_a_daemon_answers_as_the_journal_does(home: FiledHome) -> None:
    inbox = ("--inbox", home.inbox / "phone", "--state", "held")  # what was released the daemon tries again
    queries: list[tuple[str | Path, ...]] = [("--state", "review"), ("--rule", "nature"), ("--match", "füße"), inbox]
    alone = [home.json("history", *words)["items"] for words in queries]
    home.start()
    try:
        assert alone == [home.json("history", *words)["items"] for words in queries]
    finally:
        home.stop()


def test_states_are_read_in_whatever_case() -> None:
    assert frozenset({ItemState.FILED, ItemState.UNDONE}) == parse_states("Filed, UNDONE")
