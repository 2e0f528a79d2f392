"""`vsortd check` and `vsortd config init|path|show|schema`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vsortd.cli.common import JsonFlag, console, print_json, printable
from vsortd.errors import ConfigError, VsortdError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.mistakes import Mistake
    from vsortd.settings import Settings

app = typer.Typer(help="Write, find and show the config file.", no_args_is_help=True)

_EXAMPLE = "first.yaml"


def check(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Check the config file: every mistake at once, each with its line and what is allowed."""
    from vsortd.configcheck import check_file
    from vsortd.configmodel import model_mistakes
    from vsortd.configwarnings import warnings_of
    from vsortd.mistakes import InvalidConfigError
    from vsortd.places import find_config

    try:
        path = find_config(ctx.obj.config)
        report = check_file(path)
    except ConfigError as error:
        if as_json:
            _print_unreadable(error)
        raise
    warnings = warnings_of(report)
    mistakes = (*report.mistakes, *model_mistakes(report))
    if as_json:
        print_json(
            {
                "schema_version": 1,
                "ok": not mistakes,
                "file": str(path),
                "mistakes": [mistake.to_json(str(path)) for mistake in mistakes],
                "warnings": [warning.to_json(str(path)) for warning in warnings],
            }
        )
    if mistakes:
        raise InvalidConfigError(path, mistakes)
    settings = report.settings_or_raise()
    if not as_json:
        _print_summary(path, settings, warnings)


def _print_unreadable(error: ConfigError) -> None:
    """Print the JSON report about a config that is not there or can't be read."""
    file = error.paths[0] if len(error.paths) == 1 else None
    mistake = {
        "file": file,
        "line": 0,
        "path": "",
        "value": None,
        "message": error.title,
        "allowed": error.remedy,
        "nearest": "",
    }
    print_json({"schema_version": 1, "ok": False, "file": file, "mistakes": [mistake], "warnings": []})


def _print_summary(path: Path, settings: Settings, warnings: Sequence[Mistake]) -> None:
    """Print what a valid config amounts to."""
    from vsortd.rules import build_rules

    out = console()
    for warning in warnings:
        out.print("warning: ", style="yellow", end="")
        for line in warning.text(str(path)).splitlines():
            out.print(printable(line), markup=False)
    rules = sum(1 for _ in build_rules(settings).walk())
    model = settings.model if isinstance(settings.model, str) else f"{settings.model.name} / {settings.model.weights}"
    facts = [
        *(("inbox", str(inbox.path)) for inbox in settings.inboxes),
        ("library", str(settings.library)),
        ("model", model),
        ("rules", f"{rules} ({len(settings.rules)} at the top)"),
    ]
    out.print("ok ", style="green", end="")
    out.print(printable(path), markup=False)
    for name, value in facts:
        out.print(printable(f"   {name:8}{value}"), markup=False)


@app.command()
def init(
    ctx: typer.Context,
    path: Annotated[Path | None, typer.Option("--path", help="Where to write; else where vsortd looks first.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a config that is there.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write a first config with comments to start from, and its schema beside it for editors."""
    from vsortd.places import wanted_config
    from vsortd.resources import resource_folder

    target = wanted_config(path if path is not None else ctx.obj.config)
    source = resource_folder("config")
    schema = "vsortd.schema.json"
    try:
        _make_folder(target.parent)
        _publish(target, (source / _EXAMPLE).read_bytes(), replace=force)
        # Ours and made by us: an older one is brought up to date with the config.
        _publish(target.parent / schema, (source / schema).read_bytes(), replace=True)
    except FileExistsError as error:
        raise VsortdError(
            f"{target} is there already; it was left as it is.",
            remedy="Write elsewhere with --path FILE, or replace it with --force.",
            paths=[target],
        ) from error
    except OSError as error:
        raise VsortdError(
            f"{target} can't be written: {error.strerror or error}.",
            remedy="Write elsewhere with --path FILE.",
            paths=[target],
        ) from error
    if as_json:
        print_json({"schema_version": 1, "path": str(target)})
        return
    out = console()
    out.print(printable(f"Wrote {target}"), markup=False)
    out.print("Edit the folders and rules in it, then run: vsortd check", markup=False)


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it. Raises NotADirectoryError where a file is in the way."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(error.errno, "a file is where a folder should be") from error


def _publish(target: Path, data: bytes, *, replace: bool) -> None:
    """Write a file whole or not at all. Raises FileExistsError where one is and must not be replaced."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        if replace:
            temporary.replace(target)
        else:
            _publish_new(temporary, target, data)
    finally:
        temporary.unlink(missing_ok=True)


def _publish_new(temporary: Path, target: Path, data: bytes) -> None:
    """Give the file its name if that is free; without hard links, by exclusive creation."""
    try:
        target.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:
        with target.open("xb") as file:
            file.write(data)


@app.command("path")
def show_path(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Print which config file vsortd reads."""
    from vsortd.places import find_config

    path = find_config(ctx.obj.config)
    if as_json:
        print_json({"schema_version": 1, "path": str(path)})
    else:
        typer.echo(path)


@app.command()
def show(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Print the settings in effect, defaults included, as YAML that loads again."""
    from vsortd.configshow import dump_json, dump_yaml, plain_settings
    from vsortd.places import find_config
    from vsortd.settings import load_settings

    path = find_config(ctx.obj.config)
    settings: dict[str, Any] = plain_settings(load_settings(path))
    if as_json:
        typer.echo(dump_json({"schema_version": 1, "file": str(path), "settings": settings}))
    else:
        typer.echo(dump_yaml(settings), nl=False)


@app.command()
def schema(as_json: JsonFlag = False) -> None:  # noqa: ARG001 - a schema is JSON either way
    """Print the JSON schema of the config file, for editors."""
    from vsortd.configshow import config_schema, dump_json

    typer.echo(dump_json(config_schema()))
