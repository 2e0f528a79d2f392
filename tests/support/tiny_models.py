"""Tiny open_clip models with random weights: real architecture, real files, milliseconds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file

from vsortd.vision.open_clip_parts import CLIP

if TYPE_CHECKING:
    from pathlib import Path

TINY: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16, "head_width": 32},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
PREPROCESS: dict[str, Any] = {
    "mean": [0.5, 0.4, 0.3],
    "std": [0.2, 0.25, 0.3],
    "interpolation": "bilinear",
    "resize_mode": "squash",
}


def write_config(path: Path, **changes: Any) -> None:
    """Write a model config, with keys of the architecture changed."""
    path.write_text(json.dumps({"model_cfg": {**TINY, **changes}, "preprocess_cfg": PREPROCESS}), encoding="utf-8")


def make_tiny(weights: Path, *, seed: int = 7) -> Any:
    """Write a model's weights (safetensors) and its config beside them; return the module that they are of."""
    torch.manual_seed(seed)
    module = CLIP(**json.loads(json.dumps(TINY))).eval()
    with torch.no_grad():
        for parameter in module.parameters():  # the default initialisation makes all pictures look alike
            if parameter.ndim > 1:
                parameter.normal_(std=0.2)
        module.logit_scale.fill_(4.0)
    save_file({key: value.clone().contiguous() for key, value in module.state_dict().items()}, weights)
    write_config(weights.with_suffix(".json"))
    return module
