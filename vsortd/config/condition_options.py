"""The config file's conditions: on what a file says of itself, and on what is measured of it only where one asks."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - as below
from dataclasses import dataclass
from datetime import date  # noqa: TC003 - pydantic looks at it when it builds the models
from typing import Annotated, ClassVar

from annotated_types import Ge, Le, MinLen
from pydantic import Field, Strict

from vsortd.config.base_options import Flag, Options
from vsortd.config.value_types import Codec, Day, Duration, OneOrMany, Pattern, Prompt, TextKind
from vsortd.config.words_option import Words
from vsortd.core.measured_facts import Pace, QualityRating  # noqa: TC001 - as above
from vsortd.core.names import nfc
from vsortd.core.video_facts import Orientation, ResolutionClass

_DAY_S = 86_400

Probability = Annotated[float, Strict(), Ge(0), Le(1)]
Pixels = Annotated[int, Strict(), Ge(1), Le(100_000)]
FramesPerSecond = Annotated[float, Strict(), Ge(0), Le(10_000)]
ShotsPerMinute = Annotated[float, Strict(), Ge(0), Le(10_000)]
Lufs = Annotated[float, Strict(), Ge(-70), Le(20)]  # -70 is the absolute gate: what is quieter has no loudness
TruePeak = Annotated[float, Strict(), Ge(-120), Le(20)]
BlurPixels = Annotated[float, Strict(), Ge(0), Le(640)]  # in a picture of 640 px
Hour = Annotated[int, Strict(), Ge(0), Le(24)]


@dataclass(frozen=True)
class TagName(TextKind):
    """A tag that a rule asks for: one of `tags`, or a facet with its value."""

    what: ClassVar[str] = "a tag of this config: the name of one of its tags, or facet:value, such as mood:calm"

    def check(self, text: str) -> str:  # noqa: D102
        return nfc(text)


class _Limits(Options):
    """What can be asked of a video's shape and length."""

    orientation: Annotated[
        tuple[Orientation, ...], MinLen(1), OneOrMany(literals=("any",), meaning=tuple(Orientation))
    ] = Field(
        default=tuple(Orientation),
        description="any, or one or a list of portrait, landscape, square; as shown, after rotation.",
    )
    min_duration_s: Annotated[float, Duration(0, 30 * _DAY_S)] | None = Field(
        default=None, alias="min_duration", description="The shortest duration."
    )
    max_duration_s: Annotated[float, Duration(0, 30 * _DAY_S)] | None = Field(
        default=None, alias="max_duration", description="The longest duration."
    )
    min_width: Pixels | None = Field(default=None, description="The smallest width (pixels as shown).")
    min_height: Pixels | None = Field(default=None, description="The smallest height (pixels as shown).")


class Accept(_Limits):
    """Which videos are sorted; the others stay where they are, with the reason in the history."""


class HourSpan(Options):
    """Hours of the day: from the full hour `from` until the full hour `to`; if `to` is not later, across midnight."""

    written: ClassVar[str] = "hours of the day, such as {from: 22, to: 5}"
    misnamed: ClassVar[Mapping[str, str]] = {"until": "to", "since": "from", "before": "to", "after": "from"}

    from_hour: Hour = Field(alias="from", description="The first hour, 0 to 24.")
    to_hour: Hour = Field(alias="to", description="The hour at which the span ends, 0 to 24; not included.")

    def __contains__(self, hour: int) -> bool:
        if self.from_hour < self.to_hour:
            return self.from_hour <= hour < self.to_hour
        return hour >= self.from_hour or hour < self.to_hour

    def __str__(self) -> str:
        return f"from {self.from_hour} to {self.to_hour}"


