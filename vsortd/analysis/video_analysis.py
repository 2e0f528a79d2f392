"""What is measured of a video: the parts that are asked for, from one pass over the file, kept in the index."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from vsortd.analysis.label_document import no_labels
from vsortd.analysis.measuring_pass import PARTS_OF_PASS, MeasuringPass
from vsortd.analysis.part_names import USUAL_PARTS, AnalysisPart
from vsortd.analysis.picture_spans import PictureSpan
from vsortd.analysis.picture_text import TEXT_VERSION
from vsortd.analysis.shots import DEFAULT_THRESHOLD, Shot, ShotReport, ShotStart
from vsortd.analysis.speech import can_find_speech
from vsortd.analysis.spoken_words import WORDS_VERSION, SpokenSources
from vsortd.analysis.summary import known_part, with_summary
from vsortd.analysis.technical import TechnicalReport, technical_report
from vsortd.analysis.written_words import text_part, words_part
from vsortd.core.identity import Identity
from vsortd.core.moments import recorded_moment, unix_seconds
from vsortd.core.technical_facts import FileKind
from vsortd.errors import BrokenError, ChangedError, ModelError, UsageError, VideoError
from vsortd.index.store import Film
from vsortd.media.technical_reply import technical_from_reply, technical_to_message

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vsortd.core.technical_facts import TechnicalFacts
    from vsortd.index.store import Index
    from vsortd.judging.resident_sound import ResidentSound
    from vsortd.media.pool import MediaPool

    Document = dict[str, Any]


# How a part is measured: what another way measured counts as not measured yet.
_VERSIONS: Final = {
    AnalysisPart.FACTS: "1",
    AnalysisPart.SHOTS: "2",
    AnalysisPart.SOUND: "2",
    AnalysisPart.LABELS: "1",
    AnalysisPart.SUMMARY: "3",
    AnalysisPart.WORDS: WORDS_VERSION,
    AnalysisPart.TEXT: TEXT_VERSION,
}


class Labeller(Protocol):
    """Who tells what a video shows, by labels that compete."""

    @property
    def version(self) -> str:
        """Which labels are asked for, and by which model."""

    @property
    def unknown(self) -> str:
        """Why the model can't tell these labels, "" if it can."""

    def is_current(self, document: Document) -> bool:
        """Tell whether a document that was kept says what would be said now."""

    def label(self, path: Path, facts: TechnicalFacts, *, cancel: threading.Event | None = None) -> Document:
        """Return a video's labels (see `label_document`). Raises VideoError, UsageError, ModelError, StoreError."""


@dataclass(frozen=True, slots=True)
class AnalysisWish:
    """What is asked for: the parts, and how easily a cut is seen (0 to 1, smaller finds more).

    Without a `labeller` there are no labels, and the summary is told without them. `spoken` says where words come from
    besides the video itself: `analyze_video` is to be told the transcriber alone, it looks at what lies beside the
    video by itself.
    `ears` is the sound model by which music is told, None where there is none.
    """

    parts: tuple[AnalysisPart, ...] = USUAL_PARTS
    scene_threshold: float = DEFAULT_THRESHOLD
    labeller: Labeller | None = None
    spoken: SpokenSources = field(default_factory=SpokenSources)
    ears: ResidentSound | None = None

    @property
    def needed(self) -> tuple[AnalysisPart, ...]:
        """The parts with those that they are made of."""
        wanted = set(self.parts)
        if AnalysisPart.SUMMARY in wanted and self.labeller is not None:
            if self.ears is not None or not self.labeller.unknown:
                wanted |= {AnalysisPart.SHOTS, AnalysisPart.SOUND}
            wanted.add(AnalysisPart.LABELS)
        if AnalysisPart.TEXT in wanted:  # of each shot a picture is read
            wanted.add(AnalysisPart.SHOTS)
        return tuple(part for part in AnalysisPart if part in wanted)

    def version(self, part: AnalysisPart) -> str:
        """Return in which way a part is measured, options included."""
        if part is AnalysisPart.LABELS and self.labeller is not None:
            return f"{_VERSIONS[part]}, {self.labeller.version}"
        if part is AnalysisPart.WORDS:
            return self.spoken.version
        with_threshold = part in {AnalysisPart.SHOTS, AnalysisPart.SUMMARY}
        return f"{_VERSIONS[part]}, threshold {self.scene_threshold:g}" if with_threshold else _VERSIONS[part]


