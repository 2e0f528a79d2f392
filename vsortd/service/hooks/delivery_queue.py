"""What is to be done after videos, in the order in which they ended: found in the journal, kept until it is done."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from loguru import logger

from vsortd.core.text import counted
from vsortd.errors import AlreadyRunningError
from vsortd.filing.records import FOUND, UNFINISHED
from vsortd.service.hooks.delivery_store import DeliveryKind, DeliveryStore, deliveries_path
from vsortd.service.lock import HookLock

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from vsortd.config.after_options import After
    from vsortd.config.rules import RuleTree
    from vsortd.filing.journal import Journal
    from vsortd.filing.records import Item
    from vsortd.service.hooks.delivery_store import Delivery

# So many wait at once; the journal holds the others. A batch has no more either.
MOST: Final = 1_000
# After the first failure, the second, …; the last one for all that follow, seconds.
PAUSES_S: Final = (10.0, 60.0, 600.0, 3_600.0)
# What was under way each of so many times when vsortd ended may be what ends it.
_INTERRUPTED_MOST: Final = 5


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is delivered at once: the entries of one video, or those of a batch, oldest first.

    `begun` and `failed` count the tries before this one, see `Delivery`.
    """

    number: int
    kind: DeliveryKind
    after: After
    items: tuple[Item, ...]
    begun: int
    failed: int


