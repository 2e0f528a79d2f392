"""Frames are looked at once: what is kept near a moment is not asked for again, and what changes is not kept."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support import harness
from tests.support.takes import render_takes
from vsortd.config.load import load_settings
from vsortd.core.identity import Identity
from vsortd.errors import BrokenError, Cancelled, ChangedError, UsageError
from vsortd.index.store import Index
from vsortd.index.stored_looks import Embedded
from vsortd.library.indexing.embed import IndexingState, Keeper, SamplingRound, dense_film, frames_at, index_paths
from vsortd.pipeline.services import Services

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.core.video_facts import Clip
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
    return render_takes(tmp_path / "film.mp4", [("forest", 3), ("snow", 3)], seed=73_000 + len(request.node.name))


def test_a_film_has_a_frame_a_second_that_shows_what_is_there(services: Services, encoder: Encoder, film: Path) -> None:
    found = dense_film(services, encoder, film, fps=1)
    assert [500, 1500, 2500, 3500, 4500, 5500] == pytest.approx(found.times_ms.tolist(), abs=260)
    forest, snow = encoder.encode_texts(["a forest", "snow"])
    says_snow = found.vectors.astype(np.float32) @ (snow - forest) > 0
    assert [False] * 3 + [True] * 3 == says_snow.tolist()


def test_a_finer_pace_keeps_what_is_there_and_asks_for_the_rest(
    services: Services, encoder: Encoder, film: Path
) -> None:
    first = dense_film(services, encoder, film, fps=1)
    (outcome,) = index_paths(services, [film], fps=2)
    assert (IndexingState.INDEXED, 12) == (
        outcome.state,
        outcome.frames,
    )  # halves of seconds lie between, not on, the kept ones
    finer = dense_film(services, encoder, film, fps=2)
    assert set(first.times_ms.tolist()) <= set(finer.times_ms.tolist())
    (again,) = index_paths(services, [film], fps=2)
    assert (IndexingState.KNOWN, 0) == (again.state, again.frames)


def test_a_video_is_decoded_once(services: Services, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its only keyframe is its first, so that reaching its end for the facts alone would decode it twice."""
    asked = _probes(services, monkeypatch)
    (outcome,) = index_paths(services, [film], fps=1)
    assert (IndexingState.INDEXED, [False]) == (outcome.state, asked)


def test_a_video_whose_end_does_not_decode_fails(
    services: Services, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can be seen of it is kept, but not that all was."""
    data = bytearray(film.read_bytes())
    begin, end = (
        data.index(b"mdat") + 4,
        data.rindex(b"moov") - 4 if data.rindex(b"moov") > data.index(b"mdat") else len(data),
    )
    half = (begin + end) // 2
    data[half:end] = b"\xff" * (end - half)
    film.write_bytes(data)
    asked = _probes(services, monkeypatch)
    (outcome,) = index_paths(services, [film], fps=1)
    assert (IndexingState.FAILED, [False, True]) == (outcome.state, asked)
    assert "nothing near the end of the video can be decoded" in outcome.reason
    (again,) = index_paths(services, [film], fps=1)
    assert outcome.reason == again.reason


def _probes(services: Services, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return a list that gets for each probe whether it goes to the end."""
    asked, probe = [], services.media.probe

    def noted(path: Path, *, to_end: bool = True, cancel: threading.Event | None = None) -> Clip:
        asked.append(to_end)
        return probe(path, to_end=to_end, cancel=cancel)

    monkeypatch.setattr(services.media, "probe", noted)
    return asked


def test_moments_are_embedded_once(
    services: Services, encoder: Encoder, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = services.media.probe(film)
    first = frames_at(services, encoder, film, clip, [100, 2900, 3100])
    assert [100, 2900, 3100] == pytest.approx(first.times_ms.tolist(), abs=120)
    monkeypatch.setattr(services.media, "moments", None)  # nothing can be decoded any more
    again = frames_at(services, encoder, film, clip, [3100, 2900, 100, 100])
    np.testing.assert_array_equal(first.vectors, again.vectors)


def test_a_file_that_changes_meanwhile_is_not_kept(
    services: Services, encoder: Encoder, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = services.media.moments

    def touch_and_look(*words: object, **named: object) -> object:
        os.utime(film, ns=(1, 1))
        return look(*words, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(services.media, "moments", touch_and_look)
    with pytest.raises(ChangedError):
        dense_film(services, encoder, film)
    now = Identity.of(film)
    assert now is not None
    assert services.index.film(now, encoder.info.key) is None


def test_what_is_no_video_and_an_impossible_pace_are_refused(
    services: Services, encoder: Encoder, film: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.mp4").write_text("no video at all")
    with pytest.raises(BrokenError):
        dense_film(services, encoder, tmp_path / "text.mp4")
    with pytest.raises(ChangedError):
        dense_film(services, encoder, tmp_path / "gone.mp4")
    with pytest.raises(UsageError, match="--fps"):
        index_paths(services, [film], fps=-1)


def test_a_run_that_is_called_off_ends_and_the_next_one_does_it(services: Services, film: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        index_paths(services, [film], cancel=cancel)
    (outcome,) = index_paths(services, [film])
    assert (IndexingState.INDEXED, 6) == (outcome.state, outcome.frames)


def test_the_row_of_a_long_film_is_not_written_for_every_part(services: Services, film: Path) -> None:
    clip, identity = services.media.probe(film), Identity.of(film)
    assert identity is not None
    written: list[int] = []

    class Noting(Index):
        def keep_looks(self, *words: Any) -> None:
            written.append(len(words[-1]))
            super().keep_looks(*words)

    index = Noting(film.parent / "index.sqlite3")
    with Keeper(index, identity, film, "model") as keeper:
        for part in range(400):
            rows = Embedded(np.arange(32) + part * 32, np.ones((32, 4), np.float32))
            keeper.take(SamplingRound(clip, f"pace-1:{part}", rows))
    kept = index.film(identity, "model")
    index.close()
    assert kept is not None
    assert 400 * 32 == len(kept.times_ms)
    assert sum(written) == 400
    assert 1 == written[0]
    assert len(written) < 60
    assert max(written) <= 400 / 8