@dataclass(frozen=True, slots=True)
class VideoAnalysis:
    """What was measured of one file: a document of JSON values a part; one that failed is `{"error": why}`.

    A part that the file doesn't have (the sound of a silent film) is None. `reason` is why nothing at all could be
    measured, "" otherwise.
    """

    path: Path
    documents: Mapping[AnalysisPart, Document | None] = field(default_factory=dict)
    technical: TechnicalReport | None = None
    reason: str = ""

    @property
    def errors(self) -> dict[AnalysisPart, str]:
        """Return why parts failed."""
        return {part: one["error"] for part, one in self.documents.items() if one is not None and "error" in one}

    def known(self, part: AnalysisPart) -> Document:
        """Return a part; empty where it wasn't asked for, where the file doesn't have it, and where it failed."""
        return known_part(self.documents.get(part))

    def to_json(self) -> Document:
        """Return it as a document has it."""
        if self.reason:
            return {"path": str(self.path), "error": self.reason}
        return {"path": str(self.path), **{part.value: document for part, document in self.documents.items()}}


def analyze_video(
    media: MediaPool,
    index: Index,
    path: Path,
    wish: AnalysisWish,
    *,
    private: bool = False,
    cancel: threading.Event | None = None,
) -> VideoAnalysis:
    """Measure what isn't in the index yet, and keep it there; nothing is read where all of it is.

    With `private` places, persons and people's own words are left out of the facts. Raises VideoError where the file
    can't be opened, StoreError, Cancelled.
    """
    identity = Identity.of(path)
    if identity is None:
        raise ChangedError("the file is gone, or is a link")
    failed: dict[AnalysisPart, Document | None] = {}
    if AnalysisPart.WORDS in wish.parts:
        try:
            wish = replace(wish, spoken=SpokenSources.of(path, wish.spoken.transcriber))
        except BrokenError as error:
            failed[AnalysisPart.WORDS] = {"error": error.reason}
    facts = _kept_facts(index, identity)
    found = (_kept_parts(index, identity, wish) if facts is not None else {}) | failed
    facts_are_new = facts is None
    if facts is None:
        facts = media.technical(path, timeout_s=media.timeout_s, cancel=cancel)
    missing = [part for part in wish.needed if part not in found and part is not AnalysisPart.FACTS]
    fresh = _measured(media, index, path, facts, wish, missing, found, cancel)
    if Identity.of(path) != identity:
        raise ChangedError("the file changed or went away while it was looked at")
    if facts_are_new or fresh:
        _keep(index, identity, path, facts, wish, fresh)
    report = technical_report(facts, private=private)
    found |= fresh
    found[AnalysisPart.FACTS] = report.to_json()
    if AnalysisPart.SUMMARY in wish.parts:
        found[AnalysisPart.SUMMARY] = with_summary(found)
    return VideoAnalysis(path, {part: found[part] for part in wish.parts}, report)


def kept_analysis(index: Index, path: Path, identity: Identity, wish: AnalysisWish) -> VideoAnalysis:
    """Return what is kept of what `wish` asks for; nothing is read or measured. Raises StoreError."""
    facts = _kept_facts(index, identity)
    if facts is None:
        return VideoAnalysis(path)
    report = technical_report(facts, private=False)
    found = {AnalysisPart.FACTS: report.to_json(), **_kept_parts(index, identity, wish)}
    return VideoAnalysis(path, {part: found[part] for part in wish.parts if part in found}, report)


def _kept_parts(index: Index, identity: Identity, wish: AnalysisWish) -> dict[AnalysisPart, Document | None]:
    """Return what is kept of the parts that are needed, but for the facts."""
    found: dict[AnalysisPart, Document | None] = {}
    for part in wish.needed:
        kept = index.part(identity, part.value, wish.version(part)) if part is not AnalysisPart.FACTS else None
        labeller = wish.labeller if part is AnalysisPart.LABELS else None
        if kept is not None and kept.get("speech_error") and can_find_speech():
            continue
        if kept is not None and (not kept or labeller is None or labeller.is_current(kept)):
            found[part] = kept or None
    return found


