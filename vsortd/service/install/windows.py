"""Windows: a task that runs when the user logs on, or with `--system` a real service (see windowshost.py)."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any, Protocol
from xml.sax.saxutils import escape

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

TASK = "vsortd"
TRAY_TASK = "vsortd-tray"
SERVICE = "vsortd"
# An account of the service's own, made by Windows, without a password; folders can be opened to it.
OWN_ACCOUNT = rf"NT SERVICE\{SERVICE}"
_EVENT_SOURCE = rf"HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\{SERVICE}"
_DRIVE_REMOTE = 4  # GetDriveTypeW
# A crash of the host itself; what it supervises is its own business. Milliseconds, and seconds until the count is new.
_RECOVERY = ("reset=", "86400", "actions=", "restart/5000/restart/60000/restart/300000")


class Drives(Protocol):
    """What Windows knows about drive letters."""

    def unc_of(self, drive: str) -> str | None:
        r"""Return the share behind `Z:`, such as `\\nas\videos`; "" for a share without a name, None for a disk."""


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """What of this machine goes into tasks and services."""

    user: str  # DOMAIN\name
    folder: Path  # where the tasks' definitions are kept until they are removed
    program_data: str = r"C:\ProgramData"
    event_messages: str = ""  # pywin32's servicemanager.pyd

    @classmethod
    def of_this_user(cls) -> MachineFacts:
        """Return the real ones."""
        from vsortd.core.paths import state_folder

        user = "\\".join(filter(None, (os.environ.get("USERDOMAIN", ""), os.environ.get("USERNAME", ""))))
        return cls(user, state_folder(), os.environ.get("PROGRAMDATA", r"C:\ProgramData"), _event_messages())


class LogonTask:
    """Installs tasks of the user."""

    kind = "task"
    scope = Scope.USER

    def __init__(self, facts: MachineFacts | None = None, run: Run = run_command) -> None:
        self._facts = facts or MachineFacts.of_this_user()
        self._run = run

    def require(self) -> None:
        """Raise ServiceError where there is no task scheduler."""
        _require(self._run, ("schtasks.exe", "/Query", "/TN", "\\", "/HRESULT"), "schtasks.exe")

    def install(self, setup: Setup) -> InstallPlan:
        """Write the tasks' definitions, hand them to the scheduler, start the daemon's."""
        tasks = {TASK: (setup.words, "Files videos by what they show.")}
        if setup.tray:
            tasks[TRAY_TASK] = (("tray", "--wait", "1m"), "Shows what vsortd files.")
        steps: list[Step] = []
        for name, (argv, about) in tasks.items():
            path = self._path(name)
            steps += [
                Write(path, task_xml(setup, argv, self._facts.user, about), encoding="utf-16"),
                Command(("schtasks.exe", "/Create", "/TN", name, "/XML", str(path), "/F")),
            ]
        steps.append(Command(("schtasks.exe", "/Run", "/TN", TASK)))
        return InstallPlan(tuple(steps), ("It runs while you are logged on.",), "vsortd service status")

    def uninstall(self) -> InstallPlan:
        """Stop the daemon and the tasks, and remove them."""
        steps: list[Step] = []
        for name in (TASK, TRAY_TASK):
            path = self._path(name)
            if not path.exists() and self._query(name) != 0:
                continue
            if name == TASK:  # /End would kill it with a video in hand
                steps.append(Command((sys.executable, "-P", "-m", "vsortd", "stop"), optional=True))
            steps += [
                Command(("schtasks.exe", "/End", "/TN", name), optional=True),
                Command(("schtasks.exe", "/Delete", "/TN", name, "/F"), optional=True),
                Remove(path),
            ]
        if steps:
            steps += _remove_logs(self._facts.folder)
        return InstallPlan(tuple(steps), ("Journal, config and library stay: what was filed can still be undone.",))

    def status(self) -> dict[str, Any]:
        """Ask the scheduler, and the daemon's lock."""
        from vsortd.service.lock import daemon_holds

        installed = self._query(TASK) == 0
        active = daemon_holds(self._facts.folder)
        return {
            "installed": installed,
            "enabled": installed,
            "active": active,
            "state": "running" if active else "stopped",
            "file": str(self._path(TASK)) if self._path(TASK).is_file() else "",
            "pid": None,
            "status": "",
            "tray": TRAY_TASK if self._query(TRAY_TASK) == 0 else "",
            "trouble": "",
            "logs": "vsortd logs",
        }

    def state_folder(self) -> str:
        """Return the state folder."""
        return str(self._facts.folder)

    def _path(self, name: str) -> Path:
        return self._facts.folder / f"{name}.task.xml"

    def _query(self, name: str) -> int:
        return self._run(("schtasks.exe", "/Query", "/TN", name)).code


