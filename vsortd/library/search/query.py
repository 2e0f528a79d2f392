"""Sentences as questions to frames: how much more a frame shows what is asked for than anything else.

A cosine alone says little: every model has its own range, and a picture that is near to one text is near to many. So
each prompt competes, as a `contains` rule does, with what else a picture may show (built-in negatives) and with what
the user does not want. The answer is the log-odds of that softmax, ln(p / (1 - p)): it has no ceiling that would make
all good frames equal, and may be averaged over time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vsortd.config.own_words import EXAMPLE
from vsortd.errors import UsageError
from vsortd.judging.frame_scores import SIGMOID_NONE_LOGIT
from vsortd.library.search.blockwise import numpy_will_do, over_blocks, over_few
from vsortd.vision.known_words import what_it_knows
from vsortd.vision.prompts import query_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.vision.encoder import TextEncoder
    from vsortd.vision.prompts import LevelVectors

Rows = npt.NDArray[np.float32]
# A product with 15 columns takes twice as long as one with 16: those are filled up.
_LANES: Final = 16


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Prompts in a model's terms. `rows` are unit rows [m, dim] of all prompts, then of all that they compete with.

    `rivals` holds for each prompt the rows that it competes with. `unknown` are words that the model doesn't know.
    """

    prompts: tuple[str, ...]
    rows: Rows
    rivals: tuple[npt.NDArray[np.intp], ...]
    logit_scale: float
    logit_bias: float | None
    unknown: tuple[str, ...] = ()

    def log_odds(self, vectors: npt.NDArray[np.floating]) -> Rows:
        """Return for each frame (unit rows [n, dim]) and prompt how surely it shows that: log-odds, float32 [n, p]."""
        if numpy_will_do(len(vectors)):
            return self._log_odds_of_few(vectors)
        import torch

        rows = np.zeros((-len(self.rows) % _LANES + len(self.rows), self.rows.shape[1]), np.float32)
        rows[: len(self.rows)] = self.rows * np.float32(self.logit_scale)
        turned = torch.from_numpy(rows).T
        rivals = [torch.from_numpy(places) for places in self.rivals]

        def ask(rows: torch.Tensor) -> torch.Tensor:
            logits = rows @ turned
            if self.logit_bias is not None:
                logits += self.logit_bias
            columns = []
            for column, places in enumerate(rivals):
                against = logits[:, places].logsumexp(dim=1)
                if self.logit_bias is not None:
                    against = against.logaddexp(torch.tensor(SIGMOID_NONE_LOGIT))
                columns.append(logits[:, column] - against)
            return torch.stack(columns, dim=1)

        return over_blocks(vectors, len(self.prompts), ask)

    def _log_odds_of_few(self, vectors: npt.NDArray[np.floating]) -> Rows:
        turned = (self.rows * np.float32(self.logit_scale)).T

        def ask(rows: Rows) -> Rows:
            logits = rows @ turned
            if self.logit_bias is not None:
                logits += np.float32(self.logit_bias)
            found = np.empty((len(rows), len(self.prompts)), np.float32)
            for column, places in enumerate(self.rivals):
                against = _log_sum_exp(logits[:, places])
                if self.logit_bias is not None:
                    against = np.logaddexp(against, np.float32(SIGMOID_NONE_LOGIT))
                found[:, column] = logits[:, column] - against
            return found

        return over_few(vectors, len(self.prompts), ask)


def _log_sum_exp(logits: Rows) -> Rows:
    """Return the logarithm of each row's sum of exponentials: [n, m] → [n]; minus infinity where there are none."""
    if not logits.shape[1]:
        return np.full(len(logits), -np.inf, np.float32)
    most = logits.max(axis=1)
    return np.asarray(most + np.log(np.exp(logits - most[:, None]).sum(axis=1)), np.float32)


def asked(prompts: Sequence[str], against: Sequence[str], encoder: TextEncoder, own: Sequence[str] = ()) -> Asked:
    """Put prompts into the model's terms; `against` is what the user does not mean.

    `own` are prompts of the user's rules that the model knows: errors propose those. Raises UsageError for an empty
    prompt and for one of which the model knows no word, ModelError when it fails.
    """
    for text in (*prompts, *against):
        if not text.strip():
            raise UsageError(
                "An empty prompt asks for nothing.", remedy=f'Write what to look for: "{(*own, EXAMPLE)[0]}".'
            )
    levels = query_vectors(prompts, against, encoder)
    for prompt, level in zip(prompts, levels, strict=True):
        if not level.known[0]:
            raise UsageError(
                f"The model {encoder.info.name} knows nothing of {prompt!r}.",
                remedy=what_it_knows(encoder.info, own),
            )
    rows, rivals = _stacked(levels)
    unknown = [word for level in levels for word in level.unknown[0]]
    unknown += [word for text in against for word in encoder.unknown_words(text)]
    info = encoder.info
    return Asked(tuple(prompts), rows, rivals, info.logit_scale, info.logit_bias, tuple(dict.fromkeys(unknown)))


def _stacked(levels: Sequence[LevelVectors]) -> tuple[Rows, tuple[npt.NDArray[np.intp], ...]]:
    """Stack the prompts' rows and those of their rivals, each once; return them with each prompt's rivals."""
    rows = [level.vectors[0] for level in levels]
    places: dict[bytes, int] = {}
    rivals = []
    for level in levels:
        mine = []
        for row in level.negative_vectors:
            if row.tobytes() not in places:
                places[row.tobytes()] = len(rows)
                rows.append(row)
            mine.append(places[row.tobytes()])
        rivals.append(np.array(mine, np.intp))
    return np.stack(rows), tuple(rivals)
