"""Library: what was filed, by folders and filters, with pictures; teaching, moving and undoing what is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from vsortd.core.text import counted, printable
from vsortd.core.video_facts import Orientation
from vsortd.errors import UsageError, VsortdError
from vsortd.library.browsing.camera_names import CameraNames
from vsortd.library.browsing.catalog import Catalog, CatalogOrder
from vsortd.web.answers import Json
from vsortd.web.library_filter import STATES, LibraryFilter, all_folders, folders_below
from vsortd.web.page import is_fragment, item_id, view_address
from vsortd.web.rule_choice import chosen_rule, insist_on_some, said_of_filing, title_of

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from vsortd.learning.teaching import Lesson
    from vsortd.web.page import Page, Posted
    from vsortd.web.page_jobs import PageJob

CARDS: Final = 48
_MOST_FOLDERS: Final = 100  # shown of one level
_MOST_NAMES: Final = 12
_BOXES: Final = "on their pictures"


def routes(page: Page) -> list[Route]:
    """Return the addresses of this view."""
    library = _Library(page)
    return [
        Route("/library", page.shown(library.show)),
        Route("/library/folders", page.shown(library.folders)),
        Route("/library/cameras", page.shown(library.cameras)),
        Route("/library/ids", page.shown(library.ids)),
        Route("/teach", page.shown(library.ask)),
        Route("/teach/ask", page.action(library.ask_of_many), methods=["POST"]),
        Route("/teach", page.action(library.teach), methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class _Counted:
    """The folders of a library with how many videos each holds, as the journal was at one commit."""

    library: Path
    commit: int
    folders: Counter[str]


@dataclass(frozen=True, slots=True)
class _Cameras:
    """The cameras that can be chosen, and of how many videos among all they are known."""

    names: list[str]
    videos: int
    total: int


class _Library:
    def __init__(self, page: Page) -> None:
        self._page = page
        self._cameras = CameraNames()
        self._counted: _Counted | None = None

    @property
    def _catalog(self) -> Catalog:
        services = self._page.host.services
        return Catalog(services.journal.db.path, services.index.path, services.settings.library, self._cameras)

    def _folder_counts(self) -> Counter[str]:
        """Return how many videos lie in each folder; counted anew when the journal has changed."""
        services = self._page.host.services
        library, commit = services.settings.library, services.journal.db.commits()
        known = self._counted
        if known is None or (known.library, known.commit) != (library, commit):
            known = self._counted = _Counted(library, commit, self._catalog.folders())
        return known.folders

    # Looking

    def show(self, request: Request) -> Response:
        wanted = LibraryFilter.of(request.query_params)
        counts, catalog = self._folder_counts(), self._catalog
        query, of_cards = wanted.wanted(), request.headers.get("x-fragment") == "cards"
        everything = not (wanted.narrows or wanted.folder or wanted.after is not None)
        fit, before = sum(counts.values()), 0
        if not wanted.is_somewhere(counts):
            found, fit = [], 0
        elif of_cards or everything:
            found = catalog.page(query, count=CARDS + 1, after=wanted.after)
        else:
            found, fit, before = catalog.page_with_count(query, count=CARDS + 1, after=wanted.after)
        more = wanted.address(after=found[CARDS - 1].item.id) if len(found) > CARDS else ""
        values: dict[str, Any] = {"videos": found[:CARDS], "more": more, "wanted": wanted}
        if of_cards:
            return self._page.render(request, "_library_cards.html", **values)
        values |= {"fit": fit, "before": before, "total": sum(counts.values())}
        if is_fragment(request):
            return self._page.render(request, "_library_rows.html", **values)
        tree = self._page.host.services.tree
        return self._page.render(
            request,
            "library.html",
            **values,
            top=folders_below(counts, ""),
            below=partial(folders_below, counts),
            most_folders=_MOST_FOLDERS,
            states=STATES,
            orders=list(CatalogOrder),
            orientations=list(Orientation),
            rules=[rule.key for rule in tree.walk()],
            tags=[tag.name for tag in tree.tags],
            cameras=self._known_cameras() if wanted.camera else None,
        )

    def folders(self, request: Request) -> Response:
        """Show the folders below one."""
        way, counts = request.query_params.get("at", ""), self._folder_counts()
        if way and way not in all_folders(counts):
            raise UsageError("There is no such folder with videos.", remedy="Load the page anew.")
        wanted = LibraryFilter.of(request.query_params)
        return self._page.render(
            request,
            "_library_folders.html",
            level=folders_below(counts, way),
            wanted=wanted,
            most_folders=_MOST_FOLDERS,
        )

    def cameras(self, request: Request) -> Response:
        """Show the cameras that can be chosen."""
        return self._page.render(request, "_library_cameras.html", cameras=self._known_cameras())

    def _known_cameras(self) -> _Cameras:
        catalog = self._catalog
        return _Cameras(catalog.cameras(), catalog.with_camera(), sum(self._folder_counts().values()))

    def ids(self, request: Request) -> Response:
        """Return the numbers of all videos that fit."""
        wanted = LibraryFilter.of(request.query_params)
        there = wanted.is_somewhere(self._folder_counts())
        return Json({"ids": self._catalog.ids(wanted.wanted()) if there else []})

    # Deciding

    def ask(self, request: Request) -> Response:
        """Ask where one video belongs."""
        query = request.query_params
        return self._ask(request, tuple(map(item_id, query.getlist("id"))), query.get("back", ""))

    def ask_of_many(self, request: Request, posted: Posted) -> Response:
        """Ask where the chosen videos belong."""
        return self._ask(request, posted.chosen(), posted.one("back"))

    def _ask(self, request: Request, ids: tuple[int, ...], back: str) -> Response:
        insist_on_some(ids, _BOXES)
        journal = self._page.host.services.journal
        items = [item for item in map(journal.item, ids[:_MOST_NAMES]) if item is not None]
        rules = [rule.key for rule in self._page.host.services.tree.walk()]
        return self._page.render(
            request, "teach.html", ids=ids, items=items, rules=rules, back=view_address(back, "/library")
        )

    def teach(self, request: Request, posted: Posted) -> Response:
        """File videos where a person says; several at once are a job."""
        ids, learn = posted.chosen(), bool(posted.one("learn"))
        rule = chosen_rule(posted, self._page.host.services.tree)
        insist_on_some(ids, _BOXES)
        if len(ids) > 1:
            work, alone = partial(self._teach_all, ids, rule, learn), ("teach", ids, rule, learn)
            job = self._page.jobs.start(title_of(len(ids), rule), work, alone=alone)
            return self._page.begun(request, job)
        lesson = self._page.host.teach(ids[0], rule, learn=learn)
        back = view_address(posted.one("back"), "/library")
        if back.startswith("/videos/"):  # it is told of by its newest item
            return self._page.left(request, _said_of(lesson), f"/videos/{lesson.item or ids[0]}")
        answer = self._page.done(request, _said_of(lesson), back)
        answer.headers["X-Changed"] = "items"
        return answer

    def _teach_all(self, ids: tuple[int, ...], rule: str | None, learn: bool, job: PageJob) -> tuple[str, str]:  # noqa: FBT001 - for partial
        refused: list[str] = []
        taught = 0
        for number in job.each(ids):
            try:
                self._page.host.teach(number, rule, learn=learn)
                taught += 1
            except VsortdError as error:
                refused.append(error.title)
        said = said_of_filing(taught, rule)
        if refused:
            said += f" {counted(len(refused), 'video')} not: {refused[0]}"
        return said, "/library"


def _said_of(lesson: Lesson) -> str:
    name = printable(lesson.source.name)
    if lesson.none:
        return f"{name} belongs nowhere."
    if lesson.destination == lesson.source:
        return f"{name} stays where it is{', as an example of ' + lesson.rule if lesson.example else ''}."
    return f"{name} filed as {lesson.rule}."
