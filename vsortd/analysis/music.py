"""How much of a video is music, by what the sound model hears. Pure but for texts.

In each window of sound "music" competes with "speech", "noise" and "silence", by the model's own scale; where it has at
least half of the probability, the time that the window stands for is music. Time in which nothing is heard is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.index.video import edges_of
from vsortd.vision.templates import TEMPLATES, texts_of

if TYPE_CHECKING:
    from vsortd.hearing.listening import HeardVideo
    from vsortd.vision.encoder import TextEncoder

_KINDS: Final = ("music", "speech", "noise", "silence")
_LIKELIER: Final = 0.5


def music_share(video: HeardVideo, encoder: TextEncoder) -> float | None:
    """Return how much of a video's time is music, 0 to 1; None where nothing is heard. Raises ModelError."""
    if not video.audible:
        return None
    templates = TEMPLATES[encoder.info.family]
    rows = encoder.encode_texts([texts_of(kind, templates)[0] for kind in _KINDS]).astype(np.float64)
    windows = video.vectors.astype(np.float64)
    logits = encoder.info.logit_scale * (windows @ rows.T)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    music = weights[:, 0] / weights.sum(axis=1) >= _LIKELIER
    lengths = np.diff(edges_of(video.times_ms, video.duration_s))
    return float(lengths[music & windows.any(axis=1)].sum() / lengths.sum())
