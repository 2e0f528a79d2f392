"""How much is printed for people, and whether in colours: what `--quiet` and `--color` say, for the whole process."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Any, Final, Protocol

# What rich, click and loguru go by, and the programs that are started from here.
_NO_COLOR: Final = "NO_COLOR"
_FORCE_COLOR: Final = "FORCE_COLOR"


class ColorChoice(StrEnum):
    """When colours are printed; `auto`: on terminals, unless the environment says otherwise."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Printer(Protocol):
    """A console of rich's, or `Lines`."""

    def print(self, *objects: Any, **options: Any) -> object:  # noqa: ANN401 - rich's own
        """Print a line."""


class _Output:
    quiet = False


def be_quiet(quiet: bool) -> None:  # noqa: FBT001 - one switch
    """Leave out from now on what `note` is given, or no longer."""
    _Output.quiet = quiet


def is_quiet() -> bool:
    """Tell whether only errors are printed, and what was asked for."""
    return _Output.quiet


def note(out: Printer, *objects: object, **options: Any) -> None:  # noqa: ANN401 - rich's own
    """Print what nobody asked for: what was done, what to type next. Nothing where it is to be quiet."""
    if not _Output.quiet:
        out.print(*objects, **options)


def choose_color(choice: ColorChoice) -> None:
    """Print colours always or never from now on, whatever the environment says; `auto` leaves it as it is."""
    if choice is ColorChoice.AUTO:
        return
    wanted, other = (_FORCE_COLOR, _NO_COLOR) if choice is ColorChoice.ALWAYS else (_NO_COLOR, _FORCE_COLOR)
    os.environ.pop(other, None)
    os.environ[wanted] = "1"