def _measured(  # noqa: PLR0917 - what is measured of which file
    media: MediaPool,
    index: Index,
    path: Path,
    facts: TechnicalFacts,
    wish: AnalysisWish,
    missing: Sequence[AnalysisPart],
    known: Mapping[AnalysisPart, Document | None],
    cancel: threading.Event | None,
) -> dict[AnalysisPart, Document | None]:
    """Measure the parts that are missing: those of the pass over the file, then labels and words.

    Of a sound that is known already music alone is told anew, where another model hears.
    """
    if facts.kind is FileKind.PICTURE:  # nothing moves, nothing is heard
        return dict.fromkeys(missing)
    of_pass = [part for part in missing if part in PARTS_OF_PASS]
    measuring = MeasuringPass(media, index, path, facts, wish.scene_threshold, wish.ears, cancel)
    fresh = measuring.parts(of_pass) if of_pass else {}
    sound = known.get(AnalysisPart.SOUND)
    if sound and wish.ears is not None and sound.get("music_model") != wish.ears.choice:
        fresh[AnalysisPart.SOUND] = {**sound, **measuring.music()}
    if AnalysisPart.LABELS in missing:
        fresh[AnalysisPart.LABELS] = _labels(path, facts, wish, cancel)
    if AnalysisPart.WORDS in missing:
        fresh[AnalysisPart.WORDS] = words_part(media, path, facts, wish.spoken, cancel)
    if AnalysisPart.TEXT in missing:
        told = fresh.get(AnalysisPart.SHOTS, known.get(AnalysisPart.SHOTS))
        report = shots_of(told) if told is not None and "error" not in told else None
        fresh[AnalysisPart.TEXT] = text_part(media, path, facts, report, cancel)
    return fresh


def _labels(path: Path, facts: TechnicalFacts, wish: AnalysisWish, cancel: threading.Event | None) -> Document | None:
    if facts.kind is not FileKind.VIDEO:
        return None
    if wish.labeller is None:
        return no_labels("no model was asked")
    try:
        return wish.labeller.label(path, facts, cancel=cancel)
    except VideoError as error:
        return {"error": error.reason}
    except (UsageError, ModelError) as error:
        return {"error": " ".join(error.lines())}


def _kept_facts(index: Index, identity: Identity) -> TechnicalFacts | None:
    kept = index.part(identity, AnalysisPart.FACTS.value, _VERSIONS[AnalysisPart.FACTS])
    return technical_from_reply(kept) if kept is not None else None


def _keep(  # noqa: PLR0917 - what is kept of which file
    index: Index,
    identity: Identity,
    path: Path,
    facts: TechnicalFacts,
    wish: AnalysisWish,
    fresh: Mapping[AnalysisPart, Document | None],
) -> None:
    """Keep what was measured now; a part that failed is measured again the next time."""
    row = index_row(identity, facts)
    own = {AnalysisPart.FACTS.value: {"technical": technical_to_message(facts)}}
    index.keep_parts(identity, path, row, _VERSIONS[AnalysisPart.FACTS], own)
    for part, document in fresh.items():
        if document is None or not any(document.get(name) for name in ("error", "why", "music_error", "sound_error")):
            index.keep_parts(identity, path, row, wish.version(part), {part.value: document or {}})


def index_row(identity: Identity, facts: TechnicalFacts) -> Film:
    """Return what the index says of a file with these facts."""
    told = technical_report(facts, private=False).told
    moment = recorded_moment(told.recorded_at or "")
    film = facts.film_stream
    size = (film.shown_width_px or 0, film.shown_height_px or 0) if film is not None else (0, 0)
    recorded_s = identity.modified_s if moment is None else unix_seconds(moment)
    return Film(facts.duration_s or 0.0, *size, recorded_s)


def shots_of(document: Document) -> ShotReport:
    """Return the shots that a document tells of; times are right to a millisecond."""
    spans = {
        name: tuple(PictureSpan(one["begin_s"], one["end_s"]) for one in document[name])
        for name in ("black", "frozen", "fades")
    }
    shots = tuple(Shot(**{**one, "begins": ShotStart(one["begins"])}) for one in document["shots"])
    return ShotReport(shots=shots, threshold=document["threshold"], **spans)
