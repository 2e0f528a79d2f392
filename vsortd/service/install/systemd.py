"""systemd: a unit for the user's own manager, or for the machine's, made from the templates in `service/systemd`."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsortd.core.resources import resource_folder
from vsortd.errors import UsageError
from vsortd.service.install.autostart import autostart_entry
from vsortd.service.install.program import Command, InstallPlan, Remove, Run, Scope, ServiceError, Write, run_command

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vsortd.service.install.program import Setup, Step

UNIT = "vsortd.service"
ENTRY = "vsortd-tray.desktop"
SYSTEM_STATE = "/var/lib/vsortd"
# RestartSteps= and RestartMaxDelaySec= came with this version; without them a longer delay stands for both.
GROWING_DELAY = 254
_PLAIN_DELAY = "RestartSec=30s"
_SHOWN = ("LoadState", "UnitFileState", "ActiveState", "SubState", "StatusText", "MainPID", "NRestarts", "Result")
# Says in our own unit that install turned lingering on, so that uninstall turns it off; systemd skips X- sections.
_LINGERING = (
    "\n[X-vsortd]\n# Install turned lingering on (or asked for it), and uninstall turns it off.\nLingering=yes\n"
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where things lie; tests have their own."""

    config_home: Path
    system_units: Path = Path("/etc/systemd/system")
    booted: Path = Path("/run/systemd/system")  # sd_booted(3)
    lingering: Path = Path("/var/lib/systemd/linger")
    user: str = ""
    device_groups: tuple[str, ...] = ()

    @classmethod
    def of_this_user(cls) -> Places:
        """Return the real ones."""
        home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        return cls(home, user=_user_name(), device_groups=_device_groups())


