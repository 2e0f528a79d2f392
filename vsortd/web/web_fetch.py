"""Fetching a video of the web for the page, as a job of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vsortd.core.text import storable
from vsortd.core.units import about_size
from vsortd.fetching.fetcher import Fetcher
from vsortd.media.ffmpeg import ffmpeg_if_any
from vsortd.web.media_ids import media_id
from vsortd.web.search_wish import SearchWish

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.pipeline.services import Services
    from vsortd.web.page import Page
    from vsortd.web.page_jobs import PageJob

_UNKNOWN: Final = 0


def begin_to_fetch(page: Page, address: str, words: str = "") -> PageJob:
    """Begin to fetch the video of an address, in which these words are searched then; the job's answer names it."""
    host = page.host

    def run(job: PageJob) -> tuple[str, str]:
        video = fetch_video(host.services, address, job)
        job.note = "looking at it"
        host.look_at(video, job.cancel)
        inside = media_id(host.services, video)
        job.answer = {"video": inside, "file": storable(video)}
        return f"{video.name} is here.", SearchWish(q=words, inside=inside).address()

    return page.jobs.start("Fetching the video", run, alone=("fetch", address, words))


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
