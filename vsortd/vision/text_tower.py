"""Text at its own length: prompts are a dozen tokens, the tokenizer pads them to 77.

With a causal mask nothing after a text's end token can reach that token, whose state is the text's vector. So
the padding can be cut off without changing the result, and a text costs about a fifth.
"""

from __future__ import annotations

import copy
from typing import Any, Final

import torch
from torch import nn

from vsortd.vision.open_clip_parts import CLIP, TextTransformer

# Lengths are rounded up to this many tokens, so that few shapes occur.
_STEP_TOKENS: Final = 8


class TextSide:
    """The text half of an open_clip model. `encode` gives what `module.encode_text` gives, sooner."""

    def __init__(self, module: Any) -> None:  # noqa: ANN401 - open_clip ships no types
        self._module = module
        self._tower = _causal_tower(module)
        self._shortened: dict[int, Any] = {}

    def encode(self, tokens: torch.Tensor) -> torch.Tensor:
        """Embed token rows, int64 [n, context]; returns [n, dim], not normalised."""
        if self._tower is None:
            return self._module.encode_text(tokens)  # type: ignore[no-any-return]
        end = int(tokens.argmax(dim=-1).max()) + 1  # the end token has the highest number
        length = min(-(-end // _STEP_TOKENS) * _STEP_TOKENS, tokens.shape[1])
        if length not in self._shortened:
            self._shortened[length] = _shorten(self._tower, length)
        tower = self._shortened[length]
        run = tower.encode_text if isinstance(tower, CLIP) else tower
        return run(tokens[:, :length])  # type: ignore[no-any-return]


def _causal_tower(module: Any) -> nn.Module | None:  # noqa: ANN401
    """Return the module that holds the text transformer, if cutting is sound for it."""
    if isinstance(module, CLIP):
        sound = module.attn_mask is not None and module.text_pool_type == "argmax"
        return module if sound else None
    tower = getattr(module, "text", None)
    if not isinstance(tower, TextTransformer) or tower.output_tokens or tower.use_pad_mask:
        return None
    sound = tower.attn_mask is not None and tower.pool_type == "argmax" and tower.cls_emb is None
    return tower if sound else None


def _shorten(tower: Any, length: int) -> Any:  # noqa: ANN401
    """Return a module that shares all weights but sees only the first positions."""
    short = copy.copy(tower)
    mask, positions = tower.attn_mask, tower.positional_embedding
    short._parameters = {  # noqa: SLF001 - a view of a module is made of views of its tensors
        **tower._parameters,  # noqa: SLF001
        "positional_embedding": nn.Parameter(positions[:length], requires_grad=False),
    }
    short._buffers = {**tower._buffers, "attn_mask": mask[:length, :length]}  # noqa: SLF001
    return short
