"""The tags of a converted file: how ffmpeg has to write them, and whether they are the source's. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Tags that ffmpeg writes into iTunes' fields; any other is kept only as key/value metadata, which it has to be told to
# write, and then it writes all of them so.
_ITUNES_TAGS = frozenset(
    {"title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright", "grouping"}
    | {"lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords", "episode_sort"}
    | {"season_number", "media_type", "hd_video", "gapless_playback", "compilation", "track", "disc"}
)
# What has a field of its own; the location also comes once more by its language.
_OWN_FIELDS = frozenset({"creation_time", "location"})
_AGAIN_BY_LANGUAGE = re.compile(r"location-[a-z]{3}")
# A place as ISO 6709 writes it: latitude, longitude, perhaps the height.
_PLACE = re.compile(r"([+-]\d+(?:\.\d*)?)([+-]\d+(?:\.\d*)?)([+-]\d+(?:\.\d*)?)?")
_PLACE_DEG = 1e-4  # 11 m; the field of 3GPP holds 1/65536 of a degree, of which ffmpeg writes four digits
# Tags of a track that every writer has of its own, or that are compared elsewhere.
_TRACK_FIELDS = frozenset({"creation_time", "encoder", "handler_name", "language", "timecode", "vendor_id", "rotate"})

KIND_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands"})
"""Tags, in lower case, of what kind of MP4 or MOV a file is; those made of one may still have them."""
WRITER_TAGS = frozenset({"encoder", "software", "metadatacreator"})
"""Tags of other containers than MP4, in lower case, that name the program that wrote the file: not of what is in it."""


def only_as_keys(tags: Mapping[str, str]) -> list[str]:
    """Return the tags that are kept only as key/value metadata."""
    known = _ITUNES_TAGS | _OWN_FIELDS
    return sorted(key for key in tags if key not in known and not _AGAIN_BY_LANGUAGE.fullmatch(key))


def difference_of_tags(wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Say which tag a result lacks, has otherwise, or has without need; "" where they agree."""
    for key, value in wanted.items():
        if _AGAIN_BY_LANGUAGE.fullmatch(key) or not value:
            continue
        if key not in found:
            return f"the MP4 would lose the tag {key}"
        if value != found[key] and not (key == "location" and _same_place(value, found[key])):
            return f"the MP4 would have another {key}"
    for key in found:
        if key not in wanted and not _AGAIN_BY_LANGUAGE.fullmatch(key):
            return f"the MP4 would have a tag {key} that was never there"
    return ""


def difference_of_track_tags(wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Say which tag of a track is lost, its language among them; "" for none."""
    language = wanted.get("language", "und")
    if language != "und" and found.get("language") != language:
        return f"the MP4 would lose the language of a track ({language})"
    for key in wanted:
        if key not in _TRACK_FIELDS and found.get(key) != wanted[key]:
            return f"the MP4 would lose a track's {key}"
    return ""


def _same_place(one: str, other: str) -> bool:
    left, right = _PLACE.match(one), _PLACE.match(other)
    if left is None or right is None or bool(left[3]) != bool(right[3]):
        return False
    pairs = zip(left.groups(), right.groups(), strict=True)
    return all(abs(float(a or 0) - float(b or 0)) <= _PLACE_DEG for a, b in pairs)
