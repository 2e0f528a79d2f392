"""The key of a server: out of the environment or a file, never out of the config, and fit to stand in a header."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final, Protocol

from vsortd.core.system.regular_file import open_regular
from vsortd.errors import VideoError
from vsortd.opinion.bounded_http import NoAnswerError

if TYPE_CHECKING:
    from pathlib import Path

_KEY_BYTES: Final = 4_096


class NamesKey(Protocol):
    """Options that say where a key is."""

    @property
    def key_env(self) -> str | None:
        """The environment variable that holds it."""

    @property
    def key_file(self) -> Path | None:
        """The file that holds it."""


def key_of(options: NamesKey) -> str:
    """Return the server's key, "" where the config names none. Raises NoAnswerError where it can't be had."""
    if options.key_env is not None:
        key, where = os.environ.get(options.key_env, "").strip(), f"the environment variable {options.key_env}"
    elif options.key_file is not None:
        where = str(options.key_file)
        try:
            with os.fdopen(open_regular(os.path.realpath(where)), "rb") as file:
                key = file.read(_KEY_BYTES).decode("ascii", "replace").strip()
        except VideoError as error:
            raise NoAnswerError(f"the key can't be read from {where}: {error.reason}") from error
        except OSError as error:
            raise NoAnswerError(f"the key can't be read from {where}: {error.strerror}") from error
    else:
        return ""
    if not re.fullmatch(r"[!-~]+", key):
        raise NoAnswerError(f"{where} holds no key" if not key else f"what {where} holds is no key")
    return key
