"""launchd: an agent of the logged-in user for the daemon, and one for the tray (launchd.plist(5))."""

from __future__ import annotations

import os
import plistlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsortd.errors import UsageError
from vsortd.service.install.program import (
    MARK,
    Command,
    InstallPlan,
    Remove,
    Run,
    Scope,
    ServiceError,
    Write,
    run_command,
)

if TYPE_CHECKING:
    from vsortd.service.install.program import Setup, Step

DAEMON = "org.vsortd.daemon"
TRAY = "org.vsortd.tray"


class Launchd:
    """Installs agents in ~/Library/LaunchAgents."""

    kind = "launchd"
    scope = Scope.USER

    def __init__(self, home: Path | None = None, uid: int | None = None, run: Run = run_command) -> None:
        self._agents = (home or Path.home()) / "Library" / "LaunchAgents"
        self._uid = _own_uid() if uid is None else uid
        self._run = run

    def require(self) -> None:
        """Raise ServiceError where nobody is logged in at the screen: agents belong to that session."""
        answer = self._run(("launchctl", "print", f"gui/{self._uid}"))
        if answer.code != 0:
            raise ServiceError(
                f"launchd has no session of yours ({' '.join(answer.err.split()) or answer.code}).",
                remedy="Log in at the screen and run it in a terminal there.",
            )

    def install(self, setup: Setup) -> InstallPlan:
        """Write and load the agents; one that is loaded already is put out first."""
        jobs = {DAEMON: daemon_agent(setup)} | ({TRAY: tray_agent(setup)} if setup.tray else {})
        steps: list[Step] = []
        for label, agent in jobs.items():
            path = self._path(label)
            if path.exists():
                steps.append(Command(("launchctl", "bootout", f"gui/{self._uid}/{label}"), optional=True))
            steps += [
                Write(path, as_text(agent)),
                Command(("launchctl", "enable", f"gui/{self._uid}/{label}")),
                Command(
                    ("launchctl", "bootstrap", f"gui/{self._uid}", str(path)),
                    remedy=f"See why: launchctl print gui/{self._uid}/{label}",
                ),
            ]
        return InstallPlan(tuple(steps), ("It runs while you are logged in at the screen.",), "vsortd service status")

    def uninstall(self) -> InstallPlan:
        """Put the agents out, which ends them, and remove their files."""
        steps: list[Step] = []
        for label in (DAEMON, TRAY):
            path = self._path(label)
            if os.path.lexists(path):
                steps += [
                    Command(("launchctl", "bootout", f"gui/{self._uid}/{label}"), optional=True),
                    Remove(path, (self._agents,)),
                ]
        if steps and self.state_folder():
            state = Path(self.state_folder())
            steps += [Remove(state / "service.log"), Remove(state / "service.log.1")]
        notes = ("Journal, config and library stay: what was filed can still be undone.",) if steps else ()
        return InstallPlan(tuple(steps), notes)

    def status(self) -> dict[str, Any]:
        """Ask launchd about the daemon's agent."""
        path = self._path(DAEMON)
        answer = self._run(("launchctl", "print", f"gui/{self._uid}/{DAEMON}"))
        found = re.search(r"^\s*state = (.+)$", answer.out, flags=re.MULTILINE)
        pid = re.search(r"^\s*pid = (\d+)$", answer.out, flags=re.MULTILINE)
        return {
            "installed": path.is_file(),
            "enabled": answer.code == 0,
            "active": found is not None and found[1] == "running",
            "state": found[1] if found else "",
            "file": str(path) if path.is_file() else "",
            "pid": int(pid[1]) if pid else None,
            "status": "",
            "tray": str(self._path(TRAY)) if self._path(TRAY).is_file() else "",
            "trouble": "",
            "logs": "vsortd logs",
        }

    def state_folder(self) -> str:
        """Return the state folder that the installed agent names, "" if there is none."""
        try:
            agent = plistlib.loads(self._path(DAEMON).read_bytes())
            return str(agent["EnvironmentVariables"]["VSORTD_STATE_DIR"])
        except (OSError, ValueError, LookupError, TypeError):
            return ""

    def _path(self, label: str) -> Path:
        return self._agents / f"{label}.plist"


def daemon_agent(setup: Setup) -> dict[str, Any]:
    """Return the daemon's property list.

    launchd knows no exit codes that must not start again, so the supervisor runs the daemon and itself ends with 0.
    """
    return {
        "Label": DAEMON,
        "ProgramArguments": _supervised(setup, setup.words),
        "EnvironmentVariables": setup.variables,
        "WorkingDirectory": "/",
        "RunAtLoad": True,
        "KeepAlive": {"Crashed": True},  # the supervisor itself; what it supervises is its business
        "ExitTimeOut": 20,  # seconds from SIGTERM to SIGKILL
        "Nice": 5,
        "LowPriorityIO": True,
    }


def tray_agent(setup: Setup) -> dict[str, Any]:
    """Return the tray's property list: only where there is a screen, and not again once it was closed."""
    return {
        "Label": TRAY,
        "ProgramArguments": list(setup.tray_command),
        "EnvironmentVariables": setup.variables,
        "WorkingDirectory": "/",
        "RunAtLoad": True,
        "LimitLoadToSessionType": "Aqua",
        "ProcessType": "Interactive",
    }


def as_text(agent: dict[str, Any]) -> str:
    """Return a property list as XML, marked as ours."""
    text = plistlib.dumps(agent, sort_keys=False).decode()
    head, rest = text.split("\n", 1)
    return f"{head}\n<!-- Written by `{MARK}`. -->\n{rest}"


def _supervised(setup: Setup, argv: tuple[str, ...]) -> list[str]:
    return [setup.python, "-P", "-m", "vsortd.service.supervise", "--state", setup.state, "--", *argv]


def _own_uid() -> int:
    if sys.platform == "win32":
        raise UsageError("launchd is macOS' service manager.")
    return os.getuid()
