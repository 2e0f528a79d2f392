"""The parts of an analysis that are words: what is said, and what text is visible in the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vsortd.analysis.picture_text import read_text, text_moments
from vsortd.analysis.spoken_words import read_words
from vsortd.core.text_weights import OCR_REMEDY, text_weights
from vsortd.errors import ModelError, VideoError

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from vsortd.analysis.shots import ShotReport
    from vsortd.analysis.spoken_words import SpokenSources
    from vsortd.core.technical_facts import TechnicalFacts
    from vsortd.media.pool import MediaPool

    Document = dict[str, Any]


def words_part(
    media: MediaPool, path: Path, facts: TechnicalFacts, sources: SpokenSources, cancel: threading.Event | None
) -> Document:
    """Return what is said in a file, or `{"error": why}` where that can't be told. Raises Cancelled."""
    try:
        return read_words(
            media, path, sources, duration_s=facts.duration_s or 0.0, has_sound=bool(facts.sounds), cancel=cancel
        )
    except VideoError as error:
        return {"error": error.reason}
    except ModelError as error:
        return {"error": " ".join(error.lines())}


def text_part(
    media: MediaPool, path: Path, facts: TechnicalFacts, shots: ShotReport | None, cancel: threading.Event | None
) -> Document | None:
    """Return the text visible in a file's pictures, None where it has none, or `{"error": why}`. Raises Cancelled."""
    if facts.film_stream is None:
        return None
    if isinstance(missing := text_weights(), str):
        return {"error": f"text can't be read: {missing}: {OCR_REMEDY}"}
    duration_s = facts.duration_s or 0.0
    try:
        return read_text(media, path, text_moments(duration_s, shots), duration_s, cancel=cancel)
    except VideoError as error:
        return {"error": error.reason}
