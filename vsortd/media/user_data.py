"""Tags and user data that libav passes over: what else of worth a MOV's header holds. Worker processes only."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from vsortd.media.kept_tags import KIND_TAGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vsortd.core.isobmff import BoxReader, IsoBox

# Of no worth to a viewer: where a player's window stood, loops, padding, names of tracks that are tags already.
_IDLE = frozenset(
    {
        b"WLOC",
        b"LOOP",
        b"SelO",
        b"AllF",
        b"ptv ",
        b"name",
        b"hinv",
        b"free",
        b"skip",
        b"wide",
        b"hnti",
        b"hinf",
        b"chpl",
        b"TAGS",
    }
)
# The program that wrote the file, which is another one afterwards.
_WRITER = b"\xa9swr"
# Tags that ffmpeg wrote into earlier files, of the file that each was made of.
_INVENTED = KIND_TAGS | {"encoder"}
_MAX_VALUE_BYTES = 4096
_MAX_KEYS = 256
# How values of keyed metadata are written (QuickTime File Format, "Well-known types"): whole numbers and fractions.
_TEXT = 1
_SIGNED, _UNSIGNED = {21, 65, 66, 67, 74}, {22, 75, 76, 77, 78}
_FRACTIONS = {(23, 4): ">f", (24, 8): ">d"}


def unread_user_data(reader: BoxReader, holder: IsoBox, tags: Mapping[str, str]) -> Iterator[str]:
    """Yield the kinds of user data in a movie's or track's `udta` and `meta` that `tags` tells nothing of."""
    values = [value.encode() for value in tags.values() if value]
    for box in reader.children(holder):
        if box.kind == b"udta":
            for one in reader.children(box):
                if one.kind not in _IDLE | {b"meta", _WRITER} and not _is_told(reader, one, values):
                    yield _name(one.kind)
                elif one.kind == b"meta":
                    yield from _unread_keys(reader, one, tags)
        elif box.kind == b"meta" and holder.kind != b"trak":  # a track's own are told by `keyed_tags`
            yield from _unread_keys(reader, box, tags)


def keyed_tags(reader: BoxReader, holder: IsoBox) -> dict[str, str]:
    """Return the keyed metadata of a track, as text; a value that is none (a picture, say) is ""."""
    for box in reader.children(holder):
        if box.kind == b"meta":
            return dict(_keyed(reader, box))
    return {}


def _is_told(reader: BoxReader, box: IsoBox, values: list[bytes]) -> bool:
    """Tell whether a piece of user data is in the tags, or holds nothing."""
    raw = reader.payload(box, min(box.end - box.payload, _MAX_VALUE_BYTES))
    if box.kind[:1] == b"\xa9":  # a length and a language stand before the text
        length = int.from_bytes(raw[:2], "big")
        raw = raw[4 : 4 + length]
        return not raw.strip(b"\0 ") or raw in values
    return not raw.strip(b"\0 ") or any(len(value) > 1 and value in raw for value in values)


def _unread_keys(reader: BoxReader, meta: IsoBox, tags: Mapping[str, str]) -> Iterator[str]:
    for key, value in _keyed(reader, meta):
        if key not in tags and key not in _INVENTED and value.strip():
            yield key


def _keyed(reader: BoxReader, meta: IsoBox) -> Iterator[tuple[str, str]]:
    """Yield key and value of metadata with keys (`mdta`); QuickTime's `meta` has no version, ISO's has."""
    skip = 0 if reader.payload(meta, 4, 4) == b"hdlr" else 4
    inside = {box.kind: box for box in reader.children(meta, skip)}
    if b"keys" not in inside or b"ilst" not in inside:
        return
    names = [_name(box_key) for box_key in _keys(reader, inside[b"keys"])]
    for item in reader.children(inside[b"ilst"]):
        place = int.from_bytes(item.kind, "big") - 1
        for data in reader.children(item):
            if data.kind == b"data" and 0 <= place < len(names):
                yield names[place], _value(reader, data)


def _keys(reader: BoxReader, keys: IsoBox) -> Iterator[bytes]:
    place, count = 8, min(int.from_bytes(reader.payload(keys, 4, 4), "big"), _MAX_KEYS)
    for _ in range(count):
        size = int.from_bytes(reader.payload(keys, 4, place), "big")
        if size < 8:  # noqa: PLR2004 - a size and a namespace
            return
        yield reader.payload(keys, min(size - 8, _MAX_VALUE_BYTES), place + 8)
        place += size


def _value(reader: BoxReader, data: IsoBox) -> str:
    kind = int.from_bytes(reader.payload(data, 4), "big")
    raw = reader.payload(data, min(data.end - data.payload - 8, _MAX_VALUE_BYTES), 8)
    if kind == _TEXT:
        text = raw.decode("utf-8", "replace").rstrip("\0")
        return text if text.isprintable() else ""  # it goes into a command line
    if kind in _SIGNED | _UNSIGNED and len(raw) in {1, 2, 3, 4, 8}:
        return str(int.from_bytes(raw, "big", signed=kind in _SIGNED))
    form = _FRACTIONS.get((kind, len(raw)))
    return f"{struct.unpack(form, raw)[0]:g}" if form else ""


def _name(kind: bytes) -> str:
    text = kind.decode("latin-1" if len(kind) == 4 else "utf-8", "replace")  # noqa: PLR2004 - a box's kind
    return "".join(letter for letter in text if letter.isprintable()).strip()
