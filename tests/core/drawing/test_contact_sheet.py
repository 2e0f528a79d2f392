"""The contact sheet and its lettering: lengths that mean what they say, any count, any shape, any script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from vsortd.core.drawing import lettering as letters
from vsortd.core.drawing.colours import COLOURS, Tone
from vsortd.core.drawing.contact_sheet import Bar, Cell, Heading, Panel, draw_bars, draw_sheet
from vsortd.core.drawing.lettering import Lettering

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 400
SCRIPTS = (
    "plain.mp4",
    "лес ночью.mp4",
    "فيلم الغابة.mp4",
    "森の夜 한국어.mp4",
    "हिन्दी.mp4",
    "🎬 𓀀 \U000f0000.mp4",
    "line\nbreak \u202e\udcff.mp4",
    "",
    "w" * 400,
)


def picture(width: int, height: int, value: int = 200) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.full((height, width, 3), value, np.uint8)


def drawn(bar: Bar) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the pixels of one bar on black."""
    sheet = Image.new("RGB", (WIDTH, 24))
    draw_bars(sheet, (0, 0), WIDTH, [bar])
    return np.asarray(sheet)


def columns_of(pixels: np.ndarray[Any, np.dtype[np.uint8]], colour: tuple[int, int, int]) -> int:
    """Count the columns of the bar's middle row that have exactly this colour, the number beside it left out."""
    return int((pixels[9, : WIDTH - 36] == colour).all(axis=1).sum())


