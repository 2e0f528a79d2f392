"""What the tests of each room cost, told at the end of a run that takes its time.

Counted are the seconds of the processes that ran them, with what each test waited for. `tests/conftest.py` hands the
reports in.
"""

from __future__ import annotations

from collections import defaultdict
from operator import itemgetter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# A run as short as that has nothing to explain.
SHORT_S: Final = 120.0
_FILES: Final = 15


def costs(reports: Iterable[tuple[str, float]]) -> list[str]:
    """Return the lines that tell of (node id, seconds) of many tests what each room, and the dearest files, took.

    A room is the folder below `tests`, or a file that lies there. There are no lines for less than `SHORT_S` in all.
    """
    rooms: defaultdict[str, float] = defaultdict(float)
    files: defaultdict[str, float] = defaultdict(float)
    for node, seconds in reports:
        file = node.partition("::")[0]
        files[file] += seconds
        rooms["/".join(file.split("/")[:2])] += seconds
    if (total := sum(rooms.values())) < SHORT_S:
        return []
    told = [f"{total:8.0f} s  all tests, in the processes that ran them"]
    told += [f"{seconds:8.0f} s  {room}" for room, seconds in _dearest(rooms)]
    told.append("the dearest files:")
    return told + [f"{seconds:8.0f} s  {file}" for file, seconds in _dearest(files)[:_FILES]]


def _dearest(costs_s: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(costs_s.items(), key=itemgetter(1), reverse=True)
