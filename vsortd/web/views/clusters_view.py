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
from vsortd.core.names import folder_name_problem, nfc
from vsortd.core.text import counted, printable
from vsortd.errors import Cancelled, UsageError
from vsortd.library.clusters.apply import Fate, file_piles, foresee
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
from vsortd.web.group_search import look_for_groups
from vsortd.web.media_ids import indexed_id
from vsortd.web.page import is_fragment
from vsortd.web.page_jobs import JobState
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
_ROWS: Final = 60
_STRANGERS: Final = 200  # videos of no group that rules are checked on
_REFUSED_SHOWN: Final = 20
_LONGEST_NAME: Final = 200
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
            job=self._job(),
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
        after = request.query_params.get("after", "0")
        begin = int(after[:9]) if after.isascii() and after.isdigit() else 0
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
        if self._work.job is None or not self._work.job.under_way:
            self._work.job = self._page.jobs.start(title, run)
        job = self._work.job
        job.see_same(title)
        if is_fragment(request):
            return self._page.render(request, "_looking.html", job=job)
        return self._page.done(request, said, f"/jobs/{job.id}")

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
        answer = self._page.render(request, "_looking.html", job=self._job())
        if wanted == "preview":
            answer.headers["X-Go"] = to
        return answer

    def _job(self) -> PageJob | None:
        """Return the job that goes on, or that failed; of another there is nothing to say here."""
        job = self._work.job
        return job if job is not None and (job.under_way or job.state is JobState.FAILED) else None

    def add_own(self, request: Request, posted: Posted) -> Response:
        """Make a group of videos that somebody chose."""
        kept = self._groups()
        name = _name_of(posted.one("name"))
        count = len(kept.grouping.films)
        rows = [int(row) for row in posted.all("row") if row.isascii() and row.isdigit() and int(row[:9]) < count]
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
        wanted = kept.choice.selection(kept.grouping.groups)
        return kept, arrange(kept.grouping.groups, wanted, self._services.settings)

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

        return self._begin(request, "Filing", run, "They are being filed.")

    def _file(self, job: PageJob, piles: Sequence[Pile]) -> tuple[str, str]:
        batch = new_batch_id()
        self._work.batch = batch
        address = f"/history?batch={batch}"
        try:
            with self._page.host.borrowed(job.cancel) as (services, _):
                applied = file_piles(
                    services, piles, batch=batch, dry_run=False, cancel=job.cancel, on_progress=job.progress
                )
        except Cancelled:
            return f"Called off after {counted(int(job.done), 'video')}. Undo takes back what was filed.", address
        filed, refused = applied.of(Fate.FILED), applied.of(Fate.REFUSED)
        self._work.batch = batch if filed else ""
        self._page.host.tell(*(one.item for one in filed if one.item is not None))
        stays = f", {len(refused)} stay where they are: {printable(refused[0].reason)}" if refused else ""
        return f"{counted(len(filed), 'video')} filed{stays}. Undo takes them back.", address

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
    names = {group.number: _name_of(posted.one(f"name-{group.number}")) for group in groups}
    renamed = {group.number: names[group.number] for group in groups if names[group.number] not in {"", group.name}}
    return ClusterChoice(renamed, frozenset(group.number for group in groups if str(group.number) not in taken))


def _name_of(text: str) -> str:
    """Return a name or `folder/folder` as somebody typed it. Raises UsageError for what can't be folders."""
    name = nfc(text).strip("/ ")[:_LONGEST_NAME]
    for part in name.split("/") if name else ():
        if problem := folder_name_problem(part.strip()):
            raise UsageError(f"{printable(name)} can't be a folder: {problem}.", remedy="Give it another name.")
    return name
