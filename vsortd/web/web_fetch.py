"""Fetching a video of the web for the page, as a job of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vsortd.core.units import about_size
from vsortd.fetching.fetcher import Fetcher
from vsortd.media.ffmpeg import ffmpeg_if_any

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.pipeline.services import Services
    from vsortd.web.page_jobs import PageJob

_UNKNOWN: Final = 0


def fetch_video(services: Services, address: str, job: PageJob) -> Path:
    """Return the video of an address, out of the cache where it was fetched before.

    Raises UsageError, FetchError, StoreError, Cancelled.
    """

    def on_progress(done: int, total: int) -> None:
        job.progress(done, total if total > _UNKNOWN else None, about_size(done))

    with Fetcher(services.state_folder, services.settings.fetch, ffmpeg_if_any) as fetcher:
        outcome = fetcher.fetch(address, on_progress=on_progress)
    if outcome.failures:
        raise outcome.failures[0]
    return outcome.videos[0].video.path
