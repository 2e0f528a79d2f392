"""Durations and sizes read and write as people do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from vsortd.core.units import (
    about_clock,
    about_duration,
    about_size,
    format_duration,
    format_size,
    parse_clock,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2s", 2),
        ("500ms", 0.5),
        ("1m", 60),
        ("2h", 7200),
        ("30d", 2_592_000),
        ("1w", 604_800),
        ("1h30m", 5400),
        ("1h 30m 5s", 5405),
        (" 1.5 h ", 5400),
        ("0.1s", 0.1),
        ("90", 90),
        (90, 90),
        (0.25, 0.25),
        ("0s", 0),
        (0, 0),
        ("1w 2d 3h 4m 5s 6ms", 788_645.006),
    ],
)
def test_a_duration_is_read(text: str | float, seconds: float) -> None:
    assert seconds == parse_duration(text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "s", "2x", "2S", "-2s", "1m2h", "1h1h", "2 s 3", "1e3s", "1_0s", "٣s", ".5s", "5.",
     -1, float("nan"),
     float("inf"), True, "9" * 400 + "d"],
)  # fmt: skip
def test_what_is_no_duration_is_refused(text: str | float) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@given(some.floats(min_value=0, max_value=1e300, allow_nan=False))
def test_a_written_duration_reads_as_the_same_number(seconds: float) -> None:
    assert seconds == parse_duration(format_duration(seconds))


@given(some.text(max_size=20))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert seconds >= 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (2.0, "2s"),
        (0.5, "500ms"),
        (90.0, "90s"),
        (3600.0, "1h"),
        (60.0, "1m"),
        (86_400.0, "1d"),
        (604_800.0, "1w"),
        (1_209_600.0, "2w"),
        (1e-3, "1ms"),
        (2_592_000.0, "30d"),
        (0.0, "0s"),
        (1e-5, "0.01ms"),
    ],
)
def test_a_duration_is_written_with_its_largest_whole_unit(seconds: float, text: str) -> None:
    if text == "0.01ms":
        text = "0.00001s"
    assert text == format_duration(seconds)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("2GB", 2 * 10**9),
        ("512MiB", 2**29),
        ("1.5kB", 1500),
        ("7", 7),
        ("7B", 7),
        (7, 7),
        (0, 0),
        ("1.5B", 2),
        ("1TB", 10**12),
        ("1 MB", 10**6),
        ("1TiB", 2**40),
        ("1gib", 2**30),
        ("1KIB", 2**10),
        ("2 gb", 2 * 10**9),
    ],
)
def test_a_size_is_read(text: str | int, size_bytes: int) -> None:
    assert size_bytes == parse_size(text)


@pytest.mark.parametrize("text", ["", "GB", "2G", "2 gigs", "-1", "1e3", -1, True, 2.5, None])
def test_what_is_no_size_is_refused(text: str | int) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


@given(some.integers(min_value=0, max_value=10**18))
def test_a_written_size_reads_as_the_same_number(size_bytes: int) -> None:
    assert size_bytes == parse_size(format_size(size_bytes))


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0B"),
        (1, "1B"),
        (1000, "1KB"),
        (1024, "1KiB"),
        (1536, "1536B"),
        (1_024_000, "1000KiB"),
        (3 * 10**6, "3MB"),
        (5 * 2**20, "5MiB"),
        (10**9, "1GB"),
        (2**30, "1GiB"),
        (10**12, "1TB"),
        (2**40, "1TiB"),
    ],
)
def test_a_size_is_written_with_its_largest_whole_unit(size_bytes: int, text: str) -> None:
    assert text == format_size(size_bytes)


@given(some.sampled_from(["kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB"]), some.integers(1, 999))
def test_a_size_of_whole_units_keeps_a_unit(unit: str, count: int) -> None:
    assert format_size(parse_size(f"{count}{unit}"))[-2:].isalpha()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12.5", 12.5),
        ("90s", 90.0),
        ("1:23", 83.0),
        ("01:23.4", 83.4),
        ("1:02:03", 3723.0),
        ("0:00", 0.0),
        ("2m", 120.0),
        ("90:00", 5400.0),
        ("1:59.9", 119.9),
        ("100:59:59", 363_599.0),
        (" 0:01 ", 1.0),
    ],
)
def test_a_moment_in_a_video_is_read_as_players_show_it(text: str, seconds: float) -> None:
    assert seconds == parse_clock(text)


@pytest.mark.parametrize(
    "text", ["", "1:60", "1:2:3:4", "-1", "1:-2", "a:b", "1.5:20", ":30", "1:60:00", "1:1.5:20", "1:02:60"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_clock(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "00:00.0"),
        (83.44, "01:23.4"),
        (59.96, "01:00.0"),
        (754.3, "12:34.3"),
        (3599.9, "59:59.9"),
        (3600, "1:00:00.0"),
        (3723.5, "1:02:03.5"),
        (36_610.1, "10:10:10.1"),
    ],
)
def test_a_moment_is_shown_with_tenths(seconds: float, text: str) -> None:
    assert text == about_clock(seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.0004, "0 ms"),
        (0.04, "40 ms"),
        (0.9994, "999 ms"),
        (0.9995, "1 s"),
        (0.9996, "1 s"),
        (1.0, "1 s"),
        (1.04, "1 s"),
        (1.25, "1.2 s"),
        (12.34, "12.3 s"),
        (99.94, "99.9 s"),
        (99.96, "100 s"),
        (100.4, "100 s"),
        (119.9, "120 s"),
        (119.95, "2 min"),
        (150, "2.5 min"),
        (7196, "120 min"),
        (7196.5, "2 h"),
        (9000, "2.5 h"),
        (172_713, "48 h"),
        (172_713.6, "2 days"),
        (216_000, "2.5 days"),
        (86_400_000, "1000 days"),
    ],
)
def test_a_duration_is_told_with_three_digits_and_the_unit_of_which_there_are_two(seconds: float, text: str) -> None:
    assert text == about_duration(seconds)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (2, "2 bytes"),
        (999, "999 bytes"),
        (999.4, "999 bytes"),
        (999.5, "1 KB"),
        (1_250, "1.2 KB"),
        (999_499, "999 KB"),
        (999_500, "1 MB"),
        (850_000_000, "850 MB"),
        (999_500_000, "1 GB"),
        (12_340_000_000, "12.3 GB"),
        (999_499_999_999, "999 GB"),
        (999_500_000_000, "1 TB"),
        (2.5e15, "2500 TB"),
    ],
)
def test_a_size_is_told_with_three_digits(size_bytes: float, text: str) -> None:
    assert text == about_size(size_bytes)
