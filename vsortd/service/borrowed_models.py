"""Models that a running daemon lends: a command that needs one asks it for vectors, and loads none. No torch in here.

Where no daemon runs, or it works by another model, the command loads its own. So it does, late, when the daemon ends or
comes to work by another model in between: it goes on where it was.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from loguru import logger

from vsortd.core.interrupted_waits import was_interrupted
from vsortd.errors import ModelError, VsortdError
from vsortd.hearing.sound_encoder import SoundModelInfo
from vsortd.judging.model_source import OwnModels
from vsortd.service import loan_limits
from vsortd.service.client import Client
from vsortd.vision.encoder import ModelInfo, unknown_to
from vsortd.vision.models import looks_like_path
from vsortd.vision.text_memory import TextMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.config.settings import ModelChoice
    from vsortd.hearing.sound_encoder import SoundEncoder
    from vsortd.judging.model_source import ModelSource
    from vsortd.vision.encoder import Encoder

    Rows = npt.NDArray[np.float32]

_Own = TypeVar("_Own", bound="Encoder | SoundEncoder")


class BorrowedModels:
    """Has the daemon of a state folder lend its models, and takes those that it doesn't from `own`; see `ModelSource`.

    By default they are loaded into this process.
    """

    def __init__(self, state_folder: Path, own: ModelSource | None = None) -> None:
        self._client = Client(state_folder)
        self._own = own or OwnModels()

    def encoder(self, choice: str | ModelChoice, *, texts: Path | None) -> Encoder:
        """Return the encoder of pictures and texts."""
        load = partial(self._own.encoder, choice, texts=texts)
        name, weights = (choice, "") if isinstance(choice, str) else (choice.name, choice.weights)
        raw = None if _is_relative(weights) else self._lent(name, weights)
        try:
            return load() if raw is None else BorrowedEncoder(self._client, ModelInfo.from_json(raw), load)
        except (LookupError, TypeError, ValueError):  # a daemon of another version
            return load()

    def sound_encoder(self, choice: str, *, texts: Path | None) -> SoundEncoder:
        """Return the encoder of sounds and texts."""
        load = partial(self._own.sound_encoder, choice, texts=texts)
        raw = self._lent(choice, sound=True)
        try:
            return load() if raw is None else BorrowedSoundEncoder(self._client, SoundModelInfo.from_json(raw), load)
        except (LookupError, TypeError, ValueError):  # a daemon of another version
            return load()

    def _lent(self, name: str, weights: str = "", *, sound: bool = False) -> dict[str, Any] | None:
        try:
            found = self._client.lend_model(name, weights, sound=sound)
        except VsortdError:  # none runs, or it ends just now
            _go_on()
            return None
        if found is not None:
            logger.info("the daemon lends its model {}", name)
        return found


def _go_on() -> None:
    """Raise ModelError where the daemon's answer is missing because of Ctrl-C: then nothing is loaded in its place."""
    if was_interrupted():
        raise ModelError("The command was interrupted.")


def _is_relative(weights: str) -> bool:
    """Tell whether weights are a file that the daemon would look for in its own working folder."""
    import os.path

    return looks_like_path(weights) and not os.path.isabs(weights)  # noqa: PTH117 - a text


class _Loan(Generic[_Own]):
    """The daemon's model as long as it is lent, and the same one loaded here from then on; thread-safe."""

    def __init__(self, info: ModelInfo | SoundModelInfo, load: Callable[[], _Own]) -> None:
        self._info = info
        self._load = load
        self._turn = threading.Lock()  # the daemon takes one request of all after the other
        self._loading = threading.Lock()
        self._own: _Own | None = None
        self._lent = True
        self._closed = False

    def rows(self, ask: Callable[[], bytes], otherwise: Callable[[_Own], Rows]) -> Rows:
        """Return the rows [n, dim] that the daemon answers with, or those of the model here. Raises ModelError."""
        if self._closed:
            raise ModelError("The model is closed.")
        with self._turn:
            if self._lent:
                try:
                    return np.frombuffer(ask(), "<f4").astype(np.float32, copy=False).reshape(-1, self._info.dim)
                except (VsortdError, ValueError) as error:
                    _go_on()
                    logger.info("the daemon lends its model no longer: {}", error)
                    self._lent = False
        return otherwise(self._loaded())

    def close(self) -> None:
        """Give the model back, and free the one that was loaded here."""
        with self._loading:
            self._closed = True
            own, self._own = self._own, None
        if own is not None:
            own.close()

    def _loaded(self) -> _Own:
        with self._loading:
            if self._own is None:
                own = self._load()
                if own.info.key != self._info.key:
                    raise ModelError(
                        f"The daemon lends its model {self._info.name} no longer, and here that is another one.",
                        remedy="Run the command again: it goes by this one then.",
                    )
                self._own = own
            return self._own


