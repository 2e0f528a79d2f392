"""The side that has a process fetch: how long it waits for what."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from vsortd.config.fetch_options import Fetch
from vsortd.fetching import download as module
from vsortd.fetching.download import Download, FetchedFiles, FetchError, FoundVideo

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    import pytest

# As the process speaks that fetches; before each of its last words it waits for a file.
SPEAKER = """
import json, pathlib, sys, time
def say(**words): print(json.dumps(words), flush=True)
def wait(name):
    while not pathlib.Path(name).exists(): time.sleep(0.02)
sys.stdin.readline()
say(say="found", number=1, of=2, site="Site", id="1", title="One", page="https://a.example/1")
sys.stdin.readline()
pathlib.Path("1").mkdir()
pathlib.Path("1/video.mp4").write_bytes(b"one")
say(say="file", number=1, file="video.mp4")
wait("second")
say(say="failed", number=2, kind="gone", text="it is gone")
wait("end")
say(say="end")
"""


def test_what_is_done_with_a_video_is_no_time_of_its_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large video takes its time until it lasts on the disk."""
    popen, monotonic, later_s, timers = subprocess.Popen, time.monotonic, [0.0], []

    def speak(_: object, **more: Any) -> subprocess.Popen[bytes]:
        return popen([sys.executable, "-c", SPEAKER], **more)

    def take_long(*_: object, then: str) -> None:
        later_s[0] += 10_000.0
        timers.append(threading.Timer(0.5, (tmp_path / then).touch))
        timers[-1].start()

    def got(_: FoundVideo, files: FetchedFiles) -> None:
        seen.append(files.file)
        take_long(then="second")

    def failed(number: int, _: FetchError) -> None:
        seen.append(number)
        take_long(then="end")

    seen: list[str | int] = []
    monkeypatch.setattr(module.subprocess, "Popen", speak)
    monkeypatch.setattr(module.time, "monotonic", lambda: monotonic() + later_s[0])
    options = Fetch(time_limit="100s")
    with Download("https://a.example/", tmp_path, options, shown="", playlist=True, ffmpeg="") as download:
        download.run(lambda _: True, got, failed)
    for timer in timers:
        timer.join()
    assert ["video.mp4", 2] == seen
