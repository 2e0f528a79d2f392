"""`vsortd refile`: what is filed goes to where the rules of today have it, once a person has seen the list."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import click

from vsortd.cli.common import (
    AsRootFlag,
    CsvFlag,
    JsonFlag,
    confirm,
    console,
    load,
    models,
    progress_bar,
    root_warning,
    state_folder,
    telling_of_library,
)
from vsortd.cli.completing import rule_names
from vsortd.cli.front.declared import Option
from vsortd.cli.interrupts import Interruption
from vsortd.cli.outcome_view import (
    exit_code,
    hooks,
    print_items,
    print_lines,
    print_way_back,
    say_failures,
    say_interrupted,
)
from vsortd.cli.preview import SHOWN, LimitOption
from vsortd.cli.preview_view import print_changes, print_counts
from vsortd.core.names import nfc
from vsortd.core.outcomes import PLACED, ItemState
from vsortd.core.output import note
from vsortd.core.paths import journal_path
from vsortd.core.text import counted
from vsortd.errors import ExitCode, UsageError

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from vsortd.config.settings import Settings
    from vsortd.pipeline.batch import SortOutcome
    from vsortd.pipeline.rules_preview import PreviewItem, RulesPreview
    from vsortd.pipeline.services import Services


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What is to be refiled, and whether it is."""

    rule: str | None
    to_review: bool
    yours: bool
    look: bool
    dry_run: bool
    yes: bool
    limit: int
    as_csv: bool
    as_json: bool

    @property
    def for_programs(self) -> bool:
        """Whether a program reads what is printed."""
        return self.as_csv or self.as_json

    def takes(self, item: PreviewItem) -> bool:
        """Tell whether a video is among those meant."""
        from vsortd.filing.own_decisions import DecidedBy
        from vsortd.pipeline.rules_preview import CHANGES, PreviewOutcome

        kept = item.outcome is PreviewOutcome.KEPT
        yours = self.yours and kept and item.decided_by is DecidedBy.YOU and not item.found
        if item.outcome not in CHANGES and not yours:
            return False
        if item.state is ItemState.REVIEW and not self.to_review:
            return False
        return self.rule is None or any(_is_below(key, self.rule) for key in (item.rule_before, item.rule))


def _is_below(key: str, rule: str) -> bool:
    return nfc(key) == nfc(rule) or nfc(key).startswith(f"{nfc(rule)}/")


