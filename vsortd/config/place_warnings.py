"""Ways to place videos that a disk can't follow, so that videos are copied instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.config.choices import PlaceMethod
from vsortd.config.diagnostics import Mistake, dotted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from vsortd.config.check import CheckReport
    from vsortd.config.diagnostics import Location
    from vsortd.config.settings import RuleSettings, Settings

_LINKING = frozenset({PlaceMethod.HARDLINK, PlaceMethod.REFLINK})


def place_warnings(
    report: CheckReport, settings: Settings, rules: Iterable[tuple[RuleSettings, Location]]
) -> Iterator[Mistake]:
    """Warn where files are to be linked from one disk to another, as far as both are there."""
    wanted: list[tuple[PlaceMethod | None, Location]] = [(settings.place.how, ("place", "how"))]
    wanted += [(rule.place.how, (*location, "place", "how")) for rule, location in rules if rule.place is not None]
    apart = [inbox.path for inbox in settings.inboxes if _apart(inbox.path, settings.library)]
    for how, location in wanted:
        if how not in _LINKING or not apart:
            continue
        what = "hard links reach" if how is PlaceMethod.HARDLINK else "blocks are shared"
        message = f"no {what} from the disk of {apart[0]} to the library's; its videos are copied whole"
        allowed = "a library on the inbox's disk, or copy"
        yield Mistake(report.line_of(location), dotted(location), str(how), message, allowed)


def _apart(inbox: Path, library: Path) -> bool:
    """Tell whether two folders, or those that they are to be made in, lie on two filesystems."""
    disks = [_device(inbox), _device(library)]
    return None not in disks and disks[0] != disks[1]


def _device(path: Path) -> int | None:
    for folder in (path, *path.parents):
        try:
            return folder.stat().st_dev
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None
