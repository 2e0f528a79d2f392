"""Search: scenes by a sentence, a picture or a moment; played, cut out, and fetched from the web first if need be."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse
from starlette.routing import Route

from vsortd.config.own_words import own_prompts
from vsortd.core.names import facet_tag
from vsortd.core.units import about_clock
from vsortd.core.video_facts import Orientation
from vsortd.errors import Cancelled, UsageError, VideoError, VsortdError
from vsortd.fetching.address import checked_address
from vsortd.media.playable import plays_in_browser
from vsortd.web.answers import Json, NotThereError, called_off, refusal
from vsortd.web.cut_scenes import LAST_S, CutScenes, begin_to_cut
from vsortd.web.example_photos import ExamplePhotos
from vsortd.web.found_scenes import find_wish
from vsortd.web.media_ids import find_media, open_found
from vsortd.web.page import item_id
from vsortd.web.plain_numbers import is_whole, plain_number
from vsortd.web.search_wish import SearchBy, SearchWish
from vsortd.web.web_fetch import begin_to_fetch

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request as HttpRequest
    from starlette.responses import Response

    from vsortd.web.page import Page, Posted

_PROPOSED: Final = 6
_SINCE: Final = (("1d", "a day"), ("7d", "a week"), ("30d", "a month"), ("365d", "a year"))


def routes(page: Page) -> list[Route]:
    """Return the addresses of this view."""
    search = _Search(page)
    CutScenes(page.host.state_folder).clear()
    return [
        Route("/search", page.shown(search.show)),
        Route("/search/play", page.shown(search.play)),
        Route("/search/photo", search.photo, methods=["POST"]),
        Route("/search/fetch", page.action(search.fetch), methods=["POST"]),
        Route("/search/cut", page.action(search.cut), methods=["POST"]),
        Route("/cuts/{job}", page.shown(search.scene)),
    ]


@dataclass(frozen=True, slots=True)
class Chip:
    """Something that narrows a search: what it says, and the address without it; `picture` is shown before it."""

    text: str
    without: str
    picture: str = ""


class _Search:
    def __init__(self, page: Page) -> None:
        self._page = page

    def show(self, request: HttpRequest) -> Response:
        wish = SearchWish.of(request.query_params)
        template = "_hits.html" if request.headers.get("x-fragment") in {"hits", "more"} else "search.html"
        services = self._page.host.services
        tags = [tag.name for tag in services.settings.tags]
        tags += [facet_tag(name, one) for name, facet in services.settings.facets.items() for one in facet.prompts]
        return self._page.render(
            request,
            template,
            wish=wish,
            rules=[rule.key for rule in services.tree.walk()],
            tags=tags,
            orientations=tuple(Orientation),
            since=_SINCE,
            hears=services.sound is not None,
            By=SearchBy,
            **self._found(wish),
        )

    def _found(self, wish: SearchWish) -> dict[str, Any]:
        """Return what the results show: scenes, an address to fetch first, an error, or what may be asked."""
        shown: dict[str, Any] = {"found": None, "error": None, "fetch": "", "chips": [], "proposed": ()}
        try:
            shown["chips"] = self._chips(wish)
            if wish.web_address:
                shown["fetch"] = checked_address(wish.web_address)
            elif wish.asks:
                shown["found"] = find_wish(self._page.host, wish)
            else:
                shown["proposed"] = self._proposed()
        except VsortdError as error:
            shown["error"] = error
        except VideoError as error:
            shown["error"] = UsageError(error.sentence)
        return shown

    def _chips(self, wish: SearchWish) -> list[Chip]:
        """Return what narrows a search, each to be taken out. Raises UsageError."""
        chips = []
        if wish.inside:
            video = find_media(self._page.host.services, wish.inside)
            chips.append(Chip(f"in {video.path.name}", wish.address(inside=""), f"/still/{wish.inside}/0?h=180"))
        for number, example in enumerate(wish.examples):
            without = wish.address(like=wish.like[:number] + wish.like[number + 1 :])
            if example.photo:
                chips.append(Chip("like a photo", without))
                continue
            name = find_media(self._page.host.services, example.media).path.name
            at = "" if example.moment_s is None else f" at {about_clock(example.moment_s)}"
            picture = f"/still/{example.media}/{round((example.moment_s or 0) * 1000)}?h=180"
            chips.append(Chip(f"like {name}{at}", without, picture))
        chips += [
            Chip(f"not {one}", wish.address(against=tuple(other for other in wish.against if other != one)))
            for one in wish.against
        ]
        return chips

    def _proposed(self) -> tuple[str, ...]:
        """Return prompts of the user's rules to begin with."""
        services = self._page.host.services
        classifier = services.model.classifier
        if classifier is None:  # nobody knows yet which words it knows
            return ()
        return tuple(own_prompts(services.tree, classifier.encoder.unknown_words))[:_PROPOSED]

    def play(self, request: HttpRequest) -> Response:
        """Show a player of one scene."""
        query, host = request.query_params, self._page.host
        named, begin_s, end_s = query.get("id", ""), _seconds(query.get("begin", "")), _seconds(query.get("end", ""))
        with open_found(host.services, named) as opened:
            path, identity, media_type = opened.path, opened.identity, opened.media_type
        copied = "copy" in query
        plays = copied or plays_in_browser(host.previews.facts(path, identity), media_type)
        source = f"/{'copy' if copied else 'media'}/{named}"
        return self._page.render(
            request,
            "play.html",
            id=named,
            path=path,
            begin_s=begin_s,
            end_s=end_s,
            plays=plays,
            source=source,
            item=self._item_of(named, path),
        )

    def _item_of(self, named: str, path: Path) -> int | None:
        """Return the number by which a video has a page of its own, None where the history doesn't know it."""
        if is_whole(named):
            return item_id(named)
        item = self._page.host.services.journal.placed_at(path)
        return None if item is None else item.id

    async def photo(self, request: HttpRequest) -> Response:
        """Take a photo, the body itself, to search by; answer with the address of that search."""
        body = await request.body()
        try:
            services = self._page.host.services
            name = await run_in_threadpool(ExamplePhotos(services.state_folder).add, body, services.media)
        except VsortdError as error:
            return refusal(error)
        except Cancelled:
            return called_off()
        wish, like = SearchWish.of(request.query_params), f"photo-{name}"
        return Json({"ok": True, "address": wish.address(like=(*wish.like, like)), "like": like})

    def fetch(self, request: HttpRequest, posted: Posted) -> Response:
        """Begin to fetch the video of an address, in which it is searched then."""
        wish = SearchWish(q=posted.one("q"))
        address = checked_address(wish.web_address or posted.one("q"))
        return self._page.begun(request, begin_to_fetch(self._page, address, wish.words), "It is being fetched.")

    def cut(self, request: HttpRequest, posted: Posted) -> Response:
        """Begin to cut a scene out of its video, for the browser to take."""
        begin_s, end_s = _seconds(posted.one("begin")), _seconds(posted.one("end"))
        job = begin_to_cut(self._page, posted.one("id"), begin_s, end_s)
        return self._page.begun(request, job, "It is being cut out.")

    def scene(self, request: HttpRequest) -> Response:
        """Hand out a scene that was cut out."""
        try:
            path = CutScenes(self._page.host.services.state_folder).file(request.path_params["job"])
        except NotThereError as error:
            return self._page.trouble(request, error, HTTPStatus.NOT_FOUND)
        return FileResponse(path, media_type="video/mp4", filename=path.name)


def _seconds(text: str) -> float:
    return plain_number(text, 0, LAST_S, what="A moment of a video (s)")
