"""Filing on real files: tree in, tree out."""

from __future__ import annotations

import os
import threading
import unicodedata
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.core.identity import Identity
from vsortd.core.outcomes import ConversionKind, ItemState
from vsortd.core.system.fault_points import Point, hooked
from vsortd.errors import Cancelled, ChangedError, FilingError
from vsortd.filing.database import Database
from vsortd.filing.holds import Why
from vsortd.filing.library_folder import ensure_library

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_video_goes_to_its_folder_with_its_sidecars(either: Any) -> None:
    video = either.drop("trip/Film.mp4")
    sidecars = [either.drop("trip/Film.en.forced.srt"), either.drop("trip/Film.mp4.xmp")]
    with either.filer() as (filer, journal):
        item = filer.place(either.request(video, *sidecars, score=0.8, margin=0.3, batch="b1"))
        (entry,) = [one.to_json() for one in journal.history()]
    assert {
        "forest/night/Film.mp4": b"film trip/Film.mp4",
        "forest/night/Film.en.forced.srt": b"film trip/Film.en.forced.srt",
        "forest/night/Film.mp4.xmp": b"film trip/Film.mp4.xmp",
    } == either.tree(either.library)
    assert {} == either.tree(either.inbox)
    assert "filed" == item.state
    assert {
        "id": item.id,
        "batch": "b1",
        "time": entry["time"],
        "state": "filed",
        "source": str(video),
        "destination": str(either.library / "forest/night/Film.mp4"),
        "rule": "forest/night",
        "score": 0.8,
        "margin": 0.3,
        "tags": [],
        "converted": "",
        "reason": "looks like it",
        "how": "move",
        "folder": "forest/night",
        "second_opinion": None,
        "origin": None,
        "xmp": None,
    } == entry
    either.check()


def test_a_taken_name_gives_the_whole_group_the_next_free_one(either: Any) -> None:
    folder = either.library / "forest" / "night"
    folder.mkdir(parents=True)
    (folder / "Film.srt").write_bytes(b"someone's")  # the video's own name is free, its sidecar's is not
    (folder / "Film (2).mp4").write_bytes(b"else's")
    video, sidecar = either.drop("Film.mp4"), either.drop("Film.srt")
    with either.filer() as (filer, _):
        item = filer.place(either.request(video, sidecar))
    assert folder / "Film (3).mp4" == item.destination
    assert ["Film (2).mp4", "Film (3).mp4", "Film (3).srt", "Film.srt"] == names(folder)
    assert b"someone's" == (folder / "Film.srt").read_bytes()


def test_a_name_taken_at_the_last_moment_is_not_replaced(either: Any) -> None:
    video, sidecar = either.drop("Film.mp4"), either.drop("Film.srt")
    target = either.library / "forest" / "night"
    seen: list[Point] = []

    def take(point: Point) -> None:
        if point is Point.PLACE_AFTER_INTENT:
            (target / "Film.srt").write_bytes(b"quick")
        seen.append(point)

    with hooked(take), either.filer() as (filer, _):
        item = filer.place(either.request(video, sidecar))
    assert target / "Film (2).mp4" == item.destination
    assert ["Film (2).mp4", "Film (2).srt", "Film.srt"] == names(target)
    assert b"quick" == (target / "Film.srt").read_bytes()
    assert Point.ROLL_BACK_BEFORE in seen  # the video had its name already and gave it back
    (target / "Film.srt").unlink()
    either.check()


def test_a_conversion_publishes_the_mp4_and_keeps_the_original(either: Any) -> None:
    video, sidecar = either.drop("Clip.MOV"), either.drop("Clip.srt")
    with either.filer() as (filer, journal):
        item = filer.place(either.request(video, sidecar, converted=either.stage(filer, video)))
        kept = next(one for one in journal.operations(item.id) if one.kind == "keep_original")
    assert either.library / "forest/night/Clip.mp4" == item.destination
    assert b"mp4 of film Clip.MOV" == item.destination.read_bytes()
    assert video.stat().st_mtime_ns if video.exists() else True
    assert kept.destination.is_relative_to(either.library / ".vsortd" / "originals")
    assert b"film Clip.MOV" == kept.destination.read_bytes()
    assert "remux" == item.converted
    assert {} == either.tree(either.inbox)
    either.check()


def test_undecided_videos_go_to_review(bench: Any) -> None:
    with bench.filer() as (filer, journal):
        item = filer.place(bench.request(bench.drop("a.mp4"), folder=("_Review",), outcome=ItemState.REVIEW, rule=""))
        assert {"filed": 0, "review": 1, "rejected": 0, "failed": 0, "held": 0, "aside": 0} == journal.counts()
    assert "review" == item.state
    assert bench.library / "_Review" / "a.mp4" == item.destination


