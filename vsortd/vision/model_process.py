"""A model in a process of its own, which measures what it costs: time to load, memory, pictures a second.

**Memory** is that process's peak: interpreter, libraries, model, and a batch at work. What the libraries alone had
taken is told apart. While a file of weights is read its pages count, too: a moment's need that the system can take
back. On a GPU it is the most that torch had reserved there; CUDA's own context comes on top. **Speed** is pictures
divided by the time that the process spent embedding them, with the first batch left out, which sets things up; what
comes and goes between processes is not counted. **Time to load** begins when the libraries are imported: weights read,
put on the device, one picture and one word tried. A file that was read lately comes out of the system's memory.

The figures hold for a machine that does nothing else meanwhile; who asks sees to it that nothing is decoded then.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, Final, Self, cast

import numpy as np

from vsortd.core.system.bounded_lines import bounded_lines
from vsortd.core.system.child_environment import package_path
from vsortd.errors import ModelError
from vsortd.media import protocol
from vsortd.media.preprocess import Preprocess
from vsortd.vision.encoder import ModelInfo, unknown_to

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    import numpy.typing as npt

    from vsortd.config.settings import ModelChoice
    from vsortd.media.protocol import Blob, Message

_TICK_S: Final = 0.2  # Ctrl-C is heard so often
_STDERR_LINES, _STDERR_LINE_BYTES = 20, 4096
# Texts of one request, in characters: a header holds a megabyte, and a character takes at most twelve bytes of it.
_TEXTS_CHARACTERS: Final = 50_000


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What a model was found to cost on this machine; see the module on how. Sizes in bytes, times in seconds.

    `frames_per_s` is None as long as no picture was embedded, `gpu_bytes` where no GPU computes. `device_name` is the
    GPU's, "" for the CPU. `batch` is how many pictures are embedded at once at most.
    """

    parameters: int
    load_s: float
    libraries_bytes: int
    memory_bytes: int
    gpu_bytes: int | None
    device_name: str
    batch: int
    frames: int = 0
    busy_s: float = 0.0

    @property
    def frames_per_s(self) -> float | None:
        """Pictures embedded per second."""
        return self.frames / self.busy_s if self.busy_s > 0 else None

    def plus(self, other: ModelCost | None) -> ModelCost:
        """Return this with what the same model did before: its first load, the greatest memory, all pictures."""
        if other is None:
            return self
        return replace(
            other,
            memory_bytes=max(self.memory_bytes, other.memory_bytes),
            gpu_bytes=max(self.gpu_bytes or 0, other.gpu_bytes or 0) if self.gpu_bytes is not None else None,
            frames=self.frames + other.frames,
            busy_s=self.busy_s + other.busy_s,
        )


