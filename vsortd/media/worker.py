"""A decoding process: `python -m vsortd.media.worker`. It takes one request after another and holds no state.

Whatever goes wrong in here costs the one video in hand. The process limits what it can take, runs at low priority,
keeps libav's prints away from the pipe of replies, and dies with its parent: a thread reads the requests, and the end
of that stream ends the process at once, even in the middle of decoding. Before it sees a video it gives up all rights
that decoding doesn't need (Linux), so that a decoder that a video takes over can do nothing but answer.
"""

from __future__ import annotations

import gc
import importlib
import os
import queue
import sys
import threading
from typing import TYPE_CHECKING, Any, BinaryIO

from vsortd.core.system.confinement import Confinement, ConfinementError, confine, offered
from vsortd.errors import VideoError
from vsortd.media import protocol
from vsortd.media.decoder_grants import worker_grants
from vsortd.media.given_files import GIVEN_FILES
from vsortd.media.protocol import Blob, Message
from vsortd.media.reply_parts import PARTS
from vsortd.media.request_pipe import FILES, RequestReader, worker_end

if TYPE_CHECKING:
    from collections.abc import Callable

# Pipes, the videos of a request, and a library that is loaded late; a driver opens its devices many times.
_DESCRIPTORS, _DEVICE_DESCRIPTORS = 64, 1024
# Decoders' threads of all workers together.
_MORE_THREADS = 1024
Reply = tuple[Message, Blob]


def main() -> None:
    """Answer requests on stdin until it ends."""
    replies = _private_stdout()
    PARTS.use(replies)
    _tie_to_parent()
    pipe, bringer = worker_end()
    operations = _operations()
    hello = protocol.receive(pipe, lambda: 0)
    if hello is None:
        return
    wishes = hello[0]
    output_bytes: int | None = wishes["output_bytes"]
    _limit(
        int(wishes["memory_bytes"]),
        output_bytes or 0,
        device=wishes["decoder"] != "cpu",
        niceness=int(wishes["niceness"]),
    )
    held, problem = _give_up_rights(wishes["decoder"], draws=output_bytes is not None)
    no_hardware = operations["hardware"](wishes)[0]["why"]
    confined = {"landlock_abi": held.landlock_abi, "seccomp": held.seccomp, "problem": problem}
    gc.freeze()  # what was imported needs no looking at, so that a collection takes a millisecond
    requests: queue.SimpleQueue[tuple[Message, list[int]]] = queue.SimpleQueue()
    threading.Thread(target=_read_requests, args=(pipe, bringer, requests), daemon=True).start()
    protocol.send(replies, {"pid": os.getpid(), "no_hardware": no_hardware, "confined": confined})
    while True:
        request, descriptors = requests.get()
        GIVEN_FILES.replace(request.get(FILES, ()), descriptors)
        header, blob = _answer(operations, request)
        protocol.send(replies, header, blob)
        del header, blob
        gc.collect()  # PyAV's containers, streams and decoders refer to one another; left alone they pile up


def _read_requests(
    pipe: BinaryIO, bringer: RequestReader | None, requests: queue.SimpleQueue[tuple[Message, list[int]]]
) -> None:
    while (message := protocol.receive(pipe, lambda: 0)) is not None:
        requests.put((message[0], [] if bringer is None else bringer.descriptors()))
    os._exit(0)


def _give_up_rights(decoder: str, *, draws: bool) -> tuple[Confinement, str]:
    """Keep only what decoding takes, before any thread runs and any video is seen; returns what holds, or why not."""
    sys.dont_write_bytecode = True
    if not offered().seccomp:
        _limit_processes()
    try:
        return confine(worker_grants(decoder, draws=draws)), ""
    except ConfinementError as error:
        return Confinement(0, seccomp=False), str(error)


def _limit_processes() -> None:
    """Where no filter forbids processes, allow threads enough beside what the account runs now, and no more."""
    if sys.platform != "linux":
        return
    import resource

    own = os.getuid()
    with os.scandir("/proc") as entries:
        threads = sum(_threads_of(entry.path, own) for entry in entries if entry.name.isdigit())
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    most = threads + _MORE_THREADS
    resource.setrlimit(resource.RLIMIT_NPROC, (most if hard < 0 else min(most, hard),) * 2)


def _threads_of(folder: str, owner: int) -> int:
    try:
        return len(os.listdir(f"{folder}/task")) if os.stat(folder).st_uid == owner else 0  # noqa: PTH116, PTH208
    except OSError:  # it ended meanwhile
        return 0


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
    troubles = os.environ.get("VSORTD_MEDIA_TEST_OPS")
    if troubles:  # a module whose `operations` misbehave, for tests
        found.update(importlib.import_module(troubles).operations())
    return found


def _private_stdout() -> BinaryIO:
    """Move the pipe of replies to a descriptor of its own and let descriptor 1 be stderr."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return replies


def _limit(memory_bytes: int, file_bytes: int, *, device: bool, niceness: int) -> None:
    """Limit what this process can take: memory for data, descriptors, the size of files; and give way to others."""
    if sys.platform == "win32":
        return
    import resource

    limits: Any = (memory_bytes, memory_bytes)
    # RLIMIT_DATA counts what is really taken (brk and private mappings), RLIMIT_AS also libraries and
    # reserves
    resource.setrlimit(resource.RLIMIT_DATA, limits)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _DEVICE_DESCRIPTORS if device else _DESCRIPTORS
    resource.setrlimit(resource.RLIMIT_NOFILE, (most if hard < 0 else min(most, hard),) * 2)
    os.nice(niceness)


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
