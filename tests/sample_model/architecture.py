"""Building the sample model, and packing it for the package."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from vsortd.vision import sample
from vsortd.vision.open_clip_parts import CLIP, SimpleTokenizer, bring_in

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PADDING_TOKEN = 0  # what the tokenizer fills up with; its row stays zero, as do those of unseen tokens


def read_config(path: Path | None = None) -> dict[str, Any]:
    """Return the document of model.json: `model_cfg` and `preprocess_cfg`."""
    document: dict[str, Any] = json.loads((path or sample.model_config_path()).read_text(encoding="utf-8"))
    return document


def build() -> nn.Module:
    """Return the architecture with fresh weights, on the CPU."""
    config = read_config()["model_cfg"]
    bring_in(config)
    model: nn.Module = CLIP(**config)
    return model


@cache
def tokenizer() -> SimpleTokenizer:
    """CLIP's own tokenizer at the model's context length."""
    return SimpleTokenizer(context_length=read_config()["model_cfg"]["text_cfg"]["context_length"])


class CompactVocabulary:
    """Trains only the rows of tokens that occur: the model's table is replaced by a small one and put back later.

    Compact ids keep the order of the tokens, so that the end token stays the largest (its place is where the text's
    vector is read); id 0 is the zero row that all other tokens share.
    """

    def __init__(self, model: Any, texts: list[str], *, learnt: bool = False) -> None:
        """Take the tokens of all `texts`; `learnt` keeps the model's rows of those that it knows already."""
        self.model, self.read = model, tokenizer()
        seen = torch.unique(torch.cat([self.read(texts[i : i + 512]) for i in range(0, len(texts), 512)]))
        self.tokens = seen[seen != PADDING_TOKEN]
        self.full_shape = tuple(model.token_embedding.weight.shape)
        table = nn.Embedding(len(self.tokens) + 1, self.full_shape[1], padding_idx=PADDING_TOKEN)
        with torch.no_grad():
            table.weight.normal_(0, 0.02)
            table.weight[PADDING_TOKEN] = 0
            if learnt:
                rows = model.token_embedding.weight[self.tokens]
                known = rows.abs().amax(1) > 0
                table.weight[1:][known] = rows[known]
        model.token_embedding = table

    def ids(self, texts: list[str]) -> Tensor:
        """Compact token ids [n, context]; tokens never seen become 0."""
        raw = self.read(texts)
        place = torch.searchsorted(self.tokens, raw).clamp(max=len(self.tokens) - 1)
        return torch.where(self.tokens[place] == raw, place + 1, torch.zeros_like(place))

    def full_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a state dict with the full table, zero where nothing was learnt."""
        table = torch.zeros(self.full_shape)
        table[self.tokens] = state["token_embedding.weight"][1:].float()
        return {**state, "token_embedding.weight": table}


def save(state: dict[str, Tensor], path: Path) -> None:
    """Write the weights as fp16 safetensors, whole or not at all."""
    part = path.with_suffix(".part")
    packed = {key: (v.half() if v.is_floating_point() else v).contiguous().clone() for key, v in state.items()}
    save_file(packed, part)
    part.chmod(0o644)
    part.replace(path)


def blend(before: Path, after: Path, keep: float) -> dict[str, Tensor]:
    """Return the weights between two trainings, the second of which went on from the first.

    `keep` (0 to 1) is the share of `before`. A model that went on learning on other pictures forgets some of what it
    knew; half-way back it keeps both (WiSE-FT, 2109.01903).
    """
    old, new = load_file(before), load_file(after)
    return {
        key: torch.lerp(value.float(), old[key].float(), keep) if value.is_floating_point() else value
        for key, value in new.items()
    }


def load(path: Path | None = None) -> nn.Module:
    """Return the model with its packed weights, fp32, in evaluation mode."""
    model = build()
    model.load_state_dict(
        {k: v.float() if v.is_floating_point() else v for k, v in load_file(path or sample.weights_path()).items()}
    )
    return model.eval()


def normalise(pixels: NDArray[np.uint8] | Tensor) -> Tensor:
    """RGB uint8 [n, h, w, 3] as the float input [n, 3, h, w]."""
    config = read_config()["preprocess_cfg"]
    mean, std = (torch.tensor(config[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    return (torch.as_tensor(pixels).permute(0, 3, 1, 2).float() / 255 - mean) / std


def fit(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture of any shape as the model wants it: shortest side to its size, bicubic, the centre cut out."""
    side = int(read_config()["preprocess_cfg"]["size"])
    height, width = picture.shape[:2]
    scale = side / min(height, width)
    size = (max(side, round(width * scale)), max(side, round(height * scale)))
    image = Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    return np.asarray(image.crop((left, top, left + side, top + side)))


@torch.inference_mode()
def embed_pictures(model: Any, pictures: NDArray[np.uint8], *, batch: int = 64) -> NDArray[np.float32]:
    """Return unit rows [n, dim] of fitted pictures uint8 [n, side, side, 3]."""
    rows = [
        functional.normalize(model.encode_image(normalise(pictures[i : i + batch])), dim=-1)
        for i in range(0, len(pictures), batch)
    ]
    return np.asarray(torch.cat(rows).numpy(), np.float32)


@torch.inference_mode()
def embed_texts(model: Any, texts: list[str]) -> NDArray[np.float32]:
    """Return unit rows [n, dim]."""
    return np.asarray(functional.normalize(model.encode_text(tokenizer()(texts)), dim=-1).numpy(), np.float32)
