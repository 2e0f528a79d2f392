"""Whether there is room for copies of groups, before the first is made."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from vsortd.core.units import about_size
from vsortd.errors import FilingError
from vsortd.filing.copy_in import can_clone

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from vsortd.pipeline.services import Services


def insist_on_room(services: Services, paths: Iterable[Path]) -> None:
    """Refuse to begin copies of these videos, with their sidecars, that the library's disk has no room for.

    Where the disk lets copies share their blocks with the originals they take none. Raises FilingError.
    """
    by_device: dict[int, list[Path]] = {}
    for path in paths:
        for file in (path, *services.sidecars_of(path)):
            try:
                by_device.setdefault(os.stat(file).st_dev, []).append(file)  # noqa: PTH116 - as the lines below
            except OSError:  # said when it is copied
                continue
    needed = 0
    for files in by_device.values():
        if not can_clone(services.filer, files[0]):
            needed += sum(map(_size_of, files))
    library = services.settings.library
    free = shutil.disk_usage(library).free if needed else 0
    if needed > free:
        raise FilingError(
            f"The copies take {about_size(needed)}, and the disk of {library} has {about_size(free)} left.",
            remedy="Make room there, take some groups by --only, or move the videos instead: --apply.",
            paths=[library],
        )


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
