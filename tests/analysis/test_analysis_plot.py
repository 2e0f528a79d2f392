"""The plot of an analysis: a panel for each part that is there, over one time, whatever the name and the length."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from vsortd.analysis.analysis_plot import analysis_figure, draw_analysis, strip_count
from vsortd.analysis.over_time import AnalysisOverTime, over_time
from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.shot_sheet import shot_sheet
from vsortd.analysis.video_analysis import VideoAnalysis
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def shot(begin_s: float, end_s: float, begins: str = "cut") -> dict[str, Any]:
    frames = {"begin_frame": round(begin_s * 10), "end_frame": round(end_s * 10)}
    return {"begin_s": begin_s, "end_s": end_s, "begins": begins, "key_frame_s": (begin_s + end_s) / 2, **frames}


SHOTS: dict[str, Any] = {
    "shots": [shot(0.0, 4.0, "start"), shot(4.0, 4.5), shot(4.5, 10.0)],
    "black": [],
    "frozen": [],
    "fades": [],
    "threshold": 0.3,
}
SOUND: dict[str, Any] = {
    "loudness": {"window_s": 3.0, "begin_s": 1.45, "step_s": 0.1, "lufs": [-23.0] * 40 + [None] * 31},
    "integrated_lufs": -23.0,
    "lra_lu": 2.0,
    "silence": [{"begin_s": 6.0, "end_s": 10.0}],
    "silence_share": 0.4,
    "speech": [{"begin_s": 0.5, "end_s": 3.0}, {"begin_s": 4.0, "end_s": 5.0}],
    "speech_share": 0.35,
    "speech_error": None,
}
SUMMARY: dict[str, Any] = {
    "rate_hz": 2,
    "curve": [*np.linspace(-1, 2, 10), *np.linspace(2, -1, 10)],
    "key_moments": [{"at_s": 4.75, "rank": "Major"}],
    "pacing": "Fast",
}


def shown(path: Path, **documents: dict[str, Any] | None) -> AnalysisOverTime:
    return over_time(VideoAnalysis(path, {AnalysisPart(name): one for name, one in documents.items()}))


def test_each_part_has_its_panel_and_all_lie_over_one_time(tmp_path: Path) -> None:
    found = shown(tmp_path / "trip.mp4", shots=SHOTS, sound=SOUND, summary=SUMMARY)
    pictures = [np.full((90, 160, 3), 40 * number, np.uint8) for number in range(6)]
    strip, shots, arousal, loudness, speech = analysis_figure(found, pictures).axes
    assert 6 == len(strip.images)
    assert {(0.0, 10.0)} == {axes.get_xlim() for axes in (strip, shots, arousal, loudness, speech)}
    assert "3 shots, median 4.0 s, 18.0 a minute" == shots.get_title(loc="right")
    assert [(0.0, 4.0), (4.0, 0.5), (4.5, 5.5)] == [(bar.get_x(), bar.get_width()) for bar in shots.patches]
    assert ["1", "2", "3"] == [text.get_text() for text in shots.texts]
    assert ["Major"] == [text.get_text() for text in arousal.texts]
    assert "-23.0 LUFS, range 2.0 LU, silence 40% (grey)" == loudness.get_title(loc="right")
    assert [(6.0, 4.0)] == [(bar.get_x(), bar.get_width()) for bar in loudness.patches]
    curve = max((line.get_ydata() for line in loudness.lines), key=len)
    assert 40 == np.isfinite(np.asarray(curve, float)).sum()  # and nothing where it is silent
    assert [(0.5, 2.5), (4.0, 1.0)] == [(bar.get_x(), bar.get_width()) for bar in speech.patches]
    for axes in (arousal, loudness, speech):
        assert {4.0, 4.5} <= {float(np.asarray(line.get_xdata())[0]) for line in axes.lines}


def test_what_was_not_measured_has_no_panel(tmp_path: Path) -> None:
    silent = shown(tmp_path / "a.mp4", shots=SHOTS, sound=None, summary={"error": "why"})
    assert ["Shots"] == [axes.get_title(loc="left") for axes in analysis_figure(silent).axes]
    deaf = shown(tmp_path / "a.mp4", sound={**SOUND, "speech": None, "speech_share": None, "speech_error": "no extra"})
    loudness, speech = analysis_figure(deaf).axes
    assert loudness.get_title(loc="left").startswith("Loudness")
    assert "no extra" == speech.get_title(loc="right")
    assert pytest.approx(8.55) == deaf.duration_s
    assert shown(tmp_path / "a.mp4", shots={"error": "x"}).is_empty


@pytest.mark.few(1)
@pytest.mark.parametrize("name", ["海で遊ぶ犬.mp4", "$\\frac{x}$ _a_.mp4", "\x1b[31m\u202e.mp4"])
def test_any_name_is_drawn_into_a_png(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out.png"
    found = shown(tmp_path / name, shots=SHOTS, sound=SOUND, summary=SUMMARY)
    draw_analysis(found, [None, np.zeros((9, 16, 3), np.uint8)], out)
    with Image.open(out) as image:
        assert ("PNG", 1650) == (image.format, image.width)


@pytest.mark.long
def test_a_film_of_many_shots_and_a_frame_alone_are_drawn(tmp_path: Path) -> None:
    many = [shot(number / 4, (number + 1) / 4) for number in range(4000)]
    draw_analysis(shown(tmp_path / "a.mp4", shots={**SHOTS, "shots": many}), (), tmp_path / "many.png")
    draw_analysis(shown(tmp_path / "a.mp4", shots={**SHOTS, "shots": [shot(0, 0)]}), (), tmp_path / "one.png")
    assert 22 == strip_count(0.01)
    assert 1 == strip_count(100)


def test_a_place_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Can't write .*out\.png"):
        draw_analysis(shown(tmp_path / "a.mp4", shots=SHOTS), (), tmp_path / "gone" / "out.png")


def test_the_sheet_has_a_card_a_shot_and_grows_with_labels(tmp_path: Path) -> None:
    found = shown(tmp_path / "trip.mp4", shots=SHOTS)
    assert found.shots is not None
    red = np.full((90, 160, 3), (200, 30, 30), np.uint8)
    sheet = shot_sheet(found, found.shots, [red, None, red])
    colours = sheet.getcolors(1 << 24)
    assert colours is not None
    assert 2 * 250 * 140 < sum(count for count, colour in colours if colour == (200, 30, 30))
    from vsortd.analysis.over_time import ShotLabel

    labels = ((ShotLabel("a forest", 0.9), ShotLabel("snow", 0.1)), (), (ShotLabel("the sea", 0.7),))
    told = shot_sheet(dataclasses.replace(found, labels=labels), found.shots, [red, None, red])
    assert told.height > sheet.height


LABELS: dict[str, Any] = {
    "confidence": 0.3,
    "course": {
        "times_s": [0.5, 3.5, 4.25, 7.0],
        "labels": [
            {"unit": "Mood", "label": "Tense", "probabilities": [0.9, 0.7, 0.1, 0.2]},
            {"unit": "Mood", "label": "Lighthearted", "probabilities": [0.1, 0.3, 0.5, 0.8]},
            {"unit": None, "label": "a forest", "probabilities": [0.0, 0.0, 0.4, 0.1]},
        ],
    },
}


def test_labels_have_a_panel_a_unit_and_their_means_in_each_shot(tmp_path: Path) -> None:
    found = shown(tmp_path / "trip.mp4", shots=SHOTS, labels=LABELS)
    shots, mood, listed = analysis_figure(found).axes
    assert ["Shots", "Mood", "Labels"] == [axes.get_title(loc="left") for axes in (shots, mood, listed)]
    lines = {str(line.get_label()): list(np.asarray(line.get_ydata(), float)) for line in mood.lines}
    assert [0.9, 0.7, 0.1, 0.2] == lines["Tense"]
    told = [[(label.name, round(label.probability, 3)) for label in labels] for labels in found.labels]
    assert [[("Tense", 0.8)], [("Lighthearted", 0.5), ("a forest", 0.4)], [("Lighthearted", 0.8)]] == told
    assert () == shown(tmp_path / "trip.mp4", shots=SHOTS, labels={"course": None, "confidence": None}).labels
