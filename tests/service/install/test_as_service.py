"""The installed unit's own command, started as systemd starts it: by a supervisor of the test's, and by a real one."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.supervisor import Supervisor
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.service.install.conftest import Person


@pytest.fixture
def supervisor(person: Person, tmp_path: Path) -> Iterator[Supervisor]:
    """Yield a supervisor of the service that a person has installed."""
    person.run("service", "install")
    one = Supervisor(person.unit, tmp_path)
    yield one
    one.close()


def test_the_daemon_says_ready_how_it_stands_that_it_lives_and_that_it_stops(supervisor: Supervisor) -> None:
    supervisor.start()
    supervisor.hear(lambda heard: "READY=1" in heard)
    assert any(line.startswith("STATUS=") for line in supervisor.heard)
    supervisor.hear(lambda heard: heard.count("WATCHDOG=1") >= 3)
    supervisor.ear.settimeout(5)
    assert ExitCode.OK == supervisor.end()
    supervisor.hear(lambda heard: "STOPPING=1" in heard)
    assert supervisor.heard.index("READY=1") < supervisor.heard.index("STOPPING=1")


def test_a_config_that_broke_since_ends_with_a_code_that_is_not_started_again(
    supervisor: Supervisor, person: Person
) -> None:
    person.config.write_text("version: 2\nnonsense: 1\n")
    supervisor.start()
    assert supervisor.process is not None
    code = supervisor.process.wait(30)
    assert ExitCode.CONFIG == code
    assert code in supervisor.refused
    assert "READY=1" not in supervisor.heard


# A real systemd: a user's manager in mount namespace and cgroup of its own. Nothing but the test's home is shared.

_MANAGER = """\
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system {runtime}/systemd/user
chmod 700 {runtime}
# nothing is pulled in that cleans or touches the machine
for unit in systemd-tmpfiles-setup.service systemd-tmpfiles-clean.service systemd-tmpfiles-clean.timer; do
  ln -s /dev/null {runtime}/systemd/user/$unit
done
exec env -i HOME={home} PATH=/usr/bin:/bin XDG_RUNTIME_DIR={runtime} SYSTEMD_LOG_TARGET=console {systemd} --user
"""
_SYSTEMD = "/lib/systemd/systemd"


@contextlib.contextmanager
def own_cgroups() -> Iterator[list[Path]]:
    """Yield a cgroup of each hierarchy that systemd uses; they are removed at the end."""
    root = Path("/sys/fs/cgroup")
    hierarchies = [root] if (root / "cgroup.controllers").exists() else [root / "unified", root / "systemd"]
    made = []
    try:
        for hierarchy in hierarchies:
            if (hierarchy / "cgroup.procs").exists():
                made.append(hierarchy / f"vsortd-test-{os.getpid()}")
                made[-1].mkdir()
        yield made
    finally:
        for folder in made:
            for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
                path.rmdir()
            folder.rmdir()


@pytest.fixture
def real(person: Person, tmp_path: Path) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Yield what runs a command beside a real user's systemd."""
    if os.environ.get("VSORTD_REAL_SYSTEMD") != "1":
        pytest.skip("starts a real systemd; set VSORTD_REAL_SYSTEMD=1, as root, on a machine that is only for tests")
    if os.geteuid() != 0 or not Path(_SYSTEMD).exists() or shutil.which("unshare") is None:
        pytest.skip("a real systemd needs root, systemd and unshare")
    runtime = "/run/user/0"
    script = tmp_path / "manager.sh"
    script.write_text(_MANAGER.format(runtime=runtime, home=person.home, systemd=_SYSTEMD))
    with own_cgroups() as cgroups, (tmp_path / "manager.log").open("wb") as log:
        join = " && ".join(f"echo $$ > {folder}/cgroup.procs" for folder in cgroups)
        manager = subprocess.Popen(
            ["sh", "-c", f"{join or 'true'} && exec unshare -m sh {script}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )

        def run(*argv: str) -> subprocess.CompletedProcess[str]:
            kept = {key: value for key, value in person.environment.items() if not key.startswith("XDG_")}
            return subprocess.run(
                ["nsenter", "-t", str(manager.pid), "-m", *argv],
                env={**kept, "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "XDG_RUNTIME_DIR": runtime},
                cwd="/",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )

        try:
            deadline = time.monotonic() + 20
            while run("systemctl", "--user", "is-system-running").stdout.strip() not in {"running", "degraded"}:
                assert time.monotonic() < deadline, (tmp_path / "manager.log").read_text()
                time.sleep(0.1)
            yield run
        finally:
            run("systemctl", "--user", "stop", "vsortd.service")
            manager.send_signal(signal.SIGTERM)
            try:
                manager.wait(20)
            except subprocess.TimeoutExpired:
                manager.kill()
                manager.wait()
            time.sleep(0.5)  # its children leave their cgroups


def test_a_real_systemd_runs_reloads_restarts_and_forgets_it(
    real: Callable[..., subprocess.CompletedProcess[str]], person: Person
) -> None:
    def vsortd(*argv: str) -> subprocess.CompletedProcess[str]:
        return real(*person.command, *argv)

    def shown(name: str) -> str:
        return real("systemctl", "--user", "show", "vsortd.service", f"--property={name}", "--value").stdout.strip()

    before = person.files()
    done = vsortd("service", "install")
    assert 0 == done.returncode, done.stderr
    assert ("active", "enabled") == (shown("ActiveState"), shown("UnitFileState"))
    assert "watching 1 inbox" in shown("StatusText")
    assert "watching 1 inbox" in vsortd("service", "status").stdout

    assert 0 == real("systemctl", "--user", "reload", "vsortd.service").returncode
    good = person.config.read_text()
    person.config.write_text(good + "nonsense: 1\n")
    assert 0 != real("systemctl", "--user", "reload", "vsortd.service").returncode, "a refused config is told"
    assert "active" == shown("ActiveState"), "and the daemon goes on with the one it had"

    real("systemctl", "--user", "restart", "vsortd.service")
    time.sleep(2)
    assert ("failed", "exit-code", "10", "0") == tuple(
        shown(name) for name in ("ActiveState", "Result", "ExecMainStatus", "NRestarts")
    ), "a bad config does not loop"

    person.config.write_text(good)
    assert 0 == vsortd("service", "install").returncode
    pid = shown("MainPID")
    real("systemctl", "--user", "kill", "--signal=KILL", "vsortd.service")
    deadline = time.monotonic() + 45
    while shown("SubState") != "running" or shown("MainPID") == pid:
        assert time.monotonic() < deadline, "a crash is started again"
        time.sleep(0.5)

    assert 0 == vsortd("service", "uninstall").returncode
    assert before == person.files()
    assert "not-found" == shown("LoadState")
