"""A config file that is edited: read with what tells its contents from others, checked as text, put in its place whole.

Nothing is ever written over what somebody else has written meanwhile, and the former text stays beside the new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsortd.config.check import check_document
from vsortd.config.yaml_lines import read_text
from vsortd.core.system.atomic_file import beside, sync_folder
from vsortd.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.config.diagnostics import Mistake
    from vsortd.config.settings import Settings
    from vsortd.config.yaml_lines import Document

_LOCK: Final = threading.Lock()


class ConfigChangedError(ConfigError):
    """Somebody else changed the file meanwhile; it is as they left it."""


@dataclass(frozen=True, slots=True)
class ConfigText:
    """What a config file says, and the ETag of its bytes."""

    text: str
    etag: str


@dataclass(frozen=True, slots=True)
class CheckedText:
    """The text of a config as the check sees it; `settings` is None as soon as there is any mistake."""

    document: Document
    settings: Settings | None
    mistakes: Sequence[Mistake]
    warnings: Sequence[Mistake]


def read_config_text(path: Path) -> ConfigText:
    """Read a config file. Raises ConfigError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"The config file {path} can't be read: {error.strerror or error}.",
            remedy="Make it readable.",
            paths=[path],
        ) from error
    return ConfigText(data.decode("utf-8", "replace").replace("\r\n", "\n"), etag_of(data))


def etag_of(data: bytes) -> str:
    """Return what tells these contents of a file from others."""
    return hashlib.sha256(data).hexdigest()[:32]


def check_config_text(path: Path, text: str | Document) -> CheckedText:
    """Check what a config file at `path` would hold, as `vsortd check` does; a text, or what was read of it already."""
    from vsortd.config.warnings import warnings_of
    from vsortd.vision.config_check import model_mistakes
    from vsortd.vision.sample import unknown_words

    report = check_document(path, read_text(text) if isinstance(text, str) else text)
    mistakes = (*report.mistakes, *model_mistakes(report))
    warnings = warnings_of(report, unknown_words) if not mistakes else ()
    return CheckedText(report.document, None if mistakes else report.settings, mistakes, tuple(warnings))


def save_config_text(path: Path, text: str, etag: str) -> Path:
    """Put a text in a config file's place if that still is what `etag` says; return where the former text lies.

    Raises ConfigChangedError, or ConfigError where it can't be written; the file is as it was then.
    """
    real = Path(os.path.realpath(path))
    former = _former(real)
    with _LOCK:
        try:
            before = real.read_bytes()
            if etag_of(before) != etag:
                raise ConfigChangedError(
                    f"{path} was changed by somebody else meanwhile; it is as they left it.",
                    remedy="Both texts are shown: put together what you want, and save that.",
                    paths=[path],
                )
            wanted = text if b"\r\n" not in before else text.replace("\n", "\r\n")
            put_in_place(former, before, like=real)
            put_in_place(real, wanted.encode("utf-8", "replace"), like=real)
        except OSError as error:
            raise ConfigError(
                f"{path} can't be written: {error.strerror or error}. It is as it was.",
                remedy="Make it, and its folder, writable for the user that vsortd runs as.",
                paths=[path],
            ) from error
    return former


def former_text(path: Path) -> str | None:
    """Return what a config file said before it was last saved here; None where nobody knows."""
    try:
        data = _former(Path(os.path.realpath(path))).read_bytes()
    except OSError:
        return None
    return data.decode("utf-8", "replace").replace("\r\n", "\n")


def _former(real: Path) -> Path:
    return real.with_name(f"{real.name}.before")


def put_in_place(path: Path, data: bytes, *, like: Path) -> None:
    """Put data in a file's place, whole or not at all, with the mode and owner of another. Raises OSError."""
    status = like.stat()
    with beside(path, data) as made:
        if sys.platform != "win32":
            with contextlib.suppress(PermissionError):
                os.chown(made, status.st_uid, status.st_gid)
        made.chmod(stat.S_IMODE(status.st_mode))
        made.replace(path)
    sync_folder(path.parent)
