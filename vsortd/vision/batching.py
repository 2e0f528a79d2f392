"""The resident encoder: one thread owns the model and merges what many callers ask into batches.

The encoder lives as long as somebody holds it. Nobody who may still ask can find it closed by another; once the last
one has dropped it, its thread ends and the model's memory is free.

While the model works on one batch the next requests gather by themselves. Only when the last batch came from
several callers does the thread wait a moment for them to come again together; a lone caller never waits.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from loguru import logger

from vsortd.core.system.heap import trim_heap
from vsortd.errors import ModelError
from vsortd.vision.text_cache import TextCache
from vsortd.vision.text_memory import TextMemory
from vsortd.vision.text_tower import TextSide
from vsortd.vision.this_machine import usable_cpus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.vision.encoder import ModelInfo
    from vsortd.vision.loading import LoadedModel

# Pictures (or texts) a batch. A CPU gains nothing beyond a few; a GPU is busy from about a hundred.
MAX_BATCH_CPU: Final = 32
MAX_BATCH_CUDA: Final = 256
# How long an incomplete batch waits for callers that came together last time; infinity, an embedding server,
# waits as long.
PATIENCE_S: Final = 0.005
# Beyond this many threads a batch of a few pictures no longer gets faster.
MAX_THREADS: Final = 16


@dataclass(slots=True)
class _Request:
    """One caller's pictures (uint8 [n, side, side, 3]) or texts, and where its rows go."""

    items: npt.NDArray[np.uint8] | list[str]
    rows: Future[npt.NDArray[np.float32]] = field(default_factory=Future)

    @property
    def is_text(self) -> bool:
        """Whether the items are texts."""
        return isinstance(self.items, list)


class BatchingEncoder:
    """An `Encoder` over a loaded model, closed when nobody holds it any more; see there for the promises.

    `max_batch` bounds the pictures or texts that run at once; when the GPU's memory is short it is halved
    for good. Texts that were embedded in an earlier run are looked up in the file `texts`.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        *,
        max_batch: int | None = None,
        patience_s: float = PATIENCE_S,
        texts: Path | None = None,
    ) -> None:
        self._info = loaded.info
        self._unknown_words = loaded.unknown_words
        thread = self._thread = _ModelThread(loaded, max_batch, patience_s)
        cache = None if texts is None else TextCache(texts, texts_key(loaded), loaded.info.dim)
        self._texts = TextMemory(lambda missing: thread.ask(_Request(missing)), loaded.info.dim, cache)
        self._thread.start()
        self._end = weakref.finalize(self, _end, self._thread)
        self._end.atexit = False  # the thread ends with the process

    @property
    def info(self) -> ModelInfo:
        """What the model is."""
        return self._info

    def encode_images(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Embed RGB pictures, uint8 [n, side, side, 3]; returns float32 unit rows [n, dim].

        Raises ModelError when the model fails or is closed, ValueError for pictures of another shape or
        dtype.
        """
        side = self._info.preprocess.side_px
        if pixels.dtype != np.uint8 or pixels.shape != (len(pixels), side, side, 3):
            raise ValueError(f"wants uint8 [n, {side}, {side}, 3], got {pixels.dtype} {list(pixels.shape)}")
        if not len(pixels):
            return np.empty((0, self._info.dim), np.float32)
        return self._thread.ask(_Request(pixels))

    def encode_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts, each computed once and remembered; returns float32 unit rows [n, dim].

        Raises ModelError when the model fails or is closed.
        """
        return self._texts.rows(texts)

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Return the words that the model has never seen; () for models taught on the web."""
        return self._unknown_words(text)

    def close(self) -> None:
        """Answer what was asked, end the thread and free the model, whoever holds it. Later calls raise ModelError."""
        self._end()


class _ModelThread(threading.Thread):
    """The thread that owns the model: takes what callers ask, in batches. It knows nothing of who holds the encoder."""

    def __init__(self, loaded: LoadedModel, max_batch: int | None, patience_s: float) -> None:
        super().__init__(name="encoder", daemon=True)
        self._on_cuda = loaded.device.type == "cuda"
        self._runner = _Runner(loaded, max_batch or (MAX_BATCH_CUDA if self._on_cuda else MAX_BATCH_CPU))
        self._patience_s = patience_s
        self.wake = threading.Condition()
        self.queue: deque[_Request] = deque()
        self._closing = False
        self._last_round = 1  # callers merged into the last batch of pictures

    def ask(self, request: _Request) -> npt.NDArray[np.float32]:
        """Return the rows of a request. Raises ModelError when the model fails or is closed."""
        with self.wake:
            if self._closing:
                raise ModelError("The model is closed.")
            self.queue.append(request)
            self.wake.notify_all()
        rows = request.rows
        del request
        try:
            return rows.result()
        finally:
            del rows  # or an error would hold, by its traceback, itself and the model

    def close(self) -> None:
        """Take no further request, answer those in the queue, and wait for the end."""
        with self.wake:
            self._closing = True
            self.wake.notify_all()
        if threading.current_thread() is not self:  # the last reference may be dropped on any thread
            self.join()

    def run(self) -> None:
        """Serve requests until closed; the only place where the model runs."""
        if not self._on_cuda:
            torch.set_num_threads(min(usable_cpus(), MAX_THREADS))
        while requests := self._collect():
            answers = self._answers(requests)
            for request, answer in zip(requests, answers, strict=True):
                if isinstance(answer, Exception):
                    request.rows.set_exception(answer)
                else:
                    request.rows.set_result(answer)
            del requests, answers, request, answer  # or the last batch would stay in memory until the next one
        del self._runner
        if self._on_cuda:
            torch.cuda.empty_cache()

    def _answers(self, requests: list[_Request]) -> Sequence[npt.NDArray[np.float32] | ModelError]:
        try:
            return self._runner.texts(requests) if requests[0].is_text else self._runner.pictures(requests)
        except BaseException as error:  # noqa: BLE001 - whatever it is, a caller waits for an answer
            return [error if isinstance(error, ModelError) else _failure(error)] * len(requests)

    def _collect(self) -> list[_Request]:
        """Wait for work and return requests of one kind that fit a batch; [] when closed and done."""
        with self.wake:
            while not self.queue:
                if self._closing:
                    return []
                self.wake.wait()
            taken = [self.queue.popleft()]
            if taken[0].is_text:
                return taken
            deadline = time.monotonic() + self._patience_s
            while True:
                self._take_fitting(taken)
                left_s = deadline - time.monotonic()
                if len(taken) >= self._last_round or self.queue or self._closing or left_s <= 0:
                    break
                self.wake.wait(left_s)
            self._last_round = len(taken)
            return taken

    def _take_fitting(self, taken: list[_Request]) -> None:
        count = sum(len(request.items) for request in taken)
        while self.queue and not self.queue[0].is_text and count + len(self.queue[0].items) <= self._runner.max_batch:
            request = self.queue.popleft()
            count += len(request.items)
            taken.append(request)


