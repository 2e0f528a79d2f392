"""What previews keep of what is filed: it spares reading, is never out of date, has its bound, and is let go."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING

import pytest

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject
from tests.support import harness
from tests.support.clips import render_scene
from vsortd.config.load import load_settings
from vsortd.index import kept_looks
from vsortd.pipeline import filed_memory
from vsortd.pipeline.filed_memory import FiledMemory
from vsortd.pipeline.rules_preview import PreviewOutcome, preview, remember_filed
from vsortd.pipeline.services import Services

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vsortd.index.kept_looks import StoredVideo
    from vsortd.pipeline.rules_preview import RulesPreview

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]


@pytest.fixture(scope="module")
def filed(tmp_path_factory: pytest.TempPathFactory) -> harness.Here:
    """Return a home with three videos that were sorted."""
    made = harness.Here(harness.Home.make(tmp_path_factory.mktemp("memory") / "home").folder)
    for number, subject in enumerate((Subject.FOREST, Subject.SEA, Subject.FIRE)):
        render_scene(made.inbox / f"{subject.value}.mp4", subject, Light.DAY, seed=number + 1, frames=40, fps=10)
    made.run("sort", made.inbox)
    return made


@pytest.fixture
def services(filed: harness.Here) -> Iterator[Services]:
    settings = load_settings(filed.config)
    with Services.open(settings, filed.folder / "state", keep_trying=False, recover_first=False) as opened:
        yield opened


@pytest.fixture
def memory() -> Iterator[FiledMemory]:
    made = FiledMemory()
    yield made
    made.close()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the numbers of the videos that are read from the index from now on."""
    numbers: list[int] = []
    kept = kept_looks._kept

    def noted(db: object, videos: Sequence[int], model: int | None, *, clips: bool) -> dict[int, StoredVideo]:
        numbers.extend(videos)
        return kept(db, videos, model, clips=clips)  # type: ignore[arg-type]

    monkeypatch.setattr(kept_looks, "_kept", noted)
    return numbers


def remembered(services: Services, memory: FiledMemory) -> RulesPreview:
    """Return what a preview says by its memory, after seeing that one without says the same."""
    found = preview(services, cancel=threading.Event(), memory=memory)
    assert preview(services, cancel=threading.Event()) == found
    return found


def outcomes(found: RulesPreview) -> dict[str, PreviewOutcome]:
    return {item.path.name: item.outcome for item in found.items}


@pytest.mark.long
def test_nothing_is_read_twice_as_long_as_nothing_changes(
    services: Services, memory: FiledMemory, read: list[int]
) -> None:
    first = preview(services, cancel=threading.Event(), memory=memory)
    assert 3 == len(read)
    assert first == preview(services, cancel=threading.Event(), memory=memory)
    assert 3 == len(read)


def test_read_beforehand_the_first_preview_reads_nothing(
    services: Services, memory: FiledMemory, read: list[int]
) -> None:
    cancel = threading.Event()
    remember_filed(services, memory, cancel=cancel)
    assert [] == read  # no model is loaded, so nobody knows of which one to read
    services.model.get(cancel)
    remember_filed(services, memory, cancel=cancel)
    assert 3 == len(read)
    found = preview(services, cancel=cancel, memory=memory)
    assert 3 == len(read)
    assert preview(services, cancel=cancel) == found


@pytest.mark.long
def test_what_is_filed_undone_moved_or_indexed_meanwhile_is_seen(
    filed: harness.Here, services: Services, memory: FiledMemory, tmp_path: Path
) -> None:
    stays = PreviewOutcome.STAYS
    before = outcomes(remembered(services, memory))
    assert {"forest.mp4": stays, "sea.mp4": stays, "fire.mp4": stays} == before
    render_scene(filed.inbox / "new.mp4", Subject.SEA, Light.DAY, seed=9, frames=30, fps=10)
    filed.run("sort", filed.inbox)
    assert {**before, "new.mp4": stays} == outcomes(remembered(services, memory))
    filed.run("undo", "--last", "1")
    assert before == outcomes(remembered(services, memory))
    sea, aside = filed.library / "sea" / "sea.mp4", tmp_path / "aside.mp4"
    sea.rename(aside)
    assert {**before, "sea.mp4": PreviewOutcome.GONE} == outcomes(remembered(services, memory))
    aside.rename(sea)
    assert before == outcomes(remembered(services, memory))
    shutil.copy(filed.library / "fire" / "fire.mp4", sea)  # another content at the same place
    assert {**before, "sea.mp4": PreviewOutcome.UNKNOWN} == outcomes(remembered(services, memory))
    filed.run("plan", sea)  # looks at it, and keeps what it sees in the index
    assert {**before, "sea.mp4": PreviewOutcome.MOVES} == outcomes(remembered(services, memory))


def test_it_holds_no_more_than_its_bound_and_says_the_same(services: Services, read: list[int]) -> None:
    small = FiledMemory(keep_bytes=1)
    try:
        found = preview(services, cancel=threading.Event(), memory=small)
        assert found == preview(services, cancel=threading.Event(), memory=small)
    finally:
        small.close()
    assert 3 + 2 == len(read)  # the first one was held, and filled it


def test_it_is_let_go_when_nobody_has_asked_for_long(
    services: Services, memory: FiledMemory, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert memory.rest() is None
    found = preview(services, cancel=threading.Event(), memory=memory)
    assert (memory.rest() or 0) > 0
    monkeypatch.setattr(filed_memory, "IDLE_S", 0.0)
    assert memory.rest() is None
    assert found == preview(services, cancel=threading.Event(), memory=memory)
    assert 6 == len(read)
