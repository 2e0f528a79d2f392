"""What the operations of the page's API take; no field is a path, and every one has its bounds."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - a model reads its annotations
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from vsortd.core.units import parse_duration
from vsortd.filing.history_query import HistoryQuery, parse_states
from vsortd.filing.item_ids import LARGEST_ID
from vsortd.web.api.operation import ItemId, VideoId
from vsortd.web.cut_scenes import LAST_S
from vsortd.web.group_filing import LONGEST_NAME
from vsortd.web.library_filter import LibraryFilter
from vsortd.web.request_model import Moment, RequestModel, States
from vsortd.web.search_wish import LIKELY, MOST_SHOWN, SearchBy, SearchWish

ROWS: Final = 60
MOST_ROWS: Final = 1000
_MOST_IDS: Final = 100_000
_MOST_PLANNED: Final = 1000

Words = Annotated[str, Field(max_length=1000)]
RuleKey = Annotated[str, Field(min_length=1, max_length=1000)]
Sentence = Annotated[str, Field(min_length=1, max_length=300)]
Like = Annotated[str, Field(max_length=100)]
Second = Annotated[float, Field(ge=0, le=LAST_S, allow_inf_nan=False)]
Rows = Annotated[int, Field(ge=1, le=MOST_ROWS)]
ItemIds = Annotated[list[ItemId], Field(min_length=1, max_length=_MOST_IDS)]


class ItemsRequest(RequestModel):
    """Which items of the history, see `filing.history_query.HistoryQuery`; `since` in Unix seconds."""

    state: States | None = None
    rule: Words | None = None
    text: Words | None = None
    tag: Words | None = None
    since: Moment | None = None
    batch: Words | None = None
    before: ItemId | None = None
    limit: Rows | None = None

    @property
    def rows(self) -> int:
        """How many are wanted."""
        return self.limit or ROWS

    @property
    def query(self) -> HistoryQuery:
        """The question to the journal: one item more than is wanted."""
        return HistoryQuery(
            last=self.rows + 1,
            since=self.since,
            tag=self.tag or None,
            states=parse_states(self.state) if self.state else frozenset(),
            rule=self.rule or None,
            text=self.text or None,
            batch=self.batch or None,
            before=LARGEST_ID if self.before is None else self.before,
        )


class LibraryRequest(RequestModel):
    """Which videos of the library, see `library.browsing.catalog.CatalogQuery`; only those after the item `after`.

    `folder` is one of those that `GET /v1/library/folders` lists, or one above them; `since` and `until` are days.
    """

    folder: Words = ""
    state: Literal["filed", "review"] | None = None
    rule: Words = ""
    tag: Words = ""
    camera: Words = ""
    since: date | None = None
    until: date | None = None
    orientation: Literal["portrait", "landscape", "square"] | None = None
    text: Words = ""
    order: Literal["newest", "oldest", "name", "recorded", "longest"] = "newest"
    after: ItemId | None = None
    limit: Rows | None = None

    @property
    def wanted(self) -> LibraryFilter:
        """What is asked for, as the view Library has it."""
        return LibraryFilter(
            folder=self.folder,
            state=self.state or "",
            rule=self.rule,
            tag=self.tag,
            camera=self.camera,
            since="" if self.since is None else self.since.isoformat(),
            until="" if self.until is None else self.until.isoformat(),
            orientation=self.orientation or "",
            text=self.text,
            order=self.order,
            after=self.after,
        )


class WaitingRequest(RequestModel):
    """Which of the videos that wait for review: those after the item `after`."""

    after: Annotated[int, Field(ge=0, le=LARGEST_ID)] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] | None = None


class ChooseRequest(RequestModel):
    """The rule that a video belongs to, by its key or the end of it."""

    rule: RuleKey


class TeachRequest(RequestModel):
    """Where a video belongs: a rule, or nowhere; with `learn` false it is only filed there."""

    rule: RuleKey | None = None
    nowhere: bool = False
    learn: bool = True


class AsideRequestModel(RequestModel):
    """The item whose video is kept instead."""

    keep: ItemId | None = None


class UndoItemsRequest(RequestModel):
    """Which items to undo: by their ids, or a batch; with `dry_run` the answer only says what would be done."""

    ids: ItemIds | None = None
    batch: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    dry_run: bool = False


class PauseAllRequest(RequestModel):
    """How long to pause, in seconds; without it, until `resume`."""

    for_s: Annotated[float, Field(gt=0, le=parse_duration("36500d"), allow_inf_nan=False)] | None = None


class PlanRequest(RequestModel):
    """Which videos to decide on: items, or those in an inbox, by its place in the status, from 0."""

    ids: Annotated[list[ItemId], Field(min_length=1, max_length=_MOST_PLANNED)] | None = None
    inbox: Annotated[int, Field(ge=0, le=_MOST_PLANNED)] | None = None


class TimelineRequest(RequestModel):
    """Prompts for the timeline in addition to those of the rules."""

    prompts: Annotated[list[Sentence], Field(max_length=20)] | None = None


class SearchScenesRequest(RequestModel):
    """What to look for, as the view Search has it: `floor` in percent; the `first` hits are skipped.

    `like` are videos (`ID` or `ID@seconds`) or the answers of `POST /search/photo`; `inside` is a video; `since` is a
    day, a time or an age such as 7d.
    """

    words: Words = ""
    by: Literal["seen", "sound", "said", "text"] = "seen"
    without: Annotated[list[Words], Field(max_length=20)] | None = None
    like: Annotated[list[Like], Field(max_length=8)] | None = None
    inside: Like = ""
    under: Words = ""
    since: Like = ""
    orientation: Literal["portrait", "landscape", "square"] | None = None
    tag: Words = ""
    floor: Annotated[int, Field(ge=0, le=100)] = LIKELY
    first: Annotated[int, Field(ge=0, le=MOST_SHOWN)] = 0

    @property
    def wish(self) -> SearchWish:
        """What is looked for."""
        return SearchWish(
            q=self.words,
            by=SearchBy.SEEN if self.by == "seen" else SearchBy(self.by),
            against=tuple(filter(None, self.without or ())),
            like=tuple(self.like or ()),
            inside=self.inside,
            under=self.under,
            since=self.since,
            orientation=self.orientation or "",
            tag=self.tag,
            floor=self.floor,
            first=self.first,
        )


def _writable(text: str) -> str:
    """Refuse what a file in UTF-8 can't hold, rather than write something else."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("it holds characters that UTF-8 has not") from error
    return text


