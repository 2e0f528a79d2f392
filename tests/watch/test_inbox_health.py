"""How an inbox is: gone, replaced, unreadable, read-only, without events; turned by hand."""

from __future__ import annotations

import os
import subprocess
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.troubles import mounted
from tests.watch.conftest import pass_time
from vsortd.watch import inbox_root as root_module
from vsortd.watch.events import EventWatch
from vsortd.watch.loop import CHECK_S, InboxLoop
from vsortd.watch.types import Health, InboxHealth, Mode

if TYPE_CHECKING:
    from pathlib import Path

VideoMaker = Callable[[int], bytes]
LoopMaker = Callable[..., InboxLoop]
InboxMaker = Callable[..., Any]


@pytest.fixture
def polled(make_inbox: InboxMaker) -> Any:
    return make_inbox(watch="poll", poll_s=5.0, settle_s=2.0, incomplete_s=10.0, settle_max_s=60.0)


def test_an_inbox_that_is_not_there_is_paused_and_forgets_nothing(  # noqa: PLR0917 - fixtures
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker, tmp_path: Path
) -> None:
    (polled.path / "a.mp4").write_bytes(video(1))
    loop = make_loop(polled)
    pass_time(loop, clock, 6)
    polled.path.rename(tmp_path / "unmounted")
    pass_time(loop, clock, 100)
    health = loop.health()
    assert Health.MISSING is health.health
    assert "not there" in health.reason
    assert loop.idle()
    (tmp_path / "unmounted").rename(polled.path)
    (polled.path / "b.mp4").write_bytes(video(2))
    pass_time(loop, clock, 20)
    assert Health.OK is loop.health().health
    assert ["a.mp4", "b.mp4"] == recorder.names()


def test_an_empty_folder_in_place_of_a_share_is_not_believed_at_once(  # noqa: PLR0917 - fixtures
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker, tmp_path: Path
) -> None:
    """An unmounted share leaves its mount point: what was on it is not forgotten by the first look at that."""
    (polled.path / "a.mp4").write_bytes(video(1))
    loop = make_loop(polled)
    pass_time(loop, clock, 6)
    polled.path.rename(tmp_path / "unmounted")
    polled.path.mkdir()
    loop.mailbox.trouble("unmounted")
    loop.turn()
    polled.path.rmdir()
    (tmp_path / "unmounted").rename(polled.path)
    pass_time(loop, clock, 20)
    assert ["a.mp4"] == recorder.names()


@pytest.mark.parametrize("watch", ["events", "poll"])
def test_an_inbox_that_is_missing_from_the_start_is_found_when_it_comes(  # noqa: PLR0917 - fixtures
    make_loop: LoopMaker, make_inbox: InboxMaker, clock: Any, recorder: Any, video: VideoMaker, watch: str
) -> None:
    inbox = make_inbox(watch=watch)
    inbox.path.rmdir()
    loop = make_loop(inbox, drain=True)
    assert 0 < loop.turn() <= CHECK_S
    assert loop.idle()
    assert Health.MISSING is loop.health().health
    inbox.path.mkdir()
    (inbox.path / "a.mp4").write_bytes(video(1))
    pass_time(loop, clock, 5)
    assert ["a.mp4"] == recorder.names()
    assert Health.OK is loop.health().health


def test_an_inbox_that_is_a_file_is_degraded(make_loop: LoopMaker, make_inbox: InboxMaker, clock: Any) -> None:
    inbox = make_inbox()
    inbox.path.rmdir()
    inbox.path.write_bytes(b"x")
    loop = make_loop(inbox)
    pass_time(loop, clock, 5)
    assert (Health.DEGRADED, "this is not a folder") == (loop.health().health, loop.health().reason)


def test_an_inbox_that_cannot_be_read_is_degraded(
    make_loop: LoopMaker, make_inbox: InboxMaker, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root everything can be read: the system's answer is put in its place."""
    inbox = make_inbox()
    loop = make_loop(inbox)
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *_: False)
        pass_time(loop, clock, 5)
        assert (Health.DEGRADED, Mode.EVENTS) == (loop.health().health, loop.health().mode)
        assert "permission denied" in loop.health().reason
    pass_time(loop, clock, 5)
    assert Health.OK is loop.health().health


def test_an_inbox_that_is_mounted_read_only_serves_where_nothing_is_moved_out_of_it(  # noqa: PLR0917 - fixtures
    make_loop: LoopMaker, make_inbox: InboxMaker, clock: Any, recorder: Any, video: VideoMaker, tmp_path: Path
) -> None:
    card = tmp_path / "card"
    card.mkdir()
    inbox = make_inbox()
    (card / "a.mp4").write_bytes(video(1))
    loop = make_loop(inbox, takes_out=False)
    with mounted(["--bind", card], inbox.path):
        subprocess.run(["mount", "-o", "remount,bind,ro", inbox.path], check=True)
        pass_time(loop, clock, 60)
        assert (["a.mp4"], Health.OK) == (recorder.names(), loop.health().health)


