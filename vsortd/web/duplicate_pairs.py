"""Pairs of duplicates: looking for them, as a job of the page, and deciding on one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.text import counted, printable
from vsortd.errors import FilingError, UsageError
from vsortd.library.duplicates.find import find_duplicates
from vsortd.web import pair_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vsortd.core.documents import ItemDocument
    from vsortd.library.duplicates.kept_duplicates import FoundPair, KeptDuplicates
    from vsortd.web.host import PageHost
    from vsortd.web.page_jobs import PageJob

LOOKING: Final = "duplicates"
"""What the job that looks for duplicates has as `alone`."""


def look_for_duplicates(host: PageHost, kept: KeptDuplicates, job: PageJob) -> tuple[str, str]:
    """Look for duplicates and keep what is found; return what to say of it, and where to look at it.

    Raises UsageError where no video was looked at yet, ModelError, StoreError, Cancelled.
    """
    with host.borrowed(job.cancel) as (services, _):
        report = find_duplicates(services, bar=_bar_of(job), cancel=job.cancel)
    if not report.videos and not report.failed:
        raise UsageError("No video of the library was looked at yet.", remedy="vsortd index looks at them.")
    kept.keep(report)
    search = kept.search()
    count = len(search.pairs()) if search is not None else 0
    pairs = f"{counted(count, 'pair')} to look at" if count else "No duplicates"
    missed = f"; {counted(len(report.failed), 'video')} can't be compared" if report.failed else ""
    return f"{pairs} among {counted(report.videos, 'video')}{missed}.", "/duplicates"


def set_other_aside(host: PageHost, pair: FoundPair, keep: str) -> ItemDocument:
    """Set the other one of a pair aside: the right one where `keep` is left, and the left one else.

    Returns its new item. Raises FilingError where it has to stay, UsageError, StoreError.
    """
    kept, gone = pair.both if keep == "left" else pair.both[::-1]
    if why := pair_facts.why_it_stays(host.services, pair, gone, kept):
        raise FilingError(f"{printable(gone.path.name)} stays: {why}.", paths=[gone.path])
    return host.set_aside(gone.path, keep=kept.path)


def _bar_of(job: PageJob) -> Callable[[str], Any]:
    @contextmanager
    def bar(what: str) -> Iterator[Callable[[int, int], None]]:
        job.progress(0, None, what)
        yield lambda done, total: job.progress(done, total, what)

    return bar
