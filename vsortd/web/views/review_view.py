"""Review: what vsortd was unsure of, one video after the other, decided on by a key; the next is fetched ahead."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from starlette.responses import HTMLResponse
from starlette.routing import Route

from vsortd.core.identity import Identity
from vsortd.core.text import counted, printable
from vsortd.errors import UsageError, VsortdError
from vsortd.filing.queries import review_places
from vsortd.learning.alike_waiting import WaitingLikeness
from vsortd.learning.new_rule import NewRule, new_name_problem, unknown_words_said
from vsortd.learning.review_queue import FOUND, NotWaitingError, waiting_item
from vsortd.learning.teaching import find_rule, none_of
from vsortd.web.access import session_of
from vsortd.web.addresses import address_of
from vsortd.web.page import is_fragment, item_id
from vsortd.web.rule_choice import chosen_rule, insist_on_some, said_of_filing, title_of
from vsortd.web.session_log import SessionLog

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from vsortd.index.video import IndexedVideo
    from vsortd.learning.alike_waiting import AlikeVideo
    from vsortd.learning.review_queue import Waiting
    from vsortd.learning.teaching import Lesson
    from vsortd.pipeline.services import Services
    from vsortd.web.page import Page, Posted
    from vsortd.web.page_jobs import PageJob
    from vsortd.web.sessions import PageSession

_MOST_ALIKE: Final = 60
_MOST_PROMPTS: Final = 100


def routes(page: Page) -> list[Route]:
    """Return the addresses of this view."""
    review = _Review(page)
    return [
        Route("/review", page.shown(review.show)),
        Route("/review/more", page.shown(review.more)),
        Route("/review/alike", page.shown(review.alike)),
        Route("/review/new", page.shown(review.ask_new)),
        Route("/review/new", page.action(review.add_new), methods=["POST"]),
        Route("/review/decide", page.action(review.decide), methods=["POST"]),
        Route("/review/undo", page.action(review.undo), methods=["POST"]),
    ]


class Decided(NamedTuple):
    """What came of deciding on an item that waited, by its number."""

    item: int
    lesson: Lesson


class _Review:
    def __init__(self, page: Page) -> None:
        self._page = page
        self._log = SessionLog[tuple[Decided, ...]]()
        self._likeness = WaitingLikeness()

    @property
    def _services(self) -> Services:
        return self._page.host.services

    # Looking

    def show(self, request: Request) -> Response:
        """Show the video that the address names, the first one behind another, or the first of all."""
        session, query = session_of(request.scope), request.query_params
        ids = list(review_places(self._services.journal.db))
        if not query:
            self._log.begin(session)
        number = item_id(query["id"]) if "id" in query else 0
        after = item_id(query["after"]) if query.get("after", "0") != "0" else 0
        return self._card(request, self._waiting(ids, number, after), ids)

    def _waiting(self, ids: list[int], number: int, after: int) -> Waiting | None:
        """Return a video that waits: this one, or the first one behind that is still there."""
        first = bisect_left(ids, number) if number else bisect_right(ids, after)
        for one in ids[first:]:
            try:
                return waiting_item(self._services.journal, self._services.tree, one)
            except NotWaitingError:
                continue  # decided this moment, or its file is gone
        return None

    def _card(self, request: Request, waiting: Waiting | None, ids: list[int]) -> Response:
        session, tree = session_of(request.scope), self._services.tree
        template = "_review_card.html" if is_fragment(request) else "review.html"
        values: dict[str, Any] = {"rules": [rule.key for rule in tree.walk()], "left": len(ids), "waiting": waiting}
        values["decided"] = self._log.count(session)
        if waiting is not None:
            values |= {
                "at": values["decided"] + bisect_right(ids, waiting.item),
                "choices": _choices(waiting),
                "film": self._film(waiting),
                "nowhere": none_of(waiting.level),
            }
        return self._page.render(request, template, **values)

    def _film(self, waiting: Waiting) -> IndexedVideo | None:
        """Return what the index knows of a video, None where it knows nothing."""
        identity, model = Identity.of(waiting.path), self._services.corrections.present_model()
        return None if identity is None or not model else self._services.index.film(identity, model)

    def more(self, request: Request) -> Response:
        """Show the frames that a video was judged by, and how many look like it."""
        try:
            waiting = self._asked(request)
        except NotWaitingError:
            if is_fragment(request):  # decided on before this was asked: nobody looks at it any more
                return HTMLResponse("")
            raise
        trouble, frames = "", []
        try:
            frames = self._page.host.judged_frames(waiting)
        except VsortdError as error:  # the model can't be had: the rest is shown
            trouble = error.title
        alike = self._alike(waiting)
        return self._page.render(
            request, "review_more.html", waiting=waiting, frames=frames, trouble=trouble, alike=len(alike)
        )

    def alike(self, request: Request) -> Response:
        """Show the videos that look like one, to decide on all of them."""
        waiting = self._asked(request)
        rules = [rule.key for rule in self._services.tree.walk()]
        return self._page.render(
            request,
            "review_alike.html",
            waiting=waiting,
            alike=self._alike(waiting),
            rules=rules,
            choices=_choices(waiting),
            nowhere=none_of(waiting.level),
        )

    def _asked(self, request: Request) -> Waiting:
        number = item_id(request.query_params.get("id", ""))
        return waiting_item(self._services.journal, self._services.tree, number)

    def _alike(self, waiting: Waiting) -> list[AlikeVideo]:
        services = self._services
        model = services.corrections.present_model()
        places = review_places(services.journal.db)
        others = {path: number for number, path in places.items() if number != waiting.item}
        if not model or not others:
            return []
        return self._likeness.alike(services.index, model, waiting.path, others, most=_MOST_ALIKE)

    # Deciding

    def decide(self, request: Request, posted: Posted) -> Response:
        """File a video, or say that it belongs nowhere; of several at once that is a job."""
        ids, rule = posted.ids(), chosen_rule(posted, self._services.tree)
        insist_on_some(ids)
        session = session_of(request.scope)
        if len(ids) > 1:
            work, alone = partial(self._decide_all, session, ids, rule), ("decide", ids, rule)
            job = self._page.jobs.start(title_of(len(ids), rule), work, alone=alone)
            return self._page.begun(request, job)
        back = address_of("/review", ("after", ids[0]))
        try:
            lesson = self._page.host.decide(ids[0], rule)
        except NotWaitingError:
            return self._page.done(request, self._gone(ids[0]), back)
        self._log.add(session, (Decided(ids[0], lesson),))
        return self._page.done(request, _said_of(lesson), back)

    def _gone(self, number: int) -> str:
        item = self._services.journal.item(number)
        name = f"#{number}" if item is None else printable((item.destination or item.source).name)
        return f"{name} no longer waits: it was decided elsewhere, or its file is gone."

    def _decide_all(
        self, session: PageSession, ids: tuple[int, ...], rule: str | None, job: PageJob
    ) -> tuple[str, str]:
        made: list[Decided] = []
        gone = 0
        try:
            for number in job.each(ids):
                try:
                    made.append(Decided(number, self._page.host.decide(number, rule)))
                except NotWaitingError:
                    gone += 1
        finally:
            if made:
                self._log.add(session, tuple(made), len(made))
        elsewhere = f" {counted(gone, 'other')} no longer waited." if gone else ""
        return f"{said_of_filing(len(made), rule)}{elsewhere}", "/review"

    def undo(self, request: Request, _posted: Posted) -> Response:
        """Take the last decision back; its video is shown again."""
        session = session_of(request.scope)
        made = self._log.last(session)
        if not made:
            raise UsageError("There is nothing to undo here.", remedy="History undoes what was decided before.")
        for count in range(len(made), 0, -1):
            self._page.host.take_back(made[count - 1].lesson)
            self._log.taken_back(session, made[:count], made[: count - 1] or None)
        number, lesson = made[0]
        said = f"{printable(lesson.source.name)} is back, and no longer an example."
        if len(made) > 1:
            said = f"{counted(len(made), 'video')} are back, and no longer examples."
        ids = list(review_places(self._services.journal.db))
        part = self._card(request, self._waiting(ids, number, 0), ids) if is_fragment(request) else None
        return self._page.done(request, said, address_of("/review", ("id", number)), part)

    # A new rule

    def ask_new(self, request: Request) -> Response:
        """Ask for a new rule: its name, where it belongs, what its videos show."""
        waiting = self._asked(request)
        return self._page.render(
            request,
            "review_new_rule.html",
            waiting=waiting,
            rules=[rule.key for rule in self._services.tree.walk()],
        )

    def add_new(self, request: Request, posted: Posted) -> Response:
        """Write a new rule into the config, and file the video there."""
        number = item_id(posted.one("id"))
        waiting_item(self._services.journal, self._services.tree, number)
        new = self._new_rule(posted)
        self._page.host.add_rule(new)
        lesson = self._page.host.decide(number, new.key)
        session = session_of(request.scope)
        self._log.add(session, (Decided(number, lesson),))
        back = address_of("/review", ("after", number))
        unknown = unknown_words_said(self._services.settings, new)
        said = " ".join(filter(None, (f"The rule {new.key} is in the config.", unknown, _said_of(lesson))))
        if not is_fragment(request):
            return self._page.done(request, said, back)
        session.said.append(said)  # for the page that is loaded then, with the new rule among its rules
        answer = self._page.done(request, "", back)
        answer.headers["X-Go"] = back
        return answer

    def _new_rule(self, posted: Posted) -> NewRule:
        name, below = posted.one("name").strip(), posted.one("below").strip()
        parent = find_rule(self._services.tree, below) if below else ""
        problem = new_name_problem(self._services.settings, parent, name)
        if problem:
            raise UsageError(f"{name or 'This'} can't be a rule's name: {problem}.")
        prompts = (part.strip() for line in posted.one("prompts").splitlines() for part in line.split(","))
        return NewRule(name, parent, tuple(filter(None, prompts))[:_MOST_PROMPTS])


def _choices(waiting: Waiting) -> list[tuple[str, float | None]]:
    """Return what the keys 1 to 9 choose: the second opinion's rule, then the best guesses, each with its score."""
    scores: dict[str, float | None] = {guess.rule: guess.score for guess in waiting.guesses}
    said = [waiting.opinion.rule] if waiting.opinion is not None and waiting.opinion.rule else []
    return [(rule, scores.get(rule)) for rule in dict.fromkeys((*said, *scores))][:FOUND]


def _said_of(lesson: Lesson) -> str:
    name = printable(lesson.source.name)
    if lesson.none:
        return f"{name} belongs nowhere, undo with u"
    return f"{name} filed as {lesson.rule}, undo with u"
