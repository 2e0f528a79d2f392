"""The picture of a timeline: a panel a prompt, spans where they are, any script, any length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from vsortd.errors import UsageError
from vsortd.library.timeline.plot import Chart, draw_timeline, strip_moments, timeline_figure
from vsortd.library.timeline.spans import Reading, Track, judged, stretches

if TYPE_CHECKING:
    from pathlib import Path


def chart(*prompts: str, frames: int = 30, step_s: float = 1.0, pictures: int = 0) -> Chart:
    """Return a chart in which every prompt but the last is shown in the second third."""
    times = (np.arange(frames) * step_s * 1000).astype(np.int64)
    shown = (np.arange(frames) >= frames // 3) & (np.arange(frames) < 2 * frames // 3)
    columns = [np.where(shown, 2.5, -2.5)] * (len(prompts) - 1) + [np.full(frames, -3.0)]
    seen = Track(times, np.stack(columns, axis=1), frames * step_s)
    strip = [np.full((90, 160, 3), 40 + 20 * number, np.uint8) for number in range(pictures)]
    found = judged(prompts, seen, stretches(seen, Reading()), Reading())
    return Chart("trip.mp4", seen, found, Reading(), (*strip, None) if strip else ())


def test_every_prompt_has_a_panel_with_its_verdict_and_its_spans() -> None:
    figure = timeline_figure(chart("a forest", "snow", "the sea", pictures=3))
    strip, forest, _, sea = figure.axes
    assert 3 == len(strip.images)
    assert ["a forest", "snow", "the sea"] == [axes.get_title(loc="left") for axes in figure.axes[1:]]
    assert forest.get_title(loc="right").startswith("yes, 0.92   10.0 s in 1 span, 33%")
    assert sea.get_title(loc="right").startswith("no, 0.95   at best 0.05 at 00:00.0")
    (bar,) = forest.patches[1:]  # behind the shade
    assert (9.5, 19.5) == (bar.get_x(), bar.get_x() + bar.get_width())
    assert ["00:09.5 \N{EN DASH} 00:19.5"] == [text.get_text() for text in forest.texts]
    assert [] == list(sea.patches)
    assert sea.get_position().height < forest.get_position().height


def test_the_file_is_a_png_with_something_in_it(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    draw_timeline(chart("a forest", "x", pictures=5), out)
    with Image.open(out) as image:
        assert "PNG" == image.format
        assert 1650 == image.width
        colours = image.convert("RGB").getcolors(1 << 24)
    assert colours is not None
    assert {(0x2F, 0x6F, 0xB0), (255, 255, 255)} <= {colour for _, colour in colours}


def test_any_script_and_any_sign_is_drawn_without_a_warning(tmp_path: Path) -> None:
    draw_timeline(chart("海で遊ぶ犬", "$\\frac{x}$ 50% _a_", "\x1b[31m\u202e", "🦊"), tmp_path / "out.png")
    assert (tmp_path / "out.png").stat().st_size


@pytest.mark.parametrize(("frames", "step_s"), [(1, 0.04), (2, 0.5), (3000, 12.0), (24, 1e9)])
def test_a_single_frame_ten_hours_and_eight_hundred_years_are_drawn(tmp_path: Path, frames: int, step_s: float) -> None:
    one = chart("a forest", "x", frames=frames, step_s=step_s)
    labels = [label.get_text() for label in timeline_figure(one).axes[-1].get_xticklabels()]
    assert 1 <= len(labels) <= 13
    assert len(set(labels)) == len(labels)
    draw_timeline(one, tmp_path / "out.png")


def test_the_strip_has_room_for_more_upright_pictures_and_spreads_them_evenly() -> None:
    wide, upright = strip_moments(70, 16 / 9), strip_moments(70, 9 / 16)
    assert [5000, 15_000, 25_000, 35_000, 45_000, 55_000, 65_000] == wide
    assert len(wide) < len(upright) <= 22
    assert 1 == len(strip_moments(10, 100.0))


def test_a_picture_that_cant_be_written_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "out.png").mkdir()
    with pytest.raises(UsageError, match="Can't write"):
        draw_timeline(chart("x"), tmp_path / "out.png")
