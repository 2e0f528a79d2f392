"""One decoding process, seen from the daemon: pipes, two small threads that empty them, and how it ended.

The process may have been taken over by a video: whatever it says is bounded and expected, or it is killed.
"""

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
from typing import TYPE_CHECKING, BinaryIO, cast

import vsortd
from vsortd.core.system.bounded_lines import bounded_lines
from vsortd.core.system.child_environment import least_environment
from vsortd.core.system.regular_file import open_regular
from vsortd.errors import Cancelled
from vsortd.media import protocol
from vsortd.media.protocol import Blob, Message, ProtocolError
from vsortd.media.replies import WorkerGreeting, greeting_from_message
from vsortd.media.request_pipe import FILES, ends, send_request

if TYPE_CHECKING:
    import socket

if sys.platform == "linux":
    import fcntl

_STDERR_LINES, _STDERR_LINE_BYTES = 20, 4096
# A damaged film of hours has an error for each of its frames; more than this nobody has to say of one request.
_STDERR_BYTES = 64 << 20
# Where requests name the videos that they are about.
_PATHS = ("path", "other")
# A look's frames (8 of 224 x 224) pass a pipe of this size at once; Linux's 64 KiB take twenty turns between the two.
_PIPE_BYTES = 1 << 20
_TICK_S = 0.1
_Reply = tuple[Message, Blob] | ProtocolError | None  # None: the stream ended


class ChildGoneError(Exception):
    """The process ended; the message says how, and what it last said."""


class UnheardError(ChildGoneError):
    """The process had ended before a request reached it: no fault of the video's."""


class WorkerProcess:
    """A worker process. One thread at a time may talk to it; `kill` may be called from any."""

    def __init__(self, memory_bytes: int, decoder: str = "cpu") -> None:
        self.served = 0
        self.healthy = True
        self.last_path = ""  # the video that it read last, whose table it may still have
        self._memory_bytes = memory_bytes
        self._decoder = decoder
        self._max_blob_bytes = 0
        self._awaited = False
        self._said_bytes = 0
        self._replies: queue.SimpleQueue[_Reply] = queue.SimpleQueue()
        self._errors: deque[str] = deque(maxlen=_STDERR_LINES)
        self._socket: socket.socket | None = None
        self._process = self._start()
        _widen(cast("BinaryIO", self._process.stdout))
        self._threads = [
            threading.Thread(target=self._read_replies, name="media-replies", daemon=True),
            threading.Thread(target=self._read_errors, name="media-errors", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _start(self) -> subprocess.Popen[bytes]:
        """Start the process; where descriptors can be handed over its requests come over a socket."""
        theirs: socket.socket | None = None
        if sys.platform != "win32":
            self._socket, theirs = ends()
        stdin = subprocess.PIPE if theirs is None else theirs.fileno()
        try:
            return subprocess.Popen(
                # -P: a folder named `av` in the working directory must not be imported
                [sys.executable, "-P", "-m", "vsortd.media.worker"],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(),
            )
        except BaseException:
            if self._socket is not None:
                self._socket.close()
            raise
        finally:
            if theirs is not None:
                theirs.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Tell whether the process still runs."""
        return self._process.poll() is None

    def greet(self, limit_s: float, cancel: threading.Event | None) -> WorkerGreeting:
        """Wait until the process has loaded its decoders and given up its rights; returns what it says of both.

        Raises ChildGoneError, ProtocolError or Cancelled.
        """
        self.ask({"op": "hello", "memory_bytes": self._memory_bytes, "decoder": self._decoder}, 0)
        deadline = time.monotonic() + limit_s
        while (reply := self.reply(_TICK_S)) is None:
            if cancel is not None and cancel.is_set():
                raise Cancelled
            if time.monotonic() > deadline:
                raise ChildGoneError(f"did not answer within {limit_s:g} s")
        return greeting_from_message(reply[0])

    def ask(self, request: Message, max_blob_bytes: int) -> None:
        """Send a request whose reply may carry up to `max_blob_bytes`, and the files that it is about.

        Raises UnheardError, and ChangedError or BrokenError where a file can't be opened: nothing was sent then.
        """
        self._errors.clear()
        self._said_bytes = 0
        self._max_blob_bytes = max_blob_bytes
        with contextlib.ExitStack() as opened:
            paths = [request[name] for name in _PATHS if name in request]
            descriptors: list[int] = []
            if self._socket is not None:
                for path in paths:
                    descriptors.append(open_regular(path))
                    opened.callback(os.close, descriptors[-1])
            self._awaited = True
            try:
                if self._socket is not None:
                    send_request(self._socket, {**request, FILES: paths}, descriptors)
                else:
                    protocol.send(cast("BinaryIO", self._process.stdin), request)
            except OSError as error:
                raise UnheardError(self._ending()) from error

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
        if self._socket is not None:
            self._socket.close()
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
        message = protocol.receive(pipe, lambda: self._max_blob_bytes if self._awaited else 0)
        if message is not None and not self._awaited:
            raise ProtocolError("an answer that nobody asked for")
        self._awaited = False
        return message

    def _read_errors(self) -> None:
        for lines, size in bounded_lines(cast("BinaryIO", self._process.stderr), _STDERR_LINE_BYTES):
            self._said_bytes += size
            if self._said_bytes > _STDERR_BYTES:
                self._replies.put(ProtocolError("it never stops printing"))
                self.kill()
                return
            self._errors.extend(protocol.cleaned(line.decode("utf-8", "replace")) for line in lines)

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
    troubles = os.environ.get("VSORTD_MEDIA_TEST_OPS")
    own = {
        "PYTHONPATH": path,
        "OPENBLAS_NUM_THREADS": "1",  # numpy's pool of threads would reserve memory for every core
        "OMP_NUM_THREADS": "1",
        "VSORTD_MEDIA_PARENT": str(os.getpid()),
    }
    return least_environment(own | ({"VSORTD_MEDIA_TEST_OPS": troubles} if troubles else {}))
