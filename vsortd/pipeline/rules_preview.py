"""What would become of everything that is filed if it were decided by other rules, or by today's.

Each video walks the stages that `plan` walks, up to where it would be placed. What these ask for comes from what is
kept: the frames' vectors and the facts from the index, the rest from the journal. Nothing is decoded. Many videos are
decided on at once, and one of which not enough is kept is told apart with the reason.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.batch_ids import new_batch_id
from vsortd.core.folder_templates import PLAIN, parse_folder
from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.core.system.heap import no_collections
from vsortd.core.text import storable
from vsortd.errors import Cancelled, VideoError
from vsortd.filing.holds import let_alone
from vsortd.filing.own_decisions import DecidedBy, decided_by
from vsortd.filing.queries import standing_videos
from vsortd.filing.records import FOUND_REASON
from vsortd.judging.closer_look import looks_closer
from vsortd.judging.conditions import asks_container
from vsortd.judging.decide import DecisionOutcome, decide_all
from vsortd.pipeline import stages
from vsortd.pipeline.batch import SortSession
from vsortd.pipeline.filed_memory import NoMemory
from vsortd.pipeline.flow import Stage, build_stages
from vsortd.pipeline.gathering import inbox_of
from vsortd.pipeline.job import Job
from vsortd.pipeline.kept_services import NotKeptError, knowing_only
from vsortd.pipeline.video_folders import place_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Generator, Iterator, Sequence

    from vsortd.filing.queries import StandingVideo
    from vsortd.index.kept_looks import StoredVideo, StoredVideos
    from vsortd.judging.decide import Decision, SeenVideo
    from vsortd.judging.resident_model import Classifier
    from vsortd.pipeline.filed_memory import FiledMemory
    from vsortd.pipeline.services import Services

    Steps = Generator[SeenVideo, Decision, Job]

# So many videos are decided on together: more are no faster, and their frames take memory.
_AT_ONCE: Final = 500
# Fields of folder templates that only the container tells.
_OF_CONTAINER: Final = frozenset({"year", "month", "day", "date", "camera"})
NOT_INDEXED: Final = "its frames are in no index"
CHANGED: Final = "it changed since it was looked at"
OTHER_MODEL: Final = "it was not looked at with this model yet"
NO_FACTS: Final = "what its file says of itself is not kept yet"


class PreviewOutcome(StrEnum):
    """What would become of a video; the values are the words of `rules preview --json`."""

    STAYS = "stays"
    MOVES = "moves"
    TO_REVIEW = "to_review"
    FROM_REVIEW = "from_review"
    REJECTED = "rejected"  # `accept` takes it no longer; it stays where it is
    KEPT = "kept"  # the rules would have it elsewhere; it stays: somebody put it there, or a repair found it there
    UNKNOWN = "unknown"  # it has to be looked at again
    GONE = "gone"  # it is not where it was put


CHANGES: Final = frozenset({PreviewOutcome.MOVES, PreviewOutcome.TO_REVIEW, PreviewOutcome.FROM_REVIEW})


@dataclass(frozen=True, slots=True)
class PreviewItem:
    """One filed video: where it lies, and where the rules would have it.

    `rule` is the key of the rule that takes it, "" for none; `folder` is below the library, () where that is not known.
    `rule_before` and `state_before` are those of its item. `decided_by` is who decided where it lies. `found`: a repair
    of the journal found it, so it can't be moved as what was filed.
    """

    id: int
    path: Path
    outcome: PreviewOutcome
    state_before: ItemState
    rule_before: str
    decided_by: DecidedBy
    state: ItemState | None = None
    rule: str = ""
    folder: tuple[str, ...] = ()
    score: float = 0.0
    margin: float = 0.0
    reason: str = ""
    found: bool = False

    @property
    def is_certain(self) -> bool:
        """Whether it is known what the rules say of it."""
        return self.outcome not in {PreviewOutcome.UNKNOWN, PreviewOutcome.GONE}

    @classmethod
    def from_json(cls, item: dict[str, Any]) -> PreviewItem:
        """Take an item out of what `to_json` made of it, for who only shows it: `found` is not told there."""
        fields = {name: value for name, value in item.items() if name != "certain"}
        fields["path"] = Path(item["path"])
        fields["outcome"] = PreviewOutcome(item["outcome"])
        fields["state_before"] = ItemState(item["state_before"])
        fields["decided_by"] = DecidedBy(item["decided_by"])
        fields["state"] = None if item["state"] is None else ItemState(item["state"])
        fields["folder"] = tuple(item["folder"].split("/")) if item["folder"] else ()
        return cls(**fields)

    def to_json(self) -> dict[str, Any]:
        """Return it as `rules preview --json` prints it."""
        return {
            "id": self.id,
            "path": storable(self.path),
            "outcome": self.outcome.value,
            "certain": self.is_certain,
            "state_before": self.state_before.value,
            "rule_before": self.rule_before,
            "decided_by": self.decided_by.value,
            "state": None if self.state is None else self.state.value,
            "rule": self.rule,
            "folder": storable("/".join(self.folder)) if self.folder else None,
            "score": self.score,
            "margin": self.margin,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class RulesPreview:
    """What would become of everything that is filed in the library, in the order in which it was filed.

    `elsewhere` are so many more that lie in another library.
    """

    items: tuple[PreviewItem, ...]
    elsewhere: int = 0

    @property
    def counts(self) -> dict[PreviewOutcome, int]:
        """How many videos have each outcome."""
        found = Counter(item.outcome for item in self.items)
        return {outcome: found[outcome] for outcome in PreviewOutcome}

    @property
    def changes(self) -> tuple[PreviewItem, ...]:
        """The videos whose place would change."""
        return tuple(item for item in self.items if item.outcome in CHANGES)

    def of(self, ids: Collection[int]) -> tuple[PreviewItem, ...]:
        """Return the videos of some items, by their numbers."""
        return tuple(item for item in self.items if item.id in ids)


def preview(
    services: Services,
    *,
    cancel: threading.Event,
    on_progress: Callable[[int, int], None] | None = None,
    memory: FiledMemory | None = None,
) -> RulesPreview:
    """Return what would become of everything that is filed if it were decided by these services.

    For other rules than those in effect they come from `Services.tried`. Nothing is decoded, moved or journalled.
    `on_progress` gets how many are through and how many there are; `memory` keeps for the next preview what no rules
    change. Raises ModelError, StoreError, Cancelled.
    """
    return _Previewer(services, cancel, memory or NoMemory()).preview(on_progress)


def remember_filed(services: Services, memory: FiledMemory, *, cancel: threading.Event) -> None:
    """Read what a preview will need of everything that is filed, so that the first is as quick as those after it.

    Does nothing as long as no model is loaded, and ends early once `cancel` is set. Raises StoreError.
    """
    classifier = services.model.classifier
    if classifier is not None:
        _Previewer(services, cancel, memory).remember(classifier)


@dataclass(slots=True)
class _Entry:
    """A filed video on its way through a preview: its item, the file as it lies there, its number in the index."""

    video: StandingVideo
    identity: Identity
    number: int


class _Previewer:
    """Asks the stages of some services about everything that is filed."""

    def __init__(self, services: Services, cancel: threading.Event, memory: FiledMemory | NoMemory) -> None:
        self._services = services
        self._cancel = cancel
        self._memory = memory
        self._batch = new_batch_id()
        self._found: dict[int, PreviewItem] = {}
        self._places = _Places(services)

    def preview(self, on_progress: Callable[[int, int], None] | None) -> RulesPreview:
        videos, elsewhere = self._memory.standing(self._services.journal.db, self._services.settings.library)
        if not videos:
            return RulesPreview((), elsewhere)
        resident = self._services.model.get(self._cancel)
        kept = self._memory.videos(self._services.index, resident.key)
        with no_collections():
            entries = list(self._entries(videos, kept))
        clips = self._needs_container(resident)
        for begin in range(0, len(entries), _AT_ONCE):
            if self._cancel.is_set():
                raise Cancelled
            some = entries[begin : begin + _AT_ONCE]
            with no_collections():
                self._ask(resident, some, list(kept.of([entry.number for entry in some], clips=clips)), clips=clips)
            if on_progress is not None:
                on_progress(len(self._found), len(videos))
        return RulesPreview(tuple(self._found[video.item] for video in videos), elsewhere)

    def remember(self, resident: Classifier) -> None:
        videos, _ = self._memory.standing(self._services.journal.db, self._services.settings.library)
        kept = self._memory.videos(self._services.index, resident.key)
        numbers = [entry.number for entry in self._entries(videos, kept)]
        clips = self._needs_container(resident)
        for begin in range(0, len(numbers), _AT_ONCE):
            if self._cancel.is_set():
                return
            with no_collections():
                for _ in kept.of(numbers[begin : begin + _AT_ONCE], clips=clips):
                    pass

    def _entries(self, videos: Sequence[StandingVideo], kept: StoredVideos) -> Iterator[_Entry]:
        """Yield the videos that lie where they were put and are in the index; of the others note what is with them."""
        numbers = kept.numbered()
        for video in videos:
            try:
                identity = Identity.of(video.path)
            except OSError as error:
                self._note(video, PreviewOutcome.GONE, f"it can't be looked at: {error.strerror or error}")
                continue
            number = None if identity is None else numbers.get(identity)
            if identity is None:
                self._note(video, PreviewOutcome.GONE, "it is not where it was put")
            elif number is None:
                self._note(video, PreviewOutcome.UNKNOWN, CHANGED if kept.was_at(video.path) else NOT_INDEXED)
            else:
                yield _Entry(video, identity, number)

    def _needs_container(self, resident: Classifier) -> bool:
        """Tell whether more is asked of a file than its name, and the length and size of its picture."""
        services, tree = self._services, self._services.tree
        if resident.listening is not None or looks_closer(tree) or asks_container(tree):
            return True
        places = [services.settings.place, *(rule.place for rule in tree.walk() if rule.place is not None)]
        return any(
            field in _OF_CONTAINER for one in places for part in parse_folder(one.folder) for field in part.fields
        )

    def _ask(
        self, resident: Classifier, entries: Sequence[_Entry], kept: Sequence[StoredVideo | None], *, clips: bool
    ) -> None:
        """Find what becomes of some videos, deciding on all that have their next frames at once."""
        known = {entry.identity: video for entry, video in zip(entries, kept, strict=True) if video is not None}
        services = knowing_only(self._services, known)
        waiting: list[tuple[_Entry, Steps, SeenVideo]] = []
        for entry in entries:
            try:
                steps = self._begun(services, resident, entry, known.get(entry.identity), clips=clips)
                if steps is not None:
                    waiting.append((entry, steps, next(steps)))
            except (NotKeptError, VideoError) as error:
                self._uncertain(entry, error)
        while waiting:
            decisions = decide_all(resident.tree, resident.vectors, [seen for _, _, seen in waiting], by_frame=False)
            further = []
            for (entry, steps, _), decision in zip(waiting, decisions, strict=True):
                try:
                    if (seen := self._further(entry, steps, decision)) is not None:
                        further.append((entry, steps, seen))
                except (NotKeptError, VideoError) as error:
                    self._uncertain(entry, error)
            waiting = further

    def _begun(
        self, services: Services, resident: Classifier, entry: _Entry, kept: StoredVideo | None, *, clips: bool
    ) -> Steps | None:
        """Return the judging of a video, None for one that is refused. Raises NotKeptError, VideoError."""
        if kept is None:
            raise NotKeptError(NOT_INDEXED)
        job = stages.admit(services, self._job(entry, kept, clips=clips))
        if job.state is not ItemState.WORKING:
            self._conclude(entry, job)
            return None
        if kept.unpacked is None:
            raise NotKeptError(OTHER_MODEL)
        return stages.judging(services, job, resident)

    def _further(self, entry: _Entry, steps: Steps, decision: Decision) -> SeenVideo | None:
        """Return what is seen of a video after a decision, None after the last. Raises NotKeptError, VideoError."""
        try:
            return steps.send(decision)
        except StopIteration as end:
            self._conclude(entry, end.value)
            return None

    def _uncertain(self, entry: _Entry, error: NotKeptError | VideoError) -> None:
        """Let what is not kept of a video, or has changed, cost this video alone."""
        why = error.reason if isinstance(error, VideoError) else str(error)
        self._note(entry.video, PreviewOutcome.UNKNOWN, why)

    def _job(self, entry: _Entry, video: StoredVideo, *, clips: bool) -> Job:
        if clips and video.clip is None:
            raise NotKeptError(NO_FACTS)
        clip = video.clip or video.sized()
        return Job(entry.video.path, entry.identity, self._batch, self._cancel, clip=clip)

    def _note(self, video: StandingVideo, outcome: PreviewOutcome, reason: str) -> None:
        self._found[video.item] = _item(video, outcome, reason)

    def _conclude(self, entry: _Entry, job: Job) -> None:
        """Note what becomes of a video that was decided on, or refused."""
        self._found[entry.video.item] = self._places.concluded(entry.video, job)


class _Places:
    """Where decisions send videos: what is the same for many is worked out once."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._folders: dict[str, tuple[str, ...]] = {}
        self._stays: dict[tuple[str, tuple[str, ...]], bool] = {}
        self._held = frozenset(let_alone(services.journal.db, refused=False))  # taken back, and not released

    def concluded(self, video: StandingVideo, job: Job) -> PreviewItem:
        """Return what becomes of a video, by the job of it that was decided on, or refused.

        Raises VideoError, StoreError, FilingError.
        """
        decision = job.decision
        if job.state is not ItemState.WORKING or decision is None:
            outcome = PreviewOutcome.REJECTED if job.state is ItemState.REJECTED else PreviewOutcome.UNKNOWN
            return replace(_item(video, outcome, job.reason), state=job.state)
        state = ItemState.FILED if decision.outcome is DecisionOutcome.FILED else ItemState.REVIEW
        folder, reason = self._folder(job, decision), decision.reason
        stays = self._lies_in(job.path, folder)
        if not stays and self._services.filer.is_kept_duplicate(job.path, job.identity):
            folder, stays = job.path.parent.relative_to(self._services.settings.library).parts, True
        held = bool(self._held) and video.path in self._held  # a Path's hash takes its time
        by = DecidedBy.YOU if held else decided_by(video.reason)
        outcome = _outcome(video, by, state, stays=stays)
        return PreviewItem(
            id=video.item,
            path=video.path,
            outcome=outcome,
            state_before=video.state,
            rule_before=video.rule,
            decided_by=by,
            state=state,
            rule=decision.rule,
            folder=folder,
            score=decision.score,
            margin=decision.margin,
            reason=f"{reason}; {FOUND_REASON}" if video.found and outcome is PreviewOutcome.KEPT else reason,
            found=video.found,
        )

    def _folder(self, job: Job, decision: Decision) -> tuple[str, ...]:
        key = decision.rule if decision.outcome is DecisionOutcome.FILED else ""
        if key in self._folders:
            return self._folders[key]
        folder = stages.folder_for(self._services, job, decision)
        if not key or place_of(self._services, key).folder == PLAIN:  # the same for all
            self._folders[key] = folder
        return folder

    def _lies_in(self, path: Path, folder: tuple[str, ...]) -> bool:
        key = (os.path.dirname(path), folder)  # noqa: PTH120 - a Path takes ten times as long
        if key not in self._stays:
            self._stays[key] = stages.lies_in(self._services, path, folder)
        return self._stays[key]


