"""`vsortd config migrate`: a config of a former version, in the words of the present one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import click

from vsortd.cli.common import SCHEMA_VERSION, JsonFlag, console, print_json, state_folder
from vsortd.cli.front.declared import Option
from vsortd.core.output import note
from vsortd.core.text import printable, storable
from vsortd.errors import DaemonUnreachableError, ExitCode, VsortdError

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.setup.config_migration import ConfigMigration


def migrate(
    ctx: click.Context,
    dry_run: Annotated[bool, Option("--dry-run", help="Only show what would change, as a diff.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Update a config of an older version.

    Comments, order and layout stay. The old file is kept beside it, as config.yaml.v1, and each change is shown. A
    daemon can keep running.
    """
    from vsortd.core.paths import find_config
    from vsortd.setup.config_migration import ConfigMigration

    path = find_config(ctx.obj.config)
    found = ConfigMigration.of(path)
    kept = found.write() if found.changed and not dry_run else None
    if as_json:
        _print_json(found, kept, dry_run=dry_run)
    else:
        _print(found, kept, dry_run=dry_run)
    if kept is not None:
        _tell_the_daemon()
    return int(ExitCode.OK)


def _print_json(found: ConfigMigration, kept: Path | None, *, dry_run: bool) -> None:
    from vsortd.config.former_versions import PRESENT

    print_json(
        {
            "schema_version": SCHEMA_VERSION,
            "path": storable(found.path),
            "former": found.former,
            "version": PRESENT,
            "dry_run": dry_run,
            "changed": found.changed,
            "kept": None if kept is None else storable(kept),
            "changes": [{"line": one.line, "from": one.former, "to": one.present} for one in found.changes],
        }
    )


def _print(found: ConfigMigration, kept: Path | None, *, dry_run: bool) -> None:
    out = console()
    if not found.changed:
        note(out, f"{found.path} is of the present version; nothing to do.")
    elif dry_run:
        click.echo("\n".join(map(printable, found.difference().split("\n"))))
    else:
        for line in found.lines():
            note(out, line)
        note(out, f"{found.path} is changed. The former file lies beside it: {kept}", style="green")


def _tell_the_daemon() -> None:
    """Have a daemon that runs read the file: its log says then what was changed."""
    from vsortd.service.client import Client

    try:
        Client(state_folder()).reload()
    except DaemonUnreachableError:
        return
    except VsortdError as error:
        console(stderr=True).print(f"The daemon goes on with the settings it had: {error.title}")
