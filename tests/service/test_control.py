"""The daemon's lock and its control API, over real sockets and real processes."""

from __future__ import annotations

import http.client
import os
import socket
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from vsortd.errors import AlreadyRunningError, ConfigError, DaemonUnreachableError
from vsortd.service.api import ControlServer
from vsortd.service.client import SOCKET_NAME, Client
from vsortd.service.lock import DaemonLock, daemon_holds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Fake:
    """A daemon that only remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def status(self) -> dict[str, object]:
        return {"state": "running", "threads": threading.active_count()}

    def scan(self) -> None:
        self.asked.append("scan")

    def reload(self) -> list[str]:
        self.asked.append("reload")
        if len(self.asked) > 1:
            raise ConfigError("line 3: no")
        return ["rules"]

    def stop(self) -> None:
        self.asked.append("stop")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Fake, Path]]:
    fake = Fake()
    server = ControlServer(fake, tmp_path)
    server.start()
    yield fake, tmp_path
    server.stop()
    assert not (tmp_path / SOCKET_NAME).exists()


def test_commands_reach_the_daemon(served: tuple[Fake, Path]) -> None:
    fake, folder = served
    client = Client(folder)
    assert "running" == client.status()["state"]
    client.scan()
    client.stop()
    assert ["scan", "stop"] == fake.asked


def test_a_refused_reload_tells_the_reason_and_a_good_one_what_changed(served: tuple[Fake, Path]) -> None:
    client = Client(served[1])
    assert ["rules"] == client.reload()
    with pytest.raises(ConfigError, match="line 3: no"):
        client.reload()


def test_only_the_owner_can_open_the_socket(served: tuple[Fake, Path]) -> None:
    _, folder = served
    assert 0o600 == stat.S_IMODE((folder / SOCKET_NAME).stat().st_mode)


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Host": "localhost", "Origin": "http://evil.example"}],
    ids=["host", "origin"],
)
def test_what_comes_from_a_web_page_is_refused(served: tuple[Fake, Path], headers: dict[str, str]) -> None:
    _, folder = served
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.connect(str(folder / SOCKET_NAME))
    connection.request("POST", "/v1/stop", headers=headers)
    assert 403 == connection.getresponse().status
    connection.close()


def test_a_folder_with_a_name_too_long_for_a_socket_works(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    server = ControlServer(Fake(), folder)
    server.start()
    try:
        assert "running" == Client(folder).status()["state"]
    finally:
        server.stop()


def test_no_daemon_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(DaemonUnreachableError, match="No daemon answers"):
        Client(tmp_path).status()


def test_a_socket_left_by_a_dead_daemon_is_no_daemon(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(tmp_path / SOCKET_NAME))
    left.close()
    with pytest.raises(DaemonUnreachableError):
        Client(tmp_path).status()
    server = ControlServer(Fake(), tmp_path)
    server.start()
    assert "running" == Client(tmp_path).status()["state"]
    server.stop()


def test_a_second_daemon_is_refused_and_names_the_first(tmp_path: Path) -> None:
    with DaemonLock(tmp_path), pytest.raises(AlreadyRunningError, match=str(os.getpid())):
        DaemonLock(tmp_path).__enter__()


def test_a_killed_daemon_gives_its_lock_back(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from vsortd.service.lock import DaemonLock\n"
        "with DaemonLock(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert b"held\n" == process.stdout.readline()
    assert daemon_holds(tmp_path)
    process.kill()
    process.wait()
    process.stdout.close()
    assert not daemon_holds(tmp_path)
    with DaemonLock(tmp_path):
        pass
