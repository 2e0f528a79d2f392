"""Operations for real worker processes that misbehave as a worker may that a video has taken over."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

from tests.support.attacks import ATTACKS
from vsortd.errors import BrokenError, LimitError
from vsortd.media.given_files import GIVEN_FILES

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsortd.media.protocol import Blob, Message

    Reply = tuple[Message, Blob]


def operations() -> dict[str, Callable[[Message], Reply]]:
    """Return every trouble by the name that requests call it by."""
    return {
        "abort": abort,
        "abort on a device": abort_on_a_device,
        "attack": attack,
        "babble": babble,
        "eat": eat,
        "fill": fill,
        "given": given,
        "hang": hang,
        "leave": leave,
        "lie": lie,
        "noise": noise,
        "parts": parts,
        "shout": shout,
    }


def abort(_: Message) -> Reply:
    """Crash."""
    os.abort()


def abort_on_a_device(request: Message) -> Reply:
    """Crash unless the CPU decodes."""
    if not request.get("cpu"):
        os.abort()
    return {"by": "the CPU"}, b""


def attack(request: Message) -> Reply:
    """Try something that no decoder has to do, see `attacks`; says what came of it."""
    return {"came": ATTACKS[request["name"]](request["arguments"])}, b""


def babble(request: Message) -> Reply:
    """Answer, and once more some time after that without having been asked."""
    from vsortd.media import protocol

    def more() -> None:
        time.sleep(float(request["after_s"]))
        with os.fdopen(os.dup(int(request["descriptor"])), "wb") as pipe:
            protocol.send(pipe, {"more": True})

    threading.Thread(target=more, daemon=True).start()
    return {"first": True}, b""


def eat(request: Message) -> Reply:
    """Take memory."""
    return {"eaten": len(bytearray(int(request["bytes"])))}, b""


def fill(request: Message) -> Reply:
    """Write into the output until no more may be written; says how much it was."""
    output, done = GIVEN_FILES.output(request["output"]), 0
    try:
        while True:
            done += os.write(output, b"x" * 300)
    except OSError:
        return {"bytes": done}, b""
    finally:
        os.close(output)


def given(request: Message) -> Reply:
    """Read the beginning of the file that came with the request, or of another one."""
    with GIVEN_FILES.open(str(request.get("instead", request["path"]))) as file:
        return {"read": file.read(int(request["bytes"])).hex()}, b""


def hang(_: Message) -> Reply:
    """Never answer."""
    threading.Event().wait()
    raise AssertionError


def leave(request: Message) -> Reply:
    """Raise an error about the video."""
    raise LimitError(str(request["reason"])) if request["reason"] else BrokenError("left")


def lie(request: Message) -> Reply:
    """Answer what the request says."""
    return dict(request["reply"]), b"\0" * int(request["blob_bytes"])


def noise(_: Message) -> Reply:
    """Print to where the replies go, as a library would."""
    os.write(1, b"a library prints to stdout\n")
    return {"noise": True}, b""


def shout(request: Message) -> Reply:
    """Print one line without an end."""
    piece: Any = b"x" * (1 << 16)
    for _ in range(int(request["bytes"]) >> 16):
        os.write(2, piece)
    return {"shouted": True}, b""


def parts(request: Message) -> Reply:
    """Send parts with such headers, each of so many bytes; then answer."""
    from vsortd.media import protocol

    with os.fdopen(os.dup(int(request["descriptor"])), "wb") as pipe:
        for header, count in request["parts"]:
            protocol.send(pipe, header, bytes(count))
    return {"done": True}, b""
