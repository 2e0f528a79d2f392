"""Items: looking at them, teaching, undo, and what holds or failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vsortd.core.documents import ItemDocument, LessonDocument, ReleaseDocument, UndoDocument
from vsortd.core.text import storable
from vsortd.errors import UsageError
from vsortd.filing.open_media import item_video
from vsortd.filing.release import ReleaseVerb
from vsortd.filing.undo import Selection
from vsortd.filing.whereabouts import steps, trace, whereabouts
from vsortd.learning.teaching import find_rule
from vsortd.library.browsing.catalog import Catalog
from vsortd.web.answers import NotThereError
from vsortd.web.api.asked import ROWS, AsideRequestModel, ItemsRequest, LibraryRequest, TeachRequest, UndoItemsRequest
from vsortd.web.api.operation import ApiOperation, Call
from vsortd.web.api.told import (
    DoneDocument,
    FoldersDocument,
    ItemsDocument,
    LibraryDocument,
    LibraryVideoDocument,
    VideoDocument,
)
from vsortd.web.dismissed import Dismissed
from vsortd.web.request_model import NothingMore

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.filing.records import Item
    from vsortd.library.browsing.catalog import CatalogVideo
    from vsortd.web.request_model import RequestModel

_GONE: Final = {404: "there is no item by this id", 409: "its video is gone, or was changed"}


def known_item(call: Call[RequestModel], number: int | None = None) -> Item:
    """Return the item of the path, or another one. Raises NotThereError, StoreError."""
    item = call.services.journal.item(call.item if number is None else number)
    if item is None:
        raise NotThereError("There is no item by this id.", remedy="GET /v1/items lists those that there are.")
    return item


def video_of(call: Call[RequestModel], number: int) -> Path:
    """Return where an item's video lies. Raises NotThereError, ChangedError where it is gone, StoreError."""
    known_item(call, number)
    return item_video(call.services.journal, number).path


def items(call: Call[ItemsRequest]) -> ItemsDocument:
    """List items."""
    rows = call.asked.rows
    found = call.services.journal.history(call.asked.query)
    following = found[rows - 1].id if len(found) > rows else None
    return {"items": [item.to_json() for item in found[:rows]], "next": following}


def library(call: Call[LibraryRequest]) -> LibraryDocument:
    """List videos of the library."""
    wanted, rows = call.asked.wanted, call.asked.limit or ROWS
    catalog, query = _catalog(call), wanted.wanted()
    there = not wanted.folder or wanted.is_somewhere(catalog.folders())
    found = catalog.page(query, count=rows + 1, after=wanted.after) if there else []
    following = found[rows - 1].item.id if len(found) > rows else None
    return {"videos": [_catalog_video(one) for one in found[:rows]], "next": following}


def folders(call: Call[NothingMore]) -> FoldersDocument:
    """List the folders of the library."""
    return {"folders": {storable(name): count for name, count in _catalog(call).folders().items()}}


def _catalog(call: Call[RequestModel]) -> Catalog:
    services = call.services
    return Catalog(services.journal.db.path, services.index.path, services.settings.library)


def _catalog_video(one: CatalogVideo) -> LibraryVideoDocument:
    return {
        "item": one.item.to_json(),
        "duration_s": one.duration_s,
        "width_px": one.width_px,
        "height_px": one.height_px,
        "recorded_s": one.recorded_s,
    }


def item(call: Call[NothingMore]) -> ItemDocument:
    """Return one item."""
    return known_item(call).to_json()


def video(call: Call[NothingMore]) -> VideoDocument:
    """Return where a video is now, and its way."""
    traced = trace(call.services.journal, known_item(call))
    return {
        "now": whereabouts(traced).to_json(),
        "steps": [step.to_json() for step in steps(traced)],
        "items": [one.to_json() for one in traced.items],
        "video": str(call.item),
    }


