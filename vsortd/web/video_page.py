"""What the page tells of one video: where it is and was, its facts, whether a browser plays it, what was measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.moments import recorded_moment
from vsortd.core.outcomes import ConversionKind
from vsortd.core.text import printable
from vsortd.core.units import about_size
from vsortd.errors import UsageError, VideoError, VsortdError
from vsortd.filing.whereabouts import steps, trace, whereabouts
from vsortd.media.playable import plays_in_browser
from vsortd.web.media_ids import open_found

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vsortd.analysis.video_analysis import VideoAnalysis
    from vsortd.config.settings import Settings
    from vsortd.core.identity import Identity
    from vsortd.core.video_facts import Clip
    from vsortd.filing.records import Item
    from vsortd.filing.whereabouts import Step, TracedVideo, Whereabouts
    from vsortd.library.timeline.track import TimelineResult
    from vsortd.media.previews import Previews
    from vsortd.pipeline.services import Services

MOST_SPANS: Final = 60  # drawn of a prompt
_MOST_SHOTS: Final = 400
_LOUDNESS_POINTS: Final = 400
_QUIETEST_LUFS: Final = -60.0


@dataclass(frozen=True, slots=True)
class ShownVideo:
    """A video as its page begins: `clip` is None where it can't be looked at, and `trouble` says why."""

    item: Item
    traced: TracedVideo
    now: Whereabouts
    steps: Sequence[Step]
    path: Path | None = None
    identity: Identity | None = None
    clip: Clip | None = None
    plays: bool = False
    has_copy: bool = False
    trouble: str = ""

    @property
    def newest(self) -> int:
        """The number of the item that says where the video is now."""
        return self.traced.newest.id

    @property
    def facts(self) -> dict[str, str]:
        """What it is, by what that is called."""
        if self.clip is None or self.identity is None:
            return {}
        clip = self.clip
        moment = recorded_moment(clip.recorded_at)
        hdr = ", HDR" if clip.hdr else ""
        sound = f", {clip.audio_codec}" if clip.has_audio else ", no sound"
        found = {
            "Picture": f"{clip.shown_width_px} x {clip.shown_height_px} {clip.orientation}{hdr}",
            "Frames": f"{clip.fps:.2f} a second" if clip.fps else "",
            "Format": f"{clip.container}, {clip.video_codec}{sound}",
            "Size": about_size(self.identity.size_bytes),
            "Recorded": "" if moment is None else f"{moment:%Y-%m-%d %H:%M}",
            "Camera": clip.camera,
        }
        return {name: printable(text) for name, text in found.items() if text}


def shown_video(services: Services, previews: Previews, number: int) -> ShownVideo:
    """Look at an item's video. Raises UsageError where there is no such item, StoreError."""
    item = services.journal.item(number)
    if item is None:
        raise UsageError("No video has this id.", remedy="History lists those that there are.")
    traced = trace(services.journal, item)
    told = (item, traced, whereabouts(traced), steps(traced, _keep_s(services.settings)))
    try:
        with open_found(services, str(number)) as opened:
            path, identity, media_type = opened.path, opened.identity, opened.media_type
        clip = previews.facts(path, identity)
    except VideoError as error:
        return ShownVideo(*told, trouble=error.reason)
    except VsortdError as error:
        return ShownVideo(*told, trouble=error.title.rstrip("."))
    plays = plays_in_browser(clip, media_type)
    has_copy = not plays and previews.kept_copy(identity) is not None
    return ShownVideo(*told, path, identity, clip, plays, has_copy)


def found_video(services: Services, number: int) -> tuple[Path, Identity]:
    """Return where an item's video lies, and which file it is there. Raises UsageError, VideoError, VsortdError."""
    with open_found(services, str(number)) as opened:
        return opened.path, opened.identity


def _keep_s(settings: Settings) -> Mapping[ConversionKind, float | None]:
    return {
        kind: settings.convert.keep_s(encoded_anew=kind is ConversionKind.TRANSCODE)
        for kind in (ConversionKind.REMUX, ConversionKind.TRANSCODE)
    }


@dataclass(frozen=True, slots=True)
class ShownAnalysis:
    """What was measured, as it is drawn: times in seconds, `loudness` as an SVG's points in 1000 by 100."""

    known: bool = False
    shots: Sequence[Mapping[str, Any]] = ()
    loudness: str = ""
    loudest: str = ""
    labels: Sequence[Mapping[str, Any]] = ()
    verdicts: Sequence[str] = ()
    notes: Sequence[str] = field(default_factory=tuple)

    @classmethod
    def of(cls, found: VideoAnalysis, duration_s: float) -> ShownAnalysis:
        """Read an analysis; empty where there is none."""
        documents = {part.value: document for part, document in found.documents.items() if document}
        notes = [f"{part}: {reason}" for part, reason in found.errors.items()]
        good = {part: document for part, document in documents.items() if "error" not in document}
        sound, labels = good.get("sound", {}), good.get("labels", {})
        if labels.get("why"):
            notes.append(f"labels: {labels['why']}")
        curve = sound.get("loudness") or {}
        level = sound.get("integrated_lufs")
        return cls(
            known=bool({"shots", "sound", "labels"} & documents.keys()),
            shots=good.get("shots", {}).get("shots", [])[:_MOST_SHOTS],
            loudness=_points(curve, duration_s),
            loudest="" if level is None else f"{level:.1f} LUFS in all",
            labels=[one for one in labels.get("labels") or () if one.get("count")],
            verdicts=[one["text"] for one in sound.get("verdicts") or () if one.get("text")],
            notes=notes,
        )


def _points(curve: Mapping[str, Any], duration_s: float) -> str:
    """Return a curve of loudness as a line's points, 0 to 1000 across and 0 to 100 down; "" where there is none."""
    levels = curve.get("lufs") or []
    if not levels or duration_s <= 0:
        return ""
    at_once = max(1, len(levels) // _LOUDNESS_POINTS)
    points = []
    for begin in range(0, len(levels), at_once):
        heard = [level for level in levels[begin : begin + at_once] if level is not None]
        share = 1 - max(0.0, (max(heard) - _QUIETEST_LUFS) / -_QUIETEST_LUFS) if heard else 1.0
        time_s = curve["begin_s"] + begin * curve["step_s"]
        points.append(f"{min(1000.0, max(0.0, time_s / duration_s * 1000)):.1f},{max(0.0, share) * 100:.1f}")
    return " ".join(points)


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A prompt's row of the timeline: its rule ("" where somebody added it), spans, each frame's score in percent."""

    prompt: str
    rule: str
    verdict: str
    confidence: float
    spans: Sequence[tuple[float, float, float]]
    scores: str


def timeline_rows(found: TimelineResult, rules: Mapping[str, str]) -> list[ShownRow]:
    """Return the rows of a timeline; `rules` are the rules' keys by their prompts."""
    percents = (found.track.probabilities * 100).round().astype(int).T.tolist()
    return [
        ShownRow(
            one.prompt,
            rules.get(one.prompt, ""),
            one.shown.value,
            one.confidence,
            [(span.begin_ms / 1000, span.end_ms / 1000, span.score) for span in one.spans[:MOST_SPANS]],
            ",".join(map(str, scores)),
        )
        for one, scores in zip(found.found, percents, strict=True)
    ]
