"""`model: sample`: the small model inside the package, through the same loader as every other."""

from __future__ import annotations

import hashlib
import sys
import types
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vsortd.vision
from vsortd.config.choices import Aggregate, OnUnsure
from vsortd.config.rules import Rule, RuleTree
from vsortd.errors import ModelError
from vsortd.vision.encoder import Family
from vsortd.vision.factory import load_encoder
from vsortd.vision.out_of_distribution import TaughtRegion, write_region
from vsortd.vision.prompts import level_vectors

if TYPE_CHECKING:
    from pathlib import Path

DIM = 32  # of the tiny model's vectors


@pytest.fixture
def stand_in(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """Put the tiny random model where the package keeps its own, with a vocabulary of three words."""
    module: Any = types.ModuleType("vsortd.vision.sample")
    module.MODEL_NAME = "vsortd-sample"
    module.weights_path = lambda: tiny.weights
    module.WEIGHTS_SHA256 = hashlib.sha256(tiny.weights.read_bytes()).hexdigest()
    module.model_config_path = lambda: tiny.weights.with_suffix(".json")
    module.unknown_words = lambda text: [word for word in text.split() if word not in {"a", "forest", "sea", "snow"}]
    facets = {"subject": {"forest": ("a forest",), "sea": ("the sea",), "snow": ("snow",)}}
    others = {"animal": ("an animal",)}
    module.vocabulary = lambda: types.SimpleNamespace(facets=facets, others=others)
    region = tmp_path / "region.npz"
    write_region(TaughtRegion(np.eye(DIM, dtype=np.float32), 1.0, 0.0), region)
    module.taught_region_path = lambda: region
    monkeypatch.setitem(sys.modules, "vsortd.vision.sample", module)
    monkeypatch.setattr(vsortd.vision, "sample", module, raising=False)
    return module


def lone_forest() -> RuleTree:
    """Return a tree of one rule."""
    rule = Rule("forest", ("forest",), ("a forest",), None, 0.35, 0.1, Aggregate.MEAN, 0.5, OnUnsure.STOP, ())
    return RuleTree(rules=(rule,))


@pytest.mark.usefixtures("stand_in")
def test_the_word_sample_loads_what_the_package_holds() -> None:
    """Name, family and vocabulary are the package's; its facets are the negatives."""
    encoder = load_encoder("sample", device="cpu")
    try:
        assert (encoder.info.name, encoder.info.weights) == ("vsortd-sample", "sample")
        assert encoder.info.family is Family.SAMPLE
        assert encoder.unknown_words("a quokka forest") == ("quokka",)
        assert level_vectors(lone_forest(), encoder).levels[""].negatives == ("sea", "snow", "animal")
    finally:
        encoder.close()


def test_an_installation_without_the_weights(stand_in: Any, tmp_path: Path) -> None:
    """Missing package data is an error that says to install again."""
    stand_in.weights_path = lambda: tmp_path / "gone.safetensors"
    with pytest.raises(ModelError, match="lacks the sample model's weights"):
        load_encoder("sample")


def test_the_sample_model_itself() -> None:
    """The real weights: rows of length 1, the same direction in both precisions, rivals for a lone rule."""
    import torch

    from vsortd.vision import sample
    from vsortd.vision.batching import BatchingEncoder
    from vsortd.vision.loading import load_model

    if not hasattr(sample, "weights_path") or not sample.weights_path().is_file():
        pytest.skip("this checkout holds no sample weights: train them with python -m tests.sample_model.train")
    rows = []
    for dtype in (torch.float32, torch.bfloat16):
        encoder = BatchingEncoder(load_model("sample", device="cpu", dtype=dtype))
        try:
            side = encoder.info.preprocess.side_px
            pixels = np.random.default_rng(0).integers(0, 256, (4, side, side, 3), dtype=np.uint8)
            rows.append(np.concatenate([encoder.encode_images(pixels), encoder.encode_texts(["a forest", "the sea"])]))
            vectors = level_vectors(lone_forest(), encoder)
            assert len(vectors.levels[""].negatives) >= 2
        finally:
            encoder.close()
    np.testing.assert_allclose(np.linalg.norm(rows[0], axis=1), 1, atol=1e-5)
    assert (rows[0] * rows[1]).sum(axis=1).min() >= 0.999
