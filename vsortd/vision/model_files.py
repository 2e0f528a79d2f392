"""What a model's own files may ask for. A stranger made them: they describe a model, and name no code, path or server.

open_clip and transformers take far more out of these files: a tokenizer's Python beside the weights, files anywhere on
this machine, repositories that are downloaded.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from vsortd.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# Of open_clip's own configs and of those in its hub; each only changes how text becomes tokens.
_TOKENIZER_OPTIONS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "clean": (lambda value: value in ("lower", "whitespace", "canonicalize"), "lower, whitespace or canonicalize"),
    "strip_sep_token": (lambda value: isinstance(value, bool), "true or false"),
    "additional_special_tokens": (
        lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value),
        "a list of texts",
    ),
    "language": (lambda value: isinstance(value, str), "a language's name"),
    "trust_remote_code": (lambda value: value is False, "false, since vsortd runs no code of a model"),
}
_HUB_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(?:/[A-Za-z0-9][A-Za-z0-9_.-]*)?")
_TIMM_NAME: Final = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)?")
# No model has as many tokens, pixels or channels, nor layers: building them would not end.
_MAX_NUMBER: Final = 1_000_000
_MAX_LAYERS: Final = 1_000
_NUMBERS: Final = frozenset(
    {"context_length", "vocab_size", "width", "heads", "layers", "head_width", "patch_size", "image_size"}
)
_TOKENIZER_FILES: Final = ("tokenizer_config.json", "config.json", "special_tokens_map.json")


def check_model_config(path: Path, model_cfg: Mapping[str, Any]) -> None:
    """Raise ModelError, with the key and the remedy, for a config that asks for more than an architecture."""
    for name in ("vision_cfg", "text_cfg"):
        if not isinstance(model_cfg[name], dict):
            _refuse(path, f"model_cfg.{name}", "is no group of keys", "Write it as open_clip does, in braces.")
    vision, text = model_cfg["vision_cfg"], model_cfg["text_cfg"]
    _check_number(path, "model_cfg.embed_dim", model_cfg["embed_dim"])
    for group, side in (("vision_cfg", vision), ("text_cfg", text)):
        for key in _NUMBERS & side.keys():
            _check_number(path, f"model_cfg.{group}.{key}", side[key])
    _check_name(path, "model_cfg.vision_cfg.timm_model_name", vision.get("timm_model_name"), _TIMM_NAME, "timm's")
    for key in ("hf_model_name", "hf_tokenizer_name"):
        _check_name(path, f"model_cfg.text_cfg.{key}", text.get(key), _HUB_NAME, "the hub's, such as roberta-base")
    if text.get("tokenizer_mode") not in {None, "", "clips"}:
        _refuse(path, "model_cfg.text_cfg.tokenizer_mode", "is not known", 'Remove it, or write "clips".')
    _check_options(path, text.get("tokenizer_kwargs"))


def tokenizer_options(text_cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a tokenizer is given; whether it may run code is never left to a config."""
    options = dict(text_cfg.get("tokenizer_kwargs") or {})
    options.pop("trust_remote_code", None)
    return options


def check_transformers_folder(folder: Path) -> None:
    """Raise ModelError if the files of a tokenizer or a text model ask for code, or for files in other places."""
    for name in _TOKENIZER_FILES:
        path = folder / name
        if not path.is_file():
            continue
        document = read_json(path)
        if not isinstance(document, dict):
            raise ModelError(f"{path} holds no keys.", remedy="Download or copy it again.", paths=[path])
        for key, value in _entries(document):
            if key in {"auto_map", "trust_remote_code", "custom_pipelines"} and value:
                _refuse(path, key, "asks for Python of the model's own, which vsortd never runs", _OTHER_MODEL)
            if key.endswith(("_file", "_path")) and isinstance(value, str) and _is_elsewhere(folder, value):
                _refuse(path, key, f"names a file outside the model's folder, {value}", "Copy it there.")


def read_json(path: Path) -> Any:  # noqa: ANN401 - whatever it holds
    """Return what a JSON file holds. Raises ModelError."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        why = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise ModelError(
            f"The model's file {path} can't be read: {why}.", remedy="Download or copy it again.", paths=[path]
        ) from error


_OTHER_MODEL: Final = "Remove the key if the model works without, or choose another one (`vsortd model list`)."


def _entries(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the keys of a document and of the groups in it."""
    pending: list[Any] = [document]
    while pending:
        for key, value in pending.pop().items():
            yield key, value
            if isinstance(value, dict):
                pending.append(value)


def _is_elsewhere(folder: Path, value: str) -> bool:
    try:
        place = (folder / value).resolve()
        return not place.is_relative_to(folder.resolve()) and (place.exists() or Path(value).exists())
    except (OSError, ValueError):  # no path at all
        return False


def _check_number(path: Path, key: str, value: object) -> None:
    most = _MAX_LAYERS if key.endswith(".layers") else _MAX_NUMBER
    for one in value if isinstance(value, list) and value else [value]:  # a ResNet's layers, a picture's sides
        if not isinstance(one, int) or isinstance(one, bool) or not 1 <= one <= most:
            _refuse(path, key, f"is no whole number from 1 to {most:,}", "Download or copy the config again.")


def _check_name(path: Path, key: str, value: object, pattern: re.Pattern[str], whose: str) -> None:
    if value is None or value == "":
        return
    if not isinstance(value, str) or not pattern.fullmatch(value) or ".." in value:
        _refuse(path, key, f"is {value!r}; only a name of {whose} can stand there, no path or address", _OTHER_MODEL)


def _check_options(path: Path, options: object) -> None:
    key = "model_cfg.text_cfg.tokenizer_kwargs"
    if options is None:
        return
    if not isinstance(options, dict):
        _refuse(path, key, "is no group of keys", "Write it as open_clip does, in braces.")
    for name, value in options.items():
        if name not in _TOKENIZER_OPTIONS:
            _refuse(path, f"{key}.{name}", f"is none of {', '.join(_TOKENIZER_OPTIONS)}", _OTHER_MODEL)
        fits, allowed = _TOKENIZER_OPTIONS[name]
        if not fits(value):
            _refuse(path, f"{key}.{name}", f"can only be {allowed}", _OTHER_MODEL)


def _refuse(path: Path, key: str, why: str, remedy: str) -> NoReturn:
    raise ModelError(f"{path}: {key} {why}.", remedy=remedy, paths=[path])
