"""Batch norm folded into convolutions: the same vectors, and nothing else is touched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import save_file
from timm.layers import BatchNormAct2d, ConvNormAct
from torch import nn

from tests.sample_model import architecture as building
from tests.sample_model import evaluate
from vsortd.vision.fuse import fold_batch_norm
from vsortd.vision.loading import load_model
from vsortd.vision.open_clip_parts import CLIP, bring_in

if TYPE_CHECKING:
    from pathlib import Path

# Unit rows in fp32; sums in another order differ by some 1e-6.
TOLERANCE = 2e-5
TOWERS: dict[str, dict[str, Any]] = {
    "open_clip's ResNet": {"image_size": 32, "layers": [1, 2, 1, 1], "width": 32},
    "timm's RegNet": {"image_size": 64, "timm_model_name": "regnetx_002", "timm_pool": "avg", "timm_proj": "linear"},
    "timm's FastViT, MobileCLIP's": {
        "image_size": 64,
        "timm_model_name": "fastvit_t8",
        "timm_pool": "avg",
        "timm_proj": None,
    },
}
# FastViT's other batch norms come before convolutions, or stand alone in a branch.
LEFT = {"open_clip's ResNet": 0, "timm's RegNet": 0, "timm's FastViT, MobileCLIP's": 24}


def stirred(module: Any) -> Any:
    """Give each batch norm numbers that matter, as if it was taught."""
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                for tensor, low, high in (
                    (part.running_mean, -0.3, 0.3),
                    (part.running_var, 0.5, 1.5),
                    (part.weight, 0.5, 1.5),
                    (part.bias, -0.2, 0.2),
                ):
                    if tensor is not None:
                        tensor.uniform_(low, high, generator=generator)
    return module.eval().requires_grad_(requires_grad=False)


def norms(module: Any) -> int:
    """Count the batch norms."""
    return sum(isinstance(part, nn.BatchNorm2d) for part in module.modules())


def unit_rows(module: Any, pictures: torch.Tensor) -> torch.Tensor:
    """Embed normalised pictures."""
    with torch.no_grad():
        return nn.functional.normalize(module.encode_image(pictures).float(), dim=-1)


@pytest.mark.few(1)
@pytest.mark.parametrize("tower", TOWERS)
def test_a_folded_model_gives_the_vectors_of_the_saved_one(
    tower: str, choose: Any, model_config: Any, tmp_path: Path
) -> None:
    """Each kind of tower that open_clip has with batch norm, in fp32 and rounded."""
    model_config(tmp_path / "m.json", vision_cfg=TOWERS[tower])
    config = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))["model_cfg"]
    bring_in(config)
    torch.manual_seed(3)
    module = stirred(CLIP(**config))
    save_file({key: value.contiguous() for key, value in module.state_dict().items()}, tmp_path / "m.safetensors")
    pictures = torch.randn(3, 3, *[TOWERS[tower]["image_size"]] * 2, generator=torch.Generator().manual_seed(1))
    expected = unit_rows(module, pictures)

    loaded = load_model(choose("m", str(tmp_path / "m.safetensors")), device="cpu", dtype=torch.float32)
    torch.testing.assert_close(expected, unit_rows(loaded.module, pictures), rtol=0, atol=TOLERANCE)
    assert LEFT[tower] == norms(loaded.module) < norms(module)

    rounded = load_model(choose("m", str(tmp_path / "m.safetensors")), device="cpu", dtype=torch.bfloat16)
    assert (expected * unit_rows(rounded.module, pictures.bfloat16())).sum(1).min() > 0.995
    counts = [tensor for name, tensor in rounded.module.named_buffers() if name.endswith("num_batches_tracked")]
    assert all(tensor.dtype == torch.int64 for tensor in counts), "what counts is not rounded"


def test_the_sample_model_is_folded() -> None:
    """Its vectors are those of the plain model on held-out renders, and no batch norm is left."""
    pictures = building.normalise(evaluate.held_out_pictures(14)[0])
    plain, loaded = building.load(), load_model("sample", device="cpu", dtype=torch.float32)
    torch.testing.assert_close(unit_rows(plain, pictures), unit_rows(loaded.module, pictures), rtol=0, atol=TOLERANCE)
    assert norms(plain) > 50
    assert 0 == norms(loaded.module)


def test_rounding_comes_after_folding() -> None:
    """In bf16 the folded weights are the exact ones rounded once."""
    exact, rounded = (load_model("sample", device="cpu", dtype=dtype) for dtype in (torch.float32, torch.bfloat16))
    ours = rounded.module.visual.state_dict()
    for key, tensor in exact.module.visual.state_dict().items():
        assert torch.equal(tensor.bfloat16(), ours[key]), key


def test_a_model_without_batch_norm_is_untouched(tiny: Any) -> None:
    """Every part and every tensor stays the very same object."""
    parts, state = dict(tiny.module.visual.named_modules()), tiny.state
    tensors = dict(state)
    assert 0 == fold_batch_norm(tiny.module.visual, state, "visual.")
    assert all(parts[name] is part for name, part in tiny.module.visual.named_modules())
    assert tensors.keys() == state.keys()
    assert all(tensors[key] is state[key] for key in state)


def folded(module: nn.Module) -> tuple[int, float]:
    """Fold a tower whose weights are given in half precision; return how many were, and the largest difference."""
    module = stirred(module).half().float()
    pictures = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    expected = module(pictures.clone())
    state = {f"visual.{key}": value.clone() for key, value in module.state_dict().items()}
    state = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    count = fold_batch_norm(module, state, "visual.")
    module.load_state_dict(
        {
            key.removeprefix("visual."): value.float() if value.is_floating_point() else value
            for key, value in state.items()
        },
        strict=True,
        assign=True,
    )
    return count, float((module.eval()(pictures.clone()) - expected).detach().abs().max())


@pytest.mark.parametrize(
    "module",
    [
        ConvNormAct(3, 8, 3),
        ConvNormAct(3, 8, 3, apply_act=False, bias=True),
        ConvNormAct(3, 8, 3, act_layer=nn.PReLU, drop_layer=nn.Dropout),
        ConvNormAct(3, 6, 3, groups=3, stride=2, aa_layer="blurpc"),
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, affine=False), nn.ReLU()),
        nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect"), BatchNormAct2d(8, eps=1e-2)),
    ],
    ids=["plain", "no activation", "activation with weights", "smoothed", "without scale", "other padding"],
)
def test_what_comes_after_a_batch_norm_stays(module: nn.Module) -> None:
    """Activation, dropout and smoothing; biases, groups and epsilons are counted in."""
    count, difference = folded(module)
    assert 1 == count
    assert difference < TOLERANCE


class Backwards(nn.Module):
    """Has the names of open_clip's blocks, and another order."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv1(self.bn1(x))


class Twice(nn.Module):
    """Uses one convolution with a batch norm and without."""

    def __init__(self) -> None:
        super().__init__()
        conv = nn.Conv2d(3, 3, 3)
        self.first, self.second = nn.Sequential(conv, nn.BatchNorm2d(3)), nn.Sequential(conv)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.first(x) + self.second(x)


@pytest.mark.parametrize(
    "module",
    [
        Backwards(),
        Twice(),
        nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 3, 3)),
        nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU(), nn.BatchNorm2d(3)),
        nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3, track_running_stats=False)),
        nn.Sequential(nn.Conv2d(3, 3, 3), nn.InstanceNorm2d(3)),
    ],
    ids=["an unknown class", "used twice", "before", "not directly after", "of the batch itself", "another norm"],
)
def test_where_it_is_not_certain_nothing_is_folded(module: nn.Module) -> None:
    """Names alone prove nothing; the vectors stay the same bit for bit."""
    assert (0, 0.0) == folded(module)
