"""The categories that a video is asked for where nobody names any: DeepFFmpeg's names, and prompts of our own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsortd.analysis.label_files import LabelUnit, parse_units, read_labels, read_units

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FOLDER: Final = Path(__file__).with_name("categories")
PICTURE_CATEGORIES: Final = _FOLDER / "picture.txt"
SOUND_CATEGORIES: Final = _FOLDER / "sound.txt"


class PictureUnit(StrEnum):
    """The units of what is seen."""

    STYLE = "VisualStyle"
    QUALITY = "ImageQuality"
    PURPOSE = "ContentPurpose"
    MOOD = "Mood"


class SoundUnit(StrEnum):
    """The units of what is heard."""

    QUALITY = "RecordingQuality"
    PURPOSE = "ContentPurpose"
    MOOD = "AudioMood"


@dataclass(frozen=True, slots=True)
class LabelSource:
    """The units that are asked for, and where they come from: "built-in", or a file's name.

    `digest` is of what the units say: the same words ask for the same.
    """

    units: tuple[LabelUnit, ...]
    name: str
    digest: str
    built_in: bool = False


def built_in_picture_labels() -> LabelSource:
    """Return the categories in the package for what is seen."""
    return _built_in(PICTURE_CATEGORIES)


def built_in_sound_labels() -> LabelSource:
    """Return those for what is heard."""
    return _built_in(SOUND_CATEGORIES)


def _built_in(path: Path) -> LabelSource:
    units, mistakes = parse_units(path.read_bytes())
    assert not mistakes
    return LabelSource(units, "built-in", _digest(units), built_in=True)


def labels_of_file(labels: Path | None, categories: Path | None) -> LabelSource:
    """Read a list of labels, or a file of categories; raises like `read_labels`. Without either, the built-in ones."""
    if labels is not None:
        units: tuple[LabelUnit, ...] = (read_labels(labels),)
        return LabelSource(units, labels.name, _digest(units))
    if categories is not None:
        units = read_units(categories)
        return LabelSource(units, categories.name, _digest(units))
    return built_in_picture_labels()


def _digest(units: Sequence[LabelUnit]) -> str:
    return hashlib.sha256(repr(tuple(units)).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def categories_unknown(source: LabelSource, unknown_words: Callable[[str], Sequence[str]]) -> tuple[str, ...]:
    """Return the categories of which a model knows no prompt whole; `unknown_words` are those of a text to it."""
    return tuple(
        category.name
        for unit in source.units
        for category in unit.categories
        if all(unknown_words(prompt) for prompt in category.prompts)
    )
