"""Filing a video where a person says, and learning from it: for `vsortd teach` and `vsortd review`."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.config.choices import OnUnsure
from vsortd.config.diagnostics import nearest_of
from vsortd.core.batch_ids import new_batch_id
from vsortd.core.names import nfc
from vsortd.core.outcomes import ItemState
from vsortd.core.text import storable
from vsortd.errors import Cancelled, ChangedError, FilingError, UsageError, VideoError, VsortdError
from vsortd.filing.follow import is_busy, standing_at
from vsortd.filing.holds import Why
from vsortd.filing.open_folder import HIDDEN, identity_of
from vsortd.filing.own_decisions import NOWHERE, SAID_SO
from vsortd.filing.records import IdentityMatch, likeness
from vsortd.filing.stay import stay
from vsortd.judging.decide import Decision, DecisionOutcome
from vsortd.judging.example_store import Link, NewExample, Origin
from vsortd.pipeline import stages
from vsortd.pipeline.flow import Stage, build_stages, carry
from vsortd.pipeline.job import Job
from vsortd.watch.settle import SettleOutcome as Settled
from vsortd.watch.settle import Settler, SettleTimes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.config.inbox_options import Inbox
    from vsortd.config.rules import RuleTree
    from vsortd.config.settings import Settings
    from vsortd.core.documents import LessonDocument
    from vsortd.core.identity import Identity
    from vsortd.filing.records import Item
    from vsortd.pipeline.services import Services

REASON: Final = SAID_SO
# The daemon may file the same video while it is looked at here; it is then taken up again from where that put it.
_TRIES: Final = 3
_BUSY_S: Final = 60.0
_TICK_S: Final = 0.05
_SHOWN_RULES: Final = 12


@dataclass(frozen=True, slots=True)
class Lesson:
    """What came of teaching: the example's number, 0 where nothing was learned, and where the video lies now.

    With `none` it is an example of none of the rules below `rule`, "" for none at all. `item` is the filing in the
    history, None if there is none; `thought` the rule that vsortd would have chosen, "" for none, None if it had not
    to look at the video again.
    """

    example: int
    rule: str
    source: Path
    destination: Path
    item: int | None = None
    thought: str | None = None
    released: bool = False
    none: bool = False

    @property
    def what(self) -> str:
        """Of what it is an example, for people."""
        return none_of(self.rule) if self.none else self.rule

    def to_json(self) -> LessonDocument:
        """Return it as `teach --json` prints it."""
        return {
            "id": self.example,
            "rule": self.rule,
            "none": self.none,
            "source": storable(self.source),
            "destination": storable(self.destination),
            "item": self.item,
            "thought": self.thought,
            "released": self.released,
        }


def none_of(rule: str) -> str:
    """Say what an example of none of the rules below `rule` ("" for the top ones) is of."""
    return f"none of the rules below {rule}" if rule else "none of the rules"


class Teacher:
    """Files videos where a person says and keeps them as examples; works beside a running daemon."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._batch = new_batch_id()

    def teach(
        self,
        path: Path,
        rule: str,
        origin: Origin,
        *,
        none: bool = False,
        keep: bool = False,
        learn: bool = True,
        cancel: threading.Event | None = None,
    ) -> Lesson:
        """Make a video an example of `rule` (a key of the tree); in an inbox or the library it is filed there as well.

        With `none` it is an example of none of the rules below `rule`, or with "" of none at all, and goes where the
        rules leave such a video: into the rule's own folder, or the review folder, where it waits for nobody.

        With `keep` it stays where it is; without `learn` it is only filed, and nothing looks at it. A filing is
        journalled with the reason "you said so"; the example hangs on it, so killing this at any moment leaves both or
        neither. Raises UsageError (no such file), VideoError, FilingError, ModelError, StoreError, Cancelled.
        """
        cancel = cancel or threading.Event()
        for left in reversed(range(_TRIES)):
            here = self._whereabouts(path, cancel)
            try:
                return self._teach(here, rule, origin, none=none, keep=keep, learn=learn, cancel=cancel)
            except ChangedError as error:
                if not left:
                    raise FilingError(
                        f"{path} keeps changing: {error.reason}.", remedy="Try again when it is at rest.", paths=[path]
                    ) from error
        raise AssertionError("unreachable")

    def _whereabouts(self, path: Path, cancel: threading.Event) -> Path:
        """Return where a video is: where the user says, or where it was filed from there meanwhile."""
        until_s = time.monotonic() + _BUSY_S
        while is_busy(self._services.journal, path) and time.monotonic() < until_s and not cancel.wait(_TICK_S):
            pass  # the daemon files it this moment
        if (identity := identity_of(path)) is not None:
            return self._filed_copy(path, identity) or path
        item = self._services.journal.placed_from(path)
        if item is not None and item.destination is not None and identity_of(item.destination) is not None:
            return item.destination
        what = "is no regular file" if os.path.lexists(path) else "is not there"
        raise UsageError(f"{path} {what}.", remedy="Name a video: vsortd teach FILE RULE", paths=[path])

    def _filed_copy(self, path: Path, identity: Identity) -> Path | None:
        """Return where the library has a video that was copied or linked there from `path`; None where it hasn't."""
        known = self._services.filer.known(path, identity)
        item = self._services.journal.item(known.item) if known is not None and known.why is Why.DONE else None
        while item is not None and item.destination is not None:
            if identity_of(item.destination) is not None:
                return item.destination
            later = self._services.journal.placed_from(item.destination)
            item = later if later is not None and later.id > item.id else None
        return None

    def _teach(
        self, path: Path, rule: str, origin: Origin, *, none: bool, keep: bool, learn: bool, cancel: threading.Event
    ) -> Lesson:
        services = self._services
        inbox = _inbox_of(services.settings, path)
        inside = services.library_place(path)
        files = not keep and (inbox is not None or inside is not None) and HIDDEN not in (inside or ())
        identity = self._at_rest(path, inbox, cancel) if files else _identity(path)
        known = services.filer.known(path, identity)
        held = known is not None and known.why is Why.HELD
        found = standing_at(services.journal, path)
        before = (
            found[0] if found and likeness(found[1], identity) in {IdentityMatch.SAME, IdentityMatch.ALIKE} else None
        )
        tags = before.tags if before else ()
        job = Job(path, identity, self._batch, cancel)
        set_aside = services.filer.begin_work(path, identity) if files else ""
        if set_aside:
            raise FilingError(f"{path}: {set_aside}.", remedy="`vsortd retry` lets it be tried again.", paths=[path])
        try:
            job, model, vectors = rows_of(services, job) if learn else (job, "", np.zeros((0, 0), np.float32))
            new = NewExample(rule, path, identity, origin, model, vectors, none)
            thought = None if job.decision is None else job.decision.rule
            if files:
                tags = tags if job.decision is None else job.decision.tags
                lesson = self._file(job, new, before, tags, learn=learn)
            elif not learn:
                raise UsageError(f"{path} lies neither in an inbox nor in the library.", paths=[path])
            else:
                lesson = Lesson(services.examples.add(new, former=_link(before)), rule, path, path)
        finally:
            if files:
                services.filer.end_work(path, identity)
        if held and not files:
            services.filer.release([path])
        return replace(lesson, none=none, thought=thought, released=held)

    def _at_rest(self, path: Path, inbox: Inbox | None, cancel: threading.Event) -> Identity:
        """Wait until a file is whole and nobody writes to it, as the daemon would. Raises FilingError, ChangedError."""
        template = inbox or self._services.settings.inboxes[0]
        settler = Settler(SettleTimes.of(template, drain=True), sidecars_of=self._services.sidecars_of)
        identity = _identity(path)
        try:
            changed_s = max(identity.modified_s, path.stat().st_ctime)
        except FileNotFoundError as error:
            raise ChangedError("it went away") from error
        quiet_s = max(0.0, time.time() - changed_s)
        settler.add(path, identity, time.monotonic() - min(quiet_s, template.settle_s))
        while not cancel.wait(_TICK_S):
            for verdict in settler.due(time.monotonic()):
                if verdict.outcome is Settled.READY:
                    return verdict.identity
                if verdict.outcome is Settled.GONE:
                    raise ChangedError("it went away")
                raise FilingError(f"{path}: {verdict.reason}.", remedy="It stays where it is.", paths=[path])
        raise Cancelled

    def _file(self, job: Job, new: NewExample, before: Item | None, tags: tuple[str, ...], *, learn: bool) -> Lesson:
        services, former = self._services, _link(before)
        filed: list[Item] = []
        noted: list[int] = []

        def note(item: Item) -> None:
            filed.append(item)
            if learn:
                noted.append(services.examples.add(new, link=_link(item), former=former))

        if job.clip is None:
            job = carry(job, _stages(services, "probe"))
        decision = _said(new, services.tree, tags)
        job = replace(job, decision=decision, reason=decision.reason)
        place = Stage("place", partial(stages.place, services, dry_run=False, by_hand=note))
        job = carry(job, (*_stages(services, "convert"), place))
        item = job.item_id
        if not filed and before is not None and before.item_state is ItemState.REVIEW:  # decided: it waits no longer
            reason = decision.reason
            item = stay(
                services.journal, before, job.identity, rule=new.rule, reason=reason, batch=self._batch, by_hand=note
            ).id
        if learn and not noted:  # it lies there already
            noted.append(services.examples.add(new, former=former))
        return Lesson(noted[0] if noted else 0, new.rule, new.path, job.destination or new.path, item)


