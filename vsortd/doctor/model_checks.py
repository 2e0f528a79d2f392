"""The model: whether its weights are here, without asking the network for them; and whether it loads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.core.units import about_size
from vsortd.doctor.finding import Finding, Level
from vsortd.errors import VsortdError
from vsortd.vision.models import (
    AUTO,
    AUTO_CPU,
    AUTO_CUDA,
    RECOMMENDED,
    SAMPLE,
    WEIGHT_FILES,
    cached_weights,
    hub_cache,
    looks_like_path,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.config.settings import Settings


def weights(settings: Settings) -> Iterator[Finding]:
    """Look for the weights where they would be loaded from; nothing is downloaded."""
    name = "model weights"
    try:
        named = _named(settings)
        if isinstance(named, str):
            yield Finding(name, Level.OK, named)
            return
        if isinstance(named, Path):
            yield _on_disk(name, named)
            return
        model, tag = named
        repository, files = _repository(model, tag)
    except VsortdError as error:
        yield Finding(name, Level.FAIL, error.title, error.remedy, error.details)
        return
    found = cached_weights(repository, files)
    if found is None:
        size = next((f", about {about_size(one.size_mb * 1e6)}" for one in RECOMMENDED if one.tag == tag), "")
        what = f"{model} / {tag} is not in {hub_cache()}: nothing is filed before it is there"
        remedy = f"vsortd model fetch {model} {tag}   (a download{size}; or try `model: sample`)"
        yield Finding(name, Level.FAIL, what, remedy)
    else:
        yield Finding(name, Level.OK, f"{model} / {tag}: {about_size(found.stat().st_size)} in {found.parent}")


def _on_disk(name: str, path: Path) -> Finding:
    if not path.exists():
        return Finding(name, Level.FAIL, f"{path} is not there", "Correct the path: vsortd edit")
    what = f"{about_size(path.stat().st_size)} in {path}" if path.is_file() else str(path)
    return Finding(name, Level.OK, what)


def _named(settings: Settings) -> tuple[str, str] | Path | str:
    """Return (name, tag) of weights of the hub, the path of a file, or a sentence where nothing is to be looked for."""
    choice = settings.model
    if choice == SAMPLE:
        return "the sample model, inside vsortd: it knows a few scenes only"
    if choice == AUTO:
        from vsortd.vision.loading import best_device

        return AUTO_CUDA if best_device().type == "cuda" else AUTO_CPU
    assert not isinstance(choice, str)
    return Path(choice.weights).expanduser() if looks_like_path(choice.weights) else (choice.name, choice.weights)


def _repository(model: str, tag: str) -> tuple[str, tuple[str, ...]]:
    """Return where the hub keeps the weights; what is recommended is known without loading open_clip."""
    for one in RECOMMENDED:
        if (one.name, one.tag) == (model, tag):
            return one.repository, WEIGHT_FILES
    from vsortd.vision.sources import check_tag, repository_of

    check_tag(model, tag)
    return repository_of(model, tag)


def loads(settings: Settings) -> Iterator[Finding]:
    """Load the model if its weights are here, and say what it computes on."""
    if any(finding.level is Level.FAIL for finding in weights(settings)):
        return
    from vsortd.vision.factory import load_encoder

    try:
        encoder = load_encoder(settings.model)
    except VsortdError as error:
        yield Finding("model", Level.FAIL, error.title, error.remedy, error.details)
        return
    info = encoder.info
    encoder.close()
    yield Finding("model", Level.OK, f"{info.name} / {info.weights} on {info.device} ({info.dtype})")
