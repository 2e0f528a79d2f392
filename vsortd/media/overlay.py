"""Drawing over a video: into a new MP4 that is read back before it gets its name, or for a player that is there.

Decoding, drawing and encoding happen in a worker process of its own, which may write into one open file or pipe.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsortd.core.system.file_rights import carry_over_between
from vsortd.core.system.os_errors import explained
from vsortd.core.system.private_files import FILE_MODE, NO_FOLLOW
from vsortd.core.system.windows_files import for_system
from vsortd.core.text import storable
from vsortd.errors import BrokenError, FilingError, LimitError, ToolError, VideoError
from vsortd.media.ffmpeg import MEMORY_BYTES
from vsortd.media.new_file import new_file
from vsortd.media.overlay_plan import MAX_PLAN_BYTES
from vsortd.media.overlay_words import NO_READER, NO_ROOM
from vsortd.media.pool import MediaPool
from vsortd.media.replies import overlay_from_reply
from vsortd.media.worker_process import WorkerOutput

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from vsortd.config.running_options import Workers
    from vsortd.media.overlay_plan import OverlayPlan
    from vsortd.media.replies import OverlayReport

# Drawing and encoding may take so many times what the video lasts: as slow as 4K on a busy core.
_DURATIONS: Final = 60
_DECODE_DURATIONS: Final = 20
_LEFT_BYTES: Final = 64 << 20  # of the disk that are not filled up
_LONGEST_PLAY_S: Final = 7 * 86_400.0  # a player may be paused as long as anybody likes


@dataclass(frozen=True, slots=True)
class Player:
    """A player that is installed."""

    name: str
    program: Path

    def command(self, title: str, source: str) -> list[str]:
        """Return its command line for a file, or for "-", its standard input."""
        if self.name == "mpv":
            return [str(self.program), "--no-terminal", f"--force-media-title={title}", "--", source]
        given = "pipe:0" if source == "-" else f"file:{source}"
        return [
            str(self.program),
            "-hide_banner",
            "-nostats",
            "-loglevel",
            "error",
            "-autoexit",
            "-window_title",
            title,
            given,
        ]


def find_player() -> Player:
    """Return mpv, or else ffplay. Raises ToolError where neither is on PATH."""
    for name in ("mpv", "ffplay"):
        if (program := shutil.which(name)) is not None:
            return Player(name, Path(program))
    raise ToolError(
        "--play needs mpv or ffplay, and neither is on the PATH.",
        remedy="Install mpv, or ffmpeg with its ffplay; or write a file with --out OUT.mp4.",
    )


def write_overlay(
    source: Path,
    target: Path,
    plan: OverlayPlan,
    workers: Workers,
    *,
    duration_s: float,
    cancel: threading.Event | None = None,
) -> OverlayReport:
    """Draw a plan over `source` into the new MP4 `target` (both absolute), and return what was written.

    It is made under a hidden name, read back to its end, and then named; whatever goes wrong, nothing is left. Raises
    UsageError where the target is there, VideoError, FilingError, Cancelled.
    """
    with new_file(target) as temporary:
        with explained("Could not write", target):
            descriptor = os.open(
                for_system(temporary),
                os.O_RDWR | os.O_CREAT | os.O_EXCL | NO_FOLLOW | getattr(os, "O_BINARY", 0),
                FILE_MODE,
            )
        try:
            output = WorkerOutput(descriptor, str(temporary), _room_bytes(target.parent))
            limit_s = workers.time_limit_s + _DURATIONS * duration_s
            report = _drawn(source, plan, workers, output, live=False, limit_s=limit_s, cancel=cancel)
        except LimitError as error:
            raise _full(target.parent) if error.reason == NO_ROOM else error from error
        finally:
            os.close(descriptor)
        _verify(temporary, report, workers, duration_s, cancel)
        with explained("Could not write", target):
            carry_over_between(source, temporary, times=False)
    return report


def play_overlay(
    source: Path, plan: OverlayPlan, workers: Workers, player: Player, *, cancel: threading.Event | None = None
) -> None:
    """Show a plan drawn over `source` in a player, as it is drawn; returns when the player is closed.

    Raises VideoError, Cancelled, ToolError where the player fails.
    """
    title = storable(source.name)
    if sys.platform == "win32":  # no pipe can be handed over
        with tempfile.TemporaryDirectory(prefix="vsortd-play-") as folder:
            made = Path(folder) / "overlay.mp4"
            write_overlay(source, made, plan, workers, duration_s=_LONGEST_PLAY_S / _DURATIONS, cancel=cancel)
            _insist_on_success(player, subprocess.run(player.command(title, str(made)), check=False).returncode)
        return
    command = player.command(title, "-")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as running:
        assert running.stdin is not None
        try:
            output = WorkerOutput(running.stdin.fileno(), "pipe:", 0)
            _drawn(source, plan, workers, output, live=True, limit_s=_LONGEST_PLAY_S, cancel=cancel)
        except VideoError as error:
            if error.reason != NO_READER:
                raise
            running.stdin.close()
            _insist_on_success(player, running.wait())
            return
        except BaseException:
            running.kill()
            raise
        running.stdin.close()
        _insist_on_success(player, running.wait())


def _insist_on_success(player: Player, code: int) -> None:
    if code != 0:
        raise ToolError(
            f"{player.name} ended with exit status {code}.", remedy="It may find no screen; --out OUT.mp4 writes it."
        )


def _drawn(
    source: Path,
    plan: OverlayPlan,
    workers: Workers,
    output: WorkerOutput,
    *,
    live: bool,
    limit_s: float,
    cancel: threading.Event | None,
) -> OverlayReport:
    pool = MediaPool(
        1,
        timeout_s=limit_s,
        memory_bytes=max(workers.memory_bytes, MEMORY_BYTES),
        must_confine=workers.must_confine,
        output=output,
    )
    with _plan_file(plan) as other, pool:
        request = {"op": "overlay", "path": str(source), "other": str(other), "output": output.path, "live": live}
        return pool.checked(request, lambda header, _: overlay_from_reply(header), timeout_s=limit_s, cancel=cancel)


@contextmanager
def _plan_file(plan: OverlayPlan) -> Iterator[Path]:
    """Yield a file that holds a plan. Raises LimitError for one that is too large."""
    text = json.dumps(plan.to_json()).encode()
    if len(text) > MAX_PLAN_BYTES:
        raise LimitError("there is too much to draw over it")
    with tempfile.TemporaryDirectory(prefix="vsortd-overlay-") as folder:
        path = Path(folder).resolve() / "plan.json"
        path.write_bytes(text)
        yield path


def _room_bytes(folder: Path) -> int:
    """Return how large the file may become. Raises FilingError where there is next to no room."""
    with explained("Could not write into", folder):
        free = shutil.disk_usage(folder).free - _LEFT_BYTES
    if free <= 0:
        raise _full(folder)
    return free


def _full(folder: Path) -> FilingError:
    return FilingError(
        f"The video could not be written: the disk of {folder} is full.",
        remedy="Free some space there, or name a file on another disk.",
        paths=[folder],
    )


def _verify(
    path: Path, report: OverlayReport, workers: Workers, duration_s: float, cancel: threading.Event | None
) -> None:
    """Raise BrokenError unless what was written decodes to its end, frame for frame, in its size, with its sounds."""
    with MediaPool.of(workers, count=1) as media:
        facts = media.probe(path, cancel=cancel)
        limit_s = workers.time_limit_s + _DECODE_DURATIONS * duration_s
        (decoded,) = media.decode(path, [facts.video_index], timeout_s=limit_s, cancel=cancel)
    if (decoded.frames, decoded.errors) != (report.frames, 0):
        raise BrokenError(f"what was written shows {decoded.frames} of {report.frames} frames")
    if (facts.shown_width_px, facts.shown_height_px) != (report.width_px, report.height_px):
        raise BrokenError("what was written has another size")
    if sum(one.kind == "audio" for one in facts.streams) != report.sounds:
        raise BrokenError("what was written lost its sound")
