"""The runner's view of the books: attempts, records, and the door back to settle."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from vsortd.core.outcomes import ItemState
from vsortd.fetching.origins import origin_of
from vsortd.judging.conditions import AcceptFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vsortd.core.identity import Identity
    from vsortd.filing.place import Filer
    from vsortd.pipeline.job import Job
    from vsortd.pipeline.services import Services


@dataclass(frozen=True, slots=True)
class Ledger:
    """The runner's view of the books: attempts, records, and the door back to settle.

    Without `effects` (a dry run) nothing is written.
    """

    services: Services
    send_back: Callable[[Path, Identity, str], None]
    effects: bool = True

    @property
    def filer(self) -> Filer:
        """Who keeps the journal."""
        return self.services.filer

    def suspect(self, path: Path, identity: Identity) -> bool:
        """Return whether a process died over this file: it is carried alone then, so that no other is blamed."""
        return self.effects and self.filer.suspect(path, identity)

    def begin(self, path: Path, identity: Identity) -> str:
        """Note that work begins; return why a file that took the process down twice is set aside instead, or "".

        Until the model is there a video waits; should the process die then, it is not the video's fault.
        """
        if not self.effects:
            return ""
        return self.filer.begin_work(path, identity, at_risk=self.services.model.classifier is not None)

    def finish(self, path: Path, identity: Identity) -> None:
        """Note that work ended."""
        if self.effects:
            self.filer.end_work(path, identity)

    def record(self, job: Job, *, lasting: bool = True) -> Job:
        """Record a video that stays where it is, once.

        What lasts is not tried again until the file changes; what doesn't (a full disk) only stands in the history.
        """
        if not self.effects:
            return job
        decision = job.decision
        item = self.filer.record(
            job.path,
            job.identity,
            job.state,
            job.reason,
            batch=job.batch,
            rule=decision.rule if decision else "",
            score=decision.score if decision else 0.0,
            margin=decision.margin if decision else 0.0,
            detail=self._facts(job),
        )
        if not lasting:
            self.filer.retry([job.path])
        return replace(job, item_id=item.id)

    def acquit(self, paths: Sequence[Path]) -> None:
        """Let failed videos be tried again."""
        if self.effects:
            self.filer.retry(paths)

    def again(self, path: Path, identity: Identity, reason: str) -> None:
        """Send a file back to settle."""
        self.send_back(path, identity, reason)

    def _facts(self, job: Job) -> dict[str, object]:
        """Return what a video was rejected for, so that another `accept` can be held against it; where it is from."""
        origin = origin_of(self.services.state_folder, job.identity)
        found: dict[str, object] = {} if origin is None else {origin.KEY: origin.to_json()}
        if job.state is ItemState.REJECTED and job.clip is not None:
            found[AcceptFacts.KEY] = asdict(AcceptFacts.of(job.clip))
        return found
