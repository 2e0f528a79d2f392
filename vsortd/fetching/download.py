"""The process that fetches, seen from the one that wants a video: started, limited, believed in nothing, ended."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, cast

from vsortd.core.system.bounded_lines import bounded_lines
from vsortd.core.system.child_environment import least_environment, package_path
from vsortd.errors import UsageError, VsortdError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType
    from typing import IO

    from vsortd.config.fetch_options import Fetch

_LINE_BYTES: Final = 1 << 16
_ERROR_LINES: Final = 20
_FILE: Final = re.compile(r"video\.(?:mp4|mov|m4v)")
_SUBTITLE: Final = re.compile(r"video\.(?P<language>[A-Za-z0-9_-]{1,16})\.(?:srt|vtt|ass|ttml)")
_LONGEST_TEXT: Final = 500
# Whom the process trusts, and the address that a test may fetch from; nothing else of the environment is needed.
_PASSED_ON: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "VSORTD_FETCH_TEST_ALLOW")

_REMEDIES: Final = {
    "time": "Raise it in the config if your network is slow: fetch: {time_limit: 2h}",
    "size": "Raise it in the config if you want videos of this size: fetch: {max_size: 10GB}",
    "playlist": "Add --playlist to `vsortd fetch`, or name one of its videos.",
    "login": "Fetch it with another program, and put it into an inbox.",
    "network": "See that the network is there, and try again.",
    "http": "Open the address in a browser: it may have moved, or be gone.",
    "certificate": "See that the clock is right; an address whose server can't prove its name is not fetched.",
    "live": "Try again when it is over.",
    "ffmpeg": "Install ffmpeg 4.4 or newer, or: pip install 'vsortd[ffmpeg]'",
    "extra": "Install it again: pip install --force-reinstall 'vsortd[fetch]'",
    "disk": "Make room on the disk of the state folder, or lower `fetch: {cache: …}`.",
    "no_video": "Name the address of a video's own page, or of an MP4 file.",
    "refused": "vsortd connects to public addresses by https, and to nothing else.",
}


class FetchError(VsortdError):
    """A video can't be had from the web; `kind` is one word of what the fetching process says."""

    def __init__(self, address: str, why: str, kind: str) -> None:
        super().__init__(f"{address} can't be fetched: {why}.", remedy=_REMEDIES.get(kind, ""))
        self.kind = kind


@dataclass(frozen=True, slots=True)
class FoundVideo:
    """A video as its site names it. `number` of `of` counts from 1; `own_ids`: no other of the site has the same id."""

    number: int
    of: int
    site: str
    id: str
    title: str
    page: str
    own_ids: bool = True


@dataclass(frozen=True, slots=True)
class FetchedFiles:
    """The files of a video in a folder of their own: the video's name, and its subtitles' with their languages."""

    folder: Path
    file: str
    subtitles: tuple[tuple[str, str], ...] = ()


