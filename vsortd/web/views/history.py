"""History: what became of every video, by filters and batches; undo of one, a selection or a batch, seen before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from starlette.routing import Route

from vsortd.core.moments import parse_since
from vsortd.core.outcomes import PLACED, ItemState
from vsortd.core.text import counted
from vsortd.errors import UsageError
from vsortd.filing.history_query import HistoryQuery, parse_states
from vsortd.filing.item_ids import LARGEST_ID
from vsortd.filing.release import ReleaseVerb
from vsortd.filing.undo import Selection, UndoReport
from vsortd.web.addresses import address_of
from vsortd.web.page import item_id, view_address
from vsortd.web.rule_choice import insist_on_some
from vsortd.web.shown_plans import insist_on_shown, undo_mark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from vsortd.web.host import PageHost
    from vsortd.web.page import Page, Posted
    from vsortd.web.page_jobs import PageJob

ROWS: Final = 60
_SHOWN_PLAN: Final = 50
_AT_ONCE: Final = 10  # more are a job
_PART: Final = 100  # after so many the index and whoever listens hear of them
_STATES: Final = (
    ItemState.FILED,
    ItemState.REVIEW,
    ItemState.REJECTED,
    ItemState.FAILED,
    ItemState.HELD,
    ItemState.UNDONE,
    ItemState.ASIDE,
)


def routes(page: Page) -> list[Route]:
    """Return the addresses of this view."""
    history = _History(page)
    return [
        Route("/history", page.shown(history.show)),
        Route("/undo", page.shown(history.ask)),
        Route("/undo", page.action(history.undo), methods=["POST"]),
        Route("/undo/ask", page.action(history.ask_of_many), methods=["POST"]),
        Route("/items/{id}/release", page.action(history.release), methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """What of the history is asked for, as the address says it."""

    state: str = ""
    rule: str = ""
    text: str = ""
    tag: str = ""
    since: str = ""
    batch: str = ""
    before: int | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Read an address's query. Raises UsageError."""
        before = query.get("before", "")
        names = ("state", "rule", "text", "tag", "since", "batch")
        return cls(**{name: query.get(name, "").strip() for name in names}, before=item_id(before) if before else None)

    def wanted(self, rows: int) -> HistoryQuery:
        """Return the question to the journal: one row more than are shown. Raises UsageError."""
        try:
            states = parse_states(self.state) if self.state else frozenset()
        except ValueError as error:
            raise UsageError(f"{error}.") from error
        return HistoryQuery(
            last=rows + 1,
            since=parse_since(self.since, option="Since") if self.since else None,
            tag=self.tag or None,
            states=states,
            rule=self.rule or None,
            text=self.text or None,
            batch=self.batch or None,
            before=LARGEST_ID if self.before is None else self.before,
        )

    def address(self, **changes: Any) -> str:  # noqa: ANN401
        """Return the address of this filter with changes."""
        changed = replace(self, **changes)
        names = ("state", "rule", "text", "tag", "since", "batch", "before")
        return address_of("/history", *((name, getattr(changed, name)) for name in names))