class Systemd:
    """Installs for one scope."""

    kind = "systemd"

    def __init__(self, scope: Scope, places: Places | None = None, run: Run = run_command) -> None:
        self.scope = scope
        self._places = places or Places.of_this_user()
        self._run = run
        self._systemctl = ("systemctl", "--user") if scope is Scope.USER else ("systemctl",)

    @property
    def unit(self) -> Path:
        """Where the unit is written."""
        if self.scope is Scope.SYSTEM:
            return self._places.system_units / UNIT
        return self._places.config_home / "systemd" / "user" / UNIT

    @property
    def entry(self) -> Path:
        """Where the tray's autostart entry is written."""
        return self._places.config_home / "autostart" / ENTRY

    def require(self) -> None:
        """Raise ServiceError where no systemd answers."""
        answer = self._run((*self._systemctl, "show", "--property=Version"))
        if answer.code == 0:
            return
        why = " ".join(answer.err.split()).rstrip(".")
        if not self._places.booted.is_dir():
            raise ServiceError(
                f"This system does not run systemd ({why}).",
                remedy="Have its own supervisor run `vsortd run`, or start the daemon by hand: vsortd start",
            )
        if self.scope is Scope.USER:
            raise ServiceError(
                f"Your user's systemd does not answer ({why}).",
                remedy="Log in as yourself (console, ssh, or `machinectl shell you@`; su and sudo start none), "
                "or install it for the machine: vsortd service install --system --account ACCOUNT",
            )
        raise ServiceError(f"systemd does not answer ({why}).", remedy="Look at: systemctl status")

    def install(self, setup: Setup) -> InstallPlan:
        """Write and start the unit; for a user also lingering and the tray's autostart entry."""
        unfit = [text for text in (setup.python, setup.config, setup.state, *setup.folders) if not _is_text(text)]
        if unfit:
            raise UsageError(f"{unfit[0]} can't be written into a unit: its name is no UTF-8.", remedy="Rename it.")
        lingers = self._lingers()
        text = for_version(self._unit_text(setup), self._version())
        turn_on = self.scope is Scope.USER and not lingers
        if turn_on or self._turned_lingering_on():
            text += _LINGERING
        steps: list[Step] = [Write(self.unit, text)]
        notes = []
        if self.scope is Scope.USER and setup.tray:
            steps.append(Write(self.entry, autostart_entry(setup)))
            notes.append("The tray icon appears at your next login; now: vsortd tray")
        if turn_on:
            remedy = (
                f"It runs while you are logged in; to have it always: sudo loginctl enable-linger {self._places.user}"
            )
            steps.append(Command(("loginctl", "enable-linger"), optional=True, remedy=remedy))
            notes.append("With lingering vsortd also runs while you are not logged in.")
        look = f"See why: {self._journalctl()}. To take all of this back: vsortd service uninstall{self._flag}"
        steps += [
            Command((*self._systemctl, "daemon-reload")),
            Command((*self._systemctl, "enable", UNIT), remedy=look),
            Command((*self._systemctl, "restart", UNIT), remedy=look),
        ]
        if self.scope is Scope.SYSTEM:
            notes.append(
                f"The other commands ask this service when they run as its account: "
                f"sudo -u {setup.account} env VSORTD_STATE_DIR={setup.state} vsortd status"
            )
        return InstallPlan(tuple(steps), tuple(notes), f"vsortd service status{self._flag}")

    def uninstall(self) -> InstallPlan:
        """Stop, disable and remove; lingering goes if install turned it on."""
        steps: list[Step] = []
        notes = []
        if os.path.lexists(self.unit):
            home = self._places.config_home
            above = (self.unit.parent, self.unit.parent.parent, home) if self.scope is Scope.USER else ()
            steps += [
                Command((*self._systemctl, "disable", "--now", UNIT), optional=True),
                Remove(self.unit, above),
                Command((*self._systemctl, "daemon-reload"), optional=True),
                Command((*self._systemctl, "reset-failed", UNIT), optional=True),
            ]
            if self._turned_lingering_on():
                steps.append(Command(("loginctl", "disable-linger"), optional=True))
            notes.append("Journal, config and library stay: what was filed can still be undone.")
        if self.scope is Scope.USER and os.path.lexists(self.entry):
            steps.append(Remove(self.entry, (self.entry.parent, self._places.config_home)))
        return InstallPlan(tuple(steps), tuple(notes))

    def status(self) -> dict[str, Any]:
        """Ask systemd about the unit; where it doesn't answer, only the files are told."""
        answer = self._run((*self._systemctl, "show", UNIT, f"--property={','.join(_SHOWN)}"))
        shown = dict(line.split("=", 1) for line in answer.out.splitlines() if "=" in line) if answer.code == 0 else {}
        installed = self.unit.is_file()
        form: dict[str, Any] = {
            "installed": installed,
            "enabled": shown.get("UnitFileState", "") in {"enabled", "enabled-runtime"},
            "active": shown.get("ActiveState", "") in {"active", "reloading"},
            "state": "/".join(filter(None, (shown.get("ActiveState", ""), shown.get("SubState", "")))),
            "file": str(self.unit) if installed else "",
            "pid": int(shown.get("MainPID") or 0) or None,
            "restarts": int(shown.get("NRestarts") or 0),
            "result": shown.get("Result", ""),
            "status": shown.get("StatusText", ""),
            "trouble": "" if answer.code == 0 else " ".join(answer.err.split()),
            "logs": self._journalctl(),
        }
        if self.scope is Scope.USER:
            form["tray"] = str(self.entry) if self.entry.is_file() else ""
            form["lingering"] = self._lingers()
        return form

    def state_folder(self) -> str:
        """Return the state folder that the installed unit names, "" if there is none."""
        return _environment_of(self.unit).get("VSORTD_STATE_DIR", "")

    def _unit_text(self, setup: Setup) -> str:
        name = "user" if self.scope is Scope.USER else "system"
        template = (resource_folder("service") / "systemd" / name / UNIT).read_text("utf-8")
        reload = (setup.python, "-P", "-m", "vsortd", "reload")
        lines = [f"Environment={quoted(f'{key}={value}')}" for key, value in setup.variables.items()]
        values = {
            "COMMAND": _command_line(setup.command),
            "RELOAD": _command_line(reload),
            "ENVIRONMENT": "\n".join(lines),
        }
        if self.scope is Scope.SYSTEM:
            groups = " ".join(self._places.device_groups)
            values |= {"ACCOUNT": setup.account, "GROUPS": groups, **sandbox(setup)}
        return fill(template, values)

    def _version(self) -> int | None:
        """Return systemd's version; None where it can't be told."""
        match = re.match(r"systemd (\d+)", self._run(("systemctl", "--version")).out)
        return int(match[1]) if match else None

    def _lingers(self) -> bool:
        return bool(self._places.user) and (self._places.lingering / self._places.user).exists()

    def _turned_lingering_on(self) -> bool:
        try:
            return _LINGERING in self.unit.read_text("utf-8")
        except (OSError, ValueError):
            return False

    def _journalctl(self) -> str:
        return f"journalctl {'--user ' if self.scope is Scope.USER else ''}-u vsortd -e"

    @property
    def _flag(self) -> str:
        return " --system" if self.scope is Scope.SYSTEM else ""


