"""What a file's technical facts mean: classes, the device, and both forms in which they are written down. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from vsortd.analysis.told_by_tags import TagFacts, read_tags
from vsortd.core.technical_facts import FileKind, HdrKind
from vsortd.core.video_facts import resolution_class_of

if TYPE_CHECKING:
    from vsortd.core.technical_facts import ChapterMark, PictureStreamFacts, SoundStreamFacts, TechnicalFacts

    Json = dict[str, Any]

# Average frames a second, both ends included: the standard's rate and its NTSC neighbour.
_FRAME_RATES: Final = ((23.9, 24.1, "film"), (24.9, 25.1, "PAL"), (29.9, 30.1, "NTSC"))
_HIGH_FPS: Final = 48.0
# A film whose intervals differ more often than this isn't one of a constant rate with a slip here and there.
_VARIABLE_SHARE: Final = 0.02

# What tells nothing of a person or a place; all other tags are left out of private reports.
_HARMLESS_TAGS: Final = frozenset(
    {
        *("major_brand", "minor_version", "compatible_brands", "encoder", "encoding_tool", "writing_application"),
        *("creation_time", "date", "datetime", "date_recorded", "duration", "timecode", "vendor_id", "orientation"),
        *("make", "model", "software", "firmware", "com.apple.quicktime.creationdate", "com.apple.quicktime.make"),
        *("com.apple.quicktime.model", "com.apple.quicktime.software", "com.android.manufacturer"),
        *("com.android.model", "com.android.version", "com.android.capture.fps", "com.apple.proapps.manufacturer"),
    }
)

# DeepFFmpeg's words and libav's long names, which it writes.
_THEIR_FORMATS: Final = {"mov": "mov,mp4,m4a,3gp,3g2,mj2", "matroska": "matroska,webm"}
_THEIR_FRAME_RATES: Final = {
    "film": "Film standard (24fps)",
    "PAL": "Broadcast standard (25fps)",
    "NTSC": "Broadcast standard (30fps)",
    "high": "High frame rate",
}
_THEIR_HINTS: Final = ("device", "camera", "encoder", "model", "make")


@dataclass(frozen=True, slots=True)
class TechnicalReport:
    """A file's facts with what they mean; a `private` one holds nothing of places and persons.

    `told` is what the tags say. Both classes are None where the facts they follow from are unknown.
    """

    facts: TechnicalFacts
    told: TagFacts
    private: bool
    resolution_class: str | None  # "4K", "QHD", "Full HD", "HD", "SD"
    frame_rate_class: str | None  # "film", "PAL", "NTSC", "high", "other"

    @property
    def device(self) -> str:
        """Make and model as the file says them, or "unknown"."""
        return self.told.device

    @property
    def hdr(self) -> bool | None:
        """Whether the film is HDR; None if it doesn't say."""
        film = self.facts.film_stream
        return None if film is None or film.hdr is None else film.hdr is not HdrKind.NONE

    @property
    def variable_frame_rate(self) -> bool | None:
        """Whether more than one of fifty intervals between frames is off by more than 5 % from their median."""
        film = self.facts.film_stream
        return None if film is None or film.irregular_share is None else film.irregular_share > _VARIABLE_SHARE

    def to_json(self) -> Json:
        """Return the report as JSON values: seconds in `_s`, bits a second in `_bps`, unknown is null."""
        facts, told = self.facts, self.told
        document: Json = {
            "kind": facts.kind.value,
            "format": facts.format,
            "brand": facts.brand,
            "size_bytes": facts.size_bytes,
            "duration_s": _rounded(facts.duration_s),
            "bitrate_bps": _whole(facts.bitrate_bps),
            "streams": facts.streams,
            "resolution_class": self.resolution_class,
            "frame_rate_class": self.frame_rate_class,
            "variable_frame_rate": self.variable_frame_rate,
            "device": self.device,
            "make": told.make,
            "model": told.model,
            "software": told.software,
            "encoder": told.encoder,
            "program": asdict(told.program) if told.program is not None else None,
            "recorded_at": told.recorded_at,
            "film": facts.film,
            "video": [_picture_json(one) for one in facts.pictures],
            "sound": [_sound_json(one) for one in facts.sounds],
            "subtitles": [asdict(one) for one in facts.subtitles],
            "chapters": [_chapter_json(one) for one in facts.chapters],
            "tags": dict(facts.tags),
            "film_tags": dict(facts.film_tags),
        }
        if not self.private:
            document["gps"] = asdict(told.place) if told.place is not None else None
        return document

    def to_deepffmpeg(self, *, input_file: str, scene_threshold: float) -> Json:
        """Return the blocks of DeepFFmpeg's technical JSON that are facts, with its keys and types.

        "audio_class" isn't among the details: 48 kHz is every phone's rate and makes nothing professional.
        """
        facts = self.facts
        return {
            "input_file": input_file,
            "metadata": {
                "format": _THEIR_FORMATS.get(facts.format, facts.format),
                "duration": _rounded(facts.duration_s),
                "size": facts.size_bytes,
                "bitrate": _whole(facts.bitrate_bps),
                "streams": facts.streams,
                "tags": dict(facts.tags),
                "video_streams": [_their_picture(one) for one in facts.pictures],
                "audio_streams": [_their_sound(one) for one in facts.sounds],
            },
            "system_info": {
                "classification": "Unknown system" if self.device == "unknown" else "Identified device",
                "details": self._their_details(),
            },
            "analysis_parameters": {"scene_threshold": scene_threshold},
        }

    def _their_details(self) -> dict[str, str]:
        tags = self.facts.tags.items()
        details = {key: text for key, text in tags if any(hint in key.lower() for hint in _THEIR_HINTS)}
        own = {"make": self.told.make, "model": self.told.model, "resolution_class": self.resolution_class}
        own["frame_rate_class"] = _THEIR_FRAME_RATES.get(self.frame_rate_class or "")
        return details | {key: text for key, text in own.items() if text is not None}


