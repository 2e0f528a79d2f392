"""What the control API asks of the daemon, and what it is told."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

from vsortd.config.dump import fingerprint
from vsortd.core.documents import status_document
from vsortd.core.names import nfc
from vsortd.core.outcomes import ItemState
from vsortd.core.text import storable
from vsortd.errors import UsageError
from vsortd.filing.release import ReleaseReport, ReleaseVerb, release_or_retry
from vsortd.filing.undo import undo as undo_items
from vsortd.index.relocate import follow
from vsortd.learning.review_queue import belongs_nowhere
from vsortd.library.search.requests import Searcher
from vsortd.pipeline.batch import sort_within
from vsortd.service.metrics import exposition
from vsortd.watch.types import Health

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    from vsortd.core.documents import (
        ItemDocument,
        LessonDocument,
        OutcomeDocument,
        ReloadDocument,
        SearchDocument,
        StatusDocument,
    )
    from vsortd.filing.undo import Selection, UndoReport
    from vsortd.library.search.requests import Request
    from vsortd.service.workflow import Workflow

# A library that was there is not looked at again for so long: many may ask for the status, and disks may sleep.
_WELL_S = 5.0


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
    ) -> None:
        self.searcher = Searcher(workflow.services.index)
        self._workflow = workflow
        self._reload = reload
        self._stop = stop
        self._wake = wake
        self._began_s = time.monotonic()
        self._well: tuple[Path | None, float] = (None, 0.0)  # which library was last seen to be there, and when
        self._lock = threading.Lock()
        self._cancels: set[threading.Event] = set()
        self._stopping = False

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
        workflow, services = self._workflow, self._workflow.services
        return status_document(
            "paused" if workflow.pauses.everything else "running",
            model=self._model(),
            loading=services.model.loading,
            counts=services.filer.counts(),
            queued=workflow.runner.queued + workflow.watcher.waiting(),
            working=workflow.runner.working,
            inboxes=[
                {
                    "path": str(one.path),
                    "health": str(one.health),
                    "reason": one.reason,
                    "paused": workflow.pauses.holds(one.path),
                }
                for one in workflow.watcher.health()
            ],
            waits=[{"path": storable(path), "reason": reason} for path, reason in workflow.watcher.waits()],
            paused=workflow.pauses.form(),
            library=str(services.settings.library),
            trouble=self._trouble(),
            pid=os.getpid(),
        )

    def _trouble(self) -> list[str]:
        """Say what keeps videos from being filed: the library, if it isn't there, and what each of them met."""
        services, now_s = self._workflow.services, time.monotonic()
        seen, seen_s = self._well
        library = ""
        if seen != services.settings.library or now_s - seen_s > _WELL_S:
            library = services.library_trouble()
            if not library:
                self._well = (services.settings.library, now_s)
        told = [f"{path}: {reason}" for path, reason in self._workflow.runner.trouble.items()]
        return [library, *told] if library else told

    def _model(self) -> dict[str, str]:
        services = self._workflow.services
        classifier = services.model.classifier
        choice = services.settings.model  # until it is loaded, what was asked for
        asked = (choice, "") if isinstance(choice, str) else (choice.name, choice.weights)
        model = {"name": asked[0], "weights": asked[1], "reason": services.model.trouble}
        if classifier is not None:
            info = classifier.encoder.info
            model |= {"name": info.name, "weights": info.weights, "device": info.device}
        return model

    def health(self) -> list[str]:
        """Return what keeps this daemon from its work; [] when all is well."""
        trouble = self._workflow.services.model.trouble
        wrong = [f"the model: {trouble}"] if trouble else []
        inboxes = self._workflow.watcher.health()
        wrong += [f"inbox {one.path}: {one.reason}" for one in inboxes if one.health is not Health.OK]
        return [*wrong, *self.status()["trouble"]]

    def metrics(self) -> str:
        """Return the numbers in Prometheus' text form."""
        workflow, up_s = self._workflow, time.monotonic() - self._began_s
        return exposition(self.status(), workflow.stage_times, dict(workflow.account.tally), up_s)

    def events(self) -> AsyncIterator[str]:
        """Return a stream of server-sent events."""
        return self._workflow.hub.stream(self.status)

    def history(self, *, last: int | None, since: float | None, tag: str | None) -> list[ItemDocument]:
        """Return the items of `history --json`; see `Journal.history`."""
        journal = self._workflow.services.journal
        return [item.to_json() for item in journal.history(last=last, since=since, tag=tag)]

    def scan(self) -> None:
        """Look through the inboxes now, and ask for a missing model again."""
        self._workflow.services.model.try_again()
        self._workflow.watcher.scan_now()

    def pause(self, inbox: Path | None = None, for_s: float | None = None) -> StatusDocument:
        """Begin no further video, of one inbox or of all, for some seconds or until told; return the status.

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

    def undo(self, selection: Selection, *, dry_run: bool) -> UndoReport:
        """Take filings back; see `filing.undo.undo`."""
        workflow, services = self._workflow, self._workflow.services
        report = undo_items(services.journal, selection, dry_run=dry_run, cancel=workflow.runner.cancel)
        if report.undone and not dry_run:
            follow(services.index.path, report.moves)
            workflow.watcher.scan_now()
            workflow.tell(*(item.id for item in report.undone))
        return report

    def nowhere(self, number: int) -> LessonDocument:
        """Learn that an item that waits for review belongs nowhere; see `learning.review_queue.belongs_nowhere`."""
        cancel = threading.Event()
        with self._stops_with(cancel):
            lesson = belongs_nowhere(self._workflow.services, number, cancel=cancel)
        if lesson.item is not None:
            self._workflow.tell(lesson.item)
        self._wake()  # the model's memory is to be given back some time
        return lesson.to_json()

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
        self._workflow.tell(*(one.id for one in outcomes))
        for one in outcomes:
            if one.state is ItemState.REVIEW and one.id is not None:
                self._workflow.opinions.undecided(one.id)
        return [one.to_json() for one in outcomes]

    def search(self, request: Request, config: str) -> SearchDocument | None:
        """Look for scenes with the model that is loaded; see `Searcher.answer`. None for another `config`."""
        cancel = threading.Event()
        with self._stops_with(cancel):
            services = self._workflow.services
            if config != fingerprint(services.settings):
                return None
            found = self.searcher.answer(services, request, cancel=cancel)
        self._wake()  # its memory is to be given back some time
        return found

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
