"""Models to measure with: the sample model, and architectures with random weights, whose cost is that of real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_SEED = 7


def choice(name: str, cache: Path) -> str | dict[str, str]:
    """Return the config's `model:` for a name, with weights written into the cache first where there are none."""
    if name == "sample":
        return name
    return {"name": name, "weights": str(_weights(name, cache))}


def _weights(name: str, cache: Path) -> Path:
    target = cache / "models" / f"{name}-random.safetensors"
    if target.exists():
        return target
    import torch
    from open_clip.factory import create_model
    from safetensors.torch import save_file

    target.parent.mkdir(parents=True, exist_ok=True)
    temp = target.with_suffix(".part")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        module: Any = create_model(name, pretrained=None)
    state = {key: value.contiguous() for key, value in module.state_dict().items()}
    save_file(state, temp)
    return temp.rename(target)
