"""Taking filings back: every name, byte and time as before; nothing that changed since is touched."""

from __future__ import annotations

import os
import shutil
import threading
from datetime import datetime
from typing import Any

import pytest

from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.core.system.fault_points import Point, hooked
from vsortd.errors import FilingError
from vsortd.filing import originals as originals_module
from vsortd.filing import undo as undo_module
from vsortd.filing.holds import Why
from vsortd.filing.originals import expire_originals
from vsortd.filing.records import unix_s
from vsortd.filing.undo import Selection, UndoReport, undo

ALL = Selection(all=True)


def file_some(bench: Any, *names: str, **more: Any) -> list[Any]:
    with bench.filer() as (filer, _):
        return [filer.place(bench.request(bench.drop(name), **more)) for name in names]


def file_converted(bench: Any, name: str = "a.mov") -> Any:
    video, sidecar = bench.drop(name), bench.drop(name.replace(".mov", ".srt"))
    with bench.filer() as (filer, _):
        return filer.place(bench.request(video, sidecar, converted=bench.stage(filer, video)))


def take_back(bench: Any, selection: Selection = ALL, **options: Any) -> UndoReport:
    with bench.journal() as journal:
        return undo(journal, selection, **options)


def test_everything_returns_byte_for_byte(either: Any) -> None:
    videos = [either.drop("a.mp4"), either.drop("deep/er/b.mp4")]
    sidecar = either.drop("a.srt")
    before = either.files()
    with either.filer() as (filer, journal):
        filer.place(either.request(videos[0], sidecar))
        filer.place(either.request(videos[1]))
        report = undo(journal, ALL)
        assert {"filed": 0, "review": 0, "rejected": 0, "failed": 0, "held": 2, "aside": 0} == journal.counts()
        assert ["undone", "undone"] == [item.state for item in journal.history()]
    assert ([2, 1], []) == ([item.id for item in report.undone], report.refused)
    assert before == either.files()
    either.check()


def test_a_conversion_brings_the_original_back_and_takes_the_mp4_away(either: Any) -> None:
    item = file_converted(either)
    report = take_back(either)
    assert ["undone"] == [one.state for one in report.undone]
    assert {"a.mov": b"film a.mov", "a.srt": b"film a.srt"} == either.tree(either.inbox)
    assert not item.destination.exists()
    assert [] == list((either.library / ".vsortd" / "originals").iterdir())
    either.check()


def test_an_undone_file_is_held_until_it_is_released_or_changes(bench: Any) -> None:
    (item,) = file_some(bench, "a.mp4")
    take_back(bench)
    path = bench.inbox / "a.mp4"
    with bench.filer() as (filer, journal):
        assert Why.HELD is filer.known(path, Identity.of(path)).why
        renamed = path.rename(bench.inbox / "b.mp4")
        assert Why.HELD is filer.known(renamed, Identity.of(renamed)).why
        renamed.rename(path)
        with path.open("ab") as file:
            file.write(b"!")
        assert filer.known(path, Identity.of(path)) is None
        os.truncate(path, item.identity.size_bytes)
        os.utime(path, ns=(item.identity.mtime_ns, item.identity.mtime_ns))
        assert [path] == journal.release(ids=[item.id])
        assert filer.known(path, Identity.of(path)) is None
        again = filer.place(bench.request(path))
    assert again.id != item.id
    assert bench.library / "forest/night/a.mp4" == again.destination
    bench.check()


def test_holds_are_released_by_path_and_all(bench: Any) -> None:
    file_some(bench, "a.mp4", "b.mp4", "c.mp4")
    take_back(bench)
    with bench.journal() as journal:
        assert [bench.inbox / "b.mp4"] == journal.release(paths=[bench.inbox / "b.mp4"])
        assert [] == journal.release(paths=[bench.inbox / "b.mp4"])
        assert 2 == len(journal.release(everything=True))
        assert 0 == journal.counts()["held"]


def test_selections(bench: Any) -> None:
    first = file_some(bench, "a.mp4", "b.mp4", batch="x")
    last = file_some(bench, "c.mp4", "d.mp4", batch="y")

    def plan(**values: Any) -> list[int]:
        return [one.id for one in take_back(bench, Selection(**values), dry_run=True).undone]

    assert [last[1].id] == plan(last=1)
    assert [last[0].id, first[1].id] == plan(ids=(first[1].id, last[0].id))
    assert [first[1].id, first[0].id] == plan(batch="x")
    assert [last[1].id, last[0].id] == plan(since=unix_s(last[0].time))
    assert [4, 3, 2, 1] == plan(all=True)
    assert [] == plan()


