"""Long work of the page: it says how far it is, ends when it is called off, and no other is taken for it."""

from __future__ import annotations

import threading

import pytest

from tests.support.waiting import PATIENCE_S, until
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
    jobs.call_off(jobs.get(job.id))
    go_on.set()
    _ended(job)
    assert (JobState.CANCELLED, "Called off.", "") == (job.state, job.result, job.address)


def test_what_waits_for_its_turn_is_called_off_at_once() -> None:
    jobs, go_on, ran = PageJobs(), threading.Event(), list[str]()

    def run(job: PageJob) -> tuple[str, str]:
        ran.append(job.title)
        go_on.wait(PATIENCE_S)
        return "All is done.", ""

    under_way = [jobs.start("first", run), jobs.start("second", run)]
    waits, waits_too = jobs.start("third", run), jobs.start("fourth", run)
    assert [JobState.RUNNING] * 2 + [JobState.WAITING] * 2 == [job.state for job in (*under_way, waits, waits_too)]
    jobs.call_off(waits)
    assert (JobState.CANCELLED, "Called off before it began.") == (waits.state, waits.result)
    jobs.call_off(waits)
    assert all(job.under_way for job in (*under_way, waits_too))
    go_on.set()
    for job in (*under_way, waits_too):
        _ended(job)
        assert JobState.DONE is job.state
    assert ["first", "second", "fourth"] == [*sorted(ran[:2]), *ran[2:]]
    assert JobState.CANCELLED is waits.state


def test_the_end_calls_off_all_that_waits() -> None:
    jobs, go_on = PageJobs(), threading.Event()

    def run(job: PageJob) -> tuple[str, str]:
        go_on.wait(PATIENCE_S)
        job.progress(1, 2)
        return "All is done.", ""

    begun = [jobs.start(str(number), run) for number in range(4)]
    jobs.close()
    assert [JobState.CANCELLED] * 2 == [job.state for job in begun[2:]]
    go_on.set()
    for job in begun:
        _ended(job)
        assert JobState.CANCELLED is job.state


@pytest.mark.parametrize(
    ("off_at", "state", "result"),
    [
        (0, JobState.CANCELLED, "Called off after 0 of 4 videos. 0 filed."),
        (3, JobState.CANCELLED, "Called off after 3 of 4 videos. 3 filed."),
        (4, JobState.DONE, "4 filed."),
    ],
)
def test_what_was_done_until_it_was_called_off_is_told(off_at: int, state: JobState, result: str) -> None:
    jobs, filed = PageJobs(), list[int]()

    def run(job: PageJob) -> tuple[str, str]:
        if not off_at:
            jobs.call_off(job)
        for number in job.each(range(4)):
            filed.append(number)
            if len(filed) == off_at:
                jobs.call_off(job)
        return f"{len(filed)} filed.", "/history"

    job = jobs.start("Filing", run)
    _ended(job)
    assert (state, result, "/history") == (job.state, job.result, job.address)


def test_an_error_half_way_tells_how_far_it_had_come() -> None:
    def run(job: PageJob) -> tuple[str, str]:
        for number in job.each(range(4)):
            if number == 2:
                raise UsageError("The disk is full.")
        return "All is done.", ""

    job = PageJobs().start("Filing", run)
    _ended(job)
    assert (JobState.FAILED, "Stopped after 2 of 4 videos: The disk is full.") == (job.state, job.result)


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


@pytest.mark.parametrize("reason", ["the file is gone, or é", "the file is gone, or é."])
def test_what_a_video_keeps_it_from_is_said_in_a_sentence(reason: str) -> None:
    def run(_job: PageJob) -> tuple[str, str]:
        raise ChangedError(reason)

    job = PageJobs().start("Filing", run)
    _ended(job)
    assert (JobState.FAILED, "The file is gone, or é.") == (job.state, job.result)


def test_the_same_work_is_done_once_while_it_goes_on() -> None:
    jobs, go_on, begun = PageJobs(), threading.Event(), list[str]()

    def run(job: PageJob) -> tuple[str, str]:
        begun.append(job.id)
        go_on.wait(PATIENCE_S)
        return "It is here.", ""

    pressed = [jobs.start("Fetching", run, alone=("fetch", "a")) for _ in range(3)]
    assert [pressed[0]] * 3 == pressed
    other, without = jobs.start("Fetching", run, alone=("fetch", "b")), [jobs.start("Fetching", run) for _ in range(2)]
    assert 4 == len({pressed[0].id, other.id, *(one.id for one in without)})
    pressed[0].cancel.set()
    anew = jobs.start("Fetching", run, alone=("fetch", "a"))
    assert pressed[0] is not anew, "what is called off does it no more"
    go_on.set()
    _ended(anew)
    once_more = jobs.start("Fetching", run, alone=("fetch", "a"))
    assert anew is not once_more, "what has ended is done anew"
    _ended(once_more)
    assert len(begun) == len(set(begun))


def _ended(job: PageJob) -> None:
    until(lambda: not job.under_way, what=f"{job.title} ends")
    for thread in threading.enumerate():
        if thread.name == "page-job":
            thread.join(PATIENCE_S)
