"""How unlike a picture is to anything that a model was taught, so that what it never saw the like of wins nothing.

A small model is sure of itself also far from its training pictures. Its distance to the nearest of them tells (Sun et
al., 2204.06507); here to the nearest of some hundred centres of their embeddings, which is as good and costs a product
of two small matrices. Both numbers that make a competitor's logit of it were fitted on photographs that were not
taught, see the model's card. No torch in here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from vsortd.errors import ModelError
from vsortd.vision.dot_products import dot_products

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_Rows = npt.NDArray[np.float32]
_Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TaughtRegion:
    """Where in embedding space the training pictures lie: unit rows [centres, dim].

    The logit of "something that was never taught" is `offset` + `slope` * (1 - cosine of the nearest centre).
    """

    centres: _Rows
    slope: float
    offset: float

    def strange_logits(self, frames: _Values, examples: Iterable[_Rows] = ()) -> _Values:
        """Return the logit of unit rows [frames, dim] being unlike anything: [frames].

        `examples` [k, dim] were taught by the user: what is like one of them is not strange.
        """
        nearest = dot_products(frames, self.centres).max(axis=1)
        for rows in examples:
            nearest = np.maximum(nearest, dot_products(frames, rows).max(axis=1))
        return np.asarray(self.offset + self.slope * (1 - nearest))


def read_region(path: Path) -> TaughtRegion:
    """Read what `write_region` wrote. Raises ModelError."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            centres = stored["centres"].astype(np.float32)
            slope, offset = (float(number) for number in stored["line"])
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:  # the last also where a byte has changed
        raise ModelError(
            f"{path}, which belongs to the sample model, can't be read: {error}.",
            remedy="Install vsortd again.",
            paths=[path],
        ) from error
    return TaughtRegion(centres / np.linalg.norm(centres, axis=1, keepdims=True), slope, offset)


def write_region(region: TaughtRegion, path: Path) -> None:
    """Write a region, its centres in half precision."""
    with path.open("wb") as file:
        np.savez(file, centres=region.centres.astype(np.float16), line=np.array([region.slope, region.offset]))
