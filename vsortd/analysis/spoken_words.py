"""What is said in a video, as far as somebody wrote it down: subtitles beside it and inside it, and a transcript.

Nothing is heard here but by a speech model that the config names (`vsortd.analysis.transcript`).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from vsortd.core.identity import Identity
from vsortd.core.media_endings import VIDEO_ENDINGS
from vsortd.core.names import nfc
from vsortd.core.sidecar_forms import split_name
from vsortd.core.text import storable
from vsortd.core.word_match import TimedText
from vsortd.errors import BrokenError, VideoError
from vsortd.media.sidecars import find_company

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vsortd.media.pool import MediaPool
    from vsortd.media.subtitles_reply import SubtitleTrack

    Document = dict[str, Any]

WORDS_VERSION: Final = "1"
SUBTITLE_FORMS: Final = frozenset({"srt", "vtt", "ass", "ssa"})
"""Endings of subtitle files that are read, without the dot."""
_MOST_FILES: Final = 32
_ZOOM: Final = "GMT"  # whose transcripts are called otherwise than their videos


class Transcriber(Protocol):
    """Who writes down what is said."""

    @property
    def version(self) -> str:
        """Which model does, and how."""

    def transcribe(
        self, media: MediaPool, path: Path, *, duration_s: float, cancel: threading.Event | None = None
    ) -> tuple[TimedText, ...]:
        """Return what is said in the default sound of a video that has some.

        Raises VideoError, ModelError, Cancelled.
        """


@dataclass(frozen=True, slots=True)
class SpokenSources:
    """Where a video's words come from besides itself: subtitle files beside it, and whoever writes them down."""

    files: tuple[tuple[Path, Identity], ...] = ()
    transcriber: Transcriber | None = None

    @classmethod
    def of(
        cls, video: Path, transcriber: Transcriber | None = None, names: Sequence[str] | None = None
    ) -> SpokenSources:
        """Look at what lies beside a video; `names` are those of its folder, where they are known.

        Raises BrokenError where the folder can't be read.
        """
        try:
            beside = os.listdir(video.parent) if names is None else names  # noqa: PTH208 - no Path for each
            found = ((path, Identity.of(path)) for path in _subtitle_files(video, beside))
            files = tuple((path, identity) for path, identity in found if identity is not None)
        except OSError as error:
            raise BrokenError(f"what lies beside it can't be looked at: {error.strerror or error}") from error
        return cls(files, transcriber)

    @property
    def version(self) -> str:
        """Return what tells words that were kept from those that would be read now."""
        told = [(path.name, identity.size_bytes, identity.mtime_ns) for path, identity in self.files]
        files = hashlib.sha256(repr(told).encode("utf-8", "surrogateescape")).hexdigest()[:16] if told else "none"
        spoken = f", {self.transcriber.version}" if self.transcriber is not None else ""
        return f"{WORDS_VERSION}, files {files}{spoken}"


def read_words(
    media: MediaPool,
    video: Path,
    sources: SpokenSources,
    *,
    duration_s: float,
    has_sound: bool,
    cancel: threading.Event | None = None,
) -> Document:
    """Return a video's words: `lines` in the order of time, each with its source, and `sources` with what they hold.

    A subtitle file that can't be read is told of among the sources. Raises VideoError where the video can't be read,
    ModelError, Cancelled.
    """
    lines: list[TimedText] = []
    told: list[Document] = []
    for path, _ in sources.files:
        name = storable(path.name)
        source = {"source": name, "kind": "file", "language": _language(path, video), "title": ""}
        try:
            track = media.subtitle_file(path, split_name(path.name)[1], cancel=cancel)
        except VideoError as error:
            told.append({**source, "lines": 0, "skipped": 0, "error": error.reason})
            continue
        lines += _named(track.lines, name)
        told.append({**source, "lines": len(track.lines), "skipped": track.skipped})
    for track in _inside(media, video, cancel):
        name = f"track {track.index}" + (f" ({track.language})" if track.language else "")
        lines += _named(track.lines, name)
        told.append({"source": name, "kind": "track", **_counts(track)})
    if sources.transcriber is not None and has_sound:
        spoken = sources.transcriber.transcribe(media, video, duration_s=duration_s, cancel=cancel)
        lines += _named(spoken, "transcript")
        counts = {"lines": len(spoken), "skipped": 0}
        told.append({"source": "transcript", "kind": "transcript", "language": "", "title": "", **counts})
    lines.sort(key=lambda line: (line.begin_s, line.end_s))
    return {"lines": [line_to_json(line) for line in lines], "sources": told}


def line_to_json(line: TimedText) -> Document:
    """Return a line as documents have it."""
    return {
        "begin_s": round(line.begin_s, 3),
        "end_s": round(line.end_s, 3),
        "text": line.text,
        "source": line.source,
    }


def lines_of(document: Mapping[str, Any]) -> list[TimedText]:
    """Return the lines of a document of words, or of text in the picture; what sources say alike stands once."""
    found: dict[tuple[float, float, str], TimedText] = {}
    for one in document.get("lines", ()):
        line = TimedText(one["begin_s"], one["end_s"], one["text"], one.get("source", ""))
        found.setdefault((line.begin_s, line.end_s, line.text), line)
    return list(found.values())


def _inside(media: MediaPool, video: Path, cancel: threading.Event | None) -> tuple[SubtitleTrack, ...]:
    return media.subtitles(video, timeout_s=media.timeout_s, cancel=cancel)


def _named(lines: Sequence[TimedText], source: str) -> list[TimedText]:
    return [TimedText(line.begin_s, line.end_s, line.text, source) for line in lines]


def _counts(track: SubtitleTrack) -> Document:
    told = {"language": track.language, "title": track.title}
    return {**told, "lines": len(track.lines), "skipped": track.skipped}


def _subtitle_files(video: Path, names: Sequence[str]) -> list[Path]:
    """Return the subtitle files that are a video's by their names; most folders have none, which is quickly seen."""
    own = nfc(video.name.rpartition(".")[0])
    endings = tuple(f".{form}" for form in SUBTITLE_FORMS)
    if not any(name.lower().endswith(endings) and nfc(name).startswith((own, _ZOOM)) for name in names):
        return []
    company = find_company(video, [ending[1:] for ending in VIDEO_ENDINGS], names)
    return [path for path in company.sidecars if split_name(path.name)[1] in SUBTITLE_FORMS][:_MOST_FILES]


def _language(path: Path, video: Path) -> str:
    """Return what stands between the video's name and the ending: `film.en.srt`, `film.mp4.pt-BR.forced.vtt`."""
    stem, own = split_name(path.name)[0], nfc(video.name)
    for prefix in (own, own.rpartition(".")[0]):
        if stem.startswith(f"{prefix}."):
            return stem[len(prefix) + 1 :].split(".")[0]
    return ""
