"""What systemd is told, heard on a socket of the test's own."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

import pytest

from vsortd.service.notify import STATUS_CHARS, Notifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["a path", "an abstract name"])
def heard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """Yield NOTIFY_SOCKET's value and the socket behind it."""
    named = request.param == "a path"
    name = str(tmp_path / "notify") if named else f"@vsortd-test-{os.getpid()}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(name if named else "\0" + name[1:])
        ear.settimeout(2)
        yield name, ear


def test_each_message_arrives_as_systemd_reads_it(heard: tuple[str, socket.socket]) -> None:
    name, ear = heard
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "3000000"})

    notifier.ready("watching 2 inboxes")
    assert b"READY=1\nSTATUS=watching 2 inboxes" == ear.recv(4096)
    notifier.status("3 waiting")
    assert b"STATUS=3 waiting" == ear.recv(4096)
    notifier.watchdog()
    assert b"WATCHDOG=1" == ear.recv(4096)
    notifier.stopping()
    assert b"STOPPING=1" == ear.recv(4096)
    before_us = time.monotonic_ns() // 1000
    notifier.reloading()
    first, second = ear.recv(4096).decode().split("\n")
    assert "RELOADING=1" == first
    assert before_us <= int(second.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000


def test_a_strangers_name_in_the_status_can_not_say_anything_else(heard: tuple[str, socket.socket]) -> None:
    name, ear = heard
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": name})

    notifier.status("filing a\nSTOPPING=1\n" + "x" * 5000)

    assert "STATUS=filing a STOPPING=1 x" == ear.recv(8192).decode()[:28]
    notifier.status("x" * 5000)
    assert len("STATUS=") + STATUS_CHARS == len(ear.recv(8192))
    notifier.status("odd \udcff name")
    assert rb"STATUS=odd \udcff name" == ear.recv(8192)


def test_nothing_happens_and_nothing_raises_without_a_manager(tmp_path: Path) -> None:
    for variables in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}, {"NOTIFY_SOCKET": "relative"}):
        notifier = Notifier.from_environment(variables)
        assert notifier.watchdog_s is None
        notifier.ready("x")
        notifier.status("x")
        notifier.reloading()
        notifier.watchdog()
        notifier.stopping()


def test_a_manager_that_does_not_read_stops_nobody(heard: tuple[str, socket.socket]) -> None:
    name, _ = heard
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": name})
    begin_s = time.monotonic()
    for number in range(2000):  # more than a socket holds
        notifier.status(f"{number} " + "x" * 400)
    assert time.monotonic() - begin_s < 5


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "²"}, None),
        ({"WATCHDOG_USEC": "9" * 400}, None),
        ({"WATCHDOG_USEC": "9" * 5000}, None),
        ({}, None),
    ],
)
def test_the_watchdog_wants_a_sign_at_half_its_time(variables: dict[str, str], expected: float | None) -> None:
    assert expected == Notifier.from_environment(variables).watchdog_s
