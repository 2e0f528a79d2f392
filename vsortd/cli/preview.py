"""`vsortd rules preview`: what other rules would change of all that is filed, before anything is moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import click

from vsortd.cli.common import (
    SCHEMA_VERSION,
    CsvFlag,
    JsonFlag,
    console,
    load,
    models,
    print_json,
    progress_bar,
    state_folder,
    telling_of_library,
    write_csv_of,
)
from vsortd.cli.front.declared import Option
from vsortd.cli.preview_view import FIELDS, print_changes, print_counts
from vsortd.core.output import note
from vsortd.core.paths import find_config, journal_path
from vsortd.errors import DaemonUnreachableError

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.config.settings import Settings
    from vsortd.pipeline.rules_preview import PreviewItem, RulesPreview

LimitOption = Annotated[
    int | None,
    Option(
        "--limit", metavar="N", min=0, help="List at most so many videos, 0 all; else 50, with --csv and --json all."
    ),
]
SHOWN = 50  # videos of the table


def preview(
    ctx: click.Context,
    look: Annotated[
        bool, Option("--look", help="Look at the videos of which too little is kept, and keep what is seen.")
    ] = False,
    all_of_them: Annotated[bool, Option("--all", help="List those that stay, too.")] = False,
    limit: LimitOption = None,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Say what other rules would change for filed videos.

    Nothing is touched. `--config NEW.yaml` names the rules to try. The answer for each video is that of `vsortd
    plan`, from the frames that were kept when the video was sorted, so nothing is decoded. Videos that have changed
    since, or of which these rules need more than those frames, are listed separately; --look looks at them again.
    Videos that you put somewhere yourself stay there.
    """
    from vsortd.core.logs.sinks import set_up_logging

    settings = load(ctx)
    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    with telling_of_library(settings):
        found = _found(find_config(ctx.obj.config), settings, look=look)
    _print(found, look=look, everything=all_of_them, limit=limit, as_csv=as_csv, as_json=as_json)


def _found(config: Path, settings: Settings, *, look: bool) -> RulesPreview:
    import threading

    from vsortd.pipeline.rules_preview import RulesPreview, look_again
    from vsortd.pipeline.rules_preview import preview as preview_rules
    from vsortd.pipeline.services import Services

    if not journal_path(state_folder()).exists():
        return RulesPreview(())
    if (told := _by_the_daemon(config, settings, look=look)) is not None:
        return told
    cancel = threading.Event()  # Ctrl-C ends it: nothing is under way that would have to be put back
    with Services.open(
        settings, state_folder(), keep_trying=False, recover_first=False, load_model=False, models=models(late=True)
    ) as services:
        with progress_bar("deciding") as on_progress:
            found = preview_rules(services, cancel=cancel, on_progress=on_progress)
        if look:
            with progress_bar("looking") as on_progress:
                found = look_again(services, found, cancel=cancel, on_progress=on_progress)
    return found


def _by_the_daemon(config: Path, settings: Settings, *, look: bool) -> RulesPreview | None:
    """Let a daemon tell that has the model loaded; None if none runs, or one that can't. Ctrl-C ends its work, too."""
    from vsortd.config.dump import fingerprint
    from vsortd.pipeline.rules_preview import PreviewItem, RulesPreview
    from vsortd.service.client import Client

    try:
        text = config.read_text("utf-8-sig")
        with progress_bar("looking" if look else "deciding") as on_progress:
            found = Client(state_folder()).preview_rules(
                config.absolute(), text, fingerprint(settings), look=look, on_progress=on_progress
            )
    except (OSError, ValueError, DaemonUnreachableError):  # none runs, or it ended meanwhile; the config just went away
        return None
    if found is None:
        return None
    return RulesPreview(tuple(map(PreviewItem.from_json, found["items"])), found["elsewhere"])


def listed(found: RulesPreview, *, everything: bool) -> list[PreviewItem]:
    """Return the videos that a list shows: those of which there is something to say, or all."""
    from vsortd.pipeline.rules_preview import PreviewOutcome

    return [item for item in found.items if everything or item.outcome is not PreviewOutcome.STAYS]


def _print(
    found: RulesPreview, *, look: bool, everything: bool, limit: int | None, as_csv: bool, as_json: bool
) -> None:
    items = listed(found, everything=everything)
    if as_csv:
        write_csv_of(FIELDS, [one.to_json() for one in _first(items, limit)])
        return
    if as_json:
        counts = {outcome.value: count for outcome, count in found.counts.items()}
        print_json(
            {
                "schema_version": SCHEMA_VERSION,
                "videos": len(found.items),
                "counts": counts,
                "elsewhere": found.elsewhere,
                "listed": len(items),
                "items": [one.to_json() for one in _first(items, limit)],
            }
        )
        return
    out = console()
    if not found.items:
        note(out, "Nothing is filed yet.")
        return
    print_changes(out, items, limit=SHOWN if limit is None else limit)
    print_counts(out, found, look=look, again="vsortd rules preview --look")
    if found.changes:
        note(out, "Nothing was touched. Once these are the rules of your config: vsortd refile", style="dim")
    else:
        note(out, "Nothing would move.", style="dim")


def _first(items: list[PreviewItem], limit: int | None) -> list[PreviewItem]:
    return items[:limit] if limit else items
