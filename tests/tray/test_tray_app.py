"""The real app on pystray's dummy backend: what a person would see and choose, with a daemon that is fed by hand."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.tray import FakeClient, item, status
from tests.support.waiting import PATIENCE_S, until
from vsortd.errors import ExitCode, VsortdError
from vsortd.tray import backends, notes
from vsortd.tray import tray_app as app_module
from vsortd.tray.icon import PLATES
from vsortd.tray.preferences import Preferences
from vsortd.tray.state import IconState
from vsortd.tray.tray_app import TrayApp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.tray.notes import Note


class Tray:
    """An app on a thread of its own, and the eyes and the hand of a person at it."""

    def __init__(self, folder: Path, client: FakeClient, preferences: Preferences) -> None:
        self.client = client
        self.notes: list[Note] = []
        self.opened: list[str] = []
        self.code: ExitCode | None = None
        self.error: BaseException | None = None
        self.app = TrayApp(
            client,
            folder,
            backend=backends.choose(),
            show=self.notes.append,
            preferences=lambda _last: preferences,
            open_target=lambda target: not self.opened.append(str(target)),
            open_page=lambda address, _folder: not self.opened.append(address),
        )
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.code = self.app.run()
        except BaseException as error:  # noqa: BLE001 - for the test to look at
            self.error = error

    @property
    def title(self) -> str:
        return self.app.icon.title if self.app.icon else ""

    @property
    def colour(self) -> IconState | None:
        picture = self.app.icon.icon
        middle = {picture.getpixel((x, picture.height * 7 // 10))[:3] for x in range(picture.width)}
        return next((state for state, plate in PLATES.items() if plate in middle), None)

    def items(self) -> list[Any]:
        return list(self.app.icon.menu)

    def texts(self) -> list[str]:
        return [one.text for one in self.items()]

    def choose(self, *texts: str) -> None:
        menu = self.app.icon.menu
        for text in texts[:-1]:
            menu = next(one.submenu for one in menu if one.text == text)
        next(one for one in menu if one.text == texts[-1])(self.app.icon)


@pytest.fixture(autouse=True)
def dummy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pystray choose its dummy backend, whatever another test has chosen before."""
    monkeypatch.setenv("PYSTRAY_BACKEND", "dummy")
    for name in [name for name in sys.modules if name.partition(".")[0] == "pystray" or name.endswith("tray.headless")]:
        monkeypatch.delitem(sys.modules, name)


@contextlib.contextmanager
def _tray(folder: Path, client: FakeClient | None = None, preferences: Preferences | None = None) -> Iterator[Tray]:
    client = client or FakeClient()
    tray = Tray(folder, client, preferences or Preferences())
    tray.thread.start()
    try:
        until(lambda: tray.app.icon is not None and tray.app.icon.visible, what="the icon is shown")
        yield tray
    finally:
        tray.app.stop()
        tray.thread.join(PATIENCE_S)
        client.come()
        client.go()  # lets the follower's thread go that sleeps in the stream
        assert not tray.thread.is_alive()


@pytest.fixture
def tray(own_state: Path) -> Iterator[Tray]:
    """Return a tray whose daemon answers."""
    client = FakeClient()
    client.items = [item(2, source="/in/a & b.mp4"), item(1, "review")]
    client.now = status(counts={"filed": 1, "review": 1}, library=str(own_state / "out"))
    client.come()
    with _tray(own_state, client) as made:
        until(lambda: "a & b.mp4 → forest" in made.texts(), what="the history is in the menu")
        yield made


def test_it_shows_what_the_daemon_does(tray: Tray) -> None:
    until(lambda: tray.title == "vsortd: watching 1 inbox · 1 filed · 1 to review", what="the tooltip counts")
    until(lambda: tray.colour is IconState.WATCHING, what="it is watching")
    tray.client.tell("status", status(working=1, queued=3))
    until(lambda: tray.colour is IconState.WORKING, what="it is working")
    assert "vsortd: 1 under way, 3 waiting" in tray.title
    tray.client.tell("status", status(trouble=["/in/a.mp4: the disk is full"]))
    until(lambda: tray.colour is IconState.TROUBLE, what="it is in trouble")
    until(lambda: "/in/a.mp4: the disk is full" in tray.texts(), what="the menu says which")


