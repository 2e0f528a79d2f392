"""Editing the config: a copy is opened, and takes the file's place only when it has no mistakes.

What was written is never lost: whatever keeps it from being installed, the copy stays, and its name is said.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vsortd.config.diagnostics import Mistake

_FALLBACKS = ("sensible-editor", "editor", "nano", "vim", "vi")
# Editors that draw on the terminal: without one they wait for ever for keys that nobody can press.
_ON_THE_TERMINAL = frozenset(
    {*_FALLBACKS, "ed", "ex", "helix", "hx", "jed", "joe", "kak", "mcedit", "micro", "ne", "nvi", "nvim", "pico"}
) | {"view", "vim.basic", "vim.nox", "vim.tiny"}


def editor_command(environment: Mapping[str, str], *, at_terminal: bool) -> list[str]:
    """Return the editor as a command: `$VISUAL`, else `$EDITOR`, else one that is here.

    Raises UsageError where there is none, and for one that needs a terminal where none is.
    """
    argv, name = _named(environment)
    if not argv:
        argv, name = _fallback(), ""
    if not at_terminal and _needs_terminal(argv):
        what = f"${name} names {argv[0]}, which needs a terminal" if name else f"{argv[0]} needs a terminal"
        raise UsageError(
            f"{what}, and there is none here. Nothing was changed.",
            remedy="Name an editor that has a window, e.g.: EDITOR='code --wait' vsortd edit   "
            "(or change the file any way you like: vsortd config path, and then: vsortd check && vsortd reload)",
        )
    return argv


def _named(environment: Mapping[str, str]) -> tuple[list[str], str]:
    """Return the editor that the environment names, and by which variable."""
    for name in ("VISUAL", "EDITOR"):
        if argv := _split(environment.get(name, ""), name):
            if shutil.which(argv[0]) is None:
                raise UsageError(f"${name} names {argv[0]}, which is not here.", remedy=_other(argv[0]))
            return argv, name
    return [], ""


def _other(editor: str) -> str:
    """Say how to name another editor: one that is here, if there is one."""
    here = next((word for word in ("nano", "vim", "vi") if word != Path(editor).name and shutil.which(word)), None)
    return f"Name one that is, e.g.: EDITOR={here} vsortd edit" if here else "Name one that is, or install it."


def _needs_terminal(argv: Sequence[str]) -> bool:
    word = Path(argv[0]).name
    return word in _ON_THE_TERMINAL or (word == "emacs" and bool({"-nw", "--no-window-system"} & set(argv[1:])))


def _fallback() -> list[str]:
    """Return an editor that is here. Raises UsageError."""
    if sys.platform == "win32":
        return ["notepad"]
    for word in _FALLBACKS:
        if shutil.which(word):
            return [word]
    if sys.platform == "darwin":
        return ["open", "-W", "-t"]
    raise UsageError(
        "There is no editor here.",
        remedy="Name one, e.g.: EDITOR='code --wait' vsortd edit   "
        "(or change the file any way you like: vsortd config path)",
    )


def _split(text: str, name: str) -> list[str]:
    try:
        return shlex.split(text, posix=sys.platform != "win32")
    except ValueError as error:
        raise UsageError(
            f"${name} can't be read: {error}.", remedy="Write it as in a shell, e.g.: EDITOR='code --wait'"
        ) from error


class EditRefusedError(ConfigError):
    """What was edited was not taken; the copy with it stays."""


@dataclass(slots=True)
class Edit:
    """One editing of a config file. `copy` lies beside it, so that what the file says of its neighbours holds."""

    config: Path
    real: Path  # what a symlink points to: the link stays
    before: bytes
    copy: Path

    @classmethod
    def begin(cls, config: Path) -> Edit:
        """Make the copy. Raises ConfigError where the file can't be read or its folder not be written."""
        real = Path(os.path.realpath(config))
        try:
            before = real.read_bytes()
            if not os.access(real, os.W_OK):
                raise PermissionError(13, "permission denied")
            handle, name = tempfile.mkstemp(dir=real.parent, prefix=f"{real.stem}.edit-", suffix=real.suffix)
            with os.fdopen(handle, "wb") as file:
                file.write(before)
        except OSError as error:
            raise ConfigError(
                f"{config} can't be edited: {error.strerror or error}.",
                remedy="Edit it as its owner, e.g.: sudo vsortd edit --config " + shlex.quote(str(config)),
                paths=[config],
            ) from error
        return cls(config, real, before, Path(name))

    @property
    def changed(self) -> bool:
        """Whether the copy says anything else than the file did."""
        return self.copy.read_bytes() != self.before

    def open_in(self, editor: Sequence[str]) -> int:
        """Open the copy and wait until the editor ends; return its exit code."""
        try:
            return subprocess.run([*editor, str(self.copy)], check=False).returncode
        except OSError as error:
            self.drop_if_unchanged()
            raise UsageError(
                f"{editor[0]} can't be started: {error.strerror or error}.", remedy=_other(editor[0])
            ) from error

    def mistakes(self) -> tuple[Mistake, ...]:
        """Return every mistake in the copy."""
        from vsortd.config.check import check_file
        from vsortd.vision.config_check import model_mistakes

        report = check_file(self.copy)
        return (*report.mistakes, *model_mistakes(report))

    def warnings(self) -> Sequence[Mistake]:
        """Return what is odd in a copy without mistakes."""
        from vsortd.config.check import check_file
        from vsortd.config.warnings import warnings_of
        from vsortd.vision.sample import unknown_words

        return warnings_of(check_file(self.copy), unknown_words)

    def install(self) -> None:
        """Put the copy in the file's place, whole or not at all, with its mode and owner.

        Raises EditRefusedError where somebody else changed the file meanwhile, or it can't be written.
        """
        from vsortd.setup.config_files import put_in_place

        data = self.copy.read_bytes()
        try:
            if self.real.read_bytes() != self.before:
                raise self.refused("it was changed by somebody else meanwhile")
            put_in_place(self.real, data, like=self.real)
        except OSError as error:
            raise self.refused(str(error.strerror or error)) from error
        with contextlib.suppress(OSError):
            self.copy.unlink()

    def refused(self, why: str) -> EditRefusedError:
        """Return the error that says that the file is as it was, and where the copy lies."""
        copy, config = shlex.quote(str(self.copy)), shlex.quote(str(self.config))
        return EditRefusedError(
            f"{self.config} is as it was: {why}.",
            remedy=f"What you wrote is kept in {self.copy}. Go on with it: vsortd check --config {copy}, then: "
            f"cp {copy} {config}",
            paths=[self.copy],
        )

    def drop_if_unchanged(self) -> bool:
        """Remove the copy if nothing in it could be missed; tell whether that was so."""
        with contextlib.suppress(OSError):
            if self.changed:
                return False
        with contextlib.suppress(OSError):
            self.copy.unlink()
        return True
