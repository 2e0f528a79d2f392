"""A process that holds one model, so that its memory and its speed are its own: see `model_process`, which asks it.

`python -m vsortd.vision.model_worker` reads requests from stdin and answers on stdout, in the messages of
`media.protocol`. It ends with its parent: at the end of stdin.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from loguru import logger

from vsortd.core.system.machine_memory import peak_memory_bytes
from vsortd.errors import ModelError, VsortdError
from vsortd.media import protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from vsortd.config.settings import ModelChoice
    from vsortd.media.protocol import Blob, Message
    from vsortd.vision.batching import BatchingEncoder

    Reply = tuple[Message, Blob]

# 256 pictures of 1024 x 1024; what asks is vsortd itself.
_MOST_BYTES = 1 << 30


def main() -> int:
    """Answer until stdin ends; return the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends this
    logger.remove()
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    holder = _Holder()
    with contextlib.suppress(BrokenPipeError):  # the parent has gone
        while (message := protocol.receive(sys.stdin.buffer, lambda: _MOST_BYTES)) is not None:
            protocol.send(replies, *holder.answer(*message))
    return 0


class _Holder:
    """The model, once it is loaded, and what was measured meanwhile."""

    def __init__(self) -> None:
        self._encoder: BatchingEncoder | None = None
        self._warm = False

    def answer(self, request: Message, blob: Blob) -> Reply:
        """Return the answer to a request; a model that fails is one, too."""
        operations: dict[str, Callable[[], Reply]] = {
            "resolve": lambda: ({"found": [_resolved(raw) for raw in request["choices"]]}, b""),
            "load": lambda: (self._load(request["choice"], request["device"]), b""),
            "pictures": lambda: self._pictures(np.frombuffer(blob, np.uint8).reshape(request["shape"])),
            "texts": lambda: ({}, _bytes_of(self._loaded.encode_texts(request["texts"]))),
            "memory": lambda: ({"peak_bytes": peak_memory_bytes(), "gpu_bytes": self._gpu_bytes()}, b""),
        }
        try:
            return operations[request["op"]]()
        except VsortdError as error:
            return _refusal(error), b""

    @property
    def _loaded(self) -> BatchingEncoder:
        if self._encoder is None:
            raise ModelError("No model is loaded.")
        return self._encoder

    def _load(self, raw: str | dict[str, str], device: str | None) -> Message:
        _import_libraries()
        from vsortd.vision import batching, loading

        libraries_bytes = peak_memory_bytes()
        began_s = time.perf_counter()
        loaded = loading.load_model(_choice(raw), device=device)
        took_s = time.perf_counter() - began_s
        self._encoder = batching.BatchingEncoder(loaded)
        on_cuda = loaded.device.type == "cuda"
        return {
            "info": loaded.info.to_json(),
            "load_s": took_s,
            "libraries_bytes": libraries_bytes,
            "parameters": sum(part.numel() for part in loaded.module.parameters()),
            "batch": batching.MAX_BATCH_CUDA if on_cuda else batching.MAX_BATCH_CPU,
            "device_name": _device_name(loaded.info.device),
        }

    def _pictures(self, pixels: npt.NDArray[np.uint8]) -> Reply:
        """Embed pictures; the first ones twice: what the first batch sets up is no part of the speed."""
        if not self._warm:
            self._loaded.encode_images(pixels)
            self._warm = True
        began_s = time.perf_counter()
        rows = self._loaded.encode_images(pixels)
        return {"took_s": time.perf_counter() - began_s}, _bytes_of(rows)

    def _gpu_bytes(self) -> int | None:
        if not self._loaded.info.device.startswith("cuda"):
            return None
        import torch

        return int(torch.cuda.max_memory_reserved(self._loaded.info.device))


def _import_libraries() -> None:
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as `vision.factory` says
    from vsortd.vision import batching

    del batching


def _resolved(raw: str | dict[str, str]) -> Message:
    """Return how a model wants its pictures, or why it can't be had; its weights are downloaded if need be."""
    _import_libraries()
    from vsortd.vision.loading import best_device
    from vsortd.vision.sources import preprocess_of, resolve

    try:
        return {"shape": asdict(preprocess_of(resolve(_choice(raw), on_cuda=best_device().type == "cuda")))}
    except VsortdError as error:
        return _refusal(error)


def _choice(raw: str | dict[str, str]) -> str | ModelChoice:
    from vsortd.config.settings import ModelChoice

    return raw if isinstance(raw, str) else ModelChoice(**raw)


def _refusal(error: VsortdError) -> Message:
    return {"refused": {"title": error.title, "details": list(error.details), "remedy": error.remedy}}


def _device_name(device: str) -> str:
    if not device.startswith("cuda"):
        return ""
    import torch

    return str(torch.cuda.get_device_name(device))


def _bytes_of(rows: npt.NDArray[np.float32]) -> Blob:
    return np.ascontiguousarray(rows, np.float32).data.cast("B") if rows.size else b""


if __name__ == "__main__":
    sys.exit(main())
