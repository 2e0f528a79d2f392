"""What has to stand in an analysis that was written before for its summary to be told anew; what else it has stays."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vsortd.analysis.arousal import Driver, MomentRank, Pacing, Structure  # noqa: TC001 - pydantic reads them
from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.picture_quality import QualityFactor  # noqa: TC001 - pydantic reads it
from vsortd.core.measured_facts import QualityRating  # noqa: TC001 - pydantic reads it

MOST: Final = 10**15
"""The largest count that is taken: a number of more digits is a mistake, or none that can be reckoned with."""
# Strict, as a document is read on as it stands: "1" is no number there.
Real = Annotated[float, Field(strict=True, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, ge=0, le=MOST)]
Shares = dict[str, Share]


class Stored(BaseModel):
    """A part, whatever it holds."""

    model_config = ConfigDict(extra="ignore")


class StoredFailure(Stored):
    """A part that couldn't be measured, and why."""

    error: str


class StoredFilm(Stored):
    """A stream of pictures."""

    index: int
    codec: str | None
    shown_width_px: Count | None
    shown_height_px: Count | None
    fps: NotNegative | None


class StoredSoundStream(Stored):
    """A stream of sound."""

    codec: str | None
    rate_hz: Count | None
    layout: str | None


class StoredFacts(Stored):
    """The technical facts."""

    duration_s: NotNegative | None
    bitrate_bps: NotNegative | None
    resolution_class: str | None
    frame_rate_class: str | None
    film: int | None
    video: list[StoredFilm]
    sound: list[StoredSoundStream]


class StoredShots(Stored):
    """The shots."""

    shots_per_minute: NotNegative | None


class StoredSound(Stored):
    """The sound."""

    integrated_lufs: Real | None
    speech_share: Share | None
    music_share: Share | None


class StoredMeans(Stored):
    """A unit's mean probabilities."""

    unit: str | None
    labels: Shares
    none: Share


class StoredUnit(StoredMeans):
    """A unit, and its course."""

    tenths: Annotated[list[StoredMeans | None], Field(min_length=10, max_length=10)]


class StoredLabel(Stored):
    """A label."""

    unit: str | None
    label: str
    avg_probability: Share | None
    count: Count

    @model_validator(mode="after")
    def _has_a_mean(self) -> Self:
        if self.count and self.avg_probability is None:
            raise ValueError("avg_probability is null although frames count")
        return self


class StoredSoundLabels(Stored):
    """The labels of what is heard."""

    units: list[StoredUnit]
    labels: list[StoredLabel]


class StoredLabels(Stored):
    """The labels, null where nobody could tell them."""

    why: str | None
    units: list[StoredUnit] | None
    labels: list[StoredLabel] | None
    looks: Shares | None
    sound: StoredSoundLabels | None = None


class StoredFactor(Stored):
    """A factor of the picture's quality."""

    value: Real | None
    rating: QualityRating | None

    @model_validator(mode="after")
    def _has_a_value(self) -> Self:
        if self.rating is not None and self.value is None:
            raise ValueError("value is null although there is a rating")
        return self


class StoredPicture(Stored):
    """The picture's quality."""

    score: Share | None
    rating: QualityRating | None
    limited_by: QualityFactor | None
    factors: dict[QualityFactor, StoredFactor]

    @model_validator(mode="after")
    def _has_a_score(self) -> Self:
        if self.rating is not None and self.score is None:
            raise ValueError("score is null although there is a rating")
        return self


class StoredHeard(Stored):
    """The sound's quality."""

    rating: Literal["Basic", "Standard", "Good", "Professional"] | None
    factors: list[str]


class StoredMoment(Stored):
    """A key moment."""

    at_s: Real
    arousal: Real
    rank: MomentRank
    stood_out: list[Driver]


class StoredSummary(Stored):
    """What was measured for the summary."""

    picture_quality: StoredPicture
    sound_quality: StoredHeard | None
    rate_hz: Annotated[float, Field(strict=True, ge=0.01, le=1000)]
    curve: list[Real]
    key_moments: list[StoredMoment]
    pacing: Pacing | None
    structure: Structure | None
    scene_rhythm_variation: NotNegative | None
    shot_length_median_s: NotNegative | None


class StoredLine(Stored):
    """When a text is visible in the picture."""

    begin_s: Real
    end_s: Real


class StoredText(Stored):
    """What is visible in the picture."""

    lines: list[StoredLine]


PART_MODELS: Final[dict[AnalysisPart, type[BaseModel]]] = {
    AnalysisPart.FACTS: StoredFacts,
    AnalysisPart.SHOTS: StoredShots,
    AnalysisPart.SOUND: StoredSound,
    AnalysisPart.LABELS: StoredLabels,
    AnalysisPart.SUMMARY: StoredSummary,
    AnalysisPart.TEXT: StoredText,
}


class TheirVideoStream(Stored):
    """A stream of pictures, as DeepFFmpeg has it."""

    codec: str | None
    width: Count | None
    height: Count | None
    fps: NotNegative | None


class TheirSoundStream(Stored):
    """A stream of sound; the rate is a text there."""

    codec: str | None
    sample_rate: Annotated[str, Field(max_length=15)] | Count | None
    channels: Count | None
    channel_layout: str | None


class TheirMetadata(Stored):
    """What the container says."""

    duration: NotNegative | None
    bitrate: NotNegative | None
    video_streams: list[TheirVideoStream]
    audio_streams: list[TheirSoundStream]


class TheirScenes(Stored):
    """The scenes, and how they were found."""

    scene_count: Count
    scene_timestamps: list[NotNegative]
    detection_method: str | None


class TheirTechnical(Stored):
    """DeepFFmpeg's technical document."""

    input_file: Annotated[str, Field(min_length=1)]
    metadata: TheirMetadata
    scene_analysis: TheirScenes
