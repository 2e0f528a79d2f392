"""Cells that go through a spreadsheet and back: what one takes for a formula, a number or a date stays a text.

An apostrophe before such a text keeps spreadsheets from computing it; what reads the file again takes it off. It may be
missing by then, since some drop it.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SIGN: Final = "'"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", _SIGN)
_MONTH: Final = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
# What spreadsheets write anew in their own form: numbers, dates, times, truth values.
_CONVERTED: Final = re.compile(
    rf"[\d\s.,:/eE%+\-]*\d[\d\s.,:/eE%+\-]*|true|false|{_MONTH}[\s.,/\-]*\d[\d\s.,/\-]*|\d+[\s.,/\-]*{_MONTH}[\s.,/\-]*\d*",
    re.IGNORECASE,
)
DELIMITERS: Final = (",", ";", "\t")


def as_text_cell(text: str) -> str:
    """Return a cell that a spreadsheet shows, and gives back, as this text."""
    return f"{_SIGN}{text}" if _needs_sign(text) else text


def text_of_cell(cell: str) -> str:
    """Return the text of a cell of `as_text_cell`, with its apostrophe or without."""
    return cell[1:] if cell.startswith(_SIGN) and _needs_sign(cell[1:]) else cell


def _needs_sign(text: str) -> bool:
    return text.startswith(_FORMULA) or _CONVERTED.fullmatch(text) is not None


def csv_text(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table as RFC 4180 has it; each cell as it is given."""
    made = io.StringIO(newline="")
    table = csv.writer(made, lineterminator="\r\n")
    table.writerow(headings)
    table.writerows(rows)
    return made.getvalue()


def decoded_table(data: bytes) -> str:
    """Return the text of a table that a spreadsheet saved: UTF-8, or UTF-16 by its mark. Raises UnicodeDecodeError."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    return data.decode("utf-8-sig")


def table_rows(text: str, wanted: Iterable[str]) -> tuple[list[str], list[list[str]]]:
    """Return the headings and the rows of a table, of whatever separator finds the `wanted` headings.

    A first line such as `sep=;` is Excel's own. Where no separator finds them, the headings are those by commas. Raises
    csv.Error.
    """
    if named := re.match(r"sep=.\r?\n", text):
        text = text[named.end() :]
    delimiter = _delimiter(text, set(wanted))
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    return (_names(rows[0]), rows[1:]) if rows else ([], [])


def _delimiter(text: str, wanted: set[str]) -> str:
    """Return what separates the wanted headings; a comma where nothing does."""
    for delimiter in DELIMITERS:
        headings = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        if wanted <= set(_names(headings)):
            return delimiter
    return DELIMITERS[0]


def _names(headings: Iterable[str]) -> list[str]:
    return [name.strip().lower() for name in headings]
