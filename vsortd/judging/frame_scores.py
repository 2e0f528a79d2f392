"""What each frame of a video says about the rules of one level: the formulas. Pure: arithmetic on unit vectors.

With unit vectors v (frame) and t_j (siblings and negatives), scale s, bias b and temperature T:

- softmax models: z_j = s·v·t_j and p_j = exp(z_j/T) / Σ_k exp(z_k/T) over the siblings and the level's negatives.
- sigmoid models (b is a number): z_j = s·v·t_j + b and one competitor more, z_0 = -10. Taken alone, sigmoid(z_j)
  answers 'is this one of 32,768 texts the right one' (the batch SigLIP is taught with), so the right label of a plain
  picture gets 0.22 (open_clip #716). A softmax over the labels alone would forget that none may fit. z_0 is the
  log-odds of a match in that batch (SigLIP's own initial bias), so p_j is the probability of label j when each label
  and 'none' are equally likely beforehand; for one label and T = 1 it is sigmoid(z + 10).

T = 1 is the model as its makers left it; one temperature a model calibrates it across prompts and data (2303.12748).
A model that knows where its training lies has one competitor more at the top, which grows with a frame's distance from
all of it (`vsortd.vision.out_of_distribution`). The negatives, this one and z_0 are folded into one competitor, none of
these.

A rule of several prompts has for t_j their average, or with `ensemble: best` z_j is that of the prompt that fits the
frame best. A rule that was taught by examples gets z_j + w·s·max(0, e(max_i v·k_i) - e(c)) over its examples k_i, where
e(x) = exp(-β(1 - x)): a cache as in Tip-Adapter (2111.03930), but with the nearest example instead of the sum, so that
many examples of one rule don't drown another's few, and only as far as it is nearer than the nearest examples of
different siblings are to each other (c is the 98th percentile of that), so that what is like nothing in particular
stays unsure. One that the model knows by examples only starts from the average of its siblings. Examples of none of a
level's rules do for none of these what a rule's do for the rule: z of each that is folded into it grows by as much;
where there is none, it takes part with the average of the siblings, as far as there is something to add.

`hierarchy` says what a rule that has finer rules stands for:

- `top_down`: its own prompts.
- `leaves`: its own prompts and every path down to a leaf (the vectors on the path added), probabilities added up, as
  CHiLS (2302.02551) maps finer labels to theirs.
- `product`: its own prompts times the best product of probabilities on a path below it, shared out anew.

What is heard is added to a sibling's logit, after whatever `hierarchy` made of it: see `sound_evidence`.

A sibling whose conditions don't hold can't win, but is what a video may show instead: its share goes to none of these,
unless it says the same as a sibling that may (`forest` for portrait and for landscape).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vsortd.config.choices import Hierarchy
from vsortd.vision.dot_products import dot_products

if TYPE_CHECKING:
    from collections.abc import Collection

    from vsortd.vision.prompts import LevelVectors, RuleVectors

# The log-odds that a random pair of SigLIP's training batch belongs together, ln(1/32767) ≈ -10: its initial
# bias.
SIGMOID_NONE_LOGIT: Final = -10.0
# Rules whose vectors are closer than this say the same; CLIP puts unrelated texts at 0.6 to 0.8.
SAME_RULE_COSINE: Final = 0.95
# How much the nearest example counts, as a cosine's worth, and how fast that falls with distance. Measured against the
# sum over examples and against prototypes, see tests/benchmarks/NOTES.md.
EXAMPLE_WEIGHT: Final = 0.5
EXAMPLE_SHARPNESS: Final = 10.0

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Logits:
    """z/T of a level: `own` [frames, siblings], `against` [frames, m ≥ 0]."""

    own: Array
    against: Array


def competition(
    vectors: RuleVectors,
    parent: str,
    frames: Array,
    *,
    hierarchy: Hierarchy = Hierarchy.TOP_DOWN,
    excluded: Collection[int] = (),
    heard: Array | None = None,
) -> Array:
    """Return p of every sibling under `parent` and, last, of none of these: [frames, siblings + 1]; rows add up to 1.

    `frames` are unit rows [n, dim]; `heard` is what sound adds to each sibling's logit, [n, siblings]. Rules that the
    model doesn't know and those `excluded` get 0.
    """
    level = vectors.levels[parent]
    logits = _logits(vectors, level, frames)
    own = logits.own
    if hierarchy is Hierarchy.LEAVES:
        own = _with_leaves(vectors, level, frames, own)
    if heard is not None:
        own = own + heard
    shut = sorted(excluded)
    own[:, _near_synonyms(level, shut)] = -np.inf
    probs = _softmax(own, logits.against)
    if hierarchy is Hierarchy.PRODUCT:
        probs = _by_best_path(vectors, level, frames, probs)
    probs[:, -1] += probs[:, shut].sum(axis=1)
    probs[:, shut] = 0.0
    return probs


def presence(vectors: RuleVectors, key: str, frames: Array) -> Array:
    """Return for each frame how probably it shows what `vectors.detectors[key]` looks for, against all else: [n]."""
    level = vectors.detectors[key]
    logits = _logits(vectors, level, frames)
    return np.asarray(_softmax(logits.own, logits.against)[:, 0])


def facet_shares(vectors: RuleVectors, facet: str, frames: Array) -> Array:
    """Return p of every value of a facet and, last, of none of these: [frames, values + 1]; rows add up to 1."""
    logits = _logits(vectors, vectors.facets[facet], frames)
    return _softmax(logits.own, logits.against)


def seconds_shown(shown: npt.NDArray[np.bool_], times_ms: npt.NDArray[np.int64], duration_s: float) -> float:
    """Return for how long something is shown, each frame standing for the time nearer to it than to any other.

    `shown` and `times_ms` are [n], in any order.
    """
    if not len(times_ms):
        return 0.0
    order = np.argsort(times_ms, kind="stable")
    times_s = np.asarray(times_ms, np.float64)[order] / 1000
    between = (times_s[1:] + times_s[:-1]) / 2
    edges = np.concatenate([[0.0], between, [max(duration_s, float(times_s[-1]))]])
    return float(np.diff(edges)[shown[order]].sum())


def _logits(vectors: RuleVectors, level: LevelVectors, frames: Array) -> _Logits:
    scale, bias = vectors.logit_scale, vectors.logit_bias
    known = np.asarray(level.known, dtype=bool)
    own, against = _products(level, frames, scale)
    strangers = [column for column in level.examples if not known[column]]
    average = own[:, known].mean(axis=1, keepdims=True) if known.any() else np.zeros((len(frames), 1))
    own[:, strangers] = average
    for column, rows in level.examples.items():
        own[:, column] += EXAMPLE_WEIGHT * scale * beyond_common(level, rows, frames)
    own[:, ~np.asarray(level.competes, dtype=bool)] = -np.inf
    if level.region is not None:
        strange = level.region.strange_logits(frames, level.examples.values())
        against = np.hstack([against, strange[:, None]])
    if bias is not None:
        own, against = own + bias, against + bias
        against = np.hstack([against, np.full((len(frames), 1), SIGMOID_NONE_LOGIT)])
    own, against = own / vectors.temperature, against / vectors.temperature
    if level.none_examples is not None:
        added = EXAMPLE_WEIGHT * scale / vectors.temperature * beyond_common(level, level.none_examples, frames)
        start = against if against.shape[1] else average / vectors.temperature
        against = np.hstack([against, _beside(start, added)])
    return _Logits(own, against)


def _products(level: LevelVectors, frames: Array, scale: float) -> tuple[Array, Array]:
    """Return s·v·t of the siblings [frames, siblings] and of the negatives [frames, m].

    All texts are multiplied at once: each product for itself would go through all frames again.
    """
    texts = np.vstack([level.vectors, level.negative_vectors, *level.alternatives.values()])
    products = scale * dot_products(frames, texts)
    at = len(level.vectors) + len(level.negative_vectors)
    own, against = products[:, : len(level.vectors)].copy(), products[:, len(level.vectors) : at]
    for column, rows in level.alternatives.items():
        own[:, column] = products[:, at : at + len(rows)].max(axis=1)
        at += len(rows)
    return own, against


def beyond_common(level: LevelVectors, rows: Array | npt.NDArray[np.float32], frames: Array) -> Array:
    """Return max(0, e(max_i v·k_i) - e(c)) of each frame, for the examples `rows` [k, dim] of a level: [frames]."""
    nearest = dot_products(frames, rows).max(axis=1)
    beyond = np.exp(-EXAMPLE_SHARPNESS * (1 - nearest)) - np.exp(-EXAMPLE_SHARPNESS * (1 - level.common_likeness))
    return np.asarray(np.maximum(beyond, 0))


def _beside(start: Array, added: Array) -> Array:
    """Return the competitor [frames, 1] that raises all of `start` [frames, m ≥ 1] by `added` [frames] together.

    That is z with e^z = (e^added - 1) Σ e^start, and -inf where nothing is added.
    """
    with np.errstate(divide="ignore"):
        more = added + np.log1p(-np.exp(-added))
    return np.asarray((np.logaddexp.reduce(start, axis=1) + more)[:, None])


def _softmax(own: Array, against: Array) -> Array:
    nobody = np.isneginf(own).all(axis=1) & np.isneginf(against).all(axis=1)
    if nobody.any():  # may win: none of these has it
        against = np.hstack([against, np.where(nobody, 0.0, -np.inf)[:, None]])
    together = np.hstack([own, against])
    weights = np.exp(together - together.max(axis=1, keepdims=True))
    probs = weights / weights.sum(axis=1, keepdims=True)
    count = own.shape[1]
    return np.hstack([probs[:, :count], probs[:, count:].sum(axis=1, keepdims=True)])


def _near_synonyms(level: LevelVectors, excluded: list[int]) -> list[int]:
    """Return the excluded siblings that say the same as one that may win."""
    rows = level.vectors.astype(np.float64)
    active = [column for column, competes in enumerate(level.competes) if competes and column not in excluded]
    if not active:
        return excluded
    return [column for column in excluded if (rows[active] @ rows[column]).max() > SAME_RULE_COSINE]


def _with_leaves(vectors: RuleVectors, level: LevelVectors, frames: Array, own: Array) -> Array:
    """Add to each sibling's own weight those of the leaves below it; returns logs of sums, [frames, siblings]."""
    summed = own.copy()
    for column, rows in _leaf_rows(vectors, level.parent).items():
        if level.competes[column]:
            bias = vectors.logit_bias or 0.0
            below = (vectors.logit_scale * dot_products(frames, rows) + bias) / vectors.temperature
            summed[:, column] = np.logaddexp.reduce(np.hstack([own[:, [column]], below]), axis=1)
    return summed


