"""The vectors of texts that a model was asked for: each is computed once, remembered here and kept on disk."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vsortd.vision.text_cache import TextCache

Rows = npt.NDArray[np.float32]

# Texts remembered, 2 KB each at 512 numbers: far more than any rule set, so that a long-lived daemon stays
# bounded.
MAX_TEXTS: Final = 65_536


class TextMemory:
    """Asks `embed`, which returns unit rows [n, dim], for texts that neither memory nor `cache` has; thread-safe."""

    def __init__(self, embed: Callable[[list[str]], Rows], dim: int, cache: TextCache | None = None) -> None:
        self._embed = embed
        self._dim = dim
        self._cache = cache
        self._lock = threading.Lock()
        self._texts: OrderedDict[str, Rows] = OrderedDict()

    def rows(self, texts: Sequence[str]) -> Rows:
        """Return float32 unit rows [n, dim]. Raises what `embed` raises."""
        wanted = dict.fromkeys(texts)
        rows: dict[str, Rows] = {}
        with self._lock:
            for text in wanted:
                if text in self._texts:
                    self._texts.move_to_end(text)
                    rows[text] = self._texts[text]
        missing = [text for text in wanted if text not in rows]
        if missing:
            rows.update(self._beyond_memory(missing))
            with self._lock:
                self._texts.update((text, rows[text]) for text in missing)
                while len(self._texts) > MAX_TEXTS:
                    self._texts.popitem(last=False)
        if not rows:
            return np.empty((0, self._dim), np.float32)
        return np.stack([rows[text] for text in texts])

    def _beyond_memory(self, texts: list[str]) -> dict[str, Rows]:
        """Return the rows of texts from the file of earlier runs, and from the model those that it lacks."""
        if self._cache is None:
            return dict(zip(texts, self._embed(texts), strict=True))
        rows = self._cache.recall(texts)
        missing = [text for text in texts if text not in rows]
        if missing:
            made = dict(zip(missing, self._embed(missing), strict=True))
            self._cache.keep(made)
            rows.update(made)
        return rows
