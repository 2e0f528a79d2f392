"""How vsortd judges real photographs and clips: by flat rules, one for each scene that the sample model knows.

Clips go through the real command; photographs are judged as videos of one frame.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tests.sample_model import architecture as building
from tests.sample_model.evaluate import held_out_pictures
from vsortd.config.load import load_settings
from vsortd.config.rules import build_rules
from vsortd.judging.decide import decide
from vsortd.vision import sample
from vsortd.vision.prompts import level_vectors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tests.sample_model.photos import Album, Photo
    from vsortd.vision.encoder import Encoder

PROMPTS = 3  # of each rule: as many as a careful person writes
LABELS = Path(__file__).with_name("real_clips.tsv")
SURE = 0.7  # what a score of this or more promises is looked at by itself


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a picture or clip would go (None: nowhere) with which score, and where it may go.

    `known` says whether it counts as one whose subject the model knows: it shows nothing else beside it.
    """

    name: str
    rule: str | None
    score: float
    right: frozenset[str]
    known: bool

    @property
    def is_right(self) -> bool:
        """Tell whether it was filed, and rightly."""
        return self.rule in self.right


@dataclass(frozen=True, slots=True)
class Tally:
    """Verdicts counted: all, filed, wrong of the filed, of known subject, of these filed right; and the sure ones."""

    n: int
    filed: int
    wrong: int
    known: int
    found: int
    sure: int
    sure_right: int

    def row(self) -> str:
        """Return the cells of a table."""
        return (
            f"{self.n} | {self.filed} | {self.wrong}{_percent(self.wrong, self.filed)}"
            f" | {self.found} of {self.known}{_percent(self.found, self.known)}"
            f" | {self.sure_right} of {self.sure}{_percent(self.sure_right, self.sure)}"
        )


HEAD = f"videos | filed | wrong of these | of known subject filed right | right where the score is ≥ {SURE}"


def _percent(part: int, whole: int) -> str:
    return f" ({part / whole:.0%})" if whole else ""


def tally(verdicts: Iterable[Verdict]) -> Tally:
    """Count verdicts."""
    every = list(verdicts)
    filed = [one for one in every if one.rule is not None]
    known = [one for one in every if one.known]
    sure = [one for one in filed if one.score >= SURE]
    return Tally(
        len(every),
        len(filed),
        sum(not one.is_right for one in filed),
        len(known),
        sum(one.is_right for one in known),
        len(sure),
        sum(one.is_right for one in sure),
    )


def flat_config(folder: Path, prompts: int = PROMPTS) -> Path:
    """Write a config with one rule for each scene into a folder; return it."""
    subjects = sample.vocabulary().facets["subject"]
    document = {
        "version": 2,
        "inboxes": [{"path": str(folder / "inbox")}],
        "library": str(folder / "library"),
        "model": "sample",
        "accept": {"min_duration": "0s"},
        "rules": [{"name": name, "prompts": list(said[:prompts])} for name, said in subjects.items()],
    }
    (folder / "inbox").mkdir(exist_ok=True)
    path = folder / "flat.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


def pictures(encoder: Encoder, shown: Iterable[tuple[str, NDArray[np.uint8], frozenset[str], bool]]) -> list[Verdict]:
    """Judge pictures, each as a video of one frame: name, fitted picture, where it may go, whether it is known."""
    with tempfile.TemporaryDirectory() as folder:
        tree = build_rules(load_settings(flat_config(Path(folder))))
    vectors = level_vectors(tree, encoder)
    verdicts = []
    for name, pixels, right, known in shown:
        level = decide(tree, vectors, encoder.encode_images(pixels[None])).levels[0]
        verdicts.append(Verdict(name, level.winner, level.score, right, known))
    return verdicts


def photos(encoder: Encoder, album: Album, chosen: Sequence[Photo]) -> list[Verdict]:
    """Judge photographs."""
    shown = (
        (one.file, building.fit(album.picture(one)), frozenset(one.named), bool(one.named) and not one.other)
        for one in chosen
    )
    return pictures(encoder, shown)


def renders(encoder: Encoder, number: int) -> list[Verdict]:
    """Judge held-out renders."""
    seen, subjects, _ = held_out_pictures(number)
    shown = ((one.value, picture, frozenset({one.value}), True) for one, picture in zip(subjects, seen, strict=True))
    return pictures(encoder, shown)


def clips(folder: Path, labels: Path = LABELS) -> list[Verdict]:
    """Judge the clips of a folder that `labels` names, by the command itself. Raises CalledProcessError."""
    with labels.open(encoding="utf-8", newline="") as file:
        truths = {row["clip"]: row for row in csv.DictReader(file, delimiter="\t")}
    files = sorted(path for path in folder.iterdir() if path.name in truths)
    with tempfile.TemporaryDirectory() as scratch:
        config = flat_config(Path(scratch))
        words = [sys.executable, "-m", "vsortd", "plan", *map(str, files), "--config", str(config), "--json"]
        environment = {**os.environ, "VSORTD_STATE_DIR": str(Path(scratch) / "state")}
        done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode not in {0, 3}:
            raise subprocess.CalledProcessError(done.returncode, words)
    verdicts = []
    for item in json.loads(done.stdout)["items"]:
        name = Path(item["source"]).name
        right = frozenset(truths[name]["right"].split(", ")) - {""}
        known = truths[name]["known"] == "yes"
        verdicts.append(Verdict(name, item["rule"] or None, float(item["score"] or 0), right, known))
    return verdicts