class ModelProcess:
    """An `Encoder` whose model lives in a process of its own; not thread-safe.

    Use it as a context manager: leaving it ends the process. Every method raises ModelError when the process ends by
    itself, killed for want of memory for one.
    """

    def __init__(self) -> None:
        self._info: ModelInfo | None = None
        self._facts: Message = {}
        self._frames, self._busy_s = 0, 0.0
        self._errors: deque[str] = deque(maxlen=_STDERR_LINES)
        self._replies: queue.SimpleQueue[tuple[Message, Blob] | None] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            # -P: a folder named `torch` in the working directory must not be imported
            [sys.executable, "-P", "-m", "vsortd.vision.model_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
        )
        self._threads = [
            threading.Thread(target=self._read_replies, name="model-replies", daemon=True),
            threading.Thread(target=self._read_errors, name="model-errors", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def resolve(self, choices: Sequence[str | ModelChoice]) -> list[Preprocess | ModelError]:
        """Return how each model wants its pictures, or why it can't be had; weights are downloaded if need be."""
        header, _ = self._ask({"op": "resolve", "choices": [_raw(choice) for choice in choices]})
        return [_refused(one) or Preprocess.from_json(one["shape"]) for one in header["found"]]

    def load(self, choice: str | ModelChoice, *, device: str | None = None) -> None:
        """Load the model, on the fastest sound device by default. Raises ModelError when it can't be had."""
        self._facts, _ = self._ask({"op": "load", "choice": _raw(choice), "device": device})
        self._info = ModelInfo.from_json(self._facts["info"])

    @property
    def info(self) -> ModelInfo:
        """What the model is, once it is loaded."""
        assert self._info is not None
        return self._info

    @property
    def batch(self) -> int:
        """How many pictures the model embeds at once at most."""
        return int(self._facts["batch"])

    def cost(self) -> ModelCost:
        """Return what the model has cost so far."""
        memory, _ = self._ask({"op": "memory"})
        return ModelCost(
            parameters=self._facts["parameters"],
            load_s=self._facts["load_s"],
            libraries_bytes=self._facts["libraries_bytes"],
            memory_bytes=memory["peak_bytes"],
            gpu_bytes=memory["gpu_bytes"],
            device_name=self._facts["device_name"],
            batch=self.batch,
            frames=self._frames,
            busy_s=self._busy_s,
        )

    def encode_images(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Embed RGB pictures, uint8 [n, side, side, 3]; returns float32 unit rows [n, dim]. Raises ModelError."""
        if not len(pixels):
            return np.empty((0, self.info.dim), np.float32)
        whole = np.ascontiguousarray(pixels)
        header, blob = self._ask({"op": "pictures", "shape": list(whole.shape)}, whole.data.cast("B"))
        self._frames += len(whole)
        self._busy_s += header["took_s"]
        return self._rows(blob)

    def encode_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts; returns float32 unit rows [n, dim]. Raises ModelError."""
        parts, some, characters = [np.empty((0, self.info.dim), np.float32)], [], 0
        for text in texts:
            some.append(text)
            characters += len(text)
            if characters > _TEXTS_CHARACTERS:
                parts.append(self._rows(self._ask({"op": "texts", "texts": some})[1]))
                some, characters = [], 0
        if some:
            parts.append(self._rows(self._ask({"op": "texts", "texts": some})[1]))
        return np.concatenate(parts)

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Return the words that the model has never seen; () for models taught on the web."""
        return unknown_to(self.info.family, text)

    def close(self) -> None:
        """End the process, whatever it does; a second time does nothing."""
        self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            try:
                cast("BinaryIO", pipe).close()
            except BrokenPipeError:
                continue  # a request that was never read; the descriptor is closed all the same

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, request: Message, blob: Blob = b"") -> tuple[Message, Blob]:
        try:
            protocol.send(cast("BinaryIO", self._process.stdin), request, blob)
        except OSError as error:
            raise self._gone() from error
        while True:
            try:
                reply = self._replies.get(timeout=_TICK_S)
            except queue.Empty:
                continue
            if reply is None:
                raise self._gone()
            if refused := _refused(reply[0]):
                raise refused
            return reply

    def _rows(self, blob: Blob) -> npt.NDArray[np.float32]:
        return np.frombuffer(blob, np.float32).reshape(-1, self.info.dim)

    def _read_replies(self) -> None:
        message: tuple[Message, Blob] | None = ({}, b"")
        while message is not None:
            message = protocol.receive(cast("BinaryIO", self._process.stdout), lambda: sys.maxsize)
            self._replies.put(message)

    def _read_errors(self) -> None:
        for lines, _ in bounded_lines(cast("BinaryIO", self._process.stderr), _STDERR_LINE_BYTES):
            self._errors.extend(line.decode("utf-8", "replace") for line in lines)

    def _gone(self) -> ModelError:
        """Say how the process ended."""
        code = self._process.wait()
        self._threads[1].join()
        if code == -getattr(signal, "SIGKILL", 0):
            title = "The process that held the model was killed, as the system does where memory is short."
            return ModelError(title, remedy="Close other programs, or choose a smaller model: vsortd model list")
        last = next((line for line in reversed(self._errors) if line.strip()), "")
        return ModelError(f"The process that held the model ended (exit status {code}){f': {last}' if last else ''}.")


def _raw(choice: str | ModelChoice) -> str | dict[str, str]:
    return choice if isinstance(choice, str) else {"name": choice.name, "weights": choice.weights}


def _refused(header: Message) -> ModelError | None:
    raw = header.get("refused")
    return None if raw is None else ModelError(raw["title"], details=raw["details"], remedy=raw["remedy"])


def _environment() -> dict[str, str]:
    """Return this process's environment, with the package found where ours is."""
    return {**os.environ, "PYTHONPATH": package_path()}