class Download:
    """One address being fetched into a folder of ours; a context manager, at whose end the process is gone.

    Raises UsageError where the extra `fetch` is missing, FetchError.
    """

    def __init__(self, address: str, folder: Path, options: Fetch, *, shown: str, playlist: bool, ffmpeg: str) -> None:
        insist_on_extra()
        self._folder, self._options, self._shown = folder, options, shown
        self._said: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._errors: list[str] = []
        self._process = self._start()
        self._threads = [
            threading.Thread(target=self._read, name="fetch-lines", daemon=True),
            threading.Thread(target=self._read_errors, name="fetch-errors", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self._tell(
            address=address,
            playlist=options.playlist if playlist else 0,
            max_bytes=options.max_size_bytes,
            ffmpeg=ffmpeg,
            best=options.prefer == "best",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill()
        self._process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(BrokenPipeError):
                cast("IO[bytes]", pipe).close()

    def run(
        self,
        wanted: Callable[[FoundVideo], bool],
        got: Callable[[FoundVideo, FetchedFiles], None],
        failed: Callable[[int, FetchError], None],
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Carry it to its end: `wanted` says of each video whether to fetch it, `got` takes its files.

        `failed` gets the number of a video that can't be had, 0 for all of it, and why. `on_progress` gets bytes that
        are here and bytes in all, 0 while that is unknown. Raises FetchError when it takes too long or breaks.
        """
        deadline_s = self._deadline_s()
        found: FoundVideo | None = None
        while (message := self._next(deadline_s)) is not None:
            match message.get("say"):
                case "found":
                    found = _found(message)
                    self._tell(take=wanted(found))
                    deadline_s = self._deadline_s()
                case "file" if found is not None:
                    got(found, self._files(message, found.number))
                    deadline_s = self._deadline_s()  # what we did with it is no time of theirs
                case "failed":
                    failed(_number(message, "number"), self._error(message))
                    deadline_s = self._deadline_s()
                case "progress":
                    if on_progress is not None:
                        on_progress(_number(message, "done"), _number(message, "total"))
                case "end":
                    return
                case _:
                    raise self._broken("it said what makes no sense")
        raise self._broken(self._ending())

    def _deadline_s(self) -> float:
        """Return until when the next video may take, on the clock that nobody sets."""
        return time.monotonic() + self._options.time_limit_s

    def _next(self, deadline_s: float) -> dict[str, Any] | None:
        try:
            return self._said.get(timeout=max(0.0, deadline_s - time.monotonic()))
        except queue.Empty:
            from vsortd.core.units import format_duration

            limit = format_duration(self._options.time_limit_s)
            raise FetchError(
                self._shown, f"it took longer than `fetch: {{time_limit: {limit}}}` allows", "time"
            ) from None

    def _error(self, message: dict[str, Any]) -> FetchError:
        kind, text = str(message.get("kind")), str(message.get("text"))[:_LONGEST_TEXT]
        return FetchError(self._shown, text, kind)

    def _broken(self, why: str) -> FetchError:
        return FetchError(self._shown, f"the process that fetches failed: {why}", "broken")

    def _files(self, message: dict[str, Any], number: int) -> FetchedFiles:
        """Return the files that are said to be there, if they are, and are what they may be called."""
        folder = self._folder / str(number)
        name = str(message.get("file"))
        if not _FILE.fullmatch(name) or not _is_plain(folder / name):
            raise self._broken("it left no video")
        told = [str(one.get("name")) for one in message.get("subtitles") or () if isinstance(one, dict)]
        matches = [_SUBTITLE.fullmatch(one) for one in told]
        subtitles = [(one[0], one["language"]) for one in matches if one is not None and _is_plain(folder / one[0])]
        return FetchedFiles(folder, name, tuple(subtitles))

    # The process

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                # -P: a folder named `yt_dlp` in the working directory must not be imported
                [sys.executable, "-P", "-m", "vsortd.fetching.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self._folder,
                env=_environment(),
                start_new_session=sys.platform != "win32",  # a group of its own, which is ended as one
            )
        except OSError as error:
            raise self._broken(f"it can't be started ({error.strerror})") from error

    def _tell(self, **what: object) -> None:
        with contextlib.suppress(OSError):  # it has ended: what it said last says why
            pipe = cast("IO[bytes]", self._process.stdin)
            pipe.write(json.dumps(what).encode() + b"\n")
            pipe.flush()

    def _read(self) -> None:
        for lines, _ in bounded_lines(cast("IO[bytes]", self._process.stdout), _LINE_BYTES):
            for line in lines:
                try:
                    message = json.loads(line)
                except ValueError:
                    message = {}
                self._said.put(message if isinstance(message, dict) else {})
        self._said.put(None)

    def _read_errors(self) -> None:
        for lines, _ in bounded_lines(cast("IO[bytes]", self._process.stderr), _LINE_BYTES):
            self._errors += [line.decode("utf-8", "replace").strip() for line in lines]
            del self._errors[:-_ERROR_LINES]

    def _ending(self) -> str:
        code = self._process.wait()
        last = next((line for line in reversed(self._errors) if line), "")
        return f"it ended (exit status {code})" + (f": {last[:_LONGEST_TEXT]}" if last else "")

    def _kill(self) -> None:
        if sys.platform == "win32":
            self._process.kill()
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def insist_on_extra() -> None:
    """See that yt-dlp is installed. Raises UsageError."""
    import importlib.util

    if importlib.util.find_spec("yt_dlp") is None:
        raise UsageError(
            "Addresses are fetched by yt-dlp, which is not installed.", remedy="pip install 'vsortd[fetch]'"
        )


def _found(message: dict[str, Any]) -> FoundVideo:
    texts = {name: str(message.get(name) or "")[:8_000] for name in ("site", "id", "title", "page")}
    return FoundVideo(
        _number(message, "number"), _number(message, "of"), **texts, own_ids=message.get("own_ids") is True
    )


def _number(message: dict[str, Any], name: str) -> int:
    value = message.get(name)
    return value if isinstance(value, int) and 0 <= value < 1 << 62 else 0


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _environment() -> dict[str, str]:
    """Return the child's environment: the package found where ours is, whom to trust, no plugins."""
    passed = {name: os.environ[name] for name in _PASSED_ON if os.environ.get(name)}
    return least_environment({"PYTHONPATH": package_path(), "YTDLP_NO_PLUGINS": "1", **passed})
