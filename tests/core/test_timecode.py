"""Frame rates as editing programs know them, and SMPTE timecodes."""

from __future__ import annotations

from fractions import Fraction

import pytest

from vsortd.core.timecode import Timecode, editing_rate

NTSC, NTSC_60 = Fraction(30000, 1001), Fraction(60000, 1001)


@pytest.mark.parametrize(
    ("fps", "rate"),
    [
        (29.97002997, NTSC),
        (29.97, NTSC),
        (30.0, Fraction(30)),
        (23.976, Fraction(24000, 1001)),
        (24.0, Fraction(24)),
        (59.94, NTSC_60),
        (119.88, Fraction(120000, 1001)),
        (25.0, Fraction(25)),
        (29.83, Fraction(30)),  # a phone that is slow now and then
        (12.5, Fraction(12)),
        (0.2, Fraction(1)),
    ],
)
def test_a_rate_is_whole_or_a_thousandth_slower(fps: float, rate: Fraction) -> None:
    assert rate == editing_rate(fps)


@pytest.mark.parametrize(
    ("rate", "frame", "label"),
    [
        # as SMPTE ST 12-1 has it: two labels are left out each minute, but not each tenth
        (NTSC, 1799, "00:00:59;29"),
        (NTSC, 1800, "00:01:00;02"),
        (NTSC, 3597, "00:01:59;29"),
        (NTSC, 3598, "00:02:00;02"),
        (NTSC, 17981, "00:09:59;29"),
        (NTSC, 17982, "00:10:00;00"),
        (NTSC, 107892, "01:00:00;00"),
        (NTSC_60, 3599, "00:00:59;59"),
        (NTSC_60, 3600, "00:01:00;04"),
        (NTSC_60, 215784, "01:00:00;00"),
    ],
)
def test_labels_are_dropped_so_that_they_stay_with_the_clock(rate: Fraction, frame: int, label: str) -> None:
    assert label == Timecode(rate, drop=True).label(frame)


def test_no_label_is_used_twice_and_each_is_read_back() -> None:
    counting = Timecode(NTSC, drop=True)
    labels = [counting.label(frame) for frame in range(40_000)]
    assert len(set(labels)) == len(labels)
    for frame in (0, 1, 1799, 1800, 17981, 17982, 39_999):
        assert frame == Timecode.told_by(labels[frame], NTSC).start


def test_without_dropping_an_hour_of_ntsc_lasts_longer() -> None:
    counting = Timecode(NTSC)
    assert 107_892 == counting.frame_at(3600.0)
    assert "00:59:56:12" == counting.label(107_892)
    assert "00:00:02:12" == Timecode(Fraction(25)).label(62)


def test_a_day_begins_anew() -> None:
    assert "00:00:00:01" == Timecode(Fraction(25), start=24 * 3600 * 25).label(1)


@pytest.mark.parametrize(
    ("label", "rate", "expected"),
    [
        ("01:00:00:00", Fraction(25), Timecode(Fraction(25), start=90_000)),
        ("01:00:00;00", NTSC, Timecode(NTSC, drop=True, start=107_892)),
        ("01:00:00:00", NTSC, Timecode(NTSC, start=108_000)),
        ("00:01:00;02", NTSC, Timecode(NTSC, drop=True, start=1800)),
        ("00:00:01;00", Fraction(25), Timecode(Fraction(25), start=25)),  # 25 drops nothing
        ("25:00:00:00", Fraction(25), Timecode(Fraction(25))),
        ("00:00:00:25", Fraction(25), Timecode(Fraction(25))),
        ("no timecode", Fraction(25), Timecode(Fraction(25))),
        ("\u0660\u0660:00:00:00", Fraction(25), Timecode(Fraction(25))),
        (None, NTSC, Timecode(NTSC)),
    ],
)
def test_a_files_own_timecode_counts_where_it_is_one(label: str | None, rate: Fraction, expected: Timecode) -> None:
    assert expected == Timecode.told_by(label, rate)
