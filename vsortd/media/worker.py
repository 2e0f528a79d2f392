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
import time
from typing import TYPE_CHECKING, Any, BinaryIO

from vsortd.errors import BrokenError, LimitError, VideoError
from vsortd.media import protocol
from vsortd.media.protocol import Blob, Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsortd.media.preprocess import Preprocess

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

    from vsortd.media import verify_conversion
    from vsortd.media.container import open_video
    from vsortd.media.full_decode import decode_all
    from vsortd.media.hardware import HARDWARE
    from vsortd.media.movie_reader import read_movie
    from vsortd.media.probe import probe_file
    from vsortd.media.probe_and_sample import look_at_file
    from vsortd.media.sample import moments_of_file, sample_file
    from vsortd.media.stream_actions import StreamAction

    # straight to stderr; PyAV's own way would take the GIL in libav's threads
    av.logging.restore_default_callback()
    av.logging.set_level(av.logging.ERROR)

    def probe(request: Message) -> Reply:
        clip = probe_file(request["path"], deadline=_deadline(request))
        return {"clip": protocol.clip_to_message(clip)}, b""

    def sample(request: Message) -> Reply:
        frames = sample_file(
            request["path"],
            range(request["start"], request["stop"]),
            request["total"],
            _preprocess_of(request),
            video_index=request["video_index"],
            deadline=_deadline(request),
        )
        return protocol.frames_to_message(frames)

    def moments(request: Message) -> Reply:
        frames = moments_of_file(
            request["path"],
            request["times_ms"],
            _preprocess_of(request),
            snap_ms=request["snap_ms"],
            video_index=request["video_index"],
            deadline=_deadline(request),
        )
        return protocol.frames_to_message(frames)

    def look(request: Message) -> Reply:
        clip, frames, sampling_s = look_at_file(
            request["path"],
            range(request["start"], request["stop"]),
            request["total"],
            _preprocess_of(request),
            allowed_s=request["soft_s"],
        )
        header, pixels = protocol.frames_to_message(frames)
        return {"clip": protocol.clip_to_message(clip), "sampling_s": sampling_s, **header}, pixels

    def movie(request: Message) -> Reply:
        with open_video(request["path"]) as video:
            return {"movie": protocol.movie_to_message(read_movie(video))}, b""

    def compare(request: Message) -> Reply:
        pairs = [
            verify_conversion.ComparedPair(int(one), int(other), StreamAction(action), bool(cover))
            for one, other, action, cover in request["pairs"]
        ]
        deadline = _deadline(request)
        clip = probe_file(request["other"], deadline=deadline)
        report = verify_conversion.compare_conversion(
            request["path"], request["other"], pairs, request["tags"], deadline=deadline
        )
        return {"clip": protocol.clip_to_message(clip), **report}, b""

    def decode(request: Message) -> Reply:
        return decode_all(request["path"], request["streams"], deadline=_deadline(request)), b""

    operations: dict[str, Callable[[Message], Reply]] = {
        "hardware": lambda request: ({"why": HARDWARE.use(request["decoder"])}, b""),
        "probe": _seeing(probe),
        "sample": _seeing(sample),
        "moments": _seeing(moments),
        "look": _seeing(look),
        "movie": movie,
        "compare": compare,
        "decode": decode,
    }
    if os.environ.get("VSORTD_MEDIA_TEST_OPS") == "1":
        operations.update(_test_operations())
    return operations


def _preprocess_of(request: Message) -> Preprocess:
    from vsortd.media.preprocess import Preprocess, ResizeMode

    raw = request["preprocess"]
    return Preprocess(raw["side_px"], (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ResizeMode(raw["resize"]), raw["interpolation"])


def _seeing(operation: Callable[[Message], Reply]) -> Callable[[Message], Reply]:
    """Let an operation decode with the wanted device, and with the CPU where that fails or the request says so."""
    from vsortd.media.hardware import HARDWARE

    def run(request: Message) -> Reply:
        if request.get("cpu"):
            with HARDWARE.off():
                return operation(request)
        return HARDWARE.or_cpu(lambda: operation(request))

    return run


def _deadline(request: Message) -> float:
    return time.monotonic() + float(request["soft_s"])


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
