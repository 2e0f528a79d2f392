"""Encoders that need no model."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from vsortd.media.preprocess import Preprocess
from vsortd.vision.encoder import Family, ModelInfo
from vsortd.vision.negatives import words_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import numpy.typing as npt

_EMPTY = ("a", "the", "in", "at", "by", "of", "video")


class DictionaryEncoder:
    """An encoder by hand: each text's vector is drawn from its hash, or given; it counts what it is asked."""

    def __init__(
        self,
        *,
        family: Family = Family.CLIP,
        given: Mapping[str, Sequence[float]] | None = None,
        dim: int = 64,
        bias: float | None = None,
        known: Collection[str] = (),
    ) -> None:
        """`known` are the words that it knows where the family is SAMPLE; any other family knows them all."""
        preprocess = Preprocess(32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        self.info = ModelInfo("book", "x", "f", "cpu", "float32", dim, 20.0, bias, preprocess, family)
        self.given = dict(given or {})
        self._known = {*known, *_EMPTY}
        self.asked: list[str] = []
        self.calls = 0

    def vector(self, text: str) -> npt.NDArray[np.float32]:
        """Return the unit vector of a text."""
        if text in self.given:
            row = np.asarray(self.given[text], np.float32)
        else:
            seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
            row = np.random.default_rng(seed).normal(size=self.info.dim).astype(np.float32)
        return np.asarray(row / np.linalg.norm(row), np.float32)

    def encode_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Look the texts up, and note them."""
        self.calls += 1
        self.asked += texts
        return np.stack([self.vector(text) for text in texts])

    def encode_images(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Refuse: there are no pictures in these tests."""
        raise AssertionError(pixels.shape)

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Return what the sample family's dictionary lacks."""
        if self.info.family is not Family.SAMPLE:
            return ()
        return tuple(word for word in words_of(text) if word not in self._known)

    def close(self) -> None:
        """Nothing to free."""
