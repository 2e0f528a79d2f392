"""What a search asks of frames, asked of their codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vsortd.judging.frame_scores import SIGMOID_NONE_LOGIT
from vsortd.library.search.blockwise import over_blocks

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    import torch

    from vsortd.library.search.frame_question import FrameQuestion
    from vsortd.library.search.shards.frame_codes import FrameCodes

    Values = npt.NDArray[np.float32]


class CodedQuestion:
    """A question in the terms of some codes: its values are those of `FrameQuestion.values`, nearly."""

    def __init__(self, question: FrameQuestion, codes: FrameCodes) -> None:
        self._question = question
        asked, examples = question.asked, question.examples
        self._prompts = (
            None if asked is None else codes.weights(np.asarray(asked.rows * np.float32(asked.logit_scale), np.float32))
        )
        self._examples = None if examples is None else codes.weights(examples)

    def rough(self, codes: npt.NDArray[np.int8]) -> Values:
        """Return about the values by the first dimensions alone, int8 [n, fewer than dim] → [n, columns].

        Of what a prompt competes with only the strongest counts, which takes a fifth of the time; so the log-odds are
        too large by up to the logarithm of how many there are, and mostly by half of one.
        """
        return self._over(codes, lambda against: against.amax(dim=0))

    def full(self, codes: npt.NDArray[np.int8]) -> Values:
        """Return the values by all dimensions, int8 [n, dim] → [n, columns]."""
        return self._over(codes, lambda against: against.logsumexp(dim=0))

    def likeness(self, codes: npt.NDArray[np.int8]) -> Values:
        """Return the cosine to the nearest example by all dimensions, int8 [n, dim] → [n]. There are examples."""
        import torch

        assert self._examples is not None
        weights, offsets = (torch.from_numpy(array) for array in self._examples)
        return over_blocks(codes, 1, lambda rows: (rows @ weights.T + offsets).amax(dim=1, keepdim=True))[:, 0]

    def _over(self, codes: npt.NDArray[np.int8], together: Callable[[torch.Tensor], torch.Tensor]) -> Values:
        import torch

        dim = codes.shape[1]
        parts = []
        if self._prompts is not None:
            weights, offsets = self._prompts
            asked = self._question.asked
            assert asked is not None
            bias = offsets if asked.logit_bias is None else offsets + np.float32(asked.logit_bias)
            prompts = torch.from_numpy(np.ascontiguousarray(weights[:, :dim])), torch.from_numpy(bias)[:, None]
            rivals = [torch.from_numpy(places) for places in asked.rivals]
            none = None if asked.logit_bias is None else torch.tensor([[SIGMOID_NONE_LOGIT]])

            def log_odds(rows: torch.Tensor) -> list[torch.Tensor]:
                logits = prompts[0] @ rows.T + prompts[1]
                found = []
                for place, others in enumerate(rivals):
                    against = logits[others]
                    if none is not None:
                        against = torch.cat([against, none.expand(1, against.shape[1])])
                    if not len(against):
                        found.append(torch.full_like(logits[place], torch.inf))
                    else:
                        found.append(logits[place] - together(against))
                return found

            parts.append(log_odds)
        if self._examples is not None:
            weights, offsets = self._examples
            examples = torch.from_numpy(np.ascontiguousarray(weights[:, :dim])), torch.from_numpy(offsets)[:, None]
            parts.append(lambda rows: [(examples[0] @ rows.T + examples[1]).amax(dim=0)])

        def ask(rows: torch.Tensor) -> torch.Tensor:
            return torch.stack([column for part in parts for column in part(rows)], dim=1)

        return over_blocks(codes, self._question.columns, ask)
