"""One decoding process, seen from the daemon: pipes, two small threads that empty them, and how it ended."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import BinaryIO, cast

import vsortd
from vsortd.errors import Cancelled
from vsortd.media import protocol
from vsortd.media.protocol import Blob, Message, ProtocolError

if sys.platform == "linux":
    import fcntl

_STDERR_LINES = 20
# A look's frames (8 of 224 x 224) pass a pipe of this size at once; Linux's 64 KiB take twenty turns between the two.
_PIPE_BYTES = 1 << 20
_TICK_S = 0.1
_Reply = tuple[Message, Blob] | ProtocolError | None  # None: the stream ended


class ChildGoneError(Exception):
    """The process ended; the message says how, and what it last said."""


class Child:
    """A worker process. One thread at a time may talk to it; `kill` may be called from any."""

    def __init__(self, memory_bytes: int, decoder: str = "cpu") -> None:
        self.served = 0
        self.healthy = True
        self.last_path = ""  # the video that it read last, whose table it may still have
        self._memory_bytes = memory_bytes
        self._decoder = decoder
        self._max_blob_bytes = 0
        self._replies: queue.SimpleQueue[_Reply] = queue.SimpleQueue()
        self._errors: deque[str] = deque(maxlen=_STDERR_LINES)
        self._process = subprocess.Popen(
            # -P: a folder named `av` in the working directory must not be imported
            [sys.executable, "-P", "-m", "vsortd.media.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
        )
        _widen(cast("BinaryIO", self._process.stdout))
        self._threads = [
            threading.Thread(target=self._read_replies, name="media-replies", daemon=True),
            threading.Thread(target=self._read_errors, name="media-errors", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Tell whether the process still runs."""
        return self._process.poll() is None

    def greet(self, limit_s: float, cancel: threading.Event | None) -> str:
        """Wait until the process has loaded its decoders; returns why it can't use the wanted one, "" if it can.

        Raises ChildGoneError or Cancelled.
        """
        self.ask({"op": "hello", "memory_bytes": self._memory_bytes, "decoder": self._decoder}, 0)
        deadline = time.monotonic() + limit_s
        while (reply := self.reply(_TICK_S)) is None:
            if cancel is not None and cancel.is_set():
                raise Cancelled
            if time.monotonic() > deadline:
                raise ChildGoneError(f"did not answer within {limit_s:g} s")
        return protocol.cleaned(str(reply[0].get("no_hardware", "")))

    def ask(self, request: Message, max_blob_bytes: int) -> None:
        """Send a request whose reply may carry up to `max_blob_bytes`. Raises ChildGoneError."""
        self._errors.clear()
        self._max_blob_bytes = max_blob_bytes
        try:
            protocol.send(cast("BinaryIO", self._process.stdin), request)
        except OSError as error:
            raise ChildGoneError(self._ending()) from error

    def reply(self, wait_s: float) -> tuple[Message, Blob] | None:
        """Return the reply, or None if there is none after `wait_s`. Raises ChildGoneError, ProtocolError."""
        try:
            reply = self._replies.get(timeout=wait_s)
        except queue.Empty:
            return None
        if reply is None:
            raise ChildGoneError(self._ending())
        if isinstance(reply, ProtocolError):
            raise reply
        return reply

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def dispose(self) -> None:
        """End the process and let go of its pipes and threads."""
        self.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # a request that was never read; the descriptor is closed all the same

    def _read_replies(self) -> None:
        pipe = cast("BinaryIO", self._process.stdout)
        while True:
            try:
                message = self._receive(pipe)
            except ProtocolError as error:
                self._replies.put(error)
                self.kill()
                message = None
            self._replies.put(message)
            if message is None:
                return

    def _receive(self, pipe: BinaryIO) -> tuple[Message, Blob] | None:
        # the limit is asked for when the lengths are in, so it is that of the request under way
        return protocol.receive(pipe, lambda: self._max_blob_bytes)

    def _read_errors(self) -> None:
        for line in cast("BinaryIO", self._process.stderr):
            self._errors.append(protocol.cleaned(line.decode("utf-8", "replace")))

    def _ending(self) -> str:
        """Say how the process ended."""
        self._process.wait()
        code = self._process.returncode
        if code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = str(-code)
            how = f"was killed ({name})" if name == "SIGKILL" else f"crashed ({name})"
        else:
            how = f"ended (exit status {code})"
        last = next((line for line in reversed(self._errors) if line), "")
        return f"{how}: {last}" if last else how


def _widen(pipe: BinaryIO) -> None:
    """Let the pipe of replies hold a whole look; one that stays small (a limit for users, another system) is slower."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _environment() -> dict[str, str]:
    """Return the child's environment: the package found where ours is, one thread, tied to this process."""
    package_root = str(Path(vsortd.__file__).resolve().parent.parent)
    path = os.pathsep.join(part for part in (package_root, os.environ.get("PYTHONPATH", "")) if part)
    return {
        **os.environ,
        "PYTHONPATH": path,
        "OPENBLAS_NUM_THREADS": "1",  # numpy's pool of threads would reserve memory for every core
        "OMP_NUM_THREADS": "1",
        "VSORTD_MEDIA_PARENT": str(os.getpid()),
    }
