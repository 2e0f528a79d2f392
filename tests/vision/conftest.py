"""A tiny open_clip model with random weights: real architecture, real files, milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.tiny_models import make_tiny, write_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch


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


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Build the model once."""
    folder = tmp_path_factory.mktemp("tiny")
    return Tiny(folder / "tiny.safetensors", make_tiny(folder / "tiny.safetensors"))


@pytest.fixture
def model_config() -> Callable[..., None]:
    """Return the function that writes a model config."""
    return write_config


@pytest.fixture
def choose() -> type[Choice]:
    """Return the config entry's type."""
    return Choice