def _end(thread: _ModelThread) -> None:
    thread.close()
    trim_heap()


class _Runner:
    """Runs the model on batches; lives on the encoder's thread."""

    def __init__(self, loaded: LoadedModel, max_batch: int) -> None:
        self._model = loaded
        self._text = TextSide(loaded.module)
        self.max_batch = max_batch
        shape = loaded.info.preprocess
        mean, std = (torch.tensor(value, device=loaded.device).view(1, 3, 1, 1) for value in (shape.mean, shape.std))
        self._factor = 1.0 / (255.0 * std)
        self._shift = -mean / std

    def pictures(self, requests: Sequence[_Request]) -> list[npt.NDArray[np.float32] | ModelError]:
        """Embed the pictures of several callers together and give each its rows, or its own error."""
        side = self._model.info.preprocess.side_px
        counts = [len(request.items) for request in requests]
        # the one copy on this side: into page-locked memory where a GPU reads it while we go on
        staged = torch.empty(
            (sum(counts), side, side, 3), dtype=torch.uint8, pin_memory=self._model.device.type == "cuda"
        )
        np.concatenate([request.items for request in requests], out=staged.numpy())
        rows = self._in_batches(len(staged), lambda begin, end: self._embed(staged[begin:end]))
        answers: list[npt.NDArray[np.float32] | ModelError] = []
        for part in np.split(rows, np.cumsum(counts)[:-1]):
            usable = bool(np.isfinite(part).all())
            answers.append(part if usable else ModelError(f"{self._model.info.name} gave no numbers for a picture."))
        return answers

    def texts(self, requests: Sequence[_Request]) -> list[npt.NDArray[np.float32] | ModelError]:
        """Embed the texts of one caller."""
        (request,) = requests
        texts = list(request.items)
        by_length = sorted(range(len(texts)), key=lambda number: len(texts[number]))  # little padding in a batch
        rows = self._in_batches(
            len(texts),
            lambda begin, end: self._embed_texts([texts[number] for number in by_length[begin:end]]),
        )[np.argsort(by_length)]
        if not np.isfinite(rows).all():
            raise ModelError(f"{self._model.info.name} gave no numbers for a text.")
        return [rows]

    def _embed(self, pixels: torch.Tensor) -> torch.Tensor:
        model = self._model
        pictures = (
            pixels.to(model.device, non_blocking=True).permute(0, 3, 1, 2).float()
        )  # channels_last by its strides
        normalised = pictures.mul_(self._factor).add_(self._shift).to(model.dtype)
        return model.module.encode_image(normalised)  # type: ignore[no-any-return]

    def _embed_texts(self, texts: list[str]) -> torch.Tensor:
        return self._text.encode(self._model.tokenizer(texts).to(self._model.device))

    def _in_batches(self, count: int, embed: Callable[[int, int], torch.Tensor]) -> npt.NDArray[np.float32]:
        """Run `embed(begin, end)` over `count` items and return unit rows.

        Where memory is short, half as many are tried at once.
        """
        parts: list[npt.NDArray[np.float32]] = []
        begin = 0
        while begin < count:
            end = min(begin + self.max_batch, count)
            try:
                with torch.no_grad():  # quicker than inference_mode on open_clip's ViTs
                    rows = torch.nn.functional.normalize(embed(begin, end).float(), dim=-1)
                    parts.append(rows.cpu().numpy())
            except torch.OutOfMemoryError:
                if end - begin == 1:
                    raise
                self.max_batch = (end - begin) // 2
                logger.warning("the GPU's memory is short: batches of {} from now on", self.max_batch)
                torch.cuda.empty_cache()
                continue
            begin = end
        return np.concatenate(parts)


def texts_key(loaded: LoadedModel) -> str:
    """Return what the vectors of texts hang on, to the last bit."""
    return f"{loaded.info.key}/{loaded.architecture}/{loaded.info.dtype}/{loaded.device.type}"


def _failure(error: BaseException) -> ModelError:
    why = (str(error).strip().splitlines() or [""])[0]
    failure = ModelError(f"The model failed: {type(error).__name__}: {why}")
    failure.__cause__ = error
    return failure
