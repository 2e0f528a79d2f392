"""What the control API asks of the daemon, and what it is told."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from vsortd.config.dump import fingerprint
from vsortd.core.names import nfc
from vsortd.core.outcomes import ItemState
from vsortd.errors import ChangedError, StoreError, UsageError, VideoError
from vsortd.filing.open_media import item_video
from vsortd.filing.release import ReleaseReport, ReleaseVerb, release_or_retry
from vsortd.filing.undo import undo as undo_items
from vsortd.index.relocate import follow
from vsortd.judging.example_store import Origin
from vsortd.learning.new_rule import add_rule
from vsortd.learning.review_queue import decide, take_back
from vsortd.learning.teaching import Teacher, explained
from vsortd.library.indexing.embed import dense_film
from vsortd.library.search.requests import Searcher
from vsortd.media.previews import LIMIT_BYTES, Previews
from vsortd.pipeline.batch import sort_within
from vsortd.pipeline.filed_memory import FiledMemory
from vsortd.pipeline.refiling import refile
from vsortd.pipeline.rules_preview import preview, remember_filed
from vsortd.pipeline.set_aside import AsideRequest, path_of_item, set_aside
from vsortd.service.asked_previews import answer
from vsortd.service.daemon_status import DaemonStatus
from vsortd.service.lending import ModelLender

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    from vsortd.config.settings import Settings
    from vsortd.core.documents import (
        ItemDocument,
        LessonDocument,
        OutcomeDocument,
        PreviewAnswerDocument,
        ReloadDocument,
        SearchDocument,
        StatusDocument,
        WayInDocument,
    )
    from vsortd.filing.history_query import HistoryQuery
    from vsortd.filing.undo import Selection, UndoReport
    from vsortd.learning.judged_frames import JudgedFrame
    from vsortd.learning.new_rule import NewRule
    from vsortd.learning.review_queue import Waiting
    from vsortd.learning.teaching import Lesson
    from vsortd.library.search.requests import Request
    from vsortd.pipeline.batch import Progress, SortOutcome
    from vsortd.pipeline.rules_preview import PreviewItem, RulesPreview
    from vsortd.pipeline.runner import WorkInHand
    from vsortd.pipeline.services import Services
    from vsortd.service.request_models import PreviewRulesRequest
    from vsortd.service.workflow import Workflow
    from vsortd.web.host import PageTools
    from vsortd.web.listener import PageListener

# What makes pictures for the page ends when nobody has asked for one for so long.
_PICTURES_IDLE_S = 60.0


class Controller:
    """Answers the control API, on its threads; `reload`, `stop` and `wake` are the daemon's own.

    Each call may raise VsortdError, whose sentence the caller gets.
    """

    def __init__(
        self,
        workflow: Workflow,
        *,
        reload: Callable[[], ReloadDocument],
        stop: Callable[[], None],
        wake: Callable[[], None],
        config_path: Path | None = None,
        tools: PageTools | None = None,
    ) -> None:
        """`config_path` is where the config was read from; a page that edits it needs it. `tools` are for the page."""
        self.config_path = config_path
        self.tools = tools
        self.page: PageListener | None = None  # once it is served
        self.searcher = Searcher(workflow.services.index)
        self.filed = FiledMemory()
        self._remembering: threading.Thread | None = None
        self._previews = _previews(workflow.services)
        self._pictured_s: float | None = None  # when one was asked for last; None: what makes them has ended
        self._workflow = workflow
        self._told = DaemonStatus(workflow)
        self._reload = reload
        self._stop = stop
        self._wake = wake
        self._lock = threading.Lock()
        self._cancels: set[threading.Event] = set()
        self._deciding = threading.Lock()  # one decision after the other, as they were made
        self._stopping = False
        self.lender = ModelLender(lambda: workflow.services, self._stops_with, wake)

    @property
    def services(self) -> Services:
        """The services as they are now."""
        return self._workflow.services

    @property
    def state_folder(self) -> Path:
        """Where journal, index and log lie."""
        return self._workflow.services.state_folder

    def in_hand(self) -> list[WorkInHand]:
        """Return the videos that are in work."""
        return self._workflow.runner.in_hand()

    @property
    def busy(self) -> bool:
        """Whether a sort or a search is under way."""
        return bool(self._cancels)

    def cancel_all(self) -> None:
        """Call off what is under way, and what is still asked for."""
        with self._lock:
            self._stopping = True
            for cancel in self._cancels:
                cancel.set()

    def status(self) -> StatusDocument:
        """Return the status as `status --json` prints it."""
        return self._told.status(self.page)

    def health(self) -> list[str]:
        """Return what keeps this daemon from its work; [] when all is well."""
        return self._told.health()

    def way_in(self) -> WayInDocument:
        """Return the address that lets one browser in. Raises UsageError where there is no page."""
        if self.page is None:
            raise UsageError("The page is switched off.", remedy="`web: off` in the config does that, or $VSORTD_WEB.")
        return {"address": self.page.way_in()}

    def metrics(self) -> str:
        """Return the numbers in Prometheus' text form."""
        return self._told.metrics()

    def events(self) -> AsyncIterator[str]:
        """Return a stream of server-sent events."""
        return self._workflow.hub.stream(self.status)

    def history(self, query: HistoryQuery) -> list[ItemDocument]:
        """Return the items of `history --json`; see `Journal.history`."""
        journal = self._workflow.services.journal
        return [item.to_json() for item in journal.history(query)]

    def scan(self) -> None:
        """Look through the inboxes now, and ask for a missing model again."""
        self._workflow.services.model.try_again()
        self._workflow.watcher.scan_now()

    def pause(self, inbox: Path | None = None, for_s: float | None = None) -> StatusDocument:
        """Begin no more videos, of one inbox or of all, for some seconds or until told; return the status.

        What is in hand is finished. Raises UsageError for a folder that is no inbox, StoreError.
        """
        until = None if for_s is None else time.time() + for_s
        self._workflow.pauses.pause(self._inbox(inbox), until=until)
        self._workflow.pauses_changed()
        return self.status()

    def resume(self, inbox: Path | None = None) -> StatusDocument:
        """End the pause of one inbox, or every pause; return the status. Raises UsageError, StoreError."""
        self._workflow.pauses.resume(self._inbox(inbox))
        self._workflow.pauses_changed()
        return self.status()

    def _inbox(self, path: Path | None) -> Path | None:
        inboxes = [inbox.path for inbox in self._workflow.settings.inboxes]
        if path is None:
            return None
        meant = next((inbox for inbox in inboxes if nfc(str(inbox)) == nfc(str(path))), None)
        if meant is not None:
            return meant
        raise UsageError(f"{path} is not an inbox.", remedy=f"There are: {', '.join(map(str, inboxes))}.", paths=[path])

    def undo(
        self,
        selection: Selection,
        *,
        dry_run: bool,
        on_progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> UndoReport:
        """Take filings back; see `filing.undo.undo`."""
        stop = self._workflow.runner.cancel if cancel is None else cancel
        with contextlib.nullcontext() if cancel is None else self._stops_with(cancel):
            workflow, services = self._workflow, self._workflow.services
            report = undo_items(services.journal, selection, dry_run=dry_run, cancel=stop, on_progress=on_progress)
            if report.undone and not dry_run:
                follow(services.index.path, report.moves)
                workflow.watcher.scan_now()
                workflow.tell(*(item.id for item in report.undone))
        return report

    def nowhere(self, number: int) -> LessonDocument:
        """Learn that an item that waits for review belongs nowhere; see `learning.review_queue.decide`."""
        return self.decide(number, None).to_json()

    def decide(self, number: int, rule: str | None) -> Lesson:
        """Decide on an item that waits for review, None for nowhere; see `learning.review_queue.decide`."""
        with self.borrowed() as (services, cancel), self._deciding:
            lesson = decide(services, number, rule, cancel=cancel)
        if lesson.item is not None:
            self._workflow.tell(lesson.item)
        self._wake()  # the model's memory is to be given back some time
        return lesson

    def teach(self, number: int, rule: str | None, *, learn: bool = True) -> Lesson:
        """File an item's video where a person says, None for nowhere, and learn from it; see `Teacher.teach`."""
        with self.borrowed() as (services, cancel), self._deciding:
            path = item_video(services.journal, number).path
            try:
                lesson = Teacher(services).teach(
                    path, rule or "", Origin.TEACH, none=rule is None, learn=learn, cancel=cancel
                )
            except VideoError as error:
                raise explained(error, path) from error
        if lesson.item is not None:
            self._workflow.tell(lesson.item)
        self._wake()  # the model's memory is to be given back some time
        return lesson

    def take_back(self, lesson: Lesson) -> None:
        """Take a decision back, and what was learned from it; see `learning.review_queue.take_back`."""
        with self.borrowed() as (services, _), self._deciding:
            report = take_back(services, lesson)
        follow(services.index.path, report.moves)
        self._workflow.tell(*(item.id for item in report.undone))

    def judged_frames(self, waiting: Waiting) -> list[JudgedFrame]:
        """Return what each frame says of a video in review; see `learning.judged_frames`."""
        from vsortd.learning.judged_frames import judged_frames

        with self.borrowed() as (services, cancel):
            found = judged_frames(services, waiting, cancel)
        self._wake()
        return found

    def add_rule(self, new: NewRule) -> None:
        """Write a new rule into the config, and sort by it; see `learning.new_rule.add_rule`."""
        if self.config_path is None:
            raise UsageError("The config came from no file.", remedy="Start vsortd with one: vsortd --config FILE run")
        add_rule(self.config_path, new)
        self._reload()

    @contextlib.contextmanager
    def borrowed(self, cancel: threading.Event | None = None) -> Iterator[tuple[Services, threading.Event]]:
        """Yield the services, which no reload closes meanwhile, and what is set when the daemon ends.

        That is `cancel`, if it is given. The model may be asked for.
        """
        cancel = threading.Event() if cancel is None else cancel
        try:
            with self._stops_with(cancel):
                yield self._workflow.services, cancel
        finally:
            self._wake()  # the model's memory is to be given back some time

    def tell(self, *items: int) -> None:
        """Tell whoever listens of items that such work made or took back."""
        self._workflow.tell(*items)

    def preview_rules(
        self, settings: Settings, cancel: threading.Event, on_progress: Progress | None = None
    ) -> RulesPreview:
        """Return what would become of all that is filed by other settings; see `pipeline.rules_preview`."""
        with self.borrowed(cancel) as (own, _), own.tried(settings, cancel=cancel) as services:
            return preview(services, cancel=cancel, on_progress=on_progress, memory=self.filed)

    def remember_filed(self) -> None:
        """Have what previews will need read in the background: somebody is about to ask for one."""
        with self._lock:
            if self._stopping or (self._remembering is not None and self._remembering.is_alive()):
                return
            self._remembering = threading.Thread(target=self._remember_filed, name="remember-filed")
            self._remembering.start()

    def _remember_filed(self) -> None:
        # a store that can't be read is told of by the preview itself
        with contextlib.suppress(StoreError), self.borrowed() as (services, cancel):
            remember_filed(services, self.filed, cancel=cancel)

    def preview_text(
        self, asked: PreviewRulesRequest, on_progress: Progress, cancel: threading.Event
    ) -> PreviewAnswerDocument | None:
        """Return what a config would change of all that is filed; None for what the asker has to do, see `answer`."""
        with self.borrowed(cancel) as (services, _):
            return answer(services, asked, memory=self.filed, on_progress=on_progress, cancel=cancel)

    def refile(self, items: Sequence[PreviewItem], progress: Progress, cancel: threading.Event) -> list[SortOutcome]:
        """Move videos of a preview to where the rules in effect have them; see `pipeline.refiling`."""
        with self._stops_with(cancel):
            services, own = self._workflow.services, self._workflow.runner
            outcomes = refile(services, items, dry_run=False, own=own, on_progress=progress, cancel=cancel)
        self._tell_sorted(outcomes)
        return outcomes

    def set_aside(self, video: Path | int, *, keep: Path | None = None, batch: str = "") -> ItemDocument:
        """Set a video aside, by its path or its item's id, for one that is kept; see `pipeline.set_aside`."""
        cancel, services = threading.Event(), self._workflow.services
        with self._stops_with(cancel):
            path = path_of_item(services, video) if isinstance(video, int) else video
            item = set_aside(services, AsideRequest(path, keep, batch), cancel=cancel)
        self._workflow.tell(item.id)
        return item.to_json()

    def release_or_retry(self, verb: ReleaseVerb, names: Sequence[str], *, everything: bool) -> ReleaseReport:
        """Release holds or retry refusals, and look at what may be sorted again; see `filing.release`."""
        found = release_or_retry(self._workflow.services.journal, verb, names, everything=everything)
        if found.freed:
            self.scan()
            self._workflow.hub.changed()
        return found

    def sort(
        self, paths: Sequence[Path], config: str, on_progress: Callable[[int, int], None], cancel: threading.Event
    ) -> list[OutcomeDocument] | None:
        """Sort files now, with the model that is loaded; see `batch.sort_within`. None for another `config`."""
        with self._stops_with(cancel):  # first: from here on a reload closes none of the services
            services = self._workflow.services
            if config != fingerprint(services.settings):
                return None
            outcomes = sort_within(services, paths, own=self._workflow.runner, on_progress=on_progress, cancel=cancel)
        self._tell_sorted(outcomes)
        return [one.to_json() for one in outcomes]

    def _tell_sorted(self, outcomes: Sequence[SortOutcome]) -> None:
        """Tell of what was placed, and have a second opinion asked for where the rules are unsure."""
        self._workflow.tell(*(one.id for one in outcomes))
        for one in outcomes:
            if one.state is ItemState.REVIEW and one.id is not None:
                self._workflow.opinions.undecided(one.id)

    def search(self, request: Request, config: str) -> SearchDocument | None:
        """Look for scenes with the model that is loaded; see `Searcher.answer`. None for another `config`."""
        cancel = threading.Event()
        with self._stops_with(cancel):
            services = self._workflow.services
            if config != fingerprint(services.settings):
                return None
            try:
                found = self.searcher.answer(services, request, cancel=cancel)
            except ChangedError:  # it waited for a model that a reload has replaced
                return None
        self._wake()  # its memory is to be given back some time
        return found

    def searched_models(self) -> list[str]:
        """Return the keys of the models that searches ask now, as far as one is loaded."""
        services = self._workflow.services
        classifier = services.model.classifier
        return [*([] if classifier is None else [classifier.key]), *self.searcher.models()]

    def look_at(self, path: Path, cancel: threading.Event) -> None:
        """Look through a video so that it can be searched within. Raises VideoError, ModelError, Cancelled."""
        with self._stops_with(cancel):
            services = self._workflow.services
            dense_film(services, services.model.get(cancel).encoder, path, cancel=cancel)
        self._wake()  # the model's memory is to be given back some time

    @property
    def previews(self) -> Previews:
        """What makes pictures of videos for people."""
        begins, self._pictured_s = self._pictured_s is None, time.monotonic()
        if begins:
            self._wake()  # its process is to end some time
        return self._previews

    def rest_pictures(self) -> float | None:
        """End the process that makes pictures if nobody asks for any; return when to look again, seconds."""
        if self._pictured_s is None:
            return None
        left_s = self._pictured_s + _PICTURES_IDLE_S - time.monotonic()
        if left_s > 0:
            return left_s
        self._pictured_s = None
        self._previews.rest()
        return None

    def close(self) -> None:
        """Let go of what the answers took."""
        if self._remembering is not None:
            self._remembering.join()
        self.searcher.close()
        self.filed.close()
        self._previews.close()

    @contextlib.contextmanager
    def _stops_with(self, cancel: threading.Event) -> Iterator[None]:
        """Let a cancel event be set when the daemon ends."""
        with self._lock:
            self._cancels.add(cancel)
            if self._stopping:
                cancel.set()
        try:
            yield
        finally:
            with self._lock:
                self._cancels.discard(cancel)

    def reload(self) -> ReloadDocument:
        """Read the config anew and work by it; see `Reloader.reload`."""
        return self._reload()

    def stop(self) -> None:
        """End the daemon: the file in hand is finished or put back."""
        self._stop()


def _previews(services: Services) -> Previews:
    """Return what makes pictures of videos, and keeps as much of them as the config says: `web` needs a restart."""
    web = services.settings.web
    limit_bytes = LIMIT_BYTES if web == "off" else web.cache_bytes
    return Previews(services.settings.workers, services.state_folder, limit_bytes=limit_bytes)
