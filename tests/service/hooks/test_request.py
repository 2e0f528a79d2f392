"""What is posted, to which server, and what is made of its answer."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.hook_bench import HookBench
from tests.support.hook_server import HookServer
from vsortd.service.hooks.request import post

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.config.after_options import After
    from vsortd.service.hooks.hook_outcome import HookOutcome


@pytest.fixture
def server() -> Iterator[HookServer]:
    with HookServer() as found:
        yield found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[HookBench]:
    with HookBench(tmp_path, "") as found:
        yield found


def _after(bench: HookBench, options: str) -> After:
    after = bench.rules(f"after: {{{options}}}").after
    assert after is not None
    return after


def _post(bench: HookBench, options: str, *names: str) -> HookOutcome:
    entries = [bench.end(name).to_json() for name in names or ("a.mp4",)]
    return post(_after(bench, options), entries, cancel=threading.Event())


def test_the_entry_of_the_history_arrives_at_the_very_address(bench: HookBench, server: HookServer) -> None:
    outcome = _post(bench, f"post: '{server.url}'", "é \udcff\n.mp4")
    assert outcome.well
    assert "HTTP status 204" == str(outcome)
    (posted,) = server.posted
    assert "/hook/" == posted.path
    assert "application/json" == posted.headers["content-type"]
    assert bench.journal.history()[0].to_json() == posted.body
    assert posted.body["source"].endswith("é \\udcff\n.mp4")


def test_a_batch_arrives_as_a_list_also_of_one(bench: HookBench, server: HookServer) -> None:
    assert _post(bench, f"post: '{server.url}', batch: true", "a.mp4", "b.mp4").well
    assert _post(bench, f"post: '{server.url}', batch: true", "c.mp4").well
    assert [[1, 2], [3]] == [[one["id"] for one in body] for body in server.bodies]


def test_a_key_of_the_environment_is_sent_and_never_told(
    bench: HookBench, server: HookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_KEY", "tk-secret-1234")
    server.says = b"unknown key tk-secret-1234"
    server.statuses = [403]
    outcome = _post(bench, f"post: '{server.url}', key_env: HOOK_KEY")
    assert "Bearer tk-secret-1234" == server.posted[0].headers["authorization"]
    assert "HTTP status 403: unknown key ***" == str(outcome)


@pytest.mark.parametrize("key", ["", "two\r\nX-More: 1", "spaced out"])
def test_what_is_no_key_is_not_sent(
    bench: HookBench, server: HookServer, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("HOOK_KEY", key)
    outcome = _post(bench, f"post: '{server.url}', key_env: HOOK_KEY")
    assert not outcome.well
    assert "the environment variable HOOK_KEY" in outcome.told
    assert [] == server.posted


@pytest.mark.parametrize(
    ("status", "well", "for_good"),
    [
        (200, True, False),
        (201, True, False),
        (400, False, True),
        (401, False, True),
        (403, False, True),
        (404, False, True),
        (407, False, True),
        (408, False, False),
        (423, False, False),
        (425, False, False),
        (422, False, True),
        (429, False, False),
        (500, False, False),
        (503, False, False),
    ],
)
def test_which_answers_are_well_and_which_are_worth_another_try(
    bench: HookBench, server: HookServer, status: int, *, well: bool, for_good: bool
) -> None:
    server.statuses = [status]
    outcome = _post(bench, f"post: '{server.url}'")
    assert (well, for_good) == (outcome.well, outcome.for_good)
    assert f"HTTP status {status}" == outcome.told


def test_no_redirect_is_followed(bench: HookBench, server: HookServer) -> None:
    with HookServer() as elsewhere:
        server.statuses, server.location = [307], elsewhere.url
        outcome = _post(bench, f"post: '{server.url}'")
        assert [] == elsewhere.posted
    assert not outcome.well
    assert "sends elsewhere (307)" in outcome.told


def test_no_proxy_of_the_environment_is_used(
    bench: HookBench, server: HookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HookServer() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert _post(bench, f"post: '{server.url}'").well
        assert [] == proxy.posted
    assert 1 == len(server.posted)


def test_a_server_that_does_not_answer_is_given_up_in_time(bench: HookBench, server: HookServer) -> None:
    server.held = True
    outcome = _post(bench, f"post: '{server.url}', time_limit: 300ms")
    assert not outcome.well
    assert "no whole answer within 0.3 s" in outcome.told


def test_nobody_there_is_told(bench: HookBench) -> None:
    with HookServer() as gone:
        url = gone.url
    outcome = _post(bench, f"post: '{url}'")
    assert not outcome.well
    assert "nobody answers there" in outcome.told


def test_a_name_that_stands_for_a_public_address_is_not_sent_to(
    bench: HookBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checked is what the name stands for, at the moment when it is sent."""
    import socket

    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    outcome = _post(bench, "post: 'http://home.example/'")
    assert "neither this machine nor in your own network" in outcome.told