def technical_report(facts: TechnicalFacts, *, private: bool) -> TechnicalReport:
    """Return what a file's facts mean; `private` leaves places, persons, serial numbers and people's words out."""
    film = facts.film_stream
    told = read_tags(facts.tags, facts.film_tags)
    return TechnicalReport(
        facts=_without_persons(facts) if private else facts,
        told=replace(told, place=None) if private else told,
        private=private,
        resolution_class=_resolution_class(film),
        frame_rate_class=_frame_rate_class(film) if facts.kind is FileKind.VIDEO else None,
    )


def _without_persons(facts: TechnicalFacts) -> TechnicalFacts:
    """Return facts with only such tags as tell of no person or place, and without what people called the parts."""
    return replace(
        facts,
        sounds=tuple(replace(one, title=None) for one in facts.sounds),
        subtitles=tuple(replace(one, title=None) for one in facts.subtitles),
        chapters=tuple(replace(one, title=None) for one in facts.chapters),
        tags=_harmless(facts.tags),
        film_tags=_harmless(facts.film_tags),
    )


def _harmless(tags: dict[str, str]) -> dict[str, str]:
    return {key: text for key, text in tags.items() if key.lower() in _HARMLESS_TAGS}


def _resolution_class(film: PictureStreamFacts | None) -> str | None:
    if film is None or film.shown_width_px is None or film.shown_height_px is None:
        return None
    return resolution_class_of(film.shown_width_px, film.shown_height_px).value


def _frame_rate_class(film: PictureStreamFacts | None) -> str | None:
    if film is None or film.fps is None:
        return None
    if film.fps > _HIGH_FPS:
        return "high"
    return next((name for least, most, name in _FRAME_RATES if least <= film.fps <= most), "other")


def _picture_json(stream: PictureStreamFacts) -> Json:
    return {
        **asdict(stream),
        "hdr": stream.hdr.value if stream.hdr is not None else None,
        "sample_aspect": _rounded(stream.sample_aspect),
        "fps": _rounded(stream.fps),
        "irregular_share": _rounded(stream.irregular_share),
        "duration_s": _rounded(stream.duration_s),
        "frame_interval_s": _rounded(stream.frame_interval_s),
        "key_interval_s": _rounded(stream.key_interval_s),
        "key_interval_max_s": _rounded(stream.key_interval_max_s),
        "bitrate_bps": _whole(stream.bitrate_bps),
    }


def _sound_json(stream: SoundStreamFacts) -> Json:
    whole = _whole(stream.bitrate_bps)
    return {**asdict(stream), "duration_s": _rounded(stream.duration_s), "bitrate_bps": whole}


def _chapter_json(chapter: ChapterMark) -> Json:
    return {"begin_s": _rounded(chapter.begin_s), "end_s": _rounded(chapter.end_s), "title": chapter.title}


def _their_picture(stream: PictureStreamFacts) -> Json:
    return {
        "codec": stream.codec,
        "width": stream.width_px,
        "height": stream.height_px,
        "fps": _rounded(stream.fps),
        "bit_depth": _text(stream.bit_depth),
        "pix_fmt": stream.pixel_format,
        "profile": stream.profile,
        "color_space": stream.matrix,
    }


def _their_sound(stream: SoundStreamFacts) -> Json:
    return {
        "codec": stream.codec,
        "sample_rate": _text(stream.rate_hz),
        "channels": stream.channels,
        "channel_layout": stream.layout,
        "bit_depth": stream.bit_depth,
    }


def _text(value: int | None) -> str | None:
    return str(value) if value is not None else None


def _rounded(value: float | None) -> float | None:
    return round(value, 6) if value is not None else None


def _whole(value: float | None) -> int | None:
    return round(value) if value is not None else None
