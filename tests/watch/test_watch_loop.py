"""One inbox, turned by hand: scans and memory, with a clock that stands still in between."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.watch.conftest import pass_time
from vsortd.core.identity import Identity
from vsortd.watch import settle as settle_module
from vsortd.watch.loop import InboxLoop
from vsortd.watch.mailbox import AgainRequest
from vsortd.watch.types import Health, InboxHealth, Mode, ReportKind

if TYPE_CHECKING:
    from pathlib import Path

VideoMaker = Callable[[int], bytes]
LoopMaker = Callable[..., InboxLoop]
InboxMaker = Callable[..., Any]


@pytest.fixture
def polled(make_inbox: InboxMaker) -> Any:
    return make_inbox(watch="poll", poll_s=5.0, settle_s=2.0, incomplete_s=10.0, settle_max_s=60.0)


def test_a_polled_inbox_delivers_what_its_scans_find_once(
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker
) -> None:
    loop = make_loop(polled)
    pass_time(loop, clock, 1)
    assert loop.idle()
    (polled.path / "a.mp4").write_bytes(video(1))
    (polled.path / "sub").mkdir()
    (polled.path / "sub" / "B.MOV").write_bytes(video(2))
    pass_time(loop, clock, 5)
    assert ([], 2) == (recorder.names(), loop.waiting())
    assert not loop.idle()
    pass_time(loop, clock, 100)
    assert {"a.mp4", "B.MOV"} == set(recorder.names())
    assert 2 == len(recorder.ready)
    assert {Identity.of(file.path) for file in recorder.ready} == {file.identity for file in recorder.ready}
    assert {polled.path} == {file.inbox for file in recorder.ready}
    assert loop.idle()
    assert InboxHealth(polled.path, Health.OK, "", Mode.POLL) == loop.health()


def test_known_files_are_skipped_and_asked_about_once(
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker
) -> None:
    path = polled.path / "held.mp4"
    path.write_bytes(video(1))
    recorder.known.add((path, Identity.of(path)))
    loop = make_loop(polled)
    pass_time(loop, clock, 60)
    assert ([], 1, 0) == (recorder.names(), len(recorder.asked), loop.waiting())
    recorder.known.clear()
    pass_time(loop, clock, 60)
    assert [] == recorder.names()
    loop.mailbox.request_scan()
    pass_time(loop, clock, 3)
    assert ["held.mp4"] == recorder.names()
    assert 2 == len(recorder.asked)


def test_a_known_file_is_delivered_when_it_changes(
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker
) -> None:
    path = polled.path / "held.mp4"
    path.write_bytes(video(1))
    recorder.known.add((path, Identity.of(path)))
    loop = make_loop(polled)
    pass_time(loop, clock, 10)
    path.write_bytes(video(2))
    pass_time(loop, clock, 20)
    assert ["held.mp4"] == recorder.names()


def test_a_file_that_settles_into_a_known_one_is_skipped(
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker
) -> None:
    """What is known is asked again at the end, if the file is another than the one that was asked about."""
    path = polled.path / "growing.mp4"
    path.write_bytes(b"")
    loop = make_loop(polled)
    pass_time(loop, clock, 1)
    path.write_bytes(video(1))
    recorder.known.add((path, Identity.of(path)))
    pass_time(loop, clock, 60)
    assert ([], 2, 0) == (recorder.names(), len(recorder.asked), loop.waiting())


def test_an_unfinished_file_is_reported_once_and_delivered_when_it_is_finished(
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker
) -> None:
    path = polled.path / "cut.mp4"
    path.write_bytes(video(500)[:200])
    loop = make_loop(polled)
    pass_time(loop, clock, 100)
    (report,) = recorder.reports
    assert (path, ReportKind.INCOMPLETE, Identity.of(path), polled.path) == (
        report.path, report.kind, report.identity, report.inbox,
    )  # fmt: skip
    assert loop.idle()
    path.write_bytes(video(500))
    pass_time(loop, clock, 20)
    assert (["cut.mp4"], 1) == (recorder.names(), len(recorder.reports))


def test_a_file_that_never_rests_is_reported_once_and_delivered_when_it_does(
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker
) -> None:
    path = polled.path / "busy.mp4"
    path.write_bytes(video(1))
    loop = make_loop(polled)
    for second in range(90):
        os.utime(path, ns=(0, second))
        pass_time(loop, clock, 1)
    assert [ReportKind.STILL_CHANGING] == [report.kind for report in recorder.reports]
    pass_time(loop, clock, 15)
    assert (["busy.mp4"], 1) == (recorder.names(), len(recorder.reports))


def test_a_file_sent_back_comes_again(
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker
) -> None:
    path = polled.path / "a.mp4"
    path.write_bytes(video(1))
    loop = make_loop(polled)
    pass_time(loop, clock, 3)
    recorder.known.add((path, Identity.of(path)))  # it may still count as being at work: it is not asked about
    loop.mailbox.request_again(AgainRequest(path, "", None))
    loop.turn()
    assert not loop.idle()
    pass_time(loop, clock, 3)
    assert ["a.mp4", "a.mp4"] == recorder.names()


def test_a_file_that_decoding_calls_unfinished_comes_once_more_and_is_then_reported(
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker
) -> None:
    path = polled.path / "a.mp4"
    path.write_bytes(video(1))
    loop = make_loop(polled)
    pass_time(loop, clock, 3)
    again = AgainRequest(path, "nothing decodes near the end", recorder.ready[0].identity)
    loop.mailbox.request_again(again)
    pass_time(loop, clock, 4)
    assert ["a.mp4"] == recorder.names()
    pass_time(loop, clock, 20)
    assert ["a.mp4", "a.mp4"] == recorder.names()
    loop.mailbox.request_again(again)
    pass_time(loop, clock, 20)
    assert 2 == len(recorder.ready)
    assert ["nothing decodes near the end"] == [report.reason for report in recorder.reports]


def test_a_message_about_what_the_file_was_before_is_stale(
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker
) -> None:
    """Rewritten while at work: the new file has been delivered by the time the old work says that it changed."""
    path = polled.path / "a.mp4"
    path.write_bytes(video(1))
    loop = make_loop(polled)
    pass_time(loop, clock, 3)
    path.write_bytes(video(2))
    pass_time(loop, clock, 20)
    assert 2 == len(recorder.ready)
    loop.mailbox.request_again(AgainRequest(path, "the file changed", recorder.ready[0].identity))
    pass_time(loop, clock, 60)
    assert (2, []) == (len(recorder.ready), recorder.reports)


def test_sending_back_what_is_gone_or_waits_already_does_nothing(
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker
) -> None:
    path = polled.path / "a.mp4"
    path.write_bytes(video(1))
    loop = make_loop(polled)
    loop.turn()
    loop.mailbox.request_again(AgainRequest(path, "changed", None))
    loop.mailbox.request_again(AgainRequest(polled.path / "gone.mp4", "changed", None))
    pass_time(loop, clock, 30)
    assert (["a.mp4"], []) == (recorder.names(), recorder.reports)
    assert loop.idle()


def test_a_file_that_left_and_returned_is_delivered_again(  # noqa: PLR0917 - fixtures
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker, tmp_path: Path
) -> None:
    path = polled.path / "a.mp4"
    path.write_bytes(video(1))
    loop = make_loop(polled)
    pass_time(loop, clock, 6)
    path.rename(tmp_path / "elsewhere.mp4")
    pass_time(loop, clock, 6)
    (tmp_path / "elsewhere.mp4").rename(path)
    pass_time(loop, clock, 10)
    assert ["a.mp4", "a.mp4"] == recorder.names()


def test_a_request_to_scan_asks_again_only_about_what_is_not_at_work(
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker
) -> None:
    path = polled.path / "a.mp4"
    path.write_bytes(video(1))
    loop = make_loop(polled)
    pass_time(loop, clock, 3)
    loop.mailbox.request_scan()
    pass_time(loop, clock, 3)
    assert ["a.mp4"] == recorder.names()
    loop.mailbox.note_done(path)
    loop.mailbox.request_scan()
    pass_time(loop, clock, 3)
    assert ["a.mp4", "a.mp4"] == recorder.names()


def test_draining_reports_at_once(
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker
) -> None:
    (polled.path / "cut.mp4").write_bytes(video(500)[:200])
    loop = make_loop(polled, drain=True)
    assert not loop.idle()
    pass_time(loop, clock, 2)
    assert 1 == len(recorder.reports)
    assert loop.idle()


def test_a_failing_handler_costs_a_file_only_time(
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker
) -> None:
    recorder.fail = {"a.mp4"}
    for name in ("a.mp4", "b.mp4"):
        (polled.path / name).write_bytes(video(1))
    loop = make_loop(polled)
    pass_time(loop, clock, 3)
    assert ["b.mp4"] == recorder.names()
    pass_time(loop, clock, 30)
    assert ["b.mp4", "a.mp4"] == recorder.names()


@pytest.mark.parametrize("trouble", ["known", "ready", "report", "settle"])
@pytest.mark.parametrize("drain", [False, True])
def test_one_file_that_fails_for_ever_is_reported_in_the_end_and_holds_back_no_other(  # noqa: PLR0917 - fixtures
    make_loop: LoopMaker,
    polled: Any,
    clock: Any,
    recorder: Any,
    video: VideoMaker,
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
    drain: bool,  # noqa: FBT001 - a parameter
) -> None:
    odd = polled.path / "a odd.mp4"
    for path in (odd, polled.path / "b.mp4", polled.path / "c.mp4"):
        path.write_bytes(video(1))

    def of(asked: Any) -> Any:
        def ask(what: Any, *more: Any) -> Any:
            if getattr(what, "path", what) == odd:
                raise OverflowError("Python int too large to convert to SQLite INTEGER")
            return asked(what, *more)

        return ask

    if trouble == "settle":
        monkeypatch.setattr(settle_module, "look_at", of(settle_module.look_at))
    if trouble == "report":
        monkeypatch.setattr(recorder, "on_report", of(recorder.on_report))
    if trouble in {"ready", "report"}:
        monkeypatch.setattr(recorder, "on_ready", of(recorder.on_ready))
    loop = make_loop(polled, known=of(recorder.is_known) if trouble == "known" else recorder.is_known, drain=drain)
    pass_time(loop, clock, 5)
    assert ["b.mp4", "c.mp4"] == recorder.names()
    if drain:
        assert loop.idle(), "a drain comes to its end"
    pass_time(loop, clock, 60)
    assert ["b.mp4", "c.mp4"] == recorder.names()
    told = [(report.path, report.kind) for report in recorder.reports]
    kind = ReportKind.UNREADABLE if trouble == "settle" else ReportKind.FAILED
    assert ([] if trouble == "report" else [(odd, kind)]) == told
    assert all("OverflowError" in report.reason for report in recorder.reports)
    assert Health.OK is loop.health().health, "nothing is left to try"
    odd.write_bytes(video(2))
    asked = len(recorder.asked)
    pass_time(loop, clock, 60)
    if trouble == "known":
        assert 2 == len(recorder.reports), "a changed file is tried anew"
    else:
        assert len(recorder.asked) > asked or trouble == "settle"


def test_a_failing_history_degrades_and_is_asked_again(
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker
) -> None:
    broken = [True]

    def known(_: Path, __: Identity) -> bool:
        if broken[0]:
            raise RuntimeError("the journal is locked")
        return False

    (polled.path / "a.mp4").write_bytes(video(1))
    loop = make_loop(polled, known=known)
    pass_time(loop, clock, 5)
    assert Health.DEGRADED is loop.health().health
    assert "the journal is locked" in loop.health().reason
    broken[0] = False
    pass_time(loop, clock, 30)
    assert (["a.mp4"], Health.OK) == (recorder.names(), loop.health().health)


def test_a_new_folder_is_looked_into_at_once_and_everything_soon_after(
    make_loop: LoopMaker, make_inbox: InboxMaker, clock: Any, recorder: Any, video: VideoMaker
) -> None:
    """What comes into a folder before it is watched raises no event: nothing but these scans tells."""
    inbox = make_inbox(watch="poll", poll_s=1000.0)
    loop = make_loop(inbox)
    pass_time(loop, clock, 1)
    (inbox.path / "new" / "deep").mkdir(parents=True)
    (inbox.path / "new" / "deep" / "a.mp4").write_bytes(video(1))
    loop.mailbox.folder_hint("new")
    loop.mailbox.folder_hint("new/deep")
    loop.turn()
    assert 1 == loop.waiting()
    (inbox.path / "new" / "b.mp4").write_bytes(video(1))
    pass_time(loop, clock, 3)
    assert ["a.mp4", "b.mp4"] == recorder.names()


def test_after_a_burst_of_events_everything_is_scanned(
    make_loop: LoopMaker, make_inbox: InboxMaker, clock: Any, recorder: Any, video: VideoMaker
) -> None:
    inbox = make_inbox(watch="poll", poll_s=1000.0)
    loop = make_loop(inbox)
    pass_time(loop, clock, 1)
    (inbox.path / "unheard.mp4").write_bytes(video(1))
    for number in range(501):
        loop.mailbox.file_hint(f"gone{number}.mp4")
    pass_time(loop, clock, 3)
    assert ["unheard.mp4"] == recorder.names()


def test_an_idle_inbox_sleeps(make_loop: LoopMaker, make_inbox: InboxMaker, clock: Any) -> None:
    """Watched by events it wakes for one check every other second; polled, for its scans."""
    for inbox, at_most in ((make_inbox("e"), 31), (make_inbox("p", watch="poll", poll_s=10.0), 13)):
        loop = make_loop(inbox)
        pass_time(loop, clock, 1)
        turns, end_s = 0, clock.now_s + 60
        while clock.now_s < end_s:
            clock.now_s += max(loop.turn(), 1e-4)
            turns += 1
        assert turns <= at_most


def test_nothing_is_looked_into_in_excluded_folders(  # noqa: PLR0917 - fixtures
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker, tmp_path: Path
) -> None:
    for folder in ("library", "sub"):
        (polled.path / folder).mkdir()
        (polled.path / folder / f"{folder}.mp4").write_bytes(video(1))
    alias = tmp_path / "alias"
    alias.symlink_to(polled.path / "library")
    loop = make_loop(polled, exclude=[alias])
    loop.mailbox.file_hint("library/library.mp4")
    loop.mailbox.folder_hint("library")
    pass_time(loop, clock, 20)
    loop.mailbox.file_hint("library/library.mp4")
    loop.mailbox.folder_hint("library")
    pass_time(loop, clock, 4)
    assert ["sub.mp4"] == recorder.names()


def test_what_is_forgotten_leaves_no_memory_behind(
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker
) -> None:
    (polled.path / "sub").mkdir()
    for number in range(50):
        (polled.path / "sub" / f"{number}.mp4").write_bytes(video(1))
    loop = make_loop(polled)
    pass_time(loop, clock, 10)
    assert 50 == len(recorder.ready)
    shutil.rmtree(polled.path / "sub")
    pass_time(loop, clock, 20)
    assert (0, {}) == (len(loop._memory), loop._asked)


def test_what_waits_for_a_download_is_told_to_who_asks_and_never_reported(
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker
) -> None:
    video_file, data = polled.path / "a.mp4", polled.path / "a.mp4.part"
    video_file.touch()
    data.write_bytes(video(1))
    loop = make_loop(polled)
    pass_time(loop, clock, 40)
    assert () == loop.waits(), "a short wait is nobody's business"
    pass_time(loop, clock, 100)
    assert ((video_file, "a download or copy is under way: a.mp4.part lies beside it"),) == loop.waits()
    assert ([], []) == (recorder.reports, recorder.names())
    assert loop.idle(), "who drains the inbox does not wait for it"
    data.rename(video_file)
    pass_time(loop, clock, 20)
    assert (["a.mp4"], ()) == (recorder.names(), loop.waits())
