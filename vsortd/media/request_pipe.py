"""How requests get to a decoding process: over a Unix socket, and with them the open files that they are about.

The process needs no right to open a file, and reads the file that was meant even where its name leads elsewhere by now.
Where descriptors can't be handed over (Windows) it is a pipe, and files are opened by their paths.
"""

from __future__ import annotations

import array
import errno
import io
import os
import socket
import sys
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from vsortd.media import protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.media.protocol import Message

# A comparison is of two files.
_MOST_DESCRIPTORS = 4
# Under this name a request says whose descriptors came with it.
FILES = "files"


def ends() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a new pipe: ours and the worker's. Not on Windows."""
    return socket.socketpair()


def send_request(ours: socket.socket, request: Message, descriptors: Sequence[int]) -> None:
    """Send a request and its open files, which stay open here. Raises OSError where nobody reads any more."""
    data = memoryview(protocol.packed(request))
    if sys.platform != "win32" and descriptors:
        sent = socket.send_fds(ours, [data], list(descriptors))
        data = data[sent:]
    ours.sendall(data)


class RequestReader(io.RawIOBase):
    """The worker's end: bytes as of any pipe, and apart from them the descriptors that came along."""

    def __init__(self, end: socket.socket) -> None:
        super().__init__()
        self._end = end
        self._came: list[int] = []

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - anything that lends its bytes
        """Read what is there, at most what fits; 0 at the end."""
        if sys.platform == "win32":
            raise OSError(errno.ENOTSUP, "descriptors can't be handed over here")
        whole = array.array("i")
        room = socket.CMSG_LEN(_MOST_DESCRIPTORS * whole.itemsize)
        count, messages, _, _ = self._end.recvmsg_into([buffer], room)
        for level, kind, data in messages:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                whole.frombytes(data[: len(data) - len(data) % whole.itemsize])
        self._came += whole
        return count

    def descriptors(self) -> list[int]:
        """Return the descriptors that came since the last call; they belong to the caller."""
        came, self._came = self._came, []
        return came


def worker_end() -> tuple[BinaryIO, RequestReader | None]:
    """Return where this process reads its requests from (descriptor 0), and that as what brings files, if it does.

    Neither has a buffer, whose lock would turn an exit into an abort.
    """
    descriptor = os.dup(0)
    if sys.platform == "win32":
        return os.fdopen(descriptor, "rb", buffering=0), None
    reader = RequestReader(socket.socket(fileno=descriptor))
    return cast("BinaryIO", reader), reader
