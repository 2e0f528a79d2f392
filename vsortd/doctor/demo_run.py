"""`vsortd demo`: the main job before your eyes, on clips that come with vsortd, in a folder of its own.

The daemon is the real one in a process of its own, the model is the embedded sample model, and nothing outside
the demo's folder is touched. At the end everything is undone and compared by hash with what was dropped.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsortd.core.ending import Ending
from vsortd.doctor.demo_clips import CLIPS, drop
from vsortd.errors import DaemonUnreachableError, VsortdError
from vsortd.service.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from vsortd.core.documents import ItemDocument

CONFIG = """\
# yaml-language-server: $schema=./vsortd.schema.json
version: 2
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
SUBTITLES = "1\n00:00:00,500 --> 00:00:02,000\nAt last, the top.\n"


@dataclass(slots=True)
class Demo:
    """A folder with an inbox, a library and a daemon of its own; `out` is where the story is told."""

    folder: Path
    out: Console
    _daemon: subprocess.Popen[bytes] | None = None
    _told: set[int] = field(default_factory=set)
    _failed: set[str] = field(default_factory=set)  # names of videos that were not filed

    @property
    def state(self) -> Path:
        """The daemon's state folder."""
        return self.folder / "state"

    @property
    def inbox(self) -> Path:
        """Where the clips are dropped."""
        return self.folder / "Inbox"

    @property
    def library(self) -> Path:
        """Where they are filed."""
        return self.folder / "Sorted"

    def play(self) -> bool:
        """Tell the whole story; return whether each whole clip was filed and every byte came back.

        Raises VsortdError when the daemon fails.
        """
        started = time.monotonic()
        self.out.print("Starting vsortd; its model takes some seconds to load", style="bold")
        for folder in (self.inbox, self.library):
            folder.mkdir(parents=True)
        (self.folder / "vsortd.yaml").write_text(CONFIG.format(inbox=self.inbox, library=self.library))
        self._start_daemon()
        try:
            dropped = self._drop_all()
            self._tell_until(len(dropped.videos))
            self._show_tree()
            ok = self._undo_and_prove(dropped) and self._all_were_filed()
        finally:
            self._stop_daemon()
        self.out.print()
        self.out.print(f"The demo took {time.monotonic() - started:.0f} s.", style="dim")
        return ok

    # The clips

    def _drop_all(self) -> Dropped:
        """Drop each clip as a person would, one after another, the daemon already at its start."""
        self.out.print("Dropping a dozen clips into the inbox", style="bold")
        dropped = Dropped()
        for clip in CLIPS:
            dropped.videos[clip.name] = _sha256(drop(clip, self.inbox / clip.name))
            self._say_dropped(clip.name)
            if clip.sidecar:
                (self.inbox / clip.sidecar).write_text(SUBTITLES, encoding="utf-8")
                dropped.others[clip.sidecar] = _sha256(self.inbox / clip.sidecar)
                self._say_dropped(clip.sidecar)
        return dropped

    def _say_dropped(self, name: str) -> None:
        self.out.print(f"  dropped  {name}", style="dim")

    # The daemon and what it does

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "VSORTD_STATE_DIR": str(self.state),
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
        try:
            items = Client(self.state).history()
        except DaemonUnreachableError:  # it is still at its start, or has ended, which the caller sees
            return len(self._told)
        for item in reversed(items):
            if item["id"] not in self._told:
                self._told.add(item["id"])
                self._tell_one(item)
        return len(items)

    def _tell_one(self, item: ItemDocument) -> None:
        if item["state"] == "failed":
            self._failed.add(Path(item["source"]).name)
        style = {"filed": "green", "review": "yellow", "failed": "red"}.get(item["state"], "cyan")
        destination = Path(item["destination"]) if item["destination"] else None
        ending = Ending.of(
            state=item["state"],
            source=Path(item["source"]),
            destination=destination,
            rule=item["rule"],
            reason=item["reason"],
            library=self.library,
        )
        self.out.print(f"  {ending.padded_state}", style=style, end=" ")
        self.out.print(ending.where, end=" ")
        self.out.print(ending.why, style="dim")

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
            time.sleep(0.1)

    def _all_were_filed(self) -> bool:
        """Tell whether every clip was filed but the one that is no whole video, and name the others."""
        wrong = sorted(self._failed - {clip.name for clip in CLIPS if clip.cut})
        if wrong:
            self.out.print(f"  not filed, for the reasons above: {', '.join(wrong)}", style="red")
            self.out.print("  vsortd doctor says what is wrong here.", style="red")
        return not wrong

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


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, vsortd's own folder left out."""
    for path in folder.rglob("*"):
        if path.is_file() and ".vsortd" not in path.relative_to(folder).parts:
            yield path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
