"""From an address to files of the cache: what is there already is taken, what isn't is fetched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from vsortd.core.origin import without_credentials
from vsortd.fetching.address import checked_address
from vsortd.fetching.cache import CachedVideo, VideoCache, key_of
from vsortd.fetching.download import Download, FetchError, FoundVideo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from vsortd.config.fetch_options import Fetch
    from vsortd.fetching.download import FetchedFiles


@dataclass(frozen=True, slots=True)
class HadVideo:
    """A video that is to be had now; `from_cache`: nothing was fetched for it."""

    video: CachedVideo
    from_cache: bool


@dataclass(slots=True)
class FetchOutcome:
    """What an address gave: its videos in their order, and what could not be had."""

    videos: list[HadVideo] = field(default_factory=list)
    failures: list[FetchError] = field(default_factory=list)


class Fetcher:
    """Fetches into the cache of a state folder; a context manager: until its end no video it gave is removed.

    `ffmpeg` is asked for where something is fetched; it returns the program's path, "" where there is none.
    """

    def __init__(self, state: Path, options: Fetch, ffmpeg: Callable[[], str]) -> None:
        self._options, self._ffmpeg = options, ffmpeg
        self.cache = VideoCache(state, options.cache_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cache.close()

    def fetch(
        self,
        address: str,
        *,
        playlist: bool = False,
        anew: bool = False,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> FetchOutcome:
        """Return the videos at an address, one unless `playlist` is wished.

        A single one that was fetched before comes from the cache, without asking its site; with `anew` it is fetched
        again. Raises UsageError for what is no address to fetch, and where the extra is missing, and StoreError. What
        can't be had stands in the outcome.
        """
        checked_address(address)
        known = None if anew or playlist else self.cache.find_address(address)
        if known is not None:
            return FetchOutcome([HadVideo(known, from_cache=True)])
        outcome = FetchOutcome()
        session = _Session(self.cache, address, outcome, anew=anew)
        shown = without_credentials(address)
        folder = self.cache.working_folder()
        download = Download(address, folder, self._options, shown=shown, playlist=playlist, ffmpeg=self._ffmpeg())
        with download:
            try:
                download.run(session.wanted, session.got, session.failed, on_progress)
            except FetchError as error:
                outcome.failures.append(error)
        if len(outcome.videos) == 1 and not outcome.failures and not playlist:
            self.cache.remember(address, session.keys[0])
        return outcome


class _Session:
    """The answers of this side to a process that fetches one address."""

    def __init__(self, cache: VideoCache, address: str, outcome: FetchOutcome, *, anew: bool) -> None:
        self.keys: list[str] = []
        self._cache, self._address, self._outcome, self._anew = cache, address, outcome, anew

    def wanted(self, found: FoundVideo) -> bool:
        here = None if self._anew else self._cache.find(key_of(found))
        if here is not None:
            self._take(found, here, from_cache=True)
        return here is None

    def got(self, found: FoundVideo, files: FetchedFiles) -> None:
        self._take(found, self._cache.store(self._address, found, files, anew=self._anew), from_cache=False)

    def failed(self, _number: int, error: FetchError) -> None:
        self._outcome.failures.append(error)

    def _take(self, found: FoundVideo, video: CachedVideo, *, from_cache: bool) -> None:
        self.keys.append(key_of(found))
        self._outcome.videos.append(HadVideo(video, from_cache))
