"""Long work of the page: it says how far it is, ends when it is called off, and no other is taken for it."""

from __future__ import annotations

import threading

import pytest

from tests.support.waiting import PATIENCE_S
from vsortd.errors import UsageError
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


def test_the_same_work_is_done_once_while_it_goes_on() -> None:
    jobs, go_on, begun = PageJobs(), threading.Event(), list[str]()

    def run(job: PageJob) -> tuple[str, str]:
        begun.append(job.id)
        go_on.wait(PATIENCE_S)
        return "It is here.", ""

    pressed = [jobs.start("Fetching", run, key=("fetch", "a")) for _ in range(3)]
    assert [pressed[0]] * 3 == pressed
    other, without = jobs.start("Fetching", run, key=("fetch", "b")), [jobs.start("Fetching", run) for _ in range(2)]
    assert 4 == len({pressed[0].id, other.id, *(one.id for one in without)})
    pressed[0].cancel.set()
    anew = jobs.start("Fetching", run, key=("fetch", "a"))
    assert pressed[0] is not anew, "what is called off does it no more"
    go_on.set()
    _ended(anew)
    once_more = jobs.start("Fetching", run, key=("fetch", "a"))
    assert anew is not once_more, "what has ended is done anew"
    _ended(once_more)
    assert len(begun) == len(set(begun))


def _ended(job: PageJob) -> None:
    for thread in threading.enumerate():
        if thread.name == "page-job":
            thread.join(PATIENCE_S)
    assert not job.under_way
