"""Text without its padding gives the same vectors."""

from __future__ import annotations

import json
from typing import Any

import open_clip
import pytest
import torch
from open_clip.model import CLIP, CustomTextCLIP

from vsortd.vision.text_tower import TextSide

TEXTS = ["sea", "a photo of a forest at night", " ".join(["long"] * 40), ""]
CONFIG: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 32},
    "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 3},
}


def build(kind: Any, **text: Any) -> Any:
    """Build a random model whose layers all matter."""
    config = json.loads(json.dumps(CONFIG))
    config["text_cfg"].update(text)
    torch.manual_seed(5)
    module = kind(**config).eval().requires_grad_(requires_grad=False)
    for parameter in module.parameters():
        if parameter.ndim > 1:
            parameter.normal_(std=0.2)
    return module


@pytest.mark.parametrize("kind", [CLIP, CustomTextCLIP])
@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:1], TEXTS[1:3]])
def test_cutting_the_padding_changes_nothing(kind: Any, texts: list[str]) -> None:
    """Both kinds of models, short and truncated texts, one and several at once, and again from the memo."""
    module = build(kind)
    side = TextSide(module)
    tokens = open_clip.SimpleTokenizer(context_length=32)(texts)
    for _ in range(2):
        torch.testing.assert_close(side.encode(tokens), module.encode_text(tokens), rtol=1e-4, atol=1e-5)
    assert side._shortened, "the short way was taken"


@pytest.mark.parametrize("text", [{"no_causal_mask": True}, {"pool_type": "last"}, {"embed_cls": True}])
def test_where_the_padding_counts_it_stays(text: dict[str, Any]) -> None:
    """Without a causal mask, or with another pooling, the library's own way is taken, whole."""
    module = build(CustomTextCLIP, **text)
    side = TextSide(module)
    tokens = open_clip.SimpleTokenizer(context_length=32)(TEXTS)
    assert side._tower is None
    torch.testing.assert_close(side.encode(tokens), module.encode_text(tokens))
