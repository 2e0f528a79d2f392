"""What every service manager's installer shares: a plan of steps, which `--dry-run` prints and install carries out."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from vsortd.errors import VsortdError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# Starting waits until the daemon has said that it is ready; a slow disk may take a while to show its libraries.
COMMAND_TIMEOUT_S = 180.0
MARK = "vsortd service install"  # stands in every file that install writes, so that only those are replaced
# What the shell may have set and a service would not see; secrets (tokens, proxies with passwords) are not copied.
CARRIED = ("VSORTD_FFMPEG", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "XDG_CACHE_HOME", "CUDA_VISIBLE_DEVICES")


class Scope(StrEnum):
    """Whose service it is."""

    USER = "user"
    SYSTEM = "system"


class ServiceError(VsortdError):
    """The service manager is not there, or refused."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What is to run: this Python, this config, this state folder; `folders` are the inboxes and the library."""

    python: str
    config: str
    state: str
    folders: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    account: str = ""  # "" is whoever installs
    tray: bool = True

    @property
    def words(self) -> tuple[str, ...]:
        """What of the daemon's command line is vsortd's own."""
        return ("--config", self.config, "run", "--json-log")

    @property
    def command(self) -> tuple[str, ...]:
        """The daemon's command line; -P, so that nothing in the folder it is started in is imported."""
        return (self.python, "-P", "-m", "vsortd", *self.words)

    @property
    def tray_command(self) -> tuple[str, ...]:
        """The tray's command line."""
        return (self.python, "-P", "-m", "vsortd", "tray", "--wait", "1m")

    @property
    def variables(self) -> dict[str, str]:
        """The environment that daemon and tray get besides the manager's own."""
        return {"VSORTD_STATE_DIR": self.state, **self.environment}


@dataclass(frozen=True, slots=True)
class Write:
    """A file to write; one of the same name that install did not write is never replaced."""

    path: Path
    text: str
    mode: int = 0o644
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Remove:
    """A file to remove, and the folders above it that installing may have made, if they are empty then."""

    path: Path
    folders: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """A command to run; a failing optional one is told and changes nothing."""

    argv: tuple[str, ...]
    optional: bool = False
    remedy: str = ""


Step = Write | Remove | Command


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """Steps in their order, what to know, and the command to type next."""

    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    next: str = ""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command said."""

    code: int
    out: str = ""
    err: str = ""


class Run(Protocol):
    """Runs commands."""

    def __call__(self, argv: Sequence[str]) -> CommandResult:
        """Run a command to its end; one that is not there answers 127."""


class Manager(Protocol):
    """A service manager: what to do to install and to uninstall, and how things stand."""

    kind: str
    scope: Scope

    def require(self) -> None:
        """Raise ServiceError, with a remedy, where this manager can't be used here."""

    def install(self, setup: Setup) -> InstallPlan:
        """Return what installing does. Raises UsageError for what this manager can't run."""

    def uninstall(self) -> InstallPlan:
        """Return what uninstalling does; no steps where nothing is installed."""

    def status(self) -> dict[str, Any]:
        """Return `installed`, `enabled`, `active`, `file`, `status`, `tray`, and what else this manager tells."""

    def state_folder(self) -> str:
        """Return the state folder of what is installed, "" if that can't be told."""


def run_command(argv: Sequence[str]) -> CommandResult:
    """Run a command with its output kept."""
    try:
        done = subprocess.run(
            list(argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=COMMAND_TIMEOUT_S,
        )
    except FileNotFoundError:
        return CommandResult(127, err=f"{argv[0]}: not found")
    except subprocess.TimeoutExpired:
        return CommandResult(124, err=f"{argv[0]}: no answer within {COMMAND_TIMEOUT_S:.0f} s")
    return CommandResult(done.returncode, done.stdout, done.stderr)


def carry_out(plan: InstallPlan, run: Run) -> list[str]:
    """Do what a plan says, in its order; return what an optional command had to say against it.

    Raises ServiceError at the first step that fails; what was done before it stays, for uninstall to take back.
    """
    for step in plan.steps:
        if isinstance(step, Write):
            _require_ours(step.path)
    said = []
    for step in plan.steps:
        match step:
            case Write():
                _write(step)
            case Remove():
                _remove(step)
            case Command():
                answer = run(step.argv)
                if answer.code == 0:
                    continue
                why = " ".join((answer.err or answer.out).split()) or f"exit code {answer.code}"
                title = f"`{' '.join(step.argv)}` failed: {why.rstrip('.')}."
                if not step.optional:
                    raise ServiceError(title, remedy=step.remedy)
                said.append(f"{title} {step.remedy}".strip())
    return said


def _require_ours(path: Path) -> None:
    """Raise ServiceError before anything is done where a file stands that install did not write."""
    try:
        there = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise _cant("read", path, error) from error
    if MARK.encode() not in there and MARK.encode("utf-16-le") not in there:
        raise ServiceError(
            f"{path} is there already, and `{MARK}` did not write it.",
            remedy="Move it away if you don't need it; nothing was changed.",
            paths=[path],
        )


def _write(step: Write) -> None:
    """Write a file whole, or not at all."""
    from vsortd.core.system.atomic_file import beside, sync_folder

    try:
        step.path.parent.mkdir(parents=True, exist_ok=True)
        with beside(step.path, step.text.encode(step.encoding)) as temporary:
            temporary.chmod(step.mode)
            temporary.replace(step.path)
        sync_folder(step.path.parent)
    except OSError as error:
        raise _cant("written", step.path, error) from error


def _remove(step: Remove) -> None:
    try:
        step.path.unlink(missing_ok=True)
    except OSError as error:
        raise _cant("removed", step.path, error) from error
    for folder in step.folders:
        with contextlib.suppress(OSError):  # not empty, or not there
            folder.rmdir()


def _cant(done: str, path: Path, error: OSError) -> ServiceError:
    return ServiceError(
        f"{path} can't be {done}: {error.strerror or error}.",
        remedy="See to the rights of that folder.",
        paths=[path],
    )


def this_python() -> str:
    """Return the interpreter that runs now, not resolved: a virtual environment's link is what makes it one."""
    return os.path.abspath(sys.executable)  # noqa: PTH100 - Path.absolute keeps ".."


def carried(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a service needs as the shell has them."""
    return {name: environment[name] for name in CARRIED if environment.get(name)}


def step_form(step: Step) -> dict[str, Any]:
    """Return a step as `--json` prints it."""
    match step:
        case Write():
            return {"do": "write", "path": str(step.path), "mode": f"{step.mode:04o}", "text": step.text}
        case Remove():
            return {"do": "remove", "path": str(step.path)}
        case Command():
            return {"do": "run", "command": list(step.argv), "optional": step.optional}
