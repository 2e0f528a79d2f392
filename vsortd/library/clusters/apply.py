"""Filing groups: what would go where, and the moves, by the stages that file everything else.

A group is one decision of a person, so nothing is judged anew: each member is probed, converted and placed under one
batch, journalled as ever. It is no lesson either: nobody said of the single video where it belongs.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from vsortd.config.choices import OnDuplicate
from vsortd.core.folder_templates import PLAIN
from vsortd.core.identity import Identity
from vsortd.core.names import nfc, portable
from vsortd.core.text import storable
from vsortd.errors import Cancelled, ChangedError, FilingError, ToolError
from vsortd.filing.holds import Why
from vsortd.filing.open_folder import HIDDEN
from vsortd.filing.own_decisions import BY_CLUSTER
from vsortd.filing.place import Filer
from vsortd.judging.decide import Decision, DecisionOutcome
from vsortd.library.clusters.copy_room import insist_on_room
from vsortd.pipeline import stages
from vsortd.pipeline.flow import Stage, carry
from vsortd.pipeline.job import Job
from vsortd.pipeline.mishaps import Mishaps
from vsortd.pipeline.video_folders import place_of
from vsortd.watch.settle import SettleOutcome as Settled
from vsortd.watch.settle import Settler, SettleTimes, SettleVerdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from vsortd.index.video import IndexedVideo
    from vsortd.library.clusters.cluster_folders import Pile
    from vsortd.library.clusters.grouping import ClusterMember
    from vsortd.pipeline.services import Services

TYPICAL: Final = 3  # members that a preview names of each folder
_TICK_S: Final = 0.05


class Fate(StrEnum):
    """What becomes of a member."""

    FILED = "filed"  # or would be, in a dry run
    COPIED = "copied"  # likewise; it stays where it is, too
    THERE = "there"  # it lies in that folder already
    REFUSED = "refused"  # it stays where it is


@dataclass(frozen=True, slots=True)
class Prospect:
    """A folder as it would be: the members that would go there, those that lie there, and those refused, with why."""

    pile: Pile
    path: Path
    is_new: bool
    going: tuple[ClusterMember, ...]
    there: tuple[ClusterMember, ...]
    refused: tuple[tuple[ClusterMember, str], ...]

    @property
    def typical(self) -> tuple[ClusterMember, ...]:
        """Some of those that would go there, else of those that lie there, the most typical first."""
        return (self.going or self.there)[:TYPICAL]

    def to_json(self) -> dict[str, Any]:
        """Return the entry of `cluster --preview --json`."""
        return {
            "folder": storable(self.pile.key),
            "path": storable(self.path),
            "new": self.is_new,
            "groups": [group.number for group in self.pile.groups],
            "going": len(self.going),
            "there": len(self.there),
            "refused": [_refusal(member.film.path, reason) for member, reason in self.refused],
            "typical": [storable(member.film.path) for member in self.typical],
        }


@dataclass(frozen=True, slots=True)
class Filed:
    """What became of one member, or would; `destination` is where it lies then, None if it was refused."""

    pile: Pile
    member: ClusterMember
    fate: Fate
    destination: Path | None
    reason: str
    item: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the entry of `cluster --apply --json`."""
        return {
            "id": self.item,
            "state": self.fate.value,
            "source": storable(self.member.film.path),
            "destination": None if self.destination is None else storable(self.destination),
            "rule": self.pile.key,
            "score": round(self.member.strength, 4),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Applied:
    """All that was done under one batch, or would be."""

    batch: str
    items: tuple[Filed, ...]
    dry_run: bool
    copies: bool = False

    def of(self, fate: Fate) -> tuple[Filed, ...]:
        """Return the members with one fate."""
        return tuple(one for one in self.items if one.fate is fate)

    def to_json(self) -> dict[str, Any]:
        """Return the part of `cluster --apply --json` that tells of it."""
        counts = Counter(one.fate for one in self.items)
        fates = (Fate.COPIED if self.copies else Fate.FILED, Fate.THERE, Fate.REFUSED)
        return {
            "batch": None if self.dry_run or self.copies else self.batch,
            "dry_run": self.dry_run,
            "counts": {fate.value: counts[fate] for fate in fates},
            "items": [one.to_json() for one in self.items],
        }


def foresee(services: Services, piles: Sequence[Pile]) -> list[Prospect]:
    """Return each folder as it would be: a look at every member, nothing is read or written. Raises StoreError."""
    library = services.settings.library
    prospects = []
    for pile in piles:
        path = library.joinpath(*pile.parts)
        going: list[ClusterMember] = []
        there: list[ClusterMember] = []
        refused: list[tuple[ClusterMember, str]] = []
        for member in pile.members:
            why = why_not(services, member.film)
            if why:
                refused.append((member, why))
            else:
                (there if _lies_there(services, member.film, pile) else going).append(member)
        prospects.append(Prospect(pile, path, not path.is_dir(), tuple(going), tuple(there), tuple(refused)))
    return prospects


def file_piles(
    services: Services,
    piles: Sequence[Pile],
    *,
    batch: str,
    dry_run: bool,
    copies: bool = False,
    cancel: threading.Event | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Applied:
    """File every member into its folder; one that can't be is refused with the reason, and the rest goes on.

    A dry run walks the same way without any effect; `copies` are made instead of moving anything, as they are and
    without an entry in the journal. `on_progress` gets how many are through and how many there are.
    Raises StoreError, Cancelled; what was filed until then stands under `batch`. Raises FilingError where there is no
    room for the copies, before the first is made.
    """
    # a person chose the folders, so duplicates make no difference
    place = services.settings.place.model_copy(update={"on_duplicate": OnDuplicate.KEEP_BOTH})
    filer = Filer(services.journal, services.settings.library, place)
    services = replace(services, filer=filer, foreseen=set())
    mover = _Mover(services, batch, cancel or threading.Event(), dry_run=dry_run, copies=copies)
    total = sum(len(pile.members) for pile in piles)
    items: list[Filed] = []
    try:
        if copies and not dry_run:
            insist_on_room(services, [one.film.path for found in foresee(services, piles) for one in found.going])
        for pile in piles:
            for filed in mover.carry(pile):
                items.append(filed)
                if on_progress is not None:
                    on_progress(len(items), total)
    finally:
        filer.close()
    return Applied(batch, tuple(items), dry_run, copies)


def why_not(services: Services, film: IndexedVideo) -> str:
    """Return why a video can't be filed as it is now, "" if it can."""
    try:
        now = Identity.of(film.path)
    except OSError as error:
        return f"it can't be looked at: {error.strerror or error}"
    if now is None:
        return "it is gone since it was indexed"
    if now != film.identity:
        return "it is no longer the file that was indexed"
    if HIDDEN in (services.library_place(film.path) or ()):
        return "it is an original that vsortd keeps"
    known = services.filer.known(film.path, now)
    if known is not None and known.why is Why.DONE:
        return known.reason
    return "vsortd is at work on it this moment" if known is not None and known.why is Why.WORKING else ""


class _Mover:
    """Carries members to their folders, one after another, so that names are numbered as a dry run says."""

    def __init__(self, services: Services, batch: str, cancel: threading.Event, *, dry_run: bool, copies: bool) -> None:
        self._services = services
        self._batch = batch
        self._cancel = cancel
        self._dry_run = dry_run
        self._mishaps = Mishaps()
        self._fate = Fate.COPIED if copies else Fate.FILED
        convert = Stage("convert", partial(stages.convert, services, dry_run=dry_run))
        place = Stage("place", partial(stages.place, services, dry_run=dry_run))
        if copies and not dry_run:
            place = Stage("copy", partial(stages.copy, services))
        self._stages = (Stage("probe", self._probe), *(() if copies else (convert,)), place)

    def carry(self, pile: Pile) -> Iterator[Filed]:
        """Yield what became of each member of a pile."""
        for group in pile.groups:
            of_them = f"group {group.number} {BY_CLUSTER}"
            for member in group.members:
                yield self._file(pile, member, f"{pile.key}: {of_them} (strength {member.strength:.2f})")

    def _file(self, pile: Pile, member: ClusterMember, reason: str) -> Filed:
        film = member.film
        if self._cancel.is_set():
            raise Cancelled
        try:
            refusal = why_not(self._services, film)
            if not refusal and _lies_there(self._services, film, pile):
                return Filed(pile, member, Fate.THERE, film.path, "it is there already")
            if not refusal:
                refusal = self._unrest(film)
            if not refusal:
                filed = self._carry(pile, member, reason)
                self._mishaps.went_well()
                return filed
        except (FilingError, ToolError) as error:
            refusal = error.title
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this video and no other
            refusal = self._mishaps.reason_of(error, film.path)
        return Filed(pile, member, Fate.REFUSED, None, storable(refusal))

    def _carry(self, pile: Pile, member: ClusterMember, reason: str) -> Filed:
        path, identity = member.film.path, member.film.identity
        decision = _decided(pile, member, reason)
        job = Job(path, identity, self._batch, self._cancel, decision=decision, reason=reason)
        if self._dry_run:
            job = carry(job, self._stages)
            fate = Fate.THERE if job.destination is None else self._fate
            return Filed(pile, member, fate, job.destination or path, job.reason)
        set_aside = self._services.filer.begin_work(path, identity)
        if set_aside:
            return Filed(pile, member, Fate.REFUSED, None, storable(set_aside))
        try:
            job = carry(job, self._stages)
        finally:
            self._services.filer.end_work(path, identity)
        if job.destination is None:
            return Filed(pile, member, Fate.THERE, path, job.reason)
        return Filed(pile, member, self._fate, job.destination, job.reason, job.item_id)

    def _probe(self, job: Job) -> Job:
        # the stage of this name would take pictures as well, for a judgement that nobody needs here
        return replace(job, clip=self._services.media.probe(job.path, cancel=job.cancel))

    def _unrest(self, film: IndexedVideo) -> str:
        """Wait until a file and its sidecars have been quiet for long enough; return why they can't be moved, or ""."""
        inboxes = self._services.settings.inboxes
        template = next((inbox for inbox in inboxes if film.path.is_relative_to(inbox.path)), inboxes[0])
        # whoever writes longer than that is not waited for: the others would wait with it
        times = replace(SettleTimes.of(template, drain=True), settle_max_s=template.settle_s)
        settler = Settler(times, sidecars_of=self._services.sidecars_of)
        try:
            changed_s = max(film.identity.modified_s, film.path.stat().st_ctime)
        except OSError as error:
            raise ChangedError("it went away") from error
        quiet_s = max(0.0, time.time() - changed_s)
        settler.add(film.path, film.identity, time.monotonic() - min(quiet_s, template.settle_s))
        while True:
            for verdict in settler.due(time.monotonic()):
                return _trouble(verdict, film)
            if self._cancel.wait(_TICK_S):
                raise Cancelled


def _trouble(verdict: SettleVerdict, film: IndexedVideo) -> str:
    if verdict.outcome is Settled.READY:
        return "" if verdict.identity == film.identity else "it is no longer the file that was indexed"
    if verdict.outcome is Settled.STILL_CHANGING:
        return "somebody is writing to it or to its sidecars"
    return verdict.reason or "it went away"


def _decided(pile: Pile, member: ClusterMember, reason: str) -> Decision:
    return Decision(
        rule=pile.key,
        outcome=DecisionOutcome.FILED,
        score=member.strength,
        margin=0.0,
        levels=(),
        reason=reason,
        settled=True,
        frame_scores={},
    )


def _lies_there(services: Services, film: IndexedVideo, pile: Pile) -> bool:
    place = services.library_place(film.path)
    if place_of(services, pile.key).folder != PLAIN:
        return False  # what is known of the video decides as well: the stage that places it tells
    return place is not None and tuple(map(portable, place)) == tuple(portable(nfc(part)) for part in pile.parts)


def _refusal(path: Path, reason: str) -> dict[str, str]:
    return {"path": storable(path), "reason": storable(reason)}
