"""How a model wants its pictures: import-light, because the decoding processes use it too."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

Interpolation = Literal["bicubic", "bilinear"]


class ResizeMode(StrEnum):
    """How a picture of any shape becomes a square (open_clip's own three modes)."""

    SHORTEST = "shortest"  # shortest side to `side_px`, then crop the centre
    SQUASH = "squash"  # both sides to `side_px`, the aspect ratio is lost
    LONGEST = "longest"  # longest side to `side_px`, then pad with black


@dataclass(frozen=True, slots=True)
class Preprocess:
    """What a model's pretrained config asks for.

    `side_px` is the side of the square input; `mean` and `std` are RGB in 0 to 1 and are applied by the
    encoder, never by the decoding processes, which send uint8.
    """

    side_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resize: ResizeMode = ResizeMode.SHORTEST
    interpolation: Interpolation = "bicubic"

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Read what `dataclasses.asdict` made of one. Raises KeyError, TypeError, ValueError for anything else."""
        mean, std = ((red, green, blue) for red, green, blue in (raw["mean"], raw["std"]))
        return cls(raw["side_px"], mean, std, ResizeMode(raw["resize"]), raw["interpolation"])
