"""`vsortd demo`: the main job before your eyes, on clips rendered for the occasion, in a folder of its own.

The daemon is the real one in a process of its own, the model is the embedded sample model, and nothing outside
the demo's folder is touched. At the end everything is undone and compared by hash with what was dropped.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsortd.errors import VsortdError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

CONFIG = """\
# yaml-language-server: $schema=./vsortd.schema.json
version: 1
inboxes:
  - path: {inbox}
    settle: 1s
    incomplete_after: 3s
library: {library}
model: sample
place: {{on_duplicate: {{to: _Duplicates}}}}
rules:
  - name: forest
    prompts: [a forest, trees in a wood]
    rules:
      - {{name: day, prompts: [forest by day, in daylight]}}
      - {{name: night, prompts: [forest at night, in the dark]}}
  - {{name: sea, prompts: [sea, ocean waves]}}
  - {{name: mountains, prompts: [mountains, mountain peaks]}}
  - {{name: snow, prompts: [snow, snowy landscape]}}
  - {{name: meadow, prompts: [meadow, grass field with flowers]}}
  - {{name: city, prompts: [city, buildings]}}
  - {{name: road, prompts: [road, driving on a road]}}
  - {{name: fire, prompts: [fire, flames]}}
  - {{name: fireworks, prompts: [fireworks]}}
  - {{name: slides, prompts: [text slides, presentation slide]}}
