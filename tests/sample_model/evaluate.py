"""Measure the sample model on renders that training never draws: `python -m tests.sample_model.evaluate`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.sample_model import architecture as building
from tests.sample_model import capture, renderer
from tests.sample_model.canvas import Light
from vsortd.vision import sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tests.sample_model.noise import FloatArray

HELD_OUT_SEED = 77_000_000  # training's seeds are small
PHRASES = 3  # of each value, as many as a careful person would write
TEMPLATES = ("{}", "a photo of {}", "a video of {}")
FRAMES_OF_A_CLIP = 8


@dataclass(frozen=True, slots=True)
class Reader:
    """The model with its text vectors: rows [values, dim] of each facet."""

    net: Any
    scale: float
    subjects: FloatArray
    lights: FloatArray

    def probabilities(self, pictures: NDArray[np.uint8], rows: FloatArray) -> FloatArray:
        """Softmax over the rows [n, values] for fitted pictures."""
        return softmax(self.scale * building.embed_pictures(self.net, pictures) @ rows.T)


def softmax(logits: FloatArray) -> FloatArray:
    """Shares that add up to 1 over the last axis."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True), np.float32)


def reader(weights: Path | None = None) -> Reader:
    """Return the packaged model (or other weights of its architecture), ready to judge."""
    net: Any = building.load(weights)
    facets = sample.vocabulary().facets
    subjects = np.stack([prompt_row(net, facets["subject"][s.value][:PHRASES]) for s in renderer.KNOWN])
    lights = np.stack([prompt_row(net, facets["light"][light.value][:PHRASES]) for light in Light])
    return Reader(net, net.logit_scale.exp().item(), subjects, lights)


def prompt_row(net: Any, phrases: Sequence[str]) -> FloatArray:
    """Return the average direction [dim] of phrases through the templates."""
    rows = building.embed_texts(net, [t.format(phrase) for phrase in phrases for t in TEMPLATES])
    mean = rows.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def held_out_pictures(
    number: int, *, seed: int = HELD_OUT_SEED
) -> tuple[NDArray[np.uint8], list[renderer.Subject], list[Light | None]]:
    """Single renders with camera and H.264, fitted; subjects in turn, lights by their shares in training.

    The light is None where the picture does not show it.
    """
    shots = []
    for index in range(number):
        rng = np.random.default_rng((seed, index))
        subject = renderer.KNOWN[index % len(renderer.KNOWN)]
        light = tuple(Light)[int(rng.choice(3, p=renderer.LIGHT_SHARES.get(subject, renderer.USUAL_SHARES)))]
        shots.append(renderer.render_picture(subject, light, rng))
    coded = capture.through_h264(np.stack([shot.pixels for shot in shots]), crf=26)
    return (
        np.stack([building.fit(p) for p in coded]),
        [s.subject for s in shots],
        [s.light if s.hour_shows else None for s in shots],
    )


def held_out_clip(
    subject: renderer.Subject, light: Light, camera: renderer.Camera, seed: int
) -> tuple[NDArray[np.uint8], bool]:
    """Fitted frames of a short clip, landscape or portrait, encoded as H.264; and whether its light can be told."""
    width_px, height_px = (320, 180) if seed % 3 else (180, 320)
    place: Any = {"seed": HELD_OUT_SEED + seed, "width_px": width_px, "height_px": height_px, "camera": camera}
    clip = renderer.render_clip(subject, light, frames=16, fps=5, **place)
    coded = capture.through_h264(np.stack(list(clip)), crf=27, single=False)
    frames = np.stack([building.fit(frame) for frame in coded[:: max(1, len(coded) // FRAMES_OF_A_CLIP)]])
    return frames, renderer.clip_hour_shows(subject, light, **place)


def measure(classifier: Reader, *, pictures: int, clips: int) -> dict[str, Any]:
    """Accuracies on held-out pictures and clips: over all subjects, per subject, and of the light."""
    seen, subjects, lights = held_out_pictures(pictures)
    by_subject, by_light = (
        classifier.probabilities(seen, classifier.subjects),
        classifier.probabilities(seen, classifier.lights),
    )
    hit = np.array([renderer.KNOWN[int(row.argmax())] is s for row, s in zip(by_subject, subjects, strict=True)])
    timed = np.array([light is not None for light in lights])
    lit = np.array([tuple(Light)[int(row.argmax())] is light for row, light in zip(by_light, lights, strict=True)])[
        timed
    ]
    figures: dict[str, Any] = {
        "pictures": pictures,
        "picture_subject": float(hit.mean()),
        "picture_light": float(lit.mean()),
        "right_share": float(
            np.mean([row[renderer.KNOWN.index(s)] for row, s in zip(by_subject, subjects, strict=True)])
        ),
        "per_subject": {s.value: float(hit[[x is s for x in subjects]].mean()) for s in renderer.KNOWN},
    }
    right, day_night, of_light, seed = [], [], [], 0
    for subject in renderer.KNOWN:
        for light in (Light.DAY, Light.SUNSET, Light.NIGHT):
            for camera in renderer.Camera:
                for _ in range(clips):
                    seed += 1
                    frames, hour_shows = held_out_clip(subject, light, camera, seed)
                    right.append(
                        renderer.KNOWN[int(classifier.probabilities(frames, classifier.subjects).mean(0).argmax())]
                        is subject
                    )
                    if not hour_shows:
                        continue
                    share = classifier.probabilities(frames, classifier.lights).mean(0)
                    of_light.append(tuple(Light)[int(share.argmax())] is light)
                    if light is not Light.SUNSET:
                        day_night.append((share[0] > share[2]) == (light is Light.DAY))
    return {
        **figures,
        "clips": len(right),
        "clip_subject": float(np.mean(right)),
        "clip_light": float(np.mean(of_light)),
        "clip_day_night": float(np.mean(day_night)),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, help="other weights than the package's")
    parser.add_argument("--pictures", type=int, default=840)
    parser.add_argument("--clips", type=int, default=2, help="per subject, light and camera")
    chosen = parser.parse_args(arguments)
    figures = measure(reader(chosen.weights), pictures=chosen.pictures, clips=chosen.clips)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
