"""`vsortd service install|uninstall|status`: have the system start vsortd, as yourself or for the whole machine."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import click

from vsortd.cli.common import SCHEMA_VERSION, JsonFlag, console, print_json
from vsortd.cli.front.declared import Option
from vsortd.core.output import is_quiet, note
from vsortd.errors import AlreadyRunningError, DaemonUnreachableError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.service.install.program import InstallPlan, Manager, Scope, Setup


# Not `--no-tray`, and yet there is none to start: an entry that fails at each login would help nobody.
_LACKS_TRAY: Final = (
    "No tray icon is started at login, as pystray is not installed. To have it: pip install 'vsortd[desktop]', then "
    "install the service again."
)
System = Annotated[bool, Option("--system", help="For the whole machine instead of your own login.")]
DryRun = Annotated[bool, Option("--dry-run", help="Print what would be written and run; change nothing.")]


def install(
    ctx: click.Context,
    system: System = False,
    account: Annotated[
        str, Option("--account", metavar="ACCOUNT", help="The account that runs it; with --system.")
    ] = "",
    no_tray: Annotated[bool, Option("--no-tray", help="Without the tray icon at login.")] = False,
    dry_run: DryRun = False,
    as_json: JsonFlag = False,
) -> None:
    """Write the service, enable it and start it.

    Installs a systemd unit, a launchd agent, or a Windows task or service. The config is checked first; one with
    mistakes is not installed.
    """
    if account and not system:
        raise UsageError("--account goes with --system.", remedy="Without --system it runs as yourself.")
    manager = _manager(system=system)
    if not dry_run:
        _require(manager)
    from vsortd.tray.backends import pystray_is_installed

    lacks_tray = not (system or no_tray or pystray_is_installed())
    setup = _setup(ctx.obj.config, manager.scope, account, tray=not (no_tray or lacks_tray))
    plan = manager.install(setup)
    if lacks_tray:
        plan = replace(plan, notes=(*plan.notes, _LACKS_TRAY))
    if not dry_run:
        _refuse_second_daemon(manager, setup)
    _do(manager, plan, "install", dry_run=dry_run, as_json=as_json)


def uninstall(system: System = False, dry_run: DryRun = False, as_json: JsonFlag = False) -> None:
    """Stop the service and remove what install wrote.

    The journal, the config and the library are kept.
    """
    manager = _manager(system=system)
    if not dry_run:
        _require_rights(manager.scope)
    _do(manager, manager.uninstall(), "uninstall", dry_run=dry_run, as_json=as_json)


def status(system: System = False, as_json: JsonFlag = False) -> None:
    """Show whether the service is installed and active.

    Also shows what the daemon reports about itself.
    """
    manager = _manager(system=system)
    form = manager.status()
    form["status"] = form["status"] or _own_words(form, manager)
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, "kind": manager.kind, "scope": str(manager.scope), **form})
    else:
        _print_status(manager, form)


def _manager(*, system: bool) -> Manager:
    from vsortd.service.install.managers import manager_of
    from vsortd.service.install.program import Scope

    return manager_of(Scope.SYSTEM if system else Scope.USER)


def _require(manager: Manager) -> None:
    _require_rights(manager.scope)
    manager.require()


def _require_rights(scope: Scope) -> None:
    from vsortd.service.install.setup import require_root

    require_root(scope)


def _setup(config: Path | None, scope: Scope, account: str, *, tray: bool) -> Setup:
    from vsortd.service.install import setup
    from vsortd.service.install.program import Scope

    if scope is Scope.USER:
        return setup.user_setup(config, tray=tray)
    if sys.platform == "win32":
        return setup.windows_system_setup(config, account)
    return setup.system_setup(config, setup.Account.named(account))


def _refuse_second_daemon(manager: Manager, setup: Setup) -> None:
    """Raise AlreadyRunningError where a daemon runs by hand: the service's own would not start beside it."""
    from pathlib import Path

    from vsortd.service.lock import daemon_holds

    if setup.state and daemon_holds(Path(setup.state)) and not manager.status()["active"]:
        raise AlreadyRunningError(
            f"A daemon already runs on {setup.state}, and not as a service.",
            remedy="Stop it first: vsortd stop",
            paths=[setup.state],
        )


def _do(manager: Manager, plan: InstallPlan, what: str, *, dry_run: bool, as_json: bool) -> None:
    """Print a plan, or carry it out and say what was done."""
    from vsortd.service.install.program import carry_out, run_command, step_form

    said = [] if dry_run else carry_out(plan, run_command)
    if as_json:
        print_json(
            {
                "schema_version": SCHEMA_VERSION,
                "kind": manager.kind,
                "scope": str(manager.scope),
                "action": what,
                "dry_run": dry_run,
                "steps": [step_form(step) for step in plan.steps],
                "warnings": said,
                "notes": list(plan.notes),
                "next": plan.next,
            }
        )
        return
    if not plan.steps:
        note(console(), "Nothing is installed." if what == "uninstall" else "There is nothing to do.")
        return
    _print_plan(plan, dry_run=dry_run)
    for warning in said:
        console(stderr=True).print(f"warning: {warning}", style="yellow")
    for said_once in plan.notes:
        note(console(), said_once)
    if plan.next:
        note(console(), f"Next: {plan.next}")


def _print_plan(plan: InstallPlan, *, dry_run: bool) -> None:
    from vsortd.core.console import Text
    from vsortd.service.install.program import Command, Remove, Write

    if is_quiet() and not dry_run:
        return
    out = console()
    for step in plan.steps:
        match step:
            case Write():
                out.print(f"{'would write' if dry_run else 'wrote'} {step.path}")
                if dry_run:
                    for line in step.text.splitlines():
                        out.print(Text.exact(f"    {line}".rstrip()))
            case Remove():
                out.print(f"{'would remove' if dry_run else 'removed'} {step.path}")
            case Command():
                line = shlex.join(step.argv)
                out.print(f"{'would run' if dry_run else 'ran'} {line}")


def _own_words(form: dict[str, Any], manager: Manager) -> str:
    """Return the daemon's own line where the service manager passes none on, "" where none answers."""
    from pathlib import Path

    from vsortd.service.client import Client

    state = manager.state_folder()
    if not form["active"] or not state:
        return ""
    try:
        document = Client(Path(state)).status()
    except DaemonUnreachableError:
        return ""
    return f"{document['state']}, {document['queued']} waiting, {document['working']} under way"


def _print_status(manager: Manager, form: dict[str, Any]) -> None:
    out = console()
    flag = " --system" if manager.scope == "system" else ""
    if not form["installed"]:
        out.print(f"vsortd is not installed as a {manager.scope} service ({manager.kind}).")
        note(out, f"Next: vsortd service install{flag}{' --account ACCOUNT' if flag else ''}")
        return
    facts = [
        ("service", "installed, " + ("enabled" if form["enabled"] else "not enabled")),
        ("state", form["state"] or "unknown"),
        ("process", form["pid"]),
        ("file", form["file"]),
        ("daemon", form["status"]),
        ("tray", form.get("tray")),
        ("trouble", form["trouble"]),
        ("log", form["logs"]),
    ]
    for name, value in facts:
        if value:
            out.print(f"{name:8} {value}")