class DeliveryQueue:
    """The deliveries of one state folder, which one process has at a time; for several threads.

    `tree` returns the rules in force; what a delivery does is what they say when it is tried. Every method raises
    StoreError when the journal or the deliveries can't be read or written.
    """

    def __init__(
        self,
        journal: Journal,
        state_folder: Path,
        tree: Callable[[], RuleTree],
        *,
        pauses_s: Sequence[float] = PAUSES_S,
        most: int = MOST,
    ) -> None:
        self.gave_up = 0
        self._journal = journal
        self._state_folder = state_folder
        self._tree = tree
        self._pauses_s = tuple(pauses_s)
        self._most = most
        self._lock = threading.RLock()
        self._held = contextlib.ExitStack()  # the lock on the folder, and the open file
        self._store: DeliveryStore | None = None
        self._not_before_s: dict[int, float] = {}  # by the bundle's number
        self._arrived_s = time.monotonic()  # the last delivery that is to be gathered
        self._batch_of: dict[int, After | None] = {}  # by the delivery that waits for its batch

    def prepare(self) -> bool:
        """Begin to look, from now on, if the rules want that, or forget what waits; tell whether it is done here.

        False while another process does it: ask again.
        """
        with self._lock:
            self._batch_of.clear()
            wanted = self._tree().does_something_after
            if self._store is None:
                if not wanted and not deliveries_path(self._state_folder).exists():
                    return True
                if not self._open():
                    return False
            assert self._store is not None
            if wanted:
                self._begin(self._store)
            elif dropped := self._store.forget():
                told = counted(dropped, "delivery", "deliveries")
                logger.info("the config wants nothing done after videos any more; dropped: {}", told)
            return True

    def close(self) -> None:
        """Let go of the file; what waits is there at the next start."""
        with self._lock:
            self._store = None
            self._held.close()

    def waiting(self) -> int:
        """Return how many deliveries wait, those under way among them."""
        with self._lock:
            return 0 if self._store is None else self._store.count()

    def take_in(self) -> None:
        """Look in the journal for videos that have ended since, as far as there is room."""
        with self._lock:
            store = self._store
            if store is None or (looked := store.looked(self._journal.db.journal_id)) is None:
                return
            room = self._most - store.count()
            if room <= 0:
                return
            before = [item for number in store.unfinished() if (item := self._journal.item(number)) is not None]
            found = self._journal.items_after(looked, most=room)
            ended = [item for item in before if _has_ended(item)]
            wanted = [one for item in (*ended, *filter(_has_ended, found)) for one in self._wanted(item)]
            if found or ended:
                unfinished = [item.id for item in found if not _has_ended(item)]
                last = found[-1].id if found else looked
                store.take(wanted, unfinished=unfinished, ended=[item.id for item in ended], item=last)
            if any(not alone for _, _, alone in wanted):
                self._arrived_s = time.monotonic()

    def next(
        self, kind: DeliveryKind, *, quiet_s: float, but: Collection[int] = ()
    ) -> tuple[Bundle | None, float | None]:
        """Return what is to be tried now, else in how many seconds something may be, None for when something happens.

        A batch is over after `quiet_s` seconds in which nothing came. `but` are the numbers of bundles to leave out.
        """
        with self._lock:
            if self._store is None:
                return None, None
            gather_s = self._gather(self._store, kind, quiet_s)
            bundles = self._bundles(self._store, kind)
            now_s, waits = time.monotonic(), [] if gather_s is None else [gather_s]
            for number, deliveries in bundles.items():
                if number in but:
                    continue
                left_s = self._not_before_s.get(number, now_s) - now_s
                if left_s > 0:
                    waits.append(left_s)
                elif (bundle := self._bundle(self._store, number, deliveries)) is not None:
                    return bundle, None
            return None, min(waits, default=None)

    def gathers(self, kind: DeliveryKind) -> bool:
        """Tell whether a batch is being gathered."""
        with self._lock:
            return self._store is not None and any(one.bundle is None for one in self._store.waiting(kind))

    def begin(self, bundle: Bundle) -> None:
        """Note that a bundle is tried now."""
        with self._lock:
            if self._store is not None:
                self._store.begin(bundle.number)

    def done(self, bundle: Bundle) -> None:
        """Note that a bundle is delivered, or is not to be."""
        with self._lock:
            self._not_before_s.pop(bundle.number, None)
            if self._store is not None:
                self._store.done(bundle.number)

    def failed(self, bundle: Bundle, *, for_good: bool) -> float | None:
        """Note that a try went wrong; return in how many seconds the next one is, None where it is given up."""
        with self._lock:
            if for_good or bundle.failed >= bundle.after.retries:
                self.gave_up += len(bundle.items)
                self.done(bundle)
                return None
            if self._store is not None:
                self._store.failed(bundle.number)
            pause_s = self._pauses_s[min(bundle.failed, len(self._pauses_s) - 1)]
            self._not_before_s[bundle.number] = time.monotonic() + pause_s
            return pause_s

    def _open(self) -> bool:
        try:
            self._held.enter_context(HookLock(self._state_folder))
        except AlreadyRunningError:
            return False
        try:
            self._store = DeliveryStore(deliveries_path(self._state_folder))
        except BaseException:
            self._held.close()
            raise
        self._held.callback(self._store.close)
        return True

    def _begin(self, store: DeliveryStore) -> None:
        """See to it that it was noted from which item on to look: the next one, where that is new."""
        journal, newest = self._journal.db.journal_id, self._journal.newest_item()
        looked = store.looked(journal)
        if looked is None or looked > newest:  # the first time, or the journal is another or an older one
            store.begin_at(journal, newest)

    def _wanted(self, item: Item) -> list[tuple[int, DeliveryKind, bool]]:
        """Return the deliveries of an item that has ended: its number, how, and whether it is no part of a batch."""
        after = self._tree().after_of(item.rule)
        if not _is_of(item, after):
            return []
        assert after is not None
        return [(item.id, kind, not after.batch) for kind in DeliveryKind if _does(after, kind)]

    def _gather(self, store: DeliveryStore, kind: DeliveryKind, quiet_s: float) -> float | None:
        """Make bundles of batches that are over; return when to look again, None where none is being gathered."""
        batches: dict[After | None, list[Delivery]] = {}
        for one in store.waiting(kind):
            if one.bundle is None:
                if one.id not in self._batch_of:
                    self._batch_of[one.id] = self._batch(one)
                batches.setdefault(self._batch_of[one.id], []).append(one)
        for one in batches.pop(None, ()):  # the config has changed: no batch any more
            store.bundle([one])
        left_s = self._arrived_s + quiet_s - time.monotonic()
        for deliveries in batches.values():
            if left_s <= 0 or len(deliveries) >= self._most // 2:
                store.bundle(deliveries)
                for one in deliveries:
                    self._batch_of.pop(one.id, None)
        return max(left_s, 0.0) if batches and left_s > 0 else None

    def _bundles(self, store: DeliveryStore, kind: DeliveryKind) -> dict[int, list[Delivery]]:
        """Return what is to be delivered together, by its number, in the order in which it came."""
        bundles: dict[int, list[Delivery]] = {}
        for one in store.waiting(kind):
            if one.bundle is not None:
                bundles.setdefault(one.bundle, []).append(one)
        for number, deliveries in list(bundles.items()):
            if len(deliveries) > 1 and self._batch(deliveries[0]) is None:  # the config has changed: each by itself
                del bundles[number]
                bundles |= {store.bundle([one]): [one] for one in deliveries}
        return bundles

    def _batch(self, delivery: Delivery) -> After | None:
        """Return what is done after the batch that a delivery is of, None where it is of none."""
        item = self._journal.item(delivery.item)
        after = None if item is None else self._tree().after_of(item.rule)
        return after if after is not None and after.batch else None

    def _bundle(self, store: DeliveryStore, number: int, deliveries: Sequence[Delivery]) -> Bundle | None:
        """Return what is to be delivered of a bundle; None, and it is forgotten, where that is nothing any more."""
        kind, tree = deliveries[0].kind, self._tree()
        items = [item for one in deliveries if (item := self._journal.item(one.item)) is not None]
        items = [item for item in items if _is_of(item, tree.after_of(item.rule))]
        after = tree.after_of(items[0].rule) if items else None
        begun, failed = deliveries[0].begun, deliveries[0].failed
        if after is None or not _does(after, kind):
            logger.debug("{} after #{}: undone since, or the config wants it no more", kind, deliveries[0].item)
        elif begun - failed >= _INTERRUPTED_MOST:
            told = "after #{}: {} is given up: vsortd ended {} times while it was under way"
            logger.warning(told, items[0].id, kind, begun - failed)
            self.gave_up += len(items)
        else:
            return Bundle(number, kind, after, tuple(items), begun, failed)
        store.done(number)
        return None


def _has_ended(item: Item) -> bool:
    return item.owner is None and item.item_state not in UNFINISHED


def _is_of(item: Item, after: After | None) -> bool:
    """Tell whether something is to be done after an item; not after what a repair of the journal found."""
    return after is not None and item.state.value in after.states and FOUND not in item.detail


def _does(after: After, kind: DeliveryKind) -> bool:
    return (after.run if kind is DeliveryKind.RUN else after.post) is not None
