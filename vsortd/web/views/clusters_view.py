"""Clusters: videos that look alike, on a map and in a list; named, chosen, and filed into folders or made rules of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Route

from vsortd.core.batch_ids import new_batch_id
from vsortd.core.moments import local_text, utc_now
from vsortd.core.text import counted, printable
from vsortd.errors import UsageError
from vsortd.library.clusters.apply import foresee
from vsortd.library.clusters.cluster_folders import arrange
from vsortd.library.clusters.kept_clusters import (
    ClusterChoice,
    KeptClusters,
    films_with_frames,
    with_frames,
    with_own_group,
)
from vsortd.library.clusters.projection import insist_on_libraries
from vsortd.library.clusters.to_rules import draft_rules
from vsortd.web.access import session_of
from vsortd.web.answers import Json
from vsortd.web.cluster_marks import NO_GROUP, mark_of
from vsortd.web.group_filing import FILING, file_groups, group_name, wanted_piles
from vsortd.web.group_search import FINDING, look_for_groups
from vsortd.web.media_ids import indexed_id
from vsortd.web.page import is_fragment
from vsortd.web.plain_numbers import whole_number
from vsortd.web.shown_plans import folders_mark, insist_on_shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from vsortd.index.video import IndexedVideo
    from vsortd.library.clusters.cluster_folders import Pile
    from vsortd.library.clusters.grouping import Cluster
    from vsortd.library.clusters.kept_clusters import KeptGroups
    from vsortd.pipeline.services import Services
    from vsortd.web.page import Page, Posted
    from vsortd.web.page_jobs import PageJob

_HERE: Final = "/clusters"
_LOOKING: Final = "_looking.html"
_ROWS: Final = 60
_STRANGERS: Final = 200  # videos of no group that rules are checked on
_REFUSED_SHOWN: Final = 20
_NOT_FOUND: Final = "There are no groups yet."


def routes(page: Page) -> list[Route]:
    """Return the addresses of this view."""
    view = _Clusters(page)
    return [
        Route(_HERE, page.shown(view.show)),
        Route(f"{_HERE}/map", page.shown(view.map)),
        Route(f"{_HERE}/look", page.action(view.look), methods=["POST"]),
        Route(f"{_HERE}/choice", page.action(view.choose), methods=["POST"]),
        Route(f"{_HERE}/own", page.action(view.add_own), methods=["POST"]),
        Route(f"{_HERE}/preview", page.shown(view.preview)),
        Route(f"{_HERE}/apply", page.action(view.apply), methods=["POST"]),
        Route(f"{_HERE}/rules", page.shown(view.show_rules)),
        Route(f"{_HERE}/{{number}}", page.shown(view.videos)),
    ]


@dataclass
class _Work:
    """The job of this view that began last, what was filed last, and the rules that were made last."""

    job: PageJob | None = None
    batch: str = ""
    rules: str = ""


class _Clusters:
    def __init__(self, page: Page) -> None:
        self._page = page
        self._work = _Work()

    @property
    def _services(self) -> Services:
        return self._page.host.services

    @cached_property
    def _kept(self) -> KeptClusters:
        return KeptClusters(self._services.state_folder)

    def _groups(self) -> KeptGroups:
        kept = self._kept.groups(self._services.index)
        if kept is None:
            raise UsageError(_NOT_FOUND, remedy="Find groups first, in Clusters.")
        return kept

    # Looking

    def show(self, request: Request) -> Response:
        """Show the map and the list."""
        kept = self._kept.groups(self._services.index)
        return self._page.render(
            request,
            "clusters.html",
            kept=kept,
            groups=[] if kept is None else kept.grouping.groups,
            mark_of=mark_of,
            no_group=NO_GROUP,
            media=_media,
            batch=self._work.batch,
            job=self._work.job,
        )

    def map(self, _request: Request) -> Response:
        """Answer with the points: places, the number of each one's group (0: none), ids, names."""
        grouping = self._groups().grouping
        numbers = [group.number for group in grouping.groups]
        return Json(
            {
                "x": [round(float(value), 3) for value in grouping.map_xy[:, 0]],
                "y": [round(float(value), 3) for value in grouping.map_xy[:, 1]],
                "group": [numbers[label] if label >= 0 else 0 for label in grouping.labels.tolist()],
                "id": [_media(film) for film in grouping.films],
                "name": [printable(film.path.name) for film in grouping.films],
                "end": [round(film.duration_s, 2) for film in grouping.films],
            }
        )

    def videos(self, request: Request) -> Response:
        """Show the videos of a group, the most typical first; group 0 are those of none."""
        kept = self._groups()
        group = _group(kept, request.path_params["number"])
        films = kept.grouping.noise if group is None else tuple(one.film for one in group.members)
        begin = whole_number(request.query_params.get("after") or "0", 0, len(films), what="after")
        rows = {film.id: row for row, film in enumerate(kept.grouping.films)}
        return self._page.render(
            request,
            "cluster_videos.html",
            title="In no group" if group is None else kept.choice.name_of(group),
            number=0 if group is None else group.number,
            count=len(films),
            films=[(rows[film.id], film, _media(film)) for film in films[begin : begin + _ROWS]],
            more=begin + _ROWS if begin + _ROWS < len(films) else 0,
        )

    def look(self, request: Request, _posted: Posted) -> Response:
        """Begin to find groups; those that were found before stay until then."""
        insist_on_libraries()
        return self._begin(request, "Finding groups", self._look, "It looks for groups.")

    def _begin(self, request: Request, title: str, run: Callable[[PageJob], tuple[str, str]], said: str) -> Response:
        self._work.job = self._page.jobs.start(title, run, alone=FINDING)
        return self._page.begun(request, self._work.job, said, _LOOKING)

    def _look(self, job: PageJob) -> tuple[str, str]:
        return look_for_groups(self._page.host, self._kept, job)

    # Choosing

    def choose(self, request: Request, posted: Posted) -> Response:
        """Keep the names and which groups are taken; then show the folders, or make rules, if that is asked for."""
        kept = self._groups()
        self._kept.want(kept, _choice_of(kept.grouping.groups, posted))
        wanted = posted.one("then")
        if wanted == "rules":
            return self._begin(request, "Making rules", self._make_rules, "Rules are being made.")
        to = f"{_HERE}/preview" if wanted == "preview" else _HERE
        if not is_fragment(request):
            return RedirectResponse(to, status_code=HTTPStatus.SEE_OTHER)
        answer = self._page.render(request, _LOOKING, job=self._work.job)
        if wanted == "preview":
            answer.headers["X-Go"] = to
        return answer

    def add_own(self, request: Request, posted: Posted) -> Response:
        """Make a group of videos that somebody chose."""
        kept = self._groups()
        name = group_name(posted.one("name"))
        count = len(kept.grouping.films)
        rows = [whole_number(row, 0, count - 1, what="A video's row") for row in posted.all("row")]
        if not name:
            raise UsageError("The group needs a name.")
        grouping = with_own_group(kept.grouping, rows, name, self._services.index)
        self._kept.keep(grouping, found_s=kept.found_s)
        self._kept.want(kept, kept.choice)
        said = f"{printable(name)}: {counted(len(set(rows)), 'video')}."
        if not is_fragment(request):
            return self._page.done(request, said, _HERE)
        session_of(request.scope).said.append(said)  # for the page that is loaded then
        return HTMLResponse("", headers={"X-Go": _HERE})

    def _piles(self) -> tuple[KeptGroups, list[Pile]]:
        kept = self._groups()
        return kept, wanted_piles(kept, self._services.settings)

    def preview(self, request: Request) -> Response:
        """Show which video would go into which folder; nothing is touched."""
        _, piles = self._piles()
        prospects = foresee(self._services, piles)
        return self._page.render(
            request,
            "cluster_folders.html",
            prospects=prospects,
            plan=folders_mark(prospects),
            going=sum(len(one.going) for one in prospects),
            library=self._services.settings.library,
            media=_media,
            refused_shown=_REFUSED_SHOWN,
        )

    # Doing

    def apply(self, request: Request, posted: Posted) -> Response:
        """Begin to file the groups into their folders, as the preview showed them."""
        _, piles = self._piles()
        insist_on_shown(posted.one("plan"), folders_mark(foresee(self._services, piles)))

        def run(job: PageJob) -> tuple[str, str]:
            return self._file(job, piles)

        return self._begin(request, FILING, run, "They are being filed.")

    def _file(self, job: PageJob, piles: Sequence[Pile]) -> tuple[str, str]:
        batch = new_batch_id()
        self._work.batch = batch
        said, filed = file_groups(self._page.host, piles, job, batch)
        self._work.batch = batch if filed else ""
        return said, f"/history?batch={batch}" if filed else ""

    def _make_rules(self, job: PageJob) -> tuple[str, str]:
        with self._page.host.borrowed(job.cancel) as (services, _):
            kept = self._groups()
            job.progress(0, None, "reading")
            groups = with_frames(kept.grouping.groups, services.index, kept.grouping.model)
            piles = arrange(groups, kept.choice.selection(groups), services.settings)
            classifier = services.model.get(job.cancel)
            job.progress(0, None, "checking")
            noise = kept.grouping.noise[:: len(kept.grouping.noise) // _STRANGERS + 1]
            strangers = films_with_frames(noise, services.index, kept.grouping.model)
            draft = draft_rules(services, classifier, piles, strangers)
        self._work.rules = draft.text(when=local_text(utc_now()))
        return f"{counted(len(piles), 'rule')} made of the groups.", f"{_HERE}/rules"

    def show_rules(self, request: Request) -> Response:
        """Show the rules that were made last."""
        if not self._work.rules:
            raise UsageError("No rules were made of groups yet.", remedy="Make them in Clusters.")
        return self._page.render(request, "cluster_rules.html", text=_printable_lines(self._work.rules))


def _printable_lines(text: str) -> str:
    """Return a text with whatever no terminal shows made visible, line by line."""
    return "\n".join(map(printable, text.split("\n")))


def _media(film: IndexedVideo) -> str:
    return indexed_id(film.id, film.identity)


def _group(kept: KeptGroups, number: str) -> Cluster | None:
    """Return a group by its number, None for 0. Raises UsageError."""
    if number == "0":
        return None
    for group in kept.grouping.groups:
        if str(group.number) == number:
            return group
    raise UsageError("There is no such group.", remedy="Clusters lists those that there are.")


def _choice_of(groups: Sequence[Cluster], posted: Posted) -> ClusterChoice:
    taken = set(posted.all("take"))
    names = {group.number: group_name(posted.one(f"name-{group.number}")) for group in groups}
    renamed = {group.number: names[group.number] for group in groups if names[group.number] not in {"", group.name}}
    return ClusterChoice(renamed, frozenset(group.number for group in groups if str(group.number) not in taken))
