"""The tokenizer of a model: open_clip's plain one, or one of the transformers library; no file of it runs."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsortd.errors import ModelError
from vsortd.vision.model_files import check_transformers_folder, tokenizer_options
from vsortd.vision.models import cached_weights
from vsortd.vision.open_clip_parts import HFTokenizer, SimpleTokenizer

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from vsortd.vision.sources import Source

_BPE_TOKENS: Final = 49_408  # of open_clip's plain tokenizer
_TOKENIZER_FILES: Final = ("tokenizer_config.json", "tokenizer.json", "config.json")


def load_tokenizer(source: Source) -> Callable[[list[str]], torch.Tensor]:
    """Return open_clip's plain tokenizer, or the one from the transformers library that the config names.

    Raises ModelError.
    """
    text = source.model_cfg["text_cfg"]
    context = int(text.get("context_length", 77))
    options = tokenizer_options(text)
    external = text.get("hf_tokenizer_name") or text.get("hf_model_name")
    if external is None:
        if text.get("vocab_size", _BPE_TOKENS) < _BPE_TOKENS:
            raise ModelError(
                f"The text side of {source.name} knows {text['vocab_size']} tokens instead of {_BPE_TOKENS}.",
                paths=[source.path],
            )
        try:
            tokenize: Callable[[list[str]], torch.Tensor] = SimpleTokenizer(context_length=context, **options)
        except Exception as error:  # options that are another tokenizer's
            raise ModelError(f"The tokenizer of {source.name} can't be made: {error}", paths=[source.path]) from error
        return tokenize
    if importlib.util.find_spec("transformers") is None:
        raise ModelError(
            f"{source.name} reads text through the library transformers, which is not installed.",
            remedy="Run `pip install transformers`, or choose another model (`vsortd model list`).",
        )
    # It would ask at the terminal whether to run a model's code; without a time to answer in it refuses.
    importlib.import_module("transformers.dynamic_module_utils").TIME_OUT_REMOTE_CODE = 0  # type: ignore[attr-defined]
    origin, here = transformers_origin(source, external, _TOKENIZER_FILES)
    mode = text.get("tokenizer_mode")
    try:
        return HFTokenizer(
            origin,
            context_length=context,
            tokenizer_mode=mode,
            **{**options, "local_files_only": here, "trust_remote_code": False},
        )
    except Exception as error:  # transformers raises anything, most often that its files are not cached
        raise ModelError(
            f"The tokenizer {origin} of {source.name} can't be had: {error}",
            remedy="Fetch it once with network, or put its files beside the weights.",
        ) from error


def transformers_origin(source: Source, name: str, files: tuple[str, ...]) -> tuple[str, bool]:
    """Return where transformers finds what a config names, and whether that is a folder here.

    It is the model's own folder, else the hub's cache; where open_clip's own config names it, the hub itself. `files`
    are those of which one must be there. Raises ModelError where it isn't, and where its files ask for code.
    """
    beside = source.path.parent
    cached = cached_weights(name, files)
    if not source.official and (beside / files[0]).is_file():
        folder = beside
    elif source.config is None:
        if Path(name).exists():  # transformers would take it, whatever it holds
            raise ModelError(
                f"A file or folder {name} lies where vsortd was started, in the place of the hub's {name}.",
                remedy="Start vsortd in another folder.",
            )
        if cached is not None:
            check_transformers_folder(cached.parent)
        return name, False
    elif cached is not None:
        folder = cached.parent
    else:
        raise ModelError(
            f"{source.config} names {name}, which is neither beside the weights nor in the hub's cache.",
            remedy=f"Put its files beside the weights ({', '.join(files)} …); a config of somebody's may not download.",
            paths=[source.config],
        )
    check_transformers_folder(folder)
    return str(folder), True
