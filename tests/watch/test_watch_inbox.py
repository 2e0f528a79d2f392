"""The running watcher: real threads, real inotify, real time; every wait is for something that must happen."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vsortd.core.identity import Identity
from vsortd.watch.inbox import InboxWatcher
from vsortd.watch.loop import InboxLoop
from vsortd.watch.types import Health, Mode, ReportKind

VideoMaker = Callable[[int], bytes]
Until = Callable[[Callable[[], bool]], None]
WatcherMaker = Callable[..., InboxWatcher]

WRITER = """
import sys
with open(sys.argv[1], 'wb') as file:
    for line in iter(sys.stdin.readline, ''):
        file.write(bytes.fromhex(line)); file.flush(); print('written', flush=True)
"""


@pytest.fixture(autouse=True)
def checks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look after the root more often than every other second, so that the tests end sooner."""
    monkeypatch.setattr("vsortd.watch.loop.CHECK_S", 0.2)


@pytest.fixture
def inbox(make_inbox: Callable[..., Any]) -> Any:
    return make_inbox()


@pytest.fixture
def watching(make_watcher: WatcherMaker, inbox: Any, until: Until) -> InboxWatcher:
    """Return a watcher of an empty inbox that has settled down to wait for events."""
    watcher = make_watcher(inbox)
    until(watcher.idle)
    assert Mode.EVENTS is watcher.health()[0].mode
    return watcher


def test_trees_that_grow_while_they_are_found_do_not_end_the_watch(
    watching: InboxWatcher, inbox: Any, recorder: Any, video: VideoMaker
) -> None:
    for number in range(50):
        (inbox.path / str(number) / "a/b/c/d/e").mkdir(parents=True)
    (inbox.path / "49/a/b/c/d/e/last.mp4").write_bytes(video(1))
    recorder.wait_for(["last.mp4"])
    assert Mode.EVENTS is watching.health()[0].mode


@pytest.mark.usefixtures("watching")
def test_a_copied_file_is_delivered_once(inbox: Any, recorder: Any, video: VideoMaker) -> None:
    (inbox.path / "a.MOV").write_bytes(video(1))
    recorder.wait_for(["a.MOV"])
    assert Identity.of(inbox.path / "a.MOV") == recorder.ready[0].identity


@pytest.mark.usefixtures("watching")
@pytest.mark.parametrize(
    "way", ["rename", "hard link", "rename within", "moved-in folder", "copied tree", "link replaced"]
)
def test_however_a_file_arrives_it_is_delivered_once(
    inbox: Any, recorder: Any, video: VideoMaker, tmp_path: Path, way: str
) -> None:
    outside = tmp_path / "outside" / "deep" / "er"
    outside.mkdir(parents=True)
    source = outside / "a.mp4"
    source.write_bytes(video(1))
    if way == "rename":
        source.rename(inbox.path / "a.mp4")
    elif way == "hard link":
        os.link(source, inbox.path / "a.mp4")
    elif way == "rename within":
        shutil.copy(source, inbox.path / "a.mp4.part")
        (inbox.path / "a.mp4.part").rename(inbox.path / "a.mp4")
    elif way == "moved-in folder":
        (tmp_path / "outside").rename(inbox.path / "folder")
    elif way == "copied tree":
        shutil.copytree(tmp_path / "outside", inbox.path / "folder")
    else:
        (inbox.path / "a.mp4").symlink_to(source)
        shutil.copy(source, inbox.path / "x.part")
        (inbox.path / "x.part").replace(inbox.path / "a.mp4")
    recorder.wait_for(["a.mp4"])


@pytest.mark.usefixtures("watching")
def test_files_that_follow_into_a_new_folder_are_delivered(inbox: Any, recorder: Any, video: VideoMaker) -> None:
    names = []
    for number in range(20):
        folder = inbox.path / f"new{number}" / "deep"
        folder.mkdir(parents=True)
        (folder / f"{number}.mp4").write_bytes(video(1))
        names.append(f"{number}.mp4")
    recorder.wait_for(names)


def test_a_file_that_another_process_writes_is_left_until_it_closes(
    watching: InboxWatcher, inbox: Any, recorder: Any, video: VideoMaker, until: Until
) -> None:
    """Slower than settle between the writes, and whole before it is closed: only the lease keeps it."""
    if sys.platform != "linux":
        pytest.skip("leases are Linux's")
    data = video(3000)
    command = [sys.executable, "-c", WRITER, str(inbox.path / "a.mp4")]
    writer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert writer.stdin is not None
    assert writer.stdout is not None
    for start in range(0, len(data), 1000):
        writer.stdin.write(data[start : start + 1000].hex() + "\n")
        writer.stdin.flush()
        assert "written\n" == writer.stdout.readline()
        until(lambda: watching.waiting() == 1)
    marker = inbox.path / "marker.mp4"  # dropped after the last write: it settles while the writer is idle
    marker.write_bytes(video(1))
    recorder.wait_for(["marker.mp4"])
    writer.communicate(timeout=20)
    recorder.wait_for(["marker.mp4", "a.mp4"])
    assert len(data) == recorder.ready[1].identity.size_bytes


