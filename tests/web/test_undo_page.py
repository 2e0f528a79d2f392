"""Undo of many videos on the page: shown first, then a job that tells how far it is, and can be called off."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.support.browser import PageHome, visit
from tests.support.filed import FiledHome
from tests.support.waiting import until
from vsortd.filing import undo as filing
from vsortd.web.page_jobs import JobState, PageJob, PageJobs
from vsortd.web.views.history import said_of, take_back

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from vsortd.web.host import PageHost

MANY = 14
NAMES = {f"video {number}.mp4" for number in range(MANY)}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[PageHome]:
    """Return a home with a batch of many videos."""
    made = PageHome.prepared(tmp_path)
    filed = FiledHome(made.home.folder)
    for name in sorted(NAMES):
        filed.file(name)
    made.home.start()
    yield made
    made.stop()


def lying(folder: Path) -> set[str]:
    """Return the names of the videos in a folder, and below."""
    return {path.name for path in folder.rglob("*.mp4") if ".vsortd" not in path.parts}


def test_a_batch_is_shown_and_then_taken_back_as_a_job(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.go("/history?batch=one")
        page.get_by_role("link", name="Undo this batch").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("heading", name=f"Undo {MANY} videos?").wait_for()
        assert (NAMES, set()) == (lying(home.home.library), lying(home.home.inbox))
        dialog.get_by_role("button", name="Undo").click()
        dialog.locator(".job").get_by_text(f"{MANY} videos back where they came from.").wait_for()
        page.keyboard.press("Escape")
        page.locator("#rows .item").filter(has_text="undone").nth(MANY - 1).wait_for()
    assert (set(), NAMES) == (lying(home.home.library), lying(home.home.inbox))


@pytest.mark.long
def test_the_request_itself_waits_for_none_of_them(home: PageHome) -> None:
    plan = re.search(r'name="plan" value="([0-9a-f]+)"', home.ask("/undo?batch=one").text)
    assert plan is not None
    answer = home.post("/undo", {"batch": "one", "plan": plan[1]})
    assert (303, "/jobs/") == (answer.status, answer.headers["location"][:6])
    said, job = f"{MANY} videos back where they came from.", answer.headers["location"]
    home.home.wait(lambda: said in home.ask(job).text, what="the job says that they are back")
    assert NAMES == lying(home.home.inbox)


def test_what_is_back_when_it_is_called_off_stays_back_and_is_told(tmp_path: Path) -> None:
    filed, jobs = FiledHome.at(tmp_path), PageJobs()
    for name in sorted(NAMES):
        filed.file(name)
    with filed.filer() as (_, journal):

        def undo(selection: filing.Selection, *, on_progress: Any, **more: Any) -> filing.UndoReport:
            def tell(done: int, total: int) -> None:
                on_progress(done, total)
                if done == 5:
                    jobs.call_off(jobs.all()[0])

            return filing.undo(journal, selection, on_progress=tell, **more)

        host = cast("PageHost", SimpleNamespace(undo=undo))
        shown = filing.undo(journal, filing.Selection(batch="one"), dry_run=True)

        def run(job: PageJob) -> tuple[str, str]:
            return said_of(take_back(host, shown, job)), "/history"

        job = jobs.start("Undo", run)
        until(lambda: not job.under_way, what="it ends")
    assert JobState.CANCELLED is job.state
    assert f"Called off after 5 of {MANY} videos. 5 videos back where they came from." == job.result
    assert (MANY - 5, 5) == (len(lying(filed.library)), len(lying(filed.inbox)))