class When(_Limits):
    """Conditions on a video's facts, all of which must hold; one on what the file does not state does not hold."""

    max_width: Pixels | None = Field(default=None, description="The largest width (pixels as shown).")
    max_height: Pixels | None = Field(default=None, description="The largest height (pixels as shown).")
    min_fps: FramesPerSecond | None = Field(default=None, description="The lowest frame rate (frames a second).")
    max_fps: FramesPerSecond | None = Field(default=None, description="The highest frame rate (frames a second).")
    codec: Annotated[tuple[Annotated[str, Codec()], ...], OneOrMany()] = Field(
        default=(), description="One or a list of video codecs by ffmpeg's names, such as hevc."
    )
    has_audio: Flag | None = Field(default=None, description="Whether there is sound.")
    camera: Annotated[tuple[Annotated[str, Pattern()], ...], OneOrMany()] = Field(
        default=(), description='Patterns for make and model in the file, in upper or lower case, such as "*iPhone*".'
    )
    recorded_since: Annotated[date, Day()] | None = Field(
        default=None,
        description="Recorded on this day or later, in the local time of the recording; a time in UTC is converted to"
        " that of this machine.",
    )
    recorded_before: Annotated[date, Day()] | None = Field(default=None, description="Recorded before this day.")
    file_name: Annotated[tuple[Annotated[str, Pattern()], ...], OneOrMany()] = Field(
        default=(), description='Patterns for the file name, in upper or lower case, such as "IMG_*"; one must match.'
    )
    tags: Annotated[tuple[Annotated[str, TagName()], ...], OneOrMany()] = Field(
        default=(), description="One or a list of tags, such as mood:calm; one must have been found."
    )
    resolution_class: Annotated[tuple[ResolutionClass, ...], MinLen(1), OneOrMany()] = Field(
        default=(),
        description="One or a list of 4K, QHD, Full HD, HD, SD: by the shorter side as shown, from 2000, 1400, 1000"
        " and 700 pixels on.",
    )
    recorded_hour: HourSpan | None = Field(
        default=None,
        description="Recorded from one full hour to another, as {from: 22, to: 5}, in the local time of the recording;"
        " a time in UTC is converted to that of this machine.",
    )

    # What has to be measured: each is named in `measured_options`, too.
    min_shots_per_minute: ShotsPerMinute | None = Field(
        default=None, description="The smallest number of shots a minute."
    )
    max_shots_per_minute: ShotsPerMinute | None = Field(
        default=None, description="The largest number of shots a minute."
    )
    pacing: Annotated[tuple[Pace, ...], MinLen(1), OneOrMany()] = Field(
        default=(),
        description="One or a list of slow, moderate (more than 5 cuts a minute), fast (10), very_fast (20).",
    )
    min_loudness_lufs: Lufs | None = Field(
        default=None, alias="min_loudness", description="The lowest integrated loudness (LUFS, EBU R 128), such as -20."
    )
    max_loudness_lufs: Lufs | None = Field(
        default=None, alias="max_loudness", description="The highest integrated loudness (LUFS, EBU R 128)."
    )
    min_true_peak_dbtp: TruePeak | None = Field(
        default=None, alias="min_true_peak", description="The lowest true peak (dBTP); above -1 it clips."
    )
    max_true_peak_dbtp: TruePeak | None = Field(
        default=None, alias="max_true_peak", description="The highest true peak (dBTP)."
    )
    min_speech_share: Probability | None = Field(
        default=None, description="The smallest share of the sound that is speech, 0 to 1."
    )
    max_speech_share: Probability | None = Field(
        default=None, description="The largest share of the sound that is speech, 0 to 1."
    )
    min_music_share: Probability | None = Field(
        default=None, description="The smallest share of time with music, 0 to 1; needs a sound_model."
    )
    max_music_share: Probability | None = Field(
        default=None, description="The largest share of time with music, 0 to 1; needs a sound_model."
    )
    silent: Flag | None = Field(
        default=None, description="Whether nothing is heard: there is no sound, or only silence in it."
    )
    quality: Annotated[tuple[QualityRating, ...], MinLen(1), OneOrMany()] = Field(
        default=(), description="One or a list of poor, fair, good, high: the picture's technical quality."
    )
    min_blur_px: BlurPixels | None = Field(
        default=None,
        alias="min_blur",
        description="The lowest blur: mean width of edges, px at 640 px; sharp 4 to 9, out of focus from 13 on.",
    )
    max_blur_px: BlurPixels | None = Field(default=None, alias="max_blur", description="The highest blur.")
    hdr: Flag | None = Field(default=None, description="Whether it is HDR: PQ, HLG or Dolby Vision.")
    interlaced: Flag | None = Field(default=None, description="Whether the lines of most frames come from two moments.")
    device: Annotated[tuple[Annotated[str, Pattern()], ...], MinLen(1), OneOrMany()] = Field(
        default=(),
        description="Patterns for make and model, in upper or lower case, as `vsortd analyze` shows the device, such as"
        ' "GoPro*"; reads more tags than camera.',
    )
    said: Annotated[tuple[Annotated[str, Words()], ...], MinLen(1), OneOrMany()] = Field(
        default=(),
        description="Spoken words in the subtitles: one text, or a list of which one must be found. Several words must"
        " be within 10 s, words in quotes ('\"happy birthday\"') must follow one another, birth* matches a beginning.",
    )
    text: Annotated[tuple[Annotated[str, Words()], ...], MinLen(1), OneOrMany()] = Field(
        default=(),
        description="Words visible in the picture, in the same form as said. Reading them takes some seconds for each"
        " minute of video (extra: ocr).",
    )
    has_objects: Annotated[tuple[Annotated[str, Prompt()], ...], MinLen(1), OneOrMany()] = Field(
        default=(),
        description="Names of classes, such as person: the `detector` must find one of them in some frame.",
    )
