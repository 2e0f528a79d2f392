"""The documents that daemon, commands and tray hand one another as JSON, typed here alone: plain dictionaries.

They are what `--json` prints, and what version 1 of the control API sends; a key that goes or changes its meaning
breaks whoever reads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NotRequired, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STATUS_SCHEMA_VERSION = 1
DaemonState = Literal["running", "paused", "stopped", "setup"]


class ModelDocument(TypedDict):
    """The model: its device is "" while it is not loaded; is it on its way (`loading`); why it can't be had, or ""."""

    name: str
    weights: str
    device: str
    loading: bool
    reason: str


class CountsDocument(TypedDict):
    """How many videos the journal knows of each state now."""

    filed: int
    review: int
    rejected: int
    failed: int
    held: int
    aside: int


LeftAlone = dict[str, int]
"""How many videos were left alone because `extensions` does not name their ending, by ending (lower case, no dot)."""


class InboxDocument(TypedDict):
    """How an inbox is; `health` is a value of `watch.types.Health`, `extensions` are the endings that it takes.

    `waits`: nothing of it is sorted for now, for its health; another that is degraded is worked in.
    """

    path: str
    health: str
    reason: str
    waits: bool
    paused: bool
    extensions: list[str]
    left_alone: LeftAlone


class PausedInboxDocument(TypedDict):
    """An inbox that is paused by itself; `until` is in Unix seconds, None without end."""

    path: str
    until: float | None


class PausesDocument(TypedDict):
    """What is paused: everything (`all`, with its end), and single inboxes."""

    all: bool
    until: float | None
    inboxes: list[PausedInboxDocument]


class WaitDocument(TypedDict):
    """A video that waits for other files than itself: a download is under way beside it."""

    path: str
    reason: str


class AfterDocument(TypedDict):
    """What is to be done after videos: how many deliveries wait, and how many were given up since the start."""

    waiting: int
    gave_up: int


class PageDocument(TypedDict):
    """The page: its address, "" where there is none, and why that is, "" where it is switched off."""

    address: str
    reason: str


class WayInDocument(TypedDict):
    """The address that lets one browser in to the page, once."""

    address: str


class StatusDocument(TypedDict):
    """The status, as `status --json` prints it; `trouble` are sentences, `pid` None where no daemon runs."""

    schema_version: int
    state: DaemonState
    pid: int | None
    model: ModelDocument
    queued: int
    working: int
    counts: CountsDocument
    inboxes: list[InboxDocument]
    waits: list[WaitDocument]
    trouble: list[str]
    paused: PausesDocument
    library: str
    after: AfterDocument
    page: PageDocument


class _VideoDocument(TypedDict):
    """What became of a video; `state` is a value of `outcomes.ItemState`, `converted` of `ConversionKind`.

    `how` is how it got into the library, a value of `PlaceMethod`; "" for one that didn't.
    """

    batch: str
    time: str
    state: str
    source: str
    destination: str | None
    rule: str
    score: float
    margin: float
    converted: str
    reason: str
    tags: list[str]
    how: str


class OpinionDocument(TypedDict):
    """What a model elsewhere said of a video that the rules were unsure of; `rule` is "" where none fits.

    `address` is the server's host, with its port where that is not the usual one; `why` is the model's own sentence.
    """

    rule: str
    why: str
    model: str
    address: str
    time: str


class OriginDocument(TypedDict):
    """Where a fetched video comes from; `address` holds no credentials, `site` is yt-dlp's name."""

    address: str
    title: str
    site: str
    id: str
    time: str


class ItemDocument(_VideoDocument):
    """An item of `history --json`.

    `second_opinion` is None where nobody else was asked, `origin` where the video was not fetched by vsortd. `folder`
    is where the video was put, below the library ("forest/2026"), "" for its top; None where it was not. `xmp` is the
    path of the XMP sidecar that was made or amended, None where none was or it was undone.
    """

    id: int
    folder: str | None
    second_opinion: OpinionDocument | None
    origin: OriginDocument | None
    xmp: str | None


class OutcomeDocument(_VideoDocument):
    """An item of `sort --json` and `plan --json`; without an id where the journal has none.

    `conversion` says what is made of a video in another container than MP4, or why it stays as it is; else it is "".
    """

    id: int | None
    conversion: str


class OutcomesDocument(TypedDict):
    """What `sort --json` and `plan --json` print; `interrupted` where Ctrl-C ended it."""

    schema_version: int
    items: list[OutcomeDocument]
    left_alone: LeftAlone
    interrupted: NotRequired[bool]


# The columns of `--csv`, in their order.
ITEM_FIELDS: Final = ("id", *_VideoDocument.__annotations__, "folder", "second_opinion", "origin", "xmp")
OUTCOME_FIELDS: Final = ("id", *_VideoDocument.__annotations__, "conversion")


class StepDocument(TypedDict):
    """A step of a video's way, see `filing.whereabouts.Step`; `time` is UTC, None where it is not known."""

    id: int
    what: str
    time: str | None
    path: str | None
    text: str


class WhereaboutsDocument(TypedDict):
    """Where a video is now, see `filing.whereabouts.Whereabouts`; `path` is None where it is gone."""

    state: str
    path: str | None
    expected: str
    note: str


