"""What a command is told of a video: words and variables out of its entry in the history. Pure."""

from __future__ import annotations

import os
import string
from typing import TYPE_CHECKING, Final

from vsortd.config.after_options import BATCH_FIELDS, VIDEO_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vsortd.filing.records import Item

_PREFIX: Final = "VSORTD_"


def values_of(item: Item) -> dict[str, str]:
    """Return the value of each of VIDEO_FIELDS; names keep the bytes that they have on the disk.

    `path` is where the video lies: in the library, or where it was if it stayed there.
    """
    path = item.destination or item.source
    told = {
        "path": str(path),
        "name": path.name,
        "stem": path.stem,
        "folder": str(path.parent),
        "source": str(item.source),
        "destination": str(item.destination or ""),
        "state": item.state.value,
        "rule": item.rule,
        "tags": ",".join(item.tags),
        "score": f"{item.score:.4f}",
        "margin": f"{item.margin:.4f}",
        "id": str(item.id),
        "batch": item.batch,
        "time": item.time,
        "converted": item.converted.value,
        "reason": item.reason,
    }
    return {name: _passable(told[name]) for name in VIDEO_FIELDS}


def values_of_batch(items: Path, count: int) -> dict[str, str]:
    """Return the value of each of BATCH_FIELDS: the JSON file with the videos' entries, and their number."""
    return dict(zip(BATCH_FIELDS, (str(items), str(count)), strict=True))


def filled(words: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Return the command with its values; its first word, the program, with ~ expanded.

    Raises LookupError for a field that has no value here: the config changed between a batch and single videos.
    """
    return [os.path.expanduser(words[0]), *(_filled(word, values) for word in words[1:])]  # noqa: PTH111 - a text


def _filled(word: str, values: Mapping[str, str]) -> str:
    parts = string.Formatter().parse(word)
    return "".join(literal + ("" if name is None else values[name]) for literal, name, _, _ in parts)


def variables(values: Mapping[str, str]) -> dict[str, str]:
    """Return the values as environment variables: `path` as VSORTD_PATH."""
    return {f"{_PREFIX}{name.upper()}": value for name, value in values.items()}


def _passable(text: str) -> str:
    """Return a text as a process can be given it: without zero bytes, and with none that no name has."""
    text = text.replace("\0", "")
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text