"""

# How long the daemon may take for everything before the demo says that something is wrong, seconds.
PATIENCE_S = 90.0


@dataclass(frozen=True, slots=True)
class DemoClip:
    """One clip to render: what it shows, how it is held, and as what it is saved."""

    name: str
    subject: str
    light: str
    portrait: bool = False
    moving: bool = False
    copy_name: str = ""  # also dropped under this name, byte for byte
    sidecar: str = ""
    cut: bool = False  # only its first half is dropped: a copy that never ended


SHOTS = (
    DemoClip("walk in the woods.mp4", "forest", "day", moving=True),
    DemoClip("IMG_0412.MOV", "sea", "day", portrait=True),
    DemoClip("summit.mp4", "mountains", "day", sidecar="summit.srt", moving=True),
    DemoClip("DSC_0007.mp4", "snow", "day"),
    DemoClip("new year.mp4", "fireworks", "night", copy_name="new year (from phone).mp4"),
    DemoClip("campfire.mov", "fire", "night"),
    DemoClip("owls.mp4", "forest", "night"),
    DemoClip("commute.mp4", "road", "day", moving=True),
    DemoClip("downtown.mp4", "city", "day", portrait=True),
    DemoClip("slides.mp4", "text slides", "day"),
    DemoClip("flowers.mp4", "meadow", "day", portrait=True, moving=True),
    DemoClip("half copied.mp4", "sea", "sunset", cut=True),
)


@dataclass(slots=True)
class Demo:
    """A folder with an inbox, a library and a daemon of its own; `out` is where the story is told."""

    folder: Path
    out: Console
    seed: int = 7
    _daemon: subprocess.Popen[bytes] | None = None
    _told: set[int] = field(default_factory=set)

    @property
    def inbox(self) -> Path:
        """Where the clips are dropped."""
        return self.folder / "Inbox"

    @property
    def library(self) -> Path:
        """Where they are filed."""
        return self.folder / "Sorted"

    def play(self) -> bool:
        """Tell the whole story; return whether every byte came back. Raises VsortdError when the daemon fails."""
        started = time.monotonic()
        studio = self.folder / "studio"
        for folder in (self.inbox, self.library, studio):
            folder.mkdir(parents=True)
        (self.folder / "vsortd.yaml").write_text(CONFIG.format(inbox=self.inbox, library=self.library))
        self._start_daemon()
        try:
            dropped = self._drop_all(studio)
            self._tell_until(len(dropped.videos))
            self._show_tree()
            ok = self._undo_and_prove(dropped)
        finally:
            self._stop_daemon()
        self.out.print()
        self.out.print(f"The demo took {time.monotonic() - started:.0f} s.", style="dim")
        return ok

    # The clips

    def _drop_all(self, studio: Path) -> Dropped:
        """Render each clip and drop it as a person would: one after another, the daemon already at work."""
        self.out.print("Rendering clips and dropping them into the inbox", style="bold")
        dropped = Dropped()
        for number, shot in enumerate(SHOTS):
            made = render_shot(shot, studio / shot.name, seed=self.seed * 1000 + number)
            for name in filter(None, (shot.name, shot.copy_name)):
                dropped.videos[name] = self._drop(made, name)
            if shot.sidecar:
                text = "1\n00:00:00,500 --> 00:00:02,000\nAt last, the top.\n"
                (studio / shot.sidecar).write_text(text)
                dropped.others[shot.sidecar] = self._drop(studio / shot.sidecar, shot.sidecar)
            self._tell()
        return dropped

    def _drop(self, source: Path, name: str) -> str:
        shutil.copyfile(source, self.inbox / name)
        self.out.print(f"  dropped  {name}", style="dim")
        return _sha256(source)

    # The daemon and what it does

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "VSORTD_STATE_DIR": str(self.folder / "state"),
            "VSORTD_CONFIG": str(self.folder / "vsortd.yaml"),
        }

    def _start_daemon(self) -> None:
        with (self.folder / "daemon.log").open("wb") as log:
            self._daemon = subprocess.Popen(
                [sys.executable, "-P", "-m", "vsortd", "run"],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _stop_daemon(self) -> None:
        if self._daemon is None:
            return
        self._daemon.send_signal(signal.SIGTERM)
        try:
            self._daemon.wait(10)
        except subprocess.TimeoutExpired:
            self._daemon.kill()
            self._daemon.wait()

    def _command(self, *argv: str) -> dict[str, Any]:
        """Run a vsortd command as a person would, and return its JSON."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "vsortd", *argv, "--json"],
            env=self._environment(),
            capture_output=True,
            check=False,
            timeout=60,
        )
        try:
            answer: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise VsortdError(
                f"`vsortd {' '.join(argv)}` failed in the demo: {done.stderr.decode(errors='replace').strip()}",
                paths=[self.folder],
            ) from None
        return answer

    def _tell(self) -> int:
        """Tell of each video that came to its end since the last call; return how many did in all."""
        items = self._command("history")["items"]
        for item in reversed(items):
            if item["id"] not in self._told:
                self._told.add(item["id"])
                self._tell_one(item)
        return len(items)

    def _tell_one(self, item: dict[str, Any]) -> None:
        style = {"filed": "green", "review": "yellow", "failed": "red"}.get(item["state"], "cyan")
        where = (
            f" → {Path(item['destination']).relative_to(self.library)}" if item["destination"] else " stays where it is"
        )
        self.out.print(f"  {item['state']:<8} {Path(item['source']).name}{where}", style=style)
        why = str(item["reason"]).replace(f"{self.library}{os.sep}", "")
        self.out.print(f"           {why}", style="dim")

    def _tell_until(self, count: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self._tell() < count:
            if self._daemon is not None and self._daemon.poll() is not None:
                raise VsortdError(f"The daemon ended: {(self.folder / 'daemon.log').read_text()[-800:]}")
            if time.monotonic() > deadline:
                raise VsortdError(
                    f"The daemon took more than {PATIENCE_S:.0f} s.",
                    remedy=f"See {self.folder / 'daemon.log'}.",
                )
            time.sleep(0.2)

    # The tree, and back

    def _show_tree(self) -> None:
        from rich.tree import Tree

        from vsortd.core.console import Text

        self.out.print()
        self.out.print("The library now", style="bold")
        tree = Tree(self.library.name)
        branches = {self.library: tree}
        for path in sorted(_files(self.library)):
            for parent in reversed(path.relative_to(self.library).parents):
                folder = self.library / parent
                if folder not in branches:
                    branches[folder] = branches[folder.parent].add(Text(folder.name, style="bold"))
            branches[path.parent].add(path.name)
        self.out.print(tree)

    def _undo_and_prove(self, dropped: Dropped) -> bool:
        self.out.print()
        self.out.print("vsortd undo --all", style="bold")
        report = self._command("undo", "--all")
        for refused in report["refused"]:
            self.out.print(f"  #{refused['id']} refused: {refused['reason']}", style="red")
        before = {**dropped.videos, **dropped.others}
        after = {path.name: _sha256(path) for path in _files(self.inbox)}
        left = list(_files(self.library))
        same = sum(after.get(name) == digest for name, digest in before.items())
        ok = after == before and not left and not report["refused"]
        self.out.print(
            f"  {len(report['undone'])} filings undone; {same} of {len(before)} files are back under their names, "
            f"the same by SHA-256; {len(left)} left in the library.",
            style="green" if ok else "red",
        )
        return ok


@dataclass(slots=True)
class Dropped:
    """SHA-256 of everything that was dropped, by name."""

    videos: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)


def render_shot(shot: DemoClip, path: Path, *, seed: int) -> Path:
    """Render a shot to `path` as H.264: 3 seconds, 640x360 or 360x640."""
    import av

    from vsortd.vision.sample.canvas import Light
    from vsortd.vision.sample.renderer import Camera, Subject, render_clip

    width, height = (360, 640) if shot.portrait else (640, 360)
    fps, seconds = 15, 3
    container_format = "mov" if path.suffix.lower() == ".mov" else "mp4"
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "veryfast", "crf": "23", "g": "15"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, fps)
        pictures = render_clip(
            Subject(shot.subject),
            Light(shot.light),
            seed=seed,
            width_px=width,
            height_px=height,
            frames=fps * seconds,
            fps=fps,
            camera=Camera.MOVING if shot.moving else Camera.STILL,
        )
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    if shot.cut:
        os.truncate(path, path.stat().st_size // 2)
    return path


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, vsortd's own folder left out."""
    for path in folder.rglob("*"):
        if path.is_file() and ".vsortd" not in path.relative_to(folder).parts:
            yield path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
