"""What the page's API answers beyond the documents that commands and daemon have: see `core.documents`."""

from __future__ import annotations

from typing import Any, TypedDict

from vsortd.core.documents import (
    ItemDocument,
    LessonDocument,
    OpinionDocument,
    OutcomeDocument,
    StepDocument,
    WhereaboutsDocument,
)


class DoneDocument(TypedDict):
    """It was done, and there is nothing more to say."""

    ok: bool


class RefusalDocument(TypedDict):
    """Why something is refused: a sentence, its details, what to do about it; the exit code that a command has then."""

    ok: bool
    error: str
    details: list[str]
    remedy: str
    exit_code: int


class ItemsDocument(TypedDict):
    """Items, the newest first. `next` is the `before` of those that follow, None where there are no more."""

    items: list[ItemDocument]
    next: int | None


class LibraryVideoDocument(TypedDict):
    """A video of the library; what the index doesn't know of it is 0, `recorded_s` (Unix seconds) None then."""

    item: ItemDocument
    duration_s: float
    width_px: int
    height_px: int
    recorded_s: float | None


class LibraryDocument(TypedDict):
    """Videos of the library, in the order that was asked for. `next` is the `after` of those that follow."""

    videos: list[LibraryVideoDocument]
    next: int | None


class FoldersDocument(TypedDict):
    """The folders of the library in which videos lie, with how many; "" is the library itself."""

    folders: dict[str, int]


class GuessDocument(TypedDict):
    """A rule that a video may belong to; `score` is from 0 to 1."""

    rule: str
    score: float


class WaitingDocument(TypedDict):
    """A video that waits for review, see `learning.review_queue.Waiting`."""

    id: int
    time: str
    path: str
    reason: str
    level: str
    guesses: list[GuessDocument]
    second_opinion: OpinionDocument | None


class WaitingListDocument(TypedDict):
    """Videos that wait for review, the oldest first. `next` is the `after` of those that follow; `total` is of all."""

    items: list[WaitingDocument]
    total: int
    next: int | None


class DecidedDocument(LessonDocument):
    """What came of a decision; `undo` is the item that `POST /v1/undo` takes back, None where nothing was filed."""

    undo: int | None


class FoundSceneDocument(TypedDict):
    """A scene that was found; `video` is what /media, /thumb and /still take, times are seconds within the video.

    `score` is from 0 to 1, None where words were found, which `text` holds. `rule` is where the video is filed.
    """

    video: str
    item: int | None
    file: str
    begin_s: float
    end_s: float
    peak_s: float
    score: float | None
    text: str
    rule: str
    copies: list[str]


class FoundScenesDocument(TypedDict):
    """Scenes, the best first. `next` is the `first` of those that follow, None where there are no more.

    `weaker` are so many below `floor` (from 0 to 1); `unlikely`: even the best one is; `notes` are sentences.
    """

    scenes: list[FoundSceneDocument]
    next: int | None
    looked_through: str
    weaker: int
    floor: float | None
    unlikely: bool
    unknown: list[str]
    model: str
    notes: list[str]


class PhotoDocument(TypedDict):
    """A photo that is kept for a while: `like` is what a search takes, `address` the view that searches by it."""

    ok: bool
    address: str
    like: str


class FetchedDocument(TypedDict):
    """A video that was fetched: what a search takes as `inside`, and /media and /v1/cut."""

    video: str
    file: str


class PlanDocument(TypedDict):
    """What would become of videos: as `vsortd plan --json` has it."""

    items: list[OutcomeDocument]


class ExplanationDocument(TypedDict):
    """Why a video goes where it would go now: as `vsortd explain --json` has it."""

    file: str
    decision: dict[str, Any]
    levels: list[dict[str, Any]]
    facets: list[dict[str, Any]]
    sampling: dict[str, Any] | None
    frames: list[dict[str, Any]]
    journal: ItemDocument | None
    held: bool


class TimelineDocument(TypedDict):
    """When a video shows what: as `vsortd timeline --json` has it."""

    file: str
    duration_s: float
    per: str
    fps: float | None
    precision_s: float | None
    sound: bool
    frames: int
    model: str
    against: list[str]
    unknown_words: list[str]
    reading: dict[str, Any]
    prompts: list[dict[str, Any]]


class PreviewDocument(TypedDict):
    """What rules would change of all that is filed: as `vsortd rules preview --json` has it; `items` are the changes.

    `videos` are so many in all, `elsewhere` so many more in another library.
    """

    videos: int
    counts: dict[str, int]
    elsewhere: int
    items: list[dict[str, Any]]


