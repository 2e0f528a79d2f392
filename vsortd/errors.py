"""Every error that reaches a person, and the one table of exit codes.

Two families never mix: `VideoError` says that *this video* can't be handled (the reason is recorded, the work
goes on), every other `VsortdError` says that vsortd itself can't go on as it is (store, model, config).
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class ExitCode(IntEnum):
    """What a command's exit status means; unique, documented in docs/commands.md."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    PARTIAL = 3  # some done, some failed or refused
    CONFIG = 10  # the config file is invalid
    UNREACHABLE = 11  # the daemon does not answer
    RUNNING = 12  # a daemon already runs on this state folder
    INTERRUPTED = 130  # Ctrl-C


class VsortdError(Exception):
    """An error with a title for people, what to do about it, and the exit code of a command that ends with it.

    Title and remedy are one line each, `details` are the lines between. All hold names as they are: what prints them
    escapes them.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILURE

    def __init__(
        self, title: str, *, details: Sequence[str] = (), remedy: str = "", paths: Sequence[Path | str] = ()
    ) -> None:
        super().__init__(title)
        self.title = title
        self.details = tuple(details)
        self.remedy = remedy
        self.paths = tuple(str(path) for path in paths)

    def lines(self) -> list[str]:
        """Return what is said, a line each: title, details, remedy."""
        return [line for line in (self.title, *self.details, self.remedy) if line]

    def __str__(self) -> str:
        return " ".join(filter(None, ("\n".join((self.title, *self.details)), self.remedy)))


class UsageError(VsortdError):
    """The command line asks for something that does not exist or excludes itself."""

    exit_code = ExitCode.USAGE


class ConfigError(VsortdError):
    """The config file can't be used; the message lists every mistake."""

    exit_code = ExitCode.CONFIG


class DaemonUnreachableError(VsortdError):
    """No daemon answers on this state folder; `asked`: one was asked, and ended before its answer was in."""

    exit_code = ExitCode.UNREACHABLE
    asked = False


class AlreadyRunningError(VsortdError):
    """Another daemon holds this state folder."""

    exit_code = ExitCode.RUNNING


class StoreError(VsortdError):
    """The journal or another file of ours is unreadable, newer than this program, locked or on a full disk."""


class DamagedError(StoreError):
    """A file of ours is not what was written: the disk, or another program, changed it."""


class ModelError(VsortdError):
    """The model can't be had or can't be loaded; nothing is filed without it."""


class HalfLoadedError(ModelError):
    """A load broke off half-way; libraries may be left in pieces, so only another process can try again."""


class FilingError(VsortdError):
    """The filesystem refused an effect (full, read-only, busy); the source is where it was, trying again may help.

    `lasting`: trying again does not help until somebody has changed something.
    """

    def __init__(
        self,
        title: str,
        *,
        details: Sequence[str] = (),
        remedy: str = "",
        paths: Sequence[Path | str] = (),
        lasting: bool = False,
    ) -> None:
        super().__init__(title, details=details, remedy=remedy, paths=paths)
        self.lasting = lasting


class ToolError(VsortdError):
    """A program that some videos need (ffmpeg) is missing or doesn't run; they wait, the others go on."""


class NoTrayError(VsortdError):
    """There is no tray on this desktop, or no desktop; the tray icon can't be shown."""


class VideoError(Exception):
    """This video can't be handled; `reason` is one sentence for the history."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def sentence(self) -> str:
        """The reason where it stands alone, as titles of other errors do: with a capital and a full stop."""
        return f"{self.reason[:1].upper()}{self.reason[1:].rstrip('.')}."


class BrokenError(VideoError):
    """The bytes are no playable video; only a changed file is worth another try."""


class IncompleteError(VideoError):
    """The file looks unfinished (boxes past the end, no moov, nothing decodable near the end); it may still grow."""


class ChangedError(VideoError):
    """The file is no longer the one that was looked at (size, time, inode) or is gone; it settles anew."""


class LimitError(VideoError):
    """A worker process ran over its time or memory, or died, on this video."""


def unexpected_reason(error: BaseException) -> str:
    """Return the sentence that the history has of a video that met an error which nobody expected."""
    return (
        f"vsortd met an error of its own ({named(error)}): see `vsortd logs --level error`; `vsortd retry` tries again"
    )


def named(error: BaseException) -> str:
    """Return an error's kind and what it says, on one line."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


class Cancelled(BaseException):
    """The work was called off (shutdown); nothing about the video is recorded."""