class WindowsService:
    """Installs a real service, which runs before anyone logs on."""

    kind = "service"
    scope = Scope.SYSTEM

    def __init__(self, facts: MachineFacts | None = None, run: Run = run_command, drives: Drives | None = None) -> None:
        self._facts = facts or MachineFacts.of_this_user()
        self._run = run
        self._drives = drives or _Drives()

    def require(self) -> None:
        """Raise ServiceError without pywin32 or without the rights."""
        if not self._facts.event_messages:
            raise ServiceError(
                "A Windows service needs pywin32.", remedy="Install it: pip install vsortd[windows-service]"
            )
        _require(self._run, ("sc.exe", "query", "state=", "all", "bufsize=", "4"), "sc.exe")

    def install(self, setup: Setup) -> InstallPlan:
        """Make the service, or change the one that is there; give it an event source; start it."""
        self._refuse_mapped(setup)
        state = str(PureWindowsPath(self._facts.program_data) / "vsortd")
        host = (setup.python, "-P", "-m", "vsortd.service.windows_service", "--state", state, "--", *setup.words)
        there = self._run(("sc.exe", "query", SERVICE)).code == 0
        account = setup.account or OWN_ACCOUNT
        grant = f'icacls "FOLDER" /grant "{account}:(OI)(CI)M"'
        start = "See why in the event log (eventvwr, Windows Logs, Application). An account with a password gets it in "
        start += "services.msc (vsortd, Properties, Log On)."
        steps: list[Step] = [
            Command(
                (
                    *("sc.exe", "config" if there else "create", SERVICE),
                    *("binPath=", subprocess.list2cmdline(host), "start=", "delayed-auto"),
                    *("obj=", account, "DisplayName=", "vsortd"),
                ),
                remedy="Run this in a terminal that was opened as administrator.",
            ),
            Command(("sc.exe", "description", SERVICE, f"Files videos by what they show. Made by {MARK}.")),
            Command(("sc.exe", "failure", SERVICE, *_RECOVERY)),
            Command(_reg_add("EventMessageFile", "REG_EXPAND_SZ", self._facts.event_messages)),
            Command(_reg_add("TypesSupported", "REG_DWORD", "7")),
            Command(("sc.exe", "start", SERVICE), optional=True, remedy=start),
        ]
        notes = (f"Let the service write to each inbox and to the library: {grant}",)
        return InstallPlan(tuple(steps), notes, "vsortd service status --system")

    def uninstall(self) -> InstallPlan:
        """Stop and remove the service and its event source."""
        if self._run(("sc.exe", "query", SERVICE)).code != 0:
            return InstallPlan()
        steps: tuple[Step, ...] = (
            Command(("sc.exe", "stop", SERVICE), optional=True),
            Command(("sc.exe", "delete", SERVICE)),
            Command(("reg.exe", "delete", _EVENT_SOURCE, "/f"), optional=True),
            *_remove_logs(Path(self._facts.program_data) / "vsortd"),
        )
        return InstallPlan(steps, ("Journal, config and library stay: what was filed can still be undone.",))

    def status(self) -> dict[str, Any]:
        """Ask the service manager."""
        answer = self._run(("sc.exe", "query", SERVICE))
        state = re.search(  # these words are not translated, the ones before them are
            r"\b(STOPPED|START_PENDING|STOP_PENDING|RUNNING|CONTINUE_PENDING|PAUSE_PENDING|PAUSED)\b", answer.out
        )
        installed = answer.code == 0
        return {
            "installed": installed,
            "enabled": installed,
            "active": state is not None and state[1] in {"RUNNING", "PAUSED"},
            "state": state[1].lower() if state else "",
            "file": "",
            "pid": None,
            "status": "",
            "trouble": "",
            "logs": "eventvwr (Windows Logs, Application) and vsortd logs",
        }

    def state_folder(self) -> str:
        """Return the service's state folder."""
        return str(PureWindowsPath(self._facts.program_data) / "vsortd")

    def _refuse_mapped(self, setup: Setup) -> None:
        """Raise UsageError for drive letters that stand for a share: they exist in the user's session alone."""
        for text in (*setup.folders, setup.config, setup.python):
            path = PureWindowsPath(text)
            share = self._drives.unc_of(path.drive) if path.drive.endswith(":") else None
            if share is None:
                continue
            there = str(PureWindowsPath(f"{share}\\", *path.parts[1:])) if share else r"\\server\share\…"
            raise UsageError(
                f"{text} is on a mapped drive ({path.drive}), which a Windows service can't see.",
                remedy=f"Write the share's own name in the config: {there}",
                paths=[text],
            )


