"""A tiny open_clip model with random weights: real architecture, real files, milliseconds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import torch
from open_clip.model import CLIP
from safetensors.torch import save_file

if TYPE_CHECKING:
    from collections.abc import Callable
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


@dataclass(frozen=True)
class Choice:
    """What the config's `model: {name, weights}` becomes."""

    name: str
    weights: str


@dataclass(frozen=True)
class Tiny:
    """The model on disk: weights with their config beside them, and the very module they were saved from."""

    weights: Path
    module: Any

    @property
    def state(self) -> dict[str, torch.Tensor]:
        """The tensors that were saved."""
        return {key: value.clone().contiguous() for key, value in self.module.state_dict().items()}

    @property
    def choice(self) -> Choice:
        """The config entry that names it."""
        return Choice("tiny", str(self.weights))


def write_config(path: Path, **changes: Any) -> None:
    """Write a model config, with keys of the architecture changed."""
    path.write_text(json.dumps({"model_cfg": {**TINY, **changes}, "preprocess_cfg": PREPROCESS}), encoding="utf-8")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Build the model once."""
    torch.manual_seed(7)
    module = CLIP(**json.loads(json.dumps(TINY))).eval()
    with torch.no_grad():
        for parameter in module.parameters():  # the default initialisation makes all pictures look alike
            if parameter.ndim > 1:
                parameter.normal_(std=0.2)
        module.logit_scale.fill_(4.0)
    folder = tmp_path_factory.mktemp("tiny")
    built = Tiny(folder / "tiny.safetensors", module)
    save_file(built.state, built.weights)
    write_config(folder / "tiny.json")
    return built


@pytest.fixture
def model_config() -> Callable[..., None]:
    """Return the function that writes a model config."""
    return write_config


@pytest.fixture
def choose() -> type[Choice]:
    """Return the config entry's type."""
    return Choice
