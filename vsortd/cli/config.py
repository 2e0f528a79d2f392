"""`vsortd check` and `vsortd config init|import|path|show|schema`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vsortd.cli.common import JsonFlag, at_terminal, console, print_json, progress_bar, write_json
from vsortd.core.system.atomic_file import beside
from vsortd.core.text import counted, printable
from vsortd.errors import ConfigError, ExitCode, UsageError, VsortdError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.config.category_file import Categories
    from vsortd.config.diagnostics import Mistake
    from vsortd.config.settings import Settings
    from vsortd.pipeline.batch import SortOutcome

app = typer.Typer(help="Write, find and show the config file.", no_args_is_help=True)

_EXAMPLE = "first.yaml"


def check(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Check the config file: every mistake at once, each with its line and what is allowed."""
    from vsortd.config.check import check_file
    from vsortd.config.diagnostics import InvalidConfigError
    from vsortd.config.warnings import warnings_of
    from vsortd.core.paths import find_config
    from vsortd.vision.config_check import model_mistakes
    from vsortd.vision.sample import unknown_words

    try:
        path = find_config(ctx.obj.config)
        report = check_file(path)
    except ConfigError as error:
        if as_json:
            _print_unreadable(error)
        raise
    warnings = warnings_of(report, unknown_words)
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
        "message": "\n".join((error.title, *error.details)),
        "allowed": error.remedy,
        "nearest": "",
    }
    print_json({"schema_version": 1, "ok": False, "file": file, "mistakes": [mistake], "warnings": []})


def _print_summary(path: Path, settings: Settings, warnings: Sequence[Mistake]) -> None:
    """Print what a valid config amounts to."""
    from vsortd.config.rules import build_rules

    out = console()
    for warning in warnings:
        out.print("warning: ", style="yellow", end="")
        for line in warning.lines(str(path)):
            out.print(line)
    rules = sum(1 for _ in build_rules(settings).walk())
    facts = [
        *(("inbox", str(inbox.path)) for inbox in settings.inboxes),
        ("library", str(settings.library)),
        ("model", str(settings.model)),
        ("rules", f"{rules} ({len(settings.rules)} at the top)"),
    ]
    out.print("ok ", style="green", end="")
    out.print(path)
    for name, value in facts:
        out.print(f"   {name:8}{value}")


