"""Long work of the page: it says how far it is, ends when it is called off, and no other is taken for it."""

from __future__ import annotations

import threading

import pytest

from tests.support.waiting import PATIENCE_S
from vsortd.errors import ChangedError, UsageError
from vsortd.web.page_jobs import JobState, PageJob, PageJobs


def test_what_is_called_off_ends_where_it_says_how_far_it_is() -> None:
    jobs, told, go_on = PageJobs(), threading.Event(), threading.Event()

    def run(job: PageJob) -> tuple[str, str]:
        job.progress(1, 4, "looking")
        told.set()
        go_on.wait(PATIENCE_S)
        job.progress(2, 4, "looking")
        return "All is done.", "/duplicates"

    job = jobs.start("Looking", run)
    assert told.wait(PATIENCE_S)
    assert (1, 4, "looking", True) == (job.done, job.total, job.note, job.under_way)
    jobs.get(job.id).cancel.set()
    go_on.set()
    _ended(job)
    assert (JobState.CANCELLED, "It was called off.", "") == (job.state, job.result, job.address)


def test_other_work_is_not_taken_for_what_is_asked_for() -> None:
    jobs, go_on = PageJobs(), threading.Event()

    def run(_job: PageJob) -> tuple[str, str]:
        go_on.wait(PATIENCE_S)
        return "It is filed.", ""

    job = jobs.start("Filing", run)
    job.see_same("Filing")
    with pytest.raises(UsageError, match=r"Filing still goes on\."):
        job.see_same("Finding groups")
    go_on.set()
    _ended(job)
    assert (JobState.DONE, "It is filed.") == (job.state, job.result)


@pytest.mark.parametrize("reason", ["the file is gone, or é", "the file is gone, or é."])
def test_what_a_video_keeps_it_from_is_said_in_a_sentence(reason: str) -> None:
    def run(_job: PageJob) -> tuple[str, str]:
        raise ChangedError(reason)

    job = PageJobs().start("Filing", run)
    _ended(job)
    assert (JobState.FAILED, "The file is gone, or é.") == (job.state, job.result)


def _ended(job: PageJob) -> None:
    for thread in threading.enumerate():
        if thread.name == "page-job":
            thread.join(PATIENCE_S)
    assert not job.under_way
