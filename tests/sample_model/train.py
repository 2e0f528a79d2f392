"""Train the sample model: `python -m tests.sample_model.train --out DIR --seed S --steps N`.

Every step takes a batch of pictures and freshly worded captions of all subjects, of what is no scene, of lights, their
combinations and finer kinds, and asks by softmax at the model's own logit scale which caption of each sort is the right
one. With `--photos FOLDER` more than half of a batch are pieces of real photographs, some pasted into renders, see
`tests.sample_model.photos`. The same arguments give the same weights on the same machine and thread count.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tests.sample_model import architecture as building
from tests.sample_model import photos as real
from tests.sample_model import renderer
from tests.sample_model.batches import KIND_HIDDEN, batches
from tests.sample_model.photos import SHOWN
from tests.sample_model.pool import KINDS, LIGHTS, SHARD_PICTURES, Pool
from vsortd.vision import sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tests.sample_model.batches import Targets

LABEL_SMOOTHING = 0.05  # keeps the softmax from certainty, so that its figures can be read as probabilities
LARGEST_LOGIT_SCALE = 30.0
HEAD_WEIGHT = 0.7
CATALOGUE_WEIGHT = 0.3
MIXED_SHARE = 0.5  # of the batches with photographs: pictures are laid over or cut into one another
COVERED_SHARE = 0.25  # of all pictures: a part of them is hidden
SAMPLED_FROM = 1.4  # sides of the model's input that a picture has, from which crops are taken
EARLY_SIDE_PX, EARLY_SHARE = 64, 0.6  # the first part of a training sees smaller pictures: nearly twice as fast
TRAIN_SIDE_PX = 80  # also the model's input; 96 and 112 were no better on held-out renders
ZERO_WORDS = ("zyx", "qoph", "vroxl", "wumbat")  # made of tokens that no caption has
CHECKPOINT_S = 120.0


class Captions:
    """Words every subject, light and kind differently at each call."""

    def __init__(self) -> None:
        document = sample.vocabulary_document()
        self.subjects: dict[str, list[str]] = document["facets"]["subject"]
        self.others: dict[str, list[str]] = document["others"]
        self.lights: dict[str, list[str]] = document["facets"]["light"]
        self.kinds: dict[str, list[str]] = document["kinds"]
        self.templates: list[str] = document["templates"]
        self.joint: list[str] = document["joint"]

    def every(self) -> list[str]:
        """Texts that between them contain every token that training can meet."""
        groups = (self.subjects, self.others, self.lights, self.kinds)
        phrases = [p for group in groups for values in group.values() for p in values]
        words = list(sample.vocabulary().neutral_words)
        joined = [form.format(subject="sea", light="night") for form in self.joint]
        return phrases + [t.format("sea") for t in self.templates] + words + joined

    def draw(self, rng: np.random.Generator) -> list[str]:
        """One wording each of what is shown, of lights, pairs of subject and light, kinds; two of unknown things."""

        def pick(options: Sequence[str]) -> str:
            return options[int(rng.integers(len(options)))]

        def word(options: Sequence[str]) -> str:
            text = pick(options)
            if rng.random() < 0.06:  # a stray word that says nothing to the model
                text = f"{pick(ZERO_WORDS)} {text}" if rng.random() < 0.5 else f"{text} {pick(ZERO_WORDS)}"
            return text

        known = [self.subjects[s.value] for s in renderer.KNOWN]
        texts = [pick(self.templates).format(word(options)) for options in (*known, *self.others.values())]
        texts += [pick(self.templates).format(word(self.lights[light.value])) for light in LIGHTS]
        for options in known:
            texts += [
                pick(self.joint).format(subject=word(options), light=pick(self.lights[light.value])) for light in LIGHTS
            ]
        texts += [pick(self.templates).format(word(self.kinds[kind])) for kind in KINDS]
        return [*texts, pick(self.templates).format(pick(ZERO_WORDS)), pick(self.templates).format("").strip()]


def _any_of(logits: Tensor, right: Tensor) -> Tensor:
    """Cross-entropy [] where any of several captions is right, softened by LABEL_SMOOTHING."""
    logs = functional.log_softmax(logits, 1)
    hit = -torch.logsumexp(logs.masked_fill(~right, -torch.inf), 1)
    return ((1 - LABEL_SMOOTHING) * hit - LABEL_SMOOTHING * logs.mean(1)).mean()


def _one_of(logits: Tensor, target: Tensor, weight: float) -> Tensor:
    """Cross-entropy [] over those that have a target, weighted by how many of the batch do."""
    told = target >= 0
    if not bool(told.any()):
        return logits.sum() * 0
    loss = functional.cross_entropy(logits[told], target[told], label_smoothing=LABEL_SMOOTHING)
    return weight * loss * told.float().mean().sqrt()


def loss_of(logits: Tensor, target: Targets) -> Tensor:
    """Cross-entropies over what is shown, lights, pairs and kinds.

    `logits` [n, candidates] in the order of `Captions.draw`. Prompts of unknown things compete with what is shown and
    are never right, so they never win over it.
    """
    n_subjects, n_lights = len(renderer.KNOWN), len(LIGHTS)
    cuts = np.cumsum([0, len(SHOWN), n_lights, n_subjects * n_lights, len(KINDS)])
    by_shown, by_light, by_pair, by_kind = (logits[:, a:b] for a, b in itertools.pairwise(cuts))
    unknown = logits[:, cuts[-1] :]
    never = torch.zeros(unknown.shape, dtype=torch.bool)
    pair = torch.where(
        (target.subjects >= 0) & (target.lights >= 0), target.subjects * n_lights + target.lights, KIND_HIDDEN
    )
    return (
        _any_of(torch.cat([by_shown, unknown], 1), torch.cat([target.shown, never], 1))
        + _one_of(by_kind, target.kinds, 0.5)
        + _one_of(by_light, target.lights, 0.7)
        + _one_of(by_pair, pair, 0.5)
    )


def _head_loss(logits: Tensor, target: Targets, classes: int) -> Tensor:
    parts = torch.split(logits, [len(SHOWN), len(LIGHTS), len(KINDS), classes], dim=1)
    return (
        _any_of(parts[0], target.shown)
        + _one_of(parts[1], target.lights, 0.5)
        + _one_of(parts[2], target.kinds, 0.5)
        + (_one_of(parts[3], target.classes, CATALOGUE_WEIGHT / HEAD_WEIGHT) if classes else 0)
    )


def augment(pixels: NDArray[np.uint8], rng: np.random.Generator, side_px: int) -> Tensor:
    """Random crops, flips, stretches and small changes of exposure and tint; float [n, 3, side, side], normalised."""
    n = len(pixels)
    picture = building.normalise(pixels)
    near = min(pixels.shape[1], round(side_px * SAMPLED_FROM))  # what is made much smaller has to be averaged first
    picture = functional.interpolate(picture, (near, near), mode="bilinear", antialias=True)
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
    grey = picture.mean(1, keepdim=True)
    colour = torch.tensor(rng.uniform(0.5, 1.5, (n, 1, 1, 1)), dtype=torch.float32)
    picture = grey + (picture - grey) * colour
    gain = torch.tensor(np.exp(rng.normal(0, 0.2, (n, 1, 1, 1))), dtype=torch.float32)
    shift = torch.tensor(rng.normal(0, 0.12, (n, 3, 1, 1)), dtype=torch.float32)
    picture = picture * gain + shift
    for row in np.flatnonzero(rng.random(n) < COVERED_SHARE):
        _cover(picture[row], rng)
    return picture.contiguous(memory_format=torch.channels_last)


def _cover(picture: Tensor, rng: np.random.Generator) -> None:
    """Hide a part of a picture [3, side, side] under one colour or under noise, in its place (1708.04896)."""
    side = picture.shape[-1]
    high, wide = (int(side * v) for v in rng.uniform(0.15, 0.5, 2))
    top, left = int(rng.integers(side - high + 1)), int(rng.integers(side - wide + 1))
    shape = (3, high, wide) if rng.random() < 0.5 else (3, 1, 1)
    picture[:, top : top + high, left : left + wide] = torch.tensor(rng.normal(0, 0.8, shape), dtype=torch.float32)


def mix(pictures: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor, float]:
    """Lay each picture over another (mixup, 1710.09412) or cut a piece of another into it (CutMix, 1905.04899).

    Returns the pictures [n, 3, side, side], which other each has [n], and the share of its own, 0.5 to 1.
    """
    order = torch.tensor(rng.permutation(len(pictures)))
    own = float(rng.beta(0.6, 0.6))
    own = max(own, 1 - own)
    if rng.random() < 0.5:
        return own * pictures + (1 - own) * pictures[order], order, own
    side = pictures.shape[-1]
    length = round(side * math.sqrt(1 - own))
    top, left = (int(v) for v in rng.integers(0, side - length + 1, 2))
    mixed = pictures.clone()
    mixed[:, :, top : top + length, left : left + length] = pictures[order, :, top : top + length, left : left + length]
    return mixed, order, 1 - (length / side) ** 2


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
    album: real.Album | None = None,
) -> None:
    """Train and write `weights.safetensors` to `out`, also every few minutes on the way.

    From fresh weights, or from those of an earlier training at `start` (with its `training.json` beside it), of which
    the share `keep` stays in the result. `album` holds the photographs that are taught beside the renders.
    """
    torch.manual_seed(seed)
    out.mkdir(parents=True, exist_ok=True)
    net: Any = building.load(start) if start else building.build()
    captions = Captions()
    compact = building.CompactVocabulary(net, captions.every(), learnt=start is not None)
    net = net.to(memory_format=torch.channels_last)
    average = {key: value.detach().clone().float() for key, value in net.state_dict().items()}
    classes = len(album.classes) if album else 0
    deck = real.Deck(album, np.random.default_rng((seed, 3))) if album else None
    # A plain classifier beside the text tower, thrown away afterwards: it teaches the pictures from the first step on,
    # while the texts still all look alike.
    head = torch.nn.Linear(
        int(building.read_config()["model_cfg"]["embed_dim"]), len(SHOWN) + len(LIGHTS) + len(KINDS) + classes
    )
    parameters = [*net.parameters(), *head.parameters()]
    decayed = [p for p in parameters if p.ndim > 1]
    plain = [p for p in parameters if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))
    rng = np.random.default_rng((seed, 2))
    saved = started = time.monotonic()
    meter = np.zeros(3)
    for step, (pixels, target) in enumerate(batches(pool, shards, batch, seed, steps, deck)):
        for group in optimiser.param_groups:
            group["lr"] = rate * min((step + 1) / 150, 0.5 + 0.5 * math.cos(math.pi * step / steps) + 0.002)
        blended = deck is not None and rng.random() < MIXED_SHARE
        side = min(side_px, EARLY_SIDE_PX) if step < steps * EARLY_SHARE else side_px
        loss, hits = _step(
            net,
            head,
            optimiser,
            mix(augment(pixels, rng, side), rng) if blended else augment(pixels, rng, side),
            compact.ids(captions.draw(rng)),
            target,
        )
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
    if album:
        facts["photographs"] = album.summary()
    if start:
        facts["keep"] = keep
        facts["start"] = json.loads(start.with_name("training.json").read_text(encoding="utf-8"))
    (out / "training.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _step(  # noqa: PLR0917 - everything that a step changes
    net: Any,
    head: torch.nn.Linear,
    optimiser: torch.optim.Optimizer,
    pictures: Tensor | tuple[Tensor, Tensor, float],
    ids: Tensor,
    target: Targets,
) -> tuple[float, tuple[float, float]]:
    net.train()
    order, own = None, 1.0
    if isinstance(pictures, tuple):
        pictures, order, own = pictures
    seen, read = net.encode_image(pictures), net.encode_text(ids)  # fp32: bf16 is slower where there is no AMX
    scale = net.logit_scale.exp()
    logits = scale * functional.normalize(seen, dim=-1) @ functional.normalize(read, dim=-1).T
    classes = head.out_features - len(SHOWN) - len(LIGHTS) - len(KINDS)
    said = head(seen)
    loss = own * (loss_of(logits, target) + HEAD_WEIGHT * _head_loss(said, target, classes))
    if order is not None:
        other = target.of(order)
        loss = loss + (1 - own) * (loss_of(logits, other) + HEAD_WEIGHT * _head_loss(said, other, classes))
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimiser.step()
    with torch.no_grad():
        net.logit_scale.clamp_(max=math.log(LARGEST_LOGIT_SCALE))
        n, m = len(SHOWN), len(LIGHTS)
        right = target.shown.gather(1, logits[:, :n].argmax(1, keepdim=True)).float().mean()
        timed = target.lights >= 0
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
    parser.add_argument("--photos", type=Path, help="a folder of photographs with MANIFEST.tsv")
    chosen = parser.parse_args(arguments)
    album = real.Album(chosen.photos) if chosen.photos else None
    if album:
        sys.stderr.write(
            f"photographs: {len(album.of(real.Share.TAUGHT))} taught, {len(album.of(real.Share.KEPT_OUT))} kept out\n"
        )
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
        album=album,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
