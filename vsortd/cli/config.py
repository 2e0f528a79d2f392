"""`vsortd check` and `vsortd config init|import|path|show|schema`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click

from vsortd.analysis.label_reading import ImportAs
from vsortd.cli.common import ForceFlag, JsonFlag, at_terminal, console, print_json, progress_bar, write_json
from vsortd.cli.front.declared import Argument, Option
from vsortd.core.output import note
from vsortd.core.text import counted, printable
from vsortd.errors import ConfigError, ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.analysis.label_import import Imported
    from vsortd.config.diagnostics import Mistake
    from vsortd.config.settings import Settings
    from vsortd.pipeline.batch import SortOutcome


def check(ctx: click.Context, as_json: JsonFlag = False) -> None:
    """Check the config: every mistake at once, with its line.

    Each mistake is shown with what is allowed.
    """
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
    note(out, "ok ", style="green", end="")
    note(out, path)
    for name, value in facts:
        note(out, f"   {name:8}{value}")


def init(
    ctx: click.Context,
    path: Annotated[
        Path | None, Option("--out", "-o", metavar="PATH", help="Where to write; else where vsortd looks first.")
    ] = None,
    force: ForceFlag = False,
    source: Annotated[
        Path | None, Option("--from", metavar="FILE", help="Take the rules from a category file; ask nothing.")
    ] = None,
    yes: Annotated[bool, Option("--yes", "-y", help="Write the example with its comments; ask nothing.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Answer a few questions, and get a config with comments.

    It asks in the terminal, and shows where your videos would go. Without a terminal, or with --yes, it writes an
    example to start from.

    The schema for editors is written beside it.
    """
    from vsortd.core.paths import wanted_config
    from vsortd.setup.new_config import refuse_early, write_new_config

    if source is not None and yes:
        raise UsageError("--yes writes the example, --from your own rules.", remedy="Take one of the two.")
    target = wanted_config(path if path is not None else ctx.obj.config)
    if source is not None:
        return _import(source, target, wanted=None, force=force, as_json=as_json)
    if not yes and not as_json and at_terminal():
        refuse_early(target, force=force)
        return _ask(ctx, target, force=force)
    write_new_config(target, None, force=force)
    if as_json:
        print_json({"schema_version": 1, "path": str(target)})
        return int(ExitCode.OK)
    out = console()
    note(out, f"Wrote {target}")
    if not yes:
        note(out, "There is no terminal here to ask questions at, so it is the example.")
    note(out, "Change the folders and rules in it, then: vsortd check")
    return int(ExitCode.OK)


def _ask(ctx: click.Context, target: Path, *, force: bool) -> int:
    """Hold the dialogue, then write; until then nothing but a temporary folder is touched."""
    from vsortd.cli.wizard.draft_trial import ask_all, missing_folders
    from vsortd.cli.wizard.terminal import Terminal
    from vsortd.config.draft import check_draft, config_yaml
    from vsortd.core.logs.sinks import set_up_logging
    from vsortd.setup.new_config import write_new_config

    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    out = console()
    talk = Terminal(out)
    with tempfile.TemporaryDirectory(prefix="vsortd-init-") as state:
        try:
            draft = ask_all(talk, lambda settings, videos: _foresee(settings, Path(state), videos))
            folders = missing_folders(talk, check_draft(draft).settings_or_raise())
        except (KeyboardInterrupt, EOFError, click.Abort) as error:
            out.print()
            out.print("Nothing was written.")
            raise click.Abort from error
    write_new_config(target, config_yaml(draft), force=force)
    out.print()
    note(out, f"Wrote {target}", style="green")
    for folder in folders:
        _make_wanted_folder(folder)
    _print_next(ctx, target)
    return int(ExitCode.OK)


def _foresee(settings: Settings, state: Path, videos: Sequence[Path]) -> Sequence[SortOutcome]:
    from vsortd.pipeline.batch import sort_paths

    with progress_bar("looking") as on_progress:
        return sort_paths(settings, state, videos, dry_run=True, on_progress=on_progress)


def _print_next(ctx: click.Context, target: Path) -> None:
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
        note(out, what, style="dim")
        note(out, f"  vsortd {option}{word}")


def _make_wanted_folder(folder: Path) -> None:
    from vsortd.setup.new_config import make_folder

    try:
        make_folder(folder)
    except OSError as error:
        console(stderr=True).print(f"{folder} can't be made: {error.strerror or error}.")


