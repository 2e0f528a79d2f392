"""Ctrl-C in the middle of `sort`: what is in hand is put back or finished, and what was filed is told of."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import harness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals"),
]
COUNT = 60


@pytest.fixture
def home(tmp_path: Path, clips: Path) -> Iterator[harness.Home]:
    """Return a home with more videos in a folder than are sorted at once."""
    made = harness.Home.make(tmp_path / "home")
    (made.folder / "Old").mkdir()
    for number in range(COUNT):
        shutil.copy2(clips / "shared-assets__flower.mp4", made.folder / "Old" / f"{number}.mp4")
    yield made
    if made.daemon is not None:
        made.daemon.kill()
        made.daemon.wait()


def interrupted(home: harness.Home, number: signal.Signals, *more: str) -> tuple[int, str, str]:
    """Sort the folder, send a signal once a video was filed, and return how that ended."""
    old = home.folder / "Old"
    command = [sys.executable, "-m", "vsortd", "sort", str(old), *more]
    with subprocess.Popen(
        command, env=home.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        home.wait(lambda: any(home.library.rglob("*.mp4")), what="one is filed")
        running.send_signal(number)
        out, err = running.communicate(timeout=60)
    return running.returncode, out, err


def interrupted_undo(home: harness.Home, words: list[str]) -> tuple[int, str]:
    """Undo, and send a signal once one video is back; it may be through by then."""
    before = len(list((home.folder / "Old").iterdir()))
    command = [sys.executable, "-m", "vsortd", *words]
    with subprocess.Popen(command, env=home.environment, stderr=subprocess.PIPE, text=True) as running:
        home.wait(lambda: len(list((home.folder / "Old").iterdir())) > before, what="one is back")
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    return running.returncode, said


@pytest.mark.long
@pytest.mark.parametrize("by_a_daemon", [False, True], ids=["alone", "by a daemon"])
def test_an_interrupted_sort_says_what_was_filed_and_how_to_undo_it(
    home: harness.Home,
    by_a_daemon: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    before = harness.snapshot(home.folder / "Old")
    if by_a_daemon:
        home.start()
    number, more = (signal.SIGTERM, ["--json"]) if by_a_daemon else (signal.SIGINT, ["--as-root"])
    code, out, err = interrupted(home, number, *more)
    filed = [item for item in home.items() if item["state"] in {"filed", "review"}]
    assert 130 == code, err
    assert 0 < len(filed) < COUNT
    if by_a_daemon:
        document = json.loads(out)
        assert document["interrupted"]
        assert {item["id"] for item in filed} == {item["id"] for item in document["items"]}
    else:
        assert len(filed) == out.count("→")
    (batch,) = {item["batch"] for item in filed}
    undo = f"vsortd undo --batch {batch}"
    assert f"interrupted: {len(filed)} filed, the others stay where they are. Undo it with: {undo}\n" == err
    if not by_a_daemon:
        taken, said = interrupted_undo(home, undo.split()[1:])
        # where all was done already it may meet what prints that, or the interpreter's own end
        assert taken in {0, 130, -signal.SIGINT}, said
        left = [item for item in home.items() if item["state"] in {"filed", "review"}]
        assert bool(left) == ("left as they were" in said)
    home.run(*undo.split()[1:])
    assert before == harness.snapshot(home.folder / "Old")
    if by_a_daemon:
        assert 0 == home.stop()
