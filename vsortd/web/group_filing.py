"""Groups of alike videos on the page: what they are called, and filing them into folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vsortd.core.names import folder_name_problem, nfc
from vsortd.core.text import counted, printable
from vsortd.errors import Cancelled, UsageError
from vsortd.filing.history_query import HistoryQuery
from vsortd.library.clusters.apply import Fate, file_piles
from vsortd.library.clusters.cluster_folders import arrange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.config.settings import Settings
    from vsortd.library.clusters.cluster_folders import Pile
    from vsortd.library.clusters.kept_clusters import KeptGroups
    from vsortd.web.host import PageHost
    from vsortd.web.page_jobs import PageJob

LONGEST_NAME: Final = 200
FILING: Final = "Filing"
"""What the job is called that files groups."""


def group_name(text: str) -> str:
    """Return a name or `folder/folder` as somebody typed it. Raises UsageError for what can't be folders."""
    name = nfc(text).strip("/ ")[:LONGEST_NAME]
    for part in name.split("/") if name else ():
        if problem := folder_name_problem(part.strip()):
            raise UsageError(f"{printable(name)} can't be a folder: {problem}.", remedy="Give it another name.")
    return name


def wanted_piles(kept: KeptGroups, settings: Settings) -> list[Pile]:
    """Return what goes into which folder, by what is wanted of the groups. Raises UsageError where none is chosen."""
    wanted = kept.choice.selection(kept.grouping.groups)
    return arrange(kept.grouping.groups, wanted, settings)


def file_groups(host: PageHost, piles: Sequence[Pile], job: PageJob, batch: str) -> tuple[str, bool]:
    """File videos into their folders, as one batch; return what to say of it, and whether anything was filed.

    What was filed until it is called off stands.
    """
    try:
        with host.borrowed(job.cancel) as (services, _):
            applied = file_piles(services, piles, batch=batch, dry_run=False, cancel=job.cancel, on_progress=job.count)
    except Cancelled:
        items = [item.id for item in host.services.journal.history(HistoryQuery(batch=batch))]
        host.tell(*items)
        return f"{counted(len(items), 'video')} filed. Undo takes them back.", bool(items)
    filed, refused = applied.of(Fate.FILED), applied.of(Fate.REFUSED)
    host.tell(*(one.item for one in filed if one.item is not None))
    stays = f", {len(refused)} stay where they are: {printable(refused[0].reason)}" if refused else ""
    return f"{counted(len(filed), 'video')} filed{stays}. Undo takes them back.", bool(filed)