def _leaf_rows(vectors: RuleVectors, parent: str) -> dict[int, Array]:
    """Return for each sibling with finer rules the unit rows of its paths to the leaves; made once a rule set."""
    if parent not in vectors.memo:
        vectors.memo[parent] = _find_leaf_rows(vectors, parent)
    return vectors.memo[parent]


def _find_leaf_rows(vectors: RuleVectors, parent: str) -> dict[int, Array]:
    level = vectors.levels[parent]
    found: dict[int, Array] = {}
    for column, name in enumerate(level.names):
        key = f"{parent}/{name}" if parent else name
        rows: list[Array] = []
        waiting = [(key, level.vectors[column].astype(np.float64))] if key in vectors.levels else []
        while waiting:
            above, total = waiting.pop()
            below = vectors.levels[above]
            for name_below, row, known in zip(below.names, below.vectors, below.known, strict=True):
                path = total + row.astype(np.float64)
                if f"{above}/{name_below}" in vectors.levels:
                    waiting.append((f"{above}/{name_below}", path))
                elif known:
                    rows.append(path / max(float(np.linalg.norm(path)), 1e-12))
        if rows:
            found[column] = np.stack(rows)
    return found


def _by_best_path(vectors: RuleVectors, level: LevelVectors, frames: Array, probs: Array) -> Array:
    """Weigh each sibling by the best product of probabilities on a path below it, and share out anew.

    Where no path has any (the model knows no rule below), the siblings keep what they have.
    """
    weights = probs.copy()
    for column, name in enumerate(level.names):
        key = f"{level.parent}/{name}" if level.parent else name
        if key in vectors.levels:
            weights[:, column] *= _best_below(vectors, key, frames)
    weights = np.where(weights.any(axis=1, keepdims=True), weights, probs)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _best_below(vectors: RuleVectors, top: str, frames: Array) -> Array:
    """Return the best product of probabilities on a path under `top`: [frames]. Any depth."""
    best = np.zeros(len(frames))
    waiting = [(top, np.ones(len(frames)))]
    while waiting:
        key, so_far = waiting.pop()
        below = vectors.levels[key]
        logits = _logits(vectors, below, frames)
        probs = _softmax(logits.own, logits.against)
        for column, name in enumerate(below.names):
            product = so_far * probs[:, column]
            if f"{key}/{name}" in vectors.levels:
                waiting.append((f"{key}/{name}", product))
            else:
                best = np.maximum(best, product)
    return best
