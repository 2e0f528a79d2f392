"""What a file's tags tell of its making: when, where, with which device, and which program wrote it. Pure.

Nothing is concluded: what no tag says is None.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from vsortd.core.moments import is_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MAKE_TAGS: Final = ("com.apple.quicktime.make", "com.android.manufacturer", "com.apple.proapps.manufacturer", "make")
_MODEL_TAGS: Final = ("com.apple.quicktime.model", "com.android.model", "model")
_SOFTWARE_TAGS: Final = ("com.apple.quicktime.software", "software", "firmware")
_ENCODER_TAGS: Final = ("encoder", "encoding_tool", "writing_application")
# Which maker's name in these means that its camera wrote the file.
_MAKER_TAGS: Final = ("handler_name", "encoder")
_MAKERS: Final = ("GoPro", "DJI", "Insta360")
# The camera's own words first; the header's last: it is the time of the last export.
_DATE_TAGS: Final = (
    "com.apple.quicktime.creationdate",
    "exififd/datetimeoriginal",
    "datetimeoriginal",
    "date_recorded",
    "date",
    "datetime",
    "creation_time",
)
_EXIF_DATE: Final = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)")
_EXIF_TAKEN: Final = "exififd/datetimeoriginal"
_EXIF_ZONES: Final = ("exififd/offsettimeoriginal", "exififd/0x9011")  # the same, by name and by number
_ZONE: Final = re.compile(r"[+-]\d\d:\d\d")
_DAY_AND_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_YEARS: Final = range(1990, 2100)  # outside: clocks never set (1904 and 1970 are the epochs of MP4 and of Unix)

_LOCATION_TAGS: Final = ("com.apple.quicktime.location.iso6709", "location", "location-eng")
# ISO 6709: latitude, longitude and height, each with a sign; degrees, or with minutes and seconds behind them. Some
# phones leave the zeros before small degrees out.
_LOCATION: Final = re.compile(r"([+-]\d{1,6}(?:\.\d+)?)([+-]\d{1,7}(?:\.\d+)?)([+-]\d+(?:\.\d+)?)?(?:CRS\S*)?/?")
_LATITUDE_DIGITS, _LONGITUDE_DIGITS = 2, 3  # of whole degrees
_MOST_LATITUDE, _MOST_LONGITUDE = 90.0, 180.0
_FRACTION: Final = re.compile(r"(\d+):(\d+)")
_EXIF_NUMBERS: Final = ("latitude", "longitude", "altitude")
_NEGATIVE: Final = frozenset({"S", "W", "1", "0X01"})  # south, west, below the sea


@dataclass(frozen=True, slots=True)
class GpsPlace:
    """Where a video was recorded: degrees north and east (WGS 84), metres above the sea where the file says."""

    latitude_deg: float
    longitude_deg: float
    altitude_m: float | None = None


@dataclass(frozen=True, slots=True)
class WritingProgram:
    """A program that left its name in a file. `kind`: "screen recorder", "editor", "camera" or "encoder"."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class TagFacts:
    """What the tags say; `recorded_at` is ISO 8601: in UTC with Z, with the camera's offset, or its bare local time."""

    make: str | None
    model: str | None
    software: str | None
    encoder: str | None
    recorded_at: str | None
    place: GpsPlace | None
    program: WritingProgram | None

    @property
    def device(self) -> str:
        """Make and model as the file says them, or "unknown"."""
        make, model = self.make or "", self.model or ""
        if model.lower().startswith(make.lower()):
            make = ""
        return f"{make} {model}".strip() or "unknown"


# Words that programs leave in tags, by the clips at hand and by what is well known of them; the first that is found
# counts, so a recorder or an editor before the library that it encodes with.
_PROGRAMS: Final[tuple[tuple[str, str, str], ...]] = (
    ("replaykit\\w*", "ReplayKit", "screen recorder"),
    ("obs-output|obs studio|libobs", "OBS Studio", "screen recorder"),
    ("bandicam", "Bandicam", "screen recorder"),
    ("camtasia|techsmith", "Camtasia", "screen recorder"),
    ("screenflow", "ScreenFlow", "screen recorder"),
    ("simplescreenrecorder", "SimpleScreenRecorder", "screen recorder"),
    ("fraps", "Fraps", "screen recorder"),
    ("premiere", "Adobe Premiere", "editor"),
    ("adobe media encoder", "Adobe Media Encoder", "editor"),
    ("after effects", "Adobe After Effects", "editor"),
    ("photoshop", "Adobe Photoshop", "editor"),
    ("lightroom", "Adobe Lightroom", "editor"),
    ("final cut", "Final Cut", "editor"),
    ("imovie", "iMovie", "editor"),
    ("davinci resolve|blackmagic design resolve", "DaVinci Resolve", "editor"),
    ("vegas", "Vegas", "editor"),
    ("capcut", "CapCut", "editor"),
    ("filmora", "Filmora", "editor"),
    ("kdenlive", "Kdenlive", "editor"),
    ("shotcut", "Shotcut", "editor"),
    ("movie maker", "Movie Maker", "editor"),
    ("gimp", "GIMP", "editor"),
    ("gopro", "GoPro", "camera"),
    ("dji", "DJI", "camera"),
    ("insta360", "Insta360", "camera"),
    ("handbrake", "HandBrake", "encoder"),
    ("google", "Google", "encoder"),
    ("mkvmerge|libmatroska", "MKVToolNix", "encoder"),
    ("gpac", "GPAC", "encoder"),
    ("mediabunny\\w*", "Mediabunny", "encoder"),
    ("l-smash", "L-SMASH", "encoder"),
    ("mainconcept", "MainConcept", "encoder"),
    ("apple (?:video|sound) media handler", "QuickTime", "encoder"),
    ("lavf[\\d.]*|lavc[\\d.]*", "FFmpeg", "encoder"),
)
_PROGRAM_TAGS: Final = (*_ENCODER_TAGS, *_SOFTWARE_TAGS, "com.apple.quicktime.author", "handler_name", "product_name")