class TracedDocument(TypedDict):
    """What became of a video: where it is now, its way from the first step on, and its items, the oldest first."""

    now: WhereaboutsDocument
    steps: list[StepDocument]
    items: list[ItemDocument]


class MissingFileDocument(TypedDict):
    """A file that undo could not bring back: the path that it came from, and why not."""

    path: str
    reason: str


class UndoneDocument(ItemDocument):
    """An item that was undone, or would be, and where its video is then: at its old name, or as an MP4 beside it.

    `missing` is what did not come back: the original of a conversion, sidecars. `stayed`: the video had stayed there,
    and what had been put into the library was removed. `held`: it is not sorted again until it is released.
    """

    back_at: str
    missing: list[MissingFileDocument]
    stayed: bool
    held: bool


class RefusedUndoDocument(TypedDict):
    """An item that can't be undone, and why."""

    id: int
    reason: str


class UndoDocument(TypedDict):
    """What was undone, or would be, what was refused, and the ids of what was left when it was called off."""

    undone: list[UndoneDocument]
    refused: list[RefusedUndoDocument]
    left: list[int]


class LessonDocument(TypedDict):
    """What came of teaching a video, see `learning.teaching.Lesson`; `id` is the example's, `item` the filing's."""

    id: int
    rule: str
    none: bool
    source: str
    destination: str
    item: int | None
    thought: str | None
    released: bool


class ReleaseDocument(TypedDict):
    """The files that may be sorted again; the names that named none, each with the reason."""

    freed: list[str]
    refused: list[tuple[str, str]]  # lists of two, once they have travelled


class ReloadDocument(TypedDict):
    """What a reload changed, by the config's top-level keys, and which rejected videos are looked at again for it."""

    changed: list[str]
    retried: list[str]


class SceneDocument(TypedDict):
    """A scene of `search --json`; times are within the video, `copies` are other files that are the same video."""

    file: str
    begin_s: float
    end_s: float
    peak_s: float
    score: float
    duration_s: float
    copies: list[str]


class SearchDocument(TypedDict):
    """The answer to a search, best scene first; see `library.search.ranking.SearchResult`."""

    scenes: list[SceneDocument]
    weaker: int
    min_score: float
    videos: int
    hours: float
    coarse: int
    model: str
    unknown: list[str]
    gone: list[str]
    unseen_shots: int
    unmeasured: int


class PreviewAnswerDocument(TypedDict):
    """What other rules would make of all that is filed; `items` as `rules preview --json` prints them."""

    items: list[dict[str, Any]]
    elsewhere: int


class SearchRequestDocument(TypedDict):
    """What a search looks for; see `library.search.requests.Request`."""

    prompts: Sequence[str]
    against: Sequence[str]
    any_of: bool
    like: Sequence[str]
    window_s: float
    top: int
    min_score: float | None
    under: str | None
    since_s: float | None
    orientation: Sequence[str]
    sound: bool
    tag: str | None
    per_shot: bool


class StatusEvent(TypedDict):
    """The state has changed, or the stream has begun."""

    event: Literal["status"]
    data: StatusDocument


class ItemEvent(TypedDict):
    """A video reached its end, or was undone."""

    event: Literal["item"]
    data: ItemDocument


class PingEvent(TypedDict):
    """The daemon is still there."""

    event: Literal["ping"]
    data: dict[str, object]


Event = StatusEvent | ItemEvent | PingEvent


def status_document(
    state: DaemonState,
    *,
    model: Mapping[str, str] | None = None,
    loading: bool = False,
    counts: Mapping[str, int] | None = None,
    queued: int = 0,
    working: int = 0,
    inboxes: Sequence[InboxDocument] = (),
    waits: Sequence[WaitDocument] = (),
    trouble: Sequence[str] = (),
    pid: int | None = None,
    paused: PausesDocument | None = None,
    library: str = "",
    after: AfterDocument | None = None,
    page: PageDocument | None = None,
) -> StatusDocument:
    """Return the status; what is left out is unknown. `counts` are of what the journal knows now."""
    model, counts = model or {}, counts or {}
    return {
        "schema_version": STATUS_SCHEMA_VERSION,
        "state": state,
        "pid": pid,
        "model": {
            "name": model.get("name", ""),
            "weights": model.get("weights", ""),
            "device": model.get("device", ""),
            "loading": loading,
            "reason": model.get("reason", ""),
        },
        "queued": queued,
        "working": working,
        "counts": {
            "filed": counts.get("filed", 0),
            "review": counts.get("review", 0),
            "rejected": counts.get("rejected", 0),
            "failed": counts.get("failed", 0),
            "held": counts.get("held", 0),
            "aside": counts.get("aside", 0),
        },
        "inboxes": list(inboxes),
        "waits": list(waits),
        "trouble": list(trouble),
        "paused": paused if paused is not None else {"all": False, "until": None, "inboxes": []},
        "library": library,
        "after": after if after is not None else {"waiting": 0, "gave_up": 0},
        "page": page if page is not None else {"address": "", "reason": ""},
    }
