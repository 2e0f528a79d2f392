"""Sentences as questions to frames: how much more a frame shows what is asked for than anything else.

A cosine alone says little: every model has its own range, and a picture that is near to one text is near to many. So
each prompt competes, as a `contains` rule does, with what else a picture may show (built-in negatives) and with what
the user does not want. The answer is the log-odds of that softmax, ln(p / (1 - p)): it has no ceiling that would make
all good frames equal, and may be averaged over time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vsortd.competition import SIGMOID_NONE_LOGIT
from vsortd.errors import UsageError
from vsortd.plaintext import printable
from vsortd.vision.prompts import sought_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.vision.encoder import Encoder
    from vsortd.vision.prompts import LevelVectors

Rows = npt.NDArray[np.float32]
# Frames taken at a time: a block of them and its products stay small.
_BLOCK = 8192


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
        import torch  # 360,000 half precision rows take it 0.04 s; NumPy, which widens them one by one, 0.4 s

        turned = torch.from_numpy(self.rows * np.float32(self.logit_scale)).T
        found = np.empty((len(vectors), len(self.prompts)), np.float32)
        for begin in range(0, len(vectors), _BLOCK):
            block = vectors[begin : begin + _BLOCK]
            logits = torch.from_numpy(block if block.flags.writeable else block.copy()).float() @ turned
            if self.logit_bias is not None:
                logits += self.logit_bias
            for column, rivals in enumerate(self.rivals):
                against = logits[:, torch.from_numpy(rivals)].logsumexp(dim=1)
                if self.logit_bias is not None:
                    against = against.logaddexp(torch.tensor(SIGMOID_NONE_LOGIT))
                found[begin : begin + _BLOCK, column] = (logits[:, column] - against).numpy()
        return found


def asked(prompts: Sequence[str], against: Sequence[str], encoder: Encoder) -> Asked:
    """Put prompts into the model's terms; `against` is what the user does not mean.

    Raises UsageError for an empty prompt and for one of which the model knows no word, ModelError when it fails.
    """
    for text in (*prompts, *against):
        if not text.strip():
            raise UsageError("An empty prompt asks for nothing.", remedy='Write what to look for: "a dog on a beach".')
    levels = sought_vectors(prompts, against, encoder)
    for prompt, level in zip(prompts, levels, strict=True):
        if not level.known[0]:
            raise UsageError(
                printable(f"The model {encoder.info.name} knows nothing of {prompt!r}."),
                remedy="`vsortd model list` shows models that know more; the sample model knows what its card lists.",
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
