"""A decoding process: `python -m vsortd.media.worker`. It takes one request after another and holds no state.

Whatever goes wrong in here costs the one video in hand. The process limits its own memory, runs at low
priority, keeps libav's prints away from the pipe of replies, and dies with its parent: a thread reads the
requests, and the end of that stream ends the process at once, even in the middle of decoding.
"""

from __future__ import annotations

import gc
import os
import queue
import sys
import threading
from typing import TYPE_CHECKING, Any, BinaryIO

from vsortd.errors import BrokenError, LimitError, VideoError
from vsortd.media import protocol
from vsortd.media.protocol import Blob, Message

if TYPE_CHECKING:
    from collections.abc import Callable

_NICENESS = 5
Reply = tuple[Message, Blob]


def main() -> None:
    """Answer requests on stdin until it ends."""
    replies = _private_stdout()
    _tie_to_parent()
    requests: queue.SimpleQueue[Message] = queue.SimpleQueue()
    threading.Thread(target=_read_requests, args=(_unbuffered_stdin(), requests), daemon=True).start()
    operations = _operations()
    gc.freeze()  # what was imported needs no looking at, so that a collection takes a millisecond
    while True:
        request = requests.get()
        if request.get("op") == "hello":
            _limit(int(request["memory_bytes"]))
            protocol.send(replies, {"pid": os.getpid(), "no_hardware": operations["hardware"](request)[0]["why"]})
            continue
        header, blob = _answer(operations, request)
        protocol.send(replies, header, blob)
        del header, blob
        gc.collect()  # PyAV's containers, streams and decoders refer to one another; left alone they pile up


def _read_requests(pipe: BinaryIO, requests: queue.SimpleQueue[Message]) -> None:
    while (message := protocol.receive(pipe, lambda: 0)) is not None:
        requests.put(message[0])
    os._exit(0)


def _answer(operations: dict[str, Callable[[Message], Reply]], request: Message) -> Reply:
    try:
        return operations[request["op"]](request)
    except VideoError as error:
        return {"error": protocol.error_kind(error), "reason": error.reason}, b""
    except MemoryError:
        return {"error": "limit", "reason": "decoding it takes more memory than a worker may have"}, b""
    except Exception as error:  # noqa: BLE001 - whatever a hostile file leads to is told, and costs this video
        reason = f"the video can't be read ({type(error).__name__}: {error})"
        return {"error": "broken", "reason": reason}, b""


def _operations() -> dict[str, Callable[[Message], Reply]]:
    """Import the decoders (the slow part of starting) and return what this process can do."""
    import av

    from vsortd.media.worker_operations import operations

    # straight to stderr; PyAV's own way would take the GIL in libav's threads
    av.logging.restore_default_callback()
    av.logging.set_level(av.logging.ERROR)
    found = operations()
    if os.environ.get("VSORTD_MEDIA_TEST_OPS") == "1":
        found.update(_test_operations())
    return found


def _test_operations() -> dict[str, Callable[[Message], Reply]]:
    """Return the ways to go wrong that the tests ask for, under an environment variable only."""

    def abort(_: Message) -> Reply:
        os.abort()

    def abort_on_a_device(request: Message) -> Reply:
        if not request.get("cpu"):
            os.abort()
        return {"by": "the CPU"}, b""

    def hang(_: Message) -> Reply:
        threading.Event().wait()
        raise AssertionError

    def eat(request: Message) -> Reply:
        return {"eaten": len(bytearray(int(request["bytes"])))}, b""

    def noise(_: Message) -> Reply:
        os.write(1, b"a library prints to stdout\n")
        return {"noise": True}, b""

    def lie(request: Message) -> Reply:
        return dict(request["reply"]), b"\0" * int(request["blob_bytes"])

    def leave(request: Message) -> Reply:
        raise LimitError(str(request["reason"])) if request["reason"] else BrokenError("left")

    named = {"abort": abort, "hang": hang, "eat": eat, "noise": noise, "lie": lie, "leave": leave}
    return {**named, "abort on a device": abort_on_a_device}


def _unbuffered_stdin() -> BinaryIO:
    """Return stdin without its buffer, whose lock would turn an exit into an abort."""
    return os.fdopen(os.dup(0), "rb", buffering=0)


def _private_stdout() -> BinaryIO:
    """Move the pipe of replies to a descriptor of its own and let descriptor 1 be stderr."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return replies


def _limit(memory_bytes: int) -> None:
    """Limit the memory this process can take for data, and give way to others."""
    if sys.platform == "win32":
        return
    import resource

    limits: Any = (memory_bytes, memory_bytes)
    # RLIMIT_DATA counts what is really taken (brk and private mappings), RLIMIT_AS also libraries and
    # reserves
    resource.setrlimit(resource.RLIMIT_DATA, limits)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(_NICENESS)


def _tie_to_parent() -> None:
    """Ask the kernel for SIGKILL when the thread that spawned us ends; the end of stdin is portable."""
    if sys.platform != "linux":
        return
    import ctypes
    import signal

    parent = os.environ.get("VSORTD_MEDIA_PARENT", "")
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    if parent and os.getppid() != int(parent):
        os._exit(0)


if __name__ == "__main__":
    main()
