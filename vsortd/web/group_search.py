"""Finding groups of videos that look alike, as a job of the page; what is found is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vsortd.core.text import counted
from vsortd.errors import UsageError
from vsortd.library.clusters.collect import collect
from vsortd.library.clusters.grouping import group_films
from vsortd.library.clusters.kept_layouts import KeptLayouts
from vsortd.library.clusters.naming import name_groups

if TYPE_CHECKING:
    from vsortd.library.clusters.kept_clusters import KeptClusters
    from vsortd.web.host import PageHost
    from vsortd.web.page_jobs import PageJob

FINDING: Final = "groups"
"""What the jobs over the kept groups have as `alone`."""


def look_for_groups(host: PageHost, kept: KeptClusters, job: PageJob) -> tuple[str, str]:
    """Find groups and keep them; return what to say of them, and where to look at them.

    Raises UsageError where no video was looked at yet, ModelError, StoreError, Cancelled.
    """
    with host.borrowed(job.cancel) as (services, _):
        job.progress(0, None, "loading the model")
        classifier = services.model.get(job.cancel)
        collected = collect(services, classifier.key, None, cancel=job.cancel)

        def step(name: str) -> None:
            job.progress(0, None, name)

        layouts = KeptLayouts(services.state_folder)
        grouping = group_films(collected.films(), model=classifier.key, layouts=layouts, on_progress=step)
        step("naming")
        grouping = name_groups(grouping, classifier.encoder, services.tree)
    if not grouping.films:
        raise UsageError("No video of the library was looked at yet.", remedy="vsortd index looks at them.")
    job.progress(0, None)  # the last moment to call it off
    kept.keep(grouping)
    groups = counted(len(grouping.groups), "group") if grouping.groups else "No groups"
    return f"{groups} among {counted(len(grouping.films), 'video')}.", "/clusters"
