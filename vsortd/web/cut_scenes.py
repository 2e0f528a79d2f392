"""Scenes that were cut out for the browser to take: below the state folder, and only for a while."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from vsortd.core.names import cut as shortened
from vsortd.core.system.private_files import private_folder
from vsortd.core.units import about_clock, about_size
from vsortd.errors import StoreError
from vsortd.media.cut import cut
from vsortd.media.pool import MediaPool
from vsortd.web.answers import NotThereError
from vsortd.web.media_ids import insist_on_same, open_found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vsortd.config.running_options import Workers
    from vsortd.media.cut import Cut
    from vsortd.web.page import Page
    from vsortd.web.page_jobs import PageJob

LAST_S: Final = 1e7
"""No scene begins or ends later than this."""
_KEPT: Final = 8
_NAME_BYTES: Final = 150


@dataclass(frozen=True, slots=True)
class SceneToCut:
    """A part of a video, from when to when (s)."""

    video: Path
    begin_s: float
    end_s: float

    @property
    def name(self) -> str:
        """What the file is called: as the video, with when the scene begins."""
        at = about_clock(self.begin_s).replace(":", ".")
        return f"{shortened(self.video.stem, _NAME_BYTES)} {at}.mp4"


class CutScenes:
    """The newest cut scenes of a state folder, each in a folder that has its job's name."""

    def __init__(self, state_folder: Path) -> None:
        self._folder = state_folder / "cuts"

    def make(self, scene: SceneToCut, job: PageJob, workers: Workers, insist: Callable[[], None]) -> Cut:
        """Cut a scene out, in a decoding process of its own. Raises VideoError, VsortdError, Cancelled.

        `insist` raises where the video may not be handed out, or isn't the one that was meant any more: it is called
        before and afterwards, and `file` knows nothing of the scene until then.
        """
        making = self._new_folder(f".{job.id}")
        try:
            insist()
            with MediaPool.of(workers, count=1) as media:
                clip = media.probe(scene.video, cancel=job.cancel)
                made = cut(scene.video, making / scene.name, clip, scene.begin_s, scene.end_s, media, cancel=job.cancel)
            insist()
            with self._told():
                making.rename(self._folder / job.id)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
        return made

    def _new_folder(self, name: str) -> Path:
        with self._told():
            private_folder(self._folder)
            self._drop_old()
            private_folder(self._folder / name)
        return self._folder / name

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"The scene can't be kept: {error.strerror or error}.",
                remedy="Make room on the disk of the state folder.",
                paths=[self._folder],
            ) from error

    def clear(self) -> None:
        """Remove what jobs of a former daemon cut out: nobody can ask for it any more."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def file(self, job_id: str) -> Path:
        """Return the scene that a job cut out. Raises NotThereError where it isn't kept any more."""
        if job_id.isascii() and job_id.isalnum():
            for path in sorted((self._folder / job_id).glob("[!.]*.mp4")):
                return path
        raise NotThereError("This scene isn't kept any more.", remedy="Cut it out again.")

    def _drop_old(self) -> None:
        found = sorted(self._folder.iterdir(), key=lambda one: one.stat().st_mtime, reverse=True)
        for one in found[_KEPT - 1 :]:
            shutil.rmtree(one, ignore_errors=True)


def begin_to_cut(page: Page, named: str, begin_s: float, end_s: float) -> PageJob:
    """Begin to cut a scene out of the video that the page calls `named`; the job's address is where it is handed out.

    Raises UsageError where there is none, ChangedError where it is gone, StoreError.
    """
    host = page.host
    with open_found(host.services, named) as opened:
        path, identity = opened.path, opened.identity
    scene = SceneToCut(path, begin_s, end_s)

    def run(job: PageJob) -> tuple[str, str]:
        with host.borrowed(job.cancel) as (services, _):
            insist = partial(insist_on_same, services, named, path, identity)
            made = CutScenes(services.state_folder).make(scene, job, services.settings.workers, insist)
        job.link = "Download"
        return f"Cut out, {about_size(made.size_bytes)}. {made.note}", f"/cuts/{job.id}"

    title = f"Cutting {about_clock(begin_s)} to {about_clock(end_s)}"
    return page.jobs.start(title, run, alone=("cut", named, scene))
