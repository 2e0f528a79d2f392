"""The root of the command line; each group lives in a file of its own and imports what is heavy when it runs."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vsortd.cli import (
    analyze,
    classify,
    cluster,
    completion,
    config,
    control,
    demo,
    doctor,
    duplicates,
    edit,
    evaluate,
    explain,
    export,
    fetch,
    help_command,
    history,
    index,
    logs,
    model,
    open_page,
    preview,
    refile,
    release,
    review,
    run,
    search,
    service,
    set_aside,
    sort,
    status,
    teach,
    timeline,
    tray,
    where,
)
from vsortd.cli.common import RootOptions
from vsortd.cli.examples import EPILOG, HelpfulGroup
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

app = typer.Typer(
    name="vsortd",
    cls=HelpfulGroup,
    epilog=EPILOG,
    help="Drop videos into a folder; they file themselves by what they show. Every move can be undone.",
    no_args_is_help=True,
    add_completion=False,  # typer's own scripts evaluate what they are answered: see vsortd.cli.completion_scripts
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:  # noqa: FBT001 - typer's callback form
    if value:
        from vsortd import __version__

        typer.echo(f"vsortd {__version__}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    config_file: Annotated[
        Path | None,
        typer.Option("--config", help="The config file; else $VSORTD_CONFIG, else the user's, else the site's."),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say more in the log, with the times of each stage.")
    ] = False,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Drop videos into a folder; they file themselves by what they show. Every move can be undone."""
    ctx.obj = RootOptions(config=config_file, verbose=verbose)


@cache
def command() -> Callable[..., object]:
    """Return the whole command line as the parser has it; putting it together takes longer than most commands."""
    built: Callable[..., object] = typer.main.get_command(app)
    return built


def hoist_config(argv: list[str]) -> list[str]:
    """Move `--config F` to the front, so that it may stand anywhere on the line. Raises UsageError without a value."""
    front: list[str] = []
    rest: list[str] = []
    position = 0
    while position < len(argv):
        word = argv[position]
        if word == "--":
            rest += argv[position:]
            break
        if word == "--config":
            if position + 1 >= len(argv):
                raise UsageError("--config needs a file.", remedy="Write --config FILE.")
            front = ["--config", argv[position + 1]]
            position += 2
            continue
        if word.startswith("--config="):
            front = [word]
        else:
            rest.append(word)
        position += 1
    return front + rest


run.register(app)
status.register(app)
control.register(app)
open_page.register(app)
sort.register(app)
fetch.register(app)
explain.register(app)
evaluate.register(app)
cluster.register(app)
index.register(app)
search.register(app)
history.register(app)
release.register(app)
where.register(app)
export.register(app)
teach.register(app)
review.register(app)
preview.register(app)
refile.register(app)
timeline.register(app)
classify.register(app)
analyze.register(app)
duplicates.register(app)
set_aside.register(app)
app.command("check")(config.check)
app.add_typer(config.app, name="config")
app.add_typer(model.app, name="model")
doctor.register(app)
logs.register(app)
edit.register(app)
completion.register(app)
help_command.register(app)
service.register(app)
tray.register(app)
demo.register(app)
