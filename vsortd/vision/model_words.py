"""Models as they are named on a command line: `sample`, `auto`, `NAME/TAG`, `NAME=FILE`. No torch, no open_clip."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.core.paths import as_on_disk
from vsortd.errors import UsageError
from vsortd.vision.models import AUTO, RECOMMENDED, SAMPLE, looks_like_path

if TYPE_CHECKING:
    from vsortd.config.settings import ModelChoice

FORMS = "sample, auto, NAME/TAG such as ViT-B-32-256/datacomp_s34b_b86k, or NAME=FILE such as ViT-B-32=mine.safetensors"


def read_model(word: str) -> str | ModelChoice:
    """Return what the config's `model:` would hold; a name alone takes its recommended tag, a file its full path.

    NAME=FILE may name a folder, or a config with the weights beside it, as in the config. Whether the model exists is
    found when it is loaded. Raises UsageError for what is none of the forms.
    """
    word = word.strip()
    if word.casefold() in {AUTO, SAMPLE}:
        return word.casefold()
    name, is_file, file = word.partition("=")
    if is_file and name.strip() and file.strip():
        return _choice(name, str(_full(file.strip())))
    if is_file or word.startswith(("/", "~", ".")) or (looks_like_path(word) and Path(word).suffix):
        raise UsageError(
            f"{word!r} says {'half of a model' if is_file else 'no architecture'}.",
            remedy=f"Write the name and the file: ViT-B-32={file or word if not is_file else 'FILE'}.",
        )
    name, _, tag = word.partition("/")
    if tag.strip() and name.strip():
        return _choice(name, tag.strip())
    tags = [model.tag for model in RECOMMENDED if model.name == name.strip()]
    if tags:
        return _choice(name, tags[0])
    if name.strip():
        from vsortd.vision.sources import known_tags  # the nearest names, where there is no such model

        known = ", ".join(known_tags(name.strip()))
        raise UsageError(f"{word} needs a tag: {name}/TAG.", remedy=f"It has: {known}." if known else f"Write {FORMS}.")
    raise UsageError(f"{word!r} names no model.", remedy=f"Write {FORMS}.")


def model_word(choice: str | ModelChoice) -> str:
    """Return how a model is named on a command line."""
    if isinstance(choice, str):
        return choice
    return f"{choice.name}{'=' if looks_like_path(choice.weights) else '/'}{choice.weights}"


def _choice(name: str, weights: str) -> ModelChoice:
    from vsortd.config.settings import ModelChoice

    try:
        return ModelChoice(name=name.strip(), weights=weights)
    except ValueError as error:  # pydantic's: the config would refuse it, too
        raise UsageError(f"{name.strip()!r} with {weights!r} names no model.", remedy=f"Write {FORMS}.") from error


def _full(file: str) -> Path:
    return as_on_disk(Path(os.path.abspath(Path(file).expanduser())))  # noqa: PTH100 - Path.absolute keeps ".."