def test_a_dry_run_touches_nothing_and_says_the_same(either: Any) -> None:
    file_some(either, "a.mp4", "b.mp4")
    (either.inbox / "b.mp4").write_bytes(b"in the way")
    before, dump = either.files(), either.dump()
    dry = take_back(either, dry_run=True)
    assert (before, dump) == (either.files(), either.dump())
    real = take_back(either)
    assert [one.id for one in dry.undone] == [one.id for one in real.undone]
    assert dry.refused == real.refused


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("edited", "was changed"),
        ("touched", "was changed"),
        ("replaced", "was changed"),
        ("moved", "no longer there"),
        ("library moved", "no longer there"),
        ("source taken", "another file at"),
        ("source a dangling link", "another file at"),
        ("sidecar edited", "was changed"),
        ("sidecar source taken", "another file at"),
    ],
)
def test_what_changed_since_is_refused_and_the_rest_goes_on(either: Any, what: str, reason: str) -> None:
    videos = [either.drop("a.mp4"), either.drop("b.mp4")]
    sidecar = either.drop("b.srt")
    with either.filer() as (filer, _):
        first = filer.place(either.request(videos[0]))
        second = filer.place(either.request(videos[1], sidecar))
    target = second.destination
    match what:
        case "edited":
            target.write_bytes(b"edited")
        case "touched":
            os.utime(target)
        case "replaced":
            (target.parent / "new").write_bytes(b"new one")
            (target.parent / "new").replace(target)
        case "moved":
            target.rename(target.with_name("mine.mp4"))
        case "library moved":
            target.parent.rename(target.parent.with_name("other"))
        case "source taken":
            videos[1].write_bytes(b"in the way")
        case "source a dangling link":
            videos[1].symlink_to("nowhere")
        case "sidecar edited":
            target.with_suffix(".srt").write_bytes(b"edited")
        case "sidecar source taken":
            sidecar.write_bytes(b"in the way")
    before = either.files()
    report = take_back(either, Selection(ids=(second.id, 99)))
    assert [99, second.id] == [number for number, _ in report.refused]
    assert reason in report.refused[1][1]
    assert "no such item" in report.refused[0][1]
    assert before == either.files()
    rest = take_back(either)
    assert ([first.id] if what != "library moved" else []) == [one.id for one in rest.undone]
    assert second.id in [number for number, _ in rest.refused]


def test_a_sidecar_that_is_gone_does_not_hold_the_video_back(bench: Any) -> None:
    video, sidecar = bench.drop("b.mp4"), bench.drop("b.srt")
    with bench.filer() as (filer, _):
        item = filer.place(bench.request(video, sidecar))
    item.destination.with_suffix(".srt").unlink()
    report = take_back(bench)
    (undone,) = report.undone
    gone = f"it is no longer at {item.destination.with_suffix('.srt')}"
    assert undone.reason.endswith(f"; b.srt did not come back: {gone}")
    assert [{"path": str(sidecar), "reason": gone}] == report.to_json()["undone"][0]["missing"]
    assert {"b.mp4"} == set(bench.tree(bench.inbox))


def test_an_edited_mp4_is_not_removed(bench: Any) -> None:
    item = file_converted(bench)
    item.destination.write_bytes(b"edited")
    ((_, reason),) = take_back(bench).refused
    assert "was changed" in reason
    assert b"edited" == item.destination.read_bytes()


def test_a_source_name_taken_at_the_last_moment_is_not_replaced(either: Any) -> None:
    video, sidecar = either.drop("a.mp4"), either.drop("a.srt")
    with either.filer() as (filer, _):
        item = filer.place(either.request(video, sidecar))

    def take(point: Point) -> None:
        if point is Point.UNDO_AFTER_INTENT:
            sidecar.write_bytes(b"quick")

    with hooked(take):
        ((number, reason),) = take_back(either).refused
    assert (item.id, True) == (number, "another file" in reason)
    assert {"a.srt": b"quick"} == either.tree(either.inbox)
    with either.journal() as journal:
        assert ("filed", 0) == (journal.history()[0].state, journal.counts()["held"])
    sidecar.unlink()
    assert 1 == len(take_back(either).undone)
    either.check()


def test_called_off_it_leaves_the_rest_as_it_was_and_says_so(either: Any) -> None:
    items = file_some(either, "a.mp4", "b.mp4", "c.mp4")
    cancel = threading.Event()

    def stop_after_one(done: int, total: int) -> None:
        assert 3 == total
        if done == 1:
            cancel.set()

    report = take_back(either, cancel=cancel, on_progress=stop_after_one)
    assert [items[2].id] == [one.id for one in report.undone]
    assert [items[1].id, items[0].id] == report.left == report.to_json()["left"]
    assert items[0].destination.exists()
    rest = take_back(either)
    assert (2, []) == (len(rest.undone), rest.left)


