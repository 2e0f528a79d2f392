"""Groups become folders: through the journal and back, with what travels along, and nothing that has changed."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject
from tests.support import harness
from tests.support.clips import render_scene
from vsortd.config.load import load_settings
from vsortd.core.identity import Identity
from vsortd.errors import UsageError
from vsortd.filing.undo import Selection, undo
from vsortd.index.stored_looks import Embedded
from vsortd.index.video import IndexedVideo
from vsortd.learning.moves import MoveFollower
from vsortd.library.clusters.apply import Applied, Fate, file_piles, foresee
from vsortd.library.clusters.cluster_folders import FolderSelection, Pile, arrange, parts_below
from vsortd.library.clusters.grouping import Cluster, ClusterMember
from vsortd.pipeline.services import Services

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsortd.config.settings import Settings

BATCH = "20261128-000000-ab"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small video, old enough to be at rest."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return render_scene(path, Subject.SEA, Light.DAY, seed=1, frames=10, fps=5)


@pytest.fixture
def home(tmp_path: Path) -> harness.Home:
    """Return a person's folders."""
    return harness.Home.make(tmp_path / "home", inbox="settle: 50ms, incomplete_after: 1s")


@pytest.fixture
def settings(home: harness.Home) -> Settings:
    """Return what its config says."""
    return load_settings(home.config)


@pytest.fixture
def services(settings: Settings, tmp_path: Path) -> Iterator[Services]:
    """Return the services; the model is never loaded."""
    with Services.open(settings, tmp_path / "state", keep_trying=False, load_model=False) as opened:
        yield opened


def lay(clip: Path, *paths: Path) -> list[IndexedVideo]:
    """Copy a video to places, each a little different, and return what the index would know of each."""
    films = []
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clip, path)
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
        identity = Identity.of(path)
        assert identity is not None
        rows = np.eye(1, 8, dtype=np.float16)
        films.append(IndexedVideo(number, identity, path, 2.0, 160, 90, 0.0, np.array([500]), rows))
    return films


def group(films: Sequence[IndexedVideo], *, number: int = 1, name: str = "beach", rule: str = "") -> Cluster:
    """Return a group of these, the first the most typical."""
    members = tuple(ClusterMember(film, 0.9) for film in films)
    return Cluster(number, name, rule, (name,), 0.5, members, 0.9, {}, np.eye(1, 8, dtype=np.float32)[0])


def apply(services: Services, piles: Sequence[Pile], *, dry_run: bool = False) -> Applied:
    return file_piles(services, piles, batch=BATCH, dry_run=dry_run)


# Which folders


def test_a_group_goes_where_its_rule_files_and_one_without_into_a_folder_of_its_name(settings: Settings) -> None:
    groups = [
        group([], number=1, name="snow", rule="nature/snow"),
        group([], number=2, name="snow 2", rule="nature/snow"),
        group([], number=3, name="a bus"),
    ]
    found = arrange(groups, FolderSelection(), settings)
    assert ["nature/snow", "snow 2", "a bus"] == [pile.key for pile in found]


def test_groups_can_be_chosen_renamed_put_together_and_put_below_a_folder(settings: Settings) -> None:
    groups = [group([], number=number, name=name) for number, name in ((1, "sea"), (2, "a beach"), (3, "road"))]
    wanted = FolderSelection(only=("1, A Beach",), rename=(("2", "Sea"),), into=("Trips",))
    assert [("Trips/sea", [1, 2])] == [
        (pile.key, [one.number for one in pile.groups]) for pile in arrange(groups, wanted, settings)
    ]
    spelled = FolderSelection(rename=(("1", "Water/sea"), ("3", "water/road")))
    assert ["Water/sea", "a beach", "Water/road"] == [pile.key for pile in arrange(groups, spelled, settings)]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (FolderSelection(only=("beech",)), "no group 'beech'.*Did you mean beach"),
        (FolderSelection(rename=(("7", "x"),)), "no group '7'.*There are 1 to 1"),
        (FolderSelection(rename=(("1", "_review"),)), "a folder of this name itself.*--rename 1="),
        (FolderSelection(rename=(("1", "a//b"),)), "can't be empty"),
        (FolderSelection(rename=(("1", "../../etc"),)), "stands for a folder"),
        (FolderSelection(into=(".vsortd",)), "vsortd keeps its own files"),
    ],
)
def test_what_can_be_no_folder_of_the_library_is_refused(
    wanted: FolderSelection, says: str, settings: Settings
) -> None:
    with pytest.raises(UsageError, match=says) as raised:
        arrange([group([])], wanted, settings)
    assert raised.value.remedy