def rows_of(services: Services, job: Job) -> tuple[Job, str, npt.NDArray[np.float32]]:
    """Return the job, the model's key and the video's unit rows [n, dim]: kept ones, else what the pipeline sees.

    Raises VideoError, ModelError, StoreError, Cancelled.
    """
    key = services.corrections.present_model()
    kept = services.index.kept(job.identity, key) if key else None
    if kept is None:
        job = carry(job, _stages(services, "probe", "judge"))
        key = services.model.get(job.cancel).key
        kept = services.index.kept(job.identity, key)
    if kept is None:
        raise ChangedError("it went away while it was looked at")
    return job, key, kept.vectors


def find_rule(tree: RuleTree, key: str) -> str:
    """Return the key of a rule as the tree has it. Raises UsageError that names the nearest ones."""
    wanted = nfc(key).strip("/")
    if (found := tree.find(wanted)) is not None:
        return found.key
    keys = [rule.key for rule in tree.walk()]
    same = [one for one in keys if one.casefold() == wanted.casefold()]
    ends = [one for one in keys if one.rpartition("/")[2].casefold() == wanted.casefold()]
    if len(same or ends) == 1:
        return (same or ends)[0]
    near = list(dict.fromkeys([*ends, nearest_of(wanted, keys), *_with_word(keys, wanted)]))
    near = [one for one in near if one]
    if near:
        remedy = f"Did you mean {' or '.join(near[:3])}?"
    else:
        more = ", …" if len(keys) > _SHOWN_RULES else ""
        remedy = f"There are: {', '.join(keys[:_SHOWN_RULES])}{more}."
    raise UsageError(f"There is no rule {key!r}.", remedy=remedy)


