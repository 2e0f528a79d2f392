"""What a video's file says of itself, as the index keeps it: so that its rules can be asked anew without opening it."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.video_facts import Clip, Stream

if TYPE_CHECKING:
    from collections.abc import Mapping

CLIP: Final = "clip"  # the part's name in the index
CLIP_VERSION: Final = "1"
_FIELDS: Final = frozenset(one.name for one in fields(Clip))


def document_of_clip(clip: Clip) -> dict[str, object]:
    """Return a video's facts as the index keeps them."""
    return asdict(clip)


def clip_of_document(document: Mapping[str, Any]) -> Clip | None:
    """Return what `document_of_clip` made, None where it is not of this form."""
    if document.keys() != _FIELDS:
        return None
    try:
        streams = tuple(Stream(**{**one, "metadata_keys": tuple(one["metadata_keys"])}) for one in document["streams"])
    except (KeyError, TypeError):
        return None
    return Clip(**{**document, "streams": streams})