class GroupDocument(TypedDict):
    """Videos that look alike, the most typical first, by what `/media` takes; `chosen`: they are to be filed.

    `tightness` is the mean cosine to their centre, `rule` the rule that they are most like, "" for none.
    """

    number: int
    name: str
    chosen: bool
    tightness: float
    rule: str
    videos: list[str]


class GroupsDocument(TypedDict):
    """The groups that were found last, when (Unix seconds, None for never), and how many videos are in none."""

    found_s: float | None
    groups: list[GroupDocument]
    alone: int


class StaysDocument(TypedDict):
    """A video that stays where it is, and why."""

    video: str
    reason: str


class GroupFolderDocument(TypedDict):
    """A folder of the library as it would be: the videos that would go there, and those that stay, as /media has them.

    `there` are so many that lie there already; `groups` are the numbers of those that would be filed into it.
    """

    folder: str
    new: bool
    groups: list[int]
    going: list[str]
    there: int
    stays: list[StaysDocument]


class GroupFoldersDocument(TypedDict):
    """What filing the chosen groups would do; `plan` is what `POST /v1/clusters/file` takes."""

    plan: str
    folders: list[GroupFolderDocument]


class FiledGroupsDocument(TypedDict):
    """What was filed: the batch that `POST /v1/undo` takes back."""

    batch: str


class PairSideDocument(TypedDict):
    """One video of a pair; `video` is what `/media` takes, "" where it can't be shown."""

    video: str
    file: str
    duration_s: float
    width_px: int
    height_px: int
    size_bytes: int


class PairDocument(TypedDict):
    """Two videos of which one may be spared: `kind` is what `right` is to `left`, as `vsortd duplicates --json` has it.

    `right` begins at `begins_s` of `left`; `score` is from 0 to 1.
    """

    id: str
    kind: str
    score: float
    begins_s: float
    left: PairSideDocument
    right: PairSideDocument


class PairsDocument(TypedDict):
    """The pairs to decide on, when they were found (Unix seconds, None for never), among how many videos."""

    found_s: float | None
    videos: int
    pairs: list[PairDocument]


class PairDecidedDocument(TypedDict):
    """What came of a decision on a pair: the item of what was set aside, None where both stay."""

    aside: ItemDocument | None


class ConfigDocument(TypedDict):
    """The config file; `etag` is what `If-Match` of PUT names."""

    path: str
    text: str
    etag: str


class MistakeDocument(TypedDict):
    """A mistake in a config, or a warning: as `vsortd check --json` has it; lines count from 1."""

    file: str
    line: int
    path: str
    value: Any
    message: str
    allowed: str
    nearest: str


class CheckedDocument(TypedDict):
    """What the check says of a config's text; nothing is written."""

    ok: bool
    mistakes: list[MistakeDocument]
    warnings: list[MistakeDocument]


class SavedConfigDocument(TypedDict):
    """What came of a config's new text: its etag, and what the daemon works by since, as `vsortd reload` says it."""

    etag: str
    changed: list[str]
    retried: list[str]


class LogDocument(TypedDict):
    """Lines of the daemon's log, the newest first; `next` is the `before` of older ones, None where there are none."""

    lines: list[dict[str, Any]]
    next: str | None


class SheetTimesDocument(TypedDict):
    """The pictures of a sheet, row by row: so many side by side, how large each is, and the moment of each."""

    columns: int
    tile_width_px: int
    tile_height_px: int
    duration_s: float
    times_s: list[float]


class VideoDocument(TypedDict):
    """What became of a video: where it is now, its way, and its items; and what `/media` and `/thumb` take for it."""

    now: WhereaboutsDocument
    steps: list[StepDocument]
    items: list[ItemDocument]
    video: str


class JobDocument(TypedDict):
    """Long work: `state` is waiting, running, done, failed or cancelled; `done` of `total`, None where nobody knows.

    `result` is a sentence once it has ended, `address` the view that shows it, `answer` what was asked for.
    """

    id: str
    title: str
    state: str
    note: str
    done: float
    total: float | None
    result: str
    address: str
    answer: PlanDocument | TimelineDocument | PreviewDocument | FetchedDocument | FiledGroupsDocument | None


class JobsDocument(TypedDict):
    """The jobs since the daemon began, the newest first."""

    jobs: list[JobDocument]
