"""The check of what a decoding process says of a file's technical facts; see `protocol`. Import-light."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast, get_type_hints

from vsortd.core.technical_facts import (
    ChapterMark,
    FileKind,
    HdrKind,
    PictureStreamFacts,
    SoundStreamFacts,
    SubtitleStreamFacts,
    TechnicalFacts,
)
from vsortd.media.protocol import MAX_STREAMS, ProtocolError, cleaned, only_keys

if TYPE_CHECKING:
    from vsortd.media.protocol import Message

# What is listed of one kind; together they stay below what a header may take.
MAX_LISTED: Final = 32
MAX_CHAPTERS: Final = 300
MAX_TAGS: Final = 64
MAX_KEY_LENGTH: Final = 64
MAX_TAG_LENGTH: Final = 256
MAX_TITLE_LENGTH: Final = 80

_LARGEST = 2**63 - 1
_SECONDS = (0.0, float(2**62))
_RATE = (0.0, float(2**63))
_SIDE_PX = (1, 2**31 - 1)
_INDEX = (0, MAX_STREAMS - 1)
# What each number may be, by its field's name, which means the same wherever it occurs.
RANGES: Final[dict[str, tuple[float, float]]] = {
    "index": _INDEX,
    "film": _INDEX,
    "streams": (0, MAX_STREAMS),
    "size_bytes": (0, _LARGEST),
    "bytes": (0, _LARGEST),
    "frames": (0, _LARGEST),
    "keyframes": (0, _LARGEST),
    "width_px": _SIDE_PX,
    "height_px": _SIDE_PX,
    "shown_width_px": _SIDE_PX,
    "shown_height_px": _SIDE_PX,
    "rotation_deg": (0, 360),
    "sample_aspect": (0.0, float(2**31)),
    "bit_depth": (0, 64),
    "rate_hz": (1, 2**31 - 1),
    "channels": (1, 2**31 - 1),
    "fps": _RATE,
    "irregular_share": (0.0, 1.0),
    "duration_s": _SECONDS,
    "frame_interval_s": _SECONDS,
    "key_interval_s": _SECONDS,
    "key_interval_max_s": _SECONDS,
    "bitrate_bps": _RATE,
    "begin_s": (-float(2**62), float(2**62)),
    "end_s": (-float(2**62), float(2**62)),
}
_LISTS: Final[dict[str, tuple[type, int]]] = {
    "pictures": (PictureStreamFacts, MAX_LISTED),
    "sounds": (SoundStreamFacts, MAX_LISTED),
    "subtitles": (SubtitleStreamFacts, MAX_LISTED),
    "chapters": (ChapterMark, MAX_CHAPTERS),
}
_TAGS: Final = ("tags", "film_tags")
T = TypeVar("T")


def technical_to_message(facts: TechnicalFacts) -> Message:
    """Return a file's technical facts as plain JSON values."""
    return asdict(facts)


def technical_from_reply(header: Message) -> TechnicalFacts:
    """Check the answer to a request for a file's technical facts, every field of it. Raises ProtocolError."""
    only_keys(header, {"technical"})
    values = _object(header["technical"], TechnicalFacts)
    for name, (kind, most) in _LISTS.items():
        values[name] = _list(values[name], kind, most)
    for name in _TAGS:
        values[name] = _texts_by_name(values[name], name)
    facts = _made(values, TechnicalFacts, passed={*_LISTS, *_TAGS})
    if facts.film is not None and facts.film_stream is None:
        raise ProtocolError("technical facts whose film is none of their streams")
    listed = [one.index for one in facts.pictures]
    listed += [one.index for one in facts.sounds]
    listed += [one.index for one in facts.subtitles]
    if len(set(listed)) != len(listed) or len(listed) > facts.streams:
        raise ProtocolError("technical facts with a stream twice")
    return facts


def _list(raw: object, kind: type[T], most: int) -> tuple[T, ...]:
    if not isinstance(raw, list | tuple) or len(raw) > most:
        raise ProtocolError(f"technical facts with no list of {kind.__name__}")
    return tuple(_made(_object(one, kind), kind) for one in raw)


def _object(raw: object, kind: type) -> Message:
    if not isinstance(raw, dict) or set(raw) != {field.name for field in fields(kind)}:
        raise ProtocolError(f"no {kind.__name__}")
    return dict(raw)


def _made(values: Message, kind: type[T], passed: set[str] | frozenset[str] = frozenset()) -> T:
    """Check a dataclass's plain fields and return it; those of `passed` have been checked."""
    for name, wanted in get_type_hints(kind).items():
        if name not in passed:
            values[name] = _value(values[name], wanted, f"{kind.__name__}.{name}")
    return kind(**values)


def _value(raw: object, wanted: Any, name: str) -> object:  # noqa: ANN401 - a type or a union of one with None
    if raw is None and isinstance(None, wanted):
        return None
    if isinstance("", wanted) and type(raw) is str:
        return cleaned(raw)
    if isinstance(False, wanted) and not isinstance(2, wanted) and type(raw) is bool:
        return raw
    for kind in (FileKind, HdrKind):
        if isinstance(next(iter(kind)), wanted) and type(raw) is str and raw in set(kind):
            return kind(raw)
    least, most = RANGES.get(name.rpartition(".")[2], (1, 0))
    if isinstance(2, wanted) and type(raw) is int and least <= raw <= most:
        return raw
    if isinstance(0.5, wanted) and type(raw) in {int, float} and least <= cast("float", raw) <= most:
        return float(cast("float", raw))
    raise ProtocolError(f"{name} is odd")


def _texts_by_name(raw: object, name: str) -> dict[str, str]:
    if not isinstance(raw, dict) or len(raw) > MAX_TAGS or not all(type(text) is str for text in raw.values()):
        raise ProtocolError(f"{name} are odd")
    return {cleaned(key, MAX_KEY_LENGTH): cleaned(text, MAX_TAG_LENGTH) for key, text in raw.items()}