@pytest.mark.parametrize("part", ["..", "../..", "/etc", ".vsortd", "a/../../b", "CON", ""])
def test_no_rule_name_leaves_the_library(bench: Any, part: str) -> None:
    with bench.filer() as (filer, _):
        item = filer.place(bench.request(bench.drop("a.mp4"), folder=(part,)))
    assert item.destination is not None
    assert 2 == len(item.destination.relative_to(bench.library).parts)
    assert ".vsortd" not in item.destination.parts
    assert ".." not in item.destination.parts


def test_a_symlink_below_the_library_is_not_followed(bench: Any, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    bench.library.mkdir()
    (bench.library / "forest").symlink_to(outside)
    video = bench.drop("a.mp4")
    with bench.filer() as (filer, _), pytest.raises(FilingError, match="no folder of its own"):
        filer.place(bench.request(video))
    assert video.exists()
    assert [] == list(outside.iterdir())


@pytest.mark.parametrize("how", ["renamed", "renamed and made again", "replaced by a link"])
def test_a_folder_that_goes_between_decision_and_move_gives_the_video_back(
    either: Any, tmp_path: Path, how: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    night, away = either.library / "forest" / "night", either.library / "moved away"
    video, sidecar = either.drop("a.mp4"), either.drop("a.srt")

    def swap(point: Point) -> None:
        if point is Point.PLACE_AFTER_INTENT:
            night.rename(away)
            if how == "renamed and made again":
                night.mkdir()
            elif how == "replaced by a link":
                night.symlink_to(outside)

    with either.filer() as (filer, journal):
        with hooked(swap), pytest.raises(FilingError, match="renamed or replaced"):
            filer.place(either.request(video, sidecar))
        assert video.exists()
        assert sidecar.exists()
        assert [] == [*outside.iterdir(), *away.iterdir()]
        assert [] == journal.history()
        if how != "replaced by a link":
            item = filer.place(either.request(video, sidecar))
            assert night / "a.mp4" == item.destination
    either.check()


def test_a_file_that_changed_is_sent_back(either: Any) -> None:
    video = either.drop("a.mp4")
    request = either.request(video)
    video.write_bytes(b"another film")
    with either.filer() as (filer, journal):
        with pytest.raises(ChangedError):
            filer.place(request)
        assert [] == journal.history()
    assert b"another film" == video.read_bytes()


@pytest.mark.parametrize("what", ["appended", "replaced", "deleted"])
def test_a_file_that_changes_while_it_is_copied(two_filesystems: Any, what: str) -> None:
    bench = two_filesystems
    video = bench.drop("a.mp4")

    def change(point: Point) -> None:
        if point is not Point.COPY_WRITTEN:
            return
        if what == "appended":
            with video.open("ab") as file:
                file.write(b" and more")
            return
        video.unlink()
        if what == "replaced":
            video.write_bytes(b"another film")

    with hooked(change), bench.filer() as (filer, journal):
        with pytest.raises(ChangedError):
            filer.place(bench.request(video))
        assert [] == journal.history()
    left = {"appended": {"a.mp4": b"film a.mp4 and more"}, "replaced": {"a.mp4": b"another film"}, "deleted": {}}
    assert left[what] == bench.tree(bench.inbox)
    assert {} == bench.tree(bench.library)


def test_a_source_replaced_just_before_it_is_removed_is_not_removed(two_filesystems: Any) -> None:
    bench = two_filesystems
    video = bench.drop("a.mp4")
    other = bench.inbox / "other"
    other.write_bytes(b"another film")

    def replace(point: Point) -> None:
        if point is Point.ASIDE_BEFORE:
            other.replace(video)

    with hooked(replace), bench.filer() as (filer, _):
        item = filer.place(bench.request(video))
    assert {"a.mp4": b"another film"} == bench.tree(bench.inbox)
    assert b"film a.mp4" == item.destination.read_bytes()
    assert [] == [name for name in names(bench.inbox) if name.startswith(".")]


def test_a_cancelled_copy_leaves_everything_as_it_was(two_filesystems: Any) -> None:
    bench = two_filesystems
    video, sidecar = bench.drop("a.mp4"), bench.drop("a.srt")
    cancel = threading.Event()

    def stop(point: Point) -> None:
        if point is Point.COPY_CREATE:
            cancel.set()

    with hooked(stop), bench.filer() as (filer, journal):
        with pytest.raises(Cancelled):
            filer.place(bench.request(video, sidecar), cancel=cancel)
        assert [] == journal.history()
    assert {"a.mp4", "a.srt"} == set(bench.tree(bench.inbox))
    bench.check()


def test_everything_about_a_file_survives_the_copy(two_filesystems: Any) -> None:
    bench = two_filesystems
    video = bench.drop("a.mp4")
    video.chmod(0o640)
    try:
        os.setxattr(video, "user.origin", b"camera")
    except OSError:
        has_xattr = False
    else:
        has_xattr = True
    with bench.filer() as (filer, _):
        item = filer.place(bench.request(video))
    status = item.destination.stat()
    assert 0o640 == status.st_mode & 0o777
    if has_xattr and "user.origin" in os.listxattr(item.destination):
        assert b"camera" == os.getxattr(item.destination, "user.origin")
    bench.check()


def test_bytes_that_are_no_text_in_names(either: Any) -> None:
    video = either.drop(os.fsdecode(b"caf\xe9 \xff.mp4"))
    sidecar = either.drop(os.fsdecode(b"caf\xe9 \xff.srt"))
    with either.filer() as (filer, journal):
        item = filer.place(either.request(video, sidecar))
        (entry,) = journal.history()
        assert video == entry.source
        assert entry.to_json()["source"].endswith("caf\\udce9 \\udcff.mp4")
    assert os.fsencode(item.destination).endswith(b"caf\xe9 \xff.mp4")
    either.check()


def test_two_hard_links_are_two_files(bench: Any) -> None:
    video = bench.drop("a.mp4")
    os.link(video, bench.inbox / "b.mp4")
    with bench.filer() as (filer, _):
        filer.place(bench.request(video))
        filer.place(bench.request(bench.inbox / "b.mp4"))
    assert ["a.mp4", "b.mp4"] == names(bench.library / "forest" / "night")


def test_a_file_system_without_the_call_links_and_unlinks(bench: Any) -> None:
    def unsupported(point: Point) -> None:
        if point is Point.LINK_BETWEEN:
            seen.append(point)

    seen: list[Point] = []
    video = bench.drop("a.mp4")
    import vsortd.core.system.rename_noreplace as module

    call = module._call
    module._call = lambda: None  # what an old C library answers
    try:
        with hooked(unsupported), bench.filer() as (filer, _):
            filer.place(bench.request(video))
    finally:
        module._call = call
    assert Point.LINK_BETWEEN in seen
    bench.check()


# What stays where it is


def test_a_refusal_is_recorded_once_and_stands_until_the_file_changes(bench: Any) -> None:
    video = bench.drop("a.mp4")
    identity = Identity.of(video)
    with bench.filer() as (filer, journal):
        first = filer.record(video, identity, ItemState.FAILED, "no moov")
        assert first.id == filer.record(video, identity, ItemState.FAILED, "no moov").id
        assert Why.FAILED is filer.known(video, identity).why
        assert first.id != filer.record(video, identity, ItemState.FAILED, "another reason").id
        assert 1 == journal.counts()["failed"]
        changed = Identity.of(bench.drop("a.mp4", b"repaired"))
        assert filer.known(video, changed) is None
        filer.place(bench.request(video))
        assert {"filed": 1, "failed": 0} == {name: journal.counts()[name] for name in ("filed", "failed")}
        assert ["filed", "failed", "failed"] == [item.state for item in journal.history()]


def test_retry_forgets_refusals(bench: Any) -> None:
    with bench.filer() as (filer, journal):
        videos = [bench.drop(f"{name}.mp4") for name in "abc"]
        items = [filer.record(video, Identity.of(video), ItemState.REJECTED, "too short") for video in videos]
        assert [videos[0]] == journal.retry(paths=[videos[0]])
        assert [videos[1]] == journal.retry(ids=[items[1].id])
        assert filer.known(videos[0], Identity.of(videos[0])) is None
        assert [videos[2]] == filer.retry(everything=True)
        assert 0 == journal.counts()["rejected"]
        assert 3 == len(journal.history())


def test_a_file_under_way_is_known_to_be(bench: Any) -> None:
    video = bench.drop("a.mp4")
    identity = Identity.of(video)
    with bench.filer() as (filer, _):
        assert "" == filer.begin_work(video, identity)
        assert Why.WORKING is filer.known(video, identity).why
        filer.end_work(video, identity)
        assert filer.known(video, identity) is None


def test_a_preview_says_what_place_does_and_does_nothing(either: Any) -> None:
    either.drop("a.mp4")
    with either.filer() as (filer, journal):
        preview = filer.preview(either.request(either.inbox / "a.mp4", conversion=ConversionKind.REMUX))
        assert not either.library.exists()
        assert ("filed", either.library / "forest/night/a.mp4") == (preview.state, preview.destination)
        filer.place(either.request(either.drop("a.mp4")))
        preview = filer.preview(either.request(either.drop("a.mp4", b"two")))
        assert either.library / "forest/night/a (2).mp4" == preview.destination
        assert 1 == len(journal.history())


def test_the_same_file_is_not_filed_twice_at_once(bench: Any) -> None:
    video = bench.drop("a.mp4")
    request = bench.request(video)
    second: list[BaseException] = []

    def again(point: Point) -> None:
        if point is Point.PLACE_AFTER_INTENT and not second:
            try:
                filer.place(request)
            except ChangedError as error:
                second.append(error)

    with bench.filer() as (filer, journal), hooked(again):
        filer.place(request)
        assert 1 == len(journal.history())
    assert "already" in second[0].reason
    bench.check()


def test_a_library_whose_disk_is_gone_is_not_made_again(bench: Any) -> None:
    with bench.filer() as (filer, _):
        filer.place(bench.request(bench.drop("a.mp4")))
        bench.library.rename(bench.library.with_name("unmounted"))
        with pytest.raises(FilingError, match="is gone"):
            filer.place(bench.request(bench.drop("b.mp4")))
        assert not bench.library.exists()
        bench.library.mkdir()  # as a mount point is, before its disk is mounted
        with pytest.raises(FilingError, match=r"no folder \.vsortd any more"):
            filer.place(bench.request(bench.inbox / "b.mp4"))
        assert [] == list(bench.library.iterdir())
        (bench.library / ".vsortd").mkdir()
        filer.place(bench.request(bench.inbox / "b.mp4"))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_library_that_another_thread_makes_meanwhile_is_not_taken_for_one_that_is_gone(
    bench: Any, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    read = Database.read
    with bench.journal() as journal:

        @contextmanager
        def read_beside_another(database: Database) -> Iterator[sqlite3.Connection]:
            monkeypatch.setattr(Database, "read", read)
            if moment == "before":
                ensure_library(journal, bench.library)
            with read(database) as db:
                yield db
            if moment == "after":
                ensure_library(journal, bench.library)

        monkeypatch.setattr(Database, "read", read_beside_another)
        assert bench.library / ".vsortd" == ensure_library(journal, bench.library)


COMPOSED, DECOMPOSED = "Übung", unicodedata.normalize("NFD", "Übung")


@pytest.mark.parametrize(("rule", "there"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_a_folder_that_is_there_in_another_form_is_the_rules(either: Any, rule: str, there: str) -> None:
    (either.library / there / there).mkdir(parents=True)
    video, other = either.drop(f"{COMPOSED}.mp4"), either.drop(f"{DECOMPOSED}.mp4")
    with either.filer() as (filer, _):
        request = either.request(video, folder=(rule, rule))
        assert either.library / there / there / video.name == filer.preview(request).destination
        placed = [filer.place(request), filer.place(either.request(other, folder=(rule, rule)))]
    numbered = f"{DECOMPOSED} (2).mp4"  # a Mac would see one of two names that are alike
    assert [video.name, numbered] == [one.destination.name for one in placed if one.destination is not None]
    assert sorted([video.name, numbered]) == names(either.library / there / there)
    assert [there] == [name for name in names(either.library) if name != ".vsortd"], "no second folder is made"
    either.check()


def test_a_name_whose_other_form_would_be_too_long_is_filed(bench: Any) -> None:
    video = bench.drop(f"{'é' * 125}.mp4")  # decomposed it has 379 bytes
    with bench.filer() as (filer, _):
        item = filer.place(bench.request(video))
    assert item.destination is not None
    assert video.name == item.destination.name


def test_of_two_folders_the_one_of_the_rules_own_form_is_taken(bench: Any) -> None:
    for name in (COMPOSED, DECOMPOSED):
        (bench.library / name).mkdir(parents=True)
    with bench.filer() as (filer, _):
        for name in (COMPOSED, DECOMPOSED):
            filer.place(bench.request(bench.drop(f"{name}.mp4"), folder=(name,)))
    assert [f"{COMPOSED}.mp4"] == names(bench.library / COMPOSED)
    assert [f"{DECOMPOSED}.mp4"] == names(bench.library / DECOMPOSED)
