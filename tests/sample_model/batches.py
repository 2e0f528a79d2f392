"""The batches of a training: renders, pieces of photographs, and what each of them shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from tests.sample_model import photos as real
from tests.sample_model import renderer
from tests.sample_model.photos import SHOWN
from tests.sample_model.pool import HOUR_HIDDEN, KINDS, LIGHTS, NO_SCENES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from tests.sample_model.pool import Pool, Shard

# Of a batch with photographs: so much of it are scenes, other things, single objects; the rest is rendered.
SCENES_SHARE, OTHERS_SHARE, CATALOGUE_SHARE = 0.22, 0.14, 0.14
PASTED_SHARE = 0.3  # of the photographs of other things and single objects
RESTYLED_SHARE = 0.2  # of the renders, beside photographs: they take a photograph's colours and broad light
KIND_HIDDEN = -1  # of what is no scene, and of photographs


@dataclass(frozen=True, slots=True)
class Targets:
    """What each picture of a batch shows.

    `shown` [n, shown] is true where a caption is right, any of them; `subjects`, `lights`, `kinds` and `classes` (of
    the catalogue of single objects) are places [n], negative where there is none.
    """

    shown: Tensor
    subjects: Tensor
    lights: Tensor
    kinds: Tensor
    classes: Tensor

    def of(self, order: Tensor) -> Targets:
        """Return them in another order [n]."""
        return Targets(*(getattr(self, name)[order] for name in self.__slots__))


@dataclass(slots=True)
class _Cell:
    """One picture of a batch in the making."""

    pixels: NDArray[np.uint8]
    shown: frozenset[int]
    light: int = HOUR_HIDDEN
    kind: int = KIND_HIDDEN
    catalogue: int = -1

    @property
    def subject(self) -> int:
        """The one scene that it shows, or -1."""
        (only,) = self.shown if len(self.shown) == 1 else (-1,)
        return only if only < len(renderer.KNOWN) else -1


def _rendered(shard: Shard, row: int) -> _Cell:
    subject, kind = int(shard.subjects[row]), int(shard.kinds[row])
    if subject < len(renderer.KNOWN):
        return _Cell(shard.pixels[row], frozenset({subject}), int(shard.lights[row]), kind)
    return _Cell(shard.pixels[row], frozenset({SHOWN.index(NO_SCENES[kind - len(KINDS)])}))


def _photographed(deck: real.Deck, place: int, scene: _Cell | None, rng: np.random.Generator) -> _Cell:
    """Return a piece of a photograph, laid over a part of a rendered `scene` where one is given."""
    photo = deck.photos[place]
    side = renderer.PICTURE_PX
    pixels = deck.crop(place, side, rng)
    light = LIGHTS.index(photo.light) if photo.light is not None else HOUR_HIDDEN
    catalogue = deck.album.classes.index(photo.catalogue) if photo.catalogue else -1
    if scene is None:
        return _Cell(pixels, photo.shown, light, KIND_HIDDEN, catalogue)
    share = float(rng.uniform(0.08, 0.75))
    shown = scene.shown if share < 0.2 else photo.shown if share > 0.5 else scene.shown | photo.shown
    told = scene.light if share < 0.4 else HOUR_HIDDEN
    return _Cell(
        real.paste(scene.pixels, pixels, share, rng), shown, told, KIND_HIDDEN, catalogue if share > 0.3 else -1
    )


def _gathered(cells: Sequence[_Cell]) -> tuple[NDArray[np.uint8], Targets]:
    shown = torch.zeros(len(cells), len(SHOWN), dtype=torch.bool)
    for row, cell in enumerate(cells):
        shown[row, list(cell.shown)] = True
    told = [torch.tensor([getattr(cell, name) for cell in cells]) for name in ("subject", "light", "kind", "catalogue")]
    return np.stack([cell.pixels for cell in cells]), Targets(shown, *told)


def batches(  # noqa: PLR0917 - what a training is made of
    pool: Pool, shards: int, size: int, seed: int, steps: int, deck: real.Deck | None
) -> Iterator[tuple[NDArray[np.uint8], Targets]]:
    """Batches of pictures: pass after pass over a pool that grows while the training goes on, and over photographs.

    Which shards exist at a step depends on the step alone, so waiting for the renderer changes nothing.
    """
    rng = np.random.default_rng((seed, 1))
    loaded: list[Shard] = []
    first = min(shards, max(12, shards // 8))
    for step in range(steps):
        # The last shards come at three quarters of the training, so that each is seen more than once.
        wanted = min(shards, first + int((shards - first) * step / max(1, steps * 3 // 4)))
        while len(loaded) < wanted:
            loaded.append(pool.shard(len(loaded)))
        # half of each batch from anywhere, half from the newest tenth
        newest = max(1, len(loaded) // 10)
        spots = [
            (int(rng.integers(len(loaded))) if k % 4 else len(loaded) - 1 - int(rng.integers(newest)))
            for k in range(size)
        ]
        rows = rng.integers(0, len(loaded[0].pixels), size)
        cells = [_rendered(loaded[s], int(r)) for s, r in zip(spots, rows, strict=True)]
        if deck is not None:
            sorts = np.cumsum([SCENES_SHARE, OTHERS_SHARE, CATALOGUE_SHARE])
            for number, scene in enumerate(cells):
                sort = int(np.searchsorted(sorts, (number + 0.5) / size))
                if sort < len(sorts):
                    place = (deck.draw_scene, deck.draw_other, deck.draw_catalogue)[sort](rng)
                    under = scene if sort and rng.random() < PASTED_SHARE else None
                    cells[number] = _photographed(deck, place, under, rng)
                elif rng.random() < RESTYLED_SHARE:
                    like = cells[int(rng.integers(int(size * sorts[-1])))].pixels
                    scene.light = HOUR_HIDDEN
                    scene.pixels = real.restyled(scene.pixels, like, float(rng.uniform(0.007, 0.018)))
        yield _gathered(cells)
