"""A desktop for tests: an X server, a tray manager, a session bus with whoever shows notifications and indicators."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from PIL import Image

from tests.support.waiting import PATIENCE_S, until
from vsortd.tray.icon import PLATES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.tray.icon import Colour
    from vsortd.tray.state import IconState

_QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
# Where Debian keeps the bindings for its own Python; they load into another one of the same version.
_SYSTEM_GI = Path("/usr/lib/python3/dist-packages/gi")
_TYPELIBS = ("Gtk-3.0.typelib", "AyatanaAppIndicator3-0.1.typelib")


def need(*programs: str) -> None:
    """Skip where a program is absent."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"no {program} here (Debian: apt-get install xvfb trayer dbus)")


@contextlib.contextmanager
def running(*words: str, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for the length of the context."""
    process = subprocess.Popen(words, env=environment, **_QUIET)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


@contextlib.contextmanager
def x_server() -> Iterator[str]:
    """Run an X server without a screen; yield its display."""
    need("Xvfb")
    ear, mouth = os.pipe()
    words = ["Xvfb", "-displayfd", str(mouth), "-screen", "0", "640x480x24", "-nolisten", "tcp"]
    server = subprocess.Popen(words, pass_fds=[mouth], **_QUIET)  # type: ignore[call-overload]
    os.close(mouth)
    try:
        with os.fdopen(ear) as told:
            number = told.readline().strip()
        if not number:
            pytest.skip("Xvfb found no free display")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


@contextlib.contextmanager
def tray_manager(display: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a panel with a tray, 24 pixels high, along the top."""
    need("trayer")
    words = ["trayer", "--edge", "top", "--align", "right", "--widthtype", "request", "--height", "24"]
    xorg = importlib.import_module("Xlib.display")
    with running(*words, environment={**os.environ, "DISPLAY": display}) as panel:
        connection = xorg.Display(display)
        try:
            selection = connection.intern_atom("_NET_SYSTEM_TRAY_S0")
            until(lambda: connection.get_selection_owner(selection) != 0, what="the panel has a tray")
        finally:
            connection.close()
        yield panel


@contextlib.contextmanager
def session_bus() -> Iterator[str]:
    """Run a session bus; yield its address."""
    need("dbus-daemon")
    words = ["dbus-daemon", "--session", "--nofork", "--print-address=1"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as bus:
        assert bus.stdout is not None
        try:
            yield bus.stdout.readline().strip()
        finally:
            bus.terminate()


def with_bindings(environment: dict[str, str], folder: Path) -> dict[str, str]:
    """Return an environment in which this Python finds the system's PyGObject; skip where it can't be had."""
    absent = [name for name in _TYPELIBS if not list(Path("/usr/lib").glob(f"*/girepository-1.0/{name}"))]
    if not _SYSTEM_GI.is_dir():
        absent.insert(0, "gi")
    if absent:
        packages = "python3-gi gir1.2-gtk-3.0 gir1.2-ayatanaappindicator3-0.1"
        pytest.skip(f"no {absent[0]} here (Debian: apt-get install {packages})")
    if not list(_SYSTEM_GI.glob(f"_gi.{sys.implementation.cache_tag}-*.so")):
        pytest.skip("Debian's PyGObject is for another Python")
    (folder / "gi").symlink_to(_SYSTEM_GI)
    environment = {**environment, "PYTHONPATH": str(folder)}
    code = (
        "import gi\ngi.require_version('Gtk', '3.0')\ngi.require_version('AyatanaAppIndicator3', '0.1')\n"
        "from gi.repository import Gtk, AyatanaAppIndicator3"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the AppIndicator bindings don't load into this Python: {done.stderr.strip().splitlines()[-1]}")
    return environment


@dataclass
class Screen:
    """What a person sees of a display, and a mouse."""

    display: str

    def __enter__(self) -> Self:
        self._x = importlib.import_module("Xlib.X")
        self._connection = importlib.import_module("Xlib.display").Display(self.display)
        self._root = self._connection.screen().root
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def picture(self) -> Image.Image:
        """Return a screenshot."""
        size = self._root.get_geometry()
        raw = self._root.get_image(0, 0, size.width, size.height, self._x.ZPixmap, 0xFFFFFFFF)
        return Image.frombytes("RGB", (size.width, size.height), raw.data, "raw", "BGRX")

    def where(self, state: IconState) -> tuple[int, int] | None:
        """Return a point within the icon, where enough of the state's colour is to be seen."""
        picture = self.picture()
        pixels = picture.load()
        assert pixels is not None
        found = [(x, y) for y in range(40) for x in range(picture.width) if _near(pixels[x, y], PLATES[state])]
        return found[len(found) // 2] if len(found) >= 60 else None

    def shows(self, state: IconState) -> bool:
        """Tell whether the icon is to be seen in that state."""
        return self.where(state) is not None

    def click(self, at: tuple[int, int]) -> None:
        """Click with the left button."""
        xtest = importlib.import_module("Xlib.ext.xtest")
        xtest.fake_input(self._connection, self._x.MotionNotify, x=at[0], y=at[1])
        for event in (self._x.ButtonPress, self._x.ButtonRelease):
            xtest.fake_input(self._connection, event, 1)
        self._connection.sync()


def _near(pixel: Any, colour: Colour) -> bool:
    """Tell whether a pixel has a colour, as near as it is when an icon is made smaller."""
    return all(abs(one - other) <= 30 for one, other in zip(pixel, colour, strict=True))


@dataclass
class Desk:
    """The other side of the session bus, on a thread of its own: takes notes, hosts indicators, clicks in menus."""

    address: str
    notes: list[tuple[str, str]] = field(default_factory=list)
    indicators: list[tuple[str, str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._do(self._connect())
        return self

    def __exit__(self, *_: object) -> None:
        async def end() -> None:
            self._bus.disconnect()
            await self._bus.wait_for_disconnect()

        with contextlib.suppress(Exception):
            self._do(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    async def _connect(self) -> None:
        peer = importlib.import_module("tests.support.dbus_peer")
        aio = importlib.import_module("dbus_fast.aio")
        self._bus = await aio.MessageBus(bus_address=self.address).connect()
        self._bus.export("/org/freedesktop/Notifications", peer.Notifications(self.notes))
        self._bus.export("/StatusNotifierWatcher", peer.Watcher(self.indicators))
        self._bus.add_message_handler(self._take_sender)
        await self._bus.request_name("org.freedesktop.Notifications")
        await self._bus.request_name("org.kde.StatusNotifierWatcher")

    def _take_sender(self, message: Any) -> None:
        """Note who registers an indicator: its menu is asked of that connection."""
        if message.member == "RegisterStatusNotifierItem":
            self.indicators.append((message.sender, message.body[0]))

    def menu(self) -> list[tuple[int, str, bool, list[Any]]]:
        """Return the indicator's menu as the panel gets it: number, text, enabled, children."""
        layout = self._ask("GetLayout", "iias", [0, -1, []])[1]
        return _entries(layout)

    def choose(self, *texts: str) -> None:
        """Choose an entry of the menu by its text, through submenus."""
        entries = self.menu()
        for text in texts:
            number, _, enabled, entries = next(entry for entry in entries if entry[1] == text)
            assert enabled, text
        variant = importlib.import_module("dbus_fast").Variant
        self._ask("Event", "isvu", [number, "clicked", variant("i", 0), 0])

    def _ask(self, member: str, signature: str, body: list[Any]) -> list[Any]:
        message = importlib.import_module("dbus_fast").Message
        sender, path = self.indicators[-1]
        asked = message(
            destination=sender,
            path=f"{path}/Menu",
            interface="com.canonical.dbusmenu",
            member=member,
            signature=signature,
            body=body,
        )
        answer = self._do(self._bus.call(asked))
        assert "error" not in str(answer.message_type).lower(), answer.body
        return list(answer.body)


def _entries(layout: Any) -> list[tuple[int, str, bool, list[Any]]]:
    found = []
    for child in layout[2]:
        number, properties, _ = child.value
        said = {name: variant.value for name, variant in properties.items()}
        text = said.get("label", "").replace("__", "_")
        found.append((number, text, said.get("enabled", True), _entries(child.value)))
    return found
