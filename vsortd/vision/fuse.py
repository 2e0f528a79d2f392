"""Batch norm folded into the convolution before it: the same numbers from one pass over the pictures instead of two.

In use a batch norm multiplies and shifts each channel by constants, and so does a convolution's kernel. Only pairs that
provably follow each other are folded: those of classes whose `forward` is known, by exact type, and used once.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from vsortd.vision.open_clip_parts import Bottleneck, ModifiedResNet

if TYPE_CHECKING:
    from collections.abc import Iterable

# Of timm, which is imported only for models that have parts of it.
_CONV_NORM_ACT: Final = ("timm.layers.conv_bn_act", "ConvNormAct")
_BATCH_NORM_ACT: Final = ("timm.layers.norm_act", "BatchNormAct2d")


def fold_batch_norm(tower: nn.Module, state: dict[str, torch.Tensor], prefix: str) -> int:
    """Take batch norms out of a module that is not filled yet, and out of the weights that are to fill it.

    `state` holds the tower's tensors under `prefix` ("visual."), in any precision; folded ones come back in fp32, so
    that a cast afterwards rounds once. What a batch norm does besides (timm's dropout and activation) stays in its
    place. Returns how many were folded. The tower must run in eval mode from then on.
    """
    uses = Counter(id(module) for _, module in tower.named_modules(remove_duplicate=False))
    folded = 0
    for path, parent in list(tower.named_modules()):
        for conv_name, norm_name in _consecutive(parent):
            conv, norm = getattr(parent, conv_name), getattr(parent, norm_name)
            if not _is_pair(conv, norm) or uses[id(conv)] != 1 or uses[id(norm)] != 1:
                continue
            inside = f"{prefix}{path}." if path else prefix
            _fold(state, f"{inside}{conv_name}.", f"{inside}{norm_name}.", norm.eps)
            conv.bias = nn.Parameter(torch.empty(conv.out_channels))
            setattr(parent, norm_name, _rest_of(norm))
            folded += 1
    return folded


def _consecutive(parent: nn.Module) -> Iterable[tuple[str, str]]:
    """Return the names of children of which the second gets what the first gives, and nobody else does."""
    if _is_of(parent, _CONV_NORM_ACT):
        return (("conv", "bn"),)
    if type(parent) in {Bottleneck, ModifiedResNet}:
        return (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"))
    if type(parent) is nn.Sequential:
        return pairwise(name for name, _ in parent.named_children())
    return ()


def _is_of(module: nn.Module, named: tuple[str, str]) -> bool:
    """Tell whether a module is of a class, by exact type, that is named by where it is defined."""
    return (type(module).__module__, type(module).__qualname__) == named


def _is_pair(conv: nn.Module, norm: nn.Module) -> bool:
    return (
        type(conv) is nn.Conv2d
        and isinstance(norm, nn.BatchNorm2d)
        and (type(norm) is nn.BatchNorm2d or _is_of(norm, _BATCH_NORM_ACT))
        and norm.running_mean is not None
        and norm.running_var is not None
        and norm.num_features == conv.out_channels
    )


def _fold(state: dict[str, torch.Tensor], conv: str, norm: str, eps: float) -> None:
    def take(key: str) -> torch.Tensor | None:
        tensor = state.pop(key, None)
        return None if tensor is None else tensor.float()

    state.pop(f"{norm}num_batches_tracked", None)
    state[f"{conv}weight"], state[f"{conv}bias"] = (
        tensor.detach()
        for tensor in fuse_conv_bn_weights(
            state[f"{conv}weight"].float(),
            take(f"{conv}bias"),
            state.pop(f"{norm}running_mean").float(),
            state.pop(f"{norm}running_var").float(),
            eps,
            take(f"{norm}weight"),
            take(f"{norm}bias"),
        )
    )


def _rest_of(norm: nn.BatchNorm2d) -> nn.Module:
    """Return what is left of a batch norm without its numbers, with the names that its weights have."""
    if not _is_of(norm, _BATCH_NORM_ACT):
        return nn.Identity()
    parts = [(name, part) for name, part in norm.named_children() if not isinstance(part, nn.Identity)]
    return nn.Sequential(OrderedDict(parts))
