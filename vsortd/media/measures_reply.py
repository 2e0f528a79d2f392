"""A pass's measures on their way from the worker: counts and single numbers in the header, columns in the blob.

Nothing is believed unchecked, see `protocol`: the columns' sizes follow from the counts and must add up to the blob's,
and every number must lie where a true one can. Levels may be -inf, which travels as null where it is in the header.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.media.measures import (
    BLOCK_S,
    CURVE_HZ,
    MAX_CHANNELS,
    MAX_FRAMES,
    MAX_SOUND_S,
    SMALL_PX,
    SOUND_RATES_HZ,
    Measures,
    PictureMeasures,
    SoundMeasures,
)
from vsortd.media.protocol import MAX_STREAMS, ProtocolError, cleaned, counted, finite, only_keys, typed

if TYPE_CHECKING:
    import numpy.typing as npt

    from vsortd.media.protocol import Blob, Message

_MAX_REASON: Final = 500
_LAST_S: Final = 1e9
# Samples may be beyond full scale; LoudnessMeter lets a million through.
_LEVEL: Final = (-400.0, 200.0)
_MAX_BINS: Final = 1 << 16
# A curve and blocks end with the sound, give or take a part; rates that are no multiple of ten make parts shorter.
_SLACK: Final = 1.5


@dataclass(frozen=True, slots=True)
class BlobColumn:
    """One array: its type, which count of the header is its length, its further sides (-1: channels), its range."""

    dtype: type[np.generic]
    count: str
    sides: tuple[int, ...]
    least: float
    most: float
    silent: bool = False  # -inf is a level


_SHARE: Final = (0.0, 1.0)
_STEP: Final = (0.0, 255.0)
PICTURE_COLUMNS: Final[dict[str, BlobColumn]] = {
    "times_s": BlobColumn(np.float64, "frames", (), 0.0, _LAST_S),
    "keys": BlobColumn(np.uint8, "frames", (), 0, 1),
    "difference": BlobColumn(np.float32, "frames", (), *_STEP),
    "change": BlobColumn(np.float32, "frames", (), *_STEP),
    "luma": BlobColumn(np.float32, "frames", (), *_STEP),
    "dark": BlobColumn(np.float32, "frames", (), *_SHARE),
    "clipped": BlobColumn(np.float32, "frames", (), *_SHARE),
    "sharpness": BlobColumn(np.float32, "frames", (), 0.0, 1020.0**2),  # of values up to four times 255
    "shift": BlobColumn(np.float32, "frames", (2,), -0.5, 0.5),
    "small": BlobColumn(np.uint8, "frames", (SMALL_PX, SMALL_PX, 3), 0, 255),
    "quality_times_s": BlobColumn(np.float64, "looks", (), 0.0, _LAST_S),
    "blur": BlobColumn(np.float32, "looks", (), 0.0, 1e5),
    "blocks": BlobColumn(np.float32, "looks", (), 0.0, 1e5),
    "noise": BlobColumn(np.float32, "looks", (), 0.0, 1e4),
}
SOUND_COLUMNS: Final[dict[str, BlobColumn]] = {
    "momentary_lufs": BlobColumn(np.float32, "curve", (), *_LEVEL, silent=True),
    "short_lufs": BlobColumn(np.float32, "curve", (), *_LEVEL, silent=True),
    "blocks_db": BlobColumn(np.float32, "blocks", (-1,), *_LEVEL, silent=True),
    "dc": BlobColumn(np.float32, "one", (-1,), -1e6, 1e6),
    "spectrum_db": BlobColumn(np.float32, "bins", (), *_LEVEL, silent=True),
}
_SOUND_LEVELS: Final = (
    "integrated_lufs",
    "true_peak_dbtp",
    "max_momentary_lufs",
    "max_short_lufs",
    "mean_db",
    "max_db",
    "side_db",
)


def max_measures_bytes(*, pictures: bool, sound: bool) -> int:
    """Return how large a blob may be for what was asked for, whatever the file."""
    counts = {"frames": MAX_FRAMES, "looks": MAX_FRAMES, **_most_of_sound(MAX_SOUND_S), "one": 1}
    wanted = [*(PICTURE_COLUMNS.values() if pictures else ()), *(SOUND_COLUMNS.values() if sound else ())]
    return sum(math.prod(_shape(column, counts, MAX_CHANNELS)) * np.dtype(column.dtype).itemsize for column in wanted)


def measures_to_reply(measures: Measures) -> tuple[Message, Blob]:
    """Return the header and the blob of a pass's measures."""
    pictures, sound = measures.pictures, measures.sound
    header: Message = {"pictures": pictures, "sound": sound}
    parts: list[memoryview] = []
    if isinstance(pictures, PictureMeasures):
        counts = {"frames": len(pictures.times_s), "looks": len(pictures.quality_times_s)}
        header["pictures"] = {**counts, "interlaced": pictures.interlaced}
        parts += _packed(pictures, PICTURE_COLUMNS)
    if isinstance(sound, SoundMeasures):
        header["sound"] = {
            "curve": len(sound.momentary_lufs),
            "blocks": len(sound.blocks_db),
            "bins": len(sound.spectrum_db),
            **{name: getattr(sound, name) for name in ("stream", "rate_hz", "channels", "layout")},
            **{name: getattr(sound, name) for name in ("duration_s", "start_s", "lra_lu")},
            **{name: _or_none(getattr(sound, name)) for name in _SOUND_LEVELS},
        }
        parts += _packed(sound, SOUND_COLUMNS)
    return header, b"".join(parts)