@pytest.mark.usefixtures("watching")
def test_a_file_rewritten_in_place_after_delivery_is_delivered_again(
    inbox: Any, recorder: Any, video: VideoMaker
) -> None:
    path = inbox.path / "a.mp4"
    path.write_bytes(video(1))
    recorder.wait_for(["a.mp4"])
    path.write_bytes(video(2))
    recorder.wait_for(["a.mp4", "a.mp4"])
    assert recorder.ready[0].identity != recorder.ready[1].identity == Identity.of(path)


def test_names_that_cannot_be_videos_are_never_delivered(
    watching: InboxWatcher, inbox: Any, recorder: Any, video: VideoMaker, until: Until
) -> None:
    (inbox.path / ".hidden").mkdir()
    (inbox.path / "folder.mp4").mkdir()
    (inbox.path / "link.mp4").symlink_to(__file__)
    for name in ("a.mp4.part", ".b.mp4", "._c.mp4", "d.m4v", ".hidden/e.mp4", "f.txt", "g.mp4.crdownload"):
        (inbox.path / name).write_bytes(video(1))
    (inbox.path / "last.mp4").write_bytes(video(1))
    recorder.wait_for(["last.mp4"])
    watching.scan_now()
    until(watching.idle)
    assert ["last.mp4"] == recorder.names()


def test_an_inbox_that_is_a_link_to_a_folder_is_watched(  # noqa: PLR0917 - fixtures
    make_watcher: WatcherMaker,
    make_inbox: Callable[..., Any],
    recorder: Any,
    video: VideoMaker,
    tmp_path: Path,
    until: Until,
) -> None:
    inbox = make_inbox("link")
    inbox.path.rmdir()
    (tmp_path / "real").mkdir()
    inbox.path.symlink_to(tmp_path / "real")
    watcher = make_watcher(inbox)
    until(watcher.idle)
    (tmp_path / "real" / "a.mp4").write_bytes(video(1))
    recorder.wait_for(["a.mp4"])
    assert inbox.path / "a.mp4" == recorder.ready[0].path


def test_a_root_deleted_and_made_again_is_watched_again(
    watching: InboxWatcher, inbox: Any, recorder: Any, video: VideoMaker, until: Until
) -> None:
    for round_ in range(2):
        shutil.rmtree(inbox.path)
        until(lambda: watching.health()[0].health is Health.MISSING)
        inbox.path.mkdir()
        until(lambda: watching.health()[0].health is Health.OK)
        (inbox.path / f"{round_}.mp4").write_bytes(video(1))
        recorder.wait_for([f"{number}.mp4" for number in range(round_ + 1)])


@pytest.mark.usefixtures("watching")
def test_a_root_replaced_in_one_go_is_watched_again(inbox: Any, recorder: Any, video: VideoMaker) -> None:
    shutil.rmtree(inbox.path)
    inbox.path.mkdir()
    (inbox.path / "a.mp4").write_bytes(video(1))
    recorder.wait_for(["a.mp4"])


@pytest.mark.usefixtures("watching")
def test_a_root_renamed_away_and_made_again_is_watched_again(
    inbox: Any, recorder: Any, video: VideoMaker, tmp_path: Path
) -> None:
    """The old watch lives on, deaf to the new folder: only its identity tells."""
    inbox.path.rename(tmp_path / "away")
    inbox.path.mkdir()
    (inbox.path / "a.mp4").write_bytes(video(1))
    recorder.wait_for(["a.mp4"])
    (inbox.path / "b.mp4").write_bytes(video(1))
    recorder.wait_for(["a.mp4", "b.mp4"])


def test_a_root_renamed_away_and_back_goes_on(  # noqa: PLR0917 - fixtures
    watching: InboxWatcher, inbox: Any, recorder: Any, video: VideoMaker, tmp_path: Path, until: Until
) -> None:  # fmt: skip
    inbox.path.rename(tmp_path / "away")
    until(lambda: watching.health()[0].health is Health.MISSING)
    (tmp_path / "away" / "a.mp4").write_bytes(video(1))
    (tmp_path / "away").rename(inbox.path)
    recorder.wait_for(["a.mp4"])
    (inbox.path / "b.mp4").write_bytes(video(1))
    recorder.wait_for(["a.mp4", "b.mp4"])


