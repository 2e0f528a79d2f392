"""Videos that are named by an address of the web, in commands that take files: fetched, then files like any other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.cli.common import console, progress_bar, state_folder
from vsortd.core.origin import without_credentials
from vsortd.errors import UsageError
from vsortd.fetching.address import checked_address, is_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click

    from vsortd.config.settings import Settings
    from vsortd.fetching.cache import CachedVideo
    from vsortd.fetching.fetcher import Fetcher, FetchOutcome

_MEGABYTE = 10**6


def local_files(ctx: click.Context, words: Sequence[str], settings: Settings | None) -> list[Path]:
    """Return the files that words name; what is an address is fetched into the cache, and kept there meanwhile.

    No address is fetched before all are seen to be ones. Raises UsageError, FetchError, StoreError.
    """
    return [Path(word) if video is None else video.path for word, video in _with_videos(ctx, words, settings)[0]]


def files_here(words: Sequence[str] | None, command: str) -> list[Path]:
    """Return what words name as paths, for a command that fetches nothing. Raises UsageError for an address."""
    for word in words or ():
        if is_address(word):
            shown = without_credentials(word) or "What is named"
            title = f"{shown} is an address: `vsortd {command}` takes what lies here."
            raise UsageError(title, remedy="Fetch it first: vsortd fetch ADDRESS")
    return [Path(word) for word in words or ()]


def local_file(ctx: click.Context, word: str, settings: Settings | None) -> Path:
    """Return the file that one word names; as `local_files`."""
    return local_files(ctx, [word], settings)[0]


def files_in_inbox(ctx: click.Context, words: Sequence[str], settings: Settings) -> list[Path]:
    """Return the files that words name; what is an address is fetched and put into the first inbox.

    As `local_files`, and FilingError.
    """
    found, fetcher = _with_videos(ctx, words, settings)
    if fetcher is None:
        return [Path(word) for word in words]
    from vsortd.fetching.delivery import deliver

    inbox, cache = settings.inboxes[0].path, fetcher.cache
    return [Path(word) if video is None else deliver(cache, video, inbox)[0] for word, video in found]


def _with_videos(
    ctx: click.Context, words: Sequence[str], settings: Settings | None
) -> tuple[list[tuple[str, CachedVideo | None]], Fetcher | None]:
    """Return each word with the video that it is the address of, None for a file; and what fetched, if anything was."""
    addresses = [word for word in words if is_address(word)]
    for address in addresses:
        checked_address(address)
    if not addresses:
        return [(word, None) for word in words], None
    fetcher = opened_fetcher(ctx, settings)
    return [(word, _fetched(fetcher, word) if is_address(word) else None) for word in words], fetcher


def opened_fetcher(ctx: click.Context, settings: Settings | None) -> Fetcher:
    """Return what fetches into the cache; it is closed when the command ends. Raises StoreError."""
    from vsortd.config.fetch_options import Fetch
    from vsortd.fetching.fetcher import Fetcher
    from vsortd.media.ffmpeg import ffmpeg_if_any

    fetcher = Fetcher(state_folder(), settings.fetch if settings is not None else Fetch(), ffmpeg_if_any)
    ctx.call_on_close(fetcher.cache.close)
    return fetcher


def fetched(fetcher: Fetcher, address: str, *, playlist: bool = False, anew: bool = False) -> FetchOutcome:
    """Fetch what is at an address, with a bar in megabytes; say on stderr what came out of the cache."""
    with progress_bar("fetching, MB") as bar:

        def on_progress(done: int, total: int) -> None:
            if bar is not None and total:
                bar(done // _MEGABYTE, max(total // _MEGABYTE, 1))

        outcome = fetcher.fetch(address, playlist=playlist, anew=anew, on_progress=on_progress)
    for one in outcome.videos:
        if one.from_cache:
            console(stderr=True).print(f"Fetched before, and taken from the cache: {one.video.path.name}", style="dim")
    return outcome


def _fetched(fetcher: Fetcher, address: str) -> CachedVideo:
    outcome = fetched(fetcher, address)
    if outcome.failures:
        raise outcome.failures[0]
    return outcome.videos[0].video
