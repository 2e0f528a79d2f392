"""Writing a first config: whole or not at all, over nothing that is there, the schema for editors beside it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from vsortd.core.resources import resource_folder
from vsortd.core.system.atomic_file import beside
from vsortd.errors import VsortdError

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE: Final = "first.yaml"
_SCHEMA: Final = "vsortd.schema.json"


def unwritable(target: Path, why: str) -> VsortdError:
    """Return the error that a config can't be written there."""
    return VsortdError(f"{target} can't be written: {why}.", remedy="Write elsewhere with --out FILE.", paths=[target])


def there_already(target: Path) -> VsortdError:
    """Return the error that a config is there, and was not replaced."""
    return VsortdError(
        f"{target} is there already; it was left as it is.",
        remedy="Write elsewhere with --out FILE, or replace it with --force.",
        paths=[target],
    )


def refuse_early(target: Path, *, force: bool) -> None:
    """Raise what writing would, before a person has answered everything."""
    try:
        taken = target.exists() and not force
        above = next(folder for folder in target.parents if folder.exists())
    except OSError as error:
        raise unwritable(target, error.strerror or str(error)) from error
    if taken:
        raise there_already(target)
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise unwritable(target, f"{above} is no folder that you can write to")


def write_new_config(target: Path, text: str | None, *, force: bool) -> None:
    """Write a config, the example where no text is given, and the schema beside it. Raises VsortdError."""
    source = resource_folder("config")
    try:
        make_folder(target.parent)
        _publish(target, text.encode() if text is not None else (source / EXAMPLE).read_bytes(), replace=force)
        # Ours and made by us: an older one is brought up to date with the config.
        _publish(target.parent / _SCHEMA, (source / _SCHEMA).read_bytes(), replace=True)
    except FileExistsError as error:
        raise there_already(target) from error
    except OSError as error:
        raise unwritable(target, error.strerror or str(error)) from error


def make_folder(folder: Path) -> None:
    """Make a folder and those above it. Raises NotADirectoryError where a file is in the way."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(error.errno, "a file is where a folder should be") from error


def _publish(target: Path, data: bytes, *, replace: bool) -> None:
    """Write a file whole or not at all. Raises FileExistsError where one is and must not be replaced."""
    with beside(target, data) as temporary:
        temporary.chmod(0o644)
        if replace:
            temporary.replace(target)
        else:
            _publish_new(temporary, target, data)


def _publish_new(temporary: Path, target: Path, data: bytes) -> None:
    """Give the file its name if that is free; without hard links, by exclusive creation."""
    try:
        target.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:
        with target.open("xb") as file:
            file.write(data)