def test_an_inbox_that_is_mounted_read_only_is_degraded_and_its_videos_wait(  # noqa: PLR0917 - fixtures
    make_loop: LoopMaker, make_inbox: InboxMaker, clock: Any, recorder: Any, video: VideoMaker, tmp_path: Path
) -> None:
    card = tmp_path / "card"
    card.mkdir()
    inbox = make_inbox()
    (card / "a.mp4").write_bytes(video(1))
    loop = make_loop(inbox)
    with mounted(["--bind", card], inbox.path):
        subprocess.run(["mount", "-o", "remount,bind,ro", inbox.path], check=True)
        pass_time(loop, clock, 60)
        assert [] == recorder.names()
        assert Health.DEGRADED is loop.health().health
        assert "mounted read-only" in loop.health().reason
        assert loop.health().waits
        assert loop.idle(), "a drain does not wait for it"
        subprocess.run(["mount", "-o", "remount,bind,rw", inbox.path], check=True)
        pass_time(loop, clock, 60)
        assert (Health.OK, False) == (loop.health().health, loop.health().waits)
        assert ["a.mp4"] == recorder.names()
        loop._root.stop()


def test_an_inbox_that_may_be_read_but_not_written_is_degraded_and_its_videos_wait(  # noqa: PLR0917 - fixtures
    make_loop: LoopMaker, make_inbox: InboxMaker, clock: Any, recorder: Any, video: VideoMaker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """As root everything can be written: the system's answer is put in its place."""
    inbox = make_inbox()
    (inbox.path / "a.mp4").write_bytes(video(1))
    loop = make_loop(inbox)
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda _path, mode: not mode & os.W_OK)
        pass_time(loop, clock, 60)
        assert [] == recorder.names()
        assert Health.DEGRADED is loop.health().health
        assert "nothing can be moved out of the folder: permission denied" in loop.health().reason
    pass_time(loop, clock, 60)
    assert ["a.mp4"] == recorder.names()


def test_an_unreadable_subfolder_degrades_and_the_rest_is_delivered(  # noqa: PLR0917 - fixtures
    make_loop: LoopMaker, polled: Any, clock: Any, recorder: Any, video: VideoMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    (polled.path / "secret").mkdir()
    (polled.path / "a.mp4").write_bytes(video(1))
    real = os.scandir

    def refusing(folder: str) -> Any:
        if str(folder).endswith("secret"):
            raise PermissionError(13, "Permission denied", folder)
        return real(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    loop = make_loop(polled)
    pass_time(loop, clock, 10)
    assert ["a.mp4"] == recorder.names()
    assert (Health.DEGRADED, "not everything can be read: secret: Permission denied") == (
        loop.health().health, loop.health().reason,
    )  # fmt: skip


def test_without_events_to_be_had_an_inbox_is_polled(  # noqa: PLR0917 - fixtures
    make_loop: LoopMaker, make_inbox: InboxMaker, clock: Any, recorder: Any, video: VideoMaker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    inbox = make_inbox(watch="auto", poll_s=3.0, rescan_s=50.0)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "inotify watch limit reached")

    with monkeypatch.context() as patch:
        patch.setattr(root_module, "EventWatch", full)
        loop = make_loop(inbox)
        pass_time(loop, clock, 1)
        (inbox.path / "a.mp4").write_bytes(video(1))
        pass_time(loop, clock, 10)
        assert ["a.mp4"] == recorder.names()
        health = loop.health()
        assert (Health.DEGRADED, Mode.POLL) == (health.health, health.mode)
        assert "inotify watch limit reached" in health.reason
        assert "max_user_watches" in health.reason
    pass_time(loop, clock, 60)
    assert InboxHealth(inbox.path, Health.OK, "", Mode.EVENTS) == loop.health()


def test_folders_that_cannot_be_watched_make_the_inbox_polled(
    make_loop: LoopMaker, make_inbox: InboxMaker, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = make_inbox(poll_s=3.0)
    for name in ("a", "b"):
        (inbox.path / name).mkdir()
    loop = make_loop(inbox)
    pass_time(loop, clock, 5)
    assert Mode.EVENTS is loop.health().mode
    monkeypatch.setattr(EventWatch, "watched_folders", lambda _: 1)
    loop.mailbox.request_scan()
    pass_time(loop, clock, 5)
    assert (Health.DEGRADED, Mode.POLL) == (loop.health().health, loop.health().mode)
    assert "2 of 3 folders can't be watched" in loop.health().reason


def test_every_watched_subfolder_is_counted(make_loop: LoopMaker, make_inbox: InboxMaker) -> None:
    """The count comes from watchdog's inside: this tells when a new version keeps it elsewhere."""
    inbox = make_inbox()
    for name in ("a/b/c", "d"):
        (inbox.path / name).mkdir(parents=True)
    loop = make_loop(inbox)
    loop.turn()
    assert loop._root._events is not None
    assert 5 == loop._root._events.watched_folders()


@pytest.mark.parametrize("kind", ["nfs4", "cifs"])
def test_a_network_filesystem_is_polled_by_itself(
    make_loop: LoopMaker, make_inbox: InboxMaker, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(root_module, "network_type", lambda _: kind)
    loop = make_loop(make_inbox(watch="auto"))
    loop.turn()
    assert (Health.OK, Mode.POLL) == (loop.health().health, loop.health().mode)
    assert kind in loop.health().reason
    forced = make_loop(make_inbox("forced", watch="events"))
    forced.turn()
    assert Mode.EVENTS is forced.health().mode


def test_an_inbox_that_came_under_another_form_of_its_name_says_what_to_type(
    make_loop: LoopMaker, make_inbox: InboxMaker, clock: Any
) -> None:
    inbox = make_inbox("Eingänge", watch="poll")
    inbox.path.rename(inbox.path.with_name(unicodedata.normalize("NFD", "Eingänge")))
    loop = make_loop(inbox)
    pass_time(loop, clock, 1)
    assert Health.MISSING is loop.health().health
    assert "`vsortd reload` takes it" in loop.health().reason
