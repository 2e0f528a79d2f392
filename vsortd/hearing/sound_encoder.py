"""The sound model as everybody else sees it. Importing this module is cheap."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from vsortd.vision.encoder import Family

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class SoundModelInfo:
    """What a loaded sound model is; see `vsortd.vision.encoder.ModelInfo`.

    `name` is what was asked for: a repository of the hub, or a folder. `features` says how sound becomes its input.
    """

    name: str
    fingerprint: str
    features: str
    device: str
    dim: int
    logit_scale: float
    logit_bias: float | None = None
    family: Family = Family.CLAP

    @property
    def key(self) -> str:
        """Return what makes stored embeddings comparable: weights by content, and how sound becomes their input."""
        return f"sound/{self.fingerprint}/{self.features}"

    def to_json(self) -> dict[str, Any]:
        """Return it as another process is told of it."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises KeyError, TypeError, ValueError for what it didn't."""
        return cls(**{**raw, "family": Family(raw["family"])})


class SoundEncoder(Protocol):
    """Turns windows of sound and texts into vectors of one space; thread-safe.

    Both methods block, and raise ModelError when the model fails or is closed. Rows are float32 and of length 1.
    """

    @property
    def info(self) -> SoundModelInfo:
        """What the model is."""

    def encode_windows(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
        """Embed windows of sound, int16 [n, WINDOW_SAMPLES] at WINDOW_HZ; returns [n, dim]."""

    def encode_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts; returns [n, dim]. Every text is computed once and remembered."""

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Return (): such a model is taught on the web, and knows all words."""

    def close(self) -> None:
        """Free the model now, whoever holds it."""
