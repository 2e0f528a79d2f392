"""Builds a model and fills it with weights: every key or none, and tensors only."""

from __future__ import annotations

import hashlib
import json
import math
import pickle
import warnings
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import torch
from safetensors.torch import load_file
from torch import nn
from torch.overrides import TorchFunctionMode

from vsortd.errors import ModelError
from vsortd.vision.encoder import ModelInfo, unknown_to
from vsortd.vision.fuse import fold_batch_norm
from vsortd.vision.open_clip_parts import (
    CLIP,
    CoCa,
    CustomTextCLIP,
    bring_in,
    convert_state_dict,
    convert_to_custom_text_state_dict,
    resize_pos_embed,
    resize_text_pos_embed,
)
from vsortd.vision.sources import Source, resolve, to_preprocess
from vsortd.vision.tokenizing import load_tokenizer, transformers_origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from vsortd.config.settings import ModelChoice

# Bytes read for a fingerprint: weights that differ anywhere differ everywhere (training touches every
# tensor), so slices spread over the file tell two apart at 4 MiB instead of 2 GB.
_FINGERPRINT_SLICES: Final = 256
_FINGERPRINT_SLICE_BYTES: Final = 16 * 1024
_MAX_LISTED_KEYS: Final = 3
# open_clip ships no types.
Untyped = Any


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to run; `tokenizer` turns a list of n texts into int64 [n, context].

    `architecture` is a digest of the config: the same weights give other vectors with another activation. `files` are
    those that it was made of.
    """

    module: Untyped
    tokenizer: Callable[[list[str]], torch.Tensor]
    device: torch.device
    dtype: torch.dtype
    info: ModelInfo
    unknown_words: Callable[[str], tuple[str, ...]]
    architecture: str = ""
    files: tuple[Path, ...] = ()


def load_model(
    choice: str | ModelChoice, *, device: str | None = None, dtype: torch.dtype | None = None
) -> LoadedModel:
    """Load what the config asks for onto a device.

    `device` and `dtype` default to the fastest sound ones here (`best_device`, `best_dtype`). Raises
    ModelError and ModelUnavailableError as `vision.encoder.load_encoder` says.
    """
    where = best_device() if device is None else _device(device)
    source = resolve(choice, on_cuda=where.type == "cuda")
    return build_model(source, where, best_dtype(where) if dtype is None else dtype)


def build_model(source: Source, device: torch.device, dtype: torch.dtype) -> LoadedModel:
    """Build the architecture, load the weights into it, and see that it runs. Raises ModelError."""
    tokenizer = load_tokenizer(source)
    module = _architecture(source)
    state = _fitting_weights(module, source)
    # Read before the cast: bf16 would round a scale of 100 by up to 0.4 %.
    scale, bias = _scale_and_bias(state, source)
    fold_batch_norm(module.visual, state, "visual.")
    # Assigned, not copied into place: each tensor must be copied anyway, since the file may change under its
    # mapping, so the copy is made on the device and in the precision that is wanted.
    module.load_state_dict({key: _own(value, device, dtype) for key, value in state.items()}, strict=True, assign=True)
    module.eval().requires_grad_(requires_grad=False)
    module.to(device=device, dtype=dtype)
    if sum(isinstance(part, nn.Conv2d) for part in module.visual.modules()) > 1:  # one is a ViT's patch embedding
        module.visual.to(memory_format=torch.channels_last)
    info = ModelInfo(
        name=source.name,
        weights=source.weights,
        fingerprint=fingerprint(source.path),
        device=str(device),
        dtype=str(dtype).removeprefix("torch."),
        dim=int(source.model_cfg["embed_dim"]),
        logit_scale=scale,
        logit_bias=bias,
        preprocess=to_preprocess(source.preprocess_cfg, module.visual.image_size, source.config),
        family=source.family,
    )
    _try_out(module, tokenizer, info, device, dtype)
    return LoadedModel(
        module,
        tokenizer,
        device,
        dtype,
        info,
        partial(unknown_to, source.family),
        _digest(source.model_cfg),
        (source.path,) if source.config is None else (source.path, source.config),
    )


def best_device() -> torch.device:
    """Return CUDA where there is a GPU, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def best_dtype(device: torch.device) -> torch.dtype:
    """Return bf16 where the device computes with it natively, else fp32.

    Whole-model bf16, never autocast: on open_clip ViTs under inference_mode autocast casts the weights anew
    for every batch and is the slowest path of all (1.8 images/s against 22 for ViT-B-32 on one CPU).
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    native = (getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return (
        torch.bfloat16 if device.type == "cpu" and any(ask is not None and ask() for ask in native) else torch.float32
    )


def fingerprint(path: Path) -> str:
    """Return 16 hex digits that tell one weights file from another: its size and slices spread over it."""
    size_bytes = path.stat().st_size
    digest = hashlib.blake2b(str(size_bytes).encode(), digest_size=8)
    step = max(1, -(-size_bytes // _FINGERPRINT_SLICES))
    with path.open("rb") as file:
        for offset in range(0, size_bytes, max(step, _FINGERPRINT_SLICE_BYTES)):
            file.seek(offset)
            digest.update(file.read(_FINGERPRINT_SLICE_BYTES))
    return digest.hexdigest()


def _digest(config: Mapping[str, Untyped]) -> str:
    text = json.dumps(config, sort_keys=True, default=repr)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read a checkpoint as named tensors, running nothing that a pickle may hold. Raises ModelError."""
    try:
        if path.suffix.lower() == ".safetensors":
            checkpoint: Any = load_file(path, device="cpu")
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of old pickle protocols; what counts is whether tensors come out
                checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} is no checkpoint of plain tensors; vsortd never runs code from a weights file.",
            remedy="Save the weights as safetensors (safetensors.torch.save_file(model.state_dict(), …)).",
            paths=[path],
        ) from error
    except Exception as error:  # damaged bytes make the readers raise whatever they come to
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"The weights {path} can't be read: {why}", remedy="Download or copy them again.", paths=[path]
        ) from error
    return _named_tensors(checkpoint, path)