def import_categories(
    file: Annotated[
        Path,
        Argument(
            metavar="FILE",
            help="Lines of: [Category] (Name) prompt, prompt; or [Question], (Category), prompts; or labels.",
        ),
    ],
    path: Annotated[
        Path | None, Option("--out", "-o", metavar="PATH", help="Write a whole config; else that part is printed.")
    ] = None,
    wanted: Annotated[
        ImportAs | None,
        Option("--as", help="rules: folders that compete; facets: each [Question] by itself, its answer a tag."),
    ] = None,
    force: ForceFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Make rules or facets from a category file or a list.

    A file with several questions becomes facets; a list of labels becomes rules. In lines of `[Category] (Name)
    prompts`, a/b stands for categories within categories.
    """
    from vsortd.core.paths import wanted_config

    target = None if path is None else wanted_config(path)
    return _import(file, target, wanted=wanted, force=force, as_json=as_json)


def _import(file: Path, target: Path | None, *, wanted: ImportAs | None, force: bool, as_json: bool) -> int:
    from vsortd.analysis.label_import import import_labels
    from vsortd.config.category_file import InvalidCategoryFileError
    from vsortd.config.draft import ConfigDraft, check_text, config_yaml, facets_yaml, rules_yaml
    from vsortd.core.paths import as_on_disk

    file = as_on_disk(file)
    try:
        imported = import_labels(file, wanted)
    except InvalidCategoryFileError as error:
        if as_json:
            mistakes = [mistake.to_json(str(file)) for mistake in error.mistakes]
            print_json({"schema_version": 1, "ok": False, "file": str(file), "mistakes": mistakes, "changes": []})
        raise
    text = config_yaml(ConfigDraft(rules=imported.rules, facets=imported.facets))
    check_text(text).settings_or_raise()
    if target is not None:
        from vsortd.setup.new_config import write_new_config

        write_new_config(target, text, force=force)
    if as_json:
        _print_imported(file, target, imported)
        return int(ExitCode.OK)
    notes = console(stderr=True)
    for change in imported.changes:
        notes.print("changed: ", style="yellow", end="")
        notes.print(change)
    if imported.note:
        note(notes, f"{file.name}: {imported.note}.", style="dim")
    if target is None:
        click.echo(facets_yaml(imported.facets) if imported.facets else rules_yaml(imported.rules), nl=False)
        return int(ExitCode.OK)
    out = console()
    count = counted(len(imported.facets), "facet") if imported.facets else counted(len(imported.rules), "rule")
    note(out, f"Wrote {target}: {count}")
    if imported.facets:
        note(out, "Its rules are the example's.")
    note(out, f"Change the folders{' and rules' if imported.facets else ''} in it, then: vsortd check")
    return int(ExitCode.OK)


def _print_imported(file: Path, target: Path | None, imported: Imported) -> None:
    from vsortd.config.draft import plain_rules
    from vsortd.config.dump import dump_json

    document = {
        "schema_version": 1,
        "ok": True,
        "file": str(file),
        "path": None if target is None else str(target),
        "rules": plain_rules(imported.rules),
        "facets": {
            name: {value: list(prompts) for value, prompts in values.items()}
            for name, values in imported.facets.items()
        },
        "mistakes": [],
        "changes": list(imported.changes),
    }
    write_json(dump_json(document))  # of any depth, unlike print_json


def show_path(ctx: click.Context, as_json: JsonFlag = False) -> None:
    """Print which config file vsortd reads."""
    from vsortd.core.paths import find_config

    path = find_config(ctx.obj.config)
    if as_json:
        print_json({"schema_version": 1, "path": str(path)})
    else:
        click.echo(printable(path))  # in full: scripts read it, and no shell expands a ~ in quotes


def show(ctx: click.Context, as_json: JsonFlag = False) -> None:
    """Print the settings in effect, defaults included.

    The output is YAML that vsortd can load.
    """
    from vsortd.config.dump import dump_json, dump_yaml, plain_settings
    from vsortd.config.load import load_settings
    from vsortd.core.paths import find_config

    path = find_config(ctx.obj.config)
    settings: dict[str, Any] = plain_settings(load_settings(path))
    if as_json:
        write_json(dump_json({"schema_version": 1, "file": str(path), "settings": settings}))
    else:
        click.echo(dump_yaml(settings), nl=False)


def schema(as_json: JsonFlag = False) -> None:  # noqa: ARG001 - a schema is JSON either way
    """Print the JSON schema of the config file, for editors."""
    from vsortd.config.dump import config_schema, dump_json

    write_json(dump_json(config_schema()))
