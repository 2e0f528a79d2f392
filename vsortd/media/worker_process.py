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
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from vsortd.core.system.bounded_lines import bounded_lines
from vsortd.core.system.child_environment import least_environment, package_path
from vsortd.core.system.regular_file import open_regular
from vsortd.errors import Cancelled
from vsortd.media import protocol
from vsortd.media.protocol import Blob, Message, ProtocolError
from vsortd.media.replies import WorkerGreeting, greeting_from_message
from vsortd.media.reply_parts import PART_BYTES, PARTS_WAITING, is_part
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
NICENESS = 5
"""How far workers stand back behind other programs, 0 to 19."""
_Reply = tuple[Message, Blob] | ProtocolError | None  # None: the stream ended


@dataclass(frozen=True, slots=True)
class WorkerOutput:
    """What a worker that draws writes into: an open descriptor, its path for where that can't be handed over.

    A file grows to `most_bytes` at most; a pipe as long as somebody reads it.
    """

    descriptor: int
    path: str
    most_bytes: int


class ChildGoneError(Exception):
    """The process ended; the message says how, and what it last said."""


class UnheardError(ChildGoneError):
    """The process had ended before a request reached it: no fault of the video's."""


class WorkerProcess:
    """A worker process. One thread at a time may talk to it; `kill` may be called from any."""

    def __init__(
        self,
        memory_bytes: int,
        decoder: str = "cpu",
        output: WorkerOutput | None = None,
        niceness: int = NICENESS,
    ) -> None:
        self.served = 0
        self.healthy = True
        self.last_path = ""  # the video that it read last, whose table it may still have
        self._memory_bytes = memory_bytes
        self._decoder = decoder
        self._output = output
        self._niceness = niceness
        self._max_blob_bytes = 0
        self._awaited = False
        self._in_parts = False
        self._room = threading.Semaphore(PARTS_WAITING)  # for parts that nobody has taken
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
        try:
            for thread in self._threads:
                thread.start()
        except RuntimeError:  # the system gives no more threads
            self._threads = [thread for thread in self._threads if thread.ident is not None]
            self.dispose()
            raise

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
        output_bytes = None if self._output is None else self._output.most_bytes
        wishes = {
            "memory_bytes": self._memory_bytes,
            "decoder": self._decoder,
            "output_bytes": output_bytes,
            "niceness": self._niceness,
        }
        self.ask({"op": "hello", **wishes}, 0)
        deadline = time.monotonic() + limit_s
        while (reply := self.reply(_TICK_S)) is None:
            if cancel is not None and cancel.is_set():
                raise Cancelled
            if time.monotonic() > deadline:
                raise ChildGoneError(f"did not answer within {limit_s:g} s")
        return greeting_from_message(reply[0])

    def ask(self, request: Message, max_blob_bytes: int, *, in_parts: bool = False) -> None:
        """Send a request whose reply may carry up to `max_blob_bytes`, and the files that it is about.

        Before the reply may come as many parts as there are, if `in_parts`.

        Raises UnheardError, and ChangedError or BrokenError where a file can't be opened: nothing was sent then.
        """
        self._errors.clear()
        self._said_bytes = 0
        self._max_blob_bytes = max_blob_bytes
        self._in_parts = in_parts
        with contextlib.ExitStack() as opened:
            paths = [request[name] for name in _PATHS if name in request]
            descriptors: list[int] = []
            if self._socket is not None:
                for path in paths:
                    descriptors.append(open_regular(path))
                    opened.callback(os.close, descriptors[-1])
                if self._output is not None and "output" in request:
                    paths.append(self._output.path)
                    descriptors.append(self._output.descriptor)
            self._awaited = True
            try:
                if self._socket is not None:
                    send_request(self._socket, {**request, FILES: paths}, descriptors)
                else:
                    protocol.send(cast("BinaryIO", self._process.stdin), request)
            except OSError as error:
                raise UnheardError(self._ending()) from error

    def reply(self, wait_s: float) -> tuple[Message, Blob] | None:
        """Return the reply, or a part of it, or None if there is none after `wait_s`.

        Raises ChildGoneError, ProtocolError.
        """
        try:
            reply = self._replies.get(timeout=wait_s)
        except queue.Empty:
            return None
        if reply is None:
            raise ChildGoneError(self._ending())
        if isinstance(reply, ProtocolError):
            raise reply
        if is_part(reply[0]):
            self._room.release()
        return reply

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def dispose(self) -> None:
        """End the process and let go of its pipes and threads."""
        self.kill()
        self._process.wait()
        self._in_parts = False  # what is on its way still is none that anybody takes
        self._room.release()  # who waits to hand one over does so, and finds that
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
        message = protocol.receive(pipe, lambda: self._largest() if self._awaited else 0)
        if message is not None and not self._awaited:
            raise ProtocolError("an answer that nobody asked for")
        if message is not None and is_part(message[0]):
            if not self._in_parts or len(message[1]) > PART_BYTES:
                raise ProtocolError("a part that nobody asked for")
            self._room.acquire()  # the worker waits, too, once the pipe is full
        else:
            self._awaited = False
        return message

    def _largest(self) -> int:
        return max(self._max_blob_bytes, PART_BYTES if self._in_parts else 0)

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
    troubles = os.environ.get("VSORTD_MEDIA_TEST_OPS")
    own = {
        "PYTHONPATH": package_path(),
        "OPENBLAS_NUM_THREADS": "1",  # numpy's pool of threads would reserve memory for every core
        "OMP_NUM_THREADS": "1",
        "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime tells its maker of each network that it runs, by default since 1.29
        "VSORTD_MEDIA_PARENT": str(os.getpid()),
    }
    return least_environment(own | ({"VSORTD_MEDIA_TEST_OPS": troubles} if troubles else {}))
