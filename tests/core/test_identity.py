"""Identities out of whatever numbers a filesystem answers: all of them fit a database, and two files stay two."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vsortd.core.identity import Identity, signed_64

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = st.one_of(
    st.integers(),
    st.integers(-(1 << 70), 1 << 70),
    st.sampled_from([(1 << 63) - 1, 1 << 63, -(1 << 63), -(1 << 63) - 1, (1 << 64) - 1, 1 << 64, 0, -1]),
)


def _status(device: int, inode: int, size: int, mtime_ns: int) -> os.stat_result:
    found = SimpleNamespace(st_dev=device, st_ino=inode, st_size=size, st_mtime_ns=mtime_ns)
    return cast("os.stat_result", found)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
@example(1, 2, 3, 10_413_792_000 * 10**9)  # the year 2300
@example(1, 2, 3, -11_644_473_600 * 10**9)  # 1601
def test_an_identity_of_any_numbers_comes_back_from_the_database_as_it_was(
    device: int, inode: int, size: int, mtime_ns: int
) -> None:
    identity = Identity.from_stat(_status(device, inode, size, mtime_ns))
    with closing(sqlite3.connect(":memory:")) as db:
        row = db.execute("SELECT ?, ?, ?, ?", identity.columns()).fetchone()
    assert identity == Identity.of_columns(row)
    assert mtime_ns == identity.modified_ns
    assert identity.same_content(Identity.of_columns(row))


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_an_identity_that_was_made_by_hand_fits_a_database_too(
    device: int, inode: int, size: int, mtime_ns: int
) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("SELECT ?, ?, ?, ?", Identity(device, inode, size, mtime_ns).columns())


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_a_number_that_fits_is_stored_as_it_is(number: int) -> None:
    assert number == signed_64(number)


@given(st.integers(0, (1 << 128) - 1), st.integers(0, (1 << 63) - 1))
def test_no_bit_of_a_long_file_number_is_lost_on_the_way_to_an_identity(inode: int, bit: int) -> None:
    other = inode ^ (1 << (bit % 128))
    mine, others = (Identity.from_stat(_status(1, one, 1, 1)) for one in (inode, other))
    assert mine != others


def test_two_times_beyond_the_range_are_two(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"bytes")
    found = []
    for year_s in (10_413_792_000, 10_445_328_000):  # 2300 and 2301
        os.utime(path, (year_s, year_s))
        if path.stat().st_mtime_ns != year_s * 10**9:
            pytest.skip("this filesystem holds no such times")
        identity = Identity.of(path)
        assert identity is not None
        assert year_s == identity.modified_s
        found.append(identity)
    assert found[0] != found[1]
    assert not found[0].same_content(found[1])


def test_a_fingerprint_stays_when_a_disk_is_another_device_and_is_written_as_ever() -> None:
    """Ids of pairs, of pictures and of the page are made of it, and kept."""
    before, after = Identity(1, 23, 4567, -89), Identity(2, 23, 4567, -89)
    assert "23:4567:-89" == before.fingerprint == after.fingerprint
    others = (Identity(1, 24, 4567, -89), Identity(1, 23, 4568, -89), Identity(1, 23, 4567, -88))
    assert before.fingerprint not in {one.fingerprint for one in others}
