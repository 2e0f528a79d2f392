"""`vsortd tray` as a process of its own on a desktop of its own: what is on the screen, in the menu, on the bus."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.desktop import Desk, Screen, session_bus, tray_manager, with_bindings, x_server
from tests.support.harness import Home
from tests.support.missing_packages import without_packages
from tests.support.waiting import PATIENCE_S, until
from vsortd.tray.notes import Note
from vsortd.tray.notifier import DesktopNotifications
from vsortd.tray.state import IconState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

if not sys.platform.startswith("linux"):
    pytest.skip("this desktop is an X server's", allow_module_level=True)

COMMAND = (sys.executable, "-m", "vsortd")


def _environment(home: Home, display: str = "", bus: str = "") -> dict[str, str]:
    """Return a person's environment on a desktop, with nothing of the machine's own."""
    own = {"DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "PYSTRAY_BACKEND", "XDG_RUNTIME_DIR"}
    kept = {name: value for name, value in home.environment.items() if name not in own}
    kept["DBUS_SESSION_BUS_ADDRESS"] = bus or "unix:path=/nonexistent"
    return kept | ({"DISPLAY": display} if display else {})


class Tray:
    """The process, and what it says."""

    def __init__(self, home: Home, environment: dict[str, str], *words: str) -> None:
        self._log = home.folder / "tray.log"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "--verbose", "tray", *words],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def said(self) -> str:
        return self._log.read_text(errors="replace")

    def end(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def _tray(home: Home, environment: dict[str, str], *words: str) -> Iterator[Tray]:
    tray = Tray(home, environment, *words)
    try:
        yield tray
    finally:
        if tray.process.poll() is None:
            tray.process.kill()
            tray.process.wait(PATIENCE_S)
        sys.stdout.write(tray.said())  # pytest shows it when the test fails


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Return a person's folders; whatever daemon was started ends."""
    made = Home.make(tmp_path / "home")
    yield made
    if made.daemon is not None:
        made.stop()


@pytest.fixture
def display() -> Iterator[str]:
    """Return a display without anything on it."""
    with x_server() as name:
        yield name


