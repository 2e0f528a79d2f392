"""Single keys from the terminal, without Enter, where the system has them; else lines."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Final, Protocol

from vsortd.cli.common import console
from vsortd.service.wakeup import Wakeup

if TYPE_CHECKING:
    from collections.abc import Iterator

ESCAPE: Final = "\x1b"
ENTER: Final = "\n"
BACKSPACE: Final = "\x7f"
END: Final = "\x04"  # Ctrl-D, or the end of the input
_SEQUENCE_S: Final = 0.05  # what follows an escape within this time belongs to the same key


class Keys(Protocol):
    """Where a person's answers come from."""

    single: bool

    def read(self) -> str:
        """Return the next key; where only lines can be had, the next line. END at the end of the input."""

    def line(self, question: str) -> str | None:
        """Ask for a line and return it stripped, None at the end of the input."""


class LineKeys:
    """Answers a line at a time."""

    single = False

    def read(self) -> str:
        """Return the next line, stripped."""
        answer = self.line("> ")
        return END if answer is None else answer

    def line(self, question: str) -> str | None:
        """Ask for a line; one that is no text is asked for again."""
        while True:
            try:
                given = input(question).strip()
                given.encode()  # what is no character comes as a surrogate
            except EOFError:
                return None
            except UnicodeError:
                console().print("  These are not characters that a name can have.", style="red")
            else:
                return given


class _UnixKeys:
    """Keys of a terminal in cbreak mode: Ctrl-C still interrupts, and what is typed ahead is kept."""

    single = True

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._ahead = b""
        self._begin()
        # Handlers run between Python's own steps: without this a Ctrl-C that comes just before a read, or on another
        # thread, is heard of only with the next key.
        self._wakeup = Wakeup()

    def _begin(self) -> None:
        if sys.platform == "win32":
            raise AssertionError
        import termios
        import tty

        self._before = termios.tcgetattr(self._descriptor)
        tty.setcbreak(self._descriptor, termios.TCSADRAIN)

    def close(self) -> None:
        """Give the terminal back as it was."""
        if sys.platform == "win32":
            raise AssertionError
        import termios

        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def end(self) -> None:
        """Give the terminal back, and wake nobody any more."""
        self._wakeup.close()
        self.close()

    def _next(self) -> bytes:
        """Return the next byte, none at the end of the input."""
        self._wakeup.wait_beside(self._descriptor)
        return os.read(self._descriptor, 1)

    def read(self) -> str:
        """Return the next key; any key that sends a sequence (arrows) comes as an escape."""
        data, self._ahead = self._ahead or self._next(), b""
        if not data:
            return END
        if data == b"\x1b":
            self._skip_sequence()
            return ESCAPE
        for _ in range(3):  # the rest of a character in UTF-8
            with contextlib.suppress(UnicodeDecodeError):
                return _named(data.decode())
            data += self._next()
        return "\ufffd"

    def _skip_sequence(self) -> None:
        """Read what a key sends after an escape (`[`, parameters, a letter); another key typed right after it stays."""
        import select

        def follows() -> bytes:
            waits = select.select([self._descriptor], [], [], _SEQUENCE_S)[0]
            return os.read(self._descriptor, 1) if waits else b""

        first = follows()
        if first not in {b"[", b"O"}:
            self._ahead = first
            return
        while (byte := follows()) and not b"@" <= byte <= b"~":
            pass

    def line(self, question: str) -> str | None:
        """Ask for a line, with the terminal as it is for lines."""
        self.close()
        try:
            return LineKeys().line(question)
        finally:
            self._begin()


class _WindowsKeys:
    """Keys of a Windows console."""

    single = True

    def read(self) -> str:
        """Return the next key; function keys and arrows come as an escape."""
        if sys.platform != "win32":
            raise AssertionError
        import msvcrt

        key = msvcrt.getwch()
        if key in {"\x00", "\xe0"}:
            msvcrt.getwch()
            return ESCAPE
        if key == "\x03":
            raise KeyboardInterrupt
        return _named(key)

    def line(self, question: str) -> str | None:
        """Ask for a line."""
        return LineKeys().line(question)


def _named(key: str) -> str:
    return {"\r": ENTER, "\x08": BACKSPACE}.get(key, key)


@contextlib.contextmanager
def keys_of_terminal() -> Iterator[Keys]:
    """Yield single keys if stdin is a terminal that has them, else lines; the terminal is itself again afterwards."""
    if sys.platform == "win32":
        yield _WindowsKeys() if sys.stdin.isatty() else LineKeys()
        return
    import termios

    try:
        keys = None if os.environ.get("TERM", "dumb") == "dumb" else _UnixKeys(sys.stdin.fileno())
    except (termios.error, OSError, ValueError):
        keys = None
    if keys is None:
        yield LineKeys()
        return
    try:
        yield keys
    finally:
        keys.end()
