"""The frames by which a video is judged as a whole are as many as its pace says, whatever else was looked at."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support import harness
from tests.support.takes import render_takes
from vsortd.config.load import load_settings
from vsortd.errors import BrokenError
from vsortd.library.indexing.embed import dense_film, frames_at
from vsortd.library.indexing.paced_film import at_pace, film_by_the_frame, film_by_the_second
from vsortd.pipeline.services import Services

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.media.frames import Frames
    from vsortd.vision.encoder import Encoder


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    home = harness.Home.make(tmp_path_factory.mktemp("home") / "home")
    with Services.open(load_settings(home.config), home.folder / "state", keep_trying=False) as made:
        made.media.warm(made.settings.workers.decode_count())
        yield made


@pytest.fixture(scope="module")
def encoder(services: Services) -> Encoder:
    return services.model.get(threading.Event()).encoder


@pytest.fixture
def film(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return render_takes(tmp_path / "film.mp4", [("forest", 3), ("snow", 2.3)], seed=74_000 + len(request.node.name))


def test_of_more_frames_than_a_pace_asks_for_the_nearest_to_its_moments_are_taken() -> None:
    times = np.arange(0, 5000, 100)
    assert [500, 1500, 2500, 3500, 4500] == times[at_pace(times, 5.0, 1000)].tolist()
    assert [400, 2600] == np.array([400, 2600])[at_pace(np.array([400, 2600]), 3.0, 1000)].tolist()
    assert [0] == at_pace(np.array([0]), 0.0, 1000).tolist()


def test_a_closer_look_does_not_change_what_is_counted(services: Services, encoder: Encoder, film: Path) -> None:
    first = film_by_the_second(services, encoder, film)
    assert 6 == len(first.times_ms)
    frames_at(services, encoder, film, services.media.probe(film), [2900, 3000, 3100, 3200])
    dense_film(services, encoder, film, fps=4)
    again = film_by_the_second(services, encoder, film)
    assert first.times_ms.tolist() == again.times_ms.tolist()
    np.testing.assert_array_equal(first.vectors, again.vectors)


def test_every_frame_is_looked_at_once(
    services: Services, encoder: Encoder, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = film_by_the_frame(services, encoder, film)
    assert list(range(0, 5300, 100)) == found.times_ms.tolist()
    monkeypatch.setattr(services.media, "call", None)  # nothing can be asked of a decoder any more
    again = film_by_the_frame(services, encoder, film)
    np.testing.assert_array_equal(found.vectors, again.vectors)
    assert 6 == len(film_by_the_second(services, encoder, film).times_ms)


def test_a_video_of_which_no_frame_can_be_decoded_is_broken_each_time(
    services: Services, encoder: Encoder, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = services.media.moments

    def nothing(*args: object, **options: object) -> Frames:
        found = moments(*args, **options)  # type: ignore[arg-type]
        return replace(found, times_ms=found.times_ms[:0], pixels=found.pixels[:0])

    monkeypatch.setattr(services.media, "moments", nothing)
    for _ in range(2):
        with pytest.raises(BrokenError, match="no frame could be decoded"):
            film_by_the_frame(services, encoder, film)
