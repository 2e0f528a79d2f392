"""Which videos are grouped: those of the index as they lie there now, and nothing is looked at twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support import harness
from tests.support.facts import clip_facts
from vsortd.config.load import load_settings
from vsortd.core.identity import Identity
from vsortd.errors import UsageError
from vsortd.index.stored_looks import Embedded
from vsortd.library.clusters.collect import collect
from vsortd.library.indexing.given_folders import give
from vsortd.pipeline.services import Services

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODEL = "m"
FACTS = clip_facts(duration_s=4.0)


@pytest.fixture
def home(tmp_path: Path) -> harness.Home:
    """Return a person's folders."""
    return harness.Home.make(tmp_path / "home")


@pytest.fixture
def services(home: harness.Home, tmp_path: Path) -> Iterator[Services]:
    """Return the services; the model is never loaded, so whatever would be looked at fails."""
    settings = load_settings(home.config)
    with Services.open(settings, tmp_path / "state", keep_trying=False, load_model=False) as opened:
        yield opened


def keep(services: Services, path: Path, *, look: str = "spread-32:0-8") -> Path:
    """Make a file and let the index know it by some look."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(str(path).encode())
    identity = Identity.of(path)
    assert identity is not None
    embedded = Embedded(np.array([500]), np.eye(1, 4, dtype=np.float32))
    services.index.keep(identity, path, FACTS, MODEL, look, embedded)
    return path


def paths(services: Services, folder: Path | None = None) -> set[Path]:
    return {film.path for film in collect(services, MODEL, folder).films()}


def test_a_folder_has_its_own_videos_and_what_the_daemon_saw_is_enough(services: Services, home: harness.Home) -> None:
    one, other = keep(services, home.library / "sea" / "a.mp4"), keep(services, home.folder / "Old" / "b.mp4")
    assert {one} == paths(services), "nobody said that the other one belongs to the library"
    services.index.add_folders([home.folder / "Old"])
    assert {one, other} == paths(services)
    assert {one} == paths(services, home.library)
    assert {other} == paths(services, other)


def test_what_moved_since_is_found_by_its_identity_and_what_went_is_counted(
    services: Services, home: harness.Home
) -> None:
    moved = keep(services, home.folder / "Old" / "a.mp4").rename(home.folder / "Old" / "renamed.mp4")
    keep(services, home.folder / "Old" / "gone.mp4").unlink()
    keep(services, home.folder / "Old" / "changed.mp4").write_bytes(b"other")
    give(home.library, services.index, [home.folder / "Old"])
    collected = collect(services, MODEL, None)
    assert [] == list(collected.films())
    assert 3 == collected.gone
    (home.folder / "Old" / "changed.mp4").unlink()
    assert {moved} == paths(services, home.folder / "Old")
    assert {moved} == paths(services)


def test_originals_that_are_kept_for_undo_are_no_videos_of_the_library(services: Services, home: harness.Home) -> None:
    keep(services, home.library / ".vsortd" / "originals" / "x" / "a.mov")
    assert set() == paths(services)
    assert set() == paths(services, home.library)


def test_a_folder_that_is_not_there_is_a_mistake(services: Services, home: harness.Home) -> None:
    with pytest.raises(UsageError, match="is not there"):
        collect(services, MODEL, home.folder / "nowhere")