def test_a_dead_thread_of_watchdogs_is_replaced(
    watching: InboxWatcher, inbox: Any, recorder: Any, video: VideoMaker, until: Until
) -> None:
    (loop,) = watching._loops
    first = loop._root._events
    assert first is not None
    for emitter in list(first._observer.emitters):
        emitter.stop()
    until(lambda: loop._root._events is not first)
    (inbox.path / "a.mp4").write_bytes(video(1))
    recorder.wait_for(["a.mp4"])


def test_what_a_queue_overflow_swallowed_is_found_by_a_scan(
    watching: InboxWatcher, inbox: Any, recorder: Any, video: VideoMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader is starved while more events come than the kernel keeps; every file is delivered all the same."""
    limit = Path("/proc/sys/fs/inotify/max_queued_events")
    if not limit.exists() or int(limit.read_text()) > 20_000:
        pytest.skip("no inotify queue of a known small size")
    (loop,) = watching._loops
    assert loop._root._events is not None
    reader = loop._root._events._observer._inotify_fd  # type: ignore[attr-defined]
    gate = threading.Event()
    real = reader.handle_event

    def starved(event: object) -> None:
        gate.wait(30)
        real(event)

    overflows = []
    listener = logging.Handler()
    listener.emit = lambda record: overflows.append(record.msg) if "overflow" in str(record.msg) else None  # type: ignore[method-assign]
    logging.getLogger("watchdog").addHandler(listener)
    monkeypatch.setattr(reader, "handle_event", starved)
    try:
        first = inbox.path / "0.mp4"
        first.write_bytes(video(1))
        names = ["0.mp4"]
        for number in range(1, 3000):
            os.link(first, inbox.path / f"{number}.mp4")
            names.append(f"{number}.mp4")
        for number in range(int(limit.read_text())):
            (inbox.path / names[-1]).rename(inbox.path / f"x{number}.mp4")
            names[-1] = f"x{number}.mp4"
        gate.set()
        recorder.wait_for(names)
    finally:
        gate.set()
        logging.getLogger("watchdog").removeHandler(listener)
    assert overflows


def test_an_overflow_that_watchdog_logs_leads_to_a_scan(
    watching: InboxWatcher, inbox: Any, recorder: Any, video: VideoMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching._loops[0].mailbox, "file_hint", lambda _: None)
    (inbox.path / "a.mp4").write_bytes(video(1))
    logging.getLogger("watchdog.observers.inotify_c").warning("Inotify queue overflowed; filesystem events were lost")
    recorder.wait_for(["a.mp4"])


def test_a_lost_event_is_made_up_for_by_the_periodic_scan(  # noqa: PLR0917 - fixtures
    make_watcher: WatcherMaker, make_inbox: Callable[..., Any], recorder: Any, video: VideoMaker, until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    inbox = make_inbox(rescan_s=0.3)
    watcher = make_watcher(inbox)
    until(watcher.idle)
    monkeypatch.setattr(watcher._loops[0].mailbox, "file_hint", lambda _: None)
    (inbox.path / "a.mp4").write_bytes(video(1))
    recorder.wait_for(["a.mp4"])


def test_a_failing_handler_kills_no_thread(
    watching: InboxWatcher, inbox: Any, recorder: Any, video: VideoMaker
) -> None:
    recorder.fail = {"a.mp4"}
    (inbox.path / "a.mp4").write_bytes(video(1))
    (inbox.path / "b.mp4").write_bytes(video(1))
    recorder.wait_for(["b.mp4"])
    watching.scan_now()
    recorder.wait_for(["b.mp4", "a.mp4"])


def test_a_failing_sink_of_events_leads_to_a_scan(
    watching: InboxWatcher, inbox: Any, recorder: Any, video: VideoMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = []

    def failing(_: str) -> None:
        failures.append(1)
        raise RuntimeError("bug")

    monkeypatch.setattr(watching._loops[0].mailbox, "file_hint", failing)
    (inbox.path / "a.mp4").write_bytes(video(1))
    recorder.wait_for(["a.mp4"])
    assert failures


def test_several_inboxes_are_watched_and_one_in_another_belongs_to_itself(
    make_watcher: WatcherMaker, make_inbox: Callable[..., Any], recorder: Any, video: VideoMaker, until: Until
) -> None:
    outer, other = make_inbox("outer"), make_inbox("other", watch="poll", poll_s=0.2)
    inner = make_inbox("outer/inner")
    flat = make_inbox("flat", recursive=False)
    (flat.path / "sub").mkdir()
    watcher = make_watcher(outer, other, inner, flat)
    until(watcher.idle)
    dropped = {"o.mp4": outer, "p.mp4": other, "i.mp4": inner, "f.mp4": flat}
    for name, inbox in dropped.items():
        (inbox.path / name).write_bytes(video(1))
    (flat.path / "sub" / "no.mp4").write_bytes(video(1))
    recorder.wait_for(list(dropped))
    watcher.scan_now()
    until(watcher.idle)
    assert {name: inbox.path for name, inbox in dropped.items()} == {
        file.path.name: file.inbox for file in recorder.ready
    }
    assert [Mode.EVENTS, Mode.POLL, Mode.EVENTS, Mode.EVENTS] == [one.mode for one in watcher.health()]
    watcher.again(inner.path / "i.mp4")
    watcher.again(Path("/nowhere/x.mp4"))
    recorder.wait_for([*dropped, "i.mp4"])


def test_draining_ends_with_everything_delivered_or_reported(
    make_watcher: WatcherMaker, make_inbox: Callable[..., Any], recorder: Any, video: VideoMaker, until: Until
) -> None:
    inbox, missing = make_inbox(incomplete_s=3600.0), make_inbox("missing")
    missing.path.rmdir()
    (inbox.path / "whole.mp4").write_bytes(video(1))
    (inbox.path / "cut.mp4").write_bytes(video(100)[:60])
    watcher = make_watcher(inbox, missing, drain=True)
    until(watcher.idle)
    assert ["whole.mp4"] == recorder.names()
    assert [("cut.mp4", ReportKind.INCOMPLETE)] == [(report.path.name, report.kind) for report in recorder.reports]


def test_files_that_lie_there_at_the_start_settle_like_any_other(
    make_watcher: WatcherMaker, inbox: Any, recorder: Any, video: VideoMaker
) -> None:
    (inbox.path / "old.mp4").write_bytes(video(1))
    make_watcher(inbox)
    recorder.wait_for(["old.mp4"])


def test_every_real_clip_is_delivered(make_watcher: WatcherMaker, inbox: Any, recorder: Any, clips: Path) -> None:
    make_watcher(inbox)
    names = []
    for clip in sorted(clips.glob("*.m*")):
        shutil.copy2(clip, inbox.path / clip.name)
        names.append(clip.name)
    recorder.wait_for(names)


def test_every_bad_file_is_delivered_or_reported_with_a_reason(
    make_watcher: WatcherMaker, inbox: Any, recorder: Any, bad_clips: Path, until: Until
) -> None:
    make_watcher(inbox)
    files = sorted(bad_clips.glob("*.m*"))
    for file in files:
        shutil.copy2(file, inbox.path / file.name)
    until(lambda: len(recorder.ready) + len(recorder.reports) >= len(files))
    told = {report.path.name for report in recorder.reports}
    assert {file.name for file in files} == told | set(recorder.names())
    assert len(files) == len(recorder.ready) + len(recorder.reports)
    assert all(report.reason for report in recorder.reports)


@pytest.mark.long
def test_twenty_thousand_files_dropped_at_once_are_all_delivered_once(
    watching: InboxWatcher, inbox: Any, recorder: Any, video: VideoMaker
) -> None:
    first = inbox.path / "0.mp4"
    first.write_bytes(video(1))
    names = ["0.mp4"]
    for number in range(1, 20_000):
        os.link(first, inbox.path / f"{number}.mp4")
        names.append(f"{number}.mp4")
    with recorder.changed:
        assert recorder.changed.wait_for(lambda: len(recorder.ready) >= len(names), 50), len(recorder.ready)
    recorder.wait_for(names)
    assert 0 == watching.waiting()


def test_stopping_delivers_nothing_more(
    make_watcher: WatcherMaker, inbox: Any, recorder: Any, video: VideoMaker
) -> None:
    watcher = make_watcher(inbox)
    (inbox.path / "a.mp4").write_bytes(video(1))
    recorder.wait_for(["a.mp4"])
    assert watcher.stop()
    (inbox.path / "b.mp4").write_bytes(video(1))
    assert watcher.stop()
    assert ["a.mp4"] == recorder.names()


def test_an_inbox_that_does_not_answer_holds_up_no_other(  # noqa: PLR0917 - fixtures
    make_watcher: WatcherMaker, make_inbox: Callable[..., Any], recorder: Any, video: VideoMaker, until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A share that hangs blocks its thread in the kernel; the others go on, and its health says so."""
    hanging, fine = make_inbox("hanging"), make_inbox("fine")
    gate = threading.Event()
    real = InboxLoop._turn

    def turn(loop: InboxLoop, mail: Any) -> None:
        if loop.path == hanging.path:
            gate.wait(30)
        real(loop, mail)

    monkeypatch.setattr(InboxLoop, "_turn", turn)
    monkeypatch.setattr("vsortd.watch.loop._STUCK_S", 0.2)
    watcher = make_watcher(hanging, fine)
    try:
        (fine.path / "a.mp4").write_bytes(video(1))
        recorder.wait_for(["a.mp4"])
        until(lambda: watcher.health()[0].health is Health.DEGRADED)
        assert "does not answer" in watcher.health()[0].reason
        assert Health.OK is watcher.health()[1].health
        assert not watcher.stop(patience_s=0.1)
    finally:
        gate.set()