def _item(video: StandingVideo, outcome: PreviewOutcome, reason: str) -> PreviewItem:
    by = decided_by(video.reason)
    return PreviewItem(video.item, video.path, outcome, video.state, video.rule, by, reason=reason)


def _outcome(video: StandingVideo, by: DecidedBy, state: ItemState, *, stays: bool) -> PreviewOutcome:
    if stays:
        return PreviewOutcome.STAYS
    if state is ItemState.REJECTED:
        return PreviewOutcome.REJECTED
    if video.found or by is DecidedBy.YOU or (by is DecidedBy.OPINION and state is ItemState.REVIEW):
        return PreviewOutcome.KEPT
    if state is ItemState.REVIEW:
        return PreviewOutcome.TO_REVIEW
    return PreviewOutcome.FROM_REVIEW if video.state is ItemState.REVIEW else PreviewOutcome.MOVES


def look_again(
    services: Services,
    found: RulesPreview,
    *,
    cancel: threading.Event,
    on_progress: Callable[[int, int], None] | None = None,
) -> RulesPreview:
    """Return a preview by these services with those videos looked at of which not enough was kept; that is kept then.

    Raises ModelError, StoreError; what was seen until `cancel` was set is in what is returned.
    """
    unknown = {item.path: item for item in found.items if item.outcome is PreviewOutcome.UNKNOWN}
    if not unknown:
        return found
    seen: dict[int, PreviewItem] = {}
    videos, _ = standing_videos(services.journal.db, services.settings.library)
    standing = {video.path: video for video in videos}
    places = _Places(services)

    def take(_: Services, job: Job) -> None:
        if (video := standing.get(job.path)) is not None:
            seen[video.item] = places.concluded(video, job)

    SortSession(
        services,
        [(path, inbox_of(services.settings, path), True) for path in unknown],
        dry_run=True,
        on_progress=on_progress,
        on_job=take,
        cancel=cancel,
        stages=_looking(services),
    ).run()
    return replace(found, items=tuple(seen.get(item.id, item) for item in found.items))


def _looking(services: Services) -> tuple[Stage, ...]:
    """Return the way of a video up to where it would be placed; what its file says of itself is kept as well."""
    usual = {stage.name: stage for stage in build_stages(services, dry_run=True)}

    def remember(job: Job) -> Job:
        assert job.clip is not None
        services.index.keep_clip(job.identity, job.path, job.clip)
        return job

    return (usual["probe"], Stage("remember", remember), usual["admit"], usual["measure"], usual["judge"])
