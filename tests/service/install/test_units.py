"""The units that install writes: what they say, and what systemd itself thinks of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from vsortd.core.resources import resource_folder
from vsortd.errors import ExitCode, UsageError
from vsortd.service.install.program import MARK, Command, CommandResult, Scope, Setup, Write
from vsortd.service.install.systemd import GROWING_DELAY, Places, Systemd, fill, for_version, quoted, sandbox

if TYPE_CHECKING:
    from pathlib import Path

SETUP = Setup(
    "/usr/bin/python3",
    "/etc/xdg/vsortd/config.yaml",
    "/var/lib/vsortd",
    ("/srv/videos/in", "/srv/videos/out"),
    account="daemon",
)
# What `systemd-analyze security` may say at most: 0 is shut off, 10 is open. A user's manager can do less.
EXPOSURE = {Scope.USER: 6.5, Scope.SYSTEM: 2.2}


class Manager:
    """systemctl, as far as install asks it before it writes."""

    def __init__(self, version: int = 257) -> None:
        self.version = version

    def __call__(self, argv: tuple[str, ...]) -> CommandResult:
        return CommandResult(0, f"systemd {self.version} (fake)\n" if "--version" in argv else "")


def unit_of(scope: Scope, folder: Path, setup: Setup = SETUP, version: int = 257) -> str:
    """Return the unit's text."""
    places = Places(folder, folder, lingering=folder, user="me", device_groups=("render", "video"))
    (write, *_) = Systemd(scope, places, Manager(version)).install(setup).steps
    assert isinstance(write, Write)
    return write.text


