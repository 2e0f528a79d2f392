"""The encoder as everybody else sees it: what it says about itself, what it does, and how one is loaded.

Importing this module is cheap; torch is imported by `load_encoder`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, Self

from vsortd.media.preprocess import Preprocess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt


class Family(StrEnum):
    """How a model was taught, which decides the templates and negatives that suit it."""

    SAMPLE = "sample"  # the small model inside the package
    CLIP = "clip"  # contrastive over a batch, softmax
    SIGLIP = "siglip"  # each pair on its own, sigmoid; has a logit bias
    CLAP = "clap"  # of sounds and texts, softmax


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a loaded model is.

    `weights` is the pretrained tag or path that was asked for, `fingerprint` a digest of the file's bytes.
    `dim` is the length of an embedding. `logit_scale` is exponentiated already; `logit_bias` is None for all
    but sigmoid models.
    """

    name: str
    weights: str
    fingerprint: str
    device: str
    dtype: str
    dim: int
    logit_scale: float
    logit_bias: float | None
    preprocess: Preprocess
    family: Family = Family.CLIP

    @property
    def key(self) -> str:
        """Return what makes stored embeddings comparable: name, weights by content, and preprocessing."""
        return _key(self.name, self.fingerprint, self.preprocess)

    def to_json(self) -> dict[str, Any]:
        """Return it as another process is told of it."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises KeyError, TypeError, ValueError for what it didn't."""
        shape, family = Preprocess.from_json(raw["preprocess"]), Family(raw["family"])
        return cls(**{**raw, "preprocess": shape, "family": family})


@lru_cache(maxsize=16)
def _key(name: str, fingerprint: str, shape: Preprocess) -> str:
    """Put a model's key together; it is asked for at every look at every video."""
    statistics = ",".join(f"{value:.6g}" for value in (*shape.mean, *shape.std))
    return f"{name}/{fingerprint}/{shape.side_px}-{shape.resize.value}-{shape.interpolation}-{statistics}"


def unknown_to(family: Family, text: str) -> tuple[str, ...]:
    """Return the words of a text that models of a family have never seen; () for those taught on the web."""
    if family is not Family.SAMPLE:
        return ()
    from vsortd.vision import sample

    return tuple(sample.unknown_words(text))


class TextModelInfo(Protocol):
    """What is said of a model by whoever only asks it about texts, see `ModelInfo`; a sound model says it as well."""

    @property
    def name(self) -> str:
        """Return what people call it."""

    @property
    def key(self) -> str:
        """Return what makes stored embeddings comparable."""

    @property
    def dim(self) -> int:
        """Return the length of an embedding."""

    @property
    def logit_scale(self) -> float:
        """Return the model's own factor from cosines to logits."""

    @property
    def logit_bias(self) -> float | None:
        """Return what is added to logits, None for all but sigmoid models."""

    @property
    def family(self) -> Family:
        """Return how it was taught."""


class TextEncoder(Protocol):
    """The text side of a model, of whatever its other side turns into vectors; as `Encoder`."""

    @property
    def info(self) -> TextModelInfo:
        """What the model is."""

    def encode_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts; returns float32 unit rows [n, dim]. Every text is computed once and remembered."""

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Return the words that the model has never seen; () for models taught on the web, which know all."""


class Encoder(Protocol):
    """Turns pictures and texts into vectors of one space; thread-safe.

    Both methods block, are batched across the calling threads, and raise ModelError when the model fails or
    is closed. Rows are float32 and of length 1. It frees the model by itself when nobody holds it any more.
    """

    @property
    def info(self) -> ModelInfo:
        """What the model is."""

    def encode_images(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Embed RGB pictures, uint8 [n, side, side, 3] as `info.preprocess` wants them; returns [n, dim]."""

    def encode_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts; returns [n, dim]. Every text is computed once and remembered."""

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Return the words that the model has never seen; () for models taught on the web, which know all."""

    def close(self) -> None:
        """Free the model now, whoever holds it; calls under way are answered first."""
