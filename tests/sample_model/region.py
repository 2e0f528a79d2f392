"""Find how unlike its training a picture may be: `python -m tests.sample_model.region --weights W --photos FOLDER`.

Writes `taught_region.npz` beside the weights, and the weights anew with the logit scale that fits. Three numbers
(scale, slope, offset) are chosen on photographs that were kept out of the training and on renders of seeds of their
own: of those that leave hardly any render for review, the ones that file the most photographs rightly and the fewest
wrongly, where a wrong one weighs twice. By cross-validation it shows what the measure is worth beside others.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.torch import load_file

from tests.sample_model import architecture as building
from tests.sample_model import photos as real
from tests.sample_model import renderer
from tests.sample_model.evaluate import held_out_pictures, prompt_row
from tests.sample_model.pool import Pool
from vsortd.vision import sample
from vsortd.vision.out_of_distribution import TaughtRegion, write_region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

CENTRES = 16  # of each of the things that a picture may show
CHOOSING_SEED = 78_000_000  # neither training's nor the card's
RENDERS = 280
# What real footage is made of, as far as can be told: how much each sort of picture counts in the fit.
WEIGHTS = {"scene": 0.35, "other": 0.35, "catalogue": 0.1, "render": 0.2}
FOLDS = 5
MIN_SCORE, MIN_MARGIN = 0.35, 0.1  # vsortd's own thresholds
WRONG_WEIGHT = 2.0  # of the share of what is filed wrongly, against the share of scenes that are filed rightly
LOST = 0.06  # share of renders that may be left for review


@dataclass(frozen=True, slots=True)
class Cases:
    """Pictures to fit on: unit rows [n, dim], what is right (of the scenes, and last none of them) [n, scenes + 1]."""

    rows: NDArray[np.float32]
    right: NDArray[np.bool_]
    weights: Values
    rendered: NDArray[np.bool_]


def texts(net: Any) -> NDArray[np.float32]:
    """Return the rows of all that a picture may show, scenes first, as the package words its negatives."""
    vocabulary = sample.vocabulary()
    said = [*(vocabulary.facets["subject"][s.value] for s in renderer.KNOWN), *vocabulary.others.values()]
    return np.stack([prompt_row(net, phrases) for phrases in said])


def embed(net: Any, album: real.Album, photos: Sequence[real.Photo]) -> NDArray[np.float32]:
    """Return the unit rows [n, dim] of photographs, seen as the package sees a frame."""
    return building.embed_pictures(net, np.stack([building.fit(album.picture(photo)) for photo in photos]))


def centres_of(net: Any, album: real.Album, pool: Pool, shards: int) -> NDArray[np.float32]:
    """Return centres [n, dim] of the embeddings of what was taught, found for each thing by itself (k-means)."""
    from sklearn.cluster import KMeans

    taught = album.of(real.Share.TAUGHT)
    rows = [embed(net, album, taught)]
    owners = [min(photo.shown) if len(photo.shown) < len(real.OTHERS) else -1 for photo in taught]
    for index in range(shards):
        shard = pool.shard(index)
        rows.append(building.embed_pictures(net, np.stack([building.fit(picture) for picture in shard.pixels])))
        owners += [int(subject) + 1000 for subject in shard.subjects]
    every, owner = np.concatenate(rows), np.array(owners)
    found = []
    for one in sorted(set(owners)):
        own = every[owner == one]
        count = min(CENTRES * (2 if one < len(renderer.KNOWN) else 1), max(1, len(own) // 2))
        found.append(KMeans(count, n_init=2, random_state=0).fit(own).cluster_centers_)
    stacked = np.concatenate(found).astype(np.float32)
    return np.asarray(stacked / np.linalg.norm(stacked, axis=1, keepdims=True))


def cases(net: Any, album: real.Album, share: real.Share) -> Cases:
    """Return one part of the album and renders of seeds of their own."""
    photos = album.of(share)
    known = len(renderer.KNOWN)
    right = np.zeros((len(photos), known + 1), bool)
    sorts = []
    for row, photo in enumerate(photos):
        right[row, [place for place in photo.shown if place < known]] = True
        right[row, -1] = photo.other
        sorts.append("catalogue" if photo.catalogue else "scene" if photo.named else "other")
    pictures, subjects, _ = held_out_pictures(RENDERS, seed=CHOOSING_SEED)
    drawn = np.zeros((len(subjects), known + 1), bool)
    drawn[np.arange(len(subjects)), [renderer.KNOWN.index(subject) for subject in subjects]] = True
    sorts += ["render"] * len(subjects)
    rows = np.concatenate([embed(net, album, photos), building.embed_pictures(net, pictures)])
    weights = np.array([WEIGHTS[sort] / sorts.count(sort) for sort in sorts])
    return Cases(rows, np.concatenate([right, drawn]), weights, np.array([sort == "render" for sort in sorts]))


def shares(parameters: Values, cosines: Values, unlike: Values) -> Values:
    """Return the probabilities [n, scenes + 1] that the package would give a rule for each scene, and none."""
    known = len(renderer.KNOWN)
    logits = np.exp(parameters[0]) * cosines
    logits = np.hstack([logits, (parameters[2] + np.exp(parameters[1]) * unlike)[:, None]])
    logs = logits - logits.max(1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(1, keepdims=True))
    return np.hstack([np.exp(logs[:, :known]), np.exp(logs[:, known:]).sum(1, keepdims=True)])


def compare(told: Cases, cosines: Values, measures: dict[str, Values], scale: float) -> list[str]:
    """Return a table of the measures by cross-validation, each with the numbers that `choose` finds for it."""
    rng = np.random.default_rng(0)
    fold = rng.permutation(len(told.rows)) % FOLDS
    lines = [
        "| measure | loss | photographs filed | wrong of these | scenes filed right | renders lost |",
        "|---|---|---|---|---|---|",
    ]
    for name, unlike in measures.items():
        given = np.zeros(told.right.shape)
        for number in range(FOLDS):
            inside, out = fold != number, fold == number
            part = Cases(told.rows[inside], told.right[inside], told.weights[inside], told.rendered[inside])
            found = choose(part, cosines[inside], unlike[inside], scale)
            given[out] = shares(found, cosines[out], unlike[out])
        lines.append(f"| {name} | {_row(told, given)} |")
    return lines


@dataclass(frozen=True, slots=True)
class _Filed:
    """Shares under vsortd's thresholds: of photographs filed, wrong of these, scenes filed rightly, renders lost."""

    filed: float
    wrong: float
    found: float
    lost: float


