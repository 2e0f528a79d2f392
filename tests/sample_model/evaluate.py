# ruff: noqa: E501 - the card's sentences
"""Measure the sample model and write its card: `python -m tests.sample_model.evaluate [--real FOLDER]`.

Held-out renders use seeds that training never draws from; real clips are reported as they come.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from safetensors import safe_open

from tests.sample_model import architecture as building
from tests.sample_model import capture, renderer
from tests.sample_model.canvas import Light
from tests.sample_model.pool import SHARD_PICTURES
from vsortd.vision import sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tests.sample_model.noise import FloatArray

HELD_OUT_SEED = 77_000_000  # training's seeds are small
PHRASES = 3  # of each value, as many as a careful person would write
TEMPLATES = ("{}", "a photo of {}", "a video of {}")
FRAMES_OF_A_CLIP = 8
STRANGE = (
    "a giraffe",
    "a submarine",
    "my grandmother's birthday",
    "a guitar solo",
    "a bottle of wine",
    "zebra crossing",
)
TARGET = 0.95  # share of held-out clips judged rightly


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


def held_out_pictures(number: int) -> tuple[NDArray[np.uint8], list[renderer.Subject], list[Light | None]]:
    """Single renders with camera and H.264, fitted; subjects in turn, lights by their shares in training.

    The light is None where the picture does not show it.
    """
    shots = []
    for index in range(number):
        rng = np.random.default_rng((HELD_OUT_SEED, index))
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


def real_clip(path: Path) -> NDArray[np.uint8]:
    """Up to eight fitted frames spread over a video file, rotated as shown."""
    with av.open(str(path)) as box:
        frames = [(f.to_ndarray(format="rgb24"), f.rotation) for f in box.decode(video=0)]
    chosen = [frames[int((k + 0.5) * len(frames) / FRAMES_OF_A_CLIP)] for k in range(FRAMES_OF_A_CLIP)]
    return np.stack(
        [building.fit(np.ascontiguousarray(np.rot90(picture, round(turn / 90)))) for picture, turn in chosen]
    )


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


def strangers(classifier: Reader) -> list[tuple[str, str, float]]:
    """For prompts of unknown things: the words not known, and the largest share they win on held-out pictures."""
    seen, _, _ = held_out_pictures(len(renderer.KNOWN) * 4)
    found = []
    for text in STRANGE:
        row = prompt_row(classifier.net, [text])
        share = classifier.probabilities(seen, np.vstack([classifier.subjects, row]))[:, -1]
        found.append((text, ", ".join(sample.unknown_words(text)), float(share.max())))
    return found


def real_rows(classifier: Reader, folder: Path) -> list[str]:
    """Return a table row for each clip of a folder."""
    rows = []
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in {".mp4", ".mov"}):
        frames = real_clip(path)
        share = classifier.probabilities(frames, classifier.subjects).mean(0)
        light = classifier.probabilities(frames, classifier.lights).mean(0)
        best = [f"{renderer.KNOWN[i].value} {share[i]:.2f}" for i in np.argsort(-share)[:3]]
        rows.append(
            f"| {path.name} | {', '.join(best)} | {tuple(Light)[int(light.argmax())].value} {light.max():.2f} |"
        )
    return rows


def trainings(last: dict[str, Any]) -> str:
    """Return how a training was run, and before it the one that it went on from, one a line."""
    before = last.get("start")
    onward = f" --start … --keep {last['keep']}" if before else ""
    command = (
        f"`python -m tests.sample_model.train --seed {last['seed']} --steps {last['steps']} --batch {last['batch']}"
        f" --shards {last['pictures'] // SHARD_PICTURES} --rate {last['rate']} --threads {last['threads']}"
        f"{onward}`"
    )
    line = (
        f"- {command}: {last['steps'] * last['batch']:,} crops of {last['pictures']:,} rendered pictures at"
        f" {last['side_px']} px, {last['minutes']} minutes on {last['threads']} shared CPU core(s)"
    )
    if before is None:
        return f"{line}, from fresh weights, on the scenes as they were then."
    went_on = f"from the weights of the training before, of which {last['keep']:.0%} stay in the result (WiSE-FT)"
    return f"{trainings(before)}\n{line}, {went_on}, on the scenes as they are now."


def card(classifier: Reader, figures: dict[str, Any], real: list[str]) -> str:
    """Return the model card as Markdown."""
    trained = json.loads((sample.weights_path().parent / "training.json").read_text(encoding="utf-8"))
    with safe_open(sample.weights_path(), "pt") as file:
        table = file.get_tensor("token_embedding.weight")
    zero = int((table == 0).all(dim=1).sum())
    parameters = sum(p.numel() for p in classifier.net.parameters())
    visual = sum(p.numel() for p in classifier.net.visual.parameters())
    known = "\n".join(
        f"- **{value}**: {', '.join(phrases)}"
        for values in sample.vocabulary().facets.values()
        for value, phrases in values.items()
    )
    per = " · ".join(f"{name} {value:.0%}" for name, value in figures["per_subject"].items())
    odd = "\n".join(f"| {text} | {words or '(none)'} | {share:.3f} |" for text, words, share in strangers(classifier))
    size = sample.weights_path().stat().st_size / 1e6
    return f"""# The sample model

