"""The terminal: whatever is printed for people is escaped here, once, whoever named the file; their home is `~`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rich.text
from rich.console import Console
from rich.protocol import is_renderable

from vsortd.core.home import with_tilde
from vsortd.core.text import printable

if TYPE_CHECKING:
    from rich.status import Status
    from rich.style import Style
    from rich.tree import Tree

_ENDLESS_COLUMNS = 1_000_000  # more than any tree takes


class Text(rich.text.Text):
    """rich's styled text, each piece of it escaped as it comes in: a line break is a character like any other."""

    def __init__(self, text: object = "", style: str | Style = "") -> None:
        super().__init__(with_tilde(printable(text)), style)

    @classmethod
    def exact(cls, text: object) -> Text:
        """Return what stands in a file as it stands there, the home folder in full; escaped all the same."""
        return rich.text.Text.append(cls(), printable(text))  # type: ignore[return-value]

    def append(self, text: object, style: str | Style | None = None) -> Text:
        """Add a piece; returns the text itself."""
        super().append(text if isinstance(text, rich.text.Text) else with_tilde(printable(text)), style)
        return self

    def end_line(self) -> Text:
        """Begin a new line; returns the text itself."""
        super().append("\n")
        return self


class PlainConsole(Console):
    """A console that honours NO_COLOR and pipes, and takes every string for one line of plain text.

    That holds for the strings in tables and trees, too. What has styles or lines of its own is a `Text` of this module.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, soft_wrap=True, emoji=False, markup=False)

    def print(self, *objects: object, **options: Any) -> None:  # noqa: ANN401 - rich's own
        """Print as rich does, what rich can't draw as its text."""
        super().print(*(one if is_renderable(one) else str(one) for one in objects), **options)

    def render_str(self, text: str, *, style: str | Style = "", **_: Any) -> rich.text.Text:  # noqa: ANN401
        """Return a string as text, with no markup in it."""
        return Text(text, style)

    def status(self, status: Any, **options: Any) -> Status:  # noqa: ANN401
        """Show a line with a spinner while the block runs."""
        return super().status(Text(status) if isinstance(status, str) else status, **options)


def is_shown(out: Console) -> bool:
    """Tell whether a console writes to a terminal; colours that are asked for (FORCE_COLOR) make no pipe one."""
    isatty = getattr(out.file, "isatty", None)
    return bool(isatty and isatty())


def print_tree(out: Console, tree: Tree) -> None:
    """Print a tree: folded to the terminal's width, in full into a pipe or a file; no name is lost at any depth."""
    needed = out.measure(tree, options=out.options.update(max_width=_ENDLESS_COLUMNS))
    before = out.width
    out.width = max(before, needed.minimum if is_shown(out) else needed.maximum)
    out.print(tree, soft_wrap=False)
    out.width = before
