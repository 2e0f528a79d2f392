"""Asking a server that a test has of its own: it answers well, and in every way that it should not."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.opinion_server import Behaviour, OpinionServer
from vsortd.config.unsure_options import Unsure
from vsortd.errors import Cancelled
from vsortd.opinion.bounded_http import NoAnswerError
from vsortd.opinion.question import RuleQuestion
from vsortd.opinion.vision_server import VisionServer

if TYPE_CHECKING:
    from pathlib import Path

QUESTION = RuleQuestion((("nature/forest", "a forest"), ("sea", "")), "none")
LIMIT_S = 0.5


def ask(
    server: OpinionServer, cancel: threading.Event | None = None, limit_s: float = LIMIT_S, **options: object
) -> str:
    unsure = Unsure.model_validate({"ask": server.url, "model": "eyes", **options})
    return VisionServer(unsure, limit_s=limit_s, cancel=cancel).ask(QUESTION, b"\xff\xd8picture", 6)


def test_a_question_names_the_rules_and_holds_the_answer_to_them() -> None:
    with OpinionServer() as server:
        server.choose("sea")
        assert server.says == ask(server)
        (asked,) = server.asked
    assert "- nature/forest: a forest\n- sea\n" in asked.text
    form = asked.body["response_format"]["json_schema"]["schema"]
    assert ["nature/forest", "sea", "none"] == form["properties"]["rule"]["enum"]
    assert (0, "eyes", False) == tuple(asked.body[key] for key in ("temperature", "model", "stream"))
    assert "authorization" not in asked.headers
    assert server.place == asked.headers["host"]


@pytest.mark.parametrize(("behaviour", "first", "then"), [(Behaviour.NO_SCHEMA, 2, 1), (Behaviour.ONLY_PLAIN, 3, 1)])
def test_a_server_that_knows_no_schema_is_asked_plainly_and_from_then_on(
    behaviour: Behaviour, first: int, then: int
) -> None:
    with OpinionServer(says="sea", behaviour=behaviour) as server:
        vision = VisionServer(Unsure(ask=server.url, model="eyes"), limit_s=5)
        for count in (first, first + then):
            assert "sea" == vision.ask(QUESTION, b"", 6)
            assert count == len(server.asked)
        assert "response_format" not in server.asked[-1].body


@pytest.mark.parametrize(
    ("behaviour", "says", "of_question"),
    [
        (Behaviour.HTML, "text/html, no JSON", False),
        (Behaviour.ERROR_500, r"answers 500: out of memory \\x1b\[31m", True),
        (Behaviour.UNAUTHORIZED, "answers 401: wrong key", False),
        (Behaviour.NOT_FOUND, "answers 404", False),
        (Behaviour.WRONG_TYPE, "application/octet-stream, no JSON", False),
        (Behaviour.NO_JSON, "no JSON of the kind", True),
        (Behaviour.NO_CHOICE, "nothing that a model said", True),
        (Behaviour.DEEP, "no JSON of the kind", True),
        (Behaviour.HUGE, "longer than 65,536 bytes", True),
        (Behaviour.ENDLESS_HEAD, "does not speak HTTP as it should", False),
        (Behaviour.DRIPPING_HEAD, "no whole answer within 0.5 s", True),
        (Behaviour.DRIPPING, "no whole answer within 0.5 s", True),
        (Behaviour.NEVER, "no whole answer within 0.5 s", True),
        (Behaviour.COMPRESSED, "compressed", False),
        (Behaviour.CLOSES, "closed the connection without an answer", False),
        (Behaviour.NO_HTTP, "does not speak HTTP as it should", False),
    ],
)
def test_what_is_no_answer_is_told_with_its_reason_and_in_time(
    behaviour: Behaviour,
    says: str,
    of_question: bool,  # noqa: FBT001 - a row of the table
) -> None:
    with OpinionServer(behaviour=behaviour) as server:
        began_s = time.monotonic()
        with pytest.raises(NoAnswerError, match=says) as found:
            ask(server)
        assert time.monotonic() - began_s < 10 * LIMIT_S  # a busy machine; a dripping server would go on for ever
        assert of_question is found.value.of_question
        assert found.value.reason.isprintable()


def test_nobody_follows_a_redirect() -> None:
    with OpinionServer() as other, OpinionServer(behaviour=Behaviour.REDIRECT, elsewhere=other.url) as server:
        with pytest.raises(NoAnswerError, match=r"sends elsewhere \(307\)"):
            ask(server)
        assert [] == other.asked


def test_a_server_that_is_off_is_told_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    vision = VisionServer(Unsure(ask=f"http://127.0.0.1:{port}/v1", model="eyes"), limit_s=5)
    with pytest.raises(NoAnswerError, match="nobody answers there"):
        vision.ask(QUESTION, b"", 6)


def test_a_question_is_called_off_at_once() -> None:
    cancel = threading.Event()
    with OpinionServer(behaviour=Behaviour.NEVER) as server:
        timer = threading.Timer(0.2, cancel.set)
        timer.start()
        began_s = time.monotonic()
        with pytest.raises(Cancelled):
            ask(server, cancel, 60)
        assert time.monotonic() - began_s < 10
        timer.join()


def test_every_address_of_a_name_is_checked_and_one_of_them_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that stands for this machine today and for another tomorrow, or for both, is no way out."""
    looked_up: list[str] = []
    answers = ["127.0.0.1"]

    def getaddrinfo(host: str, port: int, **_: object) -> list[object]:
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with OpinionServer() as server:
        server.choose("sea")
        named = Unsure(ask=server.url.replace("127.0.0.1", "eyes.example"), model="eyes")
        assert server.says == VisionServer(named, limit_s=5).ask(QUESTION, b"", 6)
        assert ["eyes.example"] == looked_up
        answers.append("93.184.215.14")
        with pytest.raises(NoAnswerError, match=r"nothing is sent to eyes.example \(93.184.215.14\): it is neither"):
            VisionServer(named, limit_s=5).ask(QUESTION, b"", 6)
        anywhere = named.model_copy(update={"anywhere": True})
        with pytest.raises(NoAnswerError, match="only https:// goes"):
            VisionServer(anywhere, limit_s=5).ask(QUESTION, b"", 6)
        assert 1 == len(server.asked)


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with OpinionServer() as proxy, OpinionServer() as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        server.choose("sea")
        assert server.says == ask(server)
        assert [] == proxy.asked


def test_a_key_goes_to_the_server_and_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key"
    file.write_text("sk-secret\n")
    monkeypatch.setenv("EYES_KEY", "sk-other")
    with OpinionServer(says="sea") as server:
        ask(server, key_file=str(file))
        ask(server, key_env="EYES_KEY")
        assert ["Bearer sk-secret", "Bearer sk-other"] == [one.headers["authorization"] for one in server.asked]
        server.behaviour = Behaviour.UNAUTHORIZED
        with pytest.raises(NoAnswerError, match=r"wrong key \*\*\*"):
            ask(server, key_file=str(file))
        file.write_text("two\nlines\n")
        for options, says in (
            ({"key_file": str(file)}, "is no key"),
            ({"key_file": str(tmp_path / "none")}, "the file is gone"),
            ({"key_file": str(tmp_path)}, "not a regular file"),
            ({"key_env": "NO_SUCH_KEY"}, "the environment variable NO_SUCH_KEY holds no key"),
        ):
            with pytest.raises(NoAnswerError, match=says):
                ask(server, **options)
        assert 3 == len(server.asked)
