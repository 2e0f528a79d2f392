"""Tables as RFC 4180 has them: for programs, with names as they are."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from vsortd.core.text import printable, storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def write_table(out: TextIO, columns: Sequence[str], rows: Iterable[Iterable[object]], *, shown: bool = False) -> None:
    """Write a table into a stream that translates no line ends; `shown` on a terminal, names are escaped.

    Nothing is done to a cell that a spreadsheet may take for a formula (`=1.mp4`): it would no longer be the file's
    name.
    """
    safe = printable if shown else storable
    table = csv.writer(out, lineterminator="\n" if shown else "\r\n")
    table.writerow(columns)
    table.writerows([safe(cell) if isinstance(cell, str | Path) else cell for cell in row] for row in rows)


def cells_of(columns: Sequence[str], entries: Iterable[Mapping[str, Any]]) -> Iterable[list[object]]:
    """Yield the cells of the entries of a JSON document: lists and mappings as their JSON, null as nothing."""
    return ([_cell(entry[name]) for name in columns] for entry in entries)


def _cell(value: object) -> object:
    if isinstance(value, bool | list | tuple | dict):
        return json.dumps(value, ensure_ascii=False)
    return value