def refile(
    ctx: click.Context,
    rule: Annotated[
        str | None,
        Option(
            "--rule",
            metavar="RULE",
            help="Only videos that are filed under this rule, or one below it, or would be.",
            autocompletion=rule_names,
        ),
    ] = None,
    to_review: Annotated[
        bool, Option("--to-review/--no-review", help="Whether videos that the rules are now unsure of go to review.")
    ] = True,
    yours: Annotated[bool, Option("--yours", help="Also videos that you put somewhere yourself.")] = False,
    look: Annotated[bool, Option("--look", help="Look at the videos of which too little is kept.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Only say what would happen.")] = False,
    yes: Annotated[bool, Option("--yes", "-y", help="Don't ask.")] = False,
    limit: LimitOption = None,
    as_root: AsRootFlag = False,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Move filed videos to where today's rules would file them.

    The list comes first; nothing moves until you say yes. The videos are one batch: `vsortd undo --batch B` takes them
    back to where they were. Videos that you put somewhere yourself stay there, unless you add --yours. `vsortd rules
    preview` says more about each.
    """
    if (as_csv or as_json) and not (yes or dry_run):
        raise UsageError("Nobody can be asked here.", remedy="Add --yes, or --dry-run to see what would happen.")
    from vsortd.config.rules import build_rules
    from vsortd.core.logs.sinks import set_up_logging
    from vsortd.learning.teaching import find_rule

    settings = load(ctx)
    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    if rule is not None:
        rule = find_rule(build_rules(settings), rule)
    wishes = _Wishes(
        rule,
        to_review=to_review,
        yours=yours,
        look=look,
        dry_run=dry_run,
        yes=yes,
        limit=SHOWN if limit is None else limit,
        as_csv=as_csv,
        as_json=as_json,
    )
    if not dry_run and (warning := root_warning(as_root=as_root)):
        console(stderr=True).print(warning, style="yellow")
    if not journal_path(state_folder()).exists():
        _say_nothing(wishes)
        return int(ExitCode.OK)
    return _refile(settings, wishes)


def _refile(settings: Settings, wishes: _Wishes) -> int:
    from vsortd.pipeline.services import Services

    effects = not wishes.dry_run
    with (
        hooks(settings) if effects else nullcontext() as do_what_comes_after,
        telling_of_library(settings),
        Services.open(
            settings,
            state_folder(),
            keep_trying=False,
            recover_first=effects,
            load_model=False,
            models=models(late=True),
        ) as services,
    ):
        found = _found(services, wishes)
        chosen = [item for item in found.items if wishes.takes(item)]
        if not wishes.for_programs:
            print_changes(console(), chosen, limit=wishes.limit)
            print_counts(console(), found, look=wishes.look, again="vsortd refile --look")
        if not chosen or not _is_meant(chosen, wishes):
            _say_nothing(wishes, chosen)
            return int(ExitCode.OK)
        with Interruption() as interruption:
            outcomes = _moved(services, chosen, wishes, interruption.cancel)
            _print(outcomes, wishes, interrupted=interruption.came)
            if do_what_comes_after is not None:
                say_failures(do_what_comes_after(interruption.cancel))
    return int(ExitCode.INTERRUPTED) if interruption.came else _exit_code(outcomes)


def _found(services: Services, wishes: _Wishes) -> RulesPreview:
    import threading

    from vsortd.pipeline.rules_preview import look_again, preview

    cancel = threading.Event()  # Ctrl-C ends it: nothing is under way yet
    with progress_bar("deciding") as on_progress:
        found = preview(services, cancel=cancel, on_progress=on_progress)
    if wishes.look:
        with progress_bar("looking") as on_progress:
            found = look_again(services, found, cancel=cancel, on_progress=on_progress)
    return found


def _is_meant(chosen: Sequence[PreviewItem], wishes: _Wishes) -> bool:
    """Ask whether to go on, unless that was said."""
    if wishes.yes or wishes.dry_run:
        return True
    return confirm(f"Move {counted(len(chosen), 'video')}?")


def _moved(
    services: Services, chosen: Sequence[PreviewItem], wishes: _Wishes, cancel: threading.Event
) -> list[SortOutcome]:
    from vsortd.pipeline.refiling import refile as refile_videos

    with progress_bar("looking" if wishes.dry_run else "moving") as on_progress:
        return refile_videos(
            services, chosen, dry_run=wishes.dry_run, yours=wishes.yours, on_progress=on_progress, cancel=cancel
        )


def _print(outcomes: Sequence[SortOutcome], wishes: _Wishes, *, interrupted: bool) -> None:
    if wishes.for_programs:
        print_items(outcomes, as_csv=wishes.as_csv, **({"interrupted": True} if interrupted else {}))
        return
    print_lines(outcomes, dry_run=wishes.dry_run)
    print_way_back(outcomes, dry_run=wishes.dry_run)
    if interrupted:
        say_interrupted(outcomes, dry_run=wishes.dry_run)


def _say_nothing(wishes: _Wishes, chosen: Sequence[PreviewItem] = ()) -> None:
    if wishes.for_programs:
        print_items([], as_csv=wishes.as_csv)
    else:
        note(console(), "Nothing was moved." if chosen else "There is nothing to move.")


def _exit_code(outcomes: Sequence[SortOutcome]) -> int:
    """Return 0 only where each video went where it was to go."""
    code = exit_code(outcomes)
    if code == ExitCode.OK and any(one.state not in PLACED for one in outcomes):
        return int(ExitCode.PARTIAL)
    return code
