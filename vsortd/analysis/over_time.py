"""An analysis as it goes along with a video's time: what a plot, a sheet of shots and an overlay are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vsortd.analysis.label_course import LabelCourse
from vsortd.analysis.loudness_curve import LoudnessCurve
from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.speech import SoundSpan
from vsortd.analysis.video_analysis import shots_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from vsortd.analysis.shots import ShotReport
    from vsortd.analysis.video_analysis import VideoAnalysis

    Document = dict[str, Any]
    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ArousalCurve:
    """How much goes on, in standard deviations, [n] at `times_s`, and the moments that stand out: (s, rank)."""

    times_s: Floats
    values: Floats
    moments: tuple[tuple[float, str], ...]
    pacing: str | None


@dataclass(frozen=True, slots=True)
class HeardOverTime:
    """A sound's loudness, where it is silent and where somebody speaks (None: not looked for, `no_speech` says why)."""

    loudness: LoudnessCurve
    integrated_lufs: float | None
    lra_lu: float | None
    silence: tuple[SoundSpan, ...]
    silence_share: float
    speech: tuple[SoundSpan, ...] | None
    speech_share: float | None
    no_speech: str


@dataclass(frozen=True, slots=True)
class ShotLabel:
    """What a shot shows, and how likely that is (0 to 1)."""

    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class AnalysisOverTime:
    """What was measured of one video, as far as it has a time; a part that isn't there is None."""

    name: str
    duration_s: float
    shots: ShotReport | None
    arousal: ArousalCurve | None
    heard: HeardOverTime | None
    course: LabelCourse | None = None
    labels: tuple[tuple[ShotLabel, ...], ...] = ()  # of each shot, the likeliest first; none where they aren't known
    objects: tuple[Document, ...] = ()  # what a detector found: class, score, box (shares of the picture), at_s

    @property
    def cuts_s(self) -> tuple[float, ...]:
        """Where a shot begins, but for the first."""
        return self.shots.cuts_s if self.shots is not None else ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing that could be drawn."""
        return self.shots is None and self.arousal is None and self.heard is None


def over_time(found: VideoAnalysis) -> AnalysisOverTime:
    """Read it from the documents of an analysis; a part that failed counts as not there."""
    shots, sound, labels, summary = (
        found.known(part) or None
        for part in (AnalysisPart.SHOTS, AnalysisPart.SOUND, AnalysisPart.LABELS, AnalysisPart.SUMMARY)
    )
    report = shots_of(shots) if shots is not None and shots["shots"] else None
    begin_s = report.shots[0].begin_s if report is not None else 0.0
    course = LabelCourse.from_json(labels["course"]) if labels is not None and labels.get("course") else None
    heard = _heard(sound) if sound is not None else None
    ends_s = [report.shots[-1].end_s if report is not None else 0.0]
    if heard is not None:
        ends_s.append(heard.loudness.begin_s + heard.loudness.step_s * len(heard.loudness.lufs))
    return AnalysisOverTime(
        name=found.path.name,
        duration_s=max(ends_s),
        shots=report,
        arousal=_arousal(summary, begin_s) if summary is not None and summary["curve"] else None,
        heard=heard,
        course=course,
        objects=tuple(found.known(AnalysisPart.OBJECTS).get("detections", ())),
        labels=_shot_labels(report, course, labels["confidence"]) if report and course and labels else (),
    )


def _shot_labels(shots: ShotReport, course: LabelCourse, confidence: float) -> tuple[tuple[ShotLabel, ...], ...]:
    """Return each shot's labels from the confidence on at which a frame counts for one."""
    return tuple(
        tuple(ShotLabel(label, mean) for label, mean in course.means(shot.begin_s, shot.end_s) if mean >= confidence)
        for shot in shots.shots
    )


def _arousal(summary: Document, begin_s: float) -> ArousalCurve:
    values = np.array(summary["curve"], np.float64)
    return ArousalCurve(
        times_s=begin_s + (np.arange(len(values)) + 0.5) / summary["rate_hz"],
        values=values,
        moments=tuple((moment["at_s"], moment["rank"]) for moment in summary["key_moments"]),
        pacing=summary["pacing"],
    )


def _heard(sound: Document) -> HeardOverTime:
    return HeardOverTime(
        loudness=LoudnessCurve.from_json(sound["loudness"]),
        integrated_lufs=sound["integrated_lufs"],
        lra_lu=sound["lra_lu"],
        silence=_spans(sound["silence"]),
        silence_share=sound["silence_share"],
        speech=None if sound["speech"] is None else _spans(sound["speech"]),
        speech_share=sound["speech_share"],
        no_speech=sound.get("speech_error") or "not looked for",
    )


def _spans(raw: Sequence[Document]) -> tuple[SoundSpan, ...]:
    return tuple(SoundSpan(one["begin_s"], one["end_s"]) for one in raw)
