"""Words of videos for the index: subtitles, which cost next to nothing, and text in the picture on wish."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.spoken_words import SpokenSources, read_words
from vsortd.analysis.video_analysis import AnalysisWish, analyze_video
from vsortd.core.text_weights import OCR_REMEDY, text_weights
from vsortd.errors import ChangedError, UsageError
from vsortd.index.store import Film
from vsortd.library.indexing.embed import each_video, identity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vsortd.analysis.spoken_words import Transcriber
    from vsortd.index.store import Index
    from vsortd.library.indexing.embed import Looking
    from vsortd.media.pool import MediaPool


@dataclass(frozen=True, slots=True)
class WordsWish:
    """Which words of videos are wanted: those that are written down always, text in the picture where `text`."""

    text: bool = False
    transcriber: Transcriber | None = None


@dataclass(frozen=True, slots=True)
class WordsRead:
    """What came of one video: how many lines are said, how many shown (0 where not asked), and what failed or ""."""

    path: Path
    said: int = 0
    shown: int = 0
    reason: str = ""


def insist_on_text() -> None:
    """Raise UsageError with the remedy where text in pictures can't be read."""
    if isinstance(missing := text_weights(), str):
        raise UsageError(f"Text in pictures can't be read: {missing}.", remedy=OCR_REMEDY)


def index_words(
    services: Looking,
    paths: Sequence[Path],
    wish: WordsWish,
    *,
    jobs: int,
    on_progress: Callable[[int, int], None] | None = None,
    cancel: threading.Event | None = None,
) -> list[WordsRead]:
    """Keep the words of videos, several at once, as far as that was not done before.

    Returns the outcomes in their order. Raises UsageError where the extra `ocr` is missing and text is wanted,
    ModelError, StoreError, Cancelled.
    """
    if wish.text:
        insist_on_text()
    stop = cancel or threading.Event()
    names = {folder: _names(folder) for folder in {path.parent for path in paths}}
    return each_video(
        paths,
        lambda path: words_of_file(services.media, services.index, path, wish, names[path.parent], cancel=stop),
        lambda path, reason: WordsRead(path, reason=reason),
        jobs=jobs,
        on_progress=on_progress,
        cancel=stop,
    )


def words_of_file(
    media: MediaPool,
    index: Index,
    path: Path,
    wish: WordsWish,
    names: Sequence[str] | None = None,
    *,
    cancel: threading.Event | None = None,
) -> WordsRead:
    """Keep one video's words; `names` are those of its folder, where they are known.

    Raises VideoError, ModelError, StoreError, Cancelled.
    """
    said = _said(media, index, path, SpokenSources.of(path, wish.transcriber, names), cancel)
    if not wish.text:
        return WordsRead(path, said)
    document = analyze_video(media, index, path, AnalysisWish((AnalysisPart.TEXT,)), cancel=cancel).documents[
        AnalysisPart.TEXT
    ]
    if document is not None and "error" in document:
        return WordsRead(path, said, reason=document["error"])
    return WordsRead(path, said, len(document["lines"]) if document is not None else 0)


def _said(media: MediaPool, index: Index, path: Path, sources: SpokenSources, cancel: threading.Event | None) -> int:
    """Keep what is said in a video; return how many lines that are. Its other packets are not read for it."""
    identity = identity_of(path)
    kept = index.part(identity, AnalysisPart.WORDS.value, sources.version)
    if kept is None:
        clip = media.probe(path, cancel=cancel)
        has_sound = any(stream.kind == "audio" for stream in clip.streams)
        kept = read_words(media, path, sources, duration_s=clip.duration_s, has_sound=has_sound, cancel=cancel)
        if identity_of(path) != identity:
            raise ChangedError("the file changed or went away while it was looked at")
        name = AnalysisPart.WORDS.value
        index.keep_parts(identity, path, Film.of(clip, identity), sources.version, {name: kept})
    lines = kept["lines"]
    return len(lines) if isinstance(lines, list) else 0


def _names(folder: Path) -> list[str] | None:
    """Return a folder's names, None where it can't be read, which each of its videos then says itself."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - no Path for each
    except OSError:
        return None
