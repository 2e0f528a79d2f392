"""`vsortd service` with a manager that only writes down what it is told: what it leaves in the home, and what not."""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.missing_packages import without_packages
from vsortd.errors import ExitCode
from vsortd.service.lock import DaemonLock

if TYPE_CHECKING:
    from tests.service.install.conftest import Person


def test_install_writes_enables_and_starts(person: Person) -> None:
    said = person.run("service", "install").stdout

    assert [
        "loginctl enable-linger",
        "systemctl --user daemon-reload",
        "systemctl --user enable vsortd.service",
        "systemctl --user restart vsortd.service",
    ] == person.calls()
    assert "wrote ~/.config/systemd/user/vsortd.service" in said
    assert "Next: vsortd service status" in said
    assert '--config "' + str(person.config).replace("%", "%%") + '" run' in person.unit.read_text()
    assert 0o644 == person.unit.stat().st_mode & 0o777
    entry = configparser.RawConfigParser()
    entry.read(person.entry)
    assert entry["Desktop Entry"]["Exec"].endswith(" -P -m vsortd tray --wait 1m")
    assert f"VSORTD_STATE_DIR={person.state}" in entry["Desktop Entry"]["Exec"]


def test_no_icon_is_started_where_its_package_is_missing(person: Person) -> None:
    person.more |= without_packages(person.folder / "missing", "pystray")
    said = " ".join(person.run("service", "install").stdout.split())

    assert person.unit.is_file()
    assert not person.entry.exists()
    assert "No tray icon is started at login, as pystray is not installed" in said
    assert "pip install 'vsortd[desktop]'" in said
    assert "tray" not in person.run("service", "install", "--no-tray").stdout  # nobody asked for it


def test_uninstall_leaves_nothing_behind(person: Person) -> None:
    before = person.files()
    person.run("service", "install")
    assert before != person.files()

    said = person.run("service", "uninstall").stdout

    assert before == person.files()
    assert "systemctl --user disable --now vsortd.service" == person.calls()[4]
    assert "systemctl --user daemon-reload" in person.calls()[5:]
    assert "loginctl disable-linger" == person.calls()[-1]
    assert "can still be undone" in said
    assert "Nothing is installed." in person.run("service", "uninstall").stdout


def test_uninstall_keeps_what_others_put_beside_it(person: Person) -> None:
    person.run("service", "install")
    theirs = person.unit.with_name("other.service")
    theirs.write_text("[Service]\n")

    person.run("service", "uninstall")

    assert theirs.exists()
    assert not person.entry.parent.exists()


def test_a_dry_run_prints_what_install_does_and_does_nothing(person: Person) -> None:
    before = person.files()
    planned = person.json("service", "install", "--dry-run")
    said = person.run("service", "install", "--dry-run").stdout
    assert before == person.files()
    assert [] == person.calls()

    person.run("service", "install")

    written = [step for step in planned["steps"] if step["do"] == "write"]
    assert [str(person.unit), str(person.entry)] == [step["path"] for step in written]
    assert [person.unit.read_text(), person.entry.read_text()] == [step["text"] for step in written]
    assert person.calls() == [" ".join(step["command"]) for step in planned["steps"] if step["do"] == "run"]
    assert "    ExecStart=" in said
    assert "would run systemctl --user enable vsortd.service" in said
    assert planned["dry_run"] is True


def test_install_again_changes_the_service_and_nothing_else(person: Person) -> None:
    person.run("service", "install")
    first = person.files()
    person.more["VSORTD_FFMPEG"] = "/opt/my ffmpeg"
    person.run("service", "install")
    assert first == person.files()
    assert 'Environment="VSORTD_FFMPEG=/opt/my ffmpeg"' in person.unit.read_text()
    assert "Lingering=yes" in person.unit.read_text()


def test_without_a_tray(person: Person) -> None:
    person.run("service", "install", "--no-tray")
    assert not person.entry.exists()


def test_a_config_with_mistakes_is_not_installed(person: Person) -> None:
    person.config.write_text(person.config.read_text() + "nonsense: 1\n")
    said = person.run("service", "install", code=ExitCode.CONFIG).stderr
    assert "nonsense" in said
    assert [] == person.files()
    assert [] == person.calls()