def test_undo_twice_is_refused_the_second_time(bench: Any) -> None:
    (item,) = file_some(bench, "a.mp4")
    take_back(bench)
    assert [(item.id, "it is undone already")] == take_back(bench, Selection(ids=(item.id,))).refused
    assert ([], []) == (take_back(bench).undone, take_back(bench).refused)


def test_what_never_moved_is_refused(bench: Any) -> None:
    with bench.filer() as (filer, _):
        video = bench.drop("a.mp4")
        item = filer.record(video, Identity.of(video), ItemState.FAILED, "broken")
    assert [(item.id, "it was never moved (failed)")] == take_back(bench, Selection(ids=(item.id,))).refused


def test_a_source_folder_that_is_gone_is_made_again(either: Any) -> None:
    file_some(either, "deep/er/a.mp4")
    shutil.rmtree(either.inbox / "deep")
    take_back(either)
    assert {"deep/er/a.mp4"} == set(either.tree(either.inbox))
    either.check()


def test_an_inode_that_changed_is_told_by_the_hash_of_the_copy(two_filesystems: Any) -> None:
    bench = two_filesystems
    (item,) = file_some(bench, "a.mp4")
    copy = item.destination.with_name("copy")
    shutil.copy2(item.destination, copy)
    copy.replace(item.destination)  # as after restoring a backup: same bytes, same time, another inode
    assert [item.id] == [one.id for one in take_back(bench).undone]
    (item,) = file_some(bench, "b.mp4")
    copy.write_bytes(b"film X.mp4")
    shutil.copystat(item.destination, copy)
    copy.replace(item.destination)
    ((_, reason),) = take_back(bench, Selection(ids=(item.id,))).refused
    assert "may not be the file" in reason


