"""Music is told only by a model that hears it, as a share of the time; without one it is never guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support import harness
from tests.support.ears import DIM, PitchEncoder
from tests.support.sounds import tone, write_sound
from vsortd.analysis.music import music_share
from vsortd.hearing.listening import HeardVideo
from vsortd.media.pool import MediaPool

if TYPE_CHECKING:
    from pathlib import Path

KINDS = {300.0: "music", 1000.0: "speech", 3000.0: "noise", 6000.0: "silence"}


def heard(*axes: int) -> HeardVideo:
    """Return windows that lie on these axes, -1 for silence."""
    rows = np.zeros((len(axes), DIM), np.float32)
    for row, axis in zip(rows, axes, strict=True):
        if axis >= 0:
            row[axis] = 1.0
    return HeardVideo(np.arange(len(axes)) * 5000 + 5000, rows, 5.0 * len(axes) + 5.0)


@pytest.mark.parametrize(
    ("axes", "share"),
    [((0, 0), 1.0), ((1, 2, 3), 0.0), ((0, 1), 0.5), ((0, 1, 1), 0.375), ((0, -1), 0.5), ((-1, -1), None), ((), None)],
)
def test_music_is_the_time_of_the_windows_that_are_likelier_music(axes: tuple[int, ...], share: float | None) -> None:
    found = music_share(heard(*axes), PitchEncoder(KINDS))
    assert share == (None if found is None else pytest.approx(found))


def test_a_window_that_is_like_all_kinds_is_no_music() -> None:
    between = heard(0)
    between.vectors[0, :4] = 0.5
    assert 0.0 == music_share(between, PitchEncoder(KINDS))


def film(path: Path) -> Path:
    mono = np.concatenate([tone(-6.0, 15, hz=300.0), tone(-6.0, 15, hz=1000.0)])
    pictures = [np.full((32, 32, 3), 90, np.uint8)] * 30
    return write_sound(path, np.stack([mono, mono], axis=1), pictures=pictures, fps=1)


def test_analyze_tells_it_where_a_sound_model_is_configured_and_asks_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ears = PitchEncoder(KINDS)
    monkeypatch.setattr("vsortd.hearing.sound_factory.load_sound_encoder", lambda *_, **__: ears)
    path = film(tmp_path / "half.mov")
    home = harness.Here.make(tmp_path / "home", more="sound_model: some/clap\n")
    for _ in range(2):
        (video,) = home.json("analyze", path, "--only", "sound")["videos"]
        assert 0.5 == pytest.approx(video["sound"]["music_share"], abs=0.1)
        assert video["sound"]["music_error"] is None
    assert 5 == ears.windows


def test_another_sound_model_hears_music_anew_and_nothing_else_is_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film(tmp_path / "half.mov")
    before = harness.Here.make(tmp_path / "home").json("analyze", path, "--only", "sound")["videos"][0]["sound"]
    ears = PitchEncoder(KINDS)
    monkeypatch.setattr("vsortd.hearing.sound_factory.load_sound_encoder", lambda *_, **__: ears)
    monkeypatch.delattr(MediaPool, "measure")
    home = harness.Here(tmp_path / "home")
    home.config.write_text("sound_model: some/clap\n" + home.config.read_text())
    for _ in range(2):
        (video,) = home.json("analyze", path, "--only", "sound")["videos"]
        assert 0.5 == pytest.approx(video["sound"]["music_share"], abs=0.1)
    assert 5 == ears.windows
    music = ("music_share", "music_error", "music_model")
    assert {key: before[key] for key in before if key not in music} == {
        key: video["sound"][key] for key in before if key not in music
    }


def test_without_its_model_the_rest_of_the_sound_stands_and_is_measured_again(tmp_path: Path) -> None:
    path = film(tmp_path / "half.mov")
    home = harness.Here.make(tmp_path / "home", more=f"sound_model: {tmp_path}/nowhere\n")
    (video,) = home.json("analyze", path, "--only", "sound")["videos"]
    assert video["sound"]["music_share"] is None
    assert "nowhere is not there" in video["sound"]["music_error"]
    assert video["sound"]["integrated_lufs"] is not None
    plain = harness.Here.make(tmp_path / "plain")
    (video,) = plain.json("analyze", path, "--only", "sound")["videos"]
    assert video["sound"]["music_share"] is None is video["sound"]["music_error"]
