"""Which models are recommended, what `auto` means, where weights are looked for. No torch, no open_clip."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vsortd.errors import ModelError

SAMPLE: Final = "sample"
AUTO: Final = "auto"

# What `model: auto` means. PE is the most accurate for its cost where a GPU hides the cost; the 32-pixel
# patches of ViT-B-32 keep a CPU at tens of images a second.
AUTO_CUDA: Final = ("PE-Core-B-16", "meta")
AUTO_CPU: Final = ("ViT-B-32-256", "datacomp_s34b_b86k")

# Names under which weights lie in a hub repository or a model folder; safetensors first, they can't hold
# code.
WEIGHT_FILES: Final = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "model.safetensors",
    "open_clip_pytorch_model.bin",
    "pytorch_model.bin",
)
WEIGHT_SUFFIXES: Final = (".safetensors", ".pt", ".pth", ".bin")
CONFIG_FILES: Final = ("open_clip_config.json", "model.json")


class ModelUnavailableError(ModelError):
    """The weights are not here and can't be downloaded now; they may come, so trying again makes sense."""


@dataclass(frozen=True, slots=True)
class Recommended:
    """A model worth choosing: open_clip name and tag, hub repository, and what a person wants to know.

    Sizes are millions of parameters, of both towers and of the image tower; `gflops` is the work on one picture, in
    10^9 operations. `packages` are those that it needs besides vsortd's own. `size_mb` is the download in 10^6 bytes
    (fp32 weights, so four bytes a parameter).
    """

    name: str
    tag: str
    repository: str
    params_m: int
    image_params_m: int
    gflops: float
    licence: str
    purpose: str
    packages: tuple[str, ...] = ()

    @property
    def size_mb(self) -> int:
        """Return about how much is downloaded, in 10^6 bytes."""
        return self.params_m * 4

    @property
    def download_bytes(self) -> int:
        """Return about how much is downloaded."""
        return self.size_mb * 10**6

    @property
    def memory_bytes(self) -> int:
        """Return what the weights alone take in memory, in fp32; half of it where the CPU computes in bf16."""
        return self.params_m * 4 * 10**6

    @property
    def gpu_bytes(self) -> int:
        """Return what the weights alone take on a GPU, in bf16."""
        return self.params_m * 2 * 10**6


RECOMMENDED: Final = (
    Recommended(
        *AUTO_CUDA,
        "timm/PE-Core-B-16",
        448,
        94,
        35.6,
        "Apache-2.0",
        "default with a GPU",
    ),
    Recommended(
        *AUTO_CPU,
        "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
        151,
        88,
        11.5,
        "MIT",
        "default without a GPU",
    ),
    Recommended(
        "ViT-B-32",
        "datacomp_xl_s13b_b90k",
        "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K",
        151,
        88,
        8.8,
        "MIT",
        "fastest",
    ),
    Recommended(
        "PE-Core-S-16-384",
        "meta",
        "timm/PE-Core-S-16-384",
        87,
        24,
        31.3,
        "Apache-2.0",
        "small",
    ),
    Recommended("PE-Core-T-16-384", "meta", "timm/PE-Core-T-16-384", 70, 6, 9.5, "Apache-2.0", "smallest"),
    Recommended(
        "PE-Core-L-14-336",
        "meta",
        "timm/PE-Core-L-14-336",
        671,
        317,
        384.0,
        "Apache-2.0",
        "best quality, wants a GPU",
    ),
    Recommended(
        "ViT-B-16-SigLIP2",
        "webli",
        "timm/ViT-B-16-SigLIP2",
        375,
        93,
        35.4,
        "Apache-2.0",
        "many languages",
        ("transformers",),
    ),
    Recommended(
        "MobileCLIP2-S2",
        "dfndr2b",
        "timm/MobileCLIP2-S2-OpenCLIP",
        99,
        36,
        15.7,
        "Apple, research only",
        "fast for its size",
    ),
)


def hub_cache() -> Path:
    """Return where the Hugging Face hub keeps downloads, by the same variables as its library."""
    if explicit := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(os.path.expandvars(explicit)).expanduser()
    if home := os.environ.get("HF_HOME"):
        return Path(os.path.expandvars(home)).expanduser() / "hub"
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.path.expandvars(base)).expanduser() / "huggingface" / "hub"


def cached_weights(repository: str, names: tuple[str, ...] = WEIGHT_FILES) -> Path | None:
    """Return the newest cached weights of a hub repository ("org/name"), or None; no network."""
    snapshots = hub_cache() / f"models--{repository.replace('/', '--')}" / "snapshots"
    try:
        folders = sorted(snapshots.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    except OSError:  # no such folder, or not ours to read: not cached as far as we can use it
        return None
    current = _current_revision(snapshots.parent)
    folders.sort(key=lambda folder: folder.name != current)
    for folder in folders:
        for name in names:
            if (folder / name).is_file():  # follows the link into blobs/, so a broken one does not count
                return folder / name
    return None


def _current_revision(repository_folder: Path) -> str:
    try:
        return (repository_folder / "refs" / "main").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def parameters_in(weights: Path) -> int:
    """Return how many numbers a safetensors file holds, by its header alone. Raises OSError, ValueError."""
    with weights.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")


def looks_like_path(weights: str) -> bool:
    """Tell whether a config's `weights` is meant as a file or folder rather than a pretrained tag.

    Tags of open_clip hold neither slashes nor these suffixes, so nothing has two meanings.
    """
    separators = tuple(mark for mark in (os.sep, os.altsep, "/") if mark)
    return (
        weights.startswith("~")
        or any(mark in weights for mark in separators)
        or Path(weights).suffix.lower() in {*WEIGHT_SUFFIXES, ".json"}
    )
