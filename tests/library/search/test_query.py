"""Sentences become questions that the model can answer, or errors that say why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from vsortd.errors import UsageError
from vsortd.library.search.query import Asked, asked
from vsortd.vision.factory import load_encoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.vision.encoder import Encoder


@pytest.fixture(scope="module")
def encoder() -> Iterator[Encoder]:
    made = load_encoder("sample", device="cpu")
    yield made
    made.close()


@pytest.mark.parametrize("bias", [None, -4.0])
def test_the_log_odds_are_those_of_the_softmax_against_all_rivals(bias: float | None) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(5, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    frames = rng.normal(size=(20_000, 8)).astype(np.float32)
    frames = (frames / np.linalg.norm(frames, axis=1, keepdims=True)).astype(np.float16)
    question = Asked(("a", "b"), rows, (np.array([2, 3]), np.array([3, 4])), 20.0, bias)
    found = question.log_odds(frames)
    logits = frames.astype(np.float64) @ rows.T.astype(np.float64) * 20 + (bias or 0.0)
    rivals = np.exp(logits[:, [2, 3]]).sum(axis=1) + (np.exp(-10.0) if bias is not None else 0)
    np.testing.assert_allclose(logits[:, 0] - np.log(rivals), found[:, 0], atol=2e-3)
    assert (20_000, 2) == found.shape


def test_what_is_asked_against_takes_its_share(encoder: Encoder) -> None:
    night = encoder.encode_texts(["a city at night"])
    plain = asked(["a city"], [], encoder).log_odds(night)
    against = asked(["a city"], ["a city at night"], encoder).log_odds(night)
    assert against[0, 0] < plain[0, 0]


def test_a_prompt_does_not_depend_on_the_others(encoder: Encoder) -> None:
    frames = encoder.encode_texts(["a forest", "the sea"])
    alone = asked(["a forest"], [], encoder).log_odds(frames)
    together = asked(["the sea", "a forest"], [], encoder).log_odds(frames)
    np.testing.assert_allclose(alone[:, 0], together[:, 1], atol=1e-4)


def test_words_that_the_model_does_not_know_are_told(encoder: Encoder) -> None:
    assert ("zeppelin",) == asked(["a forest zeppelin"], [], encoder).unknown
    with pytest.raises(UsageError, match="knows nothing of 'zeppelins'"):
        asked(["zeppelins"], [], encoder)
    with pytest.raises(UsageError, match="empty prompt"):
        asked(["  "], [], encoder)
