"""What the daemon tells of itself: its status, whether all is well, and its numbers."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from vsortd.core.documents import status_document
from vsortd.core.text import storable
from vsortd.service.metrics import exposition
from vsortd.watch.types import Health

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.core.documents import StatusDocument
    from vsortd.service.workflow import Workflow
    from vsortd.web.listener import PageListener

# A library that was there is not looked at again for so long: many may ask for the status, and disks may sleep.
_WELL_S: Final = 5.0


class DaemonStatus:
    """Tells how a workflow is; on any thread. Each answer may raise StoreError."""

    def __init__(self, workflow: Workflow) -> None:
        self._workflow = workflow
        self._began_s = time.monotonic()
        self._well: tuple[Path | None, float] = (None, 0.0)  # which library was last seen to be there, and when

    def status(self, page: PageListener | None = None) -> StatusDocument:
        """Return the status as `status --json` prints it; `page` is what serves the page, if anything does."""
        workflow, services = self._workflow, self._workflow.services
        extensions = {inbox.path: list(map(str, inbox.extensions)) for inbox in services.settings.inboxes}
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
                    "waits": one.waits,
                    "paused": workflow.pauses.holds(one.path),
                    "extensions": extensions.get(one.path, []),
                    "left_alone": dict(one.left_alone),
                }
                for one in workflow.watcher.health()
            ],
            waits=[{"path": storable(path), "reason": reason} for path, reason in workflow.watcher.waits()],
            paused=workflow.pauses.form(),
            library=str(services.settings.library),
            trouble=self._trouble(),
            after=workflow.hooks.form(),
            page=None if page is None else page.form(),
            pid=os.getpid(),
        )

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
        detector = services.detector.trouble if services.detector is not None else ""
        return [*filter(None, (library, detector)), *told]

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