def find_level(tree: RuleTree, key: str) -> str:
    """Return the key of a rule that has rules below it, "" for the top. Raises UsageError."""
    rule = tree.find(find_rule(tree, key)) if key else None
    if rule is not None and not rule.rules:
        raise UsageError(f"There is no rule below {rule.key}.", remedy="Without --under it belongs nowhere at all.")
    return "" if rule is None else rule.key


def explained(error: VideoError, path: Path) -> VsortdError:
    """Return what a person is told of a video that can't be looked at."""
    return VsortdError(f"{path} can't be looked at: {error.reason}.", remedy="Nothing was learned.", paths=[path])


def _with_word(keys: list[str], word: str) -> Iterator[str]:
    last = word.rpartition("/")[2].casefold()
    yield from (one for one in keys if last and last in one.casefold())
    near = nearest_of(last, [one.rpartition("/")[2] for one in keys])
    yield from (one for one in keys if near and one.rpartition("/")[2] == near)


def _identity(path: Path) -> Identity:
    found = identity_of(path)
    if found is None:
        raise ChangedError("it went away")
    return found


def _link(item: Item | None) -> Link | None:
    return None if item is None else Link(item.id, item.transaction_id)


def _said(new: NewExample, tree: RuleTree, tags: tuple[str, ...]) -> Decision:
    """Return the decision as the person made it; where none of a level's rules fits, the config says where that is."""
    outcome, reason = DecisionOutcome.FILED, REASON
    if new.none:
        above = tree.find(new.rule)
        reason = f"{NOWHERE} below {new.rule}" if new.rule else NOWHERE
        if above is None or above.on_unsure is OnUnsure.REVIEW:
            outcome = DecisionOutcome.REVIEW
    return Decision(new.rule, outcome, 1.0, 1.0, (), reason, settled=True, frame_scores={}, tags=tags)


def _stages(services: Services, *names: str) -> tuple[Stage, ...]:
    return tuple(stage for stage in build_stages(services) if stage.name in names)


def _inbox_of(settings: Settings, path: Path) -> Inbox | None:
    return next((inbox for inbox in settings.inboxes if path.is_relative_to(inbox.path)), None)
