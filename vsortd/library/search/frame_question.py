"""What a search asks of every frame: prompts as log-odds, and the likeness to examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import numpy.typing as npt

from vsortd.library.search.blockwise import numpy_will_do, over_blocks, over_few

if TYPE_CHECKING:
    from vsortd.library.search.query import Asked

Values = npt.NDArray[np.float32]
_EXAMPLES_MOST: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class FrameQuestion:
    """Prompts, examples (unit rows float32 [k, dim]), or both; one at least.

    The values of a frame are its log-odds for each prompt, then its cosine to the nearest example. That one counts
    `weight` times what it is beyond what is usual: see `weighed`.
    """

    asked: Asked | None
    examples: npt.NDArray[np.float32] | None
    weight: float = 1.0

    @classmethod
    def of(cls, asked: Asked | None, examples: npt.NDArray[np.float32] | None, weight: float) -> Self:
        """Return the question; of many examples some stand for all."""
        if examples is not None:
            count = min(len(examples), _EXAMPLES_MOST)
            examples = examples[np.linspace(0, len(examples) - 1, count).round().astype(int)]
        return cls(asked, examples, weight)

    @property
    def columns(self) -> int:
        """How many values a frame has."""
        return (0 if self.asked is None else len(self.asked.prompts)) + (self.examples is not None)

    def values(self, vectors: npt.NDArray[np.floating]) -> Values:
        """Return the values of frames (unit rows [n, dim]): float32 [n, columns]."""
        columns = [self.asked.log_odds(vectors)] if self.asked is not None else []
        if self.examples is not None:
            columns.append(nearest(vectors, self.examples))
        return np.hstack(columns)

    def weighed(self, values: Values, usual: float) -> Values:
        """Return values [n, columns] as they compare with each other, changed in place.

        The likeness to examples has become a log-odds; `usual` is how like them frames of other things are at most.
        """
        if self.examples is not None and len(values):
            values[:, -1] = np.asarray(self.weight * (values[:, -1] - usual), np.float32)
        return values

    def likeness(self, value: float, usual: float) -> float:
        """Return the cosine of which `weighed` made a value."""
        return value / self.weight + usual


def nearest(vectors: npt.NDArray[np.floating], examples: npt.NDArray[np.float32]) -> Values:
    """Return each row's cosine to the nearest example: float32 [n, 1]."""
    if numpy_will_do(len(vectors)):
        columns = np.ascontiguousarray(examples, np.float32).T
        return over_few(vectors, 1, lambda rows: (rows @ columns).max(axis=1, keepdims=True))
    import torch

    turned = torch.from_numpy(np.ascontiguousarray(examples, np.float32)).T
    return over_blocks(vectors, 1, lambda rows: (rows @ turned).amax(dim=1, keepdim=True))