def test_into_is_a_folder_of_the_library(tmp_path: Path) -> None:
    assert ("Trips", "2026") == parts_below(tmp_path, Path("Trips/2026"))
    assert ("Trips",) == parts_below(tmp_path, tmp_path / "Trips")
    for outside in (Path("/elsewhere"), Path("../beside")):
        with pytest.raises(UsageError, match="is not in the library"):
            parts_below(tmp_path, outside)


# Moving


def test_members_with_their_sidecars_are_filed_and_undo_brings_every_byte_back(
    services: Services, home: harness.Home, clip: Path
) -> None:
    old = home.folder / "Old"
    films = lay(clip, old / "one.mp4", old / "two.mp4", home.inbox / "three.mp4", home.library / "_Review" / "one.mp4")
    (old / "two.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    embedded = Embedded(films[0].times_ms, films[0].vectors.astype(np.float32))
    facts = services.media.probe(films[0].path)
    services.index.keep(films[0].identity, films[0].path, facts, "m", "1fps", embedded)
    before = harness.snapshot(home.folder)
    piles = [Pile(("Trips", "beach"), (group(films),))]

    (prospect,) = foresee(services, piles)
    assert (True, 4, 0, 0) == (
        prospect.is_new,
        len(prospect.going),
        len(prospect.there),
        len(prospect.refused),
    )
    dry = apply(services, piles, dry_run=True)
    assert before == harness.snapshot(home.folder)
    applied = apply(services, piles)
    beach = home.library / "Trips" / "beach"
    assert {"one.mp4", "one (2).mp4", "two.mp4", "two.srt", "three.mp4"} == {path.name for path in beach.iterdir()}
    assert [one.destination for one in dry.items] == [one.destination for one in applied.items]
    assert beach / "one.mp4" == next(services.index.films("m")).path

    items = services.journal.history()
    assert {("filed", "Trips/beach", BATCH, 0.9)} == {(one.state, one.rule, one.batch, one.score) for one in items}
    assert "group 1 of videos that look alike" in items[0].reason
    assert [] == services.examples.all()

    report = undo(services.journal, Selection(batch=BATCH))
    assert (4, []) == (len(report.undone), report.refused)
    assert before == harness.snapshot(home.folder)


def test_what_changed_went_or_is_in_work_is_refused_and_the_rest_is_filed(
    services: Services, home: harness.Home, clip: Path, tmp_path: Path, settings: Settings
) -> None:
    old = home.folder / "Old"
    films = lay(clip, *(old / f"{name}.mp4" for name in ("changed", "gone", "busy", "broken", "fine")))
    films += lay(clip, home.library / ".vsortd" / "originals" / "x" / "kept.mp4")
    os.utime(films[0].path)
    films[1].path.unlink()
    films[3].path.write_bytes(b"no video at all" * 100)
    identity = Identity.of(films[3].path)
    assert identity is not None
    films[3] = IndexedVideo(3, identity, films[3].path, 2.0, 160, 90, 0.0, films[3].times_ms, films[3].vectors)
    with Services.open(settings, tmp_path / "state", keep_trying=False, load_model=False) as other:
        other.filer.begin_work(films[2].path, films[2].identity)  # as the daemon does
        applied = apply(services, [Pile(("beach",), (group(films),))])
        other.filer.end_work(films[2].path, films[2].identity)

    assert [old / "fine.mp4"] == [one.member.film.path for one in applied.of(Fate.FILED)]
    reasons = {one.member.film.path.stem: one.reason for one in applied.of(Fate.REFUSED)}
    assert "no longer the file" in reasons["changed"]
    assert "is gone" in reasons["gone"]
    assert "at work on it" in reasons["busy"]
    assert "an original that vsortd keeps" in reasons["kept"]
    assert reasons["broken"]
    assert {"changed.mp4", "busy.mp4", "broken.mp4"} == {path.name for path in old.iterdir()}


def test_nothing_is_written_over_and_what_lies_there_already_stays(
    services: Services, home: harness.Home, clip: Path
) -> None:
    there, new = lay(clip, home.library / "sea" / "a.mp4", home.folder / "Old" / "a.mp4")
    piles = [Pile(("sea",), (group([there, new], name="sea", rule="sea"),))]
    (prospect,) = foresee(services, piles)
    assert (False, 1, 1) == (prospect.is_new, len(prospect.going), len(prospect.there))
    applied = apply(services, piles)
    assert [Fate.THERE, Fate.FILED] == [one.fate for one in applied.items]
    assert home.library / "sea" / "a (2).mp4" == applied.items[1].destination
    assert there.identity == Identity.of(there.path)


def test_a_duplicate_is_filed_where_the_person_said_whatever_the_config_does_with_duplicates(
    home: harness.Home, clip: Path, tmp_path: Path
) -> None:
    home.config.write_text(home.config.read_text() + "place: {on_duplicate: skip}\n")
    films = lay(clip, home.folder / "a.mp4", home.folder / "b.mp4")
    settings = load_settings(home.config)
    with Services.open(settings, tmp_path / "state", keep_trying=False, load_model=False) as services:
        applied = apply(services, [Pile(("beach",), (group(films),))])
    assert {"a.mp4", "b.mp4"} == {one.destination.name for one in applied.of(Fate.FILED) if one.destination}


def test_a_group_goes_into_its_rules_folders_of_each_video_and_stays_there(
    home: harness.Home, clip: Path, tmp_path: Path
) -> None:
    home.config.write_text(home.config.read_text() + 'place: {folder: "{rule}/{year}"}\n')
    settings = load_settings(home.config)
    films = lay(
        clip, home.folder / "a.mp4", home.library / "nature/snow/2023/b.mp4", home.library / "nature/snow/c.mp4"
    )
    piles = [Pile(("nature", "snow"), (group(films),))]
    with Services.open(settings, tmp_path / "state", keep_trying=False, load_model=False) as services:
        dry = apply(services, piles, dry_run=True)
        applied = apply(services, piles)
    year = home.library / "nature" / "snow" / "2023"
    assert [year / f"{name}.mp4" for name in "abc"] == [one.destination for one in applied.items]
    assert [Fate.FILED, Fate.THERE, Fate.FILED] == [one.fate for one in applied.items]
    assert [(one.fate, one.destination) for one in dry.items] == [(one.fate, one.destination) for one in applied.items]


def test_the_daemon_that_watches_the_library_takes_no_move_of_ours_for_a_lesson(
    services: Services, home: harness.Home, clip: Path, cancel: threading.Event
) -> None:
    (film,) = lay(clip, home.inbox / "a.mp4")
    apply(services, [Pile(("city",), (group([film], name="city", rule="city"),))])
    follower = MoveFollower(services, cancel)
    assert [] == list(follower.scan(home.library))
    moved = replace(film, path=home.library / "city" / "a.mp4")
    apply(services, [Pile(("sea",), (group([moved], name="sea", rule="sea"),))])
    assert ["a.mp4"] == [path.name for path in (home.library / "sea").iterdir()]
    assert [] == list(follower.scan(home.library))
    assert [] == services.examples.all()


def test_a_mov_is_filed_as_the_config_converts_it(services: Services, home: harness.Home, clip: Path) -> None:
    mov = home.folder / "a.mov"
    with av.open(str(clip)) as source, av.open(str(mov), "w", format="mov") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    identity = Identity.of(mov)
    assert identity is not None
    film = IndexedVideo(1, identity, mov, 2.0, 160, 90, 0.0, np.array([500]), np.eye(1, 8, dtype=np.float16))
    piles = [Pile(("beach",), (group([film]),))]
    assert [home.library / "beach" / "a.mp4"] == [one.destination for one in apply(services, piles, dry_run=True).items]
    assert [home.library / "beach" / "a.mp4"] == [one.destination for one in apply(services, piles).items]
    assert not mov.exists()
    undo(services.journal, Selection(batch=BATCH))
    assert identity == Identity.of(mov)


@pytest.mark.skipif(sys.platform != "linux", reason="who writes to a file can be told on Linux only")
def test_a_file_that_somebody_writes_to_is_not_waited_for(services: Services, home: harness.Home, clip: Path) -> None:
    (film,) = lay(clip, home.folder / "Old" / "a.mp4")
    with film.path.open("ab"):
        applied = apply(services, [Pile(("beach",), (group([film]),))])
    assert Fate.REFUSED is applied.items[0].fate
    assert "writing to it" in applied.items[0].reason
    assert film.path.exists()


@pytest.fixture
def cancel() -> threading.Event:
    """Return an event that nobody sets."""
    return threading.Event()
