"""A CLAP model as a `SoundEncoder`: windows and texts in batches, one caller after the other."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from loguru import logger

from vsortd.core.system.heap import trim_heap
from vsortd.errors import ModelError
from vsortd.hearing.log_mel import LogMel
from vsortd.media.sound_windows import WINDOW_SAMPLES
from vsortd.vision.text_cache import TextCache
from vsortd.vision.text_memory import TextMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.hearing.clap_loading import LoadedClap
    from vsortd.hearing.sound_encoder import SoundModelInfo

    Rows = npt.NDArray[np.float32]

# Windows (or texts) a batch: the network's first layers take some 100 MB a window in float32.
_BATCH_CPU: Final = 4
_BATCH_CUDA: Final = 64
_SHORTEST: Final = 1e-6  # of what the network gives before it is brought to length 1


class ClapEncoder:
    """A loaded model, tried once; `max_batch` bounds what runs at once, and is halved when the GPU's memory is short.

    Raises ModelError for a model that doesn't run.
    """

    def __init__(self, loaded: LoadedClap, *, max_batch: int | None = None, texts: Path | None = None) -> None:
        self._info = loaded.info
        self._lock = threading.Lock()
        self._loaded: LoadedClap | None = loaded
        self._mel = LogMel(loaded.files.mel, loaded.device)
        self._max_batch = max_batch or (_BATCH_CUDA if loaded.device.type == "cuda" else _BATCH_CPU)
        key = f"{loaded.info.key}/{loaded.device.type}"
        cache = None if texts is None else TextCache(texts, key, loaded.info.dim)
        self._texts = TextMemory(self._embed_texts, loaded.info.dim, cache)
        self._try_out(loaded.files.folder)

    @property
    def info(self) -> SoundModelInfo:
        """What the model is."""
        return self._info

    def encode_windows(self, samples: npt.NDArray[np.int16]) -> Rows:
        """Embed windows of sound, int16 [n, WINDOW_SAMPLES]; returns float32 unit rows [n, dim].

        Raises ModelError when the model fails or is closed, ValueError for another shape or dtype.
        """
        if samples.dtype != np.int16 or samples.shape != (len(samples), WINDOW_SAMPLES):
            raise ValueError(f"wants int16 [n, {WINDOW_SAMPLES}], got {samples.dtype} {list(samples.shape)}")

        def embed(loaded: LoadedClap, begin: int, end: int) -> torch.Tensor:
            sound = torch.from_numpy(samples[begin:end].astype(np.float32) / np.float32(2**15 - 1))
            features = self._mel.of(sound.to(loaded.device))
            return _pooled(loaded.module.get_audio_features(input_features=features))

        return self._in_batches(len(samples), embed)

    def encode_texts(self, texts: Sequence[str]) -> Rows:
        """Embed texts, each computed once and remembered; returns float32 unit rows [n, dim]. Raises ModelError."""
        return self._texts.rows(texts)

    def unknown_words(self, text: str) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's
        """Return (): it knows all words."""
        return ()

    def close(self) -> None:
        """Free the model once what is under way is answered. Later calls raise ModelError."""
        with self._lock:
            self._loaded = None
            if self._info.device.startswith("cuda"):
                torch.cuda.empty_cache()
        trim_heap()

    def _try_out(self, folder: Path) -> None:
        """Hear silence and read a word, so that a model which can't run is found before the first video."""
        try:
            self.encode_windows(np.zeros((1, WINDOW_SAMPLES), np.int16))
            self._embed_texts(["a"])
        except ModelError as error:
            if isinstance(error.__cause__, torch.OutOfMemoryError):  # another program has the GPU's memory now
                raise
            remedy = "Its files may not belong together: download or copy them again, or take another model."
            raise ModelError(error.title, remedy=remedy, paths=[folder]) from error

    def _embed_texts(self, texts: list[str]) -> Rows:
        def embed(loaded: LoadedClap, begin: int, end: int) -> torch.Tensor:
            encoded = loaded.tokenizer.encode_batch(texts[begin:end])
            tokens, mask = (
                torch.tensor([getattr(one, name) for one in encoded], device=loaded.device)
                for name in ("ids", "attention_mask")
            )
            return _pooled(loaded.module.get_text_features(input_ids=tokens, attention_mask=mask))

        return self._in_batches(len(texts), embed)

    def _in_batches(self, count: int, embed: Callable[[LoadedClap, int, int], torch.Tensor]) -> Rows:
        parts = [np.empty((0, self._info.dim), np.float32)]
        begin = 0
        while begin < count:
            with self._lock:
                if self._loaded is None:
                    raise ModelError("The sound model is closed.")
                end = min(begin + self._max_batch, count)
                try:
                    parts.append(self._unit(embed(self._loaded, begin, end)))
                except torch.OutOfMemoryError as error:
                    if end - begin == 1:
                        raise ModelError(f"The sound model {self._info.name} failed: {error}") from error
                    self._max_batch = (end - begin) // 2
                    logger.warning("the GPU's memory is short: batches of {} from now on", self._max_batch)
                    torch.cuda.empty_cache()
                    continue
                except ModelError:
                    raise
                except Exception as error:  # torch raises anything
                    why = (str(error).strip().splitlines() or [""])[0]
                    failed = f"The sound model {self._info.name} failed: {type(error).__name__}: {why}"
                    raise ModelError(failed) from error
            begin = end
        return np.concatenate(parts)

    def _unit(self, rows: torch.Tensor) -> Rows:
        found: Rows = rows.float().cpu().numpy()
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        if not (np.isfinite(found).all() and (lengths > _SHORTEST).all()):
            raise ModelError(f"The sound model {self._info.name} gave no numbers.")
        return np.asarray(found / lengths, np.float32)


def _pooled(output: Any) -> torch.Tensor:  # noqa: ANN401 - transformers returns a tensor, since version 5 a record
    rows = output if isinstance(output, torch.Tensor) else output.pooler_output
    return rows.detach()
