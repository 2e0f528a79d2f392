"""Lines for people without rich, whose import takes longer than what most light commands do; escaped all the same."""

from __future__ import annotations

import os
import sys
from typing import Final

from vsortd.core.home import with_tilde
from vsortd.core.text import printable

_CODES: Final = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}


class Lines:
    """Where lines go, as `PlainConsole` takes them: on terminals in colours, unless the environment says otherwise."""

    def __init__(self, *, stderr: bool = False) -> None:
        self._stream = sys.stderr if stderr else sys.stdout
        shown = self._stream is not None and self._stream.isatty() and os.environ.get("TERM") not in {"dumb", "unknown"}
        self._styles = shown or bool(os.environ.get("FORCE_COLOR"))
        self._colors = not os.environ.get("NO_COLOR")

    def print(self, *parts: object, style: str | None = None) -> None:
        """Print a line of parts, each a text or a text and its style, such as `bold cyan`; others have `style`."""
        line = "".join(
            self.styled(*one) if isinstance(one, tuple) else self.styled(str(one), style or "") for one in parts
        )
        self.write(f"{line}\n")

    def styled(self, text: str, style: str) -> str:
        """Return a text as it may be shown, in its style."""
        shown = with_tilde(printable(text))
        codes = [_CODES[one] for one in style.split()] if self._styles else []
        codes = [code for code in codes if self._colors or len(code) == 1]
        return f"\x1b[{';'.join(codes)}m{shown}\x1b[0m" if codes and shown else shown

    def write(self, text: str) -> None:
        """Write what was made by `styled`."""
        import click

        click.echo(
            text, file=self._stream, nl=False, color=True
        )  # decided above; it knows what a Windows console takes
