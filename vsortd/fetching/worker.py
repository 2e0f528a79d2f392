"""The process that fetches: yt-dlp under a guard. `python -P -m vsortd.fetching.worker`, started by `download`.

It works in the folder that it is started in. A line of JSON comes in with the wish; lines of JSON go out. Before each
video is fetched it is named, and an answer says whether it is wanted. When its input ends, it ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import threading
from typing import IO, TYPE_CHECKING, Any, Final, cast

from vsortd.fetching.guard import Guard, GuardRefusalError

if TYPE_CHECKING:
    from types import ModuleType

    from vsortd.fetching.site_errors import SiteError

# Clients that bring a network of their own, which a guard in Python does not see, and what speaks other than HTTP.
_KEPT_OUT: Final = ("curl_cffi", "requests", "urllib3", "websockets")
_MEMORY_BYTES: Final = 2 << 30
_FILE_SLACK_BYTES: Final = 256 << 20  # joining may take a little more than what was received
_TEST_ALLOW: Final = "VSORTD_FETCH_TEST_ALLOW"  # host:port of a test's own server; nothing else reads it


class Conversation:
    """What is said to the process that started this one, and what that answers."""

    def __init__(self, answers: IO[bytes], out: IO[bytes]) -> None:
        self._out = out
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._listen, args=(answers,), daemon=True).start()

    def say(self, what: str, /, **more: object) -> None:
        """Say something, as one line."""
        self._out.write(json.dumps({"say": what, **more}).encode() + b"\n")
        self._out.flush()

    def answer(self) -> dict[str, Any]:
        """Return the next answer."""
        return self._answers.get()

    def _listen(self, answers: IO[bytes]) -> None:
        for line in answers:
            self._answers.put(json.loads(line))
        if sys.platform != "win32" and os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)  # nobody waits any more; an ffmpeg of ours goes, too
        os._exit(1)


def main() -> None:
    """Fetch what the first line asks for."""
    os.umask(0o077)  # what is fetched into the state folder is its owner's alone
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no line of ours
    talk = Conversation(sys.stdin.buffer, out)
    asked = talk.answer()
    _limit_resources(int(asked["max_bytes"]))
    guard = Guard(_allowed_by_test(), asked["ffmpeg"])
    guard.install()
    for name in _KEPT_OUT:
        sys.modules[name] = cast("ModuleType", None)  # importing it says that it isn't there
    try:
        _fetch(asked, guard, talk)
    except ImportError as error:
        talk.say("failed", number=0, kind="extra", text=f"yt-dlp can't be loaded ({error})")
    except MemoryError:
        talk.say("failed", number=0, kind="memory", text="it takes more memory than it may")
    talk.say("end")


def _fetch(asked: dict[str, Any], guard: Guard, talk: Conversation) -> None:
    from vsortd.fetching.site_errors import SiteError
    from vsortd.fetching.site_videos import SiteVideos, SiteWish

    max_bytes, playlist = int(asked["max_bytes"]), int(asked["playlist"])
    wish = SiteWish(asked["address"], playlist, max_bytes, asked["ffmpeg"], best=bool(asked["best"]))
    videos = SiteVideos(wish, guard, talk.say)
    try:
        found = videos.find()
    except (SiteError, GuardRefusalError) as error:
        _say_failed(talk, 0, error)
        return
    for number, one in enumerate(found, 1):
        try:
            info = videos.look_at(one)
            talk.say("found", number=number, of=len(found), **videos.named(info))
            if talk.answer()["take"]:
                talk.say("file", number=number, **videos.fetch(info, str(number)))
        except (SiteError, GuardRefusalError) as error:
            _say_failed(talk, number, error)


def _say_failed(talk: Conversation, number: int, error: SiteError | GuardRefusalError) -> None:
    talk.say("failed", number=number, kind=error.kind, text=str(error))


def _limit_resources(max_bytes: int) -> None:
    """Keep the system's limits: memory, the size of each file, no memory image."""
    if sys.platform == "win32":
        return
    import resource

    largest = max_bytes + _FILE_SLACK_BYTES
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, largest),
        (resource.RLIMIT_AS, _MEMORY_BYTES),
    ):
        with contextlib.suppress(ValueError, OSError):  # a lower one is set already; macOS has no RLIMIT_AS to speak of
            resource.setrlimit(what, (most, most))


def _allowed_by_test() -> list[tuple[str, int]]:
    host, colon, port = os.environ.get(_TEST_ALLOW, "").rpartition(":")
    return [(host, int(port))] if colon and port.isdecimal() else []


if __name__ == "__main__":
    main()
