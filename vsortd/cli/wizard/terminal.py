"""The terminal's side of the dialogue: questions in colour, lines with editing, history and completed paths."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from rich.padding import Padding

from vsortd.cli.wizard.dialogue import MessageTone
from vsortd.core.console import Text
from vsortd.setup.folder_completion import folders_like

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

_STYLES = {
    MessageTone.PLAIN: "",
    MessageTone.QUIET: "dim",
    MessageTone.GOOD: "green",
    MessageTone.WARNING: "yellow",
    MessageTone.WRONG: "red",
}


class Terminal:
    """A `Talk` with the person at the terminal."""

    def __init__(self, out: Console) -> None:
        self._out = out

    def ask(self, text: str, *, hints: Sequence[str] = (), default: str = "", folder: bool = False) -> str:
        """Ask for one line and return it stripped; a line that is no text is asked for again."""
        self._out.print()
        self._out.print(Text(text, style="bold"))
        for hint in hints:
            self._out.print(Padding(Text(hint, style="dim"), (0, 0, 0, 2)))
        if default:
            self._out.print(Text("  Enter: ", style="dim").append(default, style="cyan"))
        with _completion(folder=folder):
            while True:
                with contextlib.suppress(UnicodeError):
                    line = input("> ").strip()
                    line.encode()  # what is no character comes as a surrogate
                    return line
                self.say("These are not characters that a name can have.", MessageTone.WRONG)

    def say(self, text: str, tone: MessageTone = MessageTone.PLAIN) -> None:
        """Say a line."""
        self._out.print(Text(text, style=_STYLES[tone]))

    def show(self, picture: object) -> None:
        """Show something that rich can draw, with air above."""
        self._out.print()
        self._out.print(picture)


@contextlib.contextmanager
def _completion(*, folder: bool) -> Iterator[None]:
    """Let Tab complete folders while a path is typed; where there is no readline, lines are plain."""
    if sys.platform == "win32":  # its console edits lines by itself
        yield
        return
    try:
        import readline
    except ImportError:
        yield
        return
    before = readline.get_completer(), readline.get_completer_delims()
    # Without a completer of ours Python's own would offer its keywords.
    readline.set_completer(_folders if folder else _nothing)
    readline.set_completer_delims("")
    readline.parse_and_bind("tab: complete")
    try:
        yield
    finally:
        readline.set_completer(before[0])
        readline.set_completer_delims(before[1])


def _folders(text: str, number: int) -> str | None:
    """Return the n-th folder that begins like this."""
    found = folders_like(text)
    return found[number] if number < len(found) else None


def _nothing(_text: str, _number: int) -> str | None:
    return None
