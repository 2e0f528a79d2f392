"""Builds a CLAP model and fills it with weights: every key or none, tensors only, no code of the model's own."""

from __future__ import annotations

import importlib.util
import math
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch

from vsortd.core.units import about_size
from vsortd.errors import ModelError
from vsortd.hearing.clap_files import CONFIG, find_clap
from vsortd.hearing.sound_encoder import SoundModelInfo
from vsortd.vision.loading import best_device, check_fit, fingerprint, read_weights

if TYPE_CHECKING:
    from vsortd.hearing.clap_files import ClapFiles

# Tables that older versions of transformers kept beside the weights; they follow from the config.
_TABLES: Final = ("position_ids", "token_type_ids", "relative_position_index")
_MOST_TIMES: Final = 2  # so much larger than its file a model in float32 is where that was saved in half of it
_MAX_TOKENS: Final = 77  # that its makers taught it with
# transformers' models are of no type that is known here
Untyped = Any


@dataclass(frozen=True, slots=True)
class LoadedClap:
    """A model ready to run. `tokenizer` is one of the library tokenizers."""

    module: Untyped
    tokenizer: Untyped
    device: torch.device
    files: ClapFiles
    info: SoundModelInfo


def load_clap(choice: str, *, device: str | None = None) -> LoadedClap:
    """Load the model that the config names onto a device, by default the fastest one here.

    In float32: a model of this size has no need of less. Raises ModelError and ModelUnavailableError as
    `load_sound_encoder` says.
    """
    where = best_device() if device is None else torch.device(device)
    insist_on_transformers()
    files = find_clap(choice)
    tokenizer = _tokenizer(files)
    plan = _module(files, torch.device("meta"))  # takes no memory, whatever the config asks for
    own, state = plan.state_dict(), read_weights(files.weights)
    _check_size(files, plan)
    state = {key: value for key, value in state.items() if key in own or not key.endswith(_TABLES)}
    check_fit(own, state, files.weights, files.name)
    scale = float(state["logit_scale_a"].float().exp())
    if not math.isfinite(scale) or scale <= 0:
        raise _damaged(files, "it holds a logit scale that is no number")
    module = _module(files, torch.device("cpu"))
    module.load_state_dict(state, strict=True)
    module.eval().requires_grad_(requires_grad=False)
    module.to(device=where, dtype=torch.float32)
    info = SoundModelInfo(
        name=files.name,
        fingerprint=fingerprint(files.weights),
        features=str(files.mel),
        device=str(where),
        dim=int(module.projection_dim),
        logit_scale=scale,
    )
    return LoadedClap(module, tokenizer, where, files, info)


def insist_on_transformers() -> None:
    """Raise ModelError where the library is missing, without importing it."""
    if importlib.util.find_spec("transformers") is None:
        raise ModelError(
            "A sound model runs by the library transformers, which is not installed.",
            remedy="Run `pip install 'vsortd[audio]'`.",
        )


def _tokenizer(files: ClapFiles) -> Untyped:
    """Return what turns texts into tokens, by its one file of plain data."""
    from tokenizers import Tokenizer

    text = files.config["text_config"]
    room = int(text.get("max_position_embeddings", 514)) - 2  # RoBERTa counts its positions from 2 on
    try:
        tokenizer = Tokenizer.from_file(str(files.tokenizer))
    except Exception as error:  # the library raises Exception itself
        raise ModelError(
            f"The tokenizer {files.tokenizer} can't be read: {error}.",
            remedy="Download or copy it again.",
            paths=[files.tokenizer],
        ) from error
    if tokenizer.get_vocab_size() > text.get("vocab_size", 50_265):
        raise _damaged(files, "its tokenizer knows more tokens than the model")
    tokenizer.enable_truncation(max_length=max(1, min(room, _MAX_TOKENS)))
    tokenizer.enable_padding(pad_id=int(text.get("pad_token_id", 1)))
    return tokenizer


def _module(files: ClapFiles, device: torch.device) -> Untyped:
    from transformers import ClapConfig, ClapModel

    try:
        config = ClapConfig.from_dict(deepcopy(dict(files.config)))
        with device:
            return ClapModel(config)
    except Exception as error:  # a config may be wrong in any way; the constructors check little
        raise ModelError(
            f"The sound model of {files.folder} can't be built: {type(error).__name__}: {error}",
            remedy="Download or copy it again, or take another model, such as laion/clap-htsat-unfused.",
            paths=[files.folder],
        ) from error


def _check_size(files: ClapFiles, plan: Untyped) -> None:
    """Raise ModelError for a model that is larger than its weights can fill, before it is given any memory."""
    wanted_bytes = sum(one.numel() * one.element_size() for one in (*plan.parameters(), *plan.buffers()))
    held_bytes = files.weights.stat().st_size
    if wanted_bytes > _MOST_TIMES * held_bytes:
        raise ModelError(
            f"{files.folder / CONFIG} asks for a model of {about_size(wanted_bytes)}, "
            f"but {files.weights.name} beside it holds {about_size(held_bytes)}.",
            remedy="Download or copy both again, or take another model, such as laion/clap-htsat-unfused.",
            paths=[files.folder / CONFIG, files.weights],
        )


def _damaged(files: ClapFiles, why: str) -> ModelError:
    return ModelError(
        f"The weights {files.weights} do not fit their model: {why}.",
        remedy="Download or copy them again; no gap is ever filled with random numbers.",
        paths=[files.weights],
    )