class BorrowedEncoder:
    """An `Encoder` whose model the daemon holds; see there for the promises, and `_Loan` for the daemon's end."""

    def __init__(self, client: Client, info: ModelInfo, load: Callable[[], Encoder]) -> None:
        self._client = client
        self._info = info
        self._loan = _Loan(info, load)
        self._texts = TextMemory(partial(_texts_of, self._loan, client, info.key), info.dim)

    @property
    def info(self) -> ModelInfo:
        """What the model is."""
        return self._info

    def encode_images(self, pixels: npt.NDArray[np.uint8]) -> Rows:
        """Embed RGB pictures, uint8 [n, side, side, 3]; returns float32 unit rows [n, dim].

        Raises ModelError when the model fails or is closed, ValueError for pictures of another shape or dtype.
        """
        side = self._info.preprocess.side_px
        if pixels.dtype != np.uint8 or pixels.shape != (len(pixels), side, side, 3):
            raise ValueError(f"wants uint8 [n, {side}, {side}, 3], got {pixels.dtype} {list(pixels.shape)}")
        some = max(1, min(loan_limits.PICTURES, loan_limits.BODY_BYTES // (side * side * 3)))
        parts = [np.empty((0, self._info.dim), np.float32)]
        for begin in range(0, len(pixels), some):
            part = np.ascontiguousarray(pixels[begin : begin + some])
            ask = partial(self._client.embed_pictures, self._info.key, part.data.cast("B"))
            parts.append(self._loan.rows(ask, lambda own, part=part: own.encode_images(part)))  # type: ignore[misc]
        return np.concatenate(parts)

    def encode_texts(self, texts: Sequence[str]) -> Rows:
        """Embed texts, each asked for once and remembered; returns float32 unit rows [n, dim]. Raises ModelError."""
        return self._texts.rows(texts)

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Return the words that the model has never seen; () for models taught on the web."""
        return unknown_to(self._info.family, text)

    def close(self) -> None:
        """Ask for nothing any more. Later calls raise ModelError."""
        self._loan.close()


class BorrowedSoundEncoder:
    """A `SoundEncoder` whose model the daemon holds; as `BorrowedEncoder`."""

    def __init__(self, client: Client, info: SoundModelInfo, load: Callable[[], SoundEncoder]) -> None:
        self._client = client
        self._info = info
        self._loan = _Loan(info, load)
        self._texts = TextMemory(partial(_texts_of, self._loan, client, info.key, sound=True), info.dim)

    @property
    def info(self) -> SoundModelInfo:
        """What the model is."""
        return self._info

    def encode_windows(self, samples: npt.NDArray[np.int16]) -> Rows:
        """Embed windows of sound, int16 [n, WINDOW_SAMPLES]; returns float32 unit rows [n, dim]. Raises ModelError."""
        parts = [np.empty((0, self._info.dim), np.float32)]
        for begin in range(0, len(samples), loan_limits.WINDOWS):
            part = samples[begin : begin + loan_limits.WINDOWS]
            raw = np.ascontiguousarray(part, "<i2").data.cast("B")
            ask = partial(self._client.embed_windows, self._info.key, raw)
            parts.append(self._loan.rows(ask, lambda own, part=part: own.encode_windows(part)))  # type: ignore[misc]
        return np.concatenate(parts)

    def encode_texts(self, texts: Sequence[str]) -> Rows:
        """Embed texts, each asked for once and remembered; returns float32 unit rows [n, dim]. Raises ModelError."""
        return self._texts.rows(texts)

    def unknown_words(self, text: str) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's
        """Return (): it knows all words."""
        return ()

    def close(self) -> None:
        """Ask for nothing any more. Later calls raise ModelError."""
        self._loan.close()


def _texts_of(loan: _Loan[Any], client: Client, key: str, texts: list[str], *, sound: bool = False) -> Rows:
    """Embed texts [n, dim], as many at once as may be, those of a length together: as they would be here."""
    order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
    parts: list[Rows] = []
    for begin in range(0, len(texts), loan_limits.TEXTS):
        some = [texts[number] for number in order[begin : begin + loan_limits.TEXTS]]
        ask = partial(client.embed_texts, key, some, sound=sound)
        parts.append(loan.rows(ask, lambda own, some=some: own.encode_texts(some)))  # type: ignore[misc]
    return np.concatenate(parts)[np.argsort(order)]
