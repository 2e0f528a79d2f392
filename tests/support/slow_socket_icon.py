"""The plain icon in a process whose threads, but for the loop's, are held up after each writing to the X server.

So a busy machine does it now and then. Run as a program it shows an icon and stops it.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import PIL.Image
import Xlib.support.connect

# Long enough for the server's answer to reach the loop meanwhile. Where the loop alone writes, nobody sleeps.
_HELD_UP_S = 0.5


class _SlowSocket(socket.socket):
    def send(self, *arguments: Any) -> int:
        sent = super().send(*arguments)
        if threading.current_thread() is not threading.main_thread():
            time.sleep(_HELD_UP_S)
        return sent


def _slow(*place: Any) -> socket.socket:
    return _SlowSocket(fileno=_connect(*place).detach())  # type: ignore[no-untyped-call]


_connect = Xlib.support.connect.get_socket
Xlib.support.connect.get_socket = _slow


def main() -> None:
    """Show the icon and stop it."""
    from vsortd.tray import xorg  # opens the display

    icon = xorg.XorgIcon("test", PIL.Image.new("RGB", (24, 24)), title="test")

    def stop() -> None:
        icon._setup_thread.join()  # until then it talks to the server, too
        icon.stop()

    stopping = threading.Thread(target=stop)

    def set_up(shown: Any) -> None:
        shown.visible = True
        stopping.start()  # the loop is at work: a stop is heeded from now on

    icon.run(setup=set_up)
    stopping.join()


if __name__ == "__main__":
    main()