def measures_from_reply(header: Message, blob: Blob, *, pictures: bool, sound: bool) -> Measures:
    """Check a pass's measures, of what was asked for. Raises ProtocolError."""
    only_keys(header, {"pictures", "sound"})
    for name, asked in (("pictures", pictures), ("sound", sound)):
        if header[name] is not None and not asked:
            raise ProtocolError(f"{name} that nobody asked for")
    if header["pictures"] is None and header["sound"] is None:
        raise ProtocolError("measures of nothing")
    rest = memoryview(blob)
    film, rest = _pictures_from(header["pictures"], rest)
    track, rest = _sound_from(header["sound"], rest)
    if len(rest):
        raise ProtocolError("measures of the wrong size")
    return Measures(film, track)


def _pictures_from(raw: object, rest: memoryview) -> tuple[PictureMeasures | str | None, memoryview]:
    if raw is None or type(raw) is str:
        return _reason(raw), rest
    if not isinstance(raw, dict):
        raise ProtocolError("no measures of pictures")
    only_keys(raw, {"frames", "looks", "interlaced"})
    counts = {name: counted(raw, name) for name in ("frames", "looks")}
    if not 0 < counts["frames"] <= MAX_FRAMES or counts["looks"] > counts["frames"]:
        raise ProtocolError("measures of an impossible number of frames")
    interlaced = _between(raw, "interlaced", _SHARE)
    columns, rest = _columns_from(PICTURE_COLUMNS, counts, 0, rest)
    for name in ("times_s", "quality_times_s"):
        if (np.diff(columns[name]) < 0).any():
            raise ProtocolError(f"{name} out of order")
    columns["keys"] = columns["keys"].astype(np.bool_)
    return PictureMeasures(interlaced=interlaced, **columns), rest