class _History:
    def __init__(self, page: Page) -> None:
        self._page = page

    def show(self, request: Request) -> Response:
        wanted = HistoryFilter.of(request.query_params)
        found = self._page.host.services.journal.history(wanted.wanted(ROWS))
        more = wanted.address(before=found[ROWS - 1].id) if len(found) > ROWS else ""
        items = [item.to_json() for item in found[:ROWS]]
        template = "_history_rows.html" if request.headers.get("x-fragment") == "rows" else "history.html"
        rules = [rule.key for rule in self._page.host.services.tree.walk()]
        return self._page.render(
            request, template, items=items, more=more, wanted=wanted, states=_STATES, rules=rules, placed=PLACED
        )

    def ask(self, request: Request) -> Response:
        """Show what an undo would do, before it does."""
        query = request.query_params
        ids = tuple(map(item_id, query.getlist("id")))
        return self._ask(request, _selection(ids, query.get("batch", "")), view_address(query.get("back", "")))

    def ask_of_many(self, request: Request, posted: Posted) -> Response:
        """Show what an undo of the chosen videos would do."""
        return self._ask(request, _selection(posted.chosen(), ""), view_address(posted.one("back")))

    def _ask(self, request: Request, selection: Selection, back: str) -> Response:
        report = self._page.host.undo(selection, dry_run=True)
        return self._page.render(
            request,
            "undo.html",
            undone=report.to_json()["undone"][:_SHOWN_PLAN],
            count=len(report.undone),
            refused=report.refused[:_SHOWN_PLAN],
            plan=undo_mark(report),
            ids=selection.ids,
            batch=selection.batch or "",
            long=_is_long(report),
            back=back,
        )

    def undo(self, request: Request, posted: Posted) -> Response:
        """Take filings back, as it was shown; many at once are a job."""
        shown = self._page.host.undo(_selection(posted.chosen(), posted.one("batch")), dry_run=True)
        insist_on_shown(posted.one("plan"), undo_mark(shown))
        back = view_address(posted.one("back"))
        if _is_long(shown):
            return self._undo_as_job(request, shown, back)
        report = take_back(self._page.host, shown)
        if back.startswith("/videos/"):
            return self._page.left(request, said_of(report), back)
        answer = self._page.done(request, said_of(report), back)
        if report.undone:
            answer.headers["X-Changed"] = "items"
        return answer

    def _undo_as_job(self, request: Request, shown: UndoReport, back: str) -> Response:
        def run(job: PageJob) -> tuple[str, str]:
            return said_of(take_back(self._page.host, shown, job)), back

        title = f"Undo of {counted(len(shown.undone), 'video')}"
        alone = ("undo", frozenset(one.id for one in shown.undone))
        return self._page.begun(request, self._page.jobs.start(title, run, alone=alone))

    def release(self, request: Request, _posted: Posted) -> Response:
        number = item_id(request.path_params["id"])
        report = self._page.host.release_or_retry(ReleaseVerb.RELEASE, [str(number)], everything=False)
        if not report.freed:
            raise UsageError("This video isn't held any more.")
        return self._page.done(request, "It is sorted again.", "/history")


def take_back(host: PageHost, shown: UndoReport, job: PageJob | None = None) -> UndoReport:
    """Take back what a dry run has shown, and nothing else; return what was done of it, with what it had refused.

    A job says how far it is; once that is called off, the item in hand and those after it stay as they are.
    """
    ids = [item.id for item in shown.undone]
    whole = UndoReport(refused=list(shown.refused))
    for begin in range(0, len(ids), _PART):
        part = host.undo(
            Selection(ids=tuple(ids[begin : begin + _PART])),
            dry_run=False,
            on_progress=None if job is None else partial(_tell, job, begin, len(ids)),
            cancel=None if job is None else job.cancel,
        )
        whole.undone.extend(part.undone)
        whole.refused.extend(part.refused)
        whole.missing.update(part.missing)
        if part.left:
            return whole
    if job is not None:
        job.count(len(ids), len(ids))
    return whole


def _tell(job: PageJob, before: int, total: int, done: int, _of_part: int) -> None:
    job.count(before + done, total)


def _is_long(shown: UndoReport) -> bool:
    """Tell whether an undo takes longer than somebody looks at a page that doesn't answer."""
    return len(shown.undone) > _AT_ONCE


def said_of(report: UndoReport) -> str:
    """Say what an undo did."""
    parts = [
        f"{counted(len(report.undone), 'video')} back where {'it' if len(report.undone) == 1 else 'they'} came from."
    ]
    if report.refused:
        parts.append(f"{counted(len(report.refused), 'video')} not: {report.refused[0][1]}.")
    if any(report.missing.values()):
        parts.append("Some files beside them did not come back; History says which.")
    return " ".join(parts)


def _selection(ids: tuple[int, ...], batch: str) -> Selection:
    insist_on_some(ids or batch)
    return Selection(ids=ids) if ids else Selection(batch=batch)
