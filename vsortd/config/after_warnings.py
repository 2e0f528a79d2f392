"""What is odd about an `after` that is valid: programs that can't be run here, names that may be read as options."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final

from vsortd.config.after_checks import is_bare
from vsortd.config.diagnostics import Location, Mistake, dotted
from vsortd.core.server_address import ServerAddress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsortd.config.after_options import After
    from vsortd.config.check import CheckReport

# What others may have named, and so may begin with a dash, which programs take for an option.
_OTHERS_NAMES: Final = ("{name}", "{stem}")


def after_warnings(report: CheckReport, sections: Sequence[tuple[After, Location]]) -> Iterator[Mistake]:
    """Warn about programs that can't be run here, names that may be taken for options, and what leaves the machine."""
    for after, location in sections:
        if after.run is not None:
            yield from _odd_command(report, after.run, (*location, "run"))
        if after.post is not None and after.anywhere:
            here = (*location, "anywhere")
            place = ServerAddress.parse(after.post).place
            message = f"names and folders of your videos may leave this machine: they are sent to {place}"
            allowed = "without it only this machine and your own network are sent to"
            yield Mistake(report.line_of(here), dotted(here), True, message, allowed)


def _odd_command(report: CheckReport, words: tuple[str, ...], here: Location) -> Iterator[Mistake]:
    if message := missing_program(words[0]):
        first = (*here, 0)
        yield Mistake(report.line_of(first), dotted(first), words[0], message, "a program that this account can run")
    for index, word in enumerate(words[1:], start=1):
        if word == "--":
            return
        if word.startswith(_OTHERS_NAMES):
            message = "a video's name may begin with -, which the program would take for an option"
            at = (*here, index)
            yield Mistake(report.line_of(at), dotted(at), word, message, "-- before it, or {path}, which begins with /")


def missing_program(program: str) -> str:
    """Say why a program can't be run here, "" if it can, as far as that is seen without running it."""
    path = os.path.expanduser(program)  # noqa: PTH111 - as it is run
    if shutil.which(path) is not None:
        return ""
    if is_bare(program):
        return "there is no such program on this account's PATH"
    if not os.path.isfile(path):  # noqa: PTH113 - raises for no name
        return "there is no such file"
    return "this file is not executable: chmod +x makes it so"
