"""From what the config asks for to an architecture, its preprocessing and a weights file on this machine."""

from __future__ import annotations

import difflib
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsortd.errors import ModelError
from vsortd.media.preprocess import Preprocess, ResizeMode
from vsortd.vision.encoder import Family
from vsortd.vision.hub import obtain_weights
from vsortd.vision.model_files import check_model_config, read_json
from vsortd.vision.models import (
    AUTO,
    AUTO_CPU,
    AUTO_CUDA,
    CONFIG_FILES,
    SAMPLE,
    WEIGHT_FILES,
    WEIGHT_SUFFIXES,
    ModelUnavailableError,
    looks_like_path,
)
from vsortd.vision.open_clip_parts import (
    PreprocessCfg,
    get_model_config,
    get_pretrained_cfg,
    is_pretrained_cfg,
    list_models,
    list_pretrained_tags_by_model,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vsortd.config.settings import ModelChoice

_USUAL_SIDE_PX = 224  # where a config of open_clip says nothing
_LIST_REMEDY = "`vsortd model list --all` prints every name and tag."


@dataclass(frozen=True, slots=True)
class Source:
    """Everything that is needed to build a model.

    `model_cfg` is open_clip's architecture config, `preprocess_cfg` its preprocessing keys. `official`
    weights belong to open_clip's list, so its own adjustments of old checkpoints apply. `config` is the file that
    `model_cfg` stands in, None where it is open_clip's own.
    """

    name: str
    weights: str
    path: Path
    model_cfg: Mapping[str, Any]
    preprocess_cfg: Mapping[str, Any]
    family: Family
    official: bool
    config: Path | None = None


def resolve(choice: str | ModelChoice, *, on_cuda: bool) -> Source:
    """Find the model that `choice` names, downloading its weights if need be.

    Raises ModelUnavailableError when weights are not here and can't be downloaded, ModelError for a name,
    tag, file or config that does not exist or does not fit.
    """
    if choice == SAMPLE:
        return _sample()
    if choice == AUTO:
        return _pretrained(*(AUTO_CUDA if on_cuda else AUTO_CPU))
    if isinstance(choice, str):
        raise ModelError(f"There is no model {choice!r}.", remedy="Write auto, sample, or {name: …, weights: …}.")
    if looks_like_path(choice.weights):
        return _local(choice.name, Path(choice.weights).expanduser())
    return _pretrained(choice.name, choice.weights)


def model_names() -> list[str]:
    """Return every architecture that open_clip knows."""
    return list(list_models())  # type: ignore[no-untyped-call]


def _architecture(name: str) -> dict[str, Any]:
    """Return a copy of open_clip's config of an architecture that it knows."""
    config: dict[str, Any] = get_model_config(name)  # type: ignore[no-untyped-call]
    return config


def known_tags(name: str) -> list[str]:
    """Return the pretrained tags of a model. Raises ModelError, with the nearest names, if there is none."""
    names = model_names()
    if name not in names:
        raise ModelError(f"open_clip has no model {name!r}.{_nearest(name, names)}", remedy=_LIST_REMEDY)
    return list(list_pretrained_tags_by_model(name))


def check_tag(name: str, tag: str) -> None:
    """Raise ModelError, with the nearest names or the list of tags, unless open_clip offers this pair."""
    tags = known_tags(name)
    if not is_pretrained_cfg(name, tag):
        known = f"It has: {', '.join(tags)}." if tags else "It has none; name a weights file instead."
        raise ModelError(f"{name} has no pretrained weights {tag!r}.{_nearest(tag, tags)} {known}", remedy=_LIST_REMEDY)


def repository_of(name: str, tag: str) -> tuple[str, tuple[str, ...]]:
    """Return the hub repository of a pretrained pair and the file names to try there, safetensors first."""
    location: str = get_pretrained_cfg(name, tag).get("hf_hub", "")
    repository, _, filename = location.rpartition("/")
    if not repository:
        raise ModelError(
            f"The weights of {name} / {tag} are not on the hub.",
            remedy="Download them and name the file as `weights`.",
        )
    if not filename:
        return repository, WEIGHT_FILES
    safe = Path(filename).with_suffix(".safetensors").name
    return repository, tuple(dict.fromkeys((safe, filename)))


def _pretrained(name: str, tag: str) -> Source:
    check_tag(name, tag)
    repository, names = repository_of(name, tag)
    pretrained_cfg = get_pretrained_cfg(name, tag)
    model_cfg = _architecture(name)
    if pretrained_cfg.get("quick_gelu"):
        # open_clip only warns when a tag was trained with another activation than the architecture's default
        model_cfg["quick_gelu"] = True
    return Source(
        name=name,
        weights=tag,
        path=obtain_weights(name, tag, repository, names),
        model_cfg=model_cfg,
        preprocess_cfg=pretrained_cfg,
        family=_family(model_cfg),
        official=True,
    )


def _sample() -> Source:
    from vsortd.vision import sample

    model_cfg, preprocess_cfg = read_config(Path(sample.model_config_path()))
    path = Path(sample.weights_path())
    if not path.is_file():
        raise ModelError(
            "The installation lacks the sample model's weights.", remedy="Install vsortd again.", paths=[path]
        )
    try:
        with path.open("rb") as file:
            sound = hashlib.file_digest(file, "sha256").hexdigest() == sample.WEIGHTS_SHA256
    except OSError as error:
        raise ModelError(
            f"The sample model's weights {path} can't be read: {error}.", remedy="Install vsortd again.", paths=[path]
        ) from error
    if not sound:
        raise ModelError(
            f"The sample model's weights {path} are damaged.", remedy="Install vsortd again.", paths=[path]
        )
    return Source(sample.MODEL_NAME, SAMPLE, path, model_cfg, preprocess_cfg, Family.SAMPLE, official=False)


def _local(name: str, location: Path) -> Source:
    """Take weights from a file, a folder, or a config beside them."""
    if not location.is_absolute():
        raise ModelError(f"The weights path {location} is not a full path.", remedy="Begin it with / or ~.")
    if not location.exists():
        raise ModelUnavailableError(
            f"The weights {location} are not there.",
            remedy="Check the path, or whether the disk is mounted.",
            paths=[location],
        )
    config, weights = _config_and_weights(name, location)
    if config is not None:
        model_cfg, preprocess_cfg = read_config(config)
    elif name in model_names():
        model_cfg, preprocess_cfg = _architecture(name), _usual_preprocessing(name)
    else:
        raise ModelError(
            f"open_clip has no model {name!r}, and no {' or '.join(CONFIG_FILES)} lies beside {weights}."
            f"{_nearest(name, model_names())}",
            remedy=_LIST_REMEDY,
            paths=[weights],
        )
    return Source(
        name, str(location), weights, model_cfg, preprocess_cfg, _family(model_cfg), official=False, config=config
    )


def _config_and_weights(name: str, location: Path) -> tuple[Path | None, Path]:
    """Pair a weights file with the config that describes it; a name that open_clip knows needs none."""
    if location.is_dir():
        return _first_file(location, CONFIG_FILES), _weights_in(location)
    if location.suffix.lower() == ".json":
        beside = [location.with_suffix(suffix) for suffix in WEIGHT_SUFFIXES]
        return location, next((weights for weights in beside if weights.is_file()), None) or _weights_in(
            location.parent
        )
    own = location.with_suffix(".json")
    if own.is_file():
        return own, location
    if name in model_names():
        return None, location
    return _first_file(location.parent, CONFIG_FILES), location


def _weights_in(folder: Path) -> Path:
    """Return the folder's weights: by the usual names, else the only file of a fitting kind."""
    usual = _first_file(folder, WEIGHT_FILES)
    if usual is not None:
        return usual
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in WEIGHT_SUFFIXES)
    safe = [path for path in files if path.suffix.lower() == ".safetensors"]
    found = safe or files
    if len(found) == 1:
        return found[0]
    what = "holds no weights" if not found else f"holds several: {', '.join(path.name for path in found)}"
    raise ModelError(f"The model folder {folder} {what}.", remedy="Name the weights file itself.", paths=[folder])


