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

    job = jobs.start("Filing", run, alone="groups")
    assert job is jobs.start("Filing", run, alone="groups")
    with pytest.raises(UsageError, match=r"Filing still goes on\."):
        jobs.start("Finding groups", run, alone="groups")
    elsewhere = jobs.start("Filing", run, alone="pairs")
    assert job is not elsewhere
    go_on.set()
    _ended(job)
    assert (JobState.DONE, "It is filed.") == (job.state, job.result)
    assert [elsewhere, job] == jobs.all()
    assert "Finding groups" == jobs.start("Finding groups", run, alone="groups").title


def test_work_that_is_asked_for_by_many_at_once_is_begun_once() -> None:
    jobs, go_on, begun = PageJobs(), threading.Event(), list[PageJob]()
    together = threading.Barrier(8)

    def run(_job: PageJob) -> tuple[str, str]:
        go_on.wait(PATIENCE_S)
        return "It is filed.", ""

    def ask() -> None:
        together.wait(PATIENCE_S)
        begun.append(jobs.start("Filing", run, alone="groups"))

    asking = [threading.Thread(target=ask) for _ in range(8)]
    for one in asking:
        one.start()
    for one in asking:
        one.join(PATIENCE_S)
    go_on.set()
    assert [begun[0]] * 8 == begun
    _ended(begun[0])


def _ended(job: PageJob) -> None:
    for thread in threading.enumerate():
        if thread.name == "page-job":
            thread.join(PATIENCE_S)
    assert not job.under_way