def teach(call: Call[TeachRequest]) -> LessonDocument:
    """File a video where a person says, and learn from it."""
    asked = call.asked
    if (asked.rule is None) != asked.nowhere:
        raise UsageError("The request says no place.", remedy="It takes a rule, or nowhere: true, one of the two.")
    rule = None if asked.rule is None else find_rule(call.services.tree, asked.rule)
    known_item(call)
    return call.page.host.teach(call.item, rule, learn=asked.learn).to_json()


def set_aside(call: Call[AsideRequestModel]) -> ItemDocument:
    """Set a video aside."""
    keep = None if call.asked.keep is None else video_of(call, call.asked.keep)
    known_item(call)
    return call.page.host.set_aside(call.item, keep=keep)


def undo(call: Call[UndoItemsRequest]) -> UndoDocument:
    """Take filings back, or say what that would do."""
    ids, batch = call.asked.ids, call.asked.batch
    if (ids is None) == (batch is None):
        raise UsageError("The request names no videos.", remedy="It takes ids or a batch, one of the two.")
    selection = Selection(ids=tuple(ids or ()), batch=batch)
    return call.page.host.undo(selection, dry_run=call.asked.dry_run).to_json()


def release(call: Call[NothingMore]) -> ReleaseDocument:
    """Let a held video be sorted again."""
    return _freed(call, ReleaseVerb.RELEASE)


def retry(call: Call[NothingMore]) -> ReleaseDocument:
    """Let a video that failed be tried again."""
    return _freed(call, ReleaseVerb.RETRY)


def _freed(call: Call[NothingMore], verb: ReleaseVerb) -> ReleaseDocument:
    known_item(call)
    return call.page.host.release_or_retry(verb, [str(call.item)], everything=False).to_json()


def dismiss(call: Call[NothingMore]) -> DoneDocument:
    """Show a failure no longer in Live."""
    known_item(call)
    Dismissed(call.services.state_folder).add(call.item)
    return {"ok": True}


_ITEM: Final = "/v1/items/{item}"
OPERATIONS: Final = (
    ApiOperation("items", "GET", "/v1/items", "List the items of the history", ItemsRequest, ItemsDocument, items),
    ApiOperation(
        "library",
        "GET",
        "/v1/library",
        "List the videos of the library",
        LibraryRequest,
        LibraryDocument,
        library,
    ),
    ApiOperation(
        "folders", "GET", "/v1/library/folders", "List the library's folders", NothingMore, FoldersDocument, folders
    ),
    ApiOperation("item", "GET", _ITEM, "Get one item", NothingMore, ItemDocument, item, refusals=_GONE),
    ApiOperation(
        "video", "GET", f"{_ITEM}/video", "Find out where a video is", NothingMore, VideoDocument, video, refusals=_GONE
    ),
    ApiOperation(
        "teach",
        "POST",
        f"{_ITEM}/teach",
        "File a video by hand, and learn from it",
        TeachRequest,
        LessonDocument,
        teach,
        refusals=_GONE,
    ),
    ApiOperation(
        "setAside",
        "POST",
        f"{_ITEM}/aside",
        "Set a video aside, into .vsortd/aside",
        AsideRequestModel,
        ItemDocument,
        set_aside,
        refusals=_GONE,
    ),
    ApiOperation(
        "release",
        "POST",
        f"{_ITEM}/release",
        "Let a held video be sorted again",
        NothingMore,
        ReleaseDocument,
        release,
        refusals=_GONE,
    ),
    ApiOperation(
        "retry",
        "POST",
        f"{_ITEM}/retry",
        "Let a failed video be tried again",
        NothingMore,
        ReleaseDocument,
        retry,
        refusals=_GONE,
    ),
    ApiOperation(
        "dismiss",
        "POST",
        f"{_ITEM}/dismiss",
        "Stop showing a failure in Live",
        NothingMore,
        DoneDocument,
        dismiss,
        refusals=_GONE,
    ),
    ApiOperation("undo", "POST", "/v1/undo", "Undo filings", UndoItemsRequest, UndoDocument, undo),
)