def _named_tensors(checkpoint: Untyped, path: Path) -> dict[str, torch.Tensor]:
    """Unwrap what training scripts put around a state dict."""
    state = checkpoint.get("state_dict", checkpoint) if isinstance(checkpoint, dict) else None
    if not isinstance(state, dict) or not state or not all(_is_plain(key, value) for key, value in state.items()):
        raise ModelError(
            f"{path} holds no state dict (names with plain tensors).",
            remedy="Download or copy it again, or save the model's state dict as safetensors.",
            paths=[path],
        )
    if all(key.startswith("module.") for key in state):  # saved from DistributedDataParallel
        state = {key.removeprefix("module."): value for key, value in state.items()}
    return dict(state)


def _is_plain(name: object, value: object) -> bool:
    if not isinstance(name, str) or not isinstance(value, torch.Tensor) or value.layout != torch.strided:
        return False
    return not (value.is_quantized or value.is_complex() or value.is_meta)


def _architecture(source: Source) -> Untyped:
    """Make the module without weights: the classes that open_clip.create_model chooses, no downloads."""
    cfg = deepcopy(dict(source.model_cfg))
    vision: Untyped = cfg["vision_cfg"]
    text: Untyped = cfg["text_cfg"]
    try:
        bring_in(cfg)
        if "timm_model_name" in vision:
            vision["timm_model_pretrained"] = False
        uses_transformers = bool(text.get("hf_model_name"))
        if uses_transformers:
            text["hf_model_pretrained"] = False
            text["hf_model_name"], _ = transformers_origin(source, text["hf_model_name"], ("config.json",))
        custom_text = cfg.pop("custom_text", False) or uses_transformers
        kind: Untyped = CLIP
        if "multimodal_cfg" in cfg:
            kind = CoCa
        elif custom_text:
            kind = CustomTextCLIP
        with _NoRandomInit():
            return kind(**cfg)
    except ModelError:
        raise
    except Exception as error:  # a config may be wrong in any way; the constructors check little
        raise ModelError(
            f"The architecture of {source.name} can't be built: {type(error).__name__}: {error}",
            remedy=f"Check {source.config or 'the name'}; download or copy the model again.",
            paths=[source.config or source.path],
        ) from error


class _NoRandomInit(TorchFunctionMode):
    """Leaves new parameters unfilled: strict loading overwrites all, and drawing 151 M numbers takes 2 s."""

    _DRAWS: Final = frozenset(
        {
            torch.Tensor.normal_,
            torch.Tensor.uniform_,
            torch.Tensor.erfinv_,
            nn.init.normal_,
            nn.init.uniform_,
            nn.init.xavier_normal_,
            nn.init.xavier_uniform_,
            nn.init.kaiming_normal_,
            nn.init.kaiming_uniform_,
        }
    )

    def __torch_function__(
        self,
        func: Callable[..., Untyped],
        types: Sequence[type],
        args: tuple[Untyped, ...] = (),
        kwargs: dict[str, Untyped] | None = None,
    ) -> Untyped:
        named = kwargs or {}
        if func in self._DRAWS:
            return args[0] if args else named["tensor"]
        return func(*args, **named)