@pytest.mark.long
def test_a_daemon_that_goes_and_comes_back_is_shown(tray: Tray) -> None:
    tray.client.go()
    until(lambda: (tray.title, tray.colour) == ("vsortd is not running", IconState.TROUBLE), what="it is gone")
    tray.client.come()
    until(lambda: tray.colour is IconState.WATCHING, what="it is back")


def test_without_a_daemon_it_waits_for_one(own_state: Path) -> None:
    client = FakeClient()
    with _tray(own_state, client) as made:
        until(lambda: made.title == "vsortd is not running", what="it says so")
        client.come()
        until(lambda: made.title.startswith("vsortd: watching"), what="it is found")


def test_pause_and_resume_from_the_menu(tray: Tray) -> None:
    tray.choose("Pause for an hour")
    until(lambda: tray.colour is IconState.PAUSED, what="the icon is paused at once")
    until(lambda: "Resume" in tray.texts(), what="the menu offers to resume")
    tray.choose("Resume")
    until(lambda: tray.colour is IconState.WATCHING, what="it watches again")
    until(lambda: "Pause" in tray.texts(), what="the menu offers to pause")
    tray.choose("Pause")
    until(lambda: tray.colour is IconState.PAUSED, what="it is paused")
    assert [("pause", 3600.0), ("resume", None), ("pause", None)] == tray.client.asked


def test_undo_from_the_menu_tells_what_became_of_it(tray: Tray) -> None:
    tray.choose("a & b.mp4 → forest", "Undo")
    until(lambda: tray.notes, what="it was told")
    assert ("a & b.mp4 is undone", "It is back at /in/a & b.mp4, and held.") == (
        tray.notes[0].title,
        tray.notes[0].body,
    )
    tray.client.tell("item", item(2, "held"))
    until(lambda: "a & b.mp4 → forest" not in tray.texts(), what="it left the menu")
    tray.client.refuse = "another file is in its place"
    tray.choose("clip1.mp4 → review", "Undo")
    until(lambda: len(tray.notes) == 2, what="the refusal was told")
    assert ("clip1.mp4 was not undone", "another file is in its place") == (tray.notes[1].title, tray.notes[1].body)