def _sound_from(raw: object, rest: memoryview) -> tuple[SoundMeasures | str | None, memoryview]:
    if raw is None or type(raw) is str:
        return _reason(raw), rest
    if not isinstance(raw, dict):
        raise ProtocolError("no measures of sound")
    whole = {"stream": MAX_STREAMS - 1, "rate_hz": SOUND_RATES_HZ[-1], "channels": MAX_CHANNELS}
    seconds = ("duration_s", "start_s", "lra_lu")
    only_keys(raw, {"curve", "blocks", "bins", "layout", *whole, *seconds, *_SOUND_LEVELS})
    facts: dict[str, Any] = {name: counted(raw, name) for name in whole}
    if (
        any(facts[name] > most for name, most in whole.items())
        or facts["rate_hz"] < SOUND_RATES_HZ[0]
        or not facts["channels"]
    ):
        raise ProtocolError("sound of an impossible kind")
    facts |= {name: _between(raw, name, (0.0, _LAST_S)) for name in seconds}
    facts |= {name: _level(raw, name) for name in _SOUND_LEVELS}
    counts = {name: counted(raw, name) for name in ("curve", "blocks", "bins")}
    most_of = _most_of_sound(min(MAX_SOUND_S, facts["duration_s"]))
    if any(counts[name] > most_of[name] for name in counts) or not counts["bins"]:
        raise ProtocolError("measures of an impossible length of sound")
    columns, rest = _columns_from(SOUND_COLUMNS, {**counts, "one": 1}, facts["channels"], rest)
    columns["dc"] = columns["dc"].reshape(-1)
    return SoundMeasures(layout=cleaned(typed(raw, "layout", str)), **facts, **columns), rest


def _columns_from(
    columns: dict[str, BlobColumn], counts: dict[str, int], channels: int, rest: memoryview
) -> tuple[dict[str, Any], memoryview]:
    """Take columns (arrays by name) from the beginning of what is left of the blob; returns what is left then."""
    found: dict[str, npt.NDArray[Any]] = {}
    for name, column in columns.items():
        shape = _shape(column, counts, channels)
        size = math.prod(shape) * np.dtype(column.dtype).itemsize
        if len(rest) < size:
            raise ProtocolError("measures of the wrong size")
        values = np.frombuffer(rest[:size], column.dtype).reshape(shape)
        fits = (values >= column.least) & (values <= column.most)  # not a number is nowhere
        if column.silent:
            fits |= np.isneginf(values)
        if not fits.all():
            raise ProtocolError(f"{name} is out of range")
        found[name], rest = values, rest[size:]
    return found, rest


def _most_of_sound(duration_s: float) -> dict[str, int]:
    """Return how many values a sound of some length may have at most."""
    return {
        "curve": int(duration_s * CURVE_HZ * _SLACK) + 1,
        "blocks": int(duration_s / BLOCK_S * _SLACK) + 1,
        "bins": _MAX_BINS,
    }


def _shape(column: BlobColumn, counts: dict[str, int], channels: int) -> tuple[int, ...]:
    return (counts[column.count], *(channels if side < 0 else side for side in column.sides))


def _packed(measures: PictureMeasures | SoundMeasures, columns: dict[str, BlobColumn]) -> list[memoryview]:
    """Return each column where it lies; a number beyond its range, which odd bytes lead to, is brought to its end."""
    parts = []
    for name, column in columns.items():
        values = getattr(measures, name).astype(column.dtype, copy=False)
        if column.silent:
            values = np.where(values > column.least, values, -np.inf).astype(column.dtype, copy=False)
            values = np.minimum(values, column.dtype(column.most))
        elif column.dtype in {np.float32, np.float64}:
            values = np.clip(np.nan_to_num(values), column.least, column.most)
        parts.append(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return parts


def _reason(raw: str | None) -> str | None:
    return None if raw is None else cleaned(raw, _MAX_REASON)


def _or_none(level: float) -> float | None:
    return min(level, _LEVEL[1]) if level > _LEVEL[0] else None


def _level(raw: Message, name: str) -> float:
    return -math.inf if raw[name] is None else _between(raw, name, _LEVEL)


def _between(raw: Message, name: str, allowed: tuple[float, float]) -> float:
    found = finite(raw, name)
    if not allowed[0] <= found <= allowed[1]:
        raise ProtocolError(f"{name} is out of range")
    return found
