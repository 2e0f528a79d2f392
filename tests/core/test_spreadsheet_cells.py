"""Texts go through a spreadsheet's table and come back as they were; none of them is a formula, a number or a date."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsortd.core.spreadsheet_cells import DELIMITERS, as_text_cell, csv_text, decoded_table, table_rows, text_of_cell

TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    st.text("=+-@'\t\r\n\"0123456789.,;/ eEJun", max_size=12),
)


@given(TEXTS)
def test_every_text_comes_back(text: str) -> None:
    cell = as_text_cell(text)
    assert text == text_of_cell(cell)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


CHANGED = (
    "=1+1", "+2", "-3", "@SUM", "007", "1e5", "1.5", "1,000", "2025-05", "1/2", "12:30", "5%", "TRUE", "false",
    "May 24", "24 May", "jun-3", "3. March 2025", "'quoted", "\tx",
)  # fmt: skip


@pytest.mark.parametrize("text", CHANGED)
def test_what_a_spreadsheet_would_write_anew_is_marked(text: str) -> None:
    assert f"'{text}" == as_text_cell(text)
    assert text == text_of_cell(text)  # where the mark was dropped


@pytest.mark.parametrize("text", ["sea", "Holidays/2025", "IMG_0042.MOV", "v1.5.6.7", "Mayor", "3 dogs", "", "it's"])
def test_what_is_plainly_a_text_stays_as_it_is(text: str) -> None:
    assert text == as_text_cell(text)


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=5), st.sampled_from(DELIMITERS))
def test_a_table_is_read_whatever_separates_its_cells(rows: list[list[str]], delimiter: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([["One", " two "], *rows])
    assert (["one", "two"], rows) == table_rows(text.getvalue(), ("one", "two"))
    assert (["one", "two"], rows) == table_rows(csv_text(["one", "two"], rows), ("two", "one"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_form_of_unicode_that_spreadsheets_save_is_read(encoding: str) -> None:
    assert "Füße,日本\r\n" == decoded_table("Füße,日本\r\n".encode(encoding))
    with pytest.raises(UnicodeDecodeError):
        decoded_table("Füße".encode("latin-1"))
