"""Numbers and times on the command line that mean nothing: an answer, or what is wrong with them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import harness
from vsortd.cli.app import command as command_line
from vsortd.core.paths import journal_path
from vsortd.filing.journal import Journal
from vsortd.service.client import TOKEN_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WHOLE = (
    *("99999999999999999999999", "-99999999999999999999999", "9223372036854775808", "-1", "0", "²", "٣", "1e400"),
    *("nan", "0x10", "1_0", " 1", "9" * 5000),
)
NO_FLOATS = ("nan", "inf", "-inf", "1e400", "²")
NO_TIMES = ("nan", "inf", "-1d", "²d", "1e400", "1e400d", f"{'9' * 400}d", "9" * 5000)
TIMES = ("999999999999d", "0001-01-01", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "0", *NO_TIMES)


@pytest.fixture
def home(tmp_path: Path, own_state: Path) -> harness.Here:
    one = harness.Here.make(tmp_path / "home", rules="rules: [{name: kept, prompts: [sea]}]\n")
    one.more_environment["VSORTD_STATE_DIR"] = str(own_state)
    Journal.open(journal_path(own_state)).close()
    (one.inbox / "a.mp4").write_bytes(b"no video")
    return one


def _options() -> Iterator[tuple[str, Any]]:
    def walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
        for option in command.params:
            yield path, option
        for name, below in getattr(command, "commands", {}).items():
            yield from walk(below, f"{path} {name}".strip())

    yield from walk(command_line(), "")


OPTIONS = list(_options())
FLOATS = [(f"{path} {one.opts[0]}", one) for path, one in OPTIONS if one.type.name in {"float", "float range"}]


def test_the_walk_finds_the_options() -> None:
    assert {"timeline --on", "timeline --fps", "duplicates --min-score"} <= dict(FLOATS).keys()


@pytest.mark.parametrize("text", NO_FLOATS)
@pytest.mark.parametrize(("name", "option"), FLOATS, ids=[name for name, _ in FLOATS])
def test_every_option_that_takes_a_number_refuses_what_is_none_at_once(name: str, option: Any, text: str) -> None:
    context = command_line().make_context("vsortd", ["status"], resilient_parsing=True)
    with pytest.raises(Exception, match=r"is no number|not in the range|not a valid") as refused:
        option.process_value(context, text)
    assert hasattr(refused.value, "show"), f"{name}: told by the command line's parser"


@pytest.mark.parametrize("text", ["4294967296", "99999999999999999999999", "-1"])
def test_a_seed_is_one_that_the_libraries_take(home: harness.Here, text: str) -> None:
    assert "--seed" in home.run("cluster", "--seed", text, code=2).stderr


@pytest.mark.parametrize(
    "words",
    [
        ("undo", "--"),
        ("undo", "--dry-run", "--last"),
        ("history", "--last"),
        ("release", "--"),
        ("retry", "--"),
        ("logs", "--last"),
        ("logs", "--id"),
        ("corrections", "forget", "--"),
        ("corrections", "restore", "--"),
        ("eval", "--seed"),
    ],
    ids=" ".join,
)
def test_any_whole_number_is_answered_or_refused(home: harness.Here, words: tuple[str, ...]) -> None:
    for text in WHOLE:
        place = [home.library] if words[0] == "eval" else []
        done = home.run(*words, text, *place, code=None)
        assert done.returncode in {0, 1, 2, 3}, (text, done.stderr)
        assert done.stdout or done.stderr


@pytest.mark.parametrize("number", ["99999999999999999999999", "9223372036854775808", "0"])
def test_an_id_that_there_cannot_be_is_one_that_there_is_not(home: harness.Here, number: str) -> None:
    (refused,) = home.json("undo", number, code=3)["refused"]
    assert (int(number), "there is no such item") == (refused["id"], refused["reason"])


@pytest.mark.parametrize("last", ["9223372036854775808", "99999999999999999999999"])
def test_the_last_so_many_of_fewer_are_all(home: harness.Here, last: str) -> None:
    assert [] == home.json("history", "--last", last)["items"]
    assert [] == home.json("undo", "--last", last)["undone"]


@pytest.mark.parametrize("words", [("history", "--since"), ("undo", "--dry-run", "--since"), ("logs", "--since")])
def test_any_time_is_answered_or_refused(home: harness.Here, words: tuple[str, ...]) -> None:
    for text in TIMES:
        code = 2 if text in NO_TIMES else 0
        home.run(*words, text, code=code)


@pytest.mark.parametrize(
    "words",
    [
        ("pause", "--for"),
        ("search", "sea", "--window"),
        ("search", "sea", "--recorded-since"),
        ("timeline", "FILE", "sea", "--tolerance"),
        ("timeline", "FILE", "sea", "--smooth"),
        ("timeline", "FILE", "sea", "--bridge"),
        ("timeline", "FILE", "sea", "--min-length"),
        ("tray", "--wait"),
    ],
    ids=" ".join,
)
def test_no_time_is_refused_with_the_option(home: harness.Here, words: tuple[str, ...]) -> None:
    file = os.fspath(home.inbox / "a.mp4")
    for text in NO_TIMES:
        done = home.run(*(file if word == "FILE" else word for word in words), text, code=2)
        assert words[-1] in done.stderr


def test_a_pause_of_a_thousand_years_is_refused_and_the_next_start_is_none_the_worse(home: harness.Here) -> None:
    for text in ("999999999999d", "9999999999999999w", "1e3", "0"):
        home.run("pause", "--for", text, code=2)
    assert [] == home.json("status")["paused"]["inboxes"]
    assert home.json("status")["paused"]["all"] is False


@pytest.mark.parametrize("port", ["99999999", "-1", "0", "Infinity", "NaN", "1e400", '"²"', "null", "9" * 4000])
def test_a_file_with_an_impossible_port_means_that_no_daemon_answers(
    home: harness.Here, own_state: Path, port: str
) -> None:
    (own_state / TOKEN_NAME).write_text(f'{{"port": {port}, "token": "x"}}', encoding="utf-8")
    assert "stopped" == home.json("status")["state"]