def _first_file(folder: Path, names: Iterable[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def read_config(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read open_clip's JSON: `model_cfg`, `preprocess_cfg`, or an architecture alone. Raises ModelError."""
    document = read_json(path)
    model_cfg = document.get("model_cfg", document) if isinstance(document, dict) else None
    preprocess_cfg = document.get("preprocess_cfg", {}) if isinstance(document, dict) else None
    needed = {"embed_dim", "vision_cfg", "text_cfg"}
    if not isinstance(model_cfg, dict) or not isinstance(preprocess_cfg, dict) or not needed <= model_cfg.keys():
        raise ModelError(
            f"{path} is no open_clip model config: it needs {', '.join(sorted(needed))}.",
            remedy="Download or copy it again.",
            paths=[path],
        )
    check_model_config(path, model_cfg)
    return model_cfg, preprocess_cfg


def preprocess_of(source: Source) -> Preprocess:
    """Return how a model wants its pictures, before it is built. Raises ModelError."""
    side = source.model_cfg["vision_cfg"].get("image_size", _USUAL_SIDE_PX)
    return to_preprocess(source.preprocess_cfg, side if isinstance(side, int) else tuple(side), source.config)


def to_preprocess(
    preprocess_cfg: Mapping[str, Any], image_size: int | tuple[int, int], config: Path | None = None
) -> Preprocess:
    """Turn open_clip's preprocessing keys into ours; `image_size` is the model's own, `config` the file they stand in.

    Raises ModelError.
    """
    default = PreprocessCfg()
    sides = {image_size} if isinstance(image_size, int) else set(image_size)
    if len(sides) != 1:
        raise _unusable(config, f"wants pictures of {image_size} pixels; only square ones are supported")
    interpolation = preprocess_cfg.get("interpolation") or default.interpolation
    if not isinstance(interpolation, str) or interpolation not in {"bicubic", "bilinear"}:
        raise _unusable(config, f"asks for the interpolation {interpolation!r}, which is not supported")
    try:
        mean = _three(preprocess_cfg.get("mean") or default.mean)
        std = _three(preprocess_cfg.get("std") or default.std)
        resize = ResizeMode(preprocess_cfg.get("resize_mode") or default.resize_mode)
    except (TypeError, ValueError) as error:
        raise _unusable(config, f"has a preprocessing that can't be used: {error}") from error
    if min(std) <= 0 or not all(map(math.isfinite, (*mean, *std))):
        raise _unusable(config, f"has a preprocessing that can't be used: mean {mean}, std {std}")
    return Preprocess(
        side_px=sides.pop(),
        mean=mean,
        std=std,
        resize=resize,
        interpolation="bicubic" if interpolation == "bicubic" else "bilinear",
    )


def _unusable(config: Path | None, why: str) -> ModelError:
    return ModelError(
        f"The model {why}.",
        remedy=f"Correct {config or 'its config'}, or download or copy it again.",
        paths=[config] if config else [],
    )


def _three(values: Iterable[float]) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _usual_preprocessing(name: str) -> dict[str, Any]:
    """Return the preprocessing that all published weights of an architecture share, else nothing."""
    keys = ("mean", "std", "interpolation", "resize_mode")
    shared: list[dict[str, Any]] = []
    for tag in list_pretrained_tags_by_model(name):
        cfg = get_pretrained_cfg(name, tag)
        own = {key: cfg.get(key) for key in keys}
        if own not in shared:
            shared.append(own)
    return shared[0] if len(shared) == 1 else {}


def _family(model_cfg: Mapping[str, Any]) -> Family:
    return Family.CLIP if model_cfg.get("init_logit_bias") is None else Family.SIGLIP


def _nearest(word: str, words: Iterable[str]) -> str:
    by_fold = {known.casefold(): known for known in words}
    close = difflib.get_close_matches(word.casefold(), by_fold, n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(by_fold[match] for match in close)}?" if close else ""
