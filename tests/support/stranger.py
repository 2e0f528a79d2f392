"""Another user's program that makes connections to a port of this machine, and holds them in one way or another.

`python -m tests.support.stranger PORT MANNER COUNT`: says "held" once it has them all, and makes each that is closed
anew, until its standard input ends or a minute and a half is over.
"""

from __future__ import annotations

import contextlib
import resource
import select
import socket
import sys
import time

LONGEST_S = 90.0
_HEADER = b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX: "
# What is said at once, and then every half second.
MANNERS: dict[str, tuple[bytes, bytes]] = {
    "idle": (b"", b""),
    "slow header": (b"G", b"E"),
    "endless header": (_HEADER, b"x" * 1024),
    "huge header": (_HEADER + b"x" * 100_000, b"x" * 10_000),
    "slow body": (b"POST /v1/stop HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n{", b" "),
    "body without end": (
        b"POST /v1/stop HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n",
        b" " * 60_000,
    ),
    "wrong token": (_HEADER + b"y\r\nAuthorization: Bearer no\r\n\r\n", b""),
    "no http": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b""),
    "half closed": (_HEADER, b""),
}


def connected(port: int, manner: str) -> socket.socket:
    """Return a connection that has said its first words."""
    one = socket.create_connection(("127.0.0.1", port), timeout=10)
    one.setblocking(False)
    with contextlib.suppress(OSError):
        one.send(MANNERS[manner][0])
        if manner == "half closed":
            one.shutdown(socket.SHUT_WR)
    return one


def still_open(one: socket.socket) -> bool:
    """Read what was answered; tell whether the other side is there."""
    try:
        while answer := one.recv(65536):
            del answer
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def main(port: int, manner: str, count: int) -> None:
    """Hold connections until told to end."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    end_s = time.monotonic() + LONGEST_S
    held: list[socket.socket] = []
    said = False
    while time.monotonic() < end_s:
        for one in [one for one in held if not still_open(one)]:
            one.close()
            held.remove(one)
        with contextlib.suppress(OSError):
            while len(held) < count:
                held.append(connected(port, manner))
        for one in held:
            with contextlib.suppress(OSError):
                one.send(MANNERS[manner][1])
        if not said:
            said = True
            sys.stdout.write("held\n")
            sys.stdout.flush()
        if select.select([sys.stdin], [], [], 0.5)[0]:
            return


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