class ConfigTextRequest(RequestModel):
    """The text of a config."""

    text: Annotated[str, Field(max_length=1 << 20), AfterValidator(_writable)]


class PreviewRequest(ConfigTextRequest):
    """The text of a config; with `look`, videos that can't be judged by the frames that are kept are decoded again."""

    look: bool = False


class FetchRequest(RequestModel):
    """Where on the web a video is: an address that begins with https://."""

    address: Annotated[str, Field(min_length=1, max_length=4000)]


class CutRequest(RequestModel):
    """A scene: a video as `search` names it, and from when to when, seconds."""

    video: VideoId
    begin_s: Second
    end_s: Second


class KeepRequest(RequestModel):
    """Which of a pair is kept."""

    keep: Literal["left", "right", "both"]


class GroupRequest(RequestModel):
    """Changes to a group: another name (`folder/folder` is allowed, "" restores its own), and whether it is filed."""

    name: Annotated[str, Field(max_length=LONGEST_NAME)] | None = None
    chosen: bool | None = None


class OwnGroupRequest(RequestModel):
    """A group made by hand: its name, and the ids of its videos in the groups."""

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    videos: Annotated[list[VideoId], Field(min_length=1, max_length=_MOST_IDS)]


class FileGroupsRequest(RequestModel):
    """The plan that was previewed: `plan` of `GET /v1/clusters/folders`."""

    plan: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class LogRequest(RequestModel):
    """Which lines of the log: of this level or above, about one item, before a place."""

    level: Literal["debug", "info", "success", "warning", "error", "critical"] = "info"
    item: ItemId | None = None
    before: Annotated[str, Field(pattern=r"^[0-9]{1,20}-[0-9]{1,15}$")] | None = None
    limit: Rows | None = None


class StillRequest(RequestModel):
    """How high the picture is, px."""

    h: Annotated[int, Field(ge=1, le=9999)] | None = None