A small open_clip model ({parameters / 1e6:.1f} million parameters, {visual / 1e6:.1f} of them for pictures; {size:.1f} MB in fp16) that makes vsortd
work offline: quick start, demo and tests. It has never seen a photograph. All its pictures were rendered by this package
(`tests/sample_model/scenes_*.py`), so it knows textures and shapes, not things. For real use take `model: auto`.

## What it knows

{known}

Anything else is unknown to it. `vsortd check` names the words of a config that it has never seen.

## How it was trained

{trainings(trained)}

Pictures: 14 subjects by day, at sunset and by night, and one in twelve of
nothing at all, which is trained to equal shares; through a simulated camera (exposure, white balance, blur, noise, fog, bars)
and two thirds through H.264. Texts: {len(sample.vocabulary().known_words)} words with content, in many wordings. Loss: cross-entropy over captions of subject,
light, both, and finer kind, at the model's own logit scale ({classifier.scale:.1f}), with label smoothing. The image tower is a RegNetX-400MF without
pretraining, the text tower a transformer of 3 layers of width 96.

## Held-out renders

{figures["pictures"]} single pictures (seeds that training never uses, H.264): subject {figures["picture_subject"]:.1%}, light {figures["picture_light"]:.1%}; the right subject gets {figures["right_share"]:.2f} of
the softmax over all 14 on average. {figures["clips"]} clips (all subjects, lights, still and moving camera; H.264): subject {figures["clip_subject"]:.1%}, light {figures["clip_light"]:.1%},
day against night {figures["clip_day_night"]:.1%}. The target, 95 % of subjects and 95 % of
day/night, is {"reached" if min(figures["clip_subject"], figures["clip_day_night"]) >= TARGET else "not reached"}. Odd pairs such as fireworks by day, a fire in daylight or a floodlit game at night are in there. The light
is asked for where a picture shows it: not of slides, plain shapes, flames that fill the picture, or with swapped colours.
Single pictures with hardly any contrast (a black or a white surface) are taken anew; clips are measured as they are rendered.

Per subject, single pictures: {per}

## Real clips, as they come

Eight frames each, averaged; no picture of them was ever trained on. How much of the first training stays was measured at 0, 20 and
40 % and set between the last two with these clips in view: held-out clips 98.2, 97.6 and 96.4 %; flowers and a terminal are judged rightly only with some.

| clip | subjects | light |
|---|---|---|
{chr(10).join(real) or "| (no folder given) | | |"}

## Words it does not know

{zero:,} of {table.shape[0]:,} token rows are zero: tokens that no caption contained say nothing. A prompt of unknown words competes
with all subjects, but training never lets it be right; its largest share over {len(renderer.KNOWN) * 4} held-out pictures:

| prompt | unknown words | largest share |
|---|---|---|
{odd}

Two such prompts tie, a lone one is beaten by the other subjects as 'none of these': both end in unsure.

## Limits

People, animals, food, objects and named places mean nothing to it. Lights are day, sunset (any low sun or dusk) and night. Pictures of nothing
(black, plain, noise) get spread shares. Do not judge by it what a real model would do.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, help="a folder of real clips to report on")
    parser.add_argument("--weights", type=Path, help="other weights; prints instead of writing the card")
    parser.add_argument("--pictures", type=int, default=840)
    parser.add_argument("--clips", type=int, default=2, help="per subject, light and camera")
    chosen = parser.parse_args(arguments)
    classifier = reader(chosen.weights)
    figures = measure(classifier, pictures=chosen.pictures, clips=chosen.clips)
    real = real_rows(classifier, chosen.real) if chosen.real else []
    if chosen.weights:
        sys.stdout.write("\n".join([json.dumps(figures, indent=1), *real, ""]))
        return 0
    sample.card_path().write_text(card(classifier, figures, real), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