def task_xml(setup: Setup, argv: tuple[str, ...], user: str, about: str) -> str:
    """Return a task's definition (Task Scheduler schema 1.2): at logon, as the user, without time limit, one at once.

    A task has no environment of its own and pythonw no output, so the supervisor gives the command both.
    """
    python = PureWindowsPath(setup.python)
    windowless = str(python.with_name("pythonw.exe")) if python.name.lower() == "python.exe" else str(python)
    arguments = subprocess.list2cmdline(("-P", "-m", "vsortd.service.supervise", "--state", setup.state, "--", *argv))
    return f"""\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>{escape(about)} Made by {MARK}.</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <UserId>{escape(user)}</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>{escape(user)}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>7</Priority>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{escape(windowless)}</Command>
      <Arguments>{escape(arguments)}</Arguments>
      <WorkingDirectory>{escape(str(PureWindowsPath(windowless).parent))}</WorkingDirectory>
    </Exec>
  </Actions>
</Task>
"""


def _remove_logs(state: Path) -> list[Remove]:
    """Return the removal of what the supervisor wrote."""
    return [Remove(state / "service.log"), Remove(state / "service.log.1")]


def _reg_add(name: str, kind: str, value: str) -> tuple[str, ...]:
    return ("reg.exe", "add", _EVENT_SOURCE, "/v", name, "/t", kind, "/d", value, "/f")


def _require(run: Run, argv: tuple[str, ...], program: str) -> None:
    answer = run(argv)
    if answer.code == 127:  # noqa: PLR2004 - what run_command says of a missing program
        raise ServiceError(f"{program} is missing: this is no Windows with a service manager.", remedy="vsortd start")


def _event_messages() -> str:
    """Return the file that holds the event log's texts, "" without pywin32."""
    try:
        import servicemanager
    except ImportError:
        return ""
    return str(servicemanager.__file__)


class _Drives:
    """Asks Windows."""

    def unc_of(self, drive: str) -> str | None:
        """Return the share behind a drive letter (GetDriveTypeW, WNetGetConnectionW)."""
        if sys.platform != "win32":
            return None
        if ctypes.windll.kernel32.GetDriveTypeW(f"{drive}\\") != _DRIVE_REMOTE:
            return None
        room = ctypes.c_uint32(1024)
        name = ctypes.create_unicode_buffer(room.value)
        failed = ctypes.windll.mpr.WNetGetConnectionW(drive, name, ctypes.byref(room))
        return "" if failed else name.value