def test_an_undo_that_takes_long_does_not_hold_up_the_icon(tray: Tray, monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    monkeypatch.setattr(tray.client, "undo", lambda _ids: done.wait(PATIENCE_S) and {"undone": [], "refused": []})
    tray.choose("clip1.mp4 → review", "Undo")
    tray.client.tell("status", status("paused"))
    until(lambda: tray.colour is IconState.PAUSED, what="the icon follows meanwhile")
    done.set()


def test_a_daemon_that_is_gone_answers_an_action_with_a_note(own_state: Path) -> None:
    client = FakeClient()
    client.come()
    with _tray(own_state, client) as made:
        until(lambda: "Pause" in made.texts() and made.items()[2].enabled, what="the menu is there")
        entry = next(one for one in made.items() if one.text == "Pause")
        client.go()
        entry(made.app.icon)
        until(lambda: made.notes, what="it was told")
        assert ("No daemon answers.", "Start one with `vsortd run`.") == (made.notes[0].title, made.notes[0].body)


def test_it_opens_library_review_and_log(tray: Tray, own_state: Path) -> None:
    (own_state / "out" / "_Review").mkdir(parents=True)
    (own_state / "logs").mkdir()
    (own_state / "logs" / "vsortd.log").touch()
    for text in ("Open library", "Review (1)", "Open log"):
        tray.choose(text)
    until(lambda: len(tray.opened) == 3, what="all were opened")
    library = own_state / "out"
    assert [str(library), str(library / "_Review"), str(own_state / "logs" / "vsortd.log")] == tray.opened


def test_it_opens_the_page_logged_in(tray: Tray) -> None:
    tray.choose("Open page")
    until(lambda: tray.opened, what="it was opened")
    assert ["http://127.0.0.1:8737/enter#code1"] == tray.opened


def test_what_is_not_there_is_not_opened_but_told(tray: Tray) -> None:
    for text in ("Open library", "Open log"):
        tray.choose(text)
    tray.choose("a & b.mp4 → forest", "Open")
    until(lambda: len(tray.notes) == 3, what="all were told")
    assert [] == tray.opened
    assert all("can't be opened" in note.title for note in tray.notes)


@pytest.mark.long
def test_a_batch_and_a_failure_are_told(tray: Tray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "QUIET_S", 0.2)
    monkeypatch.setattr(notes, "FAILURE_QUIET_S", 0.2)
    for number in range(10, 13):
        tray.client.tell("item", item(number))
    tray.client.tell("item", item(13, "failed"))
    until(lambda: len(tray.notes) == 2, what="both were told")
    assert ["1 video could not be filed", "3 videos filed"] == sorted(note.title for note in tray.notes)
    until(lambda: "clip12.mp4 → forest" in tray.texts(), what="it is in the menu")


def test_notifications_that_are_off_are_not_shown(own_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "QUIET_S", 0.05)
    monkeypatch.setattr(notes, "FAILURE_QUIET_S", 0.05)
    client = FakeClient()
    client.come()
    with _tray(own_state, client, Preferences(batches=False, failures=False)) as made:
        client.tell("item", item(1))
        client.tell("item", item(2, "failed"))
        until(lambda: "clip1.mp4 → forest" in made.texts(), what="it is in the menu")
        until(lambda: made.app._notes.wait_s(0.0) is None, what="the notes were given out")
        made.app._hand.stop(patience_s=PATIENCE_S)  # whatever it was to show is shown now
        assert [] == made.notes


def test_quit_ends_it(own_state: Path) -> None:
    with _tray(own_state) as made:
        made.choose("Quit tray")
        made.thread.join(PATIENCE_S)
        assert ExitCode.OK is made.code


@pytest.mark.long
def test_the_menu_is_not_renewed_all_the_time(tray: Tray, monkeypatch: pytest.MonkeyPatch) -> None:
    renewed: list[int] = []
    monkeypatch.setattr(tray.app.icon, "update_menu", lambda: renewed.append(1))
    monkeypatch.setattr(app_module, "_MENU_EVERY_S", 0.5)
    for number in range(100, 200):
        tray.client.tell("item", item(number))
    until(lambda: "clip199.mp4 → forest" in tray.texts(), what="the newest is in the menu")
    assert 1 <= len(renewed) <= 4


@pytest.mark.long
def test_an_error_of_its_own_ends_it_instead_of_an_icon_that_looks_well(tray: Tray) -> None:
    tray.client.tell("item", {"no": "id"})
    tray.thread.join(PATIENCE_S)
    assert isinstance(tray.error, KeyError)


@pytest.mark.long
def test_a_click_opens_the_library_where_there_is_a_menu(tray: Tray, own_state: Path) -> None:
    (own_state / "out").mkdir()
    tray.app.icon()
    until(lambda: tray.opened, what="it was opened")
    assert [str(own_state / "out")] == tray.opened


def test_the_client_has_what_the_tray_asks_of_it(own_state: Path) -> None:
    """The fake keeps the contract of the real one: same names, same words."""
    import inspect

    from vsortd.service.client import Client

    for name in ("events", "history", "pause", "resume", "undo"):
        fake = inspect.signature(getattr(FakeClient, name)).parameters
        real = inspect.signature(getattr(Client, name)).parameters
        assert fake.keys() <= real.keys(), name
    with pytest.raises(VsortdError):
        Client(own_state).pause()
