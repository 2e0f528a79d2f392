"""The daemon's log file: opened, changed after a reload, closed; and what it says when the daemon dies."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from vsortd.core.logs.redaction import Redactor, secret_words
from vsortd.core.logs.sinks import change_log_file, close_log_file, open_log_file, write_last_line
from vsortd.core.paths import log_path
from vsortd.errors import AlreadyRunningError, VsortdError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.config.settings import Settings


@contextlib.contextmanager
def daemon_log(settings: Settings, state_folder: Path) -> Iterator[None]:
    """Log into the state folder meanwhile, too, as the config says."""
    redactor = _redactor(settings, state_folder)
    open_log_file(log_path(state_folder), redactor, size_bytes=settings.log.max_size_bytes, keep=settings.log.keep)
    try:
        yield
    except AlreadyRunningError:  # the file belongs to the other one
        raise
    except Exception as error:
        # on stderr the command line's own boundary says it
        write_last_line(f"vsortd ends: {error}", None if isinstance(error, VsortdError) else error)
        raise
    finally:
        close_log_file()


def follow_config(settings: Settings, state_folder: Path) -> None:
    """Go on as a changed config says."""
    change_log_file(_redactor(settings, state_folder), size_bytes=settings.log.max_size_bytes, keep=settings.log.keep)


def _redactor(settings: Settings, state_folder: Path) -> Redactor:
    roots = (*(inbox.path for inbox in settings.inboxes), settings.library, state_folder)
    return Redactor(relative=settings.log.paths == "relative", roots=roots, secrets=secret_words())