def test_an_unexpected_error_over_one_item_lets_the_others_come_back(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = file_some(bench, "a.mp4", "b.mp4", "c.mp4")
    planned = undo_module._plan

    def odd(journal: Any, item: Any, folders: Any) -> Any:
        if item.id == items[1].id:
            raise OverflowError("date value out of range")
        return planned(journal, item, folders)

    monkeypatch.setattr(undo_module, "_plan", odd)
    report = take_back(bench)
    assert [items[2].id, items[0].id] == [item.id for item in report.undone]
    ((number, reason),) = report.refused
    assert (items[1].id, True) == (number, "OverflowError: date value out of range" in reason)
    monkeypatch.undo()
    assert [items[1].id] == [item.id for item in take_back(bench).undone]
    bench.check()


# The originals store

DAY_S = 86_400.0


def expire(bench: Any, days: float) -> list[str]:
    with bench.journal() as journal:
        now_s = max(unix_s(item.time) for item in journal.history()) + days * DAY_S
        bench.let_pass(journal, days * DAY_S)
        return expire_originals(journal, bench.library, 30 * DAY_S, now_s=now_s)


def kept(bench: Any) -> list[str]:
    return sorted(path.name for path in bench.files() if "originals" in path.parts)


def test_an_original_goes_when_its_time_is_over_and_not_before(either: Any) -> None:
    item = file_converted(either)
    assert ([], ["a.mov"]) == (expire(either, 29), kept(either))
    (line,) = expire(either, 31)
    assert "removed" in line
    assert [] == kept(either)
    assert [] == expire(either, 31)
    assert b"mp4 of film a.mov" == item.destination.read_bytes()


@pytest.mark.parametrize("error", [OverflowError("odd"), FilingError("The disk is away.")])
def test_what_goes_wrong_with_one_original_keeps_this_one_alone(
    bench: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    for name in ("a.mov", "b.mov", "c.mov"):
        file_converted(bench, name)
    expired = originals_module._expire

    def odd(journal: Any, one: Any, kind: str) -> str:
        if one.target.name == "b.mov":
            raise error
        return expired(journal, one, kind)

    monkeypatch.setattr(originals_module, "_expire", odd)
    lines = expire(bench, 31)
    assert ["b.mov"] == kept(bench)
    assert 1 == sum(str(error) in line and "is kept" in line for line in lines)
    assert 2 == sum("was removed" in line for line in lines)


def test_originals_may_be_kept_forever(bench: Any) -> None:
    file_converted(bench)
    with bench.journal() as journal:
        assert [] == expire_originals(journal, bench.library, None, now_s=1e11)
    assert ["a.mov"] == kept(bench)


def test_originals_of_another_kind_of_conversion_stay(bench: Any) -> None:
    file_converted(bench)  # a remux
    with bench.journal() as journal:
        bench.let_pass(journal, 2.0)
        assert [] == expire_originals(journal, bench.library, 1.0, kind="transcode", now_s=1e10)
        assert ["a.mov"] == kept(bench)
        (line,) = expire_originals(journal, bench.library, 1.0, kind="remux", now_s=1e10)
    assert "removed" in line


def go_on(bench: Any, path: Any, folder: str = "sea") -> Any:
    """Move what lies in the library on, as a refile does."""
    with bench.filer() as (filer, _):
        return filer.place(bench.request(path, folder=(folder,), rule=folder), by_hand=lambda _item: None)


def test_an_original_goes_when_what_was_made_of_it_went_on_in_the_library(bench: Any) -> None:
    first = file_converted(bench)
    second = go_on(bench, first.destination)
    third = go_on(bench, second.destination, "lake")
    (line,) = expire(bench, 31)
    assert "was removed" in line
    assert [] == kept(bench)
    assert b"mp4 of film a.mov" == third.destination.read_bytes()
    assert [third.id, second.id, first.id] == [item.id for item in take_back(bench).undone]
    assert b"mp4 of film a.mov" == (bench.inbox / "a.mp4").read_bytes()


def test_the_way_of_what_was_made_of_an_original_is_told_from_that_of_another_video(bench: Any) -> None:
    first = file_converted(bench)
    go_on(bench, first.destination)
    other = bench.drop("a.mp4", b"another", mtime_ns=1_800_000_000_000_000_000)
    with bench.filer() as (filer, _):
        there = filer.place(bench.request(other))
    assert first.destination == there.destination
    go_on(bench, there.destination, "lake")
    (line,) = expire(bench, 31)
    assert "was removed" in line


@pytest.mark.parametrize("what", ["deleted", "edited", "another"])
def test_an_original_stays_where_what_was_made_of_it_went_on_and_is_lost(bench: Any, what: str) -> None:
    item = go_on(bench, file_converted(bench).destination)
    if what != "edited":
        item.destination.unlink()
    if what != "deleted":
        item.destination.write_bytes(b"half of it")
    assert [f"{item.destination} is no longer what was made of it"] == [
        line.partition(" is kept: ")[2] for line in expire(bench, 31)
    ]
    assert ["a.mov"] == kept(bench)


def test_an_original_stays_while_what_was_made_of_it_is_aside(bench: Any) -> None:
    item = go_on(bench, file_converted(bench).destination)
    with bench.filer() as (filer, _):
        aside = filer.place(bench.aside_request(item.destination), by_hand=lambda _item: None)
    assert ([], ["a.mov"]) == (expire(bench, 31), kept(bench))
    take_back(bench, Selection(ids=(aside.id,)))
    assert "was removed" in expire(bench, 31)[0]


@pytest.mark.parametrize("what", ["deleted", "edited"])
def test_the_last_copy_is_never_removed(bench: Any, what: str) -> None:
    item = file_converted(bench)
    if what == "deleted":
        item.destination.unlink()
    else:
        item.destination.write_bytes(b"half of it")
    (line,) = expire(bench, 31)
    assert "is kept" in line
    assert ["a.mov"] == kept(bench)


def test_after_its_original_is_gone_undo_brings_the_mp4(either: Any) -> None:
    item = file_converted(either)
    expire(either, 31)
    foreseen = take_back(either, dry_run=True).to_json()
    report = take_back(either)
    (undone,) = report.undone
    today = f"{datetime.now().astimezone():%Y-%m-%d}"
    why = f"its time as an original was over, and it was removed on {today}"
    mp4 = f"{either.inbox / 'a.mp4'} came back, the MP4 that was made of it"
    assert undone.reason.endswith(f"; a.mov did not come back: {why}; {mp4}")
    assert [{"path": str(either.inbox / "a.mov"), "reason": why}] == report.to_json()["undone"][0]["missing"]
    assert foreseen["undone"][0]["missing"] == report.to_json()["undone"][0]["missing"]
    assert [(item.destination, either.inbox / "a.mp4")] == report.moves
    assert [str(either.inbox / "a.mp4")] == [one["back_at"] for one in report.to_json()["undone"]]
    assert {"a.mp4": b"mp4 of film a.mov", "a.srt": b"film a.srt"} == either.tree(either.inbox)
    assert not item.destination.exists()
    with either.filer() as (filer, _):
        path = either.inbox / "a.mp4"
        assert Why.HELD is filer.known(path, Identity.of(path)).why


def test_an_undone_conversion_has_nothing_to_expire(bench: Any) -> None:
    file_converted(bench)
    take_back(bench)
    assert [] == expire(bench, 31)
    assert b"film a.mov" == (bench.inbox / "a.mov").read_bytes()