def read_tags(tags: Mapping[str, str], film_tags: Mapping[str, str]) -> TagFacts:
    """Read a container's tags and its film's, in which case doesn't matter; the container's go first."""
    whole, film = ({key.lower(): value for key, value in some.items() if value} for some in (tags, film_tags))
    merged = {**film, **whole}
    make = _first(merged, _MAKE_TAGS) or _maker([*_values(whole, _MAKER_TAGS), *_values(film, _MAKER_TAGS)])
    return TagFacts(
        make=make,
        model=_first(merged, _MODEL_TAGS),
        software=_first(merged, _SOFTWARE_TAGS),
        encoder=_first(whole, _ENCODER_TAGS) or _first(film, _ENCODER_TAGS),
        recorded_at=_recorded_at(merged),
        place=_place(merged),
        program=_program([*_values(whole, _PROGRAM_TAGS), *_values(film, _PROGRAM_TAGS)]),
    )


def _values(tags: Mapping[str, str], names: Iterable[str]) -> list[str]:
    return [tags[name] for name in names if name in tags]


def _first(tags: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next(iter(_values(tags, names)), None)


def _maker(texts: list[str]) -> str | None:
    return next((maker for maker in _MAKERS if any(_has_word(maker.lower(), text) for text in texts)), None)


def _program(texts: list[str]) -> WritingProgram | None:
    found = (
        WritingProgram(name, kind) for words, name, kind in _PROGRAMS if any(_has_word(words, text) for text in texts)
    )
    return next(found, None)


def _has_word(pattern: str, text: str) -> bool:
    """Tell whether a text has these words whole: "vegas" is in "VEGAS Pro 18", not in "vegastar"."""
    return re.search(rf"(?<![a-z0-9])(?:{pattern})(?![a-z])", text.lower()) is not None


def _recorded_at(tags: Mapping[str, str]) -> str | None:
    zone = _first(tags, _EXIF_ZONES) or ""
    for name in _DATE_TAGS:
        text = tags.get(name, "").strip()
        exif = _EXIF_DATE.fullmatch(text)
        said = f"{exif[1]}-{exif[2]}-{exif[3]}T{exif[4]}" if exif else text
        if exif and name == _EXIF_TAKEN and _ZONE.fullmatch(zone):
            said += zone
        if not _DAY_AND_TIME.match(said):  # a year alone is that of publication
            continue
        try:
            moment = datetime.fromisoformat(said)
        except ValueError:
            continue
        if moment.year in _YEARS:
            written = moment.isoformat(timespec="seconds")
            return written.removesuffix("+00:00") + "Z" if is_utc(said) else written
    return None


def _place(tags: Mapping[str, str]) -> GpsPlace | None:
    for text in _values(tags, _LOCATION_TAGS):
        match = _LOCATION.fullmatch(text.strip())
        if match is not None:
            latitude, longitude = _degrees(match[1], _LATITUDE_DIGITS), _degrees(match[2], _LONGITUDE_DIGITS)
            place = _on_earth(latitude, longitude, float(match[3]) if match[3] else None)
            if place is not None:
                return place
    return _exif_place(tags)


def _degrees(text: str, digits: int) -> float:
    """Read ±DD.D, ±DDMM.M or ±DDMMSS.S, with `digits` for the degrees; what is neither is not a number."""
    whole, _, rest = text[1:].partition(".")
    if len(whole) > digits and (len(whole) - digits) % 2:
        return math.nan
    parts = [whole[:digits], *(whole[at : at + 2] for at in range(digits, len(whole), 2))]
    numbers = [float(part) for part in parts[:-1]] + [float(f"{parts[-1]}.{rest or 0}")]
    value = sum(number / 60.0**place for place, number in enumerate(numbers))
    return -value if text[0] == "-" else value


def _exif_place(tags: Mapping[str, str]) -> GpsPlace | None:
    latitude, longitude, height_m = (_exif_number(tags, f"gpsinfo/gps{name}") for name in _EXIF_NUMBERS)
    return None if latitude is None or longitude is None else _on_earth(latitude, longitude, height_m)


def _exif_number(tags: Mapping[str, str], name: str) -> float | None:
    """Read degrees, minutes and seconds, or metres, as FFmpeg writes Exif's fractions: "48:1, 8:1, 66:5"."""
    parts = [(int(over), int(under)) for over, under in _FRACTION.findall(tags.get(name, ""))]
    if not parts or not all(under for _, under in parts):
        return None
    value = sum(over / under / 60.0**place for place, (over, under) in enumerate(parts))
    return -value if tags.get(f"{name}ref", "").strip().upper() in _NEGATIVE else value


def _on_earth(latitude_deg: float, longitude_deg: float, altitude_m: float | None) -> GpsPlace | None:
    """Return a place, None for what lies nowhere, and for 0, 0, which cameras write before they know better."""
    if not (abs(latitude_deg) <= _MOST_LATITUDE and abs(longitude_deg) <= _MOST_LONGITUDE):  # not a number neither
        return None
    if latitude_deg == 0 and longitude_deg == 0:
        return None
    return GpsPlace(round(latitude_deg, 7), round(longitude_deg, 7), altitude_m)
