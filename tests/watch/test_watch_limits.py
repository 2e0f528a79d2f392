"""Limits and mounts of the real kernel, in a namespace of a child process: inotify used up, a share that drops."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces and inotify are Linux's")

PREAMBLE = """
import struct, subprocess, sys, threading, time
from dataclasses import dataclass
from pathlib import Path
from vsortd.watch.inbox import InboxWatcher

def box(kind, payload):
    return struct.pack(">I4s", 8 + len(payload), kind) + payload

VIDEO = box(b"ftyp", b"isom0000") + box(b"mdat", b"z" * 100) + box(b"moov", b"m" * 24)

@dataclass(frozen=True)
class Inbox:
    path: Path
    recursive: bool = True
    watch: str = "auto"
    ignore: tuple = ()
    settle_s: float = 0.1
    settle_max_s: float = 3600.0
    incomplete_s: float = 1.0
    poll_s: float = 0.5
    rescan_s: float = 300.0
    extensions: tuple = ("mp4",)

got, arrived = [], threading.Condition()

def on_ready(file):
    with arrived:
        got.append(file.path.name)
        arrived.notify_all()

def wait_for(*names):
    with arrived:
        assert arrived.wait_for(lambda: set(names) <= set(got), 30), got
    assert sorted(names) == sorted(got), got

def wait_until(condition):
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError(watcher.health())

inbox = Path(sys.argv[1])
watcher = InboxWatcher(
    [Inbox(inbox)], on_ready=on_ready, on_report=print, known=lambda *_: False, sidecars_of=lambda _: ()
)
"""

LIMITED = """
last = inbox / "5"
for number in range(6):
    (inbox / str(number)).mkdir()
watcher.start()
wait_until(lambda: watcher.health()[0].mode == "poll")
health = watcher.health()[0]
(last / "a.mp4").write_bytes(VIDEO)
wait_for("a.mp4")
assert watcher.stop()
print(health.health, health.reason)
"""

MOUNTED = """
watcher.start()
wait_until(watcher.idle)
(inbox / "under.mp4").write_bytes(VIDEO)
wait_for("under.mp4")
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", inbox], check=True)
(inbox / "mounted.mp4").write_bytes(VIDEO)
wait_for("under.mp4", "mounted.mp4")
(inbox / "event.mp4").write_bytes(VIDEO)
wait_for("under.mp4", "mounted.mp4", "event.mp4")
subprocess.run(["umount", "-l", inbox], check=True)
(inbox / "again.mp4").write_bytes(VIDEO)
wait_for("under.mp4", "mounted.mp4", "event.mp4", "again.mp4")
assert watcher.stop()
print("done", watcher.health()[0].health)
"""


def run_apart(folder: Path, setting: str, code: str) -> str:
    """Run code in a user and mount namespace of its own, where `setting` changes nothing outside."""
    try:
        probe = subprocess.run(["unshare", "-Urm", "sh", "-c", setting], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no unshare here")
    if probe.returncode:
        pytest.skip(f"no namespaces here: {probe.stderr.strip()}")
    inbox = folder / "inbox"
    inbox.mkdir()
    command = ["unshare", "-Urm", "sh", "-c", f'{setting}; exec "$0" "$@"', sys.executable, "-c", PREAMBLE + code]
    done = subprocess.run(
        [*command, str(inbox)], capture_output=True, text=True, check=False, timeout=50, cwd=REPOSITORY
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [
        ("max_inotify_watches", 0, "inotify watch limit reached"),
        ("max_inotify_watches", 3, "of 7 folders can't be watched"),
        ("max_inotify_instances", 0, "inotify instance limit reached"),
    ],
)
def test_when_the_system_has_no_watches_left_the_inbox_is_polled(
    tmp_path: Path, limit: str, value: int, reason: str
) -> None:
    said = run_apart(tmp_path, f"echo {value} > /proc/sys/user/{limit}", LIMITED)
    assert said.startswith("degraded")
    assert reason in said


def test_a_share_mounted_and_dropped_over_an_inbox_is_followed(tmp_path: Path) -> None:
    """Both times other files lie at the same path, and no event tells."""
    said = run_apart(tmp_path, "mount -t tmpfs tmpfs /mnt && umount /mnt", MOUNTED)
    assert said.endswith("done ok\n")