@pytest.fixture
def no_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be on a machine without any font."""
    caches = (letters._preferred, letters._others, letters.lettering)
    monkeypatch.setattr(letters, "font_files", dict)
    for one in caches:
        one.cache_clear()
    yield
    for one in caches:
        one.cache_clear()


def test_a_bars_length_is_proportional_to_its_share() -> None:
    whole = columns_of(drawn(Bar("", 1.0, Tone.WINNER)), COLOURS[Tone.WINNER])
    assert whole > 150
    for share in (0.1, 0.25, 0.5, 0.75):
        assert whole * share == pytest.approx(
            columns_of(drawn(Bar("", share, Tone.WINNER)), COLOURS[Tone.WINNER]), abs=2
        )


def test_nothing_is_drawn_for_a_share_of_zero_and_no_more_than_all_beyond_one() -> None:
    assert 0 == columns_of(drawn(Bar("", 0.0, Tone.WINNER)), COLOURS[Tone.WINNER])
    one, more = (columns_of(drawn(Bar("", share, Tone.WINNER)), COLOURS[Tone.WINNER]) for share in (1.0, 1.7))
    assert one == more


def test_none_of_these_is_hatched_and_other_rules_are_plain() -> None:
    assert columns_of(drawn(Bar("", 1.0, Tone.OTHER)), COLOURS[Tone.OTHER]) > 150
    hatched = drawn(Bar("", 1.0, Tone.NONE))[9]
    assert columns_of(drawn(Bar("", 1.0, Tone.NONE)), COLOURS[Tone.OTHER]) < 75
    assert len(np.unique(hatched, axis=0)) > 4


def test_the_mark_stands_at_its_share_of_the_track() -> None:
    with_mark, without = (drawn(Bar("", 0.0, mark=mark)) for mark in (0.5, None))
    track = np.flatnonzero(without[9].any(axis=1) & (without[2] == 0).all(axis=1))
    middle = (track[0] + 0.5 * (columns_of(drawn(Bar("", 1.0, Tone.WINNER)), COLOURS[Tone.WINNER]))).round()
    differing = np.flatnonzero((with_mark[9] != without[9]).any(axis=1))
    assert [middle] == pytest.approx(differing, abs=2)


@pytest.mark.few(12)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 8, 16, 32])
@pytest.mark.parametrize("shape", [(480, 270), (270, 480), (300, 300), (480, 60), (60, 480), (1, 1)])
def test_every_picture_has_its_place_whatever_its_shape(count: int, shape: tuple[int, int]) -> None:
    stripe = COLOURS[Tone.WINNER]
    cells = [Cell(picture(*shape), "00:01.0", (Bar("sea", 0.4),), Tone.WINNER) for _ in range(count)]
    sheet = np.asarray(draw_sheet(Heading("a"), (), cells))
    height, width = sheet.shape[:2]
    assert 940 <= width < 4000
    assert height < 4000
    rows = (sheet == stripe).all(axis=2)
    starts = rows & ~np.roll(rows, 1, axis=1) & ~np.roll(rows, 1, axis=0)
    assert count == int(starts.sum()), "a stripe under each picture"


def test_a_picture_keeps_its_aspect() -> None:
    sheet = np.asarray(draw_sheet(Heading(""), (), [Cell(picture(400, 200, 255), "")]))
    white = (sheet == 255).all(axis=2)
    rows, columns = np.flatnonzero(white.any(axis=1)), np.flatnonzero(white.any(axis=0))
    assert 2.0 == pytest.approx(len(columns) / len(rows), rel=0.02)


def test_a_frame_without_a_picture_says_so_and_keeps_its_bars() -> None:
    cells = [Cell(None, "00:01.0", (Bar("sea", 1.0, Tone.WINNER),))]
    sheet = np.asarray(draw_sheet(Heading("a"), (), cells))
    assert (sheet == COLOURS[Tone.WINNER]).all(axis=2).sum() > 500


def test_the_same_arguments_give_the_same_sheet() -> None:
    heading = Heading("name", "filed", "nature", Tone.WINNER, "because")
    panels = [Panel("at the top", (Bar("nature", 0.9, Tone.WINNER, 0.35),), "clear")]
    one, two = (draw_sheet(heading, panels, [Cell(picture(16, 9), "00:00.0")]) for _ in range(2))
    assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("levels", [0, 1, 2, 5, 9])
def test_any_number_of_levels_has_room(levels: int) -> None:
    panels = [Panel(f"level {number}", (Bar("a", 0.5), Bar("b", 0.5)), "why " * 60) for number in range(levels)]
    heights = [draw_sheet(Heading("a"), some, []).height for some in (panels[:1], panels)]
    assert heights[-1] >= heights[0]


@pytest.mark.parametrize("name", SCRIPTS)
def test_names_in_any_script_are_drawn(name: str) -> None:
    bars = (Bar(name, 0.5, Tone.WINNER), Bar(name, 0.5))
    cells = [Cell(picture(16, 9), name, bars)]
    sheet = draw_sheet(Heading(name, name[:20], name, Tone.WINNER, name), [Panel(name, bars, name)], cells, footer=name)
    assert sheet.width < 2000


@pytest.mark.usefixtures("no_fonts")
@pytest.mark.parametrize("name", SCRIPTS)
def test_names_in_any_script_are_drawn_without_any_font(name: str) -> None:
    assert draw_sheet(Heading(name, name[:20], name), [], [Cell(None, name)]).width < 2000


@pytest.mark.parametrize("text", ["森", "\U000f0000", "𓀀"])
def test_a_letter_that_no_font_has_is_seen_to_be_missing(text: str) -> None:
    sheet = Image.new("L", (60, 40))
    Lettering(20).draw(ImageDraw.Draw(sheet), (5, 5), text, 255)  # type: ignore[arg-type]
    assert np.asarray(sheet).any(), "nothing was drawn"


@pytest.mark.usefixtures("no_fonts")
def test_without_fonts_a_question_mark_stands_for_what_is_missing() -> None:
    assert "a?b" == "".join(part for _, part in Lettering(20)._runs("a森b"))


@pytest.mark.parametrize("width", [0, 10, 40, 90, 300, 5000])
@pytest.mark.parametrize("text", [text for text in SCRIPTS if text])
def test_a_fitted_text_fits(text: str, width: int) -> None:
    words = Lettering(13)
    fitted = words.fitted(text, width)
    assert fitted == "…" or words.width_px(fitted) <= width


def test_a_fitted_text_keeps_its_beginning_and_its_end() -> None:
    words = Lettering(13)
    fitted = words.fitted("IMG_20240128_a_very_long_name_of_a_video.mp4", 150)
    assert fitted.startswith("IMG_")
    assert fitted.endswith(".mp4")


def test_a_wrapped_text_keeps_its_words_and_its_limit() -> None:
    words = Lettering(13)
    assert ["one two"] == words.wrapped("one two", 500)
    lines = words.wrapped("one two three four five six seven eight", 100, most=2)
    assert 2 == len(lines)
    assert lines[-1].endswith("…")
    assert all(words.width_px(line) <= 100 for line in lines)
