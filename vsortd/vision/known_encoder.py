"""An encoder that is loaded only for what isn't known of the model and of texts from before. No torch in here."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.errors import ModelError
from vsortd.vision.encoder import unknown_to
from vsortd.vision.text_cache import TextCache
from vsortd.vision.text_memory import TextMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.vision.encoder import Encoder, ModelInfo
    from vsortd.vision.known_model import KnownModel


# Under these names the file of texts keeps what a model makes of pictures of one colour: red, green, blue behind it.
# Nobody types a zero.
_PLAIN: Final = "\0plain picture"
_MOST_PLAIN: Final = 32  # pictures of one call; more are frames, and not looked through for it


class KnownEncoder:
    """An `Encoder` of a model that was loaded before; see there for the promises.

    `load` loads it, once, for pictures and for texts that aren't in the file `texts`. Pictures of one colour, by which
    it is told what shows nothing, are kept there, too.
    """

    def __init__(self, known: KnownModel, texts: Path, load: Callable[[], Encoder]) -> None:
        self._info = known.info
        self._load = load
        self._lock = threading.Lock()
        self._loaded: Encoder | None = None
        self._closed = False
        cache = TextCache(texts, known.texts_key, known.info.dim)
        self._texts = TextMemory(lambda missing: self._own().encode_texts(missing), known.info.dim, cache)
        self._plain = TextMemory(lambda missing: self._own().encode_images(self._made(missing)), known.info.dim, cache)

    @property
    def info(self) -> ModelInfo:
        """What the model is."""
        return self._info

    def encode_images(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Embed RGB pictures, uint8 [n, side, side, 3]; returns [n, dim]. Loads the model first, but for known ones."""
        if self._closed:
            raise ModelError("The model is closed.")
        if 0 < len(pixels) <= _MOST_PLAIN and bool((pixels == pixels[:, :1, :1]).all()):
            colours = (" ".join(map(str, colour)) for colour in pixels[:, 0, 0].tolist())
            return self._plain.rows([f"{_PLAIN} {colour}" for colour in colours])
        return self._own().encode_images(pixels)

    def encode_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts; returns [n, dim]. Loads the model for those that nobody asked for before."""
        if self._closed:
            raise ModelError("The model is closed.")
        return self._texts.rows(texts)

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Return the words that the model has never seen; () for models taught on the web."""
        return unknown_to(self._info.family, text)

    def close(self) -> None:
        """Free the model where it was loaded."""
        with self._lock:
            self._closed = True
            loaded, self._loaded = self._loaded, None
        if loaded is not None:
            loaded.close()

    def _made(self, names: Sequence[str]) -> npt.NDArray[np.uint8]:
        """Return the pictures of one colour that are called so."""
        side = self._info.preprocess.side_px
        colours = np.array([name.removeprefix(_PLAIN).split() for name in names]).astype(np.uint8)
        return np.broadcast_to(colours[:, None, None], (len(names), side, side, 3)).copy()

    def _own(self) -> Encoder:
        """Return the loaded model. Raises ModelError, also when it is not what was known any more."""
        with self._lock:
            if self._closed:
                raise ModelError("The model is closed.")
            if self._loaded is None:
                loaded = self._load()
                if loaded.info != self._info:
                    loaded.close()
                    raise ModelError(
                        f"The model {self._info.name} has changed since it was loaded last.",
                        remedy="Run the command again: it goes by this one then.",
                    )
                self._loaded = loaded
            return self._loaded
