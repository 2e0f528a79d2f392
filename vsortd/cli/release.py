"""Letting vsortd sort videos again that it leaves alone: `release` what was undone, `retry` what was refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from vsortd.cli.common import (
    SCHEMA_VERSION,
    JsonFlag,
    asking_the_daemon,
    lines,
    open_journal,
    print_json,
)
from vsortd.cli.completing import (
    held_ids,
    refused_ids,
)
from vsortd.cli.front.declared import Argument, Option
from vsortd.cli.video_argument import id_meant
from vsortd.core.output import note
from vsortd.core.paths import as_on_disk
from vsortd.core.text import storable
from vsortd.errors import ExitCode, UsageError
from vsortd.filing.release import ReleaseReport, ReleaseVerb, is_id, release_or_retry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.filing.journal import Journal


def release(
    which: Annotated[
        list[str] | None,
        Argument(metavar="[ID|FILE…]", help="Held items by id or path.", autocompletion=held_ids),
    ] = None,
    everything: Annotated[bool, Option("--all", help="Everything that is held.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Let undone videos be sorted again."""
    return _release_or_retry(ReleaseVerb.RELEASE, which, everything=everything, as_json=as_json)


def retry(
    which: Annotated[
        list[str] | None,
        Argument(metavar="[ID|FILE…]", help="Failed items by id or path.", autocompletion=refused_ids),
    ] = None,
    everything: Annotated[bool, Option("--all", help="Everything failed or rejected.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Try failed or rejected videos again.

    They are tried even if they have not changed.
    """
    return _release_or_retry(ReleaseVerb.RETRY, which, everything=everything, as_json=as_json)


def _release_or_retry(verb: ReleaseVerb, which: list[str] | None, *, everything: bool, as_json: bool) -> int:
    if bool(which) == everything:
        raise UsageError(f"Say what to {verb}.", remedy="Ids or files, or --all; see `vsortd history`.")
    journal = open_journal() if any(map(is_id, which or ())) else None
    names = [_named(journal, word) for word in which or ()]
    found = _free(verb, names, everything=everything)
    shown = dict(zip(names, which or (), strict=True))
    refused = [(shown.get(name, name), reason) for name, reason in found.refused]
    _print_freed(verb, found.freed, refused, as_json=as_json)
    return int(ExitCode.PARTIAL if refused else ExitCode.OK)


def _named(journal: Journal | None, word: str) -> str:
    """Return the id or the absolute path that is meant."""
    number = id_meant(journal, word)
    return str(as_on_disk(Path(word).absolute())) if number is None else str(number)


def _free(verb: ReleaseVerb, names: Sequence[str], *, everything: bool) -> ReleaseReport:
    """Ask the daemon where one runs, else do it here."""
    with asking_the_daemon() as client:
        return ReleaseReport.from_json(client.release_or_retry(verb, names, everything=everything))
    return release_or_retry(open_journal(), verb, names, everything=everything)


def _print_freed(
    verb: ReleaseVerb, freed: Sequence[Path], refused: Sequence[tuple[str, str]], *, as_json: bool
) -> None:
    if as_json:
        key = "released" if verb is ReleaseVerb.RELEASE else "retried"
        print_json(
            {
                "schema_version": SCHEMA_VERSION,
                key: [storable(path) for path in freed],
                "refused": [{"what": storable(name), "reason": reason} for name, reason in refused],
            }
        )
        return
    for path in freed:
        note(lines(), f"{path} will be sorted again")
    for name, reason in refused:
        lines().print(f"{name} refused: {reason}", style="red")
    if not freed and not refused:
        note(lines(), f"Nothing to {verb}.")
