"""Jobs: long work that the page or a script asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vsortd.web.api.operation import ApiOperation, Call
from vsortd.web.api.told import JobDocument, JobsDocument
from vsortd.web.request_model import NothingMore

if TYPE_CHECKING:
    from vsortd.web.page_jobs import PageJob

_UNKNOWN: Final = {404: "there is no such job any more"}


def job_document(job: PageJob) -> JobDocument:
    """Return a job as it is answered."""
    answer: Any = job.answer
    return {
        "id": job.id,
        "title": job.title,
        "state": job.state.value,
        "note": job.note,
        "done": job.done,
        "total": job.total,
        "result": job.result,
        "address": job.address,
        "answer": answer,
    }


def jobs(call: Call[NothingMore]) -> JobsDocument:
    """List the jobs."""
    return {"jobs": [job_document(job) for job in call.page.jobs.all()]}


def job(call: Call[NothingMore]) -> JobDocument:
    """Return a job."""
    return job_document(call.page.jobs.get(call.placed["job"]))


def cancel(call: Call[NothingMore]) -> JobDocument:
    """Call a job off."""
    found = call.page.jobs.get(call.placed["job"])
    call.page.jobs.call_off(found)
    return job_document(found)


_ONE: Final = "/v1/jobs/{job}"
OPERATIONS: Final = (
    ApiOperation("jobs", "GET", "/v1/jobs", "List the jobs", NothingMore, JobsDocument, jobs),
    ApiOperation(
        "job",
        "GET",
        _ONE,
        "Get one job, with its progress and result",
        NothingMore,
        JobDocument,
        job,
        refusals=_UNKNOWN,
    ),
    ApiOperation(
        "cancel", "POST", f"{_ONE}/cancel", "Cancel a job", NothingMore, JobDocument, cancel, refusals=_UNKNOWN
    ),
)