def fill(template: str, values: dict[str, str]) -> str:
    """Fill `@NAME@`; a line whose only value is empty goes, since to systemd an empty value means something else."""
    lines = []
    for line in template.splitlines():
        filled = re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], line)
        if filled != line and (not filled or filled.endswith("=")):
            continue
        lines.append(filled)
    return "\n".join(lines) + "\n"


def for_version(text: str, version: int | None) -> str:
    """Return a unit without what this systemd does not know, so that it has nothing to warn of."""
    if version is None or version >= GROWING_DELAY:
        return text
    without = re.sub(r"^(?:RestartSteps|RestartMaxDelaySec)=.*\n", "", text, flags=re.MULTILINE)
    without = without.replace(
        "ever later (the last two lines need systemd 254).", "every 30 s (systemd 254 can wait ever longer)."
    )
    return re.sub(r"^RestartSec=.*$", _PLAIN_DELAY, without, flags=re.MULTILINE)


def sandbox(setup: Setup) -> dict[str, str]:
    """Return what of the filesystem the machine's unit may see and write, by where the folders lie."""
    parent = os.path.commonpath(setup.folders) if setup.folders else "/"
    needed = (*setup.folders, setup.python, os.path.realpath(setup.python), setup.config)
    in_homes = any(_within(path, ("/home", "/root", "/run/user")) for path in needed)
    if parent == "/":
        protect_home = "no" if in_homes else "yes"
        return {
            "PROTECT_SYSTEM": "full",
            "READ_WRITE": "",
            "PROTECT_HOME": protect_home,
            "PRIVATE_TMP": _private_tmp(needed),
        }
    return {
        "PROTECT_SYSTEM": "strict",
        "READ_WRITE": "-" + quoted(parent) if quoted(parent) == parent else quoted(f"-{parent}"),
        "PROTECT_HOME": "read-only" if in_homes else "yes",
        "PRIVATE_TMP": _private_tmp(needed),
    }


def _private_tmp(needed: Iterable[str]) -> str:
    return "no" if any(_within(path, ("/tmp", "/var/tmp")) for path in needed) else "yes"  # noqa: S108 - only asked about


def _within(path: str, folders: Sequence[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def quoted(word: str) -> str:
    """Return a word as systemd.syntax(7) reads it back: specifiers and backslashes doubled, in quotes where needed."""
    text = word.replace("%", "%%")
    if re.fullmatch(r"[A-Za-z0-9_./=:,@+%~-]+", text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    safe = "".join(
        char if char.isprintable() else "".join(f"\\x{byte:02x}" for byte in char.encode()) for char in escaped
    )
    return f'"{safe}"'


def _command_line(argv: Sequence[str]) -> str:
    """Return a command for ExecStart=, where $ begins a variable in all words but the first."""
    program, *rest = argv
    return " ".join([quoted(program), *(quoted(word).replace("$", "$$") for word in rest)])


def _environment_of(unit: Path) -> dict[str, str]:
    """Read the Environment= lines of a unit that install wrote."""
    try:
        text = unit.read_text("utf-8")
    except (OSError, ValueError):
        return {}
    found = {}
    for line in re.findall(r"^Environment=(.*)$", text, flags=re.MULTILINE):
        for word in re.findall(r'"(?:[^"\\]|\\.)*"|\S+', line):
            plain = re.sub(r"\\(.)", r"\1", word[1:-1]) if word.startswith('"') else word
            key, _, value = plain.replace("%%", "%").partition("=")
            found[key] = value
    return found


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _device_groups() -> tuple[str, ...]:
    """Return which of the groups that GPUs belong to this machine has."""
    if sys.platform == "win32":
        return ()
    import grp

    there = {group.gr_name for group in grp.getgrall()}
    return tuple(name for name in ("render", "video") if name in there)


def _user_name() -> str:
    if sys.platform == "win32":
        return ""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""