def settings_of(text: str) -> dict[str, list[str]]:
    """Return a unit's settings without its comments."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("scope", list(Scope))
def test_the_unit_runs_vsortd_and_restarts_only_what_a_restart_can_mend(scope: Scope, tmp_path: Path) -> None:
    unit = settings_of(unit_of(scope, tmp_path))

    assert ["/usr/bin/python3 -P -m vsortd --config /etc/xdg/vsortd/config.yaml run --json-log"] == unit["ExecStart"]
    assert ["notify"] == unit["Type"]
    assert ["5min"] == unit["WatchdogSec"]
    assert ["on-failure"] == unit["Restart"]
    assert [f"{ExitCode.USAGE:d} {ExitCode.CONFIG:d} {ExitCode.RUNNING:d}"] == unit["RestartPreventExitStatus"]
    assert ["30min"] == unit["StartLimitIntervalSec"]
    assert "VSORTD_STATE_DIR=/var/lib/vsortd" in unit["Environment"]
    assert ["continue"] == unit["OOMPolicy"]


@pytest.mark.parametrize("scope", list(Scope))
def test_nothing_that_costs_cuda_is_set(scope: Scope, tmp_path: Path) -> None:
    unit = settings_of(unit_of(scope, tmp_path))
    assert not {"PrivateDevices", "ProtectClock", "MemoryDenyWriteExecute", "ProcSubset"} & set(unit)
    if scope is Scope.SYSTEM:
        assert ["closed"] == unit["DevicePolicy"]
        assert "char-nvidia* rw" in unit["DeviceAllow"]


def test_the_users_unit_mounts_nothing(tmp_path: Path) -> None:
    unit = settings_of(unit_of(Scope.USER, tmp_path))
    assert not [key for key in unit if key.startswith(("Protect", "ReadWrite", "ReadOnly", "Bind", "Private"))]


@pytest.mark.parametrize("scope", list(Scope))
def test_every_setting_has_its_comment(scope: Scope) -> None:
    name = "user" if scope is Scope.USER else "system"
    text = (resource_folder("service") / "systemd" / name / "vsortd.service").read_text("utf-8")
    assert MARK in text
    for block in re.split(r"\n(?=#)", text):  # settings that belong together share the comment above them
        lines = [line for line in block.splitlines() if line and not line.startswith(("#", "["))]
        assert len(lines) <= 5 or not lines, block
    first = next(line for line in text.split("[Service]")[1].splitlines() if line)
    assert first.startswith("#")


def test_restarts_wait_ever_longer_where_systemd_can(tmp_path: Path) -> None:
    new = settings_of(unit_of(Scope.USER, tmp_path, version=GROWING_DELAY))
    assert ["5s", "6", "5min"] == [*new["RestartSec"], *new["RestartSteps"], *new["RestartMaxDelaySec"]]
    old = settings_of(unit_of(Scope.USER, tmp_path, version=GROWING_DELAY - 1))
    assert ["30s"] == old["RestartSec"]
    assert "RestartSteps" not in old
    assert "RestartSteps" in for_version("RestartSteps=6\n", None)


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (("/srv/v/in", "/srv/v/out"), ("strict", "-/srv/v", "yes", "yes")),
        (("/srv/in", "/srv/in/sorted"), ("strict", "-/srv/in", "yes", "yes")),
        (("/home/me/in", "/home/me/My Videos"), ("strict", "-/home/me", "read-only", "yes")),
        (("/srv/my in", "/srv/my in/out"), ("strict", '"-/srv/my in"', "yes", "yes")),
        (("/mnt/in", "/srv/out"), ("full", "", "yes", "yes")),
        (("/home/me/in", "/srv/out"), ("full", "", "no", "yes")),
        (("/tmp/v/in", "/tmp/v/out"), ("strict", "-/tmp/v", "yes", "no")),  # noqa: S108 - a text
    ],
)
def test_one_folder_may_be_written_to_or_none_is_shut(folders: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert expected == tuple(sandbox(Setup("/usr/bin/python3", "/etc/c.yaml", "/var/lib/vsortd", folders)).values())


def test_where_only_the_root_is_shared_no_empty_list_is_written(tmp_path: Path) -> None:
    setup = Setup("/usr/bin/python3", "/etc/c.yaml", "/var/lib/vsortd", ("/mnt/in", "/srv/out"), account="daemon")
    unit = settings_of(unit_of(Scope.SYSTEM, tmp_path, setup))
    assert ["full"] == unit["ProtectSystem"]
    assert "ReadWritePaths" not in unit


def test_names_come_back_from_systemd_as_they_were(tmp_path: Path) -> None:
    assert "/a/b-c_d.e" == quoted("/a/b-c_d.e")
    assert "/100%%" == quoted("/100%")
    assert r'"/a b \"c\" \\d"' == quoted(r'/a b "c" \d')
    assert r'"/a\x0ab"' == quoted("/a\nb")
    setup = Setup("/usr/bin/python3", '/my $HOME/100% "of" it.yaml', "/s t", ("/a",))
    unit = settings_of(unit_of(Scope.USER, tmp_path, setup))
    assert [r'/usr/bin/python3 -P -m vsortd --config "/my $$HOME/100%% \"of\" it.yaml" run --json-log'] == unit[
        "ExecStart"
    ]
    assert '"VSORTD_STATE_DIR=/s t"' in unit["Environment"]


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="UTF-8"):
        unit_of(Scope.USER, tmp_path, Setup("/usr/bin/python3", "/odd\udcff.yaml", "/s"))


def test_a_placeholder_that_nobody_fills_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        fill("X=@UNKNOWN@", {})


def test_the_machines_unit_has_neither_tray_nor_lingering(tmp_path: Path) -> None:
    places = Places(tmp_path, tmp_path, user="me")
    plan = Systemd(Scope.SYSTEM, places, Manager()).install(SETUP)
    assert 1 == sum(isinstance(step, Write) for step in plan.steps)
    assert not [step for step in plan.steps if isinstance(step, Command) and "loginctl" in step.argv]
    assert "sudo -u daemon env VSORTD_STATE_DIR=/var/lib/vsortd vsortd status" in plan.notes[0]


def _analyze(*argv: str, runtime: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *argv],
        env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _written(scope: Scope, folder: Path) -> Path:
    version = re.match(r"systemd (\d+)", _analyze("--version", runtime=folder).stdout)
    assert version is not None
    path = folder / "vsortd.service"
    path.write_text(unit_of(scope, folder, version=int(version[1])))
    return path


needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")


@needs_systemd
@pytest.mark.parametrize("scope", list(Scope))
def test_systemd_has_nothing_to_say_against_the_unit(scope: Scope, tmp_path: Path) -> None:
    path = _written(scope, tmp_path)
    mode = ["--user"] if scope is Scope.USER else []
    done = _analyze("verify", "--man=no", *mode, str(path), runtime=tmp_path)
    said = [line for line in done.stderr.splitlines() if "vsortd" in line]
    assert (0, []) == (done.returncode, said), done.stderr


@needs_systemd
@pytest.mark.parametrize("scope", list(Scope))
def test_the_units_exposure_stays_low(scope: Scope, tmp_path: Path) -> None:
    path = _written(scope, tmp_path)
    done = _analyze("security", "--offline=true", "--no-pager", str(path), runtime=tmp_path)
    score = re.search(r"exposure level for vsortd\.service: ([\d.]+)", done.stdout)
    assert score is not None, done.stdout + done.stderr
    assert float(score[1]) <= EXPOSURE[scope], done.stdout


@pytest.mark.parametrize("scope", list(Scope))
def test_the_unit_lets_decoders_give_up_their_rights(scope: Scope, tmp_path: Path) -> None:
    """A filter without these calls answers "not permitted", and workers would run unconfined."""
    lines = [line.partition("=")[2] for line in unit_of(scope, tmp_path, version=252).splitlines()]
    filters = [line.split() for line in lines if "landlock_create_ruleset" in line]
    needed = {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "seccomp"}
    assert [needed] == [set(one) for one in filters]
    assert "~" not in filters[0][0]