def _refused(home: Home, environment: dict[str, str]) -> str:
    words = [*COMMAND, "tray", "--wait", "100ms"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert 1 == done.returncode, done.stderr
    assert "Traceback" not in done.stderr
    assert not (home.folder / "state" / "tray.lock").exists() or "tray" in done.stderr
    return done.stderr


def test_without_a_desktop_it_says_so(home: Home) -> None:
    assert "no desktop is here ($DISPLAY and $WAYLAND_DISPLAY are not set)" in _refused(home, _environment(home))


def test_on_a_display_that_does_not_answer_it_says_so(home: Home) -> None:
    assert "See that $DISPLAY names a running desktop" in _refused(home, _environment(home, ":4711"))


def test_without_the_extra_it_says_what_to_install(home: Home, display: str, tmp_path: Path) -> None:
    said = _refused(home, _environment(home, display) | without_packages(tmp_path / "missing", "pystray"))
    assert "pystray, which is not installed" in said
    assert "pip install 'vsortd[desktop]'" in said


def test_on_wayland_alone_it_says_what_is_needed(home: Home) -> None:
    environment = _environment(home) | {"WAYLAND_DISPLAY": "wayland-0"}
    assert "gir1.2-ayatanaappindicator3-0.1" in _refused(home, environment)


def test_a_backend_that_does_not_exist_is_named(home: Home, display: str) -> None:
    environment = _environment(home, display) | {"PYSTRAY_BACKEND": "smoke"}
    assert "smoke" in _refused(home, environment)


def test_without_a_tray_manager_it_says_what_to_start(home: Home, display: str) -> None:
    said = _refused(home, _environment(home, display))
    assert f"no tray manager runs on display {display}" in said
    assert "trayer" in said


def test_broken_bindings_leave_the_plain_icon(home: Home, display: str, tmp_path: Path) -> None:
    """Alone, pystray would end with the AttributeError of the first backend it tries."""
    (tmp_path / "gi").mkdir()
    said = _refused(home, _environment(home, display) | {"PYTHONPATH": str(tmp_path)})
    assert f"no tray manager runs on display {display}" in said


@pytest.mark.long
def test_the_icon_follows_a_real_daemon(home: Home, display: str) -> None:
    """Not running, watching, paused by a command, resumed by a click on the icon, gone; then it ends as it is told."""
    environment = _environment(home, display)
    with tray_manager(display), Screen(display) as screen, _tray(home, environment) as tray:
        until(lambda: screen.shows(IconState.TROUBLE), what="it shows that there is no daemon")
        home.start()
        until(lambda: screen.shows(IconState.WATCHING), what="it found the daemon")
        home.run("pause")
        until(lambda: screen.shows(IconState.PAUSED), what="it shows the pause")
        if "VSORTD_TRAY_PICTURE" in os.environ:
            screen.picture().save(os.environ["VSORTD_TRAY_PICTURE"])
        place = screen.where(IconState.PAUSED)
        assert place is not None
        screen.click(place)
        until(lambda: screen.shows(IconState.WATCHING), what="a click has resumed")
        assert "running" == home.json("status")["state"]
        home.stop()
        until(lambda: screen.shows(IconState.TROUBLE), what="it misses the daemon")
        assert 0 == tray.end()
        until(lambda: not screen.shows(IconState.TROUBLE), what="the icon is gone")


def test_ctrl_c_ends_it(home: Home, display: str) -> None:
    with tray_manager(display), Screen(display) as screen, _tray(home, _environment(home, display)) as tray:
        until(lambda: screen.shows(IconState.TROUBLE), what="it is shown")
        assert 130 == tray.end(signal.SIGINT)


def test_a_second_tray_says_that_there_is_one(home: Home, display: str) -> None:
    environment = _environment(home, display)
    with tray_manager(display), Screen(display) as screen, _tray(home, environment) as tray:
        until(lambda: screen.shows(IconState.TROUBLE), what="it is shown")
        words = [*COMMAND, "tray"]
        second = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        assert 12 == second.returncode
        assert f"A tray icon already runs on {home.folder / 'state'} (process {tray.process.pid})." in second.stderr
        assert 0 == tray.end()


def test_a_panel_that_comes_late_or_anew_gets_the_icon(home: Home, display: str) -> None:
    with Screen(display) as screen, _tray(home, _environment(home, display), "--wait", "1m") as tray:
        for _ in range(2):
            with tray_manager(display) as panel:
                until(lambda: screen.shows(IconState.TROUBLE), what="it is shown")
                panel.kill()
            until(lambda: "the panel's tray is gone" in tray.said(), what="it noticed that the panel went")
        assert 0 == tray.end()


@pytest.mark.long
def test_an_indicators_menu_pauses_and_undoes(home: Home, display: str, tmp_path: Path, clips: Path) -> None:
    """AppIndicator for real: the menu as a panel gets it over the bus, a filing undone, the notifications shown."""
    with session_bus() as address, Desk(address) as desk:
        environment = with_bindings(_environment(home, display, address), tmp_path)
        home.start()
        with _tray(home, environment) as tray:
            until(lambda: bool(desk.indicators), what="the indicator is there")
            until(lambda: "vsortd: watching 1 inbox" in _texts(desk), what="the menu says what the daemon does")
            desk.choose("Pause")
            until(lambda: "Resume" in _texts(desk), what="the menu offers to resume")
            assert "paused" == home.json("status")["state"]
            desk.choose("Resume")
            until(lambda: "running" == home.look("status")["state"], what="it is resumed")

            clip = next(path for path in sorted(clips.iterdir()) if path.suffix == ".mp4")
            shutil.copy(clip, home.inbox / clip.name)
            home.wait(lambda: bool(home.items()), what="it was filed")
            assert home.items()[0]["state"] in {"filed", "review"}
            until(lambda: any(text.startswith(clip.name) for text in _texts(desk)), what="the menu has it")
            entry = next(text for text in _texts(desk) if text.startswith(clip.name))
            until(lambda: len(desk.notes) == 1, what="the batch was told")
            assert desk.notes[0][0] in {"1 video filed", "1 video to review"}
            desk.choose(entry, "Undo")
            until((home.inbox / clip.name).exists, what="it is back")
            until(lambda: len(desk.notes) == 2, what="the undo was told")
            assert f"{clip.name} is undone" == desk.notes[1][0]
            until(lambda: entry not in _texts(desk), what="it left the menu")
            desk.choose("Quit tray")
            assert 0 == tray.process.wait(PATIENCE_S)


def test_without_watcher_and_tray_an_indicator_says_so(home: Home, display: str, tmp_path: Path) -> None:
    with session_bus() as address:
        environment = with_bindings(_environment(home, display, address), tmp_path)
        said = _refused(home, environment)
    assert "no org.kde.StatusNotifierWatcher on the session bus, and no tray manager runs on display" in said


def _texts(desk: Desk) -> list[str]:
    return [text for _, text, _, _ in desk.menu()]


def test_a_notification_reaches_the_desktop_with_its_markup_made_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("desktop_notifier", reason="no desktop-notifier here (the extra `notify`)")
    with session_bus() as address, Desk(address) as desk:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        shown = DesktopNotifications()
        shown.show(Note("2 videos could not be filed", "<b>a & b.mp4</b>: no video in it"))
        shown.close()
        assert [("2 videos could not be filed", "&lt;b&gt;a &amp; b.mp4&lt;/b&gt;: no video in it")] == desk.notes
