"""Train the sample model: `python -m tests.sample_model.train --out DIR --seed S --steps N`.

Every step takes a batch of rendered pictures and freshly worded captions of all subjects, lights, their combinations
and finer kinds, and asks by softmax at the model's own logit scale which caption of each sort is the right one. The
same arguments give the same weights on the same machine and thread count.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tests.sample_model import architecture as building
from tests.sample_model import renderer
from tests.sample_model.pool import HOUR_HIDDEN, KINDS, LIGHTS, SHARD_PICTURES, Pool, Shard
from vsortd.vision import sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

LABEL_SMOOTHING = 0.05  # keeps the softmax from certainty, so that its figures can be read as probabilities
LARGEST_LOGIT_SCALE = 30.0
UNKNOWN_WEIGHT = 1.0
HEAD_WEIGHT = 0.7
TRAIN_SIDE_PX = 80  # also the model's input; 96 and 112 were no better on held-out renders
ZERO_WORDS = ("zyx", "qoph", "vroxl", "wumbat")  # made of tokens that no caption has
CHECKPOINT_S = 120.0


class Captions:
    """Words every subject, light and kind differently at each call."""

    def __init__(self) -> None:
        document = sample.vocabulary_document()
        self.subjects: dict[str, list[str]] = document["facets"]["subject"]
        self.lights: dict[str, list[str]] = document["facets"]["light"]
        self.kinds: dict[str, list[str]] = document["kinds"]
        self.templates: list[str] = document["templates"]
        self.joint: list[str] = document["joint"]

    def every(self) -> list[str]:
        """Texts that between them contain every token that training can meet."""
        phrases = [p for group in (self.subjects, self.lights, self.kinds) for values in group.values() for p in values]
        words = list(sample.vocabulary().neutral_words)
        joined = [form.format(subject="sea", light="night") for form in self.joint]
        return phrases + [t.format("sea") for t in self.templates] + words + joined

    def draw(self, rng: np.random.Generator) -> list[str]:
        """One wording each of all known subjects, lights, pairs of both, and kinds; then two of unknown things."""

        def pick(options: Sequence[str]) -> str:
            return options[int(rng.integers(len(options)))]

        def word(options: Sequence[str]) -> str:
            text = pick(options)
            if rng.random() < 0.06:  # a stray word that says nothing to the model
                text = f"{pick(ZERO_WORDS)} {text}" if rng.random() < 0.5 else f"{text} {pick(ZERO_WORDS)}"
            return text

        known = [self.subjects[s.value] for s in renderer.KNOWN]
        texts = [pick(self.templates).format(word(options)) for options in known]
        texts += [pick(self.templates).format(word(self.lights[light.value])) for light in LIGHTS]
        for options in known:
            texts += [
                pick(self.joint).format(subject=word(options), light=pick(self.lights[light.value])) for light in LIGHTS
            ]
        texts += [pick(self.templates).format(word(self.kinds[kind])) for kind in KINDS[:-1]]
        return [*texts, pick(self.templates).format(pick(ZERO_WORDS)), pick(self.templates).format("").strip()]


@dataclass(frozen=True, slots=True)
class Targets:
    """Indices of what each picture of a batch shows."""

    subjects: Tensor
    lights: Tensor
    kinds: Tensor


def loss_of(logits: Tensor, target: Targets) -> Tensor:
    """Cross-entropies over subjects, lights, pairs and kinds; unknown pictures are pulled to equal shares.

    `logits` [n, candidates] in the order of `Captions.draw`. Prompts of unknown things compete among the subjects and
    are never right, so they never win over a known one.
    """
    n_subjects, n_lights, n_kinds = len(renderer.KNOWN), len(LIGHTS), len(KINDS) - 1
    cuts = np.cumsum([0, n_subjects, n_lights, n_subjects * n_lights, n_kinds])
    by_subject, by_light, by_pair, by_kind = (logits[:, a:b] for a, b in itertools.pairwise(cuts))
    by_subject = torch.cat([by_subject, logits[:, cuts[-1] :]], 1)
    known = target.subjects < n_subjects
    timed = known & (target.lights != HOUR_HIDDEN)
    total = functional.cross_entropy(by_subject[known], target.subjects[known], label_smoothing=LABEL_SMOOTHING)
    total = total + 0.5 * functional.cross_entropy(by_kind[known], target.kinds[known], label_smoothing=LABEL_SMOOTHING)
    total = total + 0.7 * functional.cross_entropy(
        by_light[timed], target.lights[timed], label_smoothing=LABEL_SMOOTHING
    )
    pair = target.subjects * n_lights + target.lights
    total = total + 0.5 * functional.cross_entropy(by_pair[timed], pair[timed], label_smoothing=LABEL_SMOOTHING)
    strange = ~known
    if bool(strange.any()):
        flat = -functional.log_softmax(by_subject[strange][:, :n_subjects], 1).mean()
        total = total + UNKNOWN_WEIGHT * (flat - math.log(n_subjects)) * strange.float().mean()
    return total


def _head_loss(logits: Tensor, target: Targets) -> Tensor:
    n_subjects, n_lights = len(renderer.KNOWN), len(LIGHTS)
    known = target.subjects < n_subjects
    by_subject, by_light, by_kind = torch.split(logits[known], [n_subjects, n_lights, len(KINDS) - 1], dim=1)
    return (
        functional.cross_entropy(by_subject, target.subjects[known], label_smoothing=LABEL_SMOOTHING)
        + 0.5
        * functional.cross_entropy(
            by_light, target.lights[known], ignore_index=HOUR_HIDDEN, label_smoothing=LABEL_SMOOTHING
        )
        + 0.5 * functional.cross_entropy(by_kind, target.kinds[known], label_smoothing=LABEL_SMOOTHING)
    )


def batches(pool: Pool, shards: int, size: int, seed: int, steps: int) -> Iterator[tuple[NDArray[np.uint8], Targets]]:
    """Batches of pictures: pass after pass over a pool that grows while the training goes on.

    Which shards exist at a step depends on the step alone, so waiting for the renderer changes nothing.
    """
    rng = np.random.default_rng((seed, 1))
    loaded: list[Shard] = []
    first = min(shards, max(12, shards // 8))
    for step in range(steps):
        # The last shards come at three quarters of the training, so that each is seen more than once.
        wanted = min(shards, first + int((shards - first) * step / max(1, steps * 3 // 4)))
        while len(loaded) < wanted:
            loaded.append(pool.shard(len(loaded)))
        # half of each batch from anywhere, half from the newest tenth
        newest = max(1, len(loaded) // 10)
        spots = [
            (int(rng.integers(len(loaded))) if k % 4 else len(loaded) - 1 - int(rng.integers(newest)))
            for k in range(size)
        ]
        rows = rng.integers(0, len(loaded[0].pixels), size)
        pick = list(zip(spots, rows, strict=True))
        pixels = np.stack([loaded[s].pixels[r] for s, r in pick])
        yield (
            pixels,
            Targets(
                torch.tensor([int(loaded[s].subjects[r]) for s, r in pick]),
                torch.tensor([int(loaded[s].lights[r]) for s, r in pick]),
                torch.tensor([int(loaded[s].kinds[r]) for s, r in pick]).clamp(max=len(KINDS) - 2),
            ),
        )


def augment(pixels: NDArray[np.uint8], rng: np.random.Generator, side_px: int) -> Tensor:
    """Random crops, flips, stretches and small changes of exposure and tint; float [n, 3, side, side], normalised."""
    n = len(pixels)
    picture = building.normalise(pixels)
    scale = torch.tensor(rng.uniform(0.6, 1.0, n), dtype=torch.float32)
    stretch = torch.tensor(np.exp(rng.normal(0, 0.12, n)), dtype=torch.float32)
    flip = torch.tensor(np.where(rng.random(n) < 0.5, 1.0, -1.0), dtype=torch.float32)
    sx, sy = (scale * stretch).clamp(max=1), (scale / stretch).clamp(max=1)
    move = torch.tensor(rng.uniform(-1, 1, (n, 2)), dtype=torch.float32)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = sx * flip, sy
    theta[:, 0, 1] = torch.tensor(rng.normal(0, 0.03, n), dtype=torch.float32)
    theta[:, 0, 2], theta[:, 1, 2] = move[:, 0] * (1 - sx), move[:, 1] * (1 - sy)
    grid = functional.affine_grid(theta, [n, 3, side_px, side_px], align_corners=False)
    picture = functional.grid_sample(picture, grid, padding_mode="reflection", align_corners=False)
    gain = torch.tensor(np.exp(rng.normal(0, 0.1, (n, 1, 1, 1))), dtype=torch.float32)
    shift = torch.tensor(rng.normal(0, 0.08, (n, 3, 1, 1)), dtype=torch.float32)
    return (picture * gain + shift).contiguous(memory_format=torch.channels_last)


def train(
    out: Path,
    pool: Pool,
    *,
    seed: int,
    steps: int,
    batch: int,
    shards: int,
    rate: float = 3e-3,
    side_px: int = TRAIN_SIDE_PX,
    start: Path | None = None,
    keep: float = 0.0,
) -> None:
    """Train and write `weights.safetensors` to `out`, also every few minutes on the way.

    From fresh weights, or from those of an earlier training at `start` (with its `training.json` beside it), of which
    the share `keep` stays in the result.
    """
    torch.manual_seed(seed)
    out.mkdir(parents=True, exist_ok=True)
    net: Any = building.load(start) if start else building.build()
    captions = Captions()
    compact = building.CompactVocabulary(net, captions.every(), learnt=start is not None)
    net = net.to(memory_format=torch.channels_last)
    average = {key: value.detach().clone().float() for key, value in net.state_dict().items()}
    # A plain classifier beside the text tower, thrown away afterwards: it teaches the pictures from the first step on,
    # while the texts still all look alike.
    head = torch.nn.Linear(
        int(building.read_config()["model_cfg"]["embed_dim"]), len(renderer.KNOWN) + len(LIGHTS) + len(KINDS) - 1
    )
    parameters = [*net.parameters(), *head.parameters()]
    decayed = [p for p in parameters if p.ndim > 1]
    plain = [p for p in parameters if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))
    rng = np.random.default_rng((seed, 2))
    saved = started = time.monotonic()
    meter = np.zeros(3)
    for step, (pixels, target) in enumerate(batches(pool, shards, batch, seed, steps)):
        for group in optimiser.param_groups:
            group["lr"] = rate * min((step + 1) / 150, 0.5 + 0.5 * math.cos(math.pi * step / steps) + 0.002)
        loss, hits = _step(net, head, optimiser, augment(pixels, rng, side_px), compact.ids(captions.draw(rng)), target)
        _follow(average, net.state_dict(), min(0.998, (step + 1) / (step + 10)))
        meter = 0.97 * meter + 0.03 * np.array([loss, *hits])
        if step % 50 == 0:
            shown = meter / (1 - 0.97 ** (step + 1))
            scale, spent_s = net.logit_scale.exp().item(), time.monotonic() - started
            figures = f"loss {shown[0]:.3f} subject {shown[1]:.3f} light {shown[2]:.3f} scale {scale:.1f}"
            sys.stderr.write(f"{step}/{steps} {spent_s:.0f}s {figures}\n")
        if time.monotonic() - saved > CHECKPOINT_S:
            saved = time.monotonic()
            building.save(compact.full_state(average), out / "checkpoint.safetensors")
    building.save(compact.full_state(average), out / "weights.safetensors")
    if start and keep:
        building.save(building.blend(start, out / "weights.safetensors", keep), out / "weights.safetensors")
    facts: dict[str, Any] = {
        "seed": seed,
        "steps": steps,
        "batch": batch,
        "pictures": shards * pool.pictures,
        "side_px": side_px,
        "rate": rate,
        "minutes": round((time.monotonic() - started) / 60, 1),
        "threads": torch.get_num_threads(),
    }
    if start:
        facts["keep"] = keep
        facts["start"] = json.loads(start.with_name("training.json").read_text(encoding="utf-8"))
    (out / "training.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _step(  # noqa: PLR0917 - everything that a step changes
    net: Any,
    head: torch.nn.Linear,
    optimiser: torch.optim.Optimizer,
    pictures: Tensor,
    ids: Tensor,
    target: Targets,
) -> tuple[float, tuple[float, float]]:
    net.train()
    seen, read = net.encode_image(pictures), net.encode_text(ids)  # fp32: bf16 is slower where there is no AMX
    scale = net.logit_scale.exp()
    logits = scale * functional.normalize(seen, dim=-1) @ functional.normalize(read, dim=-1).T
    loss = loss_of(logits, target) + HEAD_WEIGHT * _head_loss(head(seen), target)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimiser.step()
    with torch.no_grad():
        net.logit_scale.clamp_(max=math.log(LARGEST_LOGIT_SCALE))
        n, m = len(renderer.KNOWN), len(LIGHTS)
        known = target.subjects < n
        right = (logits[known, :n].argmax(1) == target.subjects[known]).float().mean()
        timed = known & (target.lights != HOUR_HIDDEN)
        lit = (logits[timed, n : n + m].argmax(1) == target.lights[timed]).float().mean()
    return loss.item(), (float(right), float(lit))


def _follow(average: dict[str, Tensor], state: dict[str, Tensor], keep: float) -> None:
    """Move the running average of the weights on; it generalises better than the last ones."""
    for key, value in state.items():
        if value.is_floating_point():
            average[key].lerp_(value.detach().float(), 1 - keep)
        else:
            average[key] = value.detach().clone()


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3600)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--shards", type=int, default=285, help=f"how much to render, in shards of {SHARD_PICTURES}")
    parser.add_argument("--cache", type=Path, help="folder for rendered pictures (default: inside --out)")
    parser.add_argument(
        "--wait", action="store_true", help="shards are rendered by `…sample.pool` beside; wait for them"
    )
    parser.add_argument("--threads", type=int, default=0, help="0: as torch chooses")
    parser.add_argument("--side", type=int, default=TRAIN_SIDE_PX)
    parser.add_argument("--shard-pictures", type=int, default=SHARD_PICTURES)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--start", type=Path, help="go on from these weights, with training.json beside them")
    parser.add_argument("--keep", type=float, default=0.0, help="share of the --start weights in the result, 0 to 1")
    chosen = parser.parse_args(arguments)
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    pool = Pool(chosen.cache or chosen.out / "pictures", chosen.seed, wait=chosen.wait, pictures=chosen.shard_pictures)
    train(
        chosen.out,
        pool,
        seed=chosen.seed,
        steps=chosen.steps,
        batch=chosen.batch,
        shards=chosen.shards,
        rate=chosen.rate,
        side_px=chosen.side,
        start=chosen.start,
        keep=chosen.keep,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
