"""A plan as a table that a person may edit: written by `plan --out`, read again by `sort --plan`.

A row is a video: `action` (file or leave), `folder` below the library and `name` are the person's to change; `identity`
and `source` say which file is meant, the rest is to look at.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from vsortd.core.spreadsheet_cells import as_text_cell, csv_text, decoded_table, table_rows, text_of_cell
from vsortd.core.text import counted, storable
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vsortd.core.identity import Identity
    from vsortd.pipeline.batch import SortOutcome
    from vsortd.pipeline.job import Job
    from vsortd.pipeline.services import Services

COLUMNS: Final = ("identity", "source", "action", "folder", "name", "rule", "score", "reason")
_NEEDED: Final = ("identity", "source", "action", "folder", "name")
_FORM: Final = "v1"
_MOST_TOLD: Final = 20
_REMEDY: Final = (
    "Mend these rows, or write leave into their column action; a new plan is made by: vsortd plan PATH… --out"
)


class PlanAction(StrEnum):
    """What is to be done with a row's video."""

    FILE = "file"
    LEAVE = "leave"


_ACTIONS: Final = frozenset(action.value for action in PlanAction)


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A row as it was read; `number` is the spreadsheet's own, in which the headings are row 1."""

    number: int
    identity: str
    source: str
    action: PlanAction
    folder: str
    name: str


@dataclass(slots=True)
class PlanMistakes:
    """What is wrong with a plan, row by row; nothing is filed as long as there is anything."""

    path: Path
    found: list[tuple[int, str]] = field(default_factory=list)

    def note(self, row: int, column: str, what: str) -> None:
        """Note what is wrong with a cell."""
        self.found.append((row, storable(f"row {row}, column {column}: {what}")))

    def refuse(self) -> None:
        """Raise UsageError where anything was noted."""
        if self.found:
            more = len(self.found) - _MOST_TOLD
            found = [what for _, what in sorted(self.found)]
            told = [*found[:_MOST_TOLD], *([f"and {counted(more, 'mistake')} more"] if more > 0 else [])]
            raise UsageError(
                f"{self.path} has {counted(len(self.found), 'mistake')}; nothing was moved.",
                details=told,
                remedy=_REMEDY,
                paths=[self.path],
            )


class PlannedIdentities:
    """Notes which file each planned job was made of; to be passed to `sort_paths` as `on_job`."""

    def __init__(self) -> None:
        self._found: dict[str, Identity] = {}

    def __call__(self, _services: Services, job: Job) -> None:
        """Note one; on several threads at once."""
        self._found[str(job.path)] = job.identity

    def table(self, outcomes: Iterable[SortOutcome], library: Path) -> str:
        """Return the plan as CSV."""
        return csv_text(COLUMNS, [_cells(one, self._found, library) for one in outcomes])


def _cells(one: SortOutcome, identities: Mapping[str, Identity], library: Path) -> Sequence[str]:
    """Return a row's cells; the text of a path that is no UTF-8 is escaped, and found again by `source_of`."""
    goes = bool(one.destination)
    folder = Path(one.destination).parent.relative_to(library).as_posix() if goes else ""
    identity = identities.get(one.source)
    return (
        "" if identity is None else identity_text(identity),
        _text(one.source),
        (PlanAction.FILE if goes else PlanAction.LEAVE).value,
        _text(folder),
        _text(Path(one.destination).name) if goes else "",
        _text(one.rule),
        f"{one.score:.2f}",
        _text(one.reason),
    )


def _text(text: str) -> str:
    return as_text_cell(storable(text))


def identity_text(identity: Identity) -> str:
    """Return what tells a file from any other, as a plan keeps it: what a remount leaves as it is."""
    return f"{_FORM}.{identity.size_bytes}.{identity.mtime_ns}.{identity.inode}"


def same_file(text: str, identity: Identity, *, inodes_last: bool) -> bool:
    """Tell whether a file is the one that a plan means; where inodes don't last, by size and time alone."""
    meant, now = text.split("."), identity_text(identity).split(".")
    return meant == now if inodes_last else meant[:-1] == now[:-1]


def read_plan(path: Path, mistakes: PlanMistakes) -> list[PlanRow]:
    """Read a plan, and note each row that is none. Raises UsageError for a file that can't be read, or is no plan."""
    headings, rows = _table(path)
    at = {name: headings.index(name) for name in _NEEDED}
    found: list[PlanRow] = []
    for number, cells in enumerate(rows, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if any(cell.strip() for cell in cells[len(headings) :]):
            mistakes.note(number, str(len(headings) + 1), "there is no heading above it; is a comma not in quotes?")
        value = {name: text_of_cell(cells[place]) if place < len(cells) else "" for name, place in at.items()}
        action = value["action"].strip().lower()
        if action not in _ACTIONS:
            mistakes.note(number, "action", f"{value['action']!r} is neither file nor leave")
            continue
        row = PlanRow(
            number, value["identity"].strip(), value["source"], PlanAction(action), value["folder"], value["name"]
        )
        found.append(row)
    return found


def _table(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        headings, rows = table_rows(decoded_table(path.read_bytes()), _NEEDED)
    except OSError as error:
        _refuse(
            path, f"Can't read {path}: {error.strerror}.", "Name a plan that `vsortd plan PATH… --out` wrote.", error
        )
    except UnicodeDecodeError as error:
        _refuse(path, f"{path} is no text in UTF-8.", "Save it from the spreadsheet as CSV in UTF-8.", error)
    except csv.Error as error:
        _refuse(path, f"{path} is no table: {error}.", "Save it from the spreadsheet as CSV in UTF-8.", error)
    missing = [name for name in _NEEDED if name not in headings]
    if missing:
        columns = "column" if len(missing) == 1 else "columns"
        _refuse(path, f"{path} has no {columns} {', '.join(missing)}.", f"A plan's columns are {', '.join(COLUMNS)}.")
    return headings, rows


def _refuse(path: Path, title: str, remedy: str, cause: Exception | None = None) -> NoReturn:
    raise UsageError(title, remedy=remedy, paths=[path]) from cause
