"""The common script: one frame a second as JPEG files, opened one by one, each with all labels through CLIP; a vote.

`python -m tests.benchmarks.speed.recipe` takes its task as JSON on stdin and prints its times as JSON. It is written
as such scripts are: `open_clip` as it comes, in the precision it comes in, texts encoded again for each frame. On a
slow machine it may score a part of the frames only (`at_most`); the rest would take as long, frame by frame.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from open_clip.transform import image_transform
from PIL import Image

from vsortd.config.settings import ModelChoice
from vsortd.vision.loading import load_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.vision.loading import LoadedModel

Untyped = Any  # open_clip ships no types


@dataclass(slots=True)
class Clock:
    """Seconds by what they were spent on."""

    spent_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _since_s: float = field(default_factory=time.perf_counter)

    def note(self, name: str) -> None:
        """Book the time since the last note."""
        now_s = time.perf_counter()
        self.spent_s[name] += now_s - self._since_s
        self._since_s = now_s


def main() -> None:
    """Sort one video and print how long what took."""
    task = json.load(sys.stdin)
    clock = Clock()
    loaded = load_model(
        _choice(task["model"]), device="cpu" if not torch.cuda.is_available() else "cuda", dtype=torch.float32
    )
    shape = loaded.info.preprocess
    transform: Untyped = image_transform(
        shape.side_px, is_train=False, mean=shape.mean, std=shape.std, interpolation=shape.interpolation
    )
    clock.note("load")
    with tempfile.TemporaryDirectory(dir=task["scratch"]) as scratch:
        paths = extract(Path(task["video"]), Path(scratch))
        clock.note("extract")
        scored = paths[: task["at_most"]]
        label = vote(scored, task["labels"], loaded, transform, clock)
        move(Path(task["video"]), Path(task["library"]) / label)
        clock.note("move")
    spent_s = {name: round(s, 4) for name, s in clock.spent_s.items()}
    json.dump({"frames": len(paths), "scored": len(scored), "spent_s": spent_s}, sys.stdout)


def extract(video: Path, folder: Path) -> list[Path]:
    """Write a frame of each second as a JPEG file."""
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-i", f"file:{video}", "-vf", "fps=1", str(folder / "%05d.jpg")],
        check=True,
    )
    return sorted(folder.iterdir())


def vote(paths: Sequence[Path], labels: Sequence[str], loaded: LoadedModel, transform: Untyped, clock: Clock) -> str:
    """Return the label that most frames are nearest to."""
    votes: Counter[str] = Counter()
    for path in paths:
        with Image.open(path) as picture:
            pixels = transform(picture.convert("RGB")).unsqueeze(0).to(loaded.device)
        clock.note("open")
        with torch.no_grad():
            image = torch.nn.functional.normalize(loaded.module.encode_image(pixels), dim=-1)
            clock.note("image")
            tokens = loaded.tokenizer([f"a photo of a {label}" for label in labels]).to(loaded.device)
            texts = torch.nn.functional.normalize(loaded.module.encode_text(tokens), dim=-1)
            clock.note("text")
            votes[labels[int((image @ texts.T).argmax())]] += 1
    return votes.most_common(1)[0][0]


def move(video: Path, folder: Path) -> None:
    """Move the video into its label's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.move(video, folder / video.name)


def _choice(model: str | dict[str, str]) -> str | ModelChoice:
    return model if isinstance(model, str) else ModelChoice(**model)


if __name__ == "__main__":
    main()