def _filed(told: Cases, given: Values) -> _Filed:
    best = given.argmax(1)
    order = np.sort(given, axis=1)
    margin = order[:, -1] - order[:, -2]
    filed = (best < len(renderer.KNOWN)) & (order[:, -1] >= MIN_SCORE) & (margin >= MIN_MARGIN)
    right = told.right[np.arange(len(best)), best]
    scene = told.right[:, :-1].any(1) & ~told.right[:, -1] & ~told.rendered
    real_ones = np.where(told.rendered, 0, told.weights)
    return _Filed(
        float((real_ones * filed).sum() / real_ones.sum()),
        float((real_ones * (filed & ~right)).sum() / max(1e-9, (real_ones * filed).sum())),
        float((filed & right & scene).sum() / scene.sum()),
        float((~filed & told.rendered).sum() / told.rendered.sum()),
    )


def _row(told: Cases, given: Values) -> str:
    loss = -(told.weights * np.log(np.maximum((given * told.right).sum(1), 1e-9))).sum() / told.weights.sum()
    found = _filed(told, given)
    return f"{loss:.3f} | {found.filed:.0%} | {found.wrong:.1%} | {found.found:.0%} | {found.lost:.1%}"


def choose(told: Cases, cosines: Values, unlike: Values, scale: float) -> Values:
    """Return the parameters (log scale, log slope, offset) that do best on real pictures within LOST.

    Where nothing keeps that, those that lose the fewest renders.
    """
    tried = []
    for factor in (0.7, 0.85, 1.0, 1.2):  # sharper scores would be near 1 for wrong ones, too
        for slope in (1.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 80.0):
            for offset in np.arange(-12, 20, 0.5):
                parameters = np.array([np.log(scale * factor), np.log(slope), offset])
                found = _filed(told, shares(parameters, cosines, unlike))
                worth = found.found - WRONG_WEIGHT * found.wrong
                tried.append((min(0.0, LOST - found.lost), worth, parameters))
    return max(tried, key=lambda one: one[:2])[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="the renders of the training")
    parser.add_argument("--seed", type=int, default=3, help="of those renders")
    parser.add_argument("--shards", type=int, default=16, help="how many of them")
    chosen = parser.parse_args(arguments)
    net: Any = building.load(chosen.weights)
    album = real.Album(chosen.photos)
    scale = float(net.logit_scale.exp().item())
    centres = centres_of(net, album, Pool(chosen.cache, chosen.seed, wait=False), chosen.shards)
    told = cases(net, album, real.Share.KEPT_OUT)
    cosines = np.asarray(told.rows @ texts(net).T, np.float64)
    unlike = 1 - (told.rows @ centres.T).max(1).astype(np.float64)
    energy = -np.log(np.exp(scale * cosines).sum(1)) / scale
    measures = {
        "the same for every picture": np.zeros(len(unlike)),
        "energy": energy,
        f"nearest of {len(centres)} centres": unlike,
    }
    table = "\n".join(compare(told, cosines, measures, scale))
    found = choose(told, cosines, unlike, scale)
    chosen_figures = _row(told, shares(found, cosines, unlike))
    table += f"\n| the same, as it was chosen | {chosen_figures} |"
    region = TaughtRegion(centres, float(np.exp(found[1])), float(found[2]))
    write_region(region, chosen.weights.with_name("taught_region.npz"))
    state = load_file(chosen.weights)
    state["logit_scale"] = state["logit_scale"] * 0 + float(found[0])
    building.save(state, chosen.weights)
    kept = chosen.weights.with_name("training.json")
    facts = json.loads(kept.read_text(encoding="utf-8"))
    facts["region"] = {"centres": len(centres), "slope": region.slope, "offset": region.offset, "table": table}
    kept.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(
        f"{table}\nscale {scale:.2f} -> {np.exp(found[0]):.2f}, {region.slope=:.2f}, {region.offset=:.2f}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
