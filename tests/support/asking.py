"""A home with videos to ask about, and every command that asks a model, with what it takes."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject
from tests.support import harness
from tests.support.clips import render_scene

if TYPE_CHECKING:
    from pathlib import Path


def video(folder: Path, subject: Subject, seed: int) -> Path:
    """Render a video of a subject, 4 s long."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{subject.value}.mp4"
    render_scene(path, subject, Light.DAY, seed=seed, frames=40, fps=10)
    return path


class Asking:
    """A home with something filed and something taught, whose state can be put back, and commands for it."""

    def __init__(self, folder: Path) -> None:
        self.home = harness.Here(harness.Home.make(folder).folder)
        home, subjects = self.home, (Subject.FOREST, Subject.SEA, Subject.FIRE)
        for number, subject in enumerate(subjects):
            video(home.inbox, subject, number + 1)
        home.run("sort", home.inbox)
        for subject in subjects[1:]:
            home.run("teach", video(folder / "taught", subject, 11), subject.value, "--keep")
        truth, labels = folder / "truth", folder / "labels.txt"
        labels.write_text("a forest\nthe sea\nfire\n")
        for number, place in enumerate(("nature/forest", "sea", "fire")):
            video(truth / place, subjects[number], number + 21)
        renamed = folder / "renamed.yaml"
        renamed.write_text(home.config.read_text().replace("{name: sea,", "{name: ocean,"))
        sea = truth / "sea/sea.mp4"
        # In this order each of them has something to ask that none before it has kept.
        self.commands: dict[str, tuple[str | Path, ...]] = {
            "corrections": ("corrections", "--json"),
            "explain": ("explain", sea, "--json"),
            "plan": ("plan", truth, "--json"),
            "sort": ("sort", "--dry-run", truth, "--json"),
            "timeline": ("timeline", sea, "the sea", "--json"),
            "classify": ("classify", sea, "--labels", labels, "--json"),
            "analyze": ("analyze", sea, "--labels", labels, "--json"),
            "eval": ("eval", truth, "--json"),
            "teach": ("teach", video(folder / "unseen", Subject.SEA, 31), "sea", "--keep", "--json"),
            "refile": ("--config", renamed, "refile", "--dry-run", "--json"),
            "search": ("--config", renamed, "search", "the sea", "--all", "--json"),
            "duplicates": ("duplicates", "--json"),
        }
        self._before = folder / "before"
        shutil.copytree(self.state, self._before)

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.home.folder / "state"

    def put_back(self) -> None:
        """Forget what commands have kept."""
        shutil.rmtree(self.state)
        shutil.copytree(self._before, self.state)