@app.command()
def init(
    ctx: typer.Context,
    path: Annotated[Path | None, typer.Option("--path", help="Where to write; else where vsortd looks first.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a config that is there.")] = False,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Take the rules from a category file; ask nothing.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write the example with its comments; ask nothing.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Answer a few questions at the terminal, see where your videos would go, and get a config with comments.

    Without a terminal, or told to ask nothing, it writes an example to start from.

    The schema for editors is put beside it.
    """
    from vsortd.core.paths import wanted_config

    if source is not None and yes:
        raise UsageError("--yes writes the example, --from your own rules.", remedy="Take one of the two.")
    target = wanted_config(path if path is not None else ctx.obj.config)
    if source is not None:
        return _import(source, target, force=force, as_json=as_json)
    if not yes and not as_json and at_terminal():
        _refuse_early(target, force=force)
        return _ask(ctx, target, force=force)
    _write(target, None, force=force)
    if as_json:
        print_json({"schema_version": 1, "path": str(target)})
        return int(ExitCode.OK)
    out = console()
    out.print(f"Wrote {target}")
    if not yes:
        out.print("There is no terminal here to ask questions at, so it is the example.")
    out.print("Change the folders and rules in it, then: vsortd check")
    return int(ExitCode.OK)


def _ask(ctx: typer.Context, target: Path, *, force: bool) -> int:
    """Hold the dialogue, then write; until then nothing but a temporary folder is touched."""
    from vsortd.cli.wizard.draft_trial import ask_all, missing_folders
    from vsortd.cli.wizard.terminal import Terminal
    from vsortd.config.draft import check_draft, config_yaml
    from vsortd.core.logs.sinks import set_up_logging

    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    out = console()
    talk = Terminal(out)
    with tempfile.TemporaryDirectory(prefix="vsortd-init-") as state:
        try:
            draft = ask_all(talk, lambda settings, videos: _foresee(settings, Path(state), videos))
            folders = missing_folders(talk, check_draft(draft).settings_or_raise())
        except (KeyboardInterrupt, EOFError, typer.Abort) as error:
            out.print()
            out.print("Nothing was written.")
            raise typer.Abort from error
    _write(target, config_yaml(draft), force=force)
    out.print()
    out.print(f"Wrote {target}", style="green")
    for folder in folders:
        _make_wanted_folder(folder)
    _print_next(ctx, target)
    return int(ExitCode.OK)


def _foresee(settings: Settings, state: Path, videos: Sequence[Path]) -> Sequence[SortOutcome]:
    from vsortd.pipeline.batch import sort_paths

    with progress_bar("looking") as on_progress:
        return sort_paths(settings, state, videos, dry_run=True, on_progress=on_progress)


def _print_next(ctx: typer.Context, target: Path) -> None:
    """Say how to go on; `--config` where vsortd would not find the file by itself."""
    from shlex import quote

    from vsortd.core.paths import find_config

    try:
        found = find_config(ctx.obj.config) == target and ctx.obj.config is None
    except ConfigError:
        found = False
    option = "" if found else f"--config {quote(str(target))} "
    out = console()
    for what, word in (("To file what comes in:", "run"), ("After every change to the config:", "check")):
        out.print(what, style="dim")
        out.print(f"  vsortd {option}{word}")


def _make_wanted_folder(folder: Path) -> None:
    try:
        _make_folder(folder)
    except OSError as error:
        console(stderr=True).print(f"{folder} can't be made: {error.strerror or error}.")


@app.command("import")
def import_categories(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Lines of: [Category] (Name) prompt, prompt")],
    path: Annotated[
        Path | None, typer.Option("--path", metavar="OUT", help="Write a whole config; else the rules are printed.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a config that is there.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Make rules of a category file: lines of `[Category] (Name) prompts`, a/b for categories within categories."""
    from vsortd.core.paths import wanted_config

    return _import(file, None if path is None else wanted_config(path), force=force, as_json=as_json)


def _import(file: Path, target: Path | None, *, force: bool, as_json: bool) -> int:
    from vsortd.config.category_file import InvalidCategoryFileError, read_categories
    from vsortd.config.draft import ConfigDraft, check_text, config_yaml, rules_yaml
    from vsortd.core.paths import as_on_disk

    file = as_on_disk(file)
    try:
        categories = read_categories(file)
    except InvalidCategoryFileError as error:
        if as_json:
            mistakes = [mistake.to_json(str(file)) for mistake in error.mistakes]
            print_json({"schema_version": 1, "ok": False, "file": str(file), "mistakes": mistakes, "changes": []})
        raise
    text = config_yaml(ConfigDraft(rules=categories.rules))
    check_text(text).settings_or_raise()
    if target is not None:
        _write(target, text, force=force)
    if as_json:
        _print_imported(file, target, categories)
        return int(ExitCode.OK)
    notes = console(stderr=True)
    for change in categories.changes:
        notes.print("changed: ", style="yellow", end="")
        notes.print(change)
    if target is None:
        typer.echo(rules_yaml(categories.rules), nl=False)
        return int(ExitCode.OK)
    out = console()
    out.print(f"Wrote {target}: {counted(len(categories.rules), 'rule')}")
    out.print("Change the folders in it, then: vsortd check")
    return int(ExitCode.OK)


def _print_imported(file: Path, target: Path | None, categories: Categories) -> None:
    from vsortd.config.draft import plain_rules
    from vsortd.config.dump import dump_json

    document = {
        "schema_version": 1,
        "ok": True,
        "file": str(file),
        "path": None if target is None else str(target),
        "rules": plain_rules(categories.rules),
        "mistakes": [],
        "changes": list(categories.changes),
    }
    write_json(dump_json(document))  # of any depth, unlike print_json


def _refuse_early(target: Path, *, force: bool) -> None:
    """Raise what writing would, before a person has answered everything."""
    try:
        taken = target.exists() and not force
        above = next(folder for folder in target.parents if folder.exists())
    except OSError as error:
        raise _unwritable(target, error.strerror or str(error)) from error
    if taken:
        raise _there_already(target)
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise _unwritable(target, f"{above} is no folder that you can write to")


def _unwritable(target: Path, why: str) -> VsortdError:
    return VsortdError(f"{target} can't be written: {why}.", remedy="Write elsewhere with --path FILE.", paths=[target])


def _there_already(target: Path) -> VsortdError:
    return VsortdError(
        f"{target} is there already; it was left as it is.",
        remedy="Write elsewhere with --path FILE, or replace it with --force.",
        paths=[target],
    )


def _write(target: Path, text: str | None, *, force: bool) -> None:
    """Write a config, the example where no text is given, and the schema beside it. Raises VsortdError."""
    from vsortd.core.resources import resource_folder

    source = resource_folder("config")
    schema = "vsortd.schema.json"
    try:
        _make_folder(target.parent)
        _publish(target, text.encode() if text is not None else (source / _EXAMPLE).read_bytes(), replace=force)
        # Ours and made by us: an older one is brought up to date with the config.
        _publish(target.parent / schema, (source / schema).read_bytes(), replace=True)
    except FileExistsError as error:
        raise _there_already(target) from error
    except OSError as error:
        raise _unwritable(target, error.strerror or str(error)) from error


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it. Raises NotADirectoryError where a file is in the way."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(error.errno, "a file is where a folder should be") from error


def _publish(target: Path, data: bytes, *, replace: bool) -> None:
    """Write a file whole or not at all. Raises FileExistsError where one is and must not be replaced."""
    with beside(target, data) as temporary:
        temporary.chmod(0o644)
        if replace:
            temporary.replace(target)
        else:
            _publish_new(temporary, target, data)


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
    from vsortd.core.paths import find_config

    path = find_config(ctx.obj.config)
    if as_json:
        print_json({"schema_version": 1, "path": str(path)})
    else:
        typer.echo(printable(path))  # in full: scripts read it, and no shell expands a ~ in quotes


@app.command()
def show(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Print the settings in effect, defaults included, as YAML that loads again."""
    from vsortd.config.dump import dump_json, dump_yaml, plain_settings
    from vsortd.config.load import load_settings
    from vsortd.core.paths import find_config

    path = find_config(ctx.obj.config)
    settings: dict[str, Any] = plain_settings(load_settings(path))
    if as_json:
        write_json(dump_json({"schema_version": 1, "file": str(path), "settings": settings}))
    else:
        typer.echo(dump_yaml(settings), nl=False)


@app.command()
def schema(as_json: JsonFlag = False) -> None:  # noqa: ARG001 - a schema is JSON either way
    """Print the JSON schema of the config file, for editors."""
    from vsortd.config.dump import config_schema, dump_json

    write_json(dump_json(config_schema()))
