"""`vsortd fetch`: videos of the web into an inbox."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click

from vsortd.cli.addresses import fetched, opened_fetcher
from vsortd.cli.common import SCHEMA_VERSION, JsonFlag, console, load, print_json
from vsortd.cli.completing import inbox_paths
from vsortd.cli.front.declared import Argument, Option
from vsortd.core.paths import as_on_disk
from vsortd.core.text import storable
from vsortd.errors import ExitCode, UsageError
from vsortd.fetching.address import checked_address

if TYPE_CHECKING:
    from vsortd.config.settings import Settings
    from vsortd.fetching.cache import CachedVideo
    from vsortd.fetching.download import FetchError
    from vsortd.fetching.fetcher import Fetcher


@dataclass(frozen=True, slots=True)
class DeliveredVideo:
    """A fetched video, where it lies now, and whether it was fetched or put there before."""

    video: CachedVideo
    path: Path
    from_cache: bool
    there_before: bool

    def to_json(self) -> dict[str, Any]:
        """Return the entry of `fetch --json`."""
        return {
            "path": storable(self.path),
            **self.video.origin.to_json(),
            "subtitles": [language for _, language in self.video.subtitles],
            "from_cache": self.from_cache,
            "there_before": self.there_before,
        }


def fetch(
    ctx: click.Context,
    addresses: Annotated[
        list[str], Argument(metavar="ADDRESS…", help="Pages of videos, or videos: https://… in quotes.")
    ],
    inbox: Annotated[
        str | None,
        Option(
            "--inbox",
            metavar="INBOX",
            help="The inbox, by its path or name; else the only one.",
            autocompletion=inbox_paths,
        ),
    ] = None,
    playlist: Annotated[bool, Option("--playlist", help="If an address has several videos, fetch them all.")] = False,
    again: Annotated[bool, Option("--again", help="Fetch it again, even if it is in the cache.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Fetch videos from the web into an inbox.

    Videos are named after their titles, and come with the subtitles that their sites have. This works with any site
    that yt-dlp knows (extra: fetch) and with plain addresses of MP4 and MOV files: only https, no login, no live
    streams. Fetched videos stay in a cache, so the same address again contacts no site. The history says where a
    video came from. `sort`, `plan`, `explain`, `classify`, `analyze`, `timeline` and `search --in` accept
    addresses, too.
    """
    settings = load(ctx)
    folder = chosen_inbox(settings, inbox)
    for address in addresses:
        checked_address(address)
    fetcher = opened_fetcher(ctx, settings)
    videos: list[DeliveredVideo] = []
    failures: list[FetchError] = []
    for address in addresses:
        outcome = fetched(fetcher, address, playlist=playlist, anew=again)
        failures += outcome.failures
        for one in outcome.videos:
            path, there = delivered(fetcher, one.video, folder)
            videos.append(DeliveredVideo(one.video, path, one.from_cache, there))
            if not as_json:
                console().print(f"{path}{' was there already' if there else ''}")
    if failures and not videos and not as_json and len(failures) == 1:
        raise failures[0]
    if as_json:
        _print_document(videos, failures)
    for error in () if as_json else failures:
        console(stderr=True).print(str(error), style="red")
    return int(ExitCode.OK if not failures else ExitCode.PARTIAL if videos else ExitCode.FAILURE)


def _print_document(videos: list[DeliveredVideo], failures: list[FetchError]) -> None:
    failed = [{"reason": storable(error.title), "remedy": error.remedy, "kind": error.kind} for error in failures]
    print_json({"schema_version": SCHEMA_VERSION, "videos": [one.to_json() for one in videos], "failures": failed})


def delivered(fetcher: Fetcher, video: CachedVideo, inbox: Path) -> tuple[Path, bool]:
    """Put a copy of a fetched video into an inbox; returns its path, and whether it was there. Raises FilingError."""
    from vsortd.fetching.delivery import deliver

    return deliver(fetcher.cache, video, inbox)


def chosen_inbox(settings: Settings, named_inbox: str | None) -> Path:
    """Return the inbox that is named, by its path or the name of its folder; the only one where none is.

    Raises UsageError, also where its folder is not there.
    """
    paths = [inbox.path for inbox in settings.inboxes]
    if named_inbox is not None:
        named = as_on_disk(Path(os.path.abspath(Path(named_inbox).expanduser())))  # noqa: PTH100 - no links followed
        found = [path for path in paths if path == named] or [path for path in paths if path.name == named_inbox]
    else:
        found = paths
    listed = ", ".join(map(str, paths))
    if not found:
        raise UsageError(f"--inbox {named_inbox}: there is no such inbox.", remedy=f"There are: {listed}")
    if len(found) > 1:
        raise UsageError("There are several inboxes that could be meant.", remedy=f"Name one with --inbox: {listed}")
    if not found[0].is_dir():
        raise UsageError(f"The inbox {found[0]} is not there.", remedy="Make it, or attach its disk.", paths=found)
    return found[0]
