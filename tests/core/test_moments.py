"""Moments out of any number and any text, and by which clock they are told."""

from __future__ import annotations

import math
import os
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.zones import zone
from vsortd.core.moments import file_moment, local_moment, local_text, recorded_moment, unix_seconds, utc_moment

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system's time zone can't be set for a test")


@pytest.fixture(params=["Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata"])
def place(request: pytest.FixtureRequest) -> Iterator[str]:
    with zone(request.param):
        yield request.param


@given(st.one_of(st.floats(), st.integers(-(1 << 80), 1 << 80)))
@example(math.nan)
@example(math.inf)
@example(-math.inf)
@example(-62_135_596_800.0)
@example(253_402_300_799.0)
def test_any_number_of_seconds_is_some_moment(unix_s: float) -> None:
    for place in ("Europe/Berlin", "America/Los_Angeles", "Pacific/Kiritimati"):
        with zone(place):
            assert 1 <= utc_moment(unix_s).year <= 9999
            assert 1 <= local_moment(unix_s).year <= 9999


@given(st.integers())
@example(-62_135_596_800 * 10**9)
@example(253_402_300_799 * 10**9)
def test_any_time_of_a_file_is_some_moment_or_none(modified_ns: int) -> None:
    for place in ("Europe/Berlin", "America/Los_Angeles"):
        with zone(place):
            moment = file_moment(modified_ns)
            assert moment is None or 1 <= moment.year <= 9999


@given(st.datetimes(), st.sampled_from(["", "Z", "+00:00", "+14:00", "-12:00"]))
@example(datetime(1, 1, 1), "Z")  # noqa: DTZ001 - the zone is the other argument
@example(datetime(9999, 12, 31, 23, 59, 59), "Z")  # noqa: DTZ001
@example(datetime(1, 1, 1), "+14:00")  # noqa: DTZ001
def test_any_time_that_can_be_written_can_be_told_and_counted(moment: datetime, offset: str) -> None:
    text = f"{moment.isoformat()}{offset}"
    for place in ("Europe/Berlin", "America/Los_Angeles"):
        with zone(place):
            found = recorded_moment(text)
            assert found is not None
            assert math.isfinite(unix_seconds(found))
            assert local_text(text)


@given(st.text())
def test_a_text_that_is_no_time_is_none(text: str) -> None:
    assert recorded_moment(f"no time {text}") is None
    assert f"no time {text}" == local_text(f"no time {text}")


def test_a_time_in_utc_becomes_the_local_day(place: str) -> None:
    expected = {
        "Europe/Berlin": "2023-05-02T00:30:00+02:00",
        "America/Los_Angeles": "2023-05-01T15:30:00-07:00",
        "Asia/Kolkata": "2023-05-02T04:00:00+05:30",
    }
    assert datetime.fromisoformat(expected[place]) == recorded_moment("2023-05-01T22:30:00Z")
    found = recorded_moment("2023-05-01T22:30:00Z")
    assert found is not None
    assert expected[place] == found.isoformat()


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    "text", ["2023-05-01T00:30:00+02:00", "2023-05-01T00:30:00+00:00", "2023-05-01T23:59:00-11:00"]
)
def test_an_offset_keeps_the_clock_of_the_camera(text: str) -> None:
    found = recorded_moment(text)
    assert found is not None
    assert text == found.isoformat()


@pytest.mark.parametrize(
    ("utc", "local"),
    [
        ("2024-03-31T00:59:59Z", "2024-03-31T01:59:59+01:00"),  # the last second of winter
        ("2024-03-31T01:00:00Z", "2024-03-31T03:00:00+02:00"),  # there is no 02:00 on this day
        ("2024-10-27T00:30:00Z", "2024-10-27T02:30:00+02:00"),  # 02:30 comes twice
        ("2024-10-27T01:30:00Z", "2024-10-27T02:30:00+01:00"),
        ("2023-12-31T23:00:00Z", "2024-01-01T00:00:00+01:00"),  # the year, too, is the local one
    ],
)
def test_summer_time_is_that_of_the_moment(utc: str, local: str) -> None:
    with zone("Europe/Berlin"):
        found = recorded_moment(utc)
        assert found is not None
        assert local == found.isoformat()


def test_a_file_without_a_date_has_none() -> None:
    no_date = datetime(1601, 1, 1, tzinfo=UTC)
    assert file_moment(int(unix_seconds(no_date)) * 10**9) is None
    assert file_moment(int(unix_seconds(no_date + timedelta(days=400))) * 10**9) is not None
    assert file_moment(10**24) is None
    assert file_moment(-(10**24)) is None


def test_the_zone_of_the_tests_is_put_back() -> None:
    before = os.environ.get("TZ"), time.tzname
    with zone("Asia/Kolkata"):
        assert "IST" == time.tzname[0]
    assert before == (os.environ.get("TZ"), time.tzname)