def test_a_unit_that_install_did_not_write_is_left(person: Person) -> None:
    person.unit.parent.mkdir(parents=True)
    person.unit.write_text("[Service]\nExecStart=/usr/bin/env vsortd run\n")
    said = person.run("service", "install", code=ExitCode.FAILURE).stderr
    assert "did not write it" in said
    assert "/usr/bin/env" in person.unit.read_text()
    assert not person.entry.exists()
    assert [] == person.calls()


def test_a_command_that_fails_is_told_with_the_way_back(person: Person) -> None:
    person.more["FAKE_FAILS"] = "restart"
    said = person.run("service", "install", code=ExitCode.FAILURE).stderr
    assert "`systemctl --user restart vsortd.service` failed: it is broken." in said
    assert "vsortd service uninstall" in said
    person.more.clear()
    person.run("service", "uninstall")
    assert [] == person.files()


def test_lingering_that_is_refused_is_only_told(person: Person) -> None:
    person.more["FAKE_FAILS"] = "enable-linger"
    done = person.run("service", "install")
    assert "warning: `loginctl enable-linger` failed" in done.stderr
    assert "sudo loginctl enable-linger" in done.stderr
    assert "systemctl --user restart vsortd.service" == person.calls()[-1]


def test_a_daemon_that_runs_by_hand_is_named(person: Person) -> None:
    person.more["FAKE_STATE"] = "inactive"
    with DaemonLock(person.state):
        said = person.run("service", "install", code=ExitCode.RUNNING).stderr
    assert "vsortd stop" in said
    assert [] == person.files()


def test_status_before_and_after(person: Person) -> None:
    before = person.json("service", "status")
    assert (False, "") == (before["installed"], before["file"])
    assert "Next: vsortd service install" in person.run("service", "status").stdout

    person.run("service", "install")

    after = person.json("service", "status")
    assert (True, True, True) == (after["installed"], after["enabled"], after["active"])
    assert str(person.unit) == after["file"]
    assert str(person.entry) == after["tray"]
    assert ("watching 1 inbox", 7, 2) == (after["status"], after["pid"], after["restarts"])
    assert "daemon   watching 1 inbox" in person.run("service", "status").stdout


@pytest.fixture
def without_systemd(person: Person, tmp_path: Path) -> Person:
    """Return a person whose systemctl finds nobody to talk to."""
    program = tmp_path / "bin" / "systemctl"
    program.write_text("#!/bin/sh\necho 'System has not been booted with systemd' >&2\nexit 1\n")
    return person


@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="this machine runs systemd")
def test_without_systemd_the_remedy_is_another_supervisor(without_systemd: Person) -> None:
    said = without_systemd.run("service", "install", code=ExitCode.FAILURE).stderr
    assert "does not run systemd" in said
    assert "vsortd run" in said
    assert [] == without_systemd.files()


def test_without_systemd_a_dry_run_still_prints_and_status_still_answers(without_systemd: Person) -> None:
    assert "[Install]" in without_systemd.run("service", "install", "--dry-run").stdout
    form = without_systemd.json("service", "status")
    assert not form["installed"]
    assert "has not been booted" in form["trouble"]


def test_an_account_goes_with_system_only(person: Person) -> None:
    person.run("service", "install", "--account", "daemon", code=ExitCode.USAGE)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as --system does")
def test_the_machines_service_wants_an_account_that_is_there_and_not_root(person: Person) -> None:
    for argv, expected in (
        ((), "needs an account"),
        (("--account", "nobody-of-that-name"), "useradd --system"),
        (("--account", "root"), "not installed to run as root"),
    ):
        said = person.run("service", "install", "--system", *argv, code=ExitCode.USAGE).stderr
        assert expected in said


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another")
def test_with_sudo_the_service_would_be_roots(person: Person) -> None:
    person.more["SUDO_USER"] = "me"
    assert "Leave sudo out" in person.run("service", "install", code=ExitCode.USAGE).stderr
