"""Duplicates: pairs side by side at the same moments; one is kept, the other goes aside, or both stay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from vsortd.core.batch_ids import new_batch_id
from vsortd.core.text import counted, printable
from vsortd.errors import Cancelled, FilingError, UsageError
from vsortd.filing.undo import Selection
from vsortd.library.duplicates.aside_checks import checked_copies, why_it_stays
from vsortd.library.duplicates.kept_duplicates import KeptDuplicates, pair_id
from vsortd.library.duplicates.lesser_copies import RULE
from vsortd.library.duplicates.pair_sheet import shown_moments, verdict_of
from vsortd.web import pair_facts
from vsortd.web.access import session_of
from vsortd.web.duplicate_pairs import LOOKING, look_for_duplicates, set_other_aside
from vsortd.web.page import is_fragment
from vsortd.web.session_log import SessionLog
from vsortd.web.shown_plans import copies_mark, insist_on_shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from vsortd.library.duplicates.kept_duplicates import FoundPair
    from vsortd.library.duplicates.lesser_copies import LesserCopy
    from vsortd.web.page import Page, Posted
    from vsortd.web.page_jobs import PageJob

_LISTED: Final = 200
_HERE: Final = "/duplicates"
_LOOKING: Final = "_looking.html"


def routes(page: Page) -> list[Route]:
    """Return the addresses of this view."""
    view = _Duplicates(page)
    return [
        Route(_HERE, page.shown(view.show)),
        Route(f"{_HERE}/look", page.action(view.look), methods=["POST"]),
        Route(f"{_HERE}/decide", page.action(view.decide), methods=["POST"]),
        Route(f"{_HERE}/undo", page.action(view.undo), methods=["POST"]),
        Route(f"{_HERE}/sure", page.shown(view.show_sure)),
        Route(f"{_HERE}/sure/look", page.action(view.look_for_sure), methods=["POST"]),
        Route(f"{_HERE}/sure", page.action(view.set_aside_sure), methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class PairDecision:
    """A decision: on which pair, and the item of what was set aside, None where both stay."""

    pair: str
    item: int | None = None


@dataclass
class _Work:
    """The jobs of this view that began last, and the copies that the last one was sure of."""

    looking: PageJob | None = None
    sure: PageJob | None = None
    copies: tuple[LesserCopy, ...] | None = None


class _Duplicates:
    def __init__(self, page: Page) -> None:
        self._page = page
        self._decisions = SessionLog[PairDecision]()
        self._work = _Work()

    @cached_property
    def _kept(self) -> KeptDuplicates:
        return KeptDuplicates(self._page.host.services.state_folder)

    # Looking

    def show(self, request: Request) -> Response:
        """Show the pair that the address names, else the first."""
        return self._shown(request, request.query_params.get("pair", ""))

    def _shown(self, request: Request, wanted: str = "", place: int = 0) -> Response:
        search = self._kept.search()
        pairs = [] if search is None else search.pairs()
        place = next((at for at, pair in enumerate(pairs) if pair.id == wanted), min(place, max(0, len(pairs) - 1)))
        template = "_pair.html" if is_fragment(request) else "duplicates.html"
        shown = self._pair(pairs, place) if pairs else {"pair": None}
        decided = self._decisions.last(session_of(request.scope))
        return self._page.render(
            request,
            template,
            search=search,
            pairs=pairs[:_LISTED],
            count=len(pairs),
            place=place,
            job=self._work.looking,
            can_undo=decided is not None,
            **shown,
        )

    def _pair(self, pairs: Sequence[FoundPair], place: int) -> dict[str, Any]:
        pair = pairs[place]
        times, agreed = shown_moments(pair.duplicate)
        return {
            "pair": pair,
            "sides": pair_facts.sides_of(self._page.host.services, pair),
            "moments": [(left, right, share) for (left, right), share in zip(times, agreed, strict=True)],
            "verdict": verdict_of(pair.duplicate),
            "before": pairs[place - 1].id if place else "",
            "after": pairs[place + 1].id if place + 1 < len(pairs) else "",
        }

    def look(self, request: Request, _posted: Posted) -> Response:
        """Begin to look for duplicates; what was found before stays until then."""
        self._work.looking = self._page.jobs.start("Looking for duplicates", self._look, alone=LOOKING)
        return self._page.begun(request, self._work.looking, "It looks for duplicates.", _LOOKING)

    def _look(self, job: PageJob) -> tuple[str, str]:
        return look_for_duplicates(self._page.host, self._kept, job)

    # Deciding

    def decide(self, request: Request, posted: Posted) -> Response:
        """Keep one of a pair and set the other aside, or let both stay."""
        pairs, place = self._find(posted.one("pair"))
        pair, keep, session = pairs[place], posted.one("keep"), session_of(request.scope)
        if keep == "both":
            self._kept.let_stay(pair.id, both=True)
            self._decisions.add(session, PairDecision(pair.id))
            return self._decided(request, "Both stay; undo with u.", place)
        if keep not in {"left", "right"}:
            raise UsageError("Say which one is kept.", remedy="left, right or both.")
        gone = pair.right if keep == "left" else pair.left
        item = set_other_aside(self._page.host, pair, keep)
        self._decisions.add(session, PairDecision(pair.id, item["id"]))
        return self._decided(request, f"{printable(gone.path.name)} is aside, undo with u.", place)

    def _decided(self, request: Request, said: str, place: int) -> Response:
        part = self._shown(request, place=place) if is_fragment(request) else None
        return self._page.done(request, said, _HERE, part)

    def _find(self, wanted: str) -> tuple[list[FoundPair], int]:
        search = self._kept.search()
        pairs = [] if search is None else search.pairs()
        for place, pair in enumerate(pairs):
            if pair.id == wanted:
                return pairs, place
        raise UsageError("This pair is not there any more.", remedy="Load the page anew.")

    def undo(self, request: Request, _posted: Posted) -> Response:
        """Take the last decision back."""
        session = session_of(request.scope)
        decision = self._decisions.last(session)
        if decision is None:
            raise UsageError("Nothing was decided here yet.", remedy="History takes back what is older.")
        said = "This pair is to be decided on again."
        if decision.item is None:
            self._kept.let_stay(decision.pair, both=False)
        else:
            report = self._page.host.undo(Selection(ids=(decision.item,)), dry_run=False)
            said = "It is back where it was."
            if not report.undone:
                self._decisions.taken_back(session, decision)
                raise FilingError(f"It does not come back: {report.refused[0][1]}.", remedy="History tells more.")
        self._decisions.taken_back(session, decision)
        part = self._shown(request, decision.pair) if is_fragment(request) else None
        return self._page.done(request, said, f"{_HERE}?pair={decision.pair}", part)

    # All that are sure

    def show_sure(self, request: Request) -> Response:
        """Show which copies would be set aside for which, and which stay, and why."""
        copies = self._work.copies
        going = [one for one in copies or () if not one.why_not]
        return self._page.render(
            request,
            "sure_copies.html",
            looked=copies is not None,
            going=going,
            plan=copies_mark(going),
            staying=[one for one in copies or () if one.why_not][:_LISTED],
            job=self._work.sure,
            rule=RULE,
        )

    def look_for_sure(self, request: Request, _posted: Posted) -> Response:
        """Begin to see which copies are sure ones: a dry run."""
        return self._start_sure(request, "Looking which are sure", self._look_for_sure, "It looks which are sure.")

    def _start_sure(
        self, request: Request, title: str, run: Callable[[PageJob], tuple[str, str]], said: str
    ) -> Response:
        self._work.sure = self._page.jobs.start(title, run, alone="sure copies")
        return self._page.begun(request, self._work.sure, said, _LOOKING)

    def _look_for_sure(self, job: PageJob) -> tuple[str, str]:
        search = self._kept.search()
        groups = [] if search is None else search.standing()
        found: list[LesserCopy] = []
        with self._page.host.borrowed(job.cancel) as (services, _):
            for group in job.each(groups, "group"):
                found += map(self._unless_both_stay, checked_copies(services, [group], cancel=job.cancel))
        if job.cancel.is_set():
            raise Cancelled
        self._work.copies = tuple(found)
        going = sum(not one.why_not for one in found)
        return f"{counted(going, 'video')} can be set aside, {len(found) - going} stay.", f"{_HERE}/sure"

    def _unless_both_stay(self, copy: LesserCopy) -> LesserCopy:
        """Return a copy, with that it stays if somebody decided so of the pair."""
        search = self._kept.search()
        said = search is not None and pair_id(copy.member, copy.keep) in search.both_stay
        return replace(copy, why_not="you said that both stay") if said and not copy.why_not else copy

    def set_aside_sure(self, request: Request, posted: Posted) -> Response:
        """Begin to set aside what the dry run showed."""
        going = [one for one in self._work.copies or () if not one.why_not]
        if not going:
            raise UsageError("Nothing is to be set aside.", remedy="Look which are sure first.")
        insist_on_shown(posted.one("plan"), copies_mark(going))

        def run(job: PageJob) -> tuple[str, str]:
            return self._set_aside(job, going)

        return self._start_sure(request, "Setting aside", run, "They are being set aside.")

    def _set_aside(self, job: PageJob, going: Sequence[LesserCopy]) -> tuple[str, str]:
        self._work.copies, batch, gone, stays = None, new_batch_id(), 0, list[str]()
        for copy in job.each(going):
            why = self._set_one_aside(copy, batch)
            gone += not why
            stays += [f"{copy.member.path.name} stays: {why}"] if why else []
        said = f"{counted(gone, 'video is', 'videos are')} aside; History takes them back in one go."
        more = f" {printable('; '.join(stays[:3]))}." if stays else ""
        return said + more, f"/history?batch={batch}" if gone else f"{_HERE}/sure"

    def _set_one_aside(self, copy: LesserCopy, batch: str) -> str:
        """Set a copy aside, looked at anew: the dry run may be long ago; return why it stays, or ""."""
        why = self._unless_both_stay(copy).why_not or why_it_stays(self._page.host.services, copy)
        if why:
            return why
        try:
            self._page.host.set_aside(copy.member.path, keep=copy.keep.path, batch=batch)
        except (UsageError, FilingError) as error:
            return error.title.rstrip(".")
        return ""