def _fitting_weights(module: Untyped, source: Source) -> dict[str, torch.Tensor]:
    """Read the weights as the module wants them: all parameters and buffers, in shape. Raises ModelError."""
    state = read_weights(source.path)
    if source.official:
        state = convert_state_dict(module, state)
    if "positional_embedding" in state and not hasattr(module, "positional_embedding"):
        state = convert_to_custom_text_state_dict(state)
    own = module.state_dict()
    for key in ("logit_scale", "logit_bias"):  # a scalar in some checkpoints, one element in others
        if key in state and key in own and state[key].numel() == own[key].numel():
            state[key] = state[key].reshape(own[key].shape)
    if source.official:
        state.pop("text.transformer.embeddings.position_ids", None)  # in checkpoints older than transformers 4.31
        resize_pos_embed(state, module)
        resize_text_pos_embed(state, module)
    check_fit(own, state, source.path, source.name)
    return state


def check_fit(
    own: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor], path: Path, architecture: str
) -> None:
    """Raise ModelError unless weights are all of a module's `own` and no others, in shape, and hold numbers."""
    _check_keys(own, state, path, architecture)
    _check_numbers(state, path)


def _check_numbers(state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Raise ModelError for weights that hold what is no number: one is enough to spoil what it takes part in."""
    wrong = [
        key
        for key, value in state.items()
        if value.is_floating_point() and value.numel() and not all(map(math.isfinite, value.aminmax()))
    ]
    if wrong:
        raise ModelError(
            f"The weights {path} are damaged: {_some(sorted(wrong))} holds what is no number.",
            remedy="Download or copy them again.",
            paths=[path],
        )


def _check_keys(
    own: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor], path: Path, architecture: str
) -> None:
    problems = []
    if missing := sorted(own.keys() - state.keys()):
        problems.append(f"it lacks {_some(missing)}")
    if surplus := sorted(state.keys() - own.keys()):
        problems.append(f"it has {_some(surplus)} that the model does not")
    shapes = [
        f"{key} ({list(state[key].shape)} instead of {list(own[key].shape)})"
        for key in sorted(own.keys() & state.keys())
        if own[key].shape != state[key].shape
    ]
    if shapes:
        problems.append(f"other shapes: {_some(shapes)}")
    kinds = [key for key in own if key in state and own[key].is_floating_point() != state[key].is_floating_point()]
    if kinds:
        problems.append(f"whole numbers instead of fractions, or the other way: {_some(sorted(kinds))}")
    if problems:
        raise ModelError(
            f"The weights {path} do not fit the architecture {architecture}: {'; '.join(problems)}.",
            remedy="Check that name and weights belong together; no gap is ever filled with random numbers.",
            paths=[path],
        )


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_MAX_LISTED_KEYS])
    return shown if len(names) <= _MAX_LISTED_KEYS else f"{shown} and {len(names) - _MAX_LISTED_KEYS} more"


def _own(tensor: torch.Tensor, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    return tensor.to(device=device, dtype=dtype if tensor.is_floating_point() else tensor.dtype, copy=True)


def _scale_and_bias(state: Mapping[str, torch.Tensor], source: Source) -> tuple[float, float | None]:
    scale = float(state["logit_scale"].float().exp().reshape(-1)[0])
    bias = float(state["logit_bias"].float().reshape(-1)[0]) if "logit_bias" in state else None
    if not math.isfinite(scale) or scale <= 0 or (bias is not None and not math.isfinite(bias)):
        raise ModelError(
            f"The weights {source.path} hold a logit scale that is no number.",
            remedy="Download or copy them again.",
            paths=[source.path],
        )
    return scale, bias


def _try_out(
    module: Untyped,
    tokenizer: Callable[[list[str]], torch.Tensor],
    info: ModelInfo,
    device: torch.device,
    dtype: torch.dtype,
) -> None:
    """Embed a picture and a word once, so that a model which can't run is found before the first video."""
    side = info.preprocess.side_px
    try:
        with torch.no_grad():
            picture = module.encode_image(torch.zeros(1, 3, side, side, device=device, dtype=dtype))
            text = module.encode_text(tokenizer(["a"]).to(device))
    except Exception as error:  # shapes, missing kernels, memory: whatever it is, the model does not run
        raise ModelError(f"{info.name} / {info.weights} does not run on {device}: {error}", remedy=_CHECK) from error
    for name, rows in (("picture", picture), ("text", text)):
        if rows.shape != (1, info.dim) or not bool(torch.isfinite(rows).all()):
            raise ModelError(f"{info.name} / {info.weights} gives no usable vector for a {name}.", remedy=_CHECK)


_CHECK: Final = "Check that config and weights belong together; download or copy them again."


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelError(f"There is no device {name!r}.", remedy="Write cpu, cuda, or cuda:0.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ModelError("There is no usable GPU on this machine.", remedy="Leave the device out, or write cpu.")
    return device
